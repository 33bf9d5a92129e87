"""Grace periods: from a publication until the last dispatch that could see the old array ended.

Readers register. Each thread has a record, its `Reader`, found by everybody in `readers`. A thread
that begins its outermost dispatch stores a token in its record, *then* reads the marker's probe
array, and takes the token away when it is done. An updater publishes the new array first, *then*
looks at the records. So for every dispatch one of two things holds: the updater finds its token,
and waits for it; or the token was stored after the updater had looked, hence after the publication,
and the dispatch reads the new array. Tokens are fresh objects, and whoever waits holds on to them:
a later dispatch of the same thread is never taken for the one that was found.

This is the reader registry of user-space RCU (Desnoyers, McKenney, Stern, Dagenais and Walpole,
"User-Level Implementations of Read-Copy Update", IEEE TPDS 23(2), 2012), with a token in the place
of a counter. A dispatch that fires other markers is one reader: only the outermost registers.
"""

from __future__ import annotations

import threading
import time
from _queue import SimpleQueue  # of `queue`, which imports more than it
from functools import partial
from sys import is_finalizing
from threading import get_ident

from kit.core._callables import check_runs
from kit.core._publication.fork import READERS, look, reset_in_child
from kit.core._publication.locks import holds_inner, in_hook, in_update
from kit.core._publication.threads import (
    arrived,
    in_last_steps,
    leftovers,
    names,
    replaced_by,
    start_new_thread,
    tell_when_gone,
)
from kit.core._reporting import warn
from kit.core._runtime import dispatcher
from kit.errors import KitWarning, WouldDeadlockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final


__all__ = [
    "Cookie",
    "Reader",
    "barrier",
    "defer",
    "deferred_errors",
    "elapsed",
    "forked",
    "inside",
    "present",
    "readers",
    "register",
    "snapshot",
    "synchronize",
]


class Reader:
    """What a thread tells updaters: which dispatch it is in.

    Attributes
    ----------
    ident : int
        The thread.
    token : object or None
        Stands for its outermost dispatch; ``None`` outside.
    """

    __slots__ = ("ident", "token")

    def __init__(self, ident: int) -> None:
        self.ident = ident
        self.token: object = None

    def within(self, token: object) -> bool:
        """Tell whether the dispatch of a token is still under way."""
        return self.token is token


readers: Final[dict[int, Reader]] = {}
"""The record of each thread that has fired, and has not ended."""


class _Ended:
    """Is told of threads that have ended."""

    def leave(self, ident: int, reader: Reader) -> None:
        """Forget a thread: nobody else has its identifier yet."""
        # A finaliser may be firing on the thread's last steps.
        if readers.get(ident) is reader and reader.token is None:
            readers.pop(ident, None)


_ended: Final = _Ended()

local: Final = threading.local()
"""``local.reader`` is the calling thread's record, from its first dispatch to its last steps."""


def register() -> Reader:
    """Return the calling thread's record, made where there is none; where updaters find it."""
    ident = get_ident()
    if leftovers:
        arrived()
    # One operation: a signal handler that comes here in between gets the same record.
    new = Reader(ident)
    reader = readers.setdefault(ident, new)
    if reader is new:
        tell_when_gone(local, _ended, ident, reader)
    if not in_last_steps(ident):
        local.reader = reader
    return reader


def inside() -> bool:
    """Tell whether the calling thread is in a dispatch."""
    reader = readers.get(get_ident())
    return reader is not None and reader.token is not None


def present() -> list[Reader]:
    """Return the record of each thread that has fired, and has not ended."""
    # A thread that registers after the list was made reads what was published before.
    return list(readers.values())


def forked() -> None:
    """Forget the other threads, which a fork has not taken along."""
    me = get_ident()
    for ident in [ident for ident in readers if ident != me]:
        readers.pop(ident, None)


if not TYPE_CHECKING and dispatcher == "c":
    from kit._c import Reader, forked, inside
    from kit._c import readers as present


Cookie = dict[Reader, object]

_SHORTEST, _LONGEST = 20e-6, 1e-3


