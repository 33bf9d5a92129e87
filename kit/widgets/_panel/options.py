"""What the reader asks of one probe on one marker: which events, and what a tool does with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from kit.errors import ConditionError
from kit.probes.filters._filter import make_filter
from kit.probes.filters._operands import operands

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kit.core import Marker
    from kit.core._format import Format

__all__ = [
    "EVENTS",
    "SAMPLINGS",
    "ConditionProblem",
    "ProbeOptions",
    "Sampling",
    "keys",
    "numbers",
    "wrong",
]

EVENTS: Final = "*"
"""Stands for no field at all: an aggregate counts events only."""

_CONTEXT_KEYS: Final = ("thread", "task", "cpu", "function")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many of the events reach a probe.

    Attributes
    ----------
    key : str
        What it is known by; empty for all of them.
    label : str
        What it is called in the panel.
    options : mapping
        What `Marker.connect` is given.
    """

    key: str
    label: str
    options: Mapping[str, Any] = field(default_factory=dict)


SAMPLINGS: Final = {
    each.key: each
    for each in (
        Sampling("", "all"),
        Sampling("every=10", "1 in 10", {"every": 10}),
        Sampling("every=100", "1 in 100", {"every": 100}),
        Sampling("every=1000", "1 in 1,000", {"every": 1000}),
        Sampling("per_second=10", "10/s", {"per_second": 10}),
        Sampling("per_second=100", "100/s", {"per_second": 100}),
        Sampling("limit=1", "the first", {"limit": 1}),
        Sampling("limit=100", "first 100", {"limit": 100}),
        Sampling("budget=0.01", "1 % time", {"budget": 0.01}),
        Sampling("budget=0.1", "10 % time", {"budget": 0.1}),
    )
}
"""What can be chosen in the panel, by key."""


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """What was asked of a probe.

    Attributes
    ----------
    when : str
        A condition; empty for none.
    often : str
        A key of `SAMPLINGS`.
    value : str
        Of which field an aggregate is; `EVENTS` for none, empty for the one that is most likely.
    by : str
        What makes an aggregate's keys; empty for nothing.
    action : str
        What a trigger does.
    once : bool
        Whether a trigger's first event disarms it.

    Examples
    --------
    >>> ProbeOptions("dur > 10 ms", "every=10").options()
    {'when': 'dur > 10 ms', 'every': 10}
    """

    when: str = ""
    often: str = ""
    value: str = ""
    by: str = ""
    action: str = "stop"
    once: bool = True

    def options(self) -> dict[str, Any]:
        """Return what `Marker.connect` is given."""
        when = {"when": self.when} if self.when else {}
        return {**when, **SAMPLINGS[self.often].options}


@dataclass(frozen=True, slots=True)
class ConditionProblem:
    """A condition that was typed in and cannot be understood.

    Attributes
    ----------
    text : str
        As it was typed.
    why : str
        What is wrong with it.
    position : int
        Where, from 0.
    """

    text: str
    why: str
    position: int


def wrong(text: str, markers: Iterable[Marker]) -> ConditionProblem | None:
    """Say what is wrong with a condition for some markers; None if nothing is.

    Examples
    --------
    >>> import kit
    >>> query = kit.span("asked.query", rows=int)
    >>> wrong("dur > 10 ms", [query])
    >>> wrong("dur >", [query]).position
    5
    """
    if not text:
        return None
    try:
        make_filter([(marker.name, marker.format) for marker in markers], when=text)
    except ConditionError as error:
        return ConditionProblem(text, error.why, error.position)
    return None


def numbers(marker: Marker) -> list[str]:
    """Return the fields that can be added up; first the one that is most likely meant.

    Examples
    --------
    >>> import kit
    >>> numbers(kit.span("asked.fill", qty=int, px=float, sym=str)), numbers(kit.marker("asked.no"))
    (['dur', 'px', 'qty'], [])
    """
    return [] if marker.format is None else [*_choices(marker.format)[0]]


def keys(marker: Marker) -> list[str]:
    """Return what an aggregate's keys can be made of.

    Examples
    --------
    >>> import kit
    >>> keys(kit.marker("asked.sold", qty=int, sym=str))
    ['sym', 'qty', 'thread', 'task', 'cpu', 'function']
    """
    return [*(_CONTEXT_KEYS if marker.format is None else _choices(marker.format)[1])]


@lru_cache(1000)
def _choices(format: Format) -> tuple[list[str], list[str]]:
    """Return of which fields there can be a sum, and what a key can be made of.

    It is asked for in every row of every update.
    """
    known = operands("", format)
    counted = [name for name in format.names if known[name].type in (int, float, bool)]
    counted.sort(key=lambda name: known[name].type is not float)
    text = [name for name in format.names if name not in counted]
    whole = [name for name in format.names if known[name].type in (int, bool)]
    others = [name for name in _CONTEXT_KEYS if name not in (*text, *whole)]
    return ["dur", *counted] if format.is_span else counted, [*text, *whole, *others]
