"""Rules 16 to 19 of the contract: updates, and what a dispatch sees of them."""

import gc
import itertools
import signal
import threading
from collections import Counter

import pytest

import kit
from kit.core._dispatch import array as arrays
from kit.core._dispatch.accounting import Accounting
from kit.core._dispatch.tally import Dispatches
from kit.core._publication import updater as publication
from tests.contract.conftest import PATIENCE
from tests.contract.tools import (
    Gate,
    dispatching,
    interrupting_an_update,
    run_apart,
    updating,
)

# Rule 16


def test_rule_16_updates_do_not_wait_for_a_running_probe(unique, background):
    """No lock is held while a probe runs: others may connect, disconnect, declare and fire.

    Seen to fail when a dispatch holds the registry's lock.
    """
    m, other = kit.marker(unique("m")), kit.marker(unique("other"))

    def work() -> None:
        one = m.connect(lambda: None)
        kit.connect(unique("*"), print, name="pattern").disconnect()
        kit.marker(unique("new"), n=int)
        with other.connect(lambda: None):
            other()
        one.disconnect()

    with dispatching(m, background) as gate:
        worker = background(work)
        worker.join(PATIENCE / 2)
        waited = worker.is_alive()
        assert not gate.log
    assert not waited, "an update waited for a probe"


def test_rule_16_two_threads_connect_to_each_others_marker_from_probes(unique, background):
    """Inside their dispatches, at the same time: nobody waits for anybody.

    Seen to fail when a dispatch holds a lock of its marker.
    """
    markers = [kit.marker(unique("a")), kit.marker(unique("b"))]
    both = threading.Barrier(2, timeout=PATIENCE)

    def probe_of(other: kit.Marker):
        def probe() -> None:
            both.wait()
            other.connect(done.append, other.name).disconnect()
            both.wait()
            done.append(other.name)

        return probe

    done: list[str] = []
    for mine, other in itertools.permutations(markers):
        mine.connect(probe_of(other))
    for marker in markers:
        background(marker)
    background.join()
    assert sorted(done) == sorted(marker.name for marker in markers)
    assert [marker.probes[0].errors for marker in markers] == [0, 0]


def test_rule_16_a_probe_may_do_anything_but_wait(unique):
    """Connect, replace, disconnect, declare, batch, defer and fire, on its own marker and others.

    Seen to fail when a dispatch holds a lock that updates take, re-entrant or not.
    """
    m, other = kit.marker(unique("m")), kit.marker(unique("other"), n=int)
    seen: list[object] = []

    def probe() -> None:
        named = m.connect(lambda: seen.append("late"), name="late")
        m.connect(lambda: seen.append("later"), name="late", priority=1)
        assert not named.connected
        with kit.batch():
            other.connect(seen.append)
            kit.connect(unique("*"), lambda *args: seen.append(args), name="all")
        other(1)
        kit.disconnect(other.name, seen.append)
        kit.marker(unique("fresh"))()
        kit.defer(lambda: seen.append("deferred"))

    with m.connect(probe) as connection:
        m()
    kit.barrier()
    assert (connection.errors, connection.last_error) == (0, None)
    assert sorted(map(str, seen)) == ["()", "(1,)", "1", "deferred"]
    m()
    assert seen[-2:] == [(), "later"]


def by_signal(action) -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: action())
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def by_del(action) -> None:
    class Last:
        def __del__(self) -> None:
            action()

    Last()


def by_gc(action) -> None:
    def callback(phase: str, _: object) -> None:
        if phase == "start":
            action()

    gc.callbacks.append(callback)
    try:
        gc.collect(0)
    finally:
        gc.callbacks.remove(callback)


interruptions = pytest.mark.parametrize("by", [by_signal, by_del, by_gc])


