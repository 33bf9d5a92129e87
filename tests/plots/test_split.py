"""Latency plots split by a column: a curve or colour for each value, the others together."""

import numpy as np
import pandas as pd
import pytest

from kit import plots
from kit.analysis import latency
from kit.plots._groups import OTHERS


def frame(groups: int) -> pd.DataFrame:
    rows = 4_000
    random = np.random.default_rng(5)
    # The first values have the most events.
    which = np.minimum(random.geometric(0.25, rows) - 1, groups - 1)
    return pd.DataFrame(
        {
            "ts": np.arange(rows) * 1_000,
            "dur": random.integers(1, 10**6, rows),
            "marker": "split.query",
            "sym": [f"S{each:02}" for each in which],
        }
    )


@pytest.mark.parametrize("groups", [1, 3, 7, 12])
def test_every_curve_is_that_of_its_events(groups: int) -> None:
    events = frame(groups)
    view = plots.latency(events, by="sym").view
    expected = latency(events, by="sym").set_index("sym")
    # Six and the others; a seventh that is the only other one is drawn as itself.
    alone = {f"S{each:02}" for each in range(groups if groups <= 7 else 6)}
    assert {line.name for line in view.lines} == (alone if groups <= 7 else {*alone, OTHERS})
    assert len(view.lines) == min(groups, 7)
    assert sum(line.total for line in view.lines) == view.total == len(events)
    for line in view.lines:
        if line.name == OTHERS:
            assert line.label == f"{groups - 6} others"
            continue
        told = {each.label: each.value for each in line.percentiles}
        assert (line.total, told["p50"], told["max"]) == (
            *expected.loc[line.name, ["count", "p50", "max"]],
        )
        assert line.dur[-1] == told["max"]
    assert plots.latency(events).view.lines == ()


def test_each_value_has_its_own_longest_event_in_every_column() -> None:
    events = frame(3)
    plot = plots.latency_over_time(events, by="sym")
    assert not plot.view.single
    edges = plot.view.time_edges
    longest = set()
    for _, own in events.groupby("sym"):
        column = np.searchsorted(edges, own["ts"].to_numpy(), "right")
        longest |= {int(part["dur"].max()) for _, part in own.groupby(column)}
    assert set(events["dur"].to_numpy()[plot.view.maxima].tolist()) == longest
    together = plots.latency_over_time(events).view
    assert set(together.maxima) <= set(plot.view.maxima)


def test_threads_have_their_names() -> None:
    events = frame(3).assign(tid=lambda each: each["ts"] % 3)
    events.attrs["threads"] = {"0": "reader", "1": "writer", "2": "<b>"}
    view = plots.latency(events, by="tid").view
    assert {line.name for line in view.lines} == {"reader", "writer", "<b>"}
    with pytest.raises(ValueError, match="a plot needs a column 'nothing'"):
        plots.latency(events, by="nothing")
