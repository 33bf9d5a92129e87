"""Brushed events are exactly those that the predicate names."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import plots
from kit.plots._selection import Brush, Selection, link, whole
from tests.plots import samples

ROWS = st.lists(
    st.tuples(
        st.integers(2**62, 2**62 + 40), st.one_of(st.none(), st.integers(0, 30)), st.integers(1, 3)
    ),
    max_size=40,
)
RANGE = st.one_of(st.none(), st.tuples(st.integers(-5, 45), st.integers(-5, 45)))


@given(
    rows=ROWS,
    time=RANGE,
    dur=RANGE,
    lanes=st.one_of(st.none(), st.sets(st.sampled_from("123"))),
    overlapping=st.booleans(),
)
def test_a_brush_chooses_what_brute_force_chooses(rows, time, dur, lanes, overlapping):
    frame = samples.frame([r[0] for r in rows], [r[1] for r in rows], tid=[r[2] for r in rows])
    # Stamps this large differ by less than a float can tell.
    bounds = None if time is None else (2**62 + time[0], 2**62 + time[1])
    brush = Brush(
        bounds, dur, None if lanes is None else ("tid", frozenset(lanes)), overlapping=overlapping
    )
    expected = [
        (bounds is None or (_end(row, overlapping) >= bounds[0] and row[0] <= bounds[1]))
        and (dur is None or (row[1] is not None and dur[0] <= row[1] <= dur[1]))
        and (lanes is None or str(row[2]) in lanes)
        for row in rows
    ]
    assert brush.mask(frame).tolist() == expected


def _end(row, overlapping):
    return row[0] + (row[1] or 0 if overlapping else 0)


@given(st.integers(-100, 100), st.floats(0, 1), st.floats(-100, 200))
def test_whole_bounds_hold_every_whole_number_between(first, share, high):
    low = first + share
    found = whole(low, high)
    for number in range(-105, 205):
        assert (found[0] <= number <= found[1]) == (low <= number <= high)


def test_what_lies_on_a_bound_is_chosen():
    selection = Selection(samples.frame([0, 10, 20, 30], [1, 2, 3, 4]))
    selection.select(time=(10, 20))
    assert selection.rows.tolist() == [1, 2]
    selection.select(dur=(2, 2))
    assert selection.rows.tolist() == [1]


def test_the_frame_of_a_selection_is_rows_of_the_events_frame():
    frame = samples.events(500).iloc[100:300]  # an index of its own
    selection = Selection(frame)
    selection.select(dur=(50_000, 10**9))
    expected = frame[(frame["dur"] >= 50_000)]
    assert selection.frame.equals(expected)
    assert len(selection) == len(expected)


def test_nothing_is_chosen_before_and_after():
    selection = Selection(samples.events(10))
    assert not selection.active
    assert len(selection) == len(selection.frame) == 0
    selection.select(time=(0, 1))
    assert selection.active
    assert bool(selection)
    selection.clear()
    assert not selection.active


def test_undo_goes_back_step_by_step():
    selection = Selection(samples.frame([0, 10, 20]))
    chosen = []
    for stamp in (0, 10, 20):
        selection.select(time=(stamp, stamp))
    selection.clear()
    for _ in range(5):
        selection.undo()
        chosen.append(selection.rows.tolist())
    assert chosen == [[2], [1], [0], [], []]


def test_choosing_the_same_again_is_no_step():
    selection = Selection(samples.frame([0, 10]))
    told = []
    selection.on_change(told.append)
    for _ in range(3):
        selection.select(time=(0, 5))
    assert told == [selection]
    selection.undo()
    assert not selection.active


def test_callbacks_are_told_until_they_are_taken_off():
    selection = Selection(samples.frame([0, 10]))
    told = []
    remove = selection.on_change(lambda s: told.append(len(s)))
    selection.select(time=(0, 10))
    remove()
    remove()
    selection.clear()
    assert told == [2]


def test_a_newer_frame_is_brushed_by_the_same_predicate():
    selection = Selection(samples.frame([0, 10]))
    told = []
    selection.on_change(lambda s: told.append(len(s)))
    selection.select(time=(5, 100))
    selection._follow(samples.frame([0, 10, 20, 30]))
    assert told == [1, 3]
    assert selection.frame["ts"].tolist() == [10, 20, 30]


def test_linked_plots_share_one_selection():
    frame = samples.events(2_000)
    made = [plots.latency(frame), plots.rate(frame), plots.timeline(frame)]
    shared = plots.link(*made)
    shared.select(dur=(10**7, 10**9))
    assert all(plot.selection is shared for plot in made)
    assert made[0].view.selected.sum() == len(shared) > 0
    assert np.nansum(made[1].view.selected) > 0
    shared.clear()
    assert made[0].view.selected.sum() == 0


def test_what_was_brushed_before_is_still_brushed_after_linking():
    frame = samples.events(500)
    one, other = plots.latency(frame), plots.rate(frame)
    other.selection.select(time=(samples.START, samples.START + 10**9))
    shared = link(one, other)
    assert len(shared) > 0
    assert one.view.selected.sum() == len(shared)


def test_a_plot_that_was_linked_elsewhere_is_left_alone():
    frame = samples.events(500)
    one, two, three = (plots.latency(frame) for _ in range(3))
    old = link(one, two)
    new = link(two, three)
    done = samples.counting(two)
    old.select(dur=(0, 10**9))
    assert done == []
    assert one.view.selected.sum() == 500
    assert two.view.selected.sum() == three.view.selected.sum() == 0
    new.select(dur=(0, 50_000))
    assert two.view.selected.sum() == len(new)
    assert one.view.selected.sum() == 500


def test_equal_rows_can_be_linked_and_other_rows_can_not():
    frame = samples.events(100)
    link(plots.latency(frame), plots.rate(frame.copy()))
    with pytest.raises(ValueError, match="Rate shows other rows than Latency"):
        link(plots.latency(frame), plots.rate(frame.iloc[1:]))


def test_plots_without_events_to_brush_can_not_be_linked():
    frame = samples.events(100)
    with pytest.raises(TypeError, match="Compare has no events to brush"):
        link(plots.latency(frame), plots.compare(frame, frame))
    with pytest.raises(TypeError, match="needs plots"):
        link()


def test_lanes_may_be_given_as_they_are_in_the_frame():
    frame = samples.events(200)
    selection = Selection(frame)
    selection.select(lanes=("tid", [140_213, 140_214]))
    assert selection.frame["tid"].isin([140_213, 140_214]).all()
    assert len(selection) == int(frame["tid"].isin([140_213, 140_214]).sum())


def test_errors_in_a_brush_name_the_column():
    selection = Selection(samples.events(20))
    with pytest.raises(ValueError, match="needs a column 'cpu'"):
        selection.select(lanes=("cpu", [0]))
    assert np.array_equal(selection.rows, [])
