"""Recorded values of one field → a column of one dtype.

What fits a field does not depend on the other rows:

=========  =================================================================================
field      takes
=========  =================================================================================
int        ints of Python and NumPy from -2**63 to 2**63 - 1; not bools, not floats
float      floats and ints of Python and NumPy (an int is rounded as ``float()`` does); not bools
bool       bools of Python and NumPy
str        text
kit.Label  text
=========  =================================================================================

``None`` and `pandas.NA` are missing values. Anything else is a misfit: recorded as missing, and
counted. Text beyond `kit.frames.text.TEXT_LIMIT` characters is cut, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kit.frames.schema import CATEGORIES, DTYPES, Kind
from kit.frames.text import MARK, TEXT_LIMIT, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from pandas.api.extensions import ExtensionArray

__all__ = ["NO_VALUE", "Values", "categorical", "column", "convert"]

NO_VALUE: Final = object()
"""Stands for a value that a site did not pass; it fits no field."""

_INTEGERS: Final = np.iinfo(np.int64)
_NUMPY: Final[dict[Kind, type[np.generic]]] = {
    "int": np.int64,
    "stamp": np.int64,
    "float": np.float64,
    "bool": np.bool_,
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
        The kind of the field, a key of `kit.frames.schema.DTYPES`.

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
    """Keep what fits, as the plain type; put None where a value is missing or does not fit."""
    fit = _FITS[kind]
    kept = [None if value is None or value is pd.NA else fit(value) for value in values]
    missing = sum(value is None or value is pd.NA for value in values)
    gaps = kept.count(None)
    return kept, gaps > 0, gaps - missing


# The conversions below call the built-in types' own methods, never one that a subclass defines: the
# values come from the program under test, and its code must not run (or fail) here. So they are
# asked for their type, and not for the `__class__` that `isinstance` looks at, too.


def _fit_int(value: Any) -> int | None:
    if issubclass(type(value), np.integer):
        value = value.item()
    if not issubclass(type(value), int) or type(value) is bool:
        return None
    value = int.__pos__(value)
    return value if _INTEGERS.min <= value <= _INTEGERS.max else None


def _fit_float(value: Any) -> float | None:
    if issubclass(type(value), np.integer | np.floating):
        value = float(value)
    if issubclass(type(value), float):
        return float.__pos__(value)
    if not issubclass(type(value), int) or type(value) is bool:
        return None
    try:
        return int.__float__(value)
    except OverflowError:
        return None


def _fit_bool(value: Any) -> bool | None:
    return bool(value) if type(value) in (bool, np.bool_) else None


_FITS: Final[dict[Kind, Callable[[object], object]]] = {
    "int": _fit_int,
    "stamp": _fit_int,
    "float": _fit_float,
    "bool": _fit_bool,
}


def _text(values: list[Any]) -> Values:
    misfits = 0
    types = set(map(type, values))
    if types <= {type(None)}:
        return Values(pa.nulls(len(values), pa.large_string()))
    if not all(issubclass(each, str) for each in types - {type(None)}):
        missing = sum(value is None or value is pd.NA for value in values)
        values = [value if issubclass(type(value), str) else None for value in values]
        misfits = sum(value is None for value in values) - missing
    if not types <= {str, type(None)}:
        # The text itself: a kind of text of the program's own may do anything.
        values = [None if value is None else str.__str__(value) for value in values]
    try:
        data = pa.array(values, pa.large_string())
    except UnicodeEncodeError:
        plain = False
    else:
        longest = pc.max(pc.binary_length(data)).as_py() or 0
        marked = pc.any(pc.match_substring(data, MARK)).as_py()
        plain = longest <= TEXT_LIMIT and not marked
    if plain:
        return Values(data, None, misfits)
    values = [None if value is None else str.__str__(value) for value in values]
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
