"""Rule 27 of the contract: markers fired by what interrupts a thread, and from coroutines."""

import asyncio
import contextlib
from threading import get_ident

import pytest

import kit
from kit.core._dispatch import array as arrays
from kit.core._dispatch import python as python_dispatch
from kit.core._dispatch import tally
from kit.core._publication import grace
from kit.probes._context import CONTEXT, Context
from tests.contract.test_publication import by_del, by_gc, interruptions
from tests.contract.tools import LONG, run_apart

STORM = """
import gc, signal, sys, threading
import kit
from kit.core._runtime import unlocked

kind, mode, observed, repeats = sys.argv[1], sys.argv[2], bool(sys.argv[3]), int(sys.argv[4])
m = kit.marker("m", who=str, n=int)
main = interrupted = 0
me = threading.get_ident()
connected = []

def interrupt(*_):
    global interrupted
    if threading.get_ident() != me:
        return  # the garbage collector may run on the thread of deferred callbacks
    interrupted += 1
    m("interruption", interrupted)
    if interrupted % 50 == 0:  # and updates, wherever that is
        connected.append(m.connect(other, interrupted))
        if len(connected) > 5 and connected[0].connected:
            connected.pop(0).disconnect()
    if kind == "signal":  # the next one only now: handlers that pile up end in a RecursionError
        signal.setitimer(signal.ITIMER_REAL, 0.0002)

def other(private, who, n):
    pass

class Last:
    def __init__(self):
        self.me = self  # for the garbage collector
    def __del__(self):
        interrupt()

def probe(who, n):
    if kind == "del":
        Last()
    elif kind == "gc":
        cycle = []
        cycle.append(cycle)
        # Without a global lock it comes by itself only when a quarter of all objects are young.
        if unlocked and n % 23 == 0:
            gc.collect()

recorder = kit.record("m", capacity=200 if mode == "overwrite" else 10_000_000, mode=mode,
                      dispatches=observed)
plain = m.connect(probe)
if kind == "signal":
    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.0002)
elif kind == "gc":
    gc.callbacks.append(lambda phase, _: interrupt())
gc.set_threshold(23, 1_000_000, 1_000_000)  # often, and only what is young

write = recorder.handles[0]
# Signals come anywhere: until some have come in the middle of a write, too, where one can.
skips = 20 if kind == "signal" and kit.dispatcher == "python" else 0
while interrupted < repeats or write.skipped < skips:
    main += 1
    m("main", main)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
gc.callbacks.clear()
gc.disable()
recorder.stop()
kit.synchronize(timeout=10)

assert m.fired == main + interrupted, (m.fired, main, interrupted)
assert m.skipped == 0
kept = len(recorder) + recorder.overwritten
assert recorder.lost == 0 and kept + write.skipped == m.fired, (kept, write.skipped, m.fired)
assert plain.calls + plain.skipped == m.fired and plain.errors == 0
threads = recorder.snapshot().threads
assert len(threads) == 1 and threads[0].first_seq == recorder.overwritten
rows = [args for _, _, args in threads[0].rows]
mains = [n for who, n in rows if who == "main"]
# What interrupts nothing of its own is never skipped, and is recorded in its place.
assert mains == list(range(main - len(mains) + 1, main + 1))
others = [n for who, n in rows if who == "interruption"]
assert len(set(others)) == len(others)
if mode == "discard":
    assert len(mains) == main and len(others) == interrupted - write.skipped
print(main, interrupted, write.skipped, plain.skipped)
"""


@pytest.mark.parametrize("kind", ["signal", "del", "gc"])
@pytest.mark.parametrize("mode", ["discard", "overwrite", "observed"])
def test_rule_27_wherever_an_interruption_fires(kind, mode):
    """In the middle of a dispatch, of a recorder's write, of the change of its sub-buffers.

    Nothing hangs, recurses, is lost without a count or recorded twice; what an interruption
    connects is connected.

    Seen to fail when nested dispatches do not look for what is running, and when a dispatch
    registers again inside another.
    """
    observed = "observed" if mode == "observed" else ""
    repeats = 10_000 if LONG else 1000
    out = run_apart(STORM, kind, mode.replace("observed", "discard"), observed, repeats)
    main, interrupted, *_ = map(int, out.split())
    assert interrupted >= repeats
    assert main > 0


