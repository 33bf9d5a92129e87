"""The file of a recorder, while it is written; `kit.probes.captures._layout` says what is where.

The file is mapped into memory. A program that is killed leaves in it what was written, for the
pages are the system's: so an event is there once its call has returned. All room is reserved when
the file is made: a full disk is an error then, and not the end of the program later. Its name is
used once, to make it; what is done later is done through its descriptor, whoever has the name then.

What only changes when markers are connected, or a recorder is started or stopped, is written here;
what a recording thread writes, by ``kit/c/file.c`` and its twin `kit.probes.captures._room`.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import sys
import zlib
from typing import TYPE_CHECKING, Any

from kit.core._reporting import report
from kit.errors import CaptureError
from kit.probes._files import (
    absolute,
    create,
    give_name,
    identity_of,
    partial_of,
    process,
    remove,
    sync_folder,
    there_is,
)
from kit.probes.captures._layout import (
    CELLS,
    CLOSED,
    COUNT,
    COUNTS,
    ENDED_THREADS,
    HEADER,
    LIVE,
    MAGIC,
    NAME,
    NAMES,
    ORDER,
    PAGE,
    PIECE,
    PIECE_MAGIC,
    SEAL,
    STARTED,
    STOPPED,
    THREAD,
    THREADS,
    UNDECLARED,
    VERSION,
    checksum,
    seal,
    thread_slot,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kit._c import Watch
    from kit.core._format import Format
    from kit.probes.captures._layout import Layout

__all__ = ["CaptureFile"]


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
    durable : bool
        Whether the disk is to hold what is sealed before anything goes on.

    Attributes
    ----------
    path : pathlib.Path or None
        Absolute: the name that it was made with.
    identity : tuple of int or None
        Device and number of the file, whatever its name is by now.
    is_stopped, is_closed : bool
        Whether its recorder was stopped, and whether it was said to be whole. Nobody need look into
        the file for it: when it is done with, somebody may have cut it off.

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
        durable: bool = False,
    ) -> None:
        self.path = None if path is None else absolute(path)
        self.identity: tuple[int, int] | None = None
        self.layout = layout
        self.context = context
        self.durable = durable
        self.is_stopped = self.is_closed = False
        self._descriptor: int | None = None
        self._pid = os.getpid()
        self._capacity, self._mode, self._wall = capacity, mode, wall
        self._declared = 0
        self._full = False
        self._summary: dict[str, Any] | None = None
        if self.path is None:
            self.memory = mmap.mmap(-1, layout.size)
            self.memory[:PAGE] = self._header()
        else:
            made = _make(self.path, layout.size, self._header())
            self.memory, self._descriptor, self.identity = made
        try:
            self.words = words_of(self.memory)
            self._watch()
            slot = thread_slot(layout.key, 0, 0, 0, ENDED_THREADS.encode())
            self.memory[layout.threads : layout.threads + THREAD.size] = slot
            self.set(THREADS, 1)
            self.add({"context": context})
            if durable and self.path is not None:
                self.flush()
                sync_folder(self.path.parent)
        except BaseException:
            self.remove()
            raise

    def _watch(self) -> None:
        """Have a file that somebody cuts off not end the program, where that can be had."""
        self.watch: Watch | None = None
        self.told = False
        if self._descriptor is not None:
            try:
                from kit._c import Watch  # also for the dispatcher in Python, where it is built
            except ImportError:
                return
            self.watch = Watch(self.memory, self._descriptor)

    @property
    def whole(self) -> int:
        """How many bytes from the beginning are still in the file."""
        return len(self.memory) if self.watch is None else self.watch.whole

    @property
    def is_cut(self) -> bool:
        """Whether somebody has made it shorter."""
        return self.whole < len(self.memory)

    def tell(self) -> None:
        """Say once that it is cut off; no lock of the kit's may be held."""
        if not self.told and self.is_cut:
            self.told = True
            what = (
                "somebody else has made this file shorter while it was being recorded; what was "
                "there and what comes is counted as lost, until Recorder.rotate() goes on in a new "
                "file (to begin one, rotate or stop: do not empty or overwrite it)"
            )
            report(f"{self.path} was cut off", CaptureError(what))

    def remove(self) -> None:
        """Remove a file in which nothing was recorded; one that has its name by now stays."""
        if self.path is not None and self.identity is not None and self._pid == os.getpid():
            remove(self.path, self.identity)

    def __del__(self) -> None:
        if getattr(self, "_descriptor", None) is not None and self._has_descriptor():
            os.close(self._descriptor)  # type: ignore[arg-type] # it is not None

    def _has_descriptor(self) -> bool:
        """Tell whether its descriptor is its own: a program may close all, and open others."""
        if self._descriptor is None:
            return False
        try:
            return identity_of(os.fstat(self._descriptor)) == self.identity
        except OSError:
            return False

    def next(self, path: str | os.PathLike[str] | None) -> CaptureFile:
        """Return another file like this one."""
        own = self._capacity, self._mode, self.context, self._wall, self.durable
        return CaptureFile(path, self.layout, *own)

    def finish(self, cells: int) -> None:
        """Give back what nobody has needed; nobody writes here any more.

        Parameters
        ----------
        cells : int
            So many hold all there is.
        """
        if self._descriptor is None or self._pid != os.getpid() or self.is_cut:
            return  # nothing that is left of it is made longer again
        for place, used, summed in self._heads(cells):
            check = None if used == summed else self.sum_of(place + PIECE.size, used)
            if check is not None:
                self.words[(place + SEAL) // 8] = seal(check, used)
        self.set(CELLS, cells + 1)
        self.close()
        if not self._has_descriptor():
            return  # nobody can make it shorter by it
        # From here on nothing of ours reaches what is cut off.
        self.memory = _mapped(self._descriptor, self.layout.arena)
        self.words = words_of(self.memory)
        self._watch()
        os.ftruncate(self._descriptor, self.layout.arena + cells * self.layout.cell)
        self.flush()

    def _heads(self, cells: int) -> Iterator[tuple[int, int, int]]:
        """Yield of each piece where it is, how many bytes are in use, and how many are sealed."""
        at = 0
        while at < cells:
            place = self.layout.arena + at * self.layout.cell
            magic, _, taken, *_, summed, used = PIECE.unpack_from(self.memory, place)
            if magic == PIECE_MAGIC:
                yield place, used, summed
                at += taken - 1
            at += 1

    # Sealing.

    def sum_of(self, place: int, length: int) -> int | None:
        """Return the checksum of some records, or None where the file has become shorter.

        They are read, not looked at in memory: when the file goes on being cut off, by `finish` or
        by somebody, that is no error of the machine's.
        """
        if self._descriptor is None:
            return None
        if hasattr(os, "pread") and self._has_descriptor():
            data = os.pread(self._descriptor, length, place)
        else:
            data = self.memory[place : place + length]
        return zlib.crc32(data, self.layout.key) if len(data) == length else None

    def checksum(self) -> int:
        """Return what the live page says of a file that is whole; never 0."""
        used = (
            (self.layout.names, self._live(NAMES)),
            (self.layout.threads, self._live(THREADS) * THREAD.size),
            (self.layout.counts, self._live(COUNTS) * COUNT.size),
        )
        parts = (self.memory[place : place + length] for place, length in used)
        return checksum(self.layout.key, self.memory[PAGE : PAGE + LIVE.size], *parts)

    def close(self) -> None:
        """Say that it is whole: every piece of it is sealed, and nobody writes in it."""
        self.words[(PAGE + CLOSED) // 8] = self.checksum()
        self.is_closed = True

    def reopen(self) -> None:
        """Say that it may be written."""
        self.is_closed = False
        if self._live(CLOSED):
            self.words[(PAGE + CLOSED) // 8] = 0

    def flush(self) -> None:
        """Have the disk hold what was written, where that was asked for.

        The pages of the mapping are those of the file, and `mmap.flush` would keep all threads
        waiting for the disk.
        """
        if self.durable and self._has_descriptor() and self._pid == os.getpid():
            if os.name == "nt":
                self.memory.flush()
            os.fsync(self._descriptor)  # type: ignore[arg-type] # it is not None

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

    # Declarations. From when it has a recorder they are added with the registry's lock held, one at
    # a time: there is no lock of its own that an interruption could find taken.

    def declare(self, recorded: Sequence[tuple[Any, Format]]) -> None:
        """Say what the codes of records mean, before there is a record of one.

        Parameters
        ----------
        recorded : sequence of (Marker, Format)
            By code; those that are known already are left alone.
        """
        while self._declared < len(recorded) and not self._full:
            marker, format = recorded[self._declared]
            entry = {
                "name": marker.name,
                "fields": str(format),
                "span": format.is_span,
                "module": marker.module,
                "line": marker.line,
            }
            if not self.add({"marker": entry}, 1):
                self._full = True

    def knows(self, code: int) -> bool:
        """Tell whether the file says what a code means: if not, its events are lost."""
        return code < self._declared

    def add(self, entry: dict[str, Any], markers: int = 0) -> bool:
        """Add a declaration, which is there whole or not at all; whether there was room.

        With ``markers=1`` it is one of a marker, whose code is how many there were before.
        """
        if self._pid != os.getpid():
            return False  # an interruption has forked: the file is the parent's
        text = json.dumps(entry).encode()
        at = self._live(NAMES)
        whole = NAME.pack(len(text), zlib.crc32(text)) + text
        whole = whole.ljust(-(-len(whole) // 8) * 8, b"\0")
        if at + len(whole) > self.layout.names_room:
            return False
        begin = self.layout.names + at
        self.memory[begin : begin + len(whole)] = whole
        end, declared = at + len(whole), self._declared + markers
        self.reopen()
        # Without a call: no signal handler comes in between, and no marker is declared twice.
        self.words[(PAGE + NAMES) // 8] = end
        self._declared = declared
        self.reopen()
        return True

    # What holds for all of it.

    def started(self, at: int, summary: dict[str, Any]) -> None:
        """Note when the recording began, with nothing in it."""
        self.correct(summary)
        self.set(STARTED, at)

    def running(self, summary: dict[str, Any]) -> None:
        """Note that it goes on."""
        self.correct(summary)
        self.is_stopped = False
        self.set(STOPPED, 0)

    def stopped(self, at: int, summary: dict[str, Any]) -> None:
        """Note when it was stopped, and what the recorder alone has counted."""
        if summary != self._summary and self.add({"summary": summary}):
            self._summary = summary
        self.set(STOPPED, at)
        self.is_stopped = True

    def correct(self, summary: dict[str, Any]) -> None:
        """Replace what was said at a stop, if anything was."""
        if self._summary is not None and summary != self._summary:
            closed = self.is_closed
            self.add({"summary": summary})
            self._summary = summary
            if closed and self._live(CELLS):
                self.close()
                self.flush()

    def note_undeclared(self, count: int) -> None:
        """Note how many events of markers that are not declared were lost, from the beginning."""
        self.set(UNDECLARED, count)

    def set(self, place: int, value: int) -> None:
        """Set a word of the live page, in one store; the file is not whole any more.

        Before, so that whoever finds it after a kill does not find this change in a closed one;
        after, so that whoever closes it meanwhile either sees the change, or is undone.
        """
        if self._pid != os.getpid():
            return  # the child of a fork
        self.reopen()
        self.words[(PAGE + place) // 8] = value % (1 << 64)
        self.reopen()

    def _live(self, place: int) -> int:
        return self.words[(PAGE + place) // 8]


def _make(path: Path, size: int, header: bytes) -> tuple[mmap.mmap, int, tuple[int, int]]:
    """Make a file of that size and map it; it has its name when all its room is reserved.

    Returns
    -------
    tuple
        Its memory, its descriptor, and its device and number.
    """
    shown = os.fspath(path)
    if path.exists():
        raise there_is(path)
    partial = partial_of(path)
    number = create(partial)
    identity = identity_of(os.fstat(number))
    try:
        try:
            _reserve(number, size)
            os.lseek(number, 0, os.SEEK_SET)
            os.write(number, header)
        except OSError as error:
            what = f"there is no room for a capture of {size:,} bytes ({error.strerror})"
            raise OSError(error.errno, f"{what}; record with a smaller capacity", shown) from None
        memory = _mapped(number, size)
        give_name(partial, path)
        partial.unlink(missing_ok=True)
    except BaseException:  # of a signal handler, too, when it has its name already
        partial.unlink(missing_ok=True)
        remove(path, identity)
        os.close(number)
        raise
    return memory, number, identity


def _mapped(number: int, size: int) -> mmap.mmap:
    """Map a file; without a descriptor of the mapping's own, which a child of a fork would keep."""
    if sys.version_info >= (3, 13) and os.name != "nt":
        return mmap.mmap(number, size, trackfd=False)
    return mmap.mmap(number, size)


def _reserve(number: int, size: int) -> None:
    """Make room on the disk, so that no page of the mapping can fail to find some."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(number, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
        else:
            return
    zeros, at = bytes(1 << 20), 0
    while at < size:
        at += os.write(number, zeros[: size - at])
