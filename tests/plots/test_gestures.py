"""Figures answer gestures: once each, with the right panel's ranges, and never another plot's."""

import threading

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.document.events import ModelChangedEvent
from bokeh.events import RangesUpdate, Reset

from kit import plots
from tests.plots import samples
from tests.plots.samples import START, Reader, counting

TIME_PLOTS = (plots.latency_over_time, plots.rate, plots.timeline)


def lab_frames(number=200):
    rows = [(n * 1_000, 500, "m", 1 + n // 100, 2, 1 + n % 3) for n in range(number)]
    changes = [(99_500, "m", "connect", "count", 2, 800)]
    calls = [(100 + n, "m", "count", 0, None) for n in range(number)]
    return (
        samples.dispatches(rows),
        samples.publications(changes),
        samples.probe_calls(calls),
    )


@pytest.mark.parametrize("make", TIME_PLOTS, ids=lambda m: m.__name__)
def test_a_zoom_is_computed_once_and_for_what_is_in_view(make):
    plot = make(samples.events(20_000))
    reader, done = Reader(plot), counting(plot)
    reader.zoom(x=(1e9, 1.1e9))
    assert len(done) == 1
    assert plot.view.time == (1e9, 1.1e9)
    assert plot.view.in_view < 2_000


def test_a_zoom_of_durations_is_computed_for_both_panels_once():
    plot = plots.latency(samples.events(20_000))
    reader, done = Reader(plot), counting(plot)
    for panel in (0, 1):
        reader.zoom(x=(1e5 + panel, 1e6), panel=panel)
        assert len(done) == panel + 1
        assert plot.view.low == 1e5 + panel
        assert plot.view.below + plot.view.above > 0


def test_the_second_subplot_computes_too():
    plot = plots.latency(samples.events(2_000))
    reader = Reader(plot)
    below = reader.panels[1]
    reader.send(RangesUpdate(below, x0=2e5, x1=3e5, y0=0, y1=1))
    assert (plot.view.low, plot.view.high) == (2e5, 3e5)


@pytest.mark.parametrize("make", TIME_PLOTS, ids=lambda m: m.__name__)
def test_what_is_said_twice_is_computed_once(make):
    plot = make(samples.events(2_000))
    reader, done = Reader(plot), counting(plot)
    for _ in range(3):
        reader.zoom(x=(1e8, 2e8))
    assert len(done) == 1


def test_ranges_that_python_sets_raise_no_event_so_zoom_computes_itself():
    plot = plots.rate(samples.events(2_000))
    reader, done = Reader(plot), counting(plot)
    plot.zoom(time=(1e8, 2e8))
    assert len(done) == 1
    assert plot.view.time == (1e8, 2e8)
    panel = reader.panels[0]
    assert (panel.x_range.start, panel.x_range.end) == (1e8, 2e8)
    # Should a transport report it nevertheless, nothing happens.
    reader.announce(panel)
    assert len(done) == 1


@pytest.mark.parametrize("make", [plots.latency, *TIME_PLOTS], ids=lambda m: m.__name__)
def test_reset_restores_everything(make):
    plot = make(samples.events(5_000))
    reader = Reader(plot)
    before = (plot.view.total, [(r.x_range.start, r.x_range.end) for r in reader.panels])
    whole = plot._where()
    reader.zoom(x=(1e6, 1.5e6))
    assert plot._where() != whole
    done = counting(plot)
    reader.reset()
    assert len(done) == 1
    assert plot._where() == whole
    # BokehJS restores what it was told to, before Python hears of it.
    for panel in reader.panels:
        assert (panel.x_range.reset_start, panel.x_range.reset_end) == whole[0]
    assert before == (
        plot.view.total,
        [(r.x_range.start, r.x_range.end) for r in reader.panels],
    )


@pytest.mark.parametrize("make", [plots.latency, *TIME_PLOTS], ids=lambda m: m.__name__)
def test_reset_from_python_restores_everything(make):
    plot = make(samples.events(500))
    whole = plot._where()
    plot.zoom(**dict.fromkeys(plot._windows, (1e6, 1.5e6)))
    assert plot._where() != whole
    plot.reset()
    assert plot._where() == whole
    assert plot.view.total == 500
    assert (plot._windows[next(iter(plot._windows))].range.start) == whole[0][0]


def test_a_reset_that_did_not_move_the_ranges_is_put_right():
    plot = plots.rate(samples.events(500))
    reader = Reader(plot)
    reader.zoom(x=(1e8, 2e8))
    reader.send(Reset(reader.panels[0]))
    assert plot.view.in_view == 500


def test_reset_shows_what_came_while_the_reader_was_zoomed_in():
    plot = plots.rate(samples.events(2_000))
    reader = Reader(plot)
    reader.zoom(x=(1e8, 2e8))
    plot.update(samples.events(8_000, seconds=8.0))
    reader.reset()
    assert plot.view.in_view == 8_000


def test_each_plot_hears_of_its_own_gestures_only():
    frame = samples.events(2_000)
    one, other = plots.rate(frame), plots.rate(frame)
    document = Document()
    document.add_root(one.figure)
    document.add_root(other.figure)
    counts = counting(one), counting(other)
    Reader(other).zoom(x=(1e8, 2e8))
    Reader(one).brush((0, 1e9), (0, 1))
    assert [len(done) for done in counts] == [1, 1]
    assert other.view.time == (1e8, 2e8)
    assert one.view.time != (1e8, 2e8)
    assert not other.selection.active


def test_every_callback_is_there_when_the_plot_is_made():
    frame = samples.events(100)
    d, p, _ = lab_frames()
    made = [make(frame) for make in (plots.latency, *TIME_PLOTS)]
    made += [plots.publication(d, p), plots.compare(frame, frame)]
    wanted = {"rangesupdate", "reset"}
    for plot in made:
        for panel in Reader(plot).panels:
            if isinstance(plot, type(made[-1])) and panel is not Reader(plot).panels[0]:
                continue  # the ratios of a comparison do not depend on the view
            assert wanted <= panel.subscribed_events, type(plot).__name__
            if plot.selection is not None:
                assert {"selectiongeometry", "doubletap"} <= panel.subscribed_events
    before = [set(panel.subscribed_events) for plot in made for panel in Reader(plot).panels]
    for plot in made[:4]:
        plot.update(frame)
        plot.zoom(**dict.fromkeys(list(plot._windows)[:1], (1e6, 2e6)))
        plot.set_theme("dark")
    after = [set(panel.subscribed_events) for plot in made for panel in Reader(plot).panels]
    assert before == after


@pytest.mark.parametrize("make", [plots.latency, *TIME_PLOTS], ids=lambda m: m.__name__)
def test_updates_follow_the_data_until_the_reader_zooms(make):
    plot = make(samples.events(500, seconds=1.0))
    reader = Reader(plot)
    first = plot._where()
    longer = samples.events(4_000, seconds=9.0)
    longer.loc[0, "dur"] = 5_000_000_000
    plot.update(longer)
    assert plot._where() != first
    assert not any(window.zoomed for window in plot._windows.values())
    reader.zoom(x=(2e6, 4e6))
    kept = plot._where()[0]
    plot.update(samples.events(9_000, seconds=20.0))
    assert plot._where()[0] == kept == (2e6, 4e6)
    assert plot.view.total == 9_000


def test_an_update_during_a_gesture_does_not_snap_back():
    plot = plots.rate(samples.events(500))
    panel = Reader(plot).panels[0]
    # BokehJS has moved the range already; its event comes when the reader lets go.
    panel.x_range.update(start=1e8, end=2e8)
    plot.update(samples.events(800))
    assert (panel.x_range.start, panel.x_range.end) == (1e8, 2e8)
    assert plot.view.time == (1e8, 2e8)


def test_what_the_reader_looks_at_stays_when_the_oldest_events_go():
    frame = samples.events(4_000)
    plot = plots.latency_over_time(frame)
    Reader(plot).zoom(x=(1.0e9, 1.2e9))
    inside = plot._table.ts[plot.view.points]
    plot.update(frame[frame["ts"] > START + 5 * 10**8].reset_index(drop=True))
    assert plot._table.ts[plot.view.points].tolist() == inside.tolist()
    plot.update(samples.events(100).assign(ts=lambda f: f["ts"] + 10**12))
    assert plot.view.in_view == 100  # nothing of it is left: show what there is


@pytest.mark.parametrize("make", [plots.latency, *TIME_PLOTS], ids=lambda m: m.__name__)
def test_updates_and_zooms_send_values_and_no_new_models(make):
    frame = samples.events(30_000)
    plot = make(frame)
    reader = Reader(plot)
    known = {model.id for model in reader.document.models}
    changes = []
    reader.document.on_change(changes.append)
    plot.update(samples.events(30_000, seed=9))
    reader.zoom(x=(1e6, 9e8))
    plot.selection.select(dur=(10**6, 10**9))
    plot.set_theme("dark")
    assert changes
    assert all(isinstance(change, ModelChangedEvent) or change.model.id for change in changes)
    assert {model.id for model in reader.document.models} <= known


@pytest.mark.parametrize("make", [plots.latency, *TIME_PLOTS], ids=lambda m: m.__name__)
def test_ten_times_the_events_are_not_more_to_send(make):
    def size(number):
        return len(str(Reader(make(samples.events(number))).document.to_json(deferred=False)))

    assert size(200_000) < 1.3 * size(20_000)


def test_brushing_durations_selects_exactly_those():
    frame = samples.events(3_000)
    plot = plots.latency(frame)
    for panel in (0, 1):
        Reader(plot).brush((99_999.5 + panel, 5e6), (0, 1), panel=panel)
        wanted = frame[(frame["dur"] >= 100_000 + panel) & (frame["dur"] <= 5_000_000)]
        assert plot.selection.frame.equals(wanted)


def test_brushing_the_left_edge_of_a_log_axis_takes_zero_along():
    plot = plots.latency(samples.frame([1, 2, 3, 4], [0, 1, 5, 900]))
    Reader(plot).brush((0.5, 6.0), (0, 1))
    assert plot.selection.frame["dur"].tolist() == [0, 1, 5]


def test_brushing_a_heat_map_selects_time_and_duration():
    frame = samples.events(3_000)
    plot = plots.latency_over_time(frame)
    Reader(plot).brush((5e8, 1.5e9), (30_000, 90_000))
    origin = int(frame["ts"].min())
    wanted = frame[
        frame["ts"].between(origin + 5 * 10**8, origin + 15 * 10**8)
        & frame["dur"].between(30_000, 90_000)
    ]
    assert plot.selection.frame.equals(wanted)


def test_brushing_backwards_is_brushing():
    plot = plots.rate(samples.events(100))
    Reader(plot).brush((1.5e9, 5e8), (9, 1))
    forward = plot.selection.rows
    Reader(plot).brush((5e8, 1.5e9), (1, 9))
    assert np.array_equal(plot.selection.rows, forward)


def test_brushing_a_timeline_selects_spans_that_reach_into_it():
    frame = samples.frame([0, 100, 200, 300], [150, 10, 10, 10], tid=[1, 1, 2, 1])
    plot = plots.timeline(frame)
    Reader(plot).brush((120, 250), (-30, -10))  # lane 1 is on top
    assert plot.selection.rows.tolist() == [0]
    Reader(plot).brush((120, 250), (-70, -10))
    assert plot.selection.rows.tolist() == [0, 2]


def test_a_brush_that_is_still_being_drawn_is_not_one_yet():
    plot = plots.rate(samples.events(100))
    Reader(plot).brush((0, 1e9), (0, 1), final=False)
    assert not plot.selection.active


def test_a_double_tap_lets_go():
    plot = plots.rate(samples.events(100))
    reader = Reader(plot)
    reader.brush((0, 1e9), (0, 1))
    assert plot.selection.active
    reader.double_tap()
    assert not plot.selection.active


def test_the_brush_is_drawn_where_its_axes_are():
    frame = samples.events(500)
    made = {make.__name__: make(frame) for make in (plots.latency, *TIME_PLOTS)}
    shared = plots.link(*made.values())
    shared.select(dur=(10_000, 90_000))
    drawn = {name: plot._boxes[0][0].visible for name, plot in made.items()}
    assert drawn == {"latency": True, "latency_over_time": True, "rate": False, "timeline": False}
    box = made["latency"]._boxes[0][0]
    assert (box.left, box.right, box.top.symbol) == (10_000, 90_000, "top")
    shared.select(time=(START, START + 10**9), lanes=("tid", ["140213"]))
    drawn = {name: plot._boxes[0][0].visible for name, plot in made.items()}
    assert drawn == {"latency": False, "latency_over_time": True, "rate": True, "timeline": True}


def test_a_bad_gesture_changes_nothing():
    plot = plots.rate(samples.events(100))
    reader = Reader(plot)
    before = plot._where()
    panel = reader.panels[0]
    reader.send(RangesUpdate(panel, x0=None, x1=None, y0=None, y1=None))
    reader.send(RangesUpdate(panel, x0=5.0, x1=5.0, y0=0, y1=1))
    assert plot._where() == before


def test_unknown_axes_and_empty_ranges_are_refused():
    plot = plots.rate(samples.events(100))
    with pytest.raises(ValueError, match="no axis 'dur' to zoom; this plot has: time"):
        plot.zoom(dur=(1, 2))
    with pytest.raises(ValueError, match="the end must lie after the start"):
        plot.zoom(time=(2, 1))


def test_gestures_and_updates_may_come_from_several_threads():
    frame = samples.events(500)
    made = [plots.latency(frame), plots.latency_over_time(frame), plots.timeline(frame)]
    shared = plots.link(*made)
    readers = [Reader(plot) for plot in made]
    failures = []

    def work(number):
        try:
            for turn in range(3):
                readers[number].zoom(x=(1e4 * (turn + 1), 1e9))
                shared.select(dur=(turn * 1_000, 10**8))
                made[number].update(frame)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []


def test_publication_and_fanout_take_a_recording_or_its_frames():
    d, p, c = lab_frames()

    class Recording:
        def dispatches(self):
            return d

        def publications(self):
            return p

        def probe_calls(self):
            return c

    assert plots.publication(Recording()).view.total == plots.publication(d, p).view.total == 200
    assert plots.fanout(Recording()).view.calls == plots.fanout(d, c).view.calls == 200
    made = plots.publication(Recording())
    made.update(Recording())
    made.update(d, p)
    assert made.view.total == 200
    for make in (plots.publication, plots.fanout):
        with pytest.raises(TypeError, match="give it both frames, or a recorder"):
            make(d)


def test_event_plots_take_a_recorder():
    frame = samples.events(50)

    class Recorder:
        def frame(self):
            return frame

    for make in (plots.latency, *TIME_PLOTS):
        assert make(Recorder()).view.total == 50


def test_a_zoom_of_publications_is_computed_once():
    d, p, _ = lab_frames()
    plot = plots.publication(d, p)
    reader, done = Reader(plot), counting(plot)
    reader.zoom(x=(0, 5e4))
    reader.reset()
    assert len(done) == 2
    assert plot.view.in_view == 200
