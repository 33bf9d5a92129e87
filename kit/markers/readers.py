"""Readers: which threads are in a dispatch, for those who wait for a grace period.

Each thread that has fired has a record, its `Reader`, found by everybody. `kit.markers.grace` says
how the records are used, and why that is enough.
"""

from __future__ import annotations

import threading
from threading import get_ident

from kit.markers.choice import dispatcher
from kit.markers.leaving import arrived, in_last_steps, leftovers, tell_when_gone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["Reader", "forked", "inside", "present", "readers", "register"]


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
        """Whether the dispatch of a token is still under way."""
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
