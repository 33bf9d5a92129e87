"""How much work a litmus test or a model may ask for before the checker gives up.

Tests and models come from anywhere. Each bound turns what would otherwise eat the machine into a
`kit.errors.LitmusError` that names the bound, so that whoever needs more can raise that one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from kit.errors import LitmusError

__all__ = ["DEFAULT", "Deadline", "Limits"]


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
        Time for one judgement.

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

    __slots__ = ("_end", "limits", "what")

    def __init__(self, limits: Limits, what: str) -> None:
        self.limits = limits
        self.what = what
        self._end = time.monotonic() + limits.seconds

    def check(self) -> None:
        """Raise `kit.errors.LitmusError` when the time is up."""
        if time.monotonic() > self._end:
            raise LitmusError(
                f"{self.what}: gave up after {self.limits.seconds:g} s; a smaller test, or "
                f"Limits(seconds=...), gets further"
            )
