"""What a recorder's file says of itself when it is done, and whose file it is meanwhile."""

import gc
import os
import random
import struct
import threading

import pytest

import kit
from kit.errors import CaptureError
from kit.probes.captures import _file as capture_file
from kit.probes.captures import _reader as capture_reading
from kit.probes.captures import _sealing as sealing
from kit.probes.captures._layout import LIVE, PAGE, PIECE, PIECE_MAGIC, Live
from tests.contract.conftest import PATIENCE
from tests.contract.test_captures import capture_layout, damage
from tests.contract.tools import LONG, run_apart, until

pd = pytest.importorskip("pandas", exc_type=ImportError)

MODES = ["discard", "overwrite"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.kit"


@pytest.fixture
def m(unique):
    return kit.marker(unique("m"), n=int, s=str)


def live(path):
    return Live._make(LIVE.unpack(path.read_bytes()[PAGE : PAGE + LIVE.size]))


def heads(path):
    """Where the pieces are, how many bytes are in use, and how many are sealed."""
    data, layout = path.read_bytes(), capture_layout(path)
    found = []
    for at in range(layout["arena"], len(data) - PIECE.size, layout["cell"]):
        magic, *_, summed, used = PIECE.unpack_from(data, at)
        if magic == PIECE_MAGIC:
            found.append((at, used, summed))
    return found


def fire(m, times, first=0):
    for n in range(first, first + times):
        m(n, "text" * (n % 9))


def numbers(path):
    frame = kit.open(path).frame()
    assert "damaged" not in frame.attrs, frame.attrs["damaged"]
    return frame["n"].tolist()


# Rule 36.


@pytest.mark.parametrize("how", ["renamed", "removed", "elsewhere"])
@pytest.mark.parametrize("then", ["rotate", "stop"])
def test_rule_36_what_became_of_the_name_does_not_matter(m, tmp_path, monkeypatch, how, then):
    """The file is finished where it is, and a stranger under its name is left alone.

    Seen to fail when a file was finished by its name: a stranger was cut off, and a rotation that
    had switched raised.
    """
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    precious = b"precious" * 200_000
    with kit.record(m.name, capacity=1000, path="a.kit") as events:
        fire(m, 3)
        assert events.path == tmp_path / "a.kit"
        if how == "elsewhere":
            monkeypatch.chdir(other)
        else:
            mine = tmp_path / "a.kit"
            mine.rename("moved.kit") if how == "renamed" else mine.unlink()
            mine.write_bytes(precious)
        if then == "rotate":
            assert events.rotate("b.kit") == 3
            fire(m, 2, first=3)
    if how == "elsewhere":
        assert numbers(tmp_path / "a.kit") == [0, 1, 2]
    else:
        assert (tmp_path / "a.kit").read_bytes() == precious
        if how == "renamed":
            assert numbers(tmp_path / "moved.kit") == [0, 1, 2]
            assert live(tmp_path / "moved.kit").closed
    if then == "rotate":
        assert numbers((other if how == "elsewhere" else tmp_path) / "b.kit") == [3, 4]


def test_rule_36_a_path_is_made_absolute_when_it_is_given(m, tmp_path, monkeypatch):
    """``~`` is expanded. Seen to fail when it was a folder of that name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with kit.record(m.name, capacity=10, path="~/a.kit") as events:
        fire(m, 1)
        events.rotate("~/b.kit")
    assert events.path == tmp_path / "b.kit"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.kit", "b.kit"]


def test_rule_36_a_rotation_that_has_switched_does_not_raise(m, path, monkeypatch, caplog):
    """What finishing the old file ran into is logged, and the file is as good as one of a kill."""

    def fails(*_):
        raise OSError("the disk is gone")

    with kit.record(m.name, capacity=100, path=path) as events:
        fire(m, 5)
        monkeypatch.setattr(os, "ftruncate", fails)
        assert events.rotate(path.with_name("2.kit")) == 5
        monkeypatch.undo()
        fire(m, 2, first=5)
    assert "the disk is gone" in caplog.text
    assert numbers(path) == list(range(5))
    assert numbers(path.with_name("2.kit")) == [5, 6]


def test_rule_36_only_its_own_file_is_removed(m, path, monkeypatch):
    """Where nothing could be started.

    Seen to fail when whatever had the name was removed.
    """

    def replaced(*_, **__):
        path.rename(path.with_name("moved.kit"))
        path.write_text("precious")
        raise RuntimeError("not now")

    monkeypatch.setattr(kit.probes.recorder._recorder, "connect", replaced)
    with pytest.raises(RuntimeError):
        kit.record(m.name, capacity=10, path=path)
    assert path.read_text() == "precious"


def test_rule_36_a_session_goes_on_where_it_began(m, tmp_path, monkeypatch):
    """Seen to fail when its folder was looked for in the folder of the moment."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    run = kit.session("run", every=0.01)
    run.record(m.name, capacity=1000)
    with run:
        fire(m, 10)
        monkeypatch.chdir("other")
        until(lambda: run.written["events"] == 10 and len(run.files) == 1)
        fire(m, 10, first=10)
    assert run.last_error is None
    opened = kit.open(tmp_path / "run")
    assert opened.complete
    assert opened.frame()["n"].tolist() == list(range(20))


@pytest.mark.parametrize("mode", MODES)
def test_rule_28_what_comes_after_the_last_file_is_lost(m, unique, tmp_path, monkeypatch, mode):
    """Seen to fail when it went to memory that nobody would look at, and into no count."""
    for place in ("sessions._session._LONGEST_GRACE", "recorder._recorder_file._LONGEST_WAIT"):
        monkeypatch.setattr(f"kit.probes.{place}", 0.01)
    asked, answer = threading.Event(), threading.Event()

    def slow():
        asked.set()
        assert answer.wait(PATIENCE)
        return 1

    name = unique("slow").replace(".", "_")
    kit.context(name, slow, int)
    run = kit.session(tmp_path / "run", every=60)
    events = run.record(m.name, capacity=1000, mode=mode, context=[name])
    late = threading.Thread(target=fire, args=(m, 1))
    try:
        with run:
            (handle,) = events.handles
            late.start()
            assert asked.wait(PATIENCE)
        assert run.written == {"events": 0}
        assert kit.open(run.folder).complete
    finally:
        answer.set()
        late.join(PATIENCE)
        kit.probes._context.CONTEXT.pop(name)
    assert (handle.calls, run.written["events"], events.lost, len(events)) == (1, 0, 1, 0)
    assert run.join(PATIENCE)
    until(lambda: kit.open(run.folder).manifest["recorders"]["events"]["lost"] == {m.name: 1})


def test_rule_28_a_recorder_of_a_session_that_is_over_can_be_used_again(m, tmp_path):
    """Seen to fail when it went on losing all that came."""
    run = kit.session(tmp_path / "run", every=60)
    events = run.record(m.name, capacity=5)
    with run:
        fire(m, 1)
    with events:
        fire(m, 7, first=1)
    assert events.frame()["n"].tolist() == [1, 2, 3, 4, 5]
    assert (run.written["events"], events.lost) == (1, 2)


def test_rule_36_a_session_removes_only_its_own_files(m, tmp_path):
    """Seen to fail when whatever had the name of its oldest file was removed."""
    run = kit.session(tmp_path / "run", every=0.01, max_bytes=1, full="oldest")
    run.record(m.name, capacity=100)
    with run:
        fire(m, 1)
        until(lambda: len(run.files) == 1)
        stranger = tmp_path / "run" / run.files[0]
        stranger.rename(tmp_path / "moved.kit")
        stranger.write_text("precious")
        for n in range(1, 4):
            fire(m, 1, first=n)
            until(lambda n=n: run.removed.get("events", 0) >= n - 1 and run.written["events"] > n)
    assert stranger.read_text() == "precious"


@pytest.mark.skipif(os.name != "posix", reason="there are no such modes here")
def test_rule_36_only_its_owner_may_read_it(m, path):
    """Seen to fail when it was made as the umask had it."""
    before = os.umask(0o022)
    try:
        with kit.record(m.name, capacity=10, path=path) as events:
            events.rotate(path.with_name("2.kit"))
    finally:
        os.umask(before)
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}


