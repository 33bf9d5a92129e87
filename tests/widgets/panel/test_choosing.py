"""The list and the tabs are one instrument: what is chosen is what the tabs show."""

from __future__ import annotations

import json
from typing import Any

import pytest

import kit
from kit.plots import units
from kit.widgets._panel.widget import Panel, panel


@pytest.fixture
def query() -> Any:
    return kit.span("chosen.query", sym=kit.Label, rows=int)


@pytest.fixture
def tick() -> Any:
    return kit.marker("chosen.tick", n=int)


@pytest.fixture
def shown(query, tick):
    made = panel("chosen.*")
    yield made
    made.close()


def told(shown: Panel) -> dict[str, Any]:
    shown._push(at_once=True)
    described: dict[str, Any] = json.loads(shown.widget.shown)
    return described


def act(shown: Panel, action: str, **content: Any) -> None:
    shown.widget.comm.send_up({"type": "do", "view": "a", "action": action, **content})


def record(shown: Panel, query: Any, tick: Any, rounds: int = 300) -> None:
    """Events of both markers; what is drawn stands still afterwards."""
    shown.start()
    for number in range(rounds):
        with query(sym="AB"[number % 2], rows=number % 7):
            tick(number)
    shown.stop()


def tab(shown: Panel) -> Any:
    return shown._tabs.current


def lines(shown: Panel) -> dict[str, list[str]]:
    return {line["name"]: line["texts"] for line in told(shown)["shows"]["lines"]}


def draw(shown: Panel, until: Any, *names: str) -> list[Any]:
    """Wait until the tab's plots are of these classes, and of what is asked for now."""
    until(lambda: [type(plot).__name__ for plot, _ in tab(shown).shown][: len(names)] == [*names])
    until(lambda: tab(shown)._drawn == tab(shown)._version())
    return [plot for plot, _ in tab(shown).shown]


def test_p99_of_one_marker_is_two_clicks_away(shown, query, tick, until):
    """Seen to fail when the choice was not asked for."""
    record(shown, query, tick)
    act(shown, "tab", tab="latency")
    until(lambda: len(told(shown)["shows"]["lines"]) == 2)
    expected = shown.state.recording.recorder.summary().set_index("marker")
    count, _, _, p99, _ = lines(shown)[query.name]
    assert count == "300"
    assert p99 == units.duration(expected.loc[query.name, "p99"])
    act(shown, "choose", names=[query.name])
    until(lambda: told(shown)["chosen"] == [query.name])
    heat = draw(shown, until, "Latency", "LatencyOverTime")[1]
    assert heat.frame["marker"].unique().tolist() == [query.name]
    assert "rows" in heat.frame  # its own fields
    assert shown.state.focus() == {query.name}
    # The table goes on telling of all.
    assert set(lines(shown)) == {query.name, tick.name}


def test_a_marker_without_durations_has_its_rate_and_its_gaps(shown, query, tick, until):
    record(shown, query, tick)
    act(shown, "tab", tab="latency")
    draw(shown, until, "Latency", "LatencyOverTime")
    act(shown, "choose", names=[tick.name])
    rate, gaps = draw(shown, until, "Rate", "Latency")
    assert (rate.view.total, gaps.view.total) == (300, 299)
    [own] = [line for line in told(shown)["shows"]["lines"] if line["name"] == tick.name]
    assert own["of"] == "gap"
    shown.start()
    tick(1)
    shown.stop()
    until(lambda: gaps.view.total == 300)
    act(shown, "choose", names=[])
    draw(shown, until, "Latency", "LatencyOverTime")
    assert shown.state.focus() is None


def test_a_split_by_a_field_is_two_clicks_away(shown, query, tick, until):
    record(shown, query, tick)
    act(shown, "choose", names=[query.name])
    act(shown, "tab", tab="latency")
    latency = draw(shown, until, "Latency", "LatencyOverTime")[0]
    until(lambda: ["sym", "by sym"] in told(shown)["shows"]["choices"])
    assert ["rows", "by rows"] in told(shown)["shows"]["choices"]
    assert latency.view.lines == ()
    act(shown, "split", by="sym")
    until(lambda: tab(shown).shown[0][0] is not latency)
    latency = draw(shown, until, "Latency", "LatencyOverTime")[0]
    assert {line.name: line.total for line in latency.view.lines} == {"A": 150, "B": 150}
    assert told(shown)["shows"]["by"] == "sym"
    # A marker that has no such field is drawn together.
    act(shown, "choose", names=[tick.name])
    draw(shown, until, "Rate", "Latency")
    assert told(shown)["shows"]["by"] == ""


def test_the_filter_says_what_the_tabs_show(shown, query, tick, until):
    record(shown, query, tick)
    act(shown, "tab", tab="latency")
    act(shown, "filter", text="query")
    until(lambda: set(lines(shown)) == {query.name})
    heat = draw(shown, until, "Latency", "LatencyOverTime")[1]
    assert heat.frame["marker"].unique().tolist() == [query.name]
    act(shown, "choose", names=[query.name])
    act(shown, "filter", text="tick")
    # What cannot be seen any more is not chosen.
    assert told(shown)["chosen"] == []
    assert shown.state.focus() == {tick.name}


@pytest.mark.parametrize("names", [None, "chosen.query", [1], ["x"] * 1_001, ["x" * 10_001]])
def test_what_is_no_list_of_names_chooses_nothing(shown, query, names):
    act(shown, "choose", names=[query.name])
    act(shown, "choose", names=names)
    assert told(shown)["chosen"] == [query.name]


def test_what_was_opened_can_be_chosen_from_and_filtered(shown, query, tick, until, tmp_path):
    record(shown, query, tick)
    path = shown.save(tmp_path / "kept.parquet")
    shown.close()
    with panel("chosen.nothing") as other:
        other.open(path)
        act(other, "tab", tab="latency")
        until(lambda: set(lines(other)) == {query.name, tick.name})
        act(other, "choose", names=[query.name])
        heat = draw(other, until, "Latency", "LatencyOverTime")[1]
        assert heat.frame["marker"].unique().tolist() == [query.name]
        act(other, "filter", text="tick")
        until(lambda: set(lines(other)) == {tick.name})


def test_only_aggregates_of_what_is_chosen_are_shown(shown, query, tick):
    act(shown, "connect-all", probe="aggregate")
    assert len(shown.state.aggregates()) == 2
    act(shown, "choose", names=[tick.name])
    assert len(shown.state.aggregates()) == 1
