"""Two captures."""

import numpy as np
import pytest

from kit.plots.figures.compare_data import compare_data


def sample(seed, number=5_000, scale=1.0):
    random = np.random.default_rng(seed)
    return np.sort((np.exp(random.normal(11, 1, number)) * scale).astype(np.int64))


def test_the_same_durations_are_equal_at_every_share():
    a = sample(1)
    view = compare_data(a, a, 1, 1e12)
    assert (view.ratio == 1).all()
    assert (view.ratio_low <= 1).all()
    assert (view.ratio_high >= 1).all()


def test_a_factor_is_found_at_every_share():
    view = compare_data(sample(1), sample(1) * 3, 1, 1e12)
    assert view.ratio == pytest.approx(3)
    assert (view.ratio_low <= 3).all()
    assert (view.ratio_high >= 3).all()


def test_only_shares_that_both_can_tell_are_compared():
    view = compare_data(sample(1, 150), sample(2, 50_000), 1, 1e12)
    assert [label for label, _ in view.levels] == ["p50", "p90", "p99"]
    assert view.nines.max() <= np.log10(150)
    for label, index in view.levels:
        share = float(label[1:]) / 100
        assert 1 - 10.0 ** -view.nines[index] == pytest.approx(share)


@pytest.mark.parametrize("sizes", [(400, 400), (200, 5_000)])
def test_the_range_holds_the_true_ratio_about_as_often_as_it_says(sizes):
    held, told = {"p50": 0, "p90": 0}, 0
    for seed in range(300):
        view = compare_data(sample(seed, sizes[0]), sample(seed + 10_000, sizes[1], 1.5), 1, 1e12)
        told += 1
        for label, index in view.levels[:2]:
            held[label] += bool(view.ratio_low[index] <= 1.5 <= view.ratio_high[index])
    for label, number in held.items():
        assert 0.90 <= number / told <= 0.99, label


def test_one_event_or_none_can_not_be_compared():
    for a in (np.array([], np.int64), np.array([5])):
        view = compare_data(a, sample(1), 1, 1e12)
        assert view.levels == ()
        assert len(view.ratio) == 0


def test_durations_of_zero_have_a_ratio():
    view = compare_data(np.zeros(100, np.int64), np.full(100, 10), 1, 1e3)
    assert view.ratio == pytest.approx(10)
