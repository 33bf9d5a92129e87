"""What a name in a condition or an aggregate stands for, on one marker."""

from __future__ import annotations

from threading import get_native_id
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kit.core._format import Label
from kit.probes._context import CONTEXT

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.core._format import FieldType, Format

__all__ = ["Place", "known_names", "places"]

COMMON: Final = ("ts", "dur", "marker", "error", "tid", "seq")
"""The names of the columns that every event has; a field of such a name is shown as ``ts_``."""


class Place(NamedTuple):
    """Where a value is found: one of the three is given.

    Attributes
    ----------
    argument : int or None
        Which argument of a probe.
    function : callable or None
        What has to be asked, for the context.
    constant : str or None
        The value, where it is the same for all events of a marker.
    type : type
        What it is declared to be.
    """

    argument: int | None = None
    function: Callable[[], Any] | None = None
    constant: str | None = None
    type: FieldType = str

    def code(self, scope: dict[str, Any], arguments: Callable[[int], str]) -> str:
        """Return the source of the value; what it needs is put into the scope."""
        if self.argument is not None:
            return arguments(self.argument)
        name = f"place{len(scope)}"
        scope[name] = self.constant if self.function is None else self.function
        return name if self.function is None else f"{name}()"


def places(name: str, format: Format | None) -> dict[str, Place]:
    """Return what each name stands for on a marker.

    The marker's own fields come first. ``dur`` and ``error`` are a span's; then ``marker``,
    ``tid`` and the context. A field with the name of a common column may be written with the
    underscore that its column has, so that the same text is good for events and for frames.

    Parameters
    ----------
    name : str
        The marker's name.
    format : Format or None

    Returns
    -------
    dict of str to Place
    """
    found: dict[str, Place] = {}
    if format is not None:
        shift = 2 if format.is_span else 0
        if format.is_span:
            found["dur"] = Place(0, type=int)
            found["error"] = Place(1, type=Label)
        taken = {*COMMON, *CONTEXT}
        for number, field in enumerate(format.fields, shift):
            place = Place(number, type=field.type)
            found.setdefault(field.name, place)
            if field.name in taken:
                shown = field.name + "_"
                while shown in taken or shown in format.names:
                    shown += "_"
                found[shown] = place
    found.setdefault("marker", Place(constant=name, type=Label))
    found.setdefault("tid", Place(function=get_native_id, type=int))
    for each, context in CONTEXT.items():
        found.setdefault(each, Place(function=context.function, type=context.type))
    return found


def known_names(name: str, format: Format | None) -> list[str]:
    """Return the names to show somebody who has mistyped one, the marker's own fields first."""
    return list(places(name, format))
