"""What a panel has connected and disconnected, and how to take it back."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kit.core import NO_PRIVATE, Connection, batch
from kit.core._callables import same_probe
from kit.errors import KitError, NotConnectedError
from kit.probes._trigger import Trigger
from kit.probes.aggregates import Aggregate
from kit.widgets._panel.options import ProbeOptions
from kit.widgets._panel.probe_choices import TOOLS, switch_off, switch_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kit.core import Marker
    from kit.widgets._panel.probe_choices import ProbeChoice

__all__ = ["Connections", "Pair", "same"]

Pair = tuple[str, str]
"""A marker's name and a choice's key."""

_REMEMBERED: Final = 100
_ADMITTED: Final = ("every", "limit", "per_second", "budget")


@dataclass(frozen=True, slots=True)
class Closure:
    """What it takes to connect the same again."""

    marker: Marker
    probe: Any
    private: object
    name: str | None
    priority: int
    error_limit: int | None
    options: Mapping[str, Any]
    tool: bool

    @classmethod
    def of(cls, connection: Connection, *, tool: bool = False) -> Closure:
        """Note how a connection was made; a tool's of this panel begins and ends by itself."""
        return cls(
            connection.marker,
            connection.probe,
            connection.private,
            None if connection._name_is_default else connection.name,
            connection.priority,
            connection.error_limit,
            _options(connection),
            tool,
        )

    def connect(self) -> Connection:
        """Connect it."""
        if self.tool:
            return switch_on(self.probe)
        return self.marker.connect(
            self.probe,
            self.private,
            name=self.name,
            priority=self.priority,
            error_limit=self.error_limit,
            **self.options,
        )


def _options(connection: Connection) -> dict[str, Any]:
    """Return which events were let through to a connection."""
    asked = getattr(connection._filter, "asked", None)
    if asked is None:
        return {}
    return {name: getattr(asked, name) for name in ("when", *_ADMITTED)}


@dataclass(slots=True)
class Step:
    """One action of the reader: what it connected and what it disconnected."""

    text: str
    connected: dict[Pair, Closure] = field(default_factory=dict)
    disconnected: dict[Pair, Closure] = field(default_factory=dict)
    asked: dict[Pair, ProbeOptions] = field(default_factory=dict)
    """What was asked before it."""


