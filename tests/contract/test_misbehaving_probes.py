"""Rules 24 to 26 of the contract: probes that raise, that fire, and that update."""

import asyncio
import functools
import logging
import sys
import threading
import types
from collections import Counter

import pytest

import kit
from kit.core._dispatch.array import ProbeArray
from kit.testing import strict
from tests.contract.conftest import PATIENCE
from tests.contract.tools import Gate

# Rule 24


def test_rule_24_an_exception_in_a_probe_does_not_reach_the_program(unique):
    """The others run, it is counted, and the texts of the first and the last are kept.

    Seen to fail when a dispatch ends at an exception, and when each exception is the first one.
    """
    m = kit.marker(unique("m"), n=int)
    called: list[str] = []

    def failing(n: int) -> None:
        called.append("failing")
        raise ValueError(f"number {n}")

    before = m.connect(lambda n: called.append("before"), priority=20)
    c = m.connect(failing)
    after = m.connect(lambda n: called.append("after"), priority=1)
    for n in range(3):
        assert m(n) is None
    assert called == ["before", "failing", "after"] * 3
    assert [each.calls for each in (before, c, after)] == [3, 3, 3]
    assert [each.errors for each in (before, c, after)] == [0, 3, 0]
    assert (c.first_error, c.last_error) == ("ValueError: number 0", "ValueError: number 2")
    assert c.connected


def test_rule_24_the_error_is_the_failing_closure_s(unique):
    """Several that fail in one dispatch, among native probes and others, each have their own.

    Seen to fail when the position of the failing probe is taken for that of the first.
    """
    m = kit.marker(unique("m"))
    failing = []
    with kit.record(m.name) as recorder:
        for number in range(4):

            def probe(number=number) -> None:
                raise KeyError(number)

            failing.append(m.connect(probe, priority=number * 10 - 5))
            m.connect(lambda: None, priority=number * 10)
        m()
        m()
    assert [c.last_error for c in failing] == [f"KeyError: {number}" for number in range(4)]
    assert [c.errors for c in failing] == [2] * 4
    assert len(recorder) == 2


def test_rule_24_it_is_switched_off_at_its_error_limit(unique):
    """A publication like any other; 100 unless given, None for never.

    Seen to fail when the limit is one more or one less, and when it is no publication.
    """
    m = kit.marker(unique("m"))

    def failing(private: object) -> None:
        raise ValueError

    limits = {"default": 100, 1: 1, 3: 3, None: None}
    connections = {}
    for limit in limits:
        options = {} if limit == "default" else {"error_limit": limit}
        connections[limit] = m.connect(failing, limit, **options)
    with kit.record(m.name, dispatches=True) as recorder:
        generation = m.generation
        for _ in range(150):
            m()
    published = [row for row in recorder.snapshot().publications if row[2] == "error-limit"]
    assert {limit: c.errors for limit, c in connections.items()} == {
        "default": 100,
        1: 1,
        3: 3,
        None: 150,
    }
    assert all(c.errors == c.calls for c in connections.values())
    assert [c.connected for c in connections.values()] == [False, False, False, True]
    assert [row[4] for row in published] == [generation + 1, generation + 2, generation + 3]
    assert m.fanout == 1
    assert "100 errors" in connections["default"].state


class Leave(BaseException):
    """Whatever is not an `Exception` is meant for the program."""


THROUGH = [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit, Leave]


@pytest.mark.parametrize("error", THROUGH)
@pytest.mark.parametrize("kind", ["plain", "native", "observed"])
@pytest.mark.parametrize("position", range(4))
def test_rule_24_other_exceptions_end_the_dispatch_and_go_through(unique, error, kind, position):
    """Those after it are not called, no count says that they were, and nobody waits for it.

    Seen to fail when calls that were not made are counted, and when they are caught.
    """
    m = kit.marker(unique("m"))
    called: Counter[int] = Counter()

    def probe(number: int) -> None:
        called[number] += 1
        if number == position and called[number] == 2:
            raise error

    connections = [m.connect(probe, number) for number in range(4)]
    recorder = None if kind == "plain" else kit.record(m.name, dispatches=kind == "observed")
    m()
    with pytest.raises(error):
        m()
    kit.synchronize(timeout=0)
    m()
    expected = [3] * (position + 1) + [2] * (3 - position)
    assert [called[number] for number in range(4)] == expected
    assert [c.calls for c in connections] == expected
    assert [c.errors for c in connections] == [0] * 4
    assert m.fired == 3
    if recorder is not None:
        assert len(recorder) == recorder.handles[0].calls == 2
        recorder.stop()
    if kind == "observed":
        capture = recorder.snapshot()
        assert [row[5] for row in capture.dispatches] == [0, 1, 0]
        assert [row[4] for row in capture.dispatches] == [5, position + 1, 5]
        assert [row[6] for row in capture.probe_calls if row[6]] == [error.__name__]


