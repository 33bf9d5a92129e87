"""The plots in a panel's tabs: made when they are first looked at, then kept up to date.

While a program runs, a plot shows the newest events only, so that drawing costs the same however
much has been recorded; when recording stops it shows all of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from kit.plots import units
from kit.plots._selection import link
from kit.widgets._pane.pane import Pane
from kit.widgets._panel.sessions import apart, together

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from kit.plots._plot import Plot
    from kit.plots._selection import Selection
    from kit.probes.aggregates import Aggregate, Table
    from kit.probes.captures._capture import Capture
    from kit.widgets._panel.sessions import Opened
    from kit.widgets._panel.state import PanelState


__all__ = ["MOST", "TABS", "AggregatePlots", "Tabs"]

MOST: Final = 8
"""How many aggregates are drawn at once; the filter finds the others."""

PAUSE: Final = 0.01
"""Seconds between two plots, in which the program makes up for lost time."""


class AggregatePlots:
    """Keeps a plot for each aggregate that is shown.

    Parameters
    ----------
    state : PanelState
    """

    def __init__(self, state: PanelState) -> None:
        self._state = state
        # The aggregate is held, so that no other one can have its identity.
        self._made: dict[int, tuple[Aggregate | Table, Plot, Pane]] = {}
        self._drawn: dict[int, object] = {}
        self._gone: list[Pane] = []

    @property
    def shown(self) -> list[tuple[Plot, Pane]]:
        """list of (Plot, Pane) : in order."""
        return [(plot, pane) for _, plot, pane in self._made.values()]

    @property
    def note(self) -> str:
        """str : what to say above the plots, or instead of them."""
        found = len(self._wanted())
        if not found:
            return (
                "Nothing aggregated yet: connect aggregate to a marker; "
                "a click on the marker's name shows of which field, and by what."
            )
        return f"{found - MOST:,} more: filter to see them." if found > MOST else ""

    def refresh(self) -> bool:
        """Bring the plots up to date; return whether there are others than before."""
        for pane in self._gone:  # by now the page shows them no more
            pane.close()
        self._gone.clear()
        wanted = {id(each): each for each in self._wanted()[:MOST]}
        before = list(self._made)
        for key in [key for key in before if key not in wanted]:
            self._gone.append(self._made.pop(key)[2])
            self._drawn.pop(key, None)
        for key, aggregate in wanted.items():
            version = _version(aggregate)
            if key not in self._made:
                self._make(key, aggregate)
            elif self._drawn[key] != version and self._made[key][2].visible:
                _, plot, pane = self._made[key]
                with pane.changes():
                    plot.update(aggregate)
                time.sleep(PAUSE)
            self._drawn[key] = version
        self._made = {key: self._made[key] for key in wanted}
        return list(self._made) != before

    def _wanted(self) -> list[Aggregate | Table]:
        opened = self._state.sessions.opened
        return [*self._state.aggregates()] if opened is None else [*opened.aggregates]

    def _make(self, key: int, aggregate: Aggregate | Table) -> None:
        from kit import plots

        plot = plots.aggregate(aggregate)
        self._made[key] = (aggregate, plot, Pane(plot))

    def close(self) -> None:
        """Free all plots."""
        for pane in [*self._gone, *(pane for _, _, pane in self._made.values())]:
            pane.close()
        self._gone.clear()
        self._made.clear()


def _version(numbers: Aggregate | Table) -> object:
    """Tell apart what would be drawn; what was saved stays what it is."""
    running = getattr(numbers, "running", False)
    return (numbers.count, numbers.dropped, running, getattr(numbers, "state", ""))


LIVE: Final = 20_000
"""How many events are drawn while recording."""

SHARE: Final = 0.05
"""How much of the time the drawing thread may compute, so that the program keeps the rest."""

SHORTEST: Final = 0.25
"""Seconds between two updates at least."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab: what it is called, what it shows, and which plots of `kit.plots` it holds."""

    key: str
    title: str
    hint: str
    plots: tuple[str, ...] = ()
    frames: Callable[[PanelState], tuple[Any, ...]] | None = None


def _event_frames(state: PanelState) -> tuple[Any, ...]:
    opened, recording = state.sessions.opened, state.recording
    if opened is not None:
        return (opened.events,)
    return (events(recording.newest(LIVE) if state.running else recording.capture()),)


def _fanout_frames(state: PanelState) -> tuple[Any, ...]:
    from kit import frames

    opened = state.sessions.opened
    if opened is not None:
        return opened.dispatches, opened.probe_calls
    capture = state.observing.capture()
    calls = frames.probe_calls(capture)
    _note_costs(state, calls)
    # What observes is there for the observation only; the reader asks about the other probes.
    others = calls[calls["probe"] != state.observing.choice.label]
    dispatches = frames.dispatches(capture)
    return dispatches.assign(fanout=dispatches["fanout"] - 1), others


def _publication_frames(state: PanelState) -> tuple[Any, ...]:
    from kit import frames

    opened = state.sessions.opened
    if opened is not None:
        return opened.dispatches, opened.publications
    capture = state.observing.capture()
    return frames.dispatches(capture), frames.publications(capture)


def _note_costs(state: PanelState, calls: pd.DataFrame) -> None:
    """Take what the user's functions were seen to cost."""
    if state.costs is None or calls.empty:
        return
    medians = calls.groupby("probe", observed=True)["dur"].median().items()
    seen = {f"own:{label}": float(cost) for label, cost in medians if f"own:{label}" in state.own}
    state.costs = replace(state.costs, probes=state.costs.probes | seen)


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


