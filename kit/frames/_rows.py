"""The tuples of a capture → arrays, one a column."""

from __future__ import annotations

from abc import ABC, abstractmethod
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from kit.core._format import column_names
from kit.errors import CaptureError
from kit.frames._schema import Kind, context_columns
from kit.frames._values import NO_VALUE, Values, convert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from kit.core._format import Format
    from kit.frames._layout import Layout
    from kit.probes.captures._capture import Capture, ThreadEvents

__all__ = ["Counts", "Parts", "Pick", "Positions", "Rows", "fields", "pull"]

Positions: TypeAlias = "NDArray[np.intp] | None"
Parts: TypeAlias = "dict[str, list[tuple[Positions, Values]]]"
Counts: TypeAlias = "list[tuple[str, str, Values]]"


Pick: TypeAlias = "Callable[[int, Kind], Values]"
"""Converts one column of some rows: called with its place among the arguments, and its kind."""


class Rows(ABC):
    """The events of all threads, one after the other, as they were recorded.

    Parameters
    ----------
    ts, code, tid, seq : numpy.ndarray of int64

    Attributes
    ----------
    order : numpy.ndarray of intp, or None
        What sorts the rows by ``ts``, keeping the order of equal stamps; None when they are sorted.
    """

    def __init__(
        self,
        ts: NDArray[np.int64],
        code: NDArray[np.int64],
        tid: NDArray[np.int64],
        seq: NDArray[np.int64],
    ) -> None:
        self.ts, self.code, self.tid, self.seq = ts, code, tid, seq
        self.order = None if (ts[1:] >= ts[:-1]).all() else np.argsort(ts, kind="stable")

    def __len__(self) -> int:
        return len(self.ts)

    def sorted(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of the rows in the order of the frame."""
        return values if self.order is None else values[self.order]

    def rank(self) -> Positions:
        """The place of each row in the frame; None when it is 0, 1, 2, ..."""
        if self.order is None:
            return None
        rank = np.empty(len(self), np.intp)
        rank[self.order] = np.arange(len(self))
        return rank

    @abstractmethod
    def by_code(
        self, formats: Sequence[tuple[str, Format]]
    ) -> Iterator[tuple[int, Positions, Pick]]:
        """For each marker: its code, the rows of its events in the frame, and their columns."""

    @abstractmethod
    def contexts(self) -> Iterator[tuple[Positions, Pick]]:
        """Where rows with context are in the frame, and its columns."""


class TupleRows(Rows):
    """Rows of Python objects.

    Parameters
    ----------
    args, context : numpy.ndarray of object
        Tuples. ``context`` is empty when the capture has none.
    """

    def __init__(
        self,
        ts: NDArray[np.int64],
        code: NDArray[np.int64],
        tid: NDArray[np.int64],
        seq: NDArray[np.int64],
        args: NDArray[np.object_],
        context: NDArray[np.object_],
    ) -> None:
        super().__init__(ts, code, tid, seq)
        self.args, self.context = args, context

    def by_code(
        self, formats: Sequence[tuple[str, Format]]
    ) -> Iterator[tuple[int, Positions, Pick]]:
        """For each marker: its code, the rows of its events in the frame, and their columns."""
        rank = self.rank()
        if not len(self):
            return
        if (self.code == self.code[0]).all():
            code = int(self.code[0])
            yield code, rank, _pick(_padded(self.args.tolist(), formats[code][1].arity))
            return
        grouped = np.argsort(self.code, kind="stable")
        codes, starts = np.unique(self.code[grouped], return_index=True)
        for code, rows in zip(codes.tolist(), np.split(grouped, starts[1:]), strict=True):
            args = _padded(self.args[rows].tolist(), formats[code][1].arity)
            yield code, rows if rank is None else rank[rows], _pick(args)

    def contexts(self) -> Iterator[tuple[Positions, Pick]]:
        """Where rows with context are in the frame, and its columns."""
        yield self.rank(), _pick(self.context.tolist())


def _pick(tuples: list[tuple[Any, ...]]) -> Pick:
    return lambda place, kind: convert(list(map(itemgetter(place), tuples)), kind)


def _thread(
    thread: ThreadEvents, codes: Sequence[int] | None, context: bool
) -> tuple[NDArray[Any], ...]:
    rows, count = thread.rows, len(thread.rows)
    code = np.fromiter(map(itemgetter(1), rows), np.int64, count)
    columns = (
        np.fromiter(map(itemgetter(0), rows), np.int64, count),
        code,
        np.full(count, thread.tid, np.int64),
        np.arange(thread.first_seq, thread.first_seq + count),
        np.fromiter(map(itemgetter(2), rows), np.object_, count),
        np.fromiter(map(itemgetter(3), rows) if context else (), np.object_),
    )
    if codes is None:
        return columns
    wanted = np.isin(code, codes)
    if wanted.all():
        return columns
    return tuple(values[wanted] if len(values) else values for values in columns)


def fields(
    rows: Rows, formats: Sequence[tuple[str, Format]], laid_out: Layout
) -> tuple[Parts, Counts]:
    """Convert the values of all fields.

    Parameters
    ----------
    rows : Rows
    formats : sequence of (str, Format)
        By code.
    laid_out : Layout
        Of all these formats.

    Returns
    -------
    parts : dict of str to list of (positions, Values)
        By stored column, context columns included.
    counts : list of (marker, column, Values)
        The same again, for counting what did not fit; the marker of a context column is ``"*"``.
    """
    parts: Parts = {}
    counts: Counts = []
    for code, positions, pick in rows.by_code(formats):
        name, format = formats[code]
        shown = column_names(format.names, laid_out.context)
        stored = {laid_out.payload[key].shown: key for key in laid_out.markers[name].payload}
        if format.is_span:
            _timed(name, positions, pick, parts)
        for place, column in enumerate(shown, 2 * format.is_span):
            key = stored[column]
            values = pick(place, laid_out.payload[key].kind)
            parts.setdefault(key, []).append((positions, values))
            counts.append((name, column, values))
    for positions, pick in rows.contexts():
        for place, declared in enumerate(context_columns(laid_out.context)):
            values = pick(place, declared.kind)
            parts.setdefault(declared.name, []).append((positions, values))
            counts.append(("*", declared.name, values))
    return parts, counts


def _padded(args: list[tuple[Any, ...]], arity: int) -> list[tuple[Any, ...]]:
    if set(map(len, args)) <= {arity}:
        return args
    # The marker was declared anew while events of the old declaration were in the buffer.
    return [(*values[:arity], *[NO_VALUE] * (arity - len(values))) for values in args]


def _timed(name: str, positions: Positions, pick: Pick, parts: Parts) -> None:
    dur = pick(0, "stamp")
    if dur.mask is not None:
        raise CaptureError(
            f"span {name!r} has an event whose duration is no integer; the capture was not made by "
            "a recorder of this version, so record again"
        )
    parts.setdefault("dur", []).append((positions, dur))
    parts.setdefault("error", []).append((positions, pick(1, "label")))


def pull(capture: Capture, codes: Sequence[int] | None) -> TupleRows:
    """Pull the events out of a capture of tuples.

    Parameters
    ----------
    capture : Capture
    codes : sequence of int, or None
        The markers wanted; None for all.

    Returns
    -------
    TupleRows
    """
    threads = [_thread(thread, codes, bool(capture.context)) for thread in capture.threads]
    empty = np.empty(0, np.int64)
    nothing = (empty, empty, empty, empty, empty.astype(object), empty.astype(object))
    ts, code, tid, seq, args, context = (
        np.concatenate(columns) if len(columns) > 1 else columns[0]
        for columns in zip(*(threads or [nothing]), strict=True)
    )
    return TupleRows(ts, code, tid, seq, args, context)
