"""How often markers fired: events per second over time, one line a marker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from kit.plots import _binning as grid
from kit.plots._groups import groups

if TYPE_CHECKING:
    from kit.plots._events import Bools, Events, Floats, Ints

__all__ = ["RateView", "Series", "rate_data", "split"]

COLUMNS: Final = 240
FEWEST: Final = 50
PER_COLUMN: Final = 8
"""Fewer columns are made where they would hold fewer events than this, down to `FEWEST`."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Stamps of one line.

    Attributes
    ----------
    name : str
        A marker, or `OTHERS`.
    markers : int
        How many markers it stands for.
    ts : array of int64
        Ascending stamps, in ns.
    """

    name: str
    markers: int
    ts: Ints


@dataclass(frozen=True, slots=True, eq=False)
class RateView:
    """What a plot of rates shows.

    Attributes
    ----------
    time : tuple of float
        What is in view, in ns from the origin.
    edges : array of int64, shape (columns + 1,)
        In ns from the origin.
    width : int
        Of a column, in ns.
    names : tuple of str
        Lines, busiest first.
    counts : array of int64, shape (lines, columns)
    rates : array of float, shape (lines, columns)
        Events per second; not a number outside the recording, and in a column that the recording
        did not see to its end.
    selected : array of float, shape (columns,)
        Selected events per second; likewise.
    unfinished : bool
        Whether there is such a column in view that has events.
    total, in_view : int
    """

    time: tuple[float, float]
    edges: Ints
    width: int
    names: tuple[str, ...]
    counts: Ints
    rates: Floats
    selected: Floats
    unfinished: bool
    total: int
    in_view: int


def split(table: Events) -> tuple[Series, ...]:
    """Split events by marker, busiest first; the least busy of very many go together.

    Returns
    -------
    tuple of Series
        As many as there are `kit.plots._groups.groups`.
    """
    return tuple(Series(each.name, each.values, table.ts[each.at]) for each in groups(table))


def rate_data(
    table: Events,
    lines: tuple[Series, ...],
    time: tuple[float, float],
    *,
    selected: Bools | None = None,
) -> RateView:
    """Compute a plot of rates.

    Parameters
    ----------
    table : Events
    lines : tuple of Series
        The same events by marker, from `split`.
    time : tuple of float
        What is in view, in ns from the origin.
    selected : array of bool, optional
        Which events of the table are selected.

    Returns
    -------
    RateView
    """
    first, last = np.searchsorted(table.ts, (table.origin + time[0], table.origin + time[1]))
    wanted = min(max(int(last - first) // PER_COLUMN, FEWEST), COLUMNS)
    edges = grid.time_edges(*time, wanted)
    stamps = edges + table.origin
    width = int(edges[1] - edges[0])
    counts = np.zeros((len(lines), len(edges) - 1), np.int64)
    for number, line in enumerate(lines):
        counts[number] = np.diff(np.searchsorted(line.ts, stamps))
    chosen = np.zeros(len(edges) - 1, np.int64)
    if selected is not None:
        chosen = np.diff(np.searchsorted(table.ts[selected], stamps))
    # An event ends the recording more often than not: counting it for a sliver of a column would
    # make a peak of it. Where no column is complete, there is nothing better.
    whole = (edges[:-1] >= 0) & (edges[1:] <= table.extent)
    known = whole | ~whole.any()
    seconds = np.where(known, width / 1e9, np.nan)
    return RateView(
        time=time,
        edges=edges,
        width=width,
        names=tuple(line.name for line in lines),
        counts=counts,
        rates=counts / seconds,
        selected=chosen / seconds,
        unfinished=bool(counts[:, ~known].any()),
        total=len(table),
        in_view=int(counts.sum()),
    )
