"""Rule 34 of the contract: what a forked child begins with. Each test is a process of its own."""

import os
import signal

import pytest

from tests.contract.tools import LONG, run_apart

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

# What every program begins with: a child that hangs is killed, one that fails says why.
CHILD = """
import gc, os, signal, sys, threading, time, traceback, warnings
import kit
from kit.core._dispatch import array as arrays
from kit.core._publication import locks
from kit.core._publication.locks import inner

warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what this is about

def child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(60)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    ended(pid)

def ended(pid):
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, os.waitstatus_to_exitcode(status)

def everything(marker, *values):
    "Fire, connect, replace, disconnect, wait and defer."
    seen = []
    marker.connect(lambda *_: seen.append("probe"), name="child")
    marker(*values)
    with marker.connect(lambda *_: seen.append("other"), name="child"):
        marker(*values)
    marker.connect(print, "private").disconnect(wait=True)
    kit.synchronize(timeout=20)
    kit.defer(lambda: seen.append("deferred"))
    kit.barrier(timeout=20)
    with kit.batch():
        kit.marker("child.%d" % os.getpid(), n=int).connect(seen.append)
    kit.marker("child.%d" % os.getpid())(1)
    assert seen == ["probe", "other", "deferred", 1], seen
"""

EMPTY = """
mode, observed = sys.argv[1], bool(sys.argv[2])
m = kit.marker("m", n=int)
running = kit.record("m", capacity=4, mode=mode, dispatches=observed)
stopped = kit.record("m", capacity=4, mode=mode)
seen = []
c = m.connect(seen.append)
for n in range(9):
    m(n)
stopped.stop()
before = [(len(r), r.lost, r.overwritten) for r in (running, stopped)]
assert len(running) >= 4 and running.lost + running.overwritten > 0

def work():
    for r in (running, stopped):
        assert (len(r), r.lost, r.overwritten, r.skipped, r.lost_dispatches) == (0,) * 5
        assert not r.snapshot().dispatches and not r.snapshot().publications
    assert running.running and c.connected and not stopped.running
    now = time.monotonic_ns()
    for n in range(100, 103):
        m(n)
    (thread,) = running.snapshot().threads
    assert [args for _, _, args in thread.rows] == [(100,), (101,), (102,)]
    assert (thread.tid, thread.name, thread.first_seq) == (threading.get_native_id(),
                                                           "MainThread", 0)
    capture = running.snapshot()
    assert capture.pid == os.getpid() and capture.started <= now
    assert capture.started > forked
    assert len(capture.dispatches) == 3 * observed
    everything(m, 5)
    running.stop()
    with stopped:
        m(7)
    assert (len(stopped), m.probes) == (1, (c,))
    child(lambda: everything(m, 5))  # and again

forked = time.monotonic_ns()
child(work)
assert [(len(r), r.lost, r.overwritten) for r in (running, stopped)] == before
m(9)
assert seen == list(range(10))
rows = [args[0] for t in running.snapshot().threads for _, _, args in t.rows]
assert rows == ([0, 1, 2, 3] if mode == "discard" else list(range(10 - len(rows), 10)))
print("done")
"""


@pytest.mark.parametrize("observed", ["", "observed"])
@pytest.mark.parametrize("mode", ["discard", "overwrite"])
def test_rule_34_the_child_starts_with_empty_buffers(mode, observed):
    """Counts included; what is connected stays so, and the parent's recording is as it was.

    Seen to fail when recorders are not cleared in the child.
    """
    assert run_apart(CHILD + EMPTY, mode, observed) == "done"


