"""Plots in a page: a gesture is answered once, with what it says, and shows everywhere."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import (
    Lab,
    python,
    quiet,
    run_all,
    settle,
    take_time,
    turn_wheel,
    wait_for_python,
)

PLOTS = """
import numpy as np
import pandas as pd
from kit import plots

n = 20_000
chance = np.random.default_rng(1)
frame = pd.DataFrame({
    "ts": np.arange(n) * 50_000,
    "dur": (10 ** chance.normal(5.0, 0.6, n)).astype("int64"),
    "marker": "db.commit",
})
heat, bars = plots.latency_over_time(frame), plots.latency(frame)
selection = plots.link(heat, bars)

binned = []
for name, plot in (("heat", heat), ("bars", bars)):
    def counted(name=name, original=plot._bin):
        binned.append(name)
        return original()
    plot._bin = counted

changes = []
selection.on_change(lambda changed: changes.append(len(changed)))
"""

# Where the frame of a figure lies on the page, and what its axes show.
FRAME = """figure => {
  const model = Bokeh.documents.flatMap(d => d.roots()).find(
    m => m.html_attributes?.['aria-label'] === figure.getAttribute('aria-label'));
  const view = Bokeh.index.find_one(model);
  const { left, top } = view.el.getBoundingClientRect();
  const { bbox } = view.frame;
  return {
    left: left + bbox.left, top: top + bbox.top, width: bbox.width, height: bbox.height,
    x: [model.x_range.start, model.x_range.end], y: [model.y_range.start, model.y_range.end] };
}"""


@pytest.fixture
def heat(lab: Lab, page: Page) -> Locator:
    run_all(page, lab, lab.write("plots.ipynb", PLOTS, "heat", "bars"))
    figure = page.get_by_role("figure", name="Heat map of durations over time")
    expect(page.locator('[data-ready="true"]')).to_have_count(2)
    take_time(page)
    figure.scroll_into_view_if_needed()
    settle(page)
    return figure


def test_zooming_bins_anew_once_for_what_is_in_view(page: Page, heat: Locator) -> None:
    whole = heat.evaluate(FRAME)
    python(page, "binned.clear()")
    x, y = whole["left"] + whole["width"] / 2, whole["top"] + whole["height"] / 2
    turn_wheel(heat, 6, control=True)
    wait_for_python(page, "binned")
    quiet(page)
    assert python(page, "binned") == ["heat"]
    seen = heat.evaluate(FRAME)
    assert seen["x"][1] - seen["x"][0] < (whole["x"][1] - whole["x"][0]) / 2
    assert python(page, "list(heat.view.time)") == seen["x"]
    # What is drawn is what was computed for it.
    assert python(page, "heat.view.in_view < heat.view.total == len(frame)")
    edges = python(page, "[int(edge) for edge in heat.view.time_edges[[0, -1]]]")
    assert edges[0] <= seen["x"][0] < seen["x"][1] <= edges[1]
    drawn = page.evaluate(
        """() => Bokeh.documents.flatMap(d => [...d._all_models.values()])
        .filter(m => m.type === 'ColumnDataSource' && m.data.image?.length)
        .map(m => [m.data.x[0], m.data.x[0] + m.data.dw[0]])"""
    )
    assert drawn == [edges] or python(page, "heat.view.single")

    page.mouse.dblclick(x, y)  # with nothing brushed this changes nothing
    quiet(page)
    assert python(page, "binned") == ["heat"]


def test_a_brush_chooses_exactly_the_events_in_it(page: Page, heat: Locator) -> None:
    frame = heat.evaluate(FRAME)
    left, right = (frame["left"] + frame["width"] * part for part in (0.25, 0.5))
    top, bottom = (frame["top"] + frame["height"] * part for part in (0.1, 0.5))
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move((left + right) / 2, (top + bottom) / 2, steps=5)
    page.mouse.move(right, bottom, steps=5)
    page.mouse.up()
    wait_for_python(page, "changes")
    quiet(page)
    assert len(python(page, "changes")) == 1

    # The brush is where the pointer was, to the pixel.
    first, last = python(page, "list(selection.brush.time)")
    pixel = (frame["x"][1] - frame["x"][0]) / frame["width"]
    start = frame["x"][0]
    assert abs(first - (start + 0.25 * frame["width"] * pixel)) <= 2 * pixel
    assert abs(last - (start + 0.50 * frame["width"] * pixel)) <= 2 * pixel
    # What it holds is exactly what lies in it, and the linked plot shows it too.
    python(page, "globals().update(b=selection.brush)")
    inside = "frame[frame.ts.between(*b.time) & frame.dur.between(*b.dur)]"
    assert python(page, f"selection.frame.equals({inside})")
    assert 100 < python(page, "len(selection)") < 10_000
    assert python(page, "bars.selection is selection and len(bars.selection) == changes[-1]")

    page.mouse.dblclick((left + right) / 2, (top + bottom) / 2)
    wait_for_python(page, "len(changes) == 2 and not selection.active")
    assert python(page, "len(selection.frame)") == 0