def snapshot() -> Cookie:
    """Return the dispatches that are under way now, as a cookie for `elapsed`.

    Returns
    -------
    dict
        Empty when no thread is in a dispatch.

    Examples
    --------
    >>> from kit.core._publication import grace
    >>> grace.elapsed(grace.snapshot())
    True
    """
    return {reader: token for reader in present() if (token := reader.token) is not None}


def elapsed(cookie: Cookie) -> bool:
    """Tell whether every dispatch in a cookie has ended.

    Parameters
    ----------
    cookie : dict
        From `snapshot`.

    Returns
    -------
    bool
    """
    return not any(reader.within(token) for reader, token in cookie.items())


def wait(cookie: Cookie, timeout: float | None = None) -> None:
    """Wait until every dispatch in a cookie has ended; later dispatches do not matter.

    At the interpreter's end, when no other thread runs any more, it returns at once.

    Parameters
    ----------
    cookie : dict
        From `snapshot`. What has ended is taken out of it.
    timeout : float, optional
        Seconds to wait at most.

    Raises
    ------
    TimeoutError
        When a dispatch still runs after ``timeout`` seconds.
    """
    look()

    def ended() -> bool:
        for reader, token in list(cookie.items()):
            if not reader.within(token):
                del cookie[reader]
        return not cookie

    if not _came(ended, timeout) and not is_finalizing():
        raise TimeoutError(
            f"{len(cookie)} dispatch(es) still running after {timeout} s, "
            f"on thread(s) {', '.join(str(reader.ident) for reader in cookie)}"
        )


def _came(state: Callable[[], bool], timeout: float | None) -> bool:
    """Look until a state has come, and return whether it has; less and less often.

    Nobody wakes whoever waits: where greenlets share a thread, what wakes one would have to know
    in which thread it waits. ``time.sleep`` lets the others run, there too.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    pause = _SHORTEST
    while not state():
        if is_finalizing() or (deadline is not None and time.monotonic() >= deadline):
            return False
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST)
    return True


class _Said:
    """What is said once in a process."""

    greenlets = False


def _say_greenlets() -> None:
    """Warn, once, where whoever waits is a greenlet."""
    library = "" if _Said.greenlets else replaced_by()
    if not library:
        return
    _Said.greenlets = True

    warn(
        f"{library} has replaced threads by greenlets, which markers-kit cannot always tell apart: "
        "do not switch to another greenlet in a probe; deferred callbacks run on a system thread",
        KitWarning,
    )


def _check_timeout(timeout: float | None) -> None:
    try:
        if timeout is None or abs(timeout + 0.0) >= 0:  # which a NaN is not
            return
    except (TypeError, OverflowError):
        pass
    raise ValueError(f"a timeout is how many seconds to wait at most, or None; got {timeout!r}")


def refuse_inside(what: str) -> None:
    """Raise `WouldDeadlockError` where waiting would wait for the calling thread itself."""
    if inside():
        raise WouldDeadlockError(
            f"{what} inside a dispatch would wait for this very dispatch; "
            "call it after the probe has returned, or use kit.defer()"
        )
    ident = get_ident()
    if ident in in_update:
        raise WouldDeadlockError(
            f"{what} could wait for an update that this signal handler or __del__ has interrupted "
            "on the same thread; use kit.defer()"
        )
    if holds_inner():
        raise WouldDeadlockError(
            f"{what} could wait for a recorder's write or read that this signal handler or __del__ "
            "has interrupted on the same thread; use kit.defer()"
        )
    if ident in in_hook:
        raise WouldDeadlockError(
            f"{what} inside a marker's hook or a probe's __eq__ could wait for itself; use "
            "kit.defer()"
        )


def synchronize(timeout: float | None = None) -> None:
    """Wait for a grace period: until every dispatch that is under way now has ended.

    Parameters
    ----------
    timeout : float, optional
        Seconds to wait at most; without it, as long as a dispatch runs.

    Raises
    ------
    WouldDeadlockError
        From inside a dispatch or a marker's hook.
    TimeoutError
        When a dispatch still runs after ``timeout`` seconds.
    ValueError
        When ``timeout`` is not a number of seconds.

    Examples
    --------
    >>> import kit
    >>> kit.synchronize()
    """
    look()
    _check_timeout(timeout)
    refuse_inside("synchronize()")
    _say_greenlets()
    wait(snapshot(), timeout)


class _Worker:
    """The thread that runs deferred callbacks, one after the other, each after its own cookie."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        # SimpleQueue.put may be called from a signal handler or __del__ in the middle of a get.
        self.queue: SimpleQueue[tuple[Cookie, Callable[[], object]]] = SimpleQueue()
        self.ident: int | None = None
        self.begun = False
        self.starting = threading.Lock()
        self.errors = 0

    def put(self, cookie: Cookie, callback: Callable[[], object]) -> bool:
        """Queue a callback; whether there is a thread to run it."""
        self.queue.put((cookie, callback))
        # Whoever holds the lock is starting the thread: waiting here could deadlock in a signal
        # handler, and is not needed, as the item is queued already.
        if not self.begun and self.starting.acquire(blocking=False):
            try:
                if not self.begun:
                    # Not threading.Thread.start(): it takes a lock that the program may be holding
                    # when it is interrupted. A thread started like this is a daemon.
                    start_new_thread(self.run, ())
                    self.begun = True
            except RuntimeError:
                # There are too many, or the interpreter ends. An update that defers goes on: the
                # next one tries again.
                return False
            finally:
                self.starting.release()
        return True

    def run(self) -> None:
        # Here, too: a signal handler may have raised where it was begun.
        self.begun = True
        self.ident = get_ident()  # before a callback may ask for it
        names[self.ident] = "kit-deferred"
        while True:
            cookie, callback = self.queue.get()
            wait(cookie)
            try:
                callback()
            except BaseException:  # SystemExit, too, ends the callback and not the thread
                self.errors += 1
            # Private data must not outlive its grace period in this frame.
            del cookie, callback


