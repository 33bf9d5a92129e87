"""Reading a recorder's file: while it is written, after its end, and after the program was killed.

The file is read, never mapped: nothing that anybody does to it can be worse than an error here. No
length or place in it is believed before it was compared with the file. What the reader holds is at
most what the file holds.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from kit.core._runtime import dispatcher
from kit.probes._files import open_regular
from kit.probes._values import columns
from kit.probes.captures._capture import Capture, ThreadEvents
from kit.probes.captures._declarations import declared
from kit.probes.captures._encoding import decode
from kit.probes.captures._header import COUNTABLE, TRIES, OpenFile
from kit.probes.captures._layout import (
    COUNT,
    ENDED_THREADS,
    LOST_OF_ENDED,
    PIECE,
    PIECE_MAGIC,
    THREAD,
)
from kit.probes.recorder._stop_windows import StopWindows
from kit.probes.recorder._store import by_name

if TYPE_CHECKING or dispatcher == "c":
    from kit import _c
    from kit.probes.recorder._c_store import BlockRows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kit.core._format import Format
    from kit.probes.captures._capture import Row

__all__ = ["read"]

_STATIC: Final = 40
"""Of the head of a piece what does not change while records are added."""
THREAD_1: Final = struct.Struct("=QqqII96s")
"""A thread's slot in version 1, which has no end, generation and retired: they are 0."""


class _Piece(NamedTuple):
    at: int
    room: int
    thread: int
    first: int
    generation: int
    head: bytes

    @property
    def who(self) -> tuple[int, int]:
        """Whose it is: of the threads that had this slot, which."""
        return self.thread, self.generation


@dataclass(slots=True)
class _Thread:
    gone: int
    base: int
    tid: int
    name: str
    counted: int
    """0 or 1: which of two counts of what gave way holds."""
    end: int = 0
    """The number of its next event, when the file was closed."""
    generation: int | None = 0
    """How many had its slot before; None when nobody knows."""
    there: bool = True
    """Whether it is one: not the entry of those that have ended, nor a slot between two threads."""
    lost: dict[int, int] = field(default_factory=dict)
    overwritten: dict[int, int] = field(default_factory=dict)


def read(path: str | os.PathLike[str], file: IO[bytes] | None = None) -> Capture:
    """Read a recorder's file.

    Parameters
    ----------
    path : path
    file : binary file, optional
        What is open already under that path; its name is not looked up again.

    Returns
    -------
    Capture
        What the recorder would give; `Capture.damaged` says what could not be read.

    Raises
    ------
    CaptureError
        When it is foreign, of another version or machine, or its first pages are damaged.
    OSError
        When it cannot be read.
    """
    name = os.fspath(path)
    with open_regular(path) if file is None else nullcontext(file) as opened:
        for _ in range(TRIES):
            reader = _Reader(name, opened.fileno())
            capture = reader.read()
            if not reader.changed():
                break
            time.sleep(0.001)  # it was cleared in between, or written after it was closed
    return capture


