"""Probes and pauses with which the tests of the contract bring two threads to a given moment."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit.core._dispatch import array as arrays
from tests.contract.adding_up import add_up
from tests.contract.conftest import PATIENCE

__all__ = [
    "LONG",
    "ROOT",
    "Gate",
    "add_up",
    "dispatching",
    "interrupting_an_update",
    "run_apart",
    "until",
    "updating",
]

LONG = bool(os.environ.get("KIT_LONG_TESTS"))
ROOT = Path(__file__).parents[2]


class Gate:
    """A probe that holds its dispatch up: `entered` says that it is there, `release` lets it go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()
        self.log: list[str] = []

    def __call__(self, *args: object) -> None:
        self.entered.set()
        assert self.release.wait(PATIENCE), "nobody opened the gate"
        self.log.append("dispatch ended")


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.001)


@contextmanager
def dispatching(marker, background, *args) -> Iterator[Gate]:
    """Have another thread in a dispatch of a marker for as long as the block lasts."""
    gate = Gate()
    with marker.connect(gate):
        thread = background(marker, *args)
        try:
            assert gate.entered.wait(PATIENCE)
            yield gate
        finally:
            gate.release.set()
            thread.join(PATIENCE)


@contextmanager
def updating(background, monkeypatch: pytest.MonkeyPatch, marker, when="before") -> Iterator[None]:
    """Have another thread in the middle of an update, holding the lock, while the block lasts.

    The update connects one more probe to ``marker``. ``when`` says whether its array is about to
    be built or has been built already.
    """
    entered, release = threading.Event(), threading.Event()
    build = arrays.build

    def slow(*args):
        monkeypatch.setattr(arrays, "build", build)
        early = build(*args) if when == "after" else None
        entered.set()
        assert release.wait(PATIENCE)
        return early or build(*args)

    monkeypatch.setattr(arrays, "build", slow)
    thread = background(marker.connect, lambda *args: None)
    try:
        assert entered.wait(PATIENCE)
        yield
    finally:
        release.set()
        thread.join(PATIENCE)


@contextmanager
def interrupting_an_update(monkeypatch: pytest.MonkeyPatch, interruption: Callable) -> Iterator:
    """Run something on the updating thread in the middle of the next update, its lock held."""
    build = arrays.build
    happened: list[object] = []

    def interrupted(*args):
        monkeypatch.setattr(arrays, "build", build)
        happened.append(interruption())
        return build(*args)

    monkeypatch.setattr(arrays, "build", interrupted)
    yield happened
    assert happened, "there was no update to interrupt"


def run_apart(code: str, *arguments: object, timeout: float = 120) -> str:
    """Run a program in a process of its own, which may not hang; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()
