"""The panel's tools: conditions typed in, aggregates drawn, a trigger that stops the recording."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab, change_theme, python, run_all, wait_for_python

PROGRAM = """
import kit

fill = kit.marker("shop.fill", qty=int, px=float, sym=kit.Label)
query = kit.span("shop.query", rows=int)

def run(count=10):
    for n in range(count):
        fill(n, n / 2, "<b>ACME</b>" if n % 2 else "BOLT")
"""

FILL = "shop.fill"


def detail(page: Page, probe: str) -> Locator:
    return page.locator(
        f'.kit-more[aria-label="probes of {FILL}"] .kit-detail[data-probe="{probe}"]'
    )


def dot(page: Page, probe: str) -> Locator:
    return page.locator(f'.kit-row[data-marker="{FILL}"] .kit-dot[data-probe="{probe}"]')


def ask(page: Page, probe: str, condition: str) -> None:
    page.get_by_label(f"condition for {probe} on {FILL}").fill(condition)
    page.keyboard.press("Enter")


@pytest.fixture
def panel(lab: Lab, page: Page) -> Locator:
    run_all(page, lab, lab.write("tools.ipynb", PROGRAM, "panel = kit.panel('shop.*'); panel"))
    page.locator(f'.kit-row[data-marker="{FILL}"] .kit-twist').click()
    return page.locator(".kit-panel")


def test_a_condition_is_typed_in_and_its_error_shown_in_place(page: Page, panel: Locator) -> None:
    ask(page, "count", "qty > 6")
    wait_for_python(page, "panel.state.connections.asked[('shop.fill', 'count')].when == 'qty > 6'")
    dot(page, "count").click()
    wait_for_python(page, "[c.when for c in fill.probes] == ['qty > 6']")
    ask(page, "count", "quantity > <b>6")
    wrong = detail(page, "count").locator(".kit-wrong")
    expect(wrong).to_contain_text("^ ")
    expect(page.get_by_label(f"condition for count on {FILL}")).to_have_attribute(
        "aria-invalid", "true"
    )
    assert python(page, "[c.when for c in fill.probes]") == ["qty > 6"]  # as it was
    ask(page, "count", "qty > 7")
    expect(wrong).to_be_hidden()
    wait_for_python(page, "[c.when for c in fill.probes] == ['qty > 7']")
    assert python(page, "fill.generation") == 2
    python(page, "run()")
    expect(detail(page, "count").locator(".kit-kept")).to_have_text("8 kept back")
    page.get_by_label(f"how many events reach count on {FILL}").select_option("every=10")
    wait_for_python(page, "fill.generation == 3")
    panel.locator('[data-action="undo"]').click()
    wait_for_python(page, "[c._filter.asked.every for c in fill.probes] == [None]")


def test_the_keyboard_stops_at_every_control(page: Page, panel: Locator) -> None:
    page.locator(f'.kit-row[data-marker="{FILL}"]').focus()
    labels = []
    for _ in range(9):
        page.keyboard.press("ArrowDown")
        labels.append(
            page.evaluate("() => document.activeElement.getAttribute('aria-label') ?? ''")
        )
    assert labels == [
        f"record on {FILL}",
        f"condition for record on {FILL}",
        f"how many events reach record on {FILL}",
        f"count on {FILL}",
        f"condition for count on {FILL}",
        f"how many events reach count on {FILL}",
        f"aggregate on {FILL}",
        f"condition for aggregate on {FILL}",
        f"how many events reach aggregate on {FILL}",
    ]
    page.get_by_label(f"condition for count on {FILL}").focus()
    page.keyboard.type("qty < 3")
    page.keyboard.press("Escape")
    expect(page.get_by_label(f"condition for count on {FILL}")).to_have_value("")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('.kit-panel :is(button, input, select)')]
        .filter(e => !e.hidden && !e.textContent.trim() && !e.labels?.length
                     && !e.getAttribute('aria-label')).map(e => e.outerHTML)"""
    )
    assert nameless == []
    unexplained = page.evaluate(
        """() => [...document.querySelectorAll('.kit-panel :is(button, input, select)')]
        .filter(e => !e.title).map(e => e.outerHTML)"""
    )
    assert unexplained == []


def test_the_tab_key_comes_by_every_part_in_the_order_of_the_eye(
    page: Page, panel: Locator
) -> None:
    panel.locator('[data-action="start"]').focus()
    met = []
    for _ in range(40):
        met.append(
            page.evaluate(
                """() => {
                  const e = document.activeElement;
                  return e.dataset.action ?? e.dataset.asks ?? e.dataset.tab ?? e.dataset.probe
                    ?? e.dataset.marker ?? (e.className || e.tagName);
                }"""
            )
        )
        if met[-1] == "events":
            break
        page.keyboard.press("Tab")
    assert met == [
        *("start", "keep", "clear", "snapshot", "save"),  # nothing to undo yet
        "kit-filter",
        *("record", "count", "aggregate", "trigger", "print", "time"),
        *("kit-when", "often"),
        "shop.fill",
        "events",
    ]
    page.keyboard.press("End")
    expect(panel.locator(".kit-tab[aria-selected=true]")).to_be_focused()
    page.keyboard.press("Home")
    expect(panel.get_by_role("tab", name="Events")).to_be_focused()


