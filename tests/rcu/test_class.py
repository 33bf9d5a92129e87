# ruff: noqa: E501 - a hostile notebook a line
"""A class: whatever is handed in gets its line, and what is handed out has no answers in it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.errors import LitmusError
from kit.rcu import exercises
from kit.rcu.exercises import __main__ as command
from kit.rcu.exercises import check, judging, nbgrader, receipts
from kit.rcu.exercises.answers import taken_down
from kit.rcu.exercises.classroom import RefusedError, batch, found, judged, notebooks, student_copy
from kit.rcu.exercises.classroom.written import UNKNOWN, written
from kit.rcu.exercises.judging import grade
from kit.rcu.exercises.outcome import ANSWER, Outcome
from kit.rcu.exercises.receipts import ATTEMPTS, RECEIPT, Receipt, digest
from tests.rcu.test_exercises import ANSWERS

ROOT = Path(__file__).resolve().parents[2]
RIGHT = ANSWERS["wrong-data"]


@pytest.fixture(autouse=True)
def _no_answers_before() -> None:
    receipts.forget()


def shows(data: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": data}


def answered(exercise: str, answer: Any, **more: Any) -> dict[str, Any]:
    return shows({ANSWER: {"exercise": exercise, "answer": answer}, **more})


def document(*outputs: Any, source: str = "", **changes: Any) -> dict[str, Any]:
    cell = {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "execution_count": 1,
        "outputs": list(outputs),
    }
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell], **changes}


def save(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def table(
    capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, list[dict[str, str]]]:
    """The exit status and the table that the command prints, checked for its form."""
    status = command.main([*map(str, arguments), "--csv", "--jobs", "2"])
    text = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(text)))
    assert text.startswith("student,exercise,status,points,attempts,")
    assert len(text.splitlines()) == len(rows) + 1, "a line is a line"
    assert all(each.isprintable() or each == "\n" for each in text)
    for row in rows:
        assert None not in row
        assert not any(cell.lstrip()[:1] in tuple("=+-@") for cell in row.values() if cell)
    return status, rows


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks without processes of their own, where it is not about them."""
    monkeypatch.setattr(batch, "judge_afresh", grade)


def a_queue(path: Path) -> None:
    os.mkfifo(path)


def a_link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def a_huge_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no room


def _bytes(content: bytes) -> Any:
    return lambda path: path.write_bytes(content)


def _json(value: Any) -> Any:
    return lambda path: save(path, value)


