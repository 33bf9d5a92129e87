"""Publication, step by step: readers and updaters that move when they are told to.

Programs yield small steps, such as ``load("multi")``; between two steps anybody else may move. All
interleavings can be explored. Steps happen in order (sequential consistency): what a weaker memory
does besides is what litmus tests are for.

>>> from kit import rcu
>>> machine = rcu.machine("2→1", faults=["no grace period"])
>>> machine.explore().verdict("use after free")
'Sometimes'
"""

from typing import TYPE_CHECKING

from kit.rcu.limits import BOUNDS
from kit.rcu.steps import vocabulary
from kit.rcu.steps.bad import Bad
from kit.rcu.steps.explore import Trace
from kit.rcu.steps.machine import Move
from kit.rcu.steps.state_view import STATUS, State, Thing, Where
from kit.rcu.steps.values import EMPTY, NULL, Ref, Slot, array
from kit.rcu.steps.vocabulary import *  # noqa: F403 - the steps are listed where they are made

__all__ = [
    "BOUNDS",
    "EMPTY",
    "NULL",
    "STATUS",
    "Bad",
    "Move",
    "Ref",
    "Slot",
    "State",
    "Thing",
    "Trace",
    "Where",
    "array",
]
__all__ += vocabulary.__all__

if not TYPE_CHECKING:  # else each name that is misspelt would be something to a type checker

    def __getattr__(name: str) -> object:
        """Find the names that were here, too, before `kit.rcu` was their home; until 1.0."""
        if name in ("BAD", "Bounds", "Exploration", "Machine"):
            from kit import rcu

            return getattr(rcu, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
