from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import comm
import ipywidgets
import pytest

from kit.core._registry import registry
from tests.widgets.page import FakeComm


@pytest.fixture(autouse=True)
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give widgets comms that keep what they send."""
    ipywidgets.Widget.close_all()
    monkeypatch.setattr(comm, "create_comm", FakeComm)
    yield
    ipywidgets.Widget.close_all()


@pytest.fixture(autouse=True)
def nothing_stays_connected() -> Iterator[None]:
    yield
    left = [c for marker in registry.matching("*") for c in marker.probes]
    for connection in left:
        connection.disconnect()
    assert not left, f"left connected: {left}"


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is so; only a hang makes this fail."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "it never came to this"
            time.sleep(0.005)

    return wait
