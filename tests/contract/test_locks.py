"""Rule 16: the order of the locks, and what comes while one is held. Rule 27: the program's end."""

import logging
import signal
import threading

import pytest

import kit
from kit.core._publication.locks import INNER, OUTER, LockOrderError, inner, new_lock
from kit.core._registry import registry
from kit.probes.captures._file import CaptureFile
from kit.probes.captures._layout import UNDECLARED
from kit.probes.captures._reader import read
from tests.contract.conftest import PATIENCE
from tests.contract.tools import interrupting_an_update, run_apart

lock = registry.updater._lock

# The order.


def test_rule_16_a_lock_that_is_taken_out_of_order_says_so():
    """In the debug mode that these tests run in: with both names, and nothing is taken.

    Seen to fail when a lock does not look at what its thread holds.
    """
    outer = new_lock(OUTER, "an outer lock")
    other = new_lock(INNER, "another inner lock")
    with outer, lock, inner, lock, inner, outer:
        pass  # in order, and once more what the thread has already
    for first, second in [(inner, lock), (lock, outer), (inner, outer), (inner, other)]:
        with first:
            with pytest.raises(LockOrderError) as raised:
                with second:
                    pass
            assert first.name in str(raised.value)
            assert second.name in str(raised.value)
            assert second.acquire(blocking=False)  # which waits for nobody
            second.release()
        assert first.count() == second.count() == 0


INTERRUPTED = """
import signal, sys, threading
from kit.core._publication.locks import OUTER, new_lock

class Enough(BaseException): pass
def interrupt(*_):
    if armed:
        raise Enough
armed = False
signal.signal(signal.SIGALRM, interrupt)
lock = new_lock(OUTER, "lock")
interrupted = 0
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
while interrupted < int(sys.argv[1]):
    try:
        armed = True
        while True:
            with lock:
                with lock:
                    pass
    except Enough:
        armed = False
        interrupted += 1
        assert lock.count() == 0, (lock, interrupted)
signal.setitimer(signal.ITIMER_REAL, 0)
def take():
    with lock:
        print("taken")
other = threading.Thread(target=take, daemon=True)
other.start(); other.join(10)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no such signals here")
@pytest.mark.parametrize("check", ["0", "1"])
def test_rule_16_no_signal_handler_leaves_a_lock_taken(monkeypatch, check):
    """Wherever its exception comes, in the debug mode and without it.

    Seen to fail when the checked lock does not compare before and after.
    """
    monkeypatch.setenv("KIT_CHECK_LOCKS", check)
    assert run_apart(INTERRUPTED, 300) == "taken"


# A recorder's file has no lock of its own.

ROTATING = """
import faulthandler, sys, threading, kit
from kit.probes.captures._file import CaptureFile
from kit.probes.captures._reader import read
faulthandler.dump_traceback_later(40, exit=True)
folder, which = sys.argv[1], int(sys.argv[2])
main, calls, declare = threading.get_ident(), [], CaptureFile.declare
other = kit.marker("other")

def declaring(file, recorded):
    if threading.get_ident() == main:
        calls.append(1)
        if len(calls) == which:
            # Builds an array for the pattern, and so declares in the recorder's file.
            thread = threading.Thread(target=kit.marker, args=("m.new", "n %d"), daemon=True)
            thread.start()
            thread.join(0.5)
            threads.append(thread)
            handles.append(other.connect(print))  # as a finaliser would
    return declare(file, recorded)