# Rule 37.


@pytest.fixture
def closed(prefix, path):
    """A closed file with texts, spans, three threads, and something lost or overwritten."""

    def make(mode):
        order = kit.marker(f"{prefix}.order", n=int, s=str, k=kit.Label)
        work = kit.span(f"{prefix}.work", size=int)
        size = 12_000 if mode == "overwrite" else None
        with kit.record(f"{prefix}.*", path=path, capacity=400, mode=mode, size=size):

            def some():
                for n in range(200):
                    order(n, "text" * (n % 30), f"k{n % 3}")
                    if n % 9 == 0:
                        with work(size=n):
                            pass

            for _ in range(2):
                thread = threading.Thread(target=some)
                thread.start()
                thread.join()
            some()
        return path

    return make


def shown(path):
    """All that a file says."""
    opened = kit.open(path)
    frame = opened.frame()
    attrs = {key: value for key, value in frame.attrs.items() if key != "damaged"}
    return frame.to_json(), opened.markers().to_json(), repr(attrs)


def test_rule_37_a_stopped_file_is_sealed_and_closed(closed):
    """Seen to fail when nothing was sealed at a stop."""
    for mode in MODES:
        path = closed(mode)
        assert live(path).closed >> 32 == 1
        assert heads(path)
        assert all(used == summed for _, used, summed in heads(path))
        assert "damaged" not in kit.open(path).attrs
        path.unlink()


