"""``python -m kit.rcu.exercises NOTEBOOK...``: judge again what students' notebooks recorded."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.rcu.exercises.fresh import judge_afresh
from kit.rcu.exercises.grading import TASKS
from kit.rcu.exercises.outcome import ANSWER, MARKS, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence


def recorded(notebook: dict[str, Any]) -> dict[str, Any]:
    """The last answer to each exercise among a notebook's outputs.

    Parameters
    ----------
    notebook : dict
        As read from its file.

    Returns
    -------
    dict
        Answers by exercise; None where the exercise is open.

    Examples
    --------
    >>> output = {"data": {ANSWER: {"exercise": "x86", "answer": {}}}}
    >>> recorded({"cells": [{"outputs": [output]}]})
    {'x86': {}}
    """
    found: dict[str, Any] = {}
    for cell in notebook.get("cells", []):
        for output in cell.get("outputs", []):
            record = output.get("data", {}).get(ANSWER)
            if isinstance(record, dict) and record.get("exercise") in TASKS:
                found[record["exercise"]] = record.get("answer")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line if left out.

    Returns
    -------
    int
        0; 1 when something has not passed; 2 when a file cannot be read.
    """
    parser = argparse.ArgumentParser(
        prog="python -m kit.rcu.exercises",
        description="Judge again, from the answers alone, what notebooks say was passed.",
    )
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    worst = 0
    for path in parser.parse_args(arguments).notebooks:
        try:
            answers = recorded(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            sys.stdout.write(f"{path}: cannot be read: {error}\n")
            worst = 2
            continue
        sys.stdout.write(f"{path}\n" if answers else f"{path}: no answers in its outputs\n")
        for exercise, answer in answers.items():
            said = Outcome(exercise, "open", "No answer.")
            if answer is not None:
                said = judge_afresh(exercise, answer)
            sys.stdout.write(f"  {MARKS[said.status]} {exercise:<16} {said.status}\n")
            worst = max(worst, int(not said))
        worst = max(worst, int(not answers))
    return worst


if __name__ == "__main__":
    sys.exit(main())
