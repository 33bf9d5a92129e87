"""What a panel has kept: snapshots, what was opened, and for a while what was cleared."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from kit.plots import units
from kit.probes._files import absolute
from kit.probes.recorder._repr import missing
from kit.widgets._panel.sessions import Opened, apart, open_saved, sources_of, together

if TYPE_CHECKING:
    from pathlib import Path

    from kit.probes.captures._capture import Capture
    from kit.widgets._panel.state import PanelState

__all__ = ["LIVE", "Captures", "opened"]

LIVE: Final = "live"
"""The key of what is being recorded."""

UNDO: Final = 30.0
"""Seconds for which what was cleared can be brought back."""

MOST: Final = 50
"""How many of those that were opened are listed, the newest."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was cleared, while it can be brought back.

    Attributes
    ----------
    capture : Capture
    until : float
        Seconds, as of ``time.monotonic``.
    clock : str
        The same, as the time of day.
    room : int
        As soon as so many events are recorded, its memory is needed.
    """

    capture: Capture
    until: float
    clock: str
    room: int


class Captures:
    """What one panel has kept, by key: ``live``, snapshots by number, what was opened by path.

    Parameters
    ----------
    state : PanelState

    Attributes
    ----------
    cleared : Cleared or None
        What can be brought back.
    compared : tuple of str
        The keys of the two that are compared; none while nothing is.
    """

    def __init__(self, state: PanelState) -> None:
        self._state = state
        self._times: dict[int, str] = {}
        self._paths: dict[str, list[str]] = {}
        self.cleared: Cleared | None = None
        self.compared: tuple[str, ...] = ()

    # Clearing, and taking it back.

    def clear(self, now: float) -> str:
        """Hold what is recorded, which is to be cleared; return what to say of it."""
        recording = self._state.recording
        self.cleared = None
        if not len(recording.recorder):
            return "Cleared."
        capture, room = recording.capture(), max(1, recording.recorder.capacity // 2)
        clock = _time_of_day(UNDO)
        self.cleared = Cleared(capture, now + UNDO, clock, room)
        return (
            f"Clear can be undone until {clock}, or until {room:,} new events need the memory: "
            f"{units.several(len(capture), 'event')} cleared."
        )

    @property
    def undoable(self) -> str:
        """str : what undoing would bring back; empty for nothing."""
        held = self.cleared
        return "" if held is None else f"clear, until {held.clock}"

    def bring_back(self) -> None:
        """Keep what was cleared as a snapshot, and show it in the tabs."""
        held, self.cleared = self.cleared, None
        if held is not None:
            self._state.captures.append(held.capture)
            self.note()
            self.show(str(len(self._state.captures) - 1))

    def note(self, now: float | None = None) -> None:
        """Take note of new snapshots; let go of what was cleared long ago."""
        for capture in self._state.captures:
            self._times.setdefault(id(capture), _time_of_day())
        held = self.cleared
        if held is not None and now is not None:
            needed = len(self._state.recording.recorder) >= held.room
            self.cleared = None if needed or now >= held.until else held

    def was_opened(self, path: Path, title: str, events: int, markers: int) -> None:
        """Take note of what was opened."""
        told = [path.name, _time_of_day(), units.count(events)]
        self._paths.pop(str(path), None)
        self._paths[str(path)] = [*told, units.count(markers), "", title]
        while len(self._paths) > MOST:
            del self._paths[next(iter(self._paths))]

    # The list.

    def shown(self) -> dict[str, Any]:
        """Describe it for the page: a row each, with key, texts and whether the tabs show it."""
        state = self._state
        rows = []
        recorder = state.recording.recorder
        if len(recorder):
            markers = units.count(len(recorder._sink.recorded))
            counts = units.count(len(recorder)), markers
            rows.append([LIVE, "recording", "now", *counts, missing(recorder)])
        for number, capture in enumerate(state.captures):
            at = self._times.get(id(capture), "")
            counts = units.count(len(capture)), units.count(len(capture.markers))
            rows.append([str(number), f"snapshot {number}", at, *counts, capture.missing])
        rows += [[path, *told[:5]] for path, told in self._paths.items()]
        now = state.sessions.opened
        front = LIVE if now is None else now.key
        return {
            "rows": [[*row[:5], row[5].removeprefix(", ") or "none"] for row in rows],
            "front": front,
            "compared": list(self.compared),
        }

    # What is done with them.

    def show(self, key: str) -> None:
        """Show one in the tabs, until another one or what is live is asked for."""
        state = self._state
        if key == LIVE:
            state.sessions.leave()
        elif key in self._paths:
            state.sessions.open(key)
        elif self._capture(key) is not None:
            state.sessions.opened = self.opened(key)
            state.say(f"The tabs show snapshot {key}.")

    def compare(self, keys: list[str]) -> None:
        """Compare two in the tab Captures; none for anything else than two."""
        known = [row[0] for row in self.shown()["rows"]]
        there = tuple(key for key in keys if key in known)
        self.compared = there if len(there) == len(keys) == 2 else ()

    def export(self, key: str) -> None:
        """Write one to a new file in the working directory."""
        from kit import frames

        state, capture = self._state, self._capture(key)
        if key == LIVE:
            state.save()
        elif capture is not None:
            stamp = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}"
            target = absolute(f"snapshot-{key}-{stamp}.parquet")
            frames.save(capture, target)
            state.say(f"{len(capture):,} events saved: {target}")

    def opened(self, key: str) -> Opened:
        """Return what one holds, as frames."""
        capture = self._capture(key)
        if key == LIVE:
            capture = self._state.recording.capture()
        if capture is None:
            return open_saved(absolute(key))
        name = "what is recorded" if key == LIVE else f"snapshot {key}"
        return opened(capture, name, key)

    def _capture(self, key: str) -> Capture | None:
        kept = self._state.captures
        return kept[int(key)] if key.isdecimal() and int(key) < len(kept) else None


def opened(capture: Capture, name: str, key: str) -> Opened:
    """Return what a capture holds, as `kit.widgets._panel.sessions.open_saved` does of a file."""
    from kit import frames

    names = [marker.name for marker in capture.markers]
    parts = apart(lambda name: frames.events(capture, name), names)
    facts = [[name, f"{len(capture):,} events", f"record on {len(names):,} markers"]]
    observed = frames.dispatches(capture), frames.probe_calls(capture), frames.publications(capture)
    title = f"{name}: {units.several(len(capture), 'event')}"
    whole, sources = together(parts), sources_of(capture)
    return Opened(capture, title, whole, *observed, (), parts, sources, facts, key)


def _time_of_day(later: float = 0.0) -> str:
    """Write the time of day, now or so many seconds later."""
    return f"{datetime.fromtimestamp(time.time() + later).astimezone():%H:%M:%S}"
