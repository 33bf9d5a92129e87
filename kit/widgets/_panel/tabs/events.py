"""The tab Events: a table of every event that is kept.

While a program is recorded the table follows it: the newest events, as rows of the recorder.  As
soon as the reader scrolls, sorts by something else or looks at an event, it holds still, and shows
all that was kept then.  The page asks for the rows that it shows, by number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from kit.errors import ConditionError
from kit.plots import units
from kit.probes._validation import COUNT, FLAG, choice
from kit.probes.filters._operands import operands
from kit.probes.filters.condition import Condition
from kit.widgets._messages import WORDS
from kit.widgets._panel.event_detail import describe
from kit.widgets._panel.event_table import SORTS, EventTable, newest, table_of, value_text
from kit.widgets._panel.options import ConditionProblem
from kit.widgets._panel.sessions import LATEST, sources_of
from kit.widgets._panel.tabs.tab import Tab, nothing_recorded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kit.probes.captures._capture import Capture
    from kit.widgets._panel.event_table import Event
    from kit.widgets._panel.state import PanelState

__all__ = ["EventsTab", "look_through"]

LIVE: Final = 20_000
"""Among how many of the newest events a condition is looked for while recording."""

MOST_ROWS: Final = 200
"""How many rows a page gets at once."""

_ON_ALL: Final = ("marker", "tid", "thread")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the reader asks of the table.

    Attributes
    ----------
    when : str
        A condition; empty for none.
    sort : str
        One of `SORTS`.
    brushed : bool
        Whether only what is brushed in a plot is shown.
    held : bool
        Whether it holds still while a program is recorded.
    again : int
        How often what is kept was looked at anew.
    key : str
        Of the event that is shown in full; empty for none.
    """

    when: str = ""
    sort: str = "-time"
    brushed: bool = False
    held: bool = False
    again: int = 0
    key: str = ""


class View(NamedTuple):
    """What the table shows, made as a whole.

    Attributes
    ----------
    number : int
        Another one for each; 0 while it follows what is recorded.
    total : int
        How many rows there are.
    heads : list of [title, kind]
        The columns.
    live : list of Event
        The newest, while it follows.
    table : EventTable or None
    rows : numpy.ndarray of int64
        The rows of the table that are shown, in order.
    """

    number: int = 0
    total: int = 0
    heads: list[list[str]] = []  # noqa: RUF012 - never changed
    live: list[Event] = []  # noqa: RUF012
    origin: int = 0
    table: EventTable | None = None
    rows: Any = ()


