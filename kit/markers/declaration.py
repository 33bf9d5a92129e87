"""The update that declares a marker, or declares it anew."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kit.errors import FormatMismatchError
from kit.markers.changes import Add, Plans
from kit.markers.marker import Marker
from kit.markers.patterns import PatternConnection, matches
from kit.markers.span import Span

if TYPE_CHECKING:
    from kit.markers.connection import Connection
    from kit.markers.format import Format
    from kit.markers.registry import Registry

__all__ = ["Declare"]


class Declare:
    """Declare a marker, check what waits for it, and connect the patterns that match."""

    __slots__ = ("format", "kind", "left_off", "line", "module", "name", "registry")

    def __init__(
        self,
        registry: Registry,
        kind: type[Marker],
        name: str,
        format: Format,
        module: str,
        line: int,
    ) -> None:
        self.registry = registry
        self.kind = kind
        self.name = name
        self.format = format
        self.module = module
        self.line = line
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
        if plan.format == self.format:
            return
        if not first:
            self._refuse_change(marker, plan.format, plan.before)
        plan.format = self.format
        candidates = sorted((*plan.before, *plan.off), key=lambda c: (-c.priority, c._order))
        plan.after = tuple(c for c in candidates if self._fits(c))
        plan.off = tuple(c for c in candidates if not self._fits(c))
        self.left_off = tuple(c for c in plan.off if c in plan.before)
        if first:
            for handle in self.registry.patterns:
                if matches(self.name, handle.pattern):
                    self._follow(handle, marker, plans)
        plan.actions.append(("declare", ""))
        plans.commits.append(partial(self._commit, marker, new))

    def _fits(self, connection: Connection) -> bool:
        return connection.asked is None or connection.asked.same_fields(self.format)

    def _follow(self, handle: PatternConnection, marker: Marker, plans: Plans) -> None:
        """Connect an earlier pattern's closure to this new marker."""
        plan = plans[marker]
        connection = self.registry.connection(marker, handle.options, handle.order)
        if self._fits(connection):
            if any(c.same_closure(handle.probe, handle.private) for c in plan.after):
                return  # connected by name before: called once
            Add(connection).apply(plans)
        else:
            plan.off = (*plan.off, connection)
            self.left_off = (*self.left_off, connection)
        plans.commits.append(lambda: handle.include(connection))

    def _refuse_change(
        self, marker: Marker, known: Format | None, connected: tuple[Connection, ...]
    ) -> None:
        asked = any(connection.asked is not None for connection in connected)
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
            connection._state = f"off: asked for ({connection.asked})"
