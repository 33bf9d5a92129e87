"""What an update changes, worked out before anything is published.

A change is applied to plans, one a marker; a plan that holds is published, one that raises is
dropped, and nothing has happened.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import partial
from operator import attrgetter
from types import FunctionType, MethodType

from kit.core._callables import compares, identity, same_probe
from kit.core._connection import NO_PRIVATE
from kit.core._dispatch.tally import Tally
from kit.core._marker import Marker
from kit.core._patterns import PlannedPatterns
from kit.core._span import Span
from kit.errors import AlreadyConnectedError, FormatMismatchError, NotConnectedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import Final, TypeAlias

    from kit.core._callables import AnyProbe
    from kit.core._connection import Connection
    from kit.core._dispatch.array import ProbeArray
    from kit.core._format import Format
    from kit.core._marker import Hooks
    from kit.core._patterns import PatternConnection
    from kit.core._registry import Registry

    Step: TypeAlias = tuple[Connection, int]


__all__ = [
    "Add",
    "AddPattern",
    "Compared",
    "Declare",
    "NotComparedError",
    "Plan",
    "Plans",
    "Remove",
    "RemovePattern",
    "SetHooks",
    "planned",
    "same_name",
    "switched_off",
]

switched_off: Final = Tally()
"""How many connections dispatches have switched off."""


_compares: Final = attrgetter("_compares")


class NotComparedError(Exception):
    """Whether probes are the same only an ``__eq__`` of their own can say: not under a lock."""

    def __init__(self, compared: Compared, probes: list[AnyProbe], probe: object) -> None:
        self._compared = compared
        self._probes = probes
        self._probe = probe

    def compare(self) -> None:
        """Ask them; no lock is held."""
        self._compared.ask(self._probes, self._probe)


_NOTHING: Final[dict[tuple[int, int], tuple[object, object, bool]]] = {}


class Compared:
    """What foreign ``__eq__`` have said, for one update."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        # Held, so that no other object has their identities meanwhile. Never changed in place:
        # most updates ask nobody, and need no dictionary of their own.
        self._said = _NOTHING

    def ask(self, probes: list[AnyProbe], probe: object) -> None:
        """Compare a probe with others, up to the first that is the same."""
        for each in probes:
            same = same_probe(each, probe)
            self._said = {**self._said, (id(each), id(probe)): (each, probe, same)}
            if same:
                return

    def same(self, one: AnyProbe, other: object) -> bool:
        """Tell whether two are the same probe, or raise `NotComparedError`."""
        if compares(one) or compares(other):
            return self.holds([one], other)
        return same_probe(one, other)

    def holds(self, probes: list[AnyProbe], probe: object) -> bool:
        """Tell whether a probe is among others, or raise `NotComparedError`."""
        if any(each is probe for each in probes):
            return True
        asked = [self._said.get((id(each), id(probe))) for each in probes]
        if any(said is not None and said[2] for said in asked):
            return True
        unsaid = [each for each, said in zip(probes, asked, strict=True) if said is None]
        if unsaid:
            raise NotComparedError(self, unsaid, probe)
        return False


def _rank(connection: Connection) -> tuple[int, int]:
    """Return what connections are called in the order of."""
    return -connection.priority, connection._order


class _Connected:
    """What is connected to one marker, to be looked up by closure and by name."""

    __slots__ = ("after", "asking", "closures", "names")

    def __init__(self, after: tuple[Connection, ...]) -> None:
        self.after: tuple[Connection, ...] = ()
        self.asking = 0  # how many have probes that are compared by an `__eq__` of their own
        self.closures: set[tuple[object, int]] = set()
        self.names: dict[str, list[Connection]] = {}
        for each in after:
            self.add(each)
        self.after = after

    def add(self, connection: Connection) -> None:
        """Take one more in."""
        self.asking += connection._compares
        self.closures.add(_closure(connection.probe, connection.private))
        if connection.name is not None:
            self.names.setdefault(connection.name, []).append(connection)

    def discard(self, connection: Connection) -> None:
        """Leave one out."""
        self.asking -= connection._compares
        self.closures.discard(_closure(connection.probe, connection.private))
        if connection.name is not None:
            self.names[connection.name].remove(connection)


def _closure(probe: object, private: object) -> tuple[object, int]:
    return identity(probe), id(private)


