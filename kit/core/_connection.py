"""The handle of a connected closure; names, patterns and options that are refused."""

from __future__ import annotations

import functools
from operator import methodcaller

from kit.core._callables import (
    AnyProbe,
    compares,
    is_native,
    label_of,
    not_begun,
    same_probe,
    undone,
)
from kit.core._dispatch.tally import Moment, Stub, Tally, between
from kit.core._publication.grace import synchronize
from kit.core._reporting import complain
from kit.core._runtime import home, stays
from kit.errors import FormatError, NotConnectedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Final, Self

    from kit.core._format import Format
    from kit.core._marker import Marker
    from kit.core.typing import Filter


__all__ = [
    "FILTERS",
    "NO_PRIVATE",
    "Connection",
    "check_name",
    "check_option",
    "check_options",
    "is_pattern",
    "matches",
]


class _NoPrivate:
    __slots__ = ()

    def __reduce__(self) -> str:
        return "NO_PRIVATE"  # compared by identity: the one of the process that it comes to

    def __repr__(self) -> str:
        return "<no private data>"


NO_PRIVATE: Final = _NoPrivate()
"""The private data of a closure that has none; ``None`` is real private data."""

DEFAULT_PRIORITY: Final = 10
DEFAULT_ERROR_LIMIT: Final = 100
_LONGEST_ERROR: Final = 1000


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
    when : str or None
        The condition that events have to meet.
    """

    __slots__ = (
        "__weakref__",
        "_asked",
        "_asks_for_more",
        "_call",
        "_compares",
        "_errors",
        "_filter",
        "_first_error",
        "_last_error",
        "_left_out",
        "_missed",
        "_name_is_default",
        "_native",
        "_not_begun",
        "_order",
        "_ranges",
        "_state",
        "_stub",
        "_told",
        "error_limit",
        "marker",
        "name",
        "priority",
        "private",
        "probe",
        "when",
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
        filtering: Filter | None = None,
    ) -> None:
        self.marker = marker
        self.probe = probe
        self.private = private
        self._compares = compares(probe)
        self.name = name
        self._name_is_default = name_is_default
        self.priority = priority
        self.error_limit = error_limit
        self._asked = asked
        self._order = order
        self._state = "new"
        # What the arrays hold, made once. A native probe is asked at each array, for the format.
        self._native = probe if is_native(probe) else None
        self._call: Callable[..., object] = probe  # type: ignore[assignment] # unless native
        if private is not NO_PRIVATE:
            self._call = functools.partial(self._call, private)
        # Both are made here so that taking the closure out of an array needs no memory.
        self._stub = Stub()
        self._not_begun = Tally()
        self.when = None if filtering is None else filtering.when
        self._filter = None if filtering is None else filtering.for_connection(self)
        self._asks_for_more = self._native is not None or self._filter is not None
        self._missed = Tally()
        # From when to when it was in the marker's array; the last one may be open.
        self._ranges: tuple[tuple[Moment, Moment | None], ...] = ()
        self._left_out = Tally()
        self._errors = Tally()
        self._first_error: str | None = None
        self._last_error: str | None = None
        # Whether somebody was told that what it returns never runs.
        self._told = False

    @property
    def label(self) -> str:
        """The name to show: its own, or the probe's."""
        return self.name or label_of(self.probe)

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
        left_out = self._missed.n + self._stub.n + self._left_out.n + self.filtered
        now = self.marker._dispatches.now
        return sum(between(since, until or now) for since, until in self._ranges) - left_out

    @property
    def filtered(self) -> int:
        """How many events its condition, sampling, limit or budget kept from the probe."""
        return 0 if self._filter is None else self._filter.filtered

    @property
    def filtered_by(self) -> dict[str, int]:
        """How many for which reason, for those that there were.

        ``condition`` was not met; ``failed`` raised; ``every``, ``limit``, ``per_second`` and
        ``budget`` are the options of these names.
        """
        return {} if self._filter is None else self._filter.reasons

    @property
    def first_failure(self) -> str | None:
        """Why its condition could not be evaluated, the first time that it could not, as text."""
        return None if self._filter is None else self._filter.first_failure

    @property
    def errors(self) -> int:
        """How many of its calls raised an exception."""
        return self._errors.n

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
        return self._left_out.n

    @property
    def not_begun(self) -> int:
        """How many events a probe of the kit's own could not even begin to account for."""
        return self._not_begun.n

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
        try:
            home.registry.disconnect(self, wait=wait)
        except MemoryError:
            self._fall_silent()  # whatever there was no memory for
            if wait:
                synchronize()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.disconnect()
        except NotConnectedError:
            pass  # the block, another thread or an error limit disconnected it: nothing to do

    __reduce__ = stays("connect its probe where it is wanted")

    def __repr__(self) -> str:
        state = f"{self.calls:,} calls" if self.connected else self._state
        errors = f", {self.errors:,} errors" if self.errors else ""
        filtered = f", {self.filtered:,} filtered" if self.filtered else ""
        return f"<Connection {self.label} on {self.marker.name}: {state}{filtered}{errors}>"

    # What the dispatcher and the registry use.

    @property
    def _is_off(self) -> bool:
        """Whether it is left off, by its format or its errors, but not disconnected."""
        return self._state.startswith("off")

    def _fall_silent(self) -> None:
        """Be disconnected in place, which needs no memory; the next update drops the stub."""
        if self._state == "connected":
            self._state = "disconnected"
        array = self.marker._array
        if array is not None:
            array.neutralise(self)

    def _enter_array(self, now: Moment) -> None:
        """Take note that it is in the array that is about to be published."""
        self._state = "connected"
        self._ranges = (*self._ranges, (now, None))
        # A recorder wants to know what it is not called for, and only its connections count that.
        if self._native is not None:
            entered = getattr(self._native, "entered", None)
            if entered is not None:
                entered(self)

    def _leave_array(self, now: Moment) -> None:
        """Take note that it is not in the array that is about to be published."""
        ranges = self._ranges
        self._ranges = (*ranges[:-1], (ranges[-1][0], now))

    def _note_disconnected(self) -> None:
        """Take note that it was disconnected, also where it was off before."""
        self._state = "disconnected"

    def _same_closure(self, probe: object, private: object) -> bool:
        """Tell whether this is the closure (the same probe, private data identical)."""
        return self.private is private and same_probe(self.probe, probe)

    def _note_returned(self, result: object) -> None:
        """Look at what the probe returned, and nobody else holds: say once that it will not run."""
        what = undone(result)
        if what is None:
            return
        if not self._told:
            self._told = True
            complain(f"probe {self.label} on marker {self.marker.name!r} returned {what}")
        if not_begun(result):
            result.close()  # type: ignore[attr-defined] # else Python warns, once an event

    def _note_error(self, error: BaseException) -> bool:
        """Count an exception; return whether the error limit is reached by this one."""
        try:
            text = f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
        except Exception:
            text = type(error).__name__
        errors = self._errors.up()
        if self._first_error is None:
            self._first_error = text
        self._last_error = text
        return self.error_limit is not None and errors >= self.error_limit


