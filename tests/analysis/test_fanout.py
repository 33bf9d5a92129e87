import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kit
from kit import frames as kit_frames
from kit.analysis import dispatch_cost, fanout
from kit.core._format import Format
from kit.errors import FrameError
from kit.frames._recording import empty
from kit.probes.captures._capture import Capture, MarkerInfo

from .samples import dtypes, rows_of
from .test_latency import quantile

SMALL = st.integers(0, 9)
COST = st.integers(0, 20) | st.integers(0, 2**58)


@st.composite
def captures(draw):
    infos = tuple(MarkerInfo(n, Format(()), "m", 1, 1, 1, 1) for n in ("a", "b"))
    code, error = st.integers(0, 1), st.none() | st.just("KeyError")
    calls = st.tuples(SMALL, COST, code, st.sampled_from("fgh"), SMALL, SMALL, error, SMALL)
    dispatches = st.tuples(SMALL, COST, code, SMALL, st.integers(0, 2), SMALL, SMALL, SMALL)
    return Capture(
        infos, (), draw(st.lists(dispatches, max_size=8)), draw(st.lists(calls, max_size=8))
    )


@given(captures())
def test_against_adding_up(recorded):
    dispatches, calls = kit_frames.dispatches(recorded), kit_frames.probe_calls(recorded)
    spent = {"a": 0, "b": 0}
    for row in rows_of(dispatches):
        spent[row["marker"]] += row["dur"]
    groups = {}
    for row in rows_of(calls):
        groups.setdefault((row["marker"], row["probe"]), []).append(row)
    expected = []
    for (marker, probe), rows in sorted(groups.items()):
        durs = [row["dur"] for row in rows]
        expected.append(
            {
                "marker": marker,
                "probe": probe,
                "calls": len(rows),
                "errors": sum(row["error"] is not None for row in rows),
                "total": sum(durs),
                "mean": pytest.approx(sum(durs) / len(durs)),
                "p50": quantile(durs, 0.5),
                "p99": quantile(durs, 0.99),
                "max": max(durs),
                "share": pytest.approx(sum(durs) / spent[marker]) if spent[marker] else None,
            }
        )
    assert rows_of(fanout(dispatches, calls)) == expected


def test_no_dtype_depends_on_the_data():
    nothing = fanout(empty("dispatches"), empty("probe_calls"))
    mark = kit.marker("test.analysis.fanout")
    with kit.record(mark, dispatches=True) as recorder:
        mark()
    full = fanout(recorder.dispatches(), recorder.probe_calls())
    assert dtypes(full) == dtypes(nothing)
    assert full.iloc[0][["marker", "probe", "calls", "errors"]].tolist() == [
        mark.name,
        "record",
        1,
        0,
    ]
    assert 0 < full["share"][0] <= 1


@given(captures())
def test_dispatch_time_against_fan_out(recorded):
    dispatches = kit_frames.dispatches(recorded)
    groups = {}
    for row in rows_of(dispatches):
        groups.setdefault((row["marker"], row["fanout"]), []).append(row["dur"])
    result = dispatch_cost(dispatches)
    assert [
        (m, f, c, p, x)
        for m, f, c, p, x in result[["marker", "fanout", "count", "p99", "max"]].itertuples(
            index=False
        )
    ] == [
        (*key, len(durs), quantile(durs, 0.99), max(durs)) for key, durs in sorted(groups.items())
    ]


def test_what_is_missing_is_named():
    calls, dispatches = empty("probe_calls"), empty("dispatches")
    with pytest.raises(FrameError, match=r"fanout \(dispatches\): the frame has no column 'dur'"):
        fanout(dispatches.drop(columns="dur"), calls)
    with pytest.raises(
        FrameError, match=r"fanout \(probe_calls\): the frame has no column 'probe'"
    ):
        fanout(dispatches, dispatches)
    assert np.isfinite(dispatch_cost(dispatches)["p50"]).all()
