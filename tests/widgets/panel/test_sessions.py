"""The panel's session: what is connected is saved in a folder, and opened again in the tabs."""

import shutil
from pathlib import Path

import pytest

import kit
from kit.widgets._panel.state import PanelState
from kit.widgets._panel.tabs import Tabs
from kit.widgets._panel.tabs.events import EventsTab
from kit.widgets._panel.widget import Panel


@pytest.fixture
def fill():
    return kit.marker("saved.fill", qty=int, sym=kit.Label)


@pytest.fixture
def query():
    return kit.span("saved.query", qty=str)


@pytest.fixture
def state(fill, query):
    made = PanelState("saved.*")
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "runs" / "monday")


def newest(state):
    """The first row of the table of events: its key, whether it failed, and its cells."""
    tab = EventsTab(state)
    tab.refresh()
    asked = {"action": "rows", "from": "page", "first": 0, "count": 1}
    return tab.act({**asked, "table": tab.view.number})["rows"][0]


def connect_all_kinds(state):
    state.toggle("saved.fill", "record")
    state.toggle("saved.query", "record")
    state.ask("saved.fill", "aggregate", by="sym")
    state.toggle("saved.fill", "aggregate")
    state.ask("saved.fill", "trigger", when="qty == 3")
    state.toggle("saved.fill", "trigger")


def run(fill, query, count=6):
    for n in range(count):
        fill(n, "<b>" if n % 2 else "BOLT")
        with query("x"):
            pass


def test_it_shows_how_much_is_saved_while_it_is(state, fill, folder):
    """Red where the events of the file that is being written are counted twice."""
    state.toggle("saved.fill", "record")
    state.sessions.begin(folder)
    for n in range(5):
        fill(n, "A")
    assert state.sessions.shown()["facts"] == [["events", "5 events", "saved.fill"]]
    state.sessions.end()
    assert state.sessions.shown()["facts"] == [["events", "5 events", "saved.fill"]]
    assert state.sessions.says().endswith(": 1 file of events.")


def test_what_is_connected_is_saved_and_shown_again(state, fill, query, folder):
    connect_all_kinds(state)
    sessions = state.sessions
    assert "record on 2, aggregate on 1, trigger on 1" in sessions.says()
    sessions.begin(folder)
    assert sessions.running
    assert sessions.wrong == ""
    run(fill, query)
    state.tick()
    # The trigger's event is the last one, in the session as in the panel.
    assert not sessions.running
    assert not state.running
    sessions.end()
    assert sessions.session.join(60)
    assert "7 events" in state.message["text"]
    kept = kit.open(folder)
    assert kept.complete
    assert kept.frame("saved.fill")["qty"].tolist() == [0, 1, 2, 3]
    assert len(kept.frame("saved.query")) == 3
    [numbers] = kept.aggregates.values()
    assert {key: stats.count for key, stats in numbers.rows.items()} == {("BOLT",): 2, ("<b>",): 2}
    assert [each["fired"] for each in kept.triggers.values()] == [1]

    sessions.open(folder)
    opened = sessions.opened
    assert len(opened.events) == 7
    assert newest(state)[3:6:2] == ["saved.fill", "MainThread"]
    assert [fact[0] for fact in opened.facts] == [
        "events",
        "saved.fill.aggregate",
        "saved.fill.trigger",
    ]
    assert opened.facts[2][1].startswith("fired 1×, qty 3")
    sessions.leave()
    assert sessions.opened is None


def test_conditions_are_kept_and_unlike_markers_are_recorded_apart(state, fill, query, folder):
    state.ask("saved.fill", "record", when="qty > 3")
    state.toggle("saved.fill", "record")
    state.toggle("saved.query", "record")
    state.sessions.begin(folder)
    run(fill, query)
    state.sessions.end()
    kept = kit.open(folder)
    assert kept.frame(recorder="events")["qty"].tolist() == [4, 5]
    assert len(kept.frame(recorder="events-2")) == 6
    state.sessions.open(folder)
    # qty is a number here and a text there: the common columns remain.
    assert state.sessions.opened.events["marker"].value_counts().to_dict() == {
        "saved.query": 6,
        "saved.fill": 2,
    }


def test_a_session_leaves_the_panel_and_its_aggregates_as_they_are(state, fill, query, folder):
    connect_all_kinds(state)
    before = (fill.fanout, len(state.aggregates()))
    state.sessions.begin(folder)
    assert fill.fanout == 2 * before[0]
    assert len(state.aggregates()) == before[1]
    state.sessions.end()
    assert fill.fanout == before[0]
    run(fill, query, 2)
    assert len(state.frame("saved.fill")) == 2


def test_a_trigger_that_does_something_else_does_it_once(state, fill, query, folder, monkeypatch):
    seen = []
    monkeypatch.setitem(state.own, "own:seen", state.own.get("own:seen") or _own(seen))
    state.toggle("saved.fill", "record")
    state.ask("saved.fill", "trigger", when="qty == 3", action="own:seen")
    state.toggle("saved.fill", "trigger")
    state.sessions.begin(folder)
    run(fill, query)
    state.sessions.end()
    assert len(seen) == 1
    kept = kit.open(folder)
    assert [each["fired"] for each in kept.triggers.values()] == [1]
    assert kept.frame()["qty"].tolist() == list(range(6))


