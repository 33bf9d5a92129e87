"""Which events reach a probe, and that those which do not are counted."""

import itertools
import threading

import pytest

import kit
from kit.probes import _clock as clock
from kit.probes.filters import _filter
from kit.probes.filters._budget import Budget
from kit.testing import isolated

names = itertools.count()


@pytest.fixture(autouse=True)
def _registry_as_it_was():
    with isolated():
        yield


@pytest.fixture(autouse=True, params=[False, True], ids=["locked", "unlocked"])
def _with_and_without_a_global_lock(request, monkeypatch):
    """The same with the locks that stages have where threads run Python at the same time."""
    monkeypatch.setattr(_filter, "unlocked", request.param)


@pytest.fixture
def tick():
    return kit.marker(f"filter.tick{next(names)}", n=int, who=str)


class Hands:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.time = 10**12

    def __call__(self) -> int:
        return self.time

    def turn(self, ns: int) -> None:
        self.time += ns


@pytest.fixture
def hands(monkeypatch):
    hands = Hands()
    monkeypatch.setattr(clock, "now", hands)
    return hands


def fire_on_threads(marker: kit.Marker, each: int, threads: int = 8) -> None:
    ready = threading.Barrier(threads)

    def run(number: int) -> None:
        ready.wait()
        for n in range(each):
            marker(n, f"thread {number}")

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def test_a_connection_of_which_nothing_is_asked_is_called_directly(tick: kit.Marker) -> None:
    def probe(n, who):
        pass

    connection = tick.connect(probe)
    assert connection._filter is None
    assert tick._array.calls == [probe]
    assert (connection.filtered, connection.filtered_by, connection.when) == (0, {}, None)


def test_a_condition_keeps_events_back_and_counts_them(tick: kit.Marker) -> None:
    seen = []
    connection = tick.connect(lambda n, who: seen.append(n), when="n >= 2 and who == 'a'")
    for n in range(4):
        tick(n, "a")
        tick(n, "b")
    tick("text", "a")
    assert seen == [2, 3]
    assert connection.filtered_by == {"condition": 6, "failed": 1}
    assert (connection.calls, connection.filtered) == (2, 7)
    assert connection.when == "n >= 2 and who == 'a'"
    assert "'>=' not supported" in connection.first_failure
    assert "7 filtered" in repr(connection)
    assert connection.errors == 0


@pytest.mark.parametrize("timed", [False, True])
def test_private_data_and_keywords_go_through_a_gate(tick: kit.Marker, timed: bool) -> None:
    seen = []
    tick.connect(lambda mine, n, who: seen.append((mine, n, who)), "private", when="n == 1")
    if timed:
        kit.record(tick.name).stop()
        recorder = kit.record(tick.name)
    tick(who="x", n=1)
    tick(who="x", n=2)
    assert seen == [("private", 1, "x")]
    if timed:
        assert len(recorder) == 2
        recorder.stop()


def test_what_a_probe_raises_behind_a_gate_is_its_own(tick: kit.Marker) -> None:
    after = []

    def failing(n, who):
        raise KeyError(n)

    connection = tick.connect(failing, when="n > 0", error_limit=2)
    tick.connect(lambda n, who: after.append(n))
    for n in range(4):
        tick(n, "")
    assert after == [0, 1, 2, 3]
    assert (connection.errors, connection.first_error) == (2, "KeyError: 1")
    assert connection.state.startswith("off after 2 errors")


def test_every(tick: kit.Marker) -> None:
    seen = []
    connection = tick.connect(lambda n, who: seen.append(n), every=3, when="n != 1")
    for n in range(9):
        tick(n, "")
    assert seen == [0, 4, 7]  # of 0 2 3, 4 5 6, 7 8
    assert connection.filtered_by == {"condition": 1, "every": 5}


def test_limit_switches_off_at_once(tick: kit.Marker) -> None:
    seen = []

    def probe(n, who):
        seen.append(n)
        if n == 2:
            tick(3, "nested")  # the array is the old one, the closure is not in it any more

    connection = tick.connect(probe, limit=3)
    for n in (0, 1, 2, 4, 5):
        tick(n, "")
    assert seen == [0, 1, 2]
    assert (connection.calls, tick.fanout, connection.connected) == (3, 0, False)
    assert connection.state == "off after 3 events, its limit"
    connection.disconnect()


