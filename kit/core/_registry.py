"""Every marker by name, and what is connected to them by name and by pattern."""

from __future__ import annotations

import itertools
import os
import sys
from functools import partial
from operator import is_not
from threading import get_ident

from kit.core._callables import (
    AnyProbe,
    Place,
    check_probe,
    default_name,
    label_of,
    lambda_place,
    same_probe,
)
from kit.core._connection import (
    DEFAULT_ERROR_LIMIT,
    DEFAULT_PRIORITY,
    NO_PRIVATE,
    Connection,
    check_name,
    check_option,
    check_options,
    is_pattern,
    matches,
)
from kit.core._format import declare_format
from kit.core._marker import Marker
from kit.core._patterns import Options, PatternConnection, PatternIndex
from kit.core._publication import grace
from kit.core._publication.fork import UPDATES, look, reset_in_child
from kit.core._publication.plan import (
    Add,
    AddPattern,
    Declare,
    Remove,
    RemovePattern,
    SetHooks,
    switched_off,
)
from kit.core._publication.updater import Updater
from kit.core._reporting import warn
from kit.core._runtime import home
from kit.core._span import Span
from kit.errors import (
    FormatMismatchWarning,
    NotConnectedError,
    UnmatchedPatternWarning,
    UnnamedProbeWarning,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import FrameType
    from typing import Any, Final, TypeVar

    from kit.core._dispatch.array import ProbeArray
    from kit.core._marker import Hooks
    from kit.core.typing import Change, Filter

    M = TypeVar("M", bound=Marker)


__all__ = ["Registry", "registry"]

_is_asked: Final = partial(is_not, None)


class Registry:
    """Markers by name, patterns, and the updates of both."""

    def __init__(self) -> None:
        self.updater = Updater()
        self.markers: dict[str, Marker] = {}
        self.patterns: tuple[PatternConnection, ...] = ()
        self.pattern_index = PatternIndex()
        self._order = itertools.count()
        self._warned_lambdas: set[Place] = set()
        # Makes what `when=` and its kin ask for; conditions are the business of a room above.
        self.make_filter: Callable[..., Filter] | None = None

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
        if known is not None and known.format is not None:
            # The name alone asks for the marker, as logging.getLogger does, whatever its fields.
            asks = text is None and not fields and type(known) is kind
            if asks or known.format == declared:
                return known  # type: ignore[return-value]
        module = str(site.f_globals.get("__name__", "?"))
        declaration = Declare(self, kind, name, declared, module, site.f_lineno)
        return self._declared(declaration)  # type: ignore[return-value] # of this kind

    def unpickled(
        self, name: str, text: str | None, is_span: bool, module: str, line: int
    ) -> Marker:
        """Return the marker of a name whatever its fields are here, or declare it."""
        if text is None:
            return self.waited_for(name)
        known = self.markers.get(name)
        if known is not None and known.format is not None:
            return known
        check_name(name)
        declared = declare_format(name, text, {}, is_span=is_span)
        kind = Span if is_span else Marker
        return self._declared(Declare(self, kind, name, declared, module, line, yields=True))

    def _declared(self, declaration: Declare) -> Marker:
        """Make a declaration; return its marker."""
        name = declaration.name
        self.updater.make([declaration], at_once=True)
        for connection in declaration.left_off:
            warn(
                f"{connection.label} asked marker {name!r} for ({connection._asked}), but it is "
                f"declared ({declaration.format}): this connection is off",
                FormatMismatchWarning,
            )
        # It is there, unless this interrupted an update on this thread: then its declaration is
        # queued, and until that is made the marker is one that is waited for.
        waiting = declaration.kind(name, None, declaration.module, declaration.line)
        return self.markers.setdefault(name, waiting)

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
        **filtering: Any,
    ) -> Connection:
        """Connect a closure to one marker."""
        options = self._options(marker.name, probe, private, name, priority, error_limit, format)
        if filtering:
            self._admit(options, [marker], filtering)
        connection = self.connection(marker, options, next(self._order))
        if lambda_place(probe) is not None:
            self._warn_of_lambda(marker.name, options, marker.probes)
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
        expect_match: bool = True,
        **filtering: Any,
    ) -> PatternConnection:
        """Connect a closure to every marker that matches, now and later."""
        options = self._options(pattern, probe, private, name, priority, error_limit, format)
        self._admit(options, self.matching(pattern), filtering)
        handle = PatternConnection(pattern, options, next(self._order))
        # Warnings first: where they are errors, nothing has been connected.
        if expect_match and not self.matching(pattern):
            warn(
                f"no marker matches {pattern!r} yet; markers declared later will be connected",
                UnmatchedPatternWarning,
            )
        if lambda_place(probe) is not None:
            rivals = [each for each in self.patterns if each.pattern == pattern]
            self._warn_of_lambda(pattern, options, rivals)
        self.updater.make([AddPattern(self, handle)])
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
        if name is not None:
            check_option("name", name, str)
        check_option("priority", priority, int)
        if error_limit is not None:
            check_option("error_limit", error_limit, int)
            if error_limit < 1:
                raise ValueError(
                    f"error_limit is at least 1, or None for never; got {error_limit!r}"
                )
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

    def _admit(self, options: Options, markers: list[Marker], asked: dict[str, Any]) -> None:
        """Add to the options what was asked about which events reach the probe."""
        check_options(Registry.connect, asked)
        if any(map(_is_asked, asked.values())):
            assert self.make_filter is not None, "kit/__init__.py has set it"
            formats = [(marker.name, marker.format) for marker in markers]
            options.keywords["filtering"] = self.make_filter(formats, **asked)

    def connection(self, marker: Marker, options: Options, order: int) -> Connection:
        """Return a connection that is yet to be made."""
        return Connection(marker, options.probe, options.private, **options.keywords, order=order)

    def _warn_of_lambda(
        self, target: str, new: Options, others: Iterable[Connection | PatternConnection]
    ) -> None:
        """Say once that a lambda of a cell that was run again does not replace the other."""
        place = lambda_place(new.probe)
        if place is None or new.keywords["name"] is not None or place in self._warned_lambdas:
            return
        if any(
            each.probe is not new.probe and lambda_place(each.probe) == place for each in others
        ):
            self._warned_lambdas.add(place)
            warn(
                f"another lambda from line {place[1]} is already connected to {target!r}; "
                "pass name= so that running the cell again replaces it",
                UnnamedProbeWarning,
            )

    def set_hooks(self, marker: Marker, hooks: Hooks) -> None:
        """Give a marker other hooks, which are called when probes are connected."""
        self.updater.make([SetHooks(marker, hooks)], at_once=True)

    # Disconnecting.

    def disconnect(self, connection: Connection, *, wait: bool = False) -> None:
        """Disconnect one connection."""
        self._remove([Remove(connection)], wait)

    def disconnect_pattern(self, handle: PatternConnection, *, wait: bool = False) -> None:
        """Disconnect a pattern and all that it connected."""
        self._remove([RemovePattern(self, handle)], wait)

    def disconnect_closure(
        self, name: str, probe: object, private: object, *, wait: bool = False
    ) -> None:
        """Disconnect a closure by the marker's name or by a pattern."""
        changes: list[Change] = []
        if is_pattern(name):
            changes += [
                RemovePattern(self, handle)
                for handle in self.patterns
                if handle.pattern == name
                and handle.private is private
                and same_probe(handle.probe, probe)
            ]
            markers = self.matching(name)
        else:
            markers = [self.find(name)]
        changes += [
            Remove(connection, lenient=is_pattern(name))
            for marker in markers
            for connection in (*marker.probes, *marker._off)
            if connection._same_closure(probe, private)
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
            RemovePattern(self, handle)
            for handle in self.patterns
            if handle.private is private and matches(handle.pattern, name)
        ]
        if not changes:
            raise NotConnectedError(f"nothing on {name!r} has that private data")
        self._remove(changes, wait)
        return len(found)

    def private_data(self, name: str, probe: object, n: int = 0) -> object:
        """Return the private data of the n-th connection of a probe, in call order."""
        found = [c.private for c in self.find(name).probes if same_probe(c.probe, probe)]
        if not 0 <= n < len(found):
            raise NotConnectedError(
                f"{label_of(probe)} has {len(found)} connection(s) on {name!r}, "
                f"there is no number {n}"
            )
        return None if found[n] is NO_PRIVATE else found[n]

    def switch_off(
        self,
        connection: Connection,
        why: str,
        read: ProbeArray | None,
        action: str = "error-limit",
    ) -> None:
        """Take a connection out from inside a dispatch, which read an array, without waiting."""
        # The state first, then the arrays: whoever finds the stub must find that it is off.
        if connection._state == "connected":  # no switch of threads between this and the store
            connection._state = why
        if read is not None:
            read.neutralise(connection)
        array = connection.marker._array
        while array is not None:
            array.neutralise(connection)
            # An updater that builds a new array meanwhile publishes it first and then looks at this
            # count: it sees the count, and looks for states that have changed, or its array is seen
            # here.
            switched_off.up()
            if connection.marker._array is array:
                break
            array = connection.marker._array
        # Out of the array as soon as no other update is under way.
        self.updater.post(partial(self._remove_off, connection, action))

    def take_out(self, connection: Connection) -> None:
        """Disconnect where there was no memory for an update: first in place, which needs none."""
        connection._fall_silent()
        try:
            self.updater.make([Remove(connection, lenient=True)], at_once=True)
        except MemoryError:
            pass  # the next update drops the stub

    def _remove_off(self, connection: Connection, action: str) -> None:
        """Take out what a dispatch has switched off; the lock is held."""
        if connection.marker._hook_owner is not None:
            # A dispatch does not wait for hooks.
            self.updater.post_after_hooks(partial(self._remove_off, connection, action))
        else:
            self.updater.make_locked([Remove(connection, action, lenient=True)])

    def _remove(self, changes: list[Change], wait: bool) -> None:
        if wait:
            grace.refuse_inside("disconnect(wait=True)")
        try:
            self.updater.make(changes)
        except MemoryError:
            if not all(type(change) is Remove for change in changes):
                raise
            for change in changes:
                self.take_out(change.connection)  # type: ignore[attr-defined] # it is a Remove
        if not wait:
            return
        batch = self.updater.batch
        if batch is not None:
            batch.wait = True
        else:
            grace.synchronize()


registry: Final = Registry()
"""The one registry of this process."""


# Pickles name this function: it keeps its name, and what it takes.
def marker_of_name(name: str, text: str | None, is_span: bool, module: str, line: int) -> Marker:
    """Return the marker of a name, as it is here; where there is none, declare it.

    Parameters
    ----------
    name : str
    text : str or None
        Its fields as a format string; None for one that waits for its declaration.
    is_span : bool
        Whether it is a span.
    module, line : str, int
        Where it was declared.

    Raises
    ------
    FormatError
        When the name or a field cannot be understood.
    """
    return registry.unpickled(name, text, is_span, module, line)


home.registry = registry
home.marker_of_name = marker_of_name


def _reset() -> None:
    registry.updater.reset_after_fork()
    me = get_ident()
    for marker in registry.markers.copy().values():
        if marker._hook_owner != me:
            marker._hook_owner = None


def _after_fork() -> None:
    look()
    registry.updater.after_fork()


reset_in_child(UPDATES, _reset)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=registry.updater.before_fork,
        after_in_parent=registry.updater.after_fork,
        after_in_child=_after_fork,
    )


def caller(depth: int) -> FrameType:
    """Return the frame of whoever called the function that asks, for where a marker is declared."""
    return sys._getframe(depth + 1)
