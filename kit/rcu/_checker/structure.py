"""One combination of traces as numbered events, with every relation that rf and co leave alone."""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Final

from kit.rcu._cat.graph import SETS
from kit.rcu._cat.relations import bits, space
from kit.rcu._checker.thread import Access

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.rcu._cat.relations import Space
    from kit.rcu._checker.candidates import Kept
    from kit.rcu._checker.traces import Trace
    from kit.rcu._litmus.syntax import Test, Value

__all__ = ["Structure", "present_in", "shape"]

SHAPE: Final = tuple(
    field.name for field in fields(Access) if field.name not in ("value", "at", "end")
)
"""The parts of an event that decide its place in every base relation but `different`."""


def shape(trace: Trace) -> tuple[object, ...]:
    """The parts of a trace that decide sets and relations: all but values and source.

    It is equal for traces that look alike to a model.

    Examples
    --------
    >>> from kit.rcu._checker.traces import Trace
    >>> one = Access("R", "x", 1, ("Once",), 0, 0, 0, -1, 3, 9)
    >>> two = Access("R", "x", 2, ("Once",), 0, 0, 0, -1, 3, 9)
    >>> nothing = frozenset()
    >>> shape(Trace([one], {}, nothing, nothing)) == shape(Trace([two], {}, nothing, nothing))
    True
    """
    return tuple(tuple(getattr(event, name) for name in SHAPE) for event in trace.events)


def present_in(ways: Sequence[Sequence[Trace]]) -> frozenset[str]:
    """The base sets and relations that are not empty in some execution of these traces, by name.

    Examples
    --------
    >>> sorted(present_in([]))
    ['Asked', 'IW', 'M', 'W', '_', 'co', 'different', 'ext', 'fr', 'id', 'int', 'loc', 'po', 'rf']
    """
    found = {
        "_", "W", "M", "IW", "Asked",
        "po", "loc", "int", "ext", "id", "rf", "co", "fr", "different",
    }  # fmt: skip
    for choice in ways:
        for trace in choice:
            for event in trace.events:
                found.add(event.kind)
                found.update(event.tags)
                if event.partner >= 0:
                    found.update(("rmw", "RMW"))
                if event.address:
                    found.add("addr")
                if event.data:
                    found.add("data")
                if event.control:
                    found.add("ctrl")
    return frozenset(found)


class Structure:
    """Events of one combination: initial writes first, then thread by thread.

    Parameters
    ----------
    test : Test
        The test.
    chosen : sequence of Trace
        One trace a thread.
    like : Structure, optional
        Another combination, of traces of the same `shape`: what depends on nothing else is shared.

    Attributes
    ----------
    events : list of Access or None
        By number; None for an initial write.
    thread : list of int
        By number; -1 for an initial write.
    location, value, kind : list
        By number.
    firsts : list of int
        The number of each thread's first event, and one past the last.
    kept : dict
        What `kit.rcu._checker.candidates` keeps for the combinations that are like this one.
    prepared : list of int or None
        What `kit.rcu._checker.judge` keeps for them.
    """

    location: list[str]
    kind: list[str]
    thread: list[int]
    firsts: list[int]
    initial: int
    n: int
    space: Space

    def __init__(self, test: Test, chosen: Sequence[Trace], like: Structure | None = None) -> None:
        self.test = test
        self.chosen = chosen
        self.like = like or self
        self.kept: dict[tuple[bool, bool], Kept] = {}
        self.prepared: list[int] | None = None
        if like is None:
            self._lay_out()
        else:
            self.location, self.kind, self.thread = like.location, like.kind, like.thread
            self.firsts, self.initial, self.n = like.firsts, like.initial, like.n
            self.space = like.space
        self.events: list[Access | None] = [None] * self.initial
        self.value: list[Value] = [test.initial.get(x, 0) for x in self.location[: self.initial]]
        for trace in chosen:
            self.events.extend(trace.events)
            self.value.extend([event.value for event in trace.events])

    def _lay_out(self) -> None:
        """Number the events."""
        used = {
            event.location for trace in self.chosen for event in trace.events if event.kind != "F"
        }
        self.location = sorted(used)
        self.initial = len(self.location)
        self.kind = ["W"] * self.initial
        self.thread = [-1] * self.initial
        self.firsts = []
        for number, trace in enumerate(self.chosen):
            self.firsts.append(len(self.location))
            for event in trace.events:
                self.location.append(event.location)
                self.kind.append(event.kind)
                self.thread.append(number)
        self.n = len(self.location)
        self.firsts.append(self.n)
        self.space = space(self.n)

    @cached_property
    def registers(self) -> dict[str, Value]:
        """Final values of registers, as ``"1:r0"``."""
        return {
            f"{number}:{name}": value
            for number, trace in enumerate(self.chosen)
            for name, value in trace.registers.items()
        }

    @cached_property
    def base(self) -> dict[str, int]:
        """Every base set and relation but rf, co and fr."""
        return {**self.like.shared, "different": self._different()}

    @cached_property
    def shared(self) -> dict[str, int]:
        """Those that all combinations of one shape have in common."""
        sets = dict.fromkeys(SETS, 0)
        sets["_"] = self.space.every
        sets["IW"] = (1 << self.initial) - 1
        for number, kind in enumerate(self.kind):
            bit = 1 << number
            sets[kind] |= bit
            event = self.events[number]
            if event is not None:
                for tag in event.tags:
                    sets[tag] |= bit
            if kind != "F" and self.location[number] in self.test.observed:
                sets["Asked"] |= bit
        sets["M"] = sets["R"] | sets["W"]
        relations = self._orders() | self._dependencies()
        sets["RMW"] |= self.space.domain(relations["rmw"]) | self.space.range(relations["rmw"])
        return sets | relations

    def _orders(self) -> dict[str, int]:
        """Program order, and which events share thread and location."""
        n = self.n
        po = inside = loc = 0
        for first, last in zip(self.firsts, self.firsts[1:], strict=False):
            after = members = ((1 << (last - first)) - 1) << first
            for number in range(first, last):
                after &= ~(1 << number)
                po |= after << (number * n)
                inside |= members << (number * n)
        inside |= self.space.diagonal((1 << self.initial) - 1)
        groups: dict[str, int] = {}
        for number, location in enumerate(self.location):
            if location:
                groups[location] = groups.get(location, 0) | 1 << number
        for members in groups.values():
            loc |= self.space.product(members, members)
        return {
            "po": po,
            "int": inside,
            "ext": self.space.full & ~inside,
            "loc": loc,
            "id": self.space.identity,
        }

    def _different(self) -> int:
        """Which events have different values."""
        values: dict[Value, int] = {}
        for number, location in enumerate(self.location):
            if location:
                value = self.value[number]
                values[value] = values.get(value, 0) | 1 << number
        same = 0
        for members in values.values():
            same |= self.space.product(members, members)
        return self.space.full & ~same

    def _dependencies(self) -> dict[str, int]:
        n = self.n
        edges = {"addr": 0, "data": 0, "ctrl": 0, "rmw": 0}
        for number in range(self.initial, n):
            event = self.events[number]
            assert event is not None
            first = self.firsts[self.thread[number]]
            for name, sources in (
                ("addr", event.address),
                ("data", event.data),
                ("ctrl", event.control),
            ):
                for source in bits(sources):
                    edges[name] |= 1 << ((first + source) * n + number)
            if event.partner >= 0:
                edges["rmw"] |= 1 << ((first + event.partner) * n + number)
        return edges
