"""The recorder: a probe that keeps what it is called with."""

from __future__ import annotations

import itertools
import os
import time
import warnings
import weakref
from threading import get_ident, get_native_id
from typing import TYPE_CHECKING, Any, Final

from kit.errors import NotConnectedError
from kit.markers import Connection, Marker, PatternConnection, batch, connect, grace
from kit.probes.capture import Capture, MarkerInfo, Row, wall_offset
from kit.probes.context import context_functions
from kit.probes.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    import pandas as pd

    from kit.markers.connection import NativeProbe, Observer
    from kit.markers.format import Format

__all__ = ["MODES", "Recorder", "record"]

MODES: Final = ("discard", "overwrite")
_LONGEST_WAIT: Final = 1.0


def record(
    pattern: str | Marker | Iterable[str | Marker] = "*",
    capacity: int = 1_000_000,
    mode: str = "discard",
    context: Iterable[str] = (),
    dispatches: bool = False,
) -> Recorder:
    """Record events from now on.

    Parameters
    ----------
    pattern : str or Marker or iterable of them
        A name, a pattern such as ``"orders.*"``, or several.
    capacity : int
        How many events are kept.
    mode : str
        ``"discard"``: exactly ``capacity`` events are kept before any is lost, and the lost ones
        are counted. ``"overwrite"``, a flight recorder: each thread's newest events, together at
        least the newest ``capacity`` and at most one sixteenth of it more for each thread.
    context : iterable of str
        What to record besides: ``"thread"``, ``"process"``, ``"task"``.
    dispatches : bool
        Also record every dispatch, the time of each probe in it, and every publication with its
        grace period. Costs something at each dispatch.

    Returns
    -------
    Recorder
        Running. A ``with`` block stops it at its end; its frames stay readable.

    Raises
    ------
    ValueError
        For a capacity below 1, an unknown mode or context field.

    Warns
    -----
    UnmatchedPatternWarning
        When a pattern matches no marker yet.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("recorded.fill", qty=int)
    >>> with kit.record("recorded.*") as events:
    ...     fill(100)
    ...     fill(200)
    >>> len(events), events.lost
    (2, 0)
    >>> events.frame("recorded.fill")["qty"].tolist()
    [100, 200]
    """
    recorder = Recorder(pattern, capacity, mode, context, dispatches)
    recorder.start()
    return recorder


class _Sink:
    """The probe that a recorder connects.

    Apart from the recorder, so that what is connected does not keep alive what was abandoned.
    """

    kit_label = "record"

    def __init__(
        self, capacity: int, *, overwrite: bool, context: Iterable[str], observe: bool
    ) -> None:
        self.capacity = capacity
        self.overwrite = overwrite
        self.context, self._context_functions = context_functions(context)
        self.observer: Observer | None = self if observe else None
        self._numbers = itertools.count()
        # What the codes in the rows mean; a marker declared anew has a second code.
        self._codes: dict[tuple[str, Format], int] = {}
        self.recorded: list[tuple[Marker, Format]] = []
        self._writers: dict[int, Callable[[int, int, tuple[Any, ...]], None]] = {}
        self.store = self.new_store()

    def new_store(self) -> Store:
        store = Store(self.capacity, overwrite=self.overwrite)
        if self.observer is not None and not self.overwrite:
            store.dispatch_room.extend([None] * self.capacity)
        return store

    def clear(self) -> None:
        # One store: a writer that loaded the old one finishes its event there.
        self.store = self.new_store()

    def code(self, marker: Marker, format: Format) -> int:
        """Return the number that stands for a marker with a format; only updates ask."""
        key = (marker.name, format)
        if key not in self._codes:
            self.recorded.append((marker, format))
            self._codes[key] = len(self.recorded) - 1
        return self._codes[key]

    def native(self, marker: Marker, format: Format) -> Callable[[int, int, tuple[Any, ...]], None]:
        """Return the writer for a marker; the same one each time."""
        code = self.code(marker, format)
        if code not in self._writers:
            self._writers[code] = self._overwriter(code) if self.overwrite else self._keeper(code)
        return self._writers[code]

    def _keeper(self, code: int) -> Callable[[int, int, tuple[Any, ...]], None]:
        sink, context = self, self._context_functions

        def write(ident: int, ts: int, args: tuple[Any, ...]) -> None:
            store = sink.store
            buffer = store.buffers.get(ident) or store.new_buffer(ident)
            if store.room:
                try:
                    store.room.pop()  # a place of one's own
                except IndexError:
                    pass  # another thread took the last one
                else:
                    if context:
                        row = (ts, code, args, tuple([function() for function in context]))
                        buffer.chunk.rows.append(row)
                    else:
                        buffer.chunk.rows.append((ts, code, args))
                    return
            buffer.lost[code] += 1

        return write

    def _overwriter(self, code: int) -> Callable[[int, int, tuple[Any, ...]], None]:
        sink, context = self, self._context_functions

        def write(ident: int, ts: int, args: tuple[Any, ...]) -> None:
            store = sink.store
            buffer = store.buffers.get(ident) or store.new_buffer(ident)
            rows = buffer.chunk.rows
            if context:
                rows.append((ts, code, args, tuple([function() for function in context])))
            else:
                rows.append((ts, code, args))
            if len(rows) >= store.chunk_size:
                store.seal(buffer)

        return write

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
        if marker.format is None:
            return
        store = self.store
        buffer = store.buffers.get(ident) or store.new_buffer(ident)
        if not self.overwrite:
            try:
                store.dispatch_room.pop()
            except IndexError:
                store.lost_dispatches += 1
                return
        code, tid, number = self.code(marker, marker.format), buffer.tid, next(self._numbers)
        buffer.dispatches.append(
            (begin, end - begin, code, generation, fanout, errors, tid, number)
        )
        buffer.calls.extend(
            [
                (start, stop - start, code, connection.label, position, number, error, tid)
                for start, stop, connection, position, error in calls
            ]
        )

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


