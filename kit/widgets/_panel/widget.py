"""The panel: markers, probes, live events and plots of a running program."""

from __future__ import annotations

import html
import json
import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

import anywidget
import traitlets

from kit.core._marker import MarkerList
from kit.core._publication.locks import OUTER, new_lock
from kit.core._runtime import stays
from kit.probes._text import several
from kit.probes._validation import COUNT, FLAG, Kind, choice
from kit.widgets import _kernel as kernel
from kit.widgets._bundle import script
from kit.widgets._messages import NAMES, VIEW, VIEWS, WORDS, sentence, understood
from kit.widgets._pane.flow_control import MOST_VIEWS, Flow
from kit.widgets._panel.options import SAMPLINGS
from kit.widgets._panel.page.shown import show
from kit.widgets._panel.state import PanelState
from kit.widgets._panel.tabs import TABS, Tabs
from kit.widgets._refresh import Refresh
from kit.widgets._still import Still, key, pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import pandas as pd

    from kit.frames._opening import SavedSession
    from kit.frames._recording import Recording
    from kit.probes.captures._capture import Capture
    from kit.probes.sessions._session import Session

__all__ = ["Panel", "panel"]


def panel(
    pattern: str = "*",
    probes: Iterable[Callable[..., object]] = (),
    *,
    capacity: int = 1_000_000,
    mode: str = "discard",
) -> Panel:
    """Show the markers of this program, and connect probes to them by hand.

    Parameters
    ----------
    pattern : str
        Which markers, such as ``"orders.*"``; those declared later appear too.
    probes : iterable of callable
        Functions of yours to offer on every marker; those that you have defined in a notebook can
        be chosen in any case.
    capacity : int
        How many events are kept.
    mode : str
        ``"discard"`` or ``"overwrite"``, as for `kit.record`.

    Returns
    -------
    Panel
        Nothing is connected until you do it.  Running the cell again closes the panel that it made
        before.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("doc.panel.fill", qty=int)
    >>> with panel("doc.panel.*") as shown:
    ...     shown.start()
    ...     fill(100)
    ...     len(shown.frame())
    1
    >>> fill.fanout
    0
    """
    return Panel(pattern, probes, capacity=capacity, mode=mode)


LIST_SHARE: Final = 0.01
"""Of a processor, which header and list take at most."""

BEAT: Final = 1.0
"""Seconds between two signs of life; a page that hears none for 5 says that it is not live."""

STILL: Final = 60.0
"""Seconds between two static pictures while nothing but events comes."""

_MESSAGES: Final[dict[str, Any]] = {**VIEWS, "do": {"view?": VIEW, "ask?": COUNT}}
_PROBE: Final = {"probe": WORDS}
_MARKER: Final = {"marker": WORDS, **_PROBE}
_KEEP: Final = Kind(
    "discard or overwrite, and a number of at most 9 digits",
    lambda value: (
        type(value) is str
        and re.fullmatch(r"(discard|overwrite) [1-9][0-9]{0,8}", value) is not None
    ),
)
_ACTIONS: Final[dict[str, Any]] = {
    "toggle": _MARKER,
    "own": _MARKER,
    "connect-all": _PROBE,
    "disconnect-all": _PROBE,
    "ask": {
        "marker?": WORDS,
        "probe?": WORDS,
        "when?": WORDS,
        "often?": choice(*SAMPLINGS),
        "value?": WORDS,
        "by?": WORDS,
        "does?": WORDS,
        "once?": FLAG,
    },
    "keep": {"keep": _KEEP},
    "filter": {"text": WORDS},
    "choose": {"names": NAMES},
    "tab": {"tab": choice(*[tab.key for tab in TABS])},
    "begin-session": {"folder": WORDS},
    "open": {"folder": WORDS},
    **{
        name: {}
        for name in (
            "observe",
            "own-threads",
            "save",
            "deselect",
            "start",
            "stop",
            "clear",
            "snapshot",
            "undo",
        )
    },
    "end-session": {},
    "leave": {},
    **{name: said for tab in TABS for name, said in tab.actions.items()},
}
"""What a reader can do, and what has to be said for it."""


