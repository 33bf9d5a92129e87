"""What a fork may not cut in half: imports of rooms, and work that holds locks of other libraries.

A child in which a module is half imported waits for ever for its import lock, whose holder is a
thread of the parent; and one in which another thread was in the middle of a call of Arrow waits for
a lock within Arrow. So a fork waits for such work that is under way on other threads, and what is
about to begin waits for the fork. There is no lock that the work would hold: it would have to be
taken before those of CPython's imports, and a program may import a room by itself. Both waits end
after a while, whatever happens.
"""

from __future__ import annotations

import os
import time
from functools import wraps
from threading import get_ident

from kit.markers.forking import LOCKS, reset_in_child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

__all__ = ["come_first", "undivided"]

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


def _reset() -> None:
    me = get_ident()
    _working[:] = [each for each in _working if each[0] == me]
    _forking[:] = [each for each in _forking if each == me]


reset_in_child(LOCKS, _reset)
come_first()
