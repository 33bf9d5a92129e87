"""What a recorder has recorded, frozen: the hand-over from probes to frames."""

from __future__ import annotations

import os
import platform
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kit.core._publication.fork import import_room
from kit.probes._text import several

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import ModuleType

    import pandas as pd

    from kit.core._format import Format
    from kit.core._marker import Marker

__all__ = [
    "MOST_CODES",
    "MOST_COLUMNS",
    "TEXT_LIMIT",
    "Capture",
    "MarkerInfo",
    "ThreadEvents",
    "frames",
    "missing_text",
]

Row = tuple[Any, ...]

TEXT_LIMIT: Final = 65_536
"""The longest text, in characters, that is kept; longer text is cut, and counted."""

MOST_CODES: Final = 1 << 16
"""How many markers a recorder tells apart; declared anew with other fields, one is another."""
MOST_COLUMNS: Final = 1000
"""The most columns of an event: its fields, the context, a span's duration and error."""


@dataclass(frozen=True, slots=True)
class MarkerInfo:
    """A marker as it was when the capture was taken."""

    name: str
    format: Format
    module: str
    line: int
    fanout: int
    generation: int
    fired: int

    @classmethod
    def of(cls, marker: Marker, format: Format) -> MarkerInfo:
        """Describe a live marker whose rows have this format."""
        return cls(
            marker.name,
            format,
            marker.module,
            marker.line,
            marker.fanout,
            marker.generation,
            marker.fired,
        )


@dataclass(frozen=True, slots=True)
class ThreadEvents:
    """What one thread recorded.

    Attributes
    ----------
    tid : int
        The operating system's identifier of the thread.
    name : str
        The thread's name.
    first_seq : int
        The number of the first row in the thread's order of completion.
    rows : sequence of tuple
        ``(ts, code, args)`` or ``(ts, code, args, context)`` in order of completion; ``ts`` in
        nanoseconds on the monotonic clock, for a span of its start; ``code`` indexes
        `Capture.markers`; ``args`` is what a probe is called with.
    lost : dict of str to int
        For each marker how many events found no room.
    overwritten : dict of str to int
        For each marker how many events gave way to newer ones.
    """

    tid: int
    name: str
    first_seq: int
    rows: Sequence[Row]
    lost: dict[str, int] = field(default_factory=dict)
    overwritten: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capture:
    """A recorder's content at one moment.

    Attributes
    ----------
    markers : tuple of MarkerInfo
        What the codes in the rows mean.
    threads : tuple of ThreadEvents
        The events, thread by thread.
    dispatches, probe_calls, publications : list of tuple
        What was observed, where that was asked for:
        ``(ts, dur, code, generation, fanout, errors, tid, seq)``,
        ``(ts, dur, code, probe, position, dispatch, error, tid)`` and
        ``(ts, code, action, probe, generation, fanout, grace, tid)``.
    context : tuple of str
        The names of the context fields, in the order of a row's context.
    skipped : dict of str to int
        For each marker how many events were left out because they arose while the recorder was
        writing another one on that thread: in a garbage collection, a signal handler, ``__del__``.
    failed : dict of str to int
        For each marker how many events could not be recorded, for whatever else: there was no
        memory, a signal handler raised in the middle, strict mode refused them.
    lost_dispatches : int
        How many dispatches found no room among those observed, or gave way to newer ones.
    capacity : int
        How many events there was room for.
    mode : str
        ``discard`` or ``overwrite``.
    started, stopped : int
        Nanoseconds on the monotonic clock; ``stopped`` is None while it runs.
    wall : int
        Nanoseconds to add to a time stamp for Unix time.
    filtered : dict of str to dict of str to int
        For each marker how many events were kept back, by reason: by a condition, by sampling, by
        a limit or a budget.
    host, pid, python : str, int, str
        Where it was recorded.
    context_types : dict of str to str
        The letters of the context fields' types, where the capture was read from a file.
    lost_elsewhere : int
        How many events found no room of which the recorder's file does not say more.
    damaged : dict of str to int
        What of a recorder's file could not be read, see `kit.probes.captures._header.Damage`.
    """

    markers: tuple[MarkerInfo, ...]
    threads: tuple[ThreadEvents, ...]
    dispatches: list[Row] = field(default_factory=list)
    probe_calls: list[Row] = field(default_factory=list)
    publications: list[Row] = field(default_factory=list)
    context: tuple[str, ...] = ()
    skipped: dict[str, int] = field(default_factory=dict)
    lost_dispatches: int = 0
    capacity: int = 0
    mode: str = "discard"
    started: int = 0
    stopped: int | None = None
    wall: int = 0
    filtered: dict[str, dict[str, int]] = field(default_factory=dict)
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    python: str = field(default_factory=platform.python_version)
    context_types: dict[str, str] = field(default_factory=dict)
    lost_elsewhere: int = 0
    damaged: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(thread.rows) for thread in self.threads)

    @property
    def lost(self) -> int:
        """How many events found no room."""
        return self.lost_elsewhere + sum(sum(thread.lost.values()) for thread in self.threads)

    @property
    def overwritten(self) -> int:
        """How many events gave way to newer ones."""
        return sum(sum(thread.overwritten.values()) for thread in self.threads)

    def frame(self, name: str | None = None) -> pd.DataFrame:
        """Return the events of one marker, or of all, as a pandas frame."""
        frame: pd.DataFrame = frames().events(self, name)
        return frame

    def observed(self, kind: str) -> pd.DataFrame:
        """Return ``dispatches``, ``probe_calls`` or ``publications`` as a pandas frame."""
        frame: pd.DataFrame = getattr(frames(), kind)(self)
        return frame

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save it all in one file; see `kit.frames.save`."""
        saved: Path = frames().save(self, path)
        return saved

    @property
    def missing(self) -> str:
        """str : what is missing, for the end of a line; empty where nothing is."""
        skipped, failed = sum(self.skipped.values()), sum(self.failed.values())
        return missing_text(self.lost, self.overwritten, skipped, self.lost_dispatches, failed)

    def __repr__(self) -> str:
        return (
            f"<Capture: {several(len(self), 'event')} of {several(len(self.markers), 'marker')} "
            f"on {several(len(self.threads), 'thread')}{self.missing}>"
        )


def frames(module: str = "") -> ModuleType:
    """Import the room that makes frames, or one of its modules, when somebody asks for a frame.

    By way of `kit`, which has a fork wait for it, and names the remedy where there is no pandas.
    """
    from kit import frames

    return import_room(f"kit.frames.{module}") if module else frames


def missing_text(
    lost: int,
    overwritten: int,
    skipped: int,
    lost_dispatches: int,
    failed: int = 0,
    misfits: int = 0,
) -> str:
    """Say what is missing, for the end of a line; nothing where nothing is.

    Examples
    --------
    >>> missing_text(1200, 0, 3, 0)
    ', 1,200 lost, 3 skipped'
    """
    counts = (
        (lost, "lost"),
        (overwritten, "overwritten"),
        (skipped, "skipped"),
        (failed, "failed"),
        (lost_dispatches, "dispatches lost"),
        (misfits, "values that did not fit"),
    )
    return "".join(f", {count:,} {what}" for count, what in counts if count)


def wall_offset() -> int:
    """Return what to add to a monotonic time stamp for Unix time, in nanoseconds."""
    return time.time_ns() - time.monotonic_ns()
