"""The tools of a panel that can be told what to do: aggregate and trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kit.probes._trigger import LAST, Trigger
from kit.probes.aggregates._aggregate import prepared
from kit.widgets.asked import EVENTS, numbers
from kit.widgets.choices import Choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.core import Connection, Marker
    from kit.probes.aggregates import Aggregate
    from kit.widgets.asked import Asked

__all__ = ["TOOLS", "aggregate", "switch_off", "switch_on", "trigger", "value_of"]

TOOLS: Final = ("aggregate", "trigger")
"""Keys of the choices whose probes start and stop by themselves."""


def value_of(marker: Marker, asked: Asked) -> str:
    """Return of which field a marker's aggregate is; `EVENTS` for none.

    Examples
    --------
    >>> import kit
    >>> from kit.widgets.asked import Asked
    >>> value_of(kit.span("tools.query", rows=int), Asked())
    'dur'
    """
    found = numbers(marker)
    if asked.value in (EVENTS, *found):
        return asked.value
    return found[0] if found else EVENTS


def _aggregate(marker: Marker, asked: Asked) -> Aggregate:
    value = value_of(marker, asked)
    return prepared(
        marker,
        None if value == EVENTS else value,
        (asked.by,) if asked.by else (),
        histogram=None if value == EVENTS else "log2",
        name="aggregate",
        **asked.options(),
    )


def aggregate() -> Choice:
    """Return the choice that aggregates."""
    hint = "counts, adds up and draws a histogram, see the tab Aggregates"
    return Choice("aggregate", "aggregate", hint, _never, tool=_aggregate)


def trigger(action: Callable[[str], Callable[..., object]]) -> Choice:
    """Return the choice that waits for an event and does something then.

    Parameters
    ----------
    action : callable
        Returns what is done, by its key.
    """

    def make(marker: Marker, asked: Asked) -> Trigger:
        options = {"priority": LAST, "when": None, **asked.options()}
        return Trigger(marker, action(asked.action), asked.once, "trigger", options)

    hint = "does something when an event comes, such as to stop recording at it"
    return Choice("trigger", "trigger", hint, _never, tool=make)


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
