"""The panel's state: what the reader's actions do to a program's markers."""

import threading

import pytest

import kit
from kit.errors import NotConnectedError
from kit.widgets._panel.state import PanelState


@pytest.fixture
def fill():
    return kit.marker("state.orders.fill", qty=int, px=float)


@pytest.fixture
def cancel():
    return kit.marker("state.orders.cancel", reason=str)


@pytest.fixture
def commit():
    return kit.span("state.orders.commit", rows=int)


@pytest.fixture
def state(fill, cancel, commit):
    made = PanelState("state.orders.*")
    yield made
    made.close()


def names(state):
    return [marker.name.rpartition(".")[2] for marker in state.markers()]


def labels(marker):
    return [connection.label for connection in marker.probes]


# The list.


def test_only_markers_of_the_pattern_are_listed(state):
    kit.marker("state.other")
    assert names(state) == ["cancel", "commit", "fill"]


def test_filters_are_texts_or_patterns(state):
    for text, found in [
        ("FILL", ["fill"]),
        ("c", ["cancel", "commit"]),
        ("*.c*", ["cancel", "commit"]),
        (" fill ", ["fill"]),
        ("nothing", []),
    ]:
        state.set_filter(text)
        assert [name for name in names(state) if name in {"fill", "cancel", "commit"}] == found


def test_a_new_marker_comes_last_until_the_filter_changes(state):
    before = names(state)
    kit.marker("state.orders.aaa")
    assert names(state) == [*before, "aaa"]
    state.set_filter("")
    assert names(state)[0] == "aaa"


# Connecting.


def test_nothing_is_connected_by_looking(state, fill):
    state.tick()
    assert fill.fanout == 0
    assert not state.running


def test_a_click_connects_and_another_disconnects(state, fill):
    state.toggle(fill.name, "count")
    assert labels(fill) == ["count"]
    fill(1, 2.0)
    [connection] = fill.probes
    assert connection.probe.value == 1
    state.toggle(fill.name, "count")
    assert fill.fanout == 0
    state.toggle(fill.name, "count")
    assert fill.probes[0].probe.value == 0  # a new one counts from the beginning


def test_three_probes_on_one_marker(state, fill):
    def on_fill(qty, px):
        seen.append(qty)

    seen = []
    state = PanelState("state.orders.*", probes=[on_fill])
    for key in ("record", "count", "own:on_fill"):
        state.toggle(fill.name, key)
    fill(7, 1.0)
    assert labels(fill)[:2] == ["record", "count"]
    assert fill.fanout == 3
    assert seen == [7]
    assert [connection.calls for connection in fill.probes] == [1, 1, 1]
    state.close()


def test_each_marker_has_its_own_count(state, fill, cancel):
    state.connect_all("count")
    fill(1, 2.0)
    fill(1, 2.0)
    cancel("late")
    assert [m.probes[0].probe.value for m in (fill, cancel)] == [2, 1]


def test_connecting_to_all_means_the_filtered_ones(state, fill, cancel, commit):
    state.set_filter("c")
    state.connect_all("count")
    assert [m.fanout for m in (fill, cancel, commit)] == [0, 1, 1]
    state.disconnect_all("count")
    assert [m.fanout for m in (fill, cancel, commit)] == [0, 0, 0]


def test_later_markers_follow_what_was_connected_to_all(state):
    state.set_filter("late")
    state.connect_all("count")
    late = kit.marker("state.orders.late", n=int)
    other = kit.marker("state.orders.other", n=int)
    state.tick()
    assert (late.fanout, other.fanout) == (1, 0)
    state.disconnect_all("count")
    later = kit.marker("state.orders.later.late", n=int)
    state.tick()
    assert later.fanout == 0


def test_a_marker_is_published_once_for_many_clicks_at_once(state, fill):
    before = fill.generation
    state.connect_all("count")
    assert fill.generation == before + 1


def test_a_function_that_does_not_fit_is_not_connected(fill):
    def on_fill(one):
        pass

    state = PanelState("state.orders.*", probes=[on_fill])
    state.toggle(fill.name, "own:on_fill")
    assert fill.fanout == 0
    assert state.message["bad"]
    assert "(qty, px)" in state.message["text"]


def test_functions_defined_in_the_notebook_can_be_chosen(state, fill, monkeypatch):
    namespace = {}
    exec("def on_fill(qty, px): pass", {"__name__": "__main__"}, namespace)
    monkeypatch.setattr("kit.widgets._kernel.namespace", lambda: namespace)
    state.add_own(fill.name, "own:on_fill")
    assert labels(fill) == ["on_fill"]
    assert "own:on_fill" in {choice.key for choice in state.choices}


