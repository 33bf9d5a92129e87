"""The board in JupyterLab: switches are clicked and pressed, verdicts and reasons follow."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab, change_theme, python, quiet, run_all

CELLS = ("from kit import rcu\n\nboard = rcu.board('1→2')", "board")


@pytest.fixture
def board(lab: Lab, page: Page) -> Locator:
    run_all(page, lab, lab.write("board.ipynb", *CELLS))
    shown = page.locator(".kit-board")
    expect(shown.locator(".kit-board-verdict").first).to_be_visible()
    return shown


def cell(board: Locator, question: str, model: str) -> Locator:
    return board.locator(f'.kit-board-verdict[data-question="{question}"][data-model="{model}"]')


def switch(board: Locator, name: str) -> Locator:
    return board.locator(f'.kit-board-toggle[data-switch="{name}"]')


def verdicts(board: Locator, question: str) -> list[str]:
    cells = board.locator(f'.kit-board-verdict[data-question="{question}"]')
    return [cells.nth(n).get_attribute("data-verdict") for n in range(cells.count())]


def test_toggles_change_verdicts_and_reasons(page: Page, board: Locator) -> None:
    assert verdicts(board, "stale") == ["Never", "Never", "Sometimes", "Sometimes"]
    head = board.locator(".kit-board-head")
    expect(head).to_contain_text("LKMM allows it: the pointer from before, NULL, is followed")
    expect(board.locator(".kit-board-picture svg .rf").first).to_be_visible()

    # The posted code has a barrier there, but one that does not order these loads.
    toggle = switch(board, "read-barrier")
    expect(toggle).to_have_attribute("aria-checked", "true")
    expect(toggle).to_have_attribute("data-right", "false")
    board.locator('.kit-board-line[data-switch="read-barrier"] select').select_option("smp_rmb")
    expect(cell(board, "stale", "lkmm")).to_have_attribute("data-verdict", "Never")
    expect(cell(board, "stale", "lkmm")).to_have_attribute("data-changed", "true")
    expect(head).to_contain_text("LKMM rules it out, by happens-before")
    expect(board.locator(".kit-board-steps li")).to_have_count(4)
    expect(board.locator(".kit-message")).to_contain_text("stale under lkmm is now Never")
    assert python(page, "board.choices['read-barrier']") == "smp_rmb"

    switch(board, "write-barrier").click()
    expect(cell(board, "stale", "lkmm")).to_have_attribute("data-verdict", "Sometimes")
    off = board.locator('.kit-board-line[data-switch="write-barrier"]')
    expect(off).to_have_attribute("data-off", "true")
    assert python(page, "board.matrix['stale', 'lkmm'].verdict") == "Sometimes"
    assert python(page, "board.text.count('smp_wmb')") == 0

    cell(board, "stale", "tso").click()
    expect(head).to_contain_text("TSO rules it out")
    board.get_by_role("button", name="as fixed").click()
    expect(board.locator(".kit-board-left > .kit-board-note")).to_contain_text("none of 9 switches")
    for question in ("stale", "uninitialised", "freed"):
        assert verdicts(board, question) == ["Never"] * 4
    board.get_by_role("button", name="as the kit does it").click()
    expect(board.locator(".kit-board-title")).to_contain_text("one pointer")
    switch(board, "grace-period").click()
    expect(cell(board, "freed", "sc")).to_have_attribute("data-verdict", "Sometimes")
    assert python(page, "board.case.name") == "one pointer"


def test_the_keyboard_reaches_everything(page: Page, board: Locator) -> None:
    cells_before = page.locator(".jp-Notebook .jp-Cell").count()
    first = switch(board, "write-array")
    first.focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    expect(switch(board, "write-barrier")).to_be_focused()
    page.keyboard.press("Space")
    expect(switch(board, "write-barrier")).to_have_attribute("aria-checked", "false")
    expect(switch(board, "write-barrier")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(switch(board, "write-barrier")).to_have_attribute("aria-label", "write-barrier: barrier")
    page.keyboard.press("End")
    expect(switch(board, "read-closure")).to_be_focused()
    page.keyboard.press("Home")
    expect(first).to_be_focused()
    # Keys that mean something to the notebook stay in the board.
    page.keyboard.press("d")
    page.keyboard.press("d")
    quiet(page)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells_before

    cell(board, "stale", "lkmm").focus()
    page.keyboard.press("ArrowLeft")
    expect(cell(board, "stale", "alpha")).to_be_focused()
    page.keyboard.press("Enter")
    expect(board.locator(".kit-board-head")).to_contain_text("Alpha allows it")


def test_a_change_in_python_shows_and_text_is_text(page: Page, board: Locator, lab: Lab) -> None:
    python(page, "board.set('read_barrier', 'smp_rmb')")
    expect(cell(board, "stale", "lkmm")).to_have_attribute("data-verdict", "Never")
    python(page, "board.reset('posted')")
    expect(cell(board, "stale", "lkmm")).to_have_attribute("data-verdict", "Sometimes")
    python(page, "board.look('uninitialised', 'alpha')")
    expect(cell(board, "uninitialised", "alpha")).to_have_attribute("aria-pressed", "true")

    model = "'\"<img src=x onerror=boom()>\"\\nacyclic po | rf | co | fr as mine'"
    made = f"hostile = rcu.board('0→1', models=[rcu.models.load({model}, '<b>mine</b>')])"
    run_all(page, lab, lab.write("hostile.ipynb", CELLS[0], made, "hostile"))
    shown = page.locator(".kit-board").last
    expect(shown.locator("thead th").last).to_have_text("<b>mine</b>")
    expect(shown.locator("img")).to_have_count(0)


@pytest.mark.parametrize("name", ["0→1", "1→2", "N→1", "A→0→B", "bit-fields", "one pointer"])
def test_the_board_is_looked_at(
    lab: Lab, page: Page, shot: Callable[[str], None], name: str
) -> None:
    cells = f"from kit import rcu\n\nboard = rcu.board({name!r})", "board"
    run_all(page, lab, lab.write("looks.ipynb", *cells))
    shown = page.locator(".kit-board")
    expect(shown.locator(".kit-board-verdict").first).to_be_visible()
    plain = name.replace("→", "-")
    for theme in ("light", "dark"):
        change_theme(page, theme)
        shown.scroll_into_view_if_needed()
        shot(f"board-{plain}-{theme}")
    change_theme(page, "light")
    if name == "1→2":
        page.set_viewport_size({"width": 700, "height": 1000})
        shot("board-narrow")
        page.set_viewport_size({"width": 1400, "height": 1000})
