"""Rules 20 to 23 of the contract: waiting for dispatches, deferring, batches, and no starvation."""

import gc
import threading
import time
import weakref
from collections.abc import Callable
from threading import get_ident
from types import SimpleNamespace

import pytest

import kit
from kit.core._dispatch import python as python_dispatch
from kit.core._publication import grace
from kit.core._publication.updater import Batch
from tests.contract.conftest import PATIENCE
from tests.contract.tools import (
    Gate,
    dispatching,
    interrupting_an_update,
    run_apart,
    until,
    updating,
)

# Rule 20

KINDS = pytest.mark.parametrize("kind", [kit.marker, kit.span], ids=["a marker", "a span"])


def at_a_site(m: kit.Marker, *args: object) -> None:
    """Fire a marker, or pass through a span: the two places where a thread becomes a reader."""
    if isinstance(m, kit.Span):
        with m(*args):
            pass
    else:
        m(*args)


def test_rule_20_synchronize_returns_after_every_dispatch_that_began_before(
    unique, background, looked
):
    """On any thread and of any marker, one after the other or at the same time.

    Seen to fail when `wait` returns at once, and when it waits for the first dispatch only.
    """
    gates = [Gate(), Gate()]
    log: list[str] = []
    for gate, name in zip(gates, "ab", strict=True):
        gate.log = log
        marker = kit.marker(unique(name))
        marker.connect(gate)
        background(marker)
        assert gate.entered.wait(PATIENCE)

    def wait() -> None:
        kit.synchronize()
        log.append("synchronized")

    background(wait)
    assert looked.wait(PATIENCE)
    for gate in gates:
        with pytest.raises(TimeoutError):
            kit.synchronize(timeout=0.01)
        gate.release.set()
    background.join()
    assert log == ["dispatch ended", "dispatch ended", "synchronized"]


@KINDS
def test_rule_20_it_does_not_wait_where_nothing_runs(unique, background, kind):
    """Also after dispatches that have ended, failed or gone through with an exception.

    Seen to fail, for a marker and for a span, when a dispatch leaves its token behind: at its end,
    after an error, and where an exception goes through.
    """
    m = kind(unique("m"))

    def leave(*_: object) -> None:
        raise SystemExit

    with m.connect(lambda *_: None):
        at_a_site(m)
        kit.synchronize(timeout=0)
        with m.connect(lambda *_: 1 / 0):
            at_a_site(m)
            kit.synchronize(timeout=0)
        with m.connect(leave), pytest.raises(SystemExit):
            at_a_site(m)
        kit.synchronize(timeout=0)
        at_a_site(m, "too many")
    background(at_a_site, m)
    background.join()
    kit.synchronize(timeout=0)


def test_rule_20_what_a_dispatch_fires_is_not_its_end(unique, background):
    """Its probe fires other markers and passes through spans, and the dispatch goes on.

    Seen to fail, for a marker and for a span, when a dispatch inside another registers again: its
    end takes the outer one's token away.
    """
    m, inner, span = kit.marker(unique("m")), kit.marker(unique("inner")), kit.span(unique("span"))
    inner.connect(lambda: None)
    span.connect(lambda *_: None)
    for fire in (inner, lambda: at_a_site(span)):
        with m.connect(fire, priority=20), dispatching(m, background):
            with pytest.raises(TimeoutError):
                kit.synchronize(timeout=0)
        kit.synchronize(timeout=0)
    assert (inner.fired, span.fired) == (1, 1)


def test_rule_20_later_dispatches_do_not_delay_it(unique, background, looked):
    """At every moment some dispatch runs, yet it returns when those that it found have ended.

    Seen to fail when it waits until no dispatch runs, and when a thread's later dispatch is taken
    for the one that was found.
    """
    m = kit.marker(unique("m"), gate=int)
    gates = [Gate(), Gate(), Gate()]
    m.connect(lambda number: gates[number]())
    again = threading.Event()

    def first_thread() -> None:
        m(0)
        m(1)  # the same thread at once in another dispatch
        again.set()

    synchronized = threading.Event()
    background(first_thread)
    assert gates[0].entered.wait(PATIENCE)
    background(lambda: (kit.synchronize(), synchronized.set()))
    assert looked.wait(PATIENCE)
    background(m, 2)
    assert gates[2].entered.wait(PATIENCE)
    gates[0].release.set()
    assert gates[1].entered.wait(PATIENCE)
    returned = synchronized.wait(PATIENCE / 2)
    still_running = not gates[1].log and not gates[2].log
    for gate in gates:
        gate.release.set()
    assert still_running
    assert returned, "later dispatches delayed it"


