"""For the tests of programs that carry markers.

==========  ======================================================================
`strict`    wrong arguments at a site and exceptions in a probe raise
`capture`   the events that were fired, as a list with a few assertions
`isolated`  the registry is left as it was found
`markers`   all three as a pytest fixture: ``pytest_plugins = ["kit.testing"]``
==========  ======================================================================

Nothing here needs pytest; the fixture is there when pytest runs. The assertions bring their own
messages: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from kit.core._connection import is_pattern, matches
from kit.core._publication.plan import planned
from kit.core._registry import registry
from kit.core._runtime import mode
from kit.errors import NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kit.core._connection import Connection
    from kit.core._format import Format
    from kit.core._marker import Hooks, Marker
    from kit.core._publication.plan import Plans
    from kit.core._registry import Registry
    from kit.core.typing import Observer

__all__ = ["Event", "Events", "capture", "isolated", "strict"]

_MOST_SHOWN = 20


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


class _Snapshot:
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
            plans.commits += [each._note_disconnected for each in plan.off]
            plan.after = plan.off = ()
        for marker, state in self._markers.values():
            plan = plans.of(marker)
            plan.format = state.format
            plan.hooks = state.hooks
            plan.after = state.probes
            plan.off = tuple(connection for connection, _ in state.off)
        patterns = planned(self._registry, plans)
        for handle in self._registry.patterns:
            patterns.set(handle, None)
        for handle, connections in self._patterns.items():
            patterns.set(handle, connections)
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


@contextmanager
def strict(on: bool = True) -> Iterator[None]:
    """Let wrong arguments at sites and exceptions in probes reach the program, on every thread.

    Parameters
    ----------
    on : bool
        ``False`` for the opposite, where ``KIT_STRICT`` is set.

    Returns
    -------
    context manager
        At its end the mode is what it was before.

    Examples
    --------
    >>> import kit, kit.testing
    >>> fill = kit.marker("strict.fill", qty=int)
    >>> with fill.connect(print), kit.testing.strict():
    ...     fill("too", "many")
    Traceback (most recent call last):
    ...
    TypeError: marker 'strict.fill' takes 1 values (qty %d), got 2
    """
    before = mode.strict
    mode.strict = on
    try:
        yield
    finally:
        mode.strict = before


@contextmanager
def isolated() -> Iterator[None]:
    """Leave the registry as it was found.

    At the end of the block, what was connected in it is disconnected, what was disconnected is
    connected again, patterns are forgotten, changed formats and hooks are undone, and new markers
    are removed. Markers of a module that was imported for the first time in the block stay: the
    module will not be run again. Counts go on.

    Returns
    -------
    context manager

    Examples
    --------
    >>> import kit, kit.testing
    >>> with kit.testing.isolated():
    ...     inside = kit.marker("isolated.tick")
    ...     _ = inside.connect(print)
    >>> inside.fanout, kit.markers("isolated.*")
    (0, no markers)
    """
    before = _Snapshot(registry)
    try:
        yield
    finally:
        before.restore()


@dataclass(frozen=True, slots=True)
class Event:
    """One event that a marker has fired.

    Attributes
    ----------
    marker : str
        The marker's name.
    values : dict of str to object
        The payload, field by field; ``event["qty"]`` is short for ``event.values["qty"]``.
    dur : int or None
        For spans, the duration in nanoseconds.
    error : str or None
        For spans, the name of the type of the exception that ended the body.
    """

    marker: str
    values: dict[str, Any]
    dur: int | None = None
    error: str | None = None

    def __getitem__(self, field: str) -> Any:
        try:
            return self.values[field]
        except KeyError:
            fields = ", ".join(self.values) or "none"
            raise KeyError(f"{self.marker} has no field {field!r}; its fields: {fields}") from None

    def __repr__(self) -> str:
        text = f"{self.marker}{_show(self.values)}"
        if self.dur is not None:
            text += f" {self.dur:,} ns"
        return text if self.error is None else f"{text} {self.error}"


class Events(list[Event]):
    """Events in the order in which they came; a list with a few assertions."""

    @property
    def names(self) -> list[str]:
        """The markers' names, one an event."""
        return [event.marker for event in self]

    def of(self, pattern: str, /, **values: object) -> Events:
        """Return the events of some markers.

        Parameters
        ----------
        pattern : str
            A marker's name, or a pattern.
        **values
            Only those whose fields have these values.

        Returns
        -------
        Events
        """
        return Events(
            event
            for event in self
            if matches(event.marker, pattern)
            and all(
                field in event.values and event.values[field] == value
                for field, value in values.items()
            )
        )

    def one(self, pattern: str = "*", /, **values: object) -> Event:
        """Return the only such event.

        Parameters
        ----------
        pattern : str
            A marker's name, or a pattern.
        **values
            Only those whose fields have these values.

        Returns
        -------
        Event

        Raises
        ------
        AssertionError
            When there is none or more than one; the message shows what was fired instead.
        """
        __tracebackhide__ = True
        found = self.of(pattern, **values)
        if len(found) != 1:
            raise AssertionError(
                f"expected one {pattern}{_show(values)}, "
                f"found {len(found) or 'none'} among {self!r}{_hint(pattern)}"
            )
        return found[0]

    def none(self, pattern: str = "*", /, **values: object) -> None:
        """Raise `AssertionError` when there is such an event.

        Parameters
        ----------
        pattern : str
            A marker's name, or a pattern.
        **values
            Only those whose fields have these values.
        """
        __tracebackhide__ = True
        found = self.of(pattern, **values)
        if found:
            raise AssertionError(f"expected no {pattern}{_show(values)}, found {found!r}")

    def __repr__(self) -> str:
        if not self:
            return "no events"
        lines = [f"{len(self):,} event{'s' * (len(self) > 1)}:"]
        lines += [f"  {event!r}" for event in self[:_MOST_SHOWN]]
        if len(self) > _MOST_SHOWN:
            lines.append(f"  and {len(self) - _MOST_SHOWN:,} more")
        return "\n".join(lines)


