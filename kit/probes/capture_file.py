"""The file of a recorder, and what is where in it; docs/capture-format.md tells it byte by byte.

The file is mapped into memory. A program that is killed leaves in it what was written, for the
pages are the system's: so an event is there once its call has returned. All room is reserved when
the file is made: a full disk is an error then, and not the end of the program later.

What only changes when markers are connected, or a recorder is started or stopped, is written here;
what a recording thread writes, by ``kit/c/file.c`` and its twin `kit.probes.mapped_store`.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import secrets
import struct
import threading
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from kit.errors import CaptureError
from kit.probes.files import create, give_name, partial_of, process, there_is
from kit.probes.store import sub_buffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.markers.format import Format

__all__ = ["MAGIC", "SUFFIX", "VERSION", "CaptureFile", "Layout", "Live", "plan", "words_of"]

MAGIC: Final = b"\x89KITCAP\n"
VERSION: Final = 1
SUFFIX: Final = ".kit"
ORDER: Final = 0x01020304
"""Read as another number where the machine has another byte order."""

PAGE: Final = 4096
HEADER: Final = struct.Struct("=8sIIII")  # magic, version, order, length and CRC of the JSON
LIVE: Final = struct.Struct("=QQQQQQqqQ")  # what `Live` says
EPOCH, NAMES, THREADS, COUNTS, LOST, UNDECLARED, STARTED, STOPPED, CELLS = range(0, 72, 8)
"""Where each of these is in the live page."""
NAME: Final = struct.Struct("=II")  # length and CRC of the JSON that follows
THREAD: Final = struct.Struct("=QqqII96s")  # gone, base, tid, CRC, length, name
COUNT: Final = struct.Struct("=IIQQQ")  # thread, code, lost, and two counts of what gave way
PIECE: Final = struct.Struct("=IIIIqQII16xQ")
"""Magic, CRC, cells, thread, first, serial, CRC of records, over how many bytes; bytes in use."""
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


class CaptureFile:
    """A file that is being written.

    Parameters
    ----------
    path : path or None
        None for memory alone, until there is a file.
    layout : Layout
    capacity : int
    mode : str
    context : dict of str to str
        The letters of the context fields' kinds, by name.
    wall : int
        Nanoseconds to add to a time stamp for Unix time.

    Raises
    ------
    FileExistsError
        When there is a file of that name.
    OSError
        When it cannot be made, or the disk has no room for it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        layout: Layout,
        capacity: int,
        mode: str,
        context: dict[str, str],
        wall: int,
    ) -> None:
        self.path = None if path is None else Path(path)
        self.layout = layout
        self.context = context
        self._capacity, self._mode, self._wall = capacity, mode, wall
        self._lock = threading.Lock()
        self._declared = 0
        self._full = False
        self._summary: dict[str, Any] | None = None
        if self.path is None:
            self.memory = mmap.mmap(-1, layout.size)
            self.memory[:PAGE] = self._header()
        else:
            self.memory = _make(self.path, layout.size, self._header())
        self.words = words_of(self.memory)
        try:
            self.add({"context": context})
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """Remove a file in which nothing was recorded."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def next(self, path: str | os.PathLike[str] | None) -> CaptureFile:
        """Return another file like this one; what is counted from the beginning goes on there."""
        new = CaptureFile(path, self.layout, self._capacity, self._mode, self.context, self._wall)
        new.set(UNDECLARED, self.undeclared)
        return new

    def finish(self, cells: int) -> None:
        """Give back what nobody has needed; nobody writes here any more.

        Parameters
        ----------
        cells : int
            So many hold all there is.
        """
        if self.path is None:
            return
        self.set(CELLS, cells + 1)
        # From here on nothing of ours reaches what is cut off.
        with self.path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), self.layout.arena)
            self.words = words_of(self.memory)
            file.truncate(self.layout.arena + cells * self.layout.cell)

    def _header(self) -> bytes:
        """Return the first page."""
        about = {
            "layout": self.layout._asdict(),
            "capacity": self._capacity,
            "mode": self._mode,
            "wall": self._wall,
            **process(),
        }
        text = json.dumps(about).encode()
        header = HEADER.pack(MAGIC, VERSION, ORDER, len(text), zlib.crc32(text)) + text
        if len(header) > PAGE:
            raise CaptureError("what a capture's file says about its process is too long")
        return header.ljust(PAGE, b"\0")

    # Declarations.

    def declare(self, recorded: Sequence[tuple[Any, Format]]) -> None:
        """Say what the codes of records mean, before there is a record of one.

        Parameters
        ----------
        recorded : sequence of (Marker, Format)
            By code; those that are known already are left alone.
        """
        with self._lock:
            while self._declared < len(recorded) and not self._full:
                marker, format = recorded[self._declared]
                entry = {
                    "name": marker.name,
                    "fields": str(format),
                    "span": format.is_span,
                    "module": marker.module,
                    "line": marker.line,
                }
                if self.add({"marker": entry}):
                    self._declared += 1
                else:
                    self._full = True

    def knows(self, code: int) -> bool:
        """Whether the file says what a code means: if not, its events are lost."""
        return code < self._declared

    def add(self, entry: dict[str, Any]) -> bool:
        """Add a declaration, which is there whole or not at all; whether there was room."""
        text = json.dumps(entry).encode()
        at = self._live(NAMES)
        whole = NAME.pack(len(text), zlib.crc32(text)) + text
        whole = whole.ljust(-(-len(whole) // 8) * 8, b"\0")
        if at + len(whole) > self.layout.names_room:
            return False
        begin = self.layout.names + at
        self.memory[begin : begin + len(whole)] = whole
        self.set(NAMES, at + len(whole))
        return True

    # What holds for all of it.

    def started(self, at: int, summary: dict[str, Any]) -> None:
        """Note when the recording began, with nothing in it."""
        self.correct(summary)
        self.set(UNDECLARED, 0)
        self.set(STARTED, at)

    def running(self, summary: dict[str, Any]) -> None:
        """Note that it goes on."""
        self.correct(summary)
        self.set(STOPPED, 0)

    def stopped(self, at: int, summary: dict[str, Any]) -> None:
        """Note when it was stopped, and what the recorder alone has counted."""
        if summary != self._summary and self.add({"summary": summary}):
            self._summary = summary
        self.set(STOPPED, at)

    def correct(self, summary: dict[str, Any]) -> None:
        """Replace what was said at a stop, if anything was."""
        if self._summary is not None and summary != self._summary:
            self.add({"summary": summary})
            self._summary = summary

    def lose(self) -> None:
        """Count an event of a marker that is not declared."""
        with self._lock:
            self.set(UNDECLARED, self.undeclared + 1)

    @property
    def undeclared(self) -> int:
        """How many events of markers that are not declared were lost."""
        return self._live(UNDECLARED)

    def set(self, place: int, value: int) -> None:
        """Set a word of the live page, in one store."""
        self.words[(PAGE + place) // 8] = value % (1 << 64)

    def _live(self, place: int) -> int:
        return self.words[(PAGE + place) // 8]


def words_of(memory: mmap.mmap) -> memoryview[int]:
    """Return some memory as words of 8 bytes.

    Each is set in one store. Whoever is killed, or reads, between two stores of `struct.pack_into`
    finds a number that is neither the old one nor the new: it begins with zeros.
    """
    return memoryview(memory).cast("Q")


def _make(path: Path, size: int, header: bytes) -> mmap.mmap:
    """Make a file of that size and map it; it has its name when all its room is reserved."""
    shown = os.fspath(path)
    if path.exists():
        raise there_is(path)
    partial = partial_of(path)
    file = create(partial)
    try:
        with file:
            try:
                _reserve(file, size)
                os.pwrite(file.fileno(), header, 0) if hasattr(os, "pwrite") else file.write(header)
            except OSError as error:
                what = f"there is no room for a capture of {size:,} bytes ({error.strerror})"
                raise OSError(
                    error.errno, f"{what}; record with a smaller capacity", shown
                ) from None
            memory = mmap.mmap(file.fileno(), size)
        give_name(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return memory


def _reserve(file: IO[bytes], size: int) -> None:
    """Make room on the disk, so that no page of the mapping can fail to find some."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
        else:
            return
    zeros = bytes(1 << 20)
    for at in range(0, size, len(zeros)):
        file.write(zeros[: size - at])
    file.seek(0)
