"""What a marker carries: ordered, typed fields, declared once.

A format is written as keywords with types (``qty=int, px=float``) or as a format string in the
manner of the Linux Kernel Markers (``"qty %d px %f"``). Both make the same `Format`.
"""

from __future__ import annotations

from collections import namedtuple

from kit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Final

__all__ = [
    "COLUMNS",
    "FIELD_TYPES",
    "Field",
    "FieldType",
    "Format",
    "Label",
    "column_names",
    "declare_format",
]

COLUMNS: Final = ("ts", "dur", "marker", "error", "tid", "seq")
"""What the columns that every frame of events may have are called; no field's column is."""


def column_names(fields: Iterable[str], context: Iterable[str] = ()) -> tuple[str, ...]:
    """Return what the columns of fields are called in a frame.

    Parameters
    ----------
    fields : iterable of str
        The names of a marker's fields.
    context : iterable of str
        The names of the context columns that are recorded with them.

    Returns
    -------
    tuple of str
        The fields' names, with a trailing underscore where a common column has that name.

    Examples
    --------
    >>> column_names(["ts", "qty", "task"], ["task"])
    ('ts_', 'qty', 'task_')
    """
    declared = tuple(fields)
    common = {*COLUMNS, *context}
    names: list[str] = []
    for name in declared:
        if name in common:
            name += "_"
            while name in common or name in declared or name in names:
                name += "_"
        names.append(name)
    return tuple(names)


class Label(str):
    """A type for fields that hold text from a small set: a symbol, a state, a method's name.

    Declared ``kit.Label``, such a field becomes a categorical column; declared ``str``, text.

    Examples
    --------
    >>> import kit
    >>> print(kit.marker("doc.label", side=kit.Label).format)
    side %k
    """

    __slots__ = ()


FieldType = type[int] | type[float] | type[str] | type[bool]

_CODES: Final[dict[type, str]] = {int: "%d", float: "%f", str: "%s", bool: "%b", Label: "%k"}
FIELD_TYPES: Final = tuple(_CODES)
"""What a field can be declared to be."""

_SPECIFIER: Final = r"%[#0\- +]*\d*(?:\.\d+)?(?:hh|h|ll|l|z|j|t|q)?(?P<conversion>[a-zA-Z])"
_CONVERSIONS: Final[dict[str, FieldType]] = {
    **dict.fromkeys("diuxXop", int),
    **dict.fromkeys("feEgGaA", float),
    **dict.fromkeys("sc", str),
    "b": bool,
    "k": Label,
}


