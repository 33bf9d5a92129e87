"""The tab Timeline, and the way from a running program to what a slow span happened inside of."""

import json
import time

import pytest

import kit
from kit.widgets._panel.state import PanelState
from kit.widgets._panel.tabs import Tabs
from kit.widgets._panel.widget import panel


@pytest.fixture
def request_():
    return kit.span("line.web.request", path=str)


@pytest.fixture
def commit():
    return kit.span("line.db.commit", rows=int)


@pytest.fixture
def state(request_, commit):
    made = PanelState("line.*")
    yield made
    made.close()


@pytest.fixture
def tabs(state):
    made = Tabs(state)
    made.choose("timeline")
    yield made
    made.close()


def work(request_, commit, number=5):
    for each in range(number):
        with request_(f"/{each}"), commit(each):
            # By far the slowest, however busy the machine is.
            time.sleep(0.2 if each == 3 else 0)


def ask(tabs, **asked):
    tabs.act({"action": "timeline", **asked})
    tabs.refresh(1e9)
    return tabs.describe()["shows"]


def test_slow_spans_one_after_the_other(state, tabs, request_, commit):
    state.start()
    work(request_, commit)
    state.stop()
    assert tabs.refresh(1e9)
    assert tabs.current.shown[0][0].view.total == 10
    told = ask(tabs, step="next")
    assert told["rank"] == "slowest of 10 in view"
    assert told["event"]["marker"] == request_.name
    told = ask(tabs, step="next")
    assert told["rank"] == "2nd slowest of 10 in view"
    assert told["event"]["marker"] == commit.name
    assert told["event"]["fields"] == [["rows", "3"]]
    assert told["event"]["where"] == f"{__name__}:{commit.line}"
    [around] = told["event"]["around"]
    assert around[1] == request_.name
    assert ask(tabs, key=around[0])["event"]["fields"] == [["path", "/3"]]
    assert ask(tabs, step="previous")["rank"] == "slowest of 10 in view"
    assert ask(tabs, key="")["event"] is None


def test_a_picked_span_holds_the_picture_still(state, tabs, request_, commit):
    state.start()
    work(request_, commit)
    tabs.refresh(1e9)
    told = ask(tabs, step="next")
    assert (told["follow"], told["recording"]) == (False, True)
    work(request_, commit)
    tabs.refresh(2e9)
    assert tabs.describe()["shows"]["event"] == told["event"]
    assert tabs.current.shown[0][0].view.total == 10
    told = ask(tabs, held=False)
    assert (told["follow"], told["event"]) == (True, None)
    assert tabs.current.shown[0][0].view.total == 20


def test_lanes_are_of_any_field_that_tells_apart(state, tabs, request_, commit):
    priced = kit.marker("line.priced", px=float, sym=kit.Label)
    state.start()
    work(request_, commit)
    priced(1.5, "ACME")
    state.stop()
    tabs.refresh(1e9)
    offered = [name for name, _ in tabs.describe()["shows"]["lanes"]]
    assert offered[0] == "tid"
    assert {"marker", "path", "rows", "sym"} <= set(offered)
    assert "px" not in offered
    ask(tabs, by="path")
    plot = tabs.current.plot
    assert plot.view.lanes[-1] == "(none)"
    assert set(plot.view.lanes) == {f"/{each}" for each in range(5)} | {"(none)"}
    assert ask(tabs, by="px")["by"] == "path"
    assert ask(tabs, by="marker")["by"] == "marker"
    assert tabs.current.plot is plot, "the plot is the same"


def test_of_the_markers_shown_only_what_encloses_them_of_all(state, tabs, request_, commit):
    state.start()
    work(request_, commit)
    state.stop()
    state.set_filter("commit")
    tabs.refresh(1e9)
    told = ask(tabs, step="next")
    assert tabs.current.plot.view.total == 5
    assert told["rank"] == "slowest of 5 in view"
    [around] = told["event"]["around"]
    assert around[1] == request_.name
    read = ask(tabs, key=around[0])
    assert read["event"]["marker"] == request_.name
    assert tabs.current.plot.picked is None


def test_time_in_view_and_selection_are_those_of_the_other_tabs(state, tabs, request_, commit):
    state.start()
    work(request_, commit)
    state.stop()
    tabs.refresh(1e9)
    plot = tabs.current.plot
    plot.zoom(time=(1_000.0, 2_000_000.0))
    origin = plot._origin
    plot.selection.select(dur=(200_000_000, 10**12))
    tabs.choose("latency")
    tabs.refresh(1e9)
    [heat] = [p for p, _ in tabs.current.shown if type(p).__name__ == "LatencyOverTime"]
    assert heat._origin == origin
    assert heat._windows["time"].view == (1_000.0, 2_000_000.0)
    assert tabs.describe()["selection"] == 2
    heat.selection.clear()
    assert not plot.selection.active
    heat.reset()
    tabs.choose("events")
    tabs.refresh(1e9)
    tabs.choose("timeline")
    tabs.refresh(1e9)
    assert plot._windows["time"].view == plot._windows["time"].full


def test_what_was_opened_has_a_timeline_too(state, tabs, request_, commit, tmp_path):
    state.start()
    work(request_, commit)
    state.stop()
    saved = state.save(tmp_path / "kept.parquet")
    state.clear()
    state.sessions.open(str(saved))
    tabs.refresh(1e9)
    assert ask(tabs, step="next")["event"]["marker"] == request_.name
    state.sessions.leave()
    tabs.refresh(2e9)
    assert tabs.current.plot.view.total == 0
    assert tabs.describe()["note"].startswith("Nothing recorded yet")


def test_the_slowest_commit_in_five_clicks(request_, commit, until):
    """From a running program to the source line and the enclosing spans, as a page would ask."""

    def click(action, **content):
        shown.widget.comm.send_up({"type": "do", "view": "a", "action": action, **content})

    def told():
        return json.loads(shown.widget.shown)["shows"]

    with panel("line.*") as shown:
        click("start")
        work(request_, commit)
        click("events", sort="-dur")
        until(lambda: told()["total"] == 10 and told()["sort"] == "-dur" and told()["table"])
        # The page gets the rows by itself.
        click("rows", **{"from": "a", "table": told()["table"], "first": 0, "count": 20})
        answer = shown.widget.comm.custom()[-1][0]
        heads = ["key", "failed", "time", "marker"]
        rows = [dict(zip(heads, row, strict=False)) for row in answer["rows"]]
        slowest = next(row for row in rows if row["marker"] == commit.name)
        click("events", key=slowest["key"])
        until(lambda: told()["event"])
        event = told()["event"]
        assert event["fields"] == [["rows", "3"]]
        assert event["where"] == f"{__name__}:{commit.line}"
        assert event["source"].startswith("return kit.span(")
        [around] = event["around"]
        assert around[1] == request_.name
        click("events", key=around[0])
        until(lambda: told()["event"]["fields"] == [["path", "/3"]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "events", "sort": "px"},
        {"action": "events", "when": 3},
        {"action": "rows", "from": "a", "table": 1, "first": -1, "count": 5},
        {"action": "timeline", "step": "up"},
        {"action": "timeline", "scroll": "far"},
    ],
)
def test_a_page_that_asks_for_nonsense_is_refused(wrong, request_, commit, caplog):
    with panel("line.*") as shown:
        shown.widget.comm.send_up({"type": "do", "view": "a", **wrong})
    assert "was refused" in caplog.text
