"""Takes the README's pictures from the real thing, light and dark: `make pictures`."""

import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import (
    REPOSITORY,
    browse,
    change_theme,
    end_kernels,
    quiet,
    run_all,
    serve,
    settle,
    wait_for_python,
)

FOLDER = REPOSITORY / "docs" / "pictures"
COLORS = 160  # enough for interface and density map, and a third of the bytes

PANEL = """
import kit
from kit.demo import OrderBook

book = OrderBook(rate=200, seed=8).start()
panel = kit.panel()
"""

PLOTS = """
import kit
from kit import plots
from kit.demo import OrderBook

watched = kit.record(["db.*", "orders.*", "gc.*"])
OrderBook(rate=400, seed=7).run(seconds=6)
watched.stop()
commits = watched.frame("db.commit")
heat = plots.latency_over_time(commits)
limit = int(5 * commits["dur"].median())
heat.selection.select(dur=(limit, int(commits["dur"].max())))
"""


def picture(page: Page, element: Locator, name: str) -> None:
    """Take an element in both themes."""
    for theme in ("light", "dark"):
        change_theme(page, theme)
        element.scroll_into_view_if_needed()
        quiet(page)
        settle(page)
        path = FOLDER / f"{name}-{theme}.png"
        page.mouse.move(0, 0)
        element.screenshot(path=path, animations="disabled")
        with Image.open(path) as image:
            # By coverage: a colour that only a few dots have is still that colour.
            small = image.convert("RGB").quantize(
                COLORS, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
            )
        small.save(path, optimize=True)
        print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size / 1000:.0f} kB")


def connect(page: Page, marker: str, probe: str) -> None:
    page.locator(f'.kit-row[data-marker="{marker}"] .kit-dot[data-probe="{probe}"]').click()


def take_panel(page: Page) -> None:
    panel = page.locator(".kit-panel")
    for marker in ("db.commit", "db.checkpoint", "db.expire", "gc.pause", "orders.submit"):
        connect(page, marker, "record")
    connect(page, "db.commit", "time")
    connect(page, "orders.submit", "count")
    connect(page, "orders.fill", "count")
    page.locator('.kit-row[data-marker="db.commit"] .kit-twist').click()
    panel.get_by_role("tab", name="Latency").click()
    wait_for_python(page, "len(panel.frame()) > 2_000")
    expect(panel.locator('[data-ready="true"]').first).to_be_visible()
    picture(page, panel, "panel")


def take_plots(page: Page) -> None:
    plot = page.locator('[data-ready="true"]')
    expect(plot).to_be_visible()
    picture(page, plot, "heat")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder)) as lab,
        browse(scale=2) as context,
    ):
        page = context.new_page()
        page.set_viewport_size({"width": 1300, "height": 1500})
        for name, cells, take in (
            ("panel", (PANEL, "panel"), take_panel),
            ("plots", (PLOTS, "heat"), take_plots),
        ):
            run_all(page, lab, lab.write(f"{name}.ipynb", *cells))
            page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
            take(page)
            end_kernels(page)


if __name__ == "__main__":
    main()