@interruptions
def test_rule_16_an_update_that_interrupts_an_update_is_queued_and_made(unique, monkeypatch, by):
    """It comes on the thread that holds the lock: it may neither wait nor be lost.

    Seen to fail when the interrupting update is dropped, when it is made at once in the middle of
    the other (one of the two is lost), and when the lock is not re-entrant (a deadlock).
    """
    m, other = kit.marker(unique("m")), kit.marker(unique("other"))
    old = m.connect(lambda: None, "old")
    handles: list[kit.Connection] = []

    def interruption() -> None:
        handles.append(m.connect(lambda: None, "same marker"))
        handles.append(other.connect(lambda: None, "other marker"))
        old.disconnect()
        handles.append(kit.marker(unique("declared"), n=int).connect(print))
        assert not any(handle.connected for handle in handles)

    with interrupting_an_update(monkeypatch, lambda: by(interruption)):
        outer = m.connect(lambda: None, "outer")
    assert [c.private for c in m.probes] == ["outer", "same marker"]
    assert [c.private for c in other.probes] == ["other marker"]
    assert all(c.connected for c in [outer, *handles])
    assert not old.connected
    assert kit.markers(unique("declared"))[0].format.names == ("n",)


def test_rule_16_a_queued_update_that_fails_is_reported_and_harms_nobody(
    unique, monkeypatch, caplog
):
    """Whoever asked for it has gone on already, so it is told to whoever reads the log.

    Seen to fail when its exception ends the update that was interrupted.
    """
    m = kit.marker(unique("m"))
    m.connect(print)

    def twice() -> None:
        m.connect(print)
        m.connect(repr)

    with interrupting_an_update(monkeypatch, twice):
        outer = m.connect(str)
    assert outer.connected
    assert [c.probe for c in m.probes] == [print, str, repr]
    assert "AlreadyConnectedError" in caplog.text


@pytest.mark.parametrize(
    "wait",
    [
        lambda m: kit.synchronize(),
        lambda m: kit.barrier(),
        lambda m: m.probes[0].disconnect(wait=True),
    ],
    ids=["synchronize", "barrier", "disconnect"],
)
def test_rule_16_waiting_in_the_middle_of_an_update_is_refused(unique, monkeypatch, wait):
    """A dispatch elsewhere may be waiting to connect, for the lock that this thread holds.

    Seen to fail when `refuse_inside` does not look for updates.
    """
    m = kit.marker(unique("m"))
    m.connect(print)

    def interruption() -> None:
        with pytest.raises(kit.errors.WouldDeadlockError, match="wait for an update"):
            wait(m)

    with interrupting_an_update(monkeypatch, interruption):
        m.connect(repr)
    assert m.fanout == 2
    wait(m)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, RuntimeError])
def test_rule_16_whatever_ends_an_update_the_lock_is_given_back(
    unique, monkeypatch, background, error
):
    """Another thread can update afterwards, and so can this one.

    Seen to fail when the lock is not released where an update raises.
    """
    m = kit.marker(unique("m"))

    def interruption() -> None:
        raise error

    with pytest.raises(error):
        with interrupting_an_update(monkeypatch, interruption):
            m.connect(print)
    raised = m.probes
    background(m.connect, repr)
    background.join()
    m.connect(str)
    assert raised == ()
    assert [c.probe for c in m.probes] == [repr, str]


STORM = """
import signal, sys, threading
import kit

class Enough(BaseException): pass
def interrupt(*_):
    if armed:
        raise Enough
armed = False
signal.signal(signal.SIGALRM, interrupt)
m = kit.marker("m")
m.connect(lambda: None)
interrupted = 0
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
while interrupted < int(sys.argv[1]):
    try:
        armed = True
        while True:
            m.connect(print).disconnect()
            m()
    except Enough:
        armed = False
        interrupted += 1
        for c in m.probes[1:]:  # what was connected when the signal came
            c.disconnect()
signal.setitimer(signal.ITIMER_REAL, 0)
kit.synchronize(timeout=10)
other = threading.Thread(target=lambda: print(m.connect(repr).connected), daemon=True)
other.start(); other.join(10)
"""


def test_rule_16_exceptions_from_signal_handlers_leave_no_lock_and_no_reader_behind():
    """Wherever the signal comes: afterwards others can connect and nobody waits for a dispatch.

    Seen to fail when the lock is taken by acquire() with work before its try, and when a dispatch
    takes its token away outside a finally.
    """
    assert run_apart(STORM, 400) == "True"


