"""Numbers as text, one way everywhere: durations, counts, rates, shares, and names of things.

Durations have at most three significant digits and the unit a reader would choose; nothing is ever
written with an exponent.  A tooltip adds the exact nanoseconds, see `exact`.
"""

from __future__ import annotations

import math
from typing import Final

from kit.probes._text import MISSING, SCALES, digits, duration, known, rate, scaled, several

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


# BokehJS takes text between these as TeX, and fetches a typesetter from the network to show it.
_TEX: Final = ("$$", r"\[", r"\(")
_BREAK: Final = "\u2060"  # word joiner: no width, no line break


def exact(ns: int | None) -> str:
    """Write a duration for people, and the nanoseconds that it was rounded from.

    Examples
    --------
    >>> exact(41_230), exact(41)
    ('41.2 µs (41,230 ns)', '41 ns')
    """
    if ns is None or not known(ns):
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


def number(value: float | None) -> str:
    """Write a value of which nothing is known but that it is a number.

    Examples
    --------
    >>> number(12.345), number(98_214), number(-0.5), number(None)
    ('12.3', '98.2 k', '-0.5', '–')
    """
    if value is None or not known(value):
        return MISSING
    if abs(value) >= 1e15 or 0 < abs(value) < 1e-9:  # more digits than anybody can count
        return f"{value:.3g}" if abs(value) < 1e300 else ("∞" if value > 0 else "-∞")
    return scaled(float(value), SCALES, " ").rstrip()


def percent(share: float) -> str:
    """Write a share of one as a percentage.

    Examples
    --------
    >>> percent(0.634), percent(0.00041), percent(1.0)
    ('63.4 %', '0.041 %', '100 %')
    """
    return MISSING if math.isnan(share) else f"{digits(share * 100)} %"


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
    return f"{scaled(factor, SCALES, ' ').rstrip() if factor >= 1e5 else digits(factor)}×"


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


def note(*parts: str) -> str:
    """Join what a note says, leaving out what is empty.

    Examples
    --------
    >>> note("3 events", "", "1 out of view")
    '3 events · 1 out of view'
    """
    return " · ".join(part for part in parts if part)
