"""A watched transition in JupyterLab: the plot of what happened, and the model's picture below."""

from playwright.sync_api import Page, expect

from tests.browser.lab import Lab, python, run_all

CELLS = ("from kit import rcu\n\nwatch = rcu.watch('1→0→1', 6)", "watch", "rcu.tearing(500)")


def test_both_pictures_are_shown(lab: Lab, page: Page) -> None:
    run_all(page, lab, lab.write("watch.ipynb", *CELLS))
    expect(page.locator('[data-ready="true"]')).to_be_visible()
    model = page.locator("svg.kit-time:visible")  # its static picture is there, too, and hidden
    expect(model.locator(".store")).to_have_count(2)
    expect(model.locator(".wait")).to_have_count(2)
    expect(model.locator(".newest")).to_have_count(1)
    assert python(page, "(len(watch.publications), len(watch.counts), watch.late)") == (2, 3, 0)
    expect(page.get_by_role("cell", name="one tuple, at once")).to_be_visible()
