"""The lessons: unanswered they give hints and no errors, answered they are all passed."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from kit.rcu import exercises
from kit.rcu.exercises import __main__ as command
from tests.notebooks.test_notebooks import FOLDER, SECONDS, code_cells, folder, noise, run

__all__ = ["folder"]

TEACHERS = FOLDER.parent / "docs" / "teachers"
LESSONS = sorted(FOLDER.glob("1[0-9]-*.ipynb"))
OPEN = {
    "one-swap",
    "control",
    "catch",
    "store-order",
    "two-bits",
    "whole-fix",
    "free-later",
    "synchronize",
}
"""Exercises that begin with something that does not do yet; the others begin with nothing."""


def outcomes(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """What the checks in a notebook said, by exercise."""
    found: dict[str, str] = {}
    for cell in code_cells(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            if exercises.ANSWER in data:
                name = data[exercises.ANSWER]["exercise"]
                found[name] = re.search(r'data-status="([^"]+)"', data["text/html"])[1]
    return found


def asked(notebook: nbformat.NotebookNode) -> list[str]:
    """The exercises of a notebook, in order."""
    return [
        cell.id.removeprefix("exercise-")
        for cell in notebook.cells
        if cell.id.startswith("exercise-") and cell.cell_type == "code"
    ]


def test_every_exercise_is_in_a_lesson() -> None:
    found = [name for path in LESSONS for name in asked(nbformat.read(path, as_version=4))]
    assert sorted(found) == sorted(exercises.NAMES)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_unanswered_exercises_give_hints(path: Path, folder: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    run(notebook, folder)
    names = asked(notebook)
    assert outcomes(notebook) == {name: "not yet" if name in OPEN else "open" for name in names}
    for cell in code_cells(notebook):
        if predicts(cell):
            shown = "".join(str(output) for output in cell.outputs)
            assert len(cell.outputs) == 1, cell.id
            assert "Say first" in shown, cell.id
            assert "anyway=True" in shown, cell.id
            assert "surprised" not in shown


def predicts(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell waits for a prediction."""
    return "exercises.predict(" in cell.source or "exercises.reveal(" in cell.source


GATED = {
    "10-one-pointer": {"race-said": "% torn", "explore": "interleavings", "orders": "of twelve"},
    "11-barriers": {"torn": "<svg"},
    "12-waiting-for-readers": {"barrier-witness": "<svg", "exchange": "torn closure"},
    "13-litmus-lab": {
        "half": "half-a-bridge",
        "prediction-without": "N→1 freed: Sometimes (without rcu and executes-before)",
        "board-oldptr": "vnd.jupyter.widget-view",
    },
}
"""The cells that answer a prediction, and part of what each shows."""


@pytest.mark.parametrize("how", ["said", "asked for"])
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_an_answer_is_shown_when_it_was_predicted_or_asked_for(
    path: Path, folder: Path, how: str
) -> None:
    """Seen to fail when `reveal` ran what it was given without a prediction."""
    notebook = nbformat.read(path, as_version=4)
    waiting = [cell for cell in code_cells(notebook) if predicts(cell)]
    assert set(GATED[path.stem]) <= {cell.id for cell in waiting}
    for cell in waiting:
        if how == "said":
            cell.source = re.sub(r"(?<![\w.])\.\.\.(?!\w)", '"Never"', cell.source)
        else:
            head, end, rest = cell.source.rpartition(")")  # the last call
            cell.source = f"{head}, anyway=True{end}{rest}"
    run(notebook, folder)
    assert noise(notebook) == []
    shown = {cell.id: "".join(map(str, cell.outputs)) for cell in waiting}
    for name, text in shown.items():
        assert "Say first" not in text, name
        assert text, name
    for name, part in GATED[path.stem].items():
        assert part in shown[name], name


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_answered_exercises_pass(
    path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = nbformat.read(path, as_version=4)
    names = asked(notebook)
    for cell in code_cells(notebook):
        name = cell.id.removeprefix("exercise-")
        if name in names:
            # The solution, in the same place, after the same cells.
            assert f'exercises.check("{name}", ' in cell.source
            cell.source = (
                f"import sys; sys.path.insert(0, {str(TEACHERS)!r})\n"
                f"from answers import ANSWERS\n"
                f"exercises.check({name!r}, ANSWERS[{name!r}])"
            )
        elif name == "receipt":
            assert "exercises.receipt(...)" in cell.source
            cell.source = 'exercises.receipt("Ada Lovelace")'
    run(notebook, folder)
    assert noise(notebook) == []
    assert outcomes(notebook) == dict.fromkeys(names, "passed")
    # What a student hands in is judged again from the answers in it.
    handed_in = folder / "handed-in.ipynb"
    nbformat.write(notebook, handed_in)
    assert command.main([str(handed_in)]) == 0
    assert capsys.readouterr().out.count("✓") == len(names)
    # And the receipt at its end is for these answers.
    assert command.main([str(handed_in), "--csv", "--student", "receipt"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    shown = next(cell for cell in notebook.cells if cell.id == "receipt").outputs[0].data
    assert len(rows) == len(names)
    for row in rows:
        assert (row["student"], row["status"], row["attempts"]) == ("Ada Lovelace", "passed", "1")
        assert row["receipt"] in shown["text/plain"]


def test_a_prediction_is_answered(tmp_path: Path) -> None:
    cells = [
        "from kit.rcu import exercises",
        'exercises.predict("0→1", "bare", "torn", sc="Never", lkmm="Never")',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3").execute()
    shown = notebook.cells[1].outputs[0].data["text/html"]
    assert "1 of 2 as you said" in shown
    assert "surprised?" in shown
