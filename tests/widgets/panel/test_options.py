"""What is asked of probes in the panel: conditions, how often, and what tools do."""

from __future__ import annotations

import json
import sys
import threading

import pytest

import kit
from kit.widgets._panel.options import ProbeOptions
from kit.widgets._panel.page.shown import dots, show
from kit.widgets._panel.state import PanelState


@pytest.fixture
def fill():
    return kit.marker("asked.orders.fill", qty=int, px=float, sym=kit.Label)


@pytest.fixture
def commit():
    return kit.span("asked.orders.commit", rows=int)


@pytest.fixture
def state(fill, commit):
    made = PanelState("asked.orders.*")
    yield made
    made.close()


def dot(state, marker, key):
    [found] = [each for each in dots(state, marker) if each["key"] == key]
    return found


def run(fill, count=10):
    for n in range(count):
        fill(n, n / 2, "ACME" if n % 2 else "<b>")


# Conditions.


def test_a_condition_is_kept_until_the_probe_is_connected(state, fill):
    state.ask(fill.name, "count", when=" qty >= 7 ")
    assert fill.fanout == 0
    assert dot(state, fill, "count")["when"] == "qty >= 7"
    state.toggle(fill.name, "count")
    run(fill)
    [connection] = fill.probes
    assert (connection.when, connection.probe.value) == ("qty >= 7", 3)
    assert dot(state, fill, "count")["kept"] == "7 kept back"


@pytest.mark.parametrize("key", ["record", "count", "print", "time", "aggregate", "trigger"])
def test_a_connected_probe_is_replaced_in_one_publication(state, fill, key):
    state.toggle(fill.name, key)
    before = fill.generation
    state.ask(fill.name, key, when="qty > 3", often="every=10")
    assert fill.generation == before + 1
    [connection] = fill.probes
    assert connection.when == "qty > 3"
    assert connection._filter.asked.every == 10
    state.ask(fill.name, key, when="qty > 3", often="every=10")  # nothing else: nothing to do
    assert fill.generation == before + 1
    state.undo()
    assert fill.generation == before + 2
    [connection] = fill.probes
    assert connection.when is None
    assert state.connections.asked_of((fill.name, key)) == ProbeOptions()
    state.undo()
    assert fill.fanout == 0


def test_no_event_is_lost_or_twice_while_a_condition_changes(state, fill):
    state.toggle(fill.name, "record")
    ready, over = threading.Event(), threading.Event()

    def program():
        for n in range(5000):
            fill(n, 0.0, "A")
            ready.set()
        over.set()

    thread = threading.Thread(target=program)
    thread.start()
    ready.wait()
    for number in range(1000):
        if over.is_set():
            break
        state.ask(fill.name, "record", when="qty >= 0" if number % 2 else "")
    thread.join()
    assert state.frame(fill.name)["qty"].tolist() == list(range(5000))


@pytest.mark.parametrize(
    ("text", "says", "at"),
    [
        ("qty >", "missing", 5),
        ("quantity > 3", "not a field", 0),
        ("print(qty)", "call", 5),
        ("qty.real > 1", "look into", 3),
        ("qty > 3 <b>", "", None),
    ],
)
def test_what_cannot_be_understood_is_said_in_place_and_changes_nothing(
    state, fill, text, says, at
):
    state.ask(fill.name, "count", when="qty > 3")
    state.toggle(fill.name, "count")
    before = fill.generation
    state.ask(fill.name, "count", when=text)
    assert fill.generation == before
    assert fill.probes[0].when == "qty > 3"
    found = dot(state, fill, "count")
    assert found["when"] == text
    assert says in found["wrong"]
    assert at is None or found["at"] == at
    assert state.message["bad"]
    assert json.loads(json.dumps(show(state)))
    state.ask(fill.name, "count", often="every=10")  # what was typed stays, and so does its error
    assert dot(state, fill, "count")["when"] == text
    state.ask(fill.name, "count", when="qty > 4")
    assert "wrong" not in dot(state, fill, "count")
    assert fill.probes[0].when == "qty > 4"


def test_sampling_and_budgets_are_chosen_and_said(state, fill):
    state.ask(fill.name, "record", often="every=10")
    state.toggle(fill.name, "record")
    run(fill, 100)
    assert len(state.frame()) == 10
    assert dot(state, fill, "record")["kept"] == "90 kept back"

    def slow(qty, px, sym):
        threading.Event().wait(0.02)

    state = PanelState("asked.orders.fill", probes=[slow])
    state.ask(fill.name, "own:slow", often="budget=0.01")
    state.add_own(fill.name, "own:slow")
    run(fill, 20)
    found = dot(state, fill, "own:slow")
    assert found["throttled"]
    assert "left out" in found["kept"]
    assert "budget" in found["reasons"]
    assert int(show(state)["throttled"]) > 0
    state.close()


