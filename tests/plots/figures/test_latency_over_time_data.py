"""Latency over time: counts add up, and no maximum is ever lost."""

from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.plots import _events as table
from kit.plots.figures import latency_over_time_data as heat
from kit.plots.figures.latency_over_time_data import Pyramid, heat_data
from tests.plots import samples

ROWS = st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**9)), min_size=1, max_size=200)
TIME = st.tuples(st.floats(-1e6, 9e6), st.floats(10, 1e7)).map(lambda v: (v[0], v[0] + v[1]))
DUR = st.tuples(st.floats(0.5, 1e8), st.floats(1.1, 1e8)).map(lambda v: (v[0], v[0] * v[1]))


def spans(rows):
    return table.events(samples.frame([r[0] for r in rows], [r[1] for r in rows]), spans_only=True)


def view_of(made, time, dur, mode, **options):
    """Bin in one of the three ways, whatever the number of events."""
    pyramid = Pyramid(made) if mode == "pyramid" else None
    points = 10**9 if mode == "points" else -1
    dense = -1 if mode == "pyramid" else 10**9
    with mock.patch.multiple(heat, POINTS=points, DENSE=dense):
        return heat_data(made, time, dur, pyramid=pyramid, **options)


def columns_of(made, view):
    """Brute force: the events of each column."""
    offset = made.ts - made.origin
    edges = view.time_edges
    return [np.flatnonzero((offset >= low) & (offset < high)) for low, high in pairwise(edges)]


@settings(max_examples=40)
@given(rows=ROWS, time=TIME, dur=DUR)
@pytest.mark.parametrize("mode", ["cells", "points", "pyramid"])
def test_no_maximum_is_lost_at_any_zoom(mode, rows, time, dur):
    made = spans(rows)
    view = view_of(made, time, dur, mode)
    told = dict(zip(view.maxima_column.tolist(), view.maxima.tolist(), strict=True))
    for column, inside in enumerate(columns_of(made, view)):
        assert (column in told) == (len(inside) > 0)
        if len(inside):
            assert told[column] in inside
            assert made.dur[told[column]] == made.dur[inside].max()
    assert view.time_edges[0] <= time[0] + 1e-6
    assert view.time_edges[-1] >= time[1] - 1e-6


@settings(max_examples=40)
@given(rows=ROWS, time=TIME, dur=DUR)
@pytest.mark.parametrize("mode", ["cells", "pyramid"])
def test_cells_and_what_is_out_of_view_add_up(mode, rows, time, dur):
    made = spans(rows)
    view = view_of(made, time, dur, mode)
    in_columns = sum(len(inside) for inside in columns_of(made, view))
    assert not view.single
    assert view.counts.sum() == view.in_view
    assert view.in_view + view.shorter + view.longer == in_columns
    assert [len(inside) for inside in columns_of(made, view)] == [
        int(n) for n in _all_rows(made, time, mode).counts.sum(axis=0)
    ]


def _all_rows(made, time, mode):
    return view_of(made, time, (0.5, 1e15), mode)


@settings(max_examples=40)
@given(rows=ROWS, time=TIME, dur=DUR)
def test_single_events_are_exactly_those_in_view(rows, time, dur):
    made = spans(rows)
    view = view_of(made, time, dur, "points")
    offset, shown = made.ts - made.origin, np.maximum(made.dur, 1)
    inside = (offset >= time[0]) & (offset <= time[1])
    low, high = max(dur[0], 1), max(dur[1], 2)
    assert view.single
    assert (
        view.points.tolist() == np.flatnonzero(inside & (shown >= low) & (shown <= high)).tolist()
    )
    assert view.in_view == len(view.points)
    assert view.in_view + view.shorter + view.longer == inside.sum()
    assert view.counts.sum() == 0


@pytest.mark.parametrize("mode", ["cells", "pyramid"])
@pytest.mark.parametrize("power", range(1, 16))
def test_durations_beside_an_edge_are_counted_once(mode, power):
    made = spans([(n, 10**power + n - 4) for n in range(9)])
    for dur in ((1.0, 10.0**power), (10.0**power, 1e16)):
        view = view_of(made, (0.0, 100.0), dur, mode)
        assert view.counts.sum() == view.in_view
        assert view.in_view + view.shorter + view.longer == 9


def test_the_pyramid_counts_what_cells_count(monkeypatch):
    made = table.events(samples.events(50_000), spans_only=True)
    monkeypatch.setattr(heat, "POINTS", -1)
    pyramid = Pyramid(made)
    assert pyramid.sums[-1, -1] == len(made)
    for time in ((-2e7, 2.02e9), (3e8, 1.4e9), (1.9e9, 3e9)):
        for dur in ((1e3, 1e9), (2e4, 2e5), (1e7, 1e8)):
            monkeypatch.setattr(heat, "DENSE", -1)
            dense = heat_data(made, time, dur, pyramid=pyramid)
            direct = heat._cells(
                made.dur,
                np.searchsorted(made.ts, dense.time_edges + made.origin),
                *_rows_of(dense),
            )
            assert (dense.counts == direct).all()


def _rows_of(view):
    per_row = np.log10(view.dur_edges[1] / view.dur_edges[0])
    steps = round(1 / per_row)
    return (
        round(np.log10(view.dur_edges[0]) * steps),
        round(np.log10(view.dur_edges[-1]) * steps),
        steps,
    )


@pytest.mark.parametrize("mode", ["cells", "pyramid"])
def test_selected_events_are_counted_in_the_same_cells(mode):
    made = table.events(samples.events(5_000), spans_only=True)
    chosen = made.dur > 1_000_000
    view = view_of(made, (0.0, 2e9), (1e3, 1e9), mode, selected=chosen)
    assert view.selected.sum() == chosen.sum()
    assert (view.selected <= view.counts).all()


def test_the_picture_is_as_large_for_many_events_as_for_few(monkeypatch):
    monkeypatch.setattr(heat, "POINTS", -1)
    sizes = set()
    for number in (5_000, 50_000):
        made = table.events(samples.events(number), spans_only=True)
        view = heat_data(made, (-2e7, 2.02e9), (1e3, 1e8))
        sizes.add(view.counts.shape)
        assert len(view.maxima) <= view.counts.shape[1] <= heat.COLUMNS + 2
    assert len(sizes) == 1


def test_zooming_in_makes_columns_narrower():
    made = table.events(samples.events(50_000), spans_only=True)
    widths = []
    for share in (1, 0.1, 0.01, 0.001):
        view = heat_data(made, (1e9, 1e9 + 1e9 * share), (1e3, 1e9))
        widths.append(int(view.time_edges[1] - view.time_edges[0]))
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 4


def test_an_empty_frame_has_an_empty_view():
    made = table.events(samples.events(10).iloc[:0], spans_only=True)
    view = heat_data(made, (0.0, 1e9), (1e3, 1e9))
    assert view.single
    assert view.in_view == view.total == 0
    assert len(view.maxima) == 0
