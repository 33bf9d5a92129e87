"""Two recordings side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kit.analysis._groups import By, Groups, group, names, numbers, refuse_taken, require, stack
from kit.analysis._latency import QUANTILES, quantiles_of
from kit.analysis._readable import durations
from kit.frames._schema import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["compare"]


_RESULT = ("statistic", "a", "b", "diff", "ratio", "count_a", "count_b")


def compare(
    a: pd.DataFrame,
    b: pd.DataFrame,
    by: By = "marker",
    column: str = "dur",
    quantiles: Sequence[float] = QUANTILES,
) -> pd.DataFrame:
    """Compare the durations of two recordings.

    Parameters
    ----------
    a, b : pandas.DataFrame
        Before and after.
    by : str, iterable of str, or None
        Columns to group by; None compares all rows together.
    column : str
        The column of numbers to compare.
    quantiles : sequence of float
        From 0 to 1; `kit.analysis.latency` defines them.

    Returns
    -------
    pandas.DataFrame
        One row a group and statistic: the columns of ``by``; ``statistic`` (categorical: ``min``,
        the quantiles, ``max``); ``a``, ``b`` and ``diff`` (b - a) in ns as ``Int64``, or
        ``Float64`` for a float column; ``ratio`` (b / a, ``Float64``; missing where ``a`` is
        zero); ``count_a`` and ``count_b`` (int64). Where a group is only in one of the two, what
        cannot be said is missing and the count is zero.

    Raises
    ------
    FrameError
        When a column is missing or not numeric.

    Examples
    --------
    >>> a, b = pd.DataFrame({"dur": [10, 20, 30]}), pd.DataFrame({"dur": [10, 40, 90]})
    >>> compare(a, b, by=None, quantiles=[0.5])[["statistic", "a", "b", "diff", "ratio"]]
      statistic   a   b  diff  ratio
    0       min  10  10     0    1.0
    1       p50  20  40    20    2.0
    2       max  30  90    60    3.0
    """
    keys = names(by)
    for frame, role in ((a, "compare (a)"), (b, "compare (b)")):
        require(frame, [column, *keys], role)
    refuse_taken(keys, _RESULT, "compare")
    both = stack(a, b, [*keys, column])
    side = np.repeat([0, 1], [len(a), len(b)])
    values, present = numbers(both, column, "compare")
    both, values, side = both[present], values[present], side[present]
    groups = group(both, keys, "compare")
    cells, first, cell = np.unique(groups.number * 2 + side, return_index=True, return_inverse=True)
    found = quantiles_of(values, Groups(cell, first), quantiles)
    statistics = [name for name in found if name != "count"]

    counts = np.zeros((len(groups), 2), np.int64)
    counts[cells // 2, cells % 2] = found["count"]
    sides = []
    for which in (0, 1):
        here = cells % 2 == which
        data = np.zeros((len(groups), len(statistics)), values.dtype)
        for place, name in enumerate(statistics):
            data[cells[here] // 2, place] = found[name][here]
        missing = np.repeat(counts[:, which] == 0, len(statistics))
        array = pd.arrays.FloatingArray if values.dtype.kind == "f" else pd.arrays.IntegerArray
        sides.append(pd.Series(array(data.ravel(), missing)))

    rows = np.repeat(np.arange(len(groups)), len(statistics))
    labels = groups.keys(both, keys).iloc[rows].reset_index(drop=True)
    before, after = sides
    nonzero = before.mask((before == 0).fillna(False).astype(bool))
    codes = np.tile(np.arange(len(statistics)), len(groups))
    columns: dict[str, Any] = {name: labels[name] for name in keys}
    columns |= {
        "statistic": pd.Categorical.from_codes(
            codes, categories=pd.Index(statistics, dtype=CATEGORIES)
        ),
        "a": before,
        "b": after,
        "diff": after - before,
        "ratio": after / nonzero,
        "count_a": counts[rows, 0],
        "count_b": counts[rows, 1],
    }
    compared = pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))
    return durations(compared, ("a", "b", "diff")) if column == "dur" else compared
