"""What an event happened inside of."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.analysis import enclosing
from kit.errors import FrameError

ROWS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30) | st.none(), st.integers(1, 2)),
    min_size=1,
    max_size=25,
)


def spans(rows, **columns):
    frame = pd.DataFrame(
        {
            "ts": [row[0] for row in rows],
            "dur": pd.array([row[1] for row in rows], dtype="Int64"),
            "tid": [row[2] for row in rows],
            **columns,
        }
    )
    frame["seq"] = range(len(frame))
    return frame


@given(ROWS)
def test_it_is_what_began_before_and_ended_after_on_the_same_thread(rows):
    frame = spans(rows)
    for at, (ts, dur, tid) in enumerate(rows):
        end = ts + (dur or 0)
        wanted = {
            i
            for i, (begin, length, other) in enumerate(rows)
            if other == tid
            and length is not None
            and begin <= ts
            and begin + length >= end
            # The same time: what was completed later.
            and ((begin, begin + length) != (ts, end) or i > at)
        }
        found = enclosing(frame, at)
        assert set(found.index) == wanted
        assert found["ts"].is_monotonic_increasing


def test_the_outermost_comes_first():
    frame = spans([(5, 1, 1), (5, 1, 1), (4, 5, 1), (0, 20, 1), (0, 30, 1)])
    assert enclosing(frame, 0).index.tolist() == [4, 3, 2, 1]
    assert enclosing(frame, 4).empty


def test_another_task_of_the_thread_encloses_nothing():
    rows = [(5, 1, 1), (4, 5, 1), (3, 9, 1), (6, None, 1), (2, 20, 1)]
    frame = spans(rows, task=["a", "b", "a", None, None])
    assert enclosing(frame, 0).index.tolist() == [2]
    assert enclosing(frame, 3).index.tolist() == [4]  # outside of any task, both
    assert enclosing(frame.iloc[:4], 3).empty


def test_labels_are_those_of_the_frame():
    frame = spans([(5, 1, 1), (4, 5, 1)]).set_index(pd.Index(["inner", "outer"]))
    assert enclosing(frame, "inner").index.tolist() == ["outer"]
    assert frame.kit.enclosing("inner").equals(enclosing(frame, "inner"))


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (spans([(5, 1, 1)]).drop(columns="dur"), "no column 'dur'"),
        (spans([(5, 1, 1)]).set_index(pd.Index([8])), "no row of the frame has the label 0"),
        (spans([(5, 1, 1), (4, 5, 1)]).set_index(pd.Index([0, 0])), "number them anew"),
    ],
)
def test_what_cannot_be_told_is_refused(frame, why):
    with pytest.raises(FrameError, match=why):
        enclosing(frame, 0)
