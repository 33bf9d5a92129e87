"""The exercises by name, and the judging of one answer."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from kit.errors import KitError
from kit.rcu.exercises import barriers, schedules, tests, waiting
from kit.rcu.exercises.confined import confine
from kit.rcu.exercises.outcome import POINTS, Outcome, missing, unjudged

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FALLEN", "TASKS", "grade", "serve"]

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

    Parameters
    ----------
    exercise : str
        One of `TASKS`.
    answer : object
        Plain data.

    Returns
    -------
    Outcome
        What the check says; what cannot be read is said, too. Nothing is raised.

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


def serve(processor: int, megabytes: int) -> None:
    """Read one answer from standard input, and write what the check says.

    Parameters
    ----------
    processor, megabytes : int
        What this process may use from now on.
    """
    confine(processor, megabytes)
    asked = json.loads(sys.stdin.read())
    said = grade(asked["exercise"], asked["answer"])
    written = {each: getattr(said, each) for each in ("status", "words", "hints", "points")}
    sys.stdout.write(json.dumps(written))