@pytest.mark.parametrize("when", ["before", "after"])
def test_rule_16_a_dispatch_switches_off_at_once(unique, background, monkeypatch, when):
    """Also while another thread holds the lock, whose array has the closure in it.

    Seen to fail when a dispatch only posts the removal, and when an array that was built before
    is published without a look at who was switched off meanwhile.
    """
    m = kit.marker(unique("m"))
    raised: list[int] = []

    def failing() -> None:
        raised.append(1)
        raise ValueError

    c = m.connect(failing, error_limit=1)
    kept = m.connect(lambda: None)
    with updating(background, monkeypatch, m, when):
        m()
        off = (c.connected, m.fanout)
        m()
    m()
    assert off == (False, 1)
    assert len(raised) == c.calls == c.errors == 1
    assert kept.calls == 3
    assert m.fanout == 2


def test_rule_16_what_was_switched_off_is_not_published_again(unique, monkeypatch):
    """The array was built before a dispatch switched its closure off, and is published after it.

    Seen to fail when an updater does not look at who was switched off before it publishes.
    """
    m = kit.marker(unique("m"))
    raised: list[int] = []

    def failing() -> None:
        raised.append(1)
        raise ValueError

    def build_and_fire(*args):
        array = build(*args)
        monkeypatch.setattr(arrays, "build", build)
        m()
        monkeypatch.setattr(Dispatches, "settle", fire_and_settle)
        return array

    def fire_and_settle(dispatches):
        monkeypatch.setattr(Dispatches, "settle", settle)
        m()  # the new array is published, and nothing else has happened
        settle(dispatches)

    c = m.connect(failing, error_limit=1)
    build, settle = arrays.build, Dispatches.settle
    monkeypatch.setattr(arrays, "build", build_and_fire)
    m.connect(lambda: None)
    assert Dispatches.settle is settle, "there was no dispatch after the publication"
    assert len(raised) == c.calls == 1
    assert not c.connected
    assert m.fanout == 1


def test_rule_16_also_when_it_was_switched_off_at_the_last_moment(unique, monkeypatch):
    """After the updater's last look at who was switched off, before its array is published.

    Seen to fail when it does not look again after the publication.
    """
    m = kit.marker(unique("m"))
    raised: list[int] = []

    def failing() -> None:
        raised.append(1)
        raise ValueError

    class Late:
        @property
        def n(self) -> int:
            monkeypatch.setattr(publication, "switched_off", switched_off)
            seen = switched_off.n
            # Between its look and the store the updater calls nothing and cannot be interrupted;
            # this stands for another thread, where threads do not take turns.
            m()
            return seen

    def published(*args) -> None:
        m()
        fanout.append(m.fanout)
        retire(*args)

    c = m.connect(failing, error_limit=1)
    switched_off, retire, fanout = publication.switched_off, Dispatches.retire, []
    monkeypatch.setattr(publication, "switched_off", Late())
    monkeypatch.setattr(Dispatches, "retire", published)
    other = m.connect(lambda: None)
    assert fanout[0] == 1
    assert len(raised) == c.calls == 1
    assert (c.connected, m.probes) == (False, (other,))


def test_rule_16_old_arrays_go_when_the_lock_has_been_given_back(unique):
    """What the last one of them held goes with it: its `__del__` may connect and wait.

    Seen to fail when the updater drops what it replaced before it gives the lock back: the
    connecting is put off then, and the waiting refused.
    """
    m = kit.marker(unique("m"))
    log: list[object] = []

    class Private:
        def __del__(self) -> None:
            log.append(m.connect(print, "from __del__").connected)
            kit.synchronize(timeout=10)
            log.append("waited")

    m.connect(lambda private: None, Private(), name="named")
    m.connect(lambda: None, name="named")
    gc.collect()
    assert log == [True, "waited"]


def test_rule_16_what_is_declared_in_a_batch_is_declared_at_once(unique):
    """A site that has its marker may fire it; hooks, too, are set when `hooks` returns.

    Seen to fail when declarations wait for the end of the batch.
    """
    called: list[object] = []
    with kit.batch():
        m = kit.marker(unique("m"), n=int)
        assert str(m.format) == "n %d"
        m.hooks(on_first=lambda: called.append("first"))
        c = m.connect(called.append)
        assert called == []
        m(1)
    m(2)
    assert (called, c.calls) == (["first", 2], 1)


# Rule 17


