"""Rule 38: a passage that several are inside of at a time."""

import asyncio
import os
import queue
import random
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kit
from kit.testing import capture
from tests.contract.conftest import PATIENCE
from tests.contract.tools import run_apart

STEP = 100_000  # nanoseconds between two steps, so that no two durations are alike
SLACK = 20_000  # what two clocks may differ by


@pytest.fixture
def span(unique) -> kit.Span:
    return kit.span(unique("shared"))


def pause() -> None:
    until = time.monotonic_ns() + STEP
    while time.monotonic_ns() < until:
        pass


def level(passage) -> Iterator[None]:
    """Go one level deeper at each "in", and back at each "out"."""
    while (yield) == "in":
        with passage:
            yield from level(passage)


def flat(passage) -> Iterator[None]:
    """The same within one frame, two levels deep."""
    while (yield) == "in":
        with passage:
            while (yield) == "in":
                with passage:
                    while (yield) == "in":
                        pass


def stack(passage) -> Iterator[None]:
    """The same where another frame enters and leaves."""
    while (yield) == "in":
        with ExitStack() as exits:
            exits.enter_context(passage)
            yield from stack(passage)


@types.coroutine
def command() -> Iterator[None]:
    return (yield)  # type: ignore[return-value]


async def coroutine(passage) -> None:
    while await command() == "in":
        with passage:
            await coroutine(passage)


class Threaded:
    """A generator that runs on a thread of its own, a step at a time."""

    def __init__(self, generator: Iterator[None]) -> None:
        self.generator = generator
        self.steps: queue.SimpleQueue = queue.SimpleQueue()
        self.done: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        for value in iter(self.steps.get, "end"):
            try:
                self.generator.send(value)
                self.done.put(None)
            except BaseException as error:
                self.done.put(error)

    def send(self, value: object) -> None:
        self.steps.put(value)
        error = self.done.get(timeout=PATIENCE)
        if error is not None:
            raise error

    def close(self) -> None:
        self.steps.put("end")


KINDS: dict[str, Callable] = {
    "generator": level,
    "flat": flat,
    "coroutine": coroutine,
    "thread": lambda passage: Threaded(level(passage)),
    "flat thread": lambda passage: Threaded(flat(passage)),
    "stack": stack,
    "thread with a stack": lambda passage: Threaded(stack(passage)),
}
DEEPEST = {"flat": 2, "flat thread": 2}


class Actor:
    """Somebody who enters and leaves, and the model of when that was."""

    def __init__(self, kind: str, passage, ended: list[int]) -> None:
        self.kind = kind
        self.runner = KINDS[kind](passage)
        self.ended = ended
        self.entered: list[tuple[int, int, bool]] = []
        self.runner.send(None)

    def enter(self, on: bool) -> None:
        if len(self.entered) < DEEPEST.get(self.kind, 10):
            self.entered.append((*self.took("in"), on))

    def leave(self, on: bool) -> bool:
        """Leave; whether there was an event, which has the right duration."""
        early, late, was_on = self.entered.pop()
        before = len(self.ended)
        begin, end = self.took("out")
        found = self.ended[before:]
        assert len(found) <= 1
        if not (on and was_on):
            assert found == []
        for dur in found:
            assert begin - late - SLACK <= dur <= end - early + SLACK
        return bool(found)

    def took(self, step: str) -> tuple[int, int]:
        pause()
        begin = time.monotonic_ns()
        self.runner.send(step)
        return begin, time.monotonic_ns()


def play(span, kinds: list[str], steps: list[tuple[int, str]], exact: bool) -> None:
    """Have actors enter and leave one passage; where `exact`, each gets its event."""
    ended: list[int] = []
    passage = span()
    skipped, events, exits = span.skipped, 0, 0
    connection = span.connect(lambda dur, error: ended.append(dur))
    actors = [Actor(kind, passage, ended) for kind in kinds]

    def leave(actor: Actor) -> None:
        nonlocal events, exits
        due = actor.entered[-1][2] and connection.connected
        came = actor.leave(connection.connected)
        events += came
        exits += due
        assert not exact or came == due

    try:
        for number, step in steps:
            actor = actors[number % len(actors)]
            if step == "switch" and exact:
                if connection.connected:
                    connection.disconnect()
                else:
                    connection = span.connect(lambda dur, error: ended.append(dur))
            elif step == "out" and actor.entered:
                leave(actor)
            elif step == "in":
                actor.enter(connection.connected)
        while any(actor.entered for actor in actors):
            leave(random.choice([actor for actor in actors if actor.entered]))
        assert events + span.skipped - skipped == exits
        # Nothing is left of them: the next one is alone.
        actors.append(Actor("stack", passage, ended))
        actors[-1].enter(connection.connected)
        assert actors[-1].leave(connection.connected) == connection.connected
    finally:
        for actor in actors:
            actor.runner.close()
        if connection.connected:
            connection.disconnect()