class Field(namedtuple("Field", ("name", "type"))):  # noqa: PYI024 - `typing` takes long to import
    """One field of a format.

    Attributes
    ----------
    name : str
        The field's name, a Python identifier.
    type : type
        One of ``int``, ``float``, ``str``, ``bool`` and `Label`.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        name: str
        type: FieldType

    def __str__(self) -> str:
        return f"{self.name} {_CODES[self.type]}"


class Format(namedtuple("Format", ("fields", "is_span"), defaults=(False,))):  # noqa: PYI024
    """The ordered, typed fields of a marker.

    Attributes
    ----------
    fields : tuple of Field
        In the order in which a site passes them and a probe receives them.
    is_span : bool
        Whether an event has a duration. The probes of a span are called as
        ``probe(dur, error, *fields)``.

    Examples
    --------
    >>> declare_format("orders.fill", "qty %d px %f", {}) == declare_format(
    ...     "orders.fill", None, {"qty": int, "px": float}
    ... )
    True
    """

    __slots__ = ()

    if TYPE_CHECKING:
        fields: tuple[Field, ...]
        is_span: bool

    def __str__(self) -> str:
        return " ".join(map(str, self.fields))

    def __repr__(self) -> str:
        renamed = self._renamed()
        text = f"Format(fields={self.fields!r}, is_span={self.is_span!r})"
        return f"{text}  # {renamed}" if renamed else text

    def _repr_html_(self) -> str:
        from html import escape  # takes a twentieth of the time to import the kit

        return f"<code>{escape(self.described)}</code>"

    @property
    def described(self) -> str:
        """The fields as a format string, and which of them a frame calls otherwise."""
        renamed = self._renamed()
        return f"{self}; {renamed}" if renamed else str(self)

    def _renamed(self) -> str:
        columns = zip(self.names, column_names(self.names), strict=True)
        others = [f"{name} is {column}" for name, column in columns if name != column]
        return f"in a frame {', '.join(others)}" if others else ""

    @property
    def arity(self) -> int:
        """How many positional arguments a probe receives, not counting private data."""
        return len(self.fields) + (2 if self.is_span else 0)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return tuple([field[0] for field in self.fields])

    def same_fields(self, other: Format) -> bool:
        """Tell whether both declare the same names and types in the same order."""
        return self.fields == other.fields

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
        """Put a site's arguments in field order.

        Parameters
        ----------
        args : tuple
            The positional arguments.
        kwargs : mapping
            The keyword arguments.

        Returns
        -------
        tuple
            One value a field.

        Raises
        ------
        TypeError
            On a wrong count, an unknown keyword or a field given twice.
        """
        names = self.names
        if len(args) > len(names):
            raise TypeError(f"takes {len(names)} values ({self}), got {len(args)}")
        values = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name in values:
                raise TypeError(f"got two values for field {name!r}")
            if name not in names:
                raise TypeError(f"has no field {name!r}; its fields are: {str(self) or 'none'}")
            values[name] = value
        if len(values) != len(names):
            missing = ", ".join(name for name in names if name not in values)
            raise TypeError(f"is missing a value for: {missing}")
        return tuple(values[name] for name in names)


def declare_format(
    marker: str, text: str | None, fields: Mapping[str, Any], *, is_span: bool = False
) -> Format:
    """Make a format from a declaration.

    Parameters
    ----------
    marker : str
        The marker's name, for messages.
    text : str or None
        A format string such as ``"qty %d px %f sym %s"``.
    fields : mapping of str to type
        The same as keywords. Only one of the two may be given.
    is_span : bool
        Whether the marker is a span.

    Returns
    -------
    Format

    Raises
    ------
    FormatError
        When a field has no name, a name twice, or a type that is not one of the five.
    """
    if text is not None and fields:
        raise FormatError(f"marker {marker!r}: give a format string or keywords, not both")
    if text is not None:
        declared = _parse(marker, text)
    else:
        declared = tuple(Field(name, _check(marker, name, kind)) for name, kind in fields.items())
    seen: set[str] = set()
    for field in declared:
        if not field.name.isidentifier():
            raise FormatError(
                f"marker {marker!r}: field {field.name!r} is not a valid name; "
                "use letters, digits and underscores, not starting with a digit"
            )
        if field.name in seen:
            raise FormatError(f"marker {marker!r}: field {field.name!r} is declared twice")
        seen.add(field.name)
    return Format(declared, is_span)


def _check(marker: str, name: str, kind: Any) -> FieldType:
    if isinstance(kind, type) and kind in _CODES:
        return kind
    shown = kind.__name__ if isinstance(kind, type) else repr(kind)
    raise FormatError(
        f"marker {marker!r}: field {name!r} has type {shown}; "
        "use one of int, float, str, bool, kit.Label"
    )


def _parse(marker: str, text: str) -> tuple[Field, ...]:
    if not isinstance(text, str):
        raise FormatError(
            f"marker {marker!r}: the format is {text!r}, not text; "
            "write it as 'name %d name %s', or pass keywords such as qty=int"
        )
    import re  # only now: keywords need none of it

    words = text.split()
    fields = []
    for position in range(0, len(words), 2):
        name = words[position]
        if name.startswith("%"):
            raise FormatError(
                f"marker {marker!r}: {name!r} in {text!r} has no field name before it"
            )
        if position + 1 == len(words):
            raise FormatError(
                f"marker {marker!r}: field {name!r} in {text!r} has no type after it, such as %d"
            )
        specifier = words[position + 1]
        match = re.fullmatch(_SPECIFIER, specifier)
        kind = _CONVERSIONS.get(match["conversion"]) if match else None
        if kind is None:
            raise FormatError(
                f"marker {marker!r}: field {name!r} in {text!r} has type {specifier!r}; "
                "use %d (int), %f (float), %s (str), %b (bool) or %k (kit.Label)"
            )
        fields.append(Field(name, kind))
    return tuple(fields)
