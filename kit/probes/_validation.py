"""Plain data from outside, such as JSON from a file, against what it has to be.

A schema is plain data, too:

======================  =========================================================================
``COUNT``, ``TEXT`` ..  a `Kind` of single values
``{"n": .., "m?": ..}`` a mapping with these keys; one with a question mark may be missing. Further
                        keys are left out, unless the key ``...`` says what they have to be
``{TEXT: ..}``          a mapping from anything of that kind
``[..]``                a list, however long
``(.., ..)``            a list of exactly these
``Maybe(..)``           that, or null
======================  =========================================================================

What does not conform is one error that says what is where, and what it should have been. What does
is returned anew, without what the schema does not name: whoever goes on needs no further look.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kit.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "COUNT",
    "COUNTS",
    "FILE",
    "FINITE",
    "FLAG",
    "NAME",
    "NUMBER",
    "PART",
    "PLAIN",
    "STAMP",
    "TEXT",
    "TID",
    "WHOLE_TEXT",
    "WRITTEN",
    "Kind",
    "Maybe",
    "choice",
    "conform",
    "digits",
    "load",
    "number_of",
    "written",
]

_DEEPEST: Final = 32
"""How far lists and mappings may lie in one another where a schema does not say."""
_HALF: Final = re.compile("[\ud800-\udfff]")
_LARGEST: Final = 10**300
"""Below, whole numbers and what is made of a few of them are floats, too."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Single values of one kind.

    Attributes
    ----------
    says : str
        What they are, for an error.
    fits : callable
        Whether a value is one.
    """

    says: str
    fits: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Maybe:
    """What may be null.

    Attributes
    ----------
    schema
        What it is otherwise.
    """

    schema: Any


def choice(*texts: str) -> Kind:
    """Return the kind of these texts."""
    return Kind(f"one of {', '.join(texts)}", lambda value: type(value) is str and value in texts)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_finite(value: Any) -> bool:
    return _is_number(value) and -_LARGEST < value < _LARGEST


_DIGITS: Final = 10**4000
"""From here on Python reads and writes no whole numbers in digits, or takes its time."""
_FLOATS: Final = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
_HEX: Final = re.compile(r"-?0x[0-9a-f]+")


def digits(value: Any) -> str | None:
    """Return a whole number of more than 4,000 digits, in base 16; None for anything else."""
    return hex(value) if type(value) is int and not -_DIGITS < value < _DIGITS else None


def written(value: Any) -> Any:
    """Return a number as JSON may hold it: RFC 8259 has none that is infinite, or not a number.

    Parameters
    ----------
    value : int, float or None

    Returns
    -------
    int, float, dict or None
        Itself, if it can be: else ``{"float": "Infinity"}``, ``"-Infinity"`` or ``"NaN"``, and
        ``{"int": "0x..."}`` for a whole number of more than 4,000 digits.

    Examples
    --------
    >>> written(2**80), written(1e308 * 10)
    (1208925819614629174706176, {'float': 'Infinity'})
    """
    if type(value) is float and not math.isfinite(value):
        return {"float": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    text = digits(value)
    return value if text is None else {"int": text}


def number_of(value: Any) -> Any:
    """Return the number that `written` has written; anything else as it is.

    Examples
    --------
    >>> number_of({"float": "-Infinity"}), number_of({"int": "0x10"}), number_of("NaN")
    (-inf, 16, 'NaN')
    """
    if type(value) is not dict:
        return value
    return _FLOATS[value["float"]] if "float" in value else int(value["int"], 16)


def _is_written(value: Any) -> bool:
    """Tell whether `written` makes such a thing of a number; earlier files hold it as it was."""
    if type(value) is not dict:
        return _is_number(value)
    if value.keys() == {"float"}:
        return type(value["float"]) is str and value["float"] in _FLOATS
    text = value.get("int")
    return value.keys() == {"int"} and type(text) is str and _HEX.fullmatch(text) is not None


def _is_part(value: Any) -> bool:
    return value is None or type(value) in (str, bool) or _is_written(value)


def _is_plain(value: Any, deepest: int = _DEEPEST) -> bool:
    if isinstance(value, list | dict):
        inside = value.values() if isinstance(value, dict) else value
        return deepest > 0 and all(_is_plain(each, deepest - 1) for each in inside)
    return True


def _is_whole(value: Any) -> bool:
    return type(value) is str and (value.isascii() or not _HALF.search(value))


def _text_of(pattern: str) -> Callable[[Any], bool]:
    matches = re.compile(pattern).fullmatch
    return lambda value: type(value) is str and matches(value) is not None


COUNT: Final = Kind(
    "a whole number from 0 on", lambda value: type(value) is int and 0 <= value < 1 << 62
)
STAMP: Final = Kind(
    "a whole number of 64 bits",
    lambda value: type(value) is int and -(1 << 63) <= value < 1 << 63,
)
NUMBER: Final = Kind("a number", _is_number)
WRITTEN: Final = Kind("a number", _is_written)
"""What `written` returns."""
PART: Final = Kind("a number, text, a truth value or null", _is_part)
FINITE: Final = Kind("a number that is not infinite", _is_finite)
TEXT: Final = Kind("text", lambda value: type(value) is str)
WHOLE_TEXT: Final = Kind("text without half a character", _is_whole)
"""What Arrow can hold, and a page can show."""
FLAG: Final = Kind("true or false", lambda value: type(value) is bool)
PLAIN: Final = Kind(f"nothing nested more than {_DEEPEST} deep", _is_plain)
NAME: Final = Kind(
    "a name of at most 100 letters, digits and any of _ . -",
    _text_of(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"),
)
"""What is in a session has a name that is part of those of its files: none leads elsewhere."""
FILE: Final = Kind(
    "the name of a file, of letters, digits and any of _ . -",
    _text_of(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}"),
)
TID: Final = Kind("the number of a thread as text", _text_of(r"-?[0-9]{1,19}"))
COUNTS: Final = {TEXT: COUNT}


class _Misfit(ValueError):  # noqa: N818 - ends inside this module, as text of a CaptureError
    """Something is not what its schema says."""


def conform(data: Any, schema: Any, place: str = "") -> Any:
    """Return data anew, as far as a schema names it.

    Parameters
    ----------
    data : object
        What `json.loads` returns.
    schema : Kind, Maybe, dict, list or tuple
        What it has to be.
    place : str
        What it is called in an error.

    Returns
    -------
    object

    Raises
    ------
    ValueError
        Says where what is that should not be there.

    Examples
    --------
    >>> conform({"n": 1, "later": 2}, {"n": COUNT, "m?": TEXT})
    {'n': 1}
    >>> conform({"a": {"n": "x"}}, {TEXT: {"n": COUNT}})
    Traceback (most recent call last):
    kit.probes._validation._Misfit: a.n: a whole number from 0 on, got 'x'
    """
    if isinstance(schema, Kind):
        return data if schema.fits(data) else _refuse(place, schema.says, data)
    if isinstance(schema, Maybe):
        return None if data is None else conform(data, schema.schema, place)
    if isinstance(schema, dict):
        if type(data) is not dict:
            _refuse(place, "a mapping", data)
        return _mapping(data, schema, place)
    if type(data) is not list:
        _refuse(place, "a list", data)
    if isinstance(schema, tuple):
        if len(data) != len(schema):
            _refuse(place, f"a list of {len(schema)}", data)
        return [
            conform(each, of, f"{place}[{number}]")
            for number, (each, of) in enumerate(zip(data, schema, strict=True))
        ]
    (of,) = schema
    if isinstance(of, Kind) and all(map(of.fits, data)):
        return data.copy()  # there may be very many
    return [conform(each, of, f"{place}[{number}]") for number, each in enumerate(data)]


def _mapping(data: dict[str, Any], schema: dict[Any, Any], place: str) -> dict[str, Any]:
    first = next(iter(schema), None)
    if isinstance(first, Kind):
        wanted = schema[first]
        found = {}
        for key, value in data.items():
            if not first.fits(key):
                _refuse(place or "its keys", f"by {first.says}", key)
            found[key] = conform(value, wanted, _inside(place, key))
        return found
    found = {}
    for key, of in schema.items():
        if key is ...:
            named = {each.removesuffix("?") for each in schema if each is not ...}
            rest = [each for each in data if each not in named]
            found |= {each: conform(data[each], of, _inside(place, each)) for each in rest}
            continue
        name = key.removesuffix("?")
        if name in data:
            found[name] = conform(data[name], of, _inside(place, name))
        elif name == key:
            raise _Misfit(f"{_inside(place, name)} is missing")
    return found


def _inside(place: str, key: str) -> str:
    shown = key if NAME.fits(key) else reprlib.repr(key)
    return f"{place}.{shown}" if place else shown


def _refuse(place: str, says: str, data: Any) -> None:
    # Of what is long or deep, only the beginning is looked at.
    raise _Misfit(f"{place or 'all of it'}: {says}, got {reprlib.repr(data)}")


def load(text: bytes | str, schema: Any, name: str) -> Any:
    """Read JSON, and return it as far as a schema names it.

    Parameters
    ----------
    text : bytes or str
    schema : Kind, Maybe, dict, list or tuple
    name : str
        Of what it was read from.

    Returns
    -------
    object

    Raises
    ------
    CaptureError
        When it is no JSON, or does not conform.

    Examples
    --------
    >>> load('{"n": -1}', {"n": COUNT}, "run/manifest.json")
    Traceback (most recent call last):
    kit.errors.CaptureError: 'run/manifest.json' is damaged or foreign (n: a whole number from 0 ...
    """
    try:
        return conform(json.loads(text), schema)
    except (ValueError, RecursionError) as error:
        what = str(error) if isinstance(error, _Misfit) else f"no JSON: {error!s:.200}"
        raise CaptureError(f"{name!r} is damaged or foreign ({what})") from None
