"""Locks for where threads run Python code at the same time, see `kit.markers.choice.unlocked`."""

from __future__ import annotations

import os
import weakref
from threading import RLock
from typing import Any

from kit.markers.choice import unlocked

__all__ = ["lock"]

_locks: weakref.WeakSet[Any] = weakref.WeakSet()


def lock() -> Any:
    """Return a lock that its thread may take again, as in a signal handler, and that a fork frees.

    Returns
    -------
    threading.RLock

    Examples
    --------
    >>> with lock():
    ...     pass
    """
    made = RLock()
    if unlocked:
        _locks.add(made)
    return made


def _after_fork() -> None:
    # Other threads do not exist here, and give back no lock.
    for each in list(_locks):
        if not each._is_owned():
            each._at_fork_reinit()


if unlocked and hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