class _Reader(OpenFile):
    """Reads a file once."""

    # Pieces.

    def _pieces(self) -> list[_Piece]:
        """Return the pieces there are, oldest first for each thread, and none left out.

        While it is looked through, pieces are begun and give way. A piece of a thread that is older
        than one that was found, but was not found itself, was begun where the first look had been
        already; the second one finds it, unless it has given way.
        """
        found = self._look()
        damage = replace(self.damage)
        newest: dict[tuple[int, int], int] = {}
        for piece in found:
            newest[piece.who] = max(piece.first, newest.get(piece.who, 0))
        known = {(piece.who, piece.first) for piece in found}
        for piece in self._look():
            place = (piece.who, piece.first)
            if place not in known and piece.first < newest.get(piece.who, 0):
                found.append(piece)
        self.damage = damage
        return sorted(found, key=lambda piece: (*piece.who, piece.first))

    def _look(self) -> list[_Piece]:
        found, at, layout = [], 0, self.layout
        while at < layout.cells:
            place = layout.arena + at * layout.cell
            head = self.at(place, PIECE.size)
            at += 1
            if len(head) < PIECE.size:
                self.damage.pieces += layout.cells - at + 1 if place > self.size else 1
                break
            magic, check, cells, thread, first, _, generation = PIECE.unpack(head)[:7]
            if magic != PIECE_MAGIC:
                continue  # free
            summed = head[8 : 32 if self.version == 1 else _STATIC]
            if zlib.crc32(summed, layout.key) != check:
                if (
                    self.at(place, _STATIC) == head[:_STATIC]
                ):  # or it is becoming another one right now
                    self.damage.pieces += 1
                continue
            if not 1 <= cells <= layout.cells - at + 1 or first not in COUNTABLE:
                self.damage.pieces += 1
                continue
            room = cells * layout.cell - PIECE.size
            found.append(_Piece(place, room, thread, first, generation, head[:_STATIC]))
            at += cells - 1
        return found

    def _records(self, piece: _Piece) -> bytes | None:
        """Return the records of a piece; None where another one has taken its place."""
        head = self.settled(piece.at, PIECE.size)
        *_, check, summed, used = PIECE.unpack(head) if len(head) == PIECE.size else (0, 0, 0)
        if head[:_STATIC] != piece.head:
            return None
        if self.version == 1:
            summed = 0
        # A piece may have grown after it was sealed, but not in a closed file.
        wrong = summed > used or (self.closed and summed != used)
        if wrong:
            used = summed
        if used > piece.room:
            self.damage.bytes += used - piece.room if used - piece.room in COUNTABLE else 0
            used = piece.room
        data = self.at(piece.at + PIECE.size, used)
        missing = used - len(data)
        if self.at(piece.at, _STATIC) != piece.head:
            return None
        sealed = data[:summed]
        if summed and (len(sealed) < summed or zlib.crc32(sealed, self.layout.key) != check):
            # Nobody knows which of these records it is.
            wrong, data = True, b""
        self.damage.bytes += missing
        self.damage.sums += wrong
        return data

    def _slots(self, threads: int) -> tuple[bytes, bytes, set[int], int]:
        """Return the slots of threads and of counts, and for which threads they do not agree.

        These are also the threads that began after the others were counted. The last is the word
        that says which counts of the ended threads hold.
        """
        place, length = self.layout.threads, threads * THREAD.size
        for _ in range(TRIES):
            ended = self._live().ended
            before = self.at(place, length)
            count = min(self._live().counts, self.layout.most_counts)
            counts = self.at(self.layout.counts, count * COUNT.size)
            after = self.at(place, length)
            if before == after and self._live().ended == ended:
                break
        else:
            ended = self._live().ended
        # Which events have given way, and who has the slot: that is why counts do not agree.
        parts = ((0, 8),) if self.version == 1 else ((0, 8), (40, 56))
        changed = {
            at // THREAD.size
            for at in range(0, length, THREAD.size)
            if any(before[at + a : at + b] != after[at + a : at + b] for a, b in parts)
        }
        now = min(self._live().threads, self.layout.most_threads)
        return after, counts, changed | set(range(threads, now)), ended

    def _threads(self, slots: bytes, ended: int) -> list[_Thread]:
        found = []
        generation: int | None
        for place in range(0, len(slots), THREAD.size):
            slot = slots[place : place + THREAD.size]
            if self.version == 1:
                gone, base, tid, check, length, name = THREAD_1.unpack(slot)
                end = generation = retired = 0
                who = slot[8:24]
            else:
                gone, base, tid, check, length, end, generation, retired, name = THREAD.unpack(slot)
                who = slot[8:24] + slot[40:48]
                if 0 < retired <= ended >> 1:  # another thread is about to have it
                    found.append(_Thread(0, 0, 0, "", 0, there=False))
                    continue
            name = name[:length]
            if zlib.crc32(who + name, self.layout.key) != check:
                self.damage.entries += 1
                gone, base, tid, generation, name = 0, -1, 0, None, b""
            elif base not in COUNTABLE or gone >> 1 not in COUNTABLE or gone >> 1 < base:
                self.damage.entries += 1
                gone = 2 * max(base, 0)
            shown = name.decode("utf-8", "replace") or f"thread {tid}"
            thread = _Thread(gone >> 1, base, tid, shown, gone & 1, end, generation)
            if self.version != 1 and place == 0:
                thread.name, thread.counted, thread.there = ENDED_THREADS, ended & 1, False
            found.append(thread)
        return found

    def _counts(self, slots: bytes, threads: list[_Thread], changed: set[int], codes: int) -> None:
        for place in range(0, len(slots), COUNT.size):
            thread, code, lost, *gone = COUNT.unpack(slots[place : place + COUNT.size])
            if thread >= len(threads) and thread in changed:
                continue
            ended = thread == 0 and self.version != 1
            if ended and code >= LOST_OF_ENDED:
                code -= LOST_OF_ENDED
                lost, gone = gone[threads[0].counted], [0, 0]
            if thread >= len(threads) or code >= codes or lost not in COUNTABLE:
                self.damage.entries += 1
                continue
            of = threads[thread]
            if not of.there and not ended:
                continue  # the ended threads' entry has them
            if lost:
                of.lost[code] = lost
            way = gone[of.counted]
            if ended:
                if way in COUNTABLE:
                    of.overwritten[code] = of.overwritten.get(code, 0) + way
                else:
                    self.damage.entries += 1
                continue
            if way and thread not in changed:
                if way <= of.gone - of.base:
                    of.overwritten[code] = way
                else:
                    self.damage.entries += 1

    # All of it.

    def read(self) -> Capture:
        """Return what the file holds."""
        # Where it is not closed, its program was killed when it was being cleared.
        cleared = self.epoch & 1 and not self.closed
        every = [] if cleared else self._pieces()
        # Threads that began meanwhile are among these.
        slots = 0 if cleared else min(self._live().threads, self.layout.most_threads)
        pieces = [piece for piece in every if piece.thread < slots]
        self.damage.pieces += len(every) - len(pieces)
        # All but the newest of each thread are full by now, and what was begun later is left out.
        records: list[list[tuple[_Piece, bytes]]] = [[] for _ in range(slots)]
        for piece in pieces:
            data = self._records(piece)
            if data is not None:
                records[piece.thread].append((piece, data))
        # These afterwards: every event found is one of a marker and a thread that are known, and
        # what gave way meanwhile is counted.
        slotted, counted, changed, ended = (
            (b"", b"", set[int](), 0) if cleared else self._slots(slots)
        )
        live = self._live()
        if self.closed:
            self._compare(live)
        if self.version != 1 and not cleared and not (live.names and live.threads):
            self.damage.entries += 1  # a context is always declared, and the first slot in use
        context, markers, summary = declared(self, live.names)
        found = self._threads(slotted, ended)
        self._counts(counted, found, changed, len(markers))
        formats = [info.format for info in markers]
        letters = [*context.values()]
        rows = _rows_of([columns(format, letters) for format in formats], len(context))
        events = self._events(found, records, [info.name for info in markers], rows)
        cut = self._cut(events, StopWindows(tuple(summary.get("windows", ()))), formats)
        return Capture(
            markers=tuple(markers),
            threads=tuple(cut),
            context=tuple(context),
            context_types=context,
            skipped=summary.get("skipped", {}),
            failed=_failed(summary.get("failed", {}), live.failed),
            filtered=summary.get("filtered", {}),
            lost_elsewhere=sum(each for each in (live.lost, live.undeclared) if each in COUNTABLE),
            capacity=self.about["capacity"],
            mode=self.about["mode"],
            started=live.started,
            stopped=live.stopped or None,
            wall=self.about["wall"],
            host=self.about["host"],
            pid=self.about["pid"],
            python=self.about["python"],
            damaged=self.damage.counts(),
        )

    def _cut(
        self, events: list[ThreadEvents], windows: StopWindows, formats: list[Format]
    ) -> list[ThreadEvents]:
        try:
            return [part for each in events for part in windows.apply(each, formats)]
        except TypeError:  # the duration of a span is none
            self.damage.entries += 1
            return events

    def _events(
        self,
        threads: list[_Thread],
        records: list[list[tuple[_Piece, bytes]]],
        names: list[str],
        rows: _Rows,
    ) -> list[ThreadEvents]:
        found = []
        for thread, pieces in zip(threads, records, strict=False):
            if not thread.there:
                lost, gone = by_name(thread.lost, names), by_name(thread.overwritten, names)
                if lost or gone:
                    found.append(ThreadEvents(thread.tid, thread.name, 0, [], lost, gone))
                continue
            runs: list[tuple[int, list[Any]]] = []
            expected = max(thread.gone, thread.base)
            for piece, data in pieces:
                if piece.first < thread.gone or thread.generation not in (None, piece.generation):
                    continue  # it has given way, and is counted as such
                if thread.base < 0:
                    thread.base = thread.gone = expected = piece.first  # nobody knows better
                if piece.first < expected:
                    self.damage.pieces += 1
                    continue
                self.damage.events += piece.first - expected
                part, good, count = rows.look(data)
                self.damage.bytes += len(data) - good
                if not runs or piece.first != expected:
                    runs.append((piece.first, []))
                runs[-1][1].append(part)
                expected = piece.first + count
            if self.closed and thread.end in COUNTABLE:
                # A closed file says how far each thread has come; pieces may be missing altogether.
                self.damage.events += max(0, thread.end - expected)
            lost, gone = by_name(thread.lost, names), by_name(thread.overwritten, names)
            rest = thread.gone - thread.base - sum(gone.values())
            if rest > 0:
                gone["*"] = rest  # of which markers, there was no room to say
            for place, (first, parts) in enumerate(runs or [(expected, [])]):
                counts = ({}, {}) if place else (lost, gone)
                found.append(
                    ThreadEvents(thread.tid, thread.name, first, rows.join(parts), *counts)
                )
        return found


class _Rows(NamedTuple):
    """How records are looked through, and made rows."""

    look: Callable[[bytes], tuple[Any, int, int]]
    """What the records of a piece are, how many bytes of it they are, and how many there are."""
    join: Callable[[list[Any]], Sequence[Row]]
    """All of a thread's pieces that follow one another."""


def _rows_of(kinds: list[bytes], context: int) -> _Rows:
    if dispatcher == "c":
        known = tuple(kinds)

        def look_at(data: bytes) -> tuple[Any, int, int]:
            good, count = _c.Rows.whole(known, data)
            return (data, 0, good, count), good, count

        return _Rows(look_at, lambda parts: BlockRows(_c.Rows(kinds, parts), context))

    def look(data: bytes) -> tuple[Any, int, int]:
        found = decode(data, kinds, context)
        return found.rows, found.end, len(found.rows)

    return _Rows(look, lambda parts: [row for rows in parts for row in rows])


def _failed(known: dict[str, int], all_of_them: int) -> dict[str, int]:
    """What failed by marker; ``"*"`` for what the recorder had no time to say more of."""
    rest = all_of_them - sum(known.values()) if all_of_them in COUNTABLE else 0
    return {**known, "*": rest} if rest > 0 else known
