"""Rule 33, the mail's own example: X stops the flight recorder; X is in it, and nothing later."""

import threading

import pytest

import kit
from kit.probes import Count, actions

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


@pytest.mark.usefixtures("frames")
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


@pytest.mark.usefixtures("frames")
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


@pytest.mark.usefixtures("frames")
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


@pytest.mark.usefixtures("frames")
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


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize("mode", ["discard", "overwrite"])
def test_rule_32_recorder_aggregate_and_trigger_each_as_alone(
    unique, background, often, mode
) -> None:
    """Red where one of them takes events, time or errors from another."""
    each = 1000
    condition = "n % 97 == 0 and who != 'thread 5'"

    def program(request: kit.Marker) -> None:
        ready = threading.Barrier(THREADS)

        def run(number: int) -> None:
            ready.wait()
            for n in range(each):
                request(n, f"thread {number}", n / 7)

        for number in range(THREADS):
            background(run, number)
        background.join()

    def outcome(tools: set[str]) -> dict[str, object]:
        request = kit.marker(unique("-".join(sorted(tools))), n=int, who=str, share=float)
        found: dict[str, object] = {}
        seen: list[tuple[int, str]] = []
        options = {"mode": mode, "capacity": THREADS * each * 4}
        recorder = kit.record(request, **options) if "recorder" in tools else None
        added = kit.aggregate(request, "n", by="who") if "aggregate" in tools else None

        def note(firing) -> None:
            seen.append((firing.values["n"], firing.values["who"]))

        trigger = kit.trigger(request, note, when=condition) if "trigger" in tools else None
        program(request)
        if recorder is not None:
            recorder.stop()
            frame = recorder.frame(request.name)
            columns = (frame[name].tolist() for name in ("who", "n", "share"))
            assert (recorder.lost, recorder.overwritten, recorder.skipped) == (0, 0, 0)
            found["recorder"] = sorted(zip(*columns, strict=True))
        if added is not None:
            added.stop()
            found["aggregate"] = {
                key: (s.count, s.sum, s.min, s.max, s.avg, s.variance, s.quantile(0.5))
                for key, s in added.table().rows.items()
            }
        if trigger is not None:
            trigger.disarm()
            assert (trigger.fired, trigger.errors) == (len(seen), 0)
            found["trigger"] = sorted(seen)
        return found

    together = outcome({"recorder", "aggregate", "trigger"})
    alone = outcome({"recorder"}) | outcome({"aggregate"}) | outcome({"trigger"})
    assert together == alone
    assert len(alone["trigger"]) == (THREADS - 1) * 11
    assert {key: numbers[:2] for key, numbers in alone["aggregate"].items()} == {
        (f"thread {number}",): (each, each * (each - 1) // 2) for number in range(THREADS)
    }


@pytest.mark.usefixtures("frames")
def test_rule_33_the_mails_own_scenario(unique, background, often) -> None:
    """Statistics on every event, a flight recorder, and X, which stops it, on eight threads."""
    query = kit.span(unique("query"), who=int, n=int)
    statistics = kit.aggregate(query, "dur", by="who", histogram="log2")
    flight = kit.record(query, mode="overwrite", capacity=2000)
    watchman = kit.trigger(query, flight.stop, when="who == 3 and n == 900", once=True)
    ready = threading.Barrier(THREADS)

    def run(who: int) -> None:
        ready.wait()
        for n in range(1500):
            with query(who, n):
                pass

    for who in range(THREADS):
        background(run, who)
    background.join()
    statistics.stop()
    x = watchman.last
    frame = flight.frame(query.name)
    complete = frame["ts"] + frame["dur"]
    assert (x.values["who"], x.values["n"], x.values["error"]) == (3, 900, None)
    assert complete.max() == x.at
    last = frame[complete == x.at]
    assert (3, 900) in set(zip(last["who"], last["n"], strict=True))
    assert frame[frame["who"] == 3]["n"].max() == 900
    for who, events in frame.groupby("who"):  # of each thread the newest before X, without a gap
        numbers = events["n"].tolist()
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), who
    # The statistics are of every event, those after X too; buckets add up.
    assert {key: s.count for key, s in statistics.table().rows.items()} == {
        (who,): 1500 for who in range(THREADS)
    }
    for key in statistics.table().rows:
        assert sum(bucket.count for bucket in statistics.buckets(*key)) == 1500
    assert (watchman.fired, watchman.armed, flight.running) == (1, False, False)


