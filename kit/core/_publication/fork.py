"""The child of a fork: what the parent's other threads have left behind there is reset, once.

Of the parent's threads only the forking one lives on in the child. What the others held or were
about is reset by what registers here with `reset_in_child`, in the order of its numbers. A hook of
`os.register_at_fork` alone would come too late: CPython finalises the other threads' locals in the
child first, and a finaliser there may disconnect a probe. So whoever is about to take a lock or to
wait calls `look`, and the hook is only the last who does. Who does that often looks at `begun`
before, which is there from before a fork on, and costs less than the number of the process.

And what a fork may not cut in half: imports of rooms (`import_room`), and work that holds locks of
other libraries (`undivided`). A child in which a module is half imported waits for ever for its
import lock, whose holder is a thread of the parent; and one in which another thread was in the
middle of a call of Arrow waits for a lock within Arrow. So a fork waits for such work that is under
way on other threads, and what is about to begin waits for the fork. There is no lock that the work
would hold: it would have to be taken before those of CPython's imports, and a program may import a
room by itself. Both waits end after a while, whatever happens.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial, wraps
from os import getpid
from threading import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Final, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")


__all__ = [
    "LOCKS",
    "READERS",
    "RECORDINGS",
    "UPDATES",
    "begun",
    "come_first",
    "import_room",
    "look",
    "reset_in_child",
    "undivided",
]

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


_LONGEST_WORK: Final = 30.0
_LONGEST_FORK: Final = 2.0
_GLANCE: Final = 0.001

# Of threads, by what is theirs alone: a thread may be in the middle of several.
_working: Final[list[tuple[int, object]]] = []
_forking: Final[list[int]] = []


def undivided(work: Callable[P, R]) -> Callable[P, R]:
    """Have forks on other threads wait while a function runs.

    Parameters
    ----------
    work : callable
        Its thread may fork in the middle of it, by a signal handler, say: that waits for nobody.

    Returns
    -------
    callable
        Takes, does and returns what `work` does.

    Examples
    --------
    >>> @undivided
    ... def double(n):
    ...     return 2 * n
    >>> double(21)
    42
    """

    @wraps(work)
    def whole(*args: P.args, **kwargs: P.kwargs) -> R:
        mine = (get_ident(), object())
        try:
            _begin(mine)
            return work(*args, **kwargs)
        finally:
            if mine in _working:
                _working.remove(mine)

    return whole


def _begin(mine: tuple[int, object]) -> None:
    """Say that work is under way, when no other thread forks."""
    me = mine[0]
    within = any(ident == me for ident, _ in _working)  # then a fork waits for it already
    deadline = time.monotonic() + _LONGEST_FORK
    # First this is said, then looked whether a thread forks; who forks does it the other way round.
    # So one of them sees the other, and does not go on.
    _working.append(mine)
    while not within and any(ident != me for ident in _forking) and time.monotonic() < deadline:
        _working.remove(mine)
        time.sleep(_GLANCE)
        _working.append(mine)


def come_first() -> None:
    """Have forks wait before what registered its hooks with `os.register_at_fork` until now.

    Of two such hooks the one that was registered later comes first.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)


def _before() -> None:
    me = get_ident()
    _forking.append(me)
    deadline = time.monotonic() + _LONGEST_WORK
    while any(ident != me for ident, _ in _working) and time.monotonic() < deadline:
        time.sleep(_GLANCE)


def _after() -> None:
    me = get_ident()
    while me in _forking:
        _forking.remove(me)


def _forget_work() -> None:
    me = get_ident()
    _working[:] = [each for each in _working if each[0] == me]
    _forking[:] = [each for each in _forking if each == me]


reset_in_child(LOCKS, _forget_work)
come_first()


_first: Final[list[bool]] = []


def import_room(name: str) -> ModuleType:
    """Import a room of the kit, as `importlib.import_module` does.

    Parameters
    ----------
    name : str
        Such as ``"kit.frames"``.

    Returns
    -------
    module

    Examples
    --------
    >>> import_room("kit.errors").__name__
    'kit.errors'
    """
    module = sys.modules.get(name)
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        return module
    return _import(name)


@undivided
def _import(name: str) -> ModuleType:
    import importlib

    _look_at_hooks()
    return importlib.import_module(name)


def _look_at_hooks() -> None:
    """Have forks wait before other modules' hooks take locks that an import may wait for.

    These two modules have hooks that take locks, and are imported by what frames need; were they
    imported while a fork waits, it would give back locks that it has not taken.
    """
    if not _first:
        import concurrent.futures.thread  # noqa: F401
        import logging  # noqa: F401

        _first.append(True)
        come_first()
