"""A panel's recorder, connected to one marker at a time."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kit.probes.recorder import Recorder
from kit.widgets.choices import Choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.markers import Format, Marker
    from kit.markers.connection import NativeProbe
    from kit.probes.capture import Capture

__all__ = ["Recording"]

HINTS: Final = {
    "record": "keeps every event, for plots and frames",
    "observe": "times every probe of every dispatch, itself too, for fan-out and publication",
}


class _Labelled:
    """A recorder's probe under another name, so that plots tell recording from observing."""

    def __init__(self, label: str, probe: NativeProbe) -> None:
        self.kit_label = label
        self.observer = probe.observer
        self._probe = probe

    def native(self, marker: Marker, format: Format) -> Callable[[int, int, tuple[Any, ...]], None]:
        """Return what the dispatcher calls for this marker."""
        return self._probe.native(marker, format)


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
        recorder_probe = self.recorder.probe
        probe = _Labelled(kind, recorder_probe) if kind != "record" else recorder_probe
        self.choice = Choice(kind, kind, HINTS[kind], lambda: probe)
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
