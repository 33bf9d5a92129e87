"""Judging in a process of its own: nothing that happened in the notebook reaches it.

The answer goes there as plain data. The child starts without the notebook's modules, variables,
environment and site packages, reads the kit from its files and sends the outcome back. The system
bounds its memory and its processor time.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from kit.rcu.exercises.confined import MEGABYTES, PROCESSOR
from kit.rcu.exercises.outcome import Outcome, missing

__all__ = ["judge_afresh"]

SECONDS: Final = 10 * PROCESSOR
"""How long to wait for a check: only a machine that gives it no processor comes so far."""

BOOT: Final = (
    "import sys; sys.path.append(sys.argv[1]); from kit.rcu.exercises.grading import serve; "
    "serve(*map(int, sys.argv[2:]))"
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
        What the check says; whatever the answer does to its process, there is an outcome. Where
        no process can be started, as in a browser, the answer is judged in this one.

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
            [sys.executable, "-I", "-S", "-c", BOOT, folder, str(PROCESSOR), str(MEGABYTES)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        words = f"Judging was not through after {SECONDS} s."
        return _not_judged(exercise, answer, words, "Try again when the machine is less busy.")
    except (OSError, ValueError, RecursionError) as error:
        words = "This cannot be judged."
        return _not_judged(exercise, answer, words, f"No process for it: {error!s:.200}")
    try:
        told = json.loads(done.stdout)
    except ValueError:
        return _not_judged(exercise, answer, *_died(done.returncode, done.stderr))
    return Outcome(
        exercise, told["status"], told["words"], tuple(told["hints"]), answer, told["points"]
    )


def _not_judged(exercise: str, answer: Any, words: str, *hints: str) -> Outcome:
    said = missing(words, *hints)
    return Outcome(exercise, said.status, said.words, said.hints, answer)


def _died(code: int, errors: str) -> tuple[str, str]:
    """What to say when the process ended without an outcome."""
    if code == -getattr(signal, "SIGXCPU", 0):
        return f"Judging took more than {PROCESSOR} s of the processor.", "Make the answer smaller."
    if "MemoryError" in errors:
        return f"Judging took more than {MEGABYTES} MB of memory.", "Make the answer smaller."
    last = (errors.strip().splitlines() or ["nothing was said"])[-1]
    return f"The check ended without an outcome ({code}).", f"{last:.200}"
