"""What a recorder is asked for, and in strict mode what it is given, checked."""

from __future__ import annotations

import operator
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kit.core._dispatch.accounting import begun
from kit.core._dispatch.tally import Tally
from kit.core._format import Label
from kit.core._runtime import mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kit.core._format import Format

    Writer = Callable[[int, int, tuple[Any, ...]], None]
    from collections.abc import Sequence


__all__ = [
    "KINDS",
    "Misfit",
    "Misfits",
    "columns",
    "fields_text",
    "fits",
    "name_of",
    "number",
    "odd",
    "plain",
    "recorded",
    "strictly",
    "whole",
]

KINDS: Final[dict[type, str]] = {int: "d", float: "f", bool: "b", str: "s", Label: "k"}
"""A letter for each type of a field."""

MOST_EVENTS: Final = 1 << 48
"""What nobody has room for; a product of it and the size of an event still has 64 bits."""

_INT64: Final = range(-(1 << 63), 1 << 63)
_LARGEST: Final = 2.0**63


def whole(
    number: int, what: str, most: int = MOST_EVENTS, means: str = "how many events to keep, "
) -> int:
    """Return a whole number that an option has to be, or say what is wrong with it."""
    try:
        whole = 0 if isinstance(number, bool) else operator.index(number)
    except TypeError:
        whole = 0
    if not 1 <= whole <= most:
        raise ValueError(
            f"{what} is {means}a whole number of at least 1 and at most {most:,}; got {number!r}"
        )
    return whole


def plain(kind: str, value: object) -> object:
    """Return what a value stands for in a column.

    =======  ====================================================================================
    column   takes
    =======  ====================================================================================
    int      a number that is whole and has at most 64 bits, whatever its type
    float    a real number, rounded once, if that does not make a finite one infinite
    bool     a number that is 0 or 1
    text     text, a path, a member of an ``Enum``, which is its name if it is no text itself
    =======  ====================================================================================

    ``None``, ``pandas.NA``, ``pandas.NaT`` and ``numpy.ma.masked`` are missing. A number is what
    has ``__index__`` or ``__float__`` and no length; an array without dimensions is what is in it.

    Of subclasses of int, float and str only the methods of the built-in type are called. What other
    types have for this is code of the program's, which runs here: whoever calls has reserved
    nothing, and holds no lock.

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
    >>> plain("d", 7.0), plain("f", True), plain("d", 2**64), plain("b", 2)
    (7, 1.0, Ellipsis, Ellipsis)
    """
    if value is None:
        return None
    try:
        # By their types, and not by `isinstance`, which asks a value for its `__class__`: a proxy
        # that stands for nothing raises there, and one that stands for a text is none.
        of = type(value)
        if name_of(of) in _MISSING:
            return None
        if hasattr(of, "__len__") and issubclass(of, _of_module("numpy", "ndarray")):
            inside = value[()] if value.ndim == 0 else value  # type: ignore[attr-defined, index]
            return ... if type(inside) is of else plain(kind, inside)
        return _PLAIN[kind](of, value)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - whatever a type of the program's does when it is looked at
        return ...


name_of: Final[Callable[[type], str]] = type.__dict__["__name__"].__get__
"""The name of a type, whatever its metaclass says."""

_MISSING: Final = frozenset({"NAType", "NaTType", "MaskedConstant"})


def _of_module(module: str, *names: str) -> tuple[type, ...]:
    """Return types of a module, as far as it has been imported: else no value is of one.

    While another thread is importing it, it has not all its names yet.
    """
    found = sys.modules.get(module)
    return tuple(getattr(found, name) for name in names if hasattr(found, name))


def _text(of: type, value: Any) -> object:
    if issubclass(of, str):
        return str.__str__(value)
    if issubclass(of, _of_module("enum", "Enum")):
        text = value.name
    elif hasattr(of, "__fspath__"):
        text = of.__fspath__(value)
    else:
        return ...
    return str.__str__(text) if issubclass(type(text), str) else ...


