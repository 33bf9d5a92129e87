"""Values out of thin air: written only because they were read, and read only because written.

In ``r = *x; *y = r`` beside ``s = *y; *x = s`` both threads may hand round a value that nobody
made, as far as a model has no rule against it. No list of values finds it, since it may be any. So
a symbol is handed round, a `Thin`, one for each circle; what is computed from it on the way is not
known to exist, and is told apart.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from kit.errors import LitmusError
from kit.rcu._cat.relations import bits
from kit.rcu._checker.combinations import combinations
from kit.rcu._checker.traces import Trace, branches, grown, numeric, written
from kit.rcu._litmus.syntax import Thin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kit.rcu._checker.candidates import Choice
    from kit.rcu._checker.structure import Structure
    from kit.rcu._litmus.syntax import Test, Value
    from kit.rcu.limits import Deadline

__all__ = ["Circles", "circles"]


@dataclass(frozen=True, slots=True)
class Circles:
    """The ways through the threads where a value may come out of thin air.

    Attributes
    ----------
    ways : list of list of Trace
        The traces of each thread, those without such a value included.
    sources : frozenset of (int, int)
        The reads that such a circle may begin with: thread, and place among its events.
    """

    ways: list[list[Trace]]
    sources: frozenset[tuple[int, int]]

    def combinations(self, test: Test, deadline: Deadline) -> Iterator[tuple[Trace, ...]]:
        """One trace a thread, at least one of them with a value out of thin air.

        Where something was computed from such a value, all of them are values of which nobody
        knows whether they exist; where nothing was, all of them are exact.
        """
        for exact in (True, False):
            some = [[way for way in each if _thin(way, exact)] for each in self.ways]
            none = [[way for way in each if not _needs_thin(way)] for each in self.ways]
            for first in range(len(self.ways)):
                both = [[*a, *b] for a, b in zip(none[first + 1 :], some[first + 1 :], strict=True)]
                parts = [*none[:first], some[first], *both]
                if not all(parts):
                    continue
                for chosen in combinations(test, parts, deadline):
                    if exact or any(way.guessed for way in chosen):
                        yield chosen

    def grounded(self, structure: Structure, choice: Choice) -> bool:
        """Whether no number is there only because it is read where it is written.

        A number may fit such a circle by chance, as 1 does ``*y = a | 1`` where *y comes round to
        a. One that is handed round as it is stands among the symbols already.
        """
        if any(isinstance(value, Thin) for value in structure.value):
            return True
        return structure.space.acyclic(choice.rf | structure.base["data"])

    def named(self, structure: Structure, choice: Choice) -> bool:
        """Whether each symbol is one circle, and has the name of its first read.

        The same execution is met under other names, and two circles with one name as two with two.
        """
        groups: dict[Value, list[int]] = defaultdict(list)
        for number, value in enumerate(structure.value):
            if isinstance(value, Thin) and structure.kind[number] != "F":
                groups[value].append(number)
        return all(
            self._first(structure, members) == (value.thread, value.read)
            and _connected(structure, choice, members)
            for value, members in groups.items()
            if isinstance(value, Thin)
        )

    def _first(self, structure: Structure, members: Iterable[int]) -> tuple[int, int] | None:
        places = (
            (structure.thread[number], number - structure.firsts[structure.thread[number]])
            for number in members
            if structure.kind[number] == "R"
        )
        return min((place for place in places if place in self.sources), default=None)


def _needs_thin(way: Trace) -> bool:
    return any(isinstance(value, Thin) for _, value in way.needs)


def _thin(way: Trace, exact: bool) -> bool:
    """Whether all its values out of thin air, at least one, are of this kind."""
    kinds = {value.exact for _, value in way.needs if isinstance(value, Thin)}
    return kinds == {exact}


def _connected(structure: Structure, choice: Choice, members: Sequence[int]) -> bool:
    """Whether reads-from and what a thread hands on join the events of one symbol."""
    inside = sum(1 << number for number in members)
    joined: dict[int, int] = defaultdict(int)
    for i, j in structure.space.edges(choice.rf | structure.base["data"]):
        if inside >> i & 1 and inside >> j & 1:
            joined[i] |= 1 << j
            joined[j] |= 1 << i
    seen = new = 1 << members[0]
    while new:
        reached = 0
        for number in bits(new):
            reached |= joined[number]
        new = reached & ~seen
        seen |= new
    return seen == inside


def _flows(found: Iterable[Sequence[Trace]]) -> dict[str, set[str]]:
    """Which location a value may be carried from, and to which."""
    flows: dict[str, set[str]] = defaultdict(set)
    for way in chain.from_iterable(found):
        for event in way.events:
            if event.kind == "W" and "Srcu-unlock" not in event.tags:
                for source in bits(event.data):
                    if way.events[source].kind == "R":
                        flows[way.events[source].location].add(event.location)
    return flows


def _reached(flows: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(flows.get(start, ()))
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            waiting.extend(flows.get(here, ()))
    return seen


def circles(
    test: Test, found: list[list[Trace]], deadline: Deadline, coherent: bool = True
) -> Circles | None:
    """Where the threads may pass round a value that nobody made; None if they cannot.

    ``found`` has the ways through each thread with values that are made. With ``coherent``, no
    thread is taken to read what it writes later.

    Examples
    --------
    >>> from kit.rcu import parse
    >>> from kit.rcu.limits import Deadline, Limits
    >>> from kit.rcu._checker.traces import traces
    >>> test = parse(
    ...     "C a {} P0(int *x, int *y) { int r; r = *x; *y = r; }"
    ...     "P1(int *x, int *y) { int r; r = *y; *x = r; } exists (0:r=1)"
    ... )
    >>> deadline = Deadline(Limits(), "a")
    >>> sorted(circles(test, traces(test, deadline), deadline).sources)
    [(0, 0), (1, 0)]
    """
    found = _with_every_branch(test, found, deadline, coherent)
    flows = _flows(found)
    round_trips = {name: _reached(flows, name) for name in flows}
    places = {name for name, reached in round_trips.items() if name in reached}
    sources: set[tuple[int, int]] = set()
    threads: set[int] = set()
    plain = False
    for number, ways in enumerate(found):
        for way in ways:
            for event in way.events:
                if event.kind != "W" or event.location not in places:
                    continue
                for at in bits(event.data):
                    read = way.events[at]
                    if read.location in round_trips.get(event.location, ()):
                        sources.add((number, at))
                        threads.add(number)
                        plain = plain or "Plain" in (*read.tags, *event.tags)
    # In one thread alone a value would come from a later write, which breaks coherence.
    if not sources or (coherent and len(threads) < 2):
        return None
    symbols = frozenset(
        Thin(thread, read, exact) for thread, read in sources for exact in (True, False)
    )
    try:
        wider = grown(test, deadline, coherent, dict.fromkeys(places, symbols))
    except LitmusError:
        deadline.check()
        if plain:
            raise
        return None  # the order of marked accesses that depend on each other rules circles out
    kept = [
        [way for way in ways if _may_be_named(way, number, sources)]
        for number, ways in enumerate(wider)
    ]
    return Circles(written(test, kept), frozenset(sources))


def _with_every_branch(
    test: Test, found: list[list[Trace]], deadline: Deadline, coherent: bool
) -> list[list[Trace]]:
    """The ways through each thread when any read may return what opens the next branch."""
    if not branches(test):
        return found
    anything = frozenset({Thin(-1, -1, exact=False)})
    try:
        return grown(test, deadline, coherent, dict.fromkeys(numeric(test, found), anything))
    except LitmusError:
        deadline.check()
        return found


def _may_be_named(way: Trace, thread: int, sources: set[tuple[int, int]]) -> bool:
    """Whether no symbol is read before the read that it is named after."""
    return all(
        (thread, at) >= (event.value.thread, event.value.read)
        for at, event in enumerate(way.events)
        if event.kind == "R" and isinstance(event.value, Thin) and (thread, at) in sources
    )
