"""A notebook that is opened without its kernel shows pictures, and a live one shows no second."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.lab import Lab, Problems, end_kernels, open_notebook, run_all

CELLS = (
    """
import kit, kit.widgets
from kit import plots
import pandas as pd
ts = range(0, 1_000_000, 1_000)
frame = pd.DataFrame({"ts": ts, "dur": [5_000 + t % 7_919 for t in ts], "marker": "stills.slow"})
plots.latency_over_time(frame)
""",
    """
fill = kit.marker("stills.fill", qty=int)
panel = kit.panel("stills.*")
panel
""",
)
STILL = "[data-kit-still]"
DEAD = "model not found"


def test_saved_closed_and_opened_again_there_are_pictures(
    lab: Lab, page: Page, shot: Callable[[str], None], problems: Problems
) -> None:
    name = lab.write("stills.ipynb", *CELLS)
    run_all(page, lab, name)
    expect(page.locator(".bk-Figure")).to_have_count(1)
    expect(page.locator(".kit-panel")).to_be_visible()
    # The pictures are there, for they are saved, but the live views hide them.
    expect(page.locator(STILL)).to_have_count(2)
    for index in range(2):
        expect(page.locator(STILL).nth(index)).to_be_hidden()
    shot("stills-live")
    page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")
    end_kernels(page)
    page.wait_for_function(
        "async () => { const s = jupyterapp.serviceManager.sessions;"
        " await s.refreshRunning(); return [...s.running()].length === 0 }"
    )
    open_notebook(page, lab, name)
    gone(page)
    shot("stills-without-kernel")
    # Notebook 7, from the same server.  Both complain of each view whose model is gone, and
    # Notebook 7 misses settings of its own; nothing else may be wrong.
    page.goto(lab.address(name).replace("lab/tree/", "notebooks/"))
    gone(page)
    shot("stills-notebook-7")
    own = ("widget model not found", "notebook_core")
    problems.found = [each for each in problems.found if not any(name in each for name in own)]


def gone(page: Page) -> None:
    """The page shows both pictures, and not a word of what is gone."""
    expect(page.get_by_text(DEAD)).to_have_count(2)  # JupyterLab has said it ...
    for index in range(2):
        expect(page.get_by_text(DEAD).nth(index)).to_be_hidden()  # ... where nobody sees it
    picture = page.locator(f"{STILL} img")
    expect(picture).to_be_visible()
    expect(picture).to_have_attribute(
        "alt", "LatencyOverTime: Latency over time · stills.slow; 1,000 events"
    )
    assert picture.evaluate("img => img.decode().then(() => img.naturalWidth)") >= 1000
    expect(page.locator(STILL).get_by_text("Not live: as it was at")).to_be_visible()
    expect(page.locator(STILL).get_by_text("stills.fill")).to_be_visible()
