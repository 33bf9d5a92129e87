"""Per-thread buffers: each thread writes its own, anybody may read while it does.

What makes this exact without a lock on the writer's side: every step that two threads could
dispute is one operation on a built-in list or deque, which nothing interrupts. A writer only ever
appends to its own chunk; a reader copies a chunk, or takes away its front.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from kit.probes.capture import Row, ThreadEvents

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Buffer", "Chunk", "Store"]

_MOST_SUB_BUFFERS = 16


class Chunk:
    """Consecutive rows of one thread; ``first`` is the number of the first row."""

    __slots__ = ("buffer", "first", "rows")

    def __init__(self, buffer: Buffer, first: int) -> None:
        self.buffer = buffer
        self.first = first
        self.rows: list[Row] = []

    def take(self) -> tuple[int, list[Row]]:
        """Take away what has been written so far: (number of the first, rows)."""
        count = len(self.rows)
        taken = self.rows[:count]
        # The writer may append meanwhile; it appends behind what is deleted here.
        del self.rows[:count]
        first = self.first
        self.first += count
        return first, taken


class Buffer:
    """What one thread writes."""

    __slots__ = ("calls", "chunk", "dispatches", "evicted", "ident", "lost", "name", "tid")

    def __init__(self, ident: int, keep: int | None) -> None:
        self.ident = ident
        self.tid = threading.get_native_id()
        # threading.current_thread() would make up an object for a foreign thread, and
        # threading.enumerate() takes a lock that a signal handler's thread may be holding.
        thread = getattr(threading, "_active", {}).get(ident)
        self.name: str = thread.name if thread is not None else f"thread {self.tid}"
        self.chunk = Chunk(self, 0)
        self.lost: Counter[int] = Counter()
        # What this thread has evicted, its own rows or another thread's: written by it alone.
        self.evicted: Counter[tuple[int, int]] = Counter()
        self.dispatches: deque[Row] = deque(maxlen=keep)
        self.calls: deque[Row] = deque(maxlen=keep)


class _Leaving:
    """Lives in a thread's local storage; when that goes, so does the thread's way to its buffer.

    The identifier of a thread that ended is given to the next one, which needs a buffer of its own.
    """

    __slots__ = ("buffers", "ident")

    def __init__(self, buffers: dict[int, Buffer], ident: int) -> None:
        self.buffers = buffers
        self.ident = ident

    def __del__(self) -> None:
        self.buffers.pop(self.ident, None)


class Store:
    """The buffers of a recorder, between one ``clear`` and the next.

    Parameters
    ----------
    capacity : int
        How many events are kept.
    overwrite : bool
        Whether old events give way when there is no room, or new ones are lost.
    """

    def __init__(self, capacity: int, *, overwrite: bool) -> None:
        self.capacity = capacity
        self.overwrite = overwrite
        self.buffers: dict[int, Buffer] = {}
        self.every: list[Buffer] = []
        self._local = threading.local()
        # discard: a place for each event; pop() gives each place to one writer only.
        self.room: list[None] = [] if overwrite else [None] * capacity
        self.dispatch_room: list[None] = []
        # overwrite: chunks that are full, oldest first, over all threads.
        self.chunk_size = max(1, capacity // _MOST_SUB_BUFFERS)
        self.full_limit = -(-capacity // self.chunk_size)
        self.full: deque[Chunk] = deque()
        self.publications: deque[list[Any]] = deque(maxlen=100_000)
        self.lost_dispatches = 0

    # What writers do.

    def new_buffer(self, ident: int) -> Buffer:
        """Make the calling thread's buffer."""
        buffer = Buffer(ident, self.capacity if self.overwrite else None)
        self.every.append(buffer)
        self.buffers[ident] = buffer
        self._local.leaving = _Leaving(self.buffers, ident)
        return buffer

    def seal(self, buffer: Buffer) -> None:
        """Begin a new chunk; evict the oldest where there are too many full ones."""
        chunk = buffer.chunk
        # In this order: a reader loads the current chunk, then the full ones. It may find this
        # one twice, which it can tell, but never not at all.
        self.full.append(chunk)
        buffer.chunk = Chunk(buffer, chunk.first + len(chunk.rows))
        while len(self.full) > self.full_limit:
            try:
                oldest = self.full.popleft()
            except IndexError:
                break  # other threads evict, too
            for row in oldest.rows:
                buffer.evicted[oldest.buffer.tid, row[1]] += 1

    # What readers do.

    def copy(self) -> list[tuple[Buffer, int, list[Row]]]:
        """Copy every thread's rows: (buffer, number of the first row, rows)."""
        current = [(buffer, buffer.chunk) for buffer in self.every.copy()]
        full = self.full.copy()
        pieces: dict[Buffer, list[Chunk]] = {buffer: [] for buffer, _ in current}
        for chunk in full:
            pieces.setdefault(chunk.buffer, []).append(chunk)
        for buffer, chunk in current:
            chunks = pieces[buffer]
            # Sealed since it was loaded: it is among the full ones, or evicted after them.
            if not chunks or chunks[-1].first < chunk.first:
                chunks.append(chunk)
        return [
            (buffer, chunks[0].first if chunks else 0, _joined(chunk.rows for chunk in chunks))
            for buffer, chunks in pieces.items()
        ]

    def newest(self, count: int) -> list[tuple[Buffer, int, list[Row]]]:
        """Copy every thread's newest rows, at most so many each, as `copy`."""
        pieces: dict[Buffer, list[Chunk]] = {b: [b.chunk] for b in self.every.copy()}
        for chunk in reversed(self.full.copy()):
            chunks = pieces.setdefault(chunk.buffer, [])
            if not chunks or chunk.first < chunks[0].first:
                chunks.insert(0, chunk)
        result = []
        for buffer, chunks in pieces.items():
            rows: list[Row] = []
            first = 0
            for chunk in reversed(chunks):
                # Its length is read once: the writer may append meanwhile.
                start = max(0, len(chunk.rows) - (count - len(rows)))
                rows = chunk.rows[start : start + count - len(rows)] + rows
                first = chunk.first + start
                if len(rows) >= count:
                    break
            result.append((buffer, first, rows))
        return result

    def take(self) -> list[tuple[Buffer, int, list[Row]]]:
        """Take every thread's rows away, as `copy`; each row is taken once."""
        taken: dict[Buffer, list[tuple[int, list[Row]]]] = {}
        for buffer in self.every.copy():
            taken[buffer] = [buffer.chunk.take()]
        while self.full:
            try:
                chunk = self.full.popleft()
            except IndexError:
                break
            taken.setdefault(chunk.buffer, []).append(chunk.take())
        result = []
        for buffer, pieces in taken.items():
            filled = sorted(piece for piece in pieces if piece[1])
            first = filled[0][0] if filled else pieces[0][0]
            result.append((buffer, first, _joined(rows for _, rows in filled)))
        if not self.overwrite:
            # Only now is there room again: never more than `capacity` events in memory.
            self.room.extend([None] * sum(len(rows) for _, _, rows in result))
        return result

    def __len__(self) -> int:
        return sum(len(buffer.chunk.rows) for buffer in self.every.copy()) + sum(
            len(chunk.rows) for chunk in self.full.copy()
        )

    def lost(self) -> int:
        """How many events found no room."""
        return sum(sum(buffer.lost.copy().values()) for buffer in self.every.copy())

    def overwritten(self) -> Counter[tuple[int, int]]:
        """How many events gave way, by thread and code."""
        total: Counter[tuple[int, int]] = Counter()
        for buffer in self.every.copy():
            total.update(buffer.evicted.copy())
        return total

    def threads(
        self, pieces: list[tuple[Buffer, int, list[Row]]], names: list[str]
    ) -> tuple[ThreadEvents, ...]:
        """Describe copied or taken rows for a capture."""
        overwritten = self.overwritten()
        threads = []
        for buffer, first, rows in pieces:
            lost: Counter[str] = Counter()
            for code, count in buffer.lost.copy().items():
                lost[names[code]] += count
            gone: Counter[str] = Counter()
            for (tid, code), count in overwritten.items():
                if tid == buffer.tid:
                    gone[names[code]] += count
            threads.append(
                ThreadEvents(buffer.tid, buffer.name, first, rows, dict(lost), dict(gone))
            )
        return tuple(threads)


def _joined(lists: Iterable[list[Row]]) -> list[Row]:
    joined: list[Row] = []
    for rows in lists:
        joined.extend(rows)
    return joined