def _nothing(now: int) -> None:
    """Note nothing about a marker that has no fields yet."""


class Recorder:
    """Records the events of some markers; made by `kit.record`.

    Attributes
    ----------
    patterns : tuple of str
        What it was asked to record.
    capacity : int
        How many events it keeps.
    mode : str
        ``"discard"`` or ``"overwrite"``.
    """

    def __init__(
        self,
        pattern: str | Marker | Iterable[str | Marker],
        capacity: int,
        mode: str,
        context: Iterable[str],
        dispatches: bool,
    ) -> None:
        self._handles: list[Connection | PatternConnection] = []
        if type(capacity) is not int or capacity < 1:
            raise ValueError(f"capacity is how many events to keep, at least 1; got {capacity!r}")
        if mode not in MODES:
            raise ValueError(f"mode is 'discard' or 'overwrite', got {mode!r}")
        targets = [pattern] if isinstance(pattern, str | Marker) else list(pattern)
        self.patterns = tuple(t.name if isinstance(t, Marker) else t for t in targets)
        if not self.patterns:
            raise ValueError("there is nothing to record: give a marker's name or a pattern")
        self.capacity = capacity
        self.mode = mode
        self._sink = _Sink(
            capacity, overwrite=mode == "overwrite", context=context, observe=dispatches
        )
        self._wall = wall_offset()
        self._started = time.monotonic_ns()
        self._stopped: int | None = self._started
        _recorders.add(self)

    # Start and stop.

    @property
    def running(self) -> bool:
        """Whether it is recording."""
        return bool(self._handles)

    @property
    def handles(self) -> tuple[Connection | PatternConnection, ...]:
        """The connections through which it records."""
        return tuple(self._handles)

    @property
    def probe(self) -> NativeProbe:
        """The probe through which it records, for connecting it to single markers by hand."""
        return self._sink

    def start(self) -> None:
        """Record; once more does nothing."""
        if self._handles:
            return
        handles: list[Connection | PatternConnection] = []
        with batch():
            for pattern in self.patterns:
                handles.append(connect(pattern, self._sink, error_limit=None))  # noqa: PERF401 - as far as it came
        self._handles = handles
        self._stopped = None

    def stop(self) -> None:
        """Stop recording and wait for events that are being recorded; once more does nothing.

        Inside a dispatch it does not wait.
        """
        handles, self._handles = self._handles, []
        if not handles:
            return
        with batch():
            for handle in handles:
                try:
                    handle.disconnect()
                except NotConnectedError:
                    pass  # somebody disconnected it by name
        self._stopped = time.monotonic_ns()
        if not grace.inside() and get_ident() not in grace.in_hook:
            try:
                grace.synchronize(timeout=_LONGEST_WAIT)
            except TimeoutError:
                pass  # a probe elsewhere takes its time; what it still records will be there

    def clear(self) -> None:
        """Forget what was recorded, and the counts of what was lost."""
        self._sink.clear()
        if self._stopped is None:
            self._started = time.monotonic_ns()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __del__(self) -> None:
        if getattr(self, "_handles", None):
            warnings.warn(
                f"{self!r} was abandoned while it was running; stop it, or use a with block",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
            with batch():
                for handle in self._handles:
                    try:
                        handle.disconnect()
                    except NotConnectedError:
                        pass

    # Counts.

    def __len__(self) -> int:
        return len(self._sink.store)

    def __bool__(self) -> bool:
        return True  # an empty recorder is still a recorder

    @property
    def lost(self) -> int:
        """How many events found no room."""
        return self._sink.store.lost()

    @property
    def overwritten(self) -> int:
        """How many events gave way to newer ones."""
        return sum(self._sink.store.overwritten().values())

    @property
    def lost_dispatches(self) -> int:
        """How many dispatches found no room among those observed."""
        return self._sink.store.lost_dispatches

    # Reading.

    def snapshot(self) -> Capture:
        """Return what is recorded now, frozen; recording goes on.

        Returns
        -------
        Capture
        """
        store = self._sink.store
        return self._capture(store, store.copy())

    def newest(self, count: int) -> Capture:
        """Return the newest events of each thread, frozen; recording goes on.

        Unlike `snapshot` it takes no longer the more is recorded, so it can be called often.

        Parameters
        ----------
        count : int
            How many events at most, for each thread.

        Returns
        -------
        Capture
            What was observed of dispatches is in it whole.

        Examples
        --------
        >>> import kit
        >>> tick = kit.marker("recorded.tick", n=int)
        >>> with kit.record("recorded.tick") as events:
        ...     for n in range(10):
        ...         tick(n)
        >>> events.newest(2).frame()["n"].tolist()
        [8, 9]
        """
        store = self._sink.store
        return self._capture(store, store.newest(count))

    def drain(self) -> pd.DataFrame:
        """Take away what is recorded now, as a frame; each event is drained once.

        Returns
        -------
        pandas.DataFrame
            As from `frame`.
        """
        from kit import frames

        store = self._sink.store
        return frames.events(self._capture(store, store.take()))

    def frame(self, name: str | None = None) -> pd.DataFrame:
        """Return the events as a frame, sorted by time.

        Parameters
        ----------
        name : str, optional
            One marker, with its own fields as columns; without, all markers.

        Returns
        -------
        pandas.DataFrame
            Lost and overwritten counts are in its ``attrs``.
        """
        from kit import frames

        return frames.events(self.snapshot(), name)

    def dispatches(self) -> pd.DataFrame:
        """Return the dispatches as a frame; empty unless they were asked for."""
        from kit import frames

        return frames.dispatches(self.snapshot())

    def probe_calls(self) -> pd.DataFrame:
        """Return the calls of each probe in each dispatch as a frame."""
        from kit import frames

        return frames.probe_calls(self.snapshot())

    def publications(self) -> pd.DataFrame:
        """Return the publications of the markers' arrays as a frame."""
        from kit import frames

        return frames.publications(self.snapshot())

    def _capture(self, store: Store, pieces: list[Any]) -> Capture:
        sink = self._sink
        buffers = store.every.copy()
        dispatches: list[Row] = [row for b in buffers for row in b.dispatches.copy()]
        calls: list[Row] = [row for b in buffers for row in b.calls.copy()]
        publications: list[Row] = [tuple(row) for row in store.publications.copy()]
        # After the rows: every code in them is described.
        recorded = sink.recorded.copy()
        names = [marker.name for marker, _ in recorded]
        return Capture(
            markers=tuple(MarkerInfo.of(marker, fields) for marker, fields in recorded),
            threads=store.threads(pieces, names),
            dispatches=dispatches,
            probe_calls=calls,
            publications=publications,
            context=sink.context,
            capacity=self.capacity,
            mode=self.mode,
            started=self._started,
            stopped=self._stopped,
            wall=self._wall,
        )

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped"
        lost = f", {self.lost:,} lost" if self.lost else ""
        gone = f", {self.overwritten:,} overwritten" if self.overwritten else ""
        return (
            f"<Recorder of {', '.join(self.patterns)}: {state}, "
            f"{len(self):,} of {self.capacity:,} events{lost}{gone}>"
        )


_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _after_fork() -> None:
    # What was recorded is the parent's.
    for recorder in list(_recorders):
        recorder._sink.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
