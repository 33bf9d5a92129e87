"""Time is processor time: what else the machine does decides nothing."""

import types
from collections.abc import Callable

import pytest

from kit import rcu
from kit.errors import LitmusError, SimulationError
from kit.rcu import limits
from kit.rcu.limits import BACKSTOP, Stopwatch
from tests.rcu.programs import passing

TEST = passing(4)


class Clocks:
    """A wall clock and a processor clock that the test turns."""

    def __init__(self) -> None:
        self.wall = 100.0
        self.processor = 5.0
        self.looks = 0
        self.turn: Callable[[int], None] = lambda looks: None

    def monotonic(self) -> float:
        self.looks += 1
        self.turn(self.looks)
        return self.wall

    def thread_time(self) -> float:
        return self.processor


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    made = Clocks()
    monkeypatch.setattr(limits, "time", made)
    return made


def test_a_busy_machine_changes_no_verdict(clocks: Clocks) -> None:
    """Every look at the wall clock finds it a second later; this thread had next to nothing of it.

    Seen to fail when the wall clock decided: given up after 1 s.
    """

    def turn(_looks: int) -> None:
        clocks.wall = min(clocks.wall + 1, 100 + BACKSTOP - 1)
        clocks.processor += 1e-6

    clocks.turn = turn
    assert rcu.judge(TEST, limits=rcu.Limits(seconds=1)).verdict == "Never"
    assert clocks.looks > BACKSTOP


def test_processor_time_runs_out(clocks: Clocks) -> None:
    """Seen to fail when the processor clock was not looked at again after the first time."""

    def turn(looks: int) -> None:
        clocks.wall += 0.4
        clocks.processor += 0.1 if looks < 10 else 0.4

    clocks.turn = turn
    with pytest.raises(LitmusError, match=r"gave up after 1\.5 s of processor time"):
        rcu.judge(TEST, limits=rcu.Limits(seconds=1.5))


def test_the_wall_clock_is_a_backstop(clocks: Clocks) -> None:
    """Seen to fail when nothing but the processor clock could end it."""

    def turn(_looks: int) -> None:
        clocks.wall += 2 * BACKSTOP

    clocks.turn = turn
    with pytest.raises(LitmusError, match="waiting for a processor: this machine is too busy"):
        rcu.judge(TEST, limits=rcu.Limits(seconds=1))


def test_the_simulator_keeps_to_the_same_clock(clocks: Clocks) -> None:
    """Seen to fail when exploration looked at the wall clock."""
    machine = rcu.machine("1→0→1", "kit")

    def wait(_looks: int) -> None:
        clocks.wall = min(clocks.wall + 1, 100 + BACKSTOP - 1)

    clocks.turn = wait
    assert machine.explore(rcu.Bounds(seconds=1)).safe
    assert clocks.looks > BACKSTOP

    def work(looks: int) -> None:
        wait(looks)
        clocks.processor += 1

    clocks.turn = work
    clocks.wall = 100.0
    with pytest.raises(SimulationError, match="gave up after 1 s of processor time"):
        machine.explore(rcu.Bounds(seconds=1))


def test_the_processor_clock_is_not_asked_before_it_can_be_over(clocks: Clocks) -> None:
    """Seen to fail when each check asked the system for the processor time, which costs more."""
    asked: list[float] = []

    def thread_time() -> float:
        asked.append(clocks.wall)
        return clocks.processor

    clocks.thread_time = thread_time  # type: ignore[method-assign]
    watch = Stopwatch(10)
    for _ in range(79):
        clocks.wall += 0.125
        assert watch.over() == ""
    assert len(asked) == 2  # one to see that it works, one to begin
    clocks.wall += 0.125
    clocks.processor += 6
    assert watch.over() == ""
    assert len(asked) == 3
    clocks.wall += 3
    assert watch.over() == ""
    assert len(asked) == 3
    clocks.wall += 1.5
    clocks.processor += 4
    assert watch.over() == "10 s of processor time"


@pytest.mark.parametrize("missing", ["thread_time", "both"])
def test_there_is_a_clock_everywhere(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """In a browser there may be no clock of the thread, or of the process either.

    Seen to fail when `time.thread_time` was taken for granted.
    """

    def none() -> float:
        raise OSError("no such clock")

    there = types.SimpleNamespace(monotonic=lambda: 3.0, process_time=lambda: 2.0)
    if missing == "both":
        there.process_time = none
        there.thread_time = none
    monkeypatch.setattr(limits, "time", there)
    assert limits.processor_clock()() == (3.0 if missing == "both" else 2.0)
    assert rcu.judge(TEST).verdict == "Never"
