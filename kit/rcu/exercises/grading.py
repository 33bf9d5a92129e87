"""The exercises by name, and the judging of one answer."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kit.errors import KitError
from kit.rcu.exercises import barriers, schedules, tests, waiting
from kit.rcu.exercises.outcome import Outcome, missing

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TASKS", "grade", "serve"]

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
        What the check says; what cannot be read is said, too.

    Examples
    --------
    >>> grade("separate", {"sc, tso": "C nothing"}).status
    'not yet'
    """
    try:
        said = TASKS[exercise](answer)
    except KitError as error:
        said = missing("This cannot be judged.", *str(error).splitlines()[:1])
    return replace(said, exercise=exercise, answer=answer)


def serve() -> None:
    """Read one answer from standard input, and write what the check says."""
    asked = json.loads(sys.stdin.read())
    said = grade(asked["exercise"], asked["answer"])
    sys.stdout.write(json.dumps({"status": said.status, "words": said.words, "hints": said.hints}))
