"""Arithmetic that cannot take the memory or the time of the program under test.

``'a' * 10**9`` is a gigabyte, and ``9**9**9`` has more digits than any memory: multiplication,
powers and remainders are of numbers only, products and powers have a limit, and so has a text that
is made of two. The other operators need no such care: what they return is hardly larger than what
they are given.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final

from kit.probes.captures._capture import TEXT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LARGEST", "OPERATORS", "plus", "power", "remainder", "times"]

LARGEST: Final = 4096
"""How many bits an integer product or power may have."""


def _check(left: object, right: object, what: str) -> None:
    for value in (left, right):
        if not isinstance(value, int | float):
            raise TypeError(f"{what} needs numbers, not {type(value).__name__}")


def _limit(bits: int) -> None:
    if bits > LARGEST:
        raise OverflowError(
            f"a product or a power may have at most {LARGEST:,} bits; this one is too large"
        )


def plus(left: Any, right: Any) -> Any:
    """Add numbers, or put two texts together.

    Raises
    ------
    OverflowError
        When the text would have more characters than a text that is recorded.
    """
    if isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > TEXT_LIMIT:
            raise OverflowError(
                f"a text made with + may have at most {TEXT_LIMIT:,} characters; this one is longer"
            )
    elif hasattr(type(left), "__len__") or hasattr(type(right), "__len__"):
        raise TypeError("+ needs two numbers or two texts")
    return left + right


def times(left: Any, right: Any) -> Any:
    """Multiply numbers.

    Raises
    ------
    OverflowError
        When the result could have more than 4096 bits.
    """
    _check(left, right, "*")
    if isinstance(left, int) and isinstance(right, int):
        _limit(left.bit_length() + right.bit_length())
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
        When the result could have more than 4096 bits.
    """
    _check(left, right, "**")
    if isinstance(left, int) and isinstance(right, int) and right > 0:
        _limit(left.bit_length() * right)
    return left**right


OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": plus,
    "-": operator.sub,
    "*": times,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": remainder,
    "**": power,
}
"""What each operator does."""
