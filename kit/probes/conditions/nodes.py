"""What a condition is made of, once it is parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Arithmetic",
    "Comparison",
    "Constant",
    "Items",
    "Logic",
    "Name",
    "Negation",
    "Node",
    "Not",
    "names",
]

Value: TypeAlias = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a text, or a truth value."""

    at: int
    value: Value


@dataclass(frozen=True, slots=True)
class Name:
    """A field, or something of the context."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Negation:
    """``-operand``."""

    at: int
    operand: Node


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``left operator right``, the operator one of ``+ - * / // % **``."""

    at: int
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Items:
    """What may stand to the right of ``in``: ``('A', 'B')``."""

    at: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``first operator operand ...``, chained as in Python.

    Operators are ``== != < <= > >= in, not in, like, not like, is None, is not None``; the last
    two have no operand.
    """

    at: int
    first: Node
    rest: tuple[tuple[str, Node | None], ...]


@dataclass(frozen=True, slots=True)
class Not:
    """``not operand``."""

    at: int
    operand: Node


@dataclass(frozen=True, slots=True)
class Logic:
    """``part and part``, or with ``or``."""

    at: int
    operator: str
    parts: tuple[Node, ...]


Node: TypeAlias = Constant | Name | Negation | Arithmetic | Items | Comparison | Not | Logic


def children(node: Node) -> tuple[Node, ...]:
    """Return the parts of a node."""
    match node:
        case Negation() | Not():
            return (node.operand,)
        case Arithmetic():
            return (node.left, node.right)
        case Items():
            return node.items
        case Comparison():
            return (node.first, *(each for _, each in node.rest if each is not None))
        case Logic():
            return node.parts
    return ()


def names(node: Node) -> Iterator[Name]:
    """Yield the names in a condition, from left to right.

    Parameters
    ----------
    node : Node

    Yields
    ------
    Name
    """
    if isinstance(node, Name):
        yield node
    for child in children(node):
        yield from names(child)
