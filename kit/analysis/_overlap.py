"""What else was going on while a span ran: the usual way to learn why a slow one was slow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from kit.analysis._groups import group, numbers, require, stack, stamps
from kit.frames._schema import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["causes", "overlaps"]


def overlaps(
    spans: pd.DataFrame, others: pd.DataFrame, what: Literal["time", "count"] = "time"
) -> pd.DataFrame:
    """How far other events overlap each span, marker by marker.

    An event does not overlap itself, so ``others`` may be the frame that the spans were taken from.

    Parameters
    ----------
    spans : pandas.DataFrame
        The spans to explain, such as ``outliers(frame)``: ``ts`` and ``dur`` in ns, ``marker``.
    others : pandas.DataFrame
        The events that may be causes. One without a ``dur`` lasts no time, as do all if there is no
        such column.
    what : {"time", "count"}
        For how long at least one event of a marker was running during the span (ns, never more than
        the span's ``dur``), or how many events touch it. Events without a duration have no time but
        are counted.

    Returns
    -------
    pandas.DataFrame
        The index of ``spans``; an int64 column for each marker that has rows in ``others``.

    Raises
    ------
    FrameError
        When a column is missing.

    Examples
    --------
    >>> spans = pd.DataFrame({"ts": [0, 100], "dur": [50, 50], "marker": ["commit"] * 2})
    >>> others = pd.DataFrame({"ts": [20, 30], "dur": [20, 20], "marker": ["checkpoint"] * 2})
    >>> overlaps(spans, others).checkpoint.tolist()
    [30, 0]
    >>> overlaps(spans, others, "count").checkpoint.tolist()
    [2, 0]
    """
    if what not in ("time", "count"):
        raise ValueError(f"overlaps: what is 'time' or 'count', got {what!r}")
    require(spans, ["ts", "dur", "marker"], "overlaps (spans)")
    require(others, ["ts", "marker"], "overlaps (others)")
    begin, end = _ends(spans)
    itself = _among(spans, others)
    columns: dict[str, NDArray[np.int64]] = {}
    for name, rows in _by_marker(others):
        own = itself & (spans["marker"] == name).to_numpy(bool, na_value=False)
        starts, stops = _ends(rows)
        if what == "count":
            touching = np.searchsorted(np.sort(starts), end, "right") - np.searchsorted(
                np.sort(stops), begin, "left"
            )
            columns[name] = touching - own
        else:
            once, twice = _Cover.of(starts, stops, 1), _Cover.of(starts, stops, 2)
            # While a span runs it covers itself, so another event shows as a second one.
            columns[name] = np.where(own, twice.within(begin, end), once.within(begin, end))
    result = pd.DataFrame(columns, index=spans.index)
    return result.astype(np.int64)


def causes(spans: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """What overlaps each span the longest.

    Parameters
    ----------
    spans, others : pandas.DataFrame
        As for `overlaps`.

    Returns
    -------
    pandas.DataFrame
        The index of ``spans``: ``cause`` (categorical, the marker that was running for the longest
        part of the span; missing if none was), ``overlap`` (how long, ns) and ``share`` (of the
        span, from 0 to 1).

    Raises
    ------
    FrameError
        When a column is missing.

    Examples
    --------
    >>> spans = pd.DataFrame({"ts": [0, 100], "dur": [50, 50], "marker": ["commit"] * 2})
    >>> others = pd.DataFrame({"ts": [10, 20], "dur": [10, 20], "marker": ["gc", "checkpoint"]})
    >>> causes(spans, others)
            cause  overlap  share
    0  checkpoint       20    0.4
    1         NaN        0    0.0
    """
    table = overlaps(spans, others)
    times = table.to_numpy()
    if not len(table.columns):
        times = np.zeros((len(spans), 1), np.int64)
    longest = times.argmax(axis=1)
    overlap = times[np.arange(len(spans)), longest]
    categories = pd.Index(list(table.columns), dtype=CATEGORIES)
    cause = pd.Categorical.from_codes(np.where(overlap > 0, longest, -1), categories=categories)
    dur = np.maximum(numbers(spans, "dur", "causes")[0], 1)
    columns: dict[str, Any] = {"cause": cause, "overlap": overlap, "share": overlap / dur}
    return pd.DataFrame(columns, index=spans.index)


def _ends(frame: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    begin = stamps(frame, "overlaps")
    if "dur" not in frame.columns:
        return begin, begin
    dur, present = numbers(frame, "dur", "overlaps")
    return begin, begin + np.where(present, dur, 0)


def _by_marker(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    groups = group(frame, ["marker"], "overlaps")
    for number, name in enumerate(frame["marker"].iloc[groups.first]):
        yield name, frame.iloc[np.flatnonzero(groups.number == number)]


def _among(spans: pd.DataFrame, others: pd.DataFrame) -> NDArray[np.bool_]:
    """Which of the spans are rows of the others, too."""
    if "dur" not in others.columns:
        return np.zeros(len(spans), np.bool_)
    keys = ["ts", "dur", "marker"]
    keys += [name for name in ("tid", "seq") if name in spans.columns and name in others.columns]
    # Stamps tell most rows apart, and looking at stamps alone is cheap.
    near = others[np.isin(stamps(others, "overlaps"), stamps(spans, "overlaps"))]
    both = stack(spans, near, keys)
    number = group(both, keys, "overlaps").number
    return np.isin(number[: len(spans)], number[len(spans) :])


@dataclass(frozen=True, slots=True)
class _Cover:
    """When at least so many of some intervals run, as the time covered up to each of their ends."""

    times: NDArray[np.int64]
    deep: NDArray[np.bool_]
    covered: NDArray[np.int64]

    @classmethod
    def of(cls, starts: NDArray[np.int64], stops: NDArray[np.int64], depth: int) -> _Cover:
        times = np.concatenate([starts, stops])
        order = np.argsort(times, kind="stable")
        times = times[order]
        running = np.cumsum(np.where(order < len(starts), 1, -1))
        deep = running >= depth
        lengths = np.diff(times) * deep[:-1]
        return cls(times, deep, np.concatenate([[0], np.cumsum(lengths)]))

    def within(self, begin: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._until(end) - self._until(begin)

    def _until(self, stamps: NDArray[np.int64]) -> NDArray[np.int64]:
        place = np.searchsorted(self.times, stamps, "right") - 1
        since = np.maximum(place, 0)
        until = self.covered[since] + (stamps - self.times[since]) * self.deep[since]
        return np.where(place < 0, 0, until)
