"""The trigger: a probe that does something when an event comes."""

from __future__ import annotations

import inspect
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from kit.core import Marker, connect
from kit.core._callables import check_runs
from kit.core._connection import check_options
from kit.core._dispatch.tally import Tally
from kit.core._runtime import stays, unlocked
from kit.errors import NotConnectedError
from kit.probes._handles import connections
from kit.probes._text import html_table
from kit.probes.recorder._stop_windows import completed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from kit.core._format import Format
    from kit.core.typing import Observer, SamplingOptions
    from kit.probes._handles import Handle

__all__ = ["Firing", "Trigger", "trigger"]

LAST: int = -1000
"""The priority of a trigger unless another is given: what records its event has been called."""
_KEPT = 100


class Firing(NamedTuple):
    """The event that set a trigger off.

    Attributes
    ----------
    marker : str
        The marker's name.
    at : int
        When the event was complete, in nanoseconds on the monotonic clock.
    values : dict
        Its fields by name; a span's have ``dur`` and ``error``, too.
    """

    marker: str
    at: int
    values: dict[str, Any]


def trigger(
    pattern: str | Marker,
    action: Callable[..., object] | Sequence[Callable[..., object]],
    when: str | None = None,
    once: bool = False,
    *,
    name: str | None = None,
    priority: int = LAST,
    **filters: Unpack[SamplingOptions],
) -> Trigger:
    """Do something when an event comes.

    Parameters
    ----------
    pattern : str or Marker
        Which marker's events, or a pattern.
    action : callable, or several
        What to do, on the thread of the event, before the program goes on. A method of the kit's
        own, such as ``events.stop``, or one of `kit.probes.actions`; or any function, which is
        called with a `Firing` if it takes an argument. One that takes ``at`` is passed the time of
        the event: ``events.stop`` therefore leaves this event in, and nothing later.
    when : str, optional
        A condition that the event has to meet.
    once : bool
        Whether the first event disarms the trigger.
    name : str, optional
        What it is called in tables.
    priority : int
        Probes of higher priority are called before it.
    **filters
        ``every``, ``limit``, ``per_second`` and ``budget``, as in `Marker.connect`.

    Returns
    -------
    Trigger
        Armed. A ``with`` block disarms it.

    Raises
    ------
    TypeError
        When an action is not a function, or is one that a call alone would not run.
    ConditionError
        When the condition cannot be understood.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("triggered.fill", qty=int)
    >>> events = kit.record("triggered.fill", mode="overwrite")
    >>> stop = kit.trigger("triggered.fill", events.stop, when="qty > 2", once=True)
    >>> for qty in range(10):
    ...     fill(qty)
    >>> events.frame("triggered.fill")["qty"].tolist()
    [0, 1, 2, 3]
    >>> stop
    <Trigger on triggered.fill when qty > 2, once: fired once, disarmed>
    """
    check_options(trigger, filters)
    options = {"priority": priority, "when": when, **filters}
    new = Trigger(pattern, action, once, name, options)
    new.arm()
    return new


