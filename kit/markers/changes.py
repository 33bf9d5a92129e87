"""What an update changes, worked out before anything is published.

A change is applied to plans, one a marker; a plan that holds is published, one that raises is
dropped, and nothing has happened.
"""

from __future__ import annotations

from kit.errors import AlreadyConnectedError, FormatMismatchError, NotConnectedError
from kit.markers.tally import Tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from kit.markers.connection import Connection
    from kit.markers.format import Format
    from kit.markers.marker import Hooks, Marker
    from kit.markers.patterns import PatternConnection

__all__ = ["Add", "Plan", "Plans", "Remove", "SetHooks", "same_name", "switched_off"]


switched_off: Final = Tally()
"""How many connections dispatches have switched off."""


def _rank(connection: Connection) -> tuple[int, int]:
    """Return what connections are called in the order of."""
    return -connection.priority, connection._order


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
        "actions",
        "after",
        "before",
        "format",
        "hooks",
        "marker",
        "off",
        "replaced",
        "switched_off",
    )

    def __init__(self, marker: Marker) -> None:
        self.marker = marker
        # Before the array is looked at: whoever is switched off later is counted later.
        self.switched_off = switched_off.n
        array = marker._array
        self.before = () if array is None else array.connections
        self.after = () if array is None else array.live()
        self.off: tuple[Connection, ...] = marker._off
        self.format: Format | None = marker.format
        self.hooks = marker._hooks
        self.actions: list[tuple[str, str]] = []
        self.replaced: list[Connection] = []

    def insert(self, connection: Connection) -> None:
        """Put a connection in its place: higher priority first, then order of connection."""
        after = list(self.after)
        if not after or _rank(after[-1]) <= _rank(connection):
            after.append(connection)  # where most belong
        else:
            import bisect

            bisect.insort(after, connection, key=_rank)
        self.after = tuple(after)

    def take_out(self, connection: Connection) -> None:
        """Leave a connection out, where it is in."""
        after = list(self.after)
        try:
            after.remove(connection)
        except ValueError:
            return
        self.after = tuple(after)

    def holds(self, probe: object, private: object) -> bool:
        """Whether a closure is to be in the array."""
        return probe in [each.probe for each in self.after if each.private is private]

    def add(self, new: Connection) -> None:
        """Connect, or raise; a connection of the same name gives up its place."""
        asked, declared = new.asked, self.format
        if asked is not None and declared is not None and not asked.same_fields(declared):
            raise FormatMismatchError(
                f"marker {self.marker.name!r} is declared ({declared}), "
                f"but {new.label} asks for ({asked})"
            )
        replaced: list[Connection] = []
        name = new.name
        if name is not None:
            # The names first, in place: this looks at all that is connected.
            replaced = [
                each
                for each in (*self.after, *self.off)
                if each.name == name and same_name(each, new)
            ]
        action = "replace" if any(each in self.after for each in replaced) else "connect"
        if replaced:
            new._order = min(each._order for each in replaced)
            self.after = tuple(each for each in self.after if each not in replaced)
            self.off = tuple(each for each in self.off if each not in replaced)
            self.replaced.extend(replaced)
        if self.holds(new.probe, new.private):
            raise AlreadyConnectedError(
                f"{new.label} is connected to {self.marker.name!r} already with the same private "
                "data; disconnect it first, pass other private data, or give a name= to replace"
            )
        self.insert(new)
        self.actions.append((action, new.label))

    @property
    def publishes(self) -> bool:
        """Whether there is an array to publish: other connections, or the same for other fields."""
        return self.before != self.after or (
            bool(self.after) and self.format is not self.marker.format
        )

    @property
    def action(self) -> str:
        """One word for the publication."""
        kinds = {kind for kind, _ in self.actions}
        return kinds.pop() if len(kinds) == 1 else "batch"

    @property
    def label(self) -> str:
        """Which probe it was about; empty when several."""
        labels = {label for _, label in self.actions}
        return labels.pop() if len(labels) == 1 else ""


class Plans(dict["Marker", Plan]):
    """The plans of one update, a plan a marker, and what is to be done after publishing."""

    def __init__(self) -> None:
        super().__init__()
        self.removed: set[Connection] = set()
        self.patterns: dict[PatternConnection, tuple[Connection, ...]] | None = None
        self.commits: list[Callable[[], None]] = []

    def of(self, marker: Marker) -> Plan:
        """Return the plan for a marker, a new one where there is none yet."""
        if marker not in self:
            self[marker] = Plan(marker)
        return self[marker]


class Add:
    """Connect; a connection of the same name gives up its place."""

    __slots__ = ("connection",)

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def apply(self, plans: Plans) -> None:
        """Change the plans, or raise."""
        plans.of(self.connection.marker).add(self.connection)


def same_name(one: Connection | PatternConnection, other: Connection | PatternConnection) -> bool:
    """Whether one takes the place of the other."""
    if one.name is None or one.name != other.name:
        return False
    # A name that nobody chose holds together with the private data.
    if one.name_is_default and other.name_is_default:
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
        here = old in plan.after or old in plan.off or old.is_off
        if not here or old in plans.removed:
            if self.lenient:
                return
            raise NotConnectedError(
                f"{old.label} is not connected to {old.marker.name!r} ({old.state})"
            )
        plans.removed.add(old)
        plan.take_out(old)
        plan.off = tuple(each for each in plan.off if each is not old)
        if old in plan.before:  # in the array, or, switched off by a dispatch, a stub there
            plan.actions.append((self.action, old.label))
        if self.action == "disconnect":
            plans.commits.append(old.note_disconnected)
