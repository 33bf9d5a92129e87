"""All executions of a test, with how they end."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from kit.rcu._checker.candidates import Choice, candidates, too_many
from kit.rcu._checker.combinations import combinations, demands
from kit.rcu._checker.structure import Structure, present_in, shape
from kit.rcu._checker.thin_air import circles
from kit.rcu._checker.traces import traces
from kit.rcu._litmus.syntax import Thin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kit.rcu._checker.combinations import Demand
    from kit.rcu._checker.traces import Trace
    from kit.rcu._litmus.syntax import Condition, Test, Value
    from kit.rcu.limits import Deadline

__all__ = ["Candidate", "Enumeration", "known", "satisfied"]

SHAPES: Final = 16
"""How many shapes of combinations are remembered at a time."""


def satisfied(condition: Condition, final: Mapping[str, Value]) -> bool:
    """Whether final values of registers and locations satisfy a condition; 0 for what is missing.

    Examples
    --------
    >>> from kit.rcu._litmus.syntax import Condition
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


def known(condition: Condition, final: Mapping[str, Value]) -> bool | None:
    """Whether final values satisfy a condition, whatever numbers come out of thin air.

    None when it depends on those numbers.

    Examples
    --------
    >>> from kit.rcu._litmus.syntax import Condition, Thin
    >>> known(Condition("=", left="x", right=1), {"x": Thin(0, 0)}) is None
    True
    """
    if condition.op in ("and", "or"):
        decisive = condition.op == "or"
        parts = [known(part, final) for part in condition.parts]
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive
    if condition.op == "not":
        inner = known(condition.parts[0], final)
        return None if inner is None else not inner
    if condition.op in ("=", "!="):
        right = condition.right
        if isinstance(right, str) and ":" in right:
            right = final.get(right, 0)
        left = final.get(condition.left, 0)
        if left != right and not isinstance(left, str) and not isinstance(right, str):
            if isinstance(left, Thin) or isinstance(right, Thin):
                return None
        elif isinstance(left, Thin) and left == right and not left.exact:
            return None  # one may be computed from the other
    return satisfied(condition, final)


@dataclass(slots=True)
class Candidate:
    """One candidate execution: its events, its choice of rf and co, how it ends.

    Attributes
    ----------
    structure, choice
        Events, rf and co.
    final : tuple
        Values of what the test observes.
    positive : bool
        Whether they satisfy the condition.
    certain : bool
        False when nobody knows whether there are such values, see `kit.rcu._checker.thin_air`.
    open : bool
        Whether other values out of thin air would answer otherwise.
    """

    structure: Structure
    choice: Choice
    final: tuple[Value, ...]
    positive: bool
    certain: bool = True
    open: bool = False


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
    circles : Circles or None
        Where values may come out of thin air. Candidates with such values come last.

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
        self.circles = circles(test, self.ways, deadline, coherent)
        every = [*self.ways, *(self.circles.ways if self.circles else [])]
        self.present = present_in(every)
        numbers: dict[tuple[object, ...], int] = {}
        self._shape_of = {
            id(trace): numbers.setdefault(shape(trace), len(numbers))
            for ways in every
            for trace in ways
        }
        self._shapes: dict[tuple[int, ...], Structure] = {}

    def __iter__(self) -> Iterator[Candidate]:
        test = self.test
        return self._walk(demands(test.filter, True) if test.filter is not None else ())

    def ending(self, positive: bool) -> Iterator[Candidate]:
        """Those candidates that satisfy the condition, or those that do not, in the same order.

        They are made without making the others first, as far as values can tell. Those that are
        open come both times.
        """
        test = self.test
        asked = demands(test.condition, positive)
        if test.filter is not None:
            asked = (*demands(test.filter, True), *asked)
        for candidate in self._walk(asked):
            if candidate.positive is positive or candidate.open:
                yield candidate

    def are_there_any(self) -> bool:
        """Whether there are candidates, those that the test filters out included; looks for one."""
        return next(self._walk((), filtered=False), None) is not None

    def _walk(self, asked: tuple[Demand, ...], *, filtered: bool = True) -> Iterator[Candidate]:
        test, deadline, thin = self.test, self.deadline, self.circles
        asked = () if thin is not None else asked  # of such values nobody knows what they are
        only = test.filter if filtered else None
        initial = test.initial
        most = deadline.limits.candidates
        count = 0
        every = combinations(test, self.ways, deadline, asked)
        further = thin.combinations(test, deadline) if thin is not None else ()
        for combined, chosen in enumerate(chain(every, further), 1):
            structure = self._structure(chosen)
            if combined > most:
                raise too_many(structure, deadline)
            certain = not any(way.guessed for way in chosen)
            final: dict[str, Value] = {**initial, **structure.registers}
            names = structure.location[: structure.initial]
            for choice in candidates(structure, self.coherent, self.atomic, deadline, asked):
                count += 1
                if count > most:
                    raise too_many(structure, deadline)
                deadline.check()
                if thin is not None and not thin.named(structure, choice):
                    continue
                for name, write in zip(names, choice.last, strict=True):
                    final[name] = structure.value[write]
                sure = certain and (thin is None or thin.grounded(structure, choice))
                if only is not None:
                    kept = known(only, final) if thin is not None else satisfied(only, final)
                    if kept is False:
                        continue
                    sure = sure and kept is True
                yield Candidate(
                    structure,
                    choice,
                    tuple(final.get(name, 0) for name in test.observed),
                    satisfied(test.condition, final),
                    sure,
                    thin is not None and known(test.condition, final) is None,
                )

    def _structure(self, chosen: tuple[Trace, ...]) -> Structure:
        """The events of a combination; the last few shapes are not worked out again."""
        key = tuple([self._shape_of[id(trace)] for trace in chosen])
        like = self._shapes.pop(key, None)
        structure = Structure(self.test, chosen, like)
        self._shapes[key] = structure.like
        if len(self._shapes) > SHAPES:
            del self._shapes[next(iter(self._shapes))]
        return structure