def test_rule_24_also_while_an_error_is_being_noted(unique):
    """Ctrl-C may come at any time: no count says that the probes were called that were not.

    Seen to fail when the accounting of a failed call, interrupted, takes nothing back.
    """
    m = kit.marker(unique("m"))

    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    def fail() -> None:
        raise UnprintableError

    before, failing, after = (m.connect(each) for each in (lambda: 1, fail, lambda: 2))
    with pytest.raises(KeyboardInterrupt):
        m()
    assert [c.calls for c in (before, failing, after)] == [1, 1, 0]
    failing.disconnect()
    m()
    assert [c.calls for c in (before, failing, after)] == [2, 1, 1]
    kit.synchronize(timeout=0)


def test_rule_24_also_out_of_the_calls_that_follow_an_error(unique):
    """The first probe fails, the third interrupts, the fourth is not reached.

    Seen to fail when the part of the dispatch that follows an error catches everything.
    """
    m = kit.marker(unique("m"))

    def fail() -> None:
        raise ValueError

    def leave() -> None:
        raise Leave

    connections = [m.connect(fail), m.connect(lambda: None), m.connect(leave)]
    connections.append(m.connect(lambda: None, "never", name="never"))
    with pytest.raises(Leave):
        m()
    assert [c.calls for c in connections] == [1, 1, 1, 0]
    assert [c.errors for c in connections] == [1, 0, 0, 0]


def test_rule_24_an_error_is_not_the_context_of_the_next(unique):
    """What one probe raised is no business of those after it.

    Seen to fail when they are called while the exception is being handled.
    """
    m = kit.marker(unique("m"))
    contexts: list[object] = []

    def fail() -> None:
        raise ValueError

    def look() -> None:
        contexts.append(sys.exc_info()[1])
        try:
            raise KeyError
        except KeyError as error:
            contexts.append(error.__context__)

    m.connect(fail)
    m.connect(look)
    m()
    assert contexts == [None, None]


@pytest.mark.parametrize("position", range(3))
def test_rule_24_strict_mode_lets_all_through(unique, position):
    """The exception reaches the site, counted; those after it are not called.

    Seen to fail when strict mode is looked at nowhere, and in nested dispatches only.
    """
    m, outer = kit.marker(unique("m")), kit.marker(unique("outer"))

    def probe(number: int) -> None:
        if number == position:
            raise ValueError("seen")

    connections = [m.connect(probe, number) for number in range(3)]
    outer.connect(m)
    with strict(), pytest.raises(ValueError, match="seen"):
        m()
    with strict(), pytest.raises(ValueError, match="seen"):
        outer()
    reached = [2] * (position + 1) + [0] * (2 - position)
    assert [c.calls for c in connections] == reached
    assert [c.errors for c in connections] == [2 * (n == position) for n in range(3)]
    m()
    assert [c.calls for c in connections] == [calls + 1 for calls in reached]


