"""Fixtures around `lab`: a server, a browser, and a page that fails the test when it misbehaves."""

import contextlib
import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser import lab as tools

REQUIRED = bool(os.environ.get("KIT_REQUIRE_BROWSER"))
MISSING = "no Chromium found: install it, or set CHROMIUM=/path/to/it"
HUB = {"base_url": "/user/reader/", "token": True}  # what a hub or Binder puts in front


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser these tests are skipped, or fail where KIT_REQUIRE_BROWSER says so."""
    if tools.find_chromium() is None and not REQUIRED:
        for item in items:
            if "chromium" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason=MISSING))


# Scope "package", not "session": while it is open, Playwright keeps an event loop running on this
# thread, and the other tests want to run their own.
@pytest.fixture(scope="package")
def chromium() -> Iterator[BrowserContext]:
    if tools.find_chromium() is None:
        pytest.fail(MISSING)
    with tools.browse() as browser:
        yield browser


@pytest.fixture(scope="package")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., tools.Lab]]:
    """Start a server for each way of serving that a test asks for, once."""
    with contextlib.ExitStack() as stack:
        running: dict[str, tools.Lab] = {}

        def lab(**way: object) -> tools.Lab:
            key = repr(way)
            if key not in running:
                folder = tmp_path_factory.mktemp("lab")
                running[key] = stack.enter_context(tools.serve(folder, **way))
            return running[key]

        yield lab
    for served in running.values():
        assert tools.tracebacks(served.log.read_text()) == [], served.log


@pytest.fixture
def lab(request: pytest.FixtureRequest, labs: Callable[..., tools.Lab]) -> tools.Lab:
    """The plain server; with `parametrize("lab", [HUB], indirect=True)` one as behind a hub."""
    return labs(**getattr(request, "param", {}))


@pytest.fixture
def problems() -> tools.Problems:
    return tools.Problems()


@pytest.fixture
def page(chromium: BrowserContext, problems: tools.Problems) -> Iterator[Page]:
    """A new page; at the end it must have had no problem."""
    page = chromium.new_page()
    problems.watch(page)
    yield page
    found = problems.found.copy()  # what JupyterLab says while it is pulled apart is its own affair
    tools.end_kernels(page)
    page.close()
    assert found == []


@pytest.fixture
def shot(page: Page) -> Callable[[str], None]:
    """`shot("panel-dark")` keeps a screenshot for people to look at."""

    def take(name: str) -> None:
        tools.SCREENSHOTS.mkdir(exist_ok=True)
        tools.settle(page)
        page.screenshot(path=tools.SCREENSHOTS / f"{name}.png", animations="disabled")

    return take
