"""The recorder's file, written in Python: the twin of ``kit/c/file.c`` and of the blocks in C.

One lock for all stores (`kit.core._publication.locks.inner`), which a writer holds while it puts a
record into its place. A signal handler that records in the middle of that finds it taken by its own
thread: what it recorded is put after the record that it interrupted. What it connects is connected
when the lock is given up.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections import Counter, deque
from functools import partial, wraps
from sys import is_finalizing
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from kit.core._publication.fork import look
from kit.core._publication.locks import gone, inner
from kit.core._registry import registry
from kit.core._reporting import put_off
from kit.probes._context import ask
from kit.probes._values import columns
from kit.probes.captures._encoding import HEAD, decode, encode
from kit.probes.captures._file import (
    CLOSED,
    COUNT,
    COUNTS,
    ENDED,
    EPOCH,
    FAILED,
    GENERATION,
    LOST,
    LOST_OF_ENDED,
    PAGE,
    PIECE,
    PIECE_MAGIC,
    RETIRED,
    SEAL,
    SERIAL,
    THREAD,
    THREAD_NAME,
    THREADS,
    WORD,
    seal,
    thread_slot,
    words_of,
)
from kit.probes.recorder._sink import Sink
from kit.probes.recorder._store import Buffer, Piece, Store, settles, sub_buffer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kit.core import Marker
    from kit.core._dispatch.tally import Tally
    from kit.core._format import Format
    from kit.probes.captures._capture import Row
    from kit.probes.captures._file import CaptureFile

    Writer = Callable[[int, int, tuple[Any, ...]], None]
    _Found = tuple["_MappedBuffer", int, list[bytes], Counter[int], Counter[int]]

__all__ = ["MappedSink", "MappedStore"]

_queue: Final = registry.updater.queue
WHO, CODE, RECORD, TALLY, STATE, MISFITS = range(6)
"""What is in an event on its way: the thread, the code, the record (empty where it is to be lost),
what counts it where it fails, how far it has come: None, `WAITING`, or `DONE`, there or in a count;
what counts its misfits."""
WAITING: Final = "waiting"
DONE: Final = "done"
FREE: Final = bytes(PIECE.size)

P = ParamSpec("P")
R = TypeVar("R")


def _whole(
    method: Callable[Concatenate[MappedStore, P], R],
) -> Callable[Concatenate[MappedStore, P], R]:
    """Have a method find, and leave, the store whole: what records in the middle of it waits.

    As a write does it: a signal handler or a finaliser on this very thread may come to where the
    lock does not hold it up.
    """

    @settles
    @wraps(method)
    def alone(self: MappedStore, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._later or self._forget:
            self.keep(None)
        try:
            with inner:
                if self._busy:
                    return method(self, *args, **kwargs)  # it is itself in the middle of a write
                self._busy = True
                try:
                    return method(self, *args, **kwargs)
                finally:
                    self._busy = False
        finally:
            if self._later or self._forget:
                self.keep(None)

    return alone


class _Block:
    """Consecutive records of one thread, in one piece of the file."""

    __slots__ = (
        "buffer",
        "cell",
        "cells",
        "events",
        "first",
        "place",
        "room",
        "summed",
        "taken",
        "used",
    )

    def __init__(self, buffer: _MappedBuffer, cell: int, cells: int, place: int, room: int) -> None:
        self.buffer = buffer
        self.cell, self.cells = cell, cells
        self.place, self.room = place, room  # of the records
        self.first = buffer.events
        self.used = self.events = 0
        self.summed = 0
        self.taken = (0, 0)  # bytes and events that a reader has taken away


class _MappedBuffer(Buffer):
    """What one thread writes."""

    __slots__ = (
        "blocks",
        "current",
        "events",
        "gone",
        "lost_slots",
        "overwritten",
        "slot",
        "slots",
    )

    def __init__(self, tid: int, name: str) -> None:
        super().__init__(tid, name, None)
        self.events = 0
        self.blocks: deque[_Block] = deque()
        self.current: _Block | None = None
        self.overwritten: Counter[int] = Counter()
        self.slot: int | None = None
        self.slots: dict[int, int] = {}
        self.lost_slots: dict[int, int] = {}  # of the ended threads alone
        self.gone: Counter[int] = Counter()


class MappedStore(Store):
    """The events of a recorder, in its file.

    Parameters
    ----------
    file : CaptureFile
    capacity : int
        How many events are kept.
    overwrite : bool
        Whether the newest events are kept, and not the first.
    kinds : list of bytes
        The letters of the columns, by code; it grows.
    context : int
        How many of a row's last columns are context.
    dispatches : int or None
        How many observed dispatches are kept before others are lost; ``None`` for the newest.
    """

    def __init__(
        self,
        file: CaptureFile,
        capacity: int,
        overwrite: bool,
        kinds: list[bytes],
        context: int,
        dispatches: int | None,
    ) -> None:
        super().__init__(capacity, dispatches)
        self.sub_buffer = sub_buffer(capacity) if overwrite else 0
        self._kinds = kinds
        self._context = context
        self._pid = os.getpid()
        self._fresh()
        self._file: CaptureFile | None = file
        self._whole = file.layout.size
        self._cut = 0
        self._memory, self._words, self._layout = file.memory, file.words, file.layout
        self._taken = bytearray(file.layout.cells)
        # Slots that are used again: numbers of threads', places of counts'.
        self._spare_threads: list[int] = []
        self._spare_counts: list[int] = []
        self._serial = 0
        self._full: deque[_Block] = deque()
        self._gone: deque[_Block] = deque()
        self._held = 0
        self._settled = False

    def _fresh(self) -> None:
        self._busy = self._writing = False
        self._later: deque[list[Any]] = deque()
        self._forget = False

    # Writing.

    def make(self, tid: int, name: str) -> Buffer:
        """Return a buffer for a thread."""
        return _MappedBuffer(tid, name)

    def tidy(self) -> None:
        """Leave threads that have ended to the next event, which has the file to itself."""

    def keep(self, event: list[Any] | None) -> None:  # noqa: C901 - see the loop
        """Keep an event where there is room, or count it as lost, or as failed.

        Parameters
        ----------
        event : list or None
            See `WHO`; it has no state yet. With an exception, and still without one, it is the
            caller's to count. None where only what has come meanwhile is to be kept.
        """
        if self._pid != os.getpid():
            look()
            self.detach()  # where its recorder is gone, too
        if is_finalizing() and (gone(inner) or (self._busy and not inner._is_owned())):
            # Who was in the middle of a write does not come to its end, and nobody else runs.
            if event is not None:
                self._words[(PAGE + LOST) // 8] += 1
                event[STATE] = DONE
            return
        # As `locks.settles` does it, which is too slow for here.
        try:
            with inner:
                if event is not None:
                    # Without a call: no signal handler comes in between.
                    self._later += (event,)
                    event[STATE] = WAITING
                if self._busy:
                    return  # a signal handler, in the middle of what follows
                self._busy = self._writing = True
                raised: BaseException | None = None
                try:
                    while True:  # `while self._later` CPython would not guard by what is below
                        if not self._later:
                            break
                        one = self._later[0]
                        del self._later[0]
                        try:
                            self._put(one)
                        except BaseException as error:  # noqa: BLE001 - when the others are there
                            if one[STATE] is WAITING:
                                one[TALLY].n += 1
                                one[STATE] = DONE
                                self.fail()
                            raised = raised or error
                finally:
                    try:
                        if self._forget:
                            self._forget_all()
                    finally:
                        self._busy = self._writing = False
                if raised is not None:
                    raise raised
        finally:
            if _queue or put_off:
                registry.updater.settle()

    def _put(self, event: list[Any]) -> None:
        ident, code, record, *_ = event
        self._reopen()
        buffer = self.buffer(ident)
        assert isinstance(buffer, _MappedBuffer)
        if self._left:
            self._notice_ended()
        block: _Block | None = None
        if record and (self.sub_buffer or self._held < self.capacity):
            block = self._block_for(buffer, len(record))
        if block is None:
            self._lose(buffer, code)
            event[STATE] = DONE
            return
        begin = block.place + block.used
        self._memory[begin : begin + len(record)] = record
        # Numbers first: they may be what there is no memory for.
        used, events, number, held = self._after(buffer, block, len(record))
        self._words[block.place // 8 - 1] = used
        # From here on it is there, and nothing is called before that is noted.
        event[STATE] = DONE
        block.used = used
        block.events = events
        buffer.events = number
        if not self.sub_buffer:
            self._held = held
        elif events >= self.sub_buffer:
            self._seal(buffer, block)
        for tally in event[MISFITS]:
            tally.n += 1

    def _reopen(self) -> None:
        if self._settled:
            # Whoever finds the file after a kill must not find the change in one that is whole.
            self._set(CLOSED, 0)
            self._settled = False

    @_whole
    def limit(self, capacity: int, sub_buffer: int) -> None:
        """Keep so many from now on; with 0 and 0 whatever comes is lost."""
        self.capacity = capacity
        self.sub_buffer = sub_buffer

    @_whole
    def fail(self) -> None:
        """Count in the file an event that could not be written."""
        self._reopen()
        self._words[(PAGE + FAILED) // 8] += 1

    def _lose(self, buffer: _MappedBuffer, code: int) -> None:
        before = buffer.lost[code]
        buffer.lost[code] = before + 1
        try:
            self._count_lost(buffer, code, 1)
        except BaseException:  # no memory, or a signal handler's: it has failed
            buffer.lost[code] = before
            raise

    def _after(self, buffer: _MappedBuffer, block: _Block, size: int) -> tuple[int, int, int, int]:
        return block.used + size, block.events + 1, buffer.events + 1, self._held + 1

    def _block_for(self, buffer: _MappedBuffer, size: int) -> _Block | None:
        block = buffer.current
        if block is not None and block.room - block.used >= size:
            return block
        if self._is_cut():
            return None
        if block is not None and self.sub_buffer:
            self._seal(buffer, block)
        while buffer.slot is None and (slot := self._thread(buffer)) is None:
            # Until a thread that has ended gives its slot back, where that is to come.
            waiting = (each for each in self._mapped() if each.ended and each.blocks)
            if not self._full or next(waiting, None) is None:
                return None
            self._drop_oldest()
        if buffer.slot is None:
            buffer.slot = slot
        if size > self._layout.cell * self._layout.cells - PIECE.size:
            return None
        while (block := self._piece(buffer, size)) is None:
            if not self._full:
                return None
            self._drop_oldest()
        return block

    def _seal(self, buffer: _MappedBuffer, block: _Block) -> None:
        if self._is_cut():
            return
        held = self._held + block.events
        self._full += (block,)  # not by a call: no signal handler comes in between
        buffer.current = None
        self._held = held
        while self._full and self._held - self.sub_buffer >= self.capacity:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        # First what there may be no memory for: all of it is done, or none.
        block = self._full[0]
        buffer = block.buffer
        data = bytes(self._memory[block.place : block.place + block.used])
        gone = buffer.gone + Counter(_codes(data, 0))
        overwritten = buffer.overwritten + Counter(_codes(data, block.taken[0]))
        held = self._held - block.events
        place = buffer.blocks.index(block)
        # What has just been cut off is zeros, which are no events.
        left = overwritten.total() - buffer.overwritten.total()
        self._note_gone(buffer, block, gone)
        cut = self._cut + block.events - block.taken[1] - left
        one, ended = (block,), (buffer,) if buffer.ended else ()
        # Without a call, see _seal; first what there may be no memory for. What is left of it is
        # done before the next piece.
        self._left += ended
        self._gone += one
        del self._full[0]
        del buffer.blocks[place]
        self._cut = cut
        buffer.gone = gone
        buffer.overwritten = overwritten
        self._held = held
        self._release_gone()
        if buffer.ended:
            self._let_go(buffer)

    # Threads that have ended.

    def _notice_ended(self) -> None:
        """See to threads that have ended: what they wrote may give way from now on."""
        while self._left:
            buffer = self._left[0]
            if isinstance(buffer, _MappedBuffer) and buffer in self.every:
                block = buffer.current
                if block is not None and not block.events:
                    place, one = buffer.blocks.index(block), (block,)
                    # As in _drop_oldest.
                    self._gone += one
                    buffer.current = None
                    del buffer.blocks[place]
                    self._release_gone()
                elif block is not None and self.sub_buffer:
                    self._seal(buffer, block)
                self._let_go(buffer)
            self._left.popleft()

    def _let_go(self, buffer: _MappedBuffer) -> None:
        """Give an ended thread's slot back and forget it, where none of its events is left."""
        if buffer.blocks or buffer not in self.every:
            return
        if buffer.slot is not None and not self._retire(buffer):
            return  # the file has no room for more counts: it stays as it is, exact
        self._move_observed(buffer)
        self._move_counts(buffer)
        del self.every[buffer]

    def _move_counts(self, buffer: Buffer) -> None:
        """Put an ended thread's counts with those of all of them."""
        ended, nothing = self.ended, Counter[int]()
        assert isinstance(ended, _MappedBuffer)
        assert isinstance(buffer, _MappedBuffer)
        overwritten, events = ended.overwritten + buffer.overwritten, ended.events + buffer.events
        ended.overwritten = overwritten
        buffer.overwritten = nothing
        ended.events = events
        super()._move_counts(buffer)

    def _retire(self, buffer: _MappedBuffer) -> bool:
        """Have the file count a thread with those that have ended, and its slots used again.

        Returns
        -------
        bool
            False where there is no room for a count of these; then nothing has changed.
        """
        assert buffer.slot is not None
        words, ended = self._words, self.ended
        assert isinstance(ended, _MappedBuffer)
        slot = self._slot(buffer) // 8
        way = words[slot] & 1
        gone = {code: words[place // 8 + 2 + way] for code, place in buffer.slots.items()}
        lost = {code: words[place // 8 + 1] for code, place in buffer.slots.items()}
        for counts, slots, more in (
            (gone, ended.slots, 0),
            (lost, ended.lost_slots, LOST_OF_ENDED),
        ):
            for code, count in counts.items():
                if count and code not in slots:
                    place = self._new_count(0, code + more)
                    if place is None:
                        return False
                    slots[code] = place
        word = self._live(ENDED)
        holds, number = word & 1, (word >> 1) + 1
        # Its own counts hold until so many have ended.
        words[slot + RETIRED // 8] = number
        for counts, slots in ((gone, ended.slots), (lost, ended.lost_slots)):
            for code, place in slots.items():
                at = place // 8 + 2
                words[at + 1 - holds] = words[at + holds] + counts.get(code, 0)
        # One store: the ended threads have its counts, and it has them no more.
        self._set(ENDED, 2 * number + 1 - holds)
        number, buffer.slot = buffer.slot, None
        # Only now: whoever has these slots next finds zero.
        for place in buffer.slots.values():
            for word in range(place // 8 + 1, place // 8 + 4):
                words[word] = 0
            self._spare_counts.append(place)
        self._spare_threads.append(number)
        return True

    def _is_cut(self) -> bool:
        """Whether somebody has cut the file off; what was in the part that has gone is lost."""
        if self._file is None:
            return False
        while (whole := self._file.whole) < self._whole:
            self._whole = whole
            for buffer in self._mapped():
                buffer.current = None  # the next event asks for room
                there = deque(each for each in buffer.blocks if each.place + each.used <= whole)
                for block in buffer.blocks:
                    if block not in there:
                        self._cut += block.events - block.taken[1]
                buffer.blocks = there
            full = deque(each for each in self._full if each in each.buffer.blocks)
            self._held -= sum(each.events for each in self._full if each not in full)
            self._full = full
        return self._whole < self._layout.size

    # The file.

    def _piece(self, buffer: _MappedBuffer, size: int) -> _Block | None:
        self._release_gone()
        cell = self._layout.cell
        wanted = -(-(size + PIECE.size) // cell)
        at = self._taken.find(bytes(wanted))
        if at < 0:
            return None
        place = self._layout.arena + at * cell
        self._serial += 1
        generation = self._words[(self._slot(buffer) + GENERATION) // 8]
        numbers = (wanted, buffer.slot, buffer.events, self._serial, generation)
        head = PIECE.pack(0, 0, *numbers, 0, 0, 0)
        check = zlib.crc32(head[8:40], self._layout.key)
        begin, *rest = memoryview(PIECE.pack(PIECE_MAGIC, check, *numbers, 0, 0, 0)).cast("Q")
        head = struct.pack(f"={1 + len(rest)}Q", 0, *rest)
        block = _Block(buffer, at, wanted, place + PIECE.size, wanted * cell - PIECE.size)
        # A bytearray, which is copied as it is.
        one, ones, cells = (block,), bytearray(b"\1") * wanted, slice(at, at + wanted)
        where, word, serial = slice(place, place + PIECE.size), place // 8, (PAGE + SERIAL) // 8
        # Without a call, see _seal; first what there may be no memory for.
        buffer.blocks += one
        buffer.current = block
        self._taken[cells] = ones
        # It says that it is free until it is whole again.
        self._memory[where] = head
        self._words[word] = begin
        # Whoever reads this number finds every piece up to it.
        self._words[serial] = self._serial
        return block

    def _release_gone(self) -> None:
        """Free the pieces that have given way."""
        while self._gone:
            self._release(self._gone[0])
            del self._gone[0]

    def _release(self, block: _Block) -> None:
        head = block.place - PIECE.size
        self._words[head // 8] = 0
        for number in range(1, block.cells):
            inside = head + number * self._layout.cell
            self._memory[inside : inside + PIECE.size] = FREE
        self._taken[block.cell : block.cell + block.cells] = bytes(block.cells)

    def _live(self, place: int) -> int:
        return self._words[(PAGE + place) // 8]

    def _set(self, place: int, value: int) -> None:
        self._words[(PAGE + place) // 8] = value

    def _thread(self, buffer: _MappedBuffer) -> int | None:
        number = self._live(THREADS)
        again = bool(self._spare_threads)
        if again:
            number = self._spare_threads.pop()
        elif number >= self._layout.most_threads:
            return None
        name = buffer.name.encode("utf-8", "replace")[:THREAD_NAME]
        name = name.decode("utf-8", "ignore").encode()
        place = self._layout.threads + number * THREAD.size
        generation = self._words[(place + GENERATION) // 8] + 1 if again else 0
        slot = thread_slot(self._layout.key, buffer.events, buffer.tid, generation, name)
        if again:
            # That it has no thread holds until it is whole, and so are its counts, which are zero.
            self._memory[place : place + RETIRED] = slot[:RETIRED]
            self._memory[place + RETIRED + 8 : place + THREAD.size] = slot[RETIRED + 8 :]
            self._words[(place + RETIRED) // 8] = 0
        else:
            self._memory[place : place + THREAD.size] = slot
            self._set(THREADS, number + 1)
        return number

    def _slot(self, buffer: _MappedBuffer) -> int:
        assert buffer.slot is not None
        return self._layout.threads + buffer.slot * THREAD.size

    def _count(self, buffer: _MappedBuffer, code: int) -> int | None:
        """Return the place of a count, or None: there is no room."""
        if buffer.slot is None:
            buffer.slot = self._thread(buffer)
        if code not in buffer.slots and buffer.slot is not None:
            place = self._new_count(buffer.slot, code)
            if place is not None:
                buffer.slots[code] = place
        return buffer.slots.get(code)

    def _new_count(self, thread: int, code: int) -> int | None:
        whose = WORD.unpack(struct.pack("=II", thread, code))[0]
        if self._spare_counts:
            place = self._spare_counts.pop()
            # It is zero; whose it is changes in one store.
            self._words[place // 8] = whose
            return place
        number = self._live(COUNTS)
        if number >= self._layout.most_counts:
            return None
        place = self._layout.counts + number * COUNT.size
        self._memory[place : place + COUNT.size] = COUNT.pack(thread, code, 0, 0, 0)
        self._set(COUNTS, number + 1)
        return place

    def _count_lost(self, buffer: _MappedBuffer, code: int, more: int) -> None:
        place = self._count(buffer, code)
        at = PAGE + LOST if place is None else place + 8
        self._words[at // 8] += more

    def _count_lost_of_ended(self) -> None:
        """Say in a new file what ended threads have lost in those before it."""
        ended = self.ended
        assert isinstance(ended, _MappedBuffer)
        ended.lost_slots.clear()
        for code, count in ended.lost.items():
            place = self._new_count(0, code + LOST_OF_ENDED)
            if place is None:
                self._words[(PAGE + LOST) // 8] += count
            else:
                ended.lost_slots[code] = place
                self._words[place // 8 + 2 + (self._live(ENDED) & 1)] = count

    def _note_gone(self, buffer: _MappedBuffer, block: _Block, gone: Counter[int]) -> None:
        """Say what has given way, in one step."""
        slot = self._slot(buffer) // 8
        which = ~self._words[slot] & 1
        for code, count in gone.items():
            place = self._count(buffer, code)
            if place is not None:
                self._words[place // 8 + 2 + which] = count
        self._words[slot] = 2 * (block.first + block.events) + which

    # What holds for all of it.

    def forget(self) -> None:
        """Forget everything that was recorded."""
        self._forget = True
        self.keep(None)  # now, unless a signal handler is in the middle of a write

    def _forget_all(self) -> None:
        self._settled = False
        self._cut = 0
        self._set(CLOSED, 0)
        self._anew()
        self._full.clear()
        self._gone.clear()
        self._held = 0
        self._spare_threads, self._spare_counts = [], []
        epoch = self._live(EPOCH) | 1
        self._set(EPOCH, epoch)
        for cell in range(self._layout.cells):
            place = self._layout.arena + cell * self._layout.cell
            self._memory[place : place + PIECE.size] = FREE
        self._taken = bytearray(self._layout.cells)
        self._words[self._layout.threads // 8] = 0
        self._set(ENDED, 0)
        self._set(THREADS, 1)
        for place in (COUNTS, LOST, FAILED):
            self._set(place, 0)
        self._set(EPOCH, epoch + 1)
        self._forget = False  # last: what is interrupted is done once more

    @_whole
    def rotate(self, sink: Sink, file: CaptureFile) -> tuple[int, int]:
        """Go on in another file, and have the sink know; what was recorded stays in the old one.

        Returns
        -------
        tuple of int
            How many events that are, and how many of its cells hold them.
        """
        self._is_cut()
        self._release_gone()
        pid, events, cells = self._pid, self._events(), self._taken.rfind(b"\1") + 1
        # First what there may be no memory for: all of it is done, or none.
        taken, full = bytearray(file.layout.cells), deque[_Block]()
        spare: tuple[list[int], list[int]] = [], []
        fresh: list[tuple[Any, ...]]
        fresh = [(each, deque(), {}, Counter()) for each in self._mapped()]
        each_fresh = iter(fresh)
        whole = file.layout.size
        self._note_ends()
        # These are counted from the beginning, in each file.
        file.words[(PAGE + LOST) // 8] = self._cut
        file.words[(PAGE + FAILED) // 8] = self._live(FAILED)
        self._settled = False
        self._memory, self._words, self._layout = file.memory, file.words, file.layout
        self._taken, self._full = taken, full
        self._spare_threads, self._spare_counts = spare
        self._serial = self._held = 0
        self._file, self._whole = file, whole
        sink.file = file
        for buffer, blocks, slots, nothing in each_fresh:
            buffer.blocks, buffer.slots, buffer.gone = blocks, slots, nothing
            buffer.current = buffer.slot = None
        if pid != os.getpid():
            # An interruption has forked before the file was this store's, and let go of the
            # old one only. From here on `detach` lets go of this one.
            sink.file, self._pid = None, pid
            self.detach()
        for buffer, *_ in fresh:
            if buffer.ended:
                self._let_go(buffer)
            # And these.
            for code, count in buffer.lost.items():
                if buffer is not self.ended:
                    self._count_lost(buffer, code, count)
        self._count_lost_of_ended()
        return events, cells

    def _note_ends(self) -> None:
        """Note how far each thread has come, for whoever reads the file after it was closed."""
        for buffer in self._mapped():
            if buffer.slot is not None:
                self._words[self._slot(buffer) // 8 + 4] = buffer.events

    @_whole
    def to_seal(self, every: bool) -> tuple[mmap.mmap, list[tuple[_Block, int, int]]]:
        """Return the file's memory, and its pieces that are full and not sealed.

        Of each the block, where its records begin, and how many bytes they are. With ``every``,
        those besides that are still being filled.
        """
        found = [
            (block, block.place, block.used)
            for buffer in self._mapped()
            for block in buffer.blocks
            if block.used != block.summed and (every or block is not buffer.current)
        ]
        return self._memory, found

    @_whole
    def seal(self, block: _Block, check: int, summed: int) -> bool:
        """Note the checksum of so many bytes; whether the piece is still there."""
        there = block in block.buffer.blocks and block.buffer in self.every
        if there:
            self._words[(block.place - PIECE.size + SEAL) // 8] = seal(check, summed)
            block.summed = summed
        return there

    @_whole
    def settle(self) -> mmap.mmap | None:
        """Have whoever writes next say that the file has changed; None when not all is sealed."""
        self._release_gone()
        blocks = [block for buffer in self._mapped() for block in buffer.blocks]
        if self._writing or self._is_cut() or any(block.used != block.summed for block in blocks):
            return None
        self._note_ends()
        self._settled = True
        return self._memory

    @_whole
    def close(self, memory: mmap.mmap, value: int) -> bool:
        """Say in the file that it is whole; whether nobody has written since `settle`."""
        if memory is not self._memory or not self._settled:
            return False
        self._set(CLOSED, value)
        return True

    def cells_free(self) -> int:
        """How many cells of the file are free."""
        return self._taken.count(0)

    def _events(self) -> int:
        """How many events there are, those included that a reader has taken away."""
        return sum(block.events for buffer in self._mapped() for block in buffer.blocks)

    def _mapped(self) -> list[_MappedBuffer]:
        return [each for each in self.every.copy() if isinstance(each, _MappedBuffer)]

    def detach(self) -> None:
        """In the child of a fork: go on in memory of its own."""
        if self._pid == os.getpid():
            return
        self._pid = os.getpid()
        self._file = None
        self._memory = mmap.mmap(-1, self._layout.size)
        self._words = words_of(self._memory)
        if self._busy and inner._is_owned():
            # This very thread has forked in the middle of a write, which ends in that memory.
            self._forget = True
            return
        self._fresh()  # what a thread was about that is not here
        self._forget_all()

    # Reading.

    def copy(self, newest: int | None = None) -> list[Piece]:
        """Copy every thread's rows, or as many of its newest."""
        return self._read(newest, take=False)

    def take(self) -> list[Piece]:
        """Take every thread's rows away; each row is taken once. The file keeps them."""
        return self._read(None, take=True)

    @_whole
    def _read(self, newest: int | None, *, take: bool) -> list[Piece]:
        self._is_cut()
        whole, found = self._whole, self._found(newest)
        while self._is_cut() and self._whole < whole:
            # What was cut off while it was copied is zeros: again, without it.
            whole, found = self._whole, self._found(newest)
        if take:
            for buffer in self._mapped():
                for block in buffer.blocks:
                    block.taken = (block.used, block.events)
        pieces = []
        for buffer, events, parts, lost, overwritten in found:
            rows: list[Row] = []
            for data in reversed(parts):
                rows += decode(data, self._kinds, self._context).rows
            if newest is not None:
                rows = rows[max(0, len(rows) - newest) :]
            pieces.append(Piece(buffer, events - len(rows), rows, lost, overwritten))
        return list(filter(self._shown, pieces))

    def _found(self, newest: int | None) -> list[_Found]:
        """Return of each buffer how far it has come, its records (newest first), and its counts."""
        found: list[_Found] = []
        for buffer in self._mapped():
            parts: list[bytes] = []
            count = 0
            for block in reversed(buffer.blocks):
                if newest is not None and count >= newest:
                    break
                begin, end = block.place + block.taken[0], block.place + block.used
                parts.append(bytes(self._memory[begin:end]))
                count += block.events - block.taken[1]
            events = buffer.events
            if self._cut and buffer.blocks:
                events = buffer.blocks[-1].first + buffer.blocks[-1].events
            found.append((buffer, events, parts, buffer.lost.copy(), buffer.overwritten.copy()))
        return found

    @_whole
    def __len__(self) -> int:
        self._is_cut()
        taken = (block.taken[1] for buffer in self._mapped() for block in buffer.blocks)
        return self._events() - sum(taken)

    @_whole
    def cut(self) -> int:
        """How many of the lost were in a part of the file that has gone."""
        self._is_cut()
        return self._cut

    def lost(self) -> int:
        """How many events found no room, or were in a part of the file that has gone."""
        return self.cut() + super().lost()

    def overwritten(self) -> int:
        """How many events gave way to newer ones."""
        with inner:
            return sum(buffer.overwritten.total() for buffer in self._mapped())


class MappedSink(Sink):
    """Writes events into a file; see `kit.probes.recorder._sink.Sink`."""

    store: MappedStore

    def begin(self) -> None:
        """Begin an empty store."""
        if hasattr(self, "store"):
            self.store.forget()  # one store: what is in the middle of an event finishes it there
            return
        assert self.file is not None
        self._kinds: list[bytes] = []
        self.store = MappedStore(
            self.file,
            self.capacity,
            self.overwrite,
            self._kinds,
            len(self.context),
            self.dispatches_kept,
        )

    def detach(self) -> None:
        """Go on without the file, which is another process's; `clear` comes next."""
        self.store.detach()
        super().detach()

    def rotation(self, file: CaptureFile) -> Callable[[], tuple[int, int]]:
        """Return what goes on in another file, with the registry's lock held."""
        return partial(self.store.rotate, self, file)

    def cells_free(self) -> int:
        """How many cells of the file are free."""
        return self.store.cells_free()

    @property
    def pieces(self) -> MappedStore:
        """What seals the pieces of its file."""
        return self.store

    def code(self, marker: Marker, format: Format) -> int | None:
        """Return the number that stands for a marker with a format."""
        code = super().code(marker, format)
        for _, each in self.recorded[len(self._kinds) :]:
            self._kinds.append(columns(each, self.letters))
        self.declare()
        return code

    def note_failed(self) -> None:
        """Count in the file an event that could not be written."""
        self.store.fail()

    def _writer(self, code: int) -> Writer:
        return self._writing(code, ())

    def _writer_with_context(self, code: int) -> Writer:
        return self._writing(code, tuple(self._context_functions))

    def _loser(self, code: int) -> Writer:
        return self._writing(code, (), lost=True)

    def _writing(
        self, code: int, functions: tuple[Callable[[], Any], ...], *, lost: bool = False
    ) -> Writer:
        sink, kinds, failed = self, self._kinds[code], self._failures[code]
        arity, misfits = len(kinds) - len(functions), self.misfits_of(code)

        def write(ident: int, ts: int, args: tuple[Any, ...]) -> None:
            event: list[Any] | None = None
            try:
                values: Sequence[Any] = args
                if functions:
                    values = [*args[:arity], *[...] * (arity - len(args)), *ask(functions)]
                record = b""
                missed: list[Tally] = []
                if not lost:
                    made, missed = misfits.plain(values)
                    record = encode(code, ts, kinds, made)
                event = [ident, code, record, failed, None, missed]
                sink.store.keep(event)
            except BaseException:
                if event is None or event[STATE] is None:
                    failed.n += 1
                    sink.store.fail()
                raise

        return write


def _codes(data: bytes, begin: int) -> list[int]:
    found, at = [], begin
    while at < len(data):
        size, code, _, _ = HEAD.unpack_from(data, at)
        if size < HEAD.size:
            break  # cut off just now
        found.append(code)
        at += size
    return found