class Plan:
    """What one marker's array is to become; made, it changes nothing.

    Attributes
    ----------
    before : tuple of Connection
        What is in the array, those included whose place a stub has taken: they go with the plan.
    after : tuple of Connection
        What is to be in the array.
    off : tuple of Connection
        What is to be left off, because it asked for another format.
    """

    __slots__ = (
        "_connected",
        "_step",
        "_stepped",
        "_was",
        "actions",
        "after",
        "array",
        "before",
        "compared",
        "format",
        "hooks",
        "marker",
        "off",
        "replaced",
        "switched_off",
    )

    def __init__(self, marker: Marker, compared: Compared | None = None) -> None:
        self.marker = marker
        self.compared = Compared() if compared is None else compared
        # Before the array is looked at: whoever is switched off later is counted later.
        self.switched_off = switched_off.n
        array: ProbeArray | None = marker._array
        self.array = array
        self.before: tuple[Connection, ...] = ()
        self.after: tuple[Connection, ...] = ()
        if array is not None:
            self.before = array.connections
            self.after = array.connections if array.intact else array.live()
        self._step: Step | None = None
        self._stepped: tuple[Connection, ...] | None = None
        self._connected: _Connected | None = None
        self._was: frozenset[Connection] | None = None
        self.off: tuple[Connection, ...] = marker._off
        self.format: Format | None = marker.format
        self.hooks = marker._hooks
        self.actions: list[tuple[str, Connection | None]] = []
        self.replaced: list[Connection] = []

    def insert(self, connection: Connection) -> None:
        """Put a connection in its place: higher priority first, then order of connection."""
        after = self.after
        place = len(after)
        if after and _rank(after[-1]) > _rank(connection):  # else at the end, where most belong
            place = bisect_right(after, _rank(connection), key=_rank)
        self._take_step(connection, place, (*after[:place], connection, *after[place:]))

    def take_out(self, connection: Connection) -> bool:
        """Leave a connection out, where it is in; return whether it was."""
        after = self.after
        place = bisect_left(after, _rank(connection), key=_rank)
        if place == len(after) or after[place] is not connection:
            if connection not in after:
                return False
            place = after.index(connection)  # out of order: its priority was set since
        self._take_step(connection, place, after[:place] + after[place + 1 :])
        return True

    def _take_step(self, connection: Connection, place: int, after: tuple[Connection, ...]) -> None:
        self._step = (connection, place) if self.after is self.before else None
        connected = self._connected
        if connected is not None and connected.after is self.after:
            if len(after) > len(self.after):
                connected.add(connection)
            else:
                connected.discard(connection)
            connected.after = after
        self.after = self._stepped = after

    def _looked_up(self) -> _Connected | None:
        """Return what is connected by closure and name, or None where one look costs less."""
        if not self.actions:
            return None
        if self._connected is None or self._connected.after is not self.after:
            self._connected = _Connected(self.after)
        return self._connected

    def was_there(self, connection: Connection) -> bool:
        """Tell whether a connection is in the array that there is."""
        if self._was is None:
            self._was = frozenset(self.before)
        return connection in self._was

    @property
    def step(self) -> Step | None:
        """The one connection that comes or goes, and where; None where it is not just one.

        Most updates are one step, and cost the same however much is connected.
        """
        return self._step if self.after is self._stepped else None

    def difference(self) -> tuple[Collection[Connection], Collection[Connection]]:
        """Return what leaves the array, and what is new in it."""
        step = self.step
        if step is not None:
            one = step[:1]
            return (one, ()) if len(self.after) < len(self.before) else ((), one)
        before, after = set(self.before), set(self.after)
        return before - after, after - before

    def holds(self, probe: object, private: object) -> bool:
        """Tell whether a closure is to be in the array."""
        array = self.array
        asks = compares(probe)
        known = self.after is self.before and array is not None and not array.compares
        quick = known and not asks and private is NO_PRIVATE
        if quick and array is not None and array.bare and type(probe) in (FunctionType, MethodType):
            # What is called without private data is the probe; with it, it is equal to no function.
            return probe in array.originals
        connected = self._looked_up()
        if connected is not None and not asks and not connected.asking:
            return _closure(probe, private) in connected.closures
        probes = [each.probe for each in self.after if each.private is private]
        if asks or (not known and any(map(_compares, self.after))):
            return self.compared.holds(probes, probe)
        return probe in probes

    def add(self, new: Connection) -> None:
        """Connect, or raise; a connection of the same name gives up its place."""
        asked, declared = new._asked, self.format
        if asked is not None and declared is not None and not asked.same_fields(declared):
            raise FormatMismatchError(
                f"marker {self.marker.name!r} is declared ({declared}), "
                f"but {new.label} asks for ({asked})"
            )
        action = "connect"
        if new.name is not None and self._make_way(new):
            action = "replace"
        if self.holds(new.probe, new.private):
            raise AlreadyConnectedError(
                f"{new.label} is connected to {self.marker.name!r} already with the same private "
                "data; disconnect it first, pass other private data, or give a name= to replace"
            )
        self.insert(new)
        self.actions.append((action, new))

    def _make_way(self, new: Connection) -> bool:
        """Leave out what a connection replaces; return whether dispatches called any of it."""
        name = new.name
        connected = self._looked_up()
        there: Iterable[Connection] = self.after
        if connected is not None and name is not None:
            there = connected.names.get(name, ())
        # The names first, in place: this may look at all that is connected.
        replaced = [each for each in (*there, *self.off) if each.name == name]
        replaced = [each for each in replaced if same_name(each, new)]
        if not replaced:
            return False
        called = [self.take_out(each) for each in replaced]
        new._order = min(each._order for each in replaced)
        self.off = tuple(each for each in self.off if each not in replaced)
        self.replaced.extend(replaced)
        return any(called)

    @property
    def publishes(self) -> bool:
        """Whether there is an array to publish: other connections, or the same for other fields."""
        # By length first: most updates add one or take one away.
        return (
            len(self.before) != len(self.after)
            or self.before != self.after
            or (bool(self.after) and self.format is not self.marker.format)
        )

    @property
    def action(self) -> str:
        """One word for the publication."""
        kinds = {kind for kind, _ in self.actions}
        return kinds.pop() if len(kinds) == 1 else "batch"

    @property
    def label(self) -> str:
        """Which probe it was about; empty when several."""
        labels = {"" if about is None else about.label for _, about in self.actions}
        return labels.pop() if len(labels) == 1 else ""