HOSTILE: dict[str, tuple[Any, str]] = {
    "queue": (a_queue, "not a file"),
    "device": (a_link_to_a_device, "not a file"),
    "folder": (Path.mkdir, "not a file"),
    "nowhere": (a_link_to_nowhere, "no such file"),
    "itself": (a_link_to_itself, "cannot be read"),
    "huge": (a_huge_file, "too big"),
    "empty": (_bytes(b""), "empty"),
    "blank": (_bytes(b" \n"), "empty"),
    "cut off": (_bytes(b'{"cells": [{"outputs": [{"da'), "not JSON"),
    "picture": (_bytes(b"\x89PNG\r\n\x1a\n\x00\xff\xfe"), "not JSON"),
    "other encoding": (_bytes('{"cells": []}'.encode("utf-16")), "not JSON"),
    "deep": (_bytes(b"[" * 1_000_000), "not JSON"),
    "deep, closed": (_bytes(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "not JSON"),
    "long number": (_bytes(b'{"cells": [' + b"7" * 10_000 + b"]}"), "not JSON"),
    "list": (_json([1]), "not a notebook"),
    "text": (_bytes(b'"cells"'), "not a notebook"),
    "null": (_json(None), "not a notebook"),
    "number": (_json(4), "not a notebook"),
    "no cells": (_json({"nbformat": 4}), "not a notebook"),
    "cells of a dict": (_json({"nbformat": 4, "cells": {"outputs": []}}), "not a notebook"),
    "cells of text": (_json({"nbformat": 4, "cells": "cells"}), "not a notebook"),
    "version 3": (_json({"nbformat": 3, "worksheets": []}), "wrong version"),
    "version 5": (_json(document(nbformat=5)), "wrong version"),
    "version true": (_json(document(nbformat=True)), "wrong version"),
    "version of a list": (_json(document(nbformat=["4" * 100_000])), "wrong version"),
    "version null": (_json(document(nbformat=None)), "wrong version"),
    "cells of cells": (_json(document(cells=[[], [[]], None, 5, "x", {}])), "no answers"),
    "outputs of a dict": (_json(document(cells=[{"outputs": {"data": {}}}])), "no answers"),
    "outputs of anything": (_json(document(None, 1, [], {"data": 3}, {"data": [ANSWER]})), "no answers"),
    "answer of a list": (_json(document(shows({ANSWER: [1]}))), "no answers"),
    "answer of text": (_json(document(shows({ANSWER: "wrong-data"}))), "no answers"),
    "exercise of a list": (_json(document(answered(["wrong-data"], RIGHT))), "no answers"),  # type: ignore[arg-type]
    "exercise of a dict": (_json(document(answered({}, RIGHT))), "no answers"),  # type: ignore[arg-type]
    "no such exercise": (_json(document(answered("=cmd()", RIGHT))), "no answers"),
    "source of anything": (_json(document(cells=[{"source": [1, None]}, {"source": 7}])), "no answers"),
    "deep answer": (
        _bytes(json.dumps(document(answered("damage", "HERE"))).replace('"HERE"', "[" * 400 + "]" * 400).encode()),
        "not yet",
    ),
    "long answer": (_json(document(answered("control", "x" * 1_000_000))), "not yet"),
    "no answer": (_json(document(answered("control", None))), "open"),
    "attempts of anything": (_json(document(answered("wrong-data", [], **{ATTEMPTS: {"a": 1}}))), "not yet"),
    "attempts without end": (_json(document(answered("wrong-data", [], **{ATTEMPTS: 10**30}))), "not yet"),
    "receipt of a list": (_json(document(answered("wrong-data", []), shows({RECEIPT: [1]}))), "not yet"),
    "receipt of nothing": (_json(document(answered("wrong-data", []), shows({RECEIPT: {}}))), "not yet"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_notebook_gets_a_line(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], here: None
) -> None:
    """Seen to fail when a queue was opened (it waited for ever), when shapes were not looked at
    ('list' object has no attribute 'get') and when an exercise that is a list was looked up."""
    make, status = HOSTILE[what]
    make(tmp_path / "eve.ipynb")
    good = save(tmp_path / "ada.ipynb", document(answered("wrong-data", RIGHT)))
    code, rows = table(capsys, tmp_path / "eve.ipynb", good)
    assert [(row["student"], row["status"]) for row in rows] == [("eve", status), ("ada", "passed")]
    unread = status not in ("not yet", "open", "no answers")
    assert code == (2 if unread else 0)
    assert command.main([str(tmp_path / "eve.ipynb")]) == (2 if unread else 1)


NAMES = [
    "=cmd()", "+1", "-1", "@SUM(A1)", "a\nb", "a\r\nb", "\ta", "a,b", 'a"b', "\x1b[2Jx", "\x9b2J", "\u202egpj",
    "<b>", "a\u2028b", " =cmd()", "＝cmd()", "x" * 200, "-",
]  # fmt: skip


def test_names_are_neither_formulas_nor_lines_nor_orders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], here: None
) -> None:
    """Seen to fail when cells were written as they are: a name with a newline made two lines."""
    made = [
        save(tmp_path / f"{name}.ipynb", document(answered("wrong-data", []))) for name in NAMES
    ]
    try:
        bad = Path(os.fsdecode(bytes(tmp_path) + b"/\xff.ipynb"))
        made.append(save(bad, "{"))
    except OSError:  # a file system that wants text
        pass
    _, rows = table(capsys, *made)
    assert len(rows) == len(made)
    assert len({row["student"] for row in rows}) == len(made)
    assert {row["student"] for row in rows} >= {"'=cmd()", "'-1", r"a\nb", "a,b", r"\x1b[2Jx"}
    command.main([str(path) for path in made])
    text = capsys.readouterr()
    assert all(each.isprintable() or each == "\n" for each in text.out + text.err)


