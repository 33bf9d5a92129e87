"""How long things took: a histogram over log duration, and the tail's distribution.

The distribution's height is in nines, ``-log10`` of the share of events that took at least so
long: 0 is 0 %, 1 is 90 %, 2 is 99 %.  So the slowest event in a million is as plain to see as the
median, and the curve ends at the maximum, always.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from kit.plots import _binning as grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.plots._events import Bools, Floats, Ints

__all__ = [
    "PERCENTILES",
    "LatencyView",
    "Line",
    "Percentile",
    "Tag",
    "curve",
    "latency_data",
    "levels",
    "percentiles",
    "tags",
]

PERCENTILES: Final = (0.5, 0.9, 0.99, 0.999, 0.9999)
"""Percentiles that are drawn, if there are events beyond them."""

MOST_PERCENTILES: Final = 20

Levels: TypeAlias = tuple[tuple[str, float], ...]


def levels(percentiles: Sequence[float]) -> Levels:
    """Name the percentiles that somebody asks for.

    Parameters
    ----------
    percentiles : sequence of float
        Shares between 0 and 1.

    Returns
    -------
    tuple of (str, float)
        Ascending, each once.

    Raises
    ------
    ValueError
        For a share that is not between 0 and 1, or too many of them.

    Examples
    --------
    >>> levels([0.99, 0.5, 0.9995])
    (('p50', 0.5), ('p99', 0.99), ('p99.95', 0.9995))
    """
    shares = sorted({float(share) for share in percentiles})
    if len(shares) > MOST_PERCENTILES:
        raise ValueError(f"a plot marks at most {MOST_PERCENTILES} percentiles, not {len(shares)}")
    for share in shares:
        if not 0 < share < 1:
            raise ValueError(f"a percentile is between 0 and 1, such as 0.99, not {share!r}")
    return tuple((f"p{100 * share:.10g}", share) for share in shares)


LEVELS: Final = levels(PERCENTILES)

BARS: Final = 90
LINE: Final = 14
LETTER: Final = 6.5
"""Height of a text and width of a letter, in px."""

LONGEST: Final = 2.0**62
"""No edge is later, in ns: that is 146 years."""

TAIL: Final = 400
"""So many of the slowest in view are points of the curve, each for itself."""


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile, or the maximum.

    Attributes
    ----------
    label : str
    share : float
        1.0 for the maximum.
    value : int
        ns; an observed duration, never one in between.
    nines : float
        Its height on the curve.
    """

    label: str
    share: float
    value: int
    nines: float