def test_a_limit_switches_off_and_says_so(state, fill):
    state.ask(fill.name, "count", often="limit=1")
    state.toggle(fill.name, "count")
    run(fill)
    found = dot(state, fill, "count")
    assert not found["on"]
    assert "limit" in found["off"]


@pytest.mark.parametrize("often", ["every=0", "__class__", "", None, 7])
def test_what_is_no_choice_means_all(state, fill, often):
    state.ask(fill.name, "count", often=often)
    assert state.connections.asked_of((fill.name, "count")).often == ""


def test_what_is_asked_of_all_reaches_those_that_have_the_field(state, fill, commit):
    state.ask_all(when="qty > 7", often="every=10")
    state.connect_all("count")
    assert (fill.fanout, commit.fanout) == (1, 0)
    assert fill.probes[0].when == "qty > 7"
    later = kit.marker("asked.orders.later", qty=int)
    other = kit.marker("asked.orders.other", n=int)
    state.tick()
    assert (later.fanout, other.fanout) == (1, 0)
    assert later.probes[0].when == "qty > 7"
    state.ask_all(when="nothing > 1")
    assert "not a field" in show(state)["all"]["wrong"]
    assert state.common.when == "qty > 7"


def test_what_a_program_asked_survives_off_and_on(state, fill):
    fill.connect(print, name="theirs", when="qty > 100", every=3)
    key = next(key for key, _ in state.connections.others(fill))
    state.toggle(fill.name, key)
    assert fill.fanout == 0
    state.toggle(fill.name, key)
    [connection] = fill.probes
    assert (connection.when, connection._filter.asked.every) == ("qty > 100", 3)
    connection.disconnect()


# Aggregates.


def test_an_aggregate_of_what_is_likely_and_of_something_else(state, fill, commit):
    for marker, value in ((fill, "px"), (commit, "dur")):
        state.toggle(marker.name, "aggregate")
        assert dot(state, marker, "aggregate")["value"] == value
    run(fill)
    by_px, of_commits = state.aggregates()[::-1]
    assert (by_px.count, by_px.value, of_commits.count) == (10, "px", 0)
    before = fill.generation
    state.ask(fill.name, "aggregate", value="qty", by="sym")
    assert fill.generation == before + 1
    run(fill)
    new = next(each for each in state.aggregates() if each.value == "qty")
    assert new.running
    assert not by_px.running
    assert {key: stats.count for key, stats in new.table().rows.items()} == {
        ("ACME",): 5,
        ("<b>",): 5,
    }
    assert sum(bucket.count for key in new.table().rows for bucket in new.buckets(*key)) == 10
    state.ask(fill.name, "aggregate", value="*", by="")
    run(fill)
    assert next(each for each in state.aggregates() if each.value is None).count == 10
    state.undo()
    assert new.running
    state.toggle(fill.name, "aggregate")
    assert not new.running
    assert new.seconds > 0
    assert new.frame()["count"].tolist() == [5, 5]  # it is off, and keeps what it has


def test_the_programs_own_aggregates_are_there_too(state, fill):
    with kit.aggregate(fill, "qty") as theirs:
        assert state.aggregates() == [theirs]
    assert state.aggregates() == []


def test_clear_begins_an_aggregate_again(state, fill):
    state.toggle(fill.name, "aggregate")
    run(fill)
    state.clear()
    run(fill, 3)
    assert [each.count for each in state.aggregates()] == [3]


# Triggers.


def test_a_trigger_stops_the_recording_at_its_event(state, fill, commit):
    state.connect_all("record")
    state.toggle(fill.name, "count")
    state.ask(fill.name, "trigger", when="qty == 4")
    state.toggle(fill.name, "trigger")
    assert dot(state, fill, "trigger")["note"] == "armed"
    run(fill)
    # At once, not at the panel's next look: X is there, and nothing later.
    assert state.frame(fill.name)["qty"].tolist() == [0, 1, 2, 3, 4]
    assert not state.running
    assert commit.fanout == 0
    assert [c.label for c in fill.probes] == ["count"]
    assert fill.probes[0].probe.value == 10
    state.tick()
    assert state.message["text"] == (
        "Trigger on asked.orders.fill fired: qty 4, px 2.0, sym <b> → stop recording."
    )
    found = dot(state, fill, "trigger")
    assert not found["on"]
    assert found["note"].startswith("fired once")
    state.start()
    run(fill, 2)
    assert state.frame(fill.name)["qty"].tolist() == [0, 1, 2, 3, 4, 0, 1]
    assert commit.fanout == 1


