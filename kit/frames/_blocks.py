"""The blocks of a capture → arrays, one a column, without a Python object an event."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import pyarrow as pa

from kit.frames._rows import Pick, Positions, Rows
from kit.frames._values import MARK, NO_VALUE, Values, convert, escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from kit.core._format import Format
    from kit.frames._schema import Kind
    from kit.probes.captures._capture import ThreadEvents
    from kit.probes.recorder._c_store import BlockRows as ThreadRows

__all__ = ["Blocks"]

MISSING, MISFIT, CUT = 1, 2, 3
"""Notes on a value; from `CUT` on it is text that has to be looked at."""

_STORED: Final = {"d": np.int64, "f": np.float64, "b": np.int64}
_LETTERS: Final[dict[Kind, str]] = {"stamp": "d", "int": "d", "float": "f", "bool": "b"}
_MARK: Final = MARK.encode()

Column = (
    tuple[bytearray, bytearray | None, bytearray | None]
    | tuple[bytearray, bytearray, bytearray | None, bytearray]
)
Decoded = tuple[bytearray, bytearray | None, list[Column]]


class Blocks(Rows):
    """The events of all threads, as they lie in the recorder's blocks.

    Parameters
    ----------
    threads : sequence of ThreadEvents
        Whose rows are blocks.
    codes : sequence of int, or None
        The markers wanted; None for all.
    """

    def __init__(self, threads: Sequence[ThreadEvents], codes: Sequence[int] | None) -> None:
        self._threads = [cast("ThreadRows", thread.rows) for thread in threads]
        self._places: list[NDArray[np.intp] | int] = []
        self._columns: dict[tuple[int, int], Decoded] = {}
        self._codes = codes
        columns, start = [], 0
        for number, thread in enumerate(threads):
            ts, code = self._stamps(number)
            seq = np.arange(thread.first_seq, thread.first_seq + len(ts))
            wanted = None if codes is None else np.isin(code, codes)
            if wanted is None or wanted.all():
                self._places.append(start)
            else:
                self._places.append(np.cumsum(wanted) + (start - 1))
                ts, code, seq = ts[wanted], code[wanted], seq[wanted]
            columns.append((ts, code, np.full(len(ts), thread.tid, np.int64), seq))
            start += len(ts)
        joined = (np.concatenate(each) for each in zip(*columns, strict=True))
        super().__init__(*(joined if len(columns) > 1 else columns[0]))

    def _stamps(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the time stamps and codes of a thread's rows."""
        blocks = self._threads[number].blocks
        if len(blocks.kinds) == 1:
            # One marker: its columns are needed anyway, and come with the stamps.
            ts = np.frombuffer(self._columns_of(number, 0)[0], np.int64)
            return ts, np.zeros(len(ts), np.int64)
        ts, code = (np.frombuffer(each, np.int64) for each in blocks.stamps())
        return ts, code

    def _columns_of(self, number: int, code: int) -> Decoded:
        if (number, code) not in self._columns:
            self._columns[number, code] = self._threads[number].blocks.columns(code)
        return self._columns[number, code]

    def by_code(
        self,
        formats: Sequence[tuple[str, Format]],  # noqa: ARG002 - the blocks know
    ) -> Iterator[tuple[int, Positions, Pick]]:
        """For each marker and thread: the code, the rows in the frame, and their columns."""
        rank = self.rank()
        for thread, code, count, positions, columns in self._decoded():
            kinds = self._kinds(thread, code)
            context = self._threads[thread].context
            own = len(kinds) - context
            yield code, self._placed(count, positions, rank), _pick(columns, kinds, 0, own, count)

    def contexts(self) -> Iterator[tuple[Positions, Pick]]:
        """Where rows with context are in the frame, and its columns."""
        rank = self.rank()
        for thread, code, count, positions, columns in self._decoded():
            kinds = self._kinds(thread, code)
            first = len(kinds) - self._threads[thread].context
            pick = _pick(columns, kinds, first, len(kinds), count)
            yield self._placed(count, positions, rank), pick

    def _kinds(self, thread: int, code: int) -> str:
        return self._threads[thread].blocks.kinds[code].decode()

    def _placed(
        self, count: int, positions: NDArray[np.int64] | None, rank: Positions
    ) -> Positions:
        """Return where rows are in the frame; None when they are all of it, in order."""
        if positions is None:
            return rank
        if rank is not None:
            return rank[positions]
        return None if count == len(self) else positions.astype(np.intp, copy=False)

    def _decoded(
        self,
    ) -> Iterator[tuple[int, int, int, NDArray[np.int64] | None, list[Column]]]:
        """For each thread and code: how many rows, where they are (None: all), their columns."""
        for number, rows in enumerate(self._threads):
            codes = range(len(rows.blocks.kinds)) if self._codes is None else self._codes
            for code in codes:
                ts, found, columns = self._columns_of(number, code)
                count = len(ts) // 8
                place = self._places[number]
                if not count:
                    continue
                if found is None and count == len(self):
                    yield number, code, count, None, columns
                    continue
                positions = np.arange(count) if found is None else np.frombuffer(found, np.int64)
                if isinstance(place, np.ndarray):
                    positions = place[positions]
                elif place:
                    positions = positions + place
                yield number, code, count, positions, columns


