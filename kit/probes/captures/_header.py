"""The first pages of a recorder's file, read and checked: what it is, and how far it has come."""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import dataclass
from typing import Any, Final

from kit.errors import CaptureError, FormatError
from kit.probes.captures._layout import (
    CELLS,
    COUNT,
    HEADER,
    LIVE,
    MAGIC,
    ORDER,
    PAGE,
    THREAD,
    VERSION,
    Layout,
    Live,
    checksum,
)

__all__ = ["Damage", "OpenFile"]

TRIES: Final = 20
MOST_CELLS: Final = 1 << 20
MOST_THREADS: Final = 1 << 14
MOST_NAMES: Final = 1 << 20
INT64: Final = range(-(1 << 63), 1 << 63)
COUNTABLE: Final = range(1 << 62)
LIVE_1: Final = CELLS + 8
"""Bytes of the live page of version 1."""
WRONG: Final = (
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


class OpenFile:
    """A recorder's file that is read once; what its first pages say was checked."""

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
                if type(about[key]) is kind and (kind is not int or about[key] in INT64):
                    continue
                raise ValueError(f"{key} is {about[key]!r:.100}")
        except WRONG as error:
            raise self._damaged(f"{type(error).__name__}: {error!s:.200}") from error
        return about, layout

    def _live(self) -> Live:
        page = self.settled(PAGE, LIVE_1 if self.version == 1 else LIVE.size)
        return Live._make(LIVE.unpack(page.ljust(LIVE.size, b"\0")))

    def changed(self) -> bool:
        """Tell whether what was read was being forgotten, or was closed and is not any more."""
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


def _check(layout: Layout) -> None:
    """Say what is wrong with a layout."""
    if not all(type(value) is int and 0 <= value < 1 << 62 for value in layout):
        raise ValueError("an offset or a length has an impossible value")
    places = (
        (layout.names, layout.names_room),
        (layout.threads, THREAD.size * layout.most_threads),
        (layout.counts, COUNT.size * layout.most_counts),
        (layout.arena, 0),
    )
    end = PAGE + LIVE.size
    for place, length in places:
        if place < end:
            raise ValueError("its parts overlap")
        end = place + length
    if not (1024 <= layout.cell <= 1 << 30 and layout.cell % 8 == 0 and layout.key < 1 << 32):
        raise ValueError("a cell has an impossible size")
    if not 0 <= layout.cells <= MOST_CELLS or layout.names_room > MOST_NAMES:
        raise ValueError("it has more parts than a file can have")
    if layout.most_threads > MOST_THREADS or layout.most_counts > 16 * MOST_THREADS:
        raise ValueError("it has more slots than a file can have")
