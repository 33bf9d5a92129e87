"""The probes and tools that a panel offers, and whether one of them fits a marker."""

from __future__ import annotations

import inspect
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kit.core._callables import ASYNC_GENERATOR, COROUTINE, GENERATOR, code_flags
from kit.probes import READY_MADE
from kit.probes._trigger import LAST, Trigger
from kit.probes.aggregates._aggregate import Aggregate
from kit.widgets._panel.options import EVENTS, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kit.core import Connection, Marker
    from kit.widgets._panel.options import ProbeOptions


__all__ = [
    "READY",
    "TOOLS",
    "ProbeChoice",
    "aggregate",
    "own",
    "own_functions",
    "switch_off",
    "switch_on",
    "trigger",
    "value_of",
]


@dataclass(frozen=True, slots=True)
class ProbeChoice:
    """A probe that can be connected to any number of markers.

    Attributes
    ----------
    key : str
        What it is known by: ``"count"``, ``"own:on_fill"``.
    label : str
        What it is called in the panel and on every plot.
    hint : str
        One sentence on what it does.
    make : callable
        Returns the probe for a marker; a new one for each, where a probe keeps numbers.
    function : callable or None
        The user's function, where it is one.
    tool : callable or None
        Returns the probe for a marker and what was asked of it, where it is one that can be told
        what to do.
    """

    key: str
    label: str
    hint: str
    make: Callable[[], Any]
    function: Callable[..., object] | None = None
    tool: Callable[[Marker, ProbeOptions], Any] | None = None

    def probe(self, marker: Marker, asked: ProbeOptions) -> Any:
        """Return the probe for a marker.

        Parameters
        ----------
        marker : Marker
        asked : ProbeOptions
            What the reader asked of it.

        Returns
        -------
        callable
        """
        return self.make() if self.tool is None else self.tool(marker, asked)

    def misfit(self, marker: Marker) -> str:
        """Tell why it cannot be connected to a marker; empty if it can.

        Parameters
        ----------
        marker : Marker

        Returns
        -------
        str
            One clause, such as ``"takes 2 arguments, orders.fill passes 3"``.

        Examples
        --------
        >>> import kit
        >>> fill = kit.marker("choices.fill", qty=int, px=float)
        >>> own(lambda qty: None, "on_fill").misfit(fill)
        'takes other arguments than choices.fill passes: (qty, px)'
        """
        if self.function is None or marker.format is None:
            return ""
        flags = code_flags(self.function)
        if flags & (COROUTINE | ASYNC_GENERATOR):
            return "is a coroutine function, which a marker cannot wait for"
        if flags & GENERATOR:
            return "is a generator function, of which a call runs nothing"
        try:
            signature = inspect.signature(self.function)
        except Exception:  # noqa: BLE001 - written in C, or whatever its own attributes raise
            return ""  # it will tell when it is called
        try:
            signature.bind(*range(marker.format.arity))
        except TypeError:
            passed = (("dur", "error") if marker.format.is_span else ()) + marker.format.names
            return f"takes other arguments than {marker.name} passes: ({', '.join(passed)})"
        return ""


def _ready(probe: type[Any]) -> ProbeChoice:
    first_line = (inspect.getdoc(probe) or "").partition("\n")[0]
    hint = first_line[:1].lower() + first_line[1:].rstrip(".")
    return ProbeChoice(probe.kit_label, probe.kit_label, hint, probe)


READY: Final = tuple(map(_ready, READY_MADE))
"""Probes for any marker; *record* is a panel's own, for it needs the panel's recorder."""


def own(function: Callable[..., object], name: str | None = None) -> ProbeChoice:
    """Make a choice of a user's function.

    Parameters
    ----------
    function : callable
        Called as ``function(*fields)``, for a span ``function(dur, error, *fields)``.
    name : str, optional
        What to call it, by default its own name.

    Returns
    -------
    ProbeChoice

    Raises
    ------
    TypeError
        If `function` cannot be called.

    Examples
    --------
    >>> own(print).key
    'own:print'
    """
    if not callable(function):
        raise TypeError(f"a probe must be callable, got {function!r}")
    label, first_line = type(function).__name__, ""
    try:
        label = getattr(function, "__name__", None) or label
        first_line = (inspect.getdoc(function) or "").partition("\n")[0]
    except Exception:  # noqa: BLE001 - whatever its own attributes raise
        pass
    label = str(name or label)
    return ProbeChoice(
        f"own:{label}", label, first_line or "a function of yours", _giving(function), function
    )


