import json
import math
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

import kit
from kit import frames
from kit.core._format import COLUMNS, Label, column_names
from kit.errors import CaptureError, FrameError, NotConnectedError
from kit.frames._build import stored_events
from kit.frames._schema import ACTIONS, CATEGORIES, CONTEXT, DTYPES, FRAMES, check, kind_of
from kit.frames._values import escape, unescape
from kit.probes import _context as context
from kit.testing import isolated

from .captures import capture, captures, info, thread

FILL = info("orders.fill", qty=int, px=float, sym=Label, note=str, last=bool)
QUERY = info("db.query", is_span=True, sql=str)
ROWS = [
    (10, 0, (1, 1.5, "ACME", "x", True)),
    (40, 1, (5, None, "select 1")),
    (30, 1, (20, "OSError", "select 2")),
]


def dtypes(frame):
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def test_the_frame_of_a_plain_marker():
    frame = frames.events(capture([FILL, QUERY], ROWS), "orders.fill")
    assert dtypes(frame) == {
        "ts": "int64",
        "marker": "category",
        "tid": "int64",
        "seq": "int64",
        "qty": "Int64",
        "px": "Float64",
        "sym": "category",
        "note": "string",
        "last": "boolean",
    }
    assert frame.iloc[0].tolist() == [10, "orders.fill", 1, 0, 1, 1.5, "ACME", "x", True]
    assert isinstance(frame.index, pd.RangeIndex)


def test_the_frame_of_a_span_is_sorted_by_start():
    frame = frames.events(capture([FILL, QUERY], ROWS), "db.query")
    assert list(frame.columns) == ["ts", "dur", "marker", "error", "tid", "seq", "sql"]
    assert frame["dur"].dtype == np.int64
    assert frame["ts"].tolist() == [30, 40]
    assert frame["dur"].tolist() == [20, 5]
    assert frame["seq"].tolist() == [2, 1]
    assert frame["error"].astype(object).where(frame["error"].notna(), None).tolist() == [
        "OSError",
        None,
    ]


def test_the_frame_of_all_markers_is_the_union():
    frame = frames.events(capture([FILL, QUERY], ROWS[:1], ROWS[1:]))
    assert list(frame.columns) == (
        ["ts", "dur", "marker", "error", "tid", "seq", "qty", "px", "sym", "note", "last", "sql"]
    )
    assert frame["dur"].dtype == "Int64"
    assert frame["marker"].tolist() == ["orders.fill", "db.query", "db.query"]
    assert frame["dur"].tolist() == [pd.NA, 20, 5]
    assert frame["sql"].tolist() == [pd.NA, "select 2", "select 1"]
    assert frame["tid"].tolist() == [1, 2, 2]
    assert frame["seq"].tolist() == [0, 1, 0]


@pytest.mark.parametrize("name", [None, "orders.fill", "db.query"])
def test_no_dtype_depends_on_the_data(name):
    full = frames.events(capture([FILL, QUERY], ROWS), name)
    empty = frames.events(capture([FILL, QUERY]), name)
    assert dtypes(empty) == dtypes(full)
    assert len(empty) == 0
    for frame in (full, empty):
        for column in frame.columns:
            assert kind_of(frame[column].dtype) is not None
        assert frame["marker"].cat.categories.tolist() == ["orders.fill", "db.query"]
        assert frame["marker"].cat.categories.dtype == CATEGORIES


def test_equal_stamps_keep_the_order_of_threads_and_of_completion():
    tick = info("tick", n=int)
    threads = [[(5, 0, (n,)) for n in range(k, k + 20)] for k in (0, 100, 200)]
    threads[2].append((4, 0, (-1,)))
    frame = frames.events(capture([tick], *threads))
    assert frame["n"].tolist() == [-1, *range(20), *range(100, 120), *range(200, 220)]


def test_a_clash_of_types_names_both_markers_and_the_field():
    a, b = info("a.b", value=int), info("c.d", value=str)
    clashing = capture([a, b], [(1, 0, (1,)), (2, 1, ("x",))])
    with pytest.raises(
        FrameError, match=r"'value' is int in marker 'a\.b' and str in marker 'c\.d'"
    ):
        frames.events(clashing)
    assert frames.events(clashing, "a.b")["value"].tolist() == [1]
    assert frames.events(clashing, "c.d")["value"].tolist() == ["x"]
    stored, _ = stored_events(clashing)
    assert list(stored.columns[-2:]) == ["a.b.value", "c.d.value"]