def test_rule_37_pages_that_never_reached_the_disk_are_noticed(m, path):
    """The newest piece, all pieces, the middle of one, the counts, the live page.

    Seen to fail when a file did not say how many events it holds.
    """
    with kit.record(m.name, capacity=2000, path=path):
        fire(m, 1000)
    whole, pieces = path.read_bytes(), heads(path)
    layout = capture_layout(path)
    for at, length in (
        (pieces[-1][0], 4096),
        (pieces[0][0], len(whole)),
        (pieces[1][0], 512),
        (layout["threads"], 4096),
        (layout["names"], 4096),
        (PAGE, PAGE),
    ):
        end = min(at + length, len(whole))
        path.write_bytes(whole[:at] + bytes(end - at) + whole[end:])
        opened = kit.open(path)
        assert opened.attrs["damaged"], at
        assert set(opened.frame()["n"] if len(opened) else []) <= set(range(1000))
    path.write_bytes(whole[: pieces[0][0]] + bytes(len(whole) - pieces[0][0]))
    assert kit.open(path).attrs["damaged"]["events"] == 1000


def test_rule_37_a_value_that_was_changed_is_noticed(m, path):
    """Its piece is left out; the others are there.

    Seen to fail when what was sealed was not compared.
    """
    with kit.record(m.name, capacity=2000, path=path):
        fire(m, 1000)
    at, used, _ = heads(path)[1]
    (value,) = struct.unpack_from("=q", path.read_bytes(), at + PIECE.size + 16)
    damage(path, at + PIECE.size + 16, struct.pack("=q", value ^ 1))
    frame = kit.open(path).frame()
    assert used > 0
    assert frame.attrs["damaged"]["sums"] == 1
    assert frame["seq"].tolist() == frame["n"].tolist()
    assert len(frame) + frame.attrs["damaged"]["events"] == 1000


@pytest.mark.parametrize("mode", MODES)
def test_rule_37_any_flip_in_a_closed_file_is_noticed_or_changes_nothing(closed, mode):
    """Wherever something is: header, live page, declarations, slots, counts, heads and records.

    Seen to fail, 855 times of 2,701, when pieces were not sealed, and when the words at 4176, 4184
    and 4192 were not looked at.
    """
    path = closed(mode)
    data, before = path.read_bytes(), shown(path)
    used = [at for at in range(0, len(data), 8) if any(data[at : at + 8])]
    layout = capture_layout(path)
    edges = [0, PAGE, layout["names"], layout["threads"], layout["counts"], layout["arena"]]
    parts = [
        [at for at in used if begin <= at < end]
        for begin, end in zip(edges, [*edges[1:], len(data)], strict=True)
    ]
    first = heads(path)[0][0]
    parts += [[*range(PAGE, PAGE + 256, 8)], [*range(first, first + 64, 8)]]
    chance = random.Random(7)
    noticed = same = 0
    for _ in range(10_000 if LONG else 150):
        at = chance.choice(chance.choice(parts) or used) + chance.randrange(8)
        flipped = bytearray(data)
        flipped[at] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            if "damaged" in kit.open(path).attrs:
                noticed += 1
                continue
        except CaptureError:
            noticed += 1
            continue
        assert shown(path) == before, f"byte {at} is {flipped[at]:#x}"
        same += 1
    assert noticed > same


def test_rule_37_a_full_piece_is_sealed_while_others_are_filled(m, path):
    """Soon after it is full, and by nobody who records.

    Seen to fail when the thread did not run, and when it sealed the piece that was being filled.
    """
    with kit.record(m.name, capacity=2000, path=path):
        fire(m, 1000)
        until(lambda: all(used == summed for _, used, summed in heads(path)[:-1]))
        *full, newest = heads(path)
        assert len(full) > 5
        assert newest[2] == 0
        assert "damaged" not in kit.open(path).attrs
        assert not live(path).closed
        damage(path, full[2][0] + PIECE.size + 16, b"\xff\xff")
        frame = kit.open(path).frame()
        assert frame.attrs["damaged"]["sums"] == 1
        assert len(frame) + frame.attrs["damaged"]["events"] == 1000


