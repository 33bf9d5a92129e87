import io
import json
import os
import random
import stat
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kit
from kit import frames
from kit.core._format import Label
from kit.errors import CaptureError, FrameError
from kit.frames import _parquet as store
from kit.frames._recording import recording

from .captures import VALUES, capture, captures, info, one, thread

FILL = info("orders.fill", qty=int, px=float, sym=Label, note=str, last=bool)
QUERY = info("db.query", is_span=True, sql=str)
RECORDED = capture(
    [FILL, QUERY],
    [
        (10, 0, (1, float("nan"), "ACME", "x\0", True)),
        (40, 1, (5, None, "select \udc80")),
        (30, 1, (20, "OSError", "select 2")),
        (41, 0, (None, None, None, None, None)),
    ],
    dispatches=[(10, 5, 0, 3, 1, 1, 7, 0)],
    probe_calls=[(11, 4, 0, "g", 0, 0, "KeyError", 7)],
    publications=[(5, 0, "connect", "g", 3, 1, 100, 7), (6, 1, "batch", "", 4, 2, None, 7)],
)
KINDS = ("dispatches", "probe_calls", "publications", "markers")


@pytest.fixture
def saved(tmp_path):
    return frames.save(RECORDED, tmp_path / "run.parquet")


def assert_same(a, b):
    """Equal in every respect, NaN and missing told apart."""
    pd.testing.assert_frame_equal(a, b, check_exact=True)
    assert a.attrs == b.attrs
    for name in a.columns:
        if str(a[name].dtype) == "Float64":
            there = a[name].notna().to_numpy()
            assert (there == b[name].notna().to_numpy()).all()
            values = [f[name].to_numpy(float, na_value=0.0)[there] for f in (a, b)]
            assert np.array_equal(*values, equal_nan=True)


def assert_same_recording(a, b):
    assert_same(a.stored, b.stored)
    assert a.layout == b.layout
    for kind in KINDS:
        assert_same(a.others[kind], b.others[kind])