@pytest.mark.parametrize("limit", [50, None])
def test_rule_24_counts_are_exact_under_threads(unique, background, switching, limit):
    """Errors counted are errors raised, calls counted are calls made, and at the limit it is off.

    Seen to fail when errors are counted by a load, a call and a store.
    """
    m = kit.marker(unique("m"))
    raised: list[int] = []
    calls: list[int] = []
    firing = 4

    def failing() -> None:
        raised.append(threading.get_ident())
        raise ValueError

    c = m.connect(failing, error_limit=limit)
    kept = m.connect(lambda: calls.append(1))
    start = threading.Barrier(firing + 1)

    def fire() -> None:
        start.wait()
        for _ in range(1000):
            m()

    def churn() -> None:
        start.wait()
        for _ in range(100):
            m.connect(lambda: None, priority=20).disconnect()

    for _ in range(firing):
        background(fire)
    background(churn)
    background.join()
    assert c.connected == (limit is None)
    # The others may have been in it, once each, when the limit was reached.
    assert limit is None or limit <= len(raised) < limit + firing
    assert c.errors == c.calls == len(raised)
    assert kept.calls == len(calls) == m.fired == 4000


def test_rule_24_whoever_finds_it_stubbed_finds_it_off(unique, background, monkeypatch):
    """Another thread that disconnects it just then is not told that it is not connected.

    Seen to fail when a dispatch puts the stub in the array before it says why.
    """
    m = kit.marker(unique("m"))
    neutralise = ProbeArray.neutralise

    def watched(array: ProbeArray, connection: kit.Connection) -> None:
        neutralise(array, connection)
        if not threads:
            threads.append(background(c.disconnect))
            threads[0].join(PATIENCE)

    def failing() -> None:
        raise ValueError

    threads: list[threading.Thread] = []
    c = m.connect(failing, error_limit=1)
    monkeypatch.setattr(ProbeArray, "neutralise", watched)
    m()
    background.join()
    assert len(threads) == 1
    assert c.state == "disconnected"
    with pytest.raises(kit.errors.NotConnectedError):
        c.disconnect()


class AsyncCallable:
    async def __call__(self) -> None:
        pass

    async def method(self) -> None:
        pass


async def coroutine(*_: object) -> None:
    pass


async def generator(*_: object):
    yield


class Nested:
    __call__ = AsyncCallable()


@pytest.mark.parametrize(
    "probe",
    [
        coroutine,
        generator,
        functools.partial(AsyncCallable().method),
        types.MethodType(functools.partial(coroutine), 1),
        Nested(),
        functools.partial(coroutine, 1),
        functools.partial(functools.partial(coroutine)),
        AsyncCallable(),
        AsyncCallable().method,
    ],
    ids=lambda probe: type(probe).__name__,
)
def test_rule_24_a_coroutine_function_is_refused(unique, prefix, probe):
    """A dispatch would call it, and nobody would await what it returns.

    Seen to fail for each kind when it is not looked at.
    """
    m = kit.marker(unique("m"))
    for connect in (m.connect, lambda p: kit.connect(f"{prefix}.*", p), m.probe):
        with pytest.raises(TypeError, match="coroutine"):
            connect(probe)
    assert m.fanout == m.generation == 0


class Generates:
    def __call__(self, *_: object):
        yield

    def method(self, *_: object):
        yield


def generates(*_: object):
    yield


GENERATOR_FUNCTIONS = [
    generates,
    lambda *_: (yield),
    types.coroutine(generates),
    functools.partial(generates, 1),
    Generates(),
    Generates().method,
]


@pytest.mark.parametrize("probe", GENERATOR_FUNCTIONS, ids=lambda probe: type(probe).__name__)
def test_rule_24_a_generator_function_is_refused(unique, prefix, probe):
    """Of it nothing would run: an accidental `yield` is told of at once.

    Seen to fail for each kind when generators are not looked at.
    """
    m = kit.marker(unique("m"))
    for connect in (m.connect, lambda p: kit.connect(f"{prefix}.*", p), m.probe):
        with pytest.raises(TypeError, match=r"is a generator function.*without yield"):
            connect(probe)
    assert m.fanout == m.generation == 0


@pytest.mark.parametrize("function", [coroutine, generator, generates], ids=lambda f: f.__name__)
def test_rule_24_whatever_is_called_for_what_it_does_is_looked_at(unique, function):
    """A hook, a trigger's action, a deferred callback and a context function, as a probe is.

    Seen to fail for each of them when only probes are looked at.
    """
    m = kit.marker(unique("m"))
    for take in (
        lambda: m.hooks(on_first=function),
        lambda: m.hooks(on_last=function),
        lambda: kit.trigger(m, function),
        lambda: kit.trigger(m, [print, function]),
        lambda: kit.defer(function),
        lambda: kit.context("never_asked", function),
    ):
        with pytest.raises(TypeError, match=r"is a (coroutine|generator) function"):
            take()
    assert m.fanout == m.generation == 0


