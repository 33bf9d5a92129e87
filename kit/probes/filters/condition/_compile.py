"""Conditions → Python source, for `compile`; and what one says where values are missing.

Nothing of the text that somebody typed gets into the source: names become places that the caller
gives, texts and numbers are written by `repr` or handed over as objects. What is evaluated can
therefore be nothing but the operators of the grammar.

A comparison with a missing value is unknown, ``not`` leaves it unknown, ``and`` and ``or`` are
settled by the other side where that can settle them, and a condition that stays unknown is not met.
So do SQL and pandas. The code that is compiled for a condition comes here only when a value is
missing, or when something went wrong.
"""

from __future__ import annotations

import math
import operator as operators
import re
from fnmatch import translate
from typing import TYPE_CHECKING, Any, Final

from kit.probes.filters.condition._arithmetic import OPERATORS, plus, power, remainder, times
from kit.probes.filters.condition._parse import (
    Arithmetic,
    Comparison,
    Constant,
    Items,
    Logic,
    Name,
    Negation,
    Node,
    Not,
    children,
    names,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from re import Pattern


__all__ = [
    "Source",
    "compile_patterns",
    "evaluate",
    "needed",
]

_CAREFUL = {"+": "plus", "*": "times", "%": "remainder", "**": "power"}
_WHOLE = range(-(1 << 63), 1 << 63)


def compile_patterns(node: Node) -> dict[str, Pattern[str]]:
    """Compile what stands after ``like``, by the rules of the shell, case counting."""
    return {
        part.value: re.compile(translate(part.value))
        for comparison in _comparisons(node)
        for operator, part in comparison.rest
        if operator.endswith("like") and isinstance(part, Constant) and isinstance(part.value, str)
    }


def _comparisons(node: Node) -> Iterator[Comparison]:
    if isinstance(node, Comparison):
        yield node
    for child in children(node):
        yield from _comparisons(child)


def needed(node: Node, positive: bool = True) -> set[str]:
    """Find the names that must not be missing for Python's own operators to be right.

    ``None > 10`` raises, which is noticed; ``None == 10`` is false, which is right unless it is
    turned round by ``not``; ``None != 10`` is true, and wrong.

    Parameters
    ----------
    node : Node
    positive : bool
        Whether the condition can be met only where this part is.

    Returns
    -------
    set of str
    """
    match node:
        case Name():
            return set() if positive else {node.name}
        case Not():
            return needed(node.operand, False)
        case Logic():
            return {name for part in node.parts for name in needed(part, positive)}
        case Comparison():
            found: set[str] = set()
            left: Node | None = node.first
            for operator, right in node.rest:
                found |= _needed_by(operator, left, right, positive)
                left = right
            return found
    return {name for child in children(node) for name in needed(child, not _is_truth(child))}


def _needed_by(operator: str, left: Node | None, right: Node | None, positive: bool) -> set[str]:
    sides = [side for side in (left, right) if side is not None]
    # A truth value that is compared: what is unknown in it must not be taken for false.
    found = {name for side in sides for name in needed(side, not _is_truth(side))}
    if operator in ("==", "!=", "in", "not in"):
        constant = isinstance(left, Constant) or _constant(right)
        if not (positive and constant and operator in ("==", "in")):
            found |= {each.name for side in sides for each in names(side)}
    return found


def _given(value: object) -> object:
    return value


def _is_truth(node: Node) -> bool:
    return isinstance(node, Comparison | Logic | Not)


def _is_number(node: Node) -> bool:
    """Tell whether a part is no text, whatever the fields are."""
    match node:
        case Constant():
            return not isinstance(node.value, str)
        case Arithmetic():
            return node.operator != "+" or _is_number(node.left) or _is_number(node.right)
    return isinstance(node, Negation)


def _constant(node: Node | None) -> bool:
    if isinstance(node, Items):
        return all(isinstance(each, Constant) for each in node.items)
    return isinstance(node, Constant)


class Source:
    """The source of a condition's expression, and the objects that it needs.

    Attributes
    ----------
    text : str
        A Python expression.
    scope : dict
        What its names stand for, those of the places excepted.
    """

    def __init__(
        self, node: Node, place_of: Callable[[str], str], patterns: dict[str, Pattern[str]]
    ) -> None:
        self.scope: dict[str, Any] = {
            "plus": plus,
            "times": times,
            "remainder": remainder,
            "power": power,
            "given": _given,
        }
        self._place_of = place_of
        self._patterns = patterns
        self.text = self._truth(node)

    def _keep(self, value: object, kind: str) -> str:
        name = f"{kind}{len(self.scope)}"
        self.scope[name] = value
        return name

    def _truth(self, node: Node) -> str:
        match node:
            case Logic():
                return f" {node.operator} ".join(f"({self._truth(part)})" for part in node.parts)
            case Not():
                return f"not ({self._truth(node.operand)})"
        return self._value(node)

    def _value(self, node: Node) -> str:
        match node:
            case Constant():
                value = node.value
                if isinstance(value, float) and not math.isfinite(value):
                    return self._keep(value, "number")
                if isinstance(value, int) and value not in _WHOLE:
                    return self._keep(value, "number")  # it may have more digits than one may write
                return repr(value) if isinstance(value, int | float) else self._keep(value, "text")
            case Name():
                return self._place_of(node.name)
            case Negation():
                return f"(-{self._value(node.operand)})"
            case Arithmetic():
                left, right = self._value(node.left), self._value(node.right)
                careful = _CAREFUL.get(node.operator)
                if careful and not (node.operator == "+" and _is_number(node)):
                    return f"{careful}({left}, {right})"
                return f"({left} {node.operator} {right})"
            case Comparison():
                return self._comparison(node)
            case Items():
                return "(" + "".join(f"{self._value(item)}, " for item in node.items) + ")"
        return f"(True if ({self._truth(node)}) else False)"

    def _comparison(self, node: Comparison) -> str:
        plain = all("like" not in operator and "is" not in operator for operator, _ in node.rest)
        if plain:
            parts = [(operator, self._value(part)) for operator, part in node.rest if part]
            rest = "".join(f" {operator} {value}" for operator, value in parts)
            return f"({self._value(node.first)}{rest})"
        # A chain that is not only Python's: each pair by itself, the values in between twice.
        pairs = []
        left = node.first
        for operator, right in node.rest:
            value = self._value(left)
            if operator.startswith("is"):
                # Python warns of a literal beside "is"; what has no name in it is folded to one.
                value = value if any(names(left)) else f"given({value})"
                pairs.append(f"({value} {operator})")
            elif operator.endswith("like") and isinstance(right, Constant):
                match = self._keep(self._patterns[str(right.value)].match, "match")
                pairs.append(f"({match}({value}) is {'not ' if operator == 'like' else ''}None)")
            elif right is not None:
                pairs.append(f"({value} {operator} {self._value(right)})")
            left = right if right is not None else left
        return f"({' and '.join(pairs)})"


_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operators.eq,
    "!=": operators.ne,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
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