steps = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["in", "in", "in", "out", "out", "switch"])),
    max_size=40,
)


def test_rule_38_whoever_enters_gets_an_event_with_its_own_duration(unique):
    """Recursion, generators, coroutines, threads, switched on and off meanwhile, at random.

    Seen to fail when the start is kept in one place, when the newest entry of all is left, and
    when a thread tells entries apart.
    """
    span = kit.span(unique("shared"))
    exact = [kind for kind in KINDS if "stack" not in kind]

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.sampled_from(exact), min_size=1, max_size=5), steps)
    def run(kinds: list[str], steps: list[tuple[int, str]]) -> None:
        play(span, kinds, steps, exact=True)

    run()


def test_rule_38_who_cannot_be_told_apart_is_skipped_and_never_wrong(unique):
    """Where other frames enter and leave for several of one thread: no event, counted.

    Seen to fail when the newest entry of the thread is left where no frame fits, and when those
    that may have been left are never given up.
    """
    span = kit.span(unique("shared"))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.sampled_from(list(KINDS)), min_size=2, max_size=5), steps)
    def run(kinds: list[str], steps: list[tuple[int, str]]) -> None:
        play(span, [*kinds, "stack"], steps, exact=False)

    run()


@pytest.mark.parametrize("on", [True, False])
def test_rule_38_it_never_raises_nor_hides_what_the_body_raised(span, on):
    """On or off.

    Seen to fail when the steps that a `with` statement looked up are forgotten at the first exit.
    """
    with ExitStack() as exits:
        events = exits.enter_context(capture(span.name)) if on else []
        passage = span()

        def fail(deeper: int) -> None:
            with passage:
                if deeper:
                    fail(deeper - 1)
                raise ValueError("mine")

        with pytest.raises(ValueError, match="mine") as caught:
            fail(2)
        assert caught.value.__context__ is None
    assert [event.error for event in events] == ["ValueError"] * 3 * on


def test_rule_38_threads_at_once(span, background):
    """Each its own events, while threads are switched all the time.

    Seen to fail when an entry of one thread is left by another one.
    """
    mine = threading.local()
    passage = span()
    rounds, threads = 300, 4

    def run() -> None:
        mine.ended = []
        for count in range(rounds):
            early = time.monotonic_ns()
            with passage:
                late = time.monotonic_ns()
                if count % 3 == 0:
                    time.sleep(0)
                with passage:
                    pass
                begin = time.monotonic_ns()
            end = time.monotonic_ns()
            assert len(mine.ended) == 2 * (count + 1)
            assert begin - late - SLACK <= mine.ended[-1] <= end - early + SLACK

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with span.connect(lambda dur, error: mine.ended.append(dur)):
            for _ in range(threads):
                background(run)
            background.join()
    finally:
        sys.setswitchinterval(interval)
    assert (span.fired, span.skipped) == (2 * rounds * threads, 0)


def test_rule_38_threads_with_exit_stacks(span, background):
    """One entry a thread: the thread tells them apart.

    Seen to fail when only frames do.
    """
    passage = span()
    inside = threading.Barrier(3, timeout=PATIENCE)

    def run() -> None:
        with ExitStack() as exits:
            exits.enter_context(passage)
            inside.wait()

    with capture(span.name) as events:
        for _ in range(3):
            background(run)
        background.join()
    assert (len(events), span.skipped) == (3, 0)


def test_rule_38_tasks(span):
    """A plain `with` in coroutines is told apart; what an exit stack does for several is not.

    Seen to fail when the newest entry of the thread is left.
    """
    passage = span()

    async def plain(number: int) -> None:
        with passage:
            await asyncio.sleep(0.001 * (1 + number % 3))

    async def stacked(number: int) -> None:
        async with AsyncExitStack() as exits:
            exits.enter_context(passage)
            await asyncio.sleep(0.001 * (1 + number % 3))

    async def main(job) -> None:
        await asyncio.gather(*[job(number) for number in range(6)])

    with capture(span.name) as events:
        asyncio.run(main(plain))
        assert (len(events), span.skipped) == (6, 0)
        asyncio.run(main(stacked))
    assert len(events) + span.skipped == 12
    assert span.skipped > 0


