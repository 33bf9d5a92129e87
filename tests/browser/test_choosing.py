"""One marker at a time: rows of the list and of the table drive the plots."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab, python, run_all, wait_for_python

PROGRAM = """
import kit

query = kit.span("shop.query", sym=kit.Label, rows=int)
sync = kit.span("shop.sync", n=int)
tick = kit.marker("shop.tick", n=int)
panel = kit.panel("shop.*")
panel.start()
for n in range(90):
    with query(sym="AB"[n % 2], rows=n % 5):
        pass
    if n % 3 == 0:
        tick(n)
        with sync(n=n):
            pass
panel.stop()
"""

DRAWN = """() => (window.Bokeh?.documents ?? []).flatMap((d) => [...d._all_models.values()])
  .filter((m) => m.type === "Title").map((m) => m.text).join("|")"""


@pytest.fixture
def panel(lab: Lab, page: Page) -> Locator:
    run_all(page, lab, lab.write("choosing.ipynb", PROGRAM, "panel"))
    return page.locator(".kit-panel")


def test_rows_choose_and_the_plots_follow(page: Page, panel: Locator) -> None:
    panel.get_by_role("tab", name="Latency").click()
    lines = panel.locator(".kit-summary tbody tr")
    expect(lines).to_have_count(3)
    names = "rows => rows.map(row => row.dataset.marker)"
    assert lines.evaluate_all(names)[0] == "shop.query"  # it has the most events

    # A head sorts, and the other way round; gaps are not among durations.
    head = panel.locator('.kit-summary th[data-column="p99"]')
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    sorted_lines = "sorted(panel._tabs.current._lines, key=lambda line: line['numbers'][3])"
    by_p99 = python(page, f"[line['name'] for line in {sorted_lines}]")
    by_p99.remove("shop.tick")
    assert lines.evaluate_all(names) == [*by_p99[::-1], "shop.tick"]
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert lines.evaluate_all(names) == [*by_p99, "shop.tick"]

    # A row of the table is the row of the list.
    panel.locator('.kit-summary tr[data-marker="shop.query"]').click()
    chosen = panel.locator('.kit-row[aria-selected="true"]')
    expect(chosen).to_have_count(1)
    expect(chosen).to_have_attribute("data-marker", "shop.query")
    page.wait_for_function(f"() => ({DRAWN})().includes('Latency · shop.query')")
    expect(panel.locator(".kit-chosen")).to_have_text("only shop.query×")

    # By a field of its own, with a curve for each value, named.
    panel.locator(".kit-split select").select_option("sym")
    page.wait_for_function(f"() => ({DRAWN})().includes('Latency · 2 syms')")
    ends = """() => Bokeh.documents.flatMap((d) => [...d._all_models.values()])
      .some((m) => m.type === "ColumnDataSource" && m.data.xs?.length === 2 && m.data.color)"""
    page.wait_for_function(ends)

    # What has no duration has its rate and its gaps, and no empty plot.
    panel.locator('.kit-row[data-marker="shop.tick"] .kit-name').click()
    expect(chosen).to_have_attribute("data-marker", "shop.tick")
    page.wait_for_function(f"() => ({DRAWN})().includes('Gaps from one event')")
    expect(panel.locator('.kit-body:not([hidden]) [data-ready="true"]')).to_have_count(2)

    # Several; by keys, too; and none.
    panel.locator('.kit-row[data-marker="shop.sync"]').click(modifiers=["Control"])
    expect(chosen).to_have_count(2)
    panel.locator('.kit-row[data-marker="shop.query"]').click()
    expect(chosen).to_have_count(1)
    panel.locator('.kit-row[data-marker="shop.tick"]').click(modifiers=["Shift"])
    expect(chosen).to_have_count(3)
    page.keyboard.press("Escape")
    expect(chosen).to_have_count(0)
    page.keyboard.press("Enter")
    expect(chosen).to_have_attribute("data-marker", "shop.tick")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(panel.locator('.kit-more[aria-label="probes of shop.tick"]')).to_be_visible()
    assert python(page, "panel.state.chosen") == ("shop.tick",)
    panel.locator(".kit-chosen").click()
    wait_for_python(page, "panel.state.focus() is None")
