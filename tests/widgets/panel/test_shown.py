"""What the page is told: complete, and harmless whatever a program names."""

import json

import pytest

import kit
from kit.probes import Recorder
from kit.widgets._panel.overhead import Costs
from kit.widgets._panel.page.shown import MOST_ROWS, show
from kit.widgets._panel.state import PanelState


@pytest.fixture
def fill():
    return kit.marker("show.orders.fill", qty=int, px=float, sym=str)


@pytest.fixture
def commit():
    return kit.span("show.orders.commit", rows=int)


@pytest.fixture
def state(fill, commit):
    made = PanelState("show.orders.*")
    yield made
    made.close()


def row_of(shown, name):
    [row] = [row for row in shown["rows"] if row["name"] == name]
    return row


def dot_of(shown, name, key):
    [dot] = [dot for dot in row_of(shown, name)["dots"] if dot["key"] == key]
    return dot


def test_all_of_it_is_json(state, fill, commit):
    state.start()
    fill(1, 2.0, "ACME")
    with commit(3):
        pass
    shown = show(state)
    assert json.loads(json.dumps(shown)) == shown


def test_before_anything_was_recorded(state):
    shown = show(state)
    assert (shown["state"], shown["events"], shown["lost"]) == ("none", "0", "0")
    assert shown["printed"] == []


def test_numbers_are_set_for_reading(state, fill):
    state.start()
    for _ in range(1234):
        fill(1, 2.0, "ACME")
    shown = show(state)
    assert (shown["state"], shown["events"]) == ("on", "1,234")
    assert dot_of(shown, fill.name, "record")["calls"] == "1,234"
    state.stop()
    assert show(state)["state"] == "off"


def test_lost_events_are_marked(fill):
    state = PanelState("show.orders.*", capacity=5)
    state.start()
    for _ in range(8):
        fill(1, 2.0, "ACME")
    shown = show(state)
    assert (shown["lost"], shown["late"], shown["missing"]) == ("3", True, "")
    state.close()


def test_what_else_is_missing_is_told(state, monkeypatch):
    monkeypatch.setattr(Recorder, "skipped", property(lambda _: 1200))
    monkeypatch.setattr(Recorder, "lost_dispatches", property(lambda _: 3))
    monkeypatch.setattr(Recorder, "failed", property(lambda _: 2))
    shown = show(state)
    assert (shown["skipped"], shown["failed"], shown["filtered"]) == ("1,200", "2", "")
    assert shown["missing"] == "; 3 dispatches found no room among those observed"


def test_what_a_condition_keeps_back_is_counted_in_the_header(state, fill):
    """Seen to fail where the header asks the recorder, which has no handles of its own here."""
    state.ask(fill.name, "record", when="qty > 1")
    state.start()
    for qty in range(1200):
        fill(qty, 2.0, "ACME")
    shown = show(state)
    assert (shown["events"], shown["filtered"]) == ("1,198", "2")


def test_values_that_did_not_fit_are_in_the_header_and_nobody_warns(state, fill):
    """Seen to fail when the header says nothing of them, and when the panel's reading warns."""
    state.start()
    fill(1, 2.0, "ACME")
    assert (show(state)["misfits"], show(state)["fields"]) == ("", "")
    for _ in range(1234):
        fill("one", 2.0, b"ACME")
    shown = show(state)
    assert shown["misfits"] == "2,468"
    assert shown["fields"] == (
        "show.orders.fill: qty, 1,234, first of type str; "
        "show.orders.fill: sym, 1,234, first of type bytes"
    )
    assert len(state.snapshot()) == 1235
    state.clear()
    assert show(state)["misfits"] == ""


def test_every_probe_has_a_dot_and_what_is_on_is_on(state, fill):
    state.toggle(fill.name, "count")
    dots = {dot["key"]: dot["on"] for dot in row_of(show(state), fill.name)["dots"]}
    off = ("record", "aggregate", "trigger", "print", "time")
    assert dots == {**dict.fromkeys(off, False), "count": True}
    assert list(dots)[:4] == ["record", "count", "aggregate", "trigger"]


def test_the_same_probe_has_the_same_colour_everywhere(state, fill, commit):
    shown = show(state)
    colors = [dot_of(shown, m.name, "count")["color"] for m in (fill, commit)]
    [legend] = [each for each in shown["choices"] if each["key"] == "count"]
    assert colors == [legend["color"]] * 2
    from kit.plots._theme import TWINS, probe_color_of

    light = probe_color_of("count")
    assert legend["color"] == [light, TWINS[light]]