def test_rule_33_a_swap_on_threads_is_seen_once_by_one_set(unique, background, often) -> None:
    """Red where a swap is two publications: an event is seen by both sets, or by none."""
    request = kit.marker(unique("request"), who=int, n=int)
    before: list[tuple[int, int]] = []
    after: list[tuple[int, int]] = []
    always = Count()
    request.connect(always)
    old = request.connect(lambda who, n: before.append((who, n)), name="before")
    change = actions.swap([old], [(request, lambda who, n: after.append((who, n)))], name="after")
    generation = request.generation
    trigger = kit.trigger(request, change, when="who == 2 and n == 700", once=True)
    ready = threading.Barrier(THREADS)

    def run(who: int) -> None:
        ready.wait()
        for n in range(1500):
            request(who, n)

    for who in range(THREADS):
        background(run, who)
    background.join()
    everything = [(who, n) for who in range(THREADS) for n in range(1500)]
    assert sorted(before + after) == everything
    assert not set(before) & set(after)
    assert (2, 700) in before
    assert [n for who, n in after if who == 2] == list(range(701, 1500))
    assert always.value == THREADS * 1500
    assert request.generation == generation + 3  # arming, disarming, and the swap
    assert trigger.fired == 1


@pytest.mark.usefixtures("frames")
def test_rule_33_two_triggers_and_the_earlier_one_counts(unique) -> None:
    """Red where a second stop moves the cut."""
    request = kit.marker(unique("request"), n=int)
    with kit.record(request) as recorder:
        with (
            kit.trigger(request, recorder.stop, when="n == 3"),
            kit.trigger(request, recorder.stop, when="n == 5"),
        ):
            for n in range(8):
                request(n)
    assert recorder.frame()["n"].tolist() == [0, 1, 2, 3]


def test_rule_33_two_triggers_at_the_same_moment(unique, background, often) -> None:
    """Red where two stops take the same connection, or one trigger's firing is not counted."""
    markers = [kit.marker(unique(f"request{n}"), n=int) for n in range(2)]
    both = threading.Barrier(2)

    def run(marker: kit.Marker) -> None:
        for n in range(5):
            marker(n)

    for _ in range(40):
        generations = [each.generation for each in markers]
        recorder = kit.record(markers)
        triggers = [
            kit.trigger(each, [both.wait, recorder.stop], when="n == 3") for each in markers
        ]
        for each in markers:
            background(run, each)
        background.join()
        assert [(each.fired, each.errors) for each in triggers] == [(1, 0), (1, 0)]
        # The recorder, the trigger, and the recorder no more.
        assert [each.generation for each in markers] == [before + 3 for before in generations]
        end = recorder.snapshot().stopped
        assert not recorder.running
        assert end in [each.last.at for each in triggers]
        recorder.start()  # nothing is left out any more
        for each in markers:
            each(7)
        recorder.stop()
        rows = [row for each in recorder.snapshot().threads for row in each.rows]
        assert sorted(row[2][0] for row in rows if row[0] > end) == [7, 7]
        for trigger in triggers:
            trigger.disarm()


@pytest.mark.usefixtures("frames")
def test_rule_24_a_trigger_whose_action_fails_leaves_the_program_alone(unique) -> None:
    """Red where an action's error reaches the program, or keeps the recorder from its event."""
    request = kit.marker(unique("request"), n=int)

    def fail(firing) -> None:
        raise ValueError(f"not {firing.values['n']}")

    with kit.record(request) as recorder, kit.trigger(request, fail, when="n > 2") as trigger:
        for n in range(5):
            request(n)
    assert recorder.frame()["n"].tolist() == [0, 1, 2, 3, 4]
    assert (trigger.fired, trigger.errors, trigger.last_error) == (2, 2, "ValueError: not 4")
    assert "2 failed" in repr(trigger)