def waits(m: kit.Marker, probe, private) -> dict[str, Callable[[], object]]:
    """Return every way to disconnect and wait."""
    handle = kit.connect(f"{m.name}*", print)
    return {
        "connection": lambda: m.probes[1].disconnect(wait=True),
        "name": lambda: kit.disconnect(m.name, probe, private, wait=True),
        "private": lambda: kit.core.disconnect_private(m.name, private, wait=True),
        "pattern": lambda: handle.disconnect(wait=True),
        "pattern by name": lambda: kit.disconnect(handle.pattern, print, wait=True),
        "batch": lambda: in_batch(lambda: m.probes[1].disconnect(wait=True)),
        "nested batch": lambda: in_batch(lambda: in_batch(lambda: handle.disconnect(wait=True))),
        "barrier": lambda: (kit.defer(lambda: None), kit.barrier()),
    }


def in_batch(update: Callable[[], object]) -> None:
    with kit.batch():
        update()


WAYS = ["connection", "name", "private", "pattern", "pattern by name", "batch", "nested batch"]


@pytest.mark.parametrize("way", [*WAYS, "barrier"])
def test_rule_20_every_way_to_wait_waits(unique, background, looked, way):
    """A dispatch that had begun has ended when the call returns; in a batch, when the batch exits.

    Seen to fail for each way when its `wait` is forgotten.
    """
    m = kit.marker(unique("m"))
    private = object()
    with dispatching(m, background) as gate:
        m.connect(repr, private)
        wait = waits(m, repr, private)[way]
        fanout = m.fanout
        log = gate.log

        def run() -> None:
            wait()
            log.append("waited")

        thread = background(run)
        assert looked.wait(PATIENCE)
        gate.release.set()
        thread.join(PATIENCE)
    assert log == ["dispatch ended", "waited"]
    assert m.fanout == fanout - (2 if way != "barrier" else 1)


@pytest.mark.parametrize("way", WAYS)
def test_rule_20_inside_a_dispatch_waiting_raises_at_once(unique, way):
    """And nothing is disconnected.

    Seen to fail when `disconnect` disconnects before it refuses, and when only the dispatch of the
    same marker is looked for.
    """
    m, inner = kit.marker(unique("m")), kit.marker(unique("inner"))
    other = kit.marker(unique("other"))
    private = object()
    other.connect(str)
    other.connect(repr, private)
    wait = waits(other, repr, private)[way]
    raised: list[BaseException] = []

    def probe() -> None:
        for each in (wait, kit.synchronize, kit.barrier):
            try:
                each()
            except kit.errors.WouldDeadlockError as error:
                raised.append(error)

    inner.connect(probe)
    m.connect(inner)
    generation = other.generation
    m()
    assert len(raised) == 3
    assert "inside a dispatch" in str(raised[0])
    assert (other.fanout, other.generation) == (3, generation)
    assert all(connection.connected for connection in other.probes)
    wait()


def test_rule_20_a_timeout_raises_and_says_which_thread(unique, background):
    """Without one it waits as long as a dispatch runs.

    Seen to fail when the timeout is ignored, and when it ends the waiting without an error.
    """
    m = kit.marker(unique("m"))
    with dispatching(m, background):
        thread = background.threads[-1]
        with pytest.raises(TimeoutError, match=str(thread.ident)):
            kit.synchronize(timeout=0)
        with pytest.raises(TimeoutError, match=r"1 dispatch.* 0\.01 s"):
            kit.synchronize(timeout=0.01)
        kit.defer(int)
        with pytest.raises(TimeoutError, match="deferred"):
            kit.barrier(timeout=0.01)
    kit.barrier()
    kit.synchronize(timeout=0)