@dataclass(frozen=True, slots=True, eq=False)
class LatencyView:
    """What a latency plot shows.

    Attributes
    ----------
    low, high : float
        What is in view, in ns.
    edges : array of int64, shape (bars + 1,)
        A bar counts durations from its edge up to, not including, the next edge.
    counts, selected : array of int64, shape (bars,)
        Events, and events of the selection.
    curve_dur : array of float
        ns.
    curve_nines : array of float
        Nines of the share of events that were faster.
    percentiles : tuple of Percentile
        Ascending, the maximum last; empty without events.
    total, below, above : int
        Events in all, and out of view on either side.
    dropped : int
        Rows without a duration.
    lines : tuple of Line
        The curve of each group, where the events are split; else none.
    """

    low: float
    high: float
    edges: Ints
    counts: Ints
    selected: Ints
    curve_dur: Floats
    curve_nines: Floats
    percentiles: tuple[Percentile, ...]
    total: int
    below: int
    above: int
    dropped: int
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The curve of one group.

    Attributes
    ----------
    name : str
        A value of the column, or `kit.plots._groups.OTHERS`.
    label : str
        The name for a reader.
    total : int
        Its events.
    dur, nines : array of float
        As `LatencyView.curve_dur` and `curve_nines`, of its events alone.
    percentiles : tuple of Percentile
    """

    name: str
    label: str
    total: int
    dur: Floats
    nines: Floats
    percentiles: tuple[Percentile, ...]


def latency_data(
    ordered: Ints,
    low: float,
    high: float,
    *,
    levels: Levels = LEVELS,
    selected: Ints | None = None,
    dropped: int = 0,
    split: Sequence[tuple[str, str, Ints]] = (),
) -> LatencyView:
    """Compute a latency plot.

    Parameters
    ----------
    ordered : array of int64
        Durations in ns, ascending.
    low, high : float
        What is in view, in ns.
    levels : tuple of (str, float)
        The percentiles to mark, from `levels`.
    selected : array of int64, optional
        Durations of the selection, ascending.
    dropped : int
        Rows without a duration.
    split : sequence of (name, label, durations)
        The groups whose curves are drawn, each with its durations, ascending.

    Returns
    -------
    LatencyView

    Examples
    --------
    >>> view = latency_data(np.array([10, 20, 30, 4000]), 1.0, 10_000.0)
    >>> int(view.counts.sum()), view.percentiles[-1].label, view.percentiles[-1].value
    (4, 'max', 4000)
    """
    edges = bar_edges(low, high)
    counts = _histogram(ordered, edges)
    below = int(np.searchsorted(ordered, _first_edge(edges)))
    x, y = curve(ordered, low, high)
    return LatencyView(
        low=low,
        high=high,
        edges=edges,
        counts=counts,
        selected=np.zeros_like(counts) if selected is None else _histogram(selected, edges),
        curve_dur=x,
        curve_nines=y,
        percentiles=percentiles(ordered, levels),
        total=len(ordered),
        below=below,
        above=len(ordered) - below - int(counts.sum()),
        dropped=dropped,
        lines=tuple(
            Line(name, label, len(own), *curve(own, low, high), percentiles(own, levels))
            for name, label, own in split
        ),
    )


@dataclass(frozen=True, slots=True)
class Tag:
    """A text at a percentile's point of the curve.

    Attributes
    ----------
    text : str
        Empty if a neighbour's text tells this percentile too.
    before : bool
        Whether it stands above the curve, to the left of the point; else below, to the right.
    """

    text: str
    before: bool


def tags(shown: Sequence[tuple[float, float, str]], width: float, height: float) -> list[Tag]:
    """Give each percentile its text; those that would cover each other share one.

    Parameters
    ----------
    shown : sequence of (x, y, text)
        Points of the curve, ascending, as shares of the frame's width and height.
    width, height : float
        Of the frame, in px; `width` may be less than it is.

    Returns
    -------
    list of Tag

    Examples
    --------
    >>> tags([(0.1, 0.2, "p50 1 µs"), (0.9, 0.9, "p99 9 ms"), (0.92, 0.93, "max 9.5 ms")], 500, 99)
    ... # doctest: +NORMALIZE_WHITESPACE
    [Tag(text='p50 1 µs', before=False), Tag(text='', before=True),
     Tag(text='p99 9 ms · max 9.5 ms', before=True)]
    """
    groups: list[list[tuple[float, float, str]]] = []
    for point in shown:
        last = groups[-1][-1] if groups else None
        if last is not None and (point[1] - last[1]) * height < LINE:
            room = LETTER / width * max(len(last[2]), len(point[2]))
            if point[0] - last[0] < room:
                groups[-1].append(point)
                continue
        groups.append([point])
    placed: list[Tag] = []
    for group in groups:
        text = " · ".join(each for _, _, each in group)
        before = group[0][0] + LETTER / width * len(text) > 1
        texts = [""] * len(group)
        # Before the curve the highest point has room, after it the lowest.
        texts[-1 if before else 0] = text
        placed += [Tag(each, before) for each in texts]
    return placed


def bar_edges(low: float, high: float, bars: int = BARS) -> Ints:
    """Give whole-nanosecond edges, even in log duration as far as nanoseconds allow.

    Examples
    --------
    >>> bar_edges(1, 10, 5).tolist()
    [1, 2, 3, 4, 6, 10]
    """
    low, high = max(low, 1.0), max(high, 2.0)
    steps = grid.log_steps(low, high, bars)
    first = math.floor(math.log10(low) * steps + 1e-9)
    last = math.ceil(math.log10(high) * steps - 1e-9)
    powers = 10.0 ** (np.arange(first, last + 1) / steps)
    # Rounded and freed of doubles: a bar narrower than a nanosecond would always be empty.
    edges = np.unique(np.rint(np.minimum(powers, LONGEST)).astype(np.int64))
    return edges if len(edges) > 1 else np.array([edges[0], edges[0] + 1])


def curve(ordered: Ints, low: float, high: float, points: int = 500) -> tuple[Floats, Floats]:
    """Give the points of a distribution in nines, drawn as steps.

    Parameters
    ----------
    ordered : array of int64
        Durations in ns, ascending.
    low, high : float
        What is in view, in ns.
    points : int
        Where the curve is too dense to show every event, so many even steps.

    Returns
    -------
    dur, nines : array of float
        Before ``dur[0]`` and after ``dur[-1]`` the curve is outside the view, or ends.

    Examples
    --------
    >>> dur, nines = curve(np.array([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]), 1, 1000)
    >>> float(dur[-1]), float(nines[-1])
    (100.0, 1.0)
    """
    total = len(ordered)
    if not total:
        return np.empty(0), np.empty(0)
    first, last = np.searchsorted(ordered, (math.ceil(low), math.floor(high) + 1))
    # One event beyond either side, so that the line leaves the view instead of ending in it.
    first, last = max(int(first) - 1, 0), min(int(last) + 1, total)
    if last - first <= points + TAIL:
        rank = np.arange(first, last)
    else:
        even = np.geomspace(max(low, 1), max(high, 2), points)
        rank = np.searchsorted(ordered, even)
        rank = np.concatenate(([first], rank[(rank > first) & (rank < last)]))
        rank = np.unique(np.concatenate((rank, np.arange(last - TAIL, last))))
    dur = ordered[rank]
    faster = np.searchsorted(ordered, dur, side="left")
    nines = -np.log10((total - faster) / total)
    return np.maximum(dur, 1).astype(np.float64), nines + 0.0  # no negative zero


def percentiles(ordered: Ints, levels: Levels = LEVELS) -> tuple[Percentile, ...]:
    """Find the percentiles that the number of events can tell, and the maximum.

    A percentile is the nearest rank: the shortest observed duration that at least that share of
    the events did not exceed.  One with no event beyond it would only repeat the maximum, so it is
    left out.

    Parameters
    ----------
    ordered : array of int64
        Durations in ns, ascending.
    levels : tuple of (str, float)
        Labels and shares, ascending.

    Returns
    -------
    tuple of Percentile

    Examples
    --------
    >>> [(p.label, p.value) for p in percentiles(np.arange(1, 101))]
    [('p50', 50), ('p90', 90), ('p99', 99), ('max', 100)]
    """
    total = len(ordered)
    if not total:
        return ()
    found = []
    for label, share in levels:
        rank = math.ceil(share * total - 1e-9)
        if rank < total:
            height = -math.log10(1 - share)
            found.append(Percentile(label, share, int(ordered[max(rank, 1) - 1]), height))
    return (*found, Percentile("max", 1.0, int(ordered[-1]), math.log10(total)))


def ordered_durations(dur: Ints, chosen: Bools | None = None) -> Ints:
    """Sort durations, or those of them that are chosen.

    Examples
    --------
    >>> ordered_durations(np.array([3, 1, 2]), np.array([True, False, True])).tolist()
    [2, 3]
    """
    return np.sort(dur if chosen is None else dur[chosen])


def _first_edge(edges: Ints) -> int:
    # What took less than 1 ns is counted with 1 ns: a log axis has no zero.
    first = int(edges[0])
    return np.iinfo(np.int64).min if first <= 1 else first


def _histogram(ordered: Ints, edges: Ints) -> Ints:
    starts = edges.copy()
    starts[0] = _first_edge(edges)
    return np.diff(np.searchsorted(ordered, starts)).astype(np.int64)
