"""A span for each garbage collection: every thread stands still while it runs."""

import gc
import threading
from typing import Any

import kit

__all__ = ["install", "remove"]

pause = kit.span("gc.pause", generation=int)

_lock = threading.Lock()
_users = 0
_running: list[Any] = []


def _on_collection(phase: str, info: dict[str, int]) -> None:
    # Only one collection runs at a time, on whichever thread set it off, so a list is enough.
    if phase == "start":
        if pause:
            running = pause(info["generation"])
            running.__enter__()
            _running.append(running)
    elif _running:
        _running.pop().__exit__(None, None, None)


def install() -> None:
    """Begin to fire ``gc.pause``; counted, so that two programs can share it."""
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            gc.callbacks.append(_on_collection)


def remove() -> None:
    """Undo one `install`; the last one takes the callback out of `gc.callbacks`."""
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            gc.callbacks.remove(_on_collection)
