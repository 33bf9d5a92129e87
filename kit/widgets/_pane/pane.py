"""A Bokeh plot as a widget: one document in Python, shown by any number of views.

BokehJS and the document travel as widget state, so a view is drawn without asking the kernel, a
page that is loaded again shows the document as it is now, and no request leaves the machine.
Afterwards only changes travel, each once: numbered patches from Python, answered by the views that
painted them (see `kit.widgets._pane.flow_control`), and what the reader does, gathered into one
message a gesture, from the view to Python.

Messages may be sent from any thread, which needs ipykernel 7.4 or newer, and what the reader does
may arrive on any thread; therefore documents are changed under one lock, `kit.plots._plot.lock`
(`Pane.changes` takes it).  A pane has a lock of its own for what is on its way.  It is the
innermost one: nobody's callback runs under it.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import anywidget
import ipywidgets
import traitlets
from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from bokeh.document.events import ModelChangedEvent
from bokeh.io.doc import _PATCHED_CURDOCS
from bokeh.model import Model
from bokeh.models import Range
from bokeh.protocol.messages.patch_doc import patch_doc

from kit.core._publication.locks import OUTER, new_lock
from kit.core._runtime import stays
from kit.plots._plot import Plot
from kit.plots._selection import lock
from kit.widgets import _kernel as kernel
from kit.widgets._bundle import BokehJS, bokehjs, script
from kit.widgets._messages import EVENTS, VIEWS, WORDS, understood
from kit.widgets._pane.flow_control import MOST_VIEWS, Flow
from kit.widgets._pane.patches import Changes
from kit.widgets._refresh import metered
from kit.widgets._still import Still, key, pictures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bokeh.document.events import DocumentPatchedEvent
    from bokeh.document.models import DocumentModelManager

__all__ = ["Pane"]

log = logging.getLogger(__name__)

_MESSAGES: Final[dict[str, Any]] = {
    **VIEWS,
    "patch": {**VIEWS["painted"], "events": EVENTS},
    "document": {},
    "problem": {"text": WORDS},
}


@runtime_checkable
class Themed(Protocol):
    """What a pane shows besides plain Bokeh models: a figure that pages show in their own theme."""

    @property
    def figure(self) -> Model:
        """The Bokeh model to show."""

    @property
    def theme(self) -> str:
        """In which colours it is painted: "light" or "dark", with twins for each of them."""


class Pane(anywidget.AnyWidget):
    """Show a Bokeh model, or a plot of `kit.plots`, in a notebook.

    Parameters
    ----------
    plot : Plot or bokeh.model.Model
        What to show.  A plot follows the theme of the page; a plain Bokeh model stays as it is.
    interval : float
        Least time between two updates, in seconds.

    Raises
    ------
    TypeError
        If `plot` is neither.
    ValueError
        If the model belongs to a document that holds other plots too.

    Examples
    --------
    >>> from bokeh.plotting import figure
    >>> pane = Pane(figure())
    >>> with pane.changes():
    ...     pane.model.title.text = "changed, and sent once"
    >>> pane.close()
    """

    _esm = script("still.js", "theme.js", "_pane/bokehjs.js", "_pane/outbox.js", "_pane/pane.js")
    _bokehjs = traitlets.Instance(BokehJS).tag(sync=True, **ipywidgets.widget_serialization)
    _document = traitlets.Unicode("").tag(sync=True)
    _sequence = traitlets.Int(0).tag(sync=True)
    _theme = traitlets.Unicode("").tag(sync=True)
    still = traitlets.Unicode(help="The name of its static picture.").tag(sync=True)

    def __init__(self, plot: Themed | Model, *, interval: float = 0.05, **traits: Any) -> None:
        kernel.watch()
        self.plot = plot
        self.model = _model_of(plot)
        self.problem = ""
        self._lock = new_lock(OUTER + 20, "a pane's lock")
        self._changes = Changes()
        self._flow = Flow(interval=interval)
        self._nesting = 0
        self._origin: str | None = None
        self._received: dict[str, int] = {}
        self._timer: threading.Timer | None = None
        self._doc = _document_of(self.model)
        super().__init__(_bokehjs=bokehjs(), still=key(), **traits)
        self._still = Still(self.still, self._picture, self._pictured)
        self._doc.on_change_dispatch_to(self)
        self.on_msg(self._on_message)
        kernel.answer_at_once(self)

    # ipywidgets has copies of its own.
    __copy__ = __deepcopy__ = __reduce__ = stays("make another one of its plot")

    def __repr__(self) -> str:
        what = type(self.plot).__name__
        views = len(self._flow.views)
        state = "closed" if self.comm is None else f"{views} view{'' if views == 1 else 's'}"
        return f"<Pane of a {what}, {state}>"

    # In a notebook without its kernel.

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        return {**data, "text/plain": repr(self.plot)}, metadata

    def _ipython_display_(self) -> None:
        if not isinstance(self.plot, Plot):
            raise NotImplementedError  # a plain Bokeh model: as widgets show themselves
        self._still.display(*self._repr_mimebundle_())

    def _picture(self) -> dict[str, Any]:
        assert isinstance(self.plot, Plot)
        return {"text/plain": repr(self.plot), **pictures([self.plot])}

    def _pictured(self) -> object:
        assert isinstance(self.plot, Plot)
        return self.plot.drawn

    @property
    def visible(self) -> bool:
        """bool : whether a reader may be looking; updates made while it is false wait."""
        with self._lock:
            return self.comm is not None and self._flow.visible

    @contextmanager
    def changes(self) -> Iterator[None]:
        """Hold the lock of all documents, and send what changes inside as one update.

        Examples
        --------
        >>> from bokeh.plotting import figure
        >>> with Pane(figure()).changes():
        ...     pass
        """
        with lock:
            with self._lock:
                self._nesting += 1
            try:
                with _looked_through_once(self._doc.models):
                    yield
            finally:
                with self._lock:
                    self._nesting -= 1
                    self._flush()

    def close(self) -> None:
        """Remove all views and free the document.  The plot itself stays usable."""
        if self.comm is None:
            return  # closed before, or refused by the constructor
        with self._lock:
            self._doc.remove_on_change(self)
            self._stop_timer()
            self._changes = Changes()
            self._still.close()
            super().close()
        self.layout.close()

    def let_go(self) -> None:
        """Free the document, and leave what the page shows; it is not live any more."""
        if self.comm is not None:
            with lock, self._lock:
                self._send_changes()
                self.send({"type": "closed"})
            kernel.free(self, leave=True)

    # From Python to the browser.

    def _document_patched(self, event: DocumentPatchedEvent) -> None:
        """Note a change of the document; Bokeh calls this, on whichever thread made the change."""
        with self._lock:
            if isinstance(event, ModelChangedEvent) and event.attr == "subscribed_events":
                # Bokeh asks models for their callbacks when they join a document, not later.
                for name in event.model.subscribed_events:
                    self._doc.callbacks.subscribe(name, event.model)
            origin = self._origin if event.setter is self else None
            if origin is not None and (len(self._flow.views) < 2 or _is_of_one_view(event)):
                return
            self._changes.add(event, origin)
            self._flush()

    def _flush(self) -> None:
        """Send what waits, or see to it that it is sent as soon as it may."""
        if self._nesting or not self._changes or self.comm is None:
            return
        delay = self._flow.delay()
        if delay > 0:
            self._start_timer(delay)
            return
        self._send_changes()

    def _send_changes(self) -> None:
        for origin, events in self._changes.take():
            message = patch_doc.create(list(events))
            content = {
                "type": "patch",
                "number": self._flow.sent(),
                "origin": origin,
                "theme": self._painted,
                "content": message.content_json,
                "ids": [buffer.id for buffer in message.buffers],
            }
            self.send(content, [buffer.to_bytes() for buffer in message.buffers])

    def _start_timer(self, delay: float) -> None:
        if self._timer is None and delay != float("inf"):
            self._timer = threading.Timer(delay, self._on_timer)
            self._timer.name = "kit-pane"
            self._timer.daemon = True
            try:
                self._timer.start()
            except RuntimeError:  # there can be no more threads: earlier than it should
                self._timer = None
                self._send_changes()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        with metered(), lock, self._lock:
            self._timer = None
            self._flush()

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return the widget's state; the document in it is always the current one.

        Parameters
        ----------
        key : str or iterable of str, optional
            Which parts; all of them if not given, as when a page is loaded again.
        drop_defaults : bool
            Leave out what was never set.

        Returns
        -------
        dict
            From name to value, ready for JSON.
        """
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        if "_document" in state:
            with lock, self._lock:
                self._flow.restarted()
                state["_document"], state["_sequence"] = self._current()
                state["_theme"] = self._painted
        return state

    @property
    def _painted(self) -> str:
        """The theme of the document's colours; none where the models are the user's own."""
        return self.plot.theme if isinstance(self.plot, Themed) else ""

    def _current(self) -> tuple[str, int]:
        """Return the document as JSON and the number of the last update it includes."""
        # Bokeh sends a model's definition once and then refers to it.  Writing the whole document
        # marks every model as sent, so what waits must go out first or a view would lack models.
        self._send_changes()
        document = self._doc.to_json(deferred=False)
        _unfix_ranges(document)
        return serialize_json(document), self._flow.number

    # From the browser to Python.

    def _on_message(self, _widget: object, sent: object, _buffers: object) -> None:
        content = understood(sent, _MESSAGES)
        if content is None:
            return
        kind, view = content["type"], content.get("view", "")
        if kind == "patch":
            self._apply(view, content["number"], content["events"])
        elif kind == "document":
            with lock, self._lock:
                document, number = self._current()
                theme = self._painted
                content = {"number": number, "theme": theme, "content": document}
                self.send({"type": "document", **content})
        elif kind == "problem":
            self.problem = content["text"]
            log.error("A plot could not be drawn: %s", self.problem)
        else:
            with self._lock:
                self._note(view, content)
        with lock, self._lock:
            self._flush()

    def _note(self, view: str, content: dict[str, Any]) -> None:
        """Take note of what a view says of itself."""
        self._flow.told(content)
        if content["type"] == "left":
            self._received.pop(view, None)

    def _apply(self, view: str, number: int, events: Iterable[dict[str, Any]]) -> None:
        """Do in Python, once, what the reader did in a view."""
        failures: list[Exception] = []
        with self.changes():
            if number <= self._received.get(view, 0):
                return
            self._received[view] = number
            while len(self._received) > MOST_VIEWS:
                del self._received[next(iter(self._received))]
            self._origin = view
            for event in events:
                # One by one, so that a callback that raises does not swallow the events after it.
                try:
                    self._apply_one(event)
                except Exception as error:  # noqa: BLE001
                    failures.append(error)
            self._origin = None
        if failures:
            raise failures[0]

    def _apply_one(self, event: dict[str, Any]) -> None:
        # Bokeh takes every model in the document for known to the browser once a patch from there
        # has been applied.  Those that still wait to be sent are not.
        models = self._doc.models
        unsent = models._new_models.copy()
        # A callback that raises would leave its document Bokeh's current one for good: whatever
        # the notebook saves or shows by `bokeh.io` afterwards would be that one.
        current = len(_PATCHED_CURDOCS)
        try:
            self._doc.apply_json_patch({"events": [event]}, setter=self)  # type: ignore[arg-type]
        finally:
            del _PATCHED_CURDOCS[current:]
            models._new_models |= {model for model in unsent if model.document is self._doc}


