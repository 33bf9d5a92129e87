"""The timeline as a reader uses it: names, picking, the slowest one after the other, scrolling."""

import pytest
from bokeh.events import Tap

from kit import plots
from kit.plots.figures.timeline_data import HIGHEST
from tests.plots import samples
from tests.plots.samples import Reader

NESTED = {"ts": [0, 100, 200, 2_000], "dur": [1_000, 300, 50, 500]}
NAMES = ["web.request", "db.query", "db.lock", "web.request"]


@pytest.fixture
def plot():
    return plots.timeline(samples.frame(NESTED["ts"], NESTED["dur"], NAMES))


def tap(plot, x, y):
    Reader(plot).send(Tap(plot.figure, x=x, y=y))


def test_names_are_in_the_bars_that_have_room_for_them(plot):
    assert plot._names.data["text"] == ["web.request", "db.query", "web.request"]
    plot.zoom(time=(150.0, 300.0))
    assert plot._names.data["text"] == ["web.request", "db.query", "db.lock"]
    assert min(plot._names.data["x"]) == 150, "names stay in view"
    plot.zoom(time=(0.0, 1e6))
    assert plot._names.data["text"] == []


def test_neighbours_of_one_colour_have_a_border_between_them():
    plot = plots.timeline(samples.frame([0, 500, 1_000], [500, 500, 1]))
    ground = plot._painter.color("surface")
    assert plot._bars.data["edge"][:2] == [ground] * 2
    assert plot._bars.data["edge"][2] == plot._bars.data["color"][2], "or it would not be seen"


def test_inner_spans_have_rows_of_their_own(plot):
    data = plot._bars.data
    tops = dict(zip(data["left"].tolist(), data["top"].tolist(), strict=True))
    assert tops[0] > tops[100] > tops[200]
    assert tops[2_000] == tops[0]
    plot.zoom(time=(1_900.0, 2_600.0))
    assert plot._bars.data["top"].tolist() == [tops[0]], "rows stay when the view moves"


def test_a_click_picks_the_span_that_is_under_it(plot):
    said = []
    plot.on_pick(lambda: said.append(plot.picked))
    tap(plot, 150, -30)
    tap(plot, 220, -50)
    tap(plot, 1_500, -10)  # nothing there
    assert said == [1, 2]
    assert plot._mark.data["left"] == [200]
    plot.pick(None)
    assert plot._mark.data["left"] == []


def test_slow_spans_one_after_the_other(plot):
    assert plot.step(1) == (1, 4)
    assert plot.picked == 0
    assert plot.step(1) == (2, 4)
    assert plot.picked == 3
    plot.zoom(time=(50.0, 400.0))
    assert plot.step(1) == (1, 3)
    assert [plot.step(1), plot.step(1), plot.step(1)] == [(2, 3), (3, 3), (3, 3)]
    assert plot.picked == 2
    assert plot.step(-1) == (2, 3)
    plot.zoom(time=(5_000.0, 6_000.0))
    assert plot.step(1) == (0, 0)


def test_rows_of_the_frame_are_meant_in_whatever_order_they_come():
    frame = samples.frame([0, 100, 200], [5, 70, 50]).iloc[::-1].reset_index(drop=True)
    plot = plots.timeline(frame)
    plot.step(1)
    assert frame["dur"][plot.picked] == 70
    tap(plot, 220, -10)
    assert frame["dur"][plot.picked] == 50


def test_what_was_picked_is_forgotten_with_its_frame(plot):
    plot.pick(1)
    plot.update(samples.frame(NESTED["ts"], NESTED["dur"], NAMES))
    assert plot.picked is None


def many(lanes=100):
    return samples.frame(range(lanes), range(1, lanes + 1), tid=range(lanes))


def test_lanes_scroll():
    plot = plots.timeline(many())
    assert plot.view.lanes[:2] == ("99", "98")
    assert len(plot.view.lanes) == 32
    reader = Reader(plot)
    reader.zoom(y=(-2_000, -2_000 + HIGHEST))
    assert plot.scrolled == 2_000 - HIGHEST
    assert "99" not in plot.view.lanes
    plot.scroll(10**9)
    assert plot.view.lanes[-1] == "0"
    assert plot.scrolled == plot.view.room - HIGHEST
    plot.update(many())
    assert plot.view.lanes[-1] == "0", "what is looked at stays in view"
    plot.pick(99)
    assert "99" in plot.view.lanes
    plot.scroll(10**9)
    reader.reset()
    assert plot.scrolled == 0


def test_lanes_stay_where_they_are_while_events_arrive():
    plot = plots.timeline(samples.frame([0, 10], [50, 20], tid=[1, 2]))
    plot.update(samples.frame([0, 10, 100], [50, 20, 900], tid=[1, 2, 2]))
    assert plot.view.lanes == ("1", "2")
    plot.update(samples.frame([0, 10, 100, 5], [50, 20, 900, 1], tid=[1, 2, 2, 3]))
    assert plot.view.lanes == ("2", "1", "3")


def test_lanes_of_another_column(plot):
    frame = plot.frame.assign(task=["a", "b", "a", None])
    plot.set_lanes("task", frame)
    assert plot.view.lanes == ("a", "b", "(none)")
    with pytest.raises(ValueError, match="needs a column 'nothing'"):
        plot.set_lanes("nothing")
    assert plot.lanes == "task"
    plot.update(frame)
