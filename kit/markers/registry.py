"""Every marker by name, and what is connected to them by name and by pattern."""

from __future__ import annotations

import itertools
import os
import sys
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kit.errors import (
    FormatError,
    FormatMismatchError,
    FormatMismatchWarning,
    NotConnectedError,
    UnmatchedPatternWarning,
    UnnamedProbeWarning,
)
from kit.markers import grace
from kit.markers.changes import Add, Change, Plans, Remove
from kit.markers.connection import (
    DEFAULT_ERROR_LIMIT,
    DEFAULT_PRIORITY,
    NO_PRIVATE,
    AnyProbe,
    Connection,
    NativeProbe,
    label_of,
)
from kit.markers.format import Format, declare_format
from kit.markers.marker import Marker
from kit.markers.patterns import Options, PatternConnection, is_pattern, matches
from kit.markers.span import Span
from kit.markers.updates import Updater

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

__all__ = ["Registry", "registry"]

M = TypeVar("M", bound=Marker)

_ASYNC_FLAGS: Final = 0x80 | 0x200  # CPython's flags of coroutine and async generator functions


class Registry:
    """Markers by name, patterns, and the updates of both."""

    def __init__(self) -> None:
        self.updater = Updater()
        self.markers: dict[str, Marker] = {}
        self.patterns: tuple[PatternConnection, ...] = ()
        self._order = itertools.count()
        self._warned_lambdas: set[tuple[str, int, int]] = set()

    # Declaring.

    def declare(
        self,
        kind: type[M],
        name: str,
        text: str | None,
        fields: Mapping[str, Any],
        site: FrameType,
    ) -> M:
        """Return the marker of a name, declared here, before, or adopted anew."""
        check_name(name)
        declared = declare_format(name, text, fields, is_span=kind is Span)
        known = self.markers.get(name)
        if known is not None and known.format == declared:
            return known  # type: ignore[return-value]
        module = str(site.f_globals.get("__name__", "?"))
        declaration = _Declare(self, kind, name, declared, module, site.f_lineno)
        self.updater.make([declaration], at_once=True)
        for connection in declaration.left_off:
            warnings.warn(
                f"{connection.label} asked marker {name!r} for ({connection.asked}), but it is "
                f"declared ({declared}): this connection is off",
                FormatMismatchWarning,
                stacklevel=3,
            )
        # It is there, unless this interrupted an update on this thread: then its declaration is
        # queued, and until that is made the marker is one that is waited for.
        waiting = kind(name, None, module, site.f_lineno)
        return self.markers.setdefault(name, waiting)  # type: ignore[return-value]

    def waited_for(self, name: str) -> Marker:
        """Return the marker of a name, one that waits for its declaration where there is none."""
        marker = self.markers.get(name)
        if marker is None:
            check_name(name)
            marker = self.markers.setdefault(name, Marker(name, None, "?", 0))
        return marker

    def find(self, name: str) -> Marker:
        """Return the marker of a name or raise `NotConnectedError`."""
        marker = self.markers.get(name)
        if marker is None:
            raise NotConnectedError(f"there is no marker {name!r}")
        return marker

    def matching(self, pattern: str) -> list[Marker]:
        """Return the declared markers that match a name or a pattern, by name."""
        return [
            marker
            for name, marker in sorted(self.markers.copy().items())
            if marker.format is not None and (name == pattern or matches(name, pattern))
        ]

    # Connecting.

    def connect(
        self,
        marker: Marker,
        probe: AnyProbe,
        private: object = NO_PRIVATE,
        *,
        name: str | None = None,
        priority: int = DEFAULT_PRIORITY,
        error_limit: int | None = DEFAULT_ERROR_LIMIT,
        format: str | None = None,
    ) -> Connection:
        """Connect a closure to one marker."""
        options = self._options(marker.name, probe, private, name, priority, error_limit, format)
        connection = self._connection(marker, options, next(self._order))
        self._warn_of_lambda(marker, connection)
        self.updater.make([Add(connection)])
        return connection

    def connect_pattern(
        self,
        pattern: str,
        probe: AnyProbe,
        private: object = NO_PRIVATE,
        *,
        name: str | None = None,
        priority: int = DEFAULT_PRIORITY,
        error_limit: int | None = DEFAULT_ERROR_LIMIT,
        format: str | None = None,
    ) -> PatternConnection:
        """Connect a closure to every marker that matches, now and later."""
        options = self._options(pattern, probe, private, name, priority, error_limit, format)
        handle = PatternConnection(pattern, options, next(self._order))
        self.updater.make([_AddPattern(self, handle)])
        if not self.matching(pattern):
            warnings.warn(
                f"no marker matches {pattern!r} yet; markers declared later will be connected",
                UnmatchedPatternWarning,
                stacklevel=4,
            )
        return handle

    def _options(
        self,
        target: str,
        probe: AnyProbe,
        private: object,
        name: str | None,
        priority: int,
        error_limit: int | None,
        format: str | None,
    ) -> Options:
        check_probe(probe)
        check_option("name", name, str | None)
        check_option("priority", priority, int)
        check_option("error_limit", error_limit, int | None)
        if error_limit is not None and error_limit < 1:
            raise ValueError(f"error_limit is at least 1, or None for never; got {error_limit!r}")
        default = default_name(probe) if name is None else None
        return Options(
            probe,
            private,
            {
                "name": name if name is not None else default,
                "name_is_default": name is None,
                "priority": priority,
                "error_limit": error_limit,
                "asked": None if format is None else declare_format(target, format, {}),
            },
        )

    def _connection(self, marker: Marker, options: Options, order: int) -> Connection:
        return Connection(marker, options.probe, options.private, **options.keywords, order=order)

    def _warn_of_lambda(self, marker: Marker, new: Connection) -> None:
        """Say once that a lambda from a line connected before does not replace the other."""
        place = _lambda_place(new.probe)
        if place is None or new.name is not None or place in self._warned_lambdas:
            return
        for each in marker.probes:
            if each.probe is not new.probe and _lambda_place(each.probe) == place:
                self._warned_lambdas.add(place)
                warnings.warn(
                    f"another lambda of line {place[1]} is connected to {marker.name!r} already; "
                    "give it a name= to be replaced when the cell is run again",
                    UnnamedProbeWarning,
                    stacklevel=4,
                )
                return

    # Disconnecting.

    def disconnect(self, connection: Connection, *, wait: bool = False) -> None:
        """Disconnect one connection."""
        self._remove([Remove(connection)], wait)
        if connection.state.startswith("off"):
            connection._state = "disconnected"

    def disconnect_pattern(self, handle: PatternConnection, *, wait: bool = False) -> None:
        """Disconnect a pattern and all that it connected."""
        self._remove([_RemovePattern(self, handle)], wait)

    def disconnect_closure(
        self, name: str, probe: object, private: object, *, wait: bool = False
    ) -> None:
        """Disconnect a closure by the marker's name or by a pattern."""
        changes: list[Change] = []
        if is_pattern(name):
            changes += [
                _RemovePattern(self, handle)
                for handle in self.patterns
                if handle.pattern == name and handle.private is private and handle.probe == probe
            ]
            markers = self.matching(name)
        else:
            markers = [self.find(name)]
        changes += [
            Remove(connection, lenient=is_pattern(name))
            for marker in markers
            for connection in (*marker.probes, *marker._off)
            if connection.same_closure(probe, private)
        ]
        if not changes:
            raise NotConnectedError(f"{label_of(probe)} is not connected to {name!r}")
        self._remove(changes, wait)

    def disconnect_private(self, name: str, private: object, *, wait: bool = False) -> int:
        """Disconnect every closure with some private data; return how many there were."""
        markers = self.matching(name) if is_pattern(name) else [self.find(name)]
        found = [
            connection
            for marker in markers
            for connection in (*marker.probes, *marker._off)
            if connection.private is private
        ]
        changes: list[Change] = [Remove(connection, lenient=True) for connection in found]
        changes += [
            _RemovePattern(self, handle)
            for handle in self.patterns
            if handle.private is private and matches(handle.pattern, name)
        ]
        if not changes:
            raise NotConnectedError(f"nothing on {name!r} has that private data")
        self._remove(changes, wait)
        return len(found)

    def private_data(self, name: str, probe: object, n: int = 0) -> object:
        """Return the private data of the n-th connection of a probe, in call order."""
        found = [c.private for c in self.find(name).probes if c.probe == probe]
        if not 0 <= n < len(found):
            raise NotConnectedError(
                f"{label_of(probe)} has {len(found)} connection(s) on {name!r}, "
                f"there is no number {n}"
            )
        return None if found[n] is NO_PRIVATE else found[n]

    def switch_off(self, connection: Connection, why: str) -> None:
        """Take a connection out from inside a dispatch: at once, and without waiting."""
        array = connection.marker._array
        if array is not None:
            array.neutralise(connection)

        def remove() -> None:
            if connection.marker._hook_owner is not None:
                self.updater.post_after_hooks(remove)  # a dispatch does not wait for hooks
            elif connection.connected:
                self.updater.make_locked([Remove(connection, "error-limit", lenient=True)])
                connection._state = why

        self.updater.post(remove)

    def _remove(self, changes: list[Change], wait: bool) -> None:
        if wait:
            grace.refuse_inside("disconnect(wait=True)")
        self.updater.make(changes)
        if not wait:
            return
        batch = self.updater.batch
        if batch is not None:
            batch.wait = True
        else:
            grace.synchronize()


