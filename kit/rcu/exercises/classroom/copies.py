"""Notebooks to hand out: a teacher's own, without answers.

What a teacher marks is cut, in nbgrader's words, and all outputs go, for they hold answers. Then
the copy is judged as a student's would be: none of its exercises may pass.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
from typing import TYPE_CHECKING, Any, Final

from kit.rcu.exercises.answers import is_open
from kit.rcu.exercises.classroom.notebooks import UnreadableError, notebook, source
from kit.rcu.exercises.classroom.written import UNKNOWN, written
from kit.rcu.exercises.judging import judge_afresh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["TAGS", "RefusedError", "student_copy", "write_copies"]

TAGS: Final = frozenset({"teacher", "instructor", "solution"})
"""Cells with one of these tags are left out."""

BEGIN: Final = re.compile(r"^(\s*)(?:#+|//|<!--)\s*BEGIN (SOLUTION|HIDDEN TESTS)\b", re.IGNORECASE)
END: Final = re.compile(r"^\s*(?:#+|//|<!--)\s*END (SOLUTION|HIDDEN TESTS)\b", re.IGNORECASE)


class RefusedError(Exception):
    """A notebook that cannot be handed out; the message says why."""


def student_copy(document: dict[str, Any]) -> dict[str, Any]:
    r"""Make a copy of a notebook without what its teacher has put in.

    It is without outputs, without cells that have one of `TAGS`, and without what stands between
    ``### BEGIN SOLUTION`` and ``### END SOLUTION``: names bound there are ``...`` again.

    Raises
    ------
    RefusedError
        When an answer that passes is left, or one that cannot be read without running it.

    Examples
    --------
    >>> text = "### BEGIN SOLUTION\nbits = 'a lock'\n### END SOLUTION\ncheck('two-bits', bits)"
    >>> cells = [{"cell_type": "code", "source": text, "outputs": [1]}]
    >>> print(source(student_copy({"cells": cells})["cells"][0]))
    bits = ...  # your answer
    check('two-bits', bits)
    """
    given = [each for each in document["cells"] if isinstance(each, dict)]
    bare = [(cell, _bare(cell)) for cell in given if not _tags(cell) & TAGS]
    # A cell that was all test would be an empty test, which everybody passes.
    cells = [left for cell, left in bare if source(left).strip() or not source(cell).strip()]
    code = [source(cell) for cell in cells if cell.get("cell_type") == "code"]
    for name, answer in written(code).items():
        if answer is UNKNOWN:
            raise RefusedError(
                f"{name}: its answer cannot be read without running the cell; put it between "
                "### BEGIN SOLUTION and ### END SOLUTION"
            )
        if is_open(answer):
            continue
        said = judge_afresh(name, answer)
        if not said.judged:
            raise RefusedError(f"{name}: the answer that is left was not judged. {said.words}")
        if said:
            raise RefusedError(
                f"{name}: an answer that passes is left; put it between ### BEGIN SOLUTION and "
                "### END SOLUTION"
            )
    metadata = document.get("metadata")
    kept = {} if not isinstance(metadata, dict) else metadata
    kept = {key: value for key, value in kept.items() if key != "widgets"}
    return {**document, "metadata": kept, "cells": cells}


def _tags(cell: dict[str, Any]) -> set[str]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return {each for each in tags if isinstance(each, str)} if isinstance(tags, list) else set()


def _bare(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell without outputs and marked parts."""
    text = "\n".join(_cut(source(cell).split("\n")))
    bare = {**cell, "source": text.splitlines(keepends=True)}
    if cell.get("cell_type") == "code":
        bare |= {"outputs": [], "execution_count": None}
    return bare


def _cut(lines: Sequence[str]) -> Iterator[str]:
    inside = ""
    part: list[str] = []
    indent = ""
    for line in lines:
        begin, end = BEGIN.match(line), END.match(line)
        if inside and end and end[1].upper() == inside:
            if inside == "SOLUTION":
                yield from (f"{indent}{each}" for each in _left(part, indent))
            inside = ""
        elif inside and not begin:
            part.append(line)
        elif begin and not inside:
            inside, indent, part = begin[2].upper(), begin[1], []
        elif begin or end:
            raise RefusedError(f"{line.strip()!r} has no partner")
        else:
            yield line
    if inside:
        raise RefusedError(f"BEGIN {inside} has no partner")


def _left(part: Sequence[str], indent: str) -> list[str]:
    """What stands in place of a solution: the names that the cell goes on with."""
    try:
        tree = ast.parse(textwrap.dedent("\n".join(part)))
    except SyntaxError:
        return ["...  # your answer"]
    names: dict[str, None] = {}
    for statement in tree.body if not indent else ():
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names[statement.name] = None
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            bound = (node for target in targets for node in ast.walk(target))
            names |= {
                each.id: None
                for each in bound
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            }
    return [f"{name} = ...  # your answer" for name in names] or ["...  # your answer"]


def write_copies(
    paths: Sequence[Path],
    folder: Path,
    change: Callable[[dict[str, Any]], dict[str, Any]] = student_copy,
) -> Iterator[tuple[Path, str]]:
    """Write changed copies of notebooks into a folder; yields why a notebook has none, or ``""``.

    The folder is made when it is not there, and nothing in it is written over.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        try:
            text = json.dumps(change(notebook(path)), indent=1, ensure_ascii=False) + "\n"
            with (folder / path.name).open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except UnreadableError as error:
            yield path, f"{error.status}. {error.words}".strip(". ")
        except FileExistsError:
            yield path, f"{folder / path.name} is there already"
        except (RefusedError, OSError, ValueError) as error:
            yield path, str(error)
        else:
            yield path, ""