@interruptions
@pytest.mark.parametrize("mode", ["discard", "overwrite"])
def test_rule_27_in_the_middle_of_a_recorder_s_write(unique, monkeypatch, by, mode):
    """At a given place: between the begin of the write and the place where its row is kept.

    The recorder's closure is running, so it is not entered again; the other probes are called.

    Seen to fail when nested dispatches do not look for what is running.
    """
    m = kit.marker(unique("m"), who=str)
    seen: list[str] = []

    def in_the_write() -> int:
        if not happened:
            happened.append(1)
            by(lambda: m("interruption"))
        return 0

    happened: list[int] = []
    monkeypatch.setitem(CONTEXT, "process", Context(in_the_write, int))
    with kit.record(m.name, mode=mode, context="process") as recorder:
        m.connect(seen.append)
        m("main")
        m("after")
        write = recorder.handles[0]
    assert seen == ["interruption", "main", "after"]
    (thread,) = recorder.snapshot().threads
    assert [args for _, _, args, _ in thread.rows] == [("main",), ("after",)]
    assert (m.fired, write.calls, write.skipped) == (3, 2, 1)


@interruptions
def test_rule_27_between_the_probes_of_a_dispatch(unique, by):
    """The dispatch goes on where it was, and each probe gets what its own dispatch carries.

    Seen to fail when a dispatch keeps its arguments anywhere but on its own frame.
    """
    m = kit.marker(unique("m"), who=str, n=int)
    log: list[tuple[str, str, int]] = []

    def probe(name: str, who: str, n: int) -> None:
        log.append((name, who, n))
        if (name, who) == ("second", "main"):
            by(lambda: m("interruption", n=n + 1))

    for name in ("first", "second", "third"):
        m.connect(probe, name)
    m("main", 1)
    assert log == [
        ("first", "main", 1),
        ("second", "main", 1),
        ("first", "interruption", 2),
        ("third", "interruption", 2),
        ("third", "main", 1),
    ]


def test_rule_27_between_the_calls_of_an_observed_dispatch(unique, monkeypatch, dispatcher):
    """At each look at the clock: a call that has ended is not running any more.

    Seen to fail when the call before the interruption still counts as running.
    """
    if dispatcher != "python":
        pytest.skip("the other dispatchers are not interrupted there")
    m = kit.marker(unique("m"), depth=int)
    seen: list[tuple[str, int]] = []
    first = m.connect(lambda depth: seen.append(("first", depth)), priority=30)
    second = m.connect(lambda depth: seen.append(("second", depth)), priority=20)
    clock, looks = python_dispatch.clock, []

    def looking() -> int:
        looks.append(1)
        if len(looks) == 3:  # the first call has begun and ended
            monkeypatch.setattr(python_dispatch, "clock", clock)
            m(2)
        return clock()

    with kit.record(m.name, dispatches=True):
        monkeypatch.setattr(python_dispatch, "clock", looking)
        m(1)
    assert seen == [("first", 1), ("first", 2), ("second", 2), ("second", 1)]
    assert (first.calls, first.skipped, second.calls, second.skipped) == (2, 0, 2, 0)


