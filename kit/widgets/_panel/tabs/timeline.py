"""The tab Timeline: who did what when, and what a span happened inside of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from kit.plots import units
from kit.probes._validation import COUNT, FLAG, choice
from kit.widgets._messages import WORDS
from kit.widgets._pane.pane import Pane
from kit.widgets._panel.event_detail import describe
from kit.widgets._panel.tabs.events import LIVE, look_through
from kit.widgets._panel.tabs.tab import Tab, nothing_recorded

if TYPE_CHECKING:
    from kit.plots.figures.timeline import Timeline
    from kit.widgets._panel.event_table import EventTable
    from kit.widgets._panel.state import PanelState

__all__ = ["TimelineTab", "ordinal"]

_STEPS: Final = {"next": 1, "previous": -1}

_COMMON: Final = ("tid", "task", "marker")
"""What lanes can be of whatever is recorded."""

_TITLES: Final = {"tid": "thread"}


class TimelineTab(Tab):
    """Lanes of spans; one of them in full."""

    key, title, hint = "timeline", "Timeline", "who did what when: every span in its lane"
    body = "timeline"
    actions: ClassVar[dict[str, Any]] = {
        "timeline": {
            "step?": choice(*_STEPS),
            "by?": WORDS,
            "key?": WORDS,
            "held?": FLAG,
            "scroll?": COUNT,
        }
    }

    def __init__(self, state: PanelState) -> None:
        super().__init__(state)
        self.by = "tid"
        self.held = False
        self.table: EventTable | None = None
        self._drawn: object = None
        self._source: object = None
        self._count = -1
        self._rows: Any = ()
        self._event: dict[str, Any] | None = None
        self._rank = ""
        self._offered: list[list[str]] = []

    def _note(self) -> str:
        state = self._state
        if nothing_recorded(state):
            return nothing_recorded(state)
        if state.running and not self.held:
            return f"While recording, the newest {units.count(LIVE)} events are drawn."
        return ""

    @property
    def plot(self) -> Timeline | None:
        """Timeline or None : the plot, once there is one."""
        plot: Timeline | None = cast("Any", self.shown[0][0]) if self.shown else None
        return plot

    # What the reader does.

    def act(self, content: dict[str, Any]) -> None:
        """Do what a page asks."""
        if "by" in content and content["by"] in [name for name, _ in self._offered]:
            self.by = content["by"]
        if "held" in content:
            self.held = content["held"]
        plot = self.plot
        if plot is None:
            return
        with self.shown[0][1].changes():
            if "scroll" in content:
                plot.scroll(content["scroll"])
            if "step" in content:
                plot.step(_STEPS[content["step"]])
            if "key" in content:
                self._open(plot, content["key"])
            if content.get("held") is False:
                plot.pick(None)

    def _open(self, plot: Timeline, key: str) -> None:
        """Pick an event by its key, and read it in full."""
        table = self.table
        row = None if table is None else table.find(key)
        at = [] if row is None else (self._rows == row).nonzero()[0]
        plot.pick(int(at[0]) if len(at) else None)
        if table is not None and row is not None and not len(at):
            # Of a marker that the plot does not show: nothing to pick, but it can be read.
            live = self._state.sessions.opened is None
            self._event = describe(table, row, code=live)

    def _picked(self) -> None:
        """Show in full what was picked; the picture holds still for it."""
        plot, table = self.plot, self.table
        row = None if plot is None else plot.picked
        self._event, self._rank = None, ""
        if plot is None or table is None or row is None or row >= len(self._rows):
            return
        self.held = True
        live = self._state.sessions.opened is None
        self._event = describe(table, int(self._rows[row]), code=live)
        found = plot.slowest()
        at = (found == row).nonzero()[0]
        if len(at):
            self._rank = f"{ordinal(int(at[0]) + 1)} of {units.count(len(found))} in view"

    # What there is.

    def refresh(self) -> bool | None:
        """Bring the plot up to date, if somebody sees it and there is something new."""
        if self.shown and not self.shown[0][1].visible:
            return None
        state = self._state
        with state.lock:
            opened, recording, focus = state.sessions.opened, state.recording, state.focus()
            running, recorder = state.running, recording.recorder
            count = len(recorder) + recorder.overwritten
        if opened is None and not count and not self.shown:
            return None
        live = running and opened is None
        source = (id(opened), 0) if opened is not None else (id(recorder), recording.started)
        held = self.held
        still = live and held and source == self._source
        table = self.table
        if table is None or not (still or (source, count) == (self._source, self._count)):
            table = look_through(state, recording.newest(LIVE) if live else None)
            self._source, self._count = source, count
        if table is self.table and (self.by, focus) == self._drawn:
            return None
        self._offer(table, focus)
        frame, rows = table.with_column(self.by), table.chosen(focus=focus)
        if len(rows) < len(frame):
            frame = frame.iloc[rows].reset_index(drop=True)
        new = not self.shown
        if new:
            self.table, self._rows = table, rows
            self._make(frame)
        else:
            plot, pane = self.shown[0]
            with pane.changes():
                if live and self.held and not held:
                    self._count = -1
                    return None  # a span was picked meanwhile: what it is in stays
                self._update(cast("Timeline", plot), frame, table, rows)
        self._drawn = (self.by, focus)
        return new

    def _offer(self, table: EventTable, focus: frozenset[str] | None) -> None:
        """See what lanes can be of."""
        fields = [name for name in table.fields(focus) if name not in ("task", *_COMMON)]
        whole = [name for name in fields if not _is_float(table, name)]
        common = [name for name in _COMMON if name in table.frame]
        self._offered = [[name, _TITLES.get(name, name)] for name in (*common, *whole)]
        if self.by not in [name for name, _ in self._offered]:
            self.by = "tid"

    def _make(self, frame: Any) -> None:
        from kit import plots

        plot = plots.timeline(frame, lanes=self.by)
        plot.brushes_lanes = self.by in _COMMON
        plot.on_pick(self._picked)
        self.shown = [(plot, Pane(plot))]
        self.selection = plot.selection

    def _update(self, plot: Timeline, frame: Any, table: EventTable, rows: Any) -> None:
        self.table, self._rows = table, rows
        plot.brushes_lanes = self.by in _COMMON
        if plot.lanes != self.by:
            plot.set_lanes(self.by, frame)
        else:
            plot.update(frame)
        if plot.picked is None:
            self._event, self._rank = None, ""

    # What the page shows.

    def described(self) -> dict[str, Any]:
        """Describe what is picked, what lanes can be of, and how far they are scrolled."""
        plot = self.plot
        return {
            "by": self.by,
            "lanes": self._offered,
            "event": self._event,
            "rank": self._rank,
            "follow": self._state.running and not self.held,
            "recording": self._state.running and self._state.sessions.opened is None,
            "ready": plot is not None,
            "room": 0 if plot is None else plot.view.room,
            "down": 0 if plot is None else plot.scrolled,
        }


def _is_float(table: EventTable, name: str) -> bool:
    """Tell whether a field has a value of its own in every event, and so no lanes."""
    return any(name in part and part[name].dtype.kind == "f" for part in table.parts)


def ordinal(rank: int) -> str:
    """Write which one it is, from the slowest.

    Examples
    --------
    >>> [ordinal(rank) for rank in (1, 2, 3, 11, 22, 103)]
    ['slowest', '2nd slowest', '3rd slowest', '11th slowest', '22nd slowest', '103rd slowest']
    """
    if rank == 1:
        return "slowest"
    ending = (
        "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    )
    return f"{rank:,}{ending} slowest"
