import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.analysis import overlaps, pair, rate
from kit.analysis._rate import MOST_BINS, bin_width
from kit.errors import FrameError

from .samples import dtypes, frames, make, rows_of


@given(
    frames(stamps=st.integers(0, 60)),
    st.integers(1, 20),
    st.sampled_from([None, "marker", ["text", "tid"]]),
)
def test_against_counting(frame, width, by):
    keys = [by] if isinstance(by, str) else list(by or [])
    rows = rows_of(frame)
    bins = [row["ts"] // width for row in rows]
    present = {tuple(row[key] for key in keys) for row in rows}
    expected = []
    for key in sorted(present, key=lambda k: [(v is None, 0 if v is None else v) for v in k]):
        for place in range(min(bins), max(bins) + 1):
            count = sum(
                at == place and tuple(row[k] for k in keys) == key
                for at, row in zip(bins, rows, strict=True)
            )
            expected.append(
                {"ts": place * width}
                | dict(zip(keys, key, strict=True))
                | {"count": count, "rate": pytest.approx(count * 1e9 / width)}
            )
    result = rate(frame, width, by)
    assert rows_of(result) == expected
    assert result["count"].sum() == len(frame)
    assert result.attrs == frame.attrs
    assert dtypes(result) == {
        "ts": "int64",
        **dtypes(frame[keys]),
        "count": "int64",
        "rate": "float64",
    }


def test_bins_begin_at_multiples_of_their_width():
    a = rate(make([(1_234_567_890, None, "a", 1, 1)]), "100ms")
    b = rate(make([(1_299_999_999, None, "a", 1, 1)]), "100ms")
    assert a["ts"].tolist() == b["ts"].tolist() == [1_200_000_000]
    assert a["rate"].tolist() == [10.0]


@pytest.mark.parametrize(
    ("every", "width"), [("1us", 1000), ("100ms", 10**8), ("1min", 6 * 10**10), (17, 17)]
)
def test_widths(every, width):
    assert bin_width(every) == width


@pytest.mark.parametrize("every", ["often", "", 0, -5, "-1s", 1.5, None, "NaT"])
def test_what_is_no_width(every):
    with pytest.raises(ValueError, match="every is"):
        bin_width(every)


def test_too_many_bins_are_refused():
    frame = make([(0, None, "a", 1, 1), (MOST_BINS, None, "b", 1, 1)])
    with pytest.raises(
        ValueError, match=r"10,000,001 bins for each of 2 groups; give a greater width"
    ):
        rate(frame, 1)
    assert len(rate(frame, 10_000)) == 2 * 1001


def test_what_is_missing_is_named():
    with pytest.raises(FrameError, match=r"rate: the frame has no column 'marker'; .*: ts"):
        rate(pd.DataFrame({"ts": [1]}))
    with pytest.raises(FrameError, match="'count' cannot be a key"):
        rate(pd.DataFrame({"ts": [1], "count": [1]}), by="count")


STAMPS = pd.Series(pd.to_datetime([1_500_000_000, 1_000_000_000, 0]))


@pytest.mark.parametrize(
    "ts",
    [STAMPS, STAMPS.dt.tz_localize("Europe/Berlin"), STAMPS.astype("datetime64[ms]")],
    ids=["datetimes", "with a time zone", "in milliseconds"],
)
def test_datetimes_are_told_how_they_become_nanoseconds(ts):
    frame = pd.DataFrame({"ts": ts, "marker": "a", "dur": 1, "tid": 1, "key": 1})
    for asks in (
        rate,
        lambda frame: overlaps(frame, frame),
        lambda frame: pair(pd.concat([frame, frame.assign(marker="b")]), "a", "b", "key"),
    ):
        with pytest.raises(FrameError, match=r"has to be whole nanoseconds; convert it") as raised:
            asks(frame)
    remedy = str(raised.value).partition("convert it with ")[2]
    converted = eval(remedy, {"frame": frame})
    assert rate(converted, "1s")["count"].sum() == 3


@pytest.mark.parametrize(
    ("ts", "says"),
    [
        (STAMPS.where([True, False, True]), "1 of 3 rows have no time stamp"),
        (pd.array([1, None, 3], dtype="Int64"), "1 of 3 rows have no time stamp"),
        ([1.0, 2.5, 3.0], "column 'ts' is float64, and has to be whole nanoseconds of 64 bits"),
        (["a", "b", "c"], "and has to be whole nanoseconds of 64 bits"),
        ([2**64, 1, 2], "and has to be whole nanoseconds of 64 bits"),
        ([True, False, True], "column 'ts' is bool, and has to be whole nanoseconds"),
    ],
    ids=["NaT", "NA", "floats", "text", "beyond 64 bits", "truth values"],
)
def test_what_is_no_time_stamp_is_said(ts, says):
    with pytest.raises(FrameError, match=says):
        rate(pd.DataFrame({"ts": ts, "marker": "a"}))


def test_order_and_whole_numbers_of_any_kind_make_no_difference():
    expected = rate(pd.DataFrame({"ts": [0, 400, 2_100]}), 1_000, None)
    for ts in ([2_100, 0, 400], pd.array([400, 2_100, 0], dtype="Int64")):
        assert rate(pd.DataFrame({"ts": ts}), 1_000, None).equals(expected)
    for empty in (pd.DataFrame({"ts": []}), pd.DataFrame({"ts": STAMPS.iloc[:0]})):
        assert rate(empty, by=None)["count"].tolist() == []


@pytest.mark.parametrize("every", [10**30, "NaT", float("nan"), "1e30 days"])
def test_a_width_beyond_its_bounds_is_named(every):
    with pytest.raises(ValueError, match="every is"):
        rate(pd.DataFrame({"ts": [1]}), every, None)
