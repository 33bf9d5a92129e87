"""Receipts: a student's name and a digest of the answers, to keep beside a notebook handed in.

A digest says nothing about an answer and changes with any of them. Who has the receipt can show
later that the answers were these, for the batch finds the same digest in the notebook.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from types import EllipsisType
from typing import Any, Final

from kit.errors import LitmusError

__all__ = [
    "ATTEMPTS",
    "RECEIPT",
    "Receipt",
    "counted",
    "digest",
    "forget",
    "last",
    "note",
    "note_outcome",
    "receipt",
    "recorded",
    "shown",
]

RECEIPT: Final = "application/vnd.markers-kit.receipt+json"
"""The MIME type of a receipt in a notebook, beside its text."""

ATTEMPTS: Final = "application/vnd.markers-kit.attempts+json"
"""How many different answers a notebook has checked; no points depend on it."""

LONGEST: Final = 100
"""Characters of a student's name."""

EXACT: Final = 2**53
"""Whole numbers beyond this lose digits when a browser saves the notebook."""

# Of this process, by exercise: digests of all answers, and the last one.
_TRIED: dict[str, set[str]] = {}
_LAST: dict[str, tuple[str, Any]] = {}
_UNJUDGED: set[str] = set()


def shown(text: object, most: int = 2_000) -> str:
    r"""Text of a stranger, safe to print: one line, without what a terminal obeys.

    What cannot be printed is written as an escape sequence.

    Examples
    --------
    >>> print(shown("Ada\n\x1b[2J"))
    Ada\n\x1b[2J
    """
    kept = str(text)
    cut = "…" if len(kept) > most else ""
    return (
        "".join(
            each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
            for each in kept[:most]
        )
        + cut
    )


def digest(value: object) -> str:
    """A digest of plain data, the same before and after a notebook was saved.

    It has 128 bits of SHA-256 in groups of four digits. Neither the order of keys matters nor
    whether a number was written 1 or 1.0.

    Examples
    --------
    >>> digest({"a": 1.0, "b": [True]})
    '90ed-df64-b875-cb5f-a184-bb12-503c-c730'
    >>> digest({"b": [True], "a": 1}) == digest({"a": 1.0, "b": [True]})
    True
    """
    try:
        text = json.dumps(_settled(value), sort_keys=True, separators=(",", ":"))
    except RecursionError:
        text = "nested too deeply"
    digits = hashlib.sha256(text.encode("ascii")).hexdigest()[:32]
    return "-".join(digits[at : at + 4] for at in range(0, 32, 4))