threads, handles = [], []
m = kit.marker("m.old", n=int)
events = kit.record("m.*", path=folder + "/0.kit", capacity=100)
m(1)
CaptureFile.declare = declaring
assert events.rotate(folder + "/1.kit") == 1
CaptureFile.declare = declare
threads[0].join()
kit.marker("m.new")(2)
m(3)
assert handles[0].connected
assert [row[2] for row in events.snapshot().threads[0].rows] == [(2,), (3,)]
events.stop()
found = read(folder + "/1.kit")
assert sorted(each.name for each in found.markers) == ["m.new", "m.old"], found.markers
print("done")
"""


@pytest.mark.parametrize("which", [1, 2], ids=["before the lock", "under the lock"])
def test_rule_16_an_update_in_the_middle_of_a_rotation(tmp_path, which):
    """A finaliser connects while a recorder declares; another thread's update declares there, too.

    Seen to fail when a rotation holds a lock of its own, which that update waits for: a deadlock.
    """
    assert run_apart(ROTATING, tmp_path, which) == "done"


def test_rule_16_what_is_declared_in_a_file_is_an_update(unique, tmp_path, monkeypatch):
    """At start, stop and clear, at rotations, and when a marker comes: one at a time.

    Seen to fail when `start` and `stop` write their summary without the registry's lock.
    """
    m = kit.marker(unique("m"), n=int)
    add = CaptureFile.add
    held: list[tuple[str, bool]] = []

    def noted(file, entry, *more):
        held.append((next(iter(entry)), lock.count() > 0))
        return add(file, entry, *more)

    with kit.record(unique("*"), path=tmp_path / "0.kit", capacity=100) as events:
        monkeypatch.setattr(CaptureFile, "add", noted)
        kit.marker(unique("other"), n=int)
        m(1)
        events.stop()
        m.connect(print).disconnect()
        events.start()
        m(2)
        events.stop()
        events.clear()
    assert {what for what, _ in held} == {"marker", "summary"}
    assert all(is_held for _, is_held in held)
    held.clear()
    with events:
        events.rotate(tmp_path / "1.kit")
    # What is declared in the next file before it is gone on in is nobody else's business.
    assert all(is_held for what, is_held in held if what == "summary")


def test_rule_16_two_threads_rotate_one_recorder(unique, tmp_path, monkeypatch, background):
    """Each file is finished once, with what is in it.

    Seen to fail when a rotation takes the file that it found before it had the lock for the old
    one: it cut off a file at the length of another.
    """
    m = kit.marker(unique("m"), n=int)
    both = threading.Barrier(2, timeout=PATIENCE)
    make = CaptureFile.next

    def made(file, path):
        new = make(file, path)
        both.wait()
        return new

    paths = [tmp_path / f"{number}.kit" for number in range(3)]
    with kit.record(m.name, path=paths[0], capacity=100) as events:
        for n in range(50):
            m(n)
        monkeypatch.setattr(CaptureFile, "next", made)
        for path in paths[1:]:
            background(events.rotate, path)
        background.join()
        m(50)
    captures = [read(path) for path in paths]
    assert [len(each.damaged) for each in captures] == [0, 0, 0]
    rows = [row[2][0] for each in captures for thread in each.threads for row in thread.rows]
    assert sorted(rows) == list(range(51))


def test_rule_16_losses_are_counted_without_a_lock(unique, tmp_path, monkeypatch):
    """By several threads at a time, or one that is interrupted: the file has the last count.

    Seen to fail when who has stored a count does not look whether it went on meanwhile.
    """
    m = kit.marker(unique("m"), n=int)
    note = CaptureFile.note_undeclared

    def interrupted(file, count):
        monkeypatch.setattr(CaptureFile, "note_undeclared", note)
        sink.losing(0, 0, ())
        note(file, count)

    with kit.record(m.name, path=tmp_path / "0.kit", capacity=100) as events:
        sink = events._sink
        monkeypatch.setattr(CaptureFile, "note_undeclared", interrupted)
        sink.losing(0, 0, ())
        assert events.lost == sink.file._live(UNDECLARED) == 2
        events.rotate(tmp_path / "1.kit")
        assert events.lost == sink.file._live(UNDECLARED) == 2
        events.clear()
        assert events.lost == sink.file._live(UNDECLARED) == 0


# Interruptions that come while a store is written or read.

WRITING = """
import faulthandler, sys, kit
faulthandler.dump_traceback_later(40, exit=True)
folder = sys.argv[1]
m, other = kit.marker("m", n=int), kit.marker("other")
happened, refused = [], []