TABS: Final = (
    Tab("events", "Events", "the newest events, as text"),
    Tab(
        "latency",
        "Latency",
        "how long the recorded spans took, when, and on which thread",
        ("latency", "latency_over_time", "timeline"),
        _event_frames,
    ),
    Tab(
        "fanout",
        "Fan-out",
        "what each probe of a dispatch takes",
        ("fanout",),
        _fanout_frames,
    ),
    Tab(
        "publication",
        "Publication",
        "which dispatches saw which probes, and how long old ones had to be waited for",
        ("publication",),
        _publication_frames,
    ),
    Tab("aggregates", "Aggregates", "counts, averages and histograms, as they grow"),
    Tab("session", "Session", "save everything that is connected in a folder, and open it again"),
)


class Tabs:
    """The tabs of one panel."""

    def __init__(self, state: PanelState) -> None:
        self.state = state
        self.current = TABS[0]
        self.shown: dict[str, list[tuple[Plot, Pane]]] = {}
        self.selection: Selection | None = None
        self.aggregates = AggregatePlots(state)
        self._drawn: object = None
        self._due = 0.0

    def choose(self, key: str) -> None:
        """Bring a tab to the front."""
        self.current = next((tab for tab in TABS if tab.key == key), self.current)
        self._due = 0.0

    @property
    def note(self) -> str:
        """str : what to say above the current tab's plots, or instead of them."""
        state, tab = self.state, self.current
        if tab.key == "session":
            return state.sessions.says()
        if state.sessions.opened is not None:
            return self._note_opened(state.sessions.opened)
        if tab.key == "aggregates":
            return self.aggregates.note
        if tab.key in {"events", "latency"}:
            recorded = len(state.recording.recorder)
            if not recorded and not state.running:
                return "Nothing recorded yet: connect record to a marker, or press Start."
            if not recorded:
                return "Recording; nothing has been fired yet."
            if tab.key == "events":
                return ""
            if state.running:
                return f"While recording, the newest {units.count(LIVE)} events are drawn."
            return f"All {units.count(recorded)} events."
        if not state.observed and tab.key not in self.shown:
            return (
                "Nothing observed yet: press Observe to time every probe of every dispatch. "
                "It costs more than recording, so it is off until you ask for it."
            )
        return ""

    def _note_opened(self, opened: Opened) -> str:
        missing = {
            "fanout": "no dispatches in it: press Observe before a session is begun.",
            "publication": "no publications in it: press Observe before a session is begun.",
            "aggregates": "no aggregates in it.",
        }
        there = {
            "fanout": len(opened.dispatches),
            "publication": len(opened.dispatches) or len(opened.publications),
            "aggregates": len(opened.aggregates),
        }
        if not there.get(self.current.key, 1):
            return f"Opened: {opened.title}; {missing[self.current.key]}"
        return f"Opened: {opened.title}."

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
        tab = self.current
        if tab.key == "aggregates" and now >= self._due:
            return self._refresh_aggregates(now)
        if tab.frames is None or now < self._due:
            return False
        shown = self.shown.get(tab.key)
        if shown and not any(pane.visible for _, pane in shown):
            return False
        version = self._version(tab)
        if version is None or (shown and version == self._drawn):
            return False
        begin = time.thread_time()
        frames = tab.frames(self.state)
        if not shown:
            self._make(tab, frames)
        for plot, pane in shown or ():
            with pane.changes():
                plot.update(*frames)
            time.sleep(PAUSE)
        self._drawn = version
        # Making a plot imports much, once; that says nothing of what an update costs.
        spent = time.thread_time() - begin if shown else 0.0
        self._due = now + max(SHORTEST, spent / SHARE)
        return not shown

    def _refresh_aggregates(self, now: float) -> bool:
        begin = time.thread_time()
        changed = self.aggregates.refresh()
        spent = 0.0 if changed else time.thread_time() - begin
        self._due = now + max(SHORTEST, spent / SHARE)
        self.shown["aggregates"] = self.aggregates.shown
        return changed

    def _version(self, tab: Tab) -> object:
        """Tell apart what would be drawn now and what was drawn before; None for nothing."""
        opened = self.state.sessions.opened
        if opened is not None:
            return (tab.key, id(opened))
        recording = self.state.recording if tab.key == "latency" else self.state.observing
        recorder = recording.recorder
        count = len(recorder) + recorder.overwritten
        # What was opened is not left standing where nothing is recorded.
        if not count and tab.key not in self.shown:
            return None
        return (tab.key, id(recorder), count, recording.stopped)

    def _make(self, tab: Tab, frames: tuple[Any, ...]) -> None:
        from kit import plots

        made = [getattr(plots, name)(*frames) for name in tab.plots]
        if tab.key == "latency":
            self.selection = link(*made)
        self.shown[tab.key] = [(plot, Pane(plot)) for plot in made]

    @property
    def panes(self) -> dict[str, list[str]]:
        """dict of str to list of str : by tab, the identifiers of its panes."""
        return {key: [pane.model_id for _, pane in shown] for key, shown in self.shown.items()}

    def close(self) -> None:
        """Free all plots."""
        self.aggregates.close()
        for shown in self.shown.values():
            for _, pane in shown:
                pane.close()
        self.shown.clear()
