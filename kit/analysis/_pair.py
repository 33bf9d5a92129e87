"""Two markers → a duration: from one event to another one with the same key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kit.analysis._groups import By, group, names, refuse_taken, require, stamps
from kit.errors import NotConnectedError
from kit.frames._schema import CATEGORIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["pair"]


def pair(frame: pd.DataFrame, start: str, end: str, key: By) -> pd.DataFrame:
    """Pair the events of two markers that have the same key.

    For each key, ends take starts first in, first out: an end belongs to the earliest start that is
    still open. An end without an open start, and a start that is never ended, stay unpaired and are
    counted; so does an event whose key is missing. Of equal stamps, starts come before ends.

    Parameters
    ----------
    frame : pandas.DataFrame
        Events of (at least) the two markers, as from ``recorder.frame()``.
    start, end : str
        Names of markers. The ``ts`` of a span is its start.
    key : str, iterable of str, or None
        The columns that must be equal, such as ``"order_id"`` or ``"tid"``; None pairs whatever
        comes next.

    Returns
    -------
    pandas.DataFrame
        One row a pair, sorted by ``ts``, in the shape of a span's events: ``ts`` (of the start,
        ns), ``dur`` (from start to end, ns), ``marker`` (``"start → end"``), ``tid`` (of the
        start), ``end_tid``, then the key columns. ``attrs["unpaired"]`` is
        ``{start: ..., end: ...}``.

    Raises
    ------
    FrameError
        When a column is missing.
    NotConnectedError
        When the frame knows no marker of that name.
    ValueError
        When start and end are the same marker.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {
    ...         "ts": [10, 20, 70],
    ...         "marker": pd.Categorical(["submit", "submit", "fill"]),
    ...         "tid": [1, 1, 2],
    ...         "order_id": [7, 8, 7],
    ...     }
    ... )
    >>> paired = pair(frame, "submit", "fill", key="order_id")
    >>> paired.dur.tolist(), paired.attrs["unpaired"]
    ([60], {'submit': 1, 'fill': 0})
    """
    if start == end:
        raise ValueError(f"pair: start and end are both {start!r}; name two different markers")
    keys = names(key)
    require(frame, ["ts", "marker", "tid", *keys], "pair")
    refuse_taken(keys, ("ts", "dur", "marker", "end_tid"), "pair")
    begins, ends = _rows_of(frame, start), _rows_of(frame, end)
    at, tids = stamps(frame, "pair"), frame["tid"].to_numpy()
    first, last = _match(frame, at, begins, ends, keys)

    name = pd.Index([f"{start} → {end}"], dtype=CATEGORIES)
    columns: dict[str, Any] = {
        "ts": at[first],
        "dur": at[last] - at[first],
        "marker": pd.Categorical.from_codes(np.zeros(len(first), np.int8), categories=name),
        "tid": tids[first],
        "end_tid": tids[last],
    }
    for column in keys:
        if column != "tid":
            columns[column] = frame[column].array.take(first)
    result = pd.DataFrame(columns, index=pd.RangeIndex(len(first)))
    unpaired = {start: len(begins) - len(first), end: len(ends) - len(first)}
    result.attrs = {**frame.attrs, "unpaired": unpaired}
    return result


def _rows_of(frame: pd.DataFrame, name: str) -> NDArray[np.intp]:
    marker = frame["marker"]
    known = marker.cat.categories if isinstance(marker.dtype, pd.CategoricalDtype) else set(marker)
    if name not in known:
        raise NotConnectedError(
            f"pair: the frame has no marker {name!r}; it has: {', '.join(sorted(known)) or 'none'}"
        )
    return np.flatnonzero((marker == name).to_numpy(bool, na_value=False))


def _match(
    frame: pd.DataFrame,
    at: NDArray[np.int64],
    begins: NDArray[np.intp],
    ends: NDArray[np.intp],
    keys: list[str],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows of the starts and of the ends that belong together, by time of the start."""
    rows = np.concatenate([begins, ends])
    step = np.repeat(np.array([1, -1]), [len(begins), len(ends)])
    whole = frame[keys].notna().all(axis=1).to_numpy()[rows]
    rows, step = rows[whole], step[whole]
    number = group(frame[keys].iloc[rows], keys, "pair").number
    order = np.lexsort((rows, -step, at[rows], number))
    rows, step, number = rows[order], step[order], number[order]

    # Per key, how many starts are open if every end closed one: a walk of +1 and -1. Where it falls
    # to a new low, below where the key began, there was nothing to close. All keys are walked at
    # once, each from so far below the one before that lows of that one do not matter.
    walk = np.cumsum(step)
    begin = np.flatnonzero(np.diff(number, prepend=-1))
    lengths = np.diff(np.append(begin, len(rows)))
    base = np.repeat((walk - step)[begin], lengths)
    floor = -number * (len(rows) + 1)
    level = walk - base + floor
    low = np.append(0, np.minimum.accumulate(level))[:-1]
    before = np.minimum(low, floor)
    orphan = (step < 0) & (level < before)

    # What is left closes in order: per key, the first end the first start, and so on.
    opened, closed = rows[step > 0], rows[(step < 0) & ~orphan]
    open_key, close_key = number[step > 0], number[(step < 0) & ~orphan]
    closing = np.bincount(close_key, minlength=int(number.max(initial=-1)) + 1)
    opens = np.flatnonzero(np.diff(open_key, prepend=-1))
    position = np.arange(len(opened)) - np.repeat(opens, np.diff(np.append(opens, len(opened))))
    first = opened[position < closing[open_key]]
    by_time = np.lexsort((first, at[first]))
    return first[by_time], closed[by_time]