def test_rule_20_it_looks_often(unique, background, monkeypatch):
    """However long it has waited, it is not asleep when a dispatch ends.

    Seen to fail when the pauses between its looks grow without an end.
    """
    m, pauses = kit.marker(unique("m")), []
    sleep = grace.time.sleep

    def pausing(seconds: float) -> None:
        pauses.append(seconds)
        sleep(seconds)
        if len(pauses) == 20:
            gate.release.set()

    with dispatching(m, background) as gate, monkeypatch.context() as patch:
        patch.setattr(grace, "time", SimpleNamespace(sleep=pausing, monotonic=time.monotonic))
        kit.synchronize()
    assert pauses[0] < 1e-4
    assert max(pauses) <= 1e-3


def test_rule_20_no_late_call(unique, background, switching):
    """After `disconnect(wait=True)` a probe neither runs nor begins to run.

    Seen to fail when `wait` does nothing.
    """
    m = kit.marker(unique("m"))
    done = threading.Event()
    late: list[str] = []

    class Resource:
        open = True

    def probe(resource: Resource) -> None:
        if not resource.open:
            late.append("began")
        for _ in range(20):
            pass
        if not resource.open:
            late.append("was running")

    def fire() -> None:
        while not done.is_set():
            m()

    threads = [background(fire) for _ in range(3)]
    for _ in range(400):
        resource = Resource()
        connection = m.connect(probe, resource)
        connection.disconnect(wait=True)
        resource.open = False
    done.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert not late


def test_rule_20_the_readers_are_looked_at_after_the_publication(unique, background, monkeypatch):
    """A dispatch that begins while the new array is built reads the old one, and is waited for.

    Seen to fail when an update looks at the readers before it publishes.
    """
    m = kit.marker(unique("m"))
    gate = Gate()
    connection = m.connect(gate)
    m.connect(lambda: None)

    def begin_a_dispatch() -> None:
        background(m)
        assert gate.entered.wait(PATIENCE)

    def disconnect() -> None:
        with interrupting_an_update(monkeypatch, begin_a_dispatch):
            connection.disconnect(wait=True)
        gate.log.append("waited")

    thread = background(disconnect)
    assert gate.entered.wait(PATIENCE)
    until(lambda: not connection.connected)
    thread.join(0.05)
    gate.release.set()
    background.join()
    assert gate.log == ["dispatch ended", "waited"]


@KINDS
def test_rule_20_a_dispatch_that_has_not_registered_reads_the_new_array(
    unique, background, monkeypatch, dispatcher, kind
):
    """It has seen that the marker is on; before it is a reader, its probe is disconnected.

    Seen to fail, for a marker and for a span, when a dispatch uses the array that it loaded before
    it registered.
    """
    if dispatcher != "python":
        pytest.skip("the other dispatchers are not interrupted there")
    m = kind(unique("m"))
    about_to_register, go_on = threading.Event(), threading.Event()
    register = python_dispatch.register

    def slowly() -> grace.Reader:
        about_to_register.set()
        assert go_on.wait(PATIENCE)
        return register()

    monkeypatch.setattr(python_dispatch, "register", slowly)
    called: list[int] = []
    connection = m.connect(lambda *_: called.append(1))
    background(at_a_site, m)
    assert about_to_register.wait(PATIENCE)
    connection.disconnect(wait=True)
    go_on.set()
    background.join()
    assert called == []
    assert (connection.calls, m.fired) == (0, 0)


@KINDS
def test_rule_20_the_array_is_read_after_the_token_is_stored(
    unique, background, monkeypatch, dispatcher, kind
):
    """At the last moment before the store: the updater finds no reader, so none may call.

    Seen to fail, for a marker and for a span, when the array is loaded first and the token stored
    after it.
    """
    if dispatcher != "python":
        pytest.skip("the other dispatchers are not interrupted there")
    m = kind(unique("m"))
    called: list[int] = []
    connection = m.connect(lambda *_: called.append(1))

    class Late(grace.Reader):
        """A record into which nothing is stored before its thread has been overtaken."""

        @property
        def token(self) -> object:
            return grace.Reader.token.__get__(self)

        @token.setter
        def token(self, token: object) -> None:
            if token is not None and connection.connected:
                connection.disconnect(wait=True)
            grace.Reader.token.__set__(self, token)

    def register() -> grace.Reader:
        grace.local.reader = grace.readers[get_ident()] = Late(get_ident())
        return grace.local.reader

    def run() -> None:
        before = grace.readers.pop(get_ident(), None)
        at_a_site(m)
        grace.readers.pop(get_ident())
        if before is not None:
            grace.readers[get_ident()] = before

    monkeypatch.setattr(python_dispatch, "register", register)
    background(run)
    background.join()
    assert not connection.connected
    assert called == []
    assert (connection.calls, m.fired) == (0, 0)


