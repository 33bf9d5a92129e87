"""Reading a recorder's file: while it is written, after its end, and after the program was killed.

The file is read, never mapped: nothing that anybody does to it can be worse than an error here. No
length or place in it is believed before it was compared with the file. What the reader holds is at
most what the file holds.
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from kit.core._format import declare_format
from kit.core._runtime import dispatcher
from kit.errors import CaptureError, FormatError
from kit.probes._context import BUILT_IN, CONTEXT, TAKEN
from kit.probes._files import open_regular
from kit.probes._values import KINDS, columns
from kit.probes.captures._capture import MOST_COLUMNS, Capture, MarkerInfo, ThreadEvents
from kit.probes.captures._encoding import decode
from kit.probes.captures._file import (
    CELLS,
    COUNT,
    ENDED_THREADS,
    HEADER,
    LIVE,
    LOST_OF_ENDED,
    MAGIC,
    NAME,
    ORDER,
    PAGE,
    PIECE,
    PIECE_MAGIC,
    THREAD,
    VERSION,
    Layout,
    Live,
    checksum,
)
from kit.probes.recorder._stop_windows import Cuts
from kit.probes.recorder._store import by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kit.core._format import Format
    from kit.probes.captures._capture import Row

__all__ = ["Damage", "read"]

TRIES: Final = 20
MOST_CELLS: Final = 1 << 20
MOST_THREADS: Final = 1 << 14
MOST_NAMES: Final = 1 << 20
_INT64: Final = range(-(1 << 63), 1 << 63)
_COUNT: Final = range(1 << 62)
_STATIC: Final = 40
"""Of the head of a piece what does not change while records are added."""
THREAD_1: Final = struct.Struct("=QqqII96s")
"""A thread's slot in version 1, which has no end, generation and retired: they are 0."""
LIVE_1: Final = CELLS + 8
"""Bytes of the live page of version 1."""
_WRONG: Final = (
    ArithmeticError,
    AttributeError,
    FormatError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(slots=True)
class Damage:
    """What could not be read.

    Attributes
    ----------
    events : int
        Events of which their numbers say that they are missing.
    bytes : int
        Bytes in use that are not whole records.
    pieces, entries : int
        Pieces, and declarations or counts, that are not what their checksum says.
    sums : int
        Pieces that were sealed, and whose records are not what was sealed: they are left out. One
        more where what else was closed with the file is not what it was.
    """

    events: int = 0
    bytes: int = 0
    pieces: int = 0
    entries: int = 0
    sums: int = 0

    def counts(self) -> dict[str, int]:
        """Return those that are not 0."""
        names = ("events", "bytes", "pieces", "entries", "sums")
        found = {name: getattr(self, name) for name in names}
        return {name: count for name, count in found.items() if count}


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


class _Reader:
    """Reads a file once."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.size = os.fstat(number).st_size
        self.damage = Damage()
        self.about, self.layout = self._header()
        # What must be there at all is as long as the file says.
        if self.size < self.layout.arena:
            raise CaptureError(
                f"{name!r} is cut off after {self.size:,} of {self.layout.size:,} bytes; copy it "
                "again from where it was recorded"
            )
        live = self._live()
        self.epoch = live.epoch
        self.closed = live.closed
        if 0 < live.cells <= self.layout.cells:
            self.layout = self.layout._replace(cells=live.cells - 1)  # it was finished

    def _damaged(self, what: object) -> CaptureError:
        return CaptureError(
            f"{self.name!r} is damaged ({what}); copy it again from where it was recorded"
        )

    def at(self, place: int, length: int) -> bytes:
        """Return as many bytes as there are."""
        length = min(length, self.size - place)
        if length <= 0:
            return b""
        if hasattr(os, "pread"):
            return os.pread(self.number, length, place)
        os.lseek(self.number, place, os.SEEK_SET)
        return os.read(self.number, length)

    def settled(self, place: int, length: int) -> bytes:
        """Return bytes that somebody may be writing: as they were at some moment, each word whole.

        A number is stored in one step, but nobody says in how many steps it is copied to here.
        """
        last = self.at(place, length)
        for _ in range(TRIES):
            again = self.at(place, length)
            if again == last:
                break
            last = again
        return last

    def _header(self) -> tuple[dict[str, Any], Layout]:
        page = self.at(0, PAGE)
        if not page.startswith(MAGIC):
            raise CaptureError(f"{self.name!r} is not a capture that a recorder wrote")
        if len(page) < PAGE:
            raise CaptureError(f"{self.name!r} is cut off after {len(page)} bytes")
        _, version, order, length, check = HEADER.unpack_from(page)
        if order != ORDER:
            raise CaptureError(
                f"{self.name!r} is damaged, or was written on a machine of another byte order; "
                "read it there and save it with kit.frames.save"
            )
        if version not in (1, VERSION):
            raise CaptureError(
                f"{self.name!r} has version {version} of the format of recorders, and this is "
                f"version {VERSION}; open it with a markers-kit of that version"
            )
        self.version: int = version
        text = page[HEADER.size : HEADER.size + length]
        if len(text) != length or zlib.crc32(text) != check:
            raise self._damaged("its first page has another checksum")
        try:
            about = json.loads(text)
            layout = Layout(*[about["layout"][place] for place in Layout._fields])
            _check(layout)
            for key, kind in (("capacity", int), ("mode", str), ("wall", int), ("host", str),
                              ("pid", int), ("python", str)):  # fmt: skip
                if type(about[key]) is kind and (kind is not int or about[key] in _INT64):
                    continue
                raise ValueError(f"{key} is {about[key]!r:.100}")
        except _WRONG as error:
            raise self._damaged(f"{type(error).__name__}: {error!s:.200}") from error
        return about, layout

    def _live(self) -> Live:
        page = self.settled(PAGE, LIVE_1 if self.version == 1 else LIVE.size)
        return Live._make(LIVE.unpack(page.ljust(LIVE.size, b"\0")))

    def changed(self) -> bool:
        """Whether what was read was being forgotten, or was closed and is not any more."""
        live = self._live()
        if os.fstat(self.number).st_size != self.size:
            return True  # it was finished
        if self.closed:
            return (live.epoch, live.closed) != (self.epoch, self.closed)
        return live.epoch != self.epoch or bool(self.epoch & 1)

    # What a closed file says of itself.

    def _compare(self, live: Live) -> None:
        """Compare what is not in pieces with what it was when the file was closed."""
        layout = self.layout
        used = (
            (layout.names, min(live.names, layout.names_room)),
            (layout.threads, min(live.threads, layout.most_threads) * THREAD.size),
            (layout.counts, min(live.counts, layout.most_counts) * COUNT.size),
        )
        parts = [self.at(place, length) for place, length in used]
        if checksum(layout.key, self.at(PAGE, LIVE.size), *parts) != live.closed or live.epoch & 1:
            self.damage.sums += 1

    # Declarations.

    def _names(self, used: int) -> Iterator[dict[str, Any]]:
        at, end = self.layout.names, self.layout.names + min(used, self.layout.names_room)
        while at < end:
            head = self.at(at, NAME.size).ljust(NAME.size, b"\0")
            length, check = NAME.unpack(head)
            text = self.at(at + NAME.size, length) if length <= end - at else b""
            if not length or len(text) != length or zlib.crc32(text) != check:
                self.damage.entries += 1
                return  # where the next one begins is not known
            try:
                entry = json.loads(text)
                (kind,) = entry
            except _WRONG:
                self.damage.entries += 1
            else:
                yield {kind: entry[kind]}
            at += -(-(NAME.size + length) // 8) * 8

    def _declared(self, used: int) -> tuple[dict[str, str], list[MarkerInfo], dict[str, Any]]:
        context: dict[str, str] = {}
        markers: list[MarkerInfo] = []
        summary: dict[str, Any] = {}
        for entry in self._names(used):
            try:
                if "context" in entry:
                    context = _context(entry["context"])
                elif "marker" in entry:
                    markers.append(_marker(entry["marker"]))
                elif "summary" in entry:
                    summary = _summary(entry["summary"])
            except _WRONG:
                self.damage.entries += 1
                if "marker" in entry:
                    break  # those after it would have other codes
        counted = summary.get("markers", ())[: len(markers)]
        for place, (fanout, generation, fired) in enumerate(counted):
            info = markers[place]
            markers[place] = replace(info, fanout=fanout, generation=generation, fired=fired)
        return context, markers, summary

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
            if not 1 <= cells <= layout.cells - at + 1 or first not in _COUNT:
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
            self.damage.bytes += used - piece.room if used - piece.room in _COUNT else 0
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
            elif base not in _COUNT or gone >> 1 not in _COUNT or gone >> 1 < base:
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
            if thread >= len(threads) or code >= codes or lost not in _COUNT:
                self.damage.entries += 1
                continue
            of = threads[thread]
            if not of.there and not ended:
                continue  # the ended threads' entry has them
            if lost:
                of.lost[code] = lost
            way = gone[of.counted]
            if ended:
                if way in _COUNT:
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
        context, markers, summary = self._declared(live.names)
        found = self._threads(slotted, ended)
        self._counts(counted, found, changed, len(markers))
        formats = [info.format for info in markers]
        letters = [*context.values()]
        rows = _rows_of([columns(format, letters) for format in formats], len(context))
        events = self._events(found, records, [info.name for info in markers], rows)
        cut = self._cut(events, Cuts(tuple(summary.get("windows", ()))), formats)
        return Capture(
            markers=tuple(markers),
            threads=tuple(cut),
            context=tuple(context),
            context_types=context,
            skipped=summary.get("skipped", {}),
            failed=_failed(summary.get("failed", {}), live.failed),
            filtered=summary.get("filtered", {}),
            lost_elsewhere=sum(each for each in (live.lost, live.undeclared) if each in _COUNT),
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
        self, events: list[ThreadEvents], cuts: Cuts, formats: list[Format]
    ) -> list[ThreadEvents]:
        try:
            return [part for each in events for part in cuts.apply(each, formats)]
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
            if self.closed and thread.end in _COUNT:
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
        from kit import _c
        from kit.probes.recorder._c_store import BlockRows

        known = tuple(kinds)

        def look_at(data: bytes) -> tuple[Any, int, int]:
            good, count = _c.Rows.whole(known, data)
            return (data, 0, good, count), good, count

        return _Rows(look_at, lambda parts: BlockRows(_c.Rows(kinds, parts), context))

    def look(data: bytes) -> tuple[Any, int, int]:
        found = decode(data, kinds, context)
        return found.rows, found.end, len(found.rows)

    return _Rows(look, lambda parts: [row for rows in parts for row in rows])


def _check(layout: Layout) -> None:
    """Say what is wrong with a layout."""
    if not all(type(value) is int and 0 <= value < 1 << 62 for value in layout):
        raise ValueError("a place or a length is no number that one can be")
    places = (
        (layout.names, layout.names_room),
        (layout.threads, THREAD.size * layout.most_threads),
        (layout.counts, COUNT.size * layout.most_counts),
        (layout.arena, 0),
    )
    end = PAGE + LIVE.size
    for place, length in places:
        if place < end:
            raise ValueError("its parts lie one over the other")
        end = place + length
    if not (1024 <= layout.cell <= 1 << 30 and layout.cell % 8 == 0 and layout.key < 1 << 32):
        raise ValueError("a cell has an impossible size")
    if not 0 <= layout.cells <= MOST_CELLS or layout.names_room > MOST_NAMES:
        raise ValueError("it has more parts than a file can have")
    if layout.most_threads > MOST_THREADS or layout.most_counts > 16 * MOST_THREADS:
        raise ValueError("it has more slots than a file can have")


def _context(entry: Any) -> dict[str, str]:
    kinds = dict(entry)
    for name, kind in kinds.items():
        known = CONTEXT[name].type if name in BUILT_IN else None
        if not str.isidentifier(name) or name in TAKEN or kind not in KINDS.values():
            raise ValueError(name)
        if len(kinds) > MOST_COLUMNS or (known and KINDS[known] != kind):
            raise ValueError(name)
    return kinds


def _marker(entry: Any) -> MarkerInfo:
    name, module, line = entry["name"], entry["module"], entry["line"]
    if type(name) is not str or type(module) is not str or type(line) is not int:
        raise TypeError(name)
    if type(entry["fields"]) is not str or type(entry["span"]) is not bool or line not in _INT64:
        raise TypeError(name)
    format = declare_format(name, entry["fields"], {}, is_span=entry["span"])
    if format.arity > MOST_COLUMNS:
        raise ValueError(name)
    return MarkerInfo(name, format, module, line, 0, 0, 0)


def _summary(entry: Any) -> dict[str, Any]:
    counted = [tuple(map(_count, each)) for each in entry["markers"]]
    if any(len(each) != 3 for each in counted):
        raise ValueError("a marker has three counts")
    windows = [
        (_stamp(since), None if to is None else _stamp(to)) for since, to in entry["windows"]
    ]
    return {
        "markers": counted,
        "windows": windows,
        "skipped": {str(name): _count(count) for name, count in entry["skipped"].items()},
        # Of a file of earlier days it is not known.
        "failed": {str(name): _count(count) for name, count in entry.get("failed", {}).items()},
        "filtered": {
            str(name): {str(reason): _count(count) for reason, count in counts.items()}
            for name, counts in entry["filtered"].items()
        },
    }


def _failed(known: dict[str, int], all_of_them: int) -> dict[str, int]:
    """What failed by marker; ``"*"`` for what the recorder had no time to say more of."""
    rest = all_of_them - sum(known.values()) if all_of_them in _COUNT else 0
    return {**known, "*": rest} if rest > 0 else known


def _count(value: Any) -> int:
    if type(value) is not int or value not in _COUNT:
        raise ValueError("not a count")
    return value


def _stamp(value: Any) -> int:
    if type(value) is not int or value not in _INT64:
        raise ValueError("not a time stamp")
    return value