@contextmanager
def _looked_through_once(models: DocumentModelManager) -> Iterator[None]:
    """Have Bokeh look through a document once after many changes, or not at all.

    It does so after each change of what refers to what.  Its own way to put that off looks in any
    case, which takes longer than drawing where only numbers have changed.
    """
    stale = False

    def note() -> None:
        nonlocal stale
        stale = True

    own: dict[str, Any] = vars(models)
    outer = own.get("invalidate")
    models._push_freeze()
    own["invalidate"] = note
    try:
        yield
    finally:
        del own["invalidate"]
        if outer is not None:
            own["invalidate"] = outer
        models._freeze_count -= 1
        if stale:
            models.invalidate()


def _model_of(plot: Themed | Model) -> Model:
    model = plot if isinstance(plot, Model) else getattr(plot, "figure", None)
    if not isinstance(model, Model):
        raise TypeError(
            f"A pane shows a plot of kit.plots or a Bokeh figure, not {type(plot).__name__}."
        )
    return model


def _document_of(model: Model) -> Document:
    """Return the document that holds this model and nothing else."""
    if model.document is None:
        document = Document()
        document.add_root(model)
        return document
    if model.document.roots != [model]:
        raise ValueError(
            "This figure belongs to a document with other figures in it, so its updates would be "
            "theirs. Make a new figure, or give the pane the layout that holds them all."
        )
    return model.document


def _is_of_one_view(event: DocumentPatchedEvent) -> bool:
    """Tell whether a change made in a view means nothing to the other views.

    Each view has its own size, and is zoomed on its own: a view that follows its data would fight
    with another one's range.
    """
    if not isinstance(event, ModelChangedEvent):
        return False
    return isinstance(event.model, Range) or event.attr in {
        f"{side}_{length}" for side in ("inner", "outer") for length in ("width", "height")
    }


def _unfix_ranges(part: Any) -> None:
    """Take out of a document, in place, where ranges that follow the data happen to be.

    A view reports its range when the reader zooms.  Drawn anew with it, the range would no longer
    follow the data, and reset would lead back to the zoom.
    """
    if isinstance(part, dict):
        if part.get("name") == "DataRange1d" and "attributes" in part:
            part["attributes"].pop("start", None)
            part["attributes"].pop("end", None)
        for value in part.values():
            _unfix_ranges(value)
    elif isinstance(part, list):
        for value in part:
            _unfix_ranges(value)
