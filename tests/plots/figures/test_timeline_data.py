"""Lanes of spans."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.plots import _events as table
from kit.plots.figures import timeline_data as timeline
from kit.plots.figures.timeline_data import lanes_of, stack, timeline_data
from tests.plots import samples

ROWS = st.lists(
    st.tuples(st.integers(0, 10**5), st.integers(0, 10**4), st.integers(1, 3)),
    min_size=1,
    max_size=80,
)
TIME = st.tuples(st.floats(-1e4, 9e4), st.floats(400, 1e5)).map(lambda v: (v[0], v[0] + v[1]))


def crowded(made, time, **options):
    """A view drawn as occupancy, however few events there are."""
    with mock.patch.object(timeline, "BARS", -1):
        return timeline_data(made, lanes_of(made), time, **options)


def read(rows):
    made = samples.frame([r[0] for r in rows], [r[1] for r in rows], tid=[r[2] for r in rows])
    return table.events(made, lanes="tid")


@settings(max_examples=40)
@given(rows=ROWS, time=TIME)
def test_single_spans_are_exactly_those_that_reach_into_view(rows, time):
    made = read(rows)
    view = timeline_data(made, lanes_of(made), time)
    start, end = made.ts - made.origin, made.ts + made.dur - made.origin
    wanted = (start <= np.ceil(time[1])) & (end >= np.floor(time[0]))
    assert view.single
    assert sorted(view.events.tolist()) == np.flatnonzero(wanted).tolist()
    lanes = [view.lanes[lane] for lane in view.event_lane]
    assert lanes == [made.lanes[code] for code in made.lane[view.events]]


@settings(max_examples=40)
@given(rows=ROWS, time=TIME)
def test_a_lane_is_as_busy_as_its_spans_cover(rows, time):
    made = read(rows)
    view = crowded(made, time)
    assert not view.single
    width = int(view.edges[1] - view.edges[0])
    for row, name in enumerate(view.lanes):
        own = made.lane == made.lanes.index(name)
        starts, ends = made.ts[own] - made.origin, (made.ts + made.dur)[own] - made.origin
        for column in {0, len(view.edges) // 2, len(view.edges) - 2}:
            low, high = int(view.edges[column]), int(view.edges[column + 1])
            covered = set()
            for a, b in zip(starts, ends, strict=True):
                covered.update(range(max(a, low), min(b, high)))
            begun = (starts >= low) & (starts < high)
            assert view.counts[row, column] == begun.sum()
            if covered or begun.any():
                assert view.busy[row, column] == pytest.approx(len(covered) / width, abs=1e-6)
            else:
                assert np.isnan(view.busy[row, column])
            reaching = ends[begun] - starts[begun]
            assert view.longest[row, column] >= reaching.max(initial=0)
            if covered:
                assert view.longest[row, column] > 0


@settings(max_examples=40)
@given(ROWS)
def test_spans_that_overlap_never_share_a_place(rows):
    ordered = sorted(rows)
    start = np.array([r[0] for r in ordered])
    end = start + np.array([r[1] for r in ordered])
    place = stack(start, end)
    for i in range(len(rows)):
        for j in range(i):
            if place[i] == place[j]:
                assert end[j] <= start[i] or end[i] <= start[j] or start[i] == end[i]


def test_inner_spans_lie_below_outer_ones():
    assert stack(np.array([0, 0, 2, 50]), np.array([10, 100, 4, 60])).tolist() == [1, 0, 2, 1]


def test_the_busiest_lanes_come_first_and_equals_by_name():
    made = samples.frame([0, 1, 2, 3, 9], [5, 1, 1, 1, 1], tid=[200, 10, 9, 100, 9])
    names = [lane.name for lane in lanes_of(table.events(made, lanes="tid"))]
    assert names == ["200", "9", "10", "100"]


def test_every_lane_can_be_scrolled_to():
    tids = [tid for tid in range(40) for _ in range(tid + 1)]
    made = table.events(samples.frame(range(len(tids)), [1] * len(tids), tid=tids), lanes="tid")
    lanes = lanes_of(made)
    view = timeline_data(made, lanes, (0.0, 1e4))
    assert view.lanes == tuple(str(tid) for tid in range(39, 7, -1))
    assert (view.hidden, view.room) == (8, 40 * 26)
    assert view.hidden_events == sum(range(1, 9))
    assert len(view.events) + view.hidden_events == len(made)
    seen = set()
    for down in range(0, view.room, 100):
        further = timeline_data(made, lanes, (0.0, 1e4), rows=(down, down + 100))
        seen |= set(further.lanes)
        assert (further.top < down + 100).all()
        assert (further.top + further.height > down).all()
    assert len(seen) == 40


@settings(max_examples=40)
@given(ROWS)
def test_a_lane_has_as_many_rows_as_its_spans_need(rows):
    made = read(rows)
    for lane in lanes_of(made):
        assert stack(lane.ts, lane.end).max() < lane.depth <= len(lane.ts)


def test_the_slowest_in_view_come_first():
    made = table.events(samples.frame([0, 10, 20, 900], [50, 5, 70, 500], tid=1), lanes="tid")
    assert timeline.slowest(made, (0.0, 100.0)).tolist() == [2, 0, 1]
    made = table.events(samples.frame([0, 10], [None, 5]), lanes="tid")
    assert timeline.slowest(made, (0.0, 100.0)).tolist() == [1]


def test_a_span_that_fills_the_view_is_seen_everywhere():
    made = read([(0, 1_000_000, 1), (10, 5, 1)])
    view = crowded(made, (200_000.0, 300_000.0))
    assert (view.busy == 1).all()
    assert (view.longest == 1_000_000).all()


def test_failed_and_selected_events_are_counted_per_column():
    frame = samples.events(3_000)
    made = table.events(frame, lanes="tid")
    chosen = np.arange(len(made)) % 7 == 0
    view = crowded(made, (-1.0, 2.1e9), selected=chosen)
    assert view.failed.sum() == made.failed.sum() > 0
    assert view.selected.sum() == chosen.sum()
    assert (view.selected <= view.counts).all()


def test_many_spans_are_not_drawn_one_by_one():
    made = table.events(samples.events(20_000), lanes="tid")
    lanes = lanes_of(made)
    assert not timeline_data(made, lanes, (0.0, 2e9)).single
    near = timeline_data(made, lanes, (1e9, 1.1e9))
    assert near.single
    assert 0 < len(near.events) <= timeline.BARS


def test_events_without_a_duration_are_there_too():
    made = table.events(samples.frame([0, 50], [None, 10]), lanes="tid")
    view = timeline_data(made, lanes_of(made), (0.0, 100.0))
    assert len(view.events) == 2


def test_an_empty_frame_has_no_lanes():
    made = table.events(samples.events(5).iloc[:0], lanes="tid")
    view = timeline_data(made, lanes_of(made), (0.0, 1.0))
    assert view.lanes == ()
    assert len(view.events) == 0