def _number(of: type, value: Any) -> Any:
    """Return a number, where it is a built-in one of exactly its type; None for what is none."""
    if issubclass(of, int):
        return int.__pos__(value)
    if issubclass(of, float):
        return float.__pos__(value)
    if issubclass(of, _of_module("numpy", "datetime64", "timedelta64")):
        return None
    if issubclass(of, _of_module("numpy", "bool_", "complexfloating")):
        value = value.item()
        return int(value) if type(value) is bool else None
    if issubclass(of, str | bytes) or not (hasattr(of, "__index__") or hasattr(of, "__float__")):
        return None
    if hasattr(of, "__len__") and value.shape != ():
        return None
    try:
        return int.__pos__(operator.index(value))
    except TypeError:
        return value


def _whole(of: type, value: Any) -> Any:
    """Return the int that a number is, ``...`` if it is none of 64 bits."""
    number = _number(of, value)
    if number is None:
        return ...
    if type(number) is not int:
        if not abs(float(number)) <= _LARGEST:  # of a `Decimal` the int may have a billion digits
            return ...
        whole = int(number)
        if whole != number:
            return ...
        number = whole
    return number if number in _INT64 else ...


def _real(of: type, value: Any) -> object:
    number = _number(of, value)
    if number is None:
        return ...
    try:
        real = float(number)
    except OverflowError:
        return ...
    if real - real == 0 or type(number) is float:
        return real
    # A NaN, or infinite. What has a ratio may have been finite.
    return ... if real == real and hasattr(of, "as_integer_ratio") and number != real else real


def _truth(of: type, value: Any) -> object:
    number = _whole(of, value)
    return number == 1 if number in (0, 1) else ...


_PLAIN: Final[dict[str, Callable[[type, Any], object]]] = {
    "d": _whole,
    "f": _real,
    "b": _truth,
    "s": _text,
    "k": _text,
}


def recorded(kind: str, value: object) -> object:
    """Return what a value stands for in a column where it fits, and else the value itself.

    Examples
    --------
    >>> recorded("d", 7.0), recorded("d", 7.5)
    (7, 7.5)
    """
    made = plain(kind, value)
    return value if made is ... else made