@pytest.mark.parametrize("broken", [ValueError("\x1b[2J\nlast"), MemoryError(), RecursionError()])
def test_a_check_that_falls_stops_nobody(
    broken: Exception,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Seen to fail when only RuntimeError was caught."""

    def falls(exercise: str, answer: Any) -> Outcome:
        if answer == ["fall"]:
            raise broken
        return Outcome(exercise, "fine" if answer == ["odd"] else "passed", "")

    monkeypatch.setattr(batch, "judge_afresh", falls)
    answers = [["fall"], RIGHT, ["odd"]]
    made = [
        save(tmp_path / f"{number}.ipynb", document(answered("wrong-data", answer)))
        for number, answer in enumerate(answers)
    ]
    code, rows = table(capsys, *made)
    assert [row["status"] for row in rows] == ["not judged", "passed", "not judged"]
    assert code == 2


def test_a_machine_that_fails_gives_no_points_and_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail when a process that could not be started was "not yet", with 0 points."""
    made = save(tmp_path / "ada.ipynb", document(answered("wrong-data", RIGHT)))
    monkeypatch.setattr(judging.sys, "executable", "/nowhere/python")
    code, rows = table(capsys, made)
    assert [(row["status"], row["points"]) for row in rows] == [("not judged", "")]
    assert "No process for it" in rows[0]["words"]
    assert code == 2
    assert command.main([str(made)]) == 2
    said = capsys.readouterr().out
    assert "? wrong-data       not judged: This could not be judged." in said
    with pytest.raises(nbgrader.NotJudgedError, match=r"wrong-data: not judged\..*no fault"):
        nbgrader.credit("wrong-data", 2, RIGHT)
    # What nobody has judged is not handed out either: it may be an answer that passes.
    with pytest.raises(RefusedError, match="was not judged"):
        student_copy(cells("check('wrong-data', ['reader'])"))


def test_outputs_are_not_believed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Seen to fail when what a notebook shows as passed was written down as passed."""
    claim = answered("wrong-data", ["reader"])
    claim["data"] |= check("wrong-data", RIGHT)._repr_mimebundle_() | {
        ANSWER: {"exercise": "wrong-data", "answer": ["reader"], "status": "passed", "points": 9}
    }
    code, rows = table(capsys, save(tmp_path / "eve.ipynb", document(claim)))
    assert (rows[0]["status"], rows[0]["points"], code) == ("not yet", "0", 0)


def test_the_last_answer_counts_and_attempts_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seen to fail when an answer stayed where a later one followed."""
    bundles = [
        check("wrong-data", answer)._repr_mimebundle_()
        for answer in (["reader"], ["updater"], RIGHT)
    ]
    assert [bundle[ATTEMPTS] for bundle in bundles] == [1, 2, 3]
    assert check("wrong-data", RIGHT)._repr_mimebundle_()[ATTEMPTS] == 3  # the same one again
    assert ATTEMPTS not in check("x86", ...)._repr_mimebundle_()
    several = save(tmp_path / "a.ipynb", document(*map(shows, [bundles[2], bundles[1]])))
    only_last = save(tmp_path / "b.ipynb", document(shows(bundles[2])))
    old = save(tmp_path / "c.ipynb", document(answered("wrong-data", RIGHT)))
    _, rows = table(capsys, several, only_last, old)
    assert [row["attempts"] for row in rows] == ["4", "3", "1"]
    assert [row["status"] for row in rows] == ["not yet", "passed", "passed"]
    assert all(0 < int(row["points"]) == int(row["out_of"]) for row in rows[1:])


def test_an_exercise_that_was_not_run_is_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = ROOT / "notebooks" / "10-one-pointer.ipynb"
    code, rows = table(capsys, lesson)
    assert [row["exercise"] for row in rows] == ["wrong-data", "damage", "one-swap"]
    assert {row["status"] for row in rows} == {"open"}
    assert code == 0


def test_two_notebooks_of_one_student(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], here: None
) -> None:
    """Seen to fail when names were compared letter by letter."""
    wrong = document(answered("wrong-data", ["reader"]))
    first = save(tmp_path / "a" / "Ada.ipynb", wrong)
    second = save(tmp_path / "b" / "ada.ipynb", document(answered("wrong-data", RIGHT)))
    other = save(tmp_path / "c" / "ada.ipynb", document(answered("x86", {})))
    code, rows = table(capsys, first, second, other, second)
    assert [row["status"] for row in rows] == ["duplicate", "duplicate", "not yet"]
    assert [row["points"] for row in rows] == ["", "", "0"]
    assert "passed here" in rows[1]["words"]
    assert str(first) in rows[1]["words"]
    assert code == 2
    code, rows = table(capsys, tmp_path, "--student", "folder")
    assert [(row["student"], row["status"]) for row in rows] == [
        ("a", "not yet"),
        ("b", "passed"),
        ("c", "not yet"),
    ]
    assert code == 0
    code, rows = table(capsys, first, second, "--student", "nbgrader")
    assert {row["student"] for row in rows} == {tmp_path.name}


