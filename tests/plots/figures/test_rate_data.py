"""Rates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.plots import _binning as grid
from kit.plots import _events as table
from kit.plots._groups import MOST, OTHERS
from kit.plots.figures import rate_data as rate
from kit.plots.figures.rate_data import rate_data, split
from tests.plots import samples

STAMPS = st.lists(st.integers(0, 10**6), min_size=1, max_size=200)
TIME = st.tuples(st.floats(-1e5, 9e5), st.floats(10, 1e6)).map(lambda v: (v[0], v[0] + v[1]))


@given(STAMPS, TIME)
def test_every_event_is_counted_once(stamps, time):
    names = [("a", "b", "c")[ts % 3] for ts in stamps]
    made = table.events(samples.frame(stamps, marker=names))
    view = rate_data(made, split(made), time)
    offset = np.array(stamps) - min(stamps)
    for name, counts in zip(view.names, view.counts, strict=True):
        own = offset[[n == name for n in names]]
        expected = np.histogram(own, view.edges)[0]
        # np.histogram counts the last edge in.
        expected[-1] -= (own == view.edges[-1]).sum()
        assert counts.tolist() == expected.tolist()
    assert view.in_view == view.counts.sum()


def test_the_busiest_come_first_and_the_rest_together():
    numbers = {f"m{n:02}": 2 * n + 1 for n in range(12)}
    names = [name for name, number in numbers.items() for _ in range(number)]
    made = table.events(samples.frame(range(len(names)), marker=names))
    lines = split(made)
    assert [line.name for line in lines] == ["m11", "m10", "m09", "m08", "m07", "m06", OTHERS]
    assert sum(len(line.ts) for line in lines) == len(names)
    assert lines[-1].markers == 6


def test_one_marker_more_than_lines_is_no_other():
    names = [f"m{n}" for n in range(MOST + 1)]
    made = table.events(samples.frame(range(len(names)), marker=names))
    assert OTHERS not in [line.name for line in split(made)]


def test_a_steady_rate_is_the_same_at_any_zoom_and_at_the_ends():
    made = table.events(samples.frame(range(0, 997_300_000, 100_000)))
    for time in ((-1e7, 1.01e9), (2e8, 6e8), (5e8, 5.1e8)):
        view = rate_data(made, split(made), time)
        assert np.nanmax(view.rates.sum(axis=0)) == pytest.approx(10_000, rel=0.01)
        assert np.nanmin(view.rates.sum(axis=0)) == pytest.approx(10_000, rel=0.01)


def test_a_slow_rate_has_no_peak_at_its_end():
    made = table.events(samples.frame(range(0, 61 * 10**9, 10**9)))
    view = rate_data(made, split(made), grid.time_range(60 * 10**9))
    assert view.width == 2 * 10**9
    assert view.rates[0][~np.isnan(view.rates[0])].tolist() == [1.0] * 30
    assert view.unfinished
    assert view.counts.sum() == 61


def test_columns_outside_the_recording_have_no_rate():
    made = table.events(samples.frame(range(0, 10_000, 10)))
    view = rate_data(made, split(made), (-10_000.0, 20_000.0))
    outside = (view.edges[:-1] < 0) | (view.edges[1:] > made.extent)
    assert np.isnan(view.rates[0]).tolist() == outside.tolist()
    one = table.events(samples.frame([5]))
    assert not np.isnan(rate_data(one, split(one), (0.0, 1e9)).rates).any()


def test_few_events_make_few_columns():
    few = table.events(samples.events(200))
    many = table.events(samples.events(20_000))
    columns = [len(rate_data(m, split(m), (0.0, 2e9)).edges) - 1 for m in (few, many)]
    assert columns[0] <= 102
    assert columns[0] < columns[1] <= rate.COLUMNS + 2


def test_selected_events_have_a_rate_of_their_own():
    made = table.events(samples.events(2_000))
    chosen = made.dur > np.median(made.dur)
    view = rate_data(made, split(made), (0.0, 2e9), selected=chosen)
    known = ~np.isnan(view.selected)
    assert (view.selected <= view.rates.sum(axis=0) + 1e-9)[known].all()
    drawn = view.selected[known].sum() * view.width / 1e9
    assert drawn == pytest.approx(chosen.sum(), rel=0.05)


def test_an_empty_frame_has_no_lines():
    made = table.events(samples.events(10).iloc[:0])
    view = rate_data(made, split(made), (0.0, 1e9))
    assert view.names == ()
    assert view.in_view == 0
