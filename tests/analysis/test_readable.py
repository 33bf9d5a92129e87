"""Durations as people read them; frames for programs stay as they are."""

import pandas as pd
import pytest

from kit import analysis
from kit.errors import FrameError


@pytest.fixture
def frame():
    return pd.DataFrame({"marker": ["a", "a", "b"], "dur": [7, 41_230, 7_200_000_000_000]})


def test_every_duration_of_a_summary_is_written_and_nothing_else(frame):
    """Seen to fail where counts are written as durations, and where the frame itself is changed."""
    summary = analysis.latency(frame, by="marker", quantiles=(0.5,))
    shown = analysis.readable(summary)
    assert shown.to_dict("list") == {
        "marker": ["a", "b"],
        "count": [2, 1],
        "min": ["7 ns", "2 h"],
        "p50": ["7 ns", "2 h"],
        "max": ["41.2 µs", "2 h"],
    }
    assert summary["max"].tolist() == [41_230, 7_200_000_000_000]


def test_other_numbers_are_no_durations():
    frame = pd.DataFrame({"qty": [1, 2_000]})
    summary = analysis.latency(frame, column="qty")
    assert analysis.readable(summary)["max"].tolist() == [2_000]
    assert analysis.readable(summary, "max")["max"].tolist() == ["2 µs"]


def test_events_and_what_is_missing(frame):
    events = frame.assign(dur=pd.array([7, None, 60_000_000_000], "Int64"))
    assert frame.kit.readable()["dur"].tolist() == ["7 ns", "41.2 µs", "2 h"]
    assert analysis.readable(events)["dur"].tolist() == ["7 ns", "–", "1 min"]


def test_two_runs_compared(frame):
    shown = analysis.readable(analysis.compare(frame, frame, quantiles=()))
    assert shown["a"].tolist() == ["7 ns", "41.2 µs", "2 h", "2 h"]
    assert shown["diff"].tolist() == ["0 ns"] * 4


def test_a_column_that_is_not_there_is_named(frame):
    with pytest.raises(FrameError, match="'p50'"):
        analysis.readable(frame, "p50")
