"""The table of events: it follows what is recorded, holds still, and is looked through."""

import threading

import pytest

import kit
from kit.errors import FrameError
from kit.plots._selection import Brush
from kit.widgets._panel.event_table import newest, table_of
from kit.widgets._panel.sessions import LATEST
from kit.widgets._panel.state import PanelState
from kit.widgets._panel.tabs.events import LIVE, EventsTab


@pytest.fixture
def fill():
    return kit.marker("tab.orders.fill", qty=int, px=float, sym=str)


@pytest.fixture
def commit():
    return kit.span("tab.orders.commit", rows=int)


@pytest.fixture
def state(fill, commit):
    made = PanelState("tab.orders.*")
    yield made
    made.close()


@pytest.fixture
def tab(state):
    return EventsTab(state)


def ask(tab, **asked):
    tab.act({"action": "events", **asked})
    tab.refresh()
    return tab.described()


def rows(tab, first=0, count=100):
    """The cells of the rows that a page would get."""
    asked = {"action": "rows", "from": "page", "first": first, "count": count}
    answer = tab.act({**asked, "table": tab.view.number})
    assert (answer["to"], answer["first"]) == ("page", first)
    return [cells for _, _, *cells in answer["rows"]]


def column(tab, title, **which):
    at = [head[0] for head in tab.view.heads].index(title)
    return [cells[at] for cells in rows(tab, **which)]


def fields(tab):
    tab.refresh()
    return tab.rows()[0][-1]


def slow_and_quick(state, fill, commit, spans=60):
    """Spans inside of each other, on two threads; the recording is over."""
    state.start()

    def work():
        for number in range(spans):
            with commit(number):
                fill(number, 0.5, "ACME" if number % 2 else "BOLT")

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    thread.join()
    with commit(1000), commit(1001):
        fill(7, 1.5, "ACME")
    state.stop()


# While it is recorded.


def test_it_follows_the_newest_events(state, tab, fill, commit):
    state.start()
    for number in range(3 * LATEST):
        fill(number, 0.5, "ACME")
    with commit(7):
        pass
    tab.refresh()
    shown = tab.rows()
    assert len(shown) == LATEST
    _, _, time, name, took, thread, text = shown[0]
    assert (name, text) == (commit.name, "rows=7")
    assert took.endswith("s")
    assert thread == "MainThread"
    assert float(time) >= 0
    assert shown[1][6] == f"qty={3 * LATEST - 1} px=0.5 sym=ACME"
    told = tab.described()
    assert (told["follow"], told["total"], told["table"]) == (True, 3 * LATEST + 1, 0)
    fill(1, 2.0, "NEW")
    tab.refresh()
    assert tab.rows()[0][6].endswith("sym=NEW")


def test_following_makes_no_frame(state, tab, fill, monkeypatch):
    monkeypatch.setattr("kit.frames.events", lambda *_: pytest.fail("a frame for an update"))
    state.start()
    fill(1, 2.0, "ACME")
    ask(tab, when="qty == 1")
    assert len(tab.rows()) == 1


def test_a_condition_is_looked_for_among_the_newest(state, tab, fill):
    state.start()
    for number in range(500):
        fill(number, 0.5, "ACME")
    told = ask(tab, when="qty < 100")
    assert told["follow"]
    assert told["total"] == 100
    assert f"{LIVE:,}" in told["says"]
    assert tab.rows()[0][6].startswith("qty=99 ")


def test_it_holds_still_until_it_follows_again(state, tab, fill):
    state.start()
    fill(1, 2.0, "ACME")
    told = ask(tab, held=True)
    number = told["table"]
    assert (told["follow"], told["total"]) == (False, 1)
    fill(2, 2.0, "ACME")
    tab.refresh()
    told = tab.described()
    assert (told["table"], told["total"]) == (number, 1)
    assert told["says"] == "1 event, 1 newer"
    assert ask(tab, again=True)["total"] == 2
    told = ask(tab, held=False)
    assert (told["follow"], told["total"], tab.view.table) == (True, 2, None)


def test_an_event_clicked_while_it_follows_is_found_again(state, tab, fill, commit):
    state.start()
    with commit(1):
        fill(1, 2.0, "ACME")
    tab.refresh()
    [key] = [row[0] for row in tab.rows() if row[3] == fill.name]
    for number in range(2 * LATEST):
        fill(number, 0.5, "BOLT")
    told = ask(tab, key=key)
    assert told["event"]["marker"] == fill.name
    assert ["sym", "ACME"] in told["event"]["fields"]
    assert rows(tab, told["at"], 1)[0][-1].endswith("sym=ACME")
    assert [span[1] for span in told["event"]["around"]] == [commit.name]