def test_a_function_defined_anew_takes_the_place_of_the_old_one(state, fill, monkeypatch):
    namespace, seen = {}, []
    define = "def on_fill(qty, px): seen.append({!r})"
    exec(define.format("old"), {"__name__": "__main__", "seen": seen}, namespace)
    monkeypatch.setattr("kit.widgets._kernel.namespace", lambda: namespace)
    state.add_own(fill.name, "own:on_fill")
    before = fill.generation
    exec(define.format("new"), {"__name__": "__main__", "seen": seen}, namespace)
    state._looked = float("-inf")
    state.tick()
    fill(1, 1.0)
    assert seen == ["new"]
    assert fill.generation == before + 1


def test_a_marker_that_is_gone_is_said(state):
    state.toggle("state.orders.gone", "count")
    assert state.message["bad"]


def test_errors_of_a_function_switch_it_off_and_can_be_read(fill):
    def fails(qty, px):
        raise ValueError("no such thing")

    state = PanelState("state.orders.*", probes=[fails])
    state.toggle(fill.name, "own:fails")
    for _ in range(200):
        fill(1, 1.0)
    connection = state.connections.connection((fill.name, "own:fails"))
    assert not connection.connected
    assert connection.errors == 100
    state.toggle(fill.name, "own:fails")
    assert fill.fanout == 1
    state.close()


# Connections that somebody else made.


def test_what_the_program_connected_is_left_alone(state, fill):
    mine = fill.connect(lambda qty, px: None, name="mine")
    state.toggle(fill.name, "count")
    state.close()
    assert fill.probes == (mine,)
    mine.disconnect()


def test_what_the_program_connected_can_be_switched_off_and_on(state, fill):
    fill.connect(lambda qty, px: None, name="mine", priority=20)
    [(key, _)] = state.connections.others(fill)
    state.toggle(fill.name, key)
    assert fill.fanout == 0
    state.toggle(fill.name, key)
    [connection] = fill.probes
    assert (connection.label, connection.priority) == ("mine", 20)
    assert [k for k, _ in state.connections.others(fill)] == [key]
    state.close()
    assert fill.probes == (connection,)
    connection.disconnect()


def test_a_function_that_the_program_connected_is_not_connected_again(fill):
    def on_fill(qty, px):
        pass

    with fill.connect(on_fill) as mine:
        state = PanelState("state.orders.*", probes=[on_fill])
        state.toggle(fill.name, "own:on_fill")
        assert fill.probes == (mine,)
        assert "by the program" in state.message["text"]
        state.close()
        assert fill.probes == (mine,)


def test_a_probe_disconnected_elsewhere_can_be_connected_again(state, fill):
    state.toggle(fill.name, "count")
    fill.probes[0].disconnect()
    state.toggle(fill.name, "count")
    assert fill.fanout == 1


# Undo and close.


def test_undo_takes_back_one_action_at_a_time(state, fill, cancel):
    state.toggle(fill.name, "count")
    state.connect_all("time")
    state.undo()
    assert [labels(m) for m in (fill, cancel)] == [["count"], []]
    state.undo()
    assert fill.fanout == 0
    state.undo()
    assert "nothing to undo" in state.message["text"]


def test_undo_of_a_disconnect_goes_on_counting(state, fill):
    state.toggle(fill.name, "count")
    fill(1, 1.0)
    state.toggle(fill.name, "count")
    state.undo()
    fill(1, 1.0)
    assert fill.probes[0].probe.value == 2


def test_undo_says_what_it_undid(state, fill):
    state.toggle(fill.name, "count")
    assert state.connections.undoable == f"connect count to {fill.name}"
    state.undo()
    assert fill.name in state.message["text"]


def test_undo_survives_what_happened_meanwhile(state, fill):
    state.toggle(fill.name, "count")
    fill.probes[0].disconnect()
    state.undo()
    assert fill.fanout == 0


def test_close_leaves_every_marker_as_it_was(state, fill, cancel, commit):
    state.start()
    for key in ("count", "print", "time"):
        state.connect_all(key)
    state.observe(True)
    assert fill.fanout == 5
    state.close()
    assert [m.fanout for m in (fill, cancel, commit)] == [0, 0, 0]


def test_a_closed_state_follows_no_new_markers(state):
    state.connect_all("count")
    state.close()
    late = kit.marker("state.orders.after", n=int)
    state.tick()
    assert late.fanout == 0


