"""A plot in a notebook: every change arrives, once, in both directions, and survives a reload.

These fail where the known ways of showing Bokeh in a notebook fail: updates echoed back to Python
and applied twice, callbacks called twice, views that fall silent after a reload.
"""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab, busy_kernel, python, quiet, run_all, turn_wheel, wait_for_python

PLOT = """
import threading
from bokeh.events import RangesUpdate
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from kit.widgets._pane.pane import Pane

def make(name):
    source = ColumnDataSource(dict(x=[2.0, 5.0, 8.0], y=[1.0, 2.0, 1.0]), name=f"{name}-source")
    plot = figure(
        width=500, height=240, name=name, x_range=(0, 10), y_range=(0, 3), title=name,
        tools="pan,xwheel_zoom,box_select,reset", active_drag="pan", active_scroll="xwheel_zoom",
    )
    plot.scatter("x", "y", source=source, size=12)
    return source, plot

source, plot = make("first")
ranges = []
plot.on_event(RangesUpdate, lambda event: ranges.append((event.x0, event.x1)))
lengths = []
source.on_change("data", lambda attr, old, new: lengths.append(len(new["x"])))
pane = Pane(plot)

def stream(points):
    for n in range(points):
        source.stream(dict(x=[n / 2], y=[0.5]))

def on_a_thread(points):
    thread = threading.Thread(target=stream, args=(points,))
    thread.start()
    thread.join()
"""

IN_PAGE = """(name) => {
  const found = (window.Bokeh?.documents ?? []).map(d => d.get_model_by_name(name)).filter(m => m);
  return found.length === 1 ? found[0] : null;
}"""


def length(page: Page, name: str = "first-source") -> int | None:
    return page.evaluate(f"name => ({IN_PAGE})(name)?.get_length()", name)


def wait_for_length(page: Page, points: int, name: str = "first-source") -> None:
    page.wait_for_function(
        f"([name, points]) => ({IN_PAGE})(name)?.get_length() === points", arg=[name, points]
    )


def drag(
    page: Page, plot: Locator, start: tuple[int, int], end: tuple[int, int], hold: int = 0
) -> None:
    box = plot.bounding_box()
    page.mouse.move(box["x"] + start[0], box["y"] + start[1])
    page.mouse.down()
    page.wait_for_timeout(hold)
    page.mouse.move(box["x"] + end[0], box["y"] + end[1], steps=8)
    page.mouse.up()


@pytest.fixture
def plot(lab: Lab, page: Page) -> Locator:
    run_all(page, lab, lab.write("pane.ipynb", PLOT, "pane"))
    figure = page.locator(".bk-Figure")
    expect(figure).to_have_count(1)
    wait_for_length(page, 3)
    return figure


def test_points_arrive_and_are_not_echoed(lab: Lab, page: Page, plot: Locator) -> None:
    for how, points in (("stream", 23), ("on_a_thread", 43)):
        python(page, f"{how}(20)")
        wait_for_length(page, points)
        quiet(page)
        assert python(page, "[len(source.data['x']), len(source.data['y'])]") == [points, points]
        assert python(page, "lengths") == list(range(4, points + 1))
        assert length(page) == points
    # And BokehJS is not saved into the notebook, as `output_notebook` would.
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    assert (lab.root / "pane.ipynb").stat().st_size < 8_000


def test_a_gesture_is_one_event(page: Page, plot: Locator) -> None:
    drag(page, plot, (350, 100), (250, 100))
    wait_for_python(page, "ranges")
    quiet(page)
    assert len(python(page, "ranges")) == 1
    assert python(page, "ranges[0] == (plot.x_range.start, plot.x_range.end)")
    start = page.evaluate(f"({IN_PAGE})('first').x_range.start")
    assert start == python(page, "plot.x_range.start") > 1

    turn_wheel(plot, 5)
    wait_for_python(page, "len(ranges) == 2")
    quiet(page)
    assert len(python(page, "ranges")) == 2

    # A range that Python sets is not the reader's: nobody is told of it.
    python(page, "plot.x_range.update(start=0, end=10)")
    page.wait_for_function(f"() => ({IN_PAGE})('first').x_range.end === 10")
    quiet(page)
    assert len(python(page, "ranges")) == 2


def test_who_hesitates_before_a_drag_drags_all_the_same(page: Page, plot: Locator) -> None:
    drag(page, plot, (350, 100), (250, 100), hold=500)
    wait_for_python(page, "ranges")
    assert python(page, "ranges[0] == (plot.x_range.start, plot.x_range.end)")


def test_a_page_that_is_loaded_again_is_current_and_live(
    lab: Lab, page: Page, plot: Locator
) -> None:
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    python(page, "stream(4)")
    wait_for_length(page, 7)
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    # The kernel lives on, and so does the widget in it.
    page.goto(lab.address("pane.ipynb").replace("?reset", ""))
    page.wait_for_selector(".bk-Figure")
    wait_for_length(page, 7)
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.ready")
    python(page, "on_a_thread(2)")
    wait_for_length(page, 9)
    drag(page, page.locator(".bk-Figure"), (350, 100), (250, 100))
    wait_for_python(page, "ranges")
    quiet(page)
    assert len(python(page, "ranges")) == 1
    assert python(page, "len(source.data['x'])") == 9


def test_what_is_done_while_the_kernel_is_busy_is_kept(lab: Lab, page: Page, plot: Locator) -> None:
    with busy_kernel(page, lab):
        drag(page, plot, (350, 100), (250, 100))
    wait_for_python(page, "ranges")
    quiet(page)
    assert len(python(page, "ranges")) == 1


def test_two_plots_keep_their_own_updates(lab: Lab, page: Page) -> None:
    second = "source2, plot2 = make('second'); pane2 = Pane(plot2); pane2"
    run_all(page, lab, lab.write("two.ipynb", PLOT, "pane", second))
    wait_for_length(page, 3, "second-source")
    python(page, "stream(5)")
    wait_for_length(page, 8)
    python(page, "source2.stream(dict(x=[1.0], y=[1.0]))")
    # What is out of view may wait until it is seen.
    page.locator(".bk-Figure").last.scroll_into_view_if_needed()
    wait_for_length(page, 4, "second-source")
    assert length(page) == 8
    drag(page, page.locator(".bk-Figure").first, (350, 100), (250, 100))
    wait_for_python(page, "len(ranges) == 1")
    assert python(page, "(plot2.x_range.start, plot2.x_range.end)") == (0, 10)


def test_a_kernel_that_ended_leaves_the_picture(page: Page, plot: Locator) -> None:
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    drag(page, plot, (350, 100), (250, 100))
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    quiet(page)
    expect(plot).to_be_visible()
