"""How often things happened."""

from __future__ import annotations

from operator import index
from typing import Any, Final

import numpy as np
import pandas as pd

from kit.analysis._groups import By, group, names, refuse_taken, require, stamps

__all__ = ["MOST_BINS", "bin_width", "rate"]

MOST_BINS: Final = 10_000_000
"""How many rows `rate` is willing to return."""


def bin_width(every: str | int) -> int:
    """A bin's width in nanoseconds.

    Parameters
    ----------
    every : str or int
        Such as ``"100ms"``, or nanoseconds.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        When it is not a duration above zero.

    Examples
    --------
    >>> bin_width("100ms")
    100000000
    """
    try:
        width = pd.Timedelta(every).as_unit("ns").value if isinstance(every, str) else index(every)
    except (TypeError, ValueError, AttributeError):  # the last one of NaT
        raise ValueError(
            f"every is a duration such as '100ms', or nanoseconds; got {every!r}"
        ) from None
    if not 0 < width < 1 << 63:
        raise ValueError(f"every is the width of a bin, above zero and of 64 bits; got {every!r}")
    return width


def rate(frame: pd.DataFrame, every: str | int = "100ms", by: By = "marker") -> pd.DataFrame:
    """Count events in bins of time.

    Bins begin at multiples of their width on the monotonic clock, so those of two frames of one
    process agree. Bins without events are there, too, from the first event of the frame to the
    last. The first and the last bin may be covered only in part.

    Parameters
    ----------
    frame : pandas.DataFrame
        With ``ts`` in ns.
    every : str or int
        The width of a bin: ``"100ms"``, or nanoseconds.
    by : str, iterable of str, or None
        Columns to count by; None counts all events together.

    Returns
    -------
    pandas.DataFrame
        One row a group and bin, by group, then time: ``ts`` (start of the bin, ns), the columns of
        ``by``, ``count``, and ``rate`` in events per second (float64). It has the frame's attrs.

    Raises
    ------
    FrameError
        When a column is missing, or time stamps are missing or not whole nanoseconds.
    ValueError
        When the width is not a duration, or so small that there would be too many bins.

    Examples
    --------
    >>> rate(pd.DataFrame({"ts": [0, 400, 2_100]}), every=1_000, by=None)["count"].tolist()
    [2, 0, 1]
    """
    width, keys = bin_width(every), names(by)
    require(frame, ["ts", *keys], "rate")
    refuse_taken(keys, ("ts", "count", "rate"), "rate")
    groups = group(frame, keys, "rate")
    bins = stamps(frame, "rate") // width
    first = int(bins.min()) if len(bins) else 0
    count = int(bins.max()) - first + 1 if len(bins) else 0
    if count * len(groups) > MOST_BINS:
        raise ValueError(
            f"rate: {every!r} makes {count:,} bins for each of {len(groups):,} groups; "
            f"give a greater width, so that there are at most {MOST_BINS:,}"
        )
    counts = np.bincount(groups.number * count + (bins - first), minlength=count * len(groups))
    counts = counts.astype(np.int64)
    which = np.repeat(np.arange(len(groups)), count)
    labels = groups.keys(frame, keys).iloc[which].reset_index(drop=True)
    columns: dict[str, Any] = {"ts": np.tile((np.arange(count) + first) * width, len(groups))}
    columns |= {name: labels[name] for name in keys}
    columns |= {"count": counts, "rate": counts * (1e9 / width)}
    result = pd.DataFrame(columns, index=pd.RangeIndex(len(counts)))
    result.attrs = dict(frame.attrs)
    return result
