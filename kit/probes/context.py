"""What can be recorded with an event besides its own fields: where it happened."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["CONTEXT", "context_functions"]


def task_name() -> str | None:
    """Return the name of the running asyncio task, or None."""
    # A program that has not imported asyncio has no tasks.
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return None
    name: str | None = None if task is None else task.get_name()
    return name


def thread_name() -> str | None:
    """Return the name of the running thread, or None for one that Python did not start."""
    thread = getattr(threading, "_active", {}).get(threading.get_ident())
    name: str | None = None if thread is None else thread.name
    return name


CONTEXT: Final[dict[str, Callable[[], Any]]] = {
    "process": os.getpid,
    "task": task_name,
    "thread": thread_name,
}
"""Context fields by name."""


def context_functions(names: Iterable[str]) -> tuple[tuple[str, ...], list[Callable[[], Any]]]:
    """Look up context fields.

    Parameters
    ----------
    names : iterable of str
        Such as ``("task",)``.

    Returns
    -------
    tuple of str, list of callable

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones.
    """
    if isinstance(names, str):
        names = (names,)
    chosen = tuple(names)
    for name in chosen:
        if name not in CONTEXT:
            raise ValueError(
                f"there is no context field {name!r}; known are: {', '.join(sorted(CONTEXT))}"
            )
    return chosen, [CONTEXT[name] for name in chosen]