BUSY = """
what = sys.argv[1]
m, other = kit.marker("m"), kit.marker("other")
entered, release = threading.Event(), threading.Event()
kept = m.connect(lambda private: None, "kept")
m.connect(lambda private: None, "too")

def gate(*_):
    entered.set()
    assert release.wait(60)

if what == "a dispatch":
    m.connect(gate)
    thread = threading.Thread(target=m, daemon=True)
elif what == "an update":
    build = arrays.build
    def slow(*args):
        arrays.build = build
        gate()
        return build(*args)
    arrays.build = slow
    thread = threading.Thread(target=m.connect, args=(print,), daemon=True)
elif what == "an update's middle":
    build = arrays.build
    def slow(*args):
        arrays.build = build
        array = build(*args)
        gate()
        return array
    arrays.build = slow
    thread = threading.Thread(target=kept.disconnect, daemon=True)
elif what == "a hook":
    other.hooks(on_first=gate)
    thread = threading.Thread(target=other.connect, args=(print,), daemon=True)
elif what == "a deferred callback":
    kit.defer(gate)
    thread = threading.Thread(target=kit.barrier, daemon=True)
elif what == "a reader of a recorder":
    recorder = kit.record("m")
    m()
    def read():
        with inner:
            gate()
    thread = threading.Thread(target=read, daemon=True)
elif what == "a wait":
    m.connect(gate)
    threading.Thread(target=m, daemon=True).start()
    assert entered.wait(60)
    thread = threading.Thread(target=kit.synchronize, daemon=True)
thread.start()
assert entered.wait(60)

def work():
    # Another thread may get the identifier of one that does not exist here.
    assert not locks.in_hook and not locks.in_update, (locks.in_hook, locks.in_update)
    entered.set()
    release.set()  # the child's own copy: for a gate that is still connected
    everything(m)
    everything(other)
    if what == "a reader of a recorder":
        assert len(recorder.snapshot()) == len(recorder) > 0
        recorder.stop()
    assert m.fanout >= 1 and kept.calls >= 0
    kit.synchronize(timeout=20)

child(work)
assert not release.is_set() and thread.is_alive()
release.set()
thread.join(60)
everything(m)
assert not thread.is_alive()
print("done")
"""


@pytest.mark.parametrize(
    "what",
    [
        "a dispatch",
        "an update",
        "an update's middle",
        "a hook",
        "a deferred callback",
        "a reader of a recorder",
        "a wait",
    ],
)
def test_rule_34_what_other_threads_were_doing_holds_nobody_up(what):
    """They do not exist in the child: it fires, connects, disconnects and waits all the same.

    Seen to fail when the child keeps the parent's readers, its lock, its hooks' owners, who else
    ran a hook or made an update, and its thread of deferred callbacks.
    """
    assert run_apart(CHILD + BUSY, what) == "done"


DEFERRED = """
m = kit.marker("m")
entered, release = threading.Event(), threading.Event()

def gate():
    entered.set()
    assert release.wait(60)

with m.connect(gate):
    thread = threading.Thread(target=m, daemon=True)
    thread.start()
    assert entered.wait(60)
    ran = []
    kit.defer(lambda: ran.append(os.getpid()))

    def work():
        kit.barrier(timeout=20)
        assert ran == []
        kit.defer(lambda: ran.append("child"))
        kit.barrier(timeout=20)
        assert ran == ["child"], ran

    child(work)
    assert ran == []
    release.set()
    kit.barrier()
    assert ran == [os.getpid()]
print("done")
"""


def test_rule_34_deferred_callbacks_are_the_parent_s():
    """Those that wait for a grace period run there, once; the child has a queue of its own.

    Seen to fail when the child keeps the parent's queue.
    """
    assert run_apart(CHILD + DEFERRED) == "done"


