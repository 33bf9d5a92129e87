r"""Recorded values of one field → a column of one dtype.

What fits a field does not depend on the other rows: `kit.probes._values.plain` says what a value
stands for, here as where it is recorded. ``None`` and what else is missing there is missing here;
what does not fit is a misfit: recorded as missing, and counted. Text beyond
`TEXT_LIMIT` characters is cut, and counted.

Arrow strings are UTF-8, and UTF-8 has no lone surrogates; Python text may (file names decoded with
``surrogateescape``, broken input). In a frame a lone surrogate is written as a backslash, ``u`` and
its four hex digits: ``'\udc80'`` becomes the six characters ``\udc80``. Where the text itself
holds such a sequence, or backslashes stand before a lone surrogate, those backslashes are doubled,
so that `unescape` gives back exactly what was recorded. All other text, embedded NULs and other
backslashes included, is stored as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kit.frames._schema import CATEGORIES, DTYPES, Kind
from kit.probes._values import plain
from kit.probes.captures._capture import TEXT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from pandas.api.extensions import ExtensionArray


__all__ = [
    "MARK",
    "NO_VALUE",
    "TEXT_LIMIT",
    "Values",
    "categorical",
    "column",
    "convert",
    "escape",
    "name_text",
    "unescape",
]

MARK: Final = "\\ud"
"""What any escape contains: text without it, and without lone surrogates, is stored as it is."""

# A run of backslashes is taken whole or not at all; otherwise a long one costs quadratic time.
_UNWRITABLE: Final = re.compile(
    r"(?<!\\)(?:(\\*+)([\ud800-\udfff])|(\\++)(?=ud[89a-f][0-9a-f]{2}))"
)
_ESCAPED: Final = re.compile(r"(?<!\\)(\\++)(ud[89a-f][0-9a-f]{2})")


def escape(text: str) -> str:
    r"""Write text so that Arrow can hold it.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The same text, with lone surrogates written as backslash escapes.

    Examples
    --------
    >>> escape("a\udc80")
    'a\\udc80'
    >>> escape("C:\\users")
    'C:\\users'
    """
    return _UNWRITABLE.sub(_write, text)


def unescape(text: str) -> str:
    r"""Give back the text that `escape` was given.

    Parameters
    ----------
    text : str
        Text from a frame.

    Returns
    -------
    str
        The text as it was recorded, lone surrogates and all.

    Examples
    --------
    >>> unescape(escape("a\udc80")) == "a\udc80"
    True
    """
    return _ESCAPED.sub(_read, text)


def name_text(names: Iterable[str]) -> list[str]:
    """Escape and limit the names of things: markers, probes, threads.

    Returns
    -------
    list of str
        As a frame shows them.
    """
    return [escape(name[:TEXT_LIMIT]) for name in names]


def _write(match: re.Match[str]) -> str:
    before, surrogate, literal = match.groups()
    if literal is not None:
        return str(literal) * 2
    return f"{before}{before}\\u{ord(surrogate):04x}"


def _read(match: re.Match[str]) -> str:
    backslashes, digits = match.groups()
    half = "\\" * (len(backslashes) // 2)
    return half + (chr(int(digits[1:], 16)) if len(backslashes) % 2 else digits)


NO_VALUE: Final = object()
"""Stands for a value that a site did not pass; it fits no field."""

_NUMPY: Final[dict[Kind, type[np.generic]]] = {
    "int": np.int64,
    "stamp": np.int64,
    "float": np.float64,
    "bool": np.bool_,
}
_LETTERS: Final[dict[Kind, str]] = {
    "int": "d",
    "stamp": "d",
    "float": "f",
    "bool": "b",
    "str": "s",
    "label": "k",
}
# Exactly these types are taken without a look at the single values.
_PLAIN: Final[dict[Kind, frozenset[type]]] = {
    "int": frozenset({int}),
    "stamp": frozenset({int}),
    "float": frozenset({float, int}),
    "bool": frozenset({bool}),
}


@dataclass(frozen=True, slots=True)
class Values:
    """The converted values of one field of one marker.

    Attributes
    ----------
    data : numpy.ndarray or pyarrow.Array
        Numbers and bools as an array, text as Arrow strings with their own nulls, labels also
        as a dictionary of those that occur.
    mask : numpy.ndarray of bool, or None
        Which of the numbers are missing; None when none is.
    misfits : int
        How many values did not fit the field.
    cut : int
        How many texts were too long.
    """

    data: Any
    mask: NDArray[np.bool_] | None = None
    misfits: int = 0
    cut: int = 0


def convert(values: list[Any], kind: Kind) -> Values:
    """Convert the values of one field.

    Parameters
    ----------
    values : list
        As a probe received them.
    kind : str
        The kind of the field, a key of `kit.frames._schema.DTYPES`.

    Returns
    -------
    Values

    Examples
    --------
    >>> converted = convert([1, None, 2**64], "int")
    >>> converted.mask.tolist(), converted.misfits
    ([False, True, True], 1)
    """
    if kind in ("str", "label"):
        return _text(values)
    others = set(map(type, values)) - _PLAIN[kind]
    if not others <= {type(None)}:
        return _numbers(*_sieve(values, kind), kind)
    try:
        return _numbers(values, type(None) in others, 0, kind)
    except OverflowError:
        return _numbers(*_sieve(values, kind), kind)


def _numbers(values: list[Any], gaps: bool, misfits: int, kind: Kind) -> Values:
    dtype, count = _NUMPY[kind], len(values)
    if not gaps:
        return Values(np.fromiter(values, dtype, count), None, misfits)
    mask = np.fromiter((value is None for value in values), np.bool_, count)
    filled = (0 if value is None else value for value in values)
    return Values(np.fromiter(filled, dtype, count), mask, misfits)


def _sieve(values: list[Any], kind: Kind) -> tuple[list[Any], bool, int]:
    """Make values plain; put None where one is missing or does not fit, and count the latter."""
    letter = _LETTERS[kind]
    made = [None if value is None else plain(letter, value) for value in values]
    misfits = sum(value is ... for value in made)
    kept = [None if value is ... else value for value in made]
    return kept, None in kept, misfits


def _text(values: list[Any]) -> Values:
    misfits = 0
    types = set(map(type, values))
    if types <= {type(None)}:
        return Values(pa.nulls(len(values), pa.large_string()))
    if not types <= {str, type(None)}:
        values, _, misfits = _sieve(values, "str")
    try:
        data = pa.array(values, pa.large_string())
    except UnicodeEncodeError:
        simple = False
    else:
        longest = pc.max(pc.binary_length(data)).as_py() or 0
        marked = pc.any(pc.match_substring(data, MARK)).as_py()
        simple = longest <= TEXT_LIMIT and not marked
    if simple:
        return Values(data, None, misfits)
    cut = sum(value is not None and len(value) > TEXT_LIMIT for value in values)
    values = [None if value is None else escape(value[:TEXT_LIMIT]) for value in values]
    return Values(pa.array(values, pa.large_string()), None, misfits, cut)


def column(
    kind: Kind, parts: Sequence[tuple[NDArray[np.intp] | None, Values]], rows: int
) -> NDArray[np.int64] | ExtensionArray:
    """Put converted values into their rows of a column.

    Parameters
    ----------
    kind : str
        The kind of the column.
    parts : sequence of (positions, Values)
        The row of each value; None stands for 0, 1, 2, ... Rows that nothing is put into are
        missing.
    rows : int
        The number of rows.

    Returns
    -------
    array
        With the dtype of the kind.
    """
    if kind in ("str", "label"):
        text = _gather(parts, rows)
        if kind == "label":
            return categorical(text)
        return pd.array(text, dtype=DTYPES["str"])
    if len(parts) == 1 and parts[0][0] is None:
        # The only part, in order: its arrays are the column's.
        data: NDArray[Any] = parts[0][1].data
        mask = _mask(parts[0][1])
    else:
        data = np.zeros(rows, _NUMPY[kind])
        mask = np.ones(rows, np.bool_)
        for positions, values in parts:
            data[slice(rows) if positions is None else positions] = values.data
            mask[slice(rows) if positions is None else positions] = _mask(values)
    if kind == "stamp":
        return data
    if kind == "int":
        return pd.arrays.IntegerArray(data, mask)
    if kind == "float":
        # Built from its two arrays, a NaN stays apart from a missing value.
        return pd.arrays.FloatingArray(data, mask)
    return pd.arrays.BooleanArray(data, mask)


def _mask(values: Values) -> NDArray[np.bool_]:
    return np.zeros(len(values.data), np.bool_) if values.mask is None else values.mask


def _gather(parts: Sequence[tuple[NDArray[np.intp] | None, Values]], rows: int) -> Any:
    if len(parts) == 1 and parts[0][0] is None:
        return parts[0][1].data
    source = np.full(rows, -1, np.int64)
    start = 0
    for positions, values in parts:
        stop = start + len(values.data)
        source[slice(rows) if positions is None else positions] = np.arange(start, stop)
        start = stop
    texts = [part.data for _, part in parts]
    coded = [pa.types.is_dictionary(each.type) for each in texts]
    if not texts or not all(coded):  # else each text stays once
        texts = [
            each.dictionary_decode() if is_coded else each
            for each, is_coded in zip(texts, coded, strict=True)
        ]
        texts.insert(0, pa.array([], pa.large_string()))
    text = pa.concat_arrays(texts)
    return text.take(pa.array(source, mask=source < 0))


def categorical(text: Any, categories: Sequence[str] | None = None) -> pd.Categorical:
    """Make a categorical column.

    Parameters
    ----------
    text : pyarrow.Array
        Of text, or of dictionary-encoded text. Null is missing.
    categories : sequence of str, optional
        All of them; by default those that occur, sorted.

    Returns
    -------
    pandas.Categorical
        Unordered.
    """
    encoded = text if pa.types.is_dictionary(text.type) else text.dictionary_encode()
    seen = encoded.dictionary.to_pylist()
    names = sorted(seen) if categories is None else list(categories)
    place = {name: number for number, name in enumerate(names)}
    codes = np.array([*(place[name] for name in seen), -1], smallest(len(names)))
    indices = encoded.indices
    if indices.null_count:
        indices = indices.fill_null(-1)  # the last of `codes` is where a null goes
    return pd.Categorical.from_codes(
        codes.take(indices.to_numpy(zero_copy_only=False)),  # faster than by index
        categories=pd.Index(names, dtype=CATEGORIES),
        validate=False,
    )


def smallest(categories: int) -> type[np.signedinteger[Any]]:
    """Return the smallest type of codes for so many categories, which pandas would choose."""
    for kind in (np.int8, np.int16, np.int32):
        if categories <= np.iinfo(kind).max:
            return kind
    return np.int64
