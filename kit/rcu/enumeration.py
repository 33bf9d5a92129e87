"""All executions of a test, with how they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kit.rcu.candidates import Choice, candidates, too_many
from kit.rcu.combinations import combinations, demands
from kit.rcu.structure import Structure, present_in, shape
from kit.rcu.traces import traces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kit.rcu.combinations import Demand
    from kit.rcu.limits import Deadline
    from kit.rcu.syntax import Condition, Test, Value
    from kit.rcu.traces import Trace

__all__ = ["Candidate", "Enumeration", "satisfied"]

SHAPES: Final = 16
"""How many shapes of combinations are remembered at a time."""


def satisfied(condition: Condition, final: Mapping[str, Value]) -> bool:
    """Whether final values satisfy a condition.

    Parameters
    ----------
    condition : Condition
        The condition.
    final : mapping
        Values of registers and locations; 0 for what is missing.

    Returns
    -------
    bool
        True when they do.

    Examples
    --------
    >>> from kit.rcu.syntax import Condition
    >>> satisfied(Condition("=", left="x", right=1), {"x": 1})
    True
    """
    if condition.op == "and":
        return all(satisfied(part, final) for part in condition.parts)
    if condition.op == "or":
        return any(satisfied(part, final) for part in condition.parts)
    if condition.op == "not":
        return not satisfied(condition.parts[0], final)
    if condition.op == "true":
        return True
    right = condition.right
    if isinstance(right, str) and ":" in right:
        right = final.get(right, 0)
    return (final.get(condition.left, 0) == right) is (condition.op == "=")


@dataclass(slots=True)
class Candidate:
    """One candidate execution: its events, its choice of rf and co, how it ends."""

    structure: Structure
    choice: Choice
    final: tuple[Value, ...]
    positive: bool


class Enumeration:
    """Walks the candidate executions of a test.

    Parameters
    ----------
    test : Test
        The test.
    coherent, atomic : bool
        Whether candidates that break coherence or atomicity are left out.
    deadline : Deadline
        Bounds.

    Attributes
    ----------
    present : frozenset of str
        The base sets and relations that are not empty.

    Examples
    --------
    >>> from kit.rcu import parse
    >>> from kit.rcu.limits import Deadline, Limits
    >>> test = parse(
    ...     "C a {} P0(int *x) { int r; r = READ_ONCE(*x); } P1(int *x) { *x = 1; } exists (0:r=1)"
    ... )
    >>> every = Enumeration(test, True, True, Deadline(Limits(), test.name))
    >>> [candidate.positive for candidate in every]
    [False, True]
    """

    def __init__(self, test: Test, coherent: bool, atomic: bool, deadline: Deadline) -> None:
        self.test = test
        self.coherent = coherent
        self.atomic = atomic
        self.deadline = deadline
        self.ways = traces(test, deadline, coherent)
        self.present = present_in(self.ways)
        numbers: dict[tuple[object, ...], int] = {}
        self._shape_of = {
            id(trace): numbers.setdefault(shape(trace), len(numbers))
            for ways in self.ways
            for trace in ways
        }
        self._shapes: dict[tuple[int, ...], Structure] = {}

    def __iter__(self) -> Iterator[Candidate]:
        test = self.test
        return self._walk(demands(test.filter, True) if test.filter is not None else ())

    def ending(self, positive: bool) -> Iterator[Candidate]:
        """Those candidates that satisfy the condition, or those that do not, in the same order.

        Parameters
        ----------
        positive : bool
            Which of them.

        Yields
        ------
        Candidate
            Made without making the others first, as far as values can tell.
        """
        test = self.test
        asked = demands(test.condition, positive)
        if test.filter is not None:
            asked = (*demands(test.filter, True), *asked)
        for candidate in self._walk(asked):
            if candidate.positive is positive:
                yield candidate

    def _walk(self, asked: tuple[Demand, ...]) -> Iterator[Candidate]:
        test, deadline = self.test, self.deadline
        initial = test.initial
        most = deadline.limits.candidates
        count = 0
        for combined, chosen in enumerate(combinations(test, self.ways, deadline, asked), 1):
            structure = self._structure(chosen)
            if combined > most:
                raise too_many(structure, deadline)
            known: dict[str, Value] = {**initial, **structure.registers}
            names = structure.location[: structure.initial]
            for choice in candidates(structure, self.coherent, self.atomic, deadline, asked):
                for name, write in zip(names, choice.last, strict=True):
                    known[name] = structure.value[write]
                count += 1
                if count > most:
                    raise too_many(structure, deadline)
                deadline.check()
                if test.filter is not None and not satisfied(test.filter, known):
                    continue
                final = tuple(known.get(name, 0) for name in test.observed)
                yield Candidate(structure, choice, final, satisfied(test.condition, known))

    def _structure(self, chosen: tuple[Trace, ...]) -> Structure:
        """The events of a combination; the last few shapes are not worked out again."""
        key = tuple([self._shape_of[id(trace)] for trace in chosen])
        like = self._shapes.pop(key, None)
        structure = Structure(self.test, chosen, like)
        self._shapes[key] = structure.like
        if len(self._shapes) > SHAPES:
            del self._shapes[next(iter(self._shapes))]
        return structure
