"""A panel's recorder, connected to one marker at a time."""

from __future__ import annotations

import sys
import time
from bisect import bisect_left
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from kit.probes.recorder._recorder import Recorder
from kit.widgets._panel.probe_choices import ProbeChoice

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.core import Format, Marker
    from kit.core.typing import TimedProbe
    from kit.probes.captures._capture import Capture

__all__ = ["PanelRecorder", "context_now"]

_STEP: Final = 20

HINTS: Final = {
    "record": "keeps every event, for plots and frames",
    "observe": "times every probe of every dispatch, itself too, for fan-out and publication",
}


class _Labelled:
    """A recorder's probe under another name, so that plots tell recording from observing."""

    def __init__(self, label: str, probe: TimedProbe) -> None:
        self.kit_label = label
        self.observer = probe.observer
        self.entered = getattr(probe, "entered", None)
        self._probe = probe

    def native(self, marker: Marker, format: Format) -> Callable[[int, int, tuple[Any, ...]], None]:
        """Return what the dispatcher calls for this marker."""
        return self._probe.native(marker, format)


def context_now() -> tuple[str, ...]:
    """Return what a panel records with each event.

    Where there are tasks, an event without its task says little of who did it.

    Examples
    --------
    >>> import asyncio
    >>> context_now()
    ('task',)
    """
    return ("task",) if "asyncio" in sys.modules else ()


class PanelRecorder:
    """What a panel has recorded, and since when.

    The recorder itself is never started: its probe is connected to markers by hand, like every
    other probe of the panel.

    Parameters
    ----------
    kind : {"record", "observe"}
        What the probe is called.
    pattern : str
        What the panel shows.
    capacity, mode, dispatches
        As for `kit.record`.

    Attributes
    ----------
    context : tuple of str
        What is recorded with each event: its ``task``, in a program that has asyncio.
    """

    def __init__(
        self, kind: str, pattern: str, capacity: int, mode: str, *, dispatches: bool = False
    ) -> None:
        self.context = context_now() if kind == "record" else ()
        self.recorder = Recorder(pattern, capacity, mode, self.context, dispatches)
        recorder_probe = self.recorder.probe
        probe = _Labelled(kind, recorder_probe) if kind != "record" else recorder_probe
        self.choice = ProbeChoice(kind, kind, HINTS[kind], lambda: probe)
        self.started: int | None = None
        self.stopped: int | None = None

    def mark(self, running: bool) -> None:
        """Note whether anything is being recorded now."""
        now = time.monotonic_ns()
        if running and (self.started is None or self.stopped is not None):
            self.started = self.started or now
            self.stopped = None
        elif not running and self.started is not None and self.stopped is None:
            self.stopped = now

    def cut(self, at: int) -> None:
        """Let what is completed after a moment be no part of the recording, until `resume`."""
        self.recorder._cut(at)
        self.stopped = at

    def resume(self) -> None:
        """Let everything that is completed from now on be part of the recording."""
        self.recorder._resume()

    def clear(self) -> None:
        """Forget what was recorded."""
        self.recorder.clear()
        running = self.started is not None and self.stopped is None
        self.started = time.monotonic_ns() if running else None
        self.stopped = None

    def capture(self, at: int | None = None) -> Capture:
        """Return what is recorded, frozen.

        Parameters
        ----------
        at : int, optional
            Leave out what was completed after this moment.

        Returns
        -------
        Capture
        """
        return self._timed(self.recorder._frozen(at=at))

    def newest(self, count: int) -> Capture:
        """Return about as many of the newest events, of all threads together.

        Parameters
        ----------
        count : int
            How many events; up to `_STEP` more of each thread come with them.

        Returns
        -------
        Capture
            Everything, if there is no more than that.
        """
        capture = self._timed(self.recorder._newest(count))
        if len(capture) <= count:
            return capture
        # Busy threads have more of the newest than idle ones: a point in time divides them all.
        stamps = sorted(row[0] for thread in capture.threads for row in thread.rows[::_STEP])
        cut = stamps[-min(len(stamps), 1 + count // _STEP)]
        threads = []
        for thread in capture.threads:
            first = _STEP * bisect_left(thread.rows[::_STEP], cut, key=itemgetter(0))
            rows = thread.rows[first:]
            threads.append(replace(thread, rows=rows, first_seq=thread.first_seq + first))
        return replace(capture, threads=tuple(threads))

    def _timed(self, capture: Capture) -> Capture:
        started = capture.started if self.started is None else self.started
        return replace(capture, started=started, stopped=self.stopped)