def test_an_unknown_marker_is_refused_with_the_likely_ones():
    with pytest.raises(
        NotConnectedError, match=r"'orders\.fil' was recorded; there is: orders\.fill"
    ):
        frames.events(capture([FILL]), "orders.fil")
    with pytest.raises(LookupError, match="nor any other"):
        frames.events(capture([]), "x")


def test_a_field_named_as_a_common_column_has_an_underscore():
    fields = {"ts": int, "dur": str, "dur_": int, "marker": str, "seq": int, "task": int}
    clash = info("a", **fields)
    frame = frames.events(capture([clash], [(1, 0, (9, "x", 8, "y", 7, 6))]), "a")
    assert list(frame.columns[4:]) == ["ts_", "dur__", "dur_", "marker_", "seq_", "task"]
    assert frame.iloc[0, 4:].tolist() == [9, "x", 8, "y", 7, 6]
    assert column_names(["task"], ["task"]) == ("task_",)
    assert tuple(column.name for column in FRAMES["events"]) == COLUMNS


def test_context_columns():
    rows = [(1, 0, (5,), ("main", 12)), (2, 0, (6,), (None, 13))]
    frame = frames.events(capture([info("a", task=int)], rows, context=("task", "process")), "a")
    assert list(frame.columns) == ["ts", "marker", "tid", "task", "process", "seq", "task_"]
    assert frame["task"].dtype == "category"
    assert frame["task"].isna().tolist() == [False, True]
    assert frame["process"].tolist() == [12, 13]


def test_every_context_field_of_a_recorder_has_a_kind():
    assert set(CONTEXT) == context.BUILT_IN


def test_a_marker_declared_anew_has_the_fields_of_both_declarations():
    old, new = info("a", qty=int, px=float), info("a", qty=str, sym=Label)
    frame = frames.events(capture([old, new], [(1, 0, (5, 1.5)), (2, 1, ("x", "S"))]), "a")
    assert list(frame.columns) == ["ts", "marker", "tid", "seq", "qty", "px", "sym"]
    assert frame["qty"].tolist() == [pd.NA, "x"]  # the later type counts
    assert frame["px"].tolist() == [1.5, pd.NA]
    assert frame.attrs["misfits"] == {"a": {"qty": 1}}
    assert frame["marker"].cat.categories.tolist() == ["a"]


def test_a_marker_that_became_a_span():
    frame = frames.events(
        capture([info("a"), info("a", is_span=True)], [(1, 0, ()), (2, 1, (3, None))])
    )
    assert frame["dur"].tolist() == [pd.NA, 3]
    one = frames.events(capture([info("a"), info("a", is_span=True)], [(2, 1, (3, None))]), "a")
    assert one["dur"].dtype == "Int64"


def test_too_few_and_too_many_values():
    rows = [(1, 0, (5,)), (2, 0, (6, 1.5, "more")), (3, 0, ())]
    frame = frames.events(capture([info("a", qty=int, px=float)], rows), "a")
    assert frame["qty"].tolist() == [5, 6, pd.NA]
    assert frame["px"].tolist() == [pd.NA, 1.5, pd.NA]
    assert frame.attrs["misfits"] == {"a": {"qty": 1, "px": 2}}


def test_a_span_without_a_duration_is_no_capture():
    with pytest.raises(
        CaptureError, match=r"'db\.query' has an event whose duration is no integer"
    ):
        frames.events(capture([QUERY], [(1, 0, (None, None, "x"))]))


def naive(recorded, name):
    """Rows as dictionaries, sorted; what `events` must give for values that fit."""
    rows = []
    for each in recorded.threads:
        for seq, row in enumerate(each.rows, each.first_seq):
            of = recorded.markers[row[1]]
            values = list(row[2])
            out = {"ts": row[0], "marker": escape(of.name), "tid": each.tid, "seq": seq}
            if of.format.is_span:
                out["dur"], out["error"] = values[:2]
                values = values[2:]
            out |= zip(recorded.context, row[3] if recorded.context else (), strict=True)
            out |= zip(column_names(of.format.names, recorded.context), values, strict=True)
            if name is None or of.name == name:
                rows.append(out)
    return sorted(rows, key=lambda out: out["ts"])


def plain(frame):
    """The rows of a frame as dictionaries, without what is missing."""
    rows = []
    for row in frame.astype(object).to_dict("records"):
        text = {
            k: unescape(v) if isinstance(v, str) and k != "marker" else v for k, v in row.items()
        }
        rows.append({k: v for k, v in text.items() if not (v is pd.NA or v is None)})
    missing = frame.isna().to_numpy()
    columns = list(frame.columns)
    return [
        {
            k: "nan" if isinstance(v, float) and math.isnan(v) else v
            for k, v in row.items()
            if not missing[i, columns.index(k)]
        }
        for i, row in enumerate(rows)
    ]


