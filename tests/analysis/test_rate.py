import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.analysis import rate
from kit.analysis.rate import MOST_BINS, bin_width
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
