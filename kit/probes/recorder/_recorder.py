"""The recorder: a probe that keeps what it is called with."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from kit.core import batch, connect
from kit.core._publication.grace import inside
from kit.core._reporting import warn
from kit.core._runtime import stays
from kit.errors import MisfitWarning
from kit.probes._files import absolute
from kit.probes._handles import disconnect, filtered, patterns
from kit.probes._values import whole
from kit.probes.captures import _sealing as sealing
from kit.probes.captures._capture import Capture, frames, wall_offset
from kit.probes.captures._leftovers import remove_dead
from kit.probes.recorder._forget import clear, forget_in_child
from kit.probes.recorder._recorder_file import close, new_file, new_sink, note, waited
from kit.probes.recorder._repr import html, text
from kit.probes.recorder._rotate import rotate
from kit.probes.recorder._snapshot import capture
from kit.probes.recorder._stop_windows import StopWindows
from kit.probes.recorder._stream import Stream

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import pandas as pd

    from kit.core import Marker
    from kit.core.typing import TimedProbe
    from kit.probes._handles import Handle
    from kit.probes.captures._file import CaptureFile
    from kit.probes.recorder._store import Found, Store

__all__ = ["MODES", "Recorder"]

MODES: Final = ("discard", "overwrite")
_PUBLIC_BEFORE: Final = (
    *("abandon_file", "cut", "end", "filling", "frozen", "identity", "lose_late", "newest"),
    *("resume", "sink", "tell"),
)


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
        filtering: dict[str, Any] | None = None,
        path: str | os.PathLike[str] | None = None,
        size: int | None = None,
        mapped: bool = False,
        durable: bool = False,
    ) -> None:
        # What connects it, in one piece, while it runs: one operation takes it, whoever stops it.
        self._running: list[tuple[Handle, ...]] = []
        # Those of earlier starts, too, which have counted what they kept back.
        self._all_handles: list[Handle] = []
        self._filtering = filtering or {}
        if mode not in MODES:
            raise ValueError(f"mode is 'discard' or 'overwrite', got {mode!r}")
        self.patterns = patterns(pattern, "record")
        self.capacity = whole(capacity, "capacity")
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
            raise ValueError("durable=True needs a file; record with path=")
        file = new_file(self, path, size, context, durable) if in_file else None
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
        self._windows = StopWindows()
        self._told: set[tuple[str, str]] = set()
        if self._file is not None:
            self._file.started(self._started, {})
            sealing.watch(self._sink)
        forget_in_child(self)

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
    def _filling(self) -> bool:
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
        return rotate(self, path)

    @property
    def handles(self) -> tuple[Handle, ...]:
        """The connections through which it records."""
        return next(iter(self._running), ())

    @property
    def probe(self) -> TimedProbe:
        """The probe through which it records, for connecting it to single markers by hand."""
        return self._sink

    def start(self) -> None:
        """Record; once more does nothing."""
        if self._running:
            return
        self._windows = self._windows.started(time.monotonic_ns())
        self._sink.resume()
        options: dict[str, Any] = {"error_limit": None, **self._filtering}
        with batch():
            handles = tuple([connect(each, self._sink, **options) for each in self.patterns])
        self._running = [handles]
        if self._filtering:
            self._all_handles += handles
        self._stopped = None
        note(self)
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
        self._end(at=at)
        self._tell()

    def _end(self, *, at: int | None = None) -> None:
        """Do what `stop` does, and warn of nothing."""
        self._wind_up(self._disconnect(at), at)

    def _disconnect(self, at: int | None) -> bool:
        """Begin to stop: disconnect it, which may be part of a batch.

        Returns
        -------
        bool
            Whether it was running.
        """
        try:
            handles = self._running.pop()
        except IndexError:
            return False
        if at is not None:
            self._windows = self._windows.stopped(at)
        disconnect(handles)
        return True

    def _wind_up(self, was_running: bool, at: int | None) -> None:
        """Stop, once that it is disconnected has been published."""
        if not was_running:
            close(self)  # where it was stopped inside of a dispatch
            return
        self._stopped = time.monotonic_ns() if at is None else at
        over = waited(self)
        if self._file is not None:
            self._file.tell()
        note(self, correct=at is not None)
        if over:
            sealing.close(self._sink)

    def _lose_late(self) -> None:
        """Lose, and count, what a dispatch still brings after `stop`, until `start`.

        For whoever goes on without it: it has a file, and what comes after the last one would be
        nowhere.
        """
        self._sink.lose_late()

    def _remove_file(self) -> None:
        """Leave nothing behind where nothing could be started."""
        if self._file is not None:
            self._file.remove()

    @property
    def _identity(self) -> tuple[int, int] | None:
        """Device and number of its file, whatever its name is by now."""
        return None if self._file is None else self._file.identity

    def _abandon_file(self) -> None:
        """Go back to memory alone, and remove the file; for one that has not been started."""
        self._remove_file()
        self.rotate(None)

    def _cut(self, at: int) -> None:
        """Leave out what is completed after a moment, until `_resume`; cut already, do nothing.

        For a recorder whose `probe` was connected by hand; `stop` does this by itself.
        """
        if not self._windows.open:
            self._windows = self._windows.stopped(at)

    def _resume(self) -> None:
        """Leave out nothing that is completed from now on."""
        self._windows = self._windows.started(time.monotonic_ns())

    def clear(self) -> None:
        """Forget what was recorded, and the counts of what was lost."""
        clear(self)

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
        disconnect(running.pop())
        # Last: where warnings are errors, this raises.
        warn(message, ResourceWarning, source=self)

    # Counts.

    def __len__(self) -> int:
        return len(self._frozen()) if self._windows else len(self._sink.store)

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

    def _tell(self) -> None:
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
        return filtered(self._all_handles)

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
        self._tell()
        return self._frozen(at=at)

    def _frozen(self, *, at: int | None = None) -> Capture:
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
        windows = self._windows if at is None else self._windows.stopped(at)
        return self._capture(store, store.copy(), windows)

    def _newest(self, count: int) -> Capture:
        """Return at most so many of each thread's newest events, frozen; recording goes on.

        Unlike `snapshot` it takes no longer the more is recorded, so it can be called often. What
        was observed of dispatches is in it whole.
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
        # What cannot be one frame is found out while it is still there.
        self._newest(1).frame()
        return self.take().frame()

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
            When the time is not above 0 and at most a day.

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
        return self.snapshot().frame(name)

    def summary(self) -> pd.DataFrame:
        """Return a row a marker: how many events, how often, how long; a notebook shows it, too.

        Returns
        -------
        pandas.DataFrame
            As from `kit.analysis.summary`, of all events, whatever their fields are.

        Examples
        --------
        >>> import kit
        >>> query = kit.span("recorded.summed")
        >>> with kit.record("recorded.summed") as events:
        ...     with query():
        ...         pass
        >>> events.summary()[["marker", "count", "of"]].values.tolist()
        [['recorded.summed', 1, 'duration']]
        """
        frame: pd.DataFrame = frames("_build").timings(self.snapshot()).kit.summary()
        return frame

    def dispatches(self) -> pd.DataFrame:
        """Return the dispatches as a frame; empty unless they were asked for."""
        return self.snapshot().observed("dispatches")

    def probe_calls(self) -> pd.DataFrame:
        """Return the calls of each probe in each dispatch as a frame."""
        return self.snapshot().observed("probe_calls")

    def publications(self) -> pd.DataFrame:
        """Return the publications of the markers' arrays as a frame."""
        return self.snapshot().observed("publications")

    def _capture(
        self, store: Store, pieces: Sequence[Found], windows: StopWindows | None = None
    ) -> Capture:
        return capture(self, store, pieces, self._windows if windows is None else windows)

    if not TYPE_CHECKING:  # else each name that is misspelt would be something to a type checker

        def __getattr__(self, name: str) -> object:
            """Find what was public before; these spellings go on working until 1.0."""
            if name in _PUBLIC_BEFORE:
                return getattr(self, f"_{name}")
            raise AttributeError(f"a Recorder has no attribute {name!r}", name=name, obj=self)

    __reduce__ = stays("pickle its snapshot() or frame()")

    def __repr__(self) -> str:
        return text(self)

    def _repr_html_(self) -> str:
        return html(self)
