"""A panel's tabs: each is one class, with its words, its plots and what else the page shows there.

Plots are made when they are first looked at, then kept up to date. While a program runs they show
the newest events only, so that drawing costs the same however much has been recorded; when
recording stops they show all of them.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from kit.plots import units
from kit.plots._selection import link
from kit.widgets._pane.pane import Pane
from kit.widgets._panel.sessions import apart, together

if TYPE_CHECKING:
    import pandas as pd

    from kit.plots._plot import Plot
    from kit.plots._selection import Selection
    from kit.probes.aggregates import Aggregate, Table
    from kit.probes.captures._capture import Capture
    from kit.widgets._panel.recording import PanelRecorder
    from kit.widgets._panel.state import PanelState

__all__ = ["MOST", "TABS", "Tab", "Tabs"]

MOST: Final = 8
"""How many aggregates are drawn at once; the filter finds the others."""

LIVE: Final = 20_000
"""How many events are drawn while recording."""

PAUSE: Final = 0.01
"""Seconds between two plots, in which the program makes up for lost time."""

SHARE: Final = 0.05
"""How much of the time the drawing thread may compute, so that the program keeps the rest."""

SHORTEST: Final = 0.25
"""Seconds between two updates at least."""


class Tab(ABC):
    """A tab of one panel.

    Attributes
    ----------
    key, title, hint : str
        What it is known by, what it is called, and what it shows.
    body : str
        What the page shows there besides plots: ``"events"``, ``"session"`` or nothing.
    parts : tuple of str
        What it shows of a session that was opened: attributes of `Opened`.
    missing : str
        What to say where an opened session has none of them.
    running : bool
        Whether its title has a mark, because something goes on by itself.
    observed : bool or None
        Whether dispatches are observed for it; None where there is nothing to observe.
    shown : list of (Plot, Pane)
        In order.
    selection : Selection or None
        What is brushed in its plots; None where nothing can be.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    hint: ClassVar[str]
    body: ClassVar[str] = ""
    parts: ClassVar[tuple[str, ...]] = ()
    missing: ClassVar[str] = ""

    def __init__(self, state: PanelState) -> None:
        self._state = state
        self.shown: list[tuple[Plot, Pane]] = []
        self.selection: Selection | None = None

    @property
    def running(self) -> bool:
        """bool : whether something goes on by itself."""
        return False

    @property
    def observed(self) -> bool | None:
        """bool or None : whether dispatches are observed."""
        return None

    @property
    def note(self) -> str:
        """str : what to say above the plots, or instead of them."""
        opened = self._state.sessions.opened
        if opened is None:
            return self._note()
        there = not self.missing or any(len(getattr(opened, part)) for part in self.parts)
        return f"Opened: {opened.title}{'' if there else f'; {self.missing}'}."

    @abstractmethod
    def _note(self) -> str:
        """Say it of what is live."""

    def refresh(self) -> bool | None:
        """Bring the plots up to date.

        Returns
        -------
        bool or None
            Whether there are others than before; None if there was nothing to draw.
        """
        return None

    def close(self) -> None:
        """Free all plots."""
        for _, pane in self.shown:
            pane.close()
        self.shown = []


class FramePlots(Tab):
    """A tab whose plots, functions of `kit.plots`, all draw the same frames."""

    plots: ClassVar[tuple[str, ...]]
    _drawn: object = None

    @property
    def _recording(self) -> PanelRecorder:
        return self._state.recording

    @abstractmethod
    def _frames(self) -> tuple[pd.DataFrame, ...]:
        """Return what to draw of what is live."""

    def refresh(self) -> bool | None:
        """Bring the plots up to date, if somebody sees them and there is something new."""
        if self.shown and not any(pane.visible for _, pane in self.shown):
            return None
        version = self._version()
        if version is None or (self.shown and version == self._drawn):
            return None
        new, opened = not self.shown, self._state.sessions.opened
        live = opened is None
        frames = self._frames() if live else [getattr(opened, part) for part in self.parts]
        for plot, pane in self.shown:
            with pane.changes():
                plot.update(*frames)
            time.sleep(PAUSE)
        if new:
            self.shown = [(plot, Pane(plot)) for plot in self._make(*frames)]
        self._drawn = version
        return new

    def _version(self) -> object:
        """Tell apart what would be drawn now and what was drawn before; None for nothing."""
        opened = self._state.sessions.opened
        if opened is not None:
            return id(opened)
        recording = self._recording
        recorder = recording.recorder
        count = len(recorder) + recorder.overwritten
        # What was opened is not left standing where nothing is recorded.
        if not count and not self.shown:
            return None
        return (id(recorder), count, recording.started, recording.stopped)

    def _make(self, *frames: pd.DataFrame) -> list[Any]:
        from kit import plots

        return [getattr(plots, name)(*frames) for name in self.plots]


