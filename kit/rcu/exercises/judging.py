"""The judging of one answer, in a process of its own: nothing of the notebook reaches it.

The answer goes there as plain data. The child starts without the notebook's modules, variables,
environment and site packages, reads the kit from its files and sends the outcome back. The system
bounds its memory and its processor time: one line of a student's function may ask for all the
memory there is, or never end. These bounds are set once, for good, before the answer is read.

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
from typing import TYPE_CHECKING, Any, Final

from kit.errors import KitError
from kit.rcu.exercises import barriers, schedules, tests, waiting
from kit.rcu.exercises.outcome import POINTS, Outcome, missing, unjudged

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["FALLEN", "MEGABYTES", "PROCESSOR", "TASKS", "confine", "grade", "judge_afresh", "serve"]

FALLEN: Final = "The check itself cannot go on with this answer:"

TASKS: Final[dict[str, Callable[[Any], Outcome]]] = {
    "wrong-data": schedules.wrong_data,
    "damage": schedules.damage,
    "one-swap": schedules.one_swap,
    "smallest-sets": barriers.smallest_sets,
    "posted-bug": barriers.posted_bug,
    "x86": barriers.seen_on_x86,
    "control": barriers.control,
    "use-after-free": schedules.use_after_free,
    "free-later": waiting.free_later,
    "flavours": waiting.flavours,
    "synchronize": waiting.synchronize,
    "separate": tests.separate,
    "catch": tests.catch,
    "store-order": tests.store_order,
    "two-bits": tests.two_bits,
    "whole-fix": tests.whole_fix,
}


def grade(exercise: str, answer: Any) -> Outcome:
    """Judge an answer here and now.

    What cannot be read is said, too. Nothing is raised.

    Examples
    --------
    >>> grade("separate", {"sc, tso": "C nothing"}).status
    'not yet'
    """
    try:
        said = TASKS[exercise](answer)
    except KitError as error:
        said = missing("This cannot be judged.", *str(error).splitlines()[:1])
    except MemoryError:
        said = missing("This needs more memory than there is for it.", "Make the answer smaller.")
    except Exception as error:  # noqa: BLE001 - a class is judged in one go
        # A fault of the check, and not the student's; the tests look for these words.
        said = unjudged(f"{FALLEN} {type(error).__name__}.", "Please show it to your teacher.")
    points = POINTS[exercise] if said else min(said.points, POINTS[exercise] - 1)
    return Outcome(
        exercise, said.status, _clean(said.words), tuple(map(_clean, said.hints)), answer, points
    )


def _clean(text: str) -> str:
    """A message that every terminal and every file can take, whatever it quotes."""
    shown = "".join(each if each.isprintable() else " " for each in text[:600])
    return shown.encode("utf-8", "replace").decode()


PROCESSOR: Final = 60
"""Seconds of processor time for one answer; the slowest right one takes about three."""

MEGABYTES: Final = 700
"""Address space of the process; the greediest right answer takes about a tenth."""


def confine(processor: int = PROCESSOR, megabytes: int = MEGABYTES) -> None:
    """Bound this process for the rest of its life: memory, processor time, files.

    It cannot be undone from within. Where the system has no such limits, as on Windows, the time
    that `judge_afresh` waits is the only bound.

    Parameters
    ----------
    processor : int
        Seconds of processor time; beyond them the system ends the process.
    megabytes : int
        Address space; beyond it an allocation fails.
    """
    try:
        import resource
    except ImportError:
        return
    wanted = {
        resource.RLIMIT_AS: (megabytes * 1_000_000,) * 2,
        # The signal first, which says why; five seconds later the end.
        resource.RLIMIT_CPU: (processor, processor + 5),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, most in wanted.items():
        _, hard = resource.getrlimit(kind)
        bounds = [each if hard == resource.RLIM_INFINITY else min(each, hard) for each in most]
        try:
            resource.setrlimit(kind, (bounds[0], bounds[1]))
        except (ValueError, OSError):
            continue  # this system does not know this limit


def serve(processor: int, megabytes: int) -> None:
    """Read one answer from standard input, within these limits, and write what the check says."""
    confine(processor, megabytes)
    asked = json.loads(sys.stdin.read())
    said = grade(asked["exercise"], asked["answer"])
    written = {each: getattr(said, each) for each in ("status", "words", "hints", "points")}
    sys.stdout.write(json.dumps(written))


SECONDS: Final = 10 * PROCESSOR
"""How long to wait for a check: only a machine that gives it no processor takes that long."""

OTHERS: Final = frozenset(
    -getattr(signal, name)
    for name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
    if hasattr(signal, name)
)
"""Exit codes of a process that somebody else ended; its own crashes have others."""

BOOT: Final = (
    "import sys; sys.path.append(sys.argv[1]); from kit.rcu.exercises.judging import serve; "
    "serve(*map(int, sys.argv[2:]))"
)


def judge_afresh(exercise: str, answer: Any) -> Outcome:
    """Judge an answer in a fresh interpreter; whatever it does to its process, there is an outcome.

    That is ``not judged`` where the machine failed, see above. Where there are no processes, as in
    a browser, the answer is judged in this one.

    Examples
    --------
    >>> judge_afresh("x86", {}).status
    'not yet'
    """
    if sys.platform in ("emscripten", "wasi"):
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