@dataclass(slots=True, eq=False)
class _AddPattern:
    """Connect by pattern: to the markers that match when the change is made, and to later ones."""

    registry: Registry
    handle: PatternConnection

    def apply(self, plans: Plans) -> None:
        registry, handle = self.registry, self.handle
        connections = [
            registry._connection(marker, handle.options, handle.order)
            for marker in registry.matching(handle.pattern)
        ]
        for connection in connections:
            Add(connection).apply(plans)
        plans.commits.append(partial(self.commit, tuple(connections)))

    def commit(self, connections: tuple[Connection, ...]) -> None:
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


@dataclass(slots=True, eq=False)
class _RemovePattern:
    """Disconnect by pattern."""

    registry: Registry
    handle: PatternConnection

    def apply(self, plans: Plans) -> None:
        if self.handle not in self.registry.patterns:
            raise NotConnectedError(
                f"{self.handle.label} is not connected to {self.handle.pattern!r} any more"
            )
        for connection in self.handle:
            Remove(connection, lenient=True).apply(plans)
        plans.commits.append(self.commit)

    def commit(self) -> None:
        self.registry.patterns = tuple(p for p in self.registry.patterns if p is not self.handle)
        self.handle.active = False


@dataclass(slots=True, eq=False)
class _Declare:
    """Declare a marker, check what waits for it, and connect the patterns that match."""

    registry: Registry
    kind: type[Marker]
    name: str
    format: Format
    module: str
    line: int
    left_off: tuple[Connection, ...] = ()

    def apply(self, plans: Plans) -> None:
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
        plans.commits.append(partial(self.commit, marker, new))

    def _fits(self, connection: Connection) -> bool:
        return connection.asked is None or connection.asked.same_fields(self.format)

    def _follow(self, handle: PatternConnection, marker: Marker, plans: Plans) -> None:
        """Connect an earlier pattern's closure to this new marker."""
        plan = plans[marker]
        connection = self.registry._connection(marker, handle.options, handle.order)
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

    def commit(self, marker: Marker, new: bool) -> None:
        if not isinstance(marker, self.kind) or (self.kind is Marker and isinstance(marker, Span)):
            marker.__class__ = self.kind  # it was waited for, or adopted, as the other kind
        marker.format = self.format
        marker.module, marker.line = self.module, self.line
        if new:
            self.registry.markers[self.name] = marker
        for connection in marker._off:
            connection._state = f"off: asked for ({connection.asked})"


