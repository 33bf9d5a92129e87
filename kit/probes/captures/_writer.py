"""A recorder's events, written into its file in Python: the twin of ``kit/c/store.c``.

One lock for all stores (`kit.core._publication.locks.inner`), which a writer holds while it puts a
record into its place. A signal handler that records in the middle of that finds it taken by its own
thread: what it recorded is put after the record that it interrupted. What it connects is connected
when the lock is given up.
"""

from __future__ import annotations

import mmap
import os
from collections import Counter, deque
from functools import wraps
from sys import is_finalizing
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from kit.core._publication.fork import look
from kit.core._publication.locks import gone, inner
from kit.core._registry import registry
from kit.core._reporting import put_off
from kit.probes.captures._encoding import decode
from kit.probes.captures._layout import (
    CLOSED,
    COUNTS,
    ENDED,
    EPOCH,
    FAILED,
    LOST,
    PAGE,
    PIECE,
    SEAL,
    THREADS,
    seal,
    words_of,
)
from kit.probes.captures._room import FREE, Block, FileRoom, MappedBuffer
from kit.probes.recorder._store import Piece, settles

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.probes.captures._capture import Row
    from kit.probes.captures._file import CaptureFile
    from kit.probes.recorder._sink import Sink

    _Found = tuple[MappedBuffer, int, list[bytes], Counter[int], Counter[int]]

__all__ = ["MappedStore"]

_queue: Final = registry.updater.queue
WHO, CODE, RECORD, TALLY, STATE, MISFITS = range(6)
"""What is in an event on its way: the thread, the code, the record (empty where it is to be lost),
what counts it where it fails, how far it has come: None, `WAITING`, or `DONE`, there or in a count;
what counts its misfits."""
WAITING: Final = "waiting"
DONE: Final = "done"

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


class MappedStore(FileRoom):
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
        super().__init__(file, capacity, overwrite, dispatches)
        self._kinds = kinds
        self._context = context
        self._pid = os.getpid()
        self._fresh()
        self._settled = False

    def _fresh(self) -> None:
        self._busy = self._writing = False
        self._later: deque[list[Any]] = deque()
        self._forget = False

    # Writing.

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
        assert isinstance(buffer, MappedBuffer)
        if self._left:
            self._notice_ended()
        block: Block | None = None
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

    def _lose(self, buffer: MappedBuffer, code: int) -> None:
        before = buffer.lost[code]
        buffer.lost[code] = before + 1
        try:
            self._count_lost(buffer, code, 1)
        except BaseException:  # no memory, or a signal handler's: it has failed
            buffer.lost[code] = before
            raise

    def _after(self, buffer: MappedBuffer, block: Block, size: int) -> tuple[int, int, int, int]:
        return block.used + size, block.events + 1, buffer.events + 1, self._held + 1

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
        taken, full = bytearray(file.layout.cells), deque[Block]()
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

    @_whole
    def to_seal(self, every: bool) -> tuple[mmap.mmap, list[tuple[Block, int, int]]]:
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
    def seal(self, block: Block, check: int, summed: int) -> bool:
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
