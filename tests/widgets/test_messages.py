"""What a page sends is checked as a whole before anything is done, and is bounded."""

import json

import pytest
from bokeh.plotting import figure

import kit
from kit import rcu
from kit.widgets._lab.board import Board
from kit.widgets._lab.stepper import Stepper
from kit.widgets._messages import LONGEST, VIEWS, understood
from kit.widgets._pane.flow_control import MOST_VIEWS, Flow
from kit.widgets._pane.pane import Pane
from kit.widgets._panel.widget import panel

OF_VIEWS = [
    {"type": "joined", "view": "a", "number": 0},
    {"type": "joined", "view": "a", "number": "0", "visible": True},
    {"type": "joined", "view": "a", "number": -1, "visible": True},
    {"type": "joined", "view": "a", "number": 10**30, "visible": True},
    {"type": "joined", "number": 0, "visible": True},
    {"type": "joined", "view": "a" * 101, "number": 0, "visible": True},
    {"type": "painted", "view": "a"},
    {"type": "painted", "view": ["a"], "number": 1},
    {"type": "shown", "view": "a", "visible": "yes"},
    {"type": "left"},
    {"type": ["left"], "view": "a"},
    {"type": "nonsense", "view": "a"},
    {},
    [],
    None,
    "left",
]
OF_THE_PANEL = [
    {"action": action, **content}
    for action, content in [
        ("toggle", {}),
        ("toggle", {"marker": "messages.fill"}),
        ("toggle", {"marker": "messages.fill", "probe": 1}),
        ("toggle", {"marker": "x" * (LONGEST + 1), "probe": "count"}),
        ("own", {"probe": "own:f"}),
        ("connect-all", {}),
        ("disconnect-all", {"probe": None}),
        ("ask", {"marker": "messages.fill", "probe": "count", "often": "every=3"}),
        ("ask", {"marker": "messages.fill", "probe": "count", "once": "yes"}),
        ("ask", {"marker": "messages.fill", "probe": "count", "when": "n > 1" * LONGEST}),
        ("ask", {"when": 5}),
        ("keep", {}),
        ("keep", {"keep": "discard"}),
        ("keep", {"keep": "discard -5"}),
        ("keep", {"keep": "discard 10000000000"}),
        ("keep", {"keep": "all 1000"}),
        ("filter", {}),
        ("filter", {"text": None}),
        ("tab", {"tab": "nowhere"}),
        ("begin-session", {}),
        ("open", {"folder": 7}),
        ("explode", {}),
        ([], {}),
    ]
]


def refused(caplog) -> int:
    count = sum(each.name == "kit.widgets._messages" for each in caplog.records)
    assert all("was refused: " in each.getMessage() for each in caplog.records)
    caplog.clear()
    return count


def shown_by(panel):
    shown = json.loads(panel.widget.shown)
    for name in ("number", "overhead", "costs"):  # as time goes by
        shown.pop(name)
    return shown


@pytest.mark.parametrize("content", OF_VIEWS, ids=str)
def test_what_is_no_message_changes_nothing(content, caplog):
    kit.marker("messages.fill", n=int)
    with panel("messages.*") as shown:
        pane = Pane(figure(), interval=0)
        before = shown_by(shown)
        for widget in (shown, pane):
            widget._on_message(widget, content, [])
            assert refused(caplog) == 1
            assert widget._flow.views == ()
        assert shown_by(shown) == before
        pane.close()


@pytest.mark.parametrize("content", OF_THE_PANEL, ids=lambda content: str(content)[:60])
def test_what_is_no_action_of_the_panel_changes_nothing(content, caplog):
    fill = kit.marker("messages.fill", n=int)
    with panel("messages.*") as shown:
        before = shown_by(shown)
        shown._on_message(shown.widget, {"type": "do", **content}, [])
        assert refused(caplog) == 1
        assert (fill.fanout, shown_by(shown)) == (0, before)


def test_a_probe_that_is_not_offered_is_named():
    fill = kit.marker("messages.fill", n=int)
    with panel("messages.*") as shown:
        for action in ("connect-all", "disconnect-all"):
            content = {"type": "do", "action": action, "probe": "gone"}
            shown._on_message(shown.widget, content, [])
            assert shown_by(shown)["message"]["text"] == "There is no probe gone any more."
        assert fill.fanout == 0


@pytest.mark.parametrize(
    "content",
    [
        {"type": "patch", "view": "a", "number": 1},
        {"type": "patch", "view": "a", "number": 1, "events": "all"},
        {"type": "patch", "view": "a", "number": 1, "events": [{}] * 10_001},
        {"type": "patch", "view": "a", "events": []},
        {"type": "problem"},
        {"type": "problem", "text": "x" * (LONGEST + 1)},
    ],
    ids=lambda content: str(content)[:60],
)
def test_nor_does_what_is_no_message_of_a_pane(content, caplog):
    pane = Pane(figure(), interval=0)
    pane._on_message(pane, content, [])
    assert refused(caplog) == 1
    assert (pane.problem, pane._received) == ("", {})
    pane.close()


def test_nor_what_is_none_of_a_stepper_or_a_board(caplog):
    stepper = Stepper(rcu.machine("2→1", "kit"))
    board = Board("N→1")
    before = (stepper.widget.shown, board.widget.shown)
    sent = [
        (stepper, {"type": "goto"}),
        (stepper, {"type": "goto", "step": -1}),
        (stepper, {"type": "goto", "step": True}),
        (stepper, {"type": "step", "thread": None}),
        (board, {"type": "set", "switch": "grace-period"}),
        (board, {"type": "look", "question": "freed", "model": 1}),
        (board, None),
    ]
    for widget, content in sent:
        widget._on_message(widget.widget, content, [])
        assert refused(caplog) == 1
    assert (stepper.widget.shown, board.widget.shown) == before
    stepper.close()
    board.close()


def test_views_have_a_bound_and_the_one_longest_silent_is_forgotten():
    flow = Flow()
    for number in range(MOST_VIEWS):
        flow.joined(str(number), 0)
    flow.painted("0", 0)
    flow.shown("new", True)
    assert len(flow.views) == MOST_VIEWS
    assert ("0" in flow.views, "1" in flow.views) == (True, False)

    pane = Pane(figure(), interval=0)
    for number in range(MOST_VIEWS + 10):
        pane._on_message(
            pane, {"type": "patch", "view": str(number), "number": 1, "events": []}, []
        )
    assert len(pane._received) == MOST_VIEWS
    pane.close()


def test_a_view_has_painted_no_more_than_was_sent():
    """Otherwise whoever says so is sent updates as fast as they come."""
    flow = Flow(window=1, busy=lambda: False)
    flow.joined("a", 10**15)
    flow.sent()
    flow.painted("a", 10**15)
    flow.sent()
    assert flow._views["a"].painted == 1


def test_what_a_message_has_besides_is_left_out():
    assert understood({"type": "left", "view": "a", "more": 1}, VIEWS) == {
        "type": "left",
        "view": "a",
    }
