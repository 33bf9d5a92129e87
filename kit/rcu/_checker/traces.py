"""Every way through every thread, over the values that the locations can hold.

Which values a read may return depends on what the other threads write, which depends on what they
read. The values grow from the initial ones until nothing new is written. A value needs a chain of
different writes, so there are at most as many rounds as writes.

What lies beyond is out of thin air: a value that is written only where it has been read. A model
may allow it, where the constant stands in a branch that is taken only then. So constants that are
put into registers or memory, or compared with, and never seen in memory are tried as well, and
what nobody writes is dropped. What is only handed round, whatever it is, is in
`kit.rcu._checker.thin_air`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from kit.errors import LitmusError
from kit.rcu._checker.thread import Access, Blocked, Run
from kit.rcu._litmus.syntax import Assign, Binary, Call, Const, Evaluate, If, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kit.rcu._litmus.syntax import Expr, Statement, Test, Thread, Value
    from kit.rcu.limits import Deadline

__all__ = ["Trace", "branches", "grown", "numeric", "traces", "written"]


@dataclass(slots=True, eq=False)
class Trace:
    """One way through one thread.

    Attributes
    ----------
    events : list of Access
        In program order.
    registers : dict
        Final values.
    needs : frozenset
        ``(location, value)`` of the reads.
    gives : frozenset
        ``(location, value)`` of the writes.
    guessed : bool
        Whether something was computed from a value out of thin air, or decided by it.
    """

    events: list[Access]
    registers: dict[str, Value]
    needs: frozenset[tuple[str, Value]]
    gives: frozenset[tuple[str, Value]]
    guessed: bool = False


def _order(value: Value) -> tuple[bool, int, str]:
    return (False, value, "") if isinstance(value, int) else (True, 0, str(value))


class _Values:
    """What each thread is known to write."""

    def __init__(self, test: Test, coherent: bool, supposed: dict[str, frozenset[Value]]) -> None:
        self.test = test
        self.coherent = coherent
        self.supposed = supposed
        self.written: dict[int, dict[str, set[Value]]] = defaultdict(lambda: defaultdict(set))

    def size(self, location: str) -> int:
        return sum(len(locations[location]) for locations in self.written.values())

    def others(self, number: int) -> dict[str, frozenset[Value]]:
        """What other threads write; without coherence, what this one writes too."""
        out: dict[str, set[Value]] = defaultdict(set)
        for location, supposed in self.supposed.items():
            out[location] |= supposed
        for writer, locations in self.written.items():
            if writer != number or not self.coherent:
                for location, values in locations.items():
                    out[location] |= values
        return {location: frozenset(values) for location, values in out.items()}

    def reader(
        self, others: dict[str, frozenset[Value]]
    ) -> Callable[[str, Value | None], Sequence[Value]]:
        """The function that tells a `Run` what a read may return."""
        initial, coherent = self.test.initial, self.coherent
        known: dict[tuple[str, Value | None], list[Value]] = {}

        def readable(location: str, own: Value | None) -> Sequence[Value]:
            values = known.get((location, own))
            if values is None:
                first = initial.get(location, 0) if own is None or not coherent else own
                values = sorted({first} | others.get(location, frozenset()), key=_order)
                known[location, own] = values
            return values

        return readable


def _walk(
    test: Test,
    thread: Thread,
    readable: Callable[[str, Value | None], Sequence[Value]],
    deadline: Deadline,
) -> Iterator[Trace]:
    """Every way through one thread."""
    choices: list[int] = []
    ways = 0
    while True:
        run = Run(test, thread, readable, choices, deadline.limits)
        try:
            run.go()
        except Blocked:
            pass
        else:
            ways += 1
            yield Trace(
                run.events,
                {name: value for name, (value, _) in run.registers.items()},
                frozenset((e.location, e.value) for e in run.events if e.kind == "R"),
                frozenset((e.location, e.value) for e in run.events if e.kind == "W"),
                run.guessed,
            )
        if ways > deadline.limits.traces:
            raise LitmusError(
                f"{test.name}: more than {deadline.limits.traces} ways through P{thread.number} "
                f"(Limits.traces)"
            )
        deadline.check()
        choices = choices[: len(run.widths)] + [0] * (len(run.widths) - len(choices))
        while choices and choices[-1] + 1 >= run.widths[len(choices) - 1]:
            choices.pop()
        if not choices:
            return
        choices[-1] += 1


def traces(test: Test, deadline: Deadline, coherent: bool = True) -> list[list[Trace]]:
    """Every way through each thread, a list for each.

    With ``coherent``, no thread is taken to read what it writes later.

    Raises
    ------
    kit.errors.LitmusError
        When there are too many, or the time is up.

    Examples
    --------
    >>> from kit.rcu import parse
    >>> from kit.rcu.limits import Deadline, Limits
    >>> test = parse(
    ...     "C a {} P0(int *x) { int r; r = READ_ONCE(*x); } P1(int *x) { *x = 1; } exists (0:r=1)"
    ... )
    >>> [len(ways) for ways in traces(test, Deadline(Limits(), test.name))]
    [2, 1]
    """
    found = grown(test, deadline, coherent, {})
    constants = {value for thread in test.threads for value in _constants(thread.body)}
    if not constants or not branches(test):
        return found
    known = {pair for ways in found for trace in ways for pair in trace.gives}
    unseen = frozenset(constants - {value for _, value in known} - {*test.initial.values(), 0})
    numbers = numeric(test, found)
    if not unseen or not numbers:
        return found
    try:
        wider = grown(test, deadline, coherent, dict.fromkeys(numbers, unseen))
    except LitmusError:
        deadline.check()
        return found  # a number that it cannot be, such as an address
    return written(test, wider)


def _constants(body: Sequence[Statement]) -> Iterator[int]:
    """The constants that are put into registers or memory as they are, or compared with."""
    for statement in body:
        match statement:
            case Assign(value=value) | Store(value=value) | Evaluate(value=value):
                yield from _handed(value)
            case If(test=test, then=then, otherwise=otherwise):
                yield from _handed(test)
                yield from _constants(then)
                yield from _constants(otherwise)


def _handed(value: Expr) -> Iterator[int]:
    match value:
        case Const(value=number):
            yield number
        case Call(arguments=arguments):
            for argument in arguments:
                yield from _handed(argument)
        case Binary(left=left, right=right):
            yield from _handed(left)
            yield from _handed(right)


def numeric(test: Test, found: Sequence[Sequence[Trace]]) -> list[str]:
    """The locations that only ever hold numbers.

    Examples
    --------
    >>> from kit.rcu import parse
    >>> numeric(parse("C a {p=x;} P0(int *x, int **p) { } exists (x=1)"), [])
    ['x']
    """
    pairs = {pair for ways in found for trace in ways for pair in trace.gives}
    texts = {location for location, value in pairs if isinstance(value, str)}
    return [
        location
        for location in test.locations
        if location not in texts and not isinstance(test.initial.get(location, 0), str)
    ]


def branches(test: Test) -> bool:
    """Whether what a thread does depends on what it reads: whether there is an ``if``.

    Examples
    --------
    >>> from kit.rcu import parse
    >>> branches(parse("C a {} P0(int *x) { if (*x) *x = 2; } exists (x=1)"))
    True
    """
    return any(isinstance(statement, If) for each in test.threads for statement in each.body)


def written(test: Test, found: list[list[Trace]]) -> list[list[Trace]]:
    """Drop the traces that read a value which no remaining trace writes.

    Examples
    --------
    >>> from kit.rcu import parse
    >>> written(parse("C a {} P0(int *x) { *x = 1; } exists (x=1)"), [[]])
    [[]]
    """
    while True:
        there = {pair for ways in found for trace in ways for pair in trace.gives}
        there |= {(location, test.initial.get(location, 0)) for location in test.locations}
        left = [[trace for trace in ways if trace.needs <= there] for ways in found]
        if [len(ways) for ways in left] == [len(ways) for ways in found]:
            return left
        found = left


def grown(
    test: Test, deadline: Deadline, coherent: bool, supposed: dict[str, frozenset[Value]]
) -> list[list[Trace]]:
    """Let the values grow, from the initial ones and those that are supposed.

    ``supposed`` has, by location, values that it may hold though nobody is known to write them.
    There is a list of traces for each thread.

    Examples
    --------
    >>> from kit.rcu import parse
    >>> from kit.rcu.limits import Deadline, Limits
    >>> test = parse("C a {} P0(int *x) { int r; r = READ_ONCE(*x); } exists (0:r=1)")
    >>> [len(ways) for ways in grown(test, Deadline(Limits(), "a"), True, {"x": frozenset({7})})]
    [2]
    """
    values = _Values(test, coherent, supposed)
    seen: list[dict[str, frozenset[Value]] | None] = [None] * len(test.threads)
    found: list[list[Trace]] = [[] for _ in test.threads]
    for made in count():
        changed = False
        for thread in test.threads:
            others = values.others(thread.number)
            if others == seen[thread.number]:
                continue
            changed = True
            seen[thread.number] = others
            ways = list(_walk(test, thread, values.reader(others), deadline))
            found[thread.number] = ways
            for trace in ways:
                for location, value in trace.gives:
                    values.written[thread.number][location].add(value)
            _bounded(test, values, found, deadline)
        if not changed or made > _longest(found):
            break
    return found


def _longest(found: Sequence[Sequence[Trace]]) -> int:
    """How many writes one execution can have, hence how long a chain of values can be."""
    return sum(
        max((sum(e.kind == "W" for e in trace.events) for trace in ways), default=0)
        for ways in found
    )


def _bounded(
    test: Test, values: _Values, found: Sequence[Sequence[Trace]], deadline: Deadline
) -> None:
    if sum(map(len, found)) > deadline.limits.traces:
        raise LitmusError(
            f"{test.name}: more than {deadline.limits.traces} ways through the threads "
            f"(Limits.traces)"
        )
    limit = deadline.limits.values
    for location in test.locations:
        if values.size(location) > limit:
            raise LitmusError(
                f"{test.name}: {location} can hold more than {limit} values (Limits.values)"
            )
