"""Judging in a process of its own: nothing that happened in the notebook reaches it.

The answer goes there as plain data. The child starts without the notebook's modules, variables,
environment and site packages, reads the kit from its files and sends the outcome back.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from kit.rcu.exercises.outcome import Outcome, missing

__all__ = ["judge_afresh"]

SECONDS: Final = 120
"""How long a check may take before the answer counts as too big."""

BOOT: Final = (
    "import sys; sys.path.append(sys.argv[1]); from kit.rcu.exercises.grading import serve; serve()"
)


def judge_afresh(exercise: str, answer: Any) -> Outcome:
    """Judge an answer in a fresh interpreter.

    Parameters
    ----------
    exercise : str
        Its name.
    answer : object
        Plain data.

    Returns
    -------
    Outcome
        What the check says. Where no process can be started, as in a browser, the answer is
        judged in this one.

    Examples
    --------
    >>> judge_afresh("x86", {}).status
    'not yet'
    """
    asked = {"exercise": exercise, "answer": answer}
    if sys.platform in ("emscripten", "wasi"):
        from kit.rcu.exercises.grading import grade

        return grade(exercise, answer)
    folder = str(Path(__file__).resolve().parents[3])
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", BOOT, folder],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        said = missing(f"Judging took more than {SECONDS} s.", "Make the answer smaller.")
        return Outcome(exercise, said.status, said.words, said.hints, answer)
    if done.returncode:
        raise RuntimeError(f"the check itself failed:\n{done.stderr[-2000:]}")
    said_there = json.loads(done.stdout)
    return Outcome(
        exercise, said_there["status"], said_there["words"], tuple(said_there["hints"]), answer
    )
