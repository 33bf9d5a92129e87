"""The tab Latency: a line a marker, and how long spans took; how often, where nothing took time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from kit.plots import units
from kit.plots._selection import link
from kit.widgets._messages import WORDS
from kit.widgets._panel.sessions import apart, together
from kit.widgets._panel.tabs.tab import FramePlots, nothing_recorded, only

if TYPE_CHECKING:
    import pandas as pd

    from kit.plots._plot import Plot
    from kit.probes.captures._capture import Capture
    from kit.widgets._panel.state import PanelState

__all__ = ["LatencyTab", "events", "line"]

LIVE: Final = 20_000
"""How many events are drawn while recording."""

MOST_COUNTED: Final = 5_000_000
"""Of how many events, the newest, the table tells."""

MOST_LINES: Final = 200

SHARE: Final = 0.02
"""How much of the time the table may take."""

SHORTEST: Final = 1.0
"""Seconds between two tables at least."""

MOST_VALUES: Final = 50
"""A column of numbers with more values than this says how much, not which."""

GAPS: Final = "Gaps from one event to the next"


class LatencyTab(FramePlots):
    """How long spans took; what is brushed in one plot shows in all."""

    key, title = "latency", "Latency"
    hint = "how long the recorded spans took, when, and on which thread"
    body = "latency"
    actions: ClassVar[dict[str, Any]] = {"split": {"by": WORDS}}
    parts = ("events",)
    plots = ("latency", "latency_over_time")

    def __init__(self, state: PanelState) -> None:
        super().__init__(state)
        self._by = ""
        self._columns: list[tuple[str, str]] = []
        self._gaps: Plot | None = None
        self._lines: list[dict[str, Any]] = []
        self._asked: object = None
        self._counted: object = None
        self._due = 0.0

    def _note(self) -> str:
        state = self._state
        if nothing_recorded(state):
            return nothing_recorded(state)
        held = len(state.recording.recorder)
        counted = (
            f" The table is of the newest {units.count(MOST_COUNTED)}."
            if held > MOST_COUNTED
            else ""
        )
        if not state.running:
            return f"All {units.several(held, 'event')}.{counted}"
        one = len(state.chosen) == 1
        drawn = f"newest {units.count(LIVE)} {'of its ' if one else ''}events are drawn"
        return f"While recording, the {drawn}.{counted or ' The table is of all.'}"

    # The table.

    def look(self, now: float) -> None:
        """Count all markers anew where something was recorded, if it is time."""
        state = self._state
        opened, recording = state.sessions.opened, self._recording
        recorder, names = recording.recorder, state.filtered()
        asked = (id(recorder), recording.started, opened and id(opened), names)
        held = len(recorder) + recorder.overwritten if opened is None else 0
        if (asked, held) == self._counted or (now < self._due and asked == self._asked):
            return
        from kit import analysis
        from kit.frames._build import timings

        begin = time.thread_time()
        frame = timings(recording.newest(MOST_COUNTED)) if opened is None else opened.events
        found = only(analysis.summary(frame), names)
        self._lines = [line(*row) for row in found.head(MOST_LINES).itertuples(index=False)]
        self._asked, self._counted = asked, (asked, held)
        self._due = now + max(SHORTEST, (time.thread_time() - begin) / SHARE)

    def described(self) -> dict[str, Any]:
        """Return the table and how the plots can be split, ready for JSON."""
        now = self._by if self._by in dict(self._columns) else ""
        return {"lines": self._lines, "by": now, "choices": self._columns}

    # The plots.

    def act(self, content: dict[str, Any]) -> None:
        """Draw the plots by the values of a column; together for an empty name."""
        self._by = content["by"]

    def _version(self) -> object:
        version = super()._version()
        return None if version is None else (version, self._by)

    def _frames(self) -> tuple[pd.DataFrame, ...]:
        recording, chosen, running = self._recording, self._state.chosen, self._state.running
        if len(chosen) != 1:
            if not running:
                return (events(recording.capture()),)
            return (events(recording.newest(LIVE)).tail(LIVE).reset_index(drop=True),)
        # Its own fields, and as many events of its own, however busy the others are.
        capture = recording.capture()
        frame = events(capture, chosen[0])
        return (frame.tail(LIVE).reset_index(drop=True) if running else frame,)

    def _look_at(self, *frames: pd.DataFrame) -> tuple[bool, str]:
        (frame,) = frames
        self._columns = splits(frame)
        timed = not len(frame) or bool(frame["dur"].notna().any()) if "dur" in frame else False
        return (timed, self._by if self._by in dict(self._columns) else "")

    def _make(self, *frames: pd.DataFrame) -> list[Any]:
        from kit import analysis, plots

        (frame,) = frames
        timed, by = self._look_at(*frames)
        if timed:
            self._gaps = None
            split = by or None
            made = [plots.latency(frame, by=split), plots.latency_over_time(frame, by=split)]
            self.selection = link(*made)
            return made
        rate = plots.rate(frame, by=by or "marker")
        self._gaps = plots.latency(analysis.gaps(frame), title=GAPS, by=by or None)
        self.selection = rate.selection
        return [rate, self._gaps]

    def _drawn_by(self, plot: Plot, *frames: pd.DataFrame) -> tuple[pd.DataFrame, ...]:
        if plot is not self._gaps:
            return frames
        from kit import analysis

        return (analysis.gaps(frames[0]),)


def line(
    name: str, count: int, rate: Any, of: str, p50: Any, p99: Any, longest: Any
) -> dict[str, Any]:
    """Describe a row of `kit.analysis.summary` for the page.

    Returns
    -------
    dict
        ``name``; ``of``; ``texts``, what is read: count, rate, p50, p99 and max; ``numbers``, what
        is sorted by, None where there is none.

    Examples
    --------
    >>> line("db.query", 1_200, 98_214.0, "duration", 41_230, 52_000, 2_000_000)["texts"]
    ['1,200', '98.2 k/s', '41.2 µs', '52 µs', '2 ms']
    """
    import pandas as pd

    numbers = [None if pd.isna(each) else float(each) for each in (count, rate, p50, p99, longest)]
    _, often, *took = numbers
    return {
        "name": name,
        "of": of,
        "texts": [
            units.count(count),
            units.rate(often),
            *map(units.duration, took),
        ],
        "numbers": numbers,
    }


def splits(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Say by which columns plots of a frame can be split.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    list of (str, str)
        Columns, and what they are called; the first one, without a name, splits nothing.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"ts": [1, 2], "marker": "a", "sym": ["X", "Y"], "px": [1.0, 2.0]})
    >>> splits(frame)
    [('', 'all together'), ('sym', 'by sym')]
    """
    found = [("", "all together")]
    sample = frame.tail(LIVE)
    for name in frame.columns:
        if name in ("ts", "dur", "seq") or sample[name].dtype.kind == "f":
            continue
        values = sample[name].nunique()
        if values > 1 and (values <= MOST_VALUES or sample[name].dtype.kind not in "iu"):
            found.append((str(name), "by thread" if name == "tid" else f"by {name}"))
    return found


def events(capture: Capture, name: str | None = None) -> pd.DataFrame:
    """Return all events, with the columns that all have where their fields clash.

    Parameters
    ----------
    capture : Capture
    name : str, optional
        Those of one marker; all of them where it was not recorded.

    Returns
    -------
    pandas.DataFrame
    """
    from kit import frames

    names = [marker.name for marker in capture.markers]
    if name in names:
        return frames.events(capture, name)
    return together(apart(lambda name: frames.events(capture, name), names))
