"""The update that declares a marker, or declares it anew."""

from __future__ import annotations

from functools import partial

from kit.errors import FormatMismatchError
from kit.markers.marker import Marker
from kit.markers.pattern_changes import planned
from kit.markers.patterns import PatternConnection, matches
from kit.markers.span import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kit.markers.changes import Plan, Plans
    from kit.markers.connection import Connection
    from kit.markers.format import Format
    from kit.markers.registry import Registry

__all__ = ["Declare"]


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
            for handle in patterns:
                if matches(self.name, handle.pattern):
                    patterns[handle] += self._follow(handle, plan)
        plan.actions.append(("declare", None))
        plans.commits.append(partial(self._commit, marker, new))

    def _fits(self, connection: Connection) -> bool:
        return connection.asked is None or connection.asked.same_fields(self.format)

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
            connection._state = (
                "off: its closure is connected once more"
                if self._fits(connection)
                else f"off: asked for ({connection.asked})"
            )
