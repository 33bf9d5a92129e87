"""The probes that a panel offers, and whether one of them fits a marker."""

from __future__ import annotations

import inspect
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kit.core._callables import ASYNC_GENERATOR, COROUTINE, GENERATOR, code_flags
from kit.probes._basic import Count, Print, Time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kit.core import Marker
    from kit.widgets.asked import Asked

__all__ = ["READY", "Choice", "own", "own_functions"]


@dataclass(frozen=True, slots=True)
class Choice:
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
    tool: Callable[[Marker, Asked], Any] | None = None

    def probe(self, marker: Marker, asked: Asked) -> Any:
        """Return the probe for a marker.

        Parameters
        ----------
        marker : Marker
        asked : Asked
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


READY: Final = (
    Choice("count", "count", "counts the events", Count),
    Choice("print", "print", "prints up to ten events a second", Print),
    Choice("time", "time", "durations of a span, gaps between events of a marker", Time),
)
"""Probes for any marker; *record* is a panel's own, for it needs the panel's recorder."""


def own(function: Callable[..., object], name: str | None = None) -> Choice:
    """Make a choice of a user's function.

    Parameters
    ----------
    function : callable
        Called as ``function(*fields)``, for a span ``function(dur, error, *fields)``.
    name : str, optional
        What to call it, by default its own name.

    Returns
    -------
    Choice

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
    return Choice(
        f"own:{label}", label, first_line or "a function of yours", _giving(function), function
    )


def _giving(function: Callable[..., object]) -> Callable[[], Callable[..., object]]:
    return lambda: function


def own_functions(
    given: Iterable[Callable[..., object]], namespace: Mapping[str, Any]
) -> dict[str, Choice]:
    """Find the functions that a user may want to connect.

    Parameters
    ----------
    given : iterable of callable
        Those that were handed to the panel; they come first.
    namespace : mapping
        The user's names; functions defined in ``__main__`` under a public name are taken.

    Returns
    -------
    dict of str to Choice
        By key.

    Examples
    --------
    >>> list(own_functions([len], {"print": print, "x": 1}))
    ['own:len']
    """
    found: dict[str, Choice] = {}
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
