"""The panel on a running program: clicks connect and disconnect, and everything shown follows."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab, busy_kernel, python, quiet, run_all, wait_for_python

PROGRAM = """
import threading
import kit
from kit.demo import OrderBook

book = OrderBook(rate=200, seed=8).start()
submit, = kit.markers("orders.submit")

def mine(*values):
    "My own function."
"""

SUBMIT = "orders.submit"


def row(page: Page, marker: str = SUBMIT) -> Locator:
    return page.locator(f'.kit-row[data-marker="{marker}"]')


def dot(page: Page, probe: str, marker: str = SUBMIT) -> Locator:
    return row(page, marker).locator(f'.kit-dot[data-probe="{probe}"]')


def connected(page: Page, marker: str = SUBMIT) -> Locator:
    return row(page, marker).locator('.kit-dot[aria-checked="true"]')


def calls(page: Page, probe: str, marker: str = SUBMIT) -> int:
    detail = f'.kit-more[aria-label="probes of {marker}"] .kit-detail[data-probe="{probe}"]'
    return int(page.locator(f"{detail} .kit-calls").inner_text().replace(",", "") or 0)


def wait_for_growth(page: Page, probe: str) -> None:
    before = calls(page, probe)
    page.wait_for_function(
        """([probe, before]) => {
          const shown = document.querySelector(`.kit-detail[data-probe="${probe}"] .kit-calls`);
          return Number(shown.textContent.replaceAll(',', '')) > before }""",
        arg=[probe, before],
    )


@pytest.fixture
def panel(lab: Lab, page: Page) -> Locator:
    """A panel over an order book that runs until the test is over."""
    run_all(page, lab, lab.write("panel.ipynb", PROGRAM, "panel = kit.panel(); panel"))
    shown = page.locator(".kit-panel")
    expect(row(page)).to_be_visible()
    return shown


def test_probes_are_connected_and_disconnected_by_clicks(page: Page, panel: Locator) -> None:
    assert python(page, "submit.fanout") == 0
    expect(connected(page)).to_have_count(0)
    row(page).locator(".kit-name").click()
    for number, probe in enumerate(("record", "count", "time"), 1):
        dot(page, probe).click()
        expect(connected(page)).to_have_count(number)
        wait_for_python(page, f"submit.fanout == {number}")
        wait_for_growth(page, probe)
    assert python(page, "[c.label for c in submit.probes]") == ["record", "count", "time"]
    assert python(page, "submit.generation") == 3

    dot(page, "count").click()
    dot(page, "time").click()
    expect(connected(page)).to_have_count(1)
    wait_for_python(page, "submit.fanout == 1")
    dot(page, "record").click()
    expect(connected(page)).to_have_count(0)
    wait_for_python(page, "submit.fanout == 0 and not submit")
    assert python(page, "submit.generation") == 6
    assert python(page, "all(m.fanout == 0 for m in kit.markers('orders.*'))")
    # What was recorded meanwhile is there, and nothing more comes.
    recorded = python(page, "len(panel.frame('orders.submit'))")
    assert recorded > 0
    python(page, "threading.Event().wait(0.2)")
    assert python(page, "len(panel.frame('orders.submit'))") == recorded


def test_fan_out_is_drawn_as_it_changes(page: Page, panel: Locator) -> None:
    panel.get_by_label("filter markers").fill(SUBMIT)
    expect(panel.locator(".kit-row")).to_have_count(1)
    panel.get_by_role("tab", name="Fan-out").click()
    panel.locator('[data-action="observe"]').click()  # a probe that times the others, and not drawn
    drawn = """() => (window.Bokeh?.documents ?? []).flatMap(d => [...d._all_models.values()])
      .filter(m => m.type === 'ColumnDataSource' && m.data.exact_p50 && m.data.x)
      .flatMap(m => [...m.data.x]).filter(x => x > 0)"""
    shown = "([drawn, wanted]) => JSON.stringify(eval(drawn)()) === JSON.stringify(wanted)"
    wait_for_python(page, "submit.fanout == 1")
    for fanout, probe in ((1, "record"), (2, "count"), (3, "time")):
        dot(page, probe).click()
        wait_for_python(page, f"submit.fanout == {fanout + 1}")
        page.wait_for_function(shown, arg=[drawn, list(range(1, fanout + 1))])
    for fanout, probe in ((3, "record"), (2, "count"), (1, "time")):
        dot(page, probe).click()
        wait_for_python(page, f"submit.fanout == {fanout}")
    panel.locator('[data-action="observe"]').click()
    wait_for_python(page, "submit.fanout == 0")


def test_one_click_is_one_publication(page: Page, panel: Locator) -> None:
    for generation in (1, 2, 3):
        dot(page, "count").click()
        wait_for_python(page, f"submit.generation == {generation}")
        quiet(page)
        assert python(page, "submit.generation") == generation


def test_the_keyboard_does_it_too(page: Page, panel: Locator) -> None:
    row(page).focus()
    page.keyboard.press("Space")
    wait_for_python(page, "submit.fanout == 1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(dot(page, "count")).to_be_focused()
    page.keyboard.press("Space")
    wait_for_python(page, "submit.fanout == 2")
    expect(dot(page, "count")).to_be_focused()


def test_a_function_of_ones_own_is_offered(page: Page, panel: Locator) -> None:
    row(page).locator(".kit-name").click()
    page.get_by_label(f"connect a function of your own to {SUBMIT}").select_option("own:mine")
    wait_for_python(page, "[c.probe for c in submit.probes] == [mine]")
    expect(dot(page, "own:mine")).to_have_attribute("aria-checked", "true")


def test_clicks_on_a_busy_kernel_are_kept_and_honoured(
    lab: Lab, page: Page, panel: Locator
) -> None:
    with busy_kernel(page, lab):
        dot(page, "record").click()
        dot(page, "count").click()
        # JupyterLab and the kernel have a second line for such messages: they need not wait.
        expect(connected(page)).to_have_count(2)
    wait_for_python(page, "submit.fanout == 2")
    assert python(page, "submit.generation") == 2


def test_a_page_that_is_loaded_again_is_live(lab: Lab, page: Page, panel: Locator) -> None:
    dot(page, "count").click()
    wait_for_python(page, "submit.fanout == 1")
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    page.goto(lab.address("panel.ipynb").replace("?reset", ""))
    expect(connected(page)).to_have_count(1)
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.ready")
    row(page).locator(".kit-name").click()
    wait_for_growth(page, "count")
    dot(page, "count").click()
    wait_for_python(page, "submit.fanout == 0")
    expect(connected(page)).to_have_count(0)


def test_a_page_that_is_loaded_again_before_much_has_happened_is_live(lab: Lab, page: Page) -> None:
    declare = "import kit\nquiet = kit.marker('quiet.one', n=int)"
    run_all(page, lab, lab.write("quiet.ipynb", declare, "panel = kit.panel('quiet.*'); panel"))
    expect(row(page, "quiet.one")).to_be_visible()
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    # As if the first updates were the last ones: a view answers only every third.
    wait_for_python(page, "panel.state.costs is not None")
    quiet(page)
    python(page, "setattr(panel._flow, 'number', 0)")
    python(page, "panel.state.toggle('quiet.one', 'count')")
    expect(dot(page, "count", "quiet.one")).to_have_attribute("aria-checked", "true")
    page.goto(lab.address("quiet.ipynb").replace("?reset", ""))
    expect(row(page, "quiet.one")).to_be_visible()
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.ready")
    python(page, "panel.state.toggle('quiet.one', 'time')")
    expect(dot(page, "time", "quiet.one")).to_have_attribute("aria-checked", "true")


def test_a_kernel_that_ended_is_said_and_not_an_error(page: Page, panel: Locator) -> None:
    dot(page, "count").click()
    wait_for_python(page, "submit.fanout == 1")
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    dot(page, "record").click()
    expect(panel.locator(".kit-message")).to_contain_text("kernel has gone")
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    quiet(page)


def test_the_slowest_commit_and_what_it_is_about(
    page: Page, panel: Locator, shot: Callable[[str], None]
) -> None:
    panel.locator('[data-action="start"]').click()
    wait_for_python(page, "len(panel.frame('db.commit')) > 300")
    grid = panel.locator(".kit-events")
    rows, event = grid.locator("tbody tr"), panel.locator('[data-tab="events"] .kit-event')
    expect(rows.first).to_have_attribute("data-event", re.compile(r"^\d+:\d+$"))  # it follows

    grid.locator('[data-sort="dur"]').click()
    expect(rows.first).to_have_attribute("data-event", re.compile(r"^r\d+$"))  # it holds still
    kept = python(page, "panel._tabs.current.view.total")
    expect(grid).to_have_attribute("aria-rowcount", str(kept + 1))
    rows.filter(has_text="db.sync").first.click()
    expect(event.locator(".kit-detail-marker")).to_have_text("db.sync")
    event.locator(".kit-around-span", has_text="db.commit").click()
    expect(event.locator(".kit-detail-marker")).to_have_text("db.commit")
    expect(event.locator(".kit-detail-where")).to_have_text(
        re.compile(r"^kit\.demo\.database:\d+$")
    )
    expect(event.locator(".kit-detail-source")).to_contain_text('kit.span("db.commit"')
    shot("panel-events")

    # Rows come as they are needed, by mouse or keys; a condition leaves some.
    panel.locator(".kit-scroller").evaluate("element => (element.scrollTop = 1e9)")
    expect(rows.last).to_have_attribute("aria-rowindex", str(kept + 1))
    expect(rows.last).to_have_attribute("data-event", re.compile(r"^r\d+$"))
    grid.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    condition = panel.get_by_label("condition for the events shown")
    condition.fill("marker == 'db.commit' and duur > 1 ms")
    condition.press("Enter")
    expect(panel.locator(".kit-latest .kit-wrong")).to_contain_text("did you mean 'dur'")
    condition.fill("marker == 'db.commit'")
    condition.press("Enter")
    expect(panel.locator(".kit-events-bar .kit-word")).to_contain_text(" of ")
    expect(rows.first).to_contain_text("db.commit")

    # On the timeline keys go from one slow span to the next.
    panel.get_by_role("tab", name="Timeline").click()
    body = panel.locator('.kit-body[data-tab="timeline"]')
    expect(
        body.locator('.kit-pane [data-ready="true"], .kit-pane[data-ready="true"]').first
    ).to_be_visible()
    body.locator('[data-action="next"]').click()
    rank = body.locator(".kit-detail-rank")
    expect(rank).to_have_text(re.compile(r"^slowest of [\d,]+ in view$"))
    page.keyboard.press("n")
    expect(rank).to_have_text(re.compile(r"^2nd slowest of [\d,]+ in view$"))
    page.keyboard.press("p")
    expect(rank).to_have_text(re.compile(r"^slowest of"))
    body.locator('[data-asks="lanes"]').select_option("marker")
    wait_for_python(page, "panel._tabs.current.plot.lanes == 'marker'")
    shot("panel-timeline")