def stepping(step: threading.Event, stepped: threading.Event):
    """Yield once; before and after, stand still inside the generator."""
    for _ in range(2):
        stepped.set()
        assert step.wait(PATIENCE)
        step.clear()
        yield


def test_rule_20_a_dispatch_above_a_generator_is_waited_for(unique, background):
    """Whoever finds dispatches by walking stacks misses one whose generator yields meanwhile.

    Between the copy of a thread's frame and the walk along it, the generator that the frame
    belongs to may yield: it has no caller then, and the dispatch above it is not found. Here
    readers register, and no stack is walked: the dispatch is found while its thread is inside the
    generator, and is still known to run when the generator has yielded.

    Seen to fail with `snapshot` walking `sys._current_frames()`, one step of the generator later.
    """
    m = kit.marker(unique("m"))
    step, stepped = threading.Event(), threading.Event()
    resumed, end = threading.Event(), threading.Event()

    def probe() -> None:
        for _ in stepping(step, stepped):
            resumed.set()
            assert end.wait(PATIENCE)

    m.connect(probe)
    thread = background(m)
    assert stepped.wait(PATIENCE)
    inside_the_generator = grace.snapshot()
    step.set()
    assert resumed.wait(PATIENCE)
    assert not grace.elapsed(inside_the_generator)
    with pytest.raises(TimeoutError):
        grace.wait(dict(inside_the_generator), timeout=0.01)
    end.set()
    step.set()
    thread.join(PATIENCE)
    assert grace.elapsed(inside_the_generator)


def test_rule_20_also_while_the_generator_yields_all_the_time(unique, background, switching):
    """The same without knowing where its thread is at any moment.

    Seen to fail with `snapshot` walking `sys._current_frames()`.
    """
    m = kit.marker(unique("m"))
    entered, end = threading.Event(), threading.Event()

    def endless():
        while not end.is_set():
            yield

    def probe() -> None:
        entered.set()
        for _ in endless():
            pass

    m.connect(probe)
    background(m)
    assert entered.wait(PATIENCE)
    try:
        for _ in range(200):
            with pytest.raises(TimeoutError):
                kit.synchronize(timeout=0)
    finally:
        end.set()


# Rule 21


def test_rule_21_callbacks_run_in_order_after_the_dispatches_that_were_under_way(
    unique, background
):
    """One after the other, on one daemon thread of their own.

    Seen to fail when callbacks do not wait for their cookie, and when each has a thread.
    """
    m = kit.marker(unique("m"))
    threads: set[threading.Thread] = set()
    with dispatching(m, background) as gate:
        for number in range(20):
            kit.defer(lambda number=number: gate.log.append(number))
            kit.defer(lambda: threads.add(threading.current_thread()))
        with pytest.raises(TimeoutError):
            kit.barrier(timeout=0.02)
        assert gate.log == []
    kit.barrier()
    assert gate.log == ["dispatch ended", *range(20)]
    (thread,) = threads
    assert thread.daemon
    assert thread is not threading.current_thread()


def test_rule_21_the_thread_is_started_when_it_is_needed(unique):
    """A program that defers nothing has no thread more.

    Seen to fail when importing the kit starts the thread.
    """
    out = run_apart(
        "import _thread, kit\n"
        "m = kit.marker('m'); c = m.connect(lambda: None); m(); c.disconnect(wait=True)\n"
        "print(_thread._count()); kit.defer(int); kit.barrier()\n"
        "print(_thread._count())"
    )
    assert out.split() == ["0", "1"]  # beside the main thread