class EventsTab(Tab):
    """The newest events."""

    key, title, hint = "events", "Events", "the newest events, as text"
    body = "events"

    def _note(self) -> str:
        return _nothing_recorded(self._state)


def _nothing_recorded(state: PanelState) -> str:
    """Say why there is no event to show; empty if there is one."""
    if len(state.recording.recorder):
        return ""
    if state.running:
        return "Recording; nothing has been fired yet."
    return "Nothing recorded yet: connect record to a marker, or press Start."


class LatencyTab(FramePlots):
    """How long spans took; what is brushed in one plot shows in all."""

    key, title = "latency", "Latency"
    hint = "how long the recorded spans took, when, and on which thread"
    parts = ("events",)
    plots = ("latency", "latency_over_time", "timeline")

    def _note(self) -> str:
        state = self._state
        shown = f"All {units.count(len(state.recording.recorder))} events."
        if state.running:
            shown = f"While recording, the newest {units.count(LIVE)} events are drawn."
        return _nothing_recorded(state) or shown

    def _frames(self) -> tuple[pd.DataFrame, ...]:
        recording = self._recording
        return (events(recording.newest(LIVE) if self._state.running else recording.capture()),)

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


class AggregatesTab(Tab):
    """A plot for each aggregate that is shown."""

    key, title = "aggregates", "Aggregates"
    hint = "counts, averages and histograms, as they grow"
    parts = ("aggregates",)
    missing = "no aggregates in it"

    def __init__(self, state: PanelState) -> None:
        super().__init__(state)
        # The aggregate is held, so that no other one can have its identity.
        self._made: dict[int, tuple[Aggregate | Table, Plot, Pane]] = {}
        self._drawn: dict[int, object] = {}
        self._gone: list[Pane] = []

    def _note(self) -> str:
        found = len(self._wanted())
        if not found:
            return (
                "Nothing aggregated yet: connect aggregate to a marker; "
                "a click on the marker's name shows of which field, and by what."
            )
        return f"{found - MOST:,} more: filter to see them." if found > MOST else ""

    def refresh(self) -> bool | None:
        """Bring the plots up to date; return whether there are others than before."""
        self._close_gone()  # by now the page shows them no more
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
        self.shown = [(plot, pane) for _, plot, pane in self._made.values()]
        return list(self._made) != before

    def _wanted(self) -> list[Aggregate | Table]:
        opened = self._state.sessions.opened
        return [*self._state.aggregates()] if opened is None else [*opened.aggregates]

    def _make(self, key: int, aggregate: Aggregate | Table) -> None:
        from kit import plots

        plot = plots.aggregate(aggregate)
        self._made[key] = (aggregate, plot, Pane(plot))

    def _close_gone(self) -> None:
        for pane in self._gone:
            pane.close()
        self._gone.clear()

    def close(self) -> None:
        """Free all plots."""
        self._close_gone()
        self._made.clear()
        super().close()


def _version(numbers: Aggregate | Table) -> object:
    """Tell apart what would be drawn; what was saved stays what it is."""
    running = getattr(numbers, "running", False)
    return (numbers.count, numbers.dropped, running, getattr(numbers, "state", ""))


class SessionTab(Tab):
    """Where a session is begun, stopped and opened again."""

    key, title = "session", "Session"
    hint = "save everything that is connected in a folder, and open it again"
    body = "session"

    @property
    def running(self) -> bool:
        """bool : whether a session is being saved."""
        return self._state.sessions.running

    @property
    def note(self) -> str:
        """str : what a session is or would be, or what was opened."""
        return self._note()

    def _note(self) -> str:
        return self._state.sessions.says()


TABS: Final[tuple[type[Tab], ...]] = (
    EventsTab,
    LatencyTab,
    FanoutTab,
    PublicationTab,
    AggregatesTab,
    SessionTab,
)
"""Every tab there is, in order."""


class Tabs:
    """The tabs of one panel, and which of them is in front."""

    def __init__(self, state: PanelState) -> None:
        self.all = tuple(tab(state) for tab in TABS)
        self.current = self.all[0]
        self._due = 0.0

    def choose(self, key: str) -> None:
        """Bring a tab to the front."""
        self.current = next((tab for tab in self.all if tab.key == key), self.current)
        self._due = 0.0

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
        if now < self._due:
            return False
        begin = time.thread_time()
        new = self.current.refresh()
        if new is None:
            return False
        # Making a plot imports much, once; that says nothing of what an update costs.
        spent = 0.0 if new else time.thread_time() - begin
        self._due = now + max(SHORTEST, spent / SHARE)
        return new

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
            "selection": len(current.selection) if current.selection else None,
        }

    def close(self) -> None:
        """Free all plots."""
        for tab in self.all:
            tab.close()
