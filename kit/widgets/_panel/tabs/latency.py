"""The tab Latency: how long spans took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kit.plots import units
from kit.plots._selection import link
from kit.widgets._panel.sessions import apart, together
from kit.widgets._panel.tabs.tab import FramePlots, nothing_recorded

if TYPE_CHECKING:
    import pandas as pd

    from kit.probes.captures._capture import Capture

__all__ = ["LatencyTab", "events"]

LIVE: Final = 20_000
"""How many events are drawn while recording."""


class LatencyTab(FramePlots):
    """How long spans took; what is brushed in one plot shows in all."""

    key, title = "latency", "Latency"
    hint = "how long the recorded spans took, when, and on which thread"
    parts = ("events",)
    plots = ("latency", "latency_over_time")

    def _note(self) -> str:
        state = self._state
        shown = f"All {units.count(len(state.recording.recorder))} events."
        if state.running:
            shown = f"While recording, the newest {units.count(LIVE)} events are drawn."
        return nothing_recorded(state) or shown

    def _frames(self) -> tuple[pd.DataFrame, ...]:
        recording = self._recording
        if not self._state.running:
            return (events(recording.capture()),)
        return (events(recording.newest(LIVE)).tail(LIVE).reset_index(drop=True),)

    def _make(self, *frames: pd.DataFrame) -> list[Any]:
        made = super()._make(*frames)
        self.selection = link(*made)
        return made


def events(capture: Capture) -> pd.DataFrame:
    """Return all events, with the columns that all have where their fields clash.

    Parameters
    ----------
    capture : Capture

    Returns
    -------
    pandas.DataFrame
    """
    from kit import frames

    names = [marker.name for marker in capture.markers]
    return together(apart(lambda name: frames.events(capture, name), names))