def test_a_trigger_cuts_whatever_other_threads_do(state, fill):
    state.toggle(fill.name, "record")
    state.ask(fill.name, "trigger", when="qty == 500 and sym == 'thread 2'")
    state.toggle(fill.name, "trigger")
    ready = threading.Barrier(4)

    def program(number):
        ready.wait()
        for n in range(1000):
            fill(n, 0.0, f"thread {number}")

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=program, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    frame = state.frame(fill.name)
    trigger = state.connections.mine[fill.name, "trigger"].probe
    assert frame["ts"].max() == trigger.last.at
    assert frame[frame["sym"] == "thread 2"]["qty"].tolist() == list(range(501))


def test_what_was_complete_after_the_event_is_no_part_of_it(state, fill):
    state.toggle(fill.name, "record")
    run(fill)
    at = state.frame(fill.name)["ts"].iloc[5]
    state.trigger_actions.make("stop")(at=int(at))  # so late that others came in between
    assert state.frame(fill.name)["qty"].tolist() == [0, 1, 2, 3, 4, 5]
    assert len(state.recording.newest(100)) == 6
    state.tick()
    state.start()
    run(fill, 1)
    state.stop()
    assert state.frame(fill.name)["qty"].tolist() == [0, 1, 2, 3, 4, 5, 0]


def test_a_trigger_that_is_armed_again_fires_again(state, fill):
    state.ask(fill.name, "trigger", when="qty == 4", deed="", action="snapshot", once=False)
    state.toggle(fill.name, "record")
    state.toggle(fill.name, "trigger")
    run(fill)
    run(fill)
    assert [len(capture) for capture in state.captures] == [5, 15]
    assert state.running
    state.tick()
    assert "keep a snapshot" in state.message["text"]
    assert dot(state, fill, "trigger")["on"]
    state.undo()
    assert [c.label for c in fill.probes] == ["record"]


def test_a_trigger_saves_to_a_file(state, fill, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state.toggle(fill.name, "record")
    state.ask(fill.name, "trigger", when="qty == 4", action="save")
    state.toggle(fill.name, "trigger")
    run(fill)
    kit.barrier()
    [path] = tmp_path.iterdir()
    assert kit.open(path).frame(fill.name)["qty"].tolist() == [0, 1, 2, 3, 4]
    state.tick()
    state.tick()
    assert str(path) in state.message["text"]


def test_a_trigger_calls_a_function_of_the_readers(fill):
    def mine(firing):
        seen.append(firing.values["qty"])

    seen = []
    state = PanelState("asked.orders.fill", probes=[mine])
    assert ("own:mine", "call mine") in state.trigger_actions.options()
    state.ask(fill.name, "trigger", when="qty > 7", action="own:mine", once=False)
    state.toggle(fill.name, "trigger")
    run(fill)
    assert seen == [8, 9]
    state.ask(fill.name, "trigger", action="own:gone")
    assert "no function gone" in state.message["text"]
    run(fill)
    assert seen == [8, 9, 8, 9]  # as it was
    state.close()
    assert fill.fanout == 0


def test_recorder_aggregate_and_trigger_on_one_marker_each_as_alone(state, fill):
    for key in ("record", "aggregate", "trigger"):
        state.toggle(fill.name, key)
    state.ask(fill.name, "trigger", when="qty < 0")
    run(fill, 1000)
    [added] = state.aggregates()
    assert fill.fanout == 3
    assert added.count == len(state.frame(fill.name)) == 1000
    assert added.table().rows[()].sum == state.frame(fill.name)["px"].sum()


# A flight recorder.


def test_the_recording_becomes_a_flight_recorder_in_one_publication(state, fill):
    state.toggle(fill.name, "record")
    run(fill)
    before = fill.generation
    state.keep("overwrite", 10_000)
    assert fill.generation == before + 1
    assert [len(capture) for capture in state.captures] == [10]
    assert not state.connections.undoable
    run(fill, 30_000)
    recorder = state.recording.recorder
    assert recorder.mode == "overwrite"
    frame = state.frame(fill.name)
    assert frame["qty"].tolist() == list(range(30_000 - len(frame), 30_000))
    assert len(frame) + recorder.overwritten == 30_000
    shown = show(state)["keep"]
    assert shown["now"] == "overwrite 10000"
    assert ["overwrite 10000", "keep newest 10,000"] in shown["choices"]
    state.keep("overwrite", 10_000)
    assert fill.generation == before + 1
    state.stop()
    state.keep("discard", 5)
    assert show(state)["keep"]["now"] == "discard 5"
    assert fill.fanout == 0
