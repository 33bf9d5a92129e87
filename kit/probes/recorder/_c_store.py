"""The recorder's sink in C: events as bytes in blocks, without a Python object an event.

The same names and counts as in `kit.probes.recorder._sink` and `kit.probes.recorder._store`, whose
buffers hold Python tuples; ``kit/c/store.h`` says what a record looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from kit import _c
from kit.probes._context import thread_name_of
from kit.probes._values import columns, plain
from kit.probes.captures._capture import TEXT_LIMIT, Row, ThreadEvents
from kit.probes.captures._layout import PAGE
from kit.probes.recorder._sink import Sink
from kit.probes.recorder._store import Store, by_name, sub_buffer

if TYPE_CHECKING:
    from kit.core import Marker
    from kit.core._format import Format
    from kit.probes.captures._file import CaptureFile

__all__ = ["BlockRows", "NativeSink", "NativeStore"]


class BlockRows(Sequence[Row]):
    """A thread's rows as they lie in blocks; as tuples only where somebody looks at them.

    Parameters
    ----------
    blocks : kit._c.Rows
        The records.
    context : int
        How many of the last columns are context.
    """

    __slots__ = ("_tuples", "blocks", "context")

    def __init__(self, blocks: _c.Rows, context: int) -> None:
        self.blocks = blocks
        self.context = context
        self._tuples: list[Row] | None = None

    @property
    def tuples(self) -> list[Row]:
        """The rows as `ThreadEvents.rows` describes them; ``...`` for a value that did not fit."""
        if self._tuples is None:
            self._tuples = self.blocks.tolist(self.context)
        return self._tuples

    def __len__(self) -> int:
        return len(self.blocks)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        return self.tuples[place]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.tuples)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, BlockRows | list):
            return self.tuples == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment] # as a list

    def __reduce__(self) -> tuple[Any, ...]:
        return (list, (self.tuples,))

    def __repr__(self) -> str:
        return f"<{len(self):,} rows>"


class _Piece(NamedTuple):
    """What a reader found in one thread's blocks; counts by code."""

    tid: int
    name: str
    first: int
    rows: BlockRows
    lost: dict[int, int]
    overwritten: dict[int, int]

    def events(self, names: list[str]) -> ThreadEvents:
        """Describe it for a capture; ``names`` says what the codes mean."""
        lost, overwritten = by_name(self.lost, names), by_name(self.overwritten, names)
        return ThreadEvents(self.tid, self.name, self.first, self.rows, lost, overwritten)


class NativeStore(Store):
    """The blocks of a recorder, and what it observed of dispatches.

    Parameters
    ----------
    blocks : kit._c.Store
        Where the events are.
    capacity : int
        How many events are kept.
    dispatches : int or None
        How many observed dispatches are kept before others are lost; ``None`` for the newest.
    context : int
        How many of a row's last columns are context.
    """

    def __init__(
        self, blocks: _c.Store, capacity: int, dispatches: int | None, context: int
    ) -> None:
        super().__init__(capacity, dispatches)
        self.blocks = blocks
        self._context = context

    def _pieces(self, found: list[_c.Piece]) -> list[_Piece]:
        return [
            _Piece(tid, name, first, BlockRows(rows, self._context), lost, overwritten)
            for tid, name, first, rows, lost, overwritten in found
        ]

    def copy(self, newest: int | None = None) -> list[_Piece]:
        """Return every thread's rows, or as many of its newest."""
        return self._pieces(self.blocks.copy(-1 if newest is None else newest))

    def take(self) -> list[_Piece]:
        """Take every thread's rows away; each row is taken once."""
        return self._pieces(self.blocks.take())

    def __len__(self) -> int:
        return len(self.blocks)

    def lost(self) -> int:
        """How many events found no room."""
        return self.blocks.lost

    def cut(self) -> int:
        """How many of the lost were in a part of the file that has gone."""
        return self.blocks.cut

    def overwritten(self) -> int:
        """How many events gave way to newer ones."""
        return self.blocks.overwritten


class NativeSink(Sink):
    """Writes events into blocks; see `kit.probes.recorder._sink.Sink`."""

    store: NativeStore

    def __init__(
        self,
        capacity: int,
        context: Iterable[str],
        observe: bool,
        *,
        overwrite: bool,
        file: CaptureFile | None = None,
    ) -> None:
        size = sub_buffer(capacity) if overwrite else 0
        self._memory = None if file is None else _memory(file)
        memory = () if self._memory is None else (self._memory,)
        self._blocks = _c.Store(capacity, size, thread_name_of, plain, *memory)
        super().__init__(capacity, context, observe, overwrite=overwrite, file=file)

    def begin(self) -> None:
        """Begin an empty store."""
        self._blocks.clear()
        self.store = NativeStore(
            self._blocks, self.capacity, self.dispatches_kept, len(self.context)
        )

    def code(self, marker: Marker, format: Format) -> int | None:
        """Return the number that stands for a marker with a format."""
        code = super().code(marker, format)
        for number in range(len(self._blocks.kinds), len(self.recorded)):
            self._blocks.describe(number, self._kinds(number))
        self.declare()
        return code

    def rotation(self, file: CaptureFile) -> Callable[[], tuple[int, int]]:
        """Have a file ready to be gone on in; return what does so, with the registry's lock held.

        From here on the child of a fork has none of it.
        """
        memory = _memory(file)

        def go_on() -> tuple[int, int]:
            old = self._memory
            assert old is not None
            # By an iteration: after a call a signal handler may run, and its exception would leave
            # events in a file that the sink does not know of.
            for _ in map(self._blocks.rotate, (memory,)):
                self.file = file
                self._memory = memory
            return old.events, old.used

        return go_on

    def cells_free(self) -> int:
        """How many cells of the file are free."""
        return 0 if self._memory is None else self._memory.free

    @property
    def pieces(self) -> _c.Store:
        """What seals the pieces of its file."""
        return self._blocks

    def note_failed(self) -> None:
        """Count in the file, where there is one, an event that could not be written."""
        self._blocks.fail()

    def _kinds(self, code: int) -> bytes:
        """Return the kinds of a record's columns, a letter each."""
        return columns(self.recorded[code][1], self.letters)

    def _writer(self, code: int) -> Callable[[int, int, tuple[Any, ...]], None]:
        return self._writing(code)

    _writer_with_context = _writer

    def _loser(self, code: int) -> Callable[[int, int, tuple[Any, ...]], None]:
        return self._writing(code, lost=True)

    def _writing(
        self, code: int, *, lost: bool = False
    ) -> Callable[[int, int, tuple[Any, ...]], None]:
        is_span = self.recorded[code][1].is_span
        context = tuple(self._context_functions)
        failed, misfits = self._failures[code], self.misfits_of(code)
        kinds = self._kinds(code)
        return _c.Writer(
            self._blocks,
            code,
            kinds,
            is_span,
            context,
            TEXT_LIMIT,
            failed,
            lost,
            (misfits.counts, misfits.types),
        )


def _memory(file: CaptureFile) -> _c.File:
    layout = file.layout
    parts = (layout.threads, layout.most_threads, layout.counts, layout.most_counts)
    arena = (layout.arena, layout.cell, layout.cells)
    watch = () if file.watch is None else (file.watch,)
    return _c.File(file.memory, layout.key, PAGE, *parts, *arena, *watch)
