"""The lessons in JupyterLab: they run, they are looked at, and boards and steppers in them work."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab, change_theme, python, run_all, wait_for_python

# Cells to be looked at, by notebook.
LOOKS = {
    "10-one-pointer.ipynb": ("stepper", "exercise-one-swap", "orders"),
    "11-barriers.ipynb": ("prediction-bare", "torn", "why", "board-n-1", "exercise-control"),
    "12-waiting-for-readers.ipynb": ("stepper", "grace-why", "board", "exchange"),
    "13-litmus-lab.ipynb": ("half", "refused", "exercise-separate", "exercise-whole-fix"),
}


def cell(page: Page, name: str) -> Locator:
    ids = page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.id)"
    )
    return page.locator(".jp-Notebook .jp-Cell").nth(ids.index(name))


@pytest.mark.parametrize("name", LOOKS, ids=lambda name: name.removesuffix(".ipynb"))
def test_a_lesson_runs_and_is_looked_at(
    lab: Lab, page: Page, shot: Callable[[str], None], name: str
) -> None:
    run_all(page, lab, name)
    checks = page.locator(".kit-check")
    for number in range(checks.count()):
        assert checks.nth(number).get_attribute("data-status") in ("open", "not yet")
    for theme in ("light", "dark"):
        change_theme(page, theme)
        for look in LOOKS[name]:
            shown = cell(page, look)
            shown.evaluate("cell => cell.scrollIntoView({ block: 'start' })")
            expect(shown.locator(".jp-OutputArea-output").first).to_be_visible()
            shot(f"lesson-{name[:2]}-{look}-{theme}")
    change_theme(page, "light")


def test_the_boards_of_a_lesson_are_for_playing(lab: Lab, page: Page) -> None:
    run_all(page, lab, "11-barriers.ipynb")
    board = cell(page, "board-n-1").locator(".kit-board")
    verdict = board.locator('.kit-board-verdict[data-question="torn"][data-model="lkmm"]')
    # The type orders all the rest, so the write barrier before it may go, and then nothing else.
    board.locator('.kit-board-toggle[data-switch="write-barrier"]').click()
    expect(board.locator(".kit-message")).to_contain_text("write-barrier: none")
    expect(verdict).to_have_attribute("data-verdict", "Never")
    board.locator('.kit-board-toggle[data-switch="second-write-barrier"]').click()
    expect(verdict).to_have_attribute("data-verdict", "Sometimes")
    other = cell(page, "board-1-2").locator(".kit-board")
    expect(other.locator(".kit-board-verdict").first).to_have_attribute("data-verdict", "Never")


def test_a_schedule_made_by_hand_passes(lab: Lab, page: Page) -> None:
    run_all(page, lab, "12-waiting-for-readers.ipynb")
    assert python(page, "machine.trace") == ()
    stepper = cell(page, "stepper").locator(".kit-step")
    for number, thread in enumerate(["reader"] * 2 + ["updater"] * 9 + ["reader"], 1):
        stepper.locator(f'.kit-step-move[data-thread="{thread}"]').click()
        wait_for_python(page, f"len(machine.trace) == {number}")
    assert python(page, "machine.bad[0].name") == "use after free"
    assert python(page, "bool(exercises.check('use-after-free', machine))") is True
