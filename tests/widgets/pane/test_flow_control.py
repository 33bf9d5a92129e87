import math

import pytest

from kit.widgets._pane.flow_control import ABSENT, ABSENT_PATIENCE, PATIENCE, Flow


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def flow_of(clock, **options):
    options = {"interval": 0.05, "window": 2, "busy": lambda: False, **options}
    return Flow(clock=clock, **options)


def test_the_first_update_leaves_at_once(clock):
    assert flow_of(clock).delay() == 0


def test_updates_keep_their_interval(clock):
    flow = flow_of(clock)
    flow.joined("a", 0)
    flow.sent()
    assert flow.delay() == pytest.approx(0.05)
    clock.now += 0.03
    assert flow.delay() == pytest.approx(0.02)
    clock.now += 0.03
    assert flow.delay() == 0


def test_no_more_are_on_their_way_than_the_window_holds(clock):
    flow = flow_of(clock)
    flow.joined("a", 0)
    for _ in range(2):
        clock.now += 1
        flow.sent()
    clock.now += 0.1
    assert flow.delay() == pytest.approx(PATIENCE - 0.1)
    flow.painted("a", 1)
    assert flow.delay() == 0


def test_without_answers_at_least_four_a_second_go_out(clock):
    flow = flow_of(clock)
    times = []
    while clock.now < 5:
        if flow.delay() == 0:
            flow.sent()
            times.append(clock.now)
        clock.now += 0.01
    assert len(times) >= 4 * 5


def test_a_closed_page_gets_few_updates(clock):
    flow = flow_of(clock)
    flow.joined("a", 0)
    for _ in range(2):
        flow.sent()
    clock.now += ABSENT + 1
    flow.sent()
    assert flow.delay() == ABSENT_PATIENCE


def test_a_busy_kernel_is_no_closed_page(clock):
    flow = flow_of(clock, busy=lambda: True)
    flow.joined("a", 0)
    for _ in range(2):
        flow.sent()
    clock.now += ABSENT + 1
    flow.sent()
    assert flow.delay() == PATIENCE


def test_a_page_that_answers_again_is_fast_again(clock):
    flow = flow_of(clock)
    flow.joined("a", 0)
    for _ in range(2):
        flow.sent()
    clock.now += 60
    number = flow.sent()
    flow.painted("a", number)
    clock.now += 0.06
    assert flow.delay() == 0


def test_out_of_sight_nothing_is_sent(clock):
    flow = flow_of(clock)
    flow.joined("a", 0)
    flow.shown("a", False)
    assert not flow.visible
    assert flow.delay() == math.inf
    flow.shown("a", True)
    assert flow.delay() == 0


def test_one_visible_view_is_enough(clock):
    flow = flow_of(clock)
    flow.joined("a", 0)
    flow.joined("b", 0, visible=False)
    assert flow.delay() == 0
    flow.left("a")
    assert flow.delay() == math.inf


def test_a_hidden_page_that_was_left_does_not_silence_the_next_one(clock):
    flow = flow_of(clock)
    flow.joined("a", 0, visible=False)
    flow.restarted()
    assert flow.visible
    assert flow.delay() == 0


def test_the_fastest_view_sets_the_pace(clock):
    flow = flow_of(clock)
    flow.joined("slow", 0)
    flow.joined("fast", 0)
    for _ in range(2):
        flow.sent()
    clock.now += 0.1
    flow.painted("fast", 2)
    assert flow.delay() == 0


def test_an_answer_that_comes_late_takes_nothing_back(clock):
    flow = flow_of(clock)
    flow.joined("a", 0)
    for _ in range(3):
        flow.sent()
    flow.painted("a", 3)
    flow.painted("a", 1)
    clock.now += 0.06
    assert flow.delay() == 0
