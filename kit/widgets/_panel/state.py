"""What a panel knows and can do, without a browser.

`PanelState` is the model behind `kit.panel`: the reader's actions are its methods, and
`kit.widgets._panel.page.shown` turns it into what the page draws.  It is locked, since clicks, the
refresh thread and cells reach it from different threads.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kit.core._publication.locks import OUTER, new_lock
from kit.probes._basic import Count, Print, Time
from kit.probes._files import absolute
from kit.probes._text import several
from kit.probes.aggregates import Aggregate
from kit.widgets import _kernel as kernel
from kit.widgets._panel import probe_choices as tools
from kit.widgets._panel.captures import Captures
from kit.widgets._panel.connections import Connections, Pair
from kit.widgets._panel.listing import Listing, passes
from kit.widgets._panel.options import SAMPLINGS, ConditionProblem, ProbeOptions, wrong
from kit.widgets._panel.overhead import OWN, Costs, Rates, measure
from kit.widgets._panel.probe_choices import READY, ProbeChoice, own_functions
from kit.widgets._panel.recording import PanelRecorder
from kit.widgets._panel.sessions import Sessions
from kit.widgets._panel.trigger_actions import TriggerActions
from kit.widgets._refresh import spent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from kit.core import Marker
    from kit.probes.captures._capture import Capture

__all__ = ["PanelState"]

OBSERVED = 20_000
"""How many dispatches of each thread are kept for fan-out and publication."""

HELP = (
    "Arrow keys move in the list, Space connects, Enter shows that marker alone in the tabs, "
    "Escape all of them."
)

COMMON: Pair = ("", "")
"""Stands for what is asked of all, where a marker and a choice stand for what is asked of one."""

NAMESPACE_INTERVAL = 1.0
"""Seconds between looks at which functions the user has defined."""


class PanelState:
    """The state of a panel.

    Parameters
    ----------
    pattern : str
        Which markers are shown; those declared later too.
    probes : iterable of callable
        The user's own functions to offer; those defined in ``__main__`` are offered anyway.
    capacity : int
        How many events are kept.
    mode : str
        ``"discard"`` or ``"overwrite"``.
    clock : callable
        Returns seconds that never go back.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("state.fill", qty=int)
    >>> state = PanelState("state.*")
    >>> state.toggle("state.fill", "record")
    >>> fill(100)
    >>> state.frame()["qty"].tolist()
    [100]
    >>> state.close()
    >>> fill.fanout
    0
    """

    def __init__(
        self,
        pattern: str = "*",
        probes: Iterable[Callable[..., object]] = (),
        *,
        capacity: int = 1_000_000,
        mode: str = "discard",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lock = new_lock(OUTER, "the lock of a panel's state")
        self.listing = Listing(pattern)
        self.recording = PanelRecorder("record", pattern, capacity, mode)
        self.observing = PanelRecorder("observe", pattern, OBSERVED, "overwrite", dispatches=True)
        self.connections = Connections()
        self.rates = Rates()
        self.costs: Costs | None = None
        self.captures: list[Capture] = []
        self.described: dict[str, tuple[object, list[dict[str, Any]]]] = {}
        self.message: dict[str, Any] = {"text": HELP, "bad": False}
        self.closed = False
        self.show_own = False
        self._probes = tuple(probes)
        self._clock = clock
        self._cleared = 0
        self._asked = 0
        self.common = ProbeOptions()
        self.wrong: dict[Pair, ConditionProblem] = {}
        self.chosen: tuple[str, ...] = ()
        self._resting: set[str] = set()
        self._followed: dict[str, str] = {}
        self._looked = -NAMESPACE_INTERVAL
        self.own: dict[str, ProbeChoice] = own_functions(self._probes, {})
        self.trigger_actions = TriggerActions(self)
        self.sessions = Sessions(self)
        self.kept = Captures(self)
        count, *others = READY
        offered = (count, tools.aggregate(), tools.trigger(self.trigger_actions.make), *others)
        self._choices: dict[str, ProbeChoice] = {
            choice.key: choice for choice in (self.recording.choice, *offered)
        }
        self._choices.update(self.own)
        self.tick()

    # What there is.

    @property
    def choices(self) -> tuple[ProbeChoice, ...]:
        """tuple of ProbeChoice : the probes that have a dot on every marker."""
        return tuple(self._choices.values())

    def markers(self) -> list[Marker]:
        """Return the markers that pattern and filter let through, in the order of the list."""
        with self.lock:
            return self.listing.shown()

    def focus(self) -> frozenset[str] | None:
        """Return the names of the markers that the tabs show; None while they show all."""
        with self.lock:
            return frozenset(self.chosen) if self.chosen else self.filtered()

    def filtered(self) -> frozenset[str] | None:
        """Return the names that the filter lets through, opened ones too; None without a filter."""
        with self.lock:
            wanted, opened = self.listing.filter, self.sessions.opened
            if not wanted.strip():
                return None
            names = {marker.name for marker in self.listing.shown()}
            if opened is not None:
                names.update(name for name in opened.names if passes(name, wanted))
            return frozenset(names)

    @property
    def running(self) -> bool:
        """bool : whether anything is being recorded."""
        return self._any_on("record")

    @property
    def observed(self) -> bool:
        """bool : whether dispatches are being observed."""
        return self._any_on("observe")

    @property
    def version(self) -> object:
        """object : differs when something changed that the markers themselves do not tell."""
        return (
            self._cleared,
            self._asked,
            id(self.costs),
            len(self.connections.parted),
            tuple(self._choices.values()),
        )

    def _any_on(self, wanted: str) -> bool:
        with self.lock:
            on = (key for (_, key), c in self.connections.mine.items() if c.connected)
            return any(key == wanted for key in on)

    # What the reader does.

    def set_filter(self, text: str) -> None:
        """Show markers whose name contains a text, or matches it if it has wildcards."""
        with self.lock:
            self.listing.find(text)
            self.chosen = tuple(name for name in self.chosen if passes(name, text))

    def choose(self, names: Iterable[str]) -> None:
        """Show these markers in the tabs; with none, all that the filter lets through."""
        with self.lock:
            self.chosen = tuple(dict.fromkeys(names))
            few = self.chosen[0] if len(self.chosen) == 1 else several(len(self.chosen), "marker")
            self.say(f"The tabs show {few if self.chosen else 'all markers'}.")

    def toggle(self, name: str, key: str) -> None:
        """Connect a probe to a marker, or disconnect it.

        Parameters
        ----------
        name : str
            The marker's name.
        key : str
            A choice of the panel, or a connection that somebody else made.
        """
        with self.lock:
            pair: Pair = (name, key)
            markers = self.listing.all()
            marker, choice = markers.get(name), self._choices.get(key)
            if key == "record":
                self._resting.clear()
            if marker is None:
                self.say(f"There is no marker {name} any more.", bad=True)
            elif pair in self.connections.parted:
                self._report(self.connections.reconnect(pair, f"connect to {name}"))
            elif choice is not None and not self._is_on(pair):
                self._connect([(marker, choice)], f"connect {choice.label} to {name}")
            else:
                label = choice.label if choice else "a probe"
                self.connections.disconnect([pair], markers, f"disconnect {label} from {name}")
            self._mark()

    def ask(self, name: str, key: str, **asked: Any) -> None:
        """Ask something of a probe: which events reach it, or what a tool does with them.

        A connected probe is replaced in one publication. A condition that cannot be understood
        changes nothing; what is wrong with it is shown where it was typed.

        Parameters
        ----------
        name : str
            The marker's name.
        key : str
            A choice of the panel.
        **asked
            ``when``, ``often``, ``value``, ``by``, ``action`` or ``once``, see `ProbeOptions`.
        """
        with self.lock:
            pair: Pair = (name, key)
            marker, choice = self.listing.all().get(name), self._choices.get(key)
            if marker is None or choice is None:
                self.say(f"There is no marker {name} any more.", bad=True)
                return
            self._asked += 1
            new = replace(self.connections.asked_of(pair), **_cleaned(asked))
            if "when" in asked:
                self.wrong.pop(pair, None)
            problem = wrong(new.when, [marker])
            if problem is not None:
                self.wrong[pair] = problem
                self.say(f"{choice.label} on {name}: {problem.why}", bad=True)
                return
            if new != self.connections.asked_of(pair):
                if key == "record":
                    self.recording.resume()
                text = f"ask something else of {choice.label} on {name}"
                self._report(self.connections.ask(marker, choice, new, text))
            self._mark()

    def ask_all(self, **asked: Any) -> None:
        """Ask something of what is connected to all from now on: ``when`` and ``often``."""
        with self.lock:
            self._asked += 1
            new = replace(self.common, **_cleaned(asked))
            if "when" in asked:
                self.wrong.pop(COMMON, None)
            problem = wrong(new.when, self.markers())
            if problem is not None:
                self.wrong[COMMON] = problem
                self.say(f"For all: {problem.why}", bad=True)
                return
            self.common = new

    def _asked_for_all(self, key: str, markers: list[Marker]) -> list[tuple[Marker, ProbeChoice]]:
        """Ask what is asked of all, of those markers that have the fields for it."""
        choice = self._choices[key]
        fitting = [marker for marker in markers if not choice.misfit(marker)]
        if self.common == ProbeOptions():
            return [(marker, choice) for marker in fitting]
        fitting = [marker for marker in fitting if wrong(self.common.when, [marker]) is None]
        self._asked += 1
        for marker in fitting:
            pair = (marker.name, key)
            if not self._is_on(pair):
                when, often = self.common.when, self.common.often
                self.connections.asked[pair] = replace(
                    self.connections.asked_of(pair), when=when, often=often
                )
        return [(marker, choice) for marker in fitting]

    def keep(self, mode: str, capacity: int) -> None:
        """Keep the first events, or as a flight recorder the newest ones.

        What was recorded before is frozen into `captures`; markers that are being recorded go on
        in the new way, in one publication each.

        Parameters
        ----------
        mode : str
            ``"discard"`` or ``"overwrite"``.
        capacity : int
            How many events are kept.
        """
        with self.lock:
            old = self.recording
            if (old.recorder.mode, old.recorder.capacity) == (mode, capacity):
                return
            new = PanelRecorder("record", self.listing.pattern, capacity, mode)
            if len(old.recorder):
                self.snapshot()
            on = [name for name, key in self.connections.mine if key == "record"]
            markers = self.listing.all()
            self.recording = new
            self._choices["record"] = new.choice
            for name in on:
                pair = (name, "record")
                if self._is_on(pair) and name in markers:
                    asked = self.connections.asked_of(pair)
                    self._report(self.connections.ask(markers[name], new.choice, asked, ""))
            self.connections.forget_steps()  # they would connect the recorder that is gone
            self._asked += 1
            words = "the first" if mode == "discard" else "always the newest"
            self.say(f"From now on {words} {capacity:,} events are kept.")
            self._mark()

    def aggregates(self) -> list[Aggregate]:
        """Return the aggregates on the markers that are shown, the program's own too."""
        with self.lock:
            found: dict[int, Aggregate] = {}
            for marker in self.markers():
                if self.chosen and marker.name not in self.chosen:
                    continue
                mine = self.connections.mine.get((marker.name, "aggregate"))
                here = [*([mine] if mine is not None else []), *marker.probes]
                for connection in here:
                    probe = connection.probe
                    if isinstance(probe, Aggregate) and not self.sessions.owns(probe):
                        found.setdefault(id(probe), probe)
            return list(found.values())

    def connect_all(self, key: str) -> None:
        """Connect a probe to all markers that the filter lets through, and to later ones."""
        with self.lock:
            choice = self._offered(key)
            if choice is None:
                return
            self._followed[key] = self.listing.filter
            self.listing.new()  # those that are there already are connected here
            wanted = self._asked_for_all(key, self.markers())
            self.say(f"Connected {choice.label} to {several(len(wanted), 'marker')}.")
            self._connect(wanted, f"connect {choice.label} to {several(len(wanted), 'marker')}")
            self._mark()

    def disconnect_all(self, key: str) -> None:
        """Disconnect a probe from all markers that the filter lets through."""
        with self.lock:
            choice = self._offered(key)
            if choice is None:
                return
            self._followed.pop(key, None)
            pairs = [(marker.name, key) for marker in self.markers()]
            on = [pair for pair in pairs if self._is_on(pair)]
            text = f"disconnect {choice.label} from {several(len(on), 'marker')}"
            self.connections.disconnect(on, self.listing.all(), text)
            self.say(f"{text.replace('disconnect', 'Disconnected', 1)}.")
            self._mark()

    def add_own(self, name: str, key: str) -> None:
        """Offer one of the user's functions on every marker, and connect it to one."""
        with self.lock:
            self._look_for_functions(at_once=True)
            if key not in self.own:
                self.say(f"There is no function {key.removeprefix('own:')} any more.", bad=True)
                return
            self._choices[key] = self.own[key]
            if not self._is_on((name, key)):
                self.toggle(name, key)

    def start(self) -> None:
        """Record: what was recorded before `stop`, or else every marker that is shown."""
        with self.lock:
            names = self._resting or {marker.name for marker in self.markers()}
            markers = self.listing.all()
            choice = self.recording.choice
            wanted = [(markers[name], choice) for name in sorted(names) if name in markers]
            self.say(f"Recording {several(len(wanted), 'marker')}.")
            self._connect(wanted, f"start recording {several(len(wanted), 'marker')}")
            self._resting = set()
            self._mark()

    def stop(self) -> None:
        """Stop recording; what was recorded stays."""
        with self.lock:
            pairs = [pair for pair in self.connections.mine if pair[1] == "record"]
            on = [pair for pair in pairs if self._is_on(pair)]
            self._followed.pop("record", None)
            self.connections.disconnect(
                on, self.listing.all(), f"stop recording {several(len(on), 'marker')}"
            )
            self._resting = {name for name, _ in on}
            self.say("Stopped. Start goes on with the same markers.")
            self._mark()

    def observe(self, on: bool) -> None:
        """Observe every dispatch of the markers that are shown, and each probe in it, or no more.

        Fan-out and publication are drawn from this.  It costs more than recording.
        """
        with self.lock:
            choice = self.observing.choice
            self._choices.setdefault(choice.key, choice)
            if on:
                self.connect_all(choice.key)
            else:
                self.disconnect_all(choice.key)

    def clear(self) -> None:
        """Forget what was recorded, and begin all counts again."""
        with self.lock:
            self._cleared += 1
            said = self.kept.clear(self._clock())
            self.recording.clear()
            self.observing.clear()
            for connection in self.connections.mine.values():
                if isinstance(connection.probe, Count | Print | Time):
                    connection.probe.reset()
                elif isinstance(connection.probe, Aggregate):
                    connection.probe.clear()
            self.say(said)

    def undo(self) -> None:
        """Take the last connecting or disconnecting back; before it, a Clear of a moment ago."""
        with self.lock:
            if self.kept.cleared is not None:
                self.kept.bring_back()
                return
            self._asked += 1
            self.wrong.clear()
            self.recording.resume()
            text = self.connections.undo(self.listing.all())
            self.say(f"Undone: {text}." if text else "There is nothing to undo.")
            self._mark()

    def snapshot(self) -> Capture:
        """Freeze what is recorded now and keep it in `captures`."""
        with self.lock:
            capture = self.recording.capture()
            self.captures.append(capture)
            number = len(self.captures) - 1
        self.say(f"{several(len(capture), 'event')} kept: panel.captures[{number}]")
        return capture

    def save(self, path: str | Path | None = None) -> Path:
        """Write what is recorded to a file.

        Parameters
        ----------
        path : str or Path, optional
            By default a new file in the working directory, named after the time.

        Returns
        -------
        Path
            Where it is, absolute.
        """
        from kit import frames

        if path is None:
            path = f"capture-{datetime.now().astimezone():%Y%m%d-%H%M%S}.parquet"
        target = absolute(path)
        capture = self.recording.capture()
        frames.save(capture, target)
        self.say(f"{several(len(capture), 'event')} saved: {target}")
        return target

    def frame(self, name: str | None = None) -> Any:
        """Return the recorded events as a frame, as `kit.record` does."""
        from kit import frames

        return frames.events(self.recording.capture(), name)

    def say(self, text: str, *, bad: bool = False) -> None:
        """Show a sentence in the panel."""
        with self.lock:
            self.message = {"text": text, "bad": bad}

    def close(self) -> None:
        """Disconnect everything that this panel connected."""
        with self.lock:
            self.closed = True
            self.connections.close()
            self._followed.clear()
            self._mark()
            self.say("Closed: everything that this panel connected is disconnected.")
        self.sessions.end()

    # What time does.

    def tick(self) -> None:
        """Look at the counts, at new markers and at new functions; a few times a second."""
        with self.lock:
            if self.closed:
                return
            now = self._clock()
            self.kept.note(now)
            self._hear()
            self._follow()
            fired = {m.name: m.fired for m in self.listing.all().values() if m.fanout}
            self.rates.note(now, {OWN: spent(), **fired})
            self._look_for_functions()
            self._mark()

    def measure(self) -> None:
        """Measure what the probes cost on this machine; once, off the program's way."""
        costs = measure()
        with self.lock:
            self.costs = costs

    def _hear(self) -> None:
        """Say what the triggers have done since, and tidy up after them."""
        stopped, self.trigger_actions.stopped = self.trigger_actions.stopped, set()
        if stopped:
            self._resting = stopped
            self._followed.pop("record", None)
        for text, bad in (*self.trigger_actions.news(), *self.sessions.news()):
            self.say(text, bad=bad)

    def _follow(self) -> None:
        """Connect what the reader has connected to all to markers declared since."""
        new = self.listing.new()
        for key, wanted in self._followed.items():
            choice = self._choices[key]
            fitting = self._asked_for_all(key, [m for m in new if passes(m.name, wanted)])
            if fitting:
                self._connect(fitting, f"connect {choice.label} to new ones")

    def _look_for_functions(self, *, at_once: bool = False) -> None:
        now = self._clock()
        if not at_once and now - self._looked < NAMESPACE_INTERVAL:
            return
        self._looked = now
        self.own = own_functions(self._probes, kernel.namespace())
        for key, choice in self.own.items():
            if key in self._choices and self._choices[key].function is not choice.function:
                self._replace(choice)

    def _replace(self, choice: ProbeChoice) -> None:
        """Take a function that was defined anew, wherever the old one is connected."""
        self._choices[choice.key] = choice
        for (name, key), old in list(self.connections.mine.items()):
            if key == choice.key and old.connected:
                self.connections.replace((name, key), choice)

    # Small things.

    def _connect(self, wanted: list[tuple[Marker, ProbeChoice]], text: str) -> None:
        if any(choice.key == "record" for _, choice in wanted):
            self.recording.resume()
        self._report(self.connections.connect(wanted, text))

    def _report(self, problems: list[str]) -> None:
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self.say(f"Not connected: {problems[0]}{more}.", bad=True)

    def _offered(self, key: str) -> ProbeChoice | None:
        """Return a choice of the panel; say so where there is none of that key."""
        choice = self._choices.get(key)
        if choice is None:
            self.say(f"There is no probe {key} any more.", bad=True)
        return choice

    def _is_on(self, pair: Pair) -> bool:
        connection = self.connections.connection(pair)
        return connection is not None and connection.connected

    def _mark(self) -> None:
        self.recording.mark(self.running)
        self.observing.mark(self.observed)


def _cleaned(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what was asked, with nothing in it that a panel does not know."""
    known = {field: asked[field] for field in ("value", "by", "action") if field in asked}
    cleaned: dict[str, Any] = {field: str(value) for field, value in known.items()}
    if "when" in asked:
        cleaned["when"] = str(asked["when"]).strip()
    if "often" in asked:
        cleaned["often"] = str(asked["often"]) if str(asked["often"]) in SAMPLINGS else ""
    if "once" in asked:
        cleaned["once"] = bool(asked["once"])
    return cleaned
