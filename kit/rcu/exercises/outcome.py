"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Final

from kit.rcu.exercises.receipts import counted

__all__ = ["ANSWER", "MARKS", "POINTS", "UNJUDGED", "Outcome", "missing", "passed", "unjudged"]

ANSWER: Final = "application/vnd.markers-kit.answer+json"
"""Beside its words an outcome leaves the answer itself in the notebook, so that it can be judged
again elsewhere."""

POINTS: Final[dict[str, int]] = {
    "wrong-data": 2,
    "damage": 5,
    "one-swap": 4,
    "smallest-sets": 5,
    "posted-bug": 3,
    "x86": 8,
    "control": 2,
    "use-after-free": 2,
    "free-later": 4,
    "flavours": 4,
    "synchronize": 8,
    "separate": 3,
    "catch": 4,
    "store-order": 8,
    "two-bits": 4,
    "whole-fix": 6,
}
"""The exercises, in the order of the notebooks, and how many points each is worth: one for each
part that can be right by itself."""

MARKS: Final = {"passed": "✓", "not yet": "✗", "open": "…"}
"""What an answer comes to, and the sign of it."""

UNJUDGED: Final = "not judged"
"""The status where machine or check failed: nobody knows what the answer is worth."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check says about an answer.

    Attributes
    ----------
    exercise : str
        The exercise's name.
    status : str
        ``passed``, ``not yet``, ``open`` when there is no answer so far, or ``not judged`` when
        the machine or the check failed, and not the answer.
    words : str
        A sentence.
    hints : tuple of str
        What to look at next.
    answer : object
        The answer as it was judged.
    points : int
        How many of `of` were reached; all of them when it passed.

    Examples
    --------
    >>> Outcome("one", "not yet", "A bad state can happen.", ("Look at the reader.",))
    ✗ one: not yet. A bad state can happen.
      → Look at the reader.
    """

    exercise: str
    status: str
    words: str
    hints: tuple[str, ...] = ()
    answer: Any = None
    points: int = 0

    @property
    def of(self) -> int:
        """How many points the exercise is worth."""
        return POINTS.get(self.exercise, 1)

    @property
    def judged(self) -> bool:
        """Whether the status says anything about the answer."""
        return self.status != UNJUDGED

    def __bool__(self) -> bool:
        return self.status == "passed"

    def __repr__(self) -> str:
        head = f"{self._mark} {self.exercise}: {self.status}. {self.words}"
        return "\n".join([head, *(f"  → {hint}" for hint in self.hints)])

    @property
    def _mark(self) -> str:
        return MARKS.get(self.status, "?")

    def _repr_html_(self) -> str:
        """The same as a box; a mark and a word besides the colour."""
        colour = {
            "passed": "var(--jp-success-color1, #388e3c)",
            "not yet": "var(--jp-warn-color1, #f57c00)",
        }.get(self.status, "var(--jp-border-color1, #9e9e9e)")
        hints = "".join(f"<li>{escape(hint)}</li>" for hint in self.hints)
        return (
            f'<div class="kit-check" data-status="{self.status}" style="border-left:4px solid '
            f'{colour};padding:2px 12px;margin:2px 0"><p style="margin:2px 0">'
            f"<strong>{self._mark} {escape(self.exercise)}: {self.status}.</strong> "
            f"{escape(self.words)}</p>"
            + (f'<ul style="margin:2px 0">{hints}</ul>' if hints else "")
            + "</div>"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        record = {"exercise": self.exercise, "answer": self.answer}
        shown = {"text/plain": repr(self), "text/html": self._repr_html_(), ANSWER: record}
        return shown | counted(self.exercise)


def passed(words: str) -> Outcome:
    """The outcome of a right answer; who asked fills in the exercise.

    Parameters
    ----------
    words : str
        What was found, and perhaps what to think about next.

    Returns
    -------
    Outcome
        It is true.

    Examples
    --------
    >>> bool(passed("Well."))
    True
    """
    return Outcome("", "passed", words)


def missing(words: str, *hints: str, points: int = 0) -> Outcome:
    """The outcome of an answer that does not do yet.

    Parameters
    ----------
    words : str
        What is wrong with it.
    *hints : str
        What to look at.
    points : int
        For the parts that are right.

    Returns
    -------
    Outcome
        It is false.

    Examples
    --------
    >>> bool(missing("Something is torn."))
    False
    """
    return Outcome("", "not yet", words, hints, points=points)


def unjudged(words: str, *hints: str) -> Outcome:
    """The outcome where nobody knows what the answer is worth.

    Parameters
    ----------
    words : str
        What failed.
    *hints : str
        What to do about it.

    Returns
    -------
    Outcome
        It is false, has no points, and does not count as a failure.

    Examples
    --------
    >>> said = unjudged("There was no process.")
    >>> bool(said), said.judged
    (False, False)
    """
    return Outcome("", UNJUDGED, words, hints)