def fields(recorded):
    """The names of the columns, once for each type that they are declared with."""
    declared = {
        pair
        for each in recorded.markers
        for pair in zip(
            column_names(each.format.names, recorded.context),
            (field.type for field in each.format.fields),
            strict=True,
        )
    }
    return [name for name, _ in declared]


@given(captures(fitting=True))
def test_frames_hold_what_was_recorded(recorded):
    for name in [None, *(each.name for each in recorded.markers)]:
        names = [each.name for each in recorded.markers]
        if names.count(name) > 1 or (name is None and len(set(names)) < len(names)):
            continue  # declared anew: the types of the later declaration count
        if name is None and len(set(fields(recorded))) < len(fields(recorded)):
            with pytest.raises(FrameError, match="one frame cannot hold both"):
                frames.events(recorded)
            continue
        frame = frames.events(recorded, name)
        expected = [
            {
                k: "nan" if isinstance(v, float) and math.isnan(v) else v
                for k, v in row.items()
                if v is not None
            }
            for row in naive(recorded, name)
        ]
        assert plain(frame) == expected
        assert frame.attrs["misfits"] == {}


@given(captures())
def test_any_capture_has_five_frames_that_pass_the_check(recorded):
    stored, _ = stored_events(recorded)
    check(stored, "events")
    assert len(stored) == len(recorded)
    for each in {described.name for described in recorded.markers}:
        check(frames.events(recorded, each), "events")
    for kind in ("dispatches", "probe_calls", "publications"):
        frame = check(getattr(frames, kind)(recorded), kind)
        assert len(frame) == len(getattr(recorded, kind))
        assert json.loads(json.dumps(frame.attrs)) == frame.attrs
    assert len(check(frames.markers(recorded), "markers")) == len(recorded.markers)
    assert json.loads(json.dumps(stored.attrs)) == stored.attrs


def test_dispatches_probe_calls_and_publications():
    recorded = capture(
        [FILL, QUERY],
        dispatches=[(20, 9, 1, 4, 2, 0, 7, 1), (10, 5, 0, 3, 1, 1, 7, 0)],
        probe_calls=[(11, 4, 0, "g", 0, 0, "KeyError", 7), (21, 3, 1, "f", 0, 1, None, 7)],
        publications=[
            (5, 0, "connect", "g", 3, 1, 100, 7),
            (6, 1, "batch", "", 4, 2, None, 7),
            (7, 1, "else", "h", 5, 0, None, 7),
        ],
    )
    frame = frames.dispatches(recorded)
    assert frame.to_dict("list") == {
        "ts": [10, 20],
        "dur": [5, 9],
        "marker": ["orders.fill", "db.query"],
        "generation": [3, 4],
        "fanout": [1, 2],
        "errors": [1, 0],
        "tid": [7, 7],
        "seq": [0, 1],
    }
    calls, changes = frames.probe_calls(recorded), frames.publications(recorded)
    assert calls["probe"].tolist() == ["g", "f"]
    assert calls["error"].isna().tolist() == [False, True]
    assert calls["dispatch"].tolist() == [0, 1]
    assert changes["grace"].tolist() == [100, pd.NA, pd.NA]
    assert changes["action"].tolist() == ["connect", "batch", "else"]
    assert changes["action"].cat.categories.tolist() == [*ACTIONS, "else"]
    assert changes["probe"].isna().tolist() == [False, True, False]
    # One list of probes, so that the two can be merged.
    assert calls["probe"].cat.categories.tolist() == ["f", "g", "h"]
    assert changes["probe"].cat.categories.tolist() == ["f", "g", "h"]


@pytest.mark.parametrize("kind", ["dispatches", "probe_calls", "publications"])
def test_empty_tables_have_the_full_schema(kind):
    frame = getattr(frames, kind)(capture([]))
    assert [(c, kind_of(frame[c].dtype)) for c in frame.columns] == [
        (column.name, column.kind) for column in FRAMES[kind]
    ]


def test_markers_of_a_capture_and_live_ones():
    live = [kit.marker("test.build.a", qty=int), kit.span("test.build.b", sql=str)]
    frame = frames.markers(live)
    assert frame["marker"].tolist() == ["test.build.a", "test.build.b"]
    assert frame["fields"].tolist() == ["qty %d", "sql %s"]
    assert frame["span"].tolist() == [False, True]
    assert frame.attrs == {}
    recorded = frames.markers(capture([info("a", fired=9, qty=int)]))
    assert recorded.iloc[0].tolist() == ["a", "qty %d", False, "program.module", 12, 1, 3, 9]
    assert recorded.attrs["host"] == "host"
    assert len(frames.markers([])) == 0


