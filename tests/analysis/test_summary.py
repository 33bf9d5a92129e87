"""One line a marker: counts, rates, durations, and the gaps of what has no duration."""

import numpy as np
import pandas as pd
import pytest

import kit
from kit.analysis import gaps, latency, summary
from kit.errors import FrameError
from kit.frames._build import timings


def events(rows):
    """Events of (ts, dur or None, marker)."""
    ts, dur, marker = zip(*rows, strict=True)
    return pd.DataFrame(
        {"ts": ts, "dur": pd.array(dur, dtype="Int64"), "marker": pd.Categorical(marker)}
    )


def test_durations_are_those_of_latency_and_gaps_those_of_the_stamps():
    random = np.random.default_rng(3)
    ts = np.cumsum(random.integers(0, 900, 5_000))
    marker = random.choice(["query", "tick", "tock"], 5_000)
    dur = [int(d) if m == "query" else None for d, m in zip(ts % 977, marker, strict=True)]
    frame = events(list(zip(ts, dur, marker, strict=True)))
    for order in (np.arange(5_000), random.permutation(5_000)):
        found = summary(frame.iloc[order].reset_index(drop=True)).set_index("marker")
        expected = latency(frame, by="marker").set_index("marker")
        assert found["of"].to_dict() == {"query": "duration", "tick": "gap", "tock": "gap"}
        assert found.loc["query", ["p50", "p99", "max"]].tolist() == (
            expected.loc["query", ["p50", "p99", "max"]].tolist()
        )
        for name in ("tick", "tock"):
            between = pd.DataFrame({"dur": np.diff(ts[marker == name])})
            [exact] = latency(between)[["p50", "p99", "max"]].to_numpy().tolist()
            assert found.loc[name, ["p50", "p99", "max"]].tolist() == exact
        seconds = (ts[-1] - ts[0]) / 1e9
        for name in found.index:
            count = int((marker == name).sum())
            assert found.loc[name, "count"] == count
            assert found.loc[name, "rate"] == pytest.approx(count / seconds)


def test_what_cannot_be_said_is_missing():
    [one] = summary(events([(5, None, "tick")])).itertuples()
    assert (one.count, one.of) == (1, "gap")
    assert all(pd.isna(each) for each in (one.rate, one.p50, one.p99, one.max))
    assert summary(events([(5, None, "tick")]).iloc[:0]).empty
    assert gaps(events([(5, None, "tick")])).empty


def test_by_anything_or_all_together():
    frame = events([(0, 4, "a"), (10, None, "b"), (40, None, "b")]).assign(tid=[1, 2, 1])
    assert summary(frame, by=None)[["count", "of", "max"]].to_numpy().tolist() == [
        [3, "duration", 4]
    ]
    assert summary(frame, by="tid")["count"].tolist() == [2, 1]
    assert summary(frame.drop(columns="dur"), by="tid")["of"].tolist() == ["gap", "gap"]
    with pytest.raises(FrameError, match="no column 'sym'"):
        summary(frame, by="sym")
    with pytest.raises(FrameError, match="cannot be a key"):
        summary(frame.rename(columns={"tid": "count"}), by="count")


def test_gaps_are_like_spans_from_one_event_to_the_next():
    frame = events([(30, None, "a"), (0, None, "a"), (10, None, "b"), (50, None, "b")])
    frame.attrs["threads"] = {"1": "Main"}
    found = gaps(frame)
    assert found[["ts", "marker", "dur"]].to_numpy().tolist() == [[0, "a", 30], [10, "b", 40]]
    assert found.attrs == frame.attrs
    assert gaps(frame, by=None)["dur"].tolist() == [10, 20, 20]


def test_timings_are_what_the_frame_has_and_no_fields_clash():
    query = kit.span("summed.query", n=int)
    tick, text = kit.marker("summed.tick", n=int), kit.marker("summed.text", n=str)
    with kit.record("summed.*") as recorder:
        for number in range(100):
            with query(n=number):
                tick(number)
            text("one")
    capture = recorder.snapshot()
    light = timings(capture)
    for name in ("summed.query", "summed.tick", "summed.text"):
        own = capture.frame(name)
        same = light[light["marker"] == name]
        assert same["ts"].tolist() == own["ts"].tolist()
        if "dur" in own:
            assert same["dur"].tolist() == own["dur"].tolist()
        else:
            assert same["dur"].isna().all()
    assert light["ts"].is_monotonic_increasing


def test_its_durations_are_written_for_people_on_request() -> None:
    frame = pd.DataFrame({"ts": [0, 5_000], "dur": [1_500, 2_500_000], "marker": "db.query"})
    shown = kit.analysis.readable(kit.analysis.summary(frame))
    assert shown.loc[0, "max"] == "2.5 ms"
    assert shown.loc[0, "count"] == 2
