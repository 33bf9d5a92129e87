"""Sessions: everything together, into files, each event once, whatever happens."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import kit
from kit.frames._opening import SavedSession
from kit.probes.captures import _file as capture_file
from kit.probes.captures._leftovers import Unfinished
from kit.probes.recorder._recorder import Recorder
from kit.testing import isolated

ROOT = Path(kit.__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _registry_as_it_was():
    with isolated():
        yield


@pytest.fixture
def fill():
    return kit.marker("session.fill", qty=int, sym=kit.Label)


def opened(folder) -> SavedSession:
    kept = kit.open(folder)
    assert isinstance(kept, SavedSession)
    return kept


def test_all_of_it_starts_stops_and_opens_again(fill: kit.Marker, tmp_path) -> None:
    run = kit.session(tmp_path / "run", every=0.05)
    run.record(fill.name, mode="overwrite", capacity=50_000, when="qty != 5")
    sizes = run.aggregate(fill, "qty", by="sym", histogram="log2", name="sizes")
    counts = run.aggregate(fill, name="counts", when="qty > 3")
    reject = run.trigger(fill, lambda: None, when="qty == 7", name="seven")
    fill(100, "before")
    before = fill.generation
    with run:
        assert fill.generation == before + 1  # all in one publication
        assert run.running
        for qty in range(10):
            fill(qty, "AB"[qty % 2])
        running = fill.generation
    assert fill.generation == running + 1
    fill(100, "after")
    assert (run.running, reject.armed, sizes.running, fill.fanout) == (False, False, False, 0)
    kept = opened(tmp_path / "run")
    assert kept.complete
    assert kept.frame()["qty"].tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert kept.frame(fill.name)["sym"].tolist() == list("ABABAABAB")
    assert kept.frame().attrs["filtered"] == {fill.name: {"condition": 1}}
    assert str(kept.aggregates["sizes"]) == str(sizes)
    assert kept.aggregates["sizes"].frame().equals(sizes.frame())
    assert kept.aggregates["sizes"].buckets(("A",)) == sizes.buckets("A")
    assert kept.aggregates["counts"].count == counts.count == 6
    assert kept.triggers["seven"]["fired"] == 1
    assert kept.triggers["seven"]["firings"][0]["values"] == {"qty": "7", "sym": "'B'"}
    described = kept.manifest["recorders"]["events"]
    assert (described["mode"], described["written"], described["lost"]) == ("overwrite", 9, {})
    assert "9 events" in repr(kept)
    assert "9 events written" in repr(run)


def test_recorder_and_aggregate_see_the_same_events_while_others_fire(fill, tmp_path) -> None:
    """Seen to fail when a session stopped its recorders before its aggregates."""
    over = threading.Event()

    def fire() -> None:
        while not over.is_set():
            fill(1, "A")

    busy = threading.Thread(target=fire)
    busy.start()
    try:
        for number in range(20):
            run = kit.session(tmp_path / str(number))
            events = run.record(fill, name="events")
            counted = run.aggregate(fill, name="counts")
            with run:
                while not counted.count:
                    time.sleep(0)
            assert run.written["events"] + events.lost == counted.count
    finally:
        over.set()
        busy.join()


def test_rotation_holds_each_event_once(fill: kit.Marker, tmp_path) -> None:
    run = kit.session(tmp_path / "run", every=0.01)
    run.record(fill.name, capacity=1000)

    fired = [0] * 4

    def storm(who: int) -> None:
        while len(run.files) < 4:
            fill(fired[who], f"thread {who}")
            fired[who] += 1
            if fired[who] % 100 == 0:
                time.sleep(0.001)  # the writer is a thread like any other

    with run:
        threads = [threading.Thread(target=storm, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    kept = opened(tmp_path / "run")
    frame = kept.frame(fill.name)
    described = kept.manifest["recorders"]["events"]
    lost = sum(described["lost"].values())
    assert len(frame) + lost == sum(fired)
    assert described["written"] == len(frame) == sum(f["events"] for f in described["files"])
    assert len(kept.files["events"]) == len(described["files"]) > 3
    assert not frame.duplicated(["sym", "qty"]).any()
    assert sum(sum(of.values()) for of in frame.attrs["lost"].values()) == lost
    assert frame["ts"].is_monotonic_increasing
    for _, events in frame.groupby("tid"):
        assert events["seq"].tolist() == list(range(len(events)))


def test_what_is_recorded_while_it_stops_is_in_its_files(
    fill: kit.Marker, tmp_path, monkeypatch
) -> None:
    """Seen to fail when its thread wrote the last file before the recorders were stopped."""
    run = kit.session(tmp_path / "run", every=0.01)
    run.record(fill)
    disconnect = Recorder._disconnect

    def slowly(recorder, at) -> bool:
        run.join(0.3)  # as long as it likes, to write what it takes for the last file
        fill(7, "late")
        return disconnect(recorder, at)

    run.start()
    monkeypatch.setattr(Recorder, "_disconnect", slowly)
    run.stop()
    assert run.join(30)
    assert kit.open(tmp_path / "run").frame()["sym"].tolist() == ["late"]


def test_what_is_in_it_has_one_name_each(fill: kit.Marker, tmp_path) -> None:
    """Seen to fail when the number of all events is called as the recorder is, and 1 is many."""
    run = kit.session(tmp_path / "run")
    run.record(fill)
    run.aggregate(fill, name="how-many")
    with run:
        fill(1, "a")
    kept = opened(tmp_path / "run")
    assert "1 event in 1 file, 1 aggregate, 0 triggers, complete>" in repr(kept)
    page = kept._repr_html_()
    assert page.count(">events</th>") == 1
    assert "1 event in 1 file<" in page
    kept.unfinished.append(Unfinished(tmp_path / "half", "nobody knows"))
    assert "1 unfinished file beside it" in repr(kept)


def test_what_comes_later_has_its_columns(fill: kit.Marker, tmp_path) -> None:
    run = kit.session(tmp_path / "run", every=0.01)
    events = run.record("session.*", context="thread")
    with run:
        fill(1, "A")
        while len(run.files) != 1:
            assert run.last_error is None
        nap = kit.span("session.nap", why=str)
        with nap("tired"):
            pass
    assert events.lost == 0
    kept = opened(tmp_path / "run")
    frame = kept.frame()
    assert frame["marker"].tolist() == ["session.fill", "session.nap"]
    assert frame["qty"].isna().tolist() == [False, True]
    assert frame["why"].isna().tolist() == [True, False]
    assert frame["dur"].isna().tolist() == [True, False]
    assert frame["thread"].tolist() == ["MainThread"] * 2
    assert kept.frame("session.nap")["why"].tolist() == ["tired"]
    with pytest.raises(kit.errors.NotConnectedError):
        kept.frame("session.none")


def test_a_trigger_stops_all_of_it_at_its_event(fill: kit.Marker, tmp_path) -> None:
    run = kit.session(tmp_path / "run", every=60)
    run.record(fill.name)
    run.trigger(fill, run.stop, when="qty == 3", priority=1000)
    run.start()
    for qty in range(10):
        fill(qty, "A")
    assert run.join(60)
    assert opened(tmp_path / "run").frame()["qty"].tolist() == [0, 1, 2, 3]
    run.stop()
    with pytest.raises(RuntimeError, match="over"):
        run.start()
    with pytest.raises(RuntimeError, match="over"):
        run.record(fill.name, name="more")


def test_limits_of_time_and_size(fill: kit.Marker, tmp_path) -> None:
    run = kit.session(tmp_path / "time", max_seconds=0.01)
    run.record(fill.name)
    run.start()
    assert run.join(60)
    assert opened(tmp_path / "time").complete

    run = kit.session(tmp_path / "stop", every=0.01, max_bytes=1)
    run.record(fill.name)
    run.start()
    fill(1, "A")
    assert run.join(60)
    assert opened(tmp_path / "stop").frame()["qty"].tolist() == [1]

    run = kit.session(tmp_path / "oldest", every=0.01, max_bytes=1, full="oldest")
    run.record(fill.name)
    with run:
        for qty in range(5):
            fill(qty, "A")
            while run._events.finished("events") != qty + 1:  # each in a file of its own
                assert run.last_error is None
                time.sleep(0.001)
    kept = opened(tmp_path / "oldest")
    described = kept.manifest["recorders"]["events"]
    assert (described["written"], described["removed"]) == (5, sum(run.removed.values()))
    left = kept.frame()["qty"].tolist() if kept.files["events"] else []
    assert left == list(range(5))[described["removed"] :]
    assert described["removed"] >= 3


def test_what_cannot_be_made_is_tried_again(
    fill: kit.Marker, tmp_path, monkeypatch, caplog
) -> None:
    """The recorder stays in its file until the next one can be made."""
    reserve = capture_file._reserve
    fails = []

    def full_disk(*args):
        if fails:
            raise fails.pop()
        reserve(*args)

    monkeypatch.setattr(capture_file, "_reserve", full_disk)
    run = kit.session(tmp_path / "run", every=0.01)
    run.record(fill.name)
    with run:
        fails += [OSError(28, "No space left on device")] * 2
        fill(1, "A")
        while fails or not run.files:
            pass
        fill(2, "A")
    assert "No space left" in run.last_error
    assert "could not begin a file" in caplog.text
    assert opened(tmp_path / "run").frame()["qty"].tolist() == [1, 2]
    assert run.written == {"events": 2}
    assert [path.name for path in sorted((tmp_path / "run").glob("*.kit"))] == [
        "events-000001.kit",
        "events-000002.kit",
    ]


def test_what_says_nothing_is_refused(fill: kit.Marker, tmp_path) -> None:
    for options in ({"every": 0}, {"max_seconds": "1"}, {"max_bytes": -1}, {"full": "newest"}):
        with pytest.raises(ValueError, match=next(iter(options))):
            kit.session(tmp_path / "run", **options)
    run = kit.session(tmp_path / "run")
    run.record(fill.name)
    with pytest.raises(ValueError, match="give another"):
        run.aggregate(fill, name="events")
    for name in ("", "../up", ".hidden", "a/b", "a b", 3):
        with pytest.raises(ValueError, match="a name is"):
            run.record(fill.name, name=name)
    with run:
        with pytest.raises(FileExistsError):
            kit.session(tmp_path / "run").start()
    with pytest.raises(FileExistsError, match="another folder"):
        kit.session(tmp_path / "run")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no session"),
        ("", "manifest.json is empty, for its program was killed"),
        ("[]", "damaged"),
        ("{}", "damaged"),
        ('{"format": "x", "version": 1}', "damaged or foreign"),
        (
            '{"format": "markers-kit session", "version": 99, "recorders": {}, "aggregates": {}}',
            "version 99",
        ),
    ],
)
def test_a_folder_that_is_none_or_damaged(tmp_path, text, says) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(kit.errors.CaptureError, match=says):
        kit.open(tmp_path)


def test_several_recorders_are_asked_for_by_name(fill: kit.Marker, tmp_path) -> None:
    run = kit.session(tmp_path / "run")
    run.record(fill.name, name="one")
    run.record(fill.name, name="one-2", when="qty > 1")
    with run:
        fill(1, "A")
        fill(2, "A")
    kept = opened(tmp_path / "run")
    assert kept.frame(recorder="one")["qty"].tolist() == [1, 2]
    assert kept.frame(recorder="one-2")["qty"].tolist() == [2]
    with pytest.raises(kit.errors.CaptureError, match="say which"):
        kept.frame()
    with pytest.raises(kit.errors.CaptureError, match="no 'two'"):
        kept.frame(recorder="two")


def test_a_child_process_leaves_the_session_alone(fill: kit.Marker, tmp_path) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    run = kit.session(tmp_path / "run", every=60)
    run.record(fill.name)
    with run:
        fill(1, "A")
        child = os.fork()
        if child == 0:
            fill(2, "A")
            run.stop()
            os._exit(len(list((tmp_path / "run").iterdir())))
        assert os.waitpid(child, 0)[1] >> 8 == 2  # the manifest, and the parent's file
    assert opened(tmp_path / "run").frame()["qty"].tolist() == [1]


KILLED = """
import sys, threading, time
import kit