def test_attrs_tell_what_is_not_in_the_frame():
    threads = [
        thread([(1, 0, ())], 4, "a", lost={"m": 3, "n": 0}, overwritten={"m": 1}),
        thread([], 4, "b", lost={"m": 4}),
        thread([], 5, "c"),
    ]
    options = {"capacity": 9, "mode": "overwrite", "stopped": 8}
    missing = {"skipped": {"m": 2, "n": 0, "\udc80": 1}, "lost_dispatches": 6}
    made = capture([info("m")], *threads, **options, **missing)
    frame = frames.events(made)
    attrs = frame.attrs
    assert attrs["skipped"] == {"m": 2, "\\udc80": 1}
    assert attrs["lost_dispatches"] == 6
    assert frames.dispatches(made).attrs["lost_dispatches"] == 6
    assert attrs["lost"] == {"4": {"m": 7, "n": 0}}
    assert attrs["overwritten"] == {"4": {"m": 1}}
    assert attrs["kept_from"] == {"4": 1}
    assert attrs["threads"] == {"4": "a, b", "5": "c"}
    assert frames.thread_names(frame) == {4: "a, b", 5: "c"}
    assert (attrs["capacity"], attrs["mode"], attrs["stopped"]) == (9, "overwrite", 8)
    assert (attrs["clock"], attrs["wall"], attrs["pid"]) == ("monotonic", 17 * 10**17, 7)
    assert attrs["formats"] == {"m": ""}
    assert pd.concat([frame, frame.copy()]).attrs == attrs


def test_wall_time():
    frame = frames.events(capture([info("m")], [(1, 0, ())]))
    assert str(frames.wall_time(frame)[0]) == "2023-11-14 22:13:20.000000001+00:00"
    with pytest.raises(FrameError, match="'when' is missing"):
        frames.wall_time(frame, "when")
    frame.attrs.clear()
    with pytest.raises(FrameError, match=r"no attrs\['wall'\]"):
        frames.wall_time(frame)


def test_from_a_live_recorder():
    mark, work = kit.marker("test.build.live", n=int), kit.span("test.build.work", what=str)

    def run():
        for n in range(100):
            with work("w"):
                mark(n)

    with (
        kit.record("test.build.live", dispatches=True) as first,
        kit.record("test.build.*") as both,
    ):
        workers = [threading.Thread(target=run, name=f"worker {k}") for k in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert sorted(first.frame("test.build.live")["n"]) == sorted([*range(100)] * 3)
    assert len(first.dispatches()) == 300
    assert first.dispatches()["fanout"].eq(2).all()
    frame = both.frame()
    assert frame["marker"].value_counts().to_dict() == {
        "test.build.live": 300,
        "test.build.work": 300,
        **{
            name: 0 for name in frame["marker"].cat.categories if name not in (mark.name, work.name)
        },
    }
    assert both.frame("test.build.work")["dur"].gt(0).all()
    assert {"worker 0", "worker 1", "worker 2"} <= set(frames.thread_names(frame).values())
    for _, of_thread in frame.groupby("tid"):
        assert sorted(of_thread["seq"]) == list(range(200))


def test_dtypes_are_the_declared_ones():
    assert {kind: str(dtype) for kind, dtype in DTYPES.items()} == {
        "stamp": "int64",
        "int": "Int64",
        "float": "Float64",
        "bool": "boolean",
        "str": "string",
        "label": "category",
    }
    assert DTYPES["str"].storage == "pyarrow"


def test_a_flight_recorders_frame_says_since_when_each_thread_is_whole():
    """Seen to fail where threads are in it whose events have not given way to newer ones."""
    with isolated():
        tick = kit.marker("frames.kept", n=int)

        over = threading.Barrier(3)  # while one is there, no other can have its tid

        def fire(count: int) -> None:
            for n in range(count):
                tick(n)
            over.wait()

        with kit.record("frames.kept", capacity=100, mode="overwrite") as events:
            threads = [threading.Thread(target=fire, args=(count,)) for count in (1000, 1, 500)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        frame = events.frame()
        first = frame.groupby("tid")["ts"].min()
        assert len(first) == 3
        gave_way = frame.attrs["overwritten"]
        assert gave_way
        assert frame.attrs["kept_from"] == {tid: first[int(tid)] for tid in gave_way}
