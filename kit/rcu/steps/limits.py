"""How much a simulation may ask for before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BOUNDS", "Bounds"]


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