@settings(max_examples=30)
@given(recorded=captures())
def test_everything_comes_back(recorded, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run.parquet"
    kept = frames.open(frames.save(recorded, path))
    assert_same_recording(kept, recording(recorded))
    # And once more, from what was opened.
    assert_same_recording(frames.open(frames.save(kept, path)), kept)
    for name in {each.name for each in recorded.markers}:
        built, opened = frames.events(recorded, name), kept.events(name)
        if recorded.context:  # what did not fit a context column is not counted by marker
            for frame in (built, opened):
                frame.attrs["misfits"].pop("*", None)
        assert_same(opened, built)


@pytest.mark.parametrize("type", VALUES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(data=st.data())
def test_the_values_of_each_type_come_back(type, data, tmp_path):
    values = data.draw(st.lists(VALUES[type] | st.none(), max_size=8))
    recorded = one(type, values)
    kept = frames.open(frames.save(recorded, tmp_path / "one.parquet"))
    assert_same(kept.events("m"), frames.events(recorded, "m"))
    assert_same(kept.events(), frames.events(recorded))


def test_pandas_opens_the_file_as_the_events_frame(saved):
    frame = pd.read_parquet(saved)
    events = frames.events(RECORDED)
    # Plain pandas makes a NaN missing; all else is as it was recorded.
    assert frame["px"].isna().tolist() == [True, True, True, True]
    assert_frame = frame.drop(columns="px")
    for name in assert_frame.select_dtypes("category"):
        assert_frame[name] = assert_frame[name].cat.set_categories(events[name].cat.categories)
    pd.testing.assert_frame_equal(assert_frame, events.drop(columns="px"))
    assert frame.dtypes.astype(str).to_dict() == events.dtypes.astype(str).to_dict()
    assert frame.attrs == events.attrs


def test_the_recording_answers_what_a_recorder_answers(saved):
    kept = kit.open(saved)
    assert len(kept) == 4
    assert kept.names == ("orders.fill", "db.query")
    assert_same(kept.frame("db.query"), frames.events(RECORDED, "db.query"))
    for kind in KINDS:
        assert_same(getattr(kept, kind)(), getattr(frames, kind)(RECORDED))
    assert repr(kept) == "<Recording: 4 events of 2 markers>"
    with pytest.raises(LookupError, match="'nope' was recorded"):
        kept.events("nope")


def test_lost_and_overwritten_come_back(tmp_path):
    threads = [thread([], 4, lost={"a": 1_000}, overwritten={"a": 2, "b": 3}), thread([], 5)]
    missing = {"skipped": {"a": 3, "b": 1}, "lost_dispatches": 1_200}
    kept = frames.open(frames.save(capture([info("a")], *threads, **missing), tmp_path / "x"))
    assert (kept.lost, kept.overwritten, kept.skipped, kept.lost_dispatches) == (1000, 5, 4, 1200)
    assert repr(kept) == (
        "<Recording: 0 events of 1 marker, 1,000 lost, 5 overwritten, 4 skipped, "
        "1,200 dispatches lost>"
    )
    assert kept.events().attrs["skipped"] == missing["skipped"]


def test_files_from_before_some_counts_were_kept_can_be_opened(tmp_path):
    events = frames.events(capture([info("a")]))
    del events.attrs["skipped"], events.attrs["lost_dispatches"]
    kept = frames.open(frames.save(events, tmp_path / "x"))
    assert (kept.skipped, kept.lost_dispatches) == (0, 0)


def test_a_frame_that_is_written_to_leaves_the_recording_alone(saved):
    kept = frames.open(saved)
    for get in (kept.events, lambda: kept.events("db.query"), kept.dispatches, kept.markers):
        frame = get()
        frame.iloc[0, 0] = frame.iloc[-1, 0]
        frame.attrs["host"] = "other"
        frame.attrs["threads"]["99"] = "other"
    kept.attrs["host"] = "other"
    assert_same_recording(kept, recording(RECORDED))


def test_an_opened_frame_can_be_written_to(saved):
    # The recording is gone, so the frame alone owns its arrays, and pandas writes into them.
    for frame in (kit.open(saved).events(), kit.open(saved).dispatches()):
        frame.loc[0, "ts"] = 3
        frame.loc[0, "tid"] = 4
        assert frame.loc[0, ["ts", "tid"]].tolist() == [3, 4]


def test_a_clash_of_types_is_saved_whole(tmp_path):
    a, b = info("a.b", value=int), info("c.d", value=str)
    recorded = capture([a, b], [(1, 0, (1,)), (2, 1, ("x",))])
    kept = frames.open(frames.save(recorded, tmp_path / "clash.parquet"))
    assert_same(kept.events("a.b"), frames.events(recorded, "a.b"))
    assert_same(kept.events("c.d"), frames.events(recorded, "c.d"))
    with pytest.raises(FrameError, match=r"int in marker 'a\.b' and str in marker 'c\.d'"):
        kept.events()


# What may be saved.


def test_a_recorder_is_saved_as_it_is_now(tmp_path):
    mark = kit.marker("test.store.live", n=int)
    with kit.record("test.store.live") as recorder:
        mark(1)
        path = frames.save(recorder, str(tmp_path / "live.parquet"))
        mark(2)
    assert path == tmp_path / "live.parquet"
    assert frames.open(path).events("test.store.live")["n"].tolist() == [1]


def test_a_filtered_frame_with_more_columns_is_saved(tmp_path):
    frame = frames.events(RECORDED)
    frame = frame[frame["ts"] > 10].assign(slow=lambda f: (f.dur > 10).astype("boolean"))
    kept = frames.open(frames.save(frame, tmp_path / "some.parquet"))
    assert_same(kept.events(), frame.reset_index(drop=True))
    assert list(kept.events("db.query").columns) == (
        ["ts", "dur", "marker", "error", "tid", "seq", "sql", "slow"]
    )
    assert kept.events("db.query")["dur"].dtype == "int64"
    assert kept.events("db.query")["slow"].tolist() == [True, False]
    assert "dur" not in kept.events("orders.fill").columns
    assert len(kept.dispatches()) == 0


@pytest.mark.parametrize("name", ["orders.fill", "db.query"])
def test_the_frame_of_one_marker_is_saved(name, tmp_path):
    frame = frames.events(RECORDED, name)
    kept = frames.open(frames.save(frame, tmp_path / "one.parquet"))
    assert_same(kept.events(name), frame)


def test_a_frame_without_attrs_is_saved(tmp_path):
    frame = frames.events(RECORDED)
    frame.attrs.clear()
    kept = frames.open(frames.save(frame, tmp_path / "bare.parquet"))
    assert_same(kept.events(), frame)
    # Nothing tells whose the columns are, so each marker has them all.
    assert "sql" in kept.events("orders.fill").columns
    assert kept.events("db.query")["dur"].dtype == "int64"


def test_frames_by_kind_are_saved(tmp_path):
    given = {"events": frames.events(RECORDED), "dispatches": frames.dispatches(RECORDED)}
    kept = frames.open(frames.save(given, tmp_path / "some.parquet"))
    assert_same(kept.dispatches(), given["dispatches"])
    assert len(kept.probe_calls()) == 0
    assert len(frames.open(frames.save({}, tmp_path / "none.parquet"))) == 0
    with pytest.raises(FrameError, match="no frame 'event'; there are events, dispatches"):
        frames.save({"event": given["events"]}, tmp_path / "x")
    with pytest.raises(FrameError, match="dispatches frame: column 'generation' is missing"):
        frames.save({"dispatches": given["dispatches"].drop(columns="generation")}, tmp_path / "x")


@pytest.mark.parametrize("value", [{1: "a"}, (1,), {1, 2}, object(), float("nan")])
def test_attrs_that_would_not_come_back_are_refused(value, tmp_path):
    frame = frames.events(RECORDED)
    frame.attrs["mine"] = value
    with pytest.raises(FrameError, match=r"events frame: attrs\['mine'\] is not plain JSON data"):
        frames.save(frame, tmp_path / "x.parquet")
    assert list(tmp_path.iterdir()) == []


def test_attrs_have_text_as_their_keys(tmp_path):
    frame = frames.events(RECORDED)
    frame.attrs[7] = "a"
    with pytest.raises(FrameError, match=r"attrs\[7\] is not plain JSON data"):
        frames.save(frame, tmp_path / "x.parquet")


# Writing.


def test_the_old_file_stays_whole_when_writing_fails(saved, monkeypatch):
    before = saved.read_bytes()

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        frames.save(RECORDED, saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_file_is_replaced_and_a_link_stays_a_link(saved):
    link = saved.with_name("link.parquet")
    link.symlink_to(saved.name)
    assert frames.save({}, link) == link
    assert link.is_symlink()
    assert len(frames.open(saved)) == 0
    assert sorted(p.name for p in saved.parent.iterdir()) == ["link.parquet", "run.parquet"]


def test_the_file_is_its_users_alone(saved):
    """Seen to fail when it was made with the permissions that any new file has."""
    before = os.umask(0)
    try:
        frames.save({}, saved)
    finally:
        os.umask(before)
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600


def test_what_is_no_file_is_not_replaced(tmp_path):
    """Seen to fail when a device, asked for by its name, was replaced by a file."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(CaptureError, match=r"is a (FIFO|folder), not a file"):
            frames.save({}, path)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_file_of_few_bytes_cannot_say_that_it_holds_very_much(tmp_path, monkeypatch):
    """Seen to fail when it was read all the same: what is alike takes no room in a file."""
    monkeypatch.setattr(store, "SPARE_CELLS", 1000)
    monkeypatch.setattr(store, "CELLS_A_BYTE", 10)
    path = frames.save(one(int, [1] * 100_000), tmp_path / "alike")
    with pytest.raises(CaptureError, match=r"[\d,]+ values in [\d,]+ bytes are more than"):
        frames.open(path)


def test_attrs_of_the_kits_own_names_are_what_they_have_to_be(tmp_path):
    """What could not be opened again is not saved. Seen to fail when only opening looked."""
    frame = frames.events(RECORDED)
    frame.attrs["lost"] = {"1": {"m": "many"}}
    with pytest.raises(FrameError, match=r"attrs\.lost\.1\.m: a whole number .*'many'"):
        frames.save(frame, tmp_path / "x.parquet")


def test_a_missing_folder_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        frames.save(RECORDED, tmp_path / "no" / "run.parquet")
    with pytest.raises(FileNotFoundError):
        frames.open(tmp_path / "none.parquet")


# Files that are not what they should be.


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty; save the capture again"),
        (b"\x89PNG\r\n", r"nor a recorder's; open what kit\.frames\.save or kit\.record"),
        (b"ts,dur\n1,2\n", r"is not a Parquet file"),
        (b"PAR1", r"is cut off"),
        (b"PAR1PAR1", r"is cut off"),
        (b"PAR1\0\0\0\0PAR1", r"is damaged"),
        (b"PAR1" + b"\xff" * 100 + b"\x20\0\0\0PAR1", r"is damaged"),
        (b"PAR1\xff\xff\xff\xffPAR1", r"is damaged"),
        (b"PAR1\xff\xff\xff\x7fPAR1", r"is damaged"),
    ],
)
def test_no_capture_at_all(content, message, tmp_path):
    path = tmp_path / "some.parquet"
    path.write_bytes(content)
    with pytest.raises(CaptureError, match=message) as caught:
        frames.open(path)
    assert "some.parquet" in str(caught.value)
    assert path.read_bytes() == content


def test_a_foreign_parquet_file(tmp_path):
    path = tmp_path / "foreign.parquet"
    pd.DataFrame({"ts": [1]}).to_parquet(path)
    with pytest.raises(CaptureError, match=r"not a capture.*pandas\.read_parquet"):
        frames.open(path)


def test_a_file_cut_off_anywhere(saved):
    content = saved.read_bytes()
    for length in range(0, len(content), 37):
        saved.write_bytes(content[:length])
        with pytest.raises(CaptureError, match=r"is (empty|not a Parquet|cut off|damaged)"):
            frames.open(saved)


def test_a_damaged_file_is_refused_or_read_as_it_was(saved):
    content, expected = saved.read_bytes(), frames.open(saved)
    chance, refused = random.Random(7), []
    for _ in range(300):
        broken = bytearray(content)
        broken[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        saved.write_bytes(broken)
        try:
            kept = frames.open(saved)
        except CaptureError as error:
            refused.append(str(error))
        else:
            assert_same_recording(kept, expected)
    assert len(refused) > 100
    assert all(repr(str(saved)) in message for message in refused)


def test_damage_within_a_page_is_found(tmp_path):
    chance = random.Random(1)
    rows = [(ts, 0, (chance.getrandbits(63),)) for ts in range(2000)]
    path = frames.save(capture([info("m", value=int)], rows), tmp_path / "noise.parquet")
    content = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(0).column(6)
    assert column.path_in_schema == "value"
    # Far from the header of its only page, where nothing but numbers are.
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CaptureError, match="is damaged"):
        frames.open(path)


def parts_of(path: Path):
    """Take a saved file apart, the way the description of the format says."""
    content = path.read_bytes()
    header = json.loads(pq.read_metadata(path).metadata[b"kit"])
    parts = {name: content[at : at + size] for name, (at, size, _) in header["parts"].items()}
    return pq.read_table(path), header["version"], parts


def put_together(path: Path, table, version, parts, /, **header):
    with path.open("wb") as file, pq.ParquetWriter(file, table.schema) as writer:
        writer.write_table(table)
        where = {}
        for name, part in parts.items():
            where[name] = [file.tell(), len(part), zlib.crc32(part)]
            file.write(part)
        writer.add_key_value_metadata(
            {"kit": json.dumps({"version": version, "parts": where} | header)}
        )


def test_the_format_is_as_described(saved):
    table, version, parts = parts_of(saved)
    assert version == store.VERSION == 1
    assert list(parts) == [*KINDS, "index"]
    for kind in KINDS:
        part = pd.read_parquet(io.BytesIO(parts[kind]))
        assert list(part.columns) == list(getattr(frames, kind)(RECORDED).columns)
    index = json.loads(parts["index"])
    assert set(index) == {"attrs", "categories", "layout"}
    assert index["categories"]["events"]["marker"] == ["orders.fill", "db.query"]
    put_together(saved, table, version, parts)
    assert_same_recording(frames.open(saved), recording(RECORDED))


def change_index(change):
    def apply(table, version, parts):
        index = json.loads(parts["index"])
        change(index)
        return table, version, parts | {"index": json.dumps(index).encode()}

    return apply


def change_column(name, values):
    def apply(table, version, parts):
        return table.set_column(table.column_names.index(name), name, values), version, parts

    return apply


def text_of_bytes(values):
    data = pa.array(values, pa.large_binary())
    return pa.Array.from_buffers(pa.large_string(), len(data), data.buffers())


TAMPERINGS = {
    "version": (lambda t, v, p: (t, 2, p), r"has version 2 of the capture format.*version 1"),
    "text version": (lambda t, v, p: (t, "x", p), r"has version 'x'"),
    "no index": (lambda t, v, p: (t, v, {k: p[k] for k in KINDS}), r"parts\.index is missing"),
    "no json": (lambda t, v, p: (t, v, p | {"index": b"{"}), r"is damaged \(JSONDecodeError"),
    "deep json": (lambda t, v, p: (t, v, p | {"index": b"[" * 10**6}), r"is damaged \(Recursion"),
    "a list": (lambda t, v, p: (t, v, p | {"index": b"[]"}), r"is damaged"),
    "other part": (lambda t, v, p: (t, v, p | {"markers": p["dispatches"]}), r"other columns"),
    "no parquet": (lambda t, v, p: (t, v, p | {"markers": b"PAR1"}), r"is damaged"),
    "no frame": (lambda t, v, p: (t, v, {k: x for k, x in p.items() if k != "markers"}), "damaged"),
    "less columns": (lambda t, v, p: (t.drop_columns("sql"), v, p), r"other columns"),
    "unsorted": (change_column("ts", pa.array([4, 3, 2, 1])), r"'ts' is not sorted"),
    "missing stamps": (change_column("tid", pa.array([1, None, 1, 1])), r"missing values"),
    "other type": (change_column("qty", pa.array([1.5] * 4)), r"'qty' is double, not int64"),
    "no dictionary": (change_column("sym", pa.array(["a"] * 4)), r"not a dictionary"),
    "unknown category": (
        change_column("sym", pa.array(["no"] * 4, pa.large_string()).dictionary_encode()),
        r"is damaged \(KeyError: 'no'",
    ),
    "no utf-8": (change_column("sql", text_of_bytes([b"\xff"] * 4)), r"is damaged \(ArrowInvalid"),
    "categories twice": (
        change_index(lambda i: i["categories"]["events"].update(sym=["ACME", "ACME"])),
        r"is damaged \(ValueError",
    ),
    "no categories": (
        change_index(lambda i: i["categories"].clear()),
        r"events is missing",
    ),
    "other markers": (
        change_index(
            lambda i: i["categories"]["events"].update(marker=["orders.fill", "db.query", "x"])
        ),
        r"are not the markers",
    ),
    "no layout": (change_index(lambda i: i.pop("layout")), r"index\.layout is missing"),
    "unknown kind": (
        change_index(lambda i: i["layout"]["payload"].update(qty=["qty", "stamp"])),
        r"payload\.qty\[1\]: one of int, float, bool, str, label, got 'stamp'",
    ),
    "unhashable kind": (
        change_index(lambda i: i["layout"]["payload"].update(qty=["qty", []])),
        r"is damaged",
    ),
    "unknown dur": (
        change_index(lambda i: i["layout"]["markers"].update({"db.query": ["str", []]})),
        r"markers\.db\.query\[0\]: one of int, stamp, got 'str'",
    ),
    "unknown column": (
        change_index(lambda i: i["layout"]["markers"].update({"db.query": ["stamp", ["x"]]})),
        r"marker 'db\.query' has columns that",
    ),
    "attrs": (change_index(lambda i: i["attrs"].update(events=[1])), r"is damaged"),
}


@pytest.mark.parametrize("how", TAMPERINGS)
def test_a_file_that_was_tampered_with(how, saved):
    tamper, message = TAMPERINGS[how]
    put_together(saved, *tamper(*parts_of(saved)))
    before = saved.read_bytes()
    with pytest.raises(CaptureError, match=message):
        frames.open(saved)
    assert saved.read_bytes() == before


@pytest.mark.parametrize(
    "where", [[-1, 4, 0], [0, -1, 0], [0, 10**12, 0], [0, 4, 0], [0, 4], "x", None]
)
def test_parts_that_are_nowhere(where, saved):
    table, version, parts = parts_of(saved)
    put_together(saved, table, version, {}, parts=dict.fromkeys(parts, where))
    with pytest.raises(CaptureError, match="is damaged"):
        frames.open(saved)


def test_the_path_may_be_anything_with_a_path(saved):
    class Anywhere(os.PathLike):
        def __fspath__(self):
            return str(saved)

    assert len(frames.open(Anywhere())) == 4
