"""Per-thread buffers: each thread writes its own, anybody may read while it does.

What makes this exact without a lock on the writer's side: every step that two threads could
dispute is one operation on a built-in object, which nothing interrupts. A writer only ever appends
to its own rows. Readers hold a lock that no writer waits for: one reads, or takes away, at a time.

A thread that has ended stays for as long as a row of it is there. Then its counts go into the one
entry of all such threads, so that memory does not grow with the number of threads that ever were.
That is done under the readers' lock where it is free, else when the next thread begins or ends.
"""

from __future__ import annotations

import itertools
import threading
from abc import ABC, abstractmethod
from collections import Counter, deque
from functools import partial, wraps
from operator import itemgetter
from sys import is_finalizing
from typing import TYPE_CHECKING, Any, Concatenate, Final, NamedTuple, ParamSpec, Protocol, TypeVar

from kit.core._dispatch.tally import Tally
from kit.core._publication.fork import begun, look
from kit.core._publication.locks import free, inner
from kit.core._publication.threads import arrived, leftovers, tell_when_gone
from kit.core._registry import registry
from kit.core._reporting import put_off
from kit.probes._context import thread_name_of
from kit.probes.captures._capture import Row, ThreadEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


__all__ = [
    "ENDED_THREADS",
    "Buffer",
    "Chunk",
    "DiscardStore",
    "Found",
    "OverwriteStore",
    "Piece",
    "Store",
    "by_name",
    "settles",
    "sub_buffer",
]

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

_queue: Final = registry.updater.queue


