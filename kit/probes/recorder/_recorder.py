"""The recorder: a probe that keeps what it is called with."""

from __future__ import annotations

import os
import sys
import time
import weakref
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kit.core import Connection, Marker, PatternConnection, batch, connect
from kit.core._publication import grace
from kit.core._publication.fork import RECORDINGS, import_room, reset_in_child
from kit.core._publication.grace import inside
from kit.core._registry import registry
from kit.core._reporting import report, warn
from kit.core._runtime import stays
from kit.errors import MisfitWarning, NotConnectedError, WouldDeadlockError
from kit.probes._context import context_functions, context_letters
from kit.probes._files import absolute
from kit.probes._html_table import facts
from kit.probes._values import fields_text, whole
from kit.probes.captures import _sealing as sealing
from kit.probes.captures._capture import Capture, MarkerInfo, Row, missing_text, wall_offset
from kit.probes.captures._leftovers import remove_dead
from kit.probes.recorder._sink import Sink, new_sink
from kit.probes.recorder._stop_windows import Cuts
from kit.probes.recorder._stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import pandas as pd

    from kit.core.typing import NativeProbe
    from kit.probes.captures._file import CaptureFile
    from kit.probes.recorder._store import Found, Store

__all__ = ["MODES", "Recorder", "record"]

MODES: Final = ("discard", "overwrite")
_LONGEST_WAIT: Final = 1.0
_INTERRUPTED: Final = (
    "rotate() in the middle of an update or of a recorder's write, which a signal handler or "
    "__del__ has interrupted on this thread, could wait for that; rotate later, or on a thread"
)


