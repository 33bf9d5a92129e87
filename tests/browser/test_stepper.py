"""The stepper in JupyterLab: clicks and keys move threads, forward, back, and to bad states."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab, change_theme, python, run_all, wait_for_python

CELLS = (
    "from kit import rcu\n\nstepper = rcu.stepper('2→1', 'kit', faults=['no grace period'])",
    "stepper",
)
STUDENT = """
from kit.rcu.steps import load, store

def reader():
    func = yield load("func")
    private = yield load("private")
    yield rcu.steps.call(func, private)

mine = rcu.stepper(rcu.Machine(
    {"reader": reader},
    {"updater": [store("func", "B"), store("private", "b")]},
    {"func": "A", "private": "a"},
    title="<b>mine</b>",
))
mine
"""


@pytest.fixture
def stepper(lab: Lab, page: Page) -> Locator:
    run_all(page, lab, lab.write("stepper.ipynb", *CELLS))
    shown = page.locator(".kit-step")
    expect(shown.locator(".kit-step-memory svg")).to_be_visible()
    return shown


def mover(stepper: Locator, thread: str) -> Locator:
    return stepper.locator(f'.kit-step-move[data-thread="{thread}"]')


def line(stepper: Locator, thread: str) -> Locator:
    return stepper.locator(f'.kit-step-thread[data-thread="{thread}"] li[aria-current]')


def test_clicks_move_threads_forward_and_back(page: Page, stepper: Locator) -> None:
    expect(line(stepper, "reader")).to_contain_text("yield self.read_lock()")
    mover(stepper, "reader").click()
    expect(line(stepper, "reader")).to_contain_text('yield load("marker.array")')
    mover(stepper, "reader").click()
    mover(stepper, "updater").click()
    expect(stepper.locator(".kit-step-list li")).to_have_count(3)
    expect(stepper.locator(".kit-step-facts")).to_contain_text("updater has the updates")
    assert python(page, "[s.thread for s in stepper.machine.trace]") == [
        "reader",
        "reader",
        "updater",
    ]
    stepper.locator('[data-action="back"]').click()
    stepper.locator('[data-action="back"]').click()
    wait_for_python(page, "len(stepper.machine.trace) == 1")
    expect(stepper.locator('.kit-step-list button[data-taken="false"]')).to_have_count(2)
    stepper.locator('[data-action="forward"]').click()
    expect(stepper.locator('.kit-step-list button[data-taken="false"]')).to_have_count(1)
    stepper.locator(".kit-step-list button").nth(2).click()
    wait_for_python(page, "len(stepper.machine.trace) == 3")
    stepper.locator('[data-action="reset"]').click()
    wait_for_python(page, "len(stepper.machine.trace) == 0")
    expect(stepper.locator('[data-action="back"]')).to_have_attribute("aria-disabled", "true")


def test_exploring_and_running_to_the_bad_state(
    page: Page, stepper: Locator, shot: Callable[[str], None]
) -> None:
    stepper.locator('[data-action="explore"]').click()
    counts = stepper.locator(".kit-step-count")
    expect(counts).to_contain_text("interleavings")
    states = python(page, "f'{stepper.found.states:,} states'")
    expect(counts).to_contain_text(states)
    stepper.locator('[data-bad="use after free"]').click()
    message = stepper.locator(".kit-message")
    expect(message).to_contain_text("use after free: reader looked at array 1 after it was freed")
    expect(message).to_have_class("kit-message kit-bad")
    expect(stepper.locator(".kit-memory .freed text").first).to_contain_text("array 1")
    crashed = stepper.locator('.kit-step-thread[data-thread="reader"]')
    expect(crashed).to_have_attribute("data-state", "crashed")
    expect(mover(stepper, "reader")).to_have_attribute("aria-disabled", "true")
    change_theme(page, "dark")
    shot("stepper-dark")
    change_theme(page, "light")
    shot("stepper-light")
    stepper.locator('[data-action="reset"]').click()
    stepper.locator('[data-action="nearest"]').click()
    wait_for_python(page, "stepper.machine.bad[0].name == 'use after free'")


def test_keys_do_it_too(page: Page, stepper: Locator) -> None:
    mover(stepper, "reader").focus()
    page.keyboard.press("Enter")
    wait_for_python(page, "len(stepper.machine.trace) == 1")
    page.keyboard.press("2")
    page.keyboard.press("1")
    wait_for_python(page, "[s.thread[0] for s in stepper.machine.trace] == ['r', 'u', 'r']")
    page.keyboard.press("ArrowLeft")
    wait_for_python(page, "len(stepper.machine.trace) == 2")
    page.keyboard.press("ArrowRight")
    wait_for_python(page, "len(stepper.machine.trace) == 3")
    page.keyboard.press("Home")
    wait_for_python(page, "len(stepper.machine.trace) == 0")
    expect(mover(stepper, "reader")).to_be_focused()
    page.keyboard.press("Tab")
    expect(mover(stepper, "updater")).to_be_focused()


def test_a_machine_moved_from_a_cell_moves_the_page(page: Page, stepper: Locator) -> None:
    python(page, "stepper.machine.step('updater').number")
    expect(stepper.locator(".kit-step-list li")).to_have_count(1)
    expect(stepper.locator(".kit-message")).to_contain_text("updater: lock updates.")


def test_a_students_own_programs_are_shown(lab: Lab, page: Page) -> None:
    run_all(page, lab, lab.write("mine.ipynb", "from kit import rcu", STUDENT))
    shown = page.locator(".kit-step")
    expect(shown.locator(".kit-step-title")).to_have_text("<b>mine</b>")
    expect(line(shown, "reader")).to_contain_text('func = yield load("func")')
    expect(line(shown, "updater")).to_contain_text("store func = B")
    shown.locator('[data-action="nearest"]').click()
    expect(shown.locator(".kit-message")).to_contain_text("torn closure: reader called B with")
    expect(shown.locator('.kit-step-thread[data-thread="reader"] .kit-step-next')).to_have_text(
        "✓ done"
    )
