"""A panel's tabs: one class and one module each, with its words, plots and what else it shows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from kit.plots._event_plot import EventPlot
from kit.probes._text import several
from kit.widgets._panel.tabs.aggregates import AggregatesTab
from kit.widgets._panel.tabs.captures import CapturesTab
from kit.widgets._panel.tabs.dispatches import FanoutTab, PublicationTab
from kit.widgets._panel.tabs.events import EventsTab
from kit.widgets._panel.tabs.latency import LatencyTab
from kit.widgets._panel.tabs.session import SessionTab
from kit.widgets._panel.tabs.timeline import TimelineTab

if TYPE_CHECKING:
    from kit.plots._selection import Selection
    from kit.widgets._panel.state import PanelState
    from kit.widgets._panel.tabs.tab import Tab

__all__ = ["TABS", "Tabs"]

SHARE: Final = 0.018
"""Of a processor, which drawing takes at most; with the list a panel takes less than 3 %."""

SHORTEST: Final = 0.25
"""Seconds between two updates at least."""

TABS: Final[tuple[type[Tab], ...]] = (
    EventsTab,
    LatencyTab,
    TimelineTab,
    FanoutTab,
    PublicationTab,
    AggregatesTab,
    CapturesTab,
    SessionTab,
)
"""Every tab there is, in order."""


class Tabs:
    """The tabs of one panel, and which of them is in front."""

    def __init__(self, state: PanelState) -> None:
        self._state = state
        self.all = tuple(tab(state) for tab in TABS)
        self.current = self.all[0]
        self._due = 0.0
        self._time: tuple[int, int] | str = ""

    def choose(self, key: str) -> None:
        """Bring a tab to the front; it shows the time that was in view in the one before."""
        self._time = _time_in_view(self.current) or self._time
        self.current = next((tab for tab in self.all if tab.key == key), self.current)
        self.hurry()

    def hurry(self) -> None:
        """Bring the plots up to date at the next look: the reader has asked for something."""
        self._due = 0.0

    def toggle_own(self) -> None:
        """Show what the kit's own threads did, or hide it again; draw it at once."""
        self._state.show_own = not self._state.show_own
        self._due = 0.0

    def act(self, content: dict[str, Any]) -> dict[str, Any] | None:
        """Do what a page asks of a tab; return what to tell the page, if there is something."""
        self.hurry()
        wanted = content["action"]
        return next(tab for tab in self.all if wanted in tab.actions).act(content)

    def refresh(self, now: float) -> bool:
        """Bring the plots of the current tab up to date, if it is time.

        Parameters
        ----------
        now : float
            Seconds, as of ``time.monotonic``.

        Returns
        -------
        bool
            Whether there are new panes to show.
        """
        self.current.look(now)
        if now < self._due:
            return False
        self._tell_brush()
        begin = time.thread_time()
        new = self.current.refresh()
        if new:
            self._share_selection()
        self._share_time()
        if new is None:
            return False
        # Making a plot imports much, once; that says nothing of what an update costs.
        spent = 0.0 if new else time.thread_time() - begin
        self._due = now + max(SHORTEST, spent / SHARE)
        return new

    def _share_selection(self) -> None:
        """Let what is brushed in one tab be brushed in all."""
        mine, others = self.current.selection, (tab.selection for tab in self.all)
        shared = next((each for each in others if each is not None and each is not mine), None)
        if mine is None or shared is None:
            return
        for plot, pane in self.current.shown:
            if isinstance(plot, EventPlot):
                with pane.changes():
                    plot.use_selection(shared)
        self.current.selection = shared

    def _share_time(self) -> None:
        wanted, self._time = self._time, self._time if not self.current.shown else ""
        if not wanted:
            return
        for plot, pane in self.current.shown:
            if isinstance(plot, EventPlot) and "time" in plot._windows:
                with pane.changes():
                    plot.zoom(time=_since_origin(plot, wanted))

    def _tell_brush(self) -> None:
        self.current.brush = None if self.selection is None else self.selection.brush

    @property
    def selection(self) -> Selection | None:
        """Selection or None : what is brushed; None before there are plots to brush."""
        return next((tab.selection for tab in self.all if tab.selection is not None), None)

    @property
    def panes(self) -> dict[str, list[str]]:
        """dict of str to list of str : by tab, the identifiers of its panes."""
        return {tab.key: [pane.model_id for _, pane in tab.shown] for tab in self.all if tab.shown}

    def describe(self) -> dict[str, Any]:
        """Return what the page shows of the tabs besides plots, ready for JSON."""
        current, facts = self.current, ("key", "title", "hint", "body", "running")
        return {
            "tab": current.key,
            "tabs": [{fact: getattr(tab, fact) for fact in facts} for tab in self.all],
            "note": current.note,
            "observed": current.observed,
            "own": self._own(),
            "shows": current.described(),
            "selection": len(current.selection) if current.selection else None,
        }

    def _own(self) -> dict[str, Any] | None:
        """Say what of the kit's own threads is left out of this tab; None where there is none."""
        hidden, shown = self.current.hidden, self._state.show_own
        if not hidden:
            return None
        what = f"{several(hidden, 'event')} on the kit's own threads"
        return {"text": f"{what} {'shown' if shown else 'hidden'}", "shown": shown}

    def close(self) -> None:
        """Free all plots."""
        for tab in self.all:
            tab.close()


def _time_in_view(tab: Tab) -> tuple[int, int] | str:
    """Return the first and last stamp in view in a tab's plots; ``"all"``, or nothing."""
    for plot, _ in tab.shown:
        if isinstance(plot, EventPlot) and "time" in plot._windows:
            window, origin = plot._windows["time"], plot._origin or 0
            low, high = window.view
            return (origin + int(low), origin + int(high)) if window.zoomed else "all"
    return ""


def _since_origin(plot: EventPlot, wanted: tuple[int, int] | str) -> tuple[float, float]:
    """Return stamps as a place on a plot's axis."""
    window, origin = plot._windows["time"], plot._origin or 0
    if isinstance(wanted, str):
        return window.full
    low, high = (float(stamp - origin) for stamp in wanted)
    # What was in view is not kept any more, where newer events have taken its place.
    gone = high <= window.full[0] or low >= window.full[1]
    return window.full if gone else (low, high)