@pytest.mark.parametrize("width", [700, 1100])
def test_an_opened_row_is_seen_whole(page: Page, panel: Locator, width: int) -> None:
    page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
    page.set_viewport_size({"width": width + 140, "height": 1300})
    for _ in range(200):  # JupyterLab lays itself out when it comes to it
        size = panel.evaluate("e => e.getBoundingClientRect().width")
        if abs(size - width) < 60:
            break
        page.wait_for_timeout(50)
    assert abs(size - width) < 60
    cut = panel.evaluate(
        """panel => {
          const list = panel.querySelector('.kit-list'), more = panel.querySelector('.kit-more');
          const outer = list.getBoundingClientRect(), inner = more.getBoundingClientRect();
          const wide = [...more.querySelectorAll('*')].filter(
            e => e.getBoundingClientRect().right > outer.right + 1).map(e => e.className);
          return [inner.bottom > outer.bottom + 1, inner.top < outer.top - 1, wide];
        }"""
    )
    assert cut == [False, False, []]


def test_an_aggregate_is_drawn_as_it_grows(
    page: Page, panel: Locator, shot: Callable[[str], None]
) -> None:
    panel.get_by_role("tab", name="Aggregates").click()
    expect(panel.locator(".kit-tabs .kit-empty").first).to_contain_text("connect aggregate")
    dot(page, "aggregate").click()
    expect(panel.locator('.kit-body [data-ready="true"]')).to_have_count(1, timeout=60_000)
    page.get_by_label(f"what makes the keys of aggregate on {FILL}").select_option("sym")
    wait_for_python(page, "[each.by for each in panel.state.aggregates()] == [('sym',)]")
    drawn = """wanted => (window.Bokeh?.documents ?? [])
      .flatMap(d => [...d._all_models.values()])
      .filter(m => m.type === 'Title' || m.type === 'Div' || m.type === 'Label')
      .some(m => String(m.text).includes(wanted))"""
    for count in (10, 20):
        python(page, "run()")
        page.wait_for_function(drawn, arg=f"{count} events")
    for theme in ("light", "dark"):
        change_theme(page, theme)
        shot(f"panel-aggregates-{theme}")
    change_theme(page, "light")
    dot(page, "aggregate").click()
    wait_for_python(page, "fill.fanout == 0")


def test_a_trigger_stops_the_flight_recorder_at_its_event(
    page: Page, panel: Locator, shot: Callable[[str], None]
) -> None:
    panel.locator('[data-asks="keep"]').select_option("overwrite 10000")
    wait_for_python(page, "panel.state.recording.recorder.mode == 'overwrite'")
    dot(page, "record").click()
    dot(page, "aggregate").click()
    ask(page, "trigger", "qty == 4")
    dot(page, "trigger").click()
    wait_for_python(page, "fill.fanout == 3")
    expect(detail(page, "trigger").locator(".kit-note")).to_have_text("armed")
    python(page, "run()")
    expect(panel.locator(".kit-message")).to_contain_text("Trigger on shop.fill fired: qty 4")
    expect(detail(page, "trigger").locator(".kit-note")).to_contain_text("fired once: qty 4")
    expect(dot(page, "trigger")).to_have_attribute("aria-checked", "false")
    expect(dot(page, "record")).to_have_attribute("aria-checked", "false")
    expect(dot(page, "aggregate")).to_have_attribute("aria-checked", "true")
    assert python(page, "panel.frame('shop.fill')['qty'].tolist()") == [0, 1, 2, 3, 4]
    assert python(page, "[each.count for each in panel.state.aggregates()]") == [10]
    for theme in ("light", "dark"):
        change_theme(page, theme)
        shot(f"panel-trigger-{theme}")
    change_theme(page, "light")


def test_a_session_is_saved_stopped_and_opened_again(
    page: Page, panel: Locator, shot: Callable[[str], None]
) -> None:
    dot(page, "record").click()
    dot(page, "aggregate").click()
    ask(page, "trigger", "qty == 7")
    dot(page, "trigger").click()
    wait_for_python(page, "fill.fanout == 3")
    panel.get_by_role("tab", name="Session").click()
    expect(panel.locator(".kit-tabs .kit-empty").first).to_contain_text(
        "record on 1, aggregate on 1, trigger on 1"
    )
    button = {
        name: panel.locator(f'.kit-tabs [data-action="{name}"]')
        for name in ("begin-session", "end-session", "open", "leave")
    }
    wrong = panel.locator(".kit-session .kit-wrong")
    button["begin-session"].click()
    expect(wrong).to_contain_text("Name a folder")
    page.get_by_label("folder of a session").fill("runs/<b>monday")
    button["begin-session"].focus()
    page.keyboard.press("Enter")
    expect(button["end-session"]).to_be_focused()
    expect(wrong).to_be_hidden()
    wait_for_python(page, "fill.fanout == 6 and panel.session.running")
    python(page, "run(5)")
    facts = panel.locator(".kit-facts tbody tr")
    expect(facts).to_have_count(3)
    expect(facts.first).to_contain_text("5 events")
    for theme in ("light", "dark"):
        change_theme(page, theme)
        shot(f"panel-session-{theme}")
    change_theme(page, "light")
    button["end-session"].click()
    expect(button["begin-session"]).to_be_visible()
    wait_for_python(page, "fill.fanout == 3 and panel.session.join(0)")
    python(page, "panel.clear() or run(3)")

    button["open"].click()
    expect(button["leave"]).to_be_visible()
    assert python(page, "panel.opened.frame()['qty'].tolist()") == [0, 1, 2, 3, 4]
    panel.get_by_role("tab", name="Events").click()
    rows = panel.locator(".kit-events tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.first).to_have_text(re.compile("MainThread42BOLT$"))  # a column for each field
    panel.get_by_role("tab", name="Aggregates").click()
    expect(panel.locator('.kit-body:not([hidden]) [data-ready="true"]')).to_have_count(1)
    button["leave"].click()
    expect(button["leave"]).to_be_hidden()
    panel.get_by_role("tab", name="Events").click()
    expect(rows).to_have_count(3)
    assert python(page, "panel.opened is None")