# Recording.


def test_start_records_what_is_shown_and_stop_keeps_it(state, fill, cancel):
    state.set_filter("fill")
    state.start()
    assert state.running
    fill(1, 2.0)
    cancel("not recorded")
    state.stop()
    fill(2, 2.0)
    assert not state.running
    assert state.frame()["qty"].tolist() == [1]


def test_start_goes_on_with_the_same_markers(state, fill, cancel):
    state.toggle(fill.name, "record")
    state.stop()
    state.start()
    assert (fill.fanout, cancel.fanout) == (1, 0)


def test_clear_forgets_events_and_counts(state, fill):
    state.start()
    state.toggle(fill.name, "count")
    fill(1, 2.0)
    state.clear()
    fill(2, 2.0)
    assert state.frame()["qty"].tolist() == [2]
    assert state.connections.connection((fill.name, "count")).probe.value == 1


def test_a_snapshot_stays_as_it_was(state, fill):
    state.start()
    fill(1, 2.0)
    capture = state.snapshot()
    fill(2, 2.0)
    assert len(capture) == 1
    assert state.captures == [capture]
    assert "1 event kept" in state.message["text"]
    assert len(state.frame()) == 2


def test_captures_know_when_recording_was_on(state, fill):
    state.start()
    fill(1, 2.0)
    assert state.recording.capture().stopped is None
    state.stop()
    capture = state.recording.capture()
    [row] = [row for thread in capture.threads for row in thread.rows]
    assert capture.started <= row[0] <= capture.stopped


def test_save_says_where_and_what_was_saved_opens_again(state, fill, tmp_path):
    state.start()
    fill(1, 2.0)
    target = state.save(tmp_path / "mine.parquet")
    assert str(target) in state.message["text"]
    assert kit.open(target).frame()["qty"].tolist() == [1]


def test_save_finds_a_name_of_its_own(state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target = state.save()
    assert target.parent == tmp_path
    assert target.exists()


def test_lost_events_are_counted(fill):
    state = PanelState("state.orders.*", capacity=10)
    state.start()
    for _ in range(25):
        fill(1, 1.0)
    assert (len(state.recording.recorder), state.recording.recorder.lost) == (10, 15)
    state.close()


def test_observing_sees_every_probe(state, fill):
    state.toggle(fill.name, "count")
    state.observe(True)
    fill(1, 1.0)
    capture = state.observing.capture()
    assert labels(fill) == ["count", "observe"]
    assert len(capture.dispatches) == 1
    assert {row[3] for row in capture.probe_calls} >= {"count"}
    state.observe(False)
    assert not state.observed
    assert labels(fill) == ["count"]


# Threads.


def test_clicks_from_several_threads_while_markers_fire(state, fill):
    stop = threading.Event()

    def fire():
        while not stop.is_set():
            fill(1, 1.0)

    def click(key):
        for _ in range(50):
            state.toggle(fill.name, key)
            state.tick()

    firing = threading.Thread(target=fire)
    clicking = [threading.Thread(target=click, args=(key,)) for key in ("record", "count", "time")]
    for thread in (firing, *clicking):
        thread.start()
    for thread in clicking:
        thread.join()
    stop.set()
    firing.join()
    assert fill.fanout == 0  # each was clicked an even number of times


def test_disconnecting_twice_is_no_error(state, fill):
    state.connect_all("count")
    connection = fill.probes[0]
    connection.disconnect()
    with pytest.raises(NotConnectedError):
        connection.disconnect()
    state.disconnect_all("count")
    assert fill.fanout == 0


@pytest.mark.parametrize("count", [1, 40, 500, 5_000])
def test_the_newest_are_the_newest_of_all_threads(state, fill, cancel, count):
    state.start()

    def busy():
        for number in range(3_000):
            fill(number, 1.0)

    def idle():
        for _ in range(30):
            cancel("late")

    for work in (idle, busy, idle):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    everything = sorted(
        row[0] for thread in state.recording.capture().threads for row in thread.rows
    )
    capture = state.recording.newest(count)
    found = sorted(row[0] for thread in capture.threads for row in thread.rows)
    assert found[-min(count, len(everything)) :] == everything[-count:]
    busiest = max(len(thread.rows) for thread in capture.threads)
    assert busiest <= count
    assert len(found) <= 3 * busiest
    for thread in capture.threads:
        [whole] = [t for t in state.recording.capture().threads if t.tid == thread.tid]
        first = thread.first_seq - whole.first_seq
        assert list(thread.rows) == list(whole.rows)[first:]
