"""One combination of traces as numbered events, with every relation that rf and co leave alone."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from kit.rcu.graph import SETS
from kit.rcu.relations import bits, space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.rcu.syntax import Test, Value
    from kit.rcu.thread import Happening
    from kit.rcu.traces import Trace

__all__ = ["Structure", "present_in"]


def present_in(ways: Sequence[Sequence[Trace]]) -> frozenset[str]:
    """The base sets and relations that are not empty in some execution of these traces.

    Parameters
    ----------
    ways : sequence of sequences of Trace
        The traces of each thread.

    Returns
    -------
    frozenset of str
        Names as in a model.

    Examples
    --------
    >>> sorted(present_in([]))
    ['Asked', 'IW', 'M', 'W', '_', 'co', 'different', 'ext', 'fr', 'id', 'int', 'loc', 'po', 'rf']
    """
    found = {
        "_",
        "W",
        "M",
        "IW",
        "Asked",
        "po",
        "loc",
        "int",
        "ext",
        "id",
        "rf",
        "co",
        "fr",
        "different",
    }
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

    Attributes
    ----------
    events : list of Happening or None
        By number; None for an initial write.
    thread : list of int
        By number; -1 for an initial write.
    location, value, kind : list
        By number.
    firsts : list of int
        The number of each thread's first event, and one past the last.
    """

    def __init__(self, test: Test, chosen: Sequence[Trace]) -> None:
        self.test = test
        self.chosen = chosen
        used = {event.location for trace in chosen for event in trace.events if event.kind != "F"}
        places = sorted(used)
        self.events: list[Happening | None] = [None] * len(places)
        self.location: list[str] = list(places)
        self.value: list[Value] = [test.initial.get(place, 0) for place in places]
        self.kind: list[str] = ["W"] * len(places)
        self.thread: list[int] = [-1] * len(places)
        self.firsts: list[int] = []
        for number, trace in enumerate(chosen):
            self.firsts.append(len(self.events))
            for event in trace.events:
                self.events.append(event)
                self.location.append(event.location)
                self.value.append(event.value)
                self.kind.append(event.kind)
                self.thread.append(number)
        self.firsts.append(len(self.events))
        self.initial = len(places)
        self.n = len(self.events)
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
        """Program order, and which events share thread, location and value."""
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
        values: dict[Value, int] = {}
        for number, location in enumerate(self.location):
            if location:
                groups[location] = groups.get(location, 0) | 1 << number
                value = self.value[number]
                values[value] = values.get(value, 0) | 1 << number
        same = 0
        for members in groups.values():
            loc |= self.space.product(members, members)
        for members in values.values():
            same |= self.space.product(members, members)
        return {
            "po": po,
            "int": inside,
            "ext": self.space.full & ~inside,
            "loc": loc,
            "id": self.space.identity,
            "different": self.space.full & ~same,
        }

    def _dependencies(self) -> dict[str, int]:
        n = self.n
        addr = data = ctrl = rmw = 0
        for number in range(self.initial, n):
            event = self.events[number]
            assert event is not None
            first = self.firsts[self.thread[number]]
            if event.address:
                for source in bits(event.address):
                    addr |= 1 << ((first + source) * n + number)
            if event.data:
                for source in bits(event.data):
                    data |= 1 << ((first + source) * n + number)
            if event.control:
                for source in bits(event.control):
                    ctrl |= 1 << ((first + source) * n + number)
            if event.partner >= 0:
                rmw |= 1 << ((first + event.partner) * n + number)
        return {"addr": addr, "data": data, "ctrl": ctrl, "rmw": rmw}