def test_limit_is_exact_on_threads(tick: kit.Marker) -> None:
    seen = []
    connection = tick.connect(lambda n, who: seen.append(n), limit=1000, every=2)
    fire_on_threads(tick, 1000)
    assert len(seen) == connection.calls == 1000


def test_per_second_is_exact_for_every_second(tick: kit.Marker, hands: Hands) -> None:
    seen = []
    connection = tick.connect(lambda n, who: seen.append(hands.time), per_second=3)
    for n in range(40):
        tick(n, "")
        hands.turn(130_000_000)
    for first, fourth in zip(seen, seen[3:], strict=False):
        assert fourth - first >= 1_000_000_000
    assert len(seen) == 15  # in 5.2 s, three at once and then as soon as one has gone
    assert connection.filtered_by == {"per_second": 25}


def test_every_event_is_accounted_for_on_threads(tick: kit.Marker) -> None:
    with kit.record(tick.name, when="n % 3 == 0", every=2, capacity=700) as recorder:
        fire_on_threads(tick, 1000)
        (handle,) = recorder.handles
        assert len(recorder) == 700
        assert len(recorder) + recorder.lost + handle.filtered == tick.fired == 8000
        passed = 8 * len(range(0, 1000, 3))
        assert handle.filtered_by == {"condition": 8000 - passed, "every": passed // 2}


def test_a_frame_says_what_was_kept_back(tick: kit.Marker) -> None:
    with kit.record(tick.name, when="n > 2", per_second=2) as recorder:
        for n in range(8):
            tick(n, "")
    assert recorder.filtered == {tick.name: {"condition": 3, "per_second": 3}}
    assert recorder.frame().attrs["filtered"] == recorder.filtered


def test_a_pattern_reaches_later_markers_and_those_without_the_field() -> None:
    seen = []
    kit.marker("filter.one", n=int)
    handle = kit.connect("filter.*", lambda *values: seen.append(values), when="n > 1")
    kit.marker("filter.two", n=float)(2.0)
    kit.marker("filter.three", other=int)(5)
    kit.marker("filter.one")(1)
    kit.marker("filter.one")(2)
    assert seen == [(2.0,), (2,)]
    assert (handle.filtered, handle.filtered_by) == (2, {"condition": 2})
    with pytest.raises(kit.errors.ConditionError, match="'m' is not a field of any of the markers"):
        kit.connect("filter.*", print, when="m > 1")


def test_a_condition_follows_a_marker_that_is_declared_anew() -> None:
    seen = []
    connection = kit.connect("filter.later", lambda *v: seen.append(v), when="n > 1")
    later = kit.marker("filter.later", a=str, n=int)
    later("x", 2)
    later("x", 0)
    assert (seen, connection.filtered) == ([("x", 2)], 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"every": 0}, "every"),
        ({"limit": -1}, "limit"),
        ({"per_second": 1.5}, "per_second"),
        ({"every": True}, "every"),
        ({"budget": 0}, "share"),
        ({"budget": 1.5}, "share"),
        ({"budget": "1 %"}, "share"),
        ({"when": "n >"}, "missing here"),
    ],
)
def test_what_says_nothing_is_refused(tick: kit.Marker, options: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        tick.connect(print, **options)
    with pytest.raises(ValueError, match=says):
        kit.record(tick.name, **options)
    assert tick.fanout == 0


def test_an_unknown_option_is_refused(tick: kit.Marker) -> None:
    with pytest.raises(TypeError, match="wen"):
        kit.connect(tick.name, print, wen="n > 1")


def test_the_context_in_a_condition(tick: kit.Marker) -> None:
    seen = []
    kit.context("shard", lambda: 3, type=int)
    tick.connect(lambda n, who: seen.append(n), when="thread == who and shard == 3 and memory > 1")
    thread = threading.Thread(target=tick, args=(1, "worker"), name="worker")
    thread.start()
    thread.join()
    tick(2, "worker")
    assert seen == [1]


# Budgets, on a clock that the test turns.


def test_a_budget_holds_exactly(tick: kit.Marker, hands: Hands) -> None:
    budget = kit.budget(0.1)
    slow = tick.connect(lambda n, who: hands.turn(1_000_000), budget=budget)
    begin = hands.time
    for n in range(20_000):
        hands.turn(1_000)  # the program's own work; the probe is a thousand times too slow
        tick(n, "")
    elapsed = hands.time - begin
    assert budget.spent == slow.calls * 1_000_000
    # One call may be under way ahead of what is paid for it; never two.
    assert 0.1 * elapsed - 1_000_000 <= budget.spent <= 0.1 * elapsed + 1_000_000
    assert slow.filtered_by == {"budget": 20_000 - slow.calls}
    assert budget.throttled == 20_000 - slow.calls
    assert "calls not made" in repr(budget)


def test_the_dearest_is_throttled_and_the_cheap_one_is_not(tick: kit.Marker, hands: Hands) -> None:
    budget = Budget(0.1)
    dear = tick.connect(lambda n, who: hands.turn(1_000_000), budget=budget)
    cheap = tick.connect(lambda n, who: hands.turn(20), budget=budget)
    begin = hands.time
    for n in range(100_000):
        hands.turn(1_000)
        tick(n, "")
    elapsed = hands.time - begin
    assert cheap.filtered == 0
    assert dear.calls > 1
    assert abs(budget.spent - 0.1 * elapsed) <= 1_000_000
    assert [row["probe"].split(" on ")[1] for row in budget.report()] == [tick.name] * 2
    assert budget.report()[1]["throttled"] == 0


def test_who_was_dear_once_does_not_pay_for_ever(tick: kit.Marker, hands: Hands) -> None:
    budget = Budget(0.1)
    cost = {"first": 1_000_000, "second": 10}
    first = tick.connect(lambda n, who: hands.turn(cost["first"]), budget=budget)
    second = tick.connect(lambda n, who: hands.turn(cost["second"]), budget=budget)
    for n in range(50_000):
        hands.turn(1_000)
        tick(n, "")
    cost.update(first=10, second=1_000_000)
    earlier = first.filtered
    hands.turn(10**10)
    for n in range(50_000):
        hands.turn(1_000)
        tick(n, "")
    assert second.filtered > 40_000
    assert first.filtered - earlier == 0


def test_what_was_saved_has_a_limit(tick: kit.Marker, hands: Hands) -> None:
    budget = Budget(0.01)
    probe = tick.connect(lambda n, who: hands.turn(100_000), budget=budget)
    tick(0, "")
    hands.turn(3600 * 10**9)
    before = hands.time
    for n in range(100):
        tick(n, "")
    # A hundredth of a tenth of a second, and the call that overdraws.
    assert hands.time - before == 1_100_000
    assert probe.filtered == 100 - 11


def test_every_thread_has_its_own_account(tick: kit.Marker, hands: Hands) -> None:
    budget = Budget(0.1)
    probe = tick.connect(lambda n, who: hands.turn(1_000_000), budget=budget)
    tick(0, "")
    tick(0, "")
    assert probe.filtered == 1
    thread = threading.Thread(target=tick, args=(1, ""))
    thread.start()
    thread.join()
    assert (probe.calls, probe.filtered) == (2, 1)


def test_a_number_makes_a_budget_of_its_own(tick: kit.Marker, hands: Hands) -> None:
    probe = tick.connect(lambda n, who: hands.turn(1_000_000), budget=0.5)
    for n in range(3):
        tick(n, "")
    assert probe.filtered_by == {"budget": 2}


def test_cheap_for_an_hour_is_still_cheap(tick: kit.Marker, hands: Hands) -> None:
    budget = Budget(0.1)
    cheap = tick.connect(lambda n, who: hands.turn(50), budget=budget)
    for n in range(300_000):
        hands.turn(1_000)
        tick(n, "")
    # By now it has taken more than the other one may before the account is overdrawn.
    dear = tick.connect(lambda n, who: hands.turn(1_000_000), budget=budget)
    for n in range(100_000):
        hands.turn(1_000)
        tick(n, "")
    assert cheap.filtered == 0
    assert dear.filtered > 90_000


def test_who_comes_with_an_old_array_after_the_limit_is_kept_back(tick: kit.Marker) -> None:
    seen = []
    connection = tick.connect(lambda n, who: None, limit=2)
    late = connection._filter.plain(lambda n, who: seen.append(n), tick.format)
    for n in range(4):
        late(n, "")
    assert seen == [0, 1]
    assert connection.filtered_by == {"limit": 2}


def test_a_name_that_no_marker_has_after_all(tick: kit.Marker) -> None:
    connection = kit.connect("filter.unknown", print, when="m > 1")
    kit.marker("filter.unknown", n=int)(5)
    assert connection.filtered_by == {"condition": 1}
    assert connection.first_failure == "'m' is not a field of marker 'filter.unknown'"