@contextmanager
def capture(pattern: str = "*") -> Iterator[Events]:
    """Collect the events that are fired in the block, on every thread.

    Parameters
    ----------
    pattern : str
        A marker's name, or a pattern; markers declared in the block are matched too.

    Returns
    -------
    context manager of Events

    Examples
    --------
    >>> import kit, kit.testing
    >>> fill = kit.marker("captured.fill", qty=int, sym=str)
    >>> with kit.testing.capture("captured.*") as events:
    ...     fill(100, "ACME")
    ...     fill(qty=200, sym="INIT")
    >>> events
    2 events:
      captured.fill(qty=100, sym='ACME')
      captured.fill(qty=200, sym='INIT')
    >>> events.one("captured.fill", sym="INIT")["qty"]
    200
    >>> events.none("captured.reject")
    """
    events = Events()
    probe = _Collector(events)
    # Without a warning: a test may well name markers that are declared in the block.
    handle = (
        registry.connect_pattern(pattern, probe, error_limit=None, expect_match=False)
        if is_pattern(pattern)
        else registry.connect(registry.waited_for(pattern), probe, error_limit=None)
    )
    try:
        yield events
    finally:
        try:
            handle.disconnect()
        except NotConnectedError:
            pass  # the block disconnected it, by name or by leaving `isolated`


class _Collector:
    """The probe of `capture`."""

    kit_label = "capture"

    def __init__(self, events: Events) -> None:
        self._events = events
        self.observer: Observer | None = None

    def native(self, marker: Marker, format: Format) -> Callable[[int, int, tuple[Any, ...]], None]:
        """Return what makes an event of a dispatch."""
        append, name, fields = self._events.append, marker.name, format.names

        def write(ident: int, ts: int, args: tuple[Any, ...]) -> None:  # noqa: ARG001
            append(Event(name, dict(zip(fields, args, strict=True))))

        def write_span(ident: int, ts: int, args: tuple[Any, ...]) -> None:  # noqa: ARG001
            dur, error, *values = args
            append(Event(name, dict(zip(fields, values, strict=True)), dur, error))

        return write_span if format.is_span else write


def _show(values: dict[str, Any]) -> str:
    return f"({', '.join(f'{field}={value!r}' for field, value in values.items())})"


def _hint(pattern: str) -> str:
    """Say so when no marker has such a name: the usual reason why nothing was found."""
    names = [marker.name for marker in registry.matching("*")]
    if any(matches(name, pattern) for name in names):
        return ""
    close = get_close_matches(pattern, names, n=1)
    return f"\nno marker matches {pattern!r}" + (f"; there is {close[0]!r}" if close else "")


if "pytest" in sys.modules:
    import pytest

    @pytest.fixture
    def markers() -> Iterator[Events]:
        """Collect the events of a test, strictly; leave the registry as it was found."""
        with isolated(), strict(), capture() as events:
            yield events