def test_rule_21_later_dispatches_do_not_delay_a_callback(unique, background):
    """Each waits for the dispatches that were under way when it was deferred.

    Seen to fail when the cookie is made by the thread that runs the callbacks.
    """
    m = kit.marker(unique("m"))
    held = threading.Event()
    kit.defer(lambda: held.wait(PATIENCE))
    done = threading.Event()
    kit.defer(done.set)
    with dispatching(m, background):
        held.set()
        assert done.wait(PATIENCE), "it waited for a dispatch that began later"


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of deferred callbacks that nobody has started."""
    monkeypatch.setattr(grace, "_worker", grace._Worker())


def test_rule_21_a_callback_may_run_before_its_thread_is_known(fresh, monkeypatch):
    """The thread is faster than who starts it, and yet a barrier inside a callback is refused.

    Seen to fail (to wait for itself) when only the starter notes which thread it is.
    """
    start, ran, refused = grace.start_new_thread, threading.Event(), []

    def slowly(*args):
        ident = start(*args)
        assert ran.wait(PATIENCE)
        return ident

    def callback() -> None:
        try:
            kit.barrier(timeout=1)
        except kit.errors.WouldDeadlockError:
            refused.append(1)
        finally:
            ran.set()

    monkeypatch.setattr(grace, "start_new_thread", slowly)
    kit.defer(callback)
    kit.barrier(timeout=PATIENCE)
    assert refused == [1]


def test_rule_21_deferring_while_the_thread_is_being_started(fresh, monkeypatch, background):
    """A signal handler may come in the middle of it; both callbacks run, on one thread.

    Seen to fail (to hang) when `defer` waits for whoever starts the thread, who is itself.
    """
    start, threads = grace.start_new_thread, []

    def interrupted(*args):
        kit.defer(lambda: threads.append(get_ident()))
        return start(*args)

    def run() -> None:
        kit.defer(lambda: threads.append(get_ident()))
        kit.barrier(timeout=PATIENCE)

    monkeypatch.setattr(grace, "start_new_thread", interrupted)
    background(run)
    background.join()
    assert len(threads) == 2
    assert len(set(threads)) == 1


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_rule_21_exceptions_of_callbacks_are_counted_and_end_nothing(error):
    """The next callback runs.

    Seen to fail when only `Exception` is caught: the thread ends, and a barrier waits forever.
    """

    def failing() -> None:
        raise error

    before = grace.deferred_errors()
    done: list[int] = []
    for number in range(3):
        kit.defer(failing)
        kit.defer(lambda number=number: done.append(number))
    kit.barrier(timeout=PATIENCE)
    assert done == [0, 1, 2]
    assert grace.deferred_errors() - before == 3


def test_rule_21_a_barrier_inside_a_callback_raises_and_other_calls_do_not():
    """It would wait for itself. Connecting, deferring and waiting for dispatches is fine.

    Seen to fail when the thread is not asked for.
    """
    outcome: list[object] = []

    def callback() -> None:
        try:
            kit.barrier()
        except kit.errors.WouldDeadlockError as error:
            outcome.append(str(error))
        kit.synchronize()
        kit.defer(lambda: outcome.append("deferred by a callback"))

    kit.defer(callback)
    kit.barrier(timeout=PATIENCE)
    kit.barrier(timeout=PATIENCE)
    assert len(outcome) == 2
    assert "itself" in outcome[0]


def test_rule_21_what_is_deferred_is_called():
    """Anything else is refused at the call.

    Seen to fail when the check is left out.
    """
    with pytest.raises(TypeError, match="callable"):
        kit.defer("not a function")


class Data:
    """Private data that can be watched."""


@pytest.fixture
def no_gc():
    """Whatever is freed here is freed at once and not by the garbage collector."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def use(data: Data, *_: object) -> None:
    pass


def fail(data: Data, *_: object) -> None:
    raise ValueError(f"with {data!r}")


def fail_and_keep_nothing(data: Data, *_: object) -> None:
    local = data
    try:
        raise KeyError(local)
    except KeyError as error:
        raise ValueError from error


