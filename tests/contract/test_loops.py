"""Loops inside of `try` and `with`: what a signal handler raises there must not leave them.

CPython 3.12 and 3.13 compile the jump back of ``while condition:``, and of a `for` whose body ends
in an ``if`` without ``else``, outside of the exception table
(https://github.com/python/cpython/issues/108214). Signals are handled at such jumps: an exception
from a handler then leaves the function past every `finally`, with the token set or the lock held.
Such a loop is written ``while True:`` with a ``break``, or its ``if`` says ``continue``.
"""

import ast
import dis
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOMS = [Path(__file__).resolve().parents[2] / "kit" / room for room in ("core", "probes")]
FILES = sorted(path for room in ROOMS for path in room.rglob("*.py"))
FOR = """
def wait(work):
    try:
        for each in work:
            if not each():
                continue
            each()
    finally:
        work.end()
"""
WHILE = """
def wait(work):
    try:
        while True:
            if not work:
                break
            work.step()
    finally:
        work.end()
"""


def functions(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from functions(constant)


def jumps_out(text: str) -> list[tuple[str, int]]:
    """Functions and lines of jumps back that are guarded less than where they go."""
    tree = ast.parse(text)
    blocks = [node for node in ast.walk(tree) if isinstance(node, (ast.Try, ast.With))]
    found = []
    for function in functions(compile(tree, "", "exec")):
        code = dis.Bytecode(function)

        def guards(offset: int, code: dis.Bytecode = code) -> set[int]:
            """Handlers of what is raised there, and of what these raise."""
            found: set[int] = set()
            places = [offset]
            while places:
                place = places.pop()
                entries = code.exception_entries
                new = {each.target for each in entries if each.start <= place < each.end} - found
                found |= new
                places += new
            return found

        for jump in code:
            if "JUMP_BACKWARD" not in jump.opname or "NO_INTERRUPT" in jump.opname:
                continue
            line = jump.positions.lineno if jump.positions else None
            inside = any(
                function.co_firstlineno <= each.lineno < (line or 0) <= (each.end_lineno or 0)
                for each in blocks
            )
            if inside and not guards(jump.argval) <= guards(jump.offset):
                found.append((function.co_qualname, line or 0))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_rule_16_no_loop_jumps_out_of_its_try(path):
    """Seen to fail, on 3.12 and 3.13, when the loop over the probes ends in an `if`."""
    assert jumps_out(path.read_text()) == []


@pytest.mark.parametrize("text", [FOR, WHILE], ids=["for", "while"])
def test_rule_16_how_such_a_loop_is_written(text):
    """The two ways that the others give way to are seen to be guarded."""
    assert jumps_out(text) == []
