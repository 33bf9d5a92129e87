from collections import deque

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.analysis import latency, pair
from kit.errors import FrameError, NotConnectedError

from .samples import dtypes, frames, make, rows_of


def brute(frame, keys):
    """A queue a key, event by event."""
    rows = rows_of(frame)
    order = sorted(range(len(rows)), key=lambda i: (rows[i]["ts"], rows[i]["marker"] == "b", i))
    queues, pairs, orphans = {}, [], 0
    for place in order:
        row = rows[place]
        key = tuple(row[name] for name in keys)
        if row["marker"] == "a" and None not in key:
            queues.setdefault(key, deque()).append(place)
        if row["marker"] == "b":
            if queues.get(key) and None not in key:
                pairs.append((queues[key].popleft(), place))
            else:
                orphans += 1
    opened = sum(row["marker"] == "a" for row in rows)
    return sorted(pairs), {"a": opened - len(pairs), "b": orphans}


@given(
    frames(stamps=st.integers(0, 12), max_size=30),
    st.sampled_from(["key", ["key", "text"], "tid", None, []]),
)
def test_against_queues(frame, key):
    keys = [key] if isinstance(key, str) else list(key or [])
    pairs, unpaired = brute(frame, keys)
    result = pair(frame, "a", "b", key)
    rows = rows_of(frame)
    got = list(
        zip(
            result["ts"],
            result["ts"] + result["dur"],
            result["tid"],
            result["end_tid"],
            strict=True,
        )
    )
    assert got == [(rows[i]["ts"], rows[j]["ts"], rows[i]["tid"], rows[j]["tid"]) for i, j in pairs]
    for name in keys:
        assert [row[name] for row in rows_of(result)] == [rows[i][name] for i, _ in pairs]
    assert result.attrs == frame.attrs | {"unpaired": unpaired}


@given(st.lists(st.sampled_from("ab"), max_size=60))
def test_any_walk_without_a_key(steps):
    frame = make([(ts, None, marker, 1, 1) for ts, marker in enumerate(steps)])
    pairs, unpaired = brute(frame, [])
    result = pair(frame, "a", "b", None)
    assert list(zip(result["ts"], result["ts"] + result["dur"], strict=True)) == pairs
    assert result.attrs["unpaired"] == unpaired


def test_many_keys_at_once():
    rng = np.random.default_rng(3)
    rows = [
        (int(ts), None, "ab"[int(rng.integers(2))], 1, int(rng.integers(50)))
        for ts in rng.integers(0, 2000, 5000)
    ]
    frame = make(rows)
    pairs, unpaired = brute(frame, ["key"])
    result = pair(frame, "a", "b", "key")
    stamps = frame["ts"].to_numpy()
    assert result["ts"].tolist() == [stamps[i] for i, _ in pairs]
    assert result["dur"].tolist() == [stamps[j] - stamps[i] for i, j in pairs]
    assert result.attrs["unpaired"] == unpaired


def test_it_has_the_shape_of_a_spans_events():
    frame = make([(1, None, "a", 1, 7), (5, None, "b", 2, 7)])
    for some in (frame, frame[:0]):
        result = pair(some, "a", "b", "key")
        assert dtypes(result) == {
            "ts": "int64",
            "dur": "int64",
            "marker": "category",
            "tid": "int64",
            "end_tid": "int64",
            "key": "Int64",
        }
        assert result["marker"].cat.categories.tolist() == ["a → b"]
    assert latency(pair(frame, "a", "b", "key"), by="marker")["max"].tolist() == [4]


def test_an_event_whose_key_is_missing_stays_unpaired():
    frame = make([(1, None, "a", 1, None), (5, None, "b", 2, None)])
    assert pair(frame, "a", "b", "key").attrs["unpaired"] == {"a": 1, "b": 1}


def test_at_one_stamp_starts_come_first():
    frame = make([(5, None, "b", 1, 7), (5, None, "a", 1, 7)])
    assert pair(frame, "a", "b", "key")["dur"].tolist() == [0]


def test_what_cannot_be_paired():
    frame = make([(1, None, "a", 1, 7)])
    with pytest.raises(ValueError, match="start and end are both 'a'"):
        pair(frame, "a", "a", "key")
    with pytest.raises(NotConnectedError, match="no marker 'z'; it has: a, b, c"):
        pair(frame, "a", "z", "key")
    with pytest.raises(FrameError, match="no column 'order_id'"):
        pair(frame, "a", "b", "order_id")
    with pytest.raises(FrameError, match="'dur' cannot be a key"):
        pair(frame, "a", "b", ["key", "dur"])
    plain = pd.DataFrame({"ts": [1, 2], "marker": ["a", "b"], "tid": [1, 1]})
    assert pair(plain, "a", "b", "tid")["dur"].tolist() == [1]
    with pytest.raises(NotConnectedError, match="no marker 'z'; it has: a, b"):
        pair(plain, "z", "b", "tid")
