"""Histogram, curve and percentiles."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kit.plots.figures.latency_data import (
    bar_edges,
    curve,
    latency_data,
    ordered_durations,
    percentiles,
    tags,
)

DURATIONS = st.lists(st.integers(0, 10**10), min_size=1, max_size=300)
VIEWS = st.tuples(st.floats(0.5, 1e9), st.floats(1.2, 1e6)).map(lambda v: (v[0], v[0] * v[1]))


def view_of(durations, view=(0.5, 1e12), **options):
    return latency_data(np.sort(np.array(durations, np.int64)), *view, **options)


@given(DURATIONS, VIEWS)
def test_every_event_is_counted_once(durations, view):
    made = view_of(durations, view)
    assert made.counts.sum() + made.below + made.above == made.total == len(durations)
    for left, right, count in zip(made.edges[:-1], made.edges[1:], made.counts, strict=True):
        first = left if left > 1 else -1
        assert count == sum(first <= d < right for d in durations)


@given(DURATIONS, VIEWS)
def test_the_selection_is_counted_in_the_same_bars(durations, view):
    chosen = np.sort(np.array(durations[::2], np.int64))
    made = view_of(durations, view, selected=chosen)
    assert (made.selected <= made.counts).all()
    assert (made.selected == latency_data(chosen, *view).counts).all()


@given(VIEWS)
@example((1.75, 2.1875))
def test_no_bar_is_narrower_than_a_nanosecond(view):
    edges = bar_edges(*view)
    assert (np.diff(edges) >= 1).all()
    assert 1 <= len(edges) - 1 <= 400
    assert edges[0] <= max(view[0], 1) + 0.5
    assert edges[-1] >= view[1] - 0.5


@given(DURATIONS, VIEWS)
def test_the_maximum_is_always_told(durations, view):
    made = view_of(durations, view)
    assert made.percentiles[-1].label == "max"
    assert made.percentiles[-1].value == max(durations)


@given(DURATIONS)
def test_the_curve_ends_at_the_maximum(durations):
    dur, nines = curve(np.sort(np.array(durations)), 0.5, 1e12)
    assert dur[-1] == max(1, *durations)
    assert nines[-1] == pytest.approx(-math.log10(durations.count(max(durations)) / len(durations)))


@pytest.mark.parametrize("points", [10, 100])
@pytest.mark.parametrize("view", [(1.0, 1e12), (2e4, 3e5), (3e7, 1e8), (6e7, 7e7)])
def test_every_point_of_the_curve_is_true(points, view):
    random = np.random.default_rng(4)
    durations = np.sort(np.exp(random.normal(11, 1.2, 20_000)).astype(np.int64))
    dur, nines = curve(durations, *view, points)
    assert len(dur) <= points + 402
    for x, y in zip(dur[::17], nines[::17], strict=True):
        assert y == pytest.approx(-math.log10((durations >= x).mean()))
    # The last in view is on the curve, however many there are.
    inside = durations[(durations >= view[0]) & (durations <= view[1])]
    if len(inside):
        assert inside[-1] in dur


@given(DURATIONS)
def test_percentiles_are_observed_and_hold_their_share(durations):
    ordered = sorted(durations)
    for found in percentiles(np.array(ordered)):
        assert found.value in durations
        below = sum(d <= found.value for d in durations) / len(durations)
        assert below >= found.share - 1e-12
        if found.label != "max":
            less = sum(d < found.value for d in durations) / len(durations)
            assert less < found.share


def test_percentiles_without_events_beyond_them_are_not_made_up():
    told = {n: [p.label for p in percentiles(np.arange(n))] for n in (1, 9, 10, 11, 101, 10_001)}
    assert told == {
        1: ["max"],
        9: ["p50", "max"],
        10: ["p50", "p90", "max"],
        11: ["p50", "p90", "max"],
        101: ["p50", "p90", "p99", "max"],
        10_001: ["p50", "p90", "p99", "p99.9", "p99.99", "max"],
    } | {9: ["p50", "max"]}


def test_nothing_recorded_is_a_view_too():
    made = view_of([], (1e3, 1e9))
    assert made.percentiles == ()
    assert made.counts.sum() == made.total == 0
    assert len(made.curve_dur) == 0


def test_zero_is_drawn_with_a_nanosecond():
    made = view_of([0, 0, 1], (0.5, 10))
    assert made.counts[0] == 3
    assert made.below == 0
    assert made.curve_dur[0] == 1


def test_durations_are_sorted_or_chosen_and_sorted():
    dur = np.array([3, 1, 2])
    assert ordered_durations(dur).tolist() == [1, 2, 3]
    assert ordered_durations(dur, np.array([True, True, False])).tolist() == [1, 3]


POINTS = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.text("p9.", min_size=1, max_size=12)),
    min_size=1,
    max_size=6,
).map(sorted)


@given(POINTS)
def test_labels_tell_every_percentile_once(points):
    ordered = [
        (x, y, text) for (x, _, text), y in zip(points, sorted(p[1] for p in points), strict=True)
    ]
    told = [text for tag in tags(ordered, 500, 126) if tag.text for text in tag.text.split(" · ")]
    assert told == [text for _, _, text in ordered]


def test_labels_that_would_cover_each_other_share_a_line():
    near = [(0.1, 0.2, "p50 1 µs"), (0.9, 0.80, "p99.9 9 ms"), (0.91, 0.85, "max 9.5 ms")]
    assert [tag.text for tag in tags(near, 500, 126)] == ["p50 1 µs", "", "p99.9 9 ms · max 9.5 ms"]
    assert [tag.before for tag in tags(near, 500, 126)] == [False, True, True]
    low = [(0.1, 0.2, "p50 1 µs"), (0.1, 0.25, "p90 1 µs")]
    assert [tag.text for tag in tags(low, 500, 126)] == ["p50 1 µs · p90 1 µs", ""]
    apart = [(0.1, 0.80, "p99.9 9 ms"), (0.5, 0.85, "max 95 ms")]
    assert [tag.text for tag in tags(apart, 500, 126)] == ["p99.9 9 ms", "max 95 ms"]