def is_pattern(name: str) -> bool:
    """Tell whether a name holds a wildcard (``*``, ``?`` or ``[``)."""
    return any(character in name for character in "*?[")


def matches(name: str, pattern: str) -> bool:
    """Tell whether a marker's name matches a pattern, by the rules of the shell, case counting."""
    from fnmatch import fnmatchcase  # only now: a program without patterns need not wait for it

    return fnmatchcase(name, pattern)


def matcher(pattern: str) -> Callable[[str], object]:
    """Return a function that matches names as `matches` does, for whoever asks often.

    Examples
    --------
    >>> bool(matcher("orders.*")("orders.fill")), bool(matcher("*.fill")("orders.kill"))
    (True, False)
    """
    if pattern.endswith("*") and not is_pattern(pattern[:-1]):
        return methodcaller("startswith", pattern[:-1])  # as most do, and nothing is compiled
    import re
    from fnmatch import translate

    return re.compile(translate(pattern)).match


def check_name(name: object) -> None:
    """Refuse what cannot be a marker's name."""
    if not isinstance(name, str):
        if callable(name) or hasattr(type(name), "__get__"):
            raise FormatError(
                f"a marker's name must be text, got {label_of(name)}; a span decorates as "
                '@kit.span("its.name"), with its name, and a probe is connected by @marker.probe'
            )
        raise FormatError(f"a marker's name must be text, got {name!r}")
    if not name or is_pattern(name) or "]" in name or any(c.isspace() for c in name):
        raise FormatError(
            f"{name!r} cannot be a marker's name: it must not be empty, "
            "hold white space or any of * ? [ ]"
        )


FILTERS: Final = ("when", "every", "limit", "per_second", "budget")
"""The options that say which events reach a probe."""
_FILTERS: Final = frozenset(FILTERS)


def check_options(called: Any, options: Iterable[str]) -> None:
    """Refuse an option that a function does not have, and name the one that is most like it.

    Parameters
    ----------
    called : function
        The one that was called. It has its own parameters, and those of `FILTERS`.
    options : iterable of str
        What it was given by keyword beside its own parameters.
    """
    if _FILTERS.issuperset(options):
        return
    for option in options:
        code = called.__code__
        known = [*FILTERS, *code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]]
        if option not in known:
            from difflib import get_close_matches  # which takes as long to import as the kit

            near = get_close_matches(option, [each for each in known if each != "self"], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{called.__name__}() has no option {option!r}{hint}")


def check_option(option: str, value: object, kind: Any) -> None:
    """Refuse an option of a wrong type."""
    if not isinstance(value, kind):
        raise TypeError(f"{option} cannot be {value!r}")
