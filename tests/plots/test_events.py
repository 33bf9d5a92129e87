"""Frames as sorted arrays."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.plots import _events as table
from tests.plots import samples


@given(st.lists(st.tuples(st.integers(0, 50), st.one_of(st.none(), st.integers(0, 9)))))
def test_events_are_the_frames_rows_in_the_order_of_their_stamps(rows):
    ts, dur = [row[0] for row in rows], [row[1] for row in rows]
    frame = samples.frame(ts, dur)
    for spans_only in (False, True):
        made = table.events(frame, spans_only=spans_only)
        position = np.arange(len(frame)) if made.row is None else made.row
        assert made.ts.tolist() == sorted(made.ts.tolist())
        assert made.ts.tolist() == [ts[i] for i in position]
        assert made.dur.tolist() == [dur[i] or 0 for i in position]
        kept = [i for i in range(len(ts)) if not spans_only or dur[i] is not None]
        assert sorted(position.tolist()) == kept
        assert made.dropped == len(ts) - len(kept)
        assert made.frame_rows == len(ts)


def test_rows_of_one_stamp_keep_their_order():
    made = table.events(samples.frame([5, 3, 5, 3], [1, 2, 3, 4]))
    assert made.dur.tolist() == [2, 4, 1, 3]


def test_time_begins_with_the_first_event_even_if_it_is_left_out():
    made = table.events(samples.frame([100, 200], [None, 50]), spans_only=True)
    assert (made.origin, made.extent) == (100, 150)


def test_a_mask_of_rows_becomes_a_mask_of_events():
    made = table.events(samples.frame([30, 10, 20], [1, None, 3]), spans_only=True)
    assert made.at(np.array([True, False, False])).tolist() == [False, True]


def test_a_frame_without_durations_has_no_spans():
    made = table.events(samples.frame([1, 2]), spans_only=True)
    assert len(made) == 0
    assert made.dropped == 2


def test_missing_lanes_are_a_lane_of_their_own():
    frame = samples.frame([1, 2, 3], [1, 1, 1])
    frame["task"] = pd.Categorical(["a", None, "b"])
    made = table.events(frame, lanes="task")
    assert [made.lanes[code] for code in made.lane] == ["a", "(none)", "b"]


def test_errors_are_noted_only_if_there_are_any():
    frame = samples.frame([1, 2], [1, 1])
    frame["error"] = pd.Categorical([None, "ValueError"])
    assert table.events(frame).failed.tolist() == [False, True]
    frame["error"] = pd.Categorical([None, None])
    assert table.events(frame).failed is None


def test_what_is_no_frame_is_refused():
    with pytest.raises(TypeError, match="needs a frame of events, not list"):
        table.events([1, 2])


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="needs a column 'ts'; this frame has: start"):
        table.events(pd.DataFrame({"start": [1]}))


@pytest.mark.parametrize("name", ["ts", "dur"])
def test_floats_are_no_nanoseconds(name):
    frame = samples.frame([1, 2], [3, 4]).astype({name: float})
    with pytest.raises(TypeError, match=f"column '{name}' holds float64"):
        table.events(frame)


def test_durations_lost_in_a_merge_are_refused_not_guessed():
    frame = samples.frame([1, 2], [3, 4]).astype({"dur": float})
    frame.loc[0, "dur"] = np.nan
    with pytest.raises(TypeError, match="'dur' holds float64"):
        table.events(frame)


def test_an_empty_frame_of_any_dtype_is_a_table():
    made = table.events(pd.DataFrame({"ts": [], "dur": [], "marker": [], "tid": []}), lanes="tid")
    assert (len(made), made.origin, made.extent) == (0, 0, 0)


def test_a_kit_frame_is_read_as_it_is():
    kit = pytest.importorskip("kit")
    work, note = kit.span("plots.table.work"), kit.marker("plots.table.note", n=int)
    with kit.record("plots.table.*") as recorder:
        with work():
            note(1)
    made = table.events(recorder.frame(), lanes="tid")
    assert made.names_used == ("plots.table.note", "plots.table.work")
    assert made.spans.sum() == 1
    assert len(made.lanes) == 1


def test_names_of_threads_tell_threads_apart():
    frame = pd.DataFrame()
    frame.attrs["threads"] = {"1": "MainThread", "2": "pool", "3": "pool", "4": ""}
    assert table.thread_names(frame) == {"1": "MainThread"}
