"""What a trigger does, how often, and what it says about it."""

import threading

import pytest

import kit
from kit.probes import Count, actions
from kit.testing import isolated


@pytest.fixture(autouse=True)
def _registry_as_it_was():
    with isolated():
        yield


@pytest.fixture
def fill():
    return kit.marker("trigger.fill", qty=int, sym=str)


def run(fill, count=10):
    for n in range(count):
        fill(n, "<b>")


def test_it_fires_and_says_so(fill: kit.Marker) -> None:
    seen = []
    trigger = kit.trigger(fill, seen.append, when="qty in (3, 5)")
    assert repr(trigger) == "<Trigger on trigger.fill when qty in (3, 5): never fired, armed>"
    run(fill)
    assert [firing.values for firing in seen] == [
        {"qty": 3, "sym": "<b>"},
        {"qty": 5, "sym": "<b>"},
    ]
    assert (trigger.fired, trigger.last, trigger.armed) == (2, seen[1], True)
    assert trigger.handle.filtered == 8
    trigger.disarm()
    trigger.disarm()
    run(fill)
    assert trigger.fired == 2
    trigger.arm()
    trigger.arm()
    run(fill)
    assert trigger.fired == 4
    assert repr(trigger) == "<Trigger on trigger.fill when qty in (3, 5): fired 4 times, armed>"
    html = trigger._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html


def test_once_is_once_on_threads_and_over_a_pattern() -> None:
    markers = [kit.marker(f"trigger.m{n}", n=int) for n in range(4)]
    fired = Count()
    trigger = kit.trigger("trigger.*", fired, once=True)
    ready = threading.Barrier(8)

    def storm(number: int) -> None:
        ready.wait()
        for n in range(200):
            markers[number % 4](n)

    for again in range(1, 20):
        threads = [threading.Thread(target=storm, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (trigger.fired, fired.value, trigger.armed) == (again, again, False)
        assert [marker.fanout for marker in markers] == [0] * 4
        trigger.arm()


def test_several_actions_are_all_made_where_one_fails(fill: kit.Marker) -> None:
    seen = []

    def failing() -> None:
        raise KeyError("no")

    trigger = kit.trigger(fill, [failing, lambda: seen.append(1)], when="qty == 1")
    run(fill)
    assert (seen, trigger.errors, trigger.last_error) == ([1], 1, "KeyError: 'no'")
    assert "1 failed" in repr(trigger)


def test_start_and_stop_between_two_events(fill: kit.Marker) -> None:
    with kit.record(fill.name) as events:
        events.stop()
        with (
            kit.trigger(fill, events.start, when="qty == 3"),
            kit.trigger(fill, events.stop, when="qty == 6"),
        ):
            run(fill)
            run(fill)
    assert events.frame()["qty"].tolist() == [4, 5, 6] * 2


def test_a_snapshot_is_saved_up_to_the_event(fill: kit.Marker, tmp_path) -> None:
    with kit.record(fill.name, mode="overwrite", capacity=4096) as events:
        save = actions.snapshot(events, tmp_path / "at-{n}.parquet")
        with kit.trigger(fill, save, when="qty in (3, 5)", priority=99):
            run(fill)
    kit.barrier()
    assert [path.name for path in save.saved] == ["at-1.parquet", "at-2.parquet"]
    # Called before the recorder, so the event itself is not there yet.
    assert kit.open(save.saved[0]).frame(fill.name)["qty"].tolist() == [0, 1, 2]
    with kit.record(fill.name, mode="overwrite", capacity=4096) as events:
        save = actions.snapshot(events, tmp_path / "at.parquet")
        with kit.trigger(fill, save, when="qty in (3, 5)"):
            run(fill)
    kit.barrier()
    assert kit.open(tmp_path / "at.parquet").frame(fill.name)["qty"].tolist() == list(range(6))


def test_a_snapshot_that_cannot_be_saved_says_so(fill: kit.Marker, tmp_path, caplog) -> None:
    with kit.record(fill.name) as events:
        save = actions.snapshot(events, tmp_path / "no" / "such.parquet")
        with kit.trigger(fill, save, once=True):
            run(fill)
    kit.barrier()
    assert save.last_error.startswith("FileNotFoundError")
    assert "could not save" in caplog.text


def test_a_swap_is_one_publication(fill: kit.Marker) -> None:
    one, two, three, four = (Count() for _ in range(4))
    first, second = fill.connect(one), fill.connect(two)
    change = actions.swap([first, second], [(fill, three), ("trigger.*", four)])
    before = fill.generation
    with kit.trigger(fill, change, when="qty == 2", once=True) as trigger:
        armed = fill.generation
        run(fill)
    assert armed == before + 1
    assert [count.value for count in (one, two, three, four)] == [3, 3, 7, 7]
    assert fill.generation == armed + 2  # disarming, and the swap
    assert [handle.connected for handle in change.handles] == [True, True]
    assert trigger.fired == 1
    assert "swap" in trigger._repr_html_()


def test_connect_and_disconnect(fill: kit.Marker) -> None:
    count = Count()
    connect = actions.connect(fill, count)
    with kit.trigger(fill, connect, when="qty == 2", once=True):
        run(fill)
    assert count.value == 7
    disconnect = actions.disconnect(*connect.handles)
    with kit.trigger(fill, disconnect, when="qty == 4"):
        run(fill)
        run(fill)  # it is not connected any more: nothing to do
    assert count.value == 12


def test_what_is_no_action_is_refused(fill: kit.Marker) -> None:
    with pytest.raises(TypeError, match="action"):
        kit.trigger(fill, 3)
    with pytest.raises(TypeError, match="action"):
        kit.trigger(fill, [])
    with pytest.raises(TypeError, match="takes more"):
        kit.trigger(fill, lambda one, two: None)
    with pytest.raises(kit.errors.ConditionError):
        kit.trigger(fill, print, when="qty >")
    assert fill.fanout == 0


def test_a_trigger_may_wait_for_its_marker() -> None:
    seen = []
    trigger = kit.trigger("trigger.later", seen.append, when="n > 1")
    kit.marker("trigger.later", n=int)(2)
    assert [firing.values for firing in seen] == [{"n": 2}]
    trigger.disarm()


def test_once_is_once_for_who_comes_with_an_old_array(fill: kit.Marker) -> None:
    trigger = kit.trigger(fill, lambda: None, once=True)
    write = trigger.native(fill, fill.format)
    write(0, 1, (1, "A"))
    write(0, 2, (2, "A"))
    assert (trigger.fired, trigger.last.values) == (1, {"qty": 1, "sym": "A"})