class _Page(anywidget.AnyWidget):
    """The panel's widget: carries text to the page and clicks back."""

    _esm = script(
        "dom.js",
        "theme.js",
        "still.js",
        "_panel/page/answers.js",
        "_panel/page/pulse.js",
        "_panel/page/options.js",
        "_panel/page/choosing.js",
        "_panel/page/rows.js",
        "_panel/page/header.js",
        "_panel/page/legend.js",
        "_panel/page/detail.js",
        "_panel/tabs/events.js",
        "_panel/tabs/latency.js",
        "_panel/tabs/timeline.js",
        "_panel/tabs/captures.js",
        "_panel/tabs/session.js",
        "_panel/tabs/tabs.js",
        "_panel/page/panel.js",
    )
    _css = script(
        "base.css",
        "_panel/page/panel.css",
        "_panel/page/choosing.css",
        "_panel/tabs/latency.css",
        "_panel/tabs/events.css",
        "_panel/page/detail.css",
        "_panel/tabs/timeline.css",
        "_panel/tabs/captures.css",
        "_panel/tabs/session.css",
    )
    shown = traitlets.Unicode("{}", help="What to draw, as JSON.").tag(sync=True)
    rows = traitlets.Unicode("[]", help="The newest events as rows, as JSON.").tag(sync=True)
    still = traitlets.Unicode(help="The name of its static picture.").tag(sync=True)
    panes = traitlets.Dict(help="Identifiers of the panes in each tab.").tag(sync=True)


