"""What dispatches cost: which probe takes the time, and how it grows with the fan-out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kit.analysis._groups import group, numbers, require
from kit.analysis._latency import latency, quantiles_of
from kit.analysis._readable import durations

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["dispatch_cost", "fanout"]


def fanout(dispatches: pd.DataFrame, probe_calls: pd.DataFrame) -> pd.DataFrame:
    """What each probe of each marker cost.

    Parameters
    ----------
    dispatches : pandas.DataFrame
        As from ``recorder.dispatches()``.
    probe_calls : pandas.DataFrame
        As from ``recorder.probe_calls()``, of the same recording.

    Returns
    -------
    pandas.DataFrame
        One row a marker and probe: ``marker, probe, calls, errors``, then ns: ``total`` (int64),
        ``mean`` (float64), ``p50, p99, max`` (int64), and ``share`` (float64, from 0 to 1), the
        part of the marker's dispatch time that the probe took. The rest of a marker's shares is
        the dispatcher itself. A share is missing (NaN) where no dispatch time was recorded.

    Raises
    ------
    FrameError
        When a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> dispatches = pd.DataFrame({"marker": ["a"], "dur": [100]})
    >>> calls = pd.DataFrame({"marker": ["a"], "probe": ["f"], "dur": [80], "error": [None]})
    >>> fanout(dispatches, calls)[["probe", "calls", "total", "share"]]
      probe  calls  total  share
    0     f      1     80    0.8
    """
    keys = ["marker", "probe"]
    require(dispatches, ["marker", "dur"], "fanout (dispatches)")
    require(probe_calls, [*keys, "dur", "error"], "fanout (probe_calls)")
    cost, _ = numbers(probe_calls, "dur", "fanout (probe_calls)")
    numbers(dispatches, "dur", "fanout (dispatches)")
    groups = group(probe_calls, keys, "fanout")
    statistics = quantiles_of(cost, groups, (0.5, 0.99))
    result = groups.keys(probe_calls, keys)

    # In integers: a float sum of nanoseconds is exact only for some months.
    total = np.zeros(len(groups), np.int64)
    np.add.at(total, groups.number, cost)
    failed = probe_calls["error"].notna().to_numpy()
    spent = dispatches.groupby("marker", observed=True)["dur"].sum()
    whole = np.array([spent.get(name, 0) for name in result["marker"]], np.int64)
    result["calls"] = statistics["count"]
    result["errors"] = np.bincount(groups.number[failed], minlength=len(groups)).astype(np.int64)
    result["total"] = total
    result["mean"] = total / statistics["count"]
    for name in ("p50", "p99", "max"):
        result[name] = statistics[name]
    result["share"] = np.divide(total, whole, out=np.full(len(groups), np.nan), where=whole > 0)
    return durations(result, ("total", "mean", "p50", "p99", "max"))


def dispatch_cost(dispatches: pd.DataFrame) -> pd.DataFrame:
    """Dispatch time against fan-out.

    Parameters
    ----------
    dispatches : pandas.DataFrame
        As from ``recorder.dispatches()``.

    Returns
    -------
    pandas.DataFrame
        One row a marker and fan-out: ``marker, fanout, count``, then ns as int64: ``min, p50, p90,
        p99, p99.9, max``.

    Raises
    ------
    FrameError
        When a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"marker": ["a"] * 3, "fanout": [1, 8, 8], "dur": [90, 500, 700]})
    >>> dispatch_cost(frame)[["fanout", "count", "p50"]]
       fanout  count  p50
    0       1      1   90
    1       8      2  500
    """
    return latency(dispatches, by=["marker", "fanout"])