def _own(seen):
    from kit.widgets._panel.probe_choices import ProbeChoice

    def note(firing):
        seen.append(firing)

    return ProbeChoice("own:seen", "seen", "", lambda: note, function=note)


def test_what_cannot_be_is_said_in_place(state, fill, query, folder, tmp_path):
    sessions = state.sessions
    sessions.begin("  ")
    assert sessions.wrong.startswith("Name a folder")
    sessions.begin(folder)
    assert "Nothing is connected" in sessions.wrong
    sessions.open(folder)
    assert sessions.wrong == f"There is no file or folder {folder}."
    assert sessions.opened is None
    (tmp_path / "empty").mkdir()
    sessions.open(str(tmp_path / "empty"))
    assert "holds no session" in sessions.wrong
    state.toggle("saved.fill", "record")
    (tmp_path / "file").write_text("x")
    sessions.begin(str(tmp_path / "file" / "below"))
    assert sessions.wrong
    assert fill.fanout == 1
    sessions.begin(folder)
    assert sessions.wrong == ""
    sessions.begin(folder)
    assert "already" in sessions.wrong
    sessions.end()
    sessions.begin(folder)
    assert "holds a session" in sessions.wrong
    assert state.message["bad"]
    assert fill.fanout == 1


def test_the_tabs_show_what_was_opened_until_they_are_live_again(state, fill, query, folder):
    tabs = Tabs(state)
    try:
        state.observe(True)
        connect_all_kinds(state)
        state.sessions.begin(folder)
        run(fill, query)
        state.sessions.end()
        state.clear()
        state.sessions.open(folder)
        found = {}
        for key in ("latency", "fanout", "publication", "aggregates"):
            tabs.choose(key)
            assert tabs.refresh(0.0)
            assert folder in tabs.current.note
            assert "in it" not in tabs.current.note
            found[key] = [plot for plot, _ in tabs.current.shown]
        assert found["latency"][0].view.total == 3
        assert found["aggregates"][0].view.events == 4
        tabs.choose("latency")
        state.sessions.leave()
        tabs.refresh(1e9)
        assert found["latency"][0].view.total == 0
        assert tabs.current.note.startswith("Nothing recorded yet")
    finally:
        tabs.close()


def test_a_file_that_was_saved_is_opened_too(state, fill, query, tmp_path):
    connect_all_kinds(state)
    run(fill, query)
    saved = state.save(tmp_path / "kept.parquet")
    state.sessions.open(str(saved))
    assert len(state.sessions.opened.events) == 7
    assert newest(state)[6].startswith("qty=3 sym=<b>")


def test_what_is_unfinished_is_named(state, fill, query, folder):
    """Of a session whose program was killed, too. Red where opening leaves them out."""
    state.toggle("saved.fill", "record")
    state.sessions.begin(folder)
    run(fill, query)
    half = Path(folder, ".events-000002.kit.4194304-1-00000000.00000000.partial")
    half.write_bytes(b"half")
    stray = Path(folder, "other-000001.kit")
    shutil.copy(Path(folder, "events-000001.kit"), stray)
    killed = shutil.copytree(folder, folder + "-killed")
    state.sessions.end()
    for each in (folder, str(killed)):
        state.sessions.open(each)
        assert state.sessions.wrong == ""
        assert len(state.sessions.opened.events) == 6
        (first, *of_half), (second, *of_stray) = state.sessions.shown()["facts"][-2:]
        assert (first, second) == (half.name, stray.name)
        assert of_half[0] == of_stray[0] == "unfinished"
        assert "'events-000002.kit'" in of_half[1]
        assert "no recorder" in of_stray[1]
    assert "not stopped in an orderly way" in state.sessions.opened.title


def test_closing_the_panel_ends_its_session(fill, query, folder):
    panel = Panel("saved.*", (), capacity=1000, mode="discard")
    panel.state.toggle("saved.fill", "record")
    session = panel.begin_session(folder)
    assert panel.session is session
    run(fill, query)
    panel.close()
    assert session.join(60)
    assert not session.running
    assert fill.fanout == 0
    assert len(kit.open(folder).frame()) == 6


def test_a_session_without_a_recorder_is_one_too(state, fill, query, folder):
    state.toggle("saved.fill", "aggregate")
    state.sessions.begin(folder)
    run(fill, query)
    state.sessions.end()
    state.sessions.open(folder)
    assert len(state.sessions.opened.events) == 0
    assert [table.count for table in state.sessions.opened.aggregates] == [6]


def test_what_is_cleared_is_gone_from_the_plots_too(state, fill, query):
    tabs = Tabs(state)
    try:
        state.observe(True)
        state.start()
        run(fill, query)
        for key in ("latency", "fanout", "publication"):
            tabs.choose(key)
            assert tabs.refresh(0.0)
        state.stop()
        state.observe(False)
        state.clear()
        for number, key in enumerate(("latency", "fanout", "publication"), 1):
            tabs.choose(key)
            tabs.refresh(1e6 * number)
            for plot, _ in tabs.current.shown:
                assert plot._empty.visible
    finally:
        tabs.close()


def test_markers_of_any_name_have_a_name_in_the_session(state, folder):
    names = ["saved.ö", "saved.ä", "saved._", "saved." + "x" * 120]
    for name in names:
        kit.marker(name, n=int)(1)
        state.toggle(name, "aggregate")
    state.sessions.begin(folder)
    assert state.sessions.wrong == ""
    state.sessions.end()
    assert len(kit.open(folder).aggregates) == 4