GOING = {
    "disconnect": lambda m, c: c.disconnect(),
    "by name": lambda m, c: kit.disconnect(m.name, c.probe, c.private),
    "private": lambda m, c: kit.core.disconnect_private(m.name, c.private),
    "replaced": lambda m, c: m.connect(repr, name="watched"),
    "batch": lambda m, c: in_batch(c.disconnect),
    "pattern": lambda m, c: kit.core.disconnect_private(f"{m.name}*", c.private),
}


@pytest.mark.usefixtures("no_gc")
@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("probe", [use, fail, fail_and_keep_nothing])
@pytest.mark.parametrize("going", GOING)
def test_rule_21_private_data_is_freed_with_the_array(unique, going, probe, others):
    """Nothing keeps it: no error's frames, no list of what was retired, no queue.

    Seen to fail when errors keep the exception, when the marker keeps replaced arrays until its
    next update, and when the updater keeps its last plans.
    """
    m = kit.marker(unique("m"))
    for _ in range(others):
        m.connect(print, priority=-1).disconnect()
        m.connect(use, "permanent")
    data = Data()
    watched = weakref.ref(data)
    connection = m.connect(probe, data, name="watched")
    del data
    m()
    m()
    assert watched() is not None
    GOING[going](m, connection)
    del connection
    assert watched() is None


@pytest.mark.usefixtures("no_gc")
def test_rule_21_counts_of_replaced_arrays_do_not_pile_up(unique):
    """A marker keeps one number for all arrays that no dispatch holds any more.

    Seen to fail when their counts are never added up, and when what was added up is kept.
    """
    m = kit.marker(unique("m"))
    permanent = m.connect(lambda: None)
    for _ in range(100):
        with m.connect(lambda: None):
            m()
    gc.collect()
    m.connect(lambda: None)
    _, tallies = m._dispatches.now
    assert len(tallies) <= 3
    assert len(m._dispatches._retired) <= 2
    assert m.fired == permanent.calls == 100


def test_rule_21_also_when_it_was_switched_off_by_its_errors(unique):
    """The handle, which keeps the text of the errors, keeps its private data; the marker does not.

    Seen to fail when the stub's array stays published.
    """
    m = kit.marker(unique("m"))
    data = Data()
    watched = weakref.ref(data)
    connection = m.connect(fail, data, error_limit=2)
    m()
    m()
    assert connection.first_error is not None
    del data, connection
    assert watched() is None


@pytest.mark.usefixtures("no_gc")
def test_rule_21_private_data_is_not_freed_while_a_dispatch_may_use_it(unique, background):
    """The dispatch that read the array before it was replaced calls it yet.

    Seen to fail when an update clears the array that it has replaced.
    """
    m = kit.marker(unique("m"))
    seen: list[bool] = []
    with dispatching(m, background):
        connection = m.connect(lambda data: seen.append(isinstance(data, Data)), Data())
    m()
    assert seen == [True]
    gate = Gate()
    m.connect(gate, priority=20)
    watched = weakref.ref(connection.private)
    thread = background(m)
    assert gate.entered.wait(PATIENCE)
    connection.disconnect()
    del connection
    assert watched() is not None
    gate.release.set()
    thread.join(PATIENCE)
    assert seen == [True, True]
    assert watched() is None


@pytest.mark.usefixtures("no_gc")
def test_rule_21_a_deferred_callback_is_freed_when_it_has_run():
    """The thread that ran it keeps neither it nor its error.

    Seen to fail when the loop keeps the callback until the next one comes.
    """
    data = Data()
    watched = weakref.ref(data)
    kit.defer(lambda data=data: fail(data))
    del data
    until(lambda: watched() is None)


# Rule 22


def test_rule_22_a_batch_is_one_publication_a_marker(unique):
    """At its end, for each marker that it changes.

    Seen to fail when updates in a batch are made at once.
    """
    a, b, c = (kit.marker(unique(name)) for name in "abc")
    gone = b.connect(print)
    seen: list[str] = []
    with kit.batch():
        a.connect(seen.append, "one")
        a.connect(seen.append, "two", priority=20)
        b.connect(repr)
        gone.disconnect()
        a()
        assert [m.generation for m in (a, b, c)] == [0, 1, 0]
    assert [m.generation for m in (a, b, c)] == [1, 2, 0]
    assert not seen
    a()
    assert seen == ["two", "one"]
    assert [each.probe for each in b.probes] == [repr]