class Plans(dict["Marker", Plan]):
    """The plans of one update, a plan a marker, and what is to be done after publishing."""

    def __init__(self, compared: Compared | None = None) -> None:
        self.compared = Compared() if compared is None else compared
        self.removed: set[Connection] = set()
        self.patterns: PlannedPatterns | None = None
        self.commits: list[Callable[[], None]] = []

    def of(self, marker: Marker) -> Plan:
        """Return the plan for a marker, a new one where there is none yet."""
        plan = self.get(marker)
        if plan is None:
            plan = self[marker] = Plan(marker, self.compared)
        return plan


class Add:
    """Connect; a connection of the same name gives up its place."""

    __slots__ = ("connection",)

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def apply(self, plans: Plans) -> None:
        """Change the plans, or raise."""
        plans.of(self.connection.marker).add(self.connection)


def same_name(one: Connection | PatternConnection, other: Connection | PatternConnection) -> bool:
    """Tell whether one takes the place of the other."""
    if one.name is None or one.name != other.name:
        return False
    # A name that nobody chose holds together with the private data.
    if one._name_is_default and other._name_is_default:
        return one.private is other.private
    return True


class SetHooks:
    """Give a marker other hooks."""

    __slots__ = ("hooks", "marker")

    def __init__(self, marker: Marker, hooks: Hooks) -> None:
        self.marker = marker
        self.hooks = hooks

    def apply(self, plans: Plans) -> None:
        """Change the plans."""
        plans.of(self.marker).hooks = self.hooks


class Remove:
    """Disconnect; ``lenient`` where somebody else may have done it meanwhile."""

    __slots__ = ("action", "connection", "lenient")

    def __init__(
        self, connection: Connection, action: str = "disconnect", *, lenient: bool = False
    ) -> None:
        self.connection = connection
        self.action = action
        self.lenient = lenient

    def apply(self, plans: Plans) -> None:
        """Change the plans, or raise."""
        old = self.connection
        plan = plans.of(old.marker)
        taken = old not in plans.removed and plan.take_out(old)
        if not taken and (old in plans.removed or not (old in plan.off or old._is_off)):
            if self.lenient:
                return
            raise NotConnectedError(
                f"{old.label} is not connected to {old.marker.name!r} ({old.state})"
            )
        plans.removed.add(old)
        if plan.off:
            plan.off = tuple(each for each in plan.off if each is not old)
        # In the array, or, switched off by a dispatch, a stub there.
        if (taken and plan.step is not None) or plan.was_there(old):
            plan.actions.append((self.action, old))
        if self.action == "disconnect":
            plans.commits.append(old._note_disconnected)


def planned(registry: Registry, plans: Plans) -> PlannedPatterns:
    """Return the patterns as the update leaves them; to be changed."""
    if plans.patterns is None:
        plans.patterns = PlannedPatterns(registry)
        plans.commits.append(plans.patterns.commit)
    return plans.patterns


class AddPattern:
    """Connect by pattern: to the markers that match when the change is made, and to later ones."""

    __slots__ = ("handle", "registry")

    def __init__(self, registry: Registry, handle: PatternConnection) -> None:
        self.registry = registry
        self.handle = handle

    def apply(self, plans: Plans) -> None:
        """Change the plans, or raise."""
        registry, handle = self.registry, self.handle
        patterns = planned(registry, plans)
        for each in patterns.of(handle.pattern):
            if same_name(each, handle):
                patterns.set(each, None)  # a cell was run again: its connections are replaced below
            elif each.private is handle.private and plans.compared.same(each.probe, handle.probe):
                raise AlreadyConnectedError(
                    f"{handle.label} is connected to {handle.pattern!r} already with the same "
                    "private data; disconnect it first, or pass other private data"
                )
        connections = [
            registry.connection(marker, handle.options, handle.order)
            for marker in registry.matching(handle.pattern)
        ]
        for connection in connections:
            Add(connection).apply(plans)
        patterns.set(handle, tuple(connections))


