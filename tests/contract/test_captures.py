"""A recorder with a path: its file holds what it has recorded, whatever becomes of the program."""

import os
import signal
import struct
import sys
import threading
import time

import pytest

import kit
from kit.errors import CaptureError
from kit.probes.captures import _file as capture_file
from kit.probes.captures import _layout as layouts
from kit.probes.captures import _reader as capture_reading
from kit.probes.captures import _sealing as sealing
from kit.probes.captures._layout import PAGE, PIECE, THREAD
from tests.contract import killing
from tests.contract.test_recorded_values import FITS, MISFITS
from tests.contract.tools import LONG, run_apart

pd = pytest.importorskip("pandas", exc_type=ImportError)

MODES = ["discard", "overwrite"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.kit"


def damage(path, at, data):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def arena(path):
    """Where the first piece of a file begins, and how far it is to the next."""
    layout = capture_layout(path)
    return layout["arena"], layout["cell"]


def capture_layout(path):
    import json

    with path.open("rb") as file:
        page = file.read(PAGE)
    length = struct.unpack_from("=I", page, 16)[0]
    return json.loads(page[24 : 24 + length])["layout"]


def same(one, other):
    pd.testing.assert_frame_equal(one, other)
    left, right = dict(one.attrs), dict(other.attrs)
    for attrs in (left, right):
        assert abs(attrs.pop("wall") - one.attrs["wall"]) < 1e9
        attrs.pop("started"), attrs.pop("stopped")
    assert left == right


# What it holds.


@pytest.mark.filterwarnings("ignore::kit.errors.MisfitWarning")
@pytest.mark.parametrize("mode", MODES)
def test_the_file_holds_what_a_recorder_in_memory_holds(unique, prefix, path, mode):
    """Values of every kind, spans, threads, context; while it runs, and when it is stopped.

    Seen to fail when a note on a value was written in another place, and when a thread's name was
    cut in the middle of a letter.
    """
    plain = kit.marker(unique("plain"), i=int, f=float, b=bool, s=str, k=kit.Label)
    span = kit.span(unique("span"), size=int)
    names = ("thread", "process")
    memory = kit.record(f"{prefix}.*", capacity=2000, mode=mode, context=names)
    kept = kit.record(f"{prefix}.*", capacity=2000, mode=mode, context=names, path=path)

    def fire():
        for kind, field in zip((int, float, bool, str, kit.Label), "ifbsk", strict=True):
            for value in [*FITS[kind], *MISFITS[kind]]:
                usual = {"i": 1, "f": 1.0, "b": True, "s": "text", "k": "label"}
                plain(**{**usual, field: value})
        with span(size=3):
            plain(1, 2.5, False, "x" * 70_000, "y" * 5)
        with pytest.raises(KeyError), span(size=4):
            raise KeyError("é")

    threads = [threading.Thread(target=fire, name=name) for name in ("ü", "ü" * 30, "x" + "ü" * 48)]
    for thread in threads:
        thread.start()
        thread.join()
    fire()
    opened = kit.open(path)
    for name in (None, plain.name, span.name):
        wanted = memory.frame(name)
        same(wanted, kept.frame(name)) if name else None
        found = opened.frame(name)
        # A file keeps the first 72 bytes of a thread's name.
        found.attrs["threads"] = kept.frame(name).attrs["threads"]
        same(found, kept.frame(name))
    assert len(memory.frame()) == len(opened)
    assert opened.attrs["stopped"] is None
    memory.stop(), kept.stop()
    assert kit.open(path).attrs["stopped"] == kept.snapshot().stopped
    assert kit.open(path).attrs["threads"] == {
        tid: name.encode()[:72].decode(errors="ignore")
        for tid, name in kept.frame().attrs["threads"].items()
    }
    assert kit.open(path).markers()["fired"].tolist() == [plain.fired, span.fired]


@pytest.mark.parametrize("mode", MODES)
def test_what_is_lost_or_gives_way_is_counted_in_the_file(unique, prefix, path, mode):
    """By thread and marker, as the recorder counts it.

    Seen to fail when counts were not written, and when the slot of another marker was.
    """
    markers = [kit.marker(unique(name), n=int) for name in ("a", "b", "c")]
    with kit.record(f"{prefix}.*", capacity=500, mode=mode, path=path) as events:

        def fire(times):
            for n in range(times):
                markers[n % 3](n)

        fire(400)
        for _ in range(3):
            thread = threading.Thread(target=fire, args=(1000,))
            thread.start()
            thread.join()
        fire(301)
        same(kit.open(path).frame(), events.frame())
    opened = kit.open(path)
    same(opened.frame(), events.frame())
    assert len(opened) + opened.lost + opened.overwritten == 3701
    assert (opened.lost > 0, opened.overwritten > 0) == (mode == "discard", mode == "overwrite")
    if mode == "discard":
        assert len(opened) == 500


@pytest.mark.parametrize("mode", MODES)
def test_room_in_bytes_may_end_before_the_capacity(unique, path, mode):
    """Seen to fail when a full file was written beyond its end."""
    m = kit.marker(unique("m"), n=int, s=str)
    with kit.record(m.name, capacity=10_000, mode=mode, path=path, size=100_000) as events:
        for n in range(5000):
            m(n, "x" * 500)
    opened = kit.open(path)
    numbers = opened.frame(m.name)["n"].tolist()
    same(opened.frame(), events.frame())
    assert len(numbers) + opened.lost + opened.overwritten == 5000
    assert numbers == (
        list(range(len(numbers))) if mode == "discard" else [*range(5000)][-len(numbers) :]
    )
    assert 150 < len(numbers) < 1000


@pytest.mark.parametrize("mode", MODES)
def test_text_as_long_as_can_be(unique, path, mode):
    """It takes several cells of the file; what is too long for all of it is lost."""
    m = kit.marker(unique("m"), s=str)
    with kit.record(m.name, capacity=200, mode=mode, path=path) as events:
        for size in (5, 65_536, 3, 65_536, 65_537, 5000, 1):
            m("😀" * size)
        same(kit.open(path).frame(), events.frame())
        for size in range(300):
            m("y" * size)
        same(kit.open(path).frame(), events.frame())
    small = kit.marker(unique("small"), s=str, t=str)
    with kit.record(small.name, capacity=1, mode=mode, path=path.with_name("b.kit"), size=1) as few:
        small("😀" * 65_536, "😀" * 65_536)
        small("a", "b")
    assert (len(few), few.lost) == (1, 1)
    assert kit.open(few.path).frame()["s"].tolist() == ["a"]


def test_more_threads_or_markers_than_the_file_can_name(unique, prefix, path, monkeypatch):
    """Their events are lost, and counted; the others are there.

    Seen to fail when a thread without a slot was given a piece all the same.
    """
    monkeypatch.setattr(layouts, "NAMES_ROOM", 800)
    laid_out = layouts.plan

    def small(*args, **kwargs):
        return laid_out(*args, **kwargs)._replace(most_threads=3, most_counts=1)

    monkeypatch.setattr(layouts, "plan", small)
    markers = [kit.marker(unique(f"m{number}"), n=int) for number in range(20)]
    events = kit.record(f"{prefix}.*", path=path, capacity=100)
    fired = 0
    for _ in range(4):
        for m in markers:
            thread = threading.Thread(target=m, args=(1,))
            thread.start()
            thread.join()
            fired += 1
    events.stop()
    opened = kit.open(path)
    assert 0 < len(opened.names) < 20
    assert len(opened) == len(events) == 2
    assert len(opened) + opened.lost == len(events) + events.lost == fired
    assert opened.attrs["lost"]["*"] == {"*": fired - 2}


def test_it_is_cleared_cut_and_started_again(unique, path):
    """Seen to fail when what was cut off at the last stop was left out after the next start."""
    m = kit.marker(unique("m"), n=int)
    events = kit.record(m.name, path=path, capacity=100)
    m(1)
    events.clear()
    assert len(kit.open(path)) == 0
    m(2)
    kit.open(path)
    stamp = int(events.frame()["ts"].iloc[0])
    m(3)
    events.stop(at=stamp)
    same(kit.open(path).frame(), events.frame())
    assert kit.open(path).frame()["n"].tolist() == [2]
    events.start()
    m(4)
    assert kit.open(path).frame()["n"].tolist() == events.frame()["n"].tolist() == [2, 4]
    events.clear()
    m(5)
    events.stop()
    assert kit.open(path).frame()["n"].tolist() == events.frame()["n"].tolist() == [5]


@pytest.mark.parametrize("mode", MODES)
def test_what_is_taken_away_stays_in_the_file(unique, path, mode):
    m = kit.marker(unique("m"), n=int)
    with kit.record(m.name, path=path, capacity=64, mode=mode) as events:
        taken = []
        for n in range(200):
            m(n)
            if n % 10 == 5:
                taken += events.drain()["n"].tolist()
        taken += events.drain()["n"].tolist()
        assert len(events) == 0
    found = kit.open(path)
    numbers = found.frame()["n"].tolist()
    assert taken == (list(range(64)) if mode == "discard" else list(range(200)))
    assert numbers == (
        list(range(64)) if mode == "discard" else list(range(200 - len(numbers), 200))
    )
    assert len(numbers) + found.overwritten + found.lost == 200


def test_a_context_field_is_what_it_was_registered_as(path):
    """Also where nobody has registered it."""
    run_apart(
        """
import sys, kit
kit.context("weight", lambda: 2.5, type=float)
m = kit.marker("m", n=int)
events = kit.record("m", path=sys.argv[1], context=("weight", "process"))
m(1)
""",
        str(path),
    )
    frame = kit.open(path).frame()
    assert frame["weight"].tolist() == [2.5]
    assert str(frame["weight"].dtype) == "Float64"


# Who reads it, and when.


@pytest.mark.parametrize("mode", MODES)
def test_it_is_read_while_it_is_written(unique, path, mode, often, background):
    """Whole events, without a gap, and each time at least as far as the time before."""
    m = kit.marker(unique("m"), thread=int, n=int, s=str)
    over, most = threading.Event(), 0
    with kit.record(m.name, capacity=100_000 if mode == "discard" else 300, mode=mode, path=path):

        def fire(thread):
            n = 0
            while not over.is_set():
                if mode == "discard" and n == most:  # else it is full before the first look ends
                    time.sleep(0.0001)
                    continue
                m(thread, n, str(n) * (n % 30))
                n += 1

        for thread in range(3):
            background(fire, thread)
        last = dict.fromkeys(range(3), -1)

        def look():
            frame = kit.open(path).frame()
            assert frame.attrs.get("damaged") is None
            for thread, rows in frame.groupby("thread"):
                numbers = rows["n"].tolist()
                assert numbers == list(range(numbers[0], numbers[-1] + 1))
                assert rows["s"].tolist() == [str(n) * (n % 30) for n in numbers]
                assert mode == "overwrite" or numbers[0] == 0
                assert numbers[-1] >= last[thread]
                last[thread] = numbers[-1]
            return len(frame)

        try:
            for _ in range(200 if LONG else 10):
                most += 500
                look()  # of 300 events nothing may hold still for long enough
        finally:
            over.set()
        background.join()
        found = look()
    assert found >= 300
    assert max(last.values()) > 0


@pytest.mark.parametrize("each", [1, 7, 40])
@pytest.mark.parametrize("mode", MODES)
def test_events_between_any_two_looks_of_a_reader(unique, path, mode, each, monkeypatch):
    """Whatever is recorded between two of its reads, what it finds is without a gap.

    Seen to fail when it read what gave way before the records.
    """
    m = kit.marker(unique("m"), n=int, s=str)
    fired = 0

    def fire(times):
        nonlocal fired
        for _ in range(times):
            m(fired, "x" * (fired % 50))
            fired += 1

    look = capture_reading._Reader.at

    def at(self, place, length):
        fire(each)
        return look(self, place, length)

    with kit.record(m.name, capacity=200_000 if mode == "discard" else 300, mode=mode, path=path):
        fire(1000)
        monkeypatch.setattr(capture_reading._Reader, "at", at)
        for _ in range(2):
            before = fired
            frame = kit.open(path).frame()
            numbers = frame["n"].tolist()
            assert frame.attrs.get("damaged") is None
            gone = sum(sum(of.values()) for of in frame.attrs["overwritten"].values())
            assert numbers == list(range(gone, gone + len(numbers)))
            assert gone + len(numbers) >= before
            assert frame["s"].tolist() == ["x" * (n % 50) for n in numbers]
        monkeypatch.undo()


@pytest.mark.parametrize("mode", MODES)
def test_threads_that_begin_between_any_two_looks_of_a_reader(unique, path, mode, monkeypatch):
    """Seen to fail when the counts of a thread that had just begun were taken for damage."""
    m = kit.marker(unique("m"), n=int)
    look = capture_reading._Reader.at

    def at(self, place, length):
        thread = threading.Thread(target=m, args=(1,))
        thread.start()
        thread.join()
        return look(self, place, length)

    with kit.record(m.name, capacity=100, mode=mode, path=path) as events:
        monkeypatch.setattr(capture_reading._Reader, "at", at)
        frame = kit.open(path).frame()
        assert frame.attrs.get("damaged") is None
        monkeypatch.undo()
        opened = kit.open(path)
        assert opened.attrs.get("damaged") is None
        assert len(opened) == len(events)
        assert opened.lost + opened.overwritten + len(opened) == m.fired


def test_the_program_has_ended(path):
    """Without stopping the recorder."""
    run_apart(
        """
import sys, kit
m = kit.marker("m", n=int)
events = kit.record("m", path=sys.argv[1])
for n in range(1000):
    m(n)
""",
        str(path),
    )
    opened = kit.open(path)
    assert opened.frame()["n"].tolist() == list(range(1000))
    assert opened.attrs["stopped"] is None


def test_the_program_is_killed(capfd):
    """``python -m tests.contract.killing 500`` is the long form.

    Seen to fail when an event was counted as written before it was, when the mapping was private,
    and, in the long form, when the twin stored numbers with `struct.pack_into`, which begins with
    zeros.
    """
    assert killing.kills(100 if LONG else len(killing.MODES), seed=1)[0] > 0


INTERRUPTED = """
import itertools, signal, sys, kit
from kit.probes.captures._reader import read
path, mode = sys.argv[1:]
a, b = kit.marker("a", n=int, s=str), kit.marker("b", n=int)
numbers, fired, inside = itertools.count(), [], []

def interrupt(*_):  # which may itself be interrupted, but not for ever where it is slow
    if len(inside) < 5:
        inside.append(None)
        number = next(numbers)
        b(number)
        fired.append(number)
        inside.pop()

signal.signal(signal.SIGALRM, interrupt)
capacity = 1000 if mode == "overwrite" else 1_000_000
events = kit.record(("a", "b"), path=path, mode=mode, capacity=capacity)
signal.setitimer(signal.ITIMER_REAL, 1e-5, 1e-4)
n = 0
while len(fired) < 300:
    a(n, "text" * (n % 50))
    n += 1
signal.setitimer(signal.ITIMER_REAL, 0)
events.stop()
capture = read(path)
assert not capture.damaged, capture.damaged
assert len(capture) + capture.overwritten + capture.lost + events.skipped == n + len(fired)
(thread,) = capture.threads
found = [row[2][0] for row in thread.rows if row[1] == 0]
assert found == list(range(n - len(found), n)) or capture.lost
assert all(row[2][1] == "text" * (row[2][0] % 50) for row in thread.rows if row[1] == 0)
others = [row[2][0] for row in thread.rows if row[1] == 1]
assert len(set(others)) == len(others) and set(others) <= set(fired) and others
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no such signals here")
@pytest.mark.parametrize("mode", MODES)
def test_rule_27_a_signal_handler_records_in_the_middle_of_a_write(path, mode):
    """Each event is there whole, or counted as skipped."""
    run_apart(INTERRUPTED, str(path), mode)


FORK = """
import os, sys
os.register_at_fork(after_in_child=lambda: m(-1))  # before the kit knows of the child
import kit
from kit.probes.captures._reader import read
m = kit.marker("m", n=int)
path, mode = sys.argv[1:]
events = kit.record("m", path=path, mode=mode, capacity=100)
for n in range(10):
    m(n)
before = events.path
pid = os.fork()
if pid == 0:
    code = 1
    try:
        m(100)
        assert events.path is None and before is not None
        assert "run.kit" not in repr(events)
        numbers = [row[2][0] for thread in events.snapshot().threads for row in thread.rows]
        assert numbers in ([100], [-1, 100]), numbers
        for n in range(1000):
            m(n)
        events.stop()
        events.start()
        events.clear()
        m(7)
        assert len(events) == 1
        with open("/proc/self/maps") as maps:
            assert "run.kit" not in maps.read()
        code = 0
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        os._exit(code)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert len(read(path)) == 10
for n in range(10, 20):
    m(n)
assert events.path == before
"""


DESCRIPTORS = """
import os, signal, sys, warnings
import kit

warnings.simplefilter("ignore", DeprecationWarning)
folder = sys.argv[1]
m = kit.marker("m", n=int)
running = kit.record("m", path=folder + "/running.kit")
stopped = kit.record("m", path=folder + "/stopped.kit")
rotated = kit.record("m", path=folder + "/rotated.kit")
session = kit.session(folder + "/session")
session.record("m")
session.start()
m(1)
stopped.stop()
rotated.rotate(folder + "/next.kit")
files = {
    (found.st_dev, found.st_ino): os.path.basename(path)
    for at, _, names in os.walk(folder)
    for path in (os.path.join(at, name) for name in names)
    for found in [os.stat(path)]
}

def held():
    "Which of the files this process has open, as often as it has."
    which = []
    for number in range(200):
        try:
            found = os.fstat(number)
        except OSError:
            continue
        which += [files[key] for key in [(found.st_dev, found.st_ino)] if key in files]
    return sorted(which)

before = held()
pid = os.fork()
if pid == 0:
    signal.alarm(60)
    m(2)
    print(*held(), flush=True)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert held() == before and set(before) > {"running.kit", "stopped.kit", "next.kit"}
session.stop()
assert session.join(60)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_rule_34_a_forked_child_has_no_file_of_its_parents_open(tmp_path):
    """Running, stopped, finished by a rotation, of a session; in memory each is its own.

    A mapping has a descriptor of its own before CPython 3.13, and the dispatcher in C cannot do
    without the mapping. Seen to fail when a recorder keeps the file that a rotation has finished.
    """
    held = run_apart(DESCRIPTORS, tmp_path).split()
    if kit.dispatcher == "c" and sys.version_info < (3, 13):
        files = ["events-000001.kit", "next.kit", "running.kit", "stopped.kit"]
        assert held == files
    else:
        assert held == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("mode", MODES)
def test_rule_34_a_forked_child_lets_go_of_the_file(path, mode):
    """It goes on in memory of its own; nothing of it is in the file.

    Seen to fail when the child went on writing.
    """
    run_apart(FORK, str(path), mode)
    assert kit.open(path).frame()["n"].tolist() == list(range(20))


# Going on in another file.


@pytest.mark.parametrize("mode", MODES)
def test_each_event_is_in_one_file(unique, tmp_path, mode, often, background):
    """Whatever threads record while the recorder goes on in the next one.

    Seen to fail when a thread went on in the piece that it had.
    """
    m = kit.marker(unique("m"), thread=int, n=int, s=str)
    over = threading.Event()
    names = iter(tmp_path / f"{number}.kit" for number in range(1000))
    fired, most = [0] * 3, [2000]
    events = kit.record(m.name, capacity=30_000, mode=mode, path=next(names))

    def fire(thread):
        while not over.is_set():
            m(thread, fired[thread], str(fired[thread]))
            fired[thread] += 1
            while fired[thread] >= most[0] and not over.is_set():
                time.sleep(0.001)  # so that there is room for all of it

    try:
        for thread in range(3):
            background(fire, thread)
        finished = 0
        for _ in range(10):
            before = sum(fired)
            while sum(fired) < min(before + 200, 3 * most[0]):  # where all have got that far
                pass
            finished += events.rotate(next(names))
            most[0] += 2000
    finally:
        over.set()
    background.join()
    events.stop()
    assert finished + len(events) + events.lost + events.overwritten == sum(fired)
    frames = [kit.open(path).frame() for path in tmp_path.iterdir()]
    assert all("damaged" not in frame.attrs for frame in frames)
    found = pd.concat(frames).sort_values("seq")
    for thread, rows in found.groupby("thread"):
        assert rows["n"].tolist() == list(range(fired[thread]))
        assert rows["seq"].tolist() == rows["n"].tolist()
        assert rows["s"].tolist() == [str(n) for n in rows["n"]]


@pytest.mark.parametrize("mode", MODES)
def test_counts_go_on_in_the_next_file(unique, prefix, tmp_path, mode):
    """What is lost is counted from the beginning; what gave way, in the file where it was.

    Seen to fail when a count was written into the slot of another file.
    """
    a, b = kit.marker(unique("a"), n=int), kit.marker(unique("b"), n=int)
    events = kit.record(f"{prefix}.*", capacity=32, mode=mode, path=tmp_path / "1.kit")
    for n in range(100):
        (a, b)[n % 2](n)
    events.rotate(tmp_path / "2.kit")
    b(100)
    one, two = kit.open(tmp_path / "1.kit"), kit.open(tmp_path / "2.kit")
    assert two.frame()["n"].tolist() == [100]
    assert len(one) + one.lost + one.overwritten == 100
    assert two.lost == one.lost
    assert two.overwritten == 0
    assert one.attrs["stopped"] <= two.attrs["started"]
    for n in range(101, 200):
        (a, b)[n % 2](n)
    events.stop()
    two = kit.open(tmp_path / "2.kit")
    assert len(one) + len(two) + two.lost + one.overwritten + two.overwritten == 200
    assert events.lost == two.lost
    assert events.overwritten == one.overwritten + two.overwritten


def test_a_finished_file_takes_the_room_that_it_needs(unique, path, monkeypatch):
    """And a recorder that cannot go on stays where it is."""
    m = kit.marker(unique("m"), n=int)
    with kit.record(m.name, capacity=100_000, path=path) as events:
        m(1)
        large = path.stat().st_size
        with pytest.raises(FileExistsError):
            events.rotate(path)
        with monkeypatch.context() as patch:
            patch.setattr(capture_file, "_reserve", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                events.rotate(path.with_name("2.kit"))
        m(2)
        assert events.path == path
        assert events.rotate(path.with_name("2.kit")) == 2
        assert path.stat().st_size < large / 10
        kept = kit.open(path)
        assert kept.frame()["n"].tolist() == [1, 2]
        assert "damaged" not in kept.attrs
        m(3)
        assert events.frame()["n"].tolist() == [3]
    assert sorted(each.name for each in path.parent.iterdir()) == ["2.kit", "run.kit"]
    with kit.record(m.name, capacity=10) as plain, pytest.raises(ValueError, match="has no file"):
        plain.rotate(path)


# What goes wrong when it is made.


def test_there_is_a_file_of_that_name(unique, path):
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="remove it, or record to another path"):
        kit.record(unique("m"), path=path)
    assert path.read_text() == "precious"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_is_an_error_at_the_start(path):
    """And nothing is left behind, nor connected."""
    pytest.importorskip("resource")
    run_apart(
        """
import os, resource, sys, kit
m = kit.marker("m", n=int)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    kit.record("m", path=sys.argv[1], capacity=1_000_000)
except OSError as error:
    assert "no room for a capture" in str(error) and "run.kit" in str(error), error
else:
    raise AssertionError("it was made")
assert not m, "it is connected"
assert os.listdir(os.path.dirname(sys.argv[1])) == []
kit.record("m", path=sys.argv[1], capacity=1000).stop()
""",
        str(path),
    )


def test_all_room_is_reserved(unique, path):
    """As many blocks of the disk as the file is long: no page of it can fail to find one.

    Seen to fail when the file was only made as long.
    """
    kit.record(unique("m"), path=path, capacity=10_000).stop()
    found = path.stat()
    assert found.st_blocks * 512 >= found.st_size > 1_000_000


def test_what_cannot_be_kept_in_a_file_is_refused(unique, path):
    with pytest.raises(ValueError, match="dispatches are not kept in a file"):
        kit.record(unique("m"), path=path, dispatches=True)
    with pytest.raises(ValueError, match="size is how many"):
        kit.record(unique("m"), path=path, size=0)
    with pytest.raises(ValueError, match="no context field 'nonsense'"):
        kit.record(unique("m"), path=path, context=("nonsense",))
    with pytest.raises(kit.errors.ConditionError):
        kit.record(kit.marker(unique("n"), qty=int), path=path, when="qyt > 3")
    assert not path.exists()


def test_the_recorder_says_where_its_file_is(unique, path):
    with kit.record(unique("m"), path=path, capacity=10) as events:
        assert repr(events).endswith(f"0 of 10 events, in {path}>")
        assert events.path == path
    with kit.record(unique("m"), capacity=10) as events:
        assert events.path is None


# What goes wrong when it is read.


@pytest.fixture
def recorded(unique, prefix, path):
    """A file of three threads, each with pieces of its own, that is closed."""
    record(unique, prefix, path).stop()
    return path


@pytest.fixture
def unsealed(unique, prefix, path, monkeypatch):
    """The same one, as a kill would leave it before anything was sealed."""
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(sealing, "seal", lambda *_, **__: 0)
        events = record(unique, prefix, path.with_name("running.kit"))
        path.write_bytes(events.path.read_bytes())
    events.stop()
    return path


def record(unique, prefix, path):
    a, b = kit.marker(unique("a"), n=int, s=str), kit.marker(unique("b"), n=int)
    events = kit.record(f"{prefix}.*", path=path, capacity=1000)
    for _ in range(3):

        def fire():
            for n in range(100):
                a(n, "some text")
                b(n)

        thread = threading.Thread(target=fire)
        thread.start()
        thread.join()
    return events


@pytest.mark.parametrize(
    ("at", "data", "says"),
    [
        (0, b"X", "is not a"),
        (8, b"\7", "version 7 of the format"),
        (12, b"\1\2", "another byte order"),
        (16, b"\xff\xff", "its first page has another checksum"),
        (60, b"#", "its first page has another checksum"),
    ],
)
def test_a_first_page_that_is_damaged_is_an_error(recorded, at, data, says):
    damage(recorded, at, data)
    with pytest.raises(CaptureError, match=says) as raised:
        kit.open(recorded)
    assert str(recorded) in str(raised.value)


@pytest.mark.parametrize("size", [0, 5, 100, PAGE, PAGE + 10, 100_000])
def test_a_file_that_is_cut_off_before_its_events_is_an_error(recorded, size):
    os.truncate(recorded, size)
    with pytest.raises(CaptureError, match="empty" if size == 0 else "cut off|is not a"):
        kit.open(recorded)


def test_of_a_file_that_is_cut_off_later_the_good_part_is_there(recorded):
    """With a count of what is missing."""
    begin, cell = arena(recorded)
    os.truncate(recorded, begin + cell + PIECE.size + 8 * 40)
    frame = kit.open(recorded).frame()
    assert 0 < len(frame) < 600
    assert frame.attrs["damaged"].keys() >= {"bytes", "pieces"}


def test_of_a_piece_that_is_damaged_the_good_part_is_there(unsealed):
    """The events before the damage, and all other pieces."""
    recorded = unsealed
    begin, cell = arena(recorded)
    size = struct.unpack_from("=I", recorded.read_bytes(), begin + PIECE.size)[0]
    # The size of the second record.
    damage(recorded, begin + PIECE.size + size, b"\xff\xff\xff\xff")
    frame = kit.open(recorded).frame()
    whole = frame.attrs["threads"]
    assert len(whole) == 3
    assert frame.attrs["damaged"]["bytes"] > 1000
    found = frame.groupby("tid")["n"].count().tolist()
    assert sorted(found)[1:] == [200, 200]
    missing = frame.attrs["damaged"].get("events", 0)
    first = frame[frame["tid"] == frame.groupby("tid")["n"].count().idxmin()]
    assert first["seq"].tolist()[0] == 0
    assert len(frame) + missing <= 600
    assert cell >= 4096


@pytest.mark.parametrize("at", [4, 8, 12, 16, 24])
def test_a_piece_whose_head_is_damaged_is_left_out(recorded, at):
    begin, _ = arena(recorded)
    # Another byte than is there, whatever that is.
    damage(recorded, begin + at, bytes([recorded.read_bytes()[begin + at] ^ 0x55]))
    frame = kit.open(recorded).frame()
    assert frame.attrs["damaged"]["pieces"] == 1
    assert 400 <= len(frame) < 600


def test_events_after_damage_have_their_numbers(unique, path):
    """And it is counted how many are missing in between.

    Seen to fail when what followed a gap was numbered as if there were none.
    """
    m = kit.marker(unique("m"), n=int, s=str)
    with kit.record(m.name, path=path, capacity=2000):
        for n in range(1000):
            m(n, "some text" * 5)
    begin, cell = arena(path)
    damage(path, begin + 2 * cell + 16, b"\x55")
    frame = kit.open(path).frame()
    assert frame["seq"].tolist() == frame["n"].tolist()
    assert frame["n"].iloc[-1] == 999
    missing = frame.attrs["damaged"]["events"]
    assert missing > 10
    assert len(frame) + missing == 1000
    assert frame.attrs["damaged"] == {"pieces": 1, "events": missing}


def test_declarations_that_are_damaged_hide_what_they_declare(recorded):
    names = capture_layout(recorded)["names"]
    data = recorded.read_bytes()
    at = data.index(b'"marker"', names)
    damage(recorded, at, b"#")
    opened = kit.open(recorded)
    assert len(opened) == 0
    assert opened.attrs["damaged"]["entries"] >= 1
    assert opened.attrs["damaged"]["bytes"] > 1000


def test_a_thread_whose_slot_is_damaged_has_no_name(recorded):
    damage(recorded, capture_layout(recorded)["threads"] + THREAD.size + 16, b"\x55\x55")
    frame = kit.open(recorded).frame()
    assert len(frame) == 600
    assert frame.attrs["damaged"] == {"entries": 1, "sums": 1}
    assert frame.attrs["threads"]["0"] == "thread 0"