def test_rule_17_a_dispatch_calls_the_array_that_it_read(unique, background):
    """Whatever is connected, disconnected or replaced while it runs.

    Seen to fail when the loop runs over a list that updates change in place.
    """
    m = kit.marker(unique("m"))
    called: list[str] = []
    gate = Gate()
    m.connect(gate, priority=20)
    first = m.connect(called.append, "first")
    m.connect(called.append, "second", name="named")
    last = m.connect(called.append, "last")
    thread = background(m)
    assert gate.entered.wait(PATIENCE)
    first.disconnect()
    m.connect(called.append, "replacement", name="named")
    m.connect(called.append, "new")
    last.disconnect()
    gate.release.set()
    thread.join(PATIENCE)
    assert called == ["first", "second", "last"]
    called.clear()
    m()
    assert called == ["replacement", "new"]


def test_rule_17_it_is_read_once_a_dispatch(unique):
    """A probe that goes first and changes the array changes nothing for those after it.

    Seen to fail when each step of the dispatch loads the array again.
    """
    m = kit.marker(unique("m"))
    called: list[str] = []
    connections: list[kit.Connection] = []

    def shuffle() -> None:
        for connection in connections:
            connection.disconnect()
        m.connect(called.append, "new", priority=15)

    m.connect(shuffle, priority=20, name="shuffle")
    connections += [m.connect(called.append, str(i)) for i in range(3)]
    m()
    assert called == ["0", "1", "2"]
    m()
    assert called == ["0", "1", "2", "new"]


def test_rule_17_also_while_its_keywords_are_put_in_order(unique, monkeypatch):
    """Putting them in order is work in which threads may switch: the array was read before it.

    Seen to fail when the loop loads the array once more.
    """
    m = kit.marker(unique("m"), a=int, b=int)
    called: list[tuple[str, int, int]] = []
    old = m.connect(lambda private, *values: called.append((private, *values)), "old")
    bind = Accounting._bind

    def changing(*args):
        monkeypatch.setattr(Accounting, "_bind", bind)
        old.disconnect()
        m.connect(lambda private, *values: called.append((private, *values)), "new")
        return bind(*args)

    monkeypatch.setattr(Accounting, "_bind", changing)
    m(b=2, a=1)
    m(b=4, a=3)
    assert called == [("old", 1, 2), ("new", 3, 4)]
    assert (m.fired, old.calls, m.probes[0].calls) == (2, 1, 1)


def test_rule_17_a_permanent_probe_is_called_exactly_once_a_dispatch(unique, background, switching):
    """While two threads connect and disconnect around it: none missed, none twice.

    Seen to fail when an update empties the array before it publishes the next one, and when it
    changes the published array in place.
    """
    m = kit.marker(unique("m"), thread=int, n=int)
    seen: list[tuple[int, int]] = []
    permanent = m.connect(lambda *event: seen.append(event))
    firing = threading.Event()
    each = 10_000

    def fire(thread: int) -> None:
        for n in range(each):
            m(thread, n)

    def churn(private: int) -> None:
        while not firing.is_set():
            with kit.batch():
                low = m.connect(lambda *_: None, private, priority=private)
                high = m.connect(lambda *_: None, private, priority=20 + private)
            low.disconnect()
            high.disconnect()

    churners = [background(churn, private) for private in range(2)]
    threads = [background(fire, thread) for thread in range(3)]
    for thread in threads:
        thread.join(PATIENCE)
    firing.set()
    for thread in churners:
        thread.join(PATIENCE)
    assert Counter(seen) == Counter(itertools.product(range(3), range(each)))
    assert permanent.calls == m.fired == 3 * each
    assert m.generation > 8


# Rule 18


@pytest.mark.parametrize("closures", [2, 16])
@pytest.mark.parametrize("permanent", [0, 1], ids=["one to none", "two to one"])
def test_rule_18_no_torn_closure(unique, background, switching, closures, permanent):
    """Each probe gets its own private data, through 1→0→1 and 2→1→2, up to sixteen closures.

    Seen to fail when probes and private data are published as two lists, in two stores.
    """
    m = kit.marker(unique("m"), n=int)
    torn: list[tuple[str, object]] = []
    calls = Counter()

    def closure(tag: str):
        def probe(private: object, n: int) -> None:
            calls[tag] += 1
            if private != tag:
                torn.append((tag, private))

        return probe, tag

    pairs = [closure(chr(ord("A") + i)) for i in range(closures)]
    for _ in range(permanent):
        m.connect(*closure("always"))
    done = threading.Event()

    def fire() -> None:
        n = 0
        while not done.is_set():
            m(n)
            n += 1

    threads = [background(fire) for _ in range(2)]
    for probe, tag in itertools.islice(itertools.cycle(pairs), 600):
        with m.connect(probe, tag):
            m(-1)
    done.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert not torn
    assert set(calls) == {tag for _, tag in pairs} | ({"always"} if permanent else set())
    assert m.fanout == permanent