def check_name(name: object) -> None:
    """Refuse what cannot be a marker's name."""
    if not isinstance(name, str):
        raise FormatError(f"a marker's name must be text, got {name!r}")
    if not name or is_pattern(name) or "]" in name or any(c.isspace() for c in name):
        raise FormatError(
            f"{name!r} cannot be a marker's name: it must not be empty, "
            "hold white space or any of * ? [ ]"
        )


def check_option(option: str, value: object, kind: Any) -> None:
    """Refuse an option of a wrong type."""
    if not isinstance(value, kind):
        raise TypeError(f"{option} cannot be {value!r}")


def check_probe(probe: object) -> None:
    """Refuse what cannot be a probe."""
    if isinstance(probe, NativeProbe):
        return
    if not callable(probe):
        raise TypeError(f"a probe must be callable, got {probe!r}")
    function: Any = probe
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(type(function).__dict__.get("__call__"), "__code__", None)
    if getattr(code, "co_flags", 0) & _ASYNC_FLAGS:
        raise TypeError(
            f"{label_of(probe)} is a coroutine function: a dispatch would call it and nobody would "
            "await it; use a plain function that schedules a task"
        )


def default_name(probe: object) -> str | None:
    """Return the name that a function of the notebook's or script's top level has by itself."""
    qualified = getattr(probe, "__qualname__", None)
    if getattr(probe, "__module__", None) != "__main__" or not isinstance(qualified, str):
        return None
    if "<" in qualified or not hasattr(probe, "__code__"):
        return None
    return qualified


def _lambda_place(probe: object) -> tuple[str, int, int] | None:
    """Return where a lambda is written: file, line and column."""
    if getattr(probe, "__name__", None) != "<lambda>":
        return None
    code = getattr(probe, "__code__", None)
    if code is None:
        return None
    # Its body's column; the frame's own instructions have the first one.
    column = max((start or 0 for _, _, start, _ in code.co_positions()), default=0)
    return code.co_filename, code.co_firstlineno, column


registry: Final = Registry()
"""The one registry of this process."""


def _after_fork() -> None:
    registry.updater.reset_after_fork()
    for marker in registry.markers.values():
        marker._hook_owner = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def caller(depth: int) -> FrameType:
    """Return the frame of whoever called the function that asks, for where a marker is declared."""
    return sys._getframe(depth + 1)
