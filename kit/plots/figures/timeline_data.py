"""Who did what when: lanes of spans, or how busy each lane was where spans are too many to draw."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from kit.plots import _binning as grid
from kit.plots._events import MISSING_LANE, natural

if TYPE_CHECKING:
    from kit.plots._events import Bools, Events, Floats, Ints

__all__ = [
    "HIGHEST",
    "PAD",
    "Lane",
    "TimelineView",
    "lanes_of",
    "slowest",
    "stack",
    "timeline_data",
]

COLUMNS: Final = 320
BARS: Final = 3_000
"""Up to so many events in view are drawn one by one."""

ROW: Final = 20
"""Height of a row of a lane in px."""

PAD: Final = 3
"""px above the rows of a lane, and below."""

DEEPEST: Final = 5
"""So many rows have their full height; in lanes that have more, rows are lower."""

HIGHEST: Final = 832
"""px of lanes that are in view at once; the others can be scrolled to."""


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """Events of one lane.

    Attributes
    ----------
    name : str
    index : array of int64
        Positions in the table.
    ts, end : array of int64
        ns; ascending by `ts`.
    latest_end : array of int64
        The latest end so far, ns.
    latest : array of int64
        The event that ends then, counted within the lane.
    busy_from, busy_to : array of int64
        The stretches of time covered by at least one span, ascending and apart, ns.
    busy_before : array of int64
        How long the lane was busy before each stretch, ns.
    busy : int
        How long it was busy in all, ns.
    depth : int
        How many of its spans overlap at most: its rows.
    """

    name: str
    index: Ints
    ts: Ints
    end: Ints
    latest_end: Ints
    latest: Ints
    busy_from: Ints
    busy_to: Ints
    busy_before: Ints
    busy: int
    depth: int

    @property
    def height(self) -> int:
        """int : px."""
        return ROW * min(self.depth, DEEPEST) + 2 * PAD


@dataclass(frozen=True, slots=True, eq=False)
class TimelineView:
    """What a timeline shows.

    Attributes
    ----------
    time : tuple of float
        What is in view, in ns from the origin.
    lanes : tuple of str
        Top to bottom.
    top, height : array of int64
        Where each of these lanes is, in px from the upper edge of the first lane of all.
    room : int
        How high all lanes are together, px.
    hidden : int
        Lanes out of view, and `hidden_events` the events in them.
    single : bool
        Whether events are drawn one by one.
    events : array of int64
        Single events: positions in the table, in the order of the lanes.
    event_lane, level, levels : array of int64
        Lane of each single event, and its row: `level` of the lane's `levels`.
    edges : array of int64, shape (columns + 1,)
        In ns from the origin.
    busy : array of float32, shape (lanes, columns)
        Share of the column's time in which the lane was inside a span; NaN where nothing happened.
    counts, longest : array of float64, shape (lanes, columns)
        Events that began in the column; the longest of them, or of what went on in it, in ns.
    failed, selected : array of int64, shape (lanes, columns)
        How many of these carry an error, or are selected.
    total, in_view : int
    """

    time: tuple[float, float]
    lanes: tuple[str, ...]
    top: Ints
    height: Ints
    room: int
    hidden: int
    hidden_events: int
    single: bool
    events: Ints
    event_lane: Ints
    level: Ints
    levels: Ints
    edges: Ints
    busy: npt.NDArray[np.float32]
    counts: Floats
    longest: Floats
    failed: Ints
    selected: Ints
    total: int
    in_view: int


def lanes_of(table: Events) -> tuple[Lane, ...]:
    """Split events by lane: the busiest first, those that are as busy in the order of their names.

    Events that name no lane come last.

    Parameters
    ----------
    table : Events
        Made with ``lanes=``.

    Returns
    -------
    tuple of Lane
    """
    if table.lane is None or not len(table):
        return ()
    order = np.argsort(table.lane, kind="stable")
    codes, starts = np.unique(table.lane[order], return_index=True)
    groups = [order] if len(codes) == 1 else np.split(order, starts[1:])
    named = [(table.lanes[code], index) for code, index in zip(codes, groups, strict=True)]
    found = (_lane(table, name, index) for name, index in named)
    return tuple(
        sorted(found, key=lambda lane: (lane.name == MISSING_LANE, -lane.busy, natural(lane.name)))
    )


def _lane(table: Events, name: str, index: Ints) -> Lane:
    ts, end = table.ts[index], table.ts[index] + table.dur[index]
    latest = np.maximum.accumulate(end)
    owner = np.maximum.accumulate(np.where(end == latest, np.arange(len(end)), 0))
    # A stretch begins where a span starts after everything before it has ended.
    spans = end > ts
    starts, ends = ts[spans], latest[spans]
    first = np.ones(len(starts), np.bool_)
    first[1:] = starts[1:] > ends[:-1]
    busy_from = starts[first]
    last = np.flatnonzero(first)[1:] - 1
    busy_to = ends[np.append(last, len(starts) - 1)] if len(starts) else ends
    before = np.concatenate(([0], np.cumsum(busy_to - busy_from)[:-1]))[: len(busy_from)]
    whole = int((busy_to - busy_from).sum())
    known = (latest, owner, busy_from, busy_to, before.astype(np.int64), whole)
    return Lane(name, index, ts, end, *known, _depth(ts, end))


def _depth(start: Ints, end: Ints) -> int:
    """Tell how many spans overlap at most; what lasts no time takes a row, too."""
    if not len(start):
        return 1
    # Of equal stamps, ends come before starts: spans that touch share a row, as in `stack`.
    ended = np.searchsorted(np.sort(np.maximum(end, start + 1)), start, side="right")
    return int((np.arange(1, len(start) + 1) - ended).max())


def timeline_data(
    table: Events,
    lanes: tuple[Lane, ...],
    time: tuple[float, float],
    *,
    rows: tuple[float, float] = (0, HIGHEST),
    selected: Bools | None = None,
) -> TimelineView:
    """Compute a timeline.

    Parameters
    ----------
    table : Events
        Made with ``lanes=``.
    lanes : tuple of Lane
        From `lanes_of`.
    time : tuple of float
        What is in view, in ns from the origin.
    rows : tuple of float
        Which lanes are in view: those that reach between these, in px from the top.
    selected : array of bool, optional
        Which events of the table are selected.

    Returns
    -------
    TimelineView
    """
    height = np.array([lane.height for lane in lanes], np.int64)
    below = np.cumsum(height)
    top = below - height
    reached = np.flatnonzero((below > rows[0]) & (top < rows[1]))
    shown = tuple(lanes[i] for i in reached.tolist())
    edges = grid.time_edges(*time, COLUMNS)
    stamps = edges + table.origin
    shape = (len(shown), len(edges) - 1)
    busy = np.full(shape, np.nan, np.float32)
    counts, longest = np.zeros(shape), np.zeros(shape)
    failed, chosen = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    bars = _bars(shown, table.origin + math.floor(time[0]), table.origin + math.ceil(time[1]))
    if bars is None:
        for row, lane in enumerate(shown):
            busy[row], counts[row], longest[row] = _columns(lane, stamps)
            if table.failed is not None:
                failed[row] = _count(lane, table.failed, stamps)
            if selected is not None:
                chosen[row] = _count(lane, selected, stamps)
    empty = np.empty(0, np.int64)
    events, event_lane, level, levels = (empty,) * 4 if bars is None else bars
    return TimelineView(
        time=time,
        lanes=tuple(lane.name for lane in shown),
        top=top[reached],
        height=height[reached],
        room=int(height.sum()),
        hidden=len(lanes) - len(shown),
        hidden_events=len(table) - sum(len(lane.ts) for lane in shown),
        single=bars is not None,
        events=events,
        event_lane=event_lane,
        level=level,
        levels=levels,
        edges=edges,
        busy=busy,
        counts=counts,
        longest=longest,
        failed=failed,
        selected=chosen,
        total=len(table),
        in_view=int(counts.sum()) if bars is None else len(events),
    )


def _bars(lanes: tuple[Lane, ...], low: int, high: int) -> tuple[Ints, Ints, Ints, Ints] | None:
    """Events that reach into the view, with lane, place and places; None if they are too many."""
    began = sum(int(np.diff(np.searchsorted(lane.ts, (low, high)))[0]) for lane in lanes)
    if began > BARS:
        return None
    found = [_overlapping(lane, low, high) for lane in lanes]
    if sum(map(len, found)) > BARS:
        return None
    places = [stack(lane.ts[f], lane.end[f]) for lane, f in zip(lanes, found, strict=True)]
    levels = [np.full(len(p), lane.depth) for lane, p in zip(lanes, places, strict=True)]
    index = [lane.index[f] for lane, f in zip(lanes, found, strict=True)]
    empty = [np.empty(0, np.int64)]  # so that there is something to join without lanes
    return (
        np.concatenate(empty + index),
        np.repeat(np.arange(len(lanes)), [len(f) for f in found]),
        np.concatenate(empty + places),
        np.concatenate(empty + levels),
    )


def stack(start: Ints, end: Ints) -> Ints:
    """Give overlapping spans places side by side; what is inside a span gets a place below it.

    Parameters
    ----------
    start, end : array of int64
        ns, ascending by start.

    Returns
    -------
    array of int64
        The lowest place, from 0, that is free when the span begins.

    Examples
    --------
    >>> stack(np.array([0, 1, 5, 20]), np.array([10, 3, 9, 30])).tolist()
    [0, 1, 1, 0]
    """
    place = np.zeros(len(start), np.int64)
    free: list[int] = []
    running: list[tuple[int, int]] = []
    used = 0
    # Of spans that begin together the longest encloses the others.
    for i in np.lexsort((-end, start)).tolist():
        while running and running[0][0] <= start[i]:
            heapq.heappush(free, heapq.heappop(running)[1])
        if free:
            taken = heapq.heappop(free)
        else:
            taken, used = used, used + 1
        place[i] = taken
        heapq.heappush(running, (int(end[i]), taken))
    return place


def slowest(table: Events, time: tuple[float, float]) -> Ints:
    """Return the spans that reach into a stretch of time, the slowest first.

    Parameters
    ----------
    table : Events
    time : tuple of float
        In ns from the origin.

    Returns
    -------
    array of int64
        Positions in the table.
    """
    start, end = table.ts - table.origin, table.ts + table.dur - table.origin
    found = (start <= time[1]) & (end >= time[0])
    if table.spans is not None:
        found &= table.spans
    places = np.flatnonzero(found)
    return places[np.argsort(-table.dur[places], kind="stable")]


def _overlapping(lane: Lane, low: int, high: int) -> Ints:
    """Find the events of a lane that reach into the view."""
    # Before the first event whose latest end so far reaches the view, nothing does.
    first = int(np.searchsorted(lane.latest_end, low))
    last = int(np.searchsorted(lane.ts, high, side="right"))
    return np.flatnonzero(lane.end[first:last] >= low) + first


def _columns(lane: Lane, stamps: Ints) -> tuple[npt.NDArray[np.float32], Floats, Floats]:
    """Share of time busy, events begun and the longest of them, per column."""
    covered = np.diff(_busy_until(lane, stamps))
    starts = np.searchsorted(lane.ts, stamps)
    counts = np.diff(starts)
    longest = np.zeros(len(counts))
    filled = np.flatnonzero(counts)
    if len(filled):
        dur = lane.end[starts[0] : starts[-1]] - lane.ts[starts[0] : starts[-1]]
        longest[filled] = np.maximum.reduceat(dur, starts[filled] - starts[0])
    # A span that goes on from an earlier column counts too.
    running = np.maximum(starts[:-1] - 1, 0)
    goes_on = (starts[:-1] > 0) & (covered > 0) & (lane.latest_end[running] > stamps[:-1])
    owner = lane.latest[running]
    longest = np.maximum(longest, np.where(goes_on, lane.end[owner] - lane.ts[owner], 0))
    busy = (covered / (stamps[1] - stamps[0])).astype(np.float32)
    busy[(counts == 0) & (covered == 0)] = np.nan
    return busy, counts.astype(np.float64), longest


def _busy_until(lane: Lane, stamps: Ints) -> Ints:
    """How long the lane was busy before each stamp."""
    if not len(lane.busy_from):
        return np.zeros(len(stamps), np.int64)
    which = np.searchsorted(lane.busy_from, stamps, side="right") - 1
    inside = np.minimum(stamps, lane.busy_to[which]) - lane.busy_from[which]
    return np.where(which < 0, 0, lane.busy_before[which] + inside)


def _count(lane: Lane, chosen: Bools, stamps: Ints) -> Ints:
    return np.diff(np.searchsorted(lane.ts[chosen[lane.index]], stamps)).astype(np.int64)