def _settled(value: object) -> object:
    """The same data as it is after a browser has read and written it."""
    if isinstance(value, Mapping):
        return {str(key): _settled(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_settled(each) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > EXACT:
        try:
            return float(value)
        except OverflowError:
            return hex(value)
    return value


def note(exercise: str, answer: object) -> int:
    """Record an answer; returns how many different answers to the exercise this process has seen.

    Examples
    --------
    >>> forget()
    >>> note("x86", {"a": True}), note("x86", {"a": False}), note("x86", {"a": True})
    (1, 2, 2)
    """
    key = digest(answer)
    _TRIED.setdefault(exercise, set()).add(key)
    _LAST[exercise] = key, answer
    _UNJUDGED.discard(exercise)
    return len(_TRIED[exercise])


def note_outcome(exercise: str, judged: bool) -> None:
    """Record whether the last answer to an exercise was judged.

    It was not when the machine failed; a receipt says so.
    """
    (_UNJUDGED.discard if judged else _UNJUDGED.add)(exercise)


def counted(exercise: str) -> dict[str, int]:
    """How many different answers this process has seen, as an outcome leaves it in a notebook.

    It is empty when there was none.

    Examples
    --------
    >>> forget()
    >>> counted("x86")
    {}
    """
    number = len(_TRIED.get(exercise, ()))
    return {ATTEMPTS: number} if number else {}


def last(exercise: str) -> Any:
    """The last answer that was given to an exercise in this process; None when there was none.

    Examples
    --------
    >>> forget()
    >>> last("x86") is None
    True
    """
    return _LAST.get(exercise, ("", None))[1]


def forget() -> None:
    """Forget all answers that were given in this process."""
    _TRIED.clear()
    _LAST.clear()
    _UNJUDGED.clear()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A student's name and a digest of each answer.

    Attributes
    ----------
    student : str
        The name; ``""`` as long as it is open.
    answers : dict
        Digests by exercise.
    unjudged : tuple of str
        Exercises whose answer is here although no check could look at it, for the machine failed.
        It is no part of the digest.

    Examples
    --------
    >>> Receipt("Ada", {"x86": digest({"a": True})})
    Receipt of Ada: 3f0a-9bb4-e19f-89ff-d7e0-9181-6083-8a7f
      1 answer: x86
    """

    student: str
    answers: dict[str, str] = field(default_factory=dict)
    unjudged: tuple[str, ...] = field(default=(), compare=False)

    @property
    def digest(self) -> str:
        """One digest of the name and all answers."""
        return digest({"student": self.student, "answers": self.answers})

    def covers(self, exercise: str, answer: object) -> bool:
        """Whether an answer is the one that the receipt was made for."""
        return self.answers.get(exercise) == digest(answer)

    @property
    def _lines(self) -> tuple[str, ...]:
        if not self.student:
            return "Receipt: open.", 'Put your name, as in receipt("Ada Lovelace"); run this last.'
        count = len(self.answers)
        names = ", ".join(self.answers) or "run the notebook from its top, and this cell last"
        missed = f"not judged here, which is no fault of yours: {', '.join(self.unjudged)}"
        return (
            f"Receipt of {shown(self.student)}: {self.digest}",
            f"{count} answer{'s' * (count != 1)}: {names}",
            *([missed] if self.unjudged else []),
        )

    def __repr__(self) -> str:
        return "\n  ".join(self._lines)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        head, *rest = (escape(line) for line in self._lines)
        shown_here = f"<strong>{head}</strong><br>{'<br>'.join(rest)}"
        bundle: dict[str, Any] = {
            "text/plain": repr(self),
            "text/html": f'<div class="kit-receipt">{shown_here}</div>',
        }
        if self.student:
            bundle[RECEIPT] = {
                "student": self.student,
                "answers": self.answers,
                "digest": self.digest,
            }
        return bundle


def receipt(student: object) -> Receipt:
    """Make a receipt for the answers that were checked in this notebook.

    Parameters
    ----------
    student : str
        The student's name; ``...`` while it is open.

    Returns
    -------
    Receipt
        It prints. Keep the line, or send it to somebody: the batch that judges the notebook finds
        the same digest, as long as the answers are the same.

    Raises
    ------
    kit.errors.LitmusError
        When the name is no text of a hundred characters at most.

    Examples
    --------
    >>> forget()
    >>> note("x86", {"a": True})
    1
    >>> receipt("Ada")
    Receipt of Ada: 3f0a-9bb4-e19f-89ff-d7e0-9181-6083-8a7f
      1 answer: x86
    """
    if isinstance(student, EllipsisType):
        return Receipt("")
    if not isinstance(student, str) or not student.strip() or len(student) > LONGEST:
        raise LitmusError(f"a receipt needs a name, a text of {LONGEST} characters at most")
    answers = {name: key for name, (key, _) in sorted(_LAST.items())}
    return Receipt(student.strip(), answers, tuple(sorted(_UNJUDGED)))


def recorded(record: object) -> Receipt | None:
    """Read a receipt that stands in a notebook; nothing of what is found there is trusted.

    None when it is no receipt, or its digest is not that of its name and answers.

    Examples
    --------
    >>> mine = Receipt("Ada", {"x86": digest({})})
    >>> record = mine._repr_mimebundle_()[RECEIPT]
    >>> recorded(record) == mine, recorded(record | {"student": "Bob"})
    (True, None)
    """
    if not isinstance(record, dict):
        return None
    student, answers = record.get("student"), record.get("answers")
    if not isinstance(student, str) or not student or len(student) > LONGEST:
        return None
    if not isinstance(answers, dict) or not all(isinstance(v, str) for v in answers.values()):
        return None
    found = Receipt(student, answers)
    return found if found.digest == record.get("digest") else None