def test_rule_38_decorated_functions_have_a_passage_a_call(span):
    """Recursion, generators and asynchronous generators at the same time.

    Seen to fail when a wrapper makes one passage for all its calls, and leaves the newest entry.
    """

    @span
    def factorial(n: int) -> int:
        return 1 if n == 0 else n * factorial(n - 1)

    @span
    def numbers() -> Iterator[int]:
        yield from range(3)

    @span
    async def later():
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    async def use() -> list[int]:
        return [number async for number in later()]

    async def main() -> list[list[int]]:
        return await asyncio.gather(use(), use())

    with capture(span.name) as events:
        assert factorial(5) == 120
        assert list(zip(numbers(), numbers(), strict=True)) == [(n, n) for n in range(3)]
        assert asyncio.run(main()) == [[0, 1, 2]] * 2
    assert (len(events), span.skipped) == (6 + 2 + 2, 0)


def test_rule_38_entered_by_hand_and_left_elsewhere(span, background):
    """The only one inside is the one that leaves, wherever; one exit too many is nothing.

    Seen to fail when only the frame that entered may leave.
    """
    passage = span()

    def begin() -> None:
        passage.__enter__()

    with capture(span.name) as events:
        begin()
        background(passage.__exit__, None, None, None)
        background.join()
        passage.__exit__(None, None, None)
    assert (len(events), span.skipped) == (1, 0)


def test_rule_38_what_may_have_been_left_is_not_taken_for_what_has_not(span, background):
    """Two threads enter, a third one leaves for one of them; so neither knows its start any more.

    Seen to fail when the only entry of a thread is left although it may have been left before.
    """
    passage = span()
    inside, left = threading.Barrier(3, timeout=PATIENCE), threading.Barrier(3, timeout=PATIENCE)

    def run(leaves: bool) -> None:
        ExitStack().enter_context(passage)
        inside.wait()
        left.wait()
        if leaves:
            passage.__exit__(None, None, None)

    with capture(span.name) as events:
        background(run, True)
        background(run, False)
        inside.wait()
        passage.__exit__(None, None, None)
        left.wait()
        background.join()
    assert (list(events), span.skipped) == ([], 2)


def test_rule_38_a_thread_is_not_taken_for_one_that_has_ended(span):
    """Who enters and leaves on a new thread is known, although others have never left.

    Seen to fail when threads are known by a number, or an address, that later ones get.
    """
    passage = span()

    def enter() -> None:
        passage.__enter__()

    def through() -> None:
        with ExitStack() as exits:
            exits.enter_context(passage)

    def apart(job: Callable[[], None]) -> None:
        thread = threading.Thread(target=job)
        thread.start()
        thread.join(PATIENCE)

    with capture(span.name) as events:
        for job in (enter, enter, *[through] * 5):
            apart(job)
        assert (len(events), span.skipped) == (5, 0)
        for _ in range(2):
            passage.__exit__(None, None, None)  # nobody knows which
        assert (len(events), span.skipped) == (5, 2)


FORKED = """
import os, signal, threading, warnings
from contextlib import ExitStack
import kit

warnings.simplefilter("ignore", DeprecationWarning)
span = kit.span("forked")
ended = []
span.connect(lambda dur, error: ended.append(dur))
alone, shared, together = span(), span(), span()
inside, for_ever = threading.Barrier(3), threading.Event()

def parents():
    together.__enter__()
    inside.wait(60)
    for_ever.wait()

def childs():
    with ExitStack() as exits:
        exits.enter_context(together)

for _ in range(2):
    threading.Thread(target=parents, daemon=True).start()
inside.wait(60)
threading.Thread(target=alone.__enter__).start()
with shared:
    with shared:
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            alone.__exit__(None, None, None)  # of a thread that is not here
            shared.__exit__(None, None, None)  # what this very frame has entered
            shared.__exit__(None, None, None)
            assert (len(ended), span.fired, span.skipped) == (3, 3, 0), (ended, span.skipped)
            for _ in range(5):  # as threads of their own: those of the parent are none of theirs
                thread = threading.Thread(target=childs)
                thread.start()
                thread.join(60)
            assert (len(ended), span.skipped) == (8, 0), (ended, span.skipped)
            for _ in range(2):
                together.__exit__(None, None, None)  # nobody knows which of the two
            assert (len(ended), span.skipped) == (8, 2), (ended, span.skipped)
            os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert (len(ended), span.fired, span.skipped) == (2, 2, 0)
print("done")
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_rule_34_a_child_leaves_what_was_entered_before_the_fork():
    """By hand, for threads that it does not have, too: an event, or skipped where nobody knows.

    Seen to fail when threads are known by a number, or an address, that later ones get.
    """
    assert run_apart(FORKED).endswith("done")