@pytest.mark.parametrize("mode", MODES)
def test_rule_37_a_recorder_that_is_started_again_opens_its_file(m, path, mode, tmp_path):
    """At each moment the file is what a kill would leave, and nothing is damaged.

    Seen to fail when an event was added to a closed file.
    """
    copy = tmp_path / "copy.kit"
    events = kit.record(m.name, capacity=500, path=path, mode=mode)
    fired = 0
    for times in (5, 3, 200, 1):
        events.start()
        assert not live(path).closed
        for _ in range(times):
            fire(m, 1, first=fired)
            fired += 1
            if times < 100:
                copy.write_bytes(path.read_bytes())
                assert numbers(copy) == list(range(fired))
        events.stop()
        assert live(path).closed
        assert numbers(path) == list(range(fired))
        copy.write_bytes(path.read_bytes())
        assert numbers(copy) == list(range(fired))
    events.clear()
    assert not live(path).closed
    assert numbers(path) == []


@pytest.mark.parametrize("mode", MODES)
def test_rule_37_an_event_that_comes_after_the_stop(m, path, mode):
    """From a probe that was connected by hand: the file is not closed any more, nor damaged."""
    events = kit.record(m.name, capacity=500, path=path, mode=mode)
    fire(m, 5)
    events.stop()
    assert live(path).closed
    with m.connect(events.probe):
        fire(m, 1, first=5)
        assert not live(path).closed
        assert numbers(path) == list(range(6))
        fire(m, 300, first=6)
        assert numbers(path) == list(range(306))


def test_rule_37_what_is_lost_after_the_stop_is_counted(m, path):
    """Seen to fail when a count was changed in a closed file."""
    events = kit.record(m.name, capacity=5, path=path)
    fire(m, 6)
    events.stop()
    assert live(path).closed
    with m.connect(events.probe):
        fire(m, 2)
    assert not live(path).closed
    opened = kit.open(path)
    assert "damaged" not in opened.attrs
    assert opened.lost == 3


def test_rule_37_a_stop_inside_of_a_dispatch_is_closed_later(m, path, monkeypatch):
    """By the thread that seals, or by the next stop, which can wait."""
    events = kit.record(m.name, capacity=500, path=path)
    with kit.trigger(m.name, events.stop, when="n == 3"):
        fire(m, 10)
    assert not events.running
    assert not live(path).closed
    until(lambda: live(path).closed)
    assert numbers(path) == list(range(4))
    second = path.with_name("2.kit")
    monkeypatch.setattr(sealing._Sealing, "_look_at", lambda self, sink: True)
    with kit.record(m.name, capacity=500, path=second) as events:
        with kit.trigger(m.name, events.stop, when="n == 3"):
            fire(m, 10)
    assert live(second).closed
    assert numbers(second) == list(range(4))


@pytest.mark.parametrize("each", [3, 5, 7, 12])
@pytest.mark.parametrize("mode", MODES)
def test_rule_37_stops_and_starts_between_any_two_looks_of_a_reader(
    m, path, mode, each, monkeypatch
):
    """What it compares is of one moment. Seen to fail when it did not look again."""
    look = capture_reading._Reader.at
    events = kit.record(m.name, capacity=400, path=path, mode=mode)
    fired = steps = 0

    def at(self, place, length):
        nonlocal fired, steps
        steps += 1
        if steps % each == 0 and events.running:
            events.stop()
        elif steps % each == 0 and steps < 10 * each:
            events.start()
            fire(m, 2, first=fired)
            fired += 2
        return look(self, place, length)

    fire(m, 5)
    fired = 5
    for _ in range(3):
        events.stop()
        steps, before = 0, fired
        monkeypatch.setattr(capture_reading._Reader, "at", at)
        frame = kit.open(path).frame()
        monkeypatch.undo()
        assert frame.attrs.get("damaged") is None
        assert frame["n"].tolist() == list(range(len(frame)))
        assert before <= len(frame) <= fired
    events.stop()


def test_rule_37_a_file_that_a_recorder_has_left_is_closed(m, path):
    """Before `rotate` returns. Seen to fail when it was only finished."""
    with kit.record(m.name, capacity=1000, path=path) as events:
        fire(m, 300)
        events.rotate(path.with_name("2.kit"))
        assert live(path).closed
        assert all(used == summed for _, used, summed in heads(path))
        assert not live(path.with_name("2.kit")).closed
        stamp = int(kit.open(path).frame()["ts"].iloc[9])
        events.stop(at=stamp)  # it may have gone on a little too long
    assert live(path).closed
    assert numbers(path) == list(range(10))