def test_a_name_is_no_option_and_may_be_too_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, here: None
) -> None:
    """What ``*.ipynb`` stands for is chosen by students.

    Seen to fail when argparse took a name for ``--jobs``, and with OSError: File name too long.
    """
    monkeypatch.chdir(tmp_path)
    names = ["--csv.ipynb", "--jobs=0.ipynb", "--student-copy=x.ipynb", "-h.ipynb", "-1.ipynb"]
    for name in names:
        save(Path(name), document(answered("wrong-data", RIGHT)))
    code, rows = table(capsys, *names, "a" * 300 + ".ipynb", "b" * 5000)
    assert [row["status"] for row in rows] == ["passed"] * 5 + ["cannot be read"] * 2
    assert code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_folder_stands_for_its_notebooks(tmp_path: Path) -> None:
    for name in ("b.ipynb", "a.ipynb", "c/d.ipynb", ".ipynb_checkpoints/a.ipynb", "e.txt"):
        save(tmp_path / name, "{}")
    assert [path.name for path in found([tmp_path, tmp_path / "b.ipynb"])] == [
        "a.ipynb",
        "b.ipynb",
        "d.ipynb",
    ]


def test_a_class_of_two_hundred(tmp_path: Path) -> None:
    """200 notebooks, 20 of them damaged, as a program of its own: 200 lines.

    Seen to fail when the first damaged notebook ended the batch, and when a terminal that has no ü
    did.
    """
    kinds = [make for make, status in HOSTILE.values() if status not in ("not yet", "open")]
    wrong = [["reader"], ["updater"] * 3 + ["reader"] * 3, ["nobody"]]
    for number in range(200):
        path = tmp_path / f"schüler-{number:03}.ipynb"
        if number % 10 == 5:
            kinds[number // 10 % len(kinds)](path)
        else:
            answer = RIGHT if number % 3 else wrong[number // 3 % 3]
            save(path, document(answered("wrong-data", answer)))
    names = sorted(path.name for path in tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "kit.rcu.exercises", "--csv", *names],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(done.stdout.splitlines()) == 201
    assert [row["file"] for row in rows] == [
        name.encode("ascii", "backslashreplace").decode() for name in names
    ]
    judged_rows = [row for row in rows if row["exercise"]]
    assert len(judged_rows) == 180
    for row in judged_rows:
        right = int(row["student"][-3:]) % 3 != 0
        assert row["status"] == ("passed" if right else "not yet")
    assert done.returncode == 2
    assert "200 notebooks, 200 lines" in done.stderr
    assert "\033" not in done.stderr


def test_one_answer_is_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def judge(exercise: str, answer: Any) -> Outcome:
        asked.append(answer)
        return Outcome(
            exercise, "passed" if answer == [1] and answer[0] is not True else "not yet", ""
        )

    monkeypatch.setattr(batch, "judge_afresh", judge)
    # True is 1 and 1.0 is 1 to Python, and they are three answers.
    answers = [[1], [True], [1.0], [1], [True]]
    made = [
        save(tmp_path / f"{number}.ipynb", document(answered("wrong-data", answer)))
        for number, answer in enumerate(answers)
    ]
    seen: list[tuple[int, int]] = []
    rows = list(judged(made, jobs=3, progress=lambda *at: seen.append(at)))
    assert [row.status for row in rows] == ["passed", "not yet", "passed", "passed", "not yet"]
    assert len(asked) == 3
    assert seen == [(done, 5) for done in range(6)]


def test_progress_is_for_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.ipynb", document(answered("wrong-data", RIGHT)))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    command.main([str(path), "--csv"])
    assert "1/1" in capsys.readouterr().err


def test_an_interruption_keeps_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge(exercise: str, answer: Any) -> Outcome:
        if answer == ["stop"]:
            raise KeyboardInterrupt
        return Outcome(exercise, "passed", "")

    monkeypatch.setattr(batch, "judge_afresh", judge)
    answers = [["a"], ["stop"], ["b"]]
    made = [
        save(tmp_path / f"{number}.ipynb", document(answered("wrong-data", answer)))
        for number, answer in enumerate(answers)
    ]
    assert command.main(["--csv", "--jobs", "1", *map(str, made)]) == 130
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    assert "interrupted" in said.err


# Receipts


def as_saved_by_a_browser(value: Any) -> Any:
    """Whole floats become ints, and long ints lose digits."""
    if isinstance(value, dict):
        return {key: as_saved_by_a_browser(each) for key, each in reversed(value.items())}
    if isinstance(value, list):
        return [as_saved_by_a_browser(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is int and abs(value) > 2**53:
        return int(float(value))
    return value


def test_a_digest_outlives_a_browser() -> None:
    """Seen to fail when numbers were digested as Python writes them."""
    answer = {"a": [1.0, 2**60 + 1, -0.0, 1e300, 0.1, True, None], "ü": {"z": "\x00", "b": {}}}
    assert digest(as_saved_by_a_browser(answer)) == digest(answer)
    assert digest(json.loads(json.dumps(answer))) == digest(answer)
    different = [1, True, "1", [1], {"1": 1}, None, "", [], {}, 1.5]
    assert len({digest(each) for each in different}) == len(different)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert digest(deep)
    assert digest(10**400) == digest(10**400)


def test_a_receipt_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], here: None
) -> None:
    """Seen to fail when only the receipt's own digest was looked at, and not the answers."""
    wrong = check("x86", {"a": True})
    swap = check("one-swap", ANSWERS["one-swap"])
    mine = exercises.receipt("  Ada Lovelace ")
    assert repr(mine).startswith(
        f"Receipt of Ada Lovelace: {mine.digest}\n  2 answers: one-swap, x86"
    )
    outputs = [shows(each._repr_mimebundle_()) for each in (wrong, swap, mine)]
    made = save(tmp_path / "1.ipynb", as_saved_by_a_browser(document(*outputs)))
    _, rows = table(capsys, made, "--student", "receipt")
    assert {row["receipt"] for row in rows} == {mine.digest}
    assert {row["student"] for row in rows} == {"Ada Lovelace"}
    # Another answer, after the receipt.
    later = save(tmp_path / "2.ipynb", document(*outputs, answered("x86", {"a": False})))
    _, rows = table(capsys, later)
    assert {row["exercise"]: row["receipt"] for row in rows} == {
        "x86": "differs",
        "one-swap": mine.digest,
    }
    # Somebody else's name on it, or a digest of one's own.
    for change in ({"student": "Bob"}, {"digest": "0000"}, {"answers": {}}, {"answers": 5}):
        record = mine._repr_mimebundle_()[RECEIPT] | change
        forged = save(tmp_path / "3.ipynb", document(*outputs[:2], shows({RECEIPT: record})))
        _, rows = table(capsys, forged)
        assert {row["receipt"] for row in rows} == {"differs"}
    _, rows = table(capsys, save(tmp_path / "4.ipynb", document(*outputs[:2])))
    assert {row["receipt"] for row in rows} == {"none"}
    command.main([str(later)])
    assert "the receipt is for another answer" in capsys.readouterr().out


def test_a_receipt_names_the_student_and_nothing_else() -> None:
    check("wrong-data", RIGHT)
    first, second = exercises.receipt("Ada"), exercises.receipt("Bob")
    assert first.digest != second.digest
    assert first.answers == second.answers == {"wrong-data": digest(RIGHT)}
    waiting = exercises.receipt(...)
    assert "open" in repr(waiting)
    assert RECEIPT not in waiting._repr_mimebundle_()
    assert "<b>" not in Receipt("<b>")._repr_mimebundle_()["text/html"]
    assert "\x1b" not in repr(Receipt("\x1b[2J"))
    for name in ("", "  ", "x" * 101, None, 5, ["Ada"]):
        with pytest.raises(LitmusError, match="needs a name"):
            exercises.receipt(name)


# Copies for students


def cells(*sources: str) -> dict[str, Any]:
    made = [
        {"cell_type": "code", "metadata": {}, "source": text, "outputs": [1], "execution_count": 5}
        for text in sources
    ]
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"widgets": {"answer": 1}},
        "cells": made,
    }


