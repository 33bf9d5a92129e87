"""What a page says when its kernel is busy, was restarted, or is there again."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.lab import Lab, busy_kernel, open_notebook, python

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