INSIDE = """
how, where = sys.argv[1:]
m = kit.marker("m")
me, log, pids = os.getpid(), [], []

def fork(*_):
    if os.getpid() == me and not pids:
        pids.append(os.fork())
        if pids[0] == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(60)

class Last:
    def __init__(self):
        self.me = self
    def __del__(self):
        fork()

def by():
    if how == "call":
        fork()
    elif how == "signal":
        signal.signal(signal.SIGUSR1, fork)
        signal.raise_signal(signal.SIGUSR1)
    elif how == "gc":
        Last()
        gc.collect()

code = 1
try:
    recorder = kit.record("m", dispatches=True)
    if where == "probe":
        m.connect(lambda: (log.append("first"), by()))
        m.connect(lambda: log.append("second"))
        m()
        assert log == ["first", "second"]
        expected = 3
    elif where == "update":
        build = arrays.build
        def interrupted(*args):
            arrays.build = build
            by()
            return build(*args)
        arrays.build = interrupted
        c = m.connect(lambda: log.append("first"))
        assert c.connected
        m()
        assert log == ["first"]
        expected = 2
    elif where == "hook":
        with m.connect(print):
            pass
        recorder.stop()
        def hook():
            log.append("hook")
            by()
            try:
                m.connect(repr)
            except kit.errors.WouldDeadlockError:
                log.append("refused")
            try:
                kit.synchronize(timeout=0)
            except kit.errors.WouldDeadlockError:
                log.append("no waiting")
        m.hooks(on_first=hook)
        recorder.start()
        assert log == ["hook", "refused", "no waiting"]
        expected = 1
    elif where == "batch":
        with kit.batch():
            c = m.connect(lambda: log.append("first"))
            by()
        assert c.connected
        expected = 2
    elif where == "write":
        recorder.stop()
        kit.context("writing", by)
        recorder = kit.record("m", context="writing")
        m()
        expected = 1
    assert len(pids) == 1
    assert m.fanout == expected, m.fanout
    everything(m)
    kit.synchronize(timeout=20)
    recorder.stop()
    code = 0
except BaseException:
    traceback.print_exc()
finally:
    if os.getpid() != me:
        os._exit(code)
ended(pids[0])
print("done" if code == 0 else "failed")
"""


@pytest.mark.parametrize("how", ["call", "signal", "gc"])
@pytest.mark.parametrize("where", ["probe", "update", "hook", "batch", "write"])
def test_rule_34_forking_in_the_middle_of_something(how, where):
    """On the very thread that does it: parent and child both come to its end.

    Seen to fail when the child gives up the lock that its own thread holds, and when it forgets
    that its own thread runs a hook.
    """
    assert run_apart(CHILD + INSIDE, how, where) == "done"


STORM = """
times = int(sys.argv[1])
sys.setswitchinterval(1e-5)
m, other = kit.marker("m", n=int), kit.marker("other")
recorder = kit.record(["m", "other"], capacity=500, mode="overwrite", dispatches=True)
stop = threading.Event()

def fire():
    while not stop.is_set():
        for n in range(50):
            m(n)
        other()

def churn(number):
    while not stop.is_set():
        with m.connect(lambda private, n: None, number):
            other.connect(lambda private: None, number).disconnect(wait=True)
        kit.defer(lambda: None)
        recorder._newest(10)

threads = [threading.Thread(target=fire, daemon=True) for _ in range(2)]
threads += [threading.Thread(target=churn, args=(n,), daemon=True) for n in range(2)]
for thread in threads:
    thread.start()

def work():
    recorder.clear()
    for n in range(20):
        m(n)
    rows = [args[0] for t in recorder.snapshot().threads for _, _, args in t.rows]
    assert rows == list(range(20)), rows
    everything(m, 1)
    recorder.stop()
    everything(other)

for _ in range(times):
    child(work)
stop.set()
for thread in threads:
    thread.join(60)
assert not any(thread.is_alive() for thread in threads)
kit.barrier(timeout=20)
recorder.stop()
print(times)
"""


def test_rule_34_again_and_again_while_other_threads_do_everything():
    """Whatever they were in the middle of, no child hangs, and its recording is whole.

    Seen to fail when the child keeps the parent's lock, and when it keeps its readers.
    """
    times = 1000 if LONG else 60
    assert run_apart(CHILD + STORM, times, timeout=60 if not LONG else 900) == str(times)


