"""A panel's recorder, connected to one marker at a time."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kit.probes.recorder._recorder import Recorder
from kit.widgets._panel.probe_choices import ProbeChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from kit.core import Format, Marker
    from kit.core.typing import TimedProbe
    from kit.probes.captures._capture import Capture, Row

__all__ = ["PanelRecorder", "context_now"]

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
        """Return the newest events of all threads together, and no event as an object.

        Parameters
        ----------
        count : int
            How many events.

        Returns
        -------
        Capture
            Those and, of threads that are not the busiest, some older ones.
        """
        capture = self._timed(self.recorder._newest(count))
        if len(capture) <= count:
            return capture
        # Busy threads have more of the newest than idle ones: a point in time divides them all.
        stamps = [_stamps(thread.rows) for thread in capture.threads]
        cut = np.partition(np.concatenate(stamps), -count)[-count]
        most = max(int(np.count_nonzero(each >= cut)) for each in stamps)
        return self._timed(self.recorder._newest(most))

    def _timed(self, capture: Capture) -> Capture:
        started = capture.started if self.started is None else self.started
        return replace(capture, started=started, stopped=self.stopped)


def _stamps(rows: Sequence[Row]) -> NDArray[np.int64]:
    """Return the time stamps of a thread's rows."""
    if isinstance(rows, list):
        return np.fromiter(map(itemgetter(0), rows), np.int64, len(rows))
    blocks: Any = rows
    return np.frombuffer(blocks.blocks.stamps()[0], np.int64)
