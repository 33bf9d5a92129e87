"""A panel's recorder, connected to one marker at a time."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kit.probes.recorder import Recorder
from kit.widgets.choices import Choice

if TYPE_CHECKING:
    from kit.probes.capture import Capture

__all__ = ["Recording"]

HINTS: Final = {
    "record": "keeps every event, for plots and frames",
    "observe": "times every probe of every dispatch, for fan-out and publication",
}


class Recording:
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
    """

    def __init__(
        self, kind: str, pattern: str, capacity: int, mode: str, *, dispatches: bool = False
    ) -> None:
        self.recorder = Recorder(pattern, capacity, mode, (), dispatches)
        self.choice = Choice(kind, kind, HINTS[kind], lambda: self.recorder.probe)
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

    def clear(self) -> None:
        """Forget what was recorded."""
        self.recorder.clear()
        running = self.started is not None and self.stopped is None
        self.started = time.monotonic_ns() if running else None
        self.stopped = None

    def capture(self, newest: int | None = None) -> Capture:
        """Return what is recorded, frozen.

        Parameters
        ----------
        newest : int, optional
            Only so many events of each thread.

        Returns
        -------
        Capture
        """
        recorder = self.recorder
        capture = recorder.snapshot() if newest is None else recorder.newest(newest)
        started = capture.started if self.started is None else self.started
        return replace(capture, started=started, stopped=self.stopped)
