"""Conditions → nodes for the C dispatcher, which evaluates them without calling Python.

``kit/c/condition.c`` says what each node means. What it has no node for, and values that are asked
for by calling a function, stay with the compiled Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from kit.probes.filters._operands import MISSING
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
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kit.probes.filters._operands import Operand

__all__ = ["program_nodes"]

ProgramNode: TypeAlias = "tuple[str, Any, tuple[int, ...]]"

_LARGEST: Final = 2**63
_MOST: Final = 1000
_ARITHMETIC: Final = {"+": "+", "-": "-", "*": "*", "/": "/", "//": "d", "%": "%"}
_LINKS: Final = {
    "==": "=",
    "!=": "!",
    "<": "<",
    "<=": ",",
    ">": ">",
    ">=": ".",
    "in": "i",
    "not in": "n",
    "like": "l",
    "not like": "k",
    "is None": "0",
    "is not None": "1",
}


_OTHERS: Final[dict[type, str]] = {Negation: "m", Not: "~", Items: "I"}


class _NotInCError(Exception):
    """There is no node for it."""


def program_nodes(node: Node, known: Mapping[str, Operand]) -> tuple[ProgramNode, ...] | None:
    """Describe a condition for `kit._c.Program`.

    Parameters
    ----------
    node : Node
    known : mapping of str to Operand
        Where the values of names are; others are missing.

    Returns
    -------
    tuple or None
        ``(operation, what belongs to it, children)``, each after its children; None where C has no
        words for it.

    Examples
    --------
    >>> from kit.probes.filters.condition._parse import parse
    >>> program_nodes(parse("1 < 2"), {})
    (('c', 1, ()), ('c', 2, ()), ('C', '<', (0, 1)))
    """
    found: list[ProgramNode] = []
    try:
        _describe(node, known, found)
    except _NotInCError:
        return None
    return tuple(found) if len(found) <= _MOST else None


def _describe(node: Node, known: Mapping[str, Operand], found: list[ProgramNode]) -> int:
    """Append the node after its children; return its number."""
    operation, what = _operation(node, known)
    operands = tuple([_describe(part, known, found) for part in children(node)])
    found.append((operation, what, operands))
    return len(found) - 1


def _operation(node: Node, known: Mapping[str, Operand]) -> tuple[str, Any]:
    match node:
        case Constant():
            if isinstance(node.value, int) and not -_LARGEST <= node.value < _LARGEST:
                raise _NotInCError
            return "c", node.value
        case Name():
            return _name(known.get(node.name, MISSING))
        case Arithmetic():
            if node.operator not in _ARITHMETIC:
                raise _NotInCError
            return _ARITHMETIC[node.operator], None
        case Logic():
            return ("&" if node.operator == "and" else "|"), None
        case Comparison():
            for operator, right in node.rest:
                if operator.endswith("like") and not _is_simple(right):
                    raise _NotInCError
            return "C", "".join(_LINKS[operator] for operator, _ in node.rest)
    return _OTHERS[type(node)], None


def _name(operand: Operand) -> tuple[str, Any]:
    if operand.function is not None:
        raise _NotInCError
    return operand.for_c()


def _is_simple(pattern: Node | None) -> bool:
    """Tell whether a pattern has nothing but ``*`` and ``?``."""
    value = pattern.value if isinstance(pattern, Constant) else None
    return isinstance(value, str) and "[" not in value
