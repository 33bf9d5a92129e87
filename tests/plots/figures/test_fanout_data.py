"""What hangs where, and what it costs."""

import numpy as np
import pytest

from kit.plots.figures.fanout_data import ROWS, fanout_data
from tests.plots import samples


def test_every_probe_of_every_marker_has_its_cost():
    calls = samples.probe_calls(
        [
            (100, "a", "record", 0, None),
            (300, "a", "record", 0, None),
            (200, "a", "record", 0, "ValueError"),
            (50, "b", "record", 0, None),
            (9_000, "a", "print", 1, None),
        ]
    )
    dispatches = samples.dispatches([(0, 400, "a", 1, 2, 1), (1, 60, "b", 1, 1, 1)])
    view = fanout_data(dispatches, calls)
    told = [(p.marker, p.probe, p.position, p.errors, p.cost.calls) for p in view.probes]
    assert told == [
        ("a", "record", 1, 1, 3),
        ("a", "print", 2, 0, 1),
        ("b", "record", 1, 0, 1),
    ]
    cost = view.probes[0].cost
    assert (cost.p50, cost.p99, cost.longest, cost.total) == (200, 300, 300, 600)
    assert [(n, c.calls) for n, c in view.fanouts] == [(1, 1), (2, 1)]


def test_calls_add_up():
    random = np.random.default_rng(2)
    rows = [
        (int(d), f"m{m}", f"p{p}", int(p), None)
        for d, m, p in zip(
            random.integers(1, 10**6, 5_000),
            random.integers(0, 4, 5_000),
            random.integers(0, 6, 5_000),
            strict=True,
        )
    ]
    view = fanout_data(samples.dispatches([]), samples.probe_calls(rows))
    assert sum(p.cost.calls for p in view.probes) == view.calls == 5_000
    assert sum(p.cost.total for p in view.probes) == sum(r[0] for r in rows)
    for probe in view.probes:
        own = [r[0] for r in rows if (r[1], r[2]) == (probe.marker, probe.probe)]
        assert probe.cost.longest == max(own)
        assert probe.cost.p99 == sorted(own)[int(np.ceil(0.99 * len(own))) - 1]


def test_too_many_probes_leave_the_cheapest_out():
    rows = [(1_000 - n, "m", f"p{n:03}", n, None) for n in range(ROWS + 5)]
    view = fanout_data(samples.dispatches([]), samples.probe_calls(rows))
    assert len(view.probes) == ROWS
    assert view.hidden == 5


def test_nothing_recorded_is_a_view_too():
    view = fanout_data(samples.dispatches([]), samples.probe_calls([]))
    assert view.probes == view.fanouts == ()
    assert view.dispatches == view.calls == 0


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="needs a column 'probe'"):
        fanout_data(samples.dispatches([]), samples.probe_calls([]).drop(columns="probe"))