_worker = _Worker()


def deferred_errors() -> int:
    """Return how many deferred callbacks have raised."""
    return _worker.errors


def defer(callback: Callable[[], object], *, cookie: Cookie | None = None) -> None:
    """Run a callback after a grace period, on a daemon thread that is started when needed.

    Parameters
    ----------
    callback : callable
        Called without arguments. Its exceptions are counted (`deferred_errors`).
    cookie : dict, optional
        From `snapshot`; without it the grace period begins now.

    Raises
    ------
    TypeError
        When a call alone would not run it, as of a coroutine function.

    Examples
    --------
    >>> import kit
    >>> done = []
    >>> kit.defer(lambda: done.append(1))
    >>> kit.barrier()
    >>> done
    [1]
    """
    if cookie is None and not is_finalizing():  # nothing can be imported then
        check_runs(callback, "a deferred callback")
    look()
    _worker.put(snapshot() if cookie is None else cookie, callback)


def barrier(timeout: float | None = None) -> None:
    """Wait until every callback deferred before this call has run.

    Parameters
    ----------
    timeout : float, optional
        Seconds to wait at most.

    Raises
    ------
    WouldDeadlockError
        From inside a dispatch, a marker's hook or a deferred callback.
    TimeoutError
        When they have not run after ``timeout`` seconds, or will not: no thread can be started for
        them, or the interpreter ends.
    ValueError
        When ``timeout`` is not a number of seconds.
    """
    look()
    _check_timeout(timeout)
    refuse_inside("barrier()")
    if get_ident() == _worker.ident:
        raise WouldDeadlockError("barrier() inside a deferred callback would wait for itself")
    _say_greenlets()
    done: list[None] = []
    if is_finalizing() or not _worker.put({}, partial(done.append, None)):
        raise TimeoutError("deferred callbacks do not run: no thread can be started for them")
    if not _came(partial(bool, done), timeout):
        raise TimeoutError(f"deferred callbacks still running after {timeout} s")


def _after_fork() -> None:
    # Only the forking thread lives on in the child; the others' dispatches never end there, and
    # deferred callbacks are the parent's.
    forked()
    me = get_ident()
    in_hook.intersection_update((me,))
    for ident in names.keys() - {me}:
        del names[ident]
    _worker.reset()


reset_in_child(READERS, _after_fork)
