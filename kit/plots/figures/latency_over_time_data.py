"""Latency over time: how many events of which duration in each column of time.

Counts per cell hide single events, and single events are what latency work is about.  So each
column also has its longest event, exactly, whatever the zoom; and when few events are in view,
each of them is given instead of cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from kit.plots import _binning as grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.plots._events import Bools, Events, Floats, Ints

__all__ = ["HeatView", "Pyramid", "heat_data"]

COLUMNS: Final = 320
ROWS: Final = 36
POINTS: Final = 2_000
"""Up to so many events in view are drawn one by one."""

DENSE: Final = 2_000_000
"""From so many events in view on, cells are added up from the pyramid."""

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class HeatView:
    """What a plot of latency over time shows.

    Attributes
    ----------
    time : tuple of float
        What is in view, in ns from the origin.
    dur : tuple of float
        What is in view, in ns.
    time_edges : array of int64, shape (columns + 1,)
        In ns from the origin; the outer columns may stick out of the view.
    dur_edges : array of float, shape (rows + 1,)
        In ns.
    counts, selected : array of float32, shape (rows, columns)
        Events per cell, and events of the selection; all zero when points are shown.
    points : array of int64
        Positions in the table of the single events shown; empty when cells are shown.
    single : bool
        Whether every event in view is a point.
    maxima : array of int64
        Position in the table of the longest event of each column that has any.
    maxima_column : array of int64
        Which column that is.
    total, in_view, shorter, longer : int
        Events in all; of those in the time in view, the ones whose duration is in view, or is not.
    dropped : int
        Rows without a duration.
    """

    time: tuple[float, float]
    dur: tuple[float, float]
    time_edges: Ints
    dur_edges: Floats
    counts: npt.NDArray[np.float32]
    selected: npt.NDArray[np.float32]
    points: Ints
    single: bool
    maxima: Ints
    maxima_column: Ints
    total: int
    in_view: int
    shorter: int
    longer: int
    dropped: int


class Pyramid:
    """Counts on a grid finer than any full view, from which cells of coarse views are added up.

    Parameters
    ----------
    table : Events
        Events that have durations.

    Attributes
    ----------
    width : int
        ns of one block of time.
    steps : int
        Rows in a decade of duration.
    """

    steps = 40

    def __init__(self, table: Events) -> None:
        self.width = grid.nice(max(table.extent, 1) / 8_000)
        blocks = table.extent // self.width + 1
        self.rows = int(grid.log_rows(table.dur.max(keepdims=True), self.steps)[0]) + 1
        flat = np.zeros(blocks * self.rows, np.int64)
        for start in range(0, len(table), _CHUNK):
            part = slice(start, start + _CHUNK)
            cell = (table.ts[part] - table.origin) // self.width
            base = int(cell[0])
            cell -= base
            cell *= self.rows
            cell += grid.log_rows(table.dur[part], self.steps)
            # Stamps ascend, so a chunk fills neighbouring blocks only.
            found = np.bincount(cell)
            flat[base * self.rows : base * self.rows + len(found)] += found
        # Entry (t, r) counts what lies before block t and below row r.
        self.sums: Ints = np.zeros((blocks + 1, self.rows + 1), np.int64)
        np.cumsum(flat.reshape(blocks, self.rows), axis=0, out=self.sums[1:, 1:])
        np.cumsum(self.sums, axis=1, out=self.sums)

    def cells(self, edges: Ints, first: int, last: int, steps: int) -> npt.NDArray[np.float32]:
        """Count events per row and column.

        Parameters
        ----------
        edges : array of int64
            Edges of the columns, multiples of `width`.
        first, last : int
            Rows asked for, of `steps` rows a decade; `steps` divides the pyramid's.

        Returns
        -------
        array of float32, shape (last - first, columns)
        """
        block = np.clip(edges // self.width, 0, len(self.sums) - 1)
        row = np.clip(np.arange(first, last + 1) * (self.steps // steps), 0, self.rows)
        corners = self.sums[np.ix_(block, row)]
        return _float32(np.diff(np.diff(corners, axis=0), axis=1).T)


def heat_data(
    table: Events,
    time: tuple[float, float],
    dur: tuple[float, float],
    *,
    pyramid: Pyramid | None = None,
    selected: Bools | None = None,
    split: Sequence[Ints] = (),
) -> HeatView:
    """Compute a plot of latency over time.

    Parameters
    ----------
    table : Events
        Events that have durations.
    time : tuple of float
        What is in view, in ns from the origin.
    dur : tuple of float
        What is in view, in ns.
    pyramid : Pyramid, optional
        Used where very many events are in view.
    selected : array of bool, optional
        Which events of the table are selected.
    split : sequence of array of int64
        Positions in the table of the events of each group; then every group has maxima of its own.

    Returns
    -------
    HeatView
    """
    within = _inside(table, *time)
    dense = pyramid is not None and within.stop - within.start > DENSE
    edges = grid.time_edges(*time, COLUMNS, pyramid.width if pyramid and dense else 1)
    starts = np.searchsorted(table.ts, edges + table.origin)
    low, high = max(dur[0], 1.0), max(dur[1], 2.0)
    steps = grid.log_steps(low, high, ROWS, finest=Pyramid.steps if dense else 1280)
    first = math.floor(math.log10(low) * steps + 1e-9)
    last = max(math.ceil(math.log10(high) * steps - 1e-9), first + 1)

    points = _points(table.dur, within, low, high)
    counts = np.zeros((last - first, len(edges) - 1), np.float32)
    chosen = np.zeros_like(counts)
    if points is None:
        within = slice(int(starts[0]), int(starts[-1]))
        if dense and pyramid is not None:
            counts = pyramid.cells(edges, first, last, steps)
        else:
            counts = _cells(table.dur, starts, first, last, steps)
        if selected is not None:
            chosen = _cells(table.dur, starts, first, last, steps, selected)
        shorter = int(np.count_nonzero(table.dur[within] < _shortest(first, steps)))
        longer = int(np.count_nonzero(table.dur[within] >= _shortest(last, steps)))
    else:
        shown = np.maximum(table.dur[within], 1)
        shorter, longer = int(np.count_nonzero(shown < low)), int(np.count_nonzero(shown > high))
    column, longest = _maxima(table.dur, starts)
    if split:
        column, longest = _maxima_of(table, split, edges + table.origin)
    return HeatView(
        time=time,
        dur=dur,
        time_edges=edges,
        dur_edges=10.0 ** (np.arange(first, last + 1) / steps),
        counts=counts,
        selected=chosen,
        points=np.empty(0, np.int64) if points is None else points,
        single=points is not None,
        maxima=longest,
        maxima_column=column,
        total=len(table),
        in_view=within.stop - within.start - shorter - longer,
        shorter=shorter,
        longer=longer,
        dropped=table.dropped,
    )


def _inside(table: Events, start: float, end: float) -> slice:
    """Find the events that begin in view."""
    low, high = (
        int(np.searchsorted(table.ts, table.origin + bound))
        for bound in (math.ceil(start), math.floor(end) + 1)
    )
    return slice(low, high)


def _points(dur: Ints, within: slice, low: float, high: float) -> Ints | None:
    """Give the events in view, if they are few enough to be shown one by one."""
    shown = np.maximum(dur[within], 1)
    inside = (shown >= low) & (shown <= high)
    if np.count_nonzero(inside) > POINTS:
        return None
    found: Ints = np.flatnonzero(inside) + within.start
    return found


def _cells(
    dur: Ints,
    starts: Ints,
    first: int,
    last: int,
    steps: int,
    chosen: Bools | None = None,
) -> npt.NDArray[np.float32]:
    """Count events per row and column."""
    columns, rows = len(starts) - 1, last - first
    part = slice(int(starts[0]), int(starts[-1]))
    row = grid.log_rows(dur[part], steps) - first
    column = np.repeat(np.arange(columns), np.diff(starts))
    inside = (row >= 0) & (row < rows)
    if chosen is not None:
        inside &= chosen[part]
    if not inside.all():
        row, column = row[inside], column[inside]
    row *= columns
    row += column
    flat = np.bincount(row, minlength=rows * columns)
    return _float32(flat.reshape(rows, columns))


def _shortest(row: int, steps: int) -> int:
    """Find the shortest duration that falls into a row or beyond it.

    It is searched for with the arithmetic that puts durations into rows, so that cells and what is
    out of view add up to the whole.
    """
    if row <= 0:
        return int(np.iinfo(np.int64).min)
    guess = 10.0 ** (row / steps)
    low, high = int(guess * 0.999), int(guess * 1.001) + 2
    while low < high:
        middle = (low + high) // 2
        if grid.log_rows(np.array([middle]), steps)[0] >= row:
            high = middle
        else:
            low = middle + 1
    return low


def _maxima(dur: Ints, starts: Ints) -> tuple[Ints, Ints]:
    """Column and position of the longest event of each column that has any."""
    filled = np.flatnonzero(np.diff(starts))
    if not len(filled):
        return filled, filled
    longest = [
        start + int(dur[start:end].argmax())
        for start, end in zip(starts[filled].tolist(), starts[filled + 1].tolist(), strict=True)
    ]
    return filled, np.array(longest, np.int64)


def _maxima_of(table: Events, split: Sequence[Ints], stamps: Ints) -> tuple[Ints, Ints]:
    """Column and position of the longest event of each group in each column that has any."""
    columns, longest = [], []
    for at in split:
        column, place = _maxima(table.dur[at], np.searchsorted(table.ts[at], stamps))
        columns.append(column)
        longest.append(at[place])
    return np.concatenate(columns), np.concatenate(longest)


def _float32(counts: Ints) -> npt.NDArray[np.float32]:
    # Exact up to 16.7 million events a cell, and half the bytes on their way to the browser.
    cells: npt.NDArray[np.float32] = counts.astype(np.float32)
    return cells
