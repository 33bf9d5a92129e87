"""The board without a browser: what it shows, what it accepts, what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kit import rcu
from kit.errors import LitmusError
from kit.widgets._lab.board import Board
from kit.widgets._lab.board_view import View, _answer, describe

ROOT = Path(__file__).resolve().parents[3]


def shown(board: Board) -> dict[str, Any]:
    return json.loads(board.widget.shown)


def verdicts(board: Board, question: str) -> list[str]:
    [row] = [row for row in shown(board)["rows"] if row["name"] == question]
    return [cell["verdict"] for cell in row["cells"]]


def click(board: Board, **content: str) -> None:
    board.widget.comm.send_up(content)


def test_it_starts_with_the_posted_code_at_the_worst_verdict() -> None:
    board = rcu.board("N→N+1", models=["sc", "alpha"])
    assert board.choices == rcu.case("N→N+1").choices("posted")
    assert verdicts(board, "uninitialised") == ["Never", "Sometimes"]
    assert shown(board)["answer"]["head"].startswith("Alpha allows it: the array is read before")
    assert [preset["name"] for preset in shown(board)["presets"] if preset["on"]] == ["posted"]


def test_a_click_changes_verdicts_at_once_and_says_so() -> None:
    board = rcu.board("N→1", "fixed")
    assert verdicts(board, "freed") == ["Never"] * 4
    click(board, type="set", switch="grace-period", option="smp_mb")
    assert board.choices["grace-period"] == "smp_mb"
    assert verdicts(board, "freed") == ["Sometimes"] * 4
    assert "freed under sc is now Sometimes" in shown(board)["message"]
    assert "<svg" in shown(board)["answer"]["picture"]
    assert [cell["was"] for cell in shown(board)["rows"][0]["cells"]] == ["Never"] * 4
    click(board, type="look", question="lost", model="tso")
    assert shown(board)["answer"]["head"].startswith("TSO rules it out, by ")
    assert shown(board)["answer"]["steps"]


def test_a_third_thread_comes_and_goes() -> None:
    board = rcu.board("N→1", "fixed")
    assert len(shown(board)["threads"]) == 2
    board.set("grace_period", "call_rcu")
    assert shown(board)["threads"][2]["title"] == "P2: where call_rcu ends up"
    assert verdicts(board, "freed") == ["Never"] * 4


def test_each_preset_has_one_button() -> None:
    def texts(name: str) -> list[str]:
        return [preset["text"] for preset in shown(rcu.board(name))["presets"]]

    assert texts("1→2") == ["as posted", "as fixed", "bare", "as the kit does it"]
    assert texts("1→0") == ["as posted and fixed", "bare", "as the kit does it"]
    assert texts("bit-fields") == ["as posted", "as fixed", "bare"]
    assert texts("one pointer") == ["as the kit does it", "bare"]
    for name in ("1→2", "1→0", "A→0→B", "one pointer"):
        assert [preset["on"] for preset in shown(rcu.board(name))["presets"]].count(True) == 1


def test_presets_and_the_kits_own_code() -> None:
    board = rcu.board("0→1")
    click(board, type="reset", preset="bare")
    assert verdicts(board, "torn") == ["Never", "Never", "Sometimes", "Sometimes"]
    click(board, type="reset", preset="kit")
    assert board.case.name == "one pointer"
    assert verdicts(board, "freed") == ["Never"] * 4
    click(board, type="reset", preset="fixed")
    assert board.case.name == "0→1"
    assert rcu.board("one pointer").case.choices("fixed") == rcu.board("one pointer").choices


def test_lines_that_are_off_are_shown_as_they_would_be() -> None:
    one = rcu.case("0→1")
    view = View(one, one, one.choices("bare"), (rcu.models.get("sc"),), "torn", "sc")
    lines = [line for thread in describe(view)["threads"] for line in thread["lines"]]
    off = [(line["code"], line["depth"]) for line in lines if line.get("off")]
    assert off == [("smp_wmb();", 0), ("smp_rmb();", 1), ("smp_rmb();", 1)]
    switches = [line["switch"] for line in lines if "switch" in line]
    assert [each["name"] for each in switches if not each["on"]] == [
        "write-barrier",
        "first-read-barrier",
        "second-read-barrier",
    ]
    assert describe(view)["differs"] == "3 of 8 switches differ from the fixed algorithm"
    section = rcu.board("1→0", {"section": "none"})
    ends = [line for t in shown(section)["threads"] for line in t["lines"] if line.get("off")]
    assert [line["code"] for line in ends] == ["rcu_read_lock();", "rcu_read_unlock();"]
    assert ["switch" in line for line in ends] == [True, False]


def test_an_impossible_end_is_said_to_be_so() -> None:
    board = rcu.board("A→0→B", {"write-none": "none"})
    assert shown(board)["answer"]["verdict"] in ("Never", "Sometimes")
    board = rcu.board("bit-fields", {"callback-lock": "mutex"})
    assert "rules it out" in shown(board)["answer"]["head"]


@pytest.mark.parametrize(
    "content",
    [
        {"type": "set", "switch": "fence", "option": "none"},
        {"type": "set", "switch": "write-barrier", "option": "<b>"},
        {"type": "reset", "preset": "broken"},
        {"type": "look", "question": "torn", "model": "arm"},
        {"type": "look", "question": "slow", "model": "sc"},
    ],
)
def test_what_does_not_exist_is_refused_in_words(content: dict[str, str]) -> None:
    board = rcu.board("0→1", "fixed")
    before = board.choices
    click(board, **content)
    assert shown(board)["bad"]
    assert board.choices == before
    click(board, type="set", switch="write-barrier", option="none")
    assert not shown(board)["bad"]


def test_messages_of_no_known_kind_change_nothing() -> None:
    board = rcu.board("0→1")
    before = board.widget.shown
    click(board, type="boom")
    click(board, type="set", switch="write-barrier")
    assert board.widget.shown == before


def test_hostile_names_stay_text() -> None:
    model = rcu.models.load("acyclic po | rf | co | fr as mine", "<script>boom()</script>")
    board = rcu.board("0→1", models=[model])
    assert "<script>" not in board._repr_html_()
    assert "<script>" not in shown(board)["answer"]["picture"]
    with pytest.raises(LitmusError, match="needs a model"):
        rcu.board("0→1", models=[])


def test_without_widgets_there_are_words_and_a_table() -> None:
    board = rcu.board("1→2")
    assert "stale" in repr(board)
    assert "Sometimes" in board._repr_html_()
    data, _ = board._repr_mimebundle_()
    assert {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"} <= set(data)
    board.close()
    assert board.closed


def test_below_the_board_the_standard_library_is_enough() -> None:
    # -S leaves out site-packages, so that anything else would be an ImportError.
    program = "from kit import rcu; print(rcu.case('0→1').matrix('bare')['torn', 'lkmm'].verdict)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Sometimes\n", "")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("P0(spinlock_t *l, int *x) { spin_lock(l); spin_lock(l); }", "deadlock: P0 waits"),
        (
            "P0(int *x, int *y) { *y = *x; } P1(int *x, int *y) { *x = *y; }",
            "out of thin air: it depends",
        ),
    ],
)
def test_what_is_neither_is_not_said_to_be_allowed(program: str, reason: str) -> None:
    """Seen to fail when everything that is not Never is drawn as an execution that ends so."""
    verdict = rcu.judge(f"C n {{}} {program} exists (x=7)", "lkmm")
    which, models = rcu.case("1→2"), (rcu.models.get("lkmm"),)
    view = View(which, which, which.choices("posted"), models, "stale", "lkmm")
    answer = _answer(view, verdict)
    assert reason in answer["head"]
    assert "gives no answer" in answer["head"]
    assert not answer["picture"]
