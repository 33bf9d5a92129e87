"""What all tabs of a panel share: their words, and plots that are kept up to date.

Plots are made when they are first looked at.  While a program runs they show the newest events
only, so that drawing costs the same however much has been recorded; when recording stops they show
all of them.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from kit.widgets._pane.pane import Pane

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from kit.plots._plot import Plot
    from kit.plots._selection import Brush, Selection
    from kit.widgets._panel.recording import PanelRecorder
    from kit.widgets._panel.state import PanelState

__all__ = ["LINGER", "PAUSE", "FramePlots", "Tab", "nothing_recorded", "only", "without_own"]

PAUSE: Final = 0.01
"""Seconds between two plots, in which the program makes up for lost time."""

LINGER: Final = 10.0
"""Seconds until a plot is freed that another replaced: a page may only now be loading it."""


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
    actions : dict
        What a reader can do there, and what has to be said for it; see `act`.
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
    hidden : int
        How many rows of the kit's own threads are, or would be, left out.
    brush : Brush or None
        What is brushed, in whichever tab.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    hint: ClassVar[str]
    body: ClassVar[str] = ""
    parts: ClassVar[tuple[str, ...]] = ()
    actions: ClassVar[dict[str, Any]] = {}
    missing: ClassVar[str] = ""

    def __init__(self, state: PanelState) -> None:
        self._state = state
        self.shown: list[tuple[Plot, Pane]] = []
        self.selection: Selection | None = None
        self.hidden = 0
        self.brush: Brush | None = None
        self._gone: list[tuple[float, Pane]] = []

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

    def look(self, now: float) -> None:  # noqa: B027 - most tabs show nothing else
        """Bring what it shows besides plots up to date; often called.

        Parameters
        ----------
        now : float
            Seconds, as of ``time.monotonic``.
        """

    def refresh(self) -> bool | None:
        """Bring the plots up to date.

        Returns
        -------
        bool or None
            Whether there are others than before; None if there was nothing to draw.
        """
        return None

    def act(self, content: dict[str, Any]) -> dict[str, Any] | None:  # noqa: ARG002
        """Do what a page asks, one of `actions`.

        Returns
        -------
        dict or None
            What to tell the page.
        """
        return None

    def described(self) -> dict[str, Any] | None:
        """Describe what the page shows of it besides plots, ready for JSON."""
        return None

    def rows(self) -> list[list[str]]:
        """Return rows of text that come too often to be a part of what is described."""
        return []

    def close(self) -> None:
        """Free all plots."""
        self._retire([pane for _, pane in self.shown])
        self._close_gone(time.monotonic())
        self.shown = []

    def _retire(self, panes: list[Pane]) -> None:
        """Have panes freed that others have replaced, when no page can be loading them any more."""
        self._gone += [(time.monotonic(), pane) for pane in panes]

    def _close_gone(self, before: float) -> None:
        """Free what was replaced before a moment."""
        for _, pane in (each for each in self._gone if each[0] <= before):
            pane.close()
        self._gone = [each for each in self._gone if each[0] > before]


class FramePlots(Tab):
    """A tab whose plots, functions of `kit.plots`, all draw the same frames."""

    plots: ClassVar[tuple[str, ...]]
    _drawn: object = None
    _kind: object = None

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
        self._close_gone(time.monotonic() - LINGER)
        version = self._version()
        if version is None or (self.shown and version == self._drawn):
            return None
        opened, names = self._state.sessions.opened, self._state.focus()
        live = opened is None
        frames = self._frames() if live else [getattr(opened, part) for part in self.parts]
        frames = [only(frame, names) for frame in frames]
        rest = [without_own(frame) for frame in frames]
        self.hidden = len(frames[0]) - len(rest[0])
        frames = frames if self._state.show_own else rest
        kind = self._look_at(*frames)
        before, new = self.shown, not self.shown or kind != self._kind
        if new:
            self.shown = [(plot, Pane(plot)) for plot in self._make(*frames)]
            self._retire([pane for _, pane in before])
        else:
            for plot, pane in before:
                with pane.changes():
                    plot.update(*self._drawn_by(plot, *frames))
                time.sleep(PAUSE)
        self._drawn, self._kind = version, kind
        return new

    def _look_at(self, *frames: pd.DataFrame) -> object:  # noqa: ARG002 - most draw all alike
        """Look at what is to be drawn; tell apart what needs other plots."""
        return None

    def _drawn_by(self, plot: Plot, *frames: pd.DataFrame) -> tuple[pd.DataFrame, ...]:  # noqa: ARG002
        """Return what one of the plots draws of the frames."""
        return frames

    def _version(self) -> object:
        """Tell apart what would be drawn now and what was drawn before; None for nothing."""
        opened, names = self._state.sessions.opened, self._state.focus()
        if opened is not None:
            return (id(opened), names, self._state.show_own)
        recording = self._recording
        recorder = recording.recorder
        count = len(recorder) + recorder.overwritten
        # What was opened is not left standing where nothing is recorded.
        if not count and not self.shown:
            return None
        now = (id(recorder), count, recording.started, recording.stopped)
        return (*now, names, self._state.show_own)

    def _make(self, *frames: pd.DataFrame) -> list[Any]:
        from kit import plots

        return [getattr(plots, name)(*frames) for name in self.plots]


def only(frame: pd.DataFrame, names: Collection[str] | None) -> pd.DataFrame:
    """Keep the rows of some markers; all of them for None.

    Examples
    --------
    >>> import pandas as pd
    >>> only(pd.DataFrame({"ts": [1, 2], "marker": ["a", "b"]}), {"b"})["ts"].tolist()
    [2]
    """
    if names is None or "marker" not in frame.columns:
        return frame
    return frame[frame["marker"].isin(names)].reset_index(drop=True)


def without_own(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out what the threads of the kit did: the garbage collections of drawing, for example.

    Parameters
    ----------
    frame : pandas.DataFrame
        Events, dispatches or probe calls; publications, which are of the program's markers
        whoever makes them, stay as they are.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"ts": [1, 2], "tid": [7, 8]})
    >>> frame.attrs["threads"] = {"7": "kit-panel-plots", "8": "worker"}
    >>> without_own(frame)["ts"].tolist()
    [2]
    """
    threads = frame.attrs.get("threads", {}).items()
    own = [int(tid) for tid, names in threads if all(map(_is_own, names.split(", ")))]
    if not own or "grace" in frame or "tid" not in frame:
        return frame
    mine = frame["tid"].isin(own)
    return frame[~mine].reset_index(drop=True) if mine.any() else frame


def _is_own(thread: str) -> bool:
    return thread.startswith("kit-")


def nothing_recorded(state: PanelState) -> str:
    """Say why there is no event to show; empty if there is one."""
    if len(state.recording.recorder):
        return ""
    if state.running:
        return "Recording; nothing has been fired yet."
    return "Nothing recorded yet: connect record to a marker, or press Start."
