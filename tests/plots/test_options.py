"""What a plot can be told: its title, its height, its percentiles, its lines."""

import pandas as pd
import pytest
from bokeh.plotting import figure

from kit import plots

FRAME = pd.DataFrame(
    {
        "ts": range(0, 100_000, 100),
        "dur": range(1_000, 2_000),
        "marker": ["a.x", "a.y"] * 500,
        "tid": [1, 1, 2, 3] * 250,
    }
)
EVENTS = (plots.latency, plots.latency_over_time, plots.rate, plots.timeline)
LOWEST = {plots.latency: 320, plots.latency_over_time: 200, plots.rate: 200}


@pytest.mark.parametrize("make", EVENTS)
def test_a_title_of_ones_own(make):
    plot = make(FRAME, title="Before <b>the</b> fix")
    assert repr(plot).startswith(f"<{type(plot).__name__}: Before <b>the</b> fix; ")
    page = plot.to_html()
    assert "<title>Before &lt;b&gt;the" in page
    plot.update(FRAME.head(10))
    assert ": Before <b>the</b> fix; " in repr(plot)


def test_a_title_that_is_no_text_is_refused():
    with pytest.raises(TypeError, match="title= is a text, not 7"):
        plots.rate(FRAME, title=7)


@pytest.mark.parametrize("make", LOWEST)
def test_a_height_of_ones_own(make):
    for height in (LOWEST[make], 350, 700):
        plot = make(FRAME, height=height)
        assert plot.height == height
        figures = list(plot.figure.select({"type": figure}))
        assert sum(each.height for each in figures) == height


def test_a_comparison_has_options_too():
    plot = plots.compare(FRAME, FRAME, height=400, title="Two runs", percentiles=[0.75])
    assert plot.height == 400
    assert repr(plot).startswith("<Compare: Two runs; ")
    assert [label for label, _ in plot.view.levels] == ["p75"]


@pytest.mark.parametrize("make", LOWEST)
def test_a_height_that_is_none_is_refused(make):
    wrong = rf"height= is a number of pixels from {LOWEST[make]} to 4,000"
    for height in (0, LOWEST[make] - 1, 4_001, "300", 300.0, True):
        with pytest.raises(ValueError, match=wrong):
            make(FRAME, height=height)


def test_percentiles_of_ones_own():
    plot = plots.latency(FRAME, percentiles=(0.95, 0.25, 0.95))
    assert [(p.label, p.value) for p in plot.view.percentiles] == [
        ("p25", 1_249),
        ("p95", 1_949),
        ("max", 1_999),
    ]
    assert [p.label for p in plots.latency(FRAME, percentiles=()).view.percentiles] == ["max"]


@pytest.mark.parametrize("wrong", [0, 1, -0.5, 99, float("nan")])
def test_percentiles_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match=r"between 0 and 1, such as 0\.99"):
        plots.latency(FRAME, percentiles=[0.5, wrong])


def test_too_many_percentiles_are_refused():
    with pytest.raises(ValueError, match="at most 20 percentiles, not 21"):
        plots.latency(FRAME, percentiles=[n / 100 for n in range(1, 22)])


def test_rates_by_another_column():
    plot = plots.rate(FRAME, by="tid")
    assert dict(zip(plot.view.names, plot.view.counts.sum(axis=1).tolist(), strict=True)) == {
        "1": 500,
        "2": 250,
        "3": 250,
    }
    assert "3 tids" in repr(plot)
    with pytest.raises(ValueError, match="a plot needs a column 'cpu'; this frame has: ts, dur"):
        plots.rate(FRAME, by="cpu")
