"""Judging in a process of its own: nothing that happened in the notebook reaches it.

The answer goes there as plain data. The child starts without the notebook's modules, variables,
environment and site packages, reads the kit from its files and sends the outcome back. The system
bounds its memory and its processor time.

Two things may keep an answer from an outcome, and they are told apart:

- The answer itself: it cannot be sent, or it takes more processor time or memory than the system
  gives it, however idle the machine, or it crashes the interpreter. That is ``not yet``, with a
  hint.
- The machine: no process could be started, none came through before the clock ran out (an answer
  that used its processor time would have been ended by the system long before), somebody else ended
  it, as a kernel without memory does, or the kit could not be read. That is ``not judged``: no
  points, and no failure of the student's.

A system without such bounds, as Windows, cannot tell a loop without end from a machine that is
busy. The clock ends both, and in doubt it is ``not judged``.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from kit.rcu.exercises.confined import MEGABYTES, PROCESSOR
from kit.rcu.exercises.outcome import Outcome, missing, unjudged

__all__ = ["judge_afresh"]

SECONDS: Final = 10 * PROCESSOR
"""How long to wait for a check: only a machine that gives it no processor comes so far."""

OTHERS: Final = frozenset(
    -getattr(signal, name)
    for name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
    if hasattr(signal, name)
)
"""Exit codes of a process that somebody else ended; a crash of its own has other ones."""

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
        What the check says; whatever the answer does to its process, there is an outcome. It is
        ``not judged`` where the machine failed, see above. Where there are no processes, as in a
        browser, the answer is judged in this one.

    Examples
    --------
    >>> judge_afresh("x86", {}).status
    'not yet'
    """
    if sys.platform in ("emscripten", "wasi"):
        from kit.rcu.exercises.grading import grade

        return grade(exercise, answer)
    folder = str(Path(__file__).resolve().parents[3])
    try:
        asked = json.dumps({"exercise": exercise, "answer": answer})
    except (TypeError, ValueError, RecursionError) as error:
        return _without(exercise, answer, missing("This cannot be judged.", f"{error!s:.200}"))
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", BOOT, folder, str(PROCESSOR), str(MEGABYTES)],
            input=asked,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        words = f"Judging was not through after {SECONDS} s."
        said = unjudged(words, "Try again when the machine is less busy.")
        return _without(exercise, answer, said)
    except OSError as error:
        said = unjudged("This could not be judged.", f"No process for it: {error!s:.200}")
        return _without(exercise, answer, said)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        return _without(exercise, answer, _died(done.returncode, done.stderr))
    return Outcome(
        exercise, told["status"], told["words"], tuple(told["hints"]), answer, told["points"]
    )


def _without(exercise: str, answer: Any, said: Outcome) -> Outcome:
    """The outcome of an answer that no check has seen."""
    return Outcome(exercise, said.status, said.words, said.hints, answer)


def _died(code: int, errors: str) -> Outcome:
    """What to say when the process ended without an outcome."""
    if code == -getattr(signal, "SIGXCPU", 0):
        words = f"Judging took more than {PROCESSOR} s of the processor."
        return missing(words, "Make the answer smaller. Does each of its loops come to an end?")
    if "MemoryError" in errors:
        words = f"Judging took more than {MEGABYTES} MB of memory."
        return missing(words, "Make the answer smaller.")
    last = (errors.strip().splitlines() or ["nothing was said"])[-1]
    words = f"The check ended without an outcome ({code})."
    # A negative code is a signal. Only its own crashes are the answer's, and deep nesting.
    own = (code < 0 and code not in OTHERS) or "RecursionError" in errors
    if own:
        return missing(words, f"Make the answer smaller: {last:.200}")
    return unjudged(words, f"{last:.200}", "Try again. If it stays so, show it to your teacher.")
