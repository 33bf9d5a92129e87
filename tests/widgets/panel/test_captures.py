"""What was kept: listed, shown in the tabs, compared, saved; and Clear taken back."""

from __future__ import annotations

from typing import Any

import pytest

import kit
from kit.widgets._panel.state import PanelState
from tests.widgets.panel.test_choosing import act, tab, told


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def query() -> Any:
    return kit.span("kept.query", n=int)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(query, clock):
    made = PanelState("kept.*", capacity=100, clock=clock)
    made.start()
    yield made
    made.close()


def fire(query: Any, count: int) -> None:
    for n in range(count):
        with query(n=n):
            pass


def test_clear_can_be_undone(state, query, clock):
    fire(query, 7)
    state.clear()
    text = state.message["text"]
    assert text.startswith("Clear can be undone until ")
    assert text.endswith("or until 50 new events need the memory: 7 events cleared.")
    assert state.kept.undoable.startswith("clear, until ")
    assert len(state.recording.recorder) == 0
    clock.now = 29.0
    state.tick()
    state.undo()
    [capture] = state.captures
    assert len(capture) == 7
    assert len(state.sessions.opened.events) == 7
    assert "snapshot 0" in state.message["text"]
    # Recording has gone on meanwhile, and a second Undo takes back what was before.
    fire(query, 2)
    assert len(state.recording.recorder) == 2
    state.undo()
    assert not state.running


@pytest.mark.parametrize("late", [True, False])
def test_what_was_cleared_is_let_go(state, query, clock, late):
    """When half a minute is over, and when the memory is needed. Seen to fail without either."""
    fire(query, 7)
    state.clear()
    if late:
        clock.now = 31.0
    else:
        fire(query, 50)
    state.tick()
    assert state.kept.cleared is None
    assert state.kept.undoable == ""


def test_what_was_never_there_is_not_brought_back(state):
    state.clear()
    assert state.message["text"] == "Cleared."
    state.undo()
    assert state.captures == []


def test_everything_that_was_kept_is_listed_and_can_be_shown(state, query, tmp_path):
    fire(query, 3)
    state.snapshot()
    fire(query, 2)
    path = state.save(tmp_path / "run.parquet")
    state.sessions.open(str(path))
    state.tick()
    rows = state.kept.shown()["rows"]
    assert [(row[0], row[1], row[3], row[4], row[5]) for row in rows] == [
        ("live", "recording", "5", "1", "none"),
        ("0", "snapshot 0", "3", "1", "none"),
        (str(path), "run.parquet", "5", "1", "none"),
    ]
    assert state.kept.shown()["front"] == str(path)
    state.kept.show("0")
    assert (state.kept.shown()["front"], len(state.sessions.opened.events)) == ("0", 3)
    state.kept.show("live")
    assert (state.kept.shown()["front"], state.sessions.opened) == ("live", None)
    for nothing in ("7", "-1", "", "/etc/passwd"):
        state.kept.show(nothing)
        assert state.sessions.opened is None


def test_a_snapshot_is_saved_to_a_file_of_its_own(state, query, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fire(query, 3)
    state.snapshot()
    fire(query, 2)
    state.kept.export("0")
    [path] = tmp_path.iterdir()
    assert len(kit.open(path).events()) == 3
    assert str(path) in state.message["text"]


def test_two_are_compared_in_the_tab(query, until):
    with kit.panel("kept.*") as shown:
        shown.start()
        fire(query, 30)
        shown.snapshot()
        fire(query, 40)
        act(shown, "tab", tab="captures")
        act(shown, "compare", keys=["0", "live"])
        until(lambda: len(tab(shown).shown) == 1)
        [(plot, _)] = tab(shown).shown
        assert (plot.view.a.total, plot.view.b.total) == (30, 70)
        assert told(shown)["shows"]["compared"] == ["0", "live"]
        act(shown, "compare", keys=["0", "9"])
        until(lambda: not tab(shown).shown)
        act(shown, "show-capture", key="0")
        assert told(shown)["shows"]["front"] == "0"