def interrupt():
    if happened or not armed:
        return 0
    happened.append(other.connect(print, name="late"))
    happened.append(happened[0].connected)
    for wait in (kit.synchronize, kit.barrier, lambda: other.probes[0].disconnect(wait=True),
                 lambda: events.rotate(folder + "/1.kit")):
        try:
            wait()
        except (kit.errors.WouldDeadlockError, IndexError) as error:
            refused.append(error)
    return 0

armed = []
kit.context("interruption", interrupt)
events = kit.record("m", path=folder + "/0.kit", context="interruption", capacity=100)
if kit.dispatcher == "python":
    from kit.probes.captures._writer import MappedStore
    put = MappedStore._put
    def putting(*args):
        interrupt()
        put(*args)
    MappedStore._put = putting
    events.stop()
    events = kit.record("m", path=folder + "/2.kit", capacity=100)
armed.append(1)
m(1)
m(2)
assert happened[0].connected
rows = [row[2] for thread in events.snapshot().threads for row in thread.rows]
print(happened[1], len(refused), len(rows))
"""


def test_rule_16_an_interruption_in_the_middle_of_a_write(tmp_path, dispatcher):
    """In Python a lock is held there: what connects is put off until it is given up, and what
    would wait is refused, the rotation as well. In C there is none, and a rotation goes through.

    Seen to fail when an update waits for the registry's lock there (`exclusively` does not look
    whether an inner lock is held), and when who gives up that lock does not look at the queue.
    """
    connected, refused, rows = run_apart(WRITING, tmp_path).split()
    if dispatcher == "python":
        assert (connected, refused, rows) == ("False", "4", "2")
    else:
        assert (connected, refused) == ("True", "3")


def test_rule_16_an_update_that_interrupts_a_reader(unique, background):
    """It is queued, whoever has the registry's lock; and made when the reader is done.

    Seen to fail when the update waits for the registry's lock while the inner one is held.
    """
    m, other = kit.marker(unique("m"), n=int), kit.marker(unique("other"))
    entered, release = threading.Event(), threading.Event()

    def updating() -> None:
        def update() -> None:
            entered.set()
            with inner:  # as a rotation does
                assert release.wait(PATIENCE)

        registry.updater.exclusively(update)

    handles: list[kit.Connection] = []
    with inner:
        background(updating)
        assert entered.wait(PATIENCE)
        handles.append(other.connect(print))
        assert not handles[0].connected
        with pytest.raises(kit.errors.WouldDeadlockError, match="write or read"):
            kit.synchronize()
    release.set()
    with kit.record(m.name) as events:
        m(1)
        assert len(events) == 1
        background.join()
        events.snapshot()
    assert handles[0].connected


def test_rule_16_what_interrupts_a_reader_is_made_when_it_is_done(unique):
    """By the reader itself: nobody else may ever update.

    Seen to fail when who gives up the inner lock does not look at the queue.
    """
    m, other = kit.marker(unique("m"), n=int), kit.marker(unique("other"))
    handles: list[kit.Connection] = []
    at_once: list[bool] = []

    class Interrupted(list):
        def copy(self):
            if not handles:
                handles.append(other.connect(print))
                at_once.append(handles[0].connected)
            return list(self)

    with kit.record(m.name) as events:
        m(1)
        events._sink.store.every = Interrupted(events._sink.store.every)
        events.snapshot()
        assert handles[0].connected
        assert at_once == [False]


# What is told is told without a lock.


class Connecting(logging.Handler):
    """A handler under whose lock another thread connects, which it waits for."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.marker = kit.marker(name)
        self.held: list[bool] = []

    def emit(self, record: logging.LogRecord) -> None:
        done = threading.Event()

        def connect() -> None:
            self.marker.connect(print).disconnect()
            done.set()

        threading.Thread(target=connect, daemon=True).start()
        self.held.append(not done.wait(PATIENCE / 6))


