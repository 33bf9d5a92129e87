"""One execution, laid open: who did what, who read from whom, what depends on what."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from kit.rcu._explain.drawing import draw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kit.rcu._cat.relations import Space
    from kit.rcu._checker.enumeration import Candidate
    from kit.rcu._checker.structure import Structure
    from kit.rcu._litmus.syntax import Test, Value
    from kit.rcu.models import Model

__all__ = ["Event", "Execution", "execution_of"]

Edges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an execution.

    Attributes
    ----------
    number : int
        Its place in `Execution.events`.
    thread : int
        Its thread; -1 for an initial write.
    kind : str
        ``read``, ``write`` or ``fence``. An ``srcu_read_lock`` reads its domain, and its unlock
        writes to it.
    location : str
        What it accesses; ``""`` for most fences.
    value : int or str
        What it reads or writes.
    tags : tuple of str
        What the model knows it by, for example ``Once`` or ``Sync-rcu``.
    text : str
        The statement that it comes from.
    line : int
        That statement's line in the test; 0 for an initial write.
    """

    number: int
    thread: int
    kind: str
    location: str
    value: Value
    tags: tuple[str, ...]
    text: str
    line: int

    @property
    def what(self) -> str:
        """The event in a few words.

        Examples
        --------
        >>> Event(3, 1, "read", "x", 0, ("Once",), "r0 = READ_ONCE(*x)", 7).what
        "P1's read of x (0)"
        """
        if self.thread < 0:
            return f"the initial {self.location} ({self.value})"
        if self.kind == "fence" or self.tags in (("Srcu-lock",), ("Srcu-unlock",)):
            return f"P{self.thread}'s {self.text}"
        return f"P{self.thread}'s {self.kind} of {self.location} ({self.value})"


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a test.

    Attributes
    ----------
    test : str
        The test's name.
    model : str
        The model's name.
    events : tuple of Event
        Initial writes, then each thread in program order.
    relations : mapping
        Edges as pairs of event numbers, by name: po and co between neighbours, rf, fr, addr,
        data, ctrl, rmw.
    final : mapping
        Final values of what the test observes.
    cycle : tuple of (int, int, str)
        Edges that forbid the execution, with their names; empty when it is allowed.
    axiom : str
        What forbids it; ``""`` when it is allowed.

    Examples
    --------
    >>> from kit import rcu
    >>> one = rcu.judge("C a {} P0(int *x) { int r; r = READ_ONCE(*x); } exists (0:r=0)").witness()
    >>> one
    <execution of a: 2 events, 0:r=0>
    >>> one.relations["rf"]
    ((0, 1),)
    >>> one.svg().startswith("<svg")
    True
    """

    test: str
    model: str
    events: tuple[Event, ...]
    relations: Mapping[str, Edges]
    final: Mapping[str, Value]
    cycle: tuple[tuple[int, int, str], ...] = ()
    axiom: str = field(default="")

    def threads(self) -> dict[int, tuple[Event, ...]]:
        """Events by thread, in program order; -1 has the initial writes."""
        found: dict[int, list[Event]] = {}
        for event in self.events:
            found.setdefault(event.thread, []).append(event)
        return {thread: tuple(events) for thread, events in found.items()}

    @property
    def fences(self) -> tuple[Event, ...]:
        """The events that are fences."""
        return tuple(event for event in self.events if event.kind == "fence")

    def svg(self) -> str:
        """The execution as a drawing.

        Returns
        -------
        str
            A self-contained SVG element: a column a thread, time downwards, edges by colour, dash
            and name, what forbids it drawn bold. It follows the text colour around it.
        """
        return draw(self)

    def _repr_html_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        final = ", ".join(f"{name}={value}" for name, value in self.final.items())
        forbidden = f", forbidden by {self.axiom}" if self.axiom else ""
        return f"<execution of {self.test}: {len(self.events)} events, {final}{forbidden}>"

    def __str__(self) -> str:
        lines = [repr(self)[1:-1]]
        for thread, events in self.threads().items():
            lines.append("initially" if thread < 0 else f"P{thread}")
            for event in events:
                value = "" if event.kind == "fence" else f"   [{event.location} = {event.value}]"
                lines.append(f"  {event.number:2} {event.text}{value if thread >= 0 else ''}")
        for name in ("rf", "co", "fr", "addr", "data", "ctrl"):
            if self.relations[name]:
                pairs = ", ".join(f"{i}→{j}" for i, j in self.relations[name])
                lines.append(f"{name}: {pairs}")
        return "\n".join(lines)


def events_of(structure: Structure) -> tuple[Event, ...]:
    """The events of a combination of traces as records, by number.

    Examples
    --------
    >>> from kit.rcu import parse
    >>> test = parse("C a {} P0(int *x) { smp_mb(); } exists (x=0)")
    >>> from kit.rcu.limits import Deadline, Limits
    >>> from kit.rcu._checker.structure import Structure
    >>> from kit.rcu._checker.traces import traces
    >>> ((trace,),) = traces(test, Deadline(Limits(), "a"))
    >>> [event.text for event in events_of(Structure(test, [trace]))]
    ['smp_mb()']
    """
    source = structure.test.source
    kinds = {"R": "read", "W": "write", "F": "fence"}
    out: list[Event] = []
    for number, happening in enumerate(structure.events):
        location, value = structure.location[number], structure.value[number]
        if happening is None:
            out.append(Event(number, -1, "write", location, value, (), f"{location} = {value}", 0))
            continue
        text = " ".join(source[happening.at : happening.end].split()).rstrip("; ")
        out.append(
            Event(
                number,
                structure.thread[number],
                kinds[happening.kind],
                location,
                value,
                happening.tags,
                text,
                source.count("\n", 0, happening.at) + 1,
            )
        )
    return tuple(out)


def _neighbours(space: Space, relation: int) -> Edges:
    """The edges of an order that no other edges explain."""
    return tuple(space.edges(relation & ~space.compose(relation, relation)))


def execution_of(
    candidate: Candidate,
    model: Model,
    cycle: Iterable[tuple[int, int, str]] = (),
    axiom: str = "",
) -> Execution:
    """A candidate as a frozen record, with the edges and the axiom that forbid it, if any."""
    structure, choice = candidate.structure, candidate.choice
    space, base = structure.space, structure.base
    test: Test = structure.test
    relations = {
        "po": _neighbours(space, base["po"]),
        "rf": tuple(space.edges(choice.rf)),
        "co": _neighbours(space, choice.co),
        "fr": tuple(space.edges(choice.fr)),
        **{name: tuple(space.edges(base[name])) for name in ("addr", "data", "ctrl", "rmw")},
    }
    return Execution(
        test.name,
        model.name,
        events_of(structure),
        MappingProxyType(relations),
        MappingProxyType(dict(zip(test.observed, candidate.final, strict=True))),
        tuple(cycle),
        axiom,
    )
