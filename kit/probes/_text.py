"""What is said of probes: a small table for notebooks, numbers as text, so many of something."""

from __future__ import annotations

import math
from html import escape
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "MISSING",
    "SCALES",
    "digits",
    "duration",
    "html_table",
    "known",
    "rate",
    "scaled",
    "several",
]


MISSING: Final = "–"
"""What stands where there is no number."""

UNITS: Final = (
    ("h", 3.6e12),
    ("min", 6e10),
    ("s", 1e9),
    ("ms", 1e6),
    ("µs", 1e3),
    ("ns", 1.0),
)
SCALES: Final = (("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0))


def html_table(rows: Iterable[tuple[str, str]]) -> str:
    """Write facts as a table in HTML.

    Parameters
    ----------
    rows : iterable of (str, str)
        What is said, and what it is; any text.

    Returns
    -------
    str

    Examples
    --------
    >>> html_table([("state", "<b>")]).count("&lt;b&gt;")
    1
    """
    cells = "".join(
        f'<tr><th style="text-align:left">{_text(key)}</th>'
        f'<td style="text-align:left">{_text(value)}</td></tr>'
        for key, value in rows
    )
    return f'<table style="font-variant-numeric:tabular-nums"><tbody>{cells}</tbody></table>'


def several(number: int, what: str) -> str:
    """Write a number of things.

    Examples
    --------
    >>> several(1, "event"), several(1200, "event"), several(2, "dispatch")
    ('1 event', '1,200 events', '2 dispatches')
    """
    plural = "es" if what.endswith("ch") else "s"
    return f"{number:,} {what}{'' if number == 1 else plural}"


def _text(text: str) -> str:
    # Half a character, as of a file's name that is no UTF-8, would be in no page's encoding.
    return escape(text.encode("utf-8", "replace").decode())


def duration(ns: float | None) -> str:
    """Write a duration for people.

    Parameters
    ----------
    ns : int or float or None
        Nanoseconds; None, NaN and ``pandas.NA`` are missing.

    Returns
    -------
    str
        At most three significant digits and a unit: ns, µs, ms, s, min or h.

    Examples
    --------
    >>> duration(41_230), duration(999_960), duration(7), duration(3_661_000_000_000)
    ('41.2 µs', '1 ms', '7 ns', '1.02 h')
    """
    if ns is None or not known(ns):
        return MISSING
    return scaled(float(ns), UNITS, " ")


def rate(per_second: float | None) -> str:
    """Write events per second with at most three significant digits.

    Examples
    --------
    >>> rate(98_214.0), rate(0.5)
    ('98.2 k/s', '0.5/s')
    """
    if per_second is None or not known(per_second):
        return MISSING
    text = scaled(per_second, SCALES, " ")
    return f"{text.rstrip()}/s"


def known(value: Any) -> bool:
    """Tell whether this is a number; what a frame has where one is missing is none."""
    return isinstance(value, Real) and not math.isnan(value)


def scaled(value: float, units: tuple[tuple[str, float], ...], gap: str) -> str:
    if value < 0:
        return f"-{scaled(-value, units, gap)}"
    for index, (unit, size) in enumerate(units):
        # 999.96 µs rounds to 1,000 µs, which a reader would rather see as 1 ms.
        if value >= size * 0.9995 or index == len(units) - 1:
            return f"{digits(value / size)}{gap}{unit}"
    raise AssertionError("the last unit takes everything")


def digits(value: float) -> str:
    """At most three significant digits, thousands separated, no trailing zeros."""
    if value == 0:
        return "0"
    decimals = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    if abs(rounded) >= 10 ** (3 - decimals):  # 9.996 became 10.0: one digit fewer after the point
        decimals -= 1
    text = f"{rounded:,.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
