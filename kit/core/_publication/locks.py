"""The locks of the kit, and in which order they are taken.

A thread that holds a lock waits only for locks of a higher rank:

==========  =====================================================================================
`OUTER`     what a pane, a plot or the panel changes one at a time; probes are connected under it
`REGISTRY`  updates, and what changes in a recorder's file with them
`INNER`     what the stores of the dispatcher in Python write and read, all under one lock, and
            what threads count where they run at the same time
==========  =====================================================================================

So no two threads wait for each other. An interruption (a signal handler, ``__del__``, a callback of
the garbage collector) may come on a thread that holds an inner lock and update: its update is
queued, and made when that lock is given up, see `kit.core._publication.updater`.

With ``KIT_CHECK_LOCKS=1`` in the environment each lock looks at what its thread holds, and raises
`LockOrderError` where it would be taken out of order.
"""

from __future__ import annotations

import sys
from _thread import RLock
from _weakrefset import WeakSet  # of `weakref`, which imports more than it
from threading import get_ident

from kit.core._publication.fork import LOCKS, reset_in_child
from kit.core._runtime import flag, unlocked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

__all__ = [
    "INNER",
    "OUTER",
    "REGISTRY",
    "Lock",
    "LockOrderError",
    "free",
    "gone",
    "holds_inner",
    "inner",
    "inner_lock",
    "new_lock",
]

OUTER: Final = 100
REGISTRY: Final = 200
INNER: Final = 300

_locks: Final[WeakSet[Lock]] = WeakSet()
_checked: Final = flag("KIT_CHECK_LOCKS")


class LockOrderError(RuntimeError):
    """A thread asked for a lock while it held one that is to be taken after it."""


class Lock(RLock):  # type: ignore[misc] # its stub says that it is final
    """A lock that its thread may take again; ``with`` takes it and gives it back in C.

    In Python there would be a place between taking it and the block that gives it back, where the
    exception of a signal handler leaves it taken for ever.

    Attributes
    ----------
    rank : int
        It is taken after the locks of lower ranks.
    name : str
        For messages.
    """

    __slots__ = ("name", "rank")

    name: str
    rank: int

    if TYPE_CHECKING:  # as `threading.Condition` uses them, too

        def _is_owned(self) -> bool: ...
        def _at_fork_reinit(self) -> None: ...
        def _release_save(self) -> object: ...
        def _acquire_restore(self, state: object) -> None: ...

    def count(self) -> int:
        """Return how often the calling thread has taken it and not given it back."""
        if not self._is_owned():
            return 0
        # The only way to ask on every version: <locked ... owner=140 count=2 at 0x7f>.
        return int(repr(self).rpartition(" count=")[2].partition(" ")[0])


_asked: Final[dict[int, list[Lock]]] = {}
"""Which locks each thread has asked for; those that it holds are among them. No `threading.local`:
a finaliser that asks while its thread ends would leave one behind. Threads that have ended are
looked for now and then, as only C code may run where a lock is given back."""
MOST_ASKED: Final = 64


class _NotedLock(Lock):  # type: ignore[misc]
    """A lock that can be found by who wants to know what a thread holds."""

    __slots__ = ()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, as `threading.RLock.acquire` does."""
        asked = held()
        if _checked and blocking and timeout < 0:  # a wait that ends by itself harms nobody
            self._check(asked)
        if len(_asked) > MOST_ASKED:
            for ident in _asked.keys() - sys._current_frames().keys():
                _asked.pop(ident, None)
        _asked[get_ident()] = [*asked, self]
        # By an iteration: after a call a signal handler may run, and its exception would leave the
        # lock taken. Between an iteration and the return there is no place for one.
        for taken in map(RLock.acquire, (self,), (blocking,), (timeout,)):
            return taken
        raise AssertionError("there is one lock")

    __enter__ = acquire

    def _check(self, holding: list[Lock]) -> None:
        if self in holding:
            return
        for other in holding:
            if other.rank >= self.rank:
                raise LockOrderError(
                    f"{self.name} (rank {self.rank}) is asked for by a thread that holds "
                    f"{other.name} (rank {other.rank}); the lower rank is taken first"
                )


def held() -> list[Lock]:
    """Return the locks that the calling thread holds, of those that are noted."""
    return [lock for lock in _asked.get(get_ident(), ()) if lock._is_owned()]


def new_lock(rank: int, name: str) -> Lock:
    """Return a lock; one that is checked where the environment asks for it.

    Examples
    --------
    >>> lock = new_lock(OUTER, "a pane's lock")
    >>> with lock, lock:
    ...     lock.count()
    2
    """
    lock = _NotedLock() if _checked or (unlocked and rank == INNER) else Lock()
    lock.rank = rank
    lock.name = name
    _locks.add(lock)
    return lock


def inner_lock(name: str) -> Any:
    """Return a lock for where threads run Python at the same time: `kit.core._runtime.unlocked`.

    Examples
    --------
    >>> with inner_lock("a cell's lock"):
    ...     pass
    """
    return new_lock(INNER, name)


inner: Final = new_lock(INNER, "the lock of the stores")
"""What a store of the dispatcher in Python holds while it writes or reads. One for all of them: a
finaliser that runs in the middle of a write may record elsewhere, whatever other threads write."""


def _holds_any() -> bool:
    return any(lock.rank == INNER for lock in held())


holds_inner: Final[Callable[[], bool]] = _holds_any if unlocked else inner._is_owned
"""Tells whether the calling thread holds an inner lock, and must not wait for an update."""


def gone(lock: Lock) -> bool:
    """Tell whether a lock will never be given back: the interpreter ends, and its holder has.

    From `sys.is_finalizing` on no other thread runs. Whoever waits for one waits for ever.
    """
    if not sys.is_finalizing():
        return False
    if not lock.acquire(blocking=False):
        return True
    lock.release()
    return False


def free(lock: Lock) -> None:
    """Free a lock whose holder will not run again, for one who only looks at what is under it."""
    if gone(lock):
        lock._at_fork_reinit()


def _after_fork() -> None:
    # Other threads do not exist here, and give back no lock. Its own the forking thread gives back.
    for lock in list(_locks):
        if not lock._is_owned():
            lock._at_fork_reinit()


reset_in_child(LOCKS, _after_fork)


in_hook: Final[set[int]] = set()
"""Which threads run a marker's hook, where waiting could wait for itself."""

in_update: Final[set[int]] = set()
"""Which threads make an update: a signal handler there must not wait, as others wait for it."""