class RemovePattern:
    """Disconnect by pattern."""

    __slots__ = ("handle", "registry")

    def __init__(self, registry: Registry, handle: PatternConnection) -> None:
        self.registry = registry
        self.handle = handle

    def apply(self, plans: Plans) -> None:
        """Change the plans, or raise."""
        patterns = planned(self.registry, plans)
        connections = patterns.get(self.handle)
        if connections is None:
            raise NotConnectedError(
                f"{self.handle.label} is not connected to {self.handle.pattern!r} any more"
            )
        patterns.set(self.handle, None)
        for connection in connections:
            Remove(connection, lenient=True).apply(plans)


class Declare:
    """Declare a marker, check what waits for it, and connect the patterns that match."""

    __slots__ = ("format", "kind", "left_off", "line", "module", "name", "registry", "yields")

    def __init__(
        self,
        registry: Registry,
        kind: type[Marker],
        name: str,
        format: Format,
        module: str,
        line: int,
        *,
        yields: bool = False,
    ) -> None:
        self.registry = registry
        self.kind = kind
        self.name = name
        self.format = format
        self.module = module
        self.line = line
        # Where somebody has declared the name with other fields, those stay.
        self.yields = yields
        # Connections that asked for another format, once it is applied.
        self.left_off: tuple[Connection, ...] = ()

    def apply(self, plans: Plans) -> None:
        """Change the plans, or raise."""
        marker = self.registry.markers.get(self.name)
        new = marker is None
        if marker is None:
            marker = self.kind(self.name, None, self.module, self.line)
        plan = plans.of(marker)
        first = plan.format is None
        if plan.format == self.format or (self.yields and not first):
            return
        if not first:
            self._refuse_change(marker, plan.format, plan.after)
        plan.format = self.format
        connected, candidates = plan.after, (*plan.after, *plan.off)
        plan.after = plan.off = ()
        for each in candidates:
            # What was off stays off where its closure was connected once more meanwhile.
            if self._fits(each) and not plan.holds(each.probe, each.private):
                plan.insert(each)
            else:
                plan.off = (*plan.off, each)
        self.left_off = tuple(each for each in plan.off if each in connected)
        if first:
            patterns = planned(self.registry, plans)
            for handle in patterns.matching(self.name):
                there = patterns.get(handle)
                assert there is not None
                patterns.set(handle, (*there, *self._follow(handle, plan)))
        plan.actions.append(("declare", None))
        plans.commits.append(partial(self._commit, marker, new))

    def _fits(self, connection: Connection) -> bool:
        return connection._asked is None or connection._asked.same_fields(self.format)

    def _follow(self, handle: PatternConnection, plan: Plan) -> tuple[Connection, ...]:
        """Connect an earlier pattern's closure to this new marker; return what it has there."""
        connection = self.registry.connection(plan.marker, handle.options, handle.order)
        if not self._fits(connection):
            plan.off = (*plan.off, connection)
            self.left_off = (*self.left_off, connection)
        elif plan.holds(handle.probe, handle.private):
            return ()  # connected by name before: called once
        else:
            plan.add(connection)
        return (connection,)

    def _refuse_change(
        self, marker: Marker, known: Format | None, connected: tuple[Connection, ...]
    ) -> None:
        asked = any(connection._asked is not None for connection in connected)
        if not connected or (self.module == "__main__" and not asked):
            return  # an edited cell run again, or nobody to mind: the new one is adopted
        kinds = ("marker", "span")
        raise FormatMismatchError(
            f"{kinds[known is not None and known.is_span]} {self.name!r} is declared ({known}) in "
            f"{marker.module}:{marker.line}, and here as {kinds[self.format.is_span]} "
            f"({self.format}), while {len(connected)} probe(s) are connected; "
            "use the same fields, another name, or disconnect them first"
        )

    def _commit(self, marker: Marker, new: bool) -> None:
        if not isinstance(marker, self.kind) or (self.kind is Marker and isinstance(marker, Span)):
            marker.__class__ = self.kind  # it was waited for, or adopted, as the other kind
        marker.format = self.format
        marker.module, marker.line = self.module, self.line
        if new:
            self.registry.markers[self.name] = marker
        for connection in marker._off:
            connection._state = (
                "off: its closure is connected once more"
                if self._fits(connection)
                else f"off: asked for ({connection._asked})"
            )