class Awaitable:
    def __await__(self):
        yield


RETURNED = {
    "coroutine": coroutine,
    "generator": generates,
    "asynchronous generator": generator,
    "awaitable": Awaitable,
}


@pytest.mark.parametrize("what", RETURNED)
@pytest.mark.parametrize(
    "kind", ["alone", "private", "several", "gate", "budget", "beside", "nested"]
)
def test_rule_24_a_probe_that_returns_what_will_not_run_is_told_of_once(unique, caplog, what, kind):
    """One warning in the log, whatever stands around the probe; the site hears nothing of it, nor
    do the counts, and Python has nothing to add.

    Seen to fail for each kind when results are not looked at, and (with several warnings) when it
    is not remembered that it was told.
    """
    m, calls = kit.marker(unique("m"), n=int), []

    def probe(*values: object):
        calls.append(values)
        return RETURNED[what]()

    options = {"gate": {"when": "n > -1"}, "budget": {"budget": 1.0, "every": 1}}.get(kind, {})
    c = m.connect(probe, *(("data",) if kind == "private" else ()), **options)
    others = [m.connect(lambda n: n) for _ in range(3 * (kind == "several"))]
    recorder = kit.record(m.name, dispatches=True) if kind == "beside" else None
    fire = m
    if kind == "nested":
        fire = kit.marker(unique("outer"), n=int)
        fire.connect(m)
    with strict():
        for n in range(3):
            assert fire(n) is None
    if recorder is not None:
        recorder.stop()
    assert len(calls) == c.calls == 3
    assert [c.errors, *(each.errors for each in others)] == [0] * (1 + len(others))
    (told,) = [each for each in caplog.records if each.name == "kit"]
    assert told.levelname == "WARNING"
    assert f"returned a {what}".replace("a a", "an a") in told.getMessage()
    assert c.label in told.getMessage()
    assert m.name in told.getMessage()


def test_rule_24_what_somebody_else_holds_may_still_run(unique, caplog):
    """A task is its loop's, and a generator that is kept may be gone on with: nobody is told.

    Seen to fail when it is not asked who else holds what was returned.
    """
    m, kept, ran = kit.marker(unique("m"), n=int), [], []

    async def work(n: int) -> None:
        ran.append(n)

    def keeps(n: int):
        kept.append(RETURNED[["generator", "awaitable"][n]]())
        return kept[-1]

    def schedules(n: int):
        coroutine = work(n)
        kept.append(asyncio.ensure_future(coroutine))
        return coroutine

    async def main() -> None:
        m.connect(keeps)
        m.connect(schedules)
        m.connect(lambda n: asyncio.ensure_future(work(n + 2)))
        m.connect(lambda n: [n])
        m(0)
        m(1)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert sorted(ran) == [0, 1, 2, 3]
    assert not caplog.records