@pytest.mark.parametrize("what", ["queued", "on_last", "warning"])
def test_rule_16_nothing_is_told_while_the_lock_is_held(unique, monkeypatch, recwarn, what):
    """A handler of `logging` may wait for a thread that connects: reports come after the release.

    Seen to fail when a failed queued update, and a failed `on_last`, are logged under the lock, and
    when a warning of an interruption is.
    """
    handler = Connecting(unique("handler"))
    m = kit.marker(unique("m"))
    log = logging.getLogger("kit")
    log.addHandler(handler)
    monkeypatch.setattr("warnings.warn", lambda *_, **__: handler.emit(None))
    monkeypatch.setattr("warnings.warn_explicit", lambda *_, **__: handler.emit(None))
    try:
        if what == "on_last":

            def fails() -> None:
                raise ValueError

            m.hooks(on_last=fails)
            m.connect(print).disconnect()
        else:
            m.connect(print)

            def interruption() -> None:
                if what == "queued":
                    m.connect(print)
                else:
                    kit.connect(unique("nothing.*"), print)

            with interrupting_an_update(monkeypatch, interruption):
                m.connect(repr)
    finally:
        log.removeHandler(handler)
    assert handler.held == [False]


# The interpreter's end.

ENDING = """
import sys, threading, time, kit
what, folder = sys.argv[1:]
m, other = kit.marker("m", n=int), kit.marker("other")
entered, never = threading.Event(), threading.Event()
reader = kit.record("m", capacity=10, mode="overwrite")
handle = other.connect(lambda: None)
hooked = kit.marker("hooked")

def stay(*_, main=threading.get_ident(), me=threading.get_ident):
    if me() != main:
        entered.set()
        never.wait()

if what == "a dispatch":
    m.connect(stay)
    work = lambda: m(1)
elif what == "an update":
    from kit.core._dispatch import array as arrays
    build = arrays.build
    def slow(*args):
        arrays.build = build
        stay()
    def work():
        arrays.build = slow
        m.connect(print)
elif what == "a hook":
    hooked.hooks(on_first=stay)
    work = lambda: hooked.connect(print)
elif what == "a write":
    if kit.dispatcher == "python":
        from kit.probes.captures._writer import MappedStore
        put = MappedStore._put
        def putting(*args):
            stay()
            put(*args)
        MappedStore._put = putting
    else:
        m.connect(stay)
    work = lambda: m(1)
elif what == "a deferred callback":
    work = lambda: kit.defer(stay)

events = kit.record("m", path=folder + "/a.kit", capacity=100)
threading.Thread(target=work, daemon=True).start()
assert entered.wait(60)
print("began", flush=True)

class Last:
    def __del__(self, kit=kit, sys=sys, m=m, other=other, hooked=hooked, events=events,
                reader=reader, handle=handle, print=print):
        assert sys.is_finalizing()
        m(2)
        len(events), len(reader), reader.snapshot(), repr(events)
        kit.synchronize()
        try:
            kit.barrier()
        except TimeoutError:
            pass
        kit.defer(print)
        handle.disconnect(wait=True)
        hooked.connect(repr)
        other.connect(print, name="late")
        events.stop()
        print("ended", flush=True)

Last.one = Last()
sys.modules["kept until the end"] = Last()
"""


@pytest.mark.parametrize(
    "what", ["a dispatch", "an update", "a hook", "a write", "a deferred callback"]
)
def test_rule_27_nothing_waits_for_a_thread_that_will_never_run_again(tmp_path, what, dispatcher):
    """At the interpreter's end a daemon thread stays in the middle of what it was doing.

    A finaliser that runs then fires, reads, connects, waits and stops, and the program ends. What
    cannot be written is counted.

    Seen to fail when locks, grace periods, hooks and `barrier` are waited for after
    `sys.is_finalizing`.
    """
    out = run_apart(ENDING, what, tmp_path, timeout=60)
    assert out.split() == ["began", *["ended"] * out.count("ended")]
    assert "ended" in out
    capture = read(tmp_path / "a.kit")
    rows = [row[2][0] for thread in capture.threads for row in thread.rows]
    fired = out.count("ended")
    assert rows.count(2) + capture.lost >= 1
    if what == "a write" and dispatcher == "python":
        assert (rows.count(2), capture.lost) == (0, fired)
