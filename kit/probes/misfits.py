"""What did not fit its field: made plain, or missing and counted, and then said.

Where a site fires, nothing is said: a warning may be an error there. It is said by what somebody
reads: a recorder's own text, the panel, and a warning where its events are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kit.core._dispatch.tally import Tally
from kit.probes.checks import name_of, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.core._format import Format

__all__ = ["Misfit", "Misfits", "fields_text", "odd"]

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
        The letter of what the field is, see `kit.probes.checks.KINDS`.
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
