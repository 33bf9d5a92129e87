import inspect

import pandas as pd
import pytest

from kit import analysis, frames
from kit.analysis._accessor import Accessor

from .captures import capture, info

QUERY = info("db.query", is_span=True, sql=str)
GC = info("gc", is_span=True)
RECORDED = capture(
    [QUERY, GC],
    [(ts, ts % 2, (7 * ts, None, "x")[: 3 - ts % 2]) for ts in range(40)],
    dispatches=[(ts, 10, ts % 2, 1, 1 + ts % 2, 0, 1, ts) for ts in range(8)],
    probe_calls=[(ts, 4, ts % 2, "f", 0, ts, None, 1) for ts in range(8)],
)
METHODS = [name for name in vars(Accessor) if not name.startswith("_")]


def test_it_offers_every_analysis():
    offered = set(dir(pd.DataFrame().kit))
    assert {name for name in analysis.__all__ if callable(getattr(analysis, name))} <= offered


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_what_its_function_takes(name):
    function = getattr(analysis, name, None) or getattr(frames, name)
    method = inspect.signature(getattr(Accessor, name))
    expected = list(inspect.signature(function).parameters.values())[1:]
    offered = list(method.parameters.values())[1:]
    renamed = {"b": "other"} if name == "compare" else {}
    assert [p.name for p in offered] == [renamed.get(p.name, p.name) for p in expected]
    if name != "check":  # its kind has a default: most frames are events
        assert [p.default for p in offered] == [p.default for p in expected]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("latency", ("marker", "ts", (0.25,))),
        ("outliers", (3, "ts", "marker")),
        ("rate", (10, None)),
        ("pair", ("gc", "db.query", "tid")),
        ("compare", (frames.events(RECORDED), None, "ts", (0.25,))),
        ("wall_time", ("ts",)),
        ("thread_names", ()),
        ("check", ("events",)),
        ("overlaps", (frames.events(RECORDED), "count")),
        ("causes", (frames.events(RECORDED),)),
        ("enclosing", (0,)),
        ("fanout", (frames.probe_calls(RECORDED),)),
        ("dispatch_cost", ()),
        ("save", ("run.parquet",)),
    ],
)
def test_a_method_gives_what_its_function_gives(name, args, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    of_dispatches = name in ("fanout", "dispatch_cost")
    frame = frames.dispatches(RECORDED) if of_dispatches else frames.events(RECORDED)
    function = getattr(analysis, name, None) or getattr(frames, name)
    expected, result = function(frame, *args), getattr(frame.kit, name)(*args)
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(result, expected)
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(result, expected)
    else:
        assert result == expected
