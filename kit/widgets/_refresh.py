"""The threads that keep a panel up to date while the program runs.

They send on the panel's comms, which may be done from any thread as of ipykernel 7.4, also while a
cell is busy.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Refresh", "metered", "spent"]

log = logging.getLogger(__name__)

_lock = threading.Lock()
_spent = 0


def spent() -> int:
    """Return the processor time that `metered` work has taken in this process, in nanoseconds."""
    return _spent


@contextmanager
def metered() -> Iterator[None]:
    """Count the processor time that a thread spends inside as the panels' own.

    Examples
    --------
    >>> before = spent()
    >>> with metered():
    ...     total = sum(range(1000))
    >>> spent() > before
    True
    """
    global _spent
    begin = time.thread_time_ns()
    try:
        yield
    finally:
        took = time.thread_time_ns() - begin
        with _lock:
            _spent += took


class Refresh:
    """Calls a method again and again, on a thread of its own, until its object is gone.

    Parameters
    ----------
    action : bound method
        Its object is not kept alive.
    interval : float
        Seconds between calls at least.
    name : str
        What to call the thread.
    share : float
        Of a processor, which the calls take at most: the costlier they are, the fewer there are.
    """

    def __init__(
        self, action: Callable[[], None], interval: float, name: str, share: float = 1.0
    ) -> None:
        self._action = weakref.WeakMethod(action)
        self._interval, self._share = interval, share
        self._wake = threading.Event()
        self._name = name
        self._stopped = self._told = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; where there can be no thread it is tried again with each call of `soon`."""
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            if not self._told:
                self._told = True
                log.exception("A panel has no thread that keeps it up to date")
        else:
            self._thread = thread

    def soon(self) -> None:
        """Call at once instead of waiting out the interval."""
        if self._thread is None and not self._stopped:
            self.start()
        self._wake.set()

    def stop(self) -> None:
        """End; waits for a call that runs, unless it is that call which stops."""
        self._stopped = True
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread() and thread.is_alive():
            thread.join(2.0)

    def _run(self) -> None:
        said, pause = "", self._interval
        while not self._stopped:
            self._wake.wait(pause)
            self._wake.clear()
            action = self._action()
            if action is None or self._stopped:
                return
            begin = time.thread_time()
            try:
                with metered():
                    action()
            except Exception as error:  # a panel that failed once must not stop for good
                if said != (said := repr(error)):
                    log.exception("A panel could not be brought up to date")
            del action
            pause = max(self._interval, (time.thread_time() - begin) / self._share)