def test_rule_22_a_thousand_disconnects_cost_one_grace_period(unique, monkeypatch):
    """The rule allows a handful.

    Seen to fail when each disconnect of a batch waits by itself.
    """
    markers = [kit.marker(unique(f"m{number}")) for number in range(10)]
    connections = [marker.connect(use, number) for marker in markers for number in range(100)]
    periods: list[object] = []
    wait = grace.wait
    monkeypatch.setattr(grace, "wait", lambda *args: (periods.append(args), wait(*args)))
    connections[0].disconnect(wait=True)
    alone = len(periods)
    assert alone == 1, "this is how grace periods are counted"
    before = [marker.generation for marker in markers]
    with kit.batch():
        for connection in connections[1:]:
            connection.disconnect(wait=True)
    assert len(periods) - alone <= 5
    assert [marker.generation - old for marker, old in zip(markers, before, strict=True)] == [
        1
    ] * 10
    assert not any(connection.connected for connection in connections)


def test_rule_22_errors_come_at_the_call_and_the_batch_goes_on(unique):
    """Also those that only the batch's own earlier updates cause.

    Seen to fail when changes are checked at the end of the batch.
    """
    m = kit.marker(unique("m"), n=int)
    with kit.batch():
        one = m.connect(print)
        with pytest.raises(kit.errors.AlreadyConnectedError):
            m.connect(print)
        with pytest.raises(kit.errors.FormatMismatchError):
            kit.connect(m.name, repr, format="px %f")
        one.disconnect()
        with pytest.raises(kit.errors.NotConnectedError):
            one.disconnect()
        two = m.connect(print)
    assert two.connected
    assert (m.fanout, m.generation) == (1, 1)


def test_rule_22_an_exception_in_the_body_discards_the_batch(unique):
    """Nothing was connected, nothing was disconnected, and the thread is in no batch any more.

    Seen to fail when the batch is made in a finally.
    """
    m = kit.marker(unique("m"))
    kept = m.connect(print)

    def body() -> None:
        with kit.batch():
            handles.append(m.connect(repr))
            kept.disconnect(wait=True)
            raise ZeroDivisionError

    handles: list[kit.Connection] = []
    with pytest.raises(ZeroDivisionError):
        body()
    assert kept.connected
    assert not handles[0].connected
    assert (m.fanout, m.generation) == (1, 1)
    m.connect(repr)
    assert m.generation == 2


def test_rule_22_a_batch_is_its_own_thread_s(unique, background):
    """Others' updates are made at once, and its dispatches see what is published.

    Seen to fail when the batch is kept on the updater and not in the thread's local storage.
    """
    m = kit.marker(unique("m"))
    with kit.batch():
        m.connect(print)
        background(m.connect, repr)
        background.join()
        assert [each.probe for each in m.probes] == [repr]
    assert {each.probe for each in m.probes} == {print, repr}


def test_rule_22_an_interruption_of_a_check_is_not_part_of_the_batch(unique, monkeypatch):
    """Nobody has checked what it changes, and it does not know of the batch.

    Seen to fail when its change joined the batch: it was made later, or discarded, or raised there.
    """
    m, other = kit.marker(unique("m")), kit.marker(unique("other"))
    gone = other.connect(lambda: None)
    check = Batch.check

    def interrupted(*args):
        monkeypatch.setattr(Batch, "check", check)
        gone.disconnect()
        other.connect(print)
        check(*args)

    monkeypatch.setattr(Batch, "check", interrupted)
    with kit.batch():
        m.connect(print)
        assert m.fanout == 0
        assert [each.probe for each in other.probes] == [print]
    assert m.fanout == 1
    assert not gone.connected


def test_rule_22_a_batch_that_no_longer_holds_at_its_end_makes_nothing(unique, background):
    """What another thread did meanwhile may contradict it: all or nothing.

    Seen to fail when a batch publishes marker by marker as it checks them.
    """
    a, b = kit.marker(unique("a")), kit.marker(unique("b"))

    def body() -> None:
        with kit.batch():
            a.connect(print)
            b.connect(print)
            background(b.connect, print)
            background.join()

    with pytest.raises(kit.errors.AlreadyConnectedError):
        body()
    assert (a.fanout, a.generation) == (0, 0)
    assert (b.fanout, b.generation) == (1, 1)