class Trigger:
    """Does something when an event comes; made by `kit.trigger`.

    Attributes
    ----------
    pattern : str
        Which markers' events.
    when : str or None
        The condition.
    once : bool
        Whether the first event disarms it.
    actions : tuple of callable
        What it does.
    fired : int
        How often it has.
    firings : deque of Firing
        The newest events that set it off, at most 100.
    observer : None
        It is a probe of the kit's own, and observes no dispatches.
    """

    def __init__(
        self,
        pattern: str | Marker,
        action: Callable[..., object] | Sequence[Callable[..., object]],
        once: bool,
        name: str | None,
        options: dict[str, Any],
    ) -> None:
        given: list[Any] = list(action) if isinstance(action, list | tuple) else [action]
        if not given or not all(map(callable, given)):
            raise TypeError(f"a trigger's action is a function, or several; got {action!r}")
        for each in given:
            check_runs(each, "a trigger's action")
        self.observer: Observer | None = None
        self.pattern = pattern.name if isinstance(pattern, Marker) else pattern
        self.when: str | None = options.get("when")
        self.once = once
        self.actions: tuple[Callable[..., object], ...] = tuple(given)
        self.kit_label = name or "trigger"
        self._fired = Tally()
        self._failed = Tally()
        self.firings: deque[Firing] = deque(maxlen=_KEPT)
        self._options = options
        self._run = [_caller(each) for each in given]
        self._handle: Handle | None = None
        self._earlier: list[Handle] = []
        self._places: list[None] = []

    # Arming.

    @property
    def armed(self) -> bool:
        """Whether an event would set it off."""
        return self._handle is not None and self._handle.connected

    @property
    def handle(self) -> Handle | None:
        """What connects it; None while it is disarmed."""
        return self._handle

    def arm(self) -> None:
        """Let events set it off; armed already, do nothing."""
        if self.armed:
            return
        # The place of the one time that it may fire: taking it is one operation, whoever is first.
        self._places = [None]
        self._handle = connect(self.pattern, self, **self._options)
        self._earlier.append(self._handle)

    def disarm(self) -> None:
        """Let no event set it off; disarmed already, do nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            try:
                handle.disconnect()
            except NotConnectedError:
                pass  # its limit, or somebody else, was faster

    def __enter__(self) -> Self:
        self.arm()
        return self

    def __exit__(self, *exc: object) -> None:
        self.disarm()

    # Firing.

    def native(self, marker: Marker, format: Format) -> Callable[[int, int, tuple[Any, ...]], None]:
        """Return what the dispatcher calls for this marker."""
        name, is_span = marker.name, format.is_span
        fields = (*(("dur", "error") if is_span else ()), *format.names)

        def write(ident: int, ts: int, args: tuple[Any, ...]) -> None:  # noqa: ARG001
            try:
                firing = Firing(
                    name, completed(ts, args, is_span), dict(zip(fields, args, strict=False))
                )
                if self.once:
                    try:
                        del self._places[-1]
                    except IndexError:
                        return
            except BaseException:  # it has not been set off
                self._failed.n += 1
                raise
            # Without a call, as above: no signal handler comes between a place and its count.
            if unlocked:
                self._fired.up()
            else:
                self._fired.n += 1
            self._fire(firing)

        return write

    def _fire(self, firing: Firing) -> None:
        self.firings.append(firing)
        if self.once:
            self.disarm()
        failed: list[Exception] = []
        for run in self._run:
            try:
                run(firing)
            except Exception as error:  # noqa: BLE001 - the other actions are made all the same
                failed.append(error)
        if failed:
            raise failed[0]  # counted on the connection, as any probe's

    # What is shown.

    @property
    def fired(self) -> int:
        """How many events have set it off."""
        return self._fired.n

    @property
    def failed(self) -> int:
        """How many events could not be judged: its condition failed, or there was no memory."""
        unjudged = (
            each.filtered_by.get("failed", 0) + each.not_begun
            for each in connections(self._earlier)
        )
        return self._failed.n + sum(unjudged)

    @property
    def last(self) -> Firing | None:
        """The newest event that set it off."""
        return self.firings[-1] if self.firings else None

    @property
    def errors(self) -> int:
        """How often an action failed."""
        return sum(handle.errors for handle in self._earlier)

    @property
    def last_error(self) -> str | None:
        """With what an action failed the last time."""
        return next((h.last_error for h in reversed(self._earlier) if h.last_error), None)

    def describe(self) -> dict[str, Any]:
        """Return it as plain JSON data: what it waits for, how often it fired, and on what."""
        return {
            "pattern": self.pattern,
            "when": self.when,
            "once": self.once,
            "actions": [_described(action) for action in self.actions],
            "fired": self.fired,
            "failed": self.failed,
            "errors": self.errors,
            "last_error": self.last_error,
            "firings": [
                {
                    "marker": firing.marker,
                    "at": firing.at,
                    "values": {name: f"{value!r:.200}" for name, value in firing.values.items()},
                }
                for firing in self.firings.copy()
            ],
        }

    def _words(self) -> tuple[str, str, str]:
        times = "once" if self.fired == 1 else f"{self.fired:,} times"
        failed = f", {self.errors:,} failed" if self.errors else ""
        if self.failed:
            failed += f", {self.failed:,} events not judged"
        state = "armed" if self.armed else "disarmed"
        when = f" when {self.when}" if self.when else ""
        return when, f"{f'fired {times}' if self.fired else 'never fired'}{failed}", state

    __reduce__ = stays("pickle its firings, or make another one where it is wanted")

    def __repr__(self) -> str:
        when, fired, state = self._words()
        once = ", once" if self.once else ""
        return f"<Trigger on {self.pattern}{when}{once}: {fired}, {state}>"

    def _repr_html_(self) -> str:
        when, fired, state = self._words()
        rows = [
            ("on", self.pattern + (", once" if self.once else "")),
            ("when", when.removeprefix(" when ") or "always"),
            ("does", ", ".join(map(_described, self.actions))),
            ("state", state),
            ("fired", fired),
            ("last error", self.last_error or "none"),
        ]
        if self.last is not None:
            pairs = (f"{key}={value!r:.60}" for key, value in self.last.values.items())
            rows.append(("last event", f"{self.last.marker}  {' '.join(pairs)}"))
        return html_table(rows)


def _described(action: Callable[..., object]) -> str:
    owner = getattr(action, "__self__", None)
    name = getattr(action, "__name__", None)
    if owner is not None and name is not None:
        return f"{type(owner).__name__.lower()}.{name}"
    return str(getattr(action, "kit_label", None) or name or type(action).__name__)


def _caller(action: Callable[..., object]) -> Callable[[Firing], object]:
    """Return how an action is called: with what it takes."""
    try:
        parameters = list(inspect.signature(action).parameters.values())
    except (TypeError, ValueError):
        return lambda firing: action()  # noqa: ARG005 - nobody knows what it takes
    for parameter in parameters:
        if parameter.name == "at" and parameter.kind is parameter.KEYWORD_ONLY:
            return lambda firing: action(at=firing.at)
    required = [
        parameter
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(required) > 1 or any(
        each.kind is each.KEYWORD_ONLY and each.default is each.empty for each in parameters
    ):
        raise TypeError(
            f"a trigger calls its action with one argument, the firing, or with none; "
            f"{_described(action)} takes more"
        )
    if required or any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return action
    return lambda firing: action()  # noqa: ARG005
