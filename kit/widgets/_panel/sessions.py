"""A panel's sessions: what is connected, saved as it comes; and what was saved, opened again.

A session has probes of its own, beside the panel's.  It begins with what is connected then, and
goes on with that whatever is clicked later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final

from kit.errors import FrameError, KitError
from kit.plots import units
from kit.probes._files import absolute
from kit.probes._text import several
from kit.probes.recorder._recorder import Recorder
from kit.probes.sessions._making import session as new_session
from kit.widgets._messages import sentence
from kit.widgets._panel.options import EVENTS, ProbeOptions
from kit.widgets._panel.probe_choices import value_of
from kit.widgets._panel.trigger_actions import event

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from pathlib import Path

    import pandas as pd

    from kit.probes.aggregates import Table
    from kit.probes.captures._capture import Capture
    from kit.probes.sessions._session import Session
    from kit.widgets._panel.state import PanelState


__all__ = ["LATEST", "Opened", "Sessions", "apart", "open_saved", "sources_of", "together"]

LATEST: Final = 40
"""How many events a panel's table holds."""

_COMMON: Final = ("ts", "dur", "marker", "tid", "task", "seq")


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """What was saved.

    Attributes
    ----------
    kept : Recording or SavedSession
        What `kit.open` returned.
    title : str
        What and how much it is.
    events : pandas.DataFrame
        Of all recorders; with the columns that all have, where their fields clash.
    dispatches, probe_calls, publications : pandas.DataFrame
    aggregates : tuple of Table
    parts : list of pandas.DataFrame
        The events with all their fields, apart where these clash.
    sources : dict of str to str
        By marker, ``module:line`` of its declaration.
    facts : list of list of str
        What is in it: name, how much, what it is.
    key : str
        What it is called in the tab Captures: its path, or the number of a snapshot.
    """

    kept: Any
    title: str
    events: pd.DataFrame
    dispatches: pd.DataFrame
    probe_calls: pd.DataFrame
    publications: pd.DataFrame
    aggregates: tuple[Table, ...]
    parts: list[pd.DataFrame]
    sources: dict[str, str]
    facts: list[list[str]]
    key: str = ""

    @property
    def names(self) -> list[str]:
        """list of str : the markers that have events in it."""
        return [str(name) for name in self.events["marker"].unique()]


def open_saved(path: Path) -> Opened:
    """Open a session's folder, or a file that was saved.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    Opened

    Raises
    ------
    CaptureError
        Where it is none, or damaged.
    OSError
        Where it cannot be read.
    """
    from kit import frames

    kept: Any = frames.open(path)
    is_session = isinstance(kept, frames.SavedSession)
    recorders: dict[str, dict[str, str]] = {"": {}}
    if is_session:
        recorders = {name: {"recorder": name} for name, files in kept.files.items() if files}
    markers = {name: kept.markers(**of) for name, of in recorders.items()}
    found = {
        name: apart(partial(kept.events, **of), list(markers[name]["marker"].astype(str)))
        for name, of in recorders.items()
    }
    sources = {
        str(row.marker): f"{row.module}:{row.line}"
        for each in markers.values()
        for row in each.itertuples()
    }
    parts = [part for each in found.values() for part in each]
    # What is shown where there is no recorder, and so no file of events.
    nothing = Recorder("*", 1, "discard", (), dispatches=False).snapshot()
    every = together(parts or [frames.events(nothing)])
    observed = {
        what: together(
            [getattr(kept, what)(**of) for of in recorders.values()]
            or [getattr(frames, what)(nothing)]
        )
        for what in ("dispatches", "probe_calls", "publications")
    }
    aggregates = kept.aggregates if is_session else {}
    state = (
        ""
        if not is_session or kept.complete
        else ", still running or not stopped in an orderly way"
    )
    facts = []
    for name, each in found.items():
        names = {marker for part in each for marker in part["marker"].astype(str).unique()}
        facts.append(
            [name, f"{sum(map(len, each)):,} events", f"record on {several(len(names), 'marker')}"]
        )
    facts += [
        [name, f"{table.count:,} events", f"aggregate of {table.title}"]
        for name, table in aggregates.items()
    ]
    if is_session:
        facts += [_trigger(name, told) for name, told in kept.triggers.items()]
        facts += [[each.path.name, "unfinished", each.why] for each in kept.unfinished]
    return Opened(
        kept,
        f"{path}: {len(every):,} events{state}",
        every,
        observed["dispatches"],
        observed["probe_calls"],
        observed["publications"],
        tuple(aggregates.values()),
        parts,
        sources,
        facts,
        str(path),
    )


def sources_of(capture: Capture) -> dict[str, str]:
    """Return where each marker of a capture was declared last: ``module:line`` by name."""
    return {each.name: f"{each.module}:{each.line}" for each in capture.markers}


