"""The harness itself: it sees what a reader sees, and it sees trouble."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import HUB
from tests.browser.lab import (
    REPOSITORY,
    Lab,
    Problems,
    change_theme,
    python,
    run_all,
    tracebacks,
    wait_for_python,
)

BUTTON = """
import threading
import ipywidgets as w

clicks = []
button, said = w.Button(description="press"), w.Label("silence")

def press(_):
    clicks.append(threading.get_ident())
    # From a thread: ipykernel before 7.4 loses or misplaces messages sent from there.
    thread = threading.Thread(target=setattr, args=(said, "value", f"pressed {len(clicks)}"))
    thread.start()
    thread.join()

button.on_click(press)
w.VBox([button, said])
"""


@pytest.mark.parametrize("lab", [{}, HUB], ids=["plain", "behind-a-hub"], indirect=True)
def test_a_click_reaches_python_and_its_answer_the_page(lab: Lab, page: Page) -> None:
    run_all(page, lab, lab.write("button.ipynb", BUTTON, "print(6 * 7)"))
    expect(page.get_by_text("42", exact=True)).to_be_visible()
    page.get_by_role("button", name="press").click()
    expect(page.get_by_text("pressed 1")).to_be_visible()
    page.get_by_role("button", name="press").click()
    expect(page.get_by_text("pressed 2")).to_be_visible()
    wait_for_python(page, "len(clicks) == 2")
    assert python(page, "[len(clicks), said.value]") == [2, "pressed 2"]


def test_themes_change(lab: Lab, page: Page, shot: Callable[[str], None]) -> None:
    run_all(page, lab, lab.write("theme.ipynb", "print('light and dark')"))
    for theme in ("dark", "light"):
        change_theme(page, theme)
        shot(f"harness-{theme}")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import warnings; warnings.warn('look out')", "look out"),
        ("import sys; print('oh no', file=sys.stderr)", "oh no"),
    ],
)
def test_a_cell_in_trouble_fails_the_run(lab: Lab, page: Page, cell: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        run_all(page, lab, lab.write("trouble.ipynb", cell))


def test_errors_in_the_page_and_requests_to_the_world_are_seen(
    lab: Lab, page: Page, problems: Problems
) -> None:
    run_all(page, lab, lab.write("empty.ipynb", "1"))
    assert problems.found == []
    page.evaluate("() => fetch('https://cdn.bokeh.org/bokeh.js').catch(() => null)")
    page.evaluate("() => console.error('from the page')")
    assert any("request to https://cdn.bokeh.org/bokeh.js" in text for text in problems.found)
    assert any("from the page" in text for text in problems.found)
    problems.found.clear()


def test_what_is_waited_for_may_have_to_come(lab: Lab, page: Page) -> None:
    late = "import threading\nthreading.Timer(0.5, lambda: globals().update(late=[1])).start()"
    run_all(page, lab, lab.write("late.ipynb", late))
    wait_for_python(page, "late[0] == 1")
    with pytest.raises(AssertionError, match="NameError"):
        wait_for_python(page, "never", seconds=0)


KERNEL = '  File "/venv/lib/python3.11/site-packages/ipykernel/kernelapp.py", line 21, in start\n'
KIT = f'  File "{REPOSITORY}/kit/widgets/_panel/widget.py", line 7, in refresh\n    self.draw()\n'


@pytest.mark.parametrize("last", ["KeyboardInterrupt", "RuntimeError: Event loop is closed"])
def test_a_kernel_may_say_farewell_and_the_kit_may_not(last: str) -> None:
    log = "[I ServerApp] Kernel shutdown\nTraceback (most recent call last):\n{}{}\n[I more]\n"
    assert tracebacks(log.format(KERNEL, last)) == []
    assert len(tracebacks(log.format(KERNEL + KIT, last))) == 1
    assert len(tracebacks(log.format(KERNEL, "ZeroDivisionError: division by zero"))) == 1
