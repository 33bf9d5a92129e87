"""What eight threads record, as a frame; and input that a recorder refuses."""

import threading

import pytest

import kit
from kit.core._connection import Connection

pytest.importorskip("pandas")

THREADS, EACH = 8, 25_000


def fire_from_threads(marker: kit.Marker) -> None:
    def fire(thread: int) -> None:
        for n in range(thread * EACH, (thread + 1) * EACH):
            marker(n)

    threads = [threading.Thread(target=fire, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_with_room_for_all_every_event_is_there_once_and_in_order():
    marker = kit.marker("recorder.all", n=int)
    with kit.record("recorder.all", capacity=THREADS * EACH) as events:
        fire_from_threads(marker)
    frame = events.frame("recorder.all")
    assert len(frame) == THREADS * EACH == 200_000
    assert events.lost == 0
    assert sorted(frame["n"]) == list(range(THREADS * EACH))
    assert frame["ts"].is_monotonic_increasing
    assert not frame.duplicated(["tid", "seq"]).any()
    # In each thread the events stand in the order in which it fired them.
    for _, one in frame.groupby("tid"):
        assert one["n"].is_monotonic_increasing
        assert one["seq"].tolist() == list(range(EACH))


def test_with_room_for_half_exactly_half_is_kept_and_the_rest_is_counted():
    marker = kit.marker("recorder.half", n=int)
    with kit.record("recorder.half", capacity=THREADS * EACH // 2) as events:
        fire_from_threads(marker)
    frame = events.frame("recorder.half")
    assert len(frame) == len(events) == 100_000
    assert events.lost == 100_000
    assert frame["n"].is_unique
    lost = frame.attrs["lost"]
    assert sum(count for thread in lost.values() for count in thread.values()) == 100_000


@pytest.mark.parametrize("capacity", [0, -1, 1.5, True, None, "many"])
def test_a_capacity_that_holds_nothing_is_refused(capacity):
    with pytest.raises(ValueError, match="capacity"):
        kit.record("recorder.*", capacity=capacity)
    assert not kit.markers("recorder.refused")


def test_an_unknown_mode_or_context_field_is_refused_and_nothing_is_connected():
    marker = kit.marker("recorder.refusing", n=int)
    with pytest.raises(ValueError, match=r"'discard' or 'overwrite'.*'newest'"):
        kit.record("recorder.refusing", mode="newest")
    with pytest.raises(ValueError, match=r"'moon'.*known are"):
        kit.record("recorder.refusing", context=("moon",))
    assert marker.fanout == 0


def test_a_pattern_that_matches_nothing_yet_warns_and_records_later_markers():
    with pytest.warns(kit.errors.UnmatchedPatternWarning, match=r"recorder\.later\.\*"):
        recorder = kit.record("recorder.later.*")
    with recorder as events:
        kit.marker("recorder.later.one", n=int)(7)
    assert events.frame("recorder.later.one")["n"].tolist() == [7]


def test_a_probe_that_raises_at_every_call_costs_no_event():
    marker = kit.marker("recorder.beside", n=int)

    def broken(n: int) -> None:
        raise RuntimeError("always")

    with marker.connect(broken) as connection, kit.record(marker) as events:
        assert isinstance(connection, Connection)
        for n in range(300):
            marker(n)
    assert len(events) == 300
    assert connection.errors == 100
    assert connection.first_error == "RuntimeError: always"
