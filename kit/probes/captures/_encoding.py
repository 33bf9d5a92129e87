"""Records, as ``kit/c/store.h`` says: one event as bytes, and back."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kit.probes.captures._capture import TEXT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.probes.captures._capture import Row

__all__ = ["Decoded", "decode", "encode"]

HEAD: Final = struct.Struct("=IHHq")  # size, code, flags, ts
TEXT: Final = struct.Struct("=II")  # length, place
INT: Final = struct.Struct("=q")
FLOAT: Final = struct.Struct("=d")
NOTED: Final = 1
MISSING, MISFIT, CUT, ODD = 1, 2, 3, 4
INLINE: Final = 4
NO_TEXT: Final = 0xFFFFFFFF
"""The one length that no text has: it is missing."""


def encode(code: int, ts: int, kinds: bytes, values: Sequence[Any]) -> bytes:
    """Return an event as a record.

    Parameters
    ----------
    code : int
        Of its marker and format.
    ts : int
        Nanoseconds.
    kinds : bytes
        The letters of its columns.
    values : sequence
        One a column, plain, see `kit.probes._values.Misfits`.

    Returns
    -------
    bytes
        A multiple of 8.

    Examples
    --------
    >>> decode(encode(0, 17, b"ds", [5, "text"]), [b"ds"], 0).rows
    [(17, 0, (5, 'text'))]
    """
    slots: list[bytes] = []
    texts: list[tuple[int, bytes]] = []
    notes = bytearray(len(kinds))
    for place, kind in enumerate(kinds.decode()):
        value = values[place]
        if value is None or value is ...:
            notes[place] = MISSING if value is None else MISFIT
            slots.append(bytes(8))
        elif kind in "sk":
            text, notes[place] = _utf8(value)
            slots.append(TEXT.pack(len(text), 0) if len(text) > INLINE else _inline(text))
            if len(text) > INLINE:
                texts.append((place, text))
        else:
            slots.append(FLOAT.pack(value) if kind == "f" else INT.pack(value))
    noted = any(notes)
    end = HEAD.size + 8 * len(slots) + (-(-len(notes) // 8) * 8 if noted else 0)
    tail = bytes(notes).ljust(-(-len(notes) // 8) * 8, b"\0") if noted else b""
    for place, text in texts:
        slots[place] = TEXT.pack(len(text), end)
        tail += text
        end += len(text)
    size = -(-end // 8) * 8
    head = HEAD.pack(size, code, NOTED if noted else 0, ts)
    return b"".join([head, *slots, tail, bytes(size - end)])


def _inline(text: bytes) -> bytes:
    return TEXT.pack(len(text), 0)[:4] + text.ljust(INLINE, b"\0")


def _utf8(text: str) -> tuple[bytes, int]:
    note = CUT if len(text) > TEXT_LIMIT else 0
    text = text[:TEXT_LIMIT]
    try:
        return text.encode(), note
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass"), note or ODD


class Decoded(NamedTuple):
    """What some bytes hold.

    Attributes
    ----------
    rows : list of tuple
        As `ThreadEvents.rows`; ``...`` for a value that did not fit.
    end : int
        How many bytes are whole records.
    wrong : str or None
        What is wrong with the next one, if there is one.
    """

    rows: list[Row]
    end: int
    wrong: str | None


def decode(data: bytes, kinds: Sequence[bytes], context: int) -> Decoded:
    """Return the rows that some bytes hold; nothing in them is believed without a look.

    Parameters
    ----------
    data : bytes
    kinds : sequence of bytes
        The letters of the columns, by code.
    context : int
        How many of the last columns are context.
    """
    rows: list[Row] = []
    at, end = 0, len(data)
    while at < end:
        try:
            row, size = _record(data, at, kinds, context)
        except ValueError as error:
            return Decoded(rows, at, str(error))
        rows.append(row)
        at += size
    return Decoded(rows, at, None)


def _record(data: bytes, at: int, kinds: Sequence[bytes], context: int) -> tuple[Row, int]:
    if len(data) - at < HEAD.size:
        raise ValueError("is cut short")
    size, code, flags, ts = HEAD.unpack_from(data, at)
    if code >= len(kinds):
        raise ValueError("has an unknown code")
    if size % 8 or size < HEAD.size or size > len(data) - at:
        raise ValueError("has an impossible size")
    if flags & ~NOTED:
        raise ValueError("has unknown flags")
    letters = kinds[code].decode()
    fixed = HEAD.size + 8 * len(letters)
    noted = -(-len(letters) // 8) * 8 if flags & NOTED else 0
    if fixed + noted > size:
        raise ValueError("is shorter than its columns")
    values: list[Any] = []
    for place, kind in enumerate(letters):
        note = data[at + fixed + place] if noted else 0
        if note > ODD:
            raise ValueError("has an unknown note")
        slot = at + HEAD.size + 8 * place
        if kind in "sk":
            value: Any = _text(data, at, slot, fixed + noted, size, note)
        elif kind == "f":
            (value,) = FLOAT.unpack_from(data, slot)
        else:
            (value,) = INT.unpack_from(data, slot)
            value = value != 0 if kind == "b" else value
        values.append(None if note == MISSING else ... if note == MISFIT else value)
    own = len(values) - context
    if context:
        return (ts, code, tuple(values[:own]), tuple(values[own:])), size
    return (ts, code, tuple(values)), size


def _text(data: bytes, at: int, slot: int, first: int, size: int, note: int) -> str | None:
    length, place = TEXT.unpack_from(data, slot)
    if length == NO_TEXT:
        return None
    if length <= INLINE:
        begin = slot + 4
    elif place < first or place > size or length > size - place:
        raise ValueError("has text outside of it")
    else:
        begin = at + place
    try:
        text = data[begin : begin + length].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise ValueError("has text that is none") from None
    # One more than was kept, so that whoever makes it a frame cuts and counts it again.
    return text + "\0" if note == CUT and len(text) == TEXT_LIMIT else text
