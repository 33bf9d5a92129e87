"""Judge a class at once: each answer of each notebook, whatever else is wrong."""

from __future__ import annotations

import json
import os
import unicodedata
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from kit.rcu.exercises.classroom.notebooks import (
    LONGEST,
    HandIn,
    UnreadableError,
    handed_in,
    notebook,
)
from kit.rcu.exercises.judging import judge_afresh
from kit.rcu.exercises.outcome import MARKS, UNJUDGED, Outcome
from kit.rcu.exercises.receipts import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from concurrent.futures import Future

__all__ = ["COLUMNS", "NAMED", "Naming", "Row", "found", "judged"]

COLUMNS: Final = (
    "student", "exercise", "status", "points", "attempts", "out_of", "receipt", "file", "words",
)  # fmt: skip
"""The columns of the table, in order."""

Naming = Literal["file", "folder", "nbgrader", "receipt"]
NAMED: Final[tuple[Naming, ...]] = ("file", "folder", "nbgrader", "receipt")
"""Where a student's name comes from: the file's name, its folder, the folder above that, as in
nbgrader's ``submitted``, or the receipt in the notebook."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Attributes
    ----------
    student, exercise : str
        Whose answer to what; no exercise where nothing could be read.
    status : str
        ``passed``, ``not yet``, ``open``; else what is wrong, and nothing was judged.
    points : int or None
        None where nothing was judged.
    attempts : int or None
        What the notebook says; it is a claim.
    out_of : int or None
        The points of a right answer.
    receipt : str
        The receipt's digest when this answer is the one it was made for; else ``none`` or
        ``differs``.
    file : str
        The notebook.
    words : str
        What the check said.
    """

    student: str
    exercise: str
    status: str
    points: int | None = None
    attempts: int | None = None
    out_of: int | None = None
    receipt: str = ""
    file: str = ""
    words: str = ""

    @property
    def judged(self) -> bool:
        """Whether the line tells what the answer is worth."""
        return self.status in MARKS or self.status == "no answers"

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as texts, fit for a terminal and for a spreadsheet.

        No text is a formula, and none goes over two lines.
        """
        return (
            *map(_cell, (self.student, self.exercise, self.status)),
            *("" if n is None else str(n) for n in (self.points, self.attempts, self.out_of)),
            *map(_cell, (self.receipt, self.file, self.words)),
        )


def _cell(text: str) -> str:
    r"""A text that a spreadsheet does not take for a formula.

    >>> print(_cell("=cmd()\n"))
    '=cmd()\n
    """
    clean = shown(text)
    return f"'{clean}" if clean.lstrip()[:1] in tuple("=+-@＝＋－＠") else clean


def found(paths: Sequence[Path]) -> list[Path]:
    """The files to judge: those that are named, and the notebooks of a folder that is named.

    They come in the order given, and sorted within a folder. A file that is named twice is judged
    once.
    """
    files: dict[str, Path] = {}
    for path in paths:
        # Unlike Path.is_dir it says no, and raises nothing, where a name is too long to ask for.
        inside = sorted(_inside(path)) if os.path.isdir(path) else []  # noqa: PTH112
        for each in inside or [path]:
            files.setdefault(os.path.abspath(each), each)  # noqa: PTH100 - links stay apart
    return list(files.values())


def _inside(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if name.endswith(".ipynb"))


def _student(path: Path, kind: Naming, content: HandIn) -> str:
    if kind == "receipt" and content.receipt:
        return content.receipt.student
    parts = Path(os.path.abspath(path)).parts  # noqa: PTH100 - links stay apart
    back = {"folder": 2, "nbgrader": 3}.get(kind, 0)
    return parts[-back] if 0 < back < len(parts) else path.stem


def judged(
    paths: Sequence[Path],
    *,
    named: Naming = "file",
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Generator[Row, None, None]:
    """Judge every answer of every notebook, from the answers alone.

    Parameters
    ----------
    paths : sequence of Path
        Notebooks, as `found` lists them.
    named : str
        Where a student's name comes from, one of `NAMED`.
    jobs : int
        How many answers to judge at once.
    progress : function, optional
        Called with how many rows of how many are ready.

    Yields
    ------
    Row
        At least one for each notebook, in their order.
    """
    work = list(_asked(paths, named))
    _mark_duplicates(work)
    pool = ThreadPoolExecutor(max_workers=max(1, jobs))
    # One judging for all who gave the same answer.
    running: dict[str, Future[Row]] = {}
    try:
        for each in work:
            if each.key and each.key not in running:
                running[each.key] = pool.submit(_judge, each.row, each.answer)
        for done, each in enumerate(work, 1):
            progress(done - 1, len(work))
            row = each.row
            if each.key:
                said = running[each.key].result()
                row = replace(
                    row,
                    status=said.status,
                    points=said.points,
                    out_of=said.out_of,
                    words=said.words,
                )
            yield each.settled(row)
        progress(len(work), len(work))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(slots=True)
class _Work:
    """A row, and what is to be judged for it."""

    row: Row
    answer: Any = None
    key: str = ""  # the question as text; "" when there is none
    others: tuple[str, ...] = ()  # files of the same student with the same exercise

    def settled(self, row: Row) -> Row:
        if not self.others:
            return row
        words = f"{row.status} here; handed in as {', '.join(self.others)}, too: keep one"
        return replace(row, status="duplicate", points=None, words=words)


def _asked(paths: Sequence[Path], named: Naming) -> Iterator[_Work]:
    for path in paths:
        content = HandIn()
        try:
            content = handed_in(notebook(path))
        except UnreadableError as error:
            row = Row(_student(path, named, content), "", error.status, words=error.words)
            yield _Work(replace(row, file=str(path)))
            continue
        student = _student(path, named, content)
        names = dict.fromkeys([*content.asked, *content.answers])
        if not names:
            words = "no exercise in it: was it saved with its outputs?"
            yield _Work(Row(student, "", "no answers", 0, file=str(path), words=words))
        for name in names:
            most = Outcome(name, "open", "").of
            row = Row(student, name, "open", 0, 0, most, "none", str(path))
            yield _one(row, content)


def _one(row: Row, content: HandIn) -> _Work:
    """What is to be judged for an exercise of a notebook."""
    name = row.exercise
    if name not in content.answers:
        return _Work(replace(row, words="not run, or saved without its outputs"))
    answer = content.answers[name]
    row = replace(row, attempts=content.attempts[name])
    if answer is None:
        return _Work(replace(row, words="no answer"))
    try:
        text = json.dumps(answer)
        if content.receipt or content.spoilt:
            same = content.receipt is not None and content.receipt.covers(name, answer)
            row = replace(
                row, receipt=content.receipt.digest if same and content.receipt else "differs"
            )
    except RecursionError:
        text = " " * LONGEST * 2
    if len(text) > LONGEST:
        return _Work(replace(row, status="not yet", words="longer than any answer has to be"))
    return _Work(row, answer, f"{name} {text}")


def _mark_duplicates(work: Sequence[_Work]) -> None:
    """Two files of one student with the same exercise: whose points count is for the teacher."""
    by: defaultdict[tuple[str, str], list[_Work]] = defaultdict(list)
    for each in work:
        if each.row.exercise:
            name = unicodedata.normalize("NFKC", each.row.student).casefold().strip()
            by[name, each.row.exercise].append(each)
    for same in by.values():
        for each in same:
            each.others = tuple(other.row.file for other in same if other is not each)[:3]


def _judge(row: Row, answer: Any) -> Row:
    try:
        said = judge_afresh(row.exercise, answer)
        words = " ".join([said.words, *said.hints])
        if said.status in MARKS:
            return replace(row, status=said.status, points=said.points, out_of=said.of, words=words)
        if said.judged:
            words = f"the check said {said.status!r}"
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are still to be judged
        words = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[-1]}"
    return replace(row, status=UNJUDGED, points=None, words=words)