class Connections:
    """The connections that a panel made, and those it found.

    A connection that somebody else made has a key of its own, and can be switched off and on again
    like any other; `close` leaves it as it is, for it was the reader who switched it.

    Examples
    --------
    >>> import kit
    >>> from kit.widgets._panel.probe_choices import READY
    >>> fill = kit.marker("connections.fill", qty=int)
    >>> connections = Connections()
    >>> connections.connect([(fill, READY[0])], "connect count")
    []
    >>> fill.fanout
    1
    >>> connections.undo()
    'connect count'
    >>> fill.fanout
    0
    """

    def __init__(self) -> None:
        self.mine: dict[Pair, Connection] = {}
        self.asked: dict[Pair, ProbeOptions] = {}
        self.parted: dict[Pair, Closure] = {}
        self._steps: list[Step] = []
        self._numbers: weakref.WeakKeyDictionary[Connection, str] = weakref.WeakKeyDictionary()
        self._next = 0

    def connection(self, pair: Pair) -> Connection | None:
        """Return the panel's connection of a choice to a marker, also one that was switched off."""
        return self.mine.get(pair)

    def kept_back(self, key: str) -> int:
        """Return how many events the panel's connections of a choice have kept back."""
        mine = [each for (_, of), each in self.mine.items() if of == key and each._filter]
        return sum(sum(each.filtered_by.values()) for each in mine)

    def asked_of(self, pair: Pair) -> ProbeOptions:
        """Return what was asked of a choice on a marker."""
        return self.asked.get(pair) or ProbeOptions()

    def others(self, marker: Marker) -> Iterator[tuple[str, Connection]]:
        """Yield the connections of a marker that this panel did not make, with their keys."""
        mine = {id(connection) for connection in self.mine.values()}
        for connection in marker.probes:
            if id(connection) not in mine:
                if connection not in self._numbers:
                    self._next += 1
                    self._numbers[connection] = f"other:{self._next}"
                yield self._numbers[connection], connection

    def connect(self, wanted: Iterable[tuple[Marker, ProbeChoice]], text: str) -> list[str]:
        """Connect choices to markers, in one publication a marker.

        Parameters
        ----------
        wanted : iterable of (Marker, ProbeChoice)
            What is connected already stays so.
        text : str
            What to call this when it is undone.

        Returns
        -------
        list of str
            Why some of them could not be connected.
        """
        step, problems = Step(text), []
        with batch():
            for marker, choice in wanted:
                pair = (marker.name, choice.key)
                if pair in self.mine and self.mine[pair].connected:
                    continue
                problem = choice.misfit(marker) or self._taken(marker, choice)
                if problem:
                    problems.append(f"{choice.label} {problem}")
                    continue
                try:
                    asked = self.asked_of(pair)
                    connection = _connected(marker, choice, choice.probe(marker, asked), asked)
                except (KitError, TypeError) as error:
                    problems.append(str(error))
                    continue
                self.mine[pair] = connection
                step.connected[pair] = Closure.of(connection, tool=choice.tool is not None)
        self._remember(step)
        return problems

    def ask(self, marker: Marker, choice: ProbeChoice, asked: ProbeOptions, text: str) -> list[str]:
        """Ask something else of a probe; a connected one is replaced in one publication.

        Parameters
        ----------
        marker : Marker
        choice : ProbeChoice
        asked : ProbeOptions
        text : str
            What to call this when it is undone.

        Returns
        -------
        list of str
            Why it could not be connected so; it is left as it was then.
        """
        pair = (marker.name, choice.key)
        before = self.asked_of(pair)
        step = Step(text, asked={pair: before})
        old = self.mine.get(pair)
        if old is not None and old.connected:
            tool = choice.tool is not None
            closure = Closure.of(old, tool=tool)
            try:
                probe = choice.probe(marker, asked)
                with batch():
                    _disconnect(old, tool=tool)
                    new = _connected(marker, choice, probe, asked)
            except (KitError, TypeError) as error:
                return [str(error)]
            self.mine[pair] = new
            step.disconnected[pair] = closure
            step.connected[pair] = Closure.of(new, tool=tool)
        self.asked[pair] = asked
        self._remember(step)
        return []

    def _taken(self, marker: Marker, choice: ProbeChoice) -> str:
        """Tell whether the program has connected this function itself.

        Connecting it again would replace the program's connection, and `close` would then take
        away what the panel found.
        """
        taken = any(same(c, choice) for _, c in self.others(marker))
        return f"is connected to {marker.name} by the program itself" if taken else ""

    def replace(self, pair: Pair, choice: ProbeChoice) -> None:
        """Connect a function that was defined anew in place of the old one."""
        old = self.mine[pair]
        try:
            # The same name: in one publication, and in the same place.
            options = self.asked_of(pair).options()
            new = old.marker.connect(choice.make(), name=old.name, priority=old.priority, **options)
            if old.connected:
                old.disconnect()
        except KitError:
            return
        self.mine[pair] = new

    def disconnect(self, pairs: Iterable[Pair], markers: dict[str, Marker], text: str) -> None:
        """Disconnect, in one publication a marker.

        Parameters
        ----------
        pairs : iterable of Pair
            What is not connected stays so.
        markers : dict of str to Marker
            The markers by name, to find connections that this panel did not make.
        text : str
            What to call this when it is undone.
        """
        step = Step(text)
        with batch():
            for pair in pairs:
                connection = self.mine.get(pair) or self._other(pair, markers)
                if connection is None:
                    continue
                tool = pair in self.mine and pair[1] in TOOLS
                closure = Closure.of(connection, tool=tool)
                if not _disconnect(connection, tool=tool):
                    continue
                if self.mine.pop(pair, None) is None:
                    self.parted[pair] = closure
                step.disconnected[pair] = closure
        self._remember(step)

    def reconnect(self, pair: Pair, text: str) -> list[str]:
        """Connect again what somebody else had connected and the reader switched off."""
        closure = self.parted.pop(pair, None)
        if closure is None:
            return []
        step = Step(text)
        try:
            self._restore(pair, closure)
        except (KitError, TypeError) as error:
            return [str(error)]
        step.connected[pair] = closure
        self._remember(step)
        return []

    def _restore(self, pair: Pair, closure: Closure) -> None:
        connection = closure.connect()
        if pair[1].startswith("other:"):
            self._numbers[connection] = pair[1]
            self.parted.pop(pair, None)
        else:
            self.mine[pair] = connection

    def _other(self, pair: Pair, markers: dict[str, Marker]) -> Connection | None:
        marker = markers.get(pair[0])
        if marker is None:
            return None
        return next((c for key, c in self.others(marker) if key == pair[1]), None)

    def _remember(self, step: Step) -> None:
        if step.connected or step.disconnected or step.asked:
            self._steps.append(step)
            del self._steps[:-_REMEMBERED]

    @property
    def undoable(self) -> str:
        """str : what `undo` would take back; empty if there is nothing."""
        return self._steps[-1].text if self._steps else ""

    def undo(self, markers: dict[str, Marker] | None = None) -> str:
        """Take the last action back.

        Returns
        -------
        str
            What it was; empty if there was nothing to take back.
        """
        if not self._steps:
            return ""
        step = self._steps.pop()
        known = {
            c.marker.name: c.marker for c in (*step.connected.values(), *step.disconnected.values())
        }
        self.asked |= step.asked
        with batch():
            for pair, closure in step.connected.items():
                connection = self.mine.pop(pair, None) or self._other(pair, markers or known)
                if (
                    connection is not None
                    and _disconnect(connection, tool=closure.tool)
                    and pair[1].startswith("other:")
                ):
                    self.parted[pair] = closure
            for pair, closure in step.disconnected.items():
                try:
                    self._restore(pair, closure)
                except KitError:
                    pass  # it was connected again by other means
        return step.text

    def forget_steps(self) -> None:
        """Take nothing back that was done so far."""
        self._steps.clear()

    def close(self) -> None:
        """Disconnect everything that this panel connected, in one publication a marker."""
        with batch():
            for (_, key), connection in self.mine.items():
                _disconnect(connection, tool=key in TOOLS)
        self.mine.clear()
        self.parted.clear()
        self._steps.clear()


def _connected(marker: Marker, choice: ProbeChoice, probe: Any, asked: ProbeOptions) -> Connection:
    if choice.tool is not None:
        return switch_on(probe)
    # A recorder has no limit to errors: it makes none that are the probe's fault.
    limit = None if choice.key in {"record", "observe"} else 100
    return marker.connect(probe, error_limit=limit, **asked.options())


def _disconnect(connection: Connection, *, tool: bool = False) -> bool:
    probe = connection.probe
    if tool and isinstance(probe, Aggregate | Trigger) and connection.connected:
        switch_off(probe)
        return True
    try:
        connection.disconnect()
    except NotConnectedError:
        return False  # by name, by an error limit, or by another panel
    return True


def same(connection: Connection | Closure, choice: ProbeChoice) -> bool:
    """Tell whether a connection is one of a user's function, as a panel would make it."""
    if choice.function is None or connection.private is not NO_PRIVATE:
        return False
    return same_probe(connection.probe, choice.function)
