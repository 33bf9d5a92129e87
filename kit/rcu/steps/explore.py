"""All interleavings of a simulation: how many, how many states, and the shortest way to each bad
one.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from kit.errors import SimulationError
from kit.rcu.limits import Stopwatch, ceiling
from kit.rcu.steps import bad as names
from kit.rcu.steps.bad import Bad
from kit.rcu.steps.semantics import enabled, move

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kit.rcu.limits import Bounds
    from kit.rcu.steps.state import Setup, World

__all__ = ["Exploration", "Trace", "explored", "shortest"]

SAMPLE: Final = 40
"""How many ends of programs are reached once more, to see that they depend on nothing hidden."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The shortest way to a bad state.

    Attributes
    ----------
    bad : Bad
        What goes wrong, and how.
    schedule : tuple of str
        Who moves, from the start.
    interleavings : int
        In how many interleavings it happens.
    """

    bad: Bad
    schedule: tuple[str, ...]
    interleavings: int

    def __str__(self) -> str:
        return f"{self.bad} (after {len(self.schedule)} steps)"


@dataclass(frozen=True, slots=True)
class Exploration:
    """What all interleavings of a simulation come to.

    Attributes
    ----------
    states : int
        Different states.
    moves : int
        Different steps between them.
    interleavings : int
        Different orders of steps from the start to an end.
    bad : mapping of str to Trace
        The bad states that can be reached, with the shortest way to each; those first that take
        the fewest steps.
    outcomes : mapping
        What the programs of readers and updaters return together, and in how many interleavings.
    endings : frozenset
        The different ends: what the programs return, and the fields of memory with their values.
    longest : int
        Steps of the longest interleaving.
    seconds : float
        How long it took.
    """

    states: int
    moves: int
    interleavings: int
    bad: Mapping[str, Trace]
    outcomes: Mapping[tuple[object, ...], int]
    endings: frozenset[tuple[tuple[object, ...], tuple[tuple[str, object], ...]]] = field(
        repr=False
    )
    longest: int
    seconds: float = field(compare=False)

    @property
    def safe(self) -> bool:
        """Whether no interleaving comes to a bad state."""
        return not self.bad

    def verdict(self, name: str | None = None) -> str:
        """In which interleavings a bad state comes about.

        Parameters
        ----------
        name : str, optional
            Which one; any of them if left out.

        Returns
        -------
        str
            ``Never``, ``Sometimes`` or ``Always``.
        """
        if name is None:
            verdicts = [self.verdict(each) for each in self.bad]
            return max(verdicts, key=["Never", "Sometimes", "Always"].index, default="Never")
        if name not in names.BAD:
            raise SimulationError(f"no bad state is called {name!r:.60}; {', '.join(names.BAD)}")
        if name not in self.bad:
            return "Never"
        every = self.bad[name].interleavings == self.interleavings
        return "Always" if every else "Sometimes"

    def __str__(self) -> str:
        head = (
            f"{self.states:,} states, {self.interleavings:,} interleavings: "
            f"{'no bad state' if self.safe else 'bad'}"
        )
        lines = [
            f"  {name}: in {trace.interleavings:,} of them; shortest: {len(trace.schedule)} steps. "
            f"{trace.bad.sentence}"
            for name, trace in self.bad.items()
        ]
        return "\n".join([head, *lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The same as a table."""
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{trace.interleavings:,}</td>"
            f"<td>{len(trace.schedule)}</td><td>{escape(trace.bad.sentence)}</td></tr>"
            for name, trace in self.bad.items()
        )
        head = "".join(
            f'<th scope="col">{name}</th>'
            for name in ("bad state", "interleavings", "shortest", "how")
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return (
            f"<p><strong>{self.states:,}</strong> states, <strong>{self.interleavings:,}</strong> "
            f"interleavings, {'no bad state' if self.safe else 'bad states:'}</p>"
            f"{'' if self.safe else table}"
        )


class _Search:
    """States in the order of the fewest steps that lead to them."""

    def __init__(self, setup: Setup, start: World, bounds: Bounds) -> None:
        self.setup = setup
        self.bounds = bounds
        self.worlds = [start]
        self.index = {start: 0}
        self.parent: list[tuple[int, int]] = [(-1, -1)]
        self.next: list[list[tuple[int, tuple[str, ...]]]] = []
        self.first: dict[str, tuple[int, int, Bad]] = {}
        self.time = Stopwatch(bounds.seconds)

    def schedule(self, at: int) -> list[int]:
        """The threads that move on the shortest way to a state."""
        path: list[int] = []
        while self.parent[at][0] >= 0:
            at, thread = self.parent[at]
            path.append(thread)
        return path[::-1]

    def expand(self, at: int) -> None:
        """Take every step that a state allows."""
        over = self.time.over()
        if over:
            raise SimulationError(
                f"gave up after {over} and {len(self.worlds):,} states "
                "(Bounds.seconds); fewer threads or shorter programs get further"
            )
        world = self.worlds[at]
        able = enabled(self.setup, world)
        following: list[tuple[int, tuple[str, ...]]] = []
        for thread in able:
            after, wrong = move(self.setup, world, thread)
            for each in wrong:
                self.first.setdefault(each.name, (at, thread, each))
            known = self.index.get(after)
            if known is None:
                known = len(self.worlds)
                if known >= self.bounds.states:
                    raise SimulationError(
                        f"more than {known:,} states (Bounds.states); fewer threads or shorter "
                        "programs have fewer"
                    )
                self.index[after] = known
                self.worlds.append(after)
                self.parent.append((at, thread))
            following.append((known, tuple(each.name for each in wrong)))
        if not able:
            stuck = deadlock(world)
            if stuck is not None:
                self.first.setdefault(stuck.name, (at, -1, stuck))
        self.next.append(following)

    def run(self) -> None:
        """Meet every state."""
        at = 0
        while at < len(self.worlds):
            self.expand(at)
            at += 1

    def check(self) -> None:
        """Check for a sample of the programs' ends that they are reached every time."""
        ends = {
            thread.node: None
            for at, following in enumerate(self.next)
            for thread in self.worlds[at].threads
            if not following
        }
        for node in list(ends)[:SAMPLE]:
            node.check()

    def to(self, name: str | None) -> list[int] | None:
        """The shortest way to a bad state; None when there is none."""
        at = 0
        while at < len(self.worlds):
            self.expand(at)
            hit = self.first.get(name) if name else next(iter(self.first.values()), None)
            if hit is not None:
                return self.schedule(hit[0]) + ([hit[1]] if hit[1] >= 0 else [])
            at += 1
        return None

    def without(self, name: str) -> int:
        """How many interleavings avoid a bad state; for ``""``, how many there are."""
        # Every way to a state has the same length, so later states come later in the list.
        ways = [0] * len(self.worlds)
        for at in range(len(self.worlds) - 1, -1, -1):
            following = self.next[at]
            if following:
                ways[at] = sum(ways[to] for to, wrong in following if name not in wrong)
            else:
                stuck = name == names.DEADLOCK and deadlock(self.worlds[at]) is not None
                ways[at] = 0 if stuck else 1
        return ways[0]

    def reaching(self) -> list[int]:
        """In how many ways each state is reached."""
        ways = [0] * len(self.worlds)
        ways[0] = 1
        for at, following in enumerate(self.next):
            for to, _ in following:
                ways[to] += ways[at]
        return ways


def deadlock(world: World) -> Bad | None:
    """Whether threads are left in a state in which nobody can move."""
    left = [thread for thread in world.threads if not thread.over]
    if not left or any(thread.crashed for thread in world.threads):
        return None
    who = ", ".join(thread.name for thread in left)
    return Bad(names.DEADLOCK, f"{who} {'wait' if len(left) > 1 else 'waits'} forever")


def shortest(setup: Setup, start: World, name: str | None) -> list[int] | None:
    """The threads that move on the shortest way from a state to a bad one; None without one."""
    with ceiling(setup.bounds.megabytes):
        return _Search(setup, start, setup.bounds).to(name)


def explored(setup: Setup, start: World, bounds: Bounds) -> Exploration:
    """Explore all interleavings from a state."""
    with ceiling(bounds.megabytes):
        return _explored(setup, start, bounds)


def _explored(setup: Setup, start: World, bounds: Bounds) -> Exploration:
    begun = time.perf_counter()
    search = _Search(setup, start, bounds)
    search.run()
    search.check()
    total = search.without("")
    traces: dict[str, Trace] = {}
    for name, (at, thread, wrong) in search.first.items():
        threads = search.worlds[at].threads
        path = search.schedule(at) + ([thread] if thread >= 0 else [])
        schedule = tuple(threads[number].name for number in path)
        traces[name] = Trace(wrong, schedule, total - search.without(name))
    reaching = search.reaching()
    outcomes: Counter[tuple[object, ...]] = Counter()
    endings = set()
    for at, following in enumerate(search.next):
        if not following:
            threads = search.worlds[at].threads
            returned = tuple(each.node.result for each in threads if not each.deferred)
            outcomes[returned] += reaching[at]
            memory = zip(setup.names, search.worlds[at].fields, strict=True)
            endings.add((returned, tuple(memory)))
    return Exploration(
        len(search.worlds),
        sum(map(len, search.next)),
        total,
        MappingProxyType(traces),
        MappingProxyType(dict(outcomes)),
        frozenset(endings),
        len(search.schedule(len(search.worlds) - 1)),
        time.perf_counter() - begun,
    )
