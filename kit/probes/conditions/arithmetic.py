"""Arithmetic that cannot take the memory or the time of the program under test.

``'a' * 10**9`` is a gigabyte, and ``9**9**9`` has more digits than any memory: multiplication,
powers and remainders are of numbers only, and powers have a limit. The other operators need no such
care.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OPERATORS", "power", "remainder", "times"]

LARGEST_POWER: Final = 4096
"""How many bits an integer power may have."""


def _check(left: object, right: object, what: str) -> None:
    for value in (left, right):
        if not isinstance(value, int | float):
            raise TypeError(f"{what} is of numbers, not of {type(value).__name__}")


def times(left: Any, right: Any) -> Any:
    """Multiply numbers."""
    _check(left, right, "*")
    return left * right


def remainder(left: Any, right: Any) -> Any:
    """Return the remainder of a division of numbers."""
    _check(left, right, "%")
    return left % right


def power(left: Any, right: Any) -> Any:
    """Raise a number to a power.

    Raises
    ------
    OverflowError
        When the result would have more than 4096 bits.
    """
    _check(left, right, "**")
    if isinstance(left, int) and isinstance(right, int) and right > 0:
        bits = left.bit_length() * right
        if bits > LARGEST_POWER:
            raise OverflowError(f"a power may have {LARGEST_POWER:,} bits; this one is too large")
    return left**right


OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": times,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": remainder,
    "**": power,
}
"""What each operator does."""
