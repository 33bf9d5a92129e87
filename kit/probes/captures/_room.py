"""Room in a recorder's file: pieces and slots for each thread, and what gives way for them.

The twin in Python of ``kit/c/file.c``, and of the blocks in C.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from kit.probes.captures._encoding import HEAD
from kit.probes.captures._layout import (
    COUNT,
    COUNTS,
    ENDED,
    GENERATION,
    LOST,
    LOST_OF_ENDED,
    PAGE,
    PIECE,
    PIECE_MAGIC,
    RETIRED,
    SERIAL,
    THREAD,
    THREAD_NAME,
    THREADS,
    WORD,
    thread_slot,
)
from kit.probes.recorder._store import Buffer, Store, sub_buffer

if TYPE_CHECKING:
    from kit.probes.captures._file import CaptureFile

__all__ = ["Block", "FileRoom", "MappedBuffer"]

FREE: Final = bytes(PIECE.size)


class Block:
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

    def __init__(self, buffer: MappedBuffer, cell: int, cells: int, place: int, room: int) -> None:
        self.buffer = buffer
        self.cell, self.cells = cell, cells
        self.place, self.room = place, room  # of the records
        self.first = buffer.events
        self.used = self.events = 0
        self.summed = 0
        self.taken = (0, 0)  # bytes and events that a reader has taken away


class MappedBuffer(Buffer):
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
        self.blocks: deque[Block] = deque()
        self.current: Block | None = None
        self.overwritten: Counter[int] = Counter()
        self.slot: int | None = None
        self.slots: dict[int, int] = {}
        self.lost_slots: dict[int, int] = {}  # of the ended threads alone
        self.gone: Counter[int] = Counter()


class FileRoom(Store):
    """The room that threads have in a file; `MappedStore` says what they write there.

    Parameters
    ----------
    file : CaptureFile
    capacity, overwrite, dispatches
        See `MappedStore`.
    """

    def __init__(
        self, file: CaptureFile, capacity: int, overwrite: bool, dispatches: int | None
    ) -> None:
        super().__init__(capacity, dispatches)
        self.sub_buffer = sub_buffer(capacity) if overwrite else 0
        self._file: CaptureFile | None = file
        self._whole = file.layout.size
        self._cut = 0
        self._memory, self._words, self._layout = file.memory, file.words, file.layout
        self._taken = bytearray(file.layout.cells)
        # Slots that are used again: numbers of threads', places of counts'.
        self._spare_threads: list[int] = []
        self._spare_counts: list[int] = []
        self._serial = 0
        self._full: deque[Block] = deque()
        self._gone: deque[Block] = deque()
        self._held = 0

    def make(self, tid: int, name: str) -> Buffer:
        """Return a buffer for a thread."""
        return MappedBuffer(tid, name)

    def _mapped(self) -> list[MappedBuffer]:
        return [each for each in self.every.copy() if isinstance(each, MappedBuffer)]

    def _block_for(self, buffer: MappedBuffer, size: int) -> Block | None:
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

    def _seal(self, buffer: MappedBuffer, block: Block) -> None:
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
            if isinstance(buffer, MappedBuffer) and buffer in self.every:
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

    def _let_go(self, buffer: MappedBuffer) -> None:
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
        assert isinstance(ended, MappedBuffer)
        assert isinstance(buffer, MappedBuffer)
        overwritten, events = ended.overwritten + buffer.overwritten, ended.events + buffer.events
        ended.overwritten = overwritten
        buffer.overwritten = nothing
        ended.events = events
        super()._move_counts(buffer)

    def _retire(self, buffer: MappedBuffer) -> bool:
        """Have the file count a thread with those that have ended, and its slots used again.

        Returns
        -------
        bool
            False where there is no room for a count of these; then nothing has changed.
        """
        assert buffer.slot is not None
        words, ended = self._words, self.ended
        assert isinstance(ended, MappedBuffer)
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
        """Tell whether somebody has cut the file off; what was in the part gone is lost."""
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

    def _piece(self, buffer: MappedBuffer, size: int) -> Block | None:
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
        block = Block(buffer, at, wanted, place + PIECE.size, wanted * cell - PIECE.size)
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

    def _release(self, block: Block) -> None:
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

    def _thread(self, buffer: MappedBuffer) -> int | None:
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

    def _slot(self, buffer: MappedBuffer) -> int:
        assert buffer.slot is not None
        return self._layout.threads + buffer.slot * THREAD.size

    def _count(self, buffer: MappedBuffer, code: int) -> int | None:
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

    def _count_lost(self, buffer: MappedBuffer, code: int, more: int) -> None:
        place = self._count(buffer, code)
        at = PAGE + LOST if place is None else place + 8
        self._words[at // 8] += more

    def _count_lost_of_ended(self) -> None:
        """Say in a new file what ended threads have lost in those before it."""
        ended = self.ended
        assert isinstance(ended, MappedBuffer)
        ended.lost_slots.clear()
        for code, count in ended.lost.items():
            place = self._new_count(0, code + LOST_OF_ENDED)
            if place is None:
                self._words[(PAGE + LOST) // 8] += count
            else:
                ended.lost_slots[code] = place
                self._words[place // 8 + 2 + (self._live(ENDED) & 1)] = count

    def _note_gone(self, buffer: MappedBuffer, block: Block, gone: Counter[int]) -> None:
        """Say what has given way, in one step."""
        slot = self._slot(buffer) // 8
        which = ~self._words[slot] & 1
        for code, count in gone.items():
            place = self._count(buffer, code)
            if place is not None:
                self._words[place // 8 + 2 + which] = count
        self._words[slot] = 2 * (block.first + block.events) + which

    def _note_ends(self) -> None:
        """Note how far each thread has come, for whoever reads the file after it was closed."""
        for buffer in self._mapped():
            if buffer.slot is not None:
                self._words[self._slot(buffer) // 8 + 4] = buffer.events


def _codes(data: bytes, begin: int) -> list[int]:
    found, at = [], begin
    while at < len(data):
        size, code, _, _ = HEAD.unpack_from(data, at)
        if size < HEAD.size:
            break  # cut off just now
        found.append(code)
        at += size
    return found
