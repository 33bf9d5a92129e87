"""The exercises as nbgrader's autograded tests.

nbgrader runs a notebook that was handed in, with hidden tests behind each answer. A test that
raises is worth nothing, one that shows a number greater than zero is worth that number, and any
other is worth everything: one that shows 0, too. nbgrader itself is not needed here.
"""

from __future__ import annotations

from typing import Any, Final

from kit.errors import KitError, LitmusError
from kit.rcu.exercises.answers import is_open, taken_down
from kit.rcu.exercises.classroom.notebooks import CHECKED, source
from kit.rcu.exercises.judging import TASKS, judge_afresh
from kit.rcu.exercises.receipts import last

__all__ = ["NotJudgedError", "assignment", "credit"]

TEST: Final = """### BEGIN HIDDEN TESTS
from kit.rcu.exercises import nbgrader

nbgrader.credit({exercise!r}, {points})
### END HIDDEN TESTS"""


class NotJudgedError(KitError):
    """The machine or the check failed: the answer has no points so far, and no fault.

    nbgrader knows no third way between a mark and none. What raises has none, and this name, which
    no wrong answer has, says which tests to run again.
    """


def credit(exercise: str, points: float = 1, answer: Any = None) -> float:
    """What an answer is worth, as the last line of an nbgrader test.

    Parameters
    ----------
    exercise : str
        One of `kit.rcu.exercises.NAMES`.
    points : float
        What a right answer is worth: the points of the test's cell.
    answer : object, optional
        The last one that the notebook gave to `check` if left out. It is judged again.

    Returns
    -------
    float
        More than 0, and `points` at most.

    Raises
    ------
    AssertionError
        When it is worth nothing; the message has the hints. To nbgrader, which shows it, the number
        0 would be full marks.
    NotJudgedError
        When the machine failed, and not the answer; nbgrader gives no points then, too. Run it
        again.
    kit.errors.LitmusError
        When there is no such exercise, or points are no number above 0.

    Examples
    --------
    >>> credit("x86", 2, {"two bit-fields in one word": ...})
    Traceback (most recent call last):
    AssertionError: x86: open. There is no answer.
    """
    if exercise not in TASKS:
        raise LitmusError(f"there is no exercise {exercise!r}; there are {', '.join(TASKS)}")
    if not points > 0:
        raise LitmusError(f"points are a number above 0, not {points!r}")
    answer = last(exercise) if answer is None else answer
    if is_open(answer):
        raise AssertionError(f"{exercise}: open. There is no answer.")
    said = judge_afresh(exercise, taken_down(answer))
    if not said.judged:
        hints = "".join(f"\n  {hint}" for hint in said.hints)
        raise NotJudgedError(
            f"{exercise}: {said.status}. {said.words} No points so far, and no fault of the "
            f"answer: grade it again.{hints}"
        )
    if said.points <= 0:
        hints = "".join(f"\n  {hint}" for hint in said.hints)
        raise AssertionError(f"{exercise}: {said.status}. {said.words}{hints}")
    return min(said.points / said.of, 1) * float(points)


def assignment(document: dict[str, Any], points: float = 1) -> dict[str, Any]:
    """Make a lesson into the source of an nbgrader assignment; each exercise is worth ``points``.

    A locked test cell follows the last cell that checks an exercise. That one stays as it is:
    nbgrader would empty an answer's cell that it was told of.

    Examples
    --------
    >>> cell = {"cell_type": "code", "metadata": {}, "source": "check('x86', ...)"}
    >>> print(source(assignment({"cells": [cell]}, 2)["cells"][1]))
    ### BEGIN HIDDEN TESTS
    from kit.rcu.exercises import nbgrader
    <BLANKLINE>
    nbgrader.credit('x86', 2)
    ### END HIDDEN TESTS
    """
    last_in: dict[str, int] = {}
    for at, cell in enumerate(document["cells"]):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            last_in |= {name: at for name in CHECKED.findall(source(cell)) if name in TASKS}
    cells: list[Any] = []
    for at, cell in enumerate(document["cells"]):
        cells.append(cell)
        cells += [_test(name, points) for name, where in last_in.items() if where == at]
    return {**document, "cells": cells}


def _test(exercise: str, points: float) -> dict[str, Any]:
    """A test's cell, as schema 3 of nbgrader has it."""
    marks = {
        "cell_type": "code",
        "grade": True,
        "grade_id": f"{exercise}-test",
        "locked": True,
        "points": points,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }
    text = TEST.format(exercise=exercise, points=points)
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"test-{exercise}",
        "metadata": {"nbgrader": marks},
        "outputs": [],
        "source": text.splitlines(keepends=True),
    }
