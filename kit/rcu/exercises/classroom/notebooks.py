"""Notebooks from strangers: read within bounds, with the shape of everything checked."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kit.rcu.exercises.judging import TASKS
from kit.rcu.exercises.outcome import ANSWER
from kit.rcu.exercises.receipts import ATTEMPTS, RECEIPT, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kit.rcu.exercises.receipts import Receipt

__all__ = ["HandIn", "UnreadableError", "handed_in", "notebook", "source"]

LARGEST: Final = 8_000_000
"""Bytes of a notebook; a lesson with all its outputs has a fortieth of that. The worst that fits
takes 200 MB to read."""

LONGEST: Final = 100_000
"""Characters of an answer; the checks themselves take a fifth."""

NEVER_WAIT: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

CHECKED: Final = re.compile(r"""\bcheck\(\s*["']([\w-]{1,40})["']""")


class UnreadableError(Exception):
    """A file that is no notebook, or none that can be read.

    Parameters
    ----------
    status : str
        What is wrong with it, in two or three words.
    words : str
        More about it.
    """

    def __init__(self, status: str, words: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.words = words


def notebook(path: Path) -> dict[str, Any]:
    """Read a notebook, whatever is at its place.

    It has a list of cells; all else may be of any shape. A queue, a device or a folder is not
    opened.

    Raises
    ------
    UnreadableError
        When it cannot be read, and why.
    """
    try:
        document = json.loads(_text(path))
    except (ValueError, RecursionError, MemoryError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UnreadableError("not JSON", said or type(error).__name__) from None
    if not isinstance(document, dict):
        raise UnreadableError("not a notebook", f"it is a {type(document).__name__}")
    version = document.get("nbformat", 4)
    if isinstance(version, bool) or version != 4:
        raise UnreadableError("wrong version", f"nbformat {version!r:.40}; save it as version 4")
    if not isinstance(document.get("cells"), list):
        raise UnreadableError("not a notebook", "it has no list of cells")
    return document


def _text(path: Path) -> str:
    try:
        # Twice: a queue or device is not even opened, and what was opened is what is looked at.
        _regular(path.stat())
        descriptor = os.open(path, os.O_RDONLY | NEVER_WAIT)
        with os.fdopen(descriptor, "rb") as file:
            _regular(os.fstat(file.fileno()))
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise UnreadableError("no such file") from None
    except (OSError, ValueError) as error:
        raise UnreadableError("cannot be read", str(error)) from None
    if len(content) > LARGEST:
        raise UnreadableError("too big", f"more than {LARGEST:,} bytes: clear its plots")
    if not content.strip():
        raise UnreadableError("empty")
    return content.decode("utf-8-sig")


def _regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UnreadableError("not a file", "a folder, a queue or a device")
    if found.st_size > LARGEST:
        raise UnreadableError(
            "too big", f"{found.st_size:,} bytes; {LARGEST:,} are read: clear its plots"
        )


@dataclass(frozen=True, slots=True)
class HandIn:
    """What a notebook says about exercises.

    Attributes
    ----------
    answers : dict
        The last answer by exercise; None where the exercise is open.
    attempts : dict
        By exercise, how many answers the notebook says there were.
    asked : tuple of str
        Exercises that its cells check, answered or not.
    receipt : Receipt or None
        The last one that is whole.
    spoilt : bool
        Whether there is a receipt that is none.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    receipt: Receipt | None = None
    spoilt: bool = False


def handed_in(document: dict[str, Any]) -> HandIn:
    """Look for answers and a receipt in a notebook.

    What is of another shape than it should be is passed over.

    Examples
    --------
    >>> output = {"data": {ANSWER: {"exercise": "x86", "answer": {}}}}
    >>> handed_in({"cells": [{"outputs": [output]}, 5, {"outputs": [None]}]}).answers
    {'x86': {}}
    """
    answers: dict[str, Any] = {}
    attempts: dict[str, int] = {}
    asked: dict[str, None] = {}
    receipt: Receipt | None = None
    spoilt = False
    for cell in _dicts(document.get("cells")):
        if cell.get("cell_type", "code") == "code":
            asked |= dict.fromkeys(set(CHECKED.findall(source(cell))) & set(TASKS))
        for output in _dicts(cell.get("outputs")):
            data = output.get("data")
            if not isinstance(data, dict):
                continue
            record = data.get(ANSWER)
            name = record.get("exercise") if isinstance(record, dict) else None
            if isinstance(record, dict) and isinstance(name, str) and name in TASKS:
                answers[name] = record.get("answer")
                attempts[name] = _attempts(data.get(ATTEMPTS), attempts.get(name, 0), answers[name])
            if RECEIPT in data:
                receipt = recorded(data[RECEIPT])
                spoilt = receipt is None
    order = {name: at for at, name in enumerate(TASKS)}
    return HandIn(answers, attempts, tuple(sorted(asked, key=order.__getitem__)), receipt, spoilt)


def _attempts(said: object, before: int, answer: object) -> int:
    """The attempts that the notebook claims, and at least those that can be seen."""
    claimed = said if isinstance(said, int) and not isinstance(said, bool) else 0
    return max(before + (answer is not None), min(max(claimed, 0), 1_000_000))


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    yield from (each for each in (value if isinstance(value, list) else ()) if type(each) is dict)


def source(cell: dict[str, Any]) -> str:
    r"""The text of a cell; ``""`` when it has none.

    Examples
    --------
    >>> source({"source": ["a = 1\n", "b = 2"]})
    'a = 1\nb = 2'
    """
    text = cell.get("source")
    if isinstance(text, list):
        text = "".join(each for each in text if isinstance(each, str))
    return text if isinstance(text, str) else ""
