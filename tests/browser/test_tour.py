"""The first notebooks in JupyterLab, as a reader runs them: every plot, no word of complaint."""

import os
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import HUB
from tests.browser.lab import Lab, change_theme, python, run_all, wait_for_python

# `make binder-check` runs this behind a hub; once is enough elsewhere.
WAYS = [HUB] if os.environ.get("KIT_LAB_PYTHON") else [{}]

PLOTTED = {
    "01-tour": (
        "latency-plot",
        "heat-plot",
        "timeline-plot",
        "run-after",
        "fanout-plot",
        "publication-plot",
    ),
    "02-several-probes": ("transitions-run", "why-timeline"),
}


@pytest.mark.parametrize("name", PLOTTED)
@pytest.mark.parametrize("lab", WAYS, ids=lambda way: "hub" if way else "plain", indirect=True)
def test_a_notebook_runs_and_shows_its_plots(
    lab: Lab, page: Page, shot: Callable[[str], None], name: str
) -> None:
    run_all(page, lab, f"{name}.ipynb")
    panel = page.locator(".kit-panel")
    panel.scroll_into_view_if_needed()
    expect(panel).to_have_attribute("data-live", "live")
    rate = panel.locator('.kit-row[data-marker="db.commit"] .kit-rate')
    expect(rate).to_have_text(re.compile(r"\d"))
    shot(f"{name}-panel-light")
    for theme in ("light", "dark"):
        change_theme(page, theme)
        for cell in PLOTTED[name]:
            shown = page.locator(".jp-Notebook .jp-Cell").nth(place(page, cell))
            shown.scroll_into_view_if_needed()
            expect(shown.locator('[data-ready="true"] .bk-Figure').first).to_be_visible()
            shot(f"{name}-{cell}-{theme}")
    change_theme(page, "light")
    page.get_by_role("button", name="Stop the book").click()
    expect(panel).to_have_attribute("data-state", "closed")
    wait_for_python(page, "not live.running" if name == "01-tour" else "not book.running")
    assert python(page, "[marker.name for marker in kit.markers() if marker]") == []


def place(page: Page, cell: str) -> int:
    """Which cell of the notebook has this id."""
    ids = page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.id)"
    )
    return ids.index(cell)
