"""What a recorder is asked for, and in strict mode what it is given, checked."""

from __future__ import annotations

import operator
import sys
from typing import TYPE_CHECKING, Any, Final

from kit.markers.accounting import begun
from kit.markers.format import Label
from kit.markers.mode import mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kit.markers.format import Format

    Writer = Callable[[int, int, tuple[Any, ...]], None]

__all__ = ["KINDS", "columns", "fits", "plain", "strictly", "whole"]

KINDS: Final[dict[type, str]] = {int: "d", float: "f", bool: "b", str: "s", Label: "k"}
"""A letter for each type of a field."""

MOST_EVENTS: Final = 1 << 48
"""What nobody has room for; a product of it and the size of an event still has 64 bits."""

_INT64: Final = range(-(1 << 63), 1 << 63)


def whole(number: int, what: str = "capacity") -> int:
    """Return a number of events, or say what is wrong with it."""
    try:
        whole = 0 if isinstance(number, bool) else operator.index(number)
    except TypeError:
        whole = 0
    if not 1 <= whole <= MOST_EVENTS:
        raise ValueError(
            f"{what} is how many events to keep, a whole number of at least 1 and at most "
            f"{MOST_EVENTS:,}; got {number!r}"
        )
    return whole


def plain(kind: str, value: object) -> object:
    """Return what a value of an unusual type stands for; the C writer asks.

    The built-in types' own methods are called, never one that a subclass defines: the values come
    from the program under test, and its code must not run (or fail) here.

    Parameters
    ----------
    kind : str
        The column: ``d`` int, ``f`` float, ``b`` bool, ``s`` or ``k`` text.
    value : object
        What a site passed.

    Returns
    -------
    object
        Of exactly the column's type; None where it is missing, ``...`` where it does not fit.

    Examples
    --------
    >>> plain("f", True), plain("d", 2**64)
    (Ellipsis, Ellipsis)
    """
    if value is None:
        return None
    try:
        return _plain(kind, value)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - whatever a type of the program's does when it is looked at
        return ...


def _plain(kind: str, value: Any) -> object:
    # By their types, and not by `isinstance`, which asks a value for its `__class__`: a proxy that
    # stands for nothing raises there, and one that stands for a text is none.
    of = type(value)
    if of.__name__ == "NAType":
        return None
    # While it is being imported on another thread, it has not all its names yet: then no value is
    # of a type that it has yet to make.
    numpy = sys.modules.get("numpy")
    generic, floating = getattr(numpy, "generic", None), getattr(numpy, "floating", None)
    if generic is not None and floating is not None and issubclass(of, generic):
        value = float(value) if issubclass(of, floating) else value.item()
        of = type(value)
    if kind in "sk":
        return str.__str__(value) if issubclass(of, str) else ...
    if of is bool:
        return value if kind == "b" else ...
    if issubclass(of, int) and kind != "b":
        return _whole(int.__pos__(value), kind)
    return float.__pos__(value) if issubclass(of, float) and kind == "f" else ...


def _whole(number: int, kind: str) -> object:
    if kind == "d":
        return number if number in _INT64 else ...
    try:
        return float(number)
    except OverflowError:
        return ...


def fits(value: object, kind: type) -> bool:
    """Whether a value is one that a field keeps, or a missing one.

    Examples
    --------
    >>> fits(1, int), fits(True, int), fits(2**63, int), fits(1, float), fits(None, str)
    (True, False, False, True, True)
    """
    return plain(KINDS[kind], value) is not ...


def columns(format: Format, context: Iterable[str]) -> bytes:
    """Return the kinds of a record's columns, a letter each.

    Parameters
    ----------
    format : Format
    context : iterable of str
        The letters of the context fields, which are the last columns.
    """
    span = "dk" if format.is_span else ""
    return "".join([span, *(KINDS[field.type] for field in format.fields), *context]).encode()


def strictly(write: Writer, name: str, format: Format, fail: Callable[[], None]) -> Writer:
    """Return a writer that refuses, in strict mode, what a frame would have to leave out.

    What it refuses counts as failed, by a call of ``fail``.
    """
    before = 2 if format.is_span else 0  # the duration and the error

    def write_checked(ident: int, ts: int, args: tuple[Any, ...]) -> None:
        try:
            if mode.strict:
                for field, value in zip(format.fields, args[before:], strict=True):
                    if not fits(value, field.type):
                        raise TypeError(
                            f"marker {name!r}: field {field.name!r} is {field.type.__name__}, and "
                            f"{value!r} does not fit; outside strict mode it is recorded as missing"
                        )
        except BaseException:
            fail()
            raise
        try:
            write(ident, ts, args)
        except BaseException as error:
            if not begun(write, error):
                fail()
            raise

    return write_checked
