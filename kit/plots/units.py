"""Numbers as text, one way everywhere: durations, counts, rates, shares, and names of things.

Durations have at most three significant digits and the unit a reader would choose; nothing is ever
written with an exponent.  A tooltip adds the exact nanoseconds, see `exact`.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, Final

from kit.probes._text import several

__all__ = [
    "MISSING",
    "count",
    "duration",
    "exact",
    "instant",
    "note",
    "number",
    "percent",
    "plain",
    "rate",
    "ratio",
    "several",
    "short",
]

MISSING: Final = "–"
"""What stands where there is no number."""

_UNITS: Final = (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0))
_SCALES: Final = (("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0))

# BokehJS takes text between these as TeX, and fetches a typesetter from the network to show it.
_TEX: Final = ("$$", r"\[", r"\(")
_BREAK: Final = "\u2060"  # word joiner: no width, no line break


def duration(ns: float | None) -> str:
    """Write a duration for people.

    Parameters
    ----------
    ns : int or float or None
        Nanoseconds; None, NaN and ``pandas.NA`` are missing.

    Returns
    -------
    str
        At most three significant digits and a unit: ns, µs, ms or s.

    Examples
    --------
    >>> duration(41_230), duration(999_960), duration(7), duration(3_661_000_000_000)
    ('41.2 µs', '1 ms', '7 ns', '3,660 s')
    """
    if ns is None or not _known(ns):
        return MISSING
    return _scaled(float(ns), _UNITS, " ")


def exact(ns: int | None) -> str:
    """Write a duration for people, and the nanoseconds that it was rounded from.

    Examples
    --------
    >>> exact(41_230), exact(41)
    ('41.2 µs (41,230 ns)', '41 ns')
    """
    if ns is None or not _known(ns):
        return MISSING
    return duration(ns) if abs(ns) < 1000 else f"{duration(ns)} ({ns:,} ns)"


def instant(ns: int) -> str:
    """Write a time since the first event exactly.

    Examples
    --------
    >>> instant(12_000_041_230)
    '12.000041230 s'
    """
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    return f"{sign}{ns // 10**9:,}.{ns % 10**9:09d} s"


def count(number: int) -> str:
    """Write a count with thousands separators.

    Examples
    --------
    >>> count(412318)
    '412,318'
    """
    return f"{number:,}"


def rate(per_second: float) -> str:
    """Write events per second with at most three significant digits.

    Examples
    --------
    >>> rate(98_214.0), rate(0.5)
    ('98.2 k/s', '0.5/s')
    """
    if math.isnan(per_second):
        return MISSING
    text = _scaled(per_second, _SCALES, " ")
    return f"{text.rstrip()}/s"


def number(value: float | None) -> str:
    """Write a value of which nothing is known but that it is a number.

    Examples
    --------
    >>> number(12.345), number(98_214), number(-0.5), number(None)
    ('12.3', '98.2 k', '-0.5', '–')
    """
    if value is None or not _known(value):
        return MISSING
    if abs(value) >= 1e15 or 0 < abs(value) < 1e-9:  # more digits than anybody can count
        return f"{value:.3g}" if abs(value) < 1e300 else ("∞" if value > 0 else "-∞")
    return _scaled(float(value), _SCALES, " ").rstrip()


def percent(share: float) -> str:
    """Write a share of one as a percentage.

    Examples
    --------
    >>> percent(0.634), percent(0.00041), percent(1.0)
    ('63.4 %', '0.041 %', '100 %')
    """
    return MISSING if math.isnan(share) else f"{_digits(share * 100)} %"


def ratio(factor: float) -> str:
    """Write how many times as much something is.

    Examples
    --------
    >>> ratio(1.347), ratio(0.5), ratio(7_160_000.0), ratio(0.000173)
    ('1.35×', '0.5×', '7.16 M×', '1/5,780×')
    """
    if not math.isfinite(factor):
        return MISSING
    # Four zeros in a row, on either side of the point, are for counting and not for reading.
    if 0 < factor < 0.001:
        return f"1/{ratio(1 / factor)}"
    return f"{_scaled(factor, _SCALES, ' ').rstrip() if factor >= 1e5 else _digits(factor)}×"


def plain(text: str) -> str:
    r"""Make any text safe to hand to BokehJS as a title or label: one line, and never TeX.

    Parameters
    ----------
    text : str
        For example the name of a marker, chosen by some program.

    Returns
    -------
    str
        Text that looks the same, without line breaks and control characters.

    Examples
    --------
    >>> plain("a\nb")
    'a b'
    >>> "$$" in plain("$$x$$")
    False
    """
    text = "".join(character if character.isprintable() else " " for character in text)
    for mark in _TEX:
        while mark in text:
            text = text.replace(mark, mark[0] + _BREAK + mark[1])
    return text


def short(text: str, limit: int = 14) -> str:
    """Cut the middle out of a long name: what tells names apart is at either end.

    Examples
    --------
    >>> short("ThreadPoolExecutor-0_12", 14)
    'ThreadP…r-0_12'
    """
    text = plain(text)
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


def _known(value: Any) -> bool:
    """Tell whether this is a number; what a frame has where one is missing is none."""
    return isinstance(value, Real) and not math.isnan(value)


def _scaled(value: float, units: tuple[tuple[str, float], ...], gap: str) -> str:
    if value < 0:
        return f"-{_scaled(-value, units, gap)}"
    for index, (unit, size) in enumerate(units):
        # 999.96 µs rounds to 1,000 µs, which a reader would rather see as 1 ms.
        if value >= size * 0.9995 or index == len(units) - 1:
            return f"{_digits(value / size)}{gap}{unit}"
    raise AssertionError("the last unit takes everything")


def _digits(value: float) -> str:
    """At most three significant digits, thousands separated, no trailing zeros."""
    if value == 0:
        return "0"
    decimals = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    if abs(rounded) >= 10 ** (3 - decimals):  # 9.996 became 10.0: one digit fewer after the point
        decimals -= 1
    text = f"{rounded:,.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def note(*parts: str) -> str:
    """Join what a note says, leaving out what is empty.

    Examples
    --------
    >>> note("3 events", "", "1 out of view")
    '3 events · 1 out of view'
    """
    return " · ".join(part for part in parts if part)
