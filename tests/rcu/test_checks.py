"""Every check, against what is wrong, what is right in another way, and what has no shape at all.

The families are generated: `mutants.py` changes a right answer in one place, and turns it into odd
shapes. What is right although it was changed stands in `HARMLESS`, with the reason. Each test runs
over the register of exercises, so that a new one cannot be left out.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from kit.errors import LitmusError, SimulationError
from kit.rcu import cases, exercises
from kit.rcu.exercises import NAMES, POINTS, check, fresh, given
from kit.rcu.exercises.barriers import SETS
from kit.rcu.exercises.functions import compiled
from kit.rcu.exercises.grading import FALLEN, TASKS, grade
from kit.rcu.exercises.overtaking import EXPECTED
from kit.rcu.exercises.waiting import WAITS
from kit.rcu.steps import BAD
from tests.rcu import mutants
from tests.rcu.right_answers import LAID_OUT, LEAST_FIX, RIGHT, TEACHERS

Family = Iterator[tuple[str, Any]]


def _litmus(name: str) -> Family:
    return mutants.litmus(TEACHERS[name])


def _schedule(name: str) -> Family:
    return mutants.lists(TEACHERS[name], ["reader", "updater"])


def _each(answer: dict[str, Any], change: Any) -> Family:
    """A dict with one of its values changed."""
    for key, value in answer.items():
        for words, changed in change(key, value):
            yield f"{key}: {words}", {**answer, key: changed}


def _barriers(name: str, kept: list[str]) -> Family:
    about = cases.case(SETS[name][0])
    return mutants.lists(kept, [each.name for each in about.switches if each.kind == "barrier"])


def _bug() -> Family:
    right = TEACHERS["posted-bug"]
    about = cases.case(right["case"])
    fixes = [{each.name: option} for each in about.switches for option in each.names]
    values = {
        "case": list(cases.NAMES),
        "question": [each.name for each in about.questions],
        "fix": [*fixes, {}, *({**right["fix"], **each} for each in fixes)],
    }
    return mutants.items(right, values)


def _apart(_: str, text: str) -> Family:
    yield from mutants.litmus(text)
    for other in LAID_OUT.values():
        if other != text:
            yield other.splitlines()[0], other


MUTANTS: dict[str, Any] = {
    "wrong-data": lambda: _schedule("wrong-data"),
    "damage": lambda: mutants.items(
        TEACHERS["damage"], dict.fromkeys(TEACHERS["damage"], list(BAD))
    ),
    "one-swap": lambda: _each(TEACHERS["one-swap"], lambda _, text: mutants.function(text)),
    "smallest-sets": lambda: _each(TEACHERS["smallest-sets"], _barriers),
    "posted-bug": _bug,
    "x86": lambda: mutants.items(
        TEACHERS["x86"], dict.fromkeys(TEACHERS["x86"], [True, False])
    ),
    "control": lambda: _litmus("control"),
    "use-after-free": lambda: _schedule("use-after-free"),
    "free-later": lambda: mutants.function(TEACHERS["free-later"]),
    "flavours": lambda: _each(
        TEACHERS["flavours"], lambda _, waits: mutants.lists(waits, list(WAITS))
    ),
    "synchronize": lambda: mutants.function(TEACHERS["synchronize"]),
    "separate": lambda: _each(LAID_OUT, _apart),
    "catch": lambda: mutants.condition(TEACHERS["catch"]),
    "store-order": lambda: mutants.model(TEACHERS["store-order"]),
    "two-bits": lambda: _litmus("two-bits"),
    "whole-fix": lambda: mutants.litmus(LEAST_FIX),
}
"""What makes wrong answers of a right one, by exercise."""

HARMLESS: dict[str, dict[str, str]] = {}


def text_of(answer: Any) -> str:
    return json.dumps(answer, sort_keys=True)


def is_right(name: str, answer: Any) -> bool:
    return text_of(answer) in {text_of(each) for each in RIGHT[name]}