def number(value: Any) -> int | float | None:
    """Return a value as a number of Python's own, of any size; None where it is none.

    Examples
    --------
    >>> number(True), number(2**64), number("1")
    (1, 18446744073709551616, None)
    """
    of = type(value)
    if issubclass(of, int):
        return int.__pos__(value)
    made = plain("d", value)
    if made is ...:
        try:
            made = operator.index(value)
        except (MemoryError, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - as in `plain`
            made = plain("f", value)
    return None if made is ... else made  # type: ignore[return-value] # of these two kinds


def fits(value: object, kind: type) -> bool:
    """Tell whether a value is one that a field keeps, or a missing one.

    Examples
    --------
    >>> fits(1, int), fits(1.5, int), fits(2**63, int), fits(1, float), fits(None, str)
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
                    if fits(value, field.type):
                        continue
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


_EXACT: Final = {"d": int, "f": float, "b": bool, "s": str, "k": str}
_LIMIT: Final = 1 << 63
_TYPES: Final = {"d": "int", "f": "float", "b": "bool", "s": "str", "k": "kit.Label"}
_REMEDIES: Final = {
    "d": "pass a whole number of at most 64 bits, as with int(value)",
    "f": "pass a number, as with float(value)",
    "b": "pass a truth value, as with bool(value)",
    "s": "pass text, as with str(value)",
    "k": "pass text, as with str(value)",
}


class Misfit(NamedTuple):
    """Values of one field that did not fit.

    Attributes
    ----------
    marker, field : str
        ``"*"`` is the marker of a context field.
    number : int
        How many there were.
    kind : str
        The letter of what the field is, see `kit.probes._values.KINDS`.
    type : str or None
        What the first one was; None for a value that the site did not give.
    """

    marker: str
    field: str
    number: int
    kind: str
    type: str | None

    @property
    def message(self) -> str:
        """What a warning says."""
        of = "context" if self.marker == "*" else f"marker {self.marker!r}:"
        values = "1 value" if self.number == 1 else f"{self.number:,} values"
        first = "was not given" if self.type is None else f"is of type {self.type}"
        return (
            f"{of} field {self.field!r} is {_TYPES[self.kind]}, and {values} did not fit "
            f"(the first {first}): missing in the frame; {_REMEDIES[self.kind]}, or declare the "
            "field as what it is. docs/values.md says what fits"
        )

    def __str__(self) -> str:
        of = self.field if self.marker == "*" else f"{self.marker}: {self.field}"
        return f"{of}, {self.number:,}" + (f", first of type {self.type}" if self.type else "")


class Misfits:
    """What of one marker's values did not fit, column by column.

    Parameters
    ----------
    kinds : bytes
        The letters of the columns.

    Attributes
    ----------
    counts : tuple of Tally
        How many there are of each column in events that were recorded.
    types : list of str or None
        Of each column the type of the first one.
    """

    __slots__ = ("_before", "counts", "kinds", "types")

    def __init__(self, kinds: bytes) -> None:
        self.kinds = kinds.decode()
        self.counts = tuple([Tally() for _ in self.kinds])
        self.types: list[str | None] = [None] * len(self.kinds)
        self._before = [0] * len(self.kinds)

    def plain(self, values: Sequence[Any]) -> tuple[list[Any], list[Tally]]:
        """Make the values of an event plain; also return what is counted up where it is recorded.

        Code of the program's may run: nothing is reserved yet.
        """
        made: list[Any] = []
        missed = []
        for place, kind in enumerate(self.kinds):
            # The marker may have been declared anew, with other fields.
            value: Any = values[place] if place < len(values) else ...
            of = type(value)
            if of is not _EXACT[kind] or (of is int and not -_LIMIT <= value < _LIMIT):
                fitting = plain(kind, value)
                if fitting is ...:
                    missed.append(self.counts[place])
                    if self.types[place] is None and value is not ...:
                        self.types[place] = name_of(of)
                value = fitting
            made.append(value)
        return made, missed

    def clear(self) -> None:
        """Begin anew at nothing."""
        self._before = [count.n for count in self.counts]
        self.types[:] = [None] * len(self.types)

    def found(self, marker: str, format: Format, context: Sequence[str]) -> list[Misfit]:
        """Describe what did not fit, column by column.

        Parameters
        ----------
        marker : str
            Its name.
        format : Format
            Its fields.
        context : sequence of str
            The names of the context fields, which are the last columns.
        """
        names = [*(("dur", "error") if format.is_span else ()), *format.names, *context]
        own = len(names) - len(context)
        return [
            Misfit("*" if place >= own else marker, names[place], count.n - before, kind, type)
            for place, (count, before, kind, type) in enumerate(
                zip(self.counts, self._before, self.kinds, self.types, strict=True)
            )
            if count.n > before
        ]


def fields_text(misfits: Sequence[Misfit]) -> str:
    """Say which fields they are, in one line.

    Examples
    --------
    >>> fields_text([Misfit("orders.fill", "qty", 1200, "d", "Decimal")])
    'orders.fill: qty, 1,200, first of type Decimal'
    """
    return "; ".join(map(str, misfits))


def odd(kinds: str, names: Sequence[str]) -> str:
    """Write the question whether values have to be made plain, for a writer in Python.

    Parameters
    ----------
    kinds : str
        The letters of the columns.
    names : sequence of str
        What the values are called there.

    Returns
    -------
    str
        An expression that calls nothing.

    Examples
    --------
    >>> odd("s", ["a"])
    'a.__class__ is not str and a is not None'
    """
    # Not `type(value)`, which takes longer. What says that it is of another class is found when a
    # frame is made of it.
    asked = []
    for kind, name in zip(kinds, names, strict=True):
        of = f"{name}.__class__"
        if kind == "d":
            # Not a comparison with the limits: this takes a third less for what is not negative.
            fits = f"({of} is not int or ({name} >> 63 and {name} >> 63 != -1))"
        elif kind == "f":  # a frame makes a float of an int that is smaller than the largest
            fits = f"{of} is not float and ({of} is not int or not -1e308 < {name} < 1e308)"
        else:
            fits = f"{of} is not {'bool' if kind == 'b' else 'str'}"
        asked.append(f"{fits} and {name} is not None")
    return " or ".join(asked) or "False"