def test_the_legend_counts_markers(state, fill):
    state.toggle(fill.name, "count")
    [legend] = [each for each in show(state)["choices"] if each["key"] == "count"]
    assert (legend["on"], legend["of"]) == (1, 2)


def test_a_probe_of_the_programs_own_has_a_dot_too(state, fill):
    with fill.connect(lambda *args: None, name="mine"):
        [dot] = [dot for dot in row_of(show(state), fill.name)["dots"] if dot["label"] == "mine"]
        assert dot["on"]
        state.toggle(fill.name, dot["key"])
        [dot] = [dot for dot in row_of(show(state), fill.name)["dots"] if dot["label"] == "mine"]
        assert not dot["on"]
        state.toggle(fill.name, dot["key"])
        [connection] = fill.probes
    connection.disconnect()


def test_a_function_the_program_connected_stands_in_its_own_place(fill):
    def on_fill(qty, px, sym):
        pass

    state = PanelState("show.orders.*", probes=[on_fill])
    with fill.connect(on_fill):
        dots = [d for d in row_of(show(state), fill.name)["dots"] if d["label"] == "on_fill"]
        assert [dot["on"] for dot in dots] == [True]
    state.close()


def test_errors_show_with_the_first_ones_text(fill):
    def fails(*args):
        raise ValueError(f"<b>number {args[0]}</b>")

    state = PanelState("show.orders.*", probes=[fails])
    state.toggle(fill.name, "own:fails")
    for number in range(150):
        fill(number, 1.0, "x")
    dot = dot_of(show(state), fill.name, "own:fails")
    assert dot["errors"] == "100"
    assert dot["error"] == "ValueError: <b>number 0</b>"
    assert not dot["on"]
    assert "100" in dot["off"]
    state.close()


def test_what_does_not_fit_says_why(fill):
    state = PanelState("show.orders.*", probes=[lambda one: None])
    [dot] = [d for d in row_of(show(state), fill.name)["dots"] if d["key"].startswith("own:")]
    assert "(qty, px, sym)" in dot["misfit"]


def test_printed_lines_are_shown(state, fill):
    state.toggle(fill.name, "print")
    fill(1, 2.0, "ACME")
    assert show(state)["printed"] == [f"{fill.name}  qty=1 px=2.0 sym='ACME'"]


def test_a_long_list_says_how_much_is_hidden():
    for number in range(MOST_ROWS + 7):
        kit.marker(f"show.many.m{number}")
    state = PanelState("show.many.*")
    shown = show(state)
    assert (len(shown["rows"]), shown["hidden"]) == (MOST_ROWS, 7)


def test_the_overhead_is_rate_times_cost(state, fill, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("kit.widgets._panel.state.spent", lambda: 0)
    state = PanelState("show.orders.*", clock=lambda: clock[0])
    state.costs = Costs(dispatch=600.0, probes={"count": 400.0})
    state.toggle(fill.name, "count")
    for second in range(4):
        clock[0] = float(second)
        state.tick()
        for _ in range(100):
            fill(1, 1.0, "")
    # 100 events a second, 1 µs each, are a ten thousandth of a core.
    shown = show(state)
    assert shown["overhead"] == "0.01 %"
    assert shown["costs"] == "dispatch 0.01 %, estimated; panel 0 %, measured"
    state.close()


def test_the_overhead_counts_the_panels_own_threads(fill, monkeypatch):
    """Seen to fail where the header adds nothing to what dispatches cost."""
    clock, taken = [0.0], [0]
    monkeypatch.setattr("kit.widgets._panel.state.spent", lambda: taken[0])
    state = PanelState("show.orders.*", clock=lambda: clock[0])
    state.costs = Costs(dispatch=600.0, probes={"count": 400.0})
    for second in range(4):
        clock[0], taken[0] = float(second), 12_500_000 * second
        state.tick()
    shown = show(state)
    assert shown["overhead"] == "1.2 %"
    assert shown["costs"] == "dispatch 0 %, estimated; panel 1.2 %, measured"
    state.close()


def test_what_is_not_known_makes_the_overhead_a_lower_bound(fill):
    state = PanelState("show.orders.*", probes=[lambda *args: None])
    state.costs = Costs(dispatch=600.0, probes={})
    state.toggle(fill.name, next(key for key in state.own if key.startswith("own:")))
    assert show(state)["overhead"].startswith("≥")
    state.close()


def test_time_says_how_long_things_took(state, commit):
    state.toggle(commit.name, "time")
    for _ in range(10):
        with commit(1):
            pass
    dot = dot_of(show(state), commit.name, "time")
    assert dot["note"].startswith("p99 ≤ ")
    assert "max " in dot["more"]
