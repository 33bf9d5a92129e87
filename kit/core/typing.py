"""What the markers ask of others, and of their own steps: types, for type checkers only.

Nothing needs them while a program runs, and nothing imports them then: making them takes longer
than all else that the importing modules do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.core._connection import Connection
    from kit.core._format import Format
    from kit.core._marker import Marker
    from kit.core._publication.plan import Plans
    from kit.probes.filters._budget import Budget

__all__ = [
    "Change",
    "ConnectOptions",
    "ConnectionFilter",
    "Filter",
    "FilterOptions",
    "Observer",
    "SamplingOptions",
    "TimedProbe",
]


class Observer(Protocol):
    """What is told of dispatches and publications, for a recorder that was asked for them."""

    def dispatched(
        self,
        ident: int,
        begin: int,
        end: int,
        marker: Marker,
        generation: int,
        fanout: int,
        errors: int,
        calls: list[tuple[int, int, Connection, int, str | None]],
    ) -> None:
        """Take note of one dispatch; each call is (begin, end, connection, position, error)."""

    def published(
        self, ident: int, when: int, marker: Marker, action: str, label: str, fanout: int
    ) -> Callable[[int], None]:
        """Take note of one publication; return what is to be called when its grace period ended."""


class TimedProbe(Protocol):
    """A probe of the kit's own, called with the thread, the dispatch's time and the arguments."""

    observer: Observer | None

    def native(self, marker: Marker, format: Format) -> Callable[[int, int, tuple[Any, ...]], None]:
        """Return what the dispatcher calls as ``write(ident, ts, args)`` for this marker."""


NativeProbe = TimedProbe  # its name before; until 1.0


class ConnectionFilter(Protocol):
    """Stands before the probe of one connection and lets some events through.

    A dispatcher knows nothing of it: what an array holds for such a connection is what `plain` or
    `timed` return.
    """

    @property
    def filtered(self) -> int:
        """How many events it has not let through."""

    @property
    def reasons(self) -> dict[str, int]:
        """How many for which reason."""

    @property
    def first_failure(self) -> str | None:
        """Why the condition could not be evaluated, the first time that it could not."""

    def plain(self, call: Callable[..., object], format: Format) -> Callable[..., object]:
        """Return what is called as ``call(*args)`` in the place of ``call``."""

    def timed(self, call: Callable[..., object], format: Format) -> Callable[..., object]:
        """Return what is called as ``call(ident, ts, args)`` in the place of ``call``."""


class Filter(Protocol):
    """What was asked about which events reach a probe: a condition, sampling, a limit, a budget."""

    @property
    def when(self) -> str | None:
        """The condition."""

    def for_connection(self, connection: Connection) -> ConnectionFilter:
        """Return the filter of a connection."""


class SamplingOptions(TypedDict, total=False):
    """What says how many of the events that meet a condition reach a probe."""

    every: int | None
    limit: int | None
    per_second: int | None
    budget: float | Budget | None


class FilterOptions(SamplingOptions, total=False):
    """What says which events reach a probe; `Marker.connect` tells what each does."""

    when: str | None


class ConnectOptions(FilterOptions, total=False):
    """What `kit.connect` takes by keyword beside ``format``; see `Marker.connect`."""

    name: str | None
    priority: int
    error_limit: int | None


class Change(Protocol):
    """A step of an update."""

    def apply(self, plans: Plans) -> None:
        """Change the plans, or raise."""
