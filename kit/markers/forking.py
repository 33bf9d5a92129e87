"""The child of a fork: what the parent's other threads have left behind there is reset, once.

Of the parent's threads only the forking one lives on in the child. What the others held or were
about is reset by what registers here with `reset_in_child`, in the order of its numbers. A hook of
`os.register_at_fork` alone would come too late: CPython finalises the other threads' locals in the
child first, and a finaliser there may disconnect a probe. So whoever is about to take a lock or to
wait calls `look`, and the hook is only the last who does. Who does that often looks at `begun`
before, which is there from before a fork on, and costs less than the number of the process.
"""

from __future__ import annotations

import os
from functools import partial
from os import getpid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

__all__ = ["LOCKS", "READERS", "RECORDINGS", "UPDATES", "begun", "look", "reset_in_child"]

LOCKS, UPDATES, READERS, RECORDINGS = range(4)
"""In this order: what comes later takes locks, updates, and waits for nobody."""

begun: Final[list[None]] = []
"""One for each fork that is under way; empty again in the parent, and in a child that is reset."""

_resets: Final[list[list[Callable[[], None]]]] = [[], [], [], []]


class _Process:
    """Which process this module's state is of."""

    pid = getpid()


def reset_in_child(order: int, reset: Callable[[], None]) -> None:
    """Have something reset in the child of a fork.

    Parameters
    ----------
    order : int
        `LOCKS`, `UPDATES`, `READERS` or `RECORDINGS`.
    reset : callable
        Called in the one thread of the child, perhaps within a finaliser. Like all that runs there
        it may be interrupted.
    """
    _resets[order].append(reset)


def look() -> None:
    """Reset what a fork has left behind, where this is a child in which nobody has done it yet."""
    if getpid() != _Process.pid:
        _reset()


def _reset() -> None:
    # First: what is reset takes locks, and so looks, too.
    _Process.pid = getpid()
    failed = None
    for resets in _resets:
        for reset in resets:
            try:
                reset()
            except Exception as error:  # the others matter all the more
                failed = error
    begun.clear()
    if failed is not None:
        raise failed


if hasattr(os, "register_at_fork"):
    # Both are in C: no signal handler raises in the middle of them.
    os.register_at_fork(before=partial(begun.append, None), after_in_parent=begun.pop)
