from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.analysis import QUANTILES, latency, outliers
from kit.analysis._latency import quantile_name
from kit.errors import FrameError

from .samples import dtypes, frames, make, rows_of

STATISTICS = ["count", "min", "p50", "p90", "p99", "p99.9", "max"]
BYS = st.sampled_from([None, "marker", ["marker", "tid"], ["text", "key"], ["key"], []])


def quantile(values, q):
    """The definition, word for word."""
    q = Fraction(str(q))
    return min(x for x in values if sum(v <= x for v in values) >= q * len(values))


def key_order(key):
    return [(value is None, 0 if value is None else value) for value in key]


@given(frames(), BYS)
def test_against_the_definition(frame, by):
    keys = [by] if isinstance(by, str) else list(by or [])
    groups = {}
    for row in rows_of(frame):
        if row["dur"] is not None:
            groups.setdefault(tuple(row[key] for key in keys), []).append(row["dur"])
    expected = [
        dict(zip(keys, key, strict=True))
        | {"count": len(durs), "min": min(durs), "max": max(durs)}
        | {quantile_name(q): quantile(durs, q) for q in QUANTILES}
        for key, durs in sorted(groups.items(), key=lambda item: key_order(item[0]))
    ]
    result = latency(frame, by)
    assert list(result.columns) == [*keys, *STATISTICS]
    assert rows_of(result) == expected
    assert isinstance(result.index, pd.RangeIndex)


@given(frames(), BYS)
def test_no_dtype_depends_on_the_data(frame, by):
    keys = [by] if isinstance(by, str) else list(by or [])
    for some in (frame, frame[:0], frame[:1]):
        result = latency(some, by)
        assert dtypes(result) == dtypes(frame[keys]) | dict.fromkeys(STATISTICS, "int64")


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.floats(0, 1))
def test_any_quantile(values, q):
    name = quantile_name(q)
    result = latency(pd.DataFrame({"dur": values}), quantiles=[q])
    assert result[name][0] == (quantile(values, q) if q else min(values))


@pytest.mark.parametrize(("q", "place"), [(0.999, 999), (0.9, 900), (0.07, 70), (1, 1000), (0, 1)])
def test_no_quantile_is_one_off_for_want_of_precision(q, place):
    values = np.arange(1, 1001)
    assert latency(pd.DataFrame({"dur": values}), quantiles=[q])[quantile_name(q)][0] == place


def test_large_durations_stay_exact():
    values = [2**62 + 1, 2**62 + 3, 2**62 + 2]
    row = latency(pd.DataFrame({"dur": values})).iloc[0]
    assert (row["min"], row["p50"], row["max"]) == (2**62 + 1, 2**62 + 2, 2**62 + 3)


def test_float_columns_leave_out_missing_and_nan():
    px = pd.arrays.FloatingArray(
        np.array([2.5, np.nan, 1.5, 9.0]), np.array([False, False, False, True])
    )
    result = latency(pd.DataFrame({"px": px}), column="px")
    assert result.iloc[0].tolist() == [2, 1.5, 1.5, 2.5, 2.5, 2.5, 2.5]
    assert result["p50"].dtype == np.float64


def test_categories_come_in_their_own_order_and_only_if_they_occur():
    frame = make([(1, 5, "c", 1, 1), (2, 6, "a", 1, 1)])
    frame["marker"] = frame["marker"].cat.reorder_categories(["c", "b", "a"])
    result = latency(frame, "marker")
    assert result["marker"].tolist() == ["c", "a"]
    assert result["marker"].dtype == frame["marker"].dtype


def test_many_groups():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"k": rng.integers(0, 40_000, 50_000), "dur": rng.integers(0, 9, 50_000)})
    result, plain = latency(frame, "k").set_index("k"), frame.groupby("k")["dur"]
    assert (result["max"] == plain.max()).all()
    assert (result["p50"] == plain.quantile(0.5, interpolation="lower")).all()
    assert result["count"].sum() == 50_000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda f: latency(f.drop(columns="dur")),
            r"latency: .* no column 'dur'; its columns are: ts",
        ),
        (lambda f: latency(f, by="nope"), r"no column 'nope'"),
        (lambda f: latency(f, column="marker"), r"'marker' is category, not numeric"),
        (lambda f: latency(f, column="text"), r"'text' is string, not numeric"),
        (lambda f: latency(f.rename(columns={"key": "p50"}), by="p50"), r"'p50' cannot be a key"),
        (lambda f: outliers(f, column="nope"), r"outliers: .* no column 'nope'"),
    ],
)
def test_what_is_missing_is_named(call, message):
    frame = make([(1, 2, "a", 1, 3, "x")], keys=("key", "text"))
    with pytest.raises(FrameError, match=message):
        call(frame)


@pytest.mark.parametrize("q", [99, -0.1, float("nan")])
def test_a_quantile_is_from_0_to_1(q):
    with pytest.raises(ValueError, match=r"a quantile is from 0 to 1|Invalid literal"):
        latency(pd.DataFrame({"dur": [1]}), quantiles=[q])


@given(frames(durs=st.integers(0, 3) | st.none()), st.integers(0, 5), BYS)
def test_outliers_against_sorting(frame, n, by):
    keys = [by] if isinstance(by, str) else list(by or [])
    groups = {}
    for place, row in enumerate(rows_of(frame)):
        if row["dur"] is not None:
            groups.setdefault(tuple(row[key] for key in keys), []).append((-row["dur"], place))
    expected = [
        place
        for _, members in sorted(groups.items(), key=lambda item: key_order(item[0]))
        for _, place in sorted(members)[:n]
    ]
    frame.index = pd.RangeIndex(100, 100 + len(frame))
    result = outliers(frame, n, by=by)
    pd.testing.assert_frame_equal(result, frame.iloc[expected])
    assert result.attrs == frame.attrs


def test_outliers_refuse_a_negative_number():
    with pytest.raises(ValueError, match="n is how many rows to give, not -1"):
        outliers(pd.DataFrame({"dur": [1]}), -1)
