"""How long things took: summaries of durations, and the longest of them.

Quantiles are exact order statistics. The quantile ``q`` of ``n`` values is the smallest value ``x``
such that at least ``q * n`` values are not above ``x``: the value number ``ceil(q * n)`` in
ascending order (the inverse of the empirical distribution function). It is always a value that was
recorded; nothing is interpolated, and p50 of two values is the smaller one.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from kit.analysis._groups import By, Groups, group, names, numbers, refuse_taken, require
from kit.analysis._readable import durations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["QUANTILES", "latency", "outliers", "quantile_name", "quantiles_of"]

QUANTILES: Final = (0.5, 0.9, 0.99, 0.999)
"""Which quantiles a summary has unless told otherwise."""


def quantile_name(quantile: float) -> str:
    """The name of a quantile's column.

    Parameters
    ----------
    quantile : float
        From 0 to 1.

    Returns
    -------
    str

    Examples
    --------
    >>> quantile_name(0.999)
    'p99.9'
    """
    return f"p{float(100 * _exact(quantile)):.12g}"


def latency(
    frame: pd.DataFrame,
    by: By = None,
    column: str = "dur",
    quantiles: Sequence[float] = QUANTILES,
) -> pd.DataFrame:
    """Summarise durations: how many, and how they are distributed.

    Parameters
    ----------
    frame : pandas.DataFrame
        With the column; rows where it is missing (or NaN) do not count.
    by : str or iterable of str, optional
        Columns to group by, such as ``"marker"``; by default all rows together. Missing is a group
        like any other.
    column : str
        The column of numbers to summarise.
    quantiles : sequence of float
        From 0 to 1; see the module for the definition.

    Returns
    -------
    pandas.DataFrame
        One row a group that has values, in the order of the keys: the columns of ``by``, then
        ``count, min, p50, p90, p99, p99.9, max``. A duration is in ns as int64; the values of a
        float column are float64. No values, no rows.

    Raises
    ------
    FrameError
        When a column is missing or not numeric.
    ValueError
        When a quantile is not from 0 to 1.

    Examples
    --------
    >>> frame = pd.DataFrame({"marker": ["a", "a", "b"], "dur": [30, 10, 20]})
    >>> latency(frame, by="marker")[["marker", "count", "p50", "max"]]
      marker  count  p50  max
    0      a      2   10   30
    1      b      1   20   20
    """
    keys = names(by)
    values, present = numbers(frame, column, "latency")
    require(frame, keys, "latency")
    if not present.all():
        frame, values = frame.loc[present, keys], values[present]
    groups = group(frame, keys, "latency")
    columns = quantiles_of(values, groups, quantiles)
    result = groups.keys(frame, keys)
    refuse_taken(keys, columns, "latency")
    summary = pd.DataFrame({**{name: result[name] for name in keys}, **columns})
    return durations(summary, list(columns)[1:]) if column == "dur" else summary


def quantiles_of(
    values: NDArray[Any], groups: Groups, quantiles: Sequence[float] = QUANTILES
) -> dict[str, NDArray[Any]]:
    """The order statistics of values, group by group.

    Parameters
    ----------
    values : numpy.ndarray
    groups : Groups
        Of the same rows.
    quantiles : sequence of float

    Returns
    -------
    dict of str to numpy.ndarray
        ``count``, ``min``, the quantiles and ``max``, one value a group.
    """
    exact = {quantile_name(quantile): _exact(quantile) for quantile in quantiles}
    ordered, starts = _ordered(values, groups)
    counts = np.bincount(groups.number, minlength=len(groups)).astype(np.int64)
    statistics = {"count": counts, "min": ordered[starts]}
    for name, quantile in exact.items():
        # In integers, because 0.999 * 1000 in floats may be a little above 999; in Python's own,
        # because a quantile may have many digits.
        place = -(-counts.astype(object) * quantile.numerator // quantile.denominator)
        statistics[name] = ordered[starts + np.maximum(place.astype(np.int64), 1) - 1]
    statistics["max"] = ordered[starts + counts - 1]
    return statistics


def _exact(quantile: float) -> Fraction:
    exact = Fraction(str(quantile))
    if not 0 <= exact <= 1:
        raise ValueError(f"a quantile is from 0 to 1, not {quantile!r}; for p99 write 0.99")
    return exact


def _ordered(values: NDArray[Any], groups: Groups) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Values in ascending order within each group, and where each group starts."""
    if len(groups) <= 1:
        return np.sort(values), np.zeros(len(groups), np.int64)
    # A stable sort of 16-bit numbers is a radix sort.
    number = groups.number.astype(np.int16) if len(groups) < 2**15 else groups.number
    ordered = values[np.argsort(number, kind="stable")]
    counts = np.bincount(groups.number, minlength=len(groups))
    stops = np.cumsum(counts)
    for start, stop in zip((stops - counts).tolist(), stops.tolist(), strict=True):
        ordered[start:stop].sort()
    return ordered, stops - counts


def outliers(frame: pd.DataFrame, n: int = 10, column: str = "dur", by: By = None) -> pd.DataFrame:
    """The rows with the greatest durations.

    Parameters
    ----------
    frame : pandas.DataFrame
        With the column; rows where it is missing (or NaN) are left out.
    n : int
        How many rows, of each group if there are groups.
    column : str
        The column of numbers that decides.
    by : str or iterable of str, optional
        Columns to group by.

    Returns
    -------
    pandas.DataFrame
        Whole rows under their old index, the greatest first, equal ones in the order of the frame;
        with ``by``, group after group.

    Raises
    ------
    FrameError
        When a column is missing or not numeric.
    ValueError
        When ``n`` is negative.

    Examples
    --------
    >>> frame = pd.DataFrame({"ts": [1, 2, 3], "dur": [30, 10, 20]})
    >>> outliers(frame, 2).dur.tolist()
    [30, 20]
    """
    if n < 0:
        raise ValueError(f"outliers: n is how many rows to give, not {n}")
    values, present = numbers(frame, column, "outliers")
    groups = group(frame, names(by), "outliers")
    # Sorted backwards and read from the end: equal values then come in the order of the frame.
    order = np.lexsort((np.arange(len(values))[::-1], values, -groups.number))[::-1]
    order = order[present[order]]
    counts = np.bincount(groups.number[order], minlength=len(groups))
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    return frame.iloc[order[np.arange(len(order)) - starts < n]]
