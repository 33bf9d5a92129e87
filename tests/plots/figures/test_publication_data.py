"""Which dispatch used which generation."""

import numpy as np
import pytest

from kit.plots._axes import width
from kit.plots.figures import publication_data as publication
from kit.plots.figures.publication import TIME_ROOM, arrange
from kit.plots.figures.publication_data import NEWEST, publication_data, read
from tests.plots import samples

FULL = (-1e6, 1e9)


def story():
    """Two threads; generation 2 is published at 100, and its grace period ends at 130."""
    dispatches = samples.dispatches(
        [
            (0, 10, "m", 1, 1, 7),
            (90, 39, "m", 1, 1, 8),  # under way when 2 is published: waited for
            (110, 22, "m", 2, 2, 7),  # uses the new one, and may end when it likes
            (140, 5, "m", 3, 1, 7),
        ]
    )
    publications = samples.publications(
        [
            (-50, "m", "connect", "record", 1, 0),
            (100, "m", "connect", "count", 2, 30),
            (135, "m", "disconnect", "record", 3, None),
        ]
    )
    return dispatches, publications


def test_time_begins_with_whatever_came_first():
    data = read(*story())
    assert (data.origin, data.extent) == (-50, 195)


def test_lanes_are_threads_and_bars_their_dispatches():
    view = publication_data(read(*story()), FULL)
    assert [(lane.marker, lane.thread) for lane in view.lanes] == [("m", "7"), ("m", "8")]
    bars = zip(view.lane, view.start, view.end, view.generation, view.tone, strict=True)
    assert [tuple(int(n) for n in bar) for bar in bars] == [
        (0, 50, 60, 1, 1),
        (0, 160, 182, 2, 0),
        (0, 190, 195, 3, NEWEST),
        (1, 140, 179, 1, 1),
    ]


def test_a_dispatch_that_was_waited_for_is_not_late():
    assert not read(*story()).late.any()


@pytest.mark.parametrize(("extra", "late"), [(0, False), (1, False), (2, True)])
def test_late_is_what_ends_after_the_grace_period(extra, late):
    dispatches, publications = story()
    dispatches.loc[1, "dur"] += extra
    data = read(dispatches, publications)
    assert data.late.tolist() == [False, late, False, False]
    view = publication_data(data, FULL)
    assert view.late_total == int(late)
    assert [int(data.table.ts[i]) for i in view.late] == [90] * late


def test_a_grace_period_that_runs_or_was_not_needed_promises_nothing():
    dispatches, publications = story()
    dispatches.loc[1, "dur"] += 1000
    for grace in (0, None):
        changed = publications.assign(grace=np.array([0, grace, None], object))
        assert not read(dispatches, changed.astype({"grace": "Int64"})).late.any()


def test_a_generation_is_newest_for_its_own_marker():
    dispatches = samples.dispatches([(0, 1, "a", 4, 1, 1), (5, 1, "b", 2, 1, 1)])
    publications = samples.publications([(3, "b", "connect", "p", 3, 0)])
    view = publication_data(read(dispatches, publications), FULL)
    assert dict(zip([lane.marker for lane in view.lanes], view.tone.tolist(), strict=True)) == {
        "a": NEWEST,
        "b": 0,
    }


def test_publications_reach_over_the_lanes_of_their_marker_only():
    dispatches = samples.dispatches(
        [
            (n, 1, marker, 1, 1, tid)
            for n, (marker, tid) in enumerate([("a", 1), ("b", 1), ("b", 2), ("a", 3)])
        ]
    )
    publications = samples.publications(
        [(1, "b", "connect", "p", 2, 0), (2, "unused", "connect", "p", 1, 0)]
    )
    view = publication_data(read(dispatches, publications), FULL)
    assert [lane.marker for lane in view.lanes] == ["a", "a", "b", "b"]
    assert view.first_lane.tolist() == [2, -1]
    assert view.last_lane.tolist() == [3, -1]


def many(number=20_000):
    random = np.random.default_rng(3)
    ts = np.sort(random.integers(0, 10**9, number))
    rows = [
        (int(t), int(d), "m", int(t * 8 // 10**9) + 1, 1, int(tid))
        for t, d, tid in zip(
            ts, random.integers(1, 5_000, number), random.integers(0, 3, number), strict=True
        )
    ]
    publications = [(n * 10**9 // 8, "m", "connect", f"p{n}", n + 1, 0) for n in range(1, 8)]
    return read(samples.dispatches(rows), samples.publications(publications))


@pytest.mark.parametrize("time", [(0.0, 1e9), (2e8, 5e8), (-1e9, 3e9)])
def test_bars_joined_for_lack_of_room_stand_for_all_dispatches(time):
    data = many()
    view = publication_data(data, time)
    assert not view.single
    assert view.counts.sum() == view.in_view
    assert len(view.start) <= 3 * (publication.COLUMNS + 2 + 8)
    for lane in range(3):
        assert set(view.generation[view.lane == lane]) == set(
            data.generation[data.members[lane]][_reaching(data, lane, time)]
        )


def _reaching(data, lane, time):
    rows = data.members[lane]
    ts, end = data.table.ts[rows], (data.table.ts + data.table.dur)[rows]
    return (ts <= data.origin + time[1]) & (end >= data.origin + time[0])


def test_more_publications_than_pixels_do_not_make_more_bars():
    rows = [(n * 1_000, 10, "m", n, 1, 1) for n in range(20_000)]
    changes = [(n * 1_000 - 1, "m", "connect", "p", n, 0) for n in range(20_000)]
    view = publication_data(read(samples.dispatches(rows), samples.publications(changes)), (0, 2e7))
    assert len(view.start) <= 4 * publication.COLUMNS
    assert view.counts.sum() == 20_000
    assert len(view.lines) == publication.LINES
    assert view.lines_hidden == 20_000 - publication.LINES


def test_with_too_many_lanes_those_that_changed_most_are_shown_in_their_order():
    rows = [(n, 1, f"m{n:02}", 1, 1, 1) for n in range(40)]
    changes = [
        (n, f"m{n:02}", "connect", "p", 2 + k, 0) for n in range(40) for k in range(1 + n % 3)
    ]
    view = publication_data(read(samples.dispatches(rows), samples.publications(changes)), FULL)
    names = [lane.marker for lane in view.lanes]
    assert len(names) == publication.LANES
    assert view.hidden == 40 - publication.LANES
    assert names == sorted(names)
    assert {f"m{n:02}" for n in range(40) if n % 3 == 2} <= set(names)
    assert set(view.tone) == {1}  # all have a newer generation than the one that was used


def test_nothing_recorded_is_a_view_too():
    view = publication_data(read(samples.dispatches([]), samples.publications([])), (0.0, 1e9))
    assert view.lanes == ()
    assert view.total == 0


def test_names_beside_lines_never_cover_each_other():
    random = np.random.default_rng(5)
    for _ in range(50):
        at = np.sort(random.uniform(0, TIME_ROOM, random.integers(1, 40))).tolist()
        texts = ["x" * int(n) for n in random.integers(5, 28, len(at))]
        taken = {}
        for x, text, tier in zip(at, texts, arrange(at, texts), strict=True):
            if tier is None:
                continue
            wide = width(text)
            start = x if x + wide + 12 <= TIME_ROOM else x - wide
            for other_start, other_end in taken.get(tier, []):
                assert start >= other_end or start + wide <= other_start
            taken.setdefault(tier, []).append((start, start + wide))
            assert start >= 0
            assert start + wide <= TIME_ROOM