class Panel:
    """What `kit.panel` returns; a notebook shows it.

    Attributes
    ----------
    state : PanelState
        What the panel knows, and every action of its buttons.
    captures : list of Capture
        What *Snapshot* has frozen.
    widget : ipywidgets.DOMWidget
        To put into layouts of your own.
    """

    def __init__(
        self,
        pattern: str,
        probes: Iterable[Callable[..., object]],
        *,
        capacity: int,
        mode: str,
    ) -> None:
        kernel.watch()
        kernel.replace_in_cell(self._replaced)
        self.state = PanelState(pattern, probes, capacity=capacity, mode=mode)
        self._tabs = Tabs(self.state)
        self._flow = Flow(interval=0.05, window=8)
        self._still_due = time.monotonic() + STILL
        self._lock = new_lock(OUTER - 10, "a panel's lock")
        self._sent: dict[str, Any] = {}
        self._done: dict[str, int] = {}
        self.widget = _Page(still=key())
        self._still = Still(self.widget.still, self._picture, self._pictured)
        self.widget.on_msg(self._on_message)
        kernel.answer_at_once(self.widget)
        # Drawing may take its time; the list goes on meanwhile.
        self._refresh = Refresh(self._update, 0.15, "kit-panel", LIST_SHARE)
        self._drawing = Refresh(self._draw, 0.25, "kit-panel-plots")
        # A thread of its own: neither a long cell nor a long drawing may hold a beat up.
        self._beating = Refresh(self._beat, BEAT, "kit-panel-beat")
        self._push()
        self._refresh.start()
        self._drawing.start()
        self._beating.start()

    # What it holds.

    @property
    def captures(self) -> list[Capture]:
        """list of Capture : what *Snapshot* has frozen."""
        return self.state.captures

    @property
    def selection(self) -> pd.DataFrame:
        """pandas.DataFrame : the events that are brushed in a plot; none while nothing is."""
        selection = self._tabs.selection
        return self.frame().iloc[:0] if selection is None else selection.frame

    def frame(self, name: str | None = None) -> pd.DataFrame:
        """Return the recorded events, all or those of one marker."""
        frame: pd.DataFrame = self.state.frame(name)
        return frame

    # What it does.

    def start(self) -> None:
        """Record the markers that are shown, or those that `stop` left off."""
        self._do(self.state.start)

    def stop(self) -> None:
        """Stop recording; what was recorded stays."""
        self._do(self.state.stop)
        self._still_due = 0.0

    def clear(self) -> None:
        """Forget what was recorded."""
        self._do(self.state.clear)

    def snapshot(self) -> Capture:
        """Freeze what is recorded now; it is kept in `captures` too."""
        capture = self.state.snapshot()
        self._still_due = 0.0
        self._refresh.soon()
        return capture

    def save(self, path: str | Path | None = None) -> Path:
        """Write what is recorded to a file, and say where.

        Parameters
        ----------
        path : str or Path, optional
            By default a new file in the working directory.

        Returns
        -------
        Path
            Open it again with `kit.open`.
        """
        target = self.state.save(path)
        self._refresh.soon()
        return target

    @property
    def session(self) -> Session | None:
        """Session or None : the newest session that was begun here."""
        return self.state.sessions.session

    @property
    def opened(self) -> Recording | SavedSession | None:
        """What `open` has opened: what the tabs show; None while they show what is recorded."""
        opened = self.state.sessions.opened
        return None if opened is None else opened.kept

    def begin_session(self, folder: str | Path) -> Session | None:
        """Save everything that is connected now in a folder, as a `kit.session`.

        Parameters
        ----------
        folder : str or Path

        Returns
        -------
        Session or None
            Running; None where it could not be begun, and the panel says why.
        """
        self._do(lambda: self.state.sessions.begin(str(folder)))
        return self.session if not self.state.sessions.wrong else None

    def end_session(self) -> None:
        """Stop the session and write what is left of it."""
        self._do(self.state.sessions.end)

    def open(self, path: str | Path) -> None:
        """Show what was saved in the tabs: a session's folder, or a file."""
        self._do(lambda: self.state.sessions.open(str(path)))

    def undo(self) -> None:
        """Take the last connecting or disconnecting back."""
        self._do(self.state.undo)

    def close(self) -> None:
        """Disconnect everything that the panel connected, and free its plots.

        Frames stay readable, and so does what the page shows.
        """
        self._end(leave=True)

    def _replaced(self) -> None:
        """Close, and leave nothing on the page."""
        self._end(leave=False)

    def _end(self, *, leave: bool) -> None:
        if self.state.closed:
            return
        self._refresh.stop()
        self._drawing.stop()
        self._beating.stop()
        self.state.close()
        self._still.refresh()  # while its plots are there
        self._still.close()
        self._push(at_once=True)
        for pane in [pane for tab in self._tabs.all for _, pane in tab.shown] if leave else ():
            pane.let_go()
        self._tabs.close()
        kernel.free(self.widget, leave=leave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    __reduce__ = stays("pickle its snapshot() or frame()")

    def __repr__(self) -> str:
        recorder = self.state.recording.recorder
        doing = "recording" if self.state.running else "not recording"
        if self.state.closed:
            doing = "closed"
        lost = f", {recorder.lost:,} lost" if recorder.lost else ""
        markers = several(len(self.state.markers()), "marker")
        misfits = sum(each.number for each in recorder._sink.misfits())
        lost += f", {misfits:,} values that did not fit" if misfits else ""
        events = f"{several(len(recorder), 'event')}{lost}"
        return f"<Panel of {self.state.listing.pattern}: {markers}, {doing}, {events}>"

    def _repr_html_(self) -> str:
        """Show the markers as a table, where there are no widgets."""
        table = MarkerList(self.state.markers())._repr_html_()
        return f"<p>{html.escape(repr(self))}</p>{table}"

    def _ipython_display_(self) -> None:
        if self.widget.comm is None:
            raise NotImplementedError  # closed: as where there are no widgets
        self._still.display(*(self.widget._repr_mimebundle_() or ({}, {})))

    def _picture(self) -> dict[str, Any]:
        """Draw header, list and plots as they are now, for readers without a kernel."""
        drawn = pictures([plot for plot, _ in self._tabs.current.shown])
        when = f"{datetime.now():%Y-%m-%d %H:%M:%S}"  # noqa: DTZ005 - the reader's clock
        said = f"<p>Not live: as it was at {when}. Run the cell to have it live.</p>"
        page = f"{said}{self._repr_html_()}{drawn['text/html']}"
        return {"text/plain": repr(self), **drawn, "text/html": page}

    def _pictured(self) -> object:
        return self._repr_html_(), [plot.drawn for plot, _ in self._tabs.current.shown]

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        closed = self.widget.comm is None
        data, metadata = ({}, {}) if closed else self.widget._repr_mimebundle_() or ({}, {})
        return {**data, "text/plain": repr(self), "text/html": self._repr_html_()}, metadata

    # From Python to the page.

    def _update(self) -> None:
        """Bring header and list up to date; the refresh thread calls this."""
        if self.state.costs is None:
            self.state.measure()
        self.state.tick()
        self._push()

    def _draw(self) -> None:
        """Bring the plots up to date, and now and then the static picture, on a thread."""
        if self._flow.visible:
            self._draw_tab()
        if time.monotonic() >= self._still_due:
            self._still_due = time.monotonic() + STILL
            self._still.refresh()

    def _draw_tab(self) -> None:
        try:
            if self._tabs.refresh(time.monotonic()):
                self.widget.panes = self._tabs.panes
        except Exception as error:  # noqa: BLE001 - the list goes on without the plot
            text = f"{self._tabs.current.title} cannot be drawn: {type(error).__name__}: {error}"
            if text != self.state.message["text"]:
                self.state.say(text, bad=True)

    def _push(self, *, at_once: bool = False) -> None:
        with self._lock:
            if self._flow.delay() > 0 and not at_once:
                return
            body = self._tabs.current.body
            shown = {
                **show(self.state, events=body == "events", session=body == "session"),
                **self._tabs.describe(),
                "closed": self.state.closed,
                "id": self.widget.model_id,
            }
            rows = json.dumps(self._tabs.current.rows())
            if rows != self.widget.rows:
                self.widget.rows = rows
            if shown == self._sent:
                return
            self._sent = shown
            # One text, for the comm looks at every part of a nested state.
            sent = {"number": self._flow.sent(), "at": time.time()}
            self.widget.shown = json.dumps({**shown, **sent})

    def _beat(self) -> None:
        """Tell the page that the kernel lives, and which clicks have been handled."""
        with self._lock:
            if self._flow.watched:
                self.widget.send({"type": "beat", "done": self._done})

    # From the page to Python.

    def _on_message(self, _widget: object, sent: object, _buffers: object) -> None:
        content = understood(sent, _MESSAGES)
        if content is None:
            return
        if content["type"] != "do":
            with self._lock:
                self._flow.told(content)
            if content["type"] in ("joined", "shown"):
                self._beating.soon()
            return
        if self.state.closed:
            return
        asked = understood(sent, _ACTIONS, "action")
        if asked is not None:
            try:
                self._act(asked)
            except Exception as error:  # noqa: BLE001 - the reader sees it, and goes on
                self.state.say(sentence(error), bad=True)
            self._push(at_once=True)
            self._drawing.soon()
        self._acknowledge(content)

    def _acknowledge(self, content: dict[str, Any]) -> None:
        """Tell the page that a click has been handled: until then it shows as pending."""
        if "view" in content and "ask" in content:
            with self._lock:
                self._done.pop(content["view"], None)
                self._done[content["view"]] = content["ask"]
                while len(self._done) > MOST_VIEWS:
                    del self._done[next(iter(self._done))]
                self.widget.send({"type": "beat", "done": self._done})

    def _act(self, content: dict[str, Any]) -> None:
        state = self.state
        match content:
            case {"action": name} if any(name in tab.actions for tab in TABS):
                answer = self._tabs.act(content)
                if answer is not None:
                    self.widget.send(answer)
            case {"probe": probe}:
                self._act_on_probe(content, content.get("marker", ""), probe)
            case {"folder": _} | {"action": "end-session" | "leave"}:
                self._act_on_session(content)
            case {"action": "ask"}:  # of all
                state.ask_all(**_asked(content))
            case {"action": "filter" | "choose"}:
                self._act_on_list(content)
            case {"action": "tab", "tab": tab}:
                self._tabs.choose(tab)
            case {"action": "observe" | "own-threads" as name}:
                self._switch(name)
            case {"action": "deselect"} if self._tabs.selection is not None:
                self._tabs.selection.clear()
            case _:
                self._act_on_recording(content)

    def _act_on_recording(self, content: dict[str, Any]) -> None:
        state = self.state
        match content:
            case {"action": "keep", "keep": keep}:
                mode, _, capacity = keep.partition(" ")
                state.keep(mode, int(capacity))
            case {"action": "save" | "start" | "stop" | "clear" | "snapshot" | "undo" as name}:
                getattr(state, name)()
                if name in {"stop", "clear", "snapshot"}:
                    self._still_due = 0.0

    def _switch(self, name: str) -> None:
        if name == "own-threads":
            self._tabs.toggle_own()
        else:
            self.state.observe(not self.state.observed)

    def _act_on_probe(self, content: dict[str, Any], marker: str, probe: str) -> None:
        state = self.state
        match content["action"]:
            case "toggle":
                state.toggle(marker, probe)
            case "own":
                state.add_own(marker, probe)
            case "connect-all":
                state.connect_all(probe)
            case "disconnect-all":
                state.disconnect_all(probe)
            case "ask" if marker:
                state.ask(marker, probe, **_asked(content))
            case "ask":
                state.ask_all(**_asked(content))

    def _act_on_list(self, content: dict[str, Any]) -> None:
        if content["action"] == "filter":
            self.state.set_filter(content["text"])
        else:
            self.state.choose(content["names"])
        self._tabs.hurry()

    def _act_on_session(self, content: dict[str, Any]) -> None:
        sessions = self.state.sessions
        match content["action"]:
            case "begin-session":
                sessions.begin(content["folder"])
            case "end-session":
                sessions.end()
            case "open":
                sessions.open(content["folder"])
            case "leave":
                sessions.leave()

    def _do(self, action: Callable[[], None]) -> None:
        action()
        self._push(at_once=True)
        self._drawing.soon()


def _asked(content: dict[str, Any]) -> dict[str, Any]:
    """Return what a message from the page asks."""
    # The message's own action is "ask"; what a trigger is to do has another name there.
    names = {name: name for name in ("when", "often", "value", "by", "once")} | {"does": "action"}
    return {names[key]: content[key] for key in names if key in content}