def _giving(function: Callable[..., object]) -> Callable[[], Callable[..., object]]:
    return lambda: function


def own_functions(
    given: Iterable[Callable[..., object]], namespace: Mapping[str, Any]
) -> dict[str, ProbeChoice]:
    """Find the functions that a user may want to connect.

    Parameters
    ----------
    given : iterable of callable
        Those that were handed to the panel; they come first.
    namespace : mapping
        The user's names; functions defined in ``__main__`` under a public name are taken.

    Returns
    -------
    dict of str to ProbeChoice
        By key.

    Examples
    --------
    >>> list(own_functions([len], {"print": print, "x": 1}))
    ['own:len']
    """
    found: dict[str, ProbeChoice] = {}
    for function in given:
        choice = own(function)
        if choice.key in found:  # two lambdas, or two methods of one name
            choice = own(function, f"{choice.label} {len(found) + 1}")
        found[choice.key] = choice
    for name, value in sorted(namespace.copy().items() if isinstance(namespace, dict) else ()):
        if name.startswith("_") or not isinstance(value, types.FunctionType):
            continue
        if value.__module__ == "__main__" and f"own:{name}" not in found:
            found[f"own:{name}"] = own(value, name)
    return found


TOOLS: Final = ("aggregate", "trigger")
"""Keys of the choices whose probes start and stop by themselves."""


def value_of(marker: Marker, asked: ProbeOptions) -> str:
    """Return of which field a marker's aggregate is; `EVENTS` for none.

    Examples
    --------
    >>> import kit
    >>> from kit.widgets._panel.options import ProbeOptions
    >>> value_of(kit.span("tools.query", rows=int), ProbeOptions())
    'dur'
    """
    found = numbers(marker)
    if asked.value in (EVENTS, *found):
        return asked.value
    return found[0] if found else EVENTS


def _aggregate(marker: Marker, asked: ProbeOptions) -> Aggregate:
    value = value_of(marker, asked)
    return Aggregate(
        marker,
        None if value == EVENTS else value,
        (asked.by,) if asked.by else (),
        histogram=None if value == EVENTS else "log2",
        name="aggregate",
        **asked.options(),
    )


def aggregate() -> ProbeChoice:
    """Return the choice that aggregates."""
    hint = "counts, adds up and draws a histogram, see the tab Aggregates"
    return ProbeChoice("aggregate", "aggregate", hint, _never, tool=_aggregate)


def trigger(action: Callable[[str], Callable[..., object]]) -> ProbeChoice:
    """Return the choice that waits for an event and does something then.

    Parameters
    ----------
    action : callable
        Returns what is done, by its key.
    """

    def make(marker: Marker, asked: ProbeOptions) -> Trigger:
        options = {"priority": LAST, "when": None, **asked.options()}
        return Trigger(marker, action(asked.action), asked.once, "trigger", options)

    hint = "does something when an event comes, such as to stop recording at it"
    return ProbeChoice("trigger", "trigger", hint, _never, tool=make)


def _never() -> Any:
    raise TypeError("a tool is made for a marker")


def switch_on(probe: Aggregate | Trigger) -> Connection:
    """Let a tool of one marker begin; return its connection."""
    handle: Any
    if isinstance(probe, Trigger):
        probe.arm()
        handle = probe.handle
    else:
        probe.start()
        [handle] = probe.handles
    connection: Connection = handle
    return connection


def switch_off(probe: Aggregate | Trigger) -> None:
    """Let a tool end."""
    if isinstance(probe, Trigger):
        probe.disarm()
    else:
        probe.stop()