def _trigger(name: str, told: dict[str, Any]) -> list[str]:
    fired, last = told["fired"], ""
    if told["firings"]:
        values = told["firings"][-1]["values"].items()
        last = ", " + ", ".join(f"{key} {units.short(text, 24)}" for key, text in values)
    when = f"trigger when {told['when']}" if told["when"] else f"trigger on {told['pattern']}"
    return [name, f"fired {fired:,}×{last}" if fired else "never fired", when]


def apart(
    events: Callable[[str | None], pd.DataFrame], markers: Sequence[str]
) -> list[pd.DataFrame]:
    """Return the events of all markers in one frame; in one for each where their fields clash.

    Parameters
    ----------
    events : callable
        Returns the events of a marker, by name; of all for None.
    markers : sequence of str

    Returns
    -------
    list of pandas.DataFrame
    """
    try:
        return [events(None)]
    except FrameError:
        return [events(name) for name in dict.fromkeys(markers)]


def together(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Put frames together, sorted by time.

    Events have the columns that all events have; other frames keep theirs.
    """
    import pandas as pd

    if len(parts) == 1:
        return parts[0]
    if all("seq" in part and "probe" not in part for part in parts):
        common = [name for name in _COMMON if any(name in part for part in parts)]
        parts = [part.reindex(columns=common) for part in parts]
        if "dur" in common:  # missing where there is none, and a whole number elsewhere
            parts = [part.astype({"dur": "Int64"}) for part in parts]
    parts = [part for part in parts if len(part)] or parts[:1]
    whole = pd.concat(parts, ignore_index=True)
    whole = whole.sort_values("ts", kind="stable", ignore_index=True)
    whole.attrs["threads"] = _threads(parts)
    whole.attrs["kept_from"] = {
        tid: stamp for part in parts for tid, stamp in part.attrs.get("kept_from", {}).items()
    }
    return whole


def _threads(parts: Sequence[pd.DataFrame]) -> dict[str, str]:
    """Return the names of threads."""
    found = (part.attrs.get("threads", {}).items() for part in parts)
    return {str(tid): units.short(str(name), 18) for each in found for tid, name in each}


_LONGEST_WAIT: Final = 60.0

KINDS: Final = ("record", "aggregate", "trigger")
"""Keys of the choices that can be saved."""

NOTHING: Final = (
    "Nothing is connected that could be saved: connect record, aggregate or trigger first."
)


class Sessions:
    """The session of one panel.

    Parameters
    ----------
    state : PanelState

    Attributes
    ----------
    folder : str
        Where a session is saved or was opened, as it was typed in.
    wrong : str
        Why that could not be done; empty where nothing is wrong.
    session : Session or None
        The newest one that was begun here.
    opened : Opened or None
        What the tabs show instead of what is recorded.
    """

    def __init__(self, state: PanelState) -> None:
        self._state = state
        self.folder = ""
        self.wrong = ""
        self.session: Session | None = None
        self.opened: Opened | None = None
        self._over = True

    @property
    def running(self) -> bool:
        """bool : whether a session is being saved."""
        return self.session is not None and self.session.running

    def begin(self, folder: str) -> None:
        """Save everything that is connected now, from now on.

        Parameters
        ----------
        folder : str
            Made where there is none; one that holds a session is refused.
        """
        with self._state.lock:
            self.folder, self.wrong = folder.strip(), ""
            if self.running:
                self._refuse("A session is being saved already: stop it first.")
            elif not self.folder:
                self._refuse("Name a folder, such as runs/monday.")
            elif not self.connected():
                self._refuse(NOTHING)
            else:
                self._begin()

    def _begin(self) -> None:
        try:
            made = self._made()
            made.start()
        except (KitError, OSError, TypeError, ValueError, ImportError) as error:
            self._refuse(sentence(error))
            return
        self.session, self._over = made, False
        self._state.say(f"Session: what is connected is saved in {made.folder} from now on.")

    def end(self) -> None:
        """Stop the session; all of it is written then."""
        if self.session is None:
            return
        # Without the panel's lock: writing takes its time, also where a trigger was faster.
        self.session.stop()
        self.session.join(_LONGEST_WAIT)
        with self._state.lock:
            for text, bad in self.news():
                self._state.say(text, bad=bad)

    def open(self, path: str) -> None:
        """Show what was saved in the tabs, until `leave`.

        Parameters
        ----------
        path : str
            A session's folder, or a file that was saved.
        """
        with self._state.lock:
            self.folder, self.wrong = path.strip(), ""
            if not self.folder:
                self._refuse("Name the folder of a session, or a file that was saved.")
                return
            try:
                self.opened = open_saved(absolute(self.folder))
            except (KitError, OSError, ValueError, ImportError) as error:
                self._refuse(sentence(error))
                return
            there, names = self.opened, self.opened.names
            self._state.kept.was_opened(
                absolute(self.folder), there.title, len(there.events), len(names)
            )
            self._state.say(f"Opened: the tabs show {there.title}.")

    def leave(self) -> None:
        """Show what is recorded again."""
        with self._state.lock:
            self.opened = None
            self._state.say("The tabs show what is recorded.")

    def _refuse(self, why: str) -> None:
        self.wrong = why
        self._state.say(why, bad=True)

    # What is in it.

    def connected(self) -> list[tuple[str, str, ProbeOptions]]:
        """Return what a session would hold: marker, choice and what is asked of it."""
        connections = self._state.connections
        return [
            (name, key, connections.asked_of((name, key)))
            for (name, key), connection in connections.mine.items()
            if key in KINDS and connection.connected
        ]

    def _made(self) -> Session:
        """Make the session, and everything in it."""
        state = self._state
        made = new_session(self.folder)
        markers = state.listing.all()
        alike: dict[tuple[str, str], list[str]] = {}
        for name, key, asked in self.connected():
            if key == "record":
                # Markers of which the same is asked are recorded together.
                alike.setdefault((asked.when, asked.often), []).append(name)
            elif key == "aggregate":
                self._add_aggregate(made, name, asked, markers[name])
            else:
                # What else a trigger does is done once, by the panel's own.
                action = made.stop if asked.action == "stop" else _noted
                named = _named(name, key, made.triggers)
                made.trigger(name, action, once=asked.once, name=named, **asked.options())
        recorder = state.recording.recorder
        for number, ((when, often), names) in enumerate(alike.items(), 1):
            made.record(
                names,
                name="events" if number == 1 else f"events-{number}",
                mode=recorder.mode,
                capacity=recorder.capacity,
                dispatches=state.observed,
                **ProbeOptions(when=when, often=often).options(),
            )
        return made

    @staticmethod
    def _add_aggregate(made: Session, name: str, asked: ProbeOptions, marker: Any) -> None:
        value = value_of(marker, asked)
        made.aggregate(
            name,
            None if value == EVENTS else value,
            (asked.by,) if asked.by else (),
            histogram=None if value == EVENTS else "log2",
            name=_named(name, "aggregate", made.aggregates),
            **asked.options(),
        )

    def owns(self, probe: object) -> bool:
        """Tell whether a probe is one of the session's."""
        session = self.session
        return session is not None and any(
            probe is each for each in (*session.aggregates.values(), *session.triggers.values())
        )

    # What is shown.

    def news(self) -> list[tuple[str, bool]]:
        """Return what has happened since the last look, as sentences; and whether it is bad."""
        session = self.session
        if session is None or self._over or session.running or not session.join(0):
            return []
        self._over = True
        if session.last_error is not None:
            return [(f"The session could not be written: {session.last_error}", True)]
        written = sum(session.written.values())
        return [(f"Session saved in {session.folder}: {written:,} events.", False)]

    def shown(self, *, facts: bool = True) -> dict[str, Any]:
        """Describe it for the page, with what is in it or without."""
        return {
            "folder": self.folder,
            "wrong": self.wrong,
            "running": self.running,
            "opened": "" if self.opened is None else self.opened.title,
            "facts": self._facts() if facts else [],
        }

    def says(self) -> str:
        """Say what a session is, or would be."""
        session = self.session
        if self.running and session is not None:
            return (
                f"Saving in {session.folder} what was connected when it began; what is written is "
                "safe, whatever happens."
            )
        if self.opened is not None:
            return f"Opened: {self.opened.title}. The other tabs show what it holds."
        if session is not None:
            files = len(session.files)
            return f"Saved in {session.folder}: {several(files, 'file')} of events."
        held = self.connected()
        if not held:
            return NOTHING
        counts = {key: sum(each == key for _, each, _ in held) for key in KINDS}
        parts = [f"{key} on {number:,}" for key, number in counts.items() if number]
        return f"A session saves what is connected now: {', '.join(parts)} of the markers."

    def _facts(self) -> list[list[str]]:
        """What is in the session: name, how much, what it is."""
        session = self.session
        if not self.running and self.opened is not None:
            return self.opened.facts
        if session is None:
            return []
        written = session.written
        facts = [
            [name, f"{written.get(name, 0):,} events", ", ".join(each.patterns)]
            for name, each in session.recorders.items()
        ]
        facts += [
            [name, f"{each.count:,} events", "aggregate"]
            for name, each in session.aggregates.items()
        ]
        for name, trigger in session.triggers.items():
            state = "armed" if trigger.armed else "disarmed"
            when = f"trigger when {trigger.when}" if trigger.when else "trigger"
            last = f", {event(trigger.last)}" if trigger.last is not None else ""
            facts.append(
                [name, f"fired {trigger.fired:,}×{last}" if trigger.fired else state, when]
            )
        return facts


def _named(name: str, key: str, taken: Container[str]) -> str:
    """Return a name in a session, which is of letters, digits and few signs."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[-80:].lstrip(".-")
    names = (f"{plain}-{number}.{key}" for number in count(2))
    return next(each for each in chain([f"{plain}.{key}"], names) if each not in taken)


def _noted() -> None:
    """Do nothing: what set the trigger off is kept in any case."""
