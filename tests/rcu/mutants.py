"""Wrong answers, made from right ones by small changes; and answers of odd shapes.

Each operator knows a kind of text (a litmus test, a model, a condition, a Python function) or plain
data, and yields every answer that is one change away. Nothing here knows an exercise.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

SWAPS = {
    "smp_wmb()": ("barrier()", "smp_rmb()"),
    "smp_rmb()": ("barrier()", "smp_wmb()"),
    "smp_read_barrier_depends()": ("barrier()", "smp_wmb()"),
    "synchronize_rcu()": ("smp_mb()", "barrier()"),
    "rcu_assign_pointer(*": ("WRITE_ONCE(*",),
    "rcu_dereference(*": ("*(",),
    "READ_ONCE(*": ("*(",),
    "rcu_read_lock()": ("barrier()",),
    "rcu_read_unlock()": ("barrier()",),
}
"""What a primitive is mistaken for."""


def once_each(text: str, old: str, new: str) -> Iterator[str]:
    """The text with one occurrence of a part replaced, each in turn."""
    at = text.find(old)
    while at >= 0:
        yield text[:at] + new + text[at + len(old) :]
        at = text.find(old, at + 1)


def litmus(text: str) -> Iterator[tuple[str, str]]:
    """A litmus test with a statement left out, two of them exchanged, or one of them weakened."""
    head, end = text.index("P0("), text.rindex("exists")
    body = text[head:end]
    statements = list(re.finditer(r"^\t+([^\n{}]*;)", body, re.MULTILINE))
    for each in statements:
        if re.match(r"(int|spinlock_t|atomic_t)\b", each[1]) and "=" not in each[1]:
            continue
        yield f"without {each[1]}", text.replace(body, body[: each.start(1)] + body[each.end(1) :])
    for one, two in pairwise(statements):
        between = body[one.end(1) : two.start(1)]
        if "{" in between or "}" in between or one[1].startswith("int"):
            continue
        swapped = body[: one.start(1)] + two[1] + between + one[1] + body[two.end(1) :]
        yield f"{two[1]} before {one[1]}", text.replace(body, swapped)
    for old, news in SWAPS.items():
        for new in news:
            for number, changed in enumerate(once_each(body, old, new)):
                yield f"{old} {number} becomes {new}", text.replace(body, changed)
    for each in re.finditer(r"\b\d+\b", re.sub(r"//[^\n]*", lambda c: " " * len(c[0]), body)):
        if body[each.start() - 1 : each.start()] == "P":
            continue
        changed = body[: each.start()] + str(int(each[0]) + 1) + body[each.end() :]
        yield f"{each[0]} at {each.start()} becomes {int(each[0]) + 1}", text.replace(body, changed)


def model(text: str) -> Iterator[tuple[str, str]]:
    """A model with a line, or an operand, left out or replaced."""
    begin = text.index('"', 1) + 1
    body = text[begin:]
    for name in re.findall(r"^(?:acyclic|irreflexive|empty) .*? as (\S+)$", body, re.MULTILINE):
        yield f"without {name}", re.sub(rf"\n[^\n]* as {name}\n", "\n", text)
    for each in re.finditer(r'^include "[^"]+"$', body, re.MULTILINE):
        yield f"without {each[0]}", text[:begin] + body.replace(each[0], "")
    word = r"(?<![\w-])[A-Za-z][\w-]*(?![\w-])"
    keep = {"let", "acyclic", "empty", "as", "include", "irreflexive", "fencerel", "cat"}
    for each in re.finditer(word, re.sub(r'"[^"]*"', lambda c: " " * len(c[0]), body)):
        line = body[body.rfind("\n", 0, each.start()) + 1 : each.start()]
        if each[0] in keep or line.strip() in ("let", "include") or line.endswith(" as "):
            continue
        yield (
            f"{each[0]} at {each.start()} becomes 0",
            text[:begin] + body[: each.start()] + "0" + body[each.end() :],
        )
    for old, new in (
        ("acyclic", "irreflexive"),
        ("fre", "fri"),
        ("W * M", "R * M"),
        ("[W]", "[R]"),
    ):
        for number, changed in enumerate(once_each(body, old, new)):
            yield f"{old} {number} becomes {new}", text[:begin] + changed


def condition(text: str) -> Iterator[tuple[str, str]]:
    """A condition with an operator or a number exchanged, or an atom turned round."""
    for old, new in (("/\\", "\\/"), ("\\/", "/\\")):
        for number, changed in enumerate(once_each(text, old, new)):
            yield f"{old} {number} becomes {new}", changed
    for each in re.finditer(r"\d+:\w+=(\d+)", text):
        wrong = "1" if each[1] == "0" else "0"
        yield f"{each[0]}: {wrong}", text[: each.start(1)] + wrong + text[each.end(1) :]
        yield f"not {each[0]}", text[: each.start()] + f"~({each[0]})" + text[each.end() :]


class _Change(ast.NodeTransformer):
    """One change at one place of a function; which one is counted."""

    def __init__(self, wanted: int) -> None:
        self.left = wanted
        self.words = ""

    def due(self, words: str) -> bool:
        self.left -= 1
        if self.left == -1:
            self.words = words
        return self.left == -1

    def body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        for number, each in enumerate(body):
            if self.due(f"without {ast.unparse(each)!r}"):
                return [*body[:number], *body[number + 1 :]] or [ast.Pass()]
            if number and self.due(f"{ast.unparse(each)!r} one earlier"):
                return [*body[: number - 1], each, body[number - 1], *body[number + 1 :]]
        return body

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse"):
            if isinstance(getattr(node, name, None), list):
                setattr(node, name, self.body(getattr(node, name)))
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if self.due("if turned round"):
            node.test = ast.UnaryOp(ast.Not(), node.test)
        if self.due("if always"):
            node.test = ast.Constant(True)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        for words, part in (("[:1]", (None, 1)), ("[1:]", (1, None)), ("[:2]", (None, 2))):
            if self.due(f"for: {words}"):
                low, high = (None if each is None else ast.Constant(each) for each in part)
                node.iter = ast.Subscript(node.iter, ast.Slice(low, high), ast.Load())
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        for other in (ast.Eq, ast.NotEq, ast.Lt, ast.Gt):
            if not isinstance(node.ops[0], other) and self.due(f"compare: {other.__name__}"):
                node.ops = [other()]
                break
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        for value in (True, False):
            if self.due(f"lambda: {value}"):
                node.body = ast.Constant(value)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, int | str) and self.due(f"constant {node.value!r}"):
            swaps = {"A": "B", "B": "A", "a": "b", "b": "a"}
            value = node.value
            return ast.Constant(
                value + 1 if isinstance(value, int) else swaps.get(value, f"{value}s")
            )
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if self.due(f"not .{node.attr}"):
            return node.value
        return node

    def visit_Yield(self, node: ast.Yield) -> ast.AST:
        self.generic_visit(node)
        if self.due(f"no yield of {ast.unparse(node)}"):
            return node.value or node
        return node


def function(text: str) -> Iterator[tuple[str, str]]:
    """A function with one statement, condition, loop, comparison or constant changed."""
    number = 0
    while True:
        change = _Change(number)
        tree = change.visit(copy.deepcopy(ast.parse(text)))
        if not change.words:
            return
        if len(tree.body) == 1 and isinstance(tree.body[0], ast.FunctionDef):
            yield change.words, ast.unparse(ast.fix_missing_locations(tree))
        number += 1


def lists(answer: list[Any], names: list[str]) -> Iterator[tuple[str, list[Any]]]:
    """A list with one item left out, put in or exchanged."""
    for number, each in enumerate(answer):
        yield f"without {each} {number}", [*answer[:number], *answer[number + 1 :]]
    for name in names:
        if name not in answer:
            yield f"with {name}", [*answer, name]
            for number in range(len(answer)):
                changed = [*answer[:number], name, *answer[number + 1 :]]
                yield f"{name} for {answer[number]} {number}", changed


def items(answer: dict[str, Any], values: dict[str, list[Any]]) -> Iterator[tuple[str, Any]]:
    """A dict with one value exchanged for each of the others, or without one key."""
    for key, right in answer.items():
        yield f"without {key}", {each: value for each, value in answer.items() if each != key}
        for value in values[key]:
            if value != right:
                yield f"{key}: {value}", {**answer, key: value}


def within(answer: Any) -> Iterator[tuple[str, Any]]:
    """An answer in which one value, at any depth, or one key is odd; and the answer itself, odd."""
    for words, odd in ODD.items():
        yield words, odd
    yield "in a list", [answer]
    yield "in a list, twice", [answer, answer]
    yield "in a dict", {"answer": answer}
    if isinstance(answer, str):
        yield "wrong case", answer.swapcase()
        yield "half of it", answer[: len(answer) // 2]
        yield "twice", answer + answer
        yield "backwards", answer[::-1]
        yield "in quotes", repr(answer)
    elif isinstance(answer, list):
        yield "as a text", ", ".join(map(str, answer))
        yield "as a dict", dict.fromkeys(map(str, answer))
        if answer:
            for words, part in within(answer[0]):
                yield f"first: {words}", [part, *answer[1:]]
    elif isinstance(answer, dict):
        yield "its keys", list(answer)
        yield "its values", list(answer.values())
        yield "its items", [list(each) for each in answer.items()]
        for key in answer:
            yield f"without {key}", {each: value for each, value in answer.items() if each != key}
            rest = {each: value for each, value in answer.items() if each != key}
            yield f"{key} in the wrong case", {**rest, key.swapcase() + "_": answer[key]}
        for key in list(answer)[:1] + list(answer)[-1:]:
            for words, part in within(answer[key]):
                yield f"{key}: {words}", {**answer, key: part}


def _deep(kind: type, levels: int = 15) -> Any:
    made: Any = "x"
    for _ in range(levels):
        made = [made] if kind is list else {"x": made}
    return made


ODD: dict[str, Any] = {
    "None": None,
    "True": True,
    "zero": 0,
    "a number": -7,
    "a large number": 2**63,
    "half": 0.5,
    "nothing": "",
    "a space": " ",
    "a word": "synchronize_rcu",
    "a line": "\n",
    "a NUL": "a\0b",
    "half a character": "\ud800",
    "right to left": "\u202etxet",
    "a long text": "x" * 70_000,
    "brackets": "(" * 3_000,
    "no list": [],
    "a list of None": [None],
    "a list of lists": [[["x"]]],
    "a list of dicts": [{"x": 1}],
    "a long list": ["x"] * 5_000,
    "no dict": {},
    "a dict of None": {"x": None},
    "a dict of dicts": {"x": {"y": {}}},
    "a dict with an empty key": {"": ""},
    "deep lists": _deep(list),
    "deep dicts": _deep(dict),
    "an answer to a checker": {"model": {"x": 1}, "without": {"x": 1}},
}
"""Plain data that no exercise asks for."""