class EventsTab(Tab):
    """The newest events; and all, where somebody looks through them."""

    key, title, hint = "events", "Events", "every event that is kept, as text"
    body = "events"
    actions: ClassVar[dict[str, Any]] = {
        "events": {
            "when?": WORDS,
            "sort?": choice(*SORTS),
            "brushed?": FLAG,
            "held?": FLAG,
            "again?": FLAG,
            "key?": WORDS,
        },
        "rows": {"from": WORDS, "table": COUNT, "first": COUNT, "count": COUNT},
    }

    def __init__(self, state: PanelState) -> None:
        super().__init__(state)
        self.asked = Asked()
        self.wrong: ConditionProblem | None = None
        self.view = View()
        self._number = 0
        self._of: object = None
        self._shows: object = None
        self._busy = False

    def _note(self) -> str:
        return nothing_recorded(self._state)

    @property
    def following(self) -> bool:
        """bool : whether the newest events are shown as they come."""
        asked, state = self.asked, self._state
        still = asked.held or asked.brushed or bool(asked.key) or asked.sort != "-time"
        return state.running and state.sessions.opened is None and not still

    # What the reader does.

    def act(self, content: dict[str, Any]) -> dict[str, Any] | None:
        """Do what a page asks; return what to tell it."""
        if content["action"] == "rows":
            return self._answer(content)
        self._busy = True
        asked: dict[str, Any] = {
            name: content[name] for name in ("sort", "brushed", "held") if name in content
        }
        if asked.get("held") is False:
            asked |= {"key": "", "brushed": False, "sort": "-time"}
        if content.get("again"):
            asked["again"] = self.asked.again + 1
        if "key" in content:
            asked |= {"key": content["key"], "held": True}
        self.asked = replace(self.asked, **asked)
        if "when" in content:
            self._filter(content["when"].strip())
        return None

    def _filter(self, text: str) -> None:
        self.wrong = None
        if text:
            try:
                Condition(text).check(self._known(), "any of the markers shown")
            except ConditionError as error:
                self.wrong = ConditionProblem(text, error.why, error.position)
                return
        self.asked = replace(self.asked, when=text, key="")

    def _known(self) -> list[str]:
        """Return the names that a condition can have, the markers' own fields first."""
        state = self._state
        if state.sessions.opened is not None:
            from kit.analysis import _where

            return [name for part in state.sessions.opened.parts for name in _where.known(part)]
        focus, declared = state.focus(), state.listing.all().values()
        shown = [marker for marker in declared if focus is None or marker.name in focus]
        own = [
            name
            for marker in shown
            for name, operand in operands(marker.name, marker.format).items()
            if operand.argument is not None
        ]
        return [*own, *_ON_ALL, *state.recording.context]

    # What there is.

    def refresh(self) -> bool | None:
        """Look at what was recorded since, or at what was asked."""
        looked = self._follow() if self.following else self._look()
        self._busy = False
        return looked

    def _look(self) -> bool | None:
        state, asked = self._state, self.asked
        with state.lock:
            opened, recording, focus = state.sessions.opened, state.recording, state.focus()
            recorder = recording.recorder
            count = len(recorder) + recorder.overwritten
            kept: object = (id(recorder), recording.started, "held" if state.running else count)
        of = (id(opened) if opened is not None else kept, asked.again)
        brush = self.brush if asked.brushed else None
        shows = (of, focus, asked.when, asked.sort, brush)
        if shows == self._shows:
            return None
        table = self.view.table if of == self._of else None
        if table is None and (opened is not None or count):
            table = look_through(state)
        if table is None:
            self.view = View()
        else:
            condition = Condition(asked.when) if asked.when else None
            some = condition is not None or brush is not None or focus is not None
            rows = table.chosen(condition, brush, focus) if some else None
            rows = table.order(asked.sort, rows)
            self._number += 1
            names = tuple(name for name in table.markers if focus is None or name in focus)
            heads = _heads(names, table)
            self.view = View(self._number, len(rows), heads, [], table.origin, table, rows)
        self._of, self._shows = of, shows
        return False

    def _follow(self) -> bool | None:
        state, asked = self._state, self.asked
        recorder, focus = state.recording.recorder, state.focus()
        count = len(recorder) + recorder.overwritten
        follows = (id(recorder), state.recording.started, count, focus, asked.when)
        if follows == self._shows:
            return None
        some = focus is not None or bool(asked.when)
        capture = state.recording.newest(LIVE if some else LATEST)
        found = newest(capture, focus)
        if asked.when:
            condition = Condition(asked.when)
            met, names = condition.function(condition.names), condition.names
            found = [each for each in found if _is(met, [each.value(name) for name in names])]
        infos = [info for info in capture.markers if focus is None or info.name in focus]
        live = found[:LATEST]
        heads = _heads(tuple({info.name for info in infos}), live)
        total = len(found) if some else len(recorder)
        self.view = View(0, total, heads, live, capture.started)
        self._of, self._shows = None, follows
        return False

    # What the page shows.

    def described(self) -> dict[str, Any]:
        """Describe the table, without its rows."""
        asked, view = self.asked, self.view
        described: dict[str, Any] = {
            "table": view.number,
            "follow": self.following,
            "recording": self._state.running and self._state.sessions.opened is None,
            "total": view.total,
            "heads": view.heads,
            "says": self._says(view),
            "sort": asked.sort,
            "brushed": asked.brushed,
            "brush": self.brush is not None,
            "when": asked.when,
            "event": None,
            "at": -1,
        }
        if self.wrong is not None:
            problem = {"wrong": self.wrong.why, "mark": self.wrong.position}
            described |= {"when": self.wrong.text, **problem}
        if view.table is not None and asked.key:
            described |= self._detail(view.table, view.rows, asked.key)
        return described

    def _says(self, view: View) -> str:
        if self._busy:
            return "looking …"
        if view.table is None:
            if not self.following:
                return ""
            some = self.asked.when or self._state.focus() is not None
            return f"newest on top{f', among the newest {LIVE:,} events' if some else ''}"
        table, state = view.table, self._state
        of = f"{units.count(view.total)} of " if view.total < len(table) else ""
        newer = len(state.recording.recorder) - len(table)
        live = state.running and state.sessions.opened is None and newer > 0
        newer_text = f", {units.count(newer)} newer" if live else ""
        return f"{of}{units.several(len(table), 'event')}{newer_text}"

    def _detail(self, table: EventTable, rows: Any, key: str) -> dict[str, Any]:
        row = table.find(key)
        if row is None:
            return {}
        places = (rows == row).nonzero()[0]
        live = self._state.sessions.opened is None
        at = int(places[0]) if len(places) else -1
        return {"event": describe(table, row, code=live), "at": at}

    def rows(self) -> list[list[str]]:
        """Return the newest events as rows, while the table follows them; else nothing."""
        view = self.view
        return [_row(event, view) for event in view.live]

    def _answer(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return the rows that a page asks for."""
        first, view = content["first"], self.view
        found: list[Event] = []
        if view.table is not None and content["table"] == view.number:
            wanted = view.rows[first : first + min(content["count"], MOST_ROWS)]
            found = view.table.events(wanted)
        return {
            "type": "rows",
            "to": content["from"],
            "table": view.number,
            "first": first,
            "rows": [_row(event, view) for event in found],
        }


def look_through(state: PanelState, capture: Capture | None = None) -> EventTable:
    """Return what was opened, or else what is kept: the events of all markers.

    Parameters
    ----------
    state : PanelState
    capture : Capture, optional
        In place of everything that is kept.

    Returns
    -------
    EventTable
        What encloses an event may be a span of a marker that is not shown.
    """
    from kit import frames

    with state.lock:
        opened = state.sessions.opened
        if opened is None and capture is None:
            capture = state.recording.capture()
    if opened is not None:
        return table_of(opened.parts, opened.sources)
    assert capture is not None
    sources = sources_of(capture)
    parts = [frames.events(capture, name) for name in sources]
    return table_of(parts, sources, capture.started)


def _is(met: Any, values: Iterable[Any]) -> bool:
    try:
        return bool(met(tuple(values)))
    except Exception:  # noqa: BLE001 - whatever the values' own operators raise
        return False


def _heads(names: tuple[str, ...], what: EventTable | list[Event]) -> list[list[str]]:
    """Return the columns: what each is called, and its kind."""
    time, took, thread = ["time, s", "time"], ["took", "dur"], ["thread", "thread"]
    if len(names) != 1:
        return [time, ["marker", "marker"], took, thread, ["fields", "fields"]]
    if isinstance(what, EventTable):
        fields, parts = what.fields(names), what.parts_of(names)
        is_span = any("dur" in part and bool(part["dur"].notna().any()) for part in parts)
        failed = any("error" in part and bool(part["error"].notna().any()) for part in parts)
    else:
        fields = list(dict.fromkeys(name for event in what for name in event.fields))
        is_span = any(event.dur is not None for event in what)
        failed = any(event.error is not None for event in what)
    spans, errors = [took] if is_span else [], [["error", "error"]] if failed else []
    return [time, *spans, thread, *([name, "field"] for name in fields), *errors]


def _row(event: Event, view: View) -> list[str]:
    """Return an event's key, whether it failed, and its cells."""
    cells = [_cell(event, title, kind, view.origin) for title, kind in view.heads]
    return [event.key, "" if event.error is None else "failed", *cells]


def _cell(event: Event, title: str, kind: str, origin: int) -> str:
    match kind:
        case "time":
            return f"{(event.ts - origin) / 1e9:,.6f}"
        case "dur":
            return "" if event.dur is None else units.duration(event.dur)
        case "marker":
            return units.plain(event.marker)
        case "thread":
            return units.short(event.thread, 18)
        case "error":
            return "" if event.error is None else value_text(event.error)
        case "field":
            return value_text(event.fields[title]) if title in event.fields else ""
    fields = [f"{name}={value_text(value)}" for name, value in event.fields.items()]
    return " ".join([*fields, *([value_text(event.error)] if event.error is not None else [])])
