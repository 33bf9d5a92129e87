"""One line a marker: how often it fired, and how long it took or was apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from kit.analysis._groups import By, Groups, group, names, numbers, refuse_taken, require, stamps
from kit.analysis._latency import quantiles_of
from kit.analysis._readable import durations
from kit.frames._schema import CATEGORIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["gaps", "summary"]

_RESULT: Final = ("count", "rate", "of", "p50", "p99", "max")
_OF: Final = ("duration", "gap")


def summary(frame: pd.DataFrame, by: By = "marker") -> pd.DataFrame:
    """Summarise events marker by marker: how many, how often, how long.

    A marker without durations is summarised by its gaps: the times from one event to the next.

    Parameters
    ----------
    frame : pandas.DataFrame
        Events, with ``ts`` in ns.
    by : str, iterable of str, or None
        Columns to group by; None summarises all rows together.

    Returns
    -------
    pandas.DataFrame
        One row a group, in the order of the keys: the columns of ``by``; ``count`` (int64);
        ``rate``, in events per second of the time from the frame's first event to its last
        (``Float64``; missing where that is no time); ``of`` (categorical: ``"duration"`` or
        ``"gap"``), what the others are of; ``p50``, ``p99`` and ``max`` in ns (``Int64``; missing
        where there is a single event without a duration). `kit.analysis.latency` defines
        quantiles.

    Raises
    ------
    FrameError
        When a column is missing, or time stamps are missing or not whole nanoseconds.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {
    ...         "ts": [0, 10, 30, 100],
    ...         "dur": pd.array([5, None, None, 7], dtype="Int64"),
    ...         "marker": ["query", "tick", "tick", "query"],
    ...     }
    ... )
    >>> summary(frame)[["marker", "count", "of", "p50", "max"]]
      marker  count        of  p50  max
    0  query      2  duration    5    7
    1   tick      2       gap   20   20
    """
    keys = names(by)
    require(frame, ["ts", *keys], "summary")
    refuse_taken(keys, _RESULT, "summary")
    groups, ts = group(frame, keys, "summary"), stamps(frame, "summary")
    count = np.bincount(groups.number, minlength=len(groups)).astype(np.int64)
    seconds = (int(ts.max()) - int(ts.min())) / 1e9 if len(ts) else 0.0
    rate = pd.array(count / seconds if seconds else [None] * len(groups), dtype="Float64")

    found: dict[str, Any] = {name: np.zeros(len(groups), np.int64) for name in _RESULT[3:]}
    known = np.zeros(len(groups), np.bool_)
    timed = np.zeros(len(groups), np.bool_)
    if "dur" in frame.columns:
        dur, present = numbers(frame, "dur", "summary")
        at = np.flatnonzero(present)
        timed[groups.number[at]] = True
        _fill(found, known, dur[at], groups.number[at])
    points = np.flatnonzero(~timed[groups.number])
    _, later, gap = _gaps(ts, groups.number, points)
    _fill(found, known, gap, groups.number[later])

    columns: dict[str, Any] = {**groups.keys(frame, keys), "count": count, "rate": rate}
    columns["of"] = pd.Categorical.from_codes(
        (~timed).astype(np.int8), categories=pd.Index(_OF, dtype=CATEGORIES)
    )
    columns |= {name: pd.arrays.IntegerArray(found[name], ~known) for name in _RESULT[3:]}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(groups)))
    return durations(frame, ("p50", "p99", "max"))


def gaps(frame: pd.DataFrame, by: By = "marker") -> pd.DataFrame:
    """Return the gaps between events: from each event to the next one of its marker.

    They have the shape of spans, so that every analysis and plot of durations takes them.

    Parameters
    ----------
    frame : pandas.DataFrame
        Events, with ``ts`` in ns.
    by : str, iterable of str, or None
        Columns whose values have gaps of their own; None for all events together.

    Returns
    -------
    pandas.DataFrame
        One row an event that another one follows, sorted by ``ts``: the columns of the frame, with
        ``dur`` (int64) the ns from its stamp to the next one's; and the frame's attrs.

    Raises
    ------
    FrameError
        When a column is missing, or time stamps are missing or not whole nanoseconds.

    Examples
    --------
    >>> frame = pd.DataFrame({"ts": [0, 10, 30], "marker": ["tick", "tock", "tick"]})
    >>> gaps(frame)
       ts marker  dur
    0   0   tick   30
    """
    keys = names(by)
    require(frame, ["ts", *keys], "gaps")
    refuse_taken(keys, ["dur"], "gaps")
    ts, number = stamps(frame, "gaps"), group(frame, keys, "gaps").number
    earlier, _, gap = _gaps(ts, number, np.arange(len(ts)))
    by_time = np.lexsort((earlier, ts[earlier]))
    result = frame.iloc[earlier[by_time]].reset_index(drop=True).assign(dur=gap[by_time])
    result.attrs = dict(frame.attrs)
    return result


def _gaps(
    ts: NDArray[np.int64], number: NDArray[np.intp], rows: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]:
    """Of some rows, those that are next to one another in their group, and the time between."""
    at = ts[rows]
    if not (at[1:] >= at[:-1]).all():
        rows = rows[np.argsort(at, kind="stable")]
    which = number[rows]
    if len(which) and which.max() < 2**15:
        which = which.astype(np.int16)  # a stable sort of 16-bit numbers is a radix sort
    order = rows[np.argsort(which, kind="stable")]
    follows = number[order[1:]] == number[order[:-1]]
    earlier, later = order[:-1][follows], order[1:][follows]
    return earlier, later, ts[later] - ts[earlier]


def _fill(
    found: dict[str, NDArray[np.int64]],
    known: NDArray[np.bool_],
    values: NDArray[np.int64],
    number: NDArray[np.intp],
) -> None:
    """Note the statistics of those groups that have values."""
    there, place = np.unique(number, return_inverse=True)
    if not len(there):
        return
    statistics = quantiles_of(values, Groups(place, there), (0.5, 0.99))
    for name, each in found.items():
        each[there] = statistics[name]
    known[there] = True
