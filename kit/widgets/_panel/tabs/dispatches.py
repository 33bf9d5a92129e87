"""The tabs Fan-out and Publication: what is seen of each dispatch, once somebody observes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kit.widgets._panel.tabs.tab import FramePlots

if TYPE_CHECKING:
    import pandas as pd

    from kit.widgets._panel.recording import PanelRecorder
    from kit.widgets._panel.state import PanelState

__all__ = ["FanoutTab", "PublicationTab"]


class DispatchPlots(FramePlots):
    """A tab with plots of dispatches, which are observed only when somebody asks for it."""

    @property
    def observed(self) -> bool | None:
        """bool or None : whether they are observed; None for what was opened."""
        return self._state.observed if self._state.sessions.opened is None else None

    def _note(self) -> str:
        if self.shown:
            return ""
        if self._state.observed:
            return "Observing; the plot comes with the first dispatches."
        return (
            "Nothing observed yet: press Observe to time every probe of every dispatch. "
            "It costs more than recording, so it is off until you ask for it."
        )

    @property
    def _recording(self) -> PanelRecorder:
        return self._state.observing


class FanoutTab(DispatchPlots):
    """What each probe of a dispatch takes."""

    key, title, hint = "fanout", "Fan-out", "what each probe of a dispatch takes"
    parts = ("dispatches", "probe_calls")
    missing = "no dispatches in it: press Observe before a session is begun"
    plots = ("fanout",)

    def _frames(self) -> tuple[pd.DataFrame, ...]:
        from kit import frames

        capture = self._recording.capture()
        calls = frames.probe_calls(capture)
        _note_costs(self._state, calls)
        # What observes is there for the observation only; the reader asks about the other probes.
        others = calls[calls["probe"] != self._recording.choice.label]
        dispatches = frames.dispatches(capture)
        return dispatches.assign(fanout=dispatches["fanout"] - 1), others


def _note_costs(state: PanelState, calls: pd.DataFrame) -> None:
    """Take what the user's functions were seen to cost."""
    if state.costs is None or calls.empty:
        return
    medians = calls.groupby("probe", observed=True)["dur"].median().items()
    seen = {f"own:{label}": float(cost) for label, cost in medians if f"own:{label}" in state.own}
    state.costs = replace(state.costs, probes=state.costs.probes | seen)


class PublicationTab(DispatchPlots):
    """Which dispatches saw which probes."""

    key, title = "publication", "Publication"
    hint = "which dispatches saw which probes, and how long old ones had to be waited for"
    parts = ("dispatches", "publications")
    missing = "no publications in it: press Observe before a session is begun"
    plots = ("publication",)

    def _frames(self) -> tuple[pd.DataFrame, ...]:
        from kit import frames

        capture = self._recording.capture()
        return frames.dispatches(capture), frames.publications(capture)