def _pick(columns: list[Column], kinds: str, first: int, stop: int, rows: int) -> Pick:
    """Return what converts some of the columns, numbered from the first of them."""

    def pick(place: int, kind: Kind) -> Values:
        place += first
        if place >= stop:
            # The marker was declared anew, with more fields, while these were recorded.
            return convert([NO_VALUE] * rows, kind)
        letter, column = kinds[place], columns[place]
        if letter in "sk":
            if kind in ("str", "label"):
                values = _text(column) if letter == "s" else _labels(column)
                return values if letter == "s" or kind == "label" else _spelled(values)
        elif letter == _LETTERS.get(kind):
            return _numbers(column, letter)
        # Declared anew with another type: as if its values had been recorded as they were.
        return _as_declared_later(column, letter, kind)

    return pick


def _numbers(column: Column, letter: str) -> Values:
    data: NDArray[Any] = np.frombuffer(column[0], _STORED[letter])
    if letter == "b":
        data = data.astype(np.bool_)
    if column[2] is None:
        return Values(data)
    notes = np.frombuffer(column[2], np.uint8)
    return Values(data, notes != 0, int((notes == MISFIT).sum()))


def _text(column: Column) -> Values:
    """Return a column of text."""
    offsets, text = column[0], column[1] or bytearray()
    marks = _marks(column)
    if _is_plain(text, marks):
        rows = len(offsets) // 8 - 1
        buffers = [_present(marks), pa.py_buffer(offsets), pa.py_buffer(text)]
        data = pa.Array.from_buffers(pa.large_string(), rows, buffers)
    else:
        data = pa.array(
            [None if t is None else escape(t) for t in _texts(column)], pa.large_string()
        )
    return _counted(data, marks)


def _labels(column: Column) -> Values:
    """Return a column of labels: the numbers of texts, and each text once."""
    numbers, text, offsets = column[0], column[1] or bytearray(), column[-1] or bytearray()
    marks = _marks(column)
    count = len(offsets) // 8 - 1
    if _is_plain(text, marks):
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
        texts = pa.Array.from_buffers(pa.large_string(), count, buffers)
    else:
        # No two texts are written alike.
        texts = pa.array([escape(each) for each in _pieces(text, offsets)], pa.large_string())
    buffers = [_present(marks), pa.py_buffer(numbers)]
    indices = pa.Array.from_buffers(pa.int32(), len(numbers) // 4, buffers)
    return _counted(pa.DictionaryArray.from_arrays(indices, texts, safe=False), marks)


def _spelled(labels: Values) -> Values:
    """Return labels as text: the field was declared anew, as that."""
    return replace(labels, data=labels.data.dictionary_decode())


def _marks(column: Column) -> NDArray[np.uint8] | None:
    return None if column[2] is None else np.frombuffer(column[2], np.uint8)


def _present(marks: NDArray[np.uint8] | None) -> Any:
    """Return Arrow's bits of which values are there; None where all are."""
    if marks is None:
        return None
    return pa.array((marks != MISSING) & (marks != MISFIT)).buffers()[1]


def _is_plain(text: bytearray, marks: NDArray[np.uint8] | None) -> bool:
    """Tell whether Arrow can hold text as it is."""
    # One byte is looked for much faster than three.
    marked = text.find(b"\\") >= 0 and text.find(_MARK) >= 0
    return not marked and (marks is None or not (marks >= CUT).any())


def _counted(data: Any, marks: NDArray[np.uint8] | None) -> Values:
    if marks is None:
        return Values(data)
    return Values(data, None, int((marks == MISFIT).sum()), int((marks == CUT).sum()))


def _pieces(text: bytearray, offsets: bytearray) -> list[str]:
    ends, whole = np.frombuffer(offsets, np.int64).tolist(), bytes(text)
    return [whole[begin:end].decode("utf-8", "surrogatepass") for begin, end in pairwise(ends)]


def _texts(column: Column) -> list[str | None]:
    """Return the texts as they were recorded."""
    texts = _pieces(column[1] or bytearray(), column[0] if len(column) == 3 else column[3])
    if len(column) == 4:
        numbers = np.frombuffer(column[0], np.int32).tolist()
        # Where nothing is there, the number is nothing, too.
        texts = [texts[number] for number in numbers] if texts else [""] * len(numbers)
    if column[2] is None:
        return [*texts]
    return [
        None if note in (MISSING, MISFIT) else text
        for text, note in zip(texts, column[2], strict=True)
    ]


def _as_declared_later(column: Column, letter: str, kind: Kind) -> Values:
    values: list[Any]
    if letter in "sk":
        values = list(_texts(column))
    else:
        numbers = _numbers(column, letter)
        values = numbers.data.tolist()
    if column[2] is not None:
        # What did not fit the first time does not fit now.
        values = [
            NO_VALUE if note == MISFIT else None if note == MISSING else value
            for note, value in zip(column[2], values, strict=True)
        ]
    return convert(values, kind)
