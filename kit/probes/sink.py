"""The probe that a recorder connects: what writes events into a store."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter
from threading import get_native_id
from typing import TYPE_CHECKING, Any

from kit.markers.choice import dispatcher
from kit.markers.mode import mode
from kit.markers.tally import Tally
from kit.probes.checks import strictly
from kit.probes.context import context_functions, context_letters
from kit.probes.store import DiscardStore, OverwriteStore, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kit.markers import Connection, Marker
    from kit.markers.format import Format
    from kit.markers.protocols import Observer
    from kit.probes.capture_file import CaptureFile

    Writer = Callable[[int, int, tuple[Any, ...]], None]

__all__ = ["DiscardSink", "OverwriteSink", "Sink", "new_sink"]


class Sink(ABC):
    """Writes events into its store.

    Apart from the recorder, so that what is connected does not keep alive what was abandoned.

    Parameters
    ----------
    capacity : int
        How many events are kept.
    context : iterable of str
        What is recorded with each event.
    observe : bool
        Whether dispatches and publications are recorded, too; these are never in the file.
    overwrite : bool
        Whether the newest events are kept, and not the first.
    file : CaptureFile, optional
        Where they are kept; in the program's own memory otherwise.
    """

    kit_label = "record"
    store: Store

    def __init__(
        self,
        capacity: int,
        context: Iterable[str],
        observe: bool,
        *,
        overwrite: bool,
        file: CaptureFile | None = None,
    ) -> None:
        self.capacity = capacity
        self.overwrite = overwrite
        self.file = file
        self.context, self._context_functions = context_functions(context)
        self.letters = tuple(context_letters(self.context).values())
        self.observer: Observer | None = self if observe else None
        self._numbers = Tally()
        # What the codes in the rows mean; a marker declared anew has a second code.
        self._codes: dict[tuple[str, Format], int] = {}
        self.recorded: list[tuple[Marker, Format]] = []
        self._writers: dict[int, Writer] = {}
        self._connections: tuple[Connection, ...] = ()
        self.declaring = threading.RLock()
        self.clear()

    def clear(self) -> None:
        """Begin anew, with an empty store and no counts."""
        self._skipped_before = self._skipped()
        self.begin()

    @abstractmethod
    def begin(self) -> None:
        """Begin an empty store."""

    def declare(self) -> None:
        """Say in the file what the codes mean, before there is an event of one."""
        if self.file is not None:
            with self.declaring:
                self.file.declare(self.recorded)

    @property
    def dispatches_kept(self) -> int | None:
        """How many observed dispatches are kept before others are lost; None for the newest."""
        if self.overwrite:
            return None
        return self.capacity if self.observer else 0

    def rotate(self, file: CaptureFile) -> tuple[int, int]:
        """Go on in another file; return how many events and cells of the old one are in use."""
        raise NotImplementedError

    def cells_free(self) -> int:
        """How many cells of the file are free."""
        return 0

    @property
    def pieces(self) -> Any:
        """What seals the pieces of its file, see `kit.probes.sealing`."""
        raise NotImplementedError

    def detach(self) -> None:
        """Go on without the file, which is another process's; `clear` comes next."""
        self.file = None
        self.declaring = threading.RLock()

    def losing(self, ident: int, ts: int, args: tuple[Any, ...]) -> None:  # noqa: ARG002
        """Lose an event of a marker that the file had no room to describe."""
        if self.file is not None:
            self.file.lose()

    def entered(self, connection: Connection) -> None:
        """Take note of a connection that dispatches are about to call."""
        kept = [each for each in self._connections if each.connected or each.skipped]
        self._connections = tuple(dict.fromkeys([*kept, connection]))

    def _skipped(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for connection in self._connections:
            counts[connection.marker.name] += connection.skipped
        return counts

    def skipped(self) -> dict[str, int]:
        """How many events arose while another was being written on that thread, by marker."""
        return dict(self._skipped() - self._skipped_before)

    def code(self, marker: Marker, format: Format) -> int:
        """Return the number that stands for a marker with a format; updates ask first."""
        key = (marker.name, format)
        if key not in self._codes:
            self.recorded.append((marker, format))
            self._codes[key] = len(self.recorded) - 1
        return self._codes[key]

    def native(self, marker: Marker, format: Format) -> Writer:
        """Return the writer for a marker; the same one each time, unless in strict mode."""
        code = self.code(marker, format)
        if code not in self._writers:
            make = self._writer_with_context if self._context_functions else self._writer
            lost = self.file is not None and not self.file.knows(code)
            self._writers[code] = self.losing if lost else make(code)
        write = self._writers[code]
        return strictly(write, marker.name, format) if mode.strict else write

    @abstractmethod
    def _writer(self, code: int) -> Writer:
        """Make the function that writes the events of one marker."""

    @abstractmethod
    def _writer_with_context(self, code: int) -> Writer:
        """Make the function that writes them together with their context."""

    # What the dispatcher and the registry tell an observer.

    def dispatched(
        self,
        ident: int,
        begin: int,
        end: int,
        marker: Marker,
        generation: int,
        fanout: int,
        errors: int,
        calls: list[tuple[int, int, Connection, int, str | None]],
    ) -> None:
        """Record one dispatch and the calls in it."""
        if marker.format is None or not self._was_called(marker, calls):
            return
        store = self.store
        buffer = store.buffer(ident)
        if not store.has_room_for_dispatch():
            return
        code, tid, number = self.code(marker, marker.format), buffer.tid, self._numbers.up() - 1
        buffer.dispatches.append(
            (begin, end - begin, code, generation, fanout, errors, tid, number)
        )
        buffer.observed += 1
        buffer.calls.extend(
            [
                (start, stop - start, code, connection.label, position, number, error, tid)
                for start, stop, connection, position, error in calls
            ]
        )

    def _was_called(
        self, marker: Marker, calls: list[tuple[int, int, Connection, int, str | None]]
    ) -> bool:
        """Whether a dispatch called this probe, or would have, were it not writing already.

        When there is no memory to remove it, the array that named it as an observer is kept, with
        a stub in its place.
        """
        for call in calls:
            native = call[2].native
            if native is not None and native.observer is self:
                return True
        return any(each.connected and each.marker is marker for each in self._connections)

    def published(
        self, ident: int, when: int, marker: Marker, action: str, label: str, fanout: int
    ) -> Callable[[int], None]:
        """Record one publication; its grace period is filled in when it ends."""
        if marker.format is None:
            return _nothing
        buffer = self.store.buffers.get(ident)
        tid = get_native_id() if buffer is None else buffer.tid
        code = self.code(marker, marker.format)
        row = [when, code, action, label, marker.generation, fanout, None, tid]
        self.store.publications.append(row)

        def ended(now: int) -> None:
            row[6] = now - when

        return ended


class _RowSink(Sink):
    """Keeps rows of Python objects."""

    store: DiscardStore | OverwriteStore

    def _writer_with_context(self, code: int) -> Writer:
        sink, functions = self, self._context_functions

        def write(ident: int, ts: int, args: tuple[Any, ...]) -> None:
            context = tuple([function() for function in functions])
            sink.store.keep(ident, (ts, code, args, context))

        return write


class DiscardSink(_RowSink):
    """Keeps the first events."""

    store: DiscardStore

    def begin(self) -> None:
        """Begin an empty store."""
        # One store: a writer that loaded the old one finishes its event there.
        self.store = DiscardStore(self.capacity, self.dispatches_kept)

    def _writer(self, code: int) -> Writer:
        sink = self

        def write(ident: int, ts: int, args: tuple[Any, ...]) -> None:
            store = sink.store
            try:
                append = store.appends[ident]
            except KeyError:
                append = store.buffer(ident).append
            for _ in store.room:  # a place of one's own
                append((ts, code, args))
                return
            store.keep(ident, (ts, code, args))

        return write


class OverwriteSink(_RowSink):
    """Keeps the newest events."""

    store: OverwriteStore

    def begin(self) -> None:
        """Begin an empty store."""
        self.store = OverwriteStore(self.capacity)

    def _writer(self, code: int) -> Writer:
        sink = self

        def write(ident: int, ts: int, args: tuple[Any, ...]) -> None:
            store = sink.store
            try:
                buffer = store.buffers[ident]
            except KeyError:
                buffer = store.buffer(ident)
            rows = buffer.chunk.rows
            rows.append((ts, code, args))
            if len(rows) >= store.chunk_size:
                store.seal(buffer)

        return write


def _nothing(now: int) -> None:
    """Note nothing about a marker that has no fields yet."""


def new_sink(
    capacity: int,
    context: Iterable[str],
    observe: bool,
    *,
    overwrite: bool,
    file: CaptureFile | None = None,
) -> Sink:
    """Make the sink of a recorder, in C where the dispatcher is.

    Parameters
    ----------
    capacity : int
        How many events are kept.
    context : iterable of str
        What is recorded with each event.
    observe : bool
        Whether dispatches and publications are recorded, too.
    overwrite : bool
        Whether the newest events are kept, and not the first.
    file : CaptureFile, optional
        Where they are kept; in the program's own memory otherwise.

    Returns
    -------
    Sink
    """
    kind: type[Sink] = OverwriteSink if overwrite else DiscardSink
    if dispatcher == "c":
        from kit.probes.native import NativeSink

        kind = NativeSink
    elif file is not None:
        from kit.probes.mapped_store import MappedSink

        kind = MappedSink
    return kind(capacity, context, observe, overwrite=overwrite, file=file)