def test_rule_24_a_handler_of_the_log_that_fails_is_not_the_site_s_business(unique):
    """Telling is not more important than the program.

    Seen to fail when what logging raises goes through, or is counted as the probe's.
    """

    class Fails(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("a handler")

    m, handler = kit.marker(unique("m")), Fails()
    c = m.connect(lambda: coroutine(1))
    logging.getLogger("kit").addHandler(handler)
    try:
        with strict():
            m()
    finally:
        logging.getLogger("kit").removeHandler(handler)
    assert (c.calls, c.errors) == (1, 0)


def test_rule_24_errors_that_cannot_be_shown_and_those_too_long(unique):
    """The type's name does, and a text is cut.

    Seen to fail when `str` of the exception is not guarded, and when the text is kept whole.
    """
    m = kit.marker(unique("m"), n=int)

    class UnspeakableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def failing(n: int) -> None:
        raise UnspeakableError if n == 0 else ValueError("x" * n)

    c = m.connect(failing)
    m(0)
    m(1_000_000)
    assert c.errors == 2
    assert c.first_error == "UnspeakableError"
    assert c.last_error.startswith("ValueError: xxx")
    assert len(c.last_error) <= 1000


# Rule 25


def test_rule_25_a_probe_that_fires_its_own_marker_is_not_entered_again(unique):
    """It is skipped and the skip is counted; the others of the nested dispatch are called.

    Seen to fail when nested dispatches call everything (a recursion without end), and when they
    call nothing.
    """
    m = kit.marker(unique("m"), depth=int)
    log: list[tuple[str, int]] = []

    def firing(depth: int) -> None:
        log.append(("firing", depth))
        if depth < 50:
            m(depth + 1)
        log.append(("end", depth))

    before = m.connect(lambda depth: log.append(("before", depth)), priority=20)
    c = m.connect(firing)
    after = m.connect(lambda depth: log.append(("after", depth)), priority=1)
    m(1)
    assert log == [
        ("before", 1),
        ("firing", 1),
        ("before", 2),
        ("after", 2),
        ("end", 1),
        ("after", 1),
    ]
    assert m.fired == 2
    assert (before.calls, c.calls, after.calls) == (2, 1, 2)
    assert (before.skipped, c.skipped, after.skipped) == (0, 1, 0)


def test_rule_25_also_where_it_passes_through_its_own_span(unique):
    """A span's event is a dispatch like any other.

    Seen to fail (a recursion without end) when what a span fires at its end does not look whether
    its thread is in a dispatch.
    """
    span = kit.span(unique("span"), depth=int)
    log: list[int] = []

    def passing(dur: int, error: str | None, depth: int) -> None:
        log.append(depth)
        if depth < 50:
            with span(depth + 1):
                pass

    c = span.connect(passing)
    after = span.connect(lambda *_: None)
    with span(1):
        pass
    assert log == [1]
    assert (span.fired, c.calls, c.skipped, c.errors) == (2, 1, 1, 0)
    assert (after.calls, after.skipped) == (2, 0)


def test_rule_25_also_round_a_loop(unique):
    """a's probe fires b, b's fires c, c's fires a: each is entered once, whatever lies between.

    Seen to fail when only the innermost dispatch's probe counts as running.
    """
    markers = [kit.marker(unique(name)) for name in "abc"]
    others = []
    chain = []
    for marker, following in zip(markers, [*markers[1:], markers[0]], strict=True):
        others.append(marker.connect(lambda: None, priority=20))
        chain.append(marker.connect(lambda following=following: following()))
    markers[0]()
    assert [marker.fired for marker in markers] == [2, 1, 1]
    assert [c.calls for c in chain] == [1, 1, 1]
    assert [c.skipped for c in chain] == [1, 0, 0]
    assert [c.calls for c in others] == [2, 1, 1]


def test_rule_25_the_closure_counts_and_not_the_connection(unique, prefix):
    """The same closure on another marker is running, too; with other private data it is not.

    Seen to fail when connections are compared, and when probes alone are.
    """
    one, two = kit.marker(unique("one"), n=int), kit.marker(unique("two"), n=int)
    entered: list[tuple[object, int]] = []

    def firing(private: object, n: int) -> None:
        entered.append((private, n))
        if n < 3:
            two(n + 1)

    everywhere = kit.connect(f"{prefix}.*", firing, "a")
    two.connect(firing, "b")
    one(1)
    # a is running: b alone is called; then both are.
    assert entered == [("a", 1), ("b", 2)]
    assert everywhere.skipped == 2
    assert (one.fired, two.fired) == (1, 2)


def test_rule_25_a_closure_that_was_connected_anew_meanwhile_is_running(unique):
    """Disconnected and connected by itself, it is another connection and the same closure.

    Seen to fail when connections are compared.
    """
    m = kit.marker(unique("m"))
    entered: list[int] = []
    connections: list[kit.Connection] = []

    def probe() -> None:
        entered.append(1)
        connections[-1].disconnect()
        connections.append(m.connect(probe))
        m()

    connections.append(m.connect(probe))
    m()
    assert len(entered) == 1
    assert [c.skipped for c in connections] == [0, 1]
    assert [c.calls for c in connections] == [1, 0]


def test_rule_25_on_another_thread_it_is_entered(unique, background):
    """Running on one thread keeps nobody else from calling it.

    Seen to fail when what is running is kept for all threads together.
    """
    m = kit.marker(unique("m"))
    gate = Gate()
    c = m.connect(lambda: gate() if not gate.entered.is_set() else None)
    background(m)
    assert gate.entered.wait(PATIENCE)
    m()
    assert (c.calls, c.skipped) == (2, 0)
    gate.release.set()


def test_rule_25_after_an_error_in_the_outer_dispatch_too(unique):
    """The calls that follow an error are calls like any other, and what has failed has ended.

    Seen to fail when the probe that failed counts as running, and when those after it do not.
    """
    m = kit.marker(unique("m"), depth=int)

    def failing(depth: int) -> None:
        raise ValueError

    def firing(depth: int) -> None:
        if depth == 1:
            m(2)

    failed = m.connect(failing)
    c = m.connect(firing)
    last = m.connect(lambda depth: None)
    m(1)
    assert (failed.calls, failed.errors, failed.skipped) == (2, 2, 0)
    assert (c.calls, c.skipped) == (1, 1)
    assert (last.calls, last.skipped) == (2, 0)


def test_rule_25_what_fails_in_a_nested_dispatch_is_counted_there(unique):
    """Isolation, accounting and error limits hold at every depth.

    Seen to fail when nested dispatches let exceptions out into the probe that fired.
    """
    outer, inner = kit.marker(unique("outer")), kit.marker(unique("inner"))

    def failing() -> None:
        raise ValueError("inner")

    c = inner.connect(failing, error_limit=2)
    after = inner.connect(lambda: None)
    firing = outer.connect(inner)
    for _ in range(4):
        outer()
    assert (c.calls, c.errors, c.connected) == (2, 2, False)
    assert (firing.errors, after.calls) == (0, 4)


class Raises:
    """A probe whose comparison fails."""

    def __init__(self, error=ValueError, then=lambda: None) -> None:
        self.error = error
        self.then = then

    def __eq__(self, other: object) -> bool:
        raise self.error

    __hash__ = None

    def __call__(self) -> None:
        self.then()


def test_rule_25_a_closure_that_cannot_be_compared_is_another_one(unique):
    """In a nested dispatch, where it is asked which closures are running; itself it knows.

    Seen to fail in Python when the exception of its `__eq__` ends the nested dispatch.
    """
    m, outer = kit.marker(unique("m")), kit.marker(unique("outer"))
    before, c = m.connect(lambda: None, priority=20), m.connect(Raises())
    itself = m.connect(Raises(then=m))
    firing = outer.connect(Raises(then=m))
    outer()
    assert [each.calls for each in (before, c, itself, firing)] == [2, 2, 1, 1]
    assert [each.skipped for each in (before, c, itself, firing)] == [0, 0, 1, 0]
    assert [each.errors for each in (before, c, itself, firing)] == [0] * 4


def test_rule_25_a_method_is_the_same_wherever_it_was_looked_up(unique):
    """Of one object it is running, of another it is not.

    Seen to fail when methods are compared by identity, and when it is not asked of which object.
    """
    m, outer = kit.marker(unique("m")), kit.marker(unique("outer"))

    class Owner:
        def method(self) -> None:
            m()

    owner = Owner()
    same, other = m.connect(owner.method), m.connect(Owner().method)
    firing = outer.connect(owner.method)
    outer()
    assert [each.calls for each in (same, other, firing)] == [0, 1, 1]
    assert [each.skipped for each in (same, other, firing)] == [2, 1, 0]


def test_rule_25_what_interrupts_a_comparison_goes_through(unique):
    """Ctrl-C there ends the dispatch, and no count says that those after it were called.

    Seen to fail in C when every exception says that the two are not the same.
    """
    m, outer = kit.marker(unique("m")), kit.marker(unique("outer"))
    probes = [lambda: None, Raises(), lambda: None]
    connections = [m.connect(probe) for probe in probes]
    firing = outer.connect(Raises(KeyboardInterrupt, m))
    probes[1].error = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        outer()
    m()
    assert [each.calls for each in connections] == [1, 1, 1]
    assert (firing.calls, firing.errors, m.fired) == (1, 0, 2)


@pytest.mark.parametrize("observed", [False, True], ids=["plain", "observed"])
def test_rule_25_counts_add_up_whatever_fires_whatever(unique, background, switching, observed):
    """For each connection: calls and skips are the dispatches of its marker, on four threads.

    Seen to fail when a nested dispatch is not counted, and when a skip is counted as a call.
    """
    markers = [kit.marker(unique(f"m{number}"), n=int) for number in range(3)]
    made: Counter[str] = Counter()
    lock = threading.Lock()

    def probe(private: str, n: int) -> None:
        with lock:
            made[private] += 1
        if n > 0:
            markers[n % 3](n - 1)

    connections = [
        marker.connect(probe, f"{marker.name} {number}")
        for marker in markers
        for number in range(2)
    ]
    recorder = kit.record(unique("*"), dispatches=True) if observed else None
    for _ in range(4):
        background(lambda: [markers[n % 3](n % 5) for n in range(300)])
    background.join()
    for c in connections:
        assert c.calls == made[c.private]
        assert c.calls + c.skipped == c.marker.fired
    assert sum(marker.fired for marker in markers) > 1200
    if recorder is not None:
        recorder.stop()
        capture = recorder.snapshot()
        assert len(capture.dispatches) == sum(marker.fired for marker in markers)
        assert len(capture.probe_calls) == sum(made.values()) + len(recorder)


# Rule 26


def test_rule_26_a_probe_may_disconnect_itself(unique):
    """The dispatch under way goes on, and the next one does without it.

    Seen to fail when a dispatch runs over a list that shrinks.
    """
    m = kit.marker(unique("m"))
    called: list[str] = []

    def once() -> None:
        called.append("once")
        c.disconnect()

    m.connect(lambda: called.append("before"), priority=20)
    c = m.connect(once)
    m.connect(lambda: called.append("after"), priority=1)
    m()
    m()
    assert called == ["before", "once", "after", "before", "after"]
    assert (c.calls, c.errors, c.connected) == (1, 0, False)


@pytest.mark.parametrize("victim", [0, 1, 2], ids=["earlier", "itself", "later"])
@pytest.mark.parametrize(
    "disconnect",
    [
        lambda m, c: c.disconnect(),
        lambda m, c: kit.disconnect(m.name, c.probe, c.private),
        lambda m, c: kit.core.disconnect_private(m.name, c.private),
        lambda m, c: m.connect(lambda *_: None, "replacement", name=c.name),
    ],
    ids=["handle", "closure", "private", "replaced"],
)
def test_rule_26_the_dispatch_under_way_calls_the_array_that_it_read(unique, victim, disconnect):
    """Whomever a probe disconnects, in whatever way, also where the last of all are disconnected.

    Seen to fail when disconnecting takes a closure out in place.
    """
    m = kit.marker(unique("m"))
    called: list[int] = []

    def probe(number: int) -> None:
        called.append(number)
        if number == 1 and len(called) <= 3:
            disconnect(m, connections[victim])

    connections = [m.connect(probe, number, name=str(number)) for number in range(3)]
    m()
    assert called == [0, 1, 2]
    m()
    assert called == [0, 1, 2, *(number for number in range(3) if number != victim)]
    assert connections[victim].calls == 1
    assert not connections[victim].connected


def test_rule_26_all_of_them_at_once(unique):
    """From the first of them: off, and still this dispatch ends as it began.

    Seen to fail when a dispatch looks again whether its marker is on.
    """
    m = kit.marker(unique("m"))
    called: list[int] = []

    def probe(number: int) -> None:
        called.append(number)
        if number == 0:
            for connection in connections:
                connection.disconnect()
            assert not m

    connections = [m.connect(probe, number) for number in range(4)]
    m()
    m()
    assert called == [0, 1, 2, 3]
    assert [c.calls for c in connections] == [1] * 4
    assert m.fanout == 0
