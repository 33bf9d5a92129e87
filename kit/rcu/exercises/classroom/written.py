"""Answers read from the text of cells, without running any."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from kit.rcu.exercises.classroom.notebooks import CHECKED
from kit.rcu.exercises.judging import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["UNKNOWN", "written"]

UNKNOWN: Final = object()
"""What cannot be told without running a cell."""


def written(sources: Iterable[str]) -> dict[str, Any]:
    r"""The answers that code cells give to exercises, as far as their text tells.

    The value is `UNKNOWN` where only running the cell would tell.

    Examples
    --------
    >>> written(['said = {"a": [..., 1]}\ncheck("damage", said)'])
    {'damage': {'a': [Ellipsis, 1]}}
    >>> written(["def f():\n    yield", 'check("synchronize", f)'])
    {'synchronize': 'def f():\n    yield'}
    >>> written(['check("damage", answers["damage"])'])["damage"] is UNKNOWN
    True
    """
    names: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    for text in sources:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            # A cell with a line for the shell, perhaps.
            answers |= dict.fromkeys((n for n in CHECKED.findall(text) if n in TASKS), UNKNOWN)
            continue
        for statement in tree.body:
            _take(statement, text, names)
            for call in ast.walk(statement):
                if isinstance(call, ast.Call) and (name := _exercise(call)):
                    given = [*call.args[1:], *(each.value for each in call.keywords)]
                    answers[name] = _value(given[0], names) if given else UNKNOWN
    return answers


def _exercise(call: ast.Call) -> str:
    called = call.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    first = call.args[0] if call.args else None
    if name == "check" and isinstance(first, ast.Constant) and first.value in TASKS:
        return str(first.value)
    return ""


def _take(statement: ast.stmt, text: str, names: dict[str, Any]) -> None:
    """Take down what a statement binds."""
    if isinstance(statement, ast.FunctionDef):
        names[statement.name] = ast.get_source_segment(text, statement)
        return
    simple: list[str] = []
    if isinstance(statement, ast.Assign) and all(
        isinstance(each, ast.Name) for each in statement.targets
    ):
        value = _value(statement.value, names)
        simple = [each.id for each in statement.targets if isinstance(each, ast.Name)]
        names |= dict.fromkeys(simple, value)
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            if node.id not in simple:
                names[node.id] = UNKNOWN
        elif isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            base = node.value
            if isinstance(base, ast.Name):
                names[base.id] = UNKNOWN  # an item of it was stored


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id, UNKNOWN)
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        values = [_value(each, names) for each in node.elts]
        return UNKNOWN if any(each is UNKNOWN for each in values) else values
    if isinstance(node, ast.Dict):
        keys = [UNKNOWN if key is None else _value(key, names) for key in node.keys]
        values = [_value(each, names) for each in node.values]
        if any(each is UNKNOWN for each in values) or not all(isinstance(k, str) for k in keys):
            return UNKNOWN
        return dict(zip(keys, values, strict=True))
    return UNKNOWN
