"""Following a recording: a frame every so often, and each event in one of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from kit.core._publication import grace
from kit.core._runtime import stays
from kit.errors import WouldDeadlockError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import pandas as pd

    from kit.probes.recorder._recorder import Recorder

__all__ = ["Stream"]

_GLANCE: Final = 0.02  # s between looks at whether it was stopped, or is filling up
_LONGEST_WAIT: Final = 1.0


class Stream:
    """The frames of a recorder that goes on; made by ``recorder.stream``.

    It ends when the recorder is stopped, after a frame with the last events. Each event is in one
    frame, also where several streams, or ``drain``, share a recorder; where the loop ends early,
    what was not taken stays in the recorder.

    Parameters
    ----------
    recorder : Recorder
    seconds : float
        How long to wait for the next frame. It comes earlier when the recorder is half full.

    Raises
    ------
    ValueError
        When the time is not above 0 and at most a day.
    """

    def __init__(self, recorder: Recorder, seconds: float) -> None:
        if type(seconds) not in (int, float) or not 0 < seconds <= 86_400:
            raise ValueError(f"seconds must be above 0 and at most a day, got {seconds!r}")
        self.recorder = recorder
        self.seconds = seconds

    __reduce__ = stays("pickle the frames that it gives")

    def __iter__(self) -> Iterator[pd.DataFrame]:
        more = True
        while more:
            for pause in self._pauses():
                time.sleep(pause)
            more, frame = self._next()
            yield frame

    async def __aiter__(self) -> AsyncIterator[pd.DataFrame]:
        import asyncio

        more = True
        while more:
            for pause in self._pauses():
                await asyncio.sleep(pause)
            more, frame = self._next()
            yield frame

    def _pauses(self) -> Iterator[float]:
        """Yield how long to sleep before looking again, until there is something to be done."""
        end = time.monotonic() + self.seconds
        recorder = self.recorder
        while recorder.running and len(recorder) * 2 < recorder.capacity:
            left = end - time.monotonic()
            if left <= 0:
                return
            yield min(left, _GLANCE)

    def _next(self) -> tuple[bool, Any]:
        """Return whether there will be more, and a frame of what there is."""
        # Asked before it is drained: what comes until it is stopped is drained next time.
        more = self.recorder.running
        if not more:
            try:
                grace.synchronize(timeout=_LONGEST_WAIT)
            except (TimeoutError, WouldDeadlockError):
                pass  # what is still being recorded stays in the recorder
        return more, self.recorder.drain()
