"""What a page says when its kernel is busy, was restarted, or is there again."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser import lab as tools
from tests.browser.lab import Lab, busy_kernel, open_notebook, python, quiet, run_all

PROGRAM = """
import kit

submit = kit.marker("orders.submit", n=int)
panel = kit.panel("orders.*"); panel
"""


def open_panel(page: Page, lab: Lab) -> None:
    """A panel as where the kernel has no second line for clicks: they wait for the cell."""
    name = lab.write("live.ipynb", PROGRAM)
    open_notebook(page, lab, name)
    page.evaluate("() => { kernel().commsOverSubshells = 'disabled' }")
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    expect(page.locator(".kit-row")).to_have_count(1)


def test_a_busy_kernel_is_busy_and_one_that_was_restarted_is_not_live(
    lab: Lab, page: Page, shot: Callable[[str], None]
) -> None:
    open_panel(page, lab)
    panel, state = page.locator(".kit-panel"), page.locator(".kit-state")
    message, waiting = page.locator(".kit-message"), page.locator("[data-pending]")
    panel.locator('[data-action="start"]').click()
    expect(state).to_have_text("recording")
    expect(waiting).to_have_count(0)
    dot = panel.locator('.kit-row .kit-dot[data-probe="count"]')
    with busy_kernel(page, lab):
        dot.click()
        expect(state).to_have_text("recording, kernel busy")
        expect(message).to_have_text("The kernel is busy: 1 click waits until its cell has ended.")
        expect(waiting).to_have_count(1)
        expect(dot).to_have_attribute("aria-checked", "false")
        # It goes on beating for longer than a page would wait for one that does not.
        page.wait_for_timeout(6_000)
        expect(state).to_have_text("recording, kernel busy")
        shot("panel-busy")
    expect(dot).to_have_attribute("aria-checked", "true")
    expect(waiting).to_have_count(0)
    expect(state).to_have_text("recording")
    assert python(page, "submit.fanout") == 2

    endless = "import time\nwhile True: time.sleep(0.01)"
    page.evaluate("code => { kernel().requestExecute({ code }).done.catch(() => {}) }", endless)
    page.wait_for_function("() => kernel().status === 'busy'")
    panel.locator('[data-action="stop"]').click()
    expect(waiting).to_have_count(1)
    page.evaluate("() => kernel().restart()")
    expect(state).to_have_text(re.compile(r"^not live, last at \d\d:\d\d:\d\d$"))
    expect(message).to_have_text("The kernel has gone: run the cell again. “Stop” was not done.")
    expect(waiting).to_have_count(0)
    expect(panel.locator(".kit-main")).to_have_attribute("inert", "")
    shot("panel-not-live")


PICTURES = """
import kit, numpy as np, pandas as pd

events = pd.DataFrame({"ts": np.arange(500) * 1000, "dur": 1_000 + np.arange(500) ** 2})
events["marker"] = pd.Categorical(["db.query"] * 500)
kit.marker("orders.submit", n=int)
panel = kit.panel("orders.*")
plot = kit.plots.latency_over_time(events)
"""

SEEN = """() => {
  const drawn = Bokeh.documents.at(-1);
  const models = [...drawn._all_models.values()];
  const title = models.find((model) => model.type === 'Title' && model.text.startsWith('Latency'));
  const ramp = models.find((model) => model.type.endsWith('ColorMapper')).palette;
  const style = (selector) => getComputedStyle(document.querySelector(selector));
  return {
    title: title.text_color,
    few: ramp[0], many: ramp.at(-1),
    ground: style('.kit-pane').backgroundColor,
    dot: style('.kit-panel .kit-all .kit-mark').backgroundColor,
  };
}"""
LIGHT = {"title": "#1F2328", "ground": "rgb(255, 255, 255)"}
DARK = {"title": "#E6E8EA", "ground": "rgb(17, 17, 17)"}


def shown(page: Page) -> dict[str, str]:
    return {name: page.evaluate(SEEN)[name] for name in ("title", "ground")}


def wait_for(page: Page, wanted: dict[str, str]) -> None:
    page.wait_for_function(
        f"([wanted]) => {{ const seen = ({SEEN})(); "
        "return Object.keys(wanted).every((name) => seen[name] === wanted[name]) }",
        arg=[wanted],
    )


def test_each_page_has_its_own_theme_also_when_the_kernel_has_gone(
    lab: Lab,
    page: Page,
    chromium: BrowserContext,
    problems: tools.Problems,
    shot: Callable[[str], None],
) -> None:
    name = lab.write("themes.ipynb", PICTURES, "panel", "plot")
    run_all(page, lab, name)
    page.locator(".kit-panel .kit-all").first.click()
    wait_for(page, LIGHT)
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    other = chromium.new_page()
    problems.watch(other)
    try:
        other.goto(lab.address(name).replace("?reset", ""))
        other.locator(".kit-pane[data-ready]").wait_for()
        theme = "name => jupyterapp.commands.execute('apputils:change-theme', { theme: name })"
        other.evaluate(theme, "JupyterLab Dark")
        wait_for(other, DARK)
        assert shown(page) == LIGHT
        # What comes from Python is in each page's own colours too.
        python(page, "plot.update(events.iloc[:400])")
        for each in (page, other):
            each.wait_for_function(
                "() => [...Bokeh.documents.at(-1)._all_models.values()]"
                ".some((model) => model.type === 'Title' && model.text.includes('400 '))"
            )
        light, dark = page.evaluate(SEEN), other.evaluate(SEEN)
        assert {name: light[name] for name in LIGHT} == LIGHT
        assert {name: dark[name] for name in DARK} == DARK
        assert light["dot"] != dark["dot"]
        assert light["few"] != dark["few"]

        page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        quiet(page)
        page.evaluate(theme, "JupyterLab Dark")
        wait_for(page, DARK)
        assert page.evaluate(SEEN) == dark
        shot("themes-dark-without-kernel")
        page.evaluate(theme, "JupyterLab Light")
        wait_for(page, LIGHT)
        assert page.evaluate(SEEN) == light
    finally:
        other.close()
