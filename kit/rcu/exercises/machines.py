"""The simulations that exercises start from; checks make their own afresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kit.errors import LitmusError
from kit.rcu.steps import Machine, call, load, store
from kit.rcu.steps.catalogue import machine as ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.rcu.steps.programs import Steps

__all__ = ["machine"]


def _two_fields() -> Machine:
    """Probe A gives way to B, function and private data each in a field of its own."""

    def reader() -> Steps:
        func = yield load("func")
        private = yield load("private")
        yield call(func, private)

    steps = [store("func", "empty"), store("private", "b"), store("func", "B")]
    return Machine(
        readers={"reader": reader},
        updaters={"updater": steps},
        memory={"func": "A", "private": "a"},
    )


def _freed_at_once() -> Machine:
    """The kit's way, but what was replaced is freed at once."""
    return ready("2→1", "kit", faults=["no grace period"])


MACHINES: Final[dict[str, Callable[[], Machine]]] = {
    "wrong-data": _two_fields,
    "use-after-free": _freed_at_once,
}


def machine(exercise: str) -> Machine:
    """The simulation that an exercise is about, at its start.

    Parameters
    ----------
    exercise : str
        One of those that ask for a schedule.

    Returns
    -------
    Machine
        To be stepped.

    Raises
    ------
    kit.errors.LitmusError
        When the exercise has none.

    Examples
    --------
    >>> machine("wrong-data").enabled
    ('reader', 'updater')
    """
    if exercise not in MACHINES:
        raise LitmusError(f"{exercise!r} has no machine; {', '.join(MACHINES)} have")
    return MACHINES[exercise]()
