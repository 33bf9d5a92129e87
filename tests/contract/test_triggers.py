"""Rule 33, the mail's own example: X stops the flight recorder; X is in it, and nothing later."""

import threading

import pytest

import kit
from kit.probes import Count

THREADS = 8


def everything(marker, connect_first, priority, mode):
    """Statistics on every event, a flight recorder, and a trigger that stops it on an event X."""
    statistics = Count()
    marker.connect(statistics)
    recorder = trigger = None

    def stop(*, at: int) -> None:
        recorder.stop(at=at)

    for what in connect_first:
        if what == "recorder":
            recorder = kit.record(marker.name, mode=mode, capacity=500_000)
        else:
            trigger = kit.trigger(
                marker.name,
                stop,
                when="who == 'X'",
                once=True,
                priority=priority,
            )
    return statistics, recorder, trigger


@pytest.mark.parametrize("mode", ["discard", "overwrite"])
@pytest.mark.parametrize("priority", [-1000, 10, 1000])
@pytest.mark.parametrize("order", [("recorder", "trigger"), ("trigger", "recorder")])
def test_rule_33_x_is_in_it_and_nothing_later(unique, order, priority, mode) -> None:
    """Red where a stop from a trigger is no cut-off, and where it disconnects in place."""
    request = kit.marker(unique("request"), n=int, who=str)
    statistics, recorder, trigger = everything(request, order, priority, mode)
    for n in range(100):
        request(n, "X" if n in (60, 80) else "a")
    frame = recorder.frame(request.name)
    assert frame["n"].tolist() == list(range(61))
    assert frame["who"].iloc[-1] == "X"
    assert statistics.value == 100
    assert (trigger.fired, trigger.armed, recorder.running) == (1, False, False)
    assert len(recorder) == 61


@pytest.mark.parametrize("mode", ["discard", "overwrite"])
@pytest.mark.parametrize("order", [("recorder", "trigger"), ("trigger", "recorder")])
def test_rule_33_whatever_other_threads_do(unique, background, often, order, mode) -> None:
    """Red where what other threads write while the recorder is being stopped is read."""
    request = kit.marker(unique("request"), n=int, who=str)
    statistics, recorder, trigger = everything(request, order, 10, mode)
    ready = threading.Barrier(THREADS)

    def run(number: int) -> None:
        ready.wait()
        for n in range(3000):
            request(n, "X" if (number, n) == (3, 1500) else f"thread {number}")

    for number in range(THREADS):
        background(run, number)
    background.join()
    frame = recorder.frame(request.name)
    x = frame[frame["who"] == "X"]
    assert len(x) == 1
    assert x["ts"].item() == frame["ts"].max() == trigger.last.at
    # Of each thread everything up to some moment, without a gap.
    for who, events in frame[frame["who"] != "X"].groupby("who"):
        expected = [n for n in range(3000) if (who, n) != ("thread 3", 1500)]
        assert events["n"].tolist() == expected[: len(events)]
    assert statistics.value == THREADS * 3000


def test_rule_33_it_may_be_started_again(unique) -> None:
    """Red where a cut ends the recording for good, or is forgotten."""
    request = kit.marker(unique("request"), n=int)
    with kit.record(request.name) as recorder:
        late = request.connect(lambda n: recorder.stop(at=marks[-1]), when="n == 2", priority=99)
        marks = []
        request.connect(lambda n: marks.append(0), priority=100)
        with kit.trigger(request, lambda *, at: recorder.stop(at=at), when="n in (1, 5)"):
            for n in range(3):
                request(n)
            late.disconnect()
            recorder.start()
            for n in range(3, 8):
                request(n)
        assert recorder.frame()["n"].tolist() == [0, 1, 3, 4, 5]
        recorder.start()
        request(8)
    frame = recorder.frame()
    assert frame["n"].tolist() == [0, 1, 3, 4, 5, 8]
    assert frame["seq"].tolist() == sorted(set(frame["seq"].tolist()))
    assert recorder.drain()["n"].tolist() == [0, 1, 3, 4, 5, 8]
    assert len(recorder) == 0


def test_rule_33_a_span_that_stops_it_is_there_with_all_that_ended_before_it(unique) -> None:
    """Red where the cut is at the start of a span: what tells why it was slow would be gone."""
    commit, step = kit.span(unique("commit")), kit.marker(unique("step"), n=int)

    def fail() -> None:
        step(2)
        raise KeyError

    with kit.record([commit.name, step.name]) as recorder:
        with kit.trigger(commit, recorder.stop, when="dur > 0 ns and error is None", once=True):
            step(1)
            with pytest.raises(KeyError), commit():
                fail()
            with commit():
                step(3)
            step(4)
    frame = recorder.frame()
    assert frame["n"].dropna().tolist() == [1, 2, 3]
    assert frame["marker"].tolist().count(commit.name) == 2