FINALISED = """
what = sys.argv[1]
m, other = kit.marker("m", n=int), kit.marker("other", n=int)
local, entered, release = threading.local(), threading.Event(), threading.Event()

class Watch:
    def __init__(self):
        self.connection = other.connect(lambda private, n: None, self.__class__)
    def __del__(self):
        self.connection.disconnect()

def owner():
    if what == "connection":
        local.kept = Watch()
    else:
        local.kept = kit.record("m", capacity=10)
    entered.set()
    release.wait()

build = arrays.build
def slow(*args):
    arrays.build = build
    entered.set()
    release.wait()
    return build(*args)

for work in (owner, lambda: m.connect(print)):
    threading.Thread(target=work, daemon=True).start()
    assert entered.wait(60)
    entered.clear()
    arrays.build = slow
arrays.build = build

warnings.simplefilter("ignore")
pid = os.fork()  # its other threads' locals end before any hook that is called in the child
if pid == 0:
    assert what != "connection" or other.fanout == 0, other.probes
    everything(m, 1)
    os._exit(0)
deadline = time.monotonic() + 60
while not (status := os.waitpid(pid, os.WNOHANG))[0]:
    if time.monotonic() > deadline:
        os.kill(pid, signal.SIGKILL)
        sys.exit("the child hangs")
    time.sleep(0.01)
assert status[1] == 0, status
release.set()
print("done")
"""


@pytest.mark.parametrize("what", ["connection", "recorder"])
def test_rule_34_finalisers_of_the_other_threads_locals(what):
    """CPython runs them in the child before the hooks, while the parent's lock seems to be held.

    Seen to fail when only a hook resets what other threads have left behind: `look` in
    `exclusively` does nothing.
    """
    assert run_apart(CHILD + FINALISED, what) == "done"


WHOLE = """
m = kit.marker("m")
entered, release = threading.Event(), threading.Event()
build = arrays.build
def slow(*args):
    arrays.build = build
    array = build(*args)
    entered.set()
    assert release.wait(60)
    return array
arrays.build = slow
thread = threading.Thread(target=m.connect, args=(print,), daemon=True)
thread.start()
assert entered.wait(60)
os.register_at_fork(before=release.set)  # before those that were registered before

def work():
    assert [c.probe for c in m.probes] == [print] and m.generation == 1, m.probes
    everything(m)

child(work)
thread.join(60)
thread = threading.Thread(target=m.connect, args=(repr,), daemon=True)
thread.start()
thread.join(60)
assert m.fanout == 2
print("done")
"""


LISTED = """
from kit.core._publication.threads import names
m = kit.marker("m", n=int)
kit.defer(lambda: None)
kit.barrier()
with kit.record("m", path=sys.argv[1], capacity=100) as events:
    m(1)
    while len(names) < 2:
        time.sleep(0.001)
    lock = threading._active_limbo_lock
    held = threading.Event()

    def hold():
        with lock:
            held.set()
            time.sleep(3600)

    threading.Thread(target=hold, daemon=True).start()
    assert held.wait(60)
    child(lambda: everything(m, 2))
    print(sorted(names.values()), len(events))
    sys.stdout.flush()
    os._exit(0)  # `threading` waits for its lock at the end
"""


def test_rule_34_threads_of_the_kit_are_not_known_to_threading(tmp_path):
    """Where it knows them, an object of its own stands for each, whose finaliser takes its lock.

    Seen to fail on 3.13, whose child waited for ever, when one of them asked for `current_thread`.
    """
    found = run_apart(CHILD + LISTED, tmp_path / "events.kit")
    assert found == "['kit-deferred', 'kit-sealing'] 1"


def test_rule_34_no_update_is_half_made_in_the_child():
    """A fork waits for the update that another thread is making; then others can update again.

    Seen to fail when the registry's lock is not taken before the fork, and when the parent does
    not give it back.
    """
    assert run_apart(CHILD + WHOLE) == "done"


QUEUED = """
from kit.core._registry import registry
m, other = kit.marker("m"), kit.marker("other")
entered, release = threading.Event(), threading.Event()
ran = []

def interrupted(*args):
    arrays.build = build
    # Of another thread, as from a dispatch; and of this one, as from a signal handler.
    thread = threading.Thread(target=registry.updater.post, args=(lambda: ran.append("theirs"),))
    thread.start()
    thread.join(60)
    mine = other.connect(print)
    assert not mine.connected and ran == []
    pids.append(os.fork())
    return build(*args)

pids, build = [], arrays.build
arrays.build = interrupted
m.connect(repr)
code = 1
try:
    assert m.fanout == other.fanout == 1
    assert ran == ([] if pids[0] == 0 else ["theirs"]), ran
    everything(m)
    code = 0
finally:
    if pids[0] == 0:
        os._exit(code)
ended(pids[0])
print("done")
"""