def test_rule_27_in_the_place_of_a_probe_that_is_gone(unique, monkeypatch, dispatcher):
    """A stub stands there (rule 14): nothing is running, and everybody is called.

    Seen to fail when a stub that a dispatch took is taken for the first closure.
    """
    if dispatcher != "python":
        pytest.skip("the other dispatchers are not interrupted there")
    m = kit.marker(unique("m"), n=int)
    seen: list[int] = []
    first = m.connect(seen.append)
    gone = m.connect(print)

    def no_memory(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(arrays, "build", no_memory)
        gone.disconnect()
    call = tally.Stub.__call__

    def interrupted(stub, *args) -> None:
        monkeypatch.setattr(tally.Stub, "__call__", call)
        m(2)
        call(stub, *args)

    monkeypatch.setattr(tally.Stub, "__call__", interrupted)
    m(1)
    assert seen == [1, 2]
    assert (m.fired, first.calls, first.skipped, gone.calls) == (2, 2, 0, 0)


@pytest.mark.parametrize("by", [by_del, by_gc])
def test_rule_27_the_first_dispatch_of_a_thread_may_be_interrupted(
    unique, background, monkeypatch, dispatcher, by
):
    """While the thread is being made known to updaters: each of its dispatches can be found.

    Seen to fail when a thread keeps its record before updaters can see it.
    """
    if dispatcher != "python":
        pytest.skip("the other dispatchers are not interrupted there")
    m = kit.marker(unique("m"))
    found: list[bool] = []

    class Readers(dict):
        def setdefault(self, *args):
            if not interrupted:
                interrupted.append(True)
                by(m)
            return super().setdefault(*args)

    interrupted: list[bool] = []
    m.connect(lambda: found.append(any(r.ident == get_ident() for r in grace.snapshot())))
    monkeypatch.setattr(grace, "readers", Readers(grace.readers))
    background(m)
    background.join()
    assert interrupted
    assert found == [True, True]


# Coroutines: a dispatch never spans an await, a span does.


async def body(query: kit.Span, name: str, order: list[str], *, cancelled: bool):
    with query(name):
        order.append(f"{name} begins")
        await asyncio.sleep(3600 if cancelled else 0)
        order.append(f"{name} ends")


def test_rule_27_spans_of_interleaved_tasks_keep_apart(unique):
    """Each passage has its own start, values and error, in whatever order the tasks run.

    Seen to fail when a passage is kept on the span and not in an object of its own.
    """
    query = kit.span(unique("query"), sql=str)
    events: list[tuple[str | None, str]] = []
    order: list[str] = []
    query.connect(lambda dur, error, sql: events.append((error, sql)) if dur > 0 else None)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(body(query, name, order, cancelled=False))

    asyncio.run(main())
    assert order == ["a begins", "b begins", "c begins", "a ends", "b ends", "c ends"]
    assert events == [(None, "a"), (None, "b"), (None, "c")]


def test_rule_27_a_cancelled_task_s_span_says_so(unique):
    """The event comes when the cancellation passes through, and the cancellation goes on.

    Seen to fail when a span's end is dispatched only where its body returned.
    """
    query = kit.span(unique("query"), sql=str)
    events: list[tuple[str | None, str]] = []
    query.connect(lambda dur, error, sql: events.append((error, sql)))

    async def main() -> None:
        task = asyncio.create_task(body(query, "slow", [], cancelled=True))
        await asyncio.sleep(0)
        await body(query, "quick", [], cancelled=False)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())
    assert events == [(None, "quick"), ("CancelledError", "slow")]


def test_rule_27_awaiting_inside_a_span_is_no_dispatch(unique):
    """While the body runs nobody has to wait for it, and updates and waiting are allowed in it.

    Seen to fail when a span registers its thread as a reader while its body runs.
    """
    query, m = kit.span(unique("query")), kit.marker(unique("m"))
    durations: list[int] = []
    query.connect(lambda dur, error: durations.append(dur))

    async def main() -> None:
        with query():
            connection = m.connect(lambda: None)
            await asyncio.sleep(0)
            m()
            await asyncio.to_thread(kit.synchronize, timeout=0)
            connection.disconnect(wait=True)
            kit.synchronize(timeout=0)

    asyncio.run(main())
    assert len(durations) == 1


def test_rule_27_a_probe_that_cancels_cancels(unique):
    """`CancelledError` is no error of the probe: it goes through to the task that fired.

    Seen to fail when `BaseException` is caught.
    """
    m = kit.marker(unique("m"))

    def cancel() -> None:
        raise asyncio.CancelledError

    c = m.connect(cancel)

    async def main() -> None:
        task = asyncio.create_task(fire())
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()

    async def fire() -> None:
        m()

    asyncio.run(main())
    assert (c.calls, c.errors) == (1, 0)
    kit.synchronize(timeout=0)