def texts(notebook: dict[str, Any]) -> list[str]:
    return [notebooks.source(cell) for cell in notebook["cells"]]


def test_solutions_are_cut() -> None:
    made = student_copy(
        cells(
            "### BEGIN SOLUTION\nschedule = [\n    'reader',\n]\n### END SOLUTION\n"
            "exercises.check('wrong-data', schedule)",
            "def updater():\n    ### BEGIN SOLUTION\n    yield 1\n    ### END SOLUTION\n\n\n"
            "exercises.check('free-later', updater)",
            "a = 1\n### begin hidden tests\nassert a\n### end hidden tests\nb = 2",
            "## BEGIN SOLUTION\ndef reader():\n    yield\n\n\ndef updater():\n    yield\n\n"
            "## END SOLUTION\nexercises.check('one-swap', {'reader': reader, 'updater': updater})",
        )
    )
    assert texts(made) == [
        "schedule = ...  # your answer\nexercises.check('wrong-data', schedule)",
        "def updater():\n    ...  # your answer\n\n\nexercises.check('free-later', updater)",
        "a = 1\nb = 2",
        "reader = ...  # your answer\nupdater = ...  # your answer\nexercises.check('one-swap', {'reader': reader, 'updater': updater})",
    ]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in made["cells"])
    assert "widgets" not in made["metadata"]


