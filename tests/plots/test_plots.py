"""Plots as a whole: themes, empty states, pages, and how they show themselves."""

import math
import re
from pathlib import Path

import pandas as pd
import pytest
from bokeh.models import HoverTool, Label
from bokeh.models.annotations import Title

from kit import plots
from kit.plots import _plot as base
from kit.plots import _theme as theme
from kit.probes.aggregates import Log2, Table
from kit.probes.aggregates._buckets import Sketch
from kit.probes.aggregates._cells import Stats
from tests.plots import samples
from tests.plots.samples import Reader

NASTY = '<img src=x onerror="alert(1)">'
SCRIPT = "</script><script>alert(1)</script>"
TEX = r"$$\href{javascript:alert(1)}{x}$$"


@pytest.fixture(autouse=True)
def as_before():
    yield
    theme.use("light")
    base.display_with(None)


def nasty_frames(name):
    events = samples.frame(range(0, 5_000, 50), [40 + n for n in range(100)], marker=name)
    events["task"] = name
    dispatches = samples.dispatches([(n, 5, name, 1 + n // 50, 1, 1) for n in range(100)])
    publications = samples.publications([(50, name, "connect", name, 2, 5)])
    calls = samples.probe_calls([(100 + n, name, name, 0, name) for n in range(100)])
    return events, dispatches, publications, calls


def every_plot(events, dispatches, publications, calls):
    return [
        plots.latency(events),
        plots.latency_over_time(events),
        plots.rate(events),
        plots.timeline(events),
        plots.timeline(events, lanes="marker"),
        plots.fanout(dispatches, calls),
        plots.publication(dispatches, publications),
        plots.compare(events, events, names=(str(events["marker"].iloc[0]), "b"))
        if len(events)
        else plots.compare(events, events),
        *(plots.aggregate(table) for table in aggregated(events)),
    ]


def aggregated(events):
    """Tables in which every text comes from a program, or that are empty."""
    name = str(events["marker"].iloc[0]) if len(events) else "nothing"
    sketch = Sketch(0.01, {0: 1}, {}, 0)
    stats = Stats(1, sum=1, min=1, max=1, avg=1.0, buckets={1: 1}, sketch=sketch)
    rows = {(name,): stats} if len(events) else {}
    for value, kind in ((None, None), (name, None), (name, Log2())):
        yield Table(name, value, int, {"key": str}, rows, kind, (0.5,), 0.01)


def texts(plot):
    """Everything that BokehJS might take for markup: titles, labels, names on axes."""
    found = []
    for model in plot.figure.references():
        for name in ("text", "axis_label", "title"):
            text = getattr(model, name, None)
            if isinstance(text, str):
                found.append(text)
        if hasattr(model, "args"):
            found += [t for value in model.args.values() if isinstance(value, list) for t in value]
        if hasattr(model, "label") and isinstance(model.label, dict):
            found.append(model.label["value"])
    return [text for text in found if isinstance(text, str)]


@pytest.mark.parametrize("name", [NASTY, SCRIPT, TEX, "line\nbreak", "", "ä€𝄞"])
def test_text_of_programs_is_never_tex_and_is_in_no_template(name):
    for plot in every_plot(*nasty_frames(name)):
        assert not any(mark in text for text in texts(plot) for mark in ("$$", r"\[", r"\("))
        for hover in plot.figure.select({"type": HoverTool}):
            assert "{safe}" not in hover.tooltips
            assert name == "" or name not in hover.tooltips


def test_text_of_programs_is_no_markup_in_a_page():
    for plot in every_plot(*nasty_frames(NASTY + SCRIPT)):
        page = plot.to_html()
        assert "<img" not in page
        assert SCRIPT not in page


def test_a_title_with_markup_is_escaped_in_a_page_and_in_a_notebook():
    plot = plots.latency(nasty_frames(NASTY)[0])
    title = re.search(r"<title>(.*?)</title>", plot.to_html(), re.DOTALL)[1]
    assert title == "Latency · &lt;img src=x onerror=&#34;alert(1)&#34;&gt;"
    frame = plot._repr_mimebundle_()["text/html"]
    assert frame.count("<") == 2  # the iframe's own tags
    assert NASTY not in frame


def test_a_page_needs_no_network(tmp_path):
    path = tmp_path / "plot.html"
    page = plots.timeline(samples.events(500)).to_html(path)
    assert path.read_text("utf-8") == page
    assert plots.rate(samples.events(5)).to_html(str(tmp_path / "other.html"))
    assert Path(tmp_path / "other.html").exists()
    fetched = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", page)
    assert fetched == []


def test_a_plot_can_be_written_again_and_again_and_lives_on():
    plot = plots.rate(samples.events(200))
    reader = Reader(plot)
    assert len({len(plot.to_html()) for _ in range(2)}) == 1
    assert plot.figure.document is reader.document
    reader.zoom(x=(1e8, 2e8))
    assert plot.view.time == (1e8, 2e8)


def test_every_plot_has_both_themes_and_changes_in_place():
    frames = nasty_frames("m")
    for plot in every_plot(*frames):
        models = {model.id for model in plot.figure.references()}
        titles = [t for t in plot.figure.select({"type": Title}) if t.text]
        assert any(t.text_color == theme.LIGHT.text for t in titles)
        plot.set_theme("dark")
        assert any(t.text_color == theme.DARK.text for t in titles)
        assert {model.id for model in plot.figure.references()} == models
        colors = str(plot.figure.document or plot.to_html())
        assert theme.LIGHT.surface not in {
            getattr(m, "background_fill_color", None) for m in plot.figure.references()
        }
        assert colors


def test_a_theme_is_for_new_plots():
    theme.use("dark")
    assert f"background: {theme.DARK.surface}" in plots.rate(samples.events(5)).to_html()
    assert plots.latency(samples.events(5))._painter.theme is theme.DARK


def test_an_unknown_theme_is_refused():
    with pytest.raises(ValueError, match="no theme 'blue'"):
        plots.rate(samples.events(5)).set_theme("blue")


def empty_texts(plot):
    return [
        label.text
        for label in plot.figure.select({"type": Label})
        if label.visible and label.text_font_size == "12px"
    ]


def test_an_empty_plot_says_what_to_do_next():
    events = samples.events(5).iloc[:0]
    none = (samples.dispatches([]), samples.publications([]), samples.probe_calls([]))
    made = every_plot(events, *none)
    for plot in made[:5]:
        assert empty_texts(plot) == ["nothing recorded yet: connect record to a marker"]
    for plot in made[5:7]:
        assert empty_texts(plot) == ["nothing yet: record with dispatches=True"]
    assert empty_texts(made[7]) == ["no event has a duration: record a span"]


def test_the_empty_text_goes_when_events_come_and_comes_back_when_they_go():
    for make in (plots.latency, plots.latency_over_time, plots.rate, plots.timeline):
        plot = make(samples.events(5).iloc[:0])
        plot.update(samples.events(50))
        assert empty_texts(plot) == []
        plot.update(samples.events(50).iloc[:0])
        assert len(empty_texts(plot)) == 1


def test_events_without_durations_are_not_nothing():
    frame = samples.frame([1, 2, 3], [None, None, None])
    for make in (plots.latency, plots.latency_over_time):
        assert empty_texts(make(frame)) == ["no event here has a duration: record a span"]
    assert plots.rate(frame).view.total == 3
    assert len(plots.timeline(frame).view.events) == 3


@pytest.mark.parametrize("number", [1, 2])
def test_one_event_and_equal_events_can_be_drawn(number):
    frame = samples.frame([7] * number, [41_230] * number)
    for make in (plots.latency, plots.latency_over_time, plots.rate, plots.timeline):
        assert make(frame).view.total == number
    assert plots.compare(frame, frame).view.levels == ()


def test_what_is_left_out_is_said():
    frame = samples.frame([0, 1, 2, 3], [5, 70, None, 9_000])
    plot = plots.latency(frame)
    assert plot._heading() == (
        "Latency · m",
        "3 events · 1 event without a duration left out",
    )
    plot.zoom(dur=(50.0, 100.0))
    assert "1 out of view, faster · 1 out of view, slower" in plot._heading()[1]
    heat = plots.latency_over_time(frame)
    heat.zoom(dur=(1.0, 100.0))
    assert "2 of 3 events in view · 1 above the view" in heat._heading()[1]


def test_a_plot_says_what_it_is():
    plot = plots.latency(samples.events(1_234))
    assert repr(plot) == "<Latency: Latency · 3 markers; 1,234 events>"


def test_without_a_hook_a_plot_is_a_page_in_a_frame():
    bundle = plots.rate(samples.events(5))._repr_mimebundle_()
    assert bundle["text/plain"].startswith("<Rate: Rate · ")
    assert bundle["text/html"].startswith("<iframe title=")


def test_a_hook_shows_plots_and_is_asked_once_for_each():
    asked = []

    class Widget:
        def __init__(self, plot):
            asked.append(plot)

        def _repr_mimebundle_(self, include=None, exclude=None):
            return {"text/plain": "a widget"}, {"metadata": 1}

    base.display_with(Widget)
    one, other = plots.rate(samples.events(5)), plots.rate(samples.events(5))
    for plot in (one, one, other):
        assert plot._repr_mimebundle_() == {"text/plain": "a widget"}
    assert asked == [one, other]
    base.display_with(type("Other", (Widget,), {}))
    one._repr_mimebundle_()
    assert asked == [one, other, one]


def test_stacked_plots_have_the_same_margins():
    frame = samples.events(200)
    borders = {
        (panel.min_border_left, panel.min_border_right)
        for make in (plots.latency, plots.latency_over_time, plots.rate, plots.timeline)
        for panel in Reader(make(frame)).panels
    }
    d, p = nasty_frames("m")[1:3]
    panel = plots.publication(d, p).figure
    assert borders == {(panel.min_border_left, panel.min_border_right)}


def test_time_begins_with_the_first_event_in_all_plots_of_a_frame():
    frame = samples.frame([100, 500, 1_100], [None, 50, 200])
    ranges = {
        (make(frame).figure.x_range.start, make(frame).figure.x_range.end)
        for make in (plots.latency_over_time, plots.rate, plots.timeline)
    }
    assert ranges == {(-12.0, 1_212.0)}


def test_a_marker_has_one_colour_in_all_plots():
    frame = samples.events(300)
    color = {name: theme.color_of(name) for name in samples.MARKERS}
    rate, line = plots.rate(frame), plots.timeline(frame)
    assert dict(zip(rate.view.names, rate._lines.data["color"], strict=True)) == color
    drawn = set(zip(line._bars.data["marker"], line._bars.data["color"], strict=True))
    assert drawn == set(color.items())


def test_names_of_threads_are_shown():
    frame = samples.events(50, threads=2)
    frame.attrs["threads"] = {"140213": "MainThread", "140214": "order-writer"}
    axis = plots.timeline(frame).figure.yaxis[0]
    assert axis.formatter.args["names"] == ["MainThread", "order…iter"]


def test_a_live_recorder_can_be_plotted():
    kit = pytest.importorskip("kit")
    work = kit.span("plots.live.work", n=int)
    with kit.record("plots.live.*", dispatches=True) as recorder:
        for n in range(20):
            with work(n):
                pass
    for make in (plots.latency, plots.latency_over_time, plots.rate, plots.timeline):
        assert make(recorder).view.total == 20
    assert plots.publication(recorder).view.total == 20
    assert plots.publication(recorder).view.late_total == 0
    assert plots.fanout(recorder).view.dispatches == 20


def test_a_narrow_frame_is_written_into_without_overlaps():
    duration = [*range(1_000, 2_000)] * 2 + [770_000_000] * 30 + [2_700_000_000]
    plot = plots.latency(samples.frame(range(len(duration)), duration))
    below = plot._below
    wide = [text for text in plot._marks.data["text"] if text]
    below.figure.trigger("inner_width", None, 300)
    assert below.width == 300
    marks = {name: plot._marks.data[name] for name in ("text", "align", "x")}
    low, high = plot.view.low, plot.view.high
    for text, align, x in zip(*marks.values(), strict=True):
        at = 300 * math.log(x / low) / math.log(high / low)
        left = at - 6 * len(text) if align == "right" else at
        assert not text or (left > -80 and left + 6 * len(text) < 300 + 36), text
    assert len([text for text in marks["text"] if text]) <= len(wide)
    below.figure.trigger("inner_width", 300, 900)
    assert len([text for text in plot._marks.data["text"] if text]) >= len(wide)


def test_a_note_breaks_between_its_parts_where_there_is_no_room():
    plot = plots.latency(samples.frame([0, 1, 2], [10, None, 30]))
    before = texts(plot)
    assert any("2 events · 1 event without" in text for text in before)
    plot._above.figure.trigger("inner_width", None, 200)
    assert any("2 events ·\n1 event without" in text for text in texts(plot))


@pytest.mark.parametrize("hours", [1, 300 * 24, 140 * 365 * 24])
def test_hours_days_and_years_are_durations_too(hours):
    longest = hours * 3_600 * 10**9
    frame = samples.frame([0, 1, 5], [1, longest // 2, longest])
    for plot in (plots.latency(frame), plots.latency_over_time(frame), plots.timeline(frame)):
        page = plot.to_html()  # a warning is an error here
        assert page
        assert plot.view is not None
    assert plots.latency(frame).view.counts.sum() == 3


def test_an_aggregate_without_keys_needs_no_room_for_them():
    stats = Stats(1, sum=1, min=1, max=1, avg=1.0)
    left = [
        plots.aggregate(Table("m", None, int, by, rows))._axes.figure.min_border_left
        for by, rows in (
            ({}, {(): stats}),
            ({"sym": str}, {("A",): stats}),
            ({"sym": str}, {("A" * 40,): stats}),
        )
    ]
    assert left == [36, 36, 128]


def test_a_narrow_fan_out_has_its_markers_above_their_probes():
    calls = samples.probe_calls([(n, "db.commit", "count", 0, None) for n in range(9)])
    plot = plots.fanout(samples.dispatches([(0, 5, "db.commit", 1, 1, 1)]), calls)
    figure = plot._above.figure
    y = [list(each.data["y"]) for each in (plot._markers, plot._costs)]
    assert y[0] == y[1]
    figure.trigger("inner_width", None, 440 - 224 - 142)
    assert (figure.min_border_left, figure.min_border_right) == (104, 76)
    assert plot._markers.data["y"] == [y[1][0] + 1]
    assert plot._calls.data["text"] == ["9"]
    figure.trigger("inner_width", None, 440 - 104 - 76)  # the same room: no way back
    assert figure.min_border_left == 104
    figure.trigger("inner_width", None, 900 - 104 - 76)
    assert figure.min_border_left == 224
    assert plot._calls.data["text"] == ["9 calls"]


def test_an_aggregate_tells_fewer_numbers_where_there_is_no_room():
    sketch = Sketch(0.01, dict.fromkeys(range(9), 1), {}, 0)
    stats = Stats(1_234_567, sum=1, min=1, max=9, avg=1.0, sketch=sketch)
    table = Table("m", "px", int, {}, {(): stats}, None, (0.5, 0.9, 0.99), 0.01, seconds=7.0)
    plot = plots.aggregate(table)
    seen = []
    for width in (900, 300, 200):
        plot._axes.figure.trigger("inner_width", None, width)
        [text] = plot._words.data["text"]
        assert 6 * len(text) <= width + 36
        seen.append("/s" in text)
        assert text.startswith("1,234,567")
        assert "max 9" in text
        assert "p99" in text
    assert seen == [True, False, False]


def odd_durations() -> pd.DataFrame:
    dur = [0, 0, 5, -7, 100, 0]
    return pd.DataFrame({"ts": range(0, 600, 100), "dur": dur, "marker": "a", "tid": 1})


@pytest.mark.parametrize(
    ("make", "drawn"),
    [(plots.latency, True), (plots.latency_over_time, True), (plots.timeline, False)],
)
def test_spans_that_took_nothing_or_less_are_named(make, drawn):
    """Seen to fail where they are drawn at 1 ns without a word."""
    said = "3 events took no measurable time and 1 event took less than nothing"
    note = make(odd_durations())._heading()[1]
    assert said + (", drawn at 1 ns" if drawn else "") in note
    usual = odd_durations().assign(dur=[3, 1, 5, 7, 100, 2])
    assert "took" not in make(usual)._heading()[1]


def test_the_first_bar_begins_with_what_is_in_it():
    assert plots.latency(odd_durations())._bars.data["of"][0] == "-7 ns – 2 ns"


@pytest.mark.parametrize("make", [plots.latency_over_time, plots.rate, plots.timeline])
def test_a_time_that_not_all_threads_have_kept_is_shaded(make):
    """Seen to fail where the threads of a flight recorder are drawn as if all had begun at once."""
    frame = pd.DataFrame({"ts": range(0, 6000, 1000), "dur": 7, "marker": "a", "tid": 1})
    plot = make(frame)
    assert [gap.visible for gap in plot._gaps] == [False]
    assert "kept" not in plot._heading()[1]
    frame.attrs["kept_from"] = {"1": -5, "2": 2500}
    plot.update(frame)
    [gap] = plot._gaps
    assert (gap.visible, gap.right) == (True, 2500.0)
    assert "before 2.5 µs not all threads' events are kept" in plot._heading()[1]
    plot.update(frame.tail(2))
    assert not gap.visible
