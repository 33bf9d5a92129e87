import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.analysis import causes, outliers, overlaps
from kit.errors import FrameError

from .samples import frames, make, rows_of

SMALL = st.integers(0, 25)
SHORT = st.integers(0, 12) | st.none()


def identity(row):
    return (row["ts"], row["dur"], row["marker"], row["tid"], row["seq"])


def brute(spans, others, what):
    """Nanosecond by nanosecond."""
    rows = rows_of(others)
    result = []
    for span in rows_of(spans):
        begin, end = span["ts"], span["ts"] + (span["dur"] or 0)
        found = {}
        for name in [n for n in "abc" if any(row["marker"] == n for row in rows)]:
            of = [r for r in rows if r["marker"] == name and identity(r) != identity(span)]
            ends = [(r["ts"], r["ts"] + (r["dur"] or 0)) for r in of]
            if what == "count":
                found[name] = sum(a <= end and b >= begin for a, b in ends)
            else:
                found[name] = sum(any(a <= ns < b for a, b in ends) for ns in range(begin, end))
        result.append(found)
    return result


@given(
    frames(stamps=SMALL, durs=SHORT),
    frames(stamps=SMALL, durs=SHORT),
    st.booleans(),
    st.sampled_from(["time", "count"]),
)
def test_against_nanosecond_by_nanosecond(spans, others, within, what):
    if within:
        spans = others[others["key"] == 1]  # the spans are rows of the others
    else:
        spans["seq"] += 1000
    result = overlaps(spans, others, what)
    assert result.to_dict("records") == brute(spans, others, what)
    assert result.index.equals(spans.index)
    assert (result.dtypes == np.int64).all()


@given(frames(stamps=SMALL, durs=SHORT), frames(stamps=SMALL, durs=SHORT))
def test_the_cause_is_what_overlaps_longest(spans, others):
    spans["seq"] += 1000
    table = brute(spans, others, "time")
    result = causes(spans, others)
    assert result.index.equals(spans.index)
    for found, dur, row in zip(table, spans["dur"].fillna(0), rows_of(result), strict=True):
        longest = max(found.values(), default=0)
        assert row["overlap"] == longest
        assert row["cause"] == (
            next(n for n, t in found.items() if t == longest) if longest else None
        )
        assert row["share"] == (longest / dur if longest else 0)
        assert 0 <= row["share"] <= 1


def test_events_at_once_count_once():
    spans = make([(0, 100, "a", 1, 1)])
    others = make([(10, 50, "b", 1, 1), (20, 10, "b", 2, 1), (50, 20, "b", 3, 1)])
    assert overlaps(spans, others)["b"].tolist() == [60]
    assert overlaps(spans, others, "count")["b"].tolist() == [3]


def test_a_span_is_not_its_own_cause_but_another_one_of_its_marker_is():
    frame = make([(0, 100, "a", 1, 1), (60, 100, "a", 2, 1), (300, 10, "a", 1, 1)])
    assert overlaps(frame, frame)["a"].tolist() == [40, 40, 0]
    assert overlaps(frame, frame, "count")["a"].tolist() == [1, 1, 0]


def test_the_index_leads_back_to_the_spans():
    frame = make([(0, 5, "a", 1, 1), (10, 50, "a", 1, 1), (20, 9, "b", 1, 1)])
    slow = outliers(frame, 1)
    assert slow.join(overlaps(slow, frame))["b"].to_dict() == {1: 9}


def test_events_without_a_duration_are_counted_and_take_no_time():
    spans, others = make([(0, 10, "a", 1, 1)]), make([(3, None, "b", 1, 1)])
    for some in (others, others.drop(columns=["dur", "seq", "key"])):
        assert overlaps(spans, some)["b"].tolist() == [0]
        assert overlaps(spans, some, "count")["b"].tolist() == [1]


def test_nothing_to_explain_or_to_blame():
    frame = make([(0, 5, "a", 1, 1)])
    assert overlaps(frame[:0], frame).columns.tolist() == ["a"]
    assert overlaps(frame, frame[:0]).shape == (1, 0)
    assert causes(frame, frame[:0])["overlap"].tolist() == [0]
    assert len(causes(frame[:0], frame[:0])) == 0


def test_what_is_missing_is_named():
    frame = make([(0, 5, "a", 1, 1)])
    with pytest.raises(FrameError, match=r"overlaps \(spans\): the frame has no column 'dur'"):
        overlaps(frame.drop(columns="dur"), frame)
    with pytest.raises(FrameError, match=r"overlaps \(others\): the frame has no column 'marker'"):
        causes(frame, frame[["ts"]])
    with pytest.raises(ValueError, match="what is 'time' or 'count', got 'ns'"):
        overlaps(frame, frame, "ns")


def test_stamps_as_large_as_they_come():
    base = 2**62
    spans = pd.DataFrame({"ts": [base], "dur": [2**40], "marker": ["a"]})
    others = pd.DataFrame({"ts": [base + 5] * 3, "dur": [2**40] * 3, "marker": ["b"] * 3})
    assert overlaps(spans, others)["b"].tolist() == [2**40 - 5]