def test_a_span_that_failed_says_how(state, tab, commit):
    state.start()
    with pytest.raises(KeyError), commit(1):
        raise KeyError("x")
    assert fields(tab) == "rows=1 KeyError"
    assert tab.rows()[0][1] == "failed"


class Unpleasant:
    def __repr__(self):
        raise RuntimeError("never look at me")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("<script>alert(1)</script>", "sym=<script>alert(1)</script>"),
        ("two\nlines\x00", "sym=two lines "),
        ("x" * 1000, f"sym={'x' * 80}…"),
        (Unpleasant(), "sym=<does not fit>" if kit.dispatcher == "c" else "sym=<Unpleasant>"),
    ],
)
def test_text_of_programs_stays_text(state, tab, fill, value, text):
    state.start()
    fill(1, 2.0, value)
    assert fields(tab).endswith(text)
    if isinstance(value, str):
        ask(tab, held=True)
        assert rows(tab)[0][-1] == text.removeprefix("sym=")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.1, "px=0.1"),
        (1e-7, "px=0.0000001"),
        (123456789.0, "px=123,456,789"),
        (float("nan"), "px=nan"),
        (float("inf"), "px=inf"),
    ],
)
def test_numbers_have_no_exponents(state, tab, fill, number, text):
    state.start()
    fill(1, number, "")
    assert text in fields(tab).split()
    ask(tab, held=True)
    assert rows(tab)[0][3] == text.removeprefix("px=")


# All that is kept.


def test_rows_are_made_by_number(state, tab, fill, commit):
    slow_and_quick(state, fill, commit)
    told = ask(tab)
    assert told["total"] == 60 + 60 + 3
    assert told["says"] == "123 events"
    assert len(rows(tab, 0, 1000)) == 123
    times = [float(cell) for cell in column(tab, "time, s", count=200)]
    assert times == sorted(times, reverse=True)
    assert rows(tab, 121, 5) == rows(tab, 100, 23)[-2:]
    stale = {"action": "rows", "from": "page", "first": 0, "count": 5}
    assert tab.act({**stale, "table": tab.view.number - 1})["rows"] == []


def test_the_slowest_come_first_and_what_is_no_span_last(state, tab, fill, commit):
    slow_and_quick(state, fill, commit)
    ask(tab, sort="-dur")
    table, order = tab.view.table, tab.view.rows
    spans = table.frame["dur"].iloc[order].dropna().tolist()
    assert spans == sorted(spans, reverse=True)
    assert len(spans) == 62
    assert column(tab, "marker")[62:] == [fill.name] * 38
    ask(tab, sort="dur")
    assert table.frame["dur"].iloc[tab.view.rows].iloc[:62].tolist() == spans[::-1]
    assert tab.view.table is table, "made anew for another order"
    ask(tab, sort="-marker")
    assert column(tab, "marker")[0] == fill.name


def test_a_condition_has_the_fields_of_all_markers(state, tab, fill, commit):
    slow_and_quick(state, fill, commit)
    assert ask(tab, when="sym == 'BOLT' and qty < 20")["total"] == 10
    assert ask(tab, when="rows > 999")["says"] == "2 of 123 events"
    assert ask(tab, when="thread == 'worker' and dur > 0")["total"] == 60
    assert ask(tab, when="marker like '*commit'")["total"] == 62
    assert ask(tab, when="")["total"] == 123


def test_what_is_wrong_with_a_condition_is_said_in_its_place(state, tab, fill, commit):
    slow_and_quick(state, fill, commit)
    ask(tab, when="qty > 5")
    told = ask(tab, when="rows > 5 and qtz > 1")
    assert told["when"] == "rows > 5 and qtz > 1"
    assert told["mark"] == told["when"].index("qtz")
    assert "did you mean 'qty'" in told["wrong"]
    assert told["total"] == 55, "what was shown stays"
    told = ask(tab, when="qty >")
    assert "wrong" in told
    assert "wrong" not in ask(tab, when="")


