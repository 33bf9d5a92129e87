"""The probe that a recorder connects: what writes events into a store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from functools import cache, partial
from threading import get_native_id
from typing import TYPE_CHECKING, Any, Final

from kit.core._dispatch.accounting import begun
from kit.core._dispatch.tally import Tally
from kit.core._format import Format
from kit.core._reporting import report
from kit.core._runtime import mode
from kit.errors import KitError
from kit.probes._context import ask, context_functions, context_letters
from kit.probes._values import Misfits, columns, odd, strictly
from kit.probes.captures._capture import MOST_CODES, MOST_COLUMNS
from kit.probes.recorder._store import DiscardStore, OverwriteStore, Store, sub_buffer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType

    from kit.core import Connection, Marker
    from kit.core.typing import Observer
    from kit.probes._values import Misfit
    from kit.probes.captures._file import CaptureFile

    Writer = Callable[[int, int, tuple[Any, ...]], None]

__all__ = ["DiscardSink", "OverwriteSink", "Sink"]

_FEW_CONNECTIONS: Final = 64
"""How many connections a sink knows before it looks which of them it can let go."""


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
        self._loses_late = False
        # What the codes in the rows mean; a marker declared anew has a second code.
        self._codes: dict[tuple[str, Format], int] = {}
        self._newest: dict[str, int] = {}
        self.recorded: list[tuple[Marker, Format]] = []
        self._writers: dict[int, Writer] = {}
        self._losers: dict[int, Writer] = {}
        self._told: set[int] = set()
        # By code: what could not be written. A writer counts it where it fails, without memory.
        self._failures: list[Tally] = []
        self._misfits: dict[int, Misfits] = {}
        # Changed by updates only; replaced, or added to, so whoever reads copies it.
        self._connections: dict[Connection, None] = {}
        self._most_connections = _FEW_CONNECTIONS
        self.clear()

    def clear(self) -> None:
        """Begin anew, with an empty store and no counts."""
        self._skipped_before = self._skipped()
        self._failed_before = self._failed()
        for misfits in self._misfits.copy().values():
            misfits.clear()
        self.undeclared = Tally()
        self.tell_undeclared()
        self.begin()

    @abstractmethod
    def begin(self) -> None:
        """Begin an empty store."""

    def declare(self) -> None:
        """Say in the file what the codes mean, before there is an event of one.

        The registry's lock is held, as everywhere that something is declared in a file.
        """
        if self.file is not None:
            self.file.declare(self.recorded)

    @property
    def dispatches_kept(self) -> int | None:
        """How many observed dispatches are kept before others are lost; None for the newest."""
        if self.overwrite:
            return None
        return self.capacity if self.observer else 0

    def rotation(self, file: CaptureFile) -> Callable[[], tuple[int, int]]:
        """Have a file ready to be gone on in; return what does so.

        It is called with the registry's lock held, so that nobody declares in the old one
        meanwhile, and returns how many events and cells of the old one are in use.
        """
        raise NotImplementedError

    def lose_late(self) -> None:
        """Lose, and count, whatever comes from now on; for one that has a file."""
        self._loses_late = True
        self.pieces.limit(0, 0)

    def resume(self) -> None:
        """Keep again what comes."""
        if self._loses_late:
            self._loses_late = False
            self.pieces.limit(self.capacity, sub_buffer(self.capacity) if self.overwrite else 0)

    def cells_free(self) -> int:
        """How many cells of the file are free."""
        return 0

    @property
    def pieces(self) -> Any:
        """What seals the pieces of its file, see `kit.probes.captures._sealing`."""
        raise NotImplementedError

    def detach(self) -> None:
        """Go on without the file, which is another process's; `clear` comes next."""
        self.file = None

    def losing(self, ident: int, ts: int, args: tuple[Any, ...]) -> None:  # noqa: ARG002
        """Lose an event of a marker that there was no room to describe."""
        self.undeclared.up()
        self.tell_undeclared()

    def tell_undeclared(self) -> None:
        """Say in the file how many events of markers that are not declared were lost.

        In a dispatch, so without a lock: a store of a count that is not the newest any more, or
        into a file that gives way, is followed by another of whoever has made it.
        """
        while True:
            file, count = self.file, self.undeclared.n
            if file is not None:
                file.note_undeclared(count)
            if self.undeclared.n == count and self.file is file:
                return

    def entered(self, connection: Connection) -> None:
        """Take note of a connection that dispatches are about to call."""
        self._connections[connection] = None
        # Those that have gone, and have counted nothing, are let go of now and then: looking at all
        # of them each time would cost a pattern of many markers the square of their number.
        if len(self._connections) >= self._most_connections:
            self._connections = {
                each: None
                for each in self._connections
                if each.connected or each.skipped or each.not_begun
            }
            self._most_connections = 2 * len(self._connections) + _FEW_CONNECTIONS

    def _skipped(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for connection in self._connections.copy():
            counts[connection.marker.name] += connection.skipped
        return counts

    def skipped(self) -> dict[str, int]:
        """How many events arose while another was being written on that thread, by marker."""
        return dict(self._skipped() - self._skipped_before)

    def fail(self, code: int) -> None:
        """Count an event that could not be written; writers do it themselves."""
        self._failures[code].up()
        self.note_failed()

    def note_failed(self) -> None:  # noqa: B027 - in memory there is no such word
        """Count in the file, where there is one, an event that could not be written."""

    def _failed(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for (marker, _), tally in zip(self.recorded.copy(), self._failures.copy(), strict=False):
            counts[marker.name] += tally.n
        for connection in self._connections.copy():
            counts[connection.marker.name] += connection.not_begun
        return counts

    def failed(self) -> dict[str, int]:
        """How many events could not be written, whatever was the cause, by marker."""
        return dict(self._failed() - self._failed_before)

    def misfits(self) -> list[Misfit]:
        """What did not fit its field since the last `clear`, field by field."""
        found: dict[tuple[str, str], Misfit] = {}
        for code, misfits in self._misfits.copy().items():
            marker, format = self.recorded[code]
            for each in misfits.found(marker.name, format, self.context):
                key = (each.marker, each.field)
                # A marker that was declared anew has a second code; context has no marker.
                before = found.get(key)
                more = 0 if before is None else before.number
                found[key] = (before or each)._replace(number=each.number + more)
        return list(found.values())

    def misfits_of(self, code: int) -> Misfits:
        """Return what counts the misfits of a code, for its writer."""
        kinds = columns(self.recorded[code][1], self.letters)
        return self._misfits.setdefault(code, Misfits(kinds))

    def code(self, marker: Marker, format: Format) -> int | None:
        """Return the number that stands for a marker with a format; only updates ask.

        None where there is none left. A marker whose fields are too many is described without them.
        """
        key = (marker.name, format)
        if key not in self._codes:
            if len(self.recorded) >= MOST_CODES:
                return None
            described = format if self._fits(format) else Format((), format.is_span)
            self._failures.append(Tally())
            self.recorded.append((marker, described))
            self._codes[key] = self._newest[marker.name] = len(self.recorded) - 1
        return self._codes[key]

    def _fits(self, format: Format) -> bool:
        """Tell whether there is room in an event for so many fields."""
        return format.arity + len(self.context) <= MOST_COLUMNS

    def native(self, marker: Marker, format: Format) -> Writer:
        """Return the writer for a marker; the same one each time, unless in strict mode.

        The program's declarations do not fail because they are recorded: the events of what there
        is no room for are lost, and counted, by the marker's name where it is known.
        """
        code = self.code(marker, format)
        if code is None:
            self._tell(MOST_CODES, f"it has {MOST_CODES:,} already")
        elif not self._fits(format):
            self._tell(MOST_COLUMNS, f"it has more than {MOST_COLUMNS:,} columns")
        known = self._newest.get(marker.name) if code is None else code
        if known is None or (self.file is not None and not self.file.knows(known)):
            return self.losing
        if code is None or not self._fits(format):
            if known not in self._losers:
                self._losers[known] = self._loser(known)
            return self._losers[known]
        if code not in self._writers:
            make = self._writer_with_context if self._context_functions else self._writer
            self._writers[code] = make(code)
        write = self._writers[code]
        if not mode.strict:
            return write
        return strictly(write, marker.name, format, partial(self.fail, code))

    def _tell(self, limit: int, why: str) -> None:
        """Say once that events are lost from here on."""
        if limit not in self._told:
            self._told.add(limit)
            report(
                "a recorder has no room to describe a marker, its events are lost", KitError(why)
            )

    @abstractmethod
    def _writer(self, code: int) -> Writer:
        """Make the function that writes the events of one marker."""

    @abstractmethod
    def _writer_with_context(self, code: int) -> Writer:
        """Make the function that writes them together with their context."""

    @abstractmethod
    def _loser(self, code: int) -> Writer:
        """Make the function that counts them as lost."""

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
        # That of an update that has connected it; a dispatch gives out none. Perhaps it was
        # declared anew since its array was read.
        code = self._codes.get((marker.name, marker.format), self._newest.get(marker.name))
        if code is None:
            buffer.observed += 1  # and lost: see `Store.lost_dispatches`
            return
        tid, number = buffer.tid, self._numbers.up() - 1
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
        """Tell whether a dispatch called this probe, or would have, were it not writing already.

        When there is no memory to remove it, the array that named it as an observer is kept, with
        a stub in its place.
        """
        for call in calls:
            native = call[2]._native
            if native is not None and native.observer is self:
                return True
        return any(each.connected and each.marker is marker for each in self._connections.copy())

    def published(
        self, ident: int, when: int, marker: Marker, action: str, label: str, fanout: int
    ) -> Callable[[int], None]:
        """Record one publication; its grace period is filled in when it ends."""
        if marker.format is None:
            return _nothing
        buffer = self.store.buffers.get(ident)
        tid = get_native_id() if buffer is None else buffer.tid
        code = self.code(marker, marker.format)
        if code is None and (code := self._newest.get(marker.name)) is None:
            return _nothing
        row = [when, code, action, label, marker.generation, fanout, None, tid]
        self.store.publications.append(row)

        def ended(now: int) -> None:
            row[6] = now - when

        return ended


# What a writer in Python does when an exception, of a signal handler perhaps, interrupts it: it
# counts the event as failed unless it is there. CPython looks for signals at the beginning of a
# function, after calls of functions in C, and at jumps back; between two of these, what is done is
# done whole. An exception at the beginning of the writer itself is the dispatcher's to count, see
# `kit.core._dispatch.accounting`.


class _RowSink(Sink):
    """Keeps rows of Python objects."""

    store: DiscardStore | OverwriteStore

    template: str

    def _writer_with_context(self, code: int) -> Writer:
        """Make what looks at each value; without context, too, where one is unusual."""
        sink, failed, misfits = self, self._failures[code], self.misfits_of(code)
        functions = self._context_functions
        own = len(misfits.kinds) - len(functions)

        def write(ident: int, ts: int, args: tuple[Any, ...]) -> None:
            try:
                if functions:
                    args = (*args[:own], *[...] * (own - len(args)), *ask(functions))
                made, missed = misfits.plain(args)
                context = (tuple(made[own:]),) if functions else ()
                row = (ts, code, tuple(made[:own]), *context)
                store = sink.store
                buffer = store.keep(ident, row)
            except BaseException:  # it is not there, nor lost
                failed.n += 1
                raise
            if buffer is None:
                return
            for tally in missed:
                tally.n += 1
            if isinstance(store, OverwriteStore) and len(buffer.chunk.rows) >= store.chunk_size:
                store.seal(buffer)

        return write

    def _loser(self, code: int) -> Writer:
        sink, failed = self, self._failures[code]

        def lose(ident: int, ts: int, args: tuple[Any, ...]) -> None:  # noqa: ARG001
            try:
                lost = sink.store.buffer(ident).lost
                # From the store on there is no call.
                lost[code] += 1
            except BaseException:
                failed.n += 1
                raise

        return lose

    def _writer(self, code: int) -> Writer:
        kinds = self.misfits_of(code).kinds
        scope: dict[str, Any] = {
            "__name__": __name__,
            "sink": self,
            "code": code,
            "failed": self._failures[code],
            "begun": begun,
            "write_slowly": self._writer_with_context(code),
        }
        exec(_compiled(self.template, kinds, self.recorded[code][1].is_span), scope)
        writer: Writer = scope["write"]
        return writer


@cache
def _compiled(template: str, kinds: str, is_span: bool) -> CodeType:
    """Compile a writer for values of some kinds: to look at them in a loop would take longer."""
    timed = 2 * is_span  # its duration and its error are the dispatcher's
    names = [f"v{place}" for place in range(len(kinds))]
    look = _LOOK.replace("UNPACKED", "".join(f"{name}, " for name in names) or "()")
    look = look.replace("ODD", odd(kinds[timed:], names[timed:]))
    return compile(look + template, f"<recorder of {kinds}>", "exec")


_LOOK: Final = """\
def write(ident, ts, args):
    try:
        UNPACKED = args
        unusual = ODD
    except Exception:  # other fields by now, or a value that will not be looked at
        unusual = True
    except BaseException:
        failed.n += 1
        raise
    if unusual:
        try:
            write_slowly(ident, ts, args)
        except BaseException as error:
            if not begun(write_slowly, error):
                failed.n += 1
            raise
        return
"""


class DiscardSink(_RowSink):
    """Keeps the first events."""

    store: DiscardStore

    def begin(self) -> None:
        """Begin an empty store."""
        # One store: a writer that loaded the old one finishes its event there.
        self.store = DiscardStore(self.capacity, self.dispatches_kept)

    template = """\
    try:
        store = sink.store
        try:
            append = store.appends[ident]
        except KeyError:
            append = store.buffer(ident).append
        row = (ts, code, args)
    except BaseException:
        failed.n += 1
        raise
    for _ in store.room:  # a place of one's own
        try:
            append(row)
        except (MemoryError, RecursionError) as error:  # any other comes when it is there
            if not error.__traceback__ or not error.__traceback__.tb_next:  # not a signal handler's
                failed.n += 1
                store.freed.append(None)
            raise
        return
    try:
        store.keep(ident, row)
    except BaseException:  # it is not there, nor lost
        failed.n += 1
        raise
"""


class OverwriteSink(_RowSink):
    """Keeps the newest events."""

    store: OverwriteStore

    def begin(self) -> None:
        """Begin an empty store."""
        self.store = OverwriteStore(self.capacity)

    template = """\
    try:
        store = sink.store
        try:
            buffer = store.buffers[ident]
        except KeyError:
            buffer = store.buffer(ident)
        rows = buffer.chunk.rows
        row = (ts, code, args)
    except BaseException:
        failed.n += 1
        raise
    try:
        rows.append(row)
    except (MemoryError, RecursionError) as error:  # any other comes when it is there
        if not error.__traceback__ or not error.__traceback__.tb_next:  # not a signal handler's
            failed.n += 1
        raise
    if len(rows) >= store.chunk_size:
        store.seal(buffer)
"""


def _nothing(now: int) -> None:
    """Note nothing about a marker that has no fields yet, or that there is no room to describe."""
