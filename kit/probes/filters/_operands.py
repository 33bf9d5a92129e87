"""What a name in a condition or an aggregate stands for, on one marker."""

from __future__ import annotations

from threading import get_native_id
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kit.core._format import Label, column_names
from kit.probes._context import CONTEXT

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.core._format import FieldType, Format

__all__ = ["MISSING", "Operand", "known_names", "operands"]


class Operand(NamedTuple):
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
        name = f"operand{len(scope)}"
        scope[name] = self.constant if self.function is None else self.function
        return name if self.function is None else f"{name}()"

    def for_c(self) -> tuple[str, Any]:
        """Return it as C takes it: an argument, a function that is asked, or a constant."""
        if self.argument is not None:
            return "a", self.argument
        return ("c", self.constant) if self.function is None else ("f", self.function)


MISSING: Final = Operand()
"""Stands for a name that a marker has not."""


def operands(name: str, format: Format | None) -> dict[str, Operand]:
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
    dict of str to Operand
    """
    found: dict[str, Operand] = {}
    if format is not None:
        shift = 2 if format.is_span else 0
        if format.is_span:
            found["dur"] = Operand(0, type=int)
            found["error"] = Operand(1, type=Label)
        columns = column_names(format.names, CONTEXT)
        for number, (field, column) in enumerate(zip(format.fields, columns, strict=True), shift):
            operand = Operand(number, type=field.type)
            found.setdefault(field.name, operand)
            found[column] = operand
    found.setdefault("marker", Operand(constant=name, type=Label))
    found.setdefault("tid", Operand(function=get_native_id, type=int))
    for each, context in CONTEXT.items():
        found.setdefault(each, Operand(function=context.function, type=context.type))
    return found


def known_names(name: str, format: Format | None) -> list[str]:
    """Return the names to show somebody who has mistyped one, the marker's own fields first."""
    return list(operands(name, format))
