"""The registry as it was: what is declared and connected, taken down and put back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from kit.markers.pattern_changes import planned

if TYPE_CHECKING:
    from kit.markers.changes import Plans
    from kit.markers.connection import Connection
    from kit.markers.format import Format
    from kit.markers.marker import Hooks, Marker
    from kit.markers.registry import Registry

__all__ = ["Snapshot"]


class _MarkerState(NamedTuple):
    """What one marker was like."""

    kind: type[Marker]
    format: Format | None
    site: tuple[str, int]
    hooks: Hooks
    probes: tuple[Connection, ...]
    off: tuple[tuple[Connection, str], ...]

    @classmethod
    def of(cls, marker: Marker) -> _MarkerState:
        return cls(
            type(marker),
            marker.format,
            (marker.module, marker.line),
            marker._hooks,
            marker.probes,
            tuple((connection, connection.state) for connection in marker._off),
        )


class Snapshot:
    """The state of a registry; as a change of it, the return to that state.

    Counts are not part of it: generations, calls and errors go on.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._markers = {
            name: (marker, _MarkerState.of(marker))
            for name, marker in registry.markers.copy().items()
        }
        self._patterns = {handle: tuple(handle) for handle in registry.patterns}
        self._warned_lambdas = registry._warned_lambdas.copy()
        self._modules = frozenset(sys.modules)

    def restore(self) -> None:
        """Return to this state, in one update."""
        self._registry.updater.make([self], at_once=True)

    def apply(self, plans: Plans) -> None:
        """Change the plans."""
        for marker in self._registry.markers.values():
            plan = plans.of(marker)
            plans.commits += [each.note_disconnected for each in plan.off]
            plan.after = plan.off = ()
        for marker, state in self._markers.values():
            plan = plans.of(marker)
            plan.format = state.format
            plan.hooks = state.hooks
            plan.after = state.probes
            plan.off = tuple(connection for connection, _ in state.off)
        patterns = planned(self._registry, plans)
        patterns.clear()
        patterns.update(self._patterns)
        plans.commits.append(self._commit)

    def _commit(self) -> None:
        registry = self._registry
        for name, marker in list(registry.markers.items()):
            if name not in self._markers and not self._declared_by_import(marker):
                del registry.markers[name]
        for name, (marker, state) in self._markers.items():
            registry.markers[name] = marker
            marker.__class__ = state.kind
            marker.format = state.format
            marker.module, marker.line = state.site
            for connection, reason in state.off:
                connection._state = reason
        registry._warned_lambdas = self._warned_lambdas.copy()

    def _declared_by_import(self, marker: Marker) -> bool:
        # The module stays in sys.modules and is not run again: its sites hold this very marker,
        # and a later declaration of the name must find it.
        return marker.module in sys.modules and marker.module not in self._modules
