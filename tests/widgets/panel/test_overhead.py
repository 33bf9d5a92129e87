import pytest

from kit.widgets._panel.overhead import POINTS, STEP, Rates


def test_a_steady_rate():
    rates = Rates()
    for tick in range(50):
        rates.note(tick * 0.2, {"a": tick * 20})
    assert rates.of("a") == pytest.approx(100)
    assert rates.history("a") == pytest.approx([100.0] * len(rates.history("a")))


def test_the_rate_falls_soon_after_a_stop():
    rates = Rates()
    for tick in range(20):
        rates.note(tick * 0.2, {"a": min(tick, 10) * 20})
    assert rates.of("a") == 0
    assert rates.history("a")[0] > 0


def test_the_history_is_bounded():
    rates = Rates()
    for tick in range(1000):
        rates.note(tick * STEP, {"a": tick})
    assert len(rates.history("a")) == POINTS


def test_one_look_is_no_rate():
    rates = Rates()
    rates.note(0.0, {"a": 5})
    assert rates.of("a") is None
    assert rates.history("a") == []


def test_what_is_not_counted_any_more_is_forgotten():
    rates = Rates()
    for tick in range(5):
        rates.note(float(tick), {"a": tick, "b": tick})
    rates.note(5.0, {"b": 5})
    assert rates.of("a") is None
    assert rates.of("b") == pytest.approx(1)


def test_a_count_that_begins_again_gives_no_negative_rate():
    rates = Rates()
    for tick in range(5):
        rates.note(float(tick), {"a": 1000 * tick})
    rates.note(5.0, {"a": 3})
    rates.note(6.0, {"a": 13})
    assert rates.of("a") == pytest.approx(10)
