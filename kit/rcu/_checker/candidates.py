"""Candidate executions: who reads from whom, and in which order each location is written.

The choices for different locations are independent, so each location is solved alone. Where the
model has the axioms, a choice that breaks coherence or atomicity of its location is left out here,
long before the model sees it. A lock is always taken by one thread at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Final, TypeAlias

from kit.errors import LitmusError
from kit.rcu._checker.combinations import possible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kit.rcu._checker.combinations import Demand
    from kit.rcu._checker.structure import Structure
    from kit.rcu._litmus.syntax import Value
    from kit.rcu.limits import Deadline

__all__ = ["Choice", "Kept", "candidates"]

KEPT: Final = 1_000
"""How many choices are kept for the next combination of the same shape."""


@dataclass(slots=True)
class Choice:
    """rf, co and fr of a candidate, or of one location, with the last write to each location."""

    rf: int
    co: int
    fr: int
    last: tuple[int, ...]


@dataclass(slots=True)
class _Place:
    """The accesses of one location; ``halves`` pairs what must be read right before it is written.

    Such a pair is an atomic update, or the taking of a lock: its read takes its value from the
    write just before its own, or somebody got between them.
    """

    first: int
    writes: list[int]
    threads: list[list[int]]
    halves: dict[int, int] = field(default_factory=dict)


Kept: TypeAlias = "list[tuple[_Place, list[int], dict[tuple[Value, ...], list[Choice]]]]"


def _places(structure: Structure, coherent: bool, atomic: bool) -> list[_Place]:
    found = {
        structure.location[number]: _Place(number, [], []) for number in range(structure.initial)
    }
    for first, last in zip(structure.firsts, structure.firsts[1:], strict=False):
        for number in range(first, last):
            if structure.kind[number] == "F":
                continue
            place = found[structure.location[number]]
            if structure.kind[number] == "W":
                place.writes.append(number)
                event = structure.events[number]
                assert event is not None
                update = coherent and event.partner >= 0
                if update and (atomic or "LKW" in event.tags):
                    place.halves[first + event.partner] = number
            if not place.threads or place.threads[-1][0] < first:
                place.threads.append([])
            place.threads[-1].append(number)
    return list(found.values())


def _orders(
    structure: Structure, place: _Place, coherent: bool, deadline: Deadline
) -> Iterator[list[int]]:
    """Every order of the writes, the initial one first."""
    chosen = [place.first]
    left = list(place.writes)
    thread, value = structure.thread, structure.value
    wanted = {write: value[read] for read, write in place.halves.items()}

    def extend() -> Iterator[list[int]]:
        if not left:
            yield list(chosen)
            return
        deadline.check()
        for write in tuple(left):
            if coherent and any(other < write and thread[other] == thread[write] for other in left):
                continue
            if write in wanted and wanted[write] != value[chosen[-1]]:
                continue
            left.remove(write)
            chosen.append(write)
            yield from extend()
            chosen.pop()
            left.append(write)
            left.sort()

    return extend()


def _sources(
    structure: Structure,
    place: _Place,
    order: Sequence[int],
    accesses: Sequence[int],
    coherent: bool,
    deadline: Deadline,
) -> list[tuple[tuple[int, int], ...]]:
    """For one thread, every way to give its reads of a location a place in the order of writes.

    Going through the thread, places never go down, and a write lies beyond what was seen before.
    """
    rank = {write: at for at, write in enumerate(order)}
    ways: list[tuple[tuple[tuple[int, int], ...], int]] = [((), 0)]
    for access in accesses:
        more: list[tuple[tuple[tuple[int, int], ...], int]] = []
        if structure.kind[access] == "W":
            if not coherent:
                continue
            at = rank[access]
            ways = [(reads, at) for reads, floor in ways if at > floor]
            continue
        if access in place.halves:
            fitting = [rank[place.halves[access]] - 1]
        else:
            value = structure.value[access]
            fitting = [at for at, write in enumerate(order) if structure.value[write] == value]
        for reads, floor in ways:
            for at in fitting:
                if at >= floor or not coherent:
                    more.append(((*reads, (access, at)), at))  # noqa: PERF401
            if len(more) > deadline.limits.choices:
                raise _too_many_choices(structure, access, deadline)
        ways = more
        deadline.check()
    return [reads for reads, _ in ways]


def _undisturbed(
    structure: Structure, order: Sequence[int], reads: Sequence[tuple[int, int]], atomic: bool
) -> bool:
    """Whether no other thread writes between the halves of an atomic update, or of a lock.

    With coherence this is known beforehand, see `_Place`.
    """
    source = dict(reads)
    for place, write in enumerate(order):
        event = structure.events[write]
        if event is None or event.partner < 0 or not (atomic or "LKW" in event.tags):
            continue
        thread = structure.thread[write]
        since = source[structure.firsts[thread] + event.partner]
        if any(structure.thread[between] != thread for between in order[since + 1 : place]):
            return False
        if "LKW" in event.tags and since >= place:
            return False
    return True


def _choices(
    structure: Structure, place: _Place, coherent: bool, atomic: bool, deadline: Deadline
) -> list[Choice]:
    """Every rf and co of one location."""
    n = structure.n
    out: list[Choice] = []
    for order in _orders(structure, place, coherent, deadline):
        co = after = 0
        later = [0] * len(order)
        for at in range(len(order) - 1, -1, -1):
            later[at] = after
            co |= after << (order[at] * n)
            after |= 1 << order[at]
        threads = [
            _sources(structure, place, order, part, coherent, deadline) for part in place.threads
        ]
        for ways in product(*threads):
            deadline.check()
            reads = [read for way in ways for read in way]
            if not coherent and not _undisturbed(structure, order, reads, atomic):
                continue
            rf = fr = 0
            for read, at in reads:
                rf |= 1 << (order[at] * n + read)
                fr |= later[at] << (read * n)
            out.append(Choice(rf, co, fr, (order[-1],)))
            if len(out) > deadline.limits.choices:
                raise _too_many_choices(structure, place.first, deadline)
    return out


def _too_many_choices(structure: Structure, access: int, deadline: Deadline) -> LitmusError:
    return LitmusError(
        f"{structure.test.name}: more than {deadline.limits.choices} ways to read and write "
        f"{structure.location[access]} (Limits.choices)"
    )


def too_many(structure: Structure, deadline: Deadline) -> LitmusError:
    """The error for a test with more candidates than are looked at."""
    return LitmusError(
        f"{structure.test.name}: more than {deadline.limits.candidates} candidate executions "
        f"(Limits.candidates)"
    )


def _kept_choices(
    structure: Structure, coherent: bool, atomic: bool, deadline: Deadline
) -> Iterator[list[Choice]]:
    """The choices of each location; those that only values decide were perhaps made before."""
    kept = structure.like.kept.get((coherent, atomic))
    if kept is None:
        places = _places(structure, coherent, atomic)
        kept = structure.like.kept[coherent, atomic] = [
            (place, [place.first, *(at for part in place.threads for at in part)], {})
            for place in places
        ]
    for place, accesses, known in kept:
        values = tuple([structure.value[at] for at in accesses])
        found = known.get(values)
        if found is None:
            found = _choices(structure, place, coherent, atomic, deadline)
            if sum(map(len, known.values())) + len(found) <= KEPT:
                known[values] = found
        yield found


def _wanted(
    structure: Structure, parts: list[list[Choice]], asked: Sequence[Demand]
) -> list[list[Choice]]:
    """Leave out choices whose last write keeps a condition from coming out as it should."""
    places = {name: at for at, name in enumerate(structure.location[: structure.initial])}
    initial, registers = structure.test.initial, structure.registers

    def last(choice: Choice) -> Value:
        return structure.value[choice.last[0]]

    ends = [frozenset(map(last, part)) for part in parts]

    def values(name: str) -> frozenset[Value]:
        if name in places:
            return ends[places[name]]
        return frozenset((registers.get(name, initial.get(name, 0)),))

    for condition, truth in asked:
        for at in {places[name] for name in condition.names() if name in places}:
            every = ends[at]
            fitting = set()
            for value in every:
                ends[at] = frozenset((value,))
                if possible(condition, truth, values):
                    fitting.add(value)
            ends[at] = frozenset(fitting)
            if len(fitting) < len(every):
                parts[at] = [choice for choice in parts[at] if last(choice) in fitting]
    return parts


def candidates(
    structure: Structure,
    coherent: bool,
    atomic: bool,
    deadline: Deadline,
    asked: Sequence[Demand] = (),
) -> Iterator[Choice]:
    """Every way to choose rf and co.

    Parameters
    ----------
    structure : Structure
        Events of one combination of traces.
    coherent, atomic : bool
        Whether choices that break coherence, or atomicity, are left out.
    deadline : Deadline
        Bounds.
    asked : sequence of (Condition, bool)
        Conditions, and how they should come out. What cannot is left out, and some of what does
        not may remain.

    Yields
    ------
    Choice
        Its ``last`` has one write for each location that is accessed, in order.

    Examples
    --------
    >>> from kit.rcu import parse
    >>> from kit.rcu.limits import Deadline, Limits
    >>> from kit.rcu._checker.structure import Structure
    >>> from kit.rcu._checker.traces import traces
    >>> test = parse("C a {} P0(int *x) { *x = 1; *x = 2; } exists (x=1)")
    >>> deadline = Deadline(Limits(), test.name)
    >>> (traces_of_p0,) = traces(test, deadline)
    >>> structure = Structure(test, traces_of_p0)
    >>> len(list(candidates(structure, True, True, deadline)))
    1
    >>> len(list(candidates(structure, False, True, deadline)))
    2
    """
    if structure.n > deadline.limits.events:
        raise LitmusError(
            f"{structure.test.name}: an execution has {structure.n} events, more than "
            f"{deadline.limits.events} (Limits.events)"
        )
    parts: list[list[Choice]] = []
    for found in _kept_choices(structure, coherent, atomic, deadline):
        if not found:
            return
        parts.append(found)
    if asked:
        parts = _wanted(structure, parts, asked)
    for chosen in product(*parts):
        rf = co = fr = 0
        for choice in chosen:
            rf |= choice.rf
            co |= choice.co
            fr |= choice.fr
        yield Choice(rf, co, fr, tuple(choice.last[0] for choice in chosen))