def test_a_cell_for_teachers_is_left_out() -> None:
    notebook = cells("a = 1", "b = 2")
    notebook["cells"][1]["metadata"] = {"tags": ["x", "teacher"]}
    notebook["cells"] += [
        {"cell_type": "markdown", "metadata": {"tags": ["Solution"]}, "source": "kept"}
    ]
    assert texts(student_copy(notebook)) == ["a = 1", "kept"]


def _as_code(name: str) -> str:
    """A cell that holds the teacher's answer."""
    answer = taken_down(ANSWERS[name])
    if name == "one-swap":
        both = "\n\n".join(answer.values())
        return f'{both}\n\nexercises.check("{name}", {{"reader": reader, "updater": updater}})'
    if name in ("free-later", "synchronize"):
        function = answer.split("(")[0].removeprefix("def ")
        return f"{answer}\n\nexercises.check('{name}', {function})"
    return f"mine = {answer!r}\nexercises.check('{name}', mine)"


@pytest.mark.parametrize("name", exercises.NAMES)
def test_an_answer_that_is_left_is_found(name: str) -> None:
    """Every exercise's answer, not marked.

    Seen to fail when functions were not read.
    """
    with pytest.raises(RefusedError, match=f"{name}: an answer that passes is left"):
        student_copy(cells(_as_code(name)))


@pytest.mark.parametrize(
    "text",
    [
        "from answers import ANSWERS\nexercises.check('damage', ANSWERS['damage'])",
        "exercises.check('wrong-data', machine)",
        "said = [...]\nsaid[0] = 'reader'\nexercises.check('wrong-data', said)",
        "said = ...\nsaid += 1\nexercises.check('wrong-data', said)",
        "said, other = 1, 2\nexercises.check('wrong-data', said)",
        "for said in range(3):\n    exercises.check('wrong-data', said)",
        "%load answers\nexercises.check('wrong-data', ...)",
        "exercises.check('wrong-data')",
        "exercises.check('wrong-data', {**answers})",
        "if True:\n    exercises.check('wrong-data', answer=found)",
    ],
)
def test_an_answer_that_only_running_would_tell_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="cannot be read without running"):
        student_copy(cells(text))


@pytest.mark.parametrize(
    "text",
    [
        "### BEGIN SOLUTION\na = 1",
        "a = 1\n### END SOLUTION",
        "### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION",
        "### BEGIN SOLUTION\na = 1\n### END HIDDEN TESTS",
    ],
)
def test_a_mark_without_its_partner_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="partner"):
        student_copy(cells(text))