def settles(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Have what was queued while a method held the inner lock made when it has given that up."""

    @wraps(method)
    def settling(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if begun:
            look()
        if is_finalizing():
            free(inner)
        try:
            return method(self, *args, **kwargs)
        finally:
            if _queue or put_off:
                registry.updater.settle()

    return settling


MOST_SUB_BUFFERS: Final = 16
LARGEST_SUB_BUFFER: Final = 1024

ENDED_THREADS: Final = "ended threads"
"""The name under which threads are counted that have ended, and of which no event is left."""

_code_of = itemgetter(1)
_try_inner = partial(inner.acquire, False)


class Chunk:
    """Consecutive rows of one thread.

    Attributes
    ----------
    buffer : Buffer
        Whose rows they are.
    first : int
        The number of the first row.
    rows : list
        The rows.
    start : int
        How many of the rows have been taken by a reader.
    before : Counter
        For each code how many rows the thread had written when this chunk began.
    count : int
        How many rows it has, once it is full.
    """

    __slots__ = ("before", "buffer", "count", "first", "rows", "start")

    def __init__(self, buffer: Buffer, first: int, before: Counter[int]) -> None:
        self.count = 0
        self.buffer = buffer
        self.first = first
        self.before = before
        self.start = 0
        self.rows: list[Row] = []

    @property
    def taken_whole(self) -> bool:
        """Whether a reader has taken all its rows."""
        return self.start == len(self.rows)


class Buffer:
    """What one thread writes."""

    __slots__ = (
        "append",
        "calls",
        "chunk",
        "dispatches",
        "ended",
        "full",
        "lost",
        "name",
        "observed",
        "taken",
        "tid",
    )

    def __init__(self, tid: int, name: str, keep: int | None) -> None:
        self.tid = tid
        self.name = name
        self.ended = False  # its thread writes no more
        self.full = 0  # chunks that it has filled, and that have not given way
        self.chunk = Chunk(self, 0, Counter())
        self.append = self.chunk.rows.append
        self.lost: Counter[int] = Counter()
        self.taken: Counter[int] = Counter()
        self.dispatches: deque[Row] = deque(maxlen=keep)
        self.calls: deque[Row] = deque(maxlen=keep)
        self.observed = 0  # dispatches, those that gave way included


class Piece(NamedTuple):
    """What a reader found in one buffer; counts by code."""

    buffer: Buffer
    first: int
    rows: list[Row]
    lost: dict[int, int]
    overwritten: dict[int, int]

    def events(self, names: list[str]) -> ThreadEvents:
        """Describe it for a capture; ``names`` says what the codes mean."""
        return ThreadEvents(
            self.buffer.tid,
            self.buffer.name,
            self.first,
            self.rows,
            by_name(self.lost, names),
            by_name(self.overwritten, names),
        )


class Found(Protocol):
    """What a reader found in one buffer."""

    def events(self, names: list[str]) -> ThreadEvents:
        """Describe it for a capture; ``names`` says what the codes mean."""


class Store(ABC):
    """The buffers of a recorder, between one ``clear`` and the next.

    Parameters
    ----------
    capacity : int
        How many events are kept.
    dispatches : int or None
        How many observed dispatches are kept before others are lost; ``None`` for the newest
        ``capacity`` of each thread, and of those that have ended together.
    """

    def __init__(self, capacity: int, dispatches: int | None) -> None:
        self.capacity = capacity
        self._dispatches = Tally()
        self._most_dispatches = dispatches
        self._kept = capacity if dispatches is None else None
        self.publications: deque[list[Any]] = deque(maxlen=100_000)
        self._local = threading.local()
        self._anew()

    def _anew(self) -> None:
        """Begin without threads."""
        self.buffers: dict[int, Buffer] = {}
        # The same buffers' way of adding a row, at hand for whoever only adds.
        self.appends: dict[int, Callable[[Row], None]] = {}
        self.ended = self.make(0, ENDED_THREADS)
        # In the order in which they began; a dict, as any of them may go.
        self.every: dict[Buffer, None] = {self.ended: None}
        # Those whose thread has ended, to be looked at once.
        self._left: deque[Buffer] = deque()

    def buffer(self, ident: int) -> Buffer:
        """Return the calling thread's buffer, made where there is none."""
        if leftovers:
            arrived()
        buffer = self.buffers.get(ident)
        if buffer is None:
            # A signal handler may come here in between: whoever is first, there is one buffer.
            new = self.make(threading.get_native_id(), thread_name_of(ident))
            try:
                buffer = self.buffers.setdefault(ident, new)
                if buffer is new:
                    self.every[buffer] = None
                    tell_when_gone(self._local, self, ident, buffer)
                    self.appends[ident] = buffer.append
            except BaseException:  # no memory, or a signal handler's: as if it had not been begun
                if self.buffers.get(ident) is new:
                    self._local.leaving = None
                    self.leave(ident, new)
                raise
            if buffer is new:
                self.tidy()
        return buffer

    def make(self, tid: int, name: str) -> Buffer:
        """Return a new buffer for a thread."""
        return Buffer(tid, name, self._kept)

    def leave(self, ident: int, buffer: Buffer) -> None:
        """Forget that a thread writes a buffer; what it wrote stays."""
        # The identifier may be another thread's by now, or the store has been emptied.
        if self.buffers.get(ident) is buffer:
            self.appends.pop(ident, None)
            self.buffers.pop(ident, None)
        buffer.ended = True
        self._left.append(buffer)
        self.tidy()

    @settles
    def tidy(self) -> None:
        """Let go of threads that have ended, where nothing but counts is left of them.

        It waits for nobody: a finaliser may come here, and a signal handler.
        """
        # Not in the middle of this thread's own reading, nor of another one's: a reader finds
        # counts with their thread or with all that have ended, never twice and never not at all.
        if not self._left or inner._is_owned():
            return
        for _ in iter(_try_inner, False):  # an iteration, see `Updater.make_posted`
            try:
                self._tidy()
            finally:
                inner.release()
            break

    def _tidy(self) -> None:
        while self._left:
            buffer = self._left[0]
            if buffer in self.every:
                self._move_observed(buffer)
                if self._is_empty(buffer):
                    self._move_counts(buffer)
                    del self.every[buffer]
            self._left.popleft()  # where rows are left, it is put there again when they go

    def _is_empty(self, buffer: Buffer) -> bool:
        """Tell whether no row of an ended thread is left."""
        return not buffer.chunk.rows and not buffer.full

    def _move_observed(self, buffer: Buffer) -> None:
        """Put what was observed of an ended thread's dispatches with that of all of them."""
        ended, dispatches, calls = self.ended, deque[Row](), deque[Row]()
        # Without a call or a jump nothing comes in between (see `kit.core._dispatch.tally.Tally`):
        # a signal handler that reads finds all of it here or there.
        ended.dispatches += buffer.dispatches
        buffer.dispatches = dispatches
        ended.calls += buffer.calls
        buffer.calls = calls
        ended.observed += buffer.observed
        buffer.observed = 0

    def _move_counts(self, buffer: Buffer) -> None:
        """Put an ended thread's counts with those of all of them."""
        ended, nothing = self.ended, Counter[int]()
        lost = ended.lost + buffer.lost
        before = ended.chunk.before + (buffer.chunk.before - buffer.taken)
        first = ended.chunk.first + buffer.chunk.first
        empty = Chunk(buffer, 0, nothing)
        # As above.
        ended.lost = lost
        buffer.lost = nothing
        ended.chunk.before = before
        ended.chunk.first = first
        buffer.chunk = empty
        buffer.taken = nothing

    @abstractmethod
    def copy(self, newest: int | None = None) -> Sequence[Found]:
        """Copy every thread's rows, or as many of its newest."""

    @abstractmethod
    def take(self) -> Sequence[Found]:
        """Take every thread's rows away; each row is taken once."""

    @abstractmethod
    def __len__(self) -> int: ...

    @settles
    def lost(self) -> int:
        """How many events found no room."""
        with inner:
            return sum(buffer.lost.copy().total() for buffer in self.every.copy())

    def cut(self) -> int:
        """How many of the lost were in a part of the file that has gone."""
        return 0

    def has_room_for_dispatch(self) -> bool:
        """Take a place for an observed dispatch, or count it as lost."""
        return self._most_dispatches is None or self._dispatches.up() <= self._most_dispatches

    @settles
    def lost_dispatches(self) -> int:
        """How many dispatches found no room among those observed, or gave way to newer ones."""
        most = self._most_dispatches
        lost = 0 if most is None else max(0, self._dispatches.n - most)
        with inner:
            return lost + sum(
                max(0, each.observed - len(each.dispatches)) for each in self.every.copy()
            )

    @settles
    def observed(self) -> tuple[list[Row], list[Row]]:
        """Return what was observed: dispatches, and the calls in them."""
        with inner:
            buffers = list(self.every.copy())
            dispatches = [row for each in buffers for row in each.dispatches.copy()]
            return dispatches, [row for each in buffers for row in each.calls.copy()]

    def _shown(self, piece: Piece) -> bool:
        """Tell whether there is anything to say: of ended threads only where they count."""
        return piece.buffer is not self.ended or bool(piece.lost or piece.overwritten)

    def overwritten(self) -> int:
        """How many events gave way to newer ones."""
        return 0


class DiscardStore(Store):
    """Keeps exactly ``capacity`` events, then counts what is lost."""

    def __init__(self, capacity: int, dispatches: int | None = 0) -> None:
        super().__init__(capacity, dispatches)
        # A place for each event. ``for _ in room`` takes one, in one operation, and costs a
        # quarter of what a method call would.
        self.room = itertools.repeat(None, capacity)
        # Places that readers have given back.
        self.freed: list[None] = []

    def keep(self, ident: int, row: Row) -> Buffer | None:
        """Keep a row of the calling thread, and return its buffer, or count it as lost.

        With an exception it is neither: from where a place is taken there is no call.
        """
        buffer = self.buffer(ident)
        rows = buffer.chunk.rows
        one = (row,)
        for _ in self.room:
            rows += one
            return buffer
        if self.freed:
            try:
                del self.freed[-1]
            except IndexError:
                pass  # another thread took the last one
            else:
                rows += one
                return buffer
        buffer.lost[row[1]] += 1
        return None

    @settles
    def copy(self, newest: int | None = None) -> list[Piece]:
        """Copy every thread's rows, or as many of its newest."""
        pieces = []
        with inner:
            for buffer in self.every.copy():
                rows = buffer.chunk.rows
                skip = 0 if newest is None else max(0, len(rows) - newest)
                first = buffer.chunk.first + skip
                pieces.append(Piece(buffer, first, rows[skip:], buffer.lost.copy(), {}))
        return list(filter(self._shown, pieces))

    @settles
    def take(self) -> list[Piece]:
        """Take every thread's rows away; each row is taken once."""
        pieces = []
        with inner:
            for buffer in self.every.copy():
                chunk = buffer.chunk
                count = len(chunk.rows)
                taken = chunk.rows[:count]
                # The writer may append meanwhile; it appends behind what is deleted here.
                del chunk.rows[:count]
                pieces.append(Piece(buffer, chunk.first, taken, buffer.lost.copy(), {}))
                chunk.first += count
                if not buffer.ended:
                    continue
                self._left.append(buffer)
        # Only now is there room again: never more than `capacity` events in memory.
        self.freed.extend([None] * sum(len(piece.rows) for piece in pieces))
        self.tidy()
        return list(filter(self._shown, pieces))

    def __len__(self) -> int:
        return sum(len(buffer.chunk.rows) for buffer in self.every.copy())


class OverwriteStore(Store):
    """Keeps each thread's newest events; the oldest give way, a sub-buffer at a time."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity, None)
        self.chunk_size = sub_buffer(capacity)
        # Chunks that are full, oldest first, over all threads, and how many rows are in them.
        self.full: deque[Chunk] = deque()
        self.held = 0

    def keep(self, ident: int, row: Row) -> Buffer:
        """Keep a row of the calling thread; return its buffer, whose chunk may be full now.

        With an exception it is not there.
        """
        buffer = self.buffer(ident)
        rows = buffer.chunk.rows
        rows += (row,)
        return buffer

    def leave(self, ident: int, buffer: Buffer) -> None:
        """Forget that a thread writes a buffer; what it wrote may give way from now on."""
        if buffer.chunk.rows:
            self.seal(buffer)
        super().leave(ident, buffer)

    def seal(self, buffer: Buffer) -> None:
        """Begin a new chunk; drop the oldest where enough newer ones are full."""
        chunk = buffer.chunk
        count = len(chunk.rows)
        before = chunk.before + Counter(map(_code_of, chunk.rows))
        following = Chunk(buffer, chunk.first + count, before)
        chunk.count = count
        # In this order: a reader loads the current chunk, then the full ones. It may find this
        # one twice, which it can tell, but never not at all. Without a call: no signal handler
        # comes between these, and no other thread, see Tally.
        buffer.full += 1
        self.full += (chunk,)
        buffer.chunk = following
        self.held += count
        while self.held - self.chunk_size >= self.capacity:
            try:
                oldest = self.full[0]
                del self.full[0]
            except IndexError:
                break  # other threads drop, too
            self.held -= oldest.count
            oldest.buffer.full -= 1
            if oldest.buffer.ended and not oldest.buffer.full:
                self._left.append(oldest.buffer)
                self.tidy()

    def _chunks(self) -> dict[Buffer, list[Chunk]]:
        """Return every thread's chunks, oldest first, without a gap; the first has rows to read.

        Only the last one may be empty, or have been taken whole.
        """
        current = [(buffer, buffer.chunk) for buffer in self.every.copy()]
        chunks: dict[Buffer, list[Chunk]] = {buffer: [] for buffer, _ in current}
        for chunk in self.full.copy():
            chunks.setdefault(chunk.buffer, []).append(chunk)
        for buffer, chunk in current:
            # Sealed since it was loaded: it is among the full ones, or dropped after them.
            if not chunks[buffer] or chunks[buffer][-1].first < chunk.first:
                chunks[buffer].append(chunk)
            while len(chunks[buffer]) > 1 and chunks[buffer][0].taken_whole:
                del chunks[buffer][0]
        return chunks

    def _gone(self, oldest: Chunk) -> Counter[int]:
        """How many rows before the first one to read gave way, by code: all but those taken."""
        taken = Counter(map(_code_of, oldest.rows[: oldest.start]))
        return oldest.before + taken - oldest.buffer.taken

    @settles
    def copy(self, newest: int | None = None) -> list[Piece]:
        """Copy every thread's rows, or as many of its newest."""
        pieces = []
        with inner:
            for buffer, chunks in self._chunks().items():
                gone = self._gone(chunks[0])
                parts: list[list[Row]] = []
                first, room = 0, newest
                for chunk in reversed(chunks):
                    end = len(chunk.rows)  # read once: the writer may append meanwhile
                    begin = chunk.start if room is None else max(chunk.start, end - room)
                    parts.append(chunk.rows[begin:end])
                    first = chunk.first + begin
                    if room is None:
                        continue
                    room -= end - begin
                    if room > 0:
                        continue
                    break
                rows = _joined(reversed(parts))
                pieces.append(Piece(buffer, first, rows, buffer.lost.copy(), gone))
        return list(filter(self._shown, pieces))

    @settles
    def take(self) -> list[Piece]:
        """Take every thread's rows away; each row is taken once."""
        pieces = []
        with inner:
            for buffer, chunks in self._chunks().items():
                gone = self._gone(chunks[0])
                first = chunks[0].first + chunks[0].start
                parts = []
                for chunk in chunks:
                    # They stay where they are until their chunk gives way; they are not read again.
                    end = len(chunk.rows)
                    parts.append(chunk.rows[chunk.start : end])
                    chunk.start = end
                rows = _joined(parts)
                buffer.taken.update(map(_code_of, rows))
                pieces.append(Piece(buffer, first, rows, buffer.lost.copy(), gone))
        return list(filter(self._shown, pieces))

    @settles
    def __len__(self) -> int:
        with inner:
            return sum(
                len(chunk.rows) - chunk.start
                for chunks in self._chunks().values()
                for chunk in chunks
            )

    @settles
    def overwritten(self) -> int:
        """How many events gave way to newer ones."""
        with inner:
            return sum(self._gone(chunks[0]).total() for chunks in self._chunks().values())


def sub_buffer(capacity: int) -> int:
    """Return how many events give way at a time where the newest are kept."""
    return max(1, min(capacity // MOST_SUB_BUFFERS, LARGEST_SUB_BUFFER))


def by_name(counts: dict[int, int], names: list[str]) -> dict[str, int]:
    """Add up counts by the name that a code stands for: a marker declared anew has two codes."""
    named: Counter[str] = Counter()
    for code, count in counts.items():
        named[names[code]] += count
    return dict(named)


def _joined(lists: Iterable[list[Row]]) -> list[Row]:
    joined: list[Row] = []
    for rows in lists:
        joined.extend(rows)
    return joined
