"""How much work a litmus test, a model or a simulation may ask for before it is refused.

All three may come from anywhere. A bound turns what would use up the machine into an error that
names the bound, so that you can raise that one.

Time is the processor time of the thread that works: what else the machine does must not change
the answer. The wall clock is only a backstop, for a machine so busy that nobody would wait.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kit.errors import LitmusError, SimulationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


__all__ = [
    "BACKSTOP",
    "BOUNDS",
    "DEFAULT",
    "Bounds",
    "Deadline",
    "Limits",
    "Stopwatch",
    "ceiling",
    "processor_clock",
]

BACKSTOP: Final = 50
"""How many times as long as its processor time something may take by the wall clock."""


def processor_clock() -> Callable[[], float]:
    """The clock that runs only while this thread computes.

    It is `time.thread_time`, or the nearest to it that works on this platform.

    Examples
    --------
    >>> processor_clock()() >= 0
    True
    """
    for name in ("thread_time", "process_time"):
        clock: Callable[[], float] | None = getattr(time, name, None)
        try:
            if clock is not None:
                clock()
                return clock
        except OSError:  # in a browser there may be no such clock
            continue
    return time.monotonic


class Stopwatch:
    """Tells when an amount of processor time is used up.

    Parameters
    ----------
    seconds : float
        Processor time of this thread, from now.

    Examples
    --------
    >>> Stopwatch(10.0).over()
    ''
    """

    __slots__ = ("_begun", "_clock", "_look", "_started", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._clock = processor_clock()
        self._begun = self._clock()
        self._started = time.monotonic()
        # One thread cannot use more processor time than passes: no need to look before that.
        self._look = self._started + seconds

    def over(self) -> str:
        """How long it took, in words, once the time is up; ``""`` before."""
        now = time.monotonic()
        if now < self._look:
            return ""
        left = self.seconds - (self._clock() - self._begun)
        if left <= 0:
            return f"{self.seconds:g} s of processor time"
        waited = now - self._started
        if waited > BACKSTOP * self.seconds:
            return f"{waited:.0f} s, most of them waiting for a processor: this machine is too busy"
        self._look = now + left
        return ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one judgement.

    Parameters
    ----------
    characters : int
        Length of a test or of a model's text.
    identifier : int
        Length of one name.
    nesting : int
        Depth of parentheses, of ``if`` and of ``include``.
    threads, events : int
        Size of a test: threads, and events of one execution, initial writes included.
    values : int
        Different values that one location may hold.
    traces : int
        Ways through the threads, all together.
    choices : int
        Ways to choose who reads from whom, and the order of writes, at one location.
    candidates : int
        Candidate executions looked at.
    nodes : int
        Size of a model once its functions are expanded.
    seconds : float
        Processor time for one judgement.

    Examples
    --------
    >>> Limits(seconds=2.0).candidates
    1000000
    """

    characters: int = 200_000
    identifier: int = 200
    nesting: int = 50
    threads: int = 64
    events: int = 160
    values: int = 512
    traces: int = 20_000
    choices: int = 20_000
    candidates: int = 1_000_000
    nodes: int = 5_000
    seconds: float = 60.0


DEFAULT = Limits()
"""The bounds that apply unless others are given."""


class Deadline:
    """The end of the time that one judgement may take.

    Parameters
    ----------
    limits : Limits
        Bounds; `Limits.seconds` counts from now.
    what : str
        What is being judged, for the message.

    Examples
    --------
    >>> Deadline(Limits(), "a test").check()
    """

    __slots__ = ("_time", "limits", "what")

    def __init__(self, limits: Limits, what: str) -> None:
        self.limits = limits
        self.what = what
        self._time = Stopwatch(limits.seconds)

    def check(self) -> None:
        """Raise `kit.errors.LitmusError` when the time is up."""
        over = self._time.over()
        if over:
            raise LitmusError(
                f"{self.what}: gave up after {over}; a smaller test, or Limits(seconds=...), "
                f"gets further"
            )


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds on a simulation; each turns an endless program into an error that names the bound.

    Parameters
    ----------
    states : int
        Different states that `Machine.explore` may meet.
    seconds : float
        Processor time that it may take.
    steps : int
        Steps of one thread.
    lines : int
        Lines of Python that a program may run between two steps.
    megabytes : int
        How much more memory than before may be taken meanwhile.
    threads, objects : int
        How many there may be, deferred programs and initial objects included.

    Examples
    --------
    >>> Bounds(seconds=5).states
    200000
    """

    states: int = 200_000
    seconds: float = 30.0
    steps: int = 250
    lines: int = 20_000
    megabytes: int = 1_000
    threads: int = 16
    objects: int = 32


BOUNDS = Bounds()
"""The bounds that apply unless others are given."""


STATM = Path("/proc/self/statm")


def _now() -> int:
    """Bytes of address space that this process has; 0 where that cannot be known."""
    try:
        import resource

        return int(STATM.read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        # Not on this platform: what a program asks for is bounded by its lines alone.
        return 0


@contextmanager
def ceiling(megabytes: int) -> Iterator[None]:
    """Let this process grow by so many megabytes and no more until the block ends.

    Beyond it an allocation fails, and is reported as the error of whoever asked for it.

    Raises
    ------
    kit.errors.SimulationError
        When the block needed more.

    Examples
    --------
    >>> with ceiling(1000):
    ...     small = [0] * 10
    """
    begun = _now()
    if not begun:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = begun + megabytes * 1_000_000
    for limit in (soft, hard):
        if limit != resource.RLIM_INFINITY:
            wanted = min(wanted, limit)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    except MemoryError:
        raise SimulationError(
            f"more than {megabytes:,} MB (Bounds.megabytes); fewer states, or less in variables"
        ) from None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