def test_answers_are_read_over_cells() -> None:
    assert written(["a = ...", "b = {'x': a, 'y': (1, {2})}", "e.check('x86', b)"]) == {
        "x86": {"x": ..., "y": [1, [2]]}
    }
    assert written(["check('x86', {1: 2})"]) == {"x86": UNKNOWN}
    assert written(["check('easy', 1)", "check(1, 2)", "check()"]) == {}


def test_the_command_copies_lessons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lessons = sorted((ROOT / "notebooks").glob("1[0-9]-*.ipynb"))
    broken = save(tmp_path / "broken.ipynb", "{")
    taught = save(tmp_path / "taught.ipynb", cells(_as_code("damage")))
    folder = tmp_path / "for" / "students"
    asked = [str(path) for path in (*lessons, broken, taught)]
    assert command.main([*asked, "--student-copy", str(folder)]) == 2
    said = capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == [path.name for path in lessons]
    assert f"{broken}: not copied: not JSON" in said
    assert f"{taught}: not copied: damage: an answer that passes is left" in said
    for lesson in lessons:
        copy = json.loads((folder / lesson.name).read_text(encoding="utf-8"))
        assert texts(copy) == texts(json.loads(lesson.read_text(encoding="utf-8")))
    # Nothing is written over.
    (folder / lessons[0].name).write_text("mine")
    assert command.main([str(lessons[0]), "--student-copy", str(folder)]) == 2
    assert "is there already" in capsys.readouterr().out
    assert (folder / lessons[0].name).read_text() == "mine"
    assert command.main([str(lessons[0]), "--student-copy", str(broken)]) == 2


# nbgrader


def test_credit_is_what_nbgrader_reads() -> None:
    """Seen to fail when nothing was worth 0.0, which nbgrader takes for full marks."""
    assert nbgrader.credit("wrong-data", 2, RIGHT) == 2.0
    with pytest.raises(AssertionError, match="wrong-data: open"):
        nbgrader.credit("wrong-data")
    check("wrong-data", ["reader"])
    with pytest.raises(AssertionError, match=r"wrong-data: not yet\. After 1 steps"):
        nbgrader.credit("wrong-data")
    check("wrong-data", RIGHT)
    assert nbgrader.credit("wrong-data", 0.5) == 0.5
    with pytest.raises(LitmusError, match="no exercise"):
        nbgrader.credit("easy")
    for points in (0, -1, float("nan")):
        with pytest.raises(LitmusError, match="above 0"):
            nbgrader.credit("wrong-data", points)


def test_a_part_is_worth_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        nbgrader, "judge_afresh", lambda *_: SimpleNamespace(points=3, of=4, judged=True)
    )
    assert nbgrader.credit("wrong-data", 2, ["reader"]) == 1.5


def test_tests_for_nbgrader_follow_their_exercises(tmp_path: Path) -> None:
    """Seen to fail when a test that was cut stayed as an empty cell: full marks for everybody."""
    lesson = ROOT / "notebooks" / "10-one-pointer.ipynb"
    assert command.main([str(lesson), "--nbgrader", str(tmp_path)]) == 0
    before = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    after = json.loads((tmp_path / lesson.name).read_text(encoding="utf-8"))["cells"]
    tests = [cell for cell in after if "nbgrader" in cell["metadata"]]
    assert [cell["metadata"]["nbgrader"]["grade_id"] for cell in tests] == [
        "wrong-data-test",
        "one-swap-test",
        "damage-test",
    ]
    assert len({cell["id"] for cell in after}) == len(after) == len(before) + 3
    # Once more makes no second test, and no empty one.
    again = tmp_path / "again"
    assert command.main([str(tmp_path / lesson.name), "--nbgrader", str(again)]) == 0
    assert json.loads((again / lesson.name).read_text(encoding="utf-8"))["cells"] == after
    twice = cells("check('x86', ...)", "check('x86', ...)")
    assert len(nbgrader.assignment(twice)["cells"]) == 3
    for cell in tests:
        name = cell["metadata"]["nbgrader"]["grade_id"].removesuffix("-test")
        assert f'check("{name}"' in notebooks.source(after[after.index(cell) - 1])
        compile(notebooks.source(cell), "test", "exec")
