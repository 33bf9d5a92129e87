"""The layout of a recorder's file: what is where in it, as docs/capture-format.md tells it."""

from __future__ import annotations

import secrets
import struct
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from kit.probes.recorder._store import sub_buffer

if TYPE_CHECKING:
    import mmap

__all__ = [
    "MAGIC",
    "VERSION",
    "Layout",
    "Live",
    "checksum",
    "plan",
    "seal",
    "thread_slot",
    "words_of",
]

MAGIC: Final = b"\x89KITCAP\n"
VERSION: Final = 2
ORDER: Final = 0x01020304
"""Read as another number where the machine has another byte order."""

PAGE: Final = 4096
HEADER: Final = struct.Struct("=8sIIII")  # magic, version, order, length and CRC of the JSON
LIVE: Final = struct.Struct("=QQQQQQqqQQQQQ")  # what `Live` says
EPOCH, NAMES, THREADS, COUNTS, LOST, UNDECLARED, STARTED, STOPPED, CELLS = range(0, 72, 8)
FAILED, CLOSED, SERIAL, ENDED = range(72, 104, 8)
"""Where each of these is in the live page."""
NAME: Final = struct.Struct("=II")  # length and CRC of the JSON that follows
THREAD: Final = struct.Struct("=QqqIIQQQ72s")
"""Gone, base, tid, CRC, length of the name, end, generation, retired, name."""
GENERATION, RETIRED = 40, 48
"""Where in a thread's slot these are."""
THREAD_NAME: Final = 72
ENDED_THREADS: Final = "ended threads"
"""What the first slot is called, which stands for those whose own slots were used again."""
COUNT: Final = struct.Struct("=IIQQQ")  # thread, code, lost, and two counts of what gave way
LOST_OF_ENDED: Final = 1 << 16
"""Added to the code, where the first slot's counts are of events that were lost."""
PIECE: Final = struct.Struct("=IIIIqQQII8xQ")
"""Magic, CRC, cells, thread, first, serial, generation; CRC of records, and of how many; used."""
SEAL: Final = 40
"""Where in a piece's head the CRC of its records is, and over how many bytes: one word."""
PIECE_MAGIC: Final = 0x5049544B
WORD: Final = struct.Struct("=Q")

EVENT_BYTES: Final = 128
"""What is reserved for an event, unless a size is given."""
LARGEST_CELL: Final = 65536
SMALLEST_CELL: Final = 4096
SPARE_CELLS: Final = 64
"""One for each of so many threads, which record little."""
NAMES_ROOM: Final = 128 * 1024


class Live(NamedTuple):
    """What the live page says.

    Attributes
    ----------
    epoch : int
        Odd while everything is being forgotten.
    names : int
        Bytes of declarations.
    threads, counts : int
        Slots in use.
    lost, undeclared : int
        Events lost that found no slot for their count, and of markers that are not declared.
    started, stopped : int
        Nanoseconds; 0 while it is not stopped.
    cells : int
        One more than the cells that a finished file has; 0 while it is not finished.
    failed : int
        Events that the recorder failed to write.
    closed : int
        What makes the file one that is whole, see `CaptureFile.checksum`; 0 while it is written.
    serial : int
        Of the piece that was begun last.
    ended : int
        Which counts of the ended threads hold.
    """

    epoch: int
    names: int
    threads: int
    counts: int
    lost: int
    undeclared: int
    started: int
    stopped: int
    cells: int
    failed: int
    closed: int
    serial: int
    ended: int


class Layout(NamedTuple):
    """Where the parts of a file are.

    Attributes
    ----------
    key : int
        With what each CRC of a slot or a piece begins, so that no recorded text looks like one.
    names, names_room : int
        Declarations: where, and how many bytes.
    threads, most_threads, counts, most_counts : int
        Slots: where, and how many.
    arena, cell, cells : int
        Pieces: where, bytes of a cell, and how many.
    """

    key: int
    names: int
    names_room: int
    threads: int
    most_threads: int
    counts: int
    most_counts: int
    arena: int
    cell: int
    cells: int

    @property
    def size(self) -> int:
        """The bytes of the whole file."""
        return self.arena + self.cell * self.cells


def plan(capacity: int, size: int | None, *, overwrite: bool) -> Layout:
    """Lay a file out.

    Parameters
    ----------
    capacity : int
        How many events are kept.
    size : int or None
        Bytes for them; 128 an event by default.
    overwrite : bool
        Whether the newest are kept: then each sub-buffer has a piece of its own.
    """
    wanted = capacity * EVENT_BYTES if size is None else size
    cell = SMALLEST_CELL
    while cell < LARGEST_CELL and cell * 256 < wanted:
        cell *= 2
    cells = -(-wanted // cell)
    if overwrite and size is None:
        cells = max(cells, capacity // sub_buffer(capacity) + 2)
    cells += SPARE_CELLS
    most_threads = min(max(256, cells // 2), 4096)
    places = [2 * PAGE]
    for room in (NAMES_ROOM, THREAD.size * most_threads, COUNT.size * 2 * most_threads):
        places.append(places[-1] + -(-room // PAGE) * PAGE)
    names, threads, counts, arena = places
    key = secrets.randbits(32)
    return Layout(
        key, names, NAMES_ROOM, threads, most_threads, counts, 2 * most_threads, arena, cell, cells
    )


def thread_slot(key: int, base: int, tid: int, generation: int, name: bytes) -> bytes:
    """Return the slot of a thread of which nothing was recorded yet.

    Parameters
    ----------
    key : int
        The file's.
    base : int
        The number of its first event in this file.
    tid, generation : int
        Who it is, and how many have had the slot before.
    name : bytes
    """
    check = zlib.crc32(struct.pack("=qqQ", base, tid, generation) + name, key)
    return THREAD.pack(2 * base, base, tid, check, len(name), 0, generation, 0, name)


def words_of(memory: mmap.mmap) -> memoryview[int]:
    """Return some memory as words of 8 bytes.

    Each is set in one store. Whoever is killed, or reads, between two stores of `struct.pack_into`
    finds a number that is neither the old one nor the new: it begins with zeros.
    """
    return memoryview(memory).cast("Q")


def seal(check: int, summed: int) -> int:
    """Return the word that seals a piece: the checksum of so many bytes, and how many these are."""
    word: int = WORD.unpack(struct.pack("=II", check, summed))[0]
    return word


def checksum(key: int, live: bytes, *parts: bytes) -> int:
    """Return what closes a file: a checksum of all but its header and its pieces.

    Parameters
    ----------
    key : int
        The file's.
    live : bytes
        The live page. What it says besides of its epoch, and of being closed, is left out.
    *parts : bytes
        What is in use of declarations, of threads' slots and of counts.
    """
    check = zlib.crc32(live[NAMES:CLOSED] + live[SERIAL : LIVE.size], key)
    for part in parts:
        check = zlib.crc32(part, check)
    return 1 << 32 | check
