"""How much work a litmus test or a model may ask for before the checker gives up.

Tests and models come from anywhere. Each bound turns what would otherwise eat the machine into a
`kit.errors.LitmusError` that names the bound, so that whoever needs more can raise that one.

Time is the processor time of the thread that works: what else the machine does must not change
the answer. The wall clock is only a backstop, for a machine so busy that nobody would wait.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kit.errors import LitmusError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BACKSTOP", "DEFAULT", "Deadline", "Limits", "Stopwatch", "processor_clock"]

BACKSTOP: Final = 50
"""How many times as long as its processor time something may take by the wall clock."""


def processor_clock() -> Callable[[], float]:
    """The clock that runs only while this thread computes.

    Returns
    -------
    callable
        `time.thread_time`, or the nearest to it that works on this platform.

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
