"""Names and numbers that an answer cannot know, and a student's steps under such names.

An answer that knows what will be there can do without looking. So each answer is tried with values
of its own: they follow from its text, and no text can hold what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from kit.errors import SimulationError
from kit.rcu.steps import Step, call, new, store

if TYPE_CHECKING:
    from kit.rcu.steps.programs import Steps

    Driving = Generator[Step, Any, object]

__all__ = ["begun", "disguised", "driven", "mask", "numbers"]


def numbers(text: str, count: int, most: int = 1 << 20) -> tuple[int, ...]:
    """Different numbers that follow from a text.

    Parameters
    ----------
    text : str
        An answer.
    count : int
        How many.
    most : int
        They are from 1000 to 1000 more than this.

    Returns
    -------
    tuple of int
        The same ones for the same text.

    Examples
    --------
    >>> numbers("a", 2) == numbers("a", 2) != numbers("b", 2)
    True
    """
    found: dict[int, None] = {}
    number = 0
    while len(found) < count:
        digest = sha256(f"{number} {text}".encode("utf-8", "replace")).digest()
        found[1000 + int.from_bytes(digest[:8], "big") % most] = None
        number += 1
    return tuple(found)


def mask(text: str, names: str) -> dict[str, str]:
    """Other names for probes and their data, and back again.

    Parameters
    ----------
    text : str
        An answer.
    names : str
        Probes, a letter each.

    Returns
    -------
    dict
        Made-up names by names, and names by made-up names.

    Examples
    --------
    >>> made = mask("a text", "A")
    >>> made[made["A"]], made[made["a"]]
    ('A', 'a')
    """
    plain = [*names, *names.lower()]
    made = dict(zip(plain, map(str, numbers(text, len(plain), 1 << 40)), strict=True))
    return made | {other: name for name, other in made.items()}


def begun(function: Callable[..., Any], name: str, *arguments: object) -> Steps:
    """A student's function as a generator.

    Parameters
    ----------
    function : callable
        As `compiled` made it.
    name : str
        What it is called in messages.
    *arguments : object
        What it is given.

    Returns
    -------
    generator
        Its steps.

    Raises
    ------
    kit.errors.SimulationError
        When it is none.

    Examples
    --------
    >>> begun(lambda: 5, "reader")
    Traceback (most recent call last):
    kit.errors.SimulationError: reader gives 5 and takes no steps: its function needs a `yield`
    """
    made = function(*arguments)
    if isinstance(made, Generator):
        return made
    text = repr(made)[:60] if isinstance(made, int | str | None) else type(made).__name__
    raise SimulationError(f"{name} gives {text} and takes no steps: its function needs a `yield`")


def disguised(steps: Steps, names: Mapping[str, str], who: str) -> Steps:
    """The same steps for somebody to whom everything is called by another name.

    Parameters
    ----------
    steps : generator
        A student's, of ``load``, ``store``, ``new`` and ``call``.
    names : mapping
        From `mask`.
    who : str
        For messages.

    Returns
    -------
    generator
        Its steps, as the machine takes them.
    """
    return driven(steps, who, lambda step: _disguised(step, names))


def _disguised(step: Step, names: Mapping[str, str]) -> Driving:
    return _renamed((yield _translated(step, names)), names)


def driven(steps: Steps, who: str, each: Callable[[Step], Driving]) -> Steps:
    """A student's steps, with something done about each of them.

    Parameters
    ----------
    steps : generator
        A student's.
    who : str
        For messages.
    each : callable
        Given a step it yields those to be taken in its place, and returns what the student is told.

    Yields
    ------
    Step
        As `each` has it.

    Raises
    ------
    kit.errors.SimulationError
        When the student yields what is no step.

    Examples
    --------
    >>> from kit.rcu.steps import load
    >>> def twice(step):
    ...     yield step
    ...     return (yield step)
    >>> len(list(driven((load(place) for place in "xy"), "reader", twice)))
    4
    """
    told: object = None
    while True:
        try:
            step = steps.send(told)
        except StopIteration:
            return
        if not isinstance(step, Step):
            raise SimulationError(f"{who} yields {step!r:.60}, which is no step")
        told = yield from each(step)


def _translated(step: Step, names: Mapping[str, str]) -> Step:
    value = _renamed(step.value, names)
    if step.kind == "call":
        return call(*value)
    if step.kind == "store":
        return store(step.place, value)
    if step.kind == "new":
        return new(*value, kind=str(step.place))
    return step


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, tuple):
        return tuple(_renamed(each, names) for each in value)
    return names.get(value, value) if isinstance(value, str) else value
