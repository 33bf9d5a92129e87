"""The outcome of a check."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

from kit.rcu.exercises.receipts import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ANSWER", "MARKS", "POINTS", "UNJUDGED", "Outcome", "missing", "passed", "unjudged"]

ANSWER: Final = "application/vnd.markers-kit.answer+json"
"""The MIME type of an answer. An outcome leaves it in the notebook, so that it can be judged again
elsewhere."""

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
"""The sign of each status."""

UNJUDGED: Final = "not judged"
"""The status if the machine or the check failed, and the answer's worth is unknown."""


def box(status: str, head: str, words: str, hints: Iterable[str] = ()) -> str:
    """A message as HTML: a mark and a word besides the colour."""
    colour = {
        "passed": "var(--jp-success-color1, #388e3c)",
        "not yet": "var(--jp-warn-color1, #f57c00)",
    }.get(status, "var(--jp-border-color1, #9e9e9e)")
    listed = "".join(f"<li>{escape(hint)}</li>" for hint in hints)
    return (
        f'<div class="kit-check" data-status="{status}" style="border-left:4px solid '
        f'{colour};padding:2px 12px;margin:2px 0"><p style="margin:2px 0">'
        f"<strong>{escape(head)}</strong> {escape(words)}</p>"
        + (f'<ul style="margin:2px 0">{listed}</ul>' if listed else "")
        + "</div>"
    )


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

    @property
    def _head(self) -> str:
        return f"{MARKS.get(self.status, '?')} {self.exercise}: {self.status}."

    def __repr__(self) -> str:
        return "\n".join([f"{self._head} {self.words}", *(f"  → {hint}" for hint in self.hints)])

    def _repr_html_(self) -> str:
        return box(self.status, self._head, self.words, self.hints)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        record = {"exercise": self.exercise, "answer": self.answer}
        shown = {"text/plain": repr(self), "text/html": self._repr_html_(), ANSWER: record}
        return shown | counted(self.exercise)


def passed(words: str) -> Outcome:
    """The outcome of a right answer; the caller fills in the exercise.

    Examples
    --------
    >>> bool(passed("Well."))
    True
    """
    return Outcome("", "passed", words)


def missing(words: str, *hints: str, points: int = 0) -> Outcome:
    """The outcome of an answer that is not right yet, with points for the parts that are.

    Examples
    --------
    >>> bool(missing("Something is torn."))
    False
    """
    return Outcome("", "not yet", words, hints, points=points)


def unjudged(words: str, *hints: str) -> Outcome:
    """The outcome when it is unknown what the answer is worth.

    It has no points, and does not count as a failure.

    Examples
    --------
    >>> said = unjudged("There was no process.")
    >>> bool(said), said.judged
    (False, False)
    """
    return Outcome("", UNJUDGED, words, hints)
