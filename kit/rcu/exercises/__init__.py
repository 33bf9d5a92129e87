"""Exercises of the notebooks, with checks.

A check takes what the student did (a text, switches, a schedule, a function) and judges it afresh
with the engine, in a process of its own: by every model, against hidden variants and mutants, by
exploring everything that can happen. It knows what has to hold, and not how to get there.

>>> from kit.rcu import exercises
>>> exercises.check("two-bits", ...)
… two-bits: open. Replace ... by your answer, and run the cell again.
>>> print(exercises.given("two-bits").splitlines()[0])
C two-bits
"""

from __future__ import annotations

from typing import Any, Final

from kit.errors import LitmusError
from kit.rcu.exercises.answers import is_open, taken_down
from kit.rcu.exercises.barriers import CONTROL, SETS, SUSPECTS
from kit.rcu.exercises.judging import judge_afresh
from kit.rcu.exercises.outcome import ANSWER, POINTS, Outcome
from kit.rcu.exercises.prediction import Prediction, Sealed, predict, reveal
from kit.rcu.exercises.receipts import Receipt, note, note_outcome, receipt
from kit.rcu.exercises.starting_points import TWO_BITS, WHOLE, machine

__all__ = [
    "ANSWER",
    "NAMES",
    "POINTS",
    "SETS",
    "SUSPECTS",
    "Outcome",
    "Prediction",
    "Receipt",
    "Sealed",
    "check",
    "given",
    "machine",
    "predict",
    "receipt",
    "reveal",
]

NAMES: Final = tuple(POINTS)
"""The names of the exercises."""

_GIVEN: Final = {"control": CONTROL, "two-bits": TWO_BITS, "whole-fix": WHOLE}


def given(exercise: str) -> str:
    """The program that an exercise starts from.

    Parameters
    ----------
    exercise : str
        One of those that repair a program.

    Returns
    -------
    str
        A litmus test.

    Raises
    ------
    kit.errors.LitmusError
        When the exercise starts from nothing.
    """
    if exercise not in _GIVEN:
        raise LitmusError(f"{exercise!r} starts from nothing; {', '.join(_GIVEN)} do")
    return _GIVEN[exercise]


def check(exercise: str, answer: Any) -> Outcome:
    """Judge an answer.

    Parameters
    ----------
    exercise : str
        One of `NAMES`.
    answer : object
        What the exercise asks for; ``...`` while there is none.

    Returns
    -------
    Outcome
        It shows itself, and is true when the answer passed.

    Raises
    ------
    kit.errors.LitmusError
        When there is no such exercise.

    Examples
    --------
    >>> check("x86", {}).hints
    ("'0→1 without a write barrier' is missing.",)
    """
    if exercise not in NAMES:
        raise LitmusError(f"there is no exercise {exercise!r}; there are {', '.join(NAMES)}")
    if is_open(answer):
        return Outcome(exercise, "open", "Replace ... by your answer, and run the cell again.")
    try:
        plain = taken_down(answer)
    except LitmusError as error:
        return Outcome(exercise, "not yet", "This cannot be read.", (str(error),))
    note(exercise, plain)
    said = judge_afresh(exercise, plain)
    note_outcome(exercise, said.judged)
    return said