def test_rule_34_updates_that_others_have_queued_are_the_parent_s():
    """Those that the forking thread has queued are made in the child, too.

    Seen to fail when the child keeps the queue as it is, when it drops all of it, and when a fork
    gives back all that its thread holds.
    """
    assert run_apart(CHILD + QUEUED) == "done"


IMPORTING = """
import builtins, pathlib
from kit.core._publication.fork import import_room
folder = pathlib.Path(sys.argv[1])
(folder / "slow_room.py").write_text("entered.set()\\nassert release.wait(60)\\nwhole = True\\n")
sys.path.insert(0, sys.argv[1])
builtins.entered, builtins.release = threading.Event(), threading.Event()
import_room("kit.probes")
threading.Thread(target=import_room, args=("slow_room",), daemon=True).start()
assert entered.wait(60)
os.register_at_fork(before=release.set)

def work():
    import slow_room
    assert slow_room.whole
    import_room("kit.testing")

child(work)
import_room("kit.torture")
print("done")
"""


def test_rule_34_an_import_of_a_room_is_not_cut_in_half(tmp_path):
    """A fork waits for those that other threads have begun: its child would wait for ever.

    Seen to fail when the fork does not wait.
    """
    assert run_apart(CHILD + IMPORTING, tmp_path) == "done"


FRAMES = """
m = kit.marker("m", n=int)
events = kit.record("m")
m(1)
thread = threading.Thread(target=events.frame, daemon=True)
thread.start()
time.sleep(float(sys.argv[1]))

def work():
    m(2)
    assert events.frame()["n"].tolist() == [2]

child(work)
thread.join(60)
assert len(events.frame()) == 1
print("done")
"""


@pytest.mark.parametrize("after", [0, 0.01, 0.1, 0.4])
def test_rule_34_forking_during_the_first_frame(frames, after):
    """Whatever of pandas is imported by then, the child's own `frame` returns.

    Seen to fail when forks do not wait for the import.
    """
    assert run_apart(CHILD + FRAMES, after) == "done"


BUILDING = """
from kit.frames import _build as build

m = kit.marker("m", n=int)
events = kit.record("m")
m(1)
entered, release, half_built, of_events = threading.Event(), threading.Event(), [], build._events

def slowly(*arguments):
    half_built.append(1)
    entered.set()
    assert release.wait(60)
    frame = of_events(*arguments)
    half_built.clear()
    return frame

build._events = slowly
threading.Thread(target=events.frame, daemon=True).start()
assert entered.wait(60)
os.register_at_fork(before=release.set)

def work():
    assert not half_built

child(work)
print("done")
"""


def test_rule_34_a_frame_is_not_cut_in_half(frames):
    """Arrow has locks of its own: a child would wait for one that another thread held.

    Seen to fail when the fork does not wait.
    """
    assert run_apart(CHILD + BUILDING) == "done"


NESTED = """
m = kit.marker("m")
me, forks = os.getpid(), []

def fork(*_):
    if len(forks) < 40 and os.getpid() == me:
        forks.append(None)
        # In the middle of an update, perhaps: there what updates is queued, and waiting refused.
        child(lambda: (m(), m.connect(len, name="child"), kit.defer(repr)))

def churn(probe):
    while not stop:
        with m.connect(probe):
            pass

stop = []
threads = [threading.Thread(target=churn, args=(probe,), daemon=True) for probe in (print, str)]
for thread in threads:
    thread.start()
signal.signal(signal.SIGALRM, fork)
signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)
while len(forks) < 40:
    child(lambda: everything(m))
    with m.connect(repr):
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
stop.append(1)
for thread in threads:
    thread.join(60)
    assert not thread.is_alive()
from kit.core._publication.locks import in_update
from kit.core._registry import registry
assert registry.updater._lock.count() == 0 and not in_update
print("done")
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no such signals here")
def test_rule_34_signal_handlers_fork_in_the_middle_of_forks():
    """Each fork gives back what it has taken, and nothing else.

    Seen to fail when a fork gives back nothing.
    """
    assert run_apart(CHILD + NESTED) == "done"
