"""Transactions and checkpoints, with a span around each thing that can take long.

``db.commit`` is what a trader waits for: from asking for the write lock to being safe on disk.  It
holds ``db.lock``, the wait for the lock, and ``db.sync``, the ``COMMIT`` that writes and waits for
the disk; all three carry the order's reference, which is 0 for the keeper.  A ``db.lock`` with an
error is one that could not be had in time: the order is rejected, the keeper gives way.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TypeAlias

import kit
from kit.demo import book

__all__ = [
    "MODES",
    "Gate",
    "Queue",
    "checkpoint",
    "gave_up",
    "giving_way",
    "housekeeping",
    "transaction",
]

commit = kit.span("db.commit", ref=int)
lock = kit.span("db.lock", ref=int)
sync = kit.span("db.sync", ref=int)
expiring = kit.span("db.expire")
expired = kit.marker("orders.expire", cancelled=int, deleted=int)
checkpointing = kit.span("db.checkpoint", mode=kit.Label)
checkpointed = kit.marker("db.checkpointed", mode=kit.Label, pages=int, copied=int, busy=bool)

MODES = ("truncate", "restart", "passive")
"""Ways to checkpoint: ``passive`` gets out of the way, the others make writers wait."""

Gate: TypeAlias = AbstractContextManager[object]
"""What a writer passes before it asks SQLite for the write lock.

SQLite has no queue for that lock: who finds it taken sleeps for 1 ms, then 2, 5, 10 and so on, and
tries again, while others may slip in.  With a `Queue` as the gate the next one is woken as soon as
the lock is free; `contextlib.nullcontext()` is a gate left open.
"""

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL}


class Queue:
    """A lock that its users get in the order in which they asked for it.

    Nobody overtakes in it, so everybody has a turn, however busy the others are: a `threading.Lock`
    does not promise that.

    Examples
    --------
    >>> with Queue() as gate:
    ...     gate is None
    True
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        turn = threading.Lock()
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()  # whoever leaves hands it over

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


def gave_up(error: sqlite3.OperationalError) -> bool:
    """Tell whether a statement failed for want of a lock, and may be tried again.

    Parameters
    ----------
    error : sqlite3.OperationalError

    Returns
    -------
    bool
    """
    # The low byte is the kind of error; the others say more about it.  PROTOCOL is a reader that
    # found the state of the log changing under it a hundred times.
    return error.sqlite_errorcode & 0xFF in _BUSY


@contextmanager
def giving_way() -> Iterator[None]:
    """Let a lock that cannot be had in time end the block, and nothing more than the block."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if not gave_up(error):
            raise


@contextmanager
def _undone_when_it_fails(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        # SQLite ends a transaction itself after some errors, a full disk for one.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def transaction(connection: sqlite3.Connection, ref: int, gate: Gate) -> Iterator[None]:
    """A write transaction for one order: durable when the block is left, undone when it raises.

    Parameters
    ----------
    connection : sqlite3.Connection
        From `kit.demo.schema.open_book`.
    ref : int
        The order's reference.
    gate : Gate
        Passed on the way to the write lock, and held as long as it.

    Raises
    ------
    sqlite3.OperationalError
        When the write lock could not be had in time.
    """
    with commit(ref), ExitStack() as held:
        with lock(ref):
            held.enter_context(gate)
            # IMMEDIATE takes the lock now.  A transaction that began as a reader and then writes
            # can only fail when another was faster, however long it is prepared to wait.
            connection.execute("BEGIN IMMEDIATE")
        with _undone_when_it_fails(connection):
            yield
            with sync(ref):
                connection.execute("COMMIT")


def housekeeping(connection: sqlite3.Connection, keep: int, gate: Gate) -> bool:
    """Expire old orders, in a write transaction of its own.

    Where writers leave it no time with the write lock, it gives way: what is old today is old
    tomorrow.

    Parameters
    ----------
    connection : sqlite3.Connection
        From `kit.demo.schema.open_book`.
    keep : int
        How many of the newest orders and fills stay.
    gate : Gate
        As in `transaction`.

    Returns
    -------
    bool
        True when it was done, False when the write lock could not be had in time.
    """
    with ExitStack() as held:
        try:
            with lock(0):
                held.enter_context(gate)
                connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not gave_up(error):
                raise
            return False
        with expiring(), _undone_when_it_fails(connection):
            cancelled, deleted = book.expire(connection, keep)
            connection.execute("COMMIT")
    expired(cancelled, deleted)
    return True


def checkpoint(connection: sqlite3.Connection, mode: str, gate: Gate) -> bool:
    """Copy what was written ahead into the database itself.

    Parameters
    ----------
    connection : sqlite3.Connection
        From `kit.demo.schema.open_book`.
    mode : str
        One of `MODES`.
    gate : Gate
        Passed unless the checkpoint is passive: only the others hold up writers.

    Returns
    -------
    bool
        True when everything was copied, False when a reader or a writer was in the way.
    """
    with checkpointing(mode), nullcontext() if mode == "passive" else gate:
        try:
            busy, pages, copied = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.OperationalError as error:
            if not gave_up(error):
                raise
            busy, pages, copied = 1, -1, -1
    checkpointed(mode, pages, copied, bool(busy))
    return not busy
