"""What a condition says where values are missing: neither true nor false.

A comparison with a missing value is unknown, ``not`` leaves it unknown, ``and`` and ``or`` are
settled by the other side where that can settle them, and a condition that stays unknown is not met.
So do SQL and pandas. The code that is compiled for a condition comes here only when a value is
missing, or when something went wrong.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final

from kit.probes.conditions.arithmetic import OPERATORS
from kit.probes.conditions.nodes import (
    Arithmetic,
    Comparison,
    Constant,
    Items,
    Logic,
    Name,
    Negation,
    Node,
    Not,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from re import Pattern

__all__ = ["evaluate"]

_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(node: Node, value_of: Callable[[str], Any], patterns: dict[str, Pattern[str]]) -> Any:
    """Evaluate a condition where values may be missing.

    Parameters
    ----------
    node : Node
    value_of : callable
        Returns the value of a name, None where it is missing.
    patterns : dict of str to Pattern
        What each pattern after ``like`` means.

    Returns
    -------
    object
        The value, or None where it is unknown.

    Raises
    ------
    Exception
        Whatever the operators raise.
    """

    def of(part: Node) -> Any:
        return evaluate(part, value_of, patterns)

    match node:
        case Constant():
            return node.value
        case Name():
            return value_of(node.name)
        case Negation():
            value = of(node.operand)
            return None if value is None else -value
        case Arithmetic():
            left, right = of(node.left), of(node.right)
            if left is None or right is None:
                return None
            return OPERATORS[node.operator](left, right)
        case Not():
            value = of(node.operand)
            return None if value is None else not value
        case Logic():
            return _logic(node, of)
        case Comparison():
            return _chain(node, of, patterns)
        case Items():
            return tuple(map(of, node.items))


def _logic(node: Logic, of: Callable[[Node], Any]) -> bool | None:
    settles = node.operator == "or"
    unknown = False
    for part in node.parts:
        value = of(part)
        if value is None:
            unknown = True
        elif bool(value) is settles:
            return settles
    return None if unknown else not settles


def _chain(
    node: Comparison, of: Callable[[Node], Any], patterns: dict[str, Pattern[str]]
) -> bool | None:
    left = of(node.first)
    unknown = False
    for name, part in node.rest:
        right = None if part is None else of(part)
        value = _compare(name, left, right, patterns)
        if value is None:
            unknown = True
        elif not value:
            return False
        left = right
    return None if unknown else True


def _compare(name: str, left: Any, right: Any, patterns: dict[str, Pattern[str]]) -> bool | None:
    if name in ("is None", "is not None"):
        return (left is None) == (name == "is None")
    if left is None or right is None:
        return None
    if name in ("like", "not like"):
        return (patterns[right].match(left) is not None) == (name == "like")
    if name in ("in", "not in"):
        if isinstance(right, tuple) and None in right:
            return (name == "in") if left in [each for each in right if each is not None] else None
        return (left in right) == (name == "in")
    return bool(_COMPARE[name](left, right))
