"""What the tests of the contract share; they need nothing but pytest and hypothesis."""

import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

import kit
from kit.core._publication import grace
from kit.core._runtime import mode
from kit.testing import isolated
from tests.contract.adding_up import every_event_in_one_count
from tests.contract.cells import Cells

_numbers = itertools.count(1)
PATIENCE = 30.0  # seconds until a test gives a thread up; nothing that works comes near


@pytest.fixture(autouse=True, params=[os.environ.get("KIT_DISPATCH") or kit.dispatcher])
def dispatcher(request: pytest.FixtureRequest) -> str:
    """The dispatcher under test: a process has one, so another is another run."""
    assert kit.dispatcher == request.param
    return request.param


@pytest.fixture(autouse=True)
def _registry_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Strict mode off; no marker, connection or pattern of one test reaches the next."""
    monkeypatch.setattr(mode, "strict", False)
    with isolated():
        yield


@pytest.fixture(autouse=True)
def _every_event_in_one_count(
    request: pytest.FixtureRequest, _registry_as_it_was: None
) -> Iterator[None]:
    """Rule 28 of every recorder and aggregate of every test, at its end."""
    if request.node.get_closest_marker("does_not_add_up"):
        yield
        return
    # Patches of its own: a test may undo those of its `monkeypatch`.
    with pytest.MonkeyPatch.context() as patch, every_event_in_one_count(patch):
        yield


@pytest.fixture
def prefix() -> str:
    """A first part for marker names that nobody else uses, and no pattern of another test."""
    return f"contract{next(_numbers)}"


@pytest.fixture
def unique(prefix: str) -> Callable[[str], str]:
    """Make a marker's name that nobody else uses: ``unique("fill")``."""
    return lambda name: f"{prefix}.{name}"


@pytest.fixture
def cells() -> Cells:
    """A notebook: ``cells.run("fill(1)")``."""
    return Cells()


class Background:
    """Threads whose exceptions fail the test, and which may not hang."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.errors: list[BaseException] = []

    def __call__(self, function: Callable[..., object], *args: object) -> threading.Thread:
        def run() -> None:
            try:
                function(*args)
            except BaseException as error:
                self.errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()
        return thread

    def join(self) -> None:
        """Wait for all of them and raise what the first one raised."""
        for thread in self.threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self.threads), "a thread hangs"
        self.threads.clear()
        if self.errors:
            raise self.errors[0]


@pytest.fixture
def background() -> Iterator[Background]:
    """Start functions on threads: ``background(function, *args)``, then ``background.join()``."""
    threads = Background()
    yield threads
    threads.join()


@pytest.fixture
def often() -> Iterator[None]:
    """Let the interpreter switch threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def frames() -> None:
    """For tests that look at frames: markers and probes need no pandas, frames do."""
    pytest.importorskip("pandas", exc_type=ModuleNotFoundError)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Say when somebody who waits for a grace period has found a dispatch to wait for."""
    event = threading.Event()
    snapshot = grace.snapshot

    def noted() -> grace.Cookie:
        cookie = snapshot()
        if cookie:
            event.set()
        return cookie

    monkeypatch.setattr(grace, "snapshot", noted)
    return event


@pytest.fixture
def switching() -> Iterator[None]:
    """Let the interpreter switch threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
