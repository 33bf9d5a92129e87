"""Combine traces, one a thread, so that what is read is written and the conditions can hold.

The number of combinations doubles with each thread, so most of them must never be made. A trace is
left out as soon as nobody is left who writes what it reads, or as soon as no way that is left for
the other threads could make the conditions come out as they should. What remains comes in the order
in which all combinations would come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from kit.rcu._checker.traces import Trace
    from kit.rcu._litmus.syntax import Condition, Test, Value
    from kit.rcu.limits import Deadline

__all__ = ["Demand", "combinations", "demands", "possible"]

Demand: TypeAlias = "tuple[Condition, bool]"  # a condition, and how it should come out


def demands(condition: Condition, truth: bool) -> tuple[Demand, ...]:
    r"""Take a condition apart into parts that must all come out as they should.

    Examples
    --------
    >>> from kit.rcu import parse
    >>> test = parse("C a {} P0(int *x) { int r; } exists (~(0:r=1 \\/ x=2) /\\ x=0)")
    >>> [(part.left, part.right, truth) for part, truth in demands(test.condition, True)]
    [('0:r', 1, False), ('x', 2, False), ('x', 0, True)]
    """
    if condition.op == "not":
        return demands(condition.parts[0], not truth)
    if condition.op == ("and" if truth else "or"):
        return tuple(demand for part in condition.parts for demand in demands(part, truth))
    return ((condition, truth),)


def possible(condition: Condition, truth: bool, values: Callable[[str], frozenset[Value]]) -> bool:
    """Whether a condition could come out so; never False when it could.

    ``values`` tells what a register or a location could hold in the end.

    Examples
    --------
    >>> from kit.rcu._litmus.syntax import Condition
    >>> possible(Condition("=", left="x", right=1), True, lambda name: frozenset({0, 2}))
    False
    """
    op = condition.op
    if op == "not":
        return possible(condition.parts[0], not truth, values)
    if op in ("and", "or"):
        each = (possible(part, truth, values) for part in condition.parts)
        return all(each) if truth is (op == "and") else any(each)
    if op == "true":
        return truth
    left = values(condition.left)
    right = condition.right
    there = values(right) if isinstance(right, str) and ":" in right else frozenset((right,))
    if truth is (op == "="):
        return not left.isdisjoint(there)
    return bool(left and there) and not (len(left) == 1 and left == there)


class _Thread:
    """The traces of one thread, as bits; what a set of them has in common is worked out once."""

    def __init__(self, ways: Sequence[Trace], needs: list[int], gives: list[int]) -> None:
        self.ways = ways
        self.needs = needs
        self.gives = gives
        self.every = (1 << len(ways)) - 1
        self._sums: dict[int, tuple[int, int, int]] = {}
        self._giving: dict[int, int] = {}
        self._missing: dict[int, int] = {}

    def sums(self, left: int) -> tuple[int, int, int]:
        """What some trace gives, what some trace needs, and what all of them need."""
        found = self._sums.get(left)
        if found is None:
            gives = needs = 0
            common = -1
            for number in self.numbers(left):
                gives |= self.gives[number]
                needs |= self.needs[number]
                common &= self.needs[number]
            found = self._sums[left] = gives, needs, common
        return found

    def numbers(self, left: int) -> Iterator[int]:
        """The traces of a set, in order."""
        while left:
            low = left & -left
            yield low.bit_length() - 1
            left ^= low

    def giving(self, pairs: int) -> int:
        """The traces that give all of these."""
        found = self._giving.get(pairs)
        if found is None:
            found = sum(1 << at for at, gives in enumerate(self.gives) if not pairs & ~gives)
            self._giving[pairs] = found
        return found

    def without(self, pairs: int) -> int:
        """The traces that need none of these."""
        found = self._missing.get(pairs)
        if found is None:
            found = sum(1 << at for at, needs in enumerate(self.needs) if not pairs & needs)
            self._missing[pairs] = found
        return found


class _Outcomes:
    """What registers and locations could hold in the end, with the traces that are left."""

    def __init__(self, test: Test, threads: Sequence[_Thread]) -> None:
        self.test = test
        self.threads = threads
        self.number = {str(at): at for at in range(len(threads))}
        self._known: dict[tuple[str, int, int], frozenset[Value]] = {}
        self._writing: dict[tuple[str, int], int] = {}

    def of(self, left: Sequence[int]) -> Callable[[str], frozenset[Value]]:
        """The function that `possible` asks."""

        def values(name: str) -> frozenset[Value]:
            number, colon, register = name.partition(":")
            if not colon:
                return self._location(name, left)
            at = self.number.get(number, -1)
            if at < 0:
                return frozenset((self.test.initial.get(name, 0),))
            return self._register(name, register, at, left[at])

        return values

    def _register(self, name: str, register: str, at: int, left: int) -> frozenset[Value]:
        key = (name, at, left)
        found = self._known.get(key)
        if found is None:
            thread, first = self.threads[at], self.test.initial.get(name, 0)
            found = self._known[key] = frozenset(
                thread.ways[number].registers.get(register, first)
                for number in thread.numbers(left)
            )
        return found

    def _location(self, name: str, left: Sequence[int]) -> frozenset[Value]:
        """The values written there; also the initial value if no thread must write."""
        found: frozenset[Value] = frozenset()
        silent = True
        for at, traces in enumerate(left):
            key = (name, at, traces)
            given = self._known.get(key)
            if given is None:
                thread = self.threads[at]
                given = self._known[key] = frozenset(
                    value
                    for number in thread.numbers(traces)
                    for location, value in thread.ways[number].gives
                    if location == name
                )
            if given:
                found |= given
                silent = silent and bool(traces & ~self.writing(name, at))
        return found | {self.test.initial.get(name, 0)} if silent else found

    def writing(self, name: str, at: int) -> int:
        """The traces of a thread that write a location."""
        found = self._writing.get((name, at))
        if found is None:
            found = self._writing[name, at] = sum(
                1 << number
                for number, way in enumerate(self.threads[at].ways)
                if any(location == name for location, _ in way.gives)
            )
        return found


class _Search:
    """Chooses thread after thread, and leaves out what cannot be chosen any more."""

    def __init__(
        self,
        test: Test,
        ways: Sequence[Sequence[Trace]],
        asked: Iterable[Demand],
        deadline: Deadline,
    ) -> None:
        codes: dict[tuple[str, Value], int] = {}

        def mask(pairs: Iterable[tuple[str, Value]]) -> int:
            out = 0
            for pair in pairs:
                out |= 1 << codes.setdefault(pair, len(codes))
            return out

        self.deadline = deadline
        self.initial = mask((name, test.initial.get(name, 0)) for name in test.locations)
        self.threads = [
            _Thread(each, [mask(way.needs) for way in each], [mask(way.gives) for way in each])
            for each in ways
        ]
        self.outcomes = _Outcomes(test, self.threads)
        self.asked = list(asked)
        self.groups = [
            {at: alike for at in range(len(ways)) if len(alike := self._groups(at, condition)) > 1}
            for condition, _ in self.asked
        ]

    def _groups(self, at: int, condition: Condition) -> list[int]:
        """The traces of a thread, by what they do to the registers and locations of a condition."""
        thread = self.threads[at]
        names = set(condition.names())
        first = self.outcomes.test.initial
        registers = [(name, name.partition(":")[2]) for name in names if name.startswith(f"{at}:")]
        alike: dict[tuple[object, ...], int] = {}
        for number, way in enumerate(thread.ways):
            key = (
                *(way.registers.get(register, first.get(name, 0)) for name, register in registers),
                frozenset(pair for pair in way.gives if pair[0] in names),
            )
            alike[key] = alike.get(key, 0) | 1 << number
        return list(alike.values())

    def settle(self, left: list[int]) -> bool:
        """Leave out what cannot be chosen; False when some thread has no trace left."""
        while self._supported(left):
            before = list(left)
            if not self._wanted(left):
                return False
            if left == before:
                return True
        return False

    def _supported(self, left: list[int]) -> bool:
        """Leave out traces that read what nobody writes, or whose writes somebody else must do."""
        while True:
            sums = [thread.sums(each) for thread, each in zip(self.threads, left, strict=True)]
            seen = self.initial
            twice = common = 0
            for gives, _, must in sums:
                twice |= seen & gives
                seen |= gives
                common |= must
            # What one thread must read, and only one thread can write, that thread must write.
            sole = common & ~twice & ~self.initial
            changed = False
            for at, (gives, needs, _) in enumerate(sums):
                each = left[at]
                if needs & ~seen:
                    each &= self.threads[at].without(needs & ~seen)
                if sole & gives:
                    each &= self.threads[at].giving(sole & gives)
                if each != left[at]:
                    if not each:
                        return False
                    left[at] = each
                    changed = True
            if not changed:
                return True

    def _wanted(self, left: list[int]) -> bool:
        """Leave out traces with which a condition cannot come out as it should."""
        for (condition, truth), groups in zip(self.asked, self.groups, strict=True):
            if not possible(condition, truth, self.outcomes.of(left)):
                return False
            for at, alike in groups.items():
                each = kept = left[at]
                for group in alike:
                    some = each & group
                    if not some or some == each:
                        continue
                    left[at] = some
                    if not possible(condition, truth, self.outcomes.of(left)):
                        kept &= ~group
                left[at] = kept
                if not kept:
                    return False
        return True

    def run(self) -> Iterator[tuple[Trace, ...]]:
        """Every combination, in order."""
        left = [thread.every for thread in self.threads]
        if all(left) and self.settle(left):
            yield from self.choose(0, left)

    def choose(self, at: int, left: list[int]) -> Iterator[tuple[Trace, ...]]:
        """Every combination of the traces that are left for a thread and those after it."""
        self.deadline.check()
        while at < len(left) and not left[at] & (left[at] - 1):
            at += 1
        if at == len(left):
            yield tuple(
                thread.ways[each.bit_length() - 1]
                for thread, each in zip(self.threads, left, strict=True)
            )
            return
        for number in self.threads[at].numbers(left[at]):
            then = list(left)
            then[at] = 1 << number
            if self.settle(then):
                yield from self.choose(at + 1, then)


def combinations(
    test: Test,
    ways: Sequence[Sequence[Trace]],
    deadline: Deadline,
    asked: Iterable[Demand] = (),
) -> Iterator[tuple[Trace, ...]]:
    """One trace a thread, such that every value read is initial or written by one of them.

    Combinations with which a condition of ``asked`` cannot come out as it should are left out.
    Final values of locations are known only later, so some with which it does not may remain.

    Examples
    --------
    >>> from kit.rcu import parse
    >>> from kit.rcu.limits import Deadline, Limits
    >>> from kit.rcu._checker.traces import traces
    >>> test = parse(
    ...     "C a {} P0(int *x) { int r; r = READ_ONCE(*x); } P1(int *x) { *x = 1; } exists (0:r=1)"
    ... )
    >>> deadline = Deadline(Limits(), test.name)
    >>> found = traces(test, deadline)
    >>> len(list(combinations(test, found, deadline)))
    2
    >>> len(list(combinations(test, found, deadline, demands(test.condition, True))))
    1
    """
    return _Search(test, ways, asked, deadline).run()
