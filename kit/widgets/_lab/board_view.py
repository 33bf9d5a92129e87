"""What a board shows, as plain data: code with its switches, verdicts, and the answer to one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from kit.rcu.cases import Case, case

if TYPE_CHECKING:
    from kit.rcu import Matrix, Verdict
    from kit.rcu.cases import Choices, Line
    from kit.rcu.models import Model

__all__ = ["View", "code_of", "describe", "table_of"]

TITLES: Final = {"sc": "SC", "tso": "TSO", "alpha": "Alpha", "lkmm": "LKMM"}
PRESETS: Final = {
    "posted": ("as posted", "the code of 2007"),
    "fixed": ("as fixed", "the code as it was merged later"),
    "bare": ("bare", "without any barrier, grace period or lock"),
    "kit": ("as the kit does it", "one pointer to an immutable array"),
}
KIT: Final = "one pointer"
"""The case that stands for all others in the kit."""


@dataclass(frozen=True)
class View:
    """What is chosen on a board.

    Attributes
    ----------
    case : Case
        The code that is shown.
    origin : Case
        The one that the board was made for.
    choices : mapping
        The option of every switch.
    models : tuple of Model
        The columns.
    question, model : str
        The verdict that is looked at.
    """

    case: Case
    origin: Case
    choices: Choices
    models: tuple[Model, ...]
    question: str
    model: str


@lru_cache(maxsize=128)
def _matrix(which: Case, chosen: tuple[tuple[str, str], ...], models: tuple[Model, ...]) -> Matrix:
    return which.matrix(dict(chosen), models)


def table_of(view: View) -> Matrix:
    """The verdicts of a view; judged once for each position of the switches.

    Parameters
    ----------
    view : View
        What is chosen.

    Returns
    -------
    Matrix
        A row a question, a column a model.
    """
    return _matrix(view.case, tuple(sorted(view.choices.items())), view.models)


def code_of(view: View) -> list[dict[str, Any]]:
    """The code, line by line, with the switch that governs a line.

    Parameters
    ----------
    view : View
        What is chosen.

    Returns
    -------
    list of dict
        One a thread: its title, and its lines.
    """
    threads: list[dict[str, Any]] = []
    depth = 0
    for line, code in view.case.code(view.choices):
        if len(threads) <= line.thread:
            threads.append({"title": f"P{line.thread}: {view.case.threads[line.thread]}"})
            threads[-1]["lines"] = []
            depth = 0
        depth -= code.startswith("}")
        threads[line.thread]["lines"].append(_line(view, line, code, depth))
        depth += code.endswith("{")
    return threads


def _line(view: View, line: Line, code: str, depth: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"code": code, "note": line.note, "depth": depth}
    if not line.switch:
        return shown
    switch = view.case.switch(line.switch)
    chosen = view.choices[line.switch]
    first = switch.options[0]
    shown |= {"off": not code, "code": code or first.codes[line.part]}
    if line.part == 0:
        shown["switch"] = {
            "name": switch.name,
            "kind": switch.kind,
            "words": switch.words,
            "chosen": chosen,
            "options": list(switch.names),
            "on": chosen != switch.names[-1],
            "right": chosen == first.name,
        }
    return shown


def _answer(view: View, verdict: Verdict) -> dict[str, Any]:
    """The verdict in words, and the drawing that goes with it."""
    words = view.case.question(view.question).words
    title = TITLES.get(view.model, view.model)
    race = "There is a data race besides." if "data-race" in verdict.flags else ""
    if verdict.verdict in ("Deadlock", "Undecided"):
        return {
            "verdict": verdict.verdict,
            "head": f"{title} gives no answer: {verdict.reason}.",
            "race": race,
            "steps": [],
            "more": "",
            "picture": "",
        }
    if verdict.verdict != "Never":
        witness = verdict.witness()
        return {
            "verdict": verdict.verdict,
            "head": f"{title} allows it: {words}. This execution ends so.",
            "race": race,
            "steps": [],
            "more": "",
            "picture": witness.svg() if witness else "",
        }
    groups = verdict.why(50).groups()
    if not groups:
        silence = "No values that the threads can read and write lead there."
        return {
            "verdict": "Never",
            "head": f"{title} rules it out. {silence}",
            "race": race,
            "steps": [],
            "more": "",
            "picture": "",
        }
    refusal, count = groups[0]
    others = sum(number for _, number in groups) - 1
    return {
        "verdict": "Never",
        "head": f"{title} rules it out, by {refusal.axiom}: {refusal.words}.",
        "race": race,
        "steps": [{"words": step.words, "relation": step.relation} for step in refusal.steps],
        "more": _others(others, count - 1),
        "picture": refusal.execution.svg(),
    }


def _others(others: int, alike: int) -> str:
    if not others:
        return ""
    plural = "execution" if others == 1 else "executions"
    how = "alike" if others == alike else "for reasons of their own"
    return f"{others} more {plural} that would end so: ruled out {how}."


def _rows(view: View, before: Matrix | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for row in table_of(view).rows:
        old = (
            next((each for each in before.rows if each.test == row.test), None) if before else None
        )
        cells = []
        for number, verdict in enumerate(row.verdicts):
            was = old.verdicts[number].verdict if old else verdict.verdict
            cells.append(
                {
                    "verdict": verdict.verdict,
                    "mark": verdict.mark,
                    "race": "data-race" in verdict.flags,
                    "was": was if was != verdict.verdict else "",
                    "model": view.models[number].name,
                    "chosen": (row.test, view.models[number].name) == (view.question, view.model),
                }
            )
        rows.append({"name": row.test, "words": view.case.question(row.test).words, "cells": cells})
    return rows


def _presets(view: View) -> list[dict[str, Any]]:
    presets = view.origin.presets
    kit = case(KIT)
    # What was posted as it stayed, and what the kit does anyway, need one button only.
    stayed = presets.get("posted") == presets["fixed"]
    hidden = {"posted"} if stayed else set()
    hidden |= {"fixed"} if "kit" in presets else set()
    found = [
        (name, view.case is view.origin and view.origin.choices(name) == view.choices)
        for name in presets
        if name not in hidden
    ]
    if view.origin is not kit and view.origin.name not in ("bit-fields", "oldptr"):
        found.append(("kit", view.case is kit and kit.choices("kit") == view.choices))
    return [
        {
            "name": name,
            "text": "as posted and fixed" if stayed and name == "fixed" else PRESETS[name][0],
            "title": PRESETS[name][1],
            "on": on,
        }
        for name, on in found
    ]


def describe(view: View, before: Matrix | None = None) -> dict[str, Any]:
    """Everything that a board shows, ready to be sent.

    Parameters
    ----------
    view : View
        What is chosen.
    before : Matrix, optional
        The verdicts before the last change, so that those that changed can be marked.

    Returns
    -------
    dict
        Texts, numbers, lists and dicts only.

    Examples
    --------
    >>> from kit import rcu
    >>> one = rcu.case("0→1")
    >>> view = View(one, one, one.choices("bare"), (rcu.models.get("lkmm"),), "torn", "lkmm")
    >>> shown = describe(view)
    >>> [cell["verdict"] for cell in shown["rows"][0]["cells"]], shown["differs"]
    (['Sometimes'], '3 of 8 switches differ from the fixed algorithm')
    """
    table = table_of(view)
    fixed = view.case.choices("fixed")
    differs = sum(view.choices[name] != option for name, option in fixed.items())
    return {
        "name": view.case.name,
        "title": view.case.title,
        "presets": _presets(view),
        "differs": f"{differs or 'none'} of {len(fixed)} switches differ from the fixed algorithm",
        "threads": code_of(view),
        "models": [
            {"name": each.name, "text": TITLES.get(each.name, each.name), "title": each.title}
            for each in view.models
        ],
        "rows": _rows(view, before),
        "answer": _answer(view, table[view.question, view.model]),
        "text": view.case.text(view.choices, view.question),
    }