tick = kit.marker("killed.tick", who=int, n=int)
run = kit.session(sys.argv[1], every=0.01)
run.record("killed.tick", capacity=20_000)
run.aggregate("killed.tick", by="who")
run.start()

def storm(who):
    n = 0
    while True:
        tick(who, n)
        n += 1
        if n % 100 == 0:
            time.sleep(0.001)

for who in range(2):
    threading.Thread(target=storm, args=(who,), daemon=True).start()
while True:
    print(run.written.get("events", 0), flush=True)
    time.sleep(0.001)
"""


def test_killed_in_the_middle_each_event_reported_as_written_is_there_once(tmp_path) -> None:
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("no kill -9 here")
    folder = tmp_path / "run"
    program = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    reported = 0
    for line in program.stdout:
        reported = int(line)
        if reported and len(list(folder.glob("events-*.kit"))) >= 3:
            break
    program.send_signal(signal.SIGKILL)
    # What it said before the kill reached it counts as well.
    with program.stdout:
        said = program.stdout.read().split("\n")[:-1]
    reported = int(said[-1]) if said else reported
    assert program.wait() == -signal.SIGKILL
    kept = opened(folder)
    assert not kept.complete
    frame = kept.frame("killed.tick")
    assert len(frame) >= reported > 0
    assert not frame.duplicated(["who", "n"]).any()
    lost = kept.recordings()[-1].lost
    for _, events in frame.groupby("tid"):
        # Every event of a thread from its first on, but for those that found no room.
        assert events["seq"].tolist() == list(range(len(events)))
        assert lost or events["n"].tolist() == list(range(len(events)))
    json.loads((folder / "manifest.json").read_bytes())


def test_what_was_observed_of_dispatches_is_there_once(fill: kit.Marker, tmp_path) -> None:
    run = kit.session(tmp_path / "run", every=0.01)
    run.record(fill.name, dispatches=True)
    with run:
        for qty in range(4):
            fill(qty, "A")
            while run._events.finished("events") != qty + 1:  # each in a file of its own
                assert run.last_error is None
                time.sleep(0.001)
    kept = opened(tmp_path / "run")
    assert len(kept.files["events"]) > 3
    assert len(kept.dispatches()) == len(kept.probe_calls()) == 4
    assert len(kept.publications()) == 2
    assert kept.markers()["marker"].tolist() == [fill.name]
    assert kept.events(fill.name).equals(kept.frame(fill.name))


def test_what_cannot_start_leaves_nothing_behind(fill: kit.Marker, tmp_path) -> None:
    run = kit.session(tmp_path / "run")
    events = run.record(fill.name)
    run.trigger(fill, lambda: None, when="qyt > 3")
    with pytest.raises(kit.errors.ConditionError, match="did you mean 'qty'"):
        run.start()
    assert (run.running, events.running, fill.fanout) == (False, False, 0)
    assert list((tmp_path / "run").iterdir()) == []
