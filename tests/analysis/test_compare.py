import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.analysis import QUANTILES, compare
from kit.errors import FrameError

from .samples import category, dtypes, frames, make, rows_of
from .test_latency import key_order, quantile

NAMES = ["min", "p50", "p90", "p99", "p99.9", "max"]


def statistics(durs):
    return [min(durs), *(quantile(durs, q) for q in QUANTILES), max(durs)]


@given(frames(), frames(), st.sampled_from([None, "marker", ["text", "tid"]]))
def test_against_two_summaries(a, b, by):
    keys = [by] if isinstance(by, str) else list(by or [])
    sides = []
    for frame in (a, b):
        groups = {}
        for row in rows_of(frame):
            if row["dur"] is not None:
                groups.setdefault(tuple(row[k] for k in keys), []).append(row["dur"])
        sides.append(groups)
    expected = []
    for key in sorted({*sides[0], *sides[1]}, key=key_order):
        durs = [side.get(key, []) for side in sides]
        values = [statistics(d) if d else [None] * len(NAMES) for d in durs]
        for name, x, y in zip(NAMES, *values, strict=True):
            both = x is not None and y is not None
            expected.append(
                dict(zip(keys, key, strict=True))
                | {
                    "statistic": name,
                    "a": x,
                    "b": y,
                    "diff": y - x if both else None,
                    "ratio": pytest.approx(y / x) if both and x else None,
                    "count_a": len(durs[0]),
                    "count_b": len(durs[1]),
                }
            )
    assert rows_of(compare(a, b, by)) == expected


def test_no_dtype_depends_on_the_data():
    frame = make([(1, 5, "a", 1, 1)])
    for a in (frame, frame[:0]):
        for b in (frame, frame[:0]):
            result = compare(a, b)
            assert dtypes(result) == {
                "marker": "category",
                "statistic": "category",
                "a": "Int64",
                "b": "Int64",
                "diff": "Int64",
                "ratio": "Float64",
                "count_a": "int64",
                "count_b": "int64",
            }
            assert result["statistic"].cat.categories.tolist() == NAMES


def test_markers_of_two_programs():
    a, b = make([(1, 5, "a", 1, 1)]), make([(1, 6, "a", 1, 1), (2, 7, "b", 1, 1)])
    b["marker"] = category(["z", "a"], ["z", "a"])
    result = compare(a, b, quantiles=[0.5])
    assert result["marker"].cat.categories.tolist() == ["a", "b", "c", "z"]
    p50 = result[result["statistic"] == "p50"]
    assert p50["marker"].tolist() == ["a", "z"]
    assert p50["a"].tolist() == [5, pd.NA]
    assert p50["b"].tolist() == [7, 6]
    assert (p50["count_a"].tolist(), p50["count_b"].tolist()) == ([1, 0], [1, 1])


def test_float_columns():
    a, b = pd.DataFrame({"px": [2.0, np.nan]}), pd.DataFrame({"px": [3.0, 5.0]})
    result = compare(a, b, None, "px", [0.5])
    assert result["diff"].tolist() == [1.0, 1.0, 3.0]
    assert result["ratio"].tolist() == [1.5, 1.5, 2.5]
    assert result["a"].dtype == "Float64"


def test_what_is_missing_is_named():
    frame = make([(1, 5, "a", 1, 1)])
    with pytest.raises(FrameError, match=r"compare \(b\): the frame has no column 'dur'"):
        compare(frame, frame.drop(columns="dur"))
    with pytest.raises(FrameError, match="'ratio' cannot be a key"):
        compare(*[frame.rename(columns={"key": "ratio"})] * 2, by="ratio")