def test_rule_37_on_the_disk_where_that_is_asked_for(m, path, monkeypatch):
    """When it is made, when a piece is full, at a rotation and at a stop; and not otherwise.

    Seen to fail when `durable` was not passed on to the next file.
    """
    synced = []
    fsync = os.fsync

    def counted(number):
        synced.append(os.fstat(number).st_ino)
        fsync(number)

    monkeypatch.setattr(os, "fsync", counted)
    with kit.record(m.name, capacity=1000, path=path.with_name("plain.kit")) as plain:
        fire(m, 300)
        plain.rotate(path.with_name("plain2.kit"))
    assert synced == []
    with kit.record(m.name, capacity=1000, path=path, durable=True) as events:
        one = path.stat().st_ino
        folder = path.parent.stat().st_ino
        assert synced == [one, folder]
        fire(m, 300)
        until(lambda: synced.count(one) > 1)
        fire(m, 5)
        before = synced.count(one)
        events.rotate(path.with_name("2.kit"))
        two = path.with_name("2.kit").stat().st_ino
        assert synced.count(one) > before
        before = synced.count(two)
    assert synced.count(two) > before
    with pytest.raises(ValueError, match="durable=True needs a file"):
        kit.record(m.name, durable=True)


def test_rule_37_a_session_may_ask_for_the_disk(m, tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(capture_file.CaptureFile, "flush", lambda self: synced.append(self.durable))
    run = kit.session(tmp_path / "run", every=100)
    run.record(m.name, capacity=100, durable=True)
    with run:
        fire(m, 5)
    assert True in synced
    assert False not in synced


def test_rule_37_nobody_looks_when_there_is_nothing_to_seal(path):
    """The thread ends, and there is none for a recorder in memory, nor in a forked child."""
    run_apart(
        """
import gc, os, sys, threading, time, kit
from kit.core._publication.threads import names
from kit.probes.captures import _sealing as sealing
sealing.EVERY = 0.01

def there():
    return [each for each in names.copy().values() if each == "kit-sealing"]

def until(true):
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)

m = kit.marker("m", n=int)
with kit.record("m"):
    m(1)
    time.sleep(0.05)
    assert not there()
for number in range(3):
    with kit.record("m", path=f"{sys.argv[1]}.{number}", capacity=100):
        until(there)
        if hasattr(os, "fork"):
            child = os.fork()
            if child == 0:
                time.sleep(0.05)
                os._exit(len(there()))
            assert os.waitpid(child, 0)[1] == 0
        m(1)
    until(lambda: not there())
abandoned = kit.record("m", path=f"{sys.argv[1]}.last", capacity=100)
until(there)
abandoned._running.pop()[0].disconnect()
del abandoned
until(lambda: gc.collect() >= 0 and not there())
""",
        path,
    )


def test_rule_37_a_closed_file_may_be_cut_off_by_anybody(m, path):
    """The thread that seals does not look into it any more.

    Seen to end the program when it looked whether the file was closed.
    """
    events = kit.record(m.name, capacity=100, path=path)
    fire(m, 5)
    events.stop()
    os.truncate(path, 0)
    sealing.look()
    events.stop()
    del events
    gc.collect()


def test_rule_36_a_descriptor_that_is_another_files_by_now(m, path, tmp_path):
    """A program that becomes a daemon closes all it has open, and opens other files.

    Seen to fail when the number was taken for the file: another one was cut off, and closed.
    """
    other = tmp_path / "other"
    other.write_bytes(b"precious" * 100_000)
    events = kit.record(m.name, capacity=100, path=path)
    fire(m, 3)
    number = events._sink.file._descriptor
    with other.open("r+b") as file:
        os.dup2(file.fileno(), number)
    assert events.rotate(tmp_path / "next.kit") == 3
    events.stop()
    del events
    gc.collect()
    assert other.read_bytes() == b"precious" * 100_000
    assert len(kit.open(path)) == 3
    os.close(number)  # it is open


@pytest.mark.parametrize("where", ["_watch", "add"])
def test_rule_36_what_interrupts_its_making_leaves_no_file(m, path, monkeypatch, where):
    """Seen to fail when only its first declaration was looked after."""

    class Interrupt(BaseException):
        pass

    def interrupted(*_):
        raise Interrupt

    monkeypatch.setattr(capture_file.CaptureFile, where, interrupted)
    with pytest.raises(Interrupt):
        kit.record(m.name, capacity=100, path=path)
    assert list(path.parent.iterdir()) == []
