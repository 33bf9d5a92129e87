"""Where bins begin and end."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kit.plots import _binning as grid

BOUNDS = st.tuples(st.floats(-1e12, 1e12), st.floats(1, 1e12))


@given(BOUNDS, st.integers(1, 400))
def test_columns_cover_the_view_and_lie_on_a_grid(bounds, columns):
    start, end = bounds[0], bounds[0] + bounds[1]
    edges = grid.time_edges(start, end, columns)
    width = edges[1] - edges[0]
    assert edges[0] <= start + 1e-6
    assert edges[-1] >= end - 1e-6
    assert len(edges) - 1 <= columns + 2
    assert (np.diff(edges) == width).all()
    assert edges[0] % width == 0
    assert str(width).rstrip("0") in {"1", "2", "5"}


@given(BOUNDS, st.floats(0, 1))
def test_columns_stay_where_they_are_while_a_reader_pans(bounds, share):
    start, end = bounds[0], bounds[0] + bounds[1]
    before = grid.time_edges(start, end, 300)
    step = (end - start) * share
    after = grid.time_edges(start + step, end + step, 300)
    if before[1] - before[0] == after[1] - after[0]:
        shared = after[after <= before[-1]]
        assert np.isin(shared, before).all()


@given(st.integers(1, 10**6), st.integers(1, 100))
def test_a_width_can_be_a_multiple(value, multiple):
    unit = grid.nice(multiple)
    made = grid.nice(value, unit)
    assert made >= value
    assert made % unit == 0


@given(st.lists(st.integers(-5, 10**15), min_size=2), st.sampled_from([1, 2, 5, 10, 40, 320]))
def test_longer_durations_are_never_in_lower_rows(durations, steps):
    ordered = np.sort(np.array(durations, np.int64))
    rows = grid.log_rows(ordered, steps)
    assert (np.diff(rows) >= 0).all()
    assert rows.min() >= 0


def test_powers_of_ten_begin_their_rows():
    powers = 10 ** np.arange(16, dtype=np.int64)
    for steps in (1, 2, 5, 10, 20, 40):
        assert grid.log_rows(powers, steps).tolist() == [n * steps for n in range(16)]
        # A second less a nanosecond may round up: a billionth is below any pixel.
        assert (grid.log_rows(powers[1:9] - 1, steps) < np.arange(1, 9) * steps).all()


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_the_range_of_durations_holds_all_of_them(one, other):
    shortest, longest = sorted((one, other))
    low, high = grid.duration_range(shortest, longest)
    assert 0 < low <= max(shortest, 1)
    assert high >= longest
    assert high > low


@given(st.floats(1e-3, 1e12))
def test_an_axis_ends_above_its_values_but_not_far(value):
    assert value * 0.99999 <= grid.ceiling(value) <= value * 1.7