# Rule 23


def test_rule_23_a_dispatch_does_not_wait_for_an_update(unique, background, monkeypatch):
    """While another thread holds the lock in the middle of an update of this very marker.

    Seen to fail when a dispatch takes the registry's lock.
    """
    m = kit.marker(unique("m"))
    seen: list[int] = []
    m.connect(lambda: seen.append(1))
    with updating(background, monkeypatch, m):
        thread = background(lambda: [m() for _ in range(1000)])
        thread.join(PATIENCE / 2)
        waited = thread.is_alive()
    assert not waited, "a dispatch waited for an update"
    assert len(seen) == 1000


def test_rule_23_an_update_does_not_wait_for_dispatches(unique, background):
    """However many are under way, on however many threads.

    Seen to fail when `disconnect` waits for a grace period without being asked to.
    """
    m = kit.marker(unique("m"))
    gates = [Gate() for _ in range(4)]
    with kit.batch():
        for gate in gates:
            m.connect(gate)
    for _ in gates:
        background(m)
    assert gates[0].entered.wait(PATIENCE)
    updates = background(lambda: [m.connect(print).disconnect() for _ in range(500)])
    updates.join(PATIENCE / 2)
    waited = updates.is_alive()
    for gate in gates:
        gate.release.set()
    assert not waited, "an update waited for a dispatch"


def test_rule_23_storms_starve_nobody(unique, background, switching):
    """Dispatches without a gap, updates and waiting without a pause: all get their share done.

    Seen to fail when `synchronize` waits until no dispatch runs, and when an update does.
    """
    m = kit.marker(unique("m"), thread=int)
    done = threading.Event()
    begun = [threading.Semaphore(0), threading.Semaphore(0)]

    def relay(thread: int) -> None:
        """End a dispatch when the other thread's next one has begun, and no sooner."""
        begun[thread].release()
        while not done.is_set() and not begun[1 - thread].acquire(timeout=0.01):
            pass

    def storm(step: Callable[[], object]) -> None:
        while not done.is_set():
            step()

    def share(count: int, step: Callable[[], object]) -> threading.Thread:
        return background(lambda: [step() for _ in range(count)])

    m.connect(relay)
    background(storm, lambda: m(0))
    assert begun[0].acquire(timeout=PATIENCE)
    background(storm, lambda: m(1))
    background(storm, lambda: m.connect(lambda _: None, priority=1).disconnect())
    shares = [
        share(200, lambda: m.connect(lambda _: None).disconnect()),
        share(100, kit.synchronize),
        share(20, lambda: m.connect(lambda _: None, priority=5).disconnect(wait=True)),
    ]
    try:
        for thread in shares:
            thread.join(PATIENCE / 2)
        starved = [thread.is_alive() for thread in shares]
    finally:
        done.set()
    assert starved == [False] * 3


def test_rule_23_who_has_updated_lets_one_that_waits_go_first(unique, background, monkeypatch):
    """Whoever gives up the lock is running, and the one that waits for it has to wake up.

    Seen to fail when the next update is made as soon as the last one: a thread in a dispatch waited
    for a minute and a half, and so did all that waited for it.
    """
    monkeypatch.setattr("kit.core._publication.updater._LONGEST_COURTESY", PATIENCE)
    m = kit.marker(unique("m"))
    updater = kit.core._registry.registry.updater
    order: list[str] = []
    threads: list[threading.Thread] = []

    def update(who: str) -> None:
        with m.connect(lambda: None):
            order.append(who)

    def held() -> None:
        threads.append(background(update, "who waited"))
        deadline = time.monotonic() + PATIENCE
        while not updater._asking and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.001)  # from where it says that it asks to where it does

    for _ in range(10):
        order.clear()
        updater.exclusively(held)
        update("who had it")
        threads.pop().join(PATIENCE)
        assert order == ["who waited", "who had it"]