def test_rule_18_a_dispatch_under_way_keeps_the_pair_that_it_read(unique, background):
    """(A, a) goes and (B, b) comes between the load of the array and the call.

    Seen to fail when private data is looked up on the connection's successor at the call.
    """
    m = kit.marker(unique("m"))
    seen: list[tuple[str, str]] = []
    gate = Gate()
    m.connect(gate, priority=20)
    a = m.connect(lambda private: seen.append(("A", private)), "a", name="slot")
    thread = background(m)
    assert gate.entered.wait(PATIENCE)
    b = m.connect(lambda private: seen.append(("B", private)), "b", name="slot")
    gate.release.set()
    thread.join(PATIENCE)
    m()
    assert seen == [("A", "a"), ("B", "b")]
    assert (a.calls, b.calls) == (1, 1)


# Rule 19


def test_rule_19_every_publication_raises_the_generation_by_one(unique, prefix, monkeypatch):
    """Connecting, disconnecting, replacing, a batch, an error limit, a changed format, stubs.

    Seen to fail for each of them when the generation is left alone or raised twice.
    """
    m = kit.marker(unique("m"), n=int)
    assert m.generation == 0
    one = m.connect(lambda n: None)
    assert m.generation == 1
    m.connect(lambda n: None, name="named")
    m.connect(lambda n: 1 / n, name="named", error_limit=1)
    assert m.generation == 3
    m(0)
    assert m.generation == 4
    assert m.fanout == 1
    with kit.batch():
        m.connect(lambda n: None, "batched")
        m.connect(lambda n: None, "batched too")
        one.disconnect()
        assert m.generation == 4
    assert m.generation == 5
    exec(f"kit.marker({m.name!r}, n=float)", {"kit": kit, "__name__": "__main__"})
    assert m.generation == 6
    pattern = kit.connect(f"{prefix}.*", print)
    assert m.generation == 7
    pattern.disconnect()
    assert m.generation == 8

    def no_memory(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(arrays, "build", no_memory)
        m.probes[0].disconnect()
    assert m.generation == 9
    m.probes[0].disconnect()
    assert m.generation == 10
    assert m.fanout == 0


def test_rule_19_what_fails_or_changes_nothing_publishes_nothing(unique):
    """Generations count publications, not attempts.

    Seen to fail when the generation is raised before the checks.
    """
    m = kit.marker(unique("m"), n=int)
    m.connect(print)
    with pytest.raises(kit.errors.AlreadyConnectedError):
        m.connect(print)
    with pytest.raises(kit.errors.NotConnectedError):
        kit.disconnect(m.name, repr)
    with pytest.raises(kit.errors.FormatMismatchError):
        kit.connect(m.name, repr, format="px %f")

    def discarded() -> None:
        with kit.batch():
            m.connect(repr)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        discarded()
    with kit.batch():
        m.connect(repr).disconnect()
    assert (m.generation, m.fanout) == (1, 1)


def test_rule_19_an_array_knows_the_generation_it_was_published_as(unique, monkeypatch):
    """So that a recorder can say which array a dispatch saw.

    Seen to fail when an array is built with the generation before its own, and when an array in
    which a stub was put keeps the generation that it had.
    """
    m = kit.marker(unique("m"))

    def no_memory(*_):
        raise MemoryError

    with kit.record(m.name, dispatches=True) as recorder:
        for _ in range(3):
            m()
            last = m.connect(lambda: None, object())
        with monkeypatch.context() as patch:
            patch.setattr(arrays, "build", no_memory)
            last.disconnect()
        m()
    generations = [generation for _, _, _, generation, *_ in recorder.snapshot().dispatches]
    assert generations == [1, 2, 3, 5]
    assert m.generation == 6  # the recorder's own end
