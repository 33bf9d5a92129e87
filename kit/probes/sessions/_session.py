"""Sessions: recorders, aggregates and triggers that start, stop and are saved together.

A session has a folder. Each recorder writes a file there, mapped into memory: an event is in it
once its call has returned, also when the process is killed. Every so often, and when that file is
half full, a thread of the session's own makes the next one and has the recorder go on there, in one
step: each event is in one file. ``manifest.json`` says what the session is and how far it has come;
it is replaced whole, after the files that it names were made; without it there is no session.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from kit.core import batch
from kit.core._connection import check_options
from kit.core._publication import grace
from kit.core._publication.locks import OUTER, new_lock
from kit.core._reporting import report
from kit.core._runtime import stays
from kit.errors import WouldDeadlockError
from kit.probes._files import (
    FORMAT,
    VERSION,
    absolute,
    identity,
    make_folder,
    process,
    remove,
    write_json,
)
from kit.probes._text import html_table, several
from kit.probes._trigger import LAST, Trigger
from kit.probes._validation import NAME
from kit.probes.aggregates._aggregate import QUANTILES, Aggregate
from kit.probes.captures._capture import frames
from kit.probes.captures._leftovers import remove_dead
from kit.probes.recorder._recorder import Recorder
from kit.probes.sessions._rotation import RotatingFiles

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Unpack

    from kit.core import Marker
    from kit.core.typing import FilterOptions, SamplingOptions
    from kit.probes._files import Identity

__all__ = ["Session"]

M = TypeVar("M", Recorder, "Aggregate", Trigger)

_GLANCE: Final = 0.05
_SAVED_EVERY: Final = 5.0
_LONGEST_WAIT: Final = 60.0
_LONGEST_GRACE: Final = 1.0


class Session:
    """Recorders, aggregates and triggers that belong together; made by `kit.session`.

    Attributes
    ----------
    folder : pathlib.Path
        Where it is saved; absolute.
    recorders, aggregates, triggers : dict
        By name.
    last_error : str or None
        With what writing failed the last time. It is tried again; until then a recorder stays in
        its file, and counts what it loses when that is full. Where no thread can be had for it, all
        is written by whoever calls `stop` or `join`.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: float,
        max_seconds: float | None,
        max_bytes: int | None,
        full: str,
    ) -> None:
        limits = {"every": every, "max_seconds": max_seconds, "max_bytes": max_bytes}
        for name, value in limits.items():
            if value is not None and (type(value) not in (int, float) or not 0 < value < 1e18):
                raise ValueError(f"{name} is a number above 0 and below 10 ** 18, got {value!r}")
        if full not in ("stop", "oldest"):
            raise ValueError(f"full is 'stop' or 'oldest', got {full!r}")
        self.folder = absolute(folder)
        if os.path.lexists(self.folder / "manifest.json"):
            raise FileExistsError(
                f"{os.fspath(folder)!r} holds a session; choose another folder, or remove it"
            )
        self.every = every
        self.max_seconds = max_seconds
        self.max_bytes = max_bytes
        self.full = full
        self.recorders: dict[str, Recorder] = {}
        self.aggregates: dict[str, Aggregate] = {}
        self.triggers: dict[str, Trigger] = {}
        self.last_error: str | None = None
        self._events = RotatingFiles(self.folder)
        # Held while the manifest is made and put in its place: no older one replaces a newer one.
        self._describing = new_lock(OUTER + 30, "a session's manifest")
        self._manifest: Identity | None = None
        self._thread: threading.Thread | None = None
        self._all_written = threading.Event()
        self._stops: list[None] = [None]
        self._ends: list[None] = [None]
        self._beginning = threading.Lock()
        self._started: float | None = None
        self._stopped: float | None = None
        self._end: float | None = None
        self._pid = os.getpid()

    # Members.

    def record(
        self,
        pattern: str | Marker | Iterable[str | Marker] = "*",
        name: str = "events",
        *,
        capacity: int = 1_000_000,
        mode: str = "discard",
        context: Iterable[str] = (),
        dispatches: bool = False,
        size: int | None = None,
        durable: bool = False,
        **filters: Unpack[FilterOptions],
    ) -> Recorder:
        """Add a recorder; its options are those of `kit.record`.

        Parameters
        ----------
        pattern : str or Marker or iterable of them
        name : str
            Its name in the session, and of its files.
        capacity, mode, context, dispatches, size, durable, **filters
            As for `kit.record`.

        Returns
        -------
        Recorder
            Running if the session is.
        """
        self._refuse_name(name)
        if "path" in filters:
            raise ValueError("a session's recorders have files in its folder; leave path= out")
        check_options(Session.record, filters)
        recorder = Recorder(
            pattern,
            capacity,
            mode,
            context,
            dispatches,
            dict(filters),
            size=size,
            durable=durable,
            mapped=True,
        )
        return self._added(self.recorders, name, recorder)

    def aggregate(
        self,
        pattern: str | Marker | Iterable[str | Marker],
        value: str | None = None,
        by: str | Iterable[str] = (),
        *,
        histogram: str | tuple[float, float, float] | None = None,
        quantiles: float | Iterable[float] = QUANTILES,
        error: float = 0.01,
        capacity: int = 10_000,
        name: str = "aggregate",
        **filters: Unpack[FilterOptions],
    ) -> Aggregate:
        """Add an aggregate; its arguments are those of `kit.aggregate`."""
        self._refuse_name(name)
        new = Aggregate(pattern, value, by, histogram, quantiles, error, capacity, **filters)
        return self._added(self.aggregates, name, new)

    def trigger(
        self,
        pattern: str | Marker,
        action: Any,
        when: str | None = None,
        once: bool = False,
        *,
        name: str = "trigger",
        priority: int = LAST,
        **filters: Unpack[SamplingOptions],
    ) -> Trigger:
        """Add a trigger; its arguments are those of `kit.trigger`.

        ``session.stop`` is an action, too.
        """
        self._refuse_name(name)
        check_options(Session.trigger, filters)
        options = {"priority": priority, "when": when, **filters}
        return self._added(self.triggers, name, Trigger(pattern, action, once, name, options))

    def _refuse_name(self, name: str) -> None:
        if not NAME.fits(name):
            raise ValueError(f"a name is made of letters, digits and any of _ . -, got {name!r}")
        if any(name in members for members in (self.recorders, self.aggregates, self.triggers)):
            raise ValueError(f"there is a {name!r} in this session; give another name=")
        if self._stopped is not None:
            raise RuntimeError("this session is over; make another one")

    def _added(self, members: dict[str, M], name: str, member: M) -> M:
        if not self.running:
            members[name] = member
            return member
        if os.getpid() != self._pid:
            raise RuntimeError("this session belongs to another process; make a new one")
        members[name] = member
        try:
            if isinstance(member, Recorder):
                self._events.begin(name, member)
            # Before its first event: a file that no manifest names would not be looked for.
            self._write_manifest()
            _start(member)
            self._begin_thread()
        except BaseException:
            del members[name]
            if isinstance(member, Recorder):
                self._events.abandon({name: member})
            raise
        return member

    # Start and stop.

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped yet."""
        return self._started is not None and self._stopped is None

    @property
    def written(self) -> dict[str, int]:
        """For each recorder how many events are in its files."""
        return self._events.written(self.recorders)

    @property
    def removed(self) -> dict[str, int]:
        """For each recorder how many of these were removed again, to keep within `max_bytes`."""
        return self._events.removed

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files of events that are written, oldest first."""
        return self._events.names

    def start(self) -> None:
        """Make the folder and start everything, in one update; once more does nothing.

        Raises
        ------
        RuntimeError
            When it was stopped: its files are written.
        FileExistsError
            When the folder holds a session by now.
        """
        if self.running:
            return
        if self._stopped is not None:
            raise RuntimeError("this session is over; make another one")
        # Now, not on the thread that writes: what is missing is said here, and the first file does
        # not wait for it.
        frames()
        make_folder(self.folder)
        remove_dead(self.folder)
        self._started = time.time()
        try:
            # Of two sessions in one folder, one is refused here.
            self._write_manifest(new=True)
        except BaseException:
            self._started = None
            raise
        self._end = None if self.max_seconds is None else time.monotonic() + self.max_seconds
        try:
            for name, recorder in self.recorders.items():
                self._events.begin(name, recorder)
            with batch():
                for member in self._members():
                    _start(member)
        except BaseException:
            # Nothing was connected, so there is nothing to be saved.
            self._stop_members(None)
            self._events.abandon(self.recorders)
            self._started = None
            remove(self._manifest_path, self._manifest)
            raise
        self._begin_thread()

    def _begin_thread(self) -> None:
        """Have a thread write; where there can be none it is tried again, and done in the end."""
        if self._thread is not None or not self._beginning.acquire(blocking=False):
            return
        try:
            thread = threading.Thread(target=self._run, name="kit session", daemon=True)
            thread.start()
            self._thread = thread
        except (RuntimeError, MemoryError) as error:  # there are too many
            self._note(f"session {self.folder} has no thread that writes its files", error)
        finally:
            self._beginning.release()

    def _members(self) -> list[Any]:
        # Triggers last: what they act on is there.
        return [*self.recorders.values(), *self.aggregates.values(), *self.triggers.values()]

    def stop(self, *, at: int | None = None) -> None:
        """Stop everything and write what is left; once more does nothing.

        Inside a dispatch it does not wait until all is written.

        Parameters
        ----------
        at : int, optional
            Leave out of the recordings what is completed after this moment; see `Recorder.stop`.
        """
        if self._started is None or os.getpid() != self._pid:
            return
        if not self.running:
            self._end_here()  # where it was stopped inside of a dispatch
            return
        try:
            self._stops.pop()  # one operation: whoever is first stops it, others wait with it
        except IndexError:
            pass
        else:
            self._stop_members(at)
            # Now, not before: the thread that writes goes by it, and what is recorded after its
            # last file would be in none.
            self._stopped = time.time()
        self._end_here()
        thread = self._thread
        if thread is not None and _may_wait() and thread is not threading.current_thread():
            self.join(_LONGEST_WAIT)
            for recorder in self.recorders.values():
                recorder._tell()

    def _end_here(self) -> None:
        """Write what is left, where it is over and no thread could be had that writes it.

        Where nobody may wait, inside of a dispatch, it is left to the next one that may.
        """
        over = self._stopped is not None and os.getpid() == self._pid
        if self._thread is None and over and self._ends and _may_wait():
            self._begin_thread()  # perhaps there can be one by now
            if self._thread is None:
                self._write_the_last()

    def _stop_members(self, at: int | None) -> None:
        recorders = [*self.recorders.values()]
        # In one update: each dispatch is seen by all of them, or by none.
        with batch():
            running = [recorder._disconnect(at) for recorder in recorders]
            for counted in self.aggregates.values():
                counted.stop()
            for armed in self.triggers.values():
                armed.disarm()
        for recorder, was_running in zip(recorders, running, strict=True):
            recorder._wind_up(was_running, at)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it has ended, by a trigger, a limit or somebody else, and all is written.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        bool
            Whether it has.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self._thread is None and self.running and os.getpid() == self._pid:
            self._begin_thread()
            if until is not None and time.monotonic() >= until:
                break
            time.sleep(_GLANCE)
        self._end_here()
        thread = self._thread
        if thread is None:
            return self._started is None or not self._ends
        # In the child of a fork, and at the interpreter's end, that thread does not run.
        if sys.is_finalizing() or not thread.is_alive():
            return not thread.is_alive()
        left = None if until is None else max(0.0, until - time.monotonic())
        return self._all_written.wait(left)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    # Writing, on a thread of its own.

    def _run(self) -> None:
        self._write_as_it_comes()
        if self._write_the_last():
            return
        # Nobody waits any more. What a recorder loses from here on, and what an aggregate still
        # counts, is told to whoever opens the session later.
        counts = self._late_counts()
        cookie = grace.snapshot()
        while not grace.elapsed(cookie):  # not `synchronize`, which looks a thousand times a second
            time.sleep(_GLANCE)
        if self._late_counts() != counts:
            self._save(over=True)

    def _late_counts(self) -> list[int]:
        lost = [each.lost for each in self.recorders.values()]
        return lost + [each.count for each in self.aggregates.values()]

    def _write_as_it_comes(self) -> None:
        while self.running:
            due = time.monotonic() + self.every
            saved = time.monotonic()
            while not self._is_time(due):
                time.sleep(min(_GLANCE, self.every))
                if self._end is not None and time.monotonic() >= self._end:
                    self.stop()
                if time.monotonic() >= saved + _SAVED_EVERY and self.running:
                    self._save(over=False)
                    saved = time.monotonic()
            if self.running:
                self._write(last=False)
                self._keep_within_limits()

    def _write_the_last(self) -> bool:
        """Write what is left; False where a dispatch that is still under way may bring more."""
        try:
            self._ends.pop()  # one operation, as in `stop`
        except IndexError:
            return True
        try:
            return self._wait_and_write()
        finally:
            self._all_written.set()

    def _wait_and_write(self) -> bool:
        # Who stopped it inside a dispatch did not wait for events that others are recording.
        try:
            grace.synchronize(timeout=_LONGEST_GRACE)
            all_there = True
        except TimeoutError:
            all_there = False  # a probe elsewhere takes its time
        for _ in range(3):
            if self._write(last=True):
                return all_there
            time.sleep(_GLANCE)
        return True  # the files are not complete, and do not say that they are

    def _is_time(self, due: float) -> bool:
        """Tell whether to write: when that is due, a recorder is filling up, or it was stopped."""
        if time.monotonic() >= due or not self.running:
            return True
        return any(
            each._filling and not self._events.failed(name)
            for name, each in self.recorders.copy().items()
        )

    def _write(self, last: bool) -> bool:
        """Finish the files that hold something; whether everything could be written."""
        fine = True
        for name, recorder in self.recorders.copy().items():
            try:
                self._events.rotate(name, recorder, last)
            except Exception as error:  # noqa: BLE001 - a full disk, no pyarrow, whatever
                fine = False
                self._note(f"session {self.folder} could not begin a file for {name}", error)
        return self._save(over=last and fine) and fine

    def _save(self, over: bool) -> bool:
        """Write what is not in the recorders' files; whether that could be done."""
        fine = True
        for name, each in self.aggregates.copy().items():
            path = self.folder / f"{name}.aggregate.json"
            try:
                write_json(path, each.table().to_json(), indent=None)
            except Exception as error:  # noqa: BLE001 - what else there is can be written
                fine = False
                self._note(f"session {self.folder} could not save {name}", error)
        try:
            self._write_manifest(over=over and fine)
        except Exception as error:  # noqa: BLE001
            self._note(f"session {self.folder} could not write its manifest", error)
            return False
        return fine

    def _note(self, what: str, error: Exception) -> None:
        if self.last_error is None:
            report(what, error)
        self.last_error = f"{type(error).__name__}: {error}"

    def _keep_within_limits(self) -> None:
        if self.max_bytes is None:
            return
        try:
            if self._events.size() <= self.max_bytes:
                return
            if self.full == "stop":
                self.stop()
                return
            while True:
                if self._events.size() <= self.max_bytes or not self._events.remove_oldest():
                    break
            self._write_manifest()
        except Exception as error:  # noqa: BLE001 - it is tried again with the next file
            self._note(f"session {self.folder} could not remove its oldest file", error)

    @property
    def _manifest_path(self) -> Path:
        return self.folder / "manifest.json"

    def _write_manifest(self, *, new: bool = False, over: bool = False) -> None:
        path = self._manifest_path
        with self._describing:
            found = None if new else identity(path)
            if found is not None and found != self._manifest:
                raise FileExistsError(f"{os.fspath(path)!r} is not this session's any more")
            self._manifest = write_json(path, self._described(over), new=found is None)

    def _described(self, over: bool) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "state": "complete" if over else "running",
            "started": self._started,
            "stopped": self._stopped,
            **process(),
            "recorders": {
                name: self._events.describe(name, each)
                for name, each in self.recorders.copy().items()
            },
            "aggregates": {name: f"{name}.aggregate.json" for name in self.aggregates.copy()},
            "triggers": {name: each.describe() for name, each in self.triggers.copy().items()},
        }

    @property
    def _state(self) -> str:
        return "running" if self.running else "not started" if self._started is None else "over"

    __reduce__ = stays("pickle its folder, which kit.open() reads anywhere")

    def __repr__(self) -> str:
        written = several(sum(self.written.values()), "event")
        failed = f", {self.last_error}" if self.last_error else ""
        return f"<Session in {self.folder}: {self._state}, {written} written{failed}>"

    def _repr_html_(self) -> str:
        rows = [
            ("folder", str(self.folder)),
            ("state", self._state),
            *((name, f"{several(count, 'event')} written") for name, count in self.written.items()),
            ("last error", self.last_error or "none"),
        ]
        return html_table(rows)


def _may_wait() -> bool:
    """Tell whether this thread may wait; at the interpreter's end no other thread runs."""
    try:
        grace.refuse_inside("writing a session")
    except WouldDeadlockError:
        return False
    return not sys.is_finalizing()


def _start(member: Any) -> None:
    if isinstance(member, Trigger):
        member.arm()
    else:
        member.start()
