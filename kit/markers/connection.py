"""The handle of a connected closure."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeAlias, runtime_checkable

from kit.errors import NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.markers.format import Format
    from kit.markers.marker import Marker

__all__ = ["NO_PRIVATE", "AnyProbe", "Connection", "NativeProbe", "Observer", "Tally"]


class _NoPrivate:
    __slots__ = ()

    def __repr__(self) -> str:
        return "<no private data>"


NO_PRIVATE: Final = _NoPrivate()
"""The private data of a closure that has none; ``None`` is real private data."""

DEFAULT_PRIORITY: Final = 10
DEFAULT_ERROR_LIMIT: Final = 100
_LONGEST_ERROR: Final = 1000


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


@runtime_checkable
class NativeProbe(Protocol):
    """A probe of the kit's own, called with the thread, the dispatch's time and the arguments."""

    observer: Observer | None

    def native(self, marker: Marker, format: Format) -> Callable[[int, int, tuple[Any, ...]], None]:
        """Return what the dispatcher calls as ``write(ident, ts, args)`` for this marker."""


AnyProbe: TypeAlias = "Callable[..., object] | NativeProbe"


class Tally:
    """A count that only grows.

    ``tally.n += 1`` loses nothing on an interpreter with a global lock: CPython looks for a thread
    switch or a signal at calls and backward jumps only, and between the load and the store of one
    attribute there is neither.
    """

    __slots__ = ("n",)

    def __init__(self) -> None:
        self.n = 0


class Sum:
    """The sum of tallies: those of arrays in use, and what the retired ones came to."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        # Settled, and the tallies still counting. Replaced in one store, so that a reader never
        # sees a tally in both parts or in neither.
        self._parts: tuple[int, tuple[Tally, ...]] = (0, ())

    @property
    def value(self) -> int:
        """The sum now."""
        settled, tallies = self._parts
        return settled + sum(tally.n for tally in tallies)

    def add(self, tally: Tally) -> None:
        """Count the dispatches of an array that is about to be published."""
        settled, tallies = self._parts
        self._parts = (settled, (*tallies, tally))

    def settle(self, tally: Tally) -> None:
        """Fold the tally of an array that no dispatch uses any more."""
        settled, tallies = self._parts
        rest = tuple(each for each in tallies if each is not tally)
        if len(rest) != len(tallies):
            self._parts = (settled + tally.n, rest)


class Stub:
    """Stands in a probe array for a closure that was taken out in place; counts what it spares."""

    __slots__ = ("n",)

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, *args: Any) -> None:  # noqa: ARG002 - any closure may stand here
        self.n += 1


class Connection:
    """A closure while it is connected to a marker: the handle that ``connect`` returns.

    It is a context manager: leaving the ``with`` block disconnects. A connection that is garbage
    collected stays connected.

    Attributes
    ----------
    marker : Marker
        The marker it is, or was, connected to.
    probe : callable
        The probe.
    private : object
        Its private data, or `NO_PRIVATE`.
    name : str or None
        A connection of the same name on the same marker replaces it.
    priority : int
        Higher is called first; 10 unless given.
    """

    __slots__ = (
        "__weakref__",
        "_call",
        "_dispatches",
        "_errors",
        "_first_error",
        "_label",
        "_last_error",
        "_missed",
        "_order",
        "_skipped",
        "_state",
        "_stub",
        "asked",
        "error_limit",
        "marker",
        "name",
        "name_is_default",
        "native",
        "priority",
        "private",
        "probe",
    )

    def __init__(
        self,
        marker: Marker,
        probe: AnyProbe,
        private: object,
        *,
        name: str | None,
        name_is_default: bool,
        priority: int,
        error_limit: int | None,
        asked: Format | None,
        order: int,
    ) -> None:
        self.marker = marker
        self.probe = probe
        self.private = private
        self.name = name
        self.name_is_default = name_is_default
        self.priority = priority
        self.error_limit = error_limit
        self.asked = asked
        self.native: NativeProbe | None = None
        self._order = order
        self._state = "new"
        self._label = name or label_of(probe)
        # What the arrays hold, made once. A native probe is asked at each array, for the format.
        self._call: Callable[..., object]
        if isinstance(probe, NativeProbe):
            self.native = probe
            self._call = probe.native
        elif private is NO_PRIVATE:
            self._call = probe
        else:
            self._call = functools.partial(probe, private)
        # Both are made here so that taking the closure out of an array needs no memory.
        self._stub = Stub()
        self._missed = Tally()
        self._dispatches = Sum()
        self._skipped = 0
        self._errors = 0
        self._first_error: str | None = None
        self._last_error: str | None = None

    @property
    def label(self) -> str:
        """The name to show: its own, or the probe's."""
        return self._label

    @property
    def connected(self) -> bool:
        """Whether dispatches call it."""
        return self._state == "connected"

    @property
    def state(self) -> str:
        """``connected``, ``disconnected``, ``replaced``, or why it is off."""
        return self._state

    @property
    def calls(self) -> int:
        """How often the probe was called, those calls included that raised or still run."""
        return self._dispatches.value - self._missed.n - self._stub.n - self._skipped

    @property
    def errors(self) -> int:
        """How many of its calls raised an exception."""
        return self._errors

    @property
    def first_error(self) -> str | None:
        """The first exception as text, ``"ValueError: ..."``."""
        return self._first_error

    @property
    def last_error(self) -> str | None:
        """The last exception as text."""
        return self._last_error

    @property
    def skipped(self) -> int:
        """How many calls were left out because the closure was running on that thread."""
        return self._skipped

    def disconnect(self, wait: bool = False) -> None:
        """Disconnect.

        Parameters
        ----------
        wait : bool
            Return only when no dispatch that began before can still call the probe.

        Raises
        ------
        NotConnectedError
            When it is not connected any more.
        WouldDeadlockError
            With ``wait`` from inside a dispatch; nothing is disconnected then.
        """
        from kit.markers.registry import registry

        registry.disconnect(self, wait=wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.disconnect()
        except NotConnectedError:
            pass  # the block, another thread or an error limit disconnected it: nothing to do

    def __repr__(self) -> str:
        state = f"{self.calls:,} calls" if self.connected else self._state
        errors = f", {self._errors:,} errors" if self._errors else ""
        return f"<Connection {self._label} on {self.marker.name}: {state}{errors}>"

    # What the dispatcher and the registry use.

    @property
    def is_off(self) -> bool:
        """Whether it is left off, by its format or its errors, but not disconnected."""
        return self._state.startswith("off")

    def note_disconnected(self) -> None:
        """Take note that it was disconnected, also where it was off before."""
        self._state = "disconnected"

    def same_closure(self, probe: object, private: object) -> bool:
        """Whether this is the closure (probe equal, private data identical)."""
        return self.private is private and (self.probe is probe or self.probe == probe)

    def note_error(self, error: BaseException) -> bool:
        """Count an exception; return whether the error limit is reached by this one."""
        try:
            text = f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
        except Exception:
            text = type(error).__name__
        self._errors += 1
        if self._first_error is None:
            self._first_error = text
        self._last_error = text
        return self.error_limit is not None and self._errors >= self.error_limit


def label_of(probe: object) -> str:
    """Return the name under which a probe is shown."""
    label = getattr(probe, "kit_label", None)
    if isinstance(label, str):
        return label
    if isinstance(probe, functools.partial):
        return label_of(probe.func)
    for attribute in ("__qualname__", "__name__"):
        label = getattr(probe, attribute, None)
        if isinstance(label, str):
            return label.rsplit("<locals>.", 1)[-1]
    return type(probe).__name__
