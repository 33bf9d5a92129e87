"""Updates of what is connected by pattern."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from kit.errors import NotConnectedError
from kit.markers.changes import Add, Plans, Remove

if TYPE_CHECKING:
    from kit.markers.connection import Connection
    from kit.markers.patterns import PatternConnection
    from kit.markers.registry import Registry

__all__ = ["AddPattern", "RemovePattern"]


class AddPattern(NamedTuple):
    """Connect by pattern: to the markers that match when the change is made, and to later ones."""

    registry: Registry
    handle: PatternConnection

    def apply(self, plans: Plans) -> None:
        """Change the plans, or raise."""
        registry, handle = self.registry, self.handle
        connections = [
            registry.connection(marker, handle.options, handle.order)
            for marker in registry.matching(handle.pattern)
        ]
        for connection in connections:
            Add(connection).apply(plans)
        plans.commits.append(partial(self._commit, tuple(connections)))

    def _commit(self, connections: tuple[Connection, ...]) -> None:
        registry, handle = self.registry, self.handle
        handle._connections = connections
        handle.active = True
        rest = []
        for each in registry.patterns:
            if (
                handle.name is not None
                and each.name == handle.name
                and each.pattern == handle.pattern
                and each.private is handle.private
            ):
                each.active = False  # a cell was run again: its markers were replaced above
            else:
                rest.append(each)
        registry.patterns = (*rest, handle)


class RemovePattern(NamedTuple):
    """Disconnect by pattern."""

    registry: Registry
    handle: PatternConnection

    def apply(self, plans: Plans) -> None:
        """Change the plans, or raise."""
        if self.handle not in self.registry.patterns:
            raise NotConnectedError(
                f"{self.handle.label} is not connected to {self.handle.pattern!r} any more"
            )
        for connection in self.handle:
            Remove(connection, lenient=True).apply(plans)
        plans.commits.append(self._commit)

    def _commit(self) -> None:
        self.registry.patterns = tuple(p for p in self.registry.patterns if p is not self.handle)
        self.handle.active = False
