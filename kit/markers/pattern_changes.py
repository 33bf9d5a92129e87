"""Updates of what is connected by pattern."""

from __future__ import annotations

from functools import partial

from kit.errors import AlreadyConnectedError, NotConnectedError
from kit.markers.changes import Add, Plans, Remove, same_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from kit.markers.connection import Connection
    from kit.markers.patterns import PatternConnection
    from kit.markers.registry import Registry

    Patterns: TypeAlias = dict[PatternConnection, tuple[Connection, ...]]

__all__ = ["AddPattern", "RemovePattern", "planned"]


def planned(registry: Registry, plans: Plans) -> Patterns:
    """Return the patterns as the update leaves them, each with its connections; to be changed."""
    if plans.patterns is None:
        plans.patterns = {handle: tuple(handle) for handle in registry.patterns}
        plans.commits.append(partial(_commit, registry, plans.patterns))
    return plans.patterns


def _commit(registry: Registry, patterns: Patterns) -> None:
    for handle in registry.patterns:
        handle.active = False
    for handle, connections in patterns.items():
        handle.active = True
        handle._connections = connections
    registry.patterns = tuple(patterns)


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
        for each in [each for each in patterns if each.pattern == handle.pattern]:
            if same_name(each, handle):
                del patterns[each]  # a cell was run again: its connections are replaced below
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
        patterns[handle] = tuple(connections)


class RemovePattern:
    """Disconnect by pattern."""

    __slots__ = ("handle", "registry")

    def __init__(self, registry: Registry, handle: PatternConnection) -> None:
        self.registry = registry
        self.handle = handle

    def apply(self, plans: Plans) -> None:
        """Change the plans, or raise."""
        connections = planned(self.registry, plans).pop(self.handle, None)
        if connections is None:
            raise NotConnectedError(
                f"{self.handle.label} is not connected to {self.handle.pattern!r} any more"
            )
        for connection in connections:
            Remove(connection, lenient=True).apply(plans)