def record(
    pattern: str | Marker | Iterable[str | Marker] = "*",
    capacity: int = 1_000_000,
    mode: str = "discard",
    context: Iterable[str] = (),
    dispatches: bool = False,
    path: str | os.PathLike[str] | None = None,
    size: int | None = None,
    durable: bool = False,
    **admission: Any,
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
        are counted. ``"overwrite"``, a flight recorder: each thread's newest events without a
        gap, together ``capacity`` of them, give or take a sub-buffer a thread. A sub-buffer is
        1,024 events, or a sixteenth of the capacity where that is less.
    context : iterable of str
        What to record besides: ``"thread"``, ``"process"``, ``"task"``, ``"cpu"``, ``"function"``
        and ``"line"`` of the site, ``"memory"`` (bytes in use), and what `kit.context` registered.
    dispatches : bool
        Also record every dispatch, the time of each probe in it, and every publication with its
        grace period. Costs something at each dispatch.
    path : path, optional
        Keep the events in this file, which is made here and mapped into memory: `kit.open` reads it
        while the program runs, after it, and after the program was killed. Not with ``dispatches``.
    size : int, optional
        How many bytes of the file are for events; by default 128 for each. Events that need more
        may fill it before there are ``capacity`` of them, and so may many threads: each takes a
        piece of 4 to 64 KiB at a time (64 of these are there besides).
    durable : bool
        Also have the disk hold what is in the file: a second or so after a piece of it is full, and
        before `Recorder.rotate` and `Recorder.stop` return. Without, the system writes it when it
        likes, and a machine that loses its power may lose it.
    **admission
        Which events are recorded: ``when``, ``every``, ``limit``, ``per_second``, ``budget``, as
        in `Marker.connect`. The others are counted, see `Recorder.filtered`.

    Returns
    -------
    Recorder
        Running. A ``with`` block stops it at its end; its frames stay readable.

    Raises
    ------
    ValueError
        For a capacity below 1, an unknown mode or context field.
    FileExistsError
        When there is a file of that name.
    OSError
        When the file cannot be made, or the disk has no room for all of it.

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
    recorder = Recorder(
        pattern, capacity, mode, context, dispatches, admission, path, size, durable=durable
    )
    try:
        recorder.start()
    except BaseException:
        recorder._remove_file()
        raise
    return recorder


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
        admission: dict[str, Any] | None = None,
        path: str | os.PathLike[str] | None = None,
        size: int | None = None,
        mapped: bool = False,
        durable: bool = False,
    ) -> None:
        # What connects it, in one piece, while it runs: one operation takes it, whoever stops it.
        self._running: list[tuple[Connection | PatternConnection, ...]] = []
        # Those of earlier starts, too, which have counted what they kept back.
        self._all_handles: list[Connection | PatternConnection] = []
        self._admission = admission or {}
        if mode not in MODES:
            raise ValueError(f"mode is 'discard' or 'overwrite', got {mode!r}")
        targets = [pattern] if isinstance(pattern, str | Marker) else list(pattern)
        self.patterns = tuple(t.name if isinstance(t, Marker) else t for t in targets)
        if not self.patterns:
            raise ValueError("there is nothing to record: give a marker's name or a pattern")
        self.capacity = whole(capacity)
        self.mode = mode
        self._wall = wall_offset()
        context = (context,) if isinstance(context, str) else tuple(context)
        if path is not None and dispatches:
            raise ValueError(
                "dispatches are not kept in a file; record without path= or dispatches="
            )
        if path is not None:
            path = absolute(path)
            remove_dead(path.parent)
        # With `mapped` alone it is memory, until `rotate` names a file.
        in_file = mapped or path is not None
        if durable and not in_file:
            raise ValueError("durable=True is about a file; record with path=")
        file = self._new_file(path, size, context, durable) if in_file else None
        self._finished: CaptureFile | None = None
        try:
            self._sink = new_sink(
                self.capacity, context, dispatches, overwrite=mode == "overwrite", file=file
            )
        except BaseException:
            if file is not None:
                file.remove()
            raise
        self._started = time.monotonic_ns()
        self._stopped: int | None = self._started
        self._cuts = Cuts()
        self._told: set[tuple[str, str]] = set()
        if self._file is not None:
            self._file.started(self._started, {})
            sealing.watch(self._sink)
        _recorders.add(self)

    def _new_file(
        self,
        path: str | os.PathLike[str] | None,
        size: int | None,
        context: tuple[str, ...],
        durable: bool,
    ) -> CaptureFile:
        import_room("kit.probes.captures._file")
        from kit.probes.captures._file import CaptureFile
        from kit.probes.captures._layout import plan

        chosen, _ = context_functions(context)
        size = None if size is None else whole(size, "size")
        return CaptureFile(
            path,
            plan(self.capacity, size, overwrite=self.mode == "overwrite"),
            self.capacity,
            self.mode,
            context_letters(chosen),
            self._wall,
            durable,
        )

    # Start and stop.

    @property
    def running(self) -> bool:
        """Whether it is recording."""
        return bool(self._running)

    @property
    def _file(self) -> CaptureFile | None:
        return self._sink.file

    @property
    def path(self) -> Path | None:
        """The file that it writes; None for memory alone, and in the child of a fork."""
        return None if self._file is None else self._file.path

    @property
    def filling(self) -> bool:
        """Whether half of its file is full, where that matters."""
        file = self._file
        if file is None or self.mode != "discard":
            return False
        few = self._sink.cells_free() * 2 < file.layout.cells
        return few or len(self._sink.store) * 2 >= self.capacity

    def rotate(self, path: str | os.PathLike[str] | None) -> int:
        """Go on in another file, in one step: each event is in one of the two.

        Parameters
        ----------
        path : path or None
            The next file; as large as this one. None for memory alone, where no file is to follow.

        Returns
        -------
        int
            How many events are in the file that is finished now. It takes no more room than it
            needs from here on.

        Raises
        ------
        ValueError
            When the recorder has no file.
        FileExistsError
            When there is a file of that name.
        OSError
            When the file cannot be made, or the disk has no room for it; recording goes on in the
            old one.
        WouldDeadlockError
            In a signal handler, ``__del__`` or callback of the garbage collector that interrupts an
            update, or the recorder in the middle of an event; recording goes on in the old one.

        Examples
        --------
        >>> import kit, tempfile
        >>> tick = kit.marker("recorded.rotated", n=int)
        >>> folder = tempfile.TemporaryDirectory()
        >>> with kit.record("recorded.rotated", path=folder.name + "/1.kit") as events:
        ...     tick(1)
        ...     finished = events.rotate(folder.name + "/2.kit")
        ...     tick(2)
        >>> finished, kit.open(folder.name + "/2.kit").frame()["n"].tolist()
        (1, [2])
        >>> folder.cleanup()
        """
        now_in = self._file
        if now_in is None:
            raise ValueError("this recorder has no file to go on from; record with path=")
        if registry.updater.interrupted:
            raise WouldDeadlockError(_INTERRUPTED)
        # All that takes its time comes before the lock: room on the disk, and what is known to be
        # declared. What is connected meanwhile is declared with the lock held.
        pid = os.getpid()
        new = now_in.next(path)
        finished: list[tuple[CaptureFile, int, int]] = []
        try:
            go_on = self._sink.rotation(new)
            new.declare(self._sink.recorded)
            update = partial(self._rotate_locked, new, go_on, finished)
            if not registry.updater.exclusively(update):
                raise WouldDeadlockError(_INTERRUPTED)
        except BaseException:
            if self._file is not new:
                new.remove()
            raise
        old, events, cells = finished[0]
        if os.getpid() != pid:  # an interruption has forked: both files are the parent's
            self._detach()
            return events
        cuts = self._cuts
        old.tell()
        try:
            old.finish(cells)
        except Exception as error:  # noqa: BLE001 - it goes on in the new one, whatever this is
            report(f"{old.path} could not be finished", error)
        self._finished = old
        if self._cuts is not cuts:  # a trigger has stopped it meanwhile, and did not find the old
            registry.updater.make_or_queue(lambda: old.correct(self._summary()))
        sealing.watch(self._sink)
        return events

    def _rotate_locked(
        self,
        new: CaptureFile,
        go_on: Callable[[], tuple[int, int]],
        finished: list[tuple[CaptureFile, int, int]],
    ) -> None:
        """Go on in another file; add the one before, and how much of it is in use.

        The registry's lock is held: nobody declares anything in either file, starts, stops or
        rotates meanwhile.
        """
        old = self._file
        if old is None:  # an interruption has forked
            raise ValueError("this recorder has no file to go on from; record with path=")
        now = time.monotonic_ns()
        new.declare(self._sink.recorded)
        new.started(now, {})
        events, cells = go_on()
        finished.append((old, events, cells))
        self._sink.tell_undeclared()
        try:
            summary = self._summary()
            if self._stopped is None:
                old.stopped(now, summary)
            else:
                old.stopped(self._stopped, summary)
                new.stopped(self._stopped, summary)
        except Exception as error:  # noqa: BLE001 - it goes on in the new one, whatever this is
            report(f"{old.path} could not be finished", error)

    @property
    def handles(self) -> tuple[Connection | PatternConnection, ...]:
        """The connections through which it records."""
        return next(iter(self._running), ())

    @property
    def probe(self) -> NativeProbe:
        """The probe through which it records, for connecting it to single markers by hand."""
        return self._sink

    @property
    def sink(self) -> Sink:
        """The same, as what it is: it knows what it has counted, marker by marker."""
        return self._sink

    def start(self) -> None:
        """Record; once more does nothing."""
        if self._running:
            return
        self._cuts = self._cuts.started(time.monotonic_ns())
        self._sink.resume()
        handles: list[Connection | PatternConnection] = []
        with batch():
            for pattern in self.patterns:
                handles.append(  # noqa: PERF401 - as far as it came
                    connect(pattern, self._sink, error_limit=None, **self._admission)
                )
        self._running = [tuple(handles)]
        if self._admission:
            self._all_handles += handles
        self._stopped = None
        self._note()
        sealing.watch(self._sink)

    def stop(self, *, at: int | None = None) -> None:
        """Stop recording and wait for events that are being recorded; once more does nothing.

        Inside a dispatch it does not wait.

        Parameters
        ----------
        at : int, optional
            Leave out what is completed after this moment, in nanoseconds on the monotonic clock: a
            trigger passes that of its event, which is then the last one.

        Warns
        -----
        MisfitWarning
            Once for each field with values that did not fit it, when all is done.
        """
        self.end(at=at)
        self.tell()

    def end(self, *, at: int | None = None) -> None:
        """Do what `stop` does, and warn of nothing.

        Parameters
        ----------
        at : int, optional
            As for `stop`.
        """
        try:
            handles = self._running.pop()
        except IndexError:
            self._close()  # where it was stopped inside of a dispatch
            return
        if at is not None:
            self._cuts = self._cuts.stopped(at)
        with batch():
            for handle in handles:
                try:
                    handle.disconnect()
                except NotConnectedError:
                    pass  # somebody disconnected it by name
        self._stopped = time.monotonic_ns() if at is None else at
        over = self._waited()
        if self._file is not None:
            self._file.tell()
        self._note(correct=at is not None)
        if over:
            sealing.close(self._sink)

    def lose_late(self) -> None:
        """Lose, and count, what a dispatch still brings after `stop`, until `start`.

        For whoever goes on without it: it has a file, and what comes after the last one would be
        nowhere.
        """
        self._sink.lose_late()

    def _waited(self) -> bool:
        """Wait for events that are being recorded; whether that could be done."""
        try:
            grace.synchronize(timeout=_LONGEST_WAIT)
            if self._sink.observer is not None:
                # The grace periods of what it saw published are noted on another thread.
                grace.barrier(timeout=_LONGEST_WAIT)
        except (TimeoutError, WouldDeadlockError):
            # A probe elsewhere takes its time, or this is one: what is still being recorded will
            # be there when it is done, and its file is closed later.
            return False
        return True

    def _close(self) -> None:
        """Close the file, where it was stopped and could not be closed then."""
        file = self._file
        if file is not None and file.is_stopped and not file.is_closed and self._waited():
            sealing.close(self._sink)

    def _note(self, *, correct: bool = False) -> None:
        """Have the file say whether it runs, and what the recorder alone has counted.

        It is an update, as what declares in the file is: one at a time.
        """
        if self._file is not None:
            registry.updater.make_or_queue(partial(self._note_locked, correct))

    def _note_locked(self, correct: bool) -> None:
        file, stopped = self._file, self._stopped  # of now: it may have been started again
        if file is None:
            return
        if stopped is None:
            file.running(self._summary())
            return
        file.stopped(stopped, self._summary())
        if correct and self._finished is not None:
            self._finished.correct(self._summary())  # it may have gone on a little too long

    def _remove_file(self) -> None:
        """Leave nothing behind where nothing could be started."""
        if self._file is not None:
            self._file.remove()

    @property
    def identity(self) -> tuple[int, int] | None:
        """Device and number of its file, whatever its name is by now."""
        return None if self._file is None else self._file.identity

    def abandon_file(self) -> None:
        """Go back to memory alone, and remove the file; for one that has not been started."""
        self._remove_file()
        self.rotate(None)

    def _summary(self) -> dict[str, Any]:
        """Return what the file does not say by itself."""
        recorded = [marker for marker, _ in self._sink.recorded]
        return {
            "markers": [(each.fanout, each.generation, each.fired) for each in recorded],
            "skipped": self._sink.skipped(),
            "failed": self._sink.failed(),
            "filtered": self.filtered,
            "windows": self._cuts.windows,
        }

    def cut(self, at: int) -> None:
        """Leave out what is completed after a moment, until `resume`; cut already, do nothing.

        For a recorder whose `probe` was connected by hand; `stop` does this by itself.

        Parameters
        ----------
        at : int
            Nanoseconds on the monotonic clock.
        """
        if not self._cuts.open:
            self._cuts = self._cuts.stopped(at)

    def resume(self) -> None:
        """Leave out nothing that is completed from now on."""
        self._cuts = self._cuts.started(time.monotonic_ns())

    def clear(self) -> None:
        """Forget what was recorded, and the counts of what was lost."""
        if self._file is None:
            self._forget()
        elif not registry.updater.exclusively(self._clear_locked):
            # An interruption finds it empty at once; what the file says of it comes after that.
            self._forget()
            registry.updater.make_or_queue(self._note_started)

    def _forget(self) -> None:
        self._sink.clear()
        if self._stopped is None:
            self._started = time.monotonic_ns()
            self._cuts = Cuts()

    def _clear_locked(self) -> None:
        self._forget()
        self._note_started()

    def _note_started(self) -> None:
        if self._file is not None:
            self._file.started(self._started, self._summary())

    def _detach(self) -> None:
        """Go on without the file and what was recorded, which are those of another process."""
        self._finished = None
        if self._file is not None:
            self._sink.detach()
        self._forget()

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
        running = getattr(self, "_running", None)
        if not running or sys.is_finalizing():
            return  # at the interpreter's end there is nothing left to disconnect from
        message = f"{self!r} was abandoned while it was running; stop it, or use a with block"
        with batch():
            for handle in running.pop():
                try:
                    handle.disconnect()
                except NotConnectedError:
                    pass
        # Last: where warnings are errors, this raises.
        warn(message, ResourceWarning, source=self)

    # Counts.

    def __len__(self) -> int:
        return len(self.frozen()) if self._cuts else len(self._sink.store)

    def __bool__(self) -> bool:
        return True  # an empty recorder is still a recorder

    @property
    def lost(self) -> int:
        """How many events found no room, or were in a file that somebody cut off."""
        if self._file is not None:
            self._file.tell()
        return self._sink.store.lost() + self._sink.undeclared.n

    @property
    def overwritten(self) -> int:
        """How many events gave way to newer ones."""
        return self._sink.store.overwritten()

    @property
    def lost_dispatches(self) -> int:
        """How many dispatches found no room among those observed, or gave way to newer ones."""
        return self._sink.store.lost_dispatches()

    @property
    def skipped(self) -> int:
        """How many events arose while it was writing another on that thread, and were left out."""
        return sum(self._sink.skipped().values())

    @property
    def failed(self) -> int:
        """How many events could not be recorded, for whatever else, and were left out.

        There was no memory, a signal handler raised in the middle, strict mode refused them.
        """
        return sum(self._sink.failed().values())

    @property
    def misfits(self) -> dict[str, dict[str, int]]:
        """How many values did not fit their field, by marker and field; they are missing.

        Of all events that were recorded since it began, or was cleared: those included that were
        taken away or gave way. The marker of a context field is ``"*"``.
        """
        found: dict[str, dict[str, int]] = {}
        for each in self._sink.misfits():
            found.setdefault(each.marker, {})[each.field] = each.number
        return found

    def tell(self) -> None:
        """Warn of each field with values that did not fit it, once; not where a site fires."""
        if inside() or sys.is_finalizing():
            return  # whoever reads it later is told
        for each in self._sink.misfits():
            if (each.marker, each.field) not in self._told:
                self._told.add((each.marker, each.field))
                warn(each.message, MisfitWarning)

    @property
    def filtered(self) -> dict[str, dict[str, int]]:
        """How many events were kept back, by marker and reason."""
        found: dict[str, dict[str, int]] = {}
        for handle in self._all_handles:
            for each in (handle,) if isinstance(handle, Connection) else handle:
                counts = found.setdefault(each.marker.name, {})
                for reason, count in each.filtered_by.items():
                    counts[reason] = counts.get(reason, 0) + count
        return {name: counts for name, counts in found.items() if counts}

    # Reading.

    def snapshot(self, *, at: int | None = None) -> Capture:
        """Return what is recorded now, frozen; recording goes on.

        Parameters
        ----------
        at : int, optional
            Leave out what was completed after this moment.

        Returns
        -------
        Capture

        Warns
        -----
        MisfitWarning
            Once for each field with values that did not fit it.
        """
        self.tell()
        return self.frozen(at=at)

    def frozen(self, *, at: int | None = None) -> Capture:
        """Return what `snapshot` does, and warn of nothing.

        Parameters
        ----------
        at : int, optional
            As for `snapshot`.

        Returns
        -------
        Capture
        """
        store = self._sink.store
        cuts = self._cuts if at is None else self._cuts.stopped(at)
        return self._capture(store, store.copy(), cuts)

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
        return self._capture(store, store.copy(whole(count, "count")))

    def take(self) -> Capture:
        """Take away what is recorded now, frozen; each event is taken once.

        Returns
        -------
        Capture

        Examples
        --------
        >>> import kit
        >>> tick = kit.marker("recorded.taken", n=int)
        >>> with kit.record("recorded.taken") as events:
        ...     tick(1)
        >>> len(events.take()), len(events.take())
        (1, 0)
        """
        store = self._sink.store
        return self._capture(store, store.take())

    def drain(self) -> pd.DataFrame:
        """Take away what is recorded now, as a frame; each event is drained once.

        Returns
        -------
        pandas.DataFrame
            As from `frame`.

        Raises
        ------
        FrameError
            When two markers have a field of one name and two types; nothing is taken away then.
        """
        from kit import frames

        # What cannot be one frame is found out while it is still there.
        frames.events(self.newest(1))
        return frames.events(self.take())

    def stream(self, seconds: float = 0.5) -> Stream:
        """Follow the recording: a frame every so often, until it is stopped.

        Parameters
        ----------
        seconds : float
            How long to wait for the next frame, which may be empty.

        Returns
        -------
        Stream
            For ``for frame in ...``, or ``async for``; each event is in one frame.

        Raises
        ------
        ValueError
            For a time that is none.

        Examples
        --------
        >>> import kit
        >>> tick = kit.marker("recorded.streamed", n=int)
        >>> events = kit.record("recorded.streamed")
        >>> tick(1)
        >>> for frame in events.stream(0.01):
        ...     print(frame["n"].tolist())
        ...     events.stop()
        [1]
        []
        """
        return Stream(self, seconds)

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

        Warns
        -----
        MisfitWarning
            Once for each field with values that did not fit it.
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

    def _capture(self, store: Store, pieces: Sequence[Found], cuts: Cuts | None = None) -> Capture:
        sink = self._sink
        cuts = self._cuts if cuts is None else cuts
        dispatches, calls = store.observed()
        publications: list[Row] = [tuple(row) for row in store.publications.copy()]
        # After the rows: every code in them is described.
        recorded = sink.recorded.copy()
        names = [marker.name for marker, _ in recorded]
        formats = [fields for _, fields in recorded]
        return Capture(
            markers=tuple(MarkerInfo.of(marker, fields) for marker, fields in recorded),
            threads=tuple(
                part for piece in pieces for part in cuts.apply(piece.events(names), formats)
            ),
            dispatches=dispatches,
            probe_calls=calls,
            publications=publications,
            context=sink.context,
            skipped=sink.skipped(),
            failed=sink.failed(),
            lost_dispatches=store.lost_dispatches(),
            capacity=self.capacity,
            mode=self.mode,
            started=self._started,
            stopped=self._stopped,
            wall=self._wall,
            filtered=self.filtered,
            lost_elsewhere=store.cut() + self._sink.undeclared.n,
        )

    __reduce__ = stays("pickle its snapshot() or frame()")

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped"
        where = "" if self.path is None else f", in {os.fspath(self.path)}"
        return (
            f"<Recorder of {', '.join(self.patterns)}: {state}, "
            f"{len(self):,} of {self.capacity:,} events{self._missing()}{where}>"
        )

    def _missing(self) -> str:
        counts = (self.lost, self.overwritten, self.skipped, self.lost_dispatches, self.failed)
        return missing_text(*counts, sum(each.number for each in self._sink.misfits()))

    def _repr_html_(self) -> str:
        kept = "the first" if self.mode == "discard" else "the newest"
        rows = [
            ("records", ", ".join(self.patterns)),
            ("state", "running" if self.running else "stopped"),
            ("events", f"{len(self):,}, room for {kept} {self.capacity:,}"),
            ("missing", self._missing().removeprefix(", ") or "none"),
        ]
        misfits = self._sink.misfits()
        if misfits:
            rows.append(("did not fit", fields_text(misfits)))
        if self.filtered:
            counts = Counter[str]()
            for reasons in self.filtered.values():
                counts.update(reasons)
            kept_back = (f"{count:,} by {reason}" for reason, count in counts.items())
            rows.append(("kept back", ", ".join(kept_back)))
        if self.path is not None:
            rows.append(("file", os.fspath(self.path)))
        return facts(rows)


_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _after_fork() -> None:
    # What was recorded is the parent's.
    for recorder in list(_recorders):
        recorder._detach()


reset_in_child(RECORDINGS, _after_fork)
