"""Publication seen from the readers: which dispatch used which generation of the probe array.

A change publishes a new generation at one instant; dispatches already under way go on with the old
one, and the updater waits a grace period for them.  A dispatch that still uses an old generation
after that grace period has ended is late, which must never happen.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from kit.plots import _binning as grid
from kit.plots import _events as columns

if TYPE_CHECKING:
    import pandas as pd

    from kit.plots._events import Bools, Events, Ints

__all__ = ["NEWEST", "Lane", "PublicationView", "Published", "publication_data", "read"]

COLUMNS: Final = 400
BARS: Final = 3_000
LANES: Final = 24
LINES: Final = 200
LATE: Final = 500

NEWEST: Final = 2
"""Tone of the newest generation; older ones alternate between 0 and 1."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A thread's dispatches of one marker.

    Attributes
    ----------
    marker, thread : str
    """

    marker: str
    thread: str


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """Dispatches and publications, as arrays.

    Attributes
    ----------
    table : Events
        Dispatches.
    generation : array of int64
        Which generation each dispatch used.
    lanes : tuple of Lane
        By marker, and by thread in each.
    members : tuple of array of int64
        Positions in the table, for each lane.
    shown : array of int64
        The lanes to show: with too many, those of the markers that changed most often.
    newest : array of int64
        The newest generation of each lane's marker.
    late : array of bool
        Which dispatches used an old generation after its grace period.
    ts : array of int64
        Stamps of the publications, ascending.
    grace : array of int64
        Lengths of the grace periods in ns; -1 while it runs or where there was none to wait for.
    marker, label : tuple of str
        What each publication changed, and how it is called.
    number : array of int64
        Generations published.
    origin, extent : int
        ns, over both.
    """

    table: Events
    generation: Ints
    lanes: tuple[Lane, ...]
    members: tuple[Ints, ...]
    shown: Ints
    newest: Ints
    late: Bools
    ts: Ints
    grace: Ints
    marker: tuple[str, ...]
    label: tuple[str, ...]
    number: Ints
    origin: int
    extent: int


@dataclass(frozen=True, slots=True, eq=False)
class PublicationView:
    """What a publication plot shows.

    Attributes
    ----------
    time : tuple of float
        What is in view, in ns from the origin.
    lanes : tuple of Lane
        Top to bottom.
    hidden : int
        Lanes left out.
    start, end : array of int64
        Of each bar, in ns from the origin.
    lane, tone, generation, counts : array of int64
        Of each bar: where, how coloured, which generation, how many dispatches it stands for.
    late : array of int64
        Positions in the table of late dispatches in view, at most `LATE`.
    late_lane : array of int64
        The lane of each of these.
    single : bool
        Whether every bar is one dispatch.
    lines : array of int64
        Publications in view: positions in `Published`; at most `LINES`, `lines_hidden` more.
    lines_hidden : int
    first_lane, last_lane : array of int64
        The lanes of the marker that each of these changed; -1 where it has none.
    total, in_view, late_total : int
    """

    time: tuple[float, float]
    lanes: tuple[Lane, ...]
    hidden: int
    start: Ints
    end: Ints
    lane: Ints
    tone: Ints
    generation: Ints
    counts: Ints
    late: Ints
    late_lane: Ints
    single: bool
    lines: Ints
    lines_hidden: int
    first_lane: Ints
    last_lane: Ints
    total: int
    in_view: int
    late_total: int


def read(dispatches: pd.DataFrame, publications: pd.DataFrame) -> Published:
    """Read the columns of both frames.

    Parameters
    ----------
    dispatches : pandas.DataFrame
        Uses ``ts``, ``dur``, ``marker``, ``generation`` and ``tid``.
    publications : pandas.DataFrame
        Uses ``ts``, ``marker``, ``action``, ``probe``, ``generation`` and ``grace``.

    Returns
    -------
    Published
    """
    table = columns.events(dispatches, lanes="tid")
    generation = columns.column(dispatches, "generation")
    generation = generation if table.row is None else generation[table.row]
    order = np.argsort(columns.column(publications, "ts"), kind="stable")
    changes = publications.iloc[order]
    ts, number = columns.column(changes, "ts"), columns.column(changes, "generation")
    marker_code, marker_names = columns.labels(changes, "marker")
    marker = tuple(marker_names[code] for code in marker_code)
    grace, has_grace = columns.optional(changes, "grace")
    if has_grace is not None:
        grace = np.where(has_grace, grace, -1)
    label = tuple(
        _label(str(action), str(probe) if isinstance(probe, str) else "", int(gen))
        for action, probe, gen in zip(changes["action"], changes["probe"], number, strict=True)
    )
    starts = [values[0] for values in (table.ts, ts) if len(values)]
    origin = int(min(starts)) if starts else 0
    ends = [int((ts + np.maximum(grace, 0)).max())] if len(ts) else []
    ends += [table.origin + table.extent] if len(table) else []
    lanes, members = _lanes(table)
    return Published(
        table=table,
        generation=generation,
        lanes=lanes,
        members=members,
        shown=_most_changed(lanes, marker),
        newest=_newest(lanes, members, generation, marker, number),
        late=_late(lanes, members, table, generation, marker, ts, grace, number),
        ts=ts,
        grace=grace,
        marker=marker,
        label=label,
        number=number,
        origin=origin,
        extent=max(ends) - origin if ends else 0,
    )


def publication_data(data: Published, time: tuple[float, float]) -> PublicationView:
    """Compute a publication plot.

    Parameters
    ----------
    data : Published
    time : tuple of float
        What is in view, in ns from the origin.

    Returns
    -------
    PublicationView
    """
    lanes = tuple(data.lanes[i] for i in data.shown)
    members = [data.members[i] for i in data.shown]
    low, high = data.origin + math.floor(time[0]), data.origin + math.ceil(time[1])
    ts, end = data.table.ts, data.table.ts + data.table.dur
    seen = [m[(ts[m] <= high) & (end[m] >= low)] for m in members]
    in_view = sum(map(len, seen))
    single = in_view <= BARS
    edges = grid.time_edges(*time, COLUMNS)
    parts = [
        _singly(data, found) if single else _runs(data, found, edges + data.origin)
        for found in seen
    ]
    empty = [np.empty((4, 0), np.int64)]
    start, stop, generation, counts = np.concatenate(empty + parts, axis=1)
    lane = np.repeat(np.arange(len(parts)), [part.shape[1] for part in parts])
    late = [found[data.late[found]] for found in seen]
    lines = np.flatnonzero((data.ts >= low) & (data.ts <= high))
    first, last = _reach(lanes, [data.marker[i] for i in lines[:LINES]])
    return PublicationView(
        time=time,
        lanes=lanes,
        hidden=len(data.lanes) - len(lanes),
        start=start - data.origin,
        end=stop - data.origin,
        lane=lane,
        tone=np.where(generation == data.newest[data.shown][lane], NEWEST, generation % 2),
        generation=generation,
        counts=counts,
        late=np.concatenate([empty[0][0], *late])[:LATE],
        late_lane=np.repeat(np.arange(len(late)), [len(rows) for rows in late])[:LATE],
        single=single,
        lines=lines[:LINES],
        lines_hidden=len(lines) - len(lines[:LINES]),
        first_lane=first,
        last_lane=last,
        total=len(data.table),
        in_view=in_view,
        late_total=int(np.count_nonzero(data.late)),
    )


def _lanes(table: Events) -> tuple[tuple[Lane, ...], tuple[Ints, ...]]:
    """Markers by name, in each its threads by name."""
    if not len(table) or table.lane is None:
        return (), ()
    pair = table.code.astype(np.int64) * len(table.lanes) + table.lane
    order = np.argsort(pair, kind="stable")
    found, starts = np.unique(pair[order], return_index=True)
    lanes = (
        Lane(table.names[key // len(table.lanes)], table.lanes[key % len(table.lanes)])
        for key in found.tolist()
    )
    ranked = sorted(
        zip(lanes, np.split(order, starts[1:]), strict=True),
        key=lambda lane: (lane[0].marker, columns.natural(lane[0].thread)),
    )
    return tuple(lane for lane, _ in ranked), tuple(rows for _, rows in ranked)


def _most_changed(lanes: tuple[Lane, ...], marker: tuple[str, ...]) -> Ints:
    """Choose at most `LANES` lanes, whole markers first, and leave them in their order."""
    if len(lanes) <= LANES:
        return np.arange(len(lanes))
    often = Counter(marker)
    ranked = sorted(range(len(lanes)), key=lambda i: (-often[lanes[i].marker], i))
    return np.sort(np.array(ranked[:LANES], np.int64))


def _newest(
    lanes: tuple[Lane, ...],
    members: tuple[Ints, ...],
    generation: Ints,
    marker: tuple[str, ...],
    number: Ints,
) -> Ints:
    newest: dict[str, int] = {}
    for lane, rows in zip(lanes, members, strict=True):
        newest[lane.marker] = max(newest.get(lane.marker, 0), int(generation[rows].max()))
    for name, published in zip(marker, number.tolist(), strict=True):
        newest[name] = max(newest.get(name, 0), published)
    return np.array([newest[lane.marker] for lane in lanes], np.int64)


def _late(
    lanes: tuple[Lane, ...],
    members: tuple[Ints, ...],
    table: Events,
    generation: Ints,
    marker: tuple[str, ...],
    ts: Ints,
    grace: Ints,
    number: Ints,
) -> Bools:
    """Find dispatches that still ran with an old generation when its grace period had ended."""
    late = np.zeros(len(table), np.bool_)
    of_marker = np.array(marker, dtype=object)
    for lane, rows in zip(lanes, members, strict=True):
        # Only a grace period that was waited for, and is over, promises anything.
        chosen = np.flatnonzero((of_marker == lane.marker) & (grace > 0))
        if not len(chosen):
            continue
        chosen = chosen[np.argsort(number[chosen], kind="stable")]
        over = np.minimum.accumulate((ts + grace)[chosen][::-1])[::-1]
        after = np.searchsorted(number[chosen], generation[rows], side="right")
        promised = after < len(chosen)
        over = over[np.minimum(after, len(chosen) - 1)]
        late[rows] = promised & ((table.ts + table.dur)[rows] > over)
    return late


def _singly(data: Published, rows: Ints) -> Ints:
    ts = data.table.ts[rows]
    return np.stack(
        (
            ts,
            ts + data.table.dur[rows],
            data.generation[rows],
            np.ones(len(rows), np.int64),
        )
    )


def _runs(data: Published, rows: Ints, stamps: Ints) -> Ints:
    """Join dispatches of one generation that are less than a column apart."""
    if not len(rows):
        return np.empty((4, 0), np.int64)
    ts = data.table.ts[rows]
    end = np.maximum.accumulate(ts + data.table.dur[rows])
    generation = data.generation[rows]
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = generation[1:] != generation[:-1]
    begins[1:] |= ts[1:] - end[:-1] > stamps[1] - stamps[0]
    if np.count_nonzero(begins) > 4 * COLUMNS:
        # More publications than pixels: one run a column, in the newest generation used in it.
        column = np.searchsorted(stamps, ts, side="right")
        begins[1:] = column[1:] != column[:-1]
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(rows)) - 1
    return np.stack(
        (
            ts[first],
            end[last],
            np.maximum.reduceat(generation, first),
            last - first + 1,
        )
    )


def _reach(lanes: tuple[Lane, ...], markers: list[str]) -> tuple[Ints, Ints]:
    """Give the first and last lane of each marker."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for index, lane in enumerate(lanes):
        first.setdefault(lane.marker, index)
        last[lane.marker] = index
    return (
        np.array([first.get(name, -1) for name in markers], np.int64),
        np.array([last.get(name, -1) for name in markers], np.int64),
    )


def _label(action: str, probe: str, generation: int) -> str:
    return f"g{generation} {action} {probe}".rstrip()