def test_only_what_is_brushed(state, tab, fill, commit):
    slow_and_quick(state, fill, commit)
    ask(tab)
    ts = tab.view.table.frame["ts"]
    tab.brush = Brush(time=(int(ts.iloc[10]), int(ts.iloc[19])))
    told = ask(tab, brushed=True)
    assert told["brush"]
    assert told["total"] == 10
    tab.brush = Brush(lanes=("sym", frozenset({"BOLT"})))
    tab.refresh()
    assert tab.described()["total"] == 30
    assert ask(tab, brushed=False)["total"] == 123


def test_one_marker_has_a_column_for_each_field(state, tab, fill, commit):
    slow_and_quick(state, fill, commit)
    state.chosen = (fill.name,)
    ask(tab)
    assert [head[0] for head in tab.view.heads] == ["time, s", "thread", "qty", "px", "sym"]
    assert rows(tab)[0][1:] == ["MainThread", "7", "1.5", "ACME"]
    state.chosen = (commit.name,)
    ask(tab)
    assert [head[0] for head in tab.view.heads] == ["time, s", "took", "thread", "rows"]
    state.start()
    tab.refresh()
    assert tab.following
    assert tab.rows()[0][-2:] == ["MainThread", "1001"]


def test_an_event_in_full(state, tab, fill, commit):
    slow_and_quick(state, fill, commit)
    ask(tab, when="qty == 7 and px > 1")
    told = ask(tab, key=f"r{tab.view.rows[0]}")
    event = told["event"]
    assert told["at"] == 0
    assert event["marker"] == fill.name
    assert event["fields"] == [["qty", "7"], ["px", "1.5"], ["sym", "ACME"]]
    assert event["where"] == f"{__name__}:{fill.line}"
    assert event["source"].startswith("return kit.marker(")
    assert [name for name, _ in event["facts"]] == ["at", "thread"]
    outer, inner = event["around"]
    assert outer[1] == inner[1] == commit.name
    # The spans that it is inside of can be opened in turn, whatever is filtered.
    above = ask(tab, key=inner[0])
    assert above["at"] == -1
    assert ["rows", "1001"] in above["event"]["fields"]
    assert [span[0] for span in above["event"]["around"]] == [outer[0]]
    assert above["event"]["facts"][0][0] == "took"
    assert ask(tab, key="")["event"] is None
    assert ask(tab, key="r999999999")["event"] is None
    assert ask(tab, key="no such key")["event"] is None


def test_nothing_recorded_needs_no_frame(tab, monkeypatch):
    table = "kit.widgets._panel.tabs.events.table_of"
    monkeypatch.setattr(table, lambda *_: pytest.fail("a frame of nothing"))
    told = ask(tab)
    assert (told["total"], tab.rows()) == (0, [])
    assert tab.note.startswith("Nothing recorded yet")


def test_what_was_opened_is_looked_through_like_what_is_recorded(
    state, tab, fill, commit, tmp_path
):
    slow_and_quick(state, fill, commit)
    saved = state.save(tmp_path / "kept.parquet")
    state.clear()
    state.sessions.open(str(saved))
    told = ask(tab, when="qty == 7 and px > 1")
    assert told["total"] == 1
    event = ask(tab, key=f"r{tab.view.rows[0]}")["event"]
    assert event["fields"] == [["qty", "7"], ["px", "1.5"], ["sym", "ACME"]]
    assert event["where"] == f"{__name__}:{fill.line}"
    assert event["source"] == "", "the code may be another one by now"
    assert "did you mean" in ask(tab, when="qtt > 1")["wrong"]
    state.sessions.leave()
    assert ask(tab, when="")["total"] == 0


def test_a_recorder_row_and_a_frame_row_are_the_same_event(state, fill, commit):
    slow_and_quick(state, fill, commit, spans=5)
    capture = state.recording.capture()
    names = [info.name for info in capture.markers]
    table = table_of([capture.frame(name) for name in names])
    for event in newest(capture):
        row = table.find(event.key)
        [same] = table.events([row])
        assert same._replace(key=event.key) == event
    assert table.find("7:7:7") is None
    assert table.find("r-1") is None


def test_a_condition_that_two_markers_answer_differently(state, tab):
    with pytest.raises(FrameError):
        kit.frames.events(clashing(state))
    assert ask(tab, when="size == 5")["total"] == 1
    assert ask(tab, when="size == 'large'")["total"] == 1


def clashing(state):
    """A field of two types is no problem: each marker has a frame of its own."""
    number, text = kit.marker("tab.orders.one", size=int), kit.marker("tab.orders.two", size=str)
    state.start()
    number(5)
    text("large")
    state.stop()
    return state.recording.capture()
