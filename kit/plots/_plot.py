"""What all plots share: their life between frames, readers' gestures and the page.

A plot draws as many things as there are pixels, whatever the number of events.  So it computes its
view anew when the reader has zoomed, once for each gesture, when it is given a new frame, and when
a selection changes.
"""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from bokeh.embed import file_html
from bokeh.events import RangesUpdate, Reset
from bokeh.models import Range1d
from bokeh.resources import INLINE

from kit.core._runtime import stays
from kit.plots import _binning as grid
from kit.plots import _theme as theme
from kit.plots import units
from kit.plots._selection import lock
from kit.probes._files import absolute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd
    from bokeh.events import Event
    from bokeh.models import LayoutDOM

    from kit.plots._axes import Axes
    from kit.plots._selection import Selection


__all__ = [
    "Plot",
    "Window",
    "dispatch_frames",
    "display_with",
    "events_frame",
    "in_view",
    "lock",
]

Displayable = Any
_display: Callable[[Plot], Displayable] | None = None

# The page of a plot that stands alone.
_PAGE: Final = """
{% block title %}{{ title | e }}{% endblock %}
{% block postamble %}<style>body { background: {{ ground }}; padding: 12px; }</style>{% endblock %}
"""


def display_with(factory: Callable[[Plot], Displayable] | None) -> None:
    """Choose how plots show themselves in a notebook.

    Parameters
    ----------
    factory : callable or None
        Given a plot, returns an object with ``_repr_mimebundle_``: a live widget.  It is asked once
        for each plot.  None shows plots as they are, without a kernel.

    Examples
    --------
    >>> display_with(None)
    """
    global _display
    _display = factory


HIGHEST: Final = 4_000
"""The largest height that a plot can have, in px."""


class Window:
    """One axis that a reader can zoom.

    Parameters
    ----------
    least : float, optional
        The shortest stretch that can be zoomed to.

    Attributes
    ----------
    range : bokeh.models.Range1d
    full : tuple of float
        All there is.
    view : tuple of float
        What is in view.

    Examples
    --------
    >>> window = Window()
    >>> window.fit((0.0, 10.0))
    >>> window.seen(2.0, 3.0)
    >>> window.fit((0.0, 20.0))
    >>> window.view, window.range.reset_end
    ((2.0, 3.0), 20.0)
    """

    def __init__(self, least: float | None = None) -> None:
        self.full = self.view = self._known = (0.0, 1.0)
        self.range = Range1d(start=0.0, end=1.0, min_interval=least)

    @property
    def zoomed(self) -> bool:
        """Whether less, or something else, than all is in view."""
        return self.view != self.full

    def fit(self, full: tuple[float, float], shift: float = 0.0) -> None:
        """Take note of how much there is now; follow it, unless the reader has zoomed.

        Parameters
        ----------
        full : tuple of float
        shift : float
            How far what was in view has moved along the axis.
        """
        # A gesture under way has moved the range, but has not been announced yet.
        if self._in_browser() != self._known:
            self.seen(*self._in_browser())
        low, high = self.view[0] + shift, self.view[1] + shift
        gone = high <= full[0] or low >= full[1]
        self.show(*(full if gone or not self.zoomed else (low, high)))
        self.full = full
        self.range.reset_start, self.range.reset_end = full

    def _in_browser(self) -> tuple[float, float]:
        start: Any = self.range.start
        end: Any = self.range.end
        return float(start), float(end)

    def seen(self, start: float | None, end: float | None) -> None:
        """Take note of what the browser shows."""
        if start is not None and end is not None and start != end:
            self.view = (min(start, end), max(start, end))

    def show(self, start: float, end: float) -> None:
        """Move the view."""
        self.view = (start, end)
        self.range.start, self.range.end = start, end
        self._known = (start, end)


class Plot(ABC):
    """A plot of frames.

    Parameters
    ----------
    *frames
        What it shows.
    title : str, optional
        In place of the one that says what it is.
    height : int, optional
        px, in place of the usual; at least 200 for most plots.

    Attributes
    ----------
    figure : bokeh.models.LayoutDOM
        The root to put on a page.  A Bokeh model can be on one page at a time.
    view : object
        What is shown now, as plain arrays: a view model of `kit.plots.figures`.
    selection : Selection or None
        What is brushed; None where nothing can be.
    height : int
        px.
    """

    figure: LayoutDOM
    view: Any = None
    selection: Selection | None = None
    height: int = 0
    _origin: int | None = None
    _lowest: int = 200

    def __init__(self, *frames: Any, title: str | None = None, height: int | None = None) -> None:
        if title is not None and not isinstance(title, str):
            raise TypeError(f"title= is a text, not {title!r:.60}")
        if height is not None:
            if type(height) is not int or not self._lowest <= height <= HIGHEST:
                room = f"from {self._lowest} to {HIGHEST:,}"
                raise ValueError(f"height= is a number of pixels {room}, not {height!r:.60}")
            self.height = height
        self._own_title = None if title is None else units.plain(title)
        self._painter = theme.Painter(theme.current())
        self._windows: dict[str, Window] = {}
        self._shown: tuple[Any, Any] = (None, None)
        self._drawn_for: object = None
        with lock:
            self._build()
            self._load(*frames)
            self._refresh()

    @abstractmethod
    def _build(self) -> None:
        """Make the figure with nothing in it, and register every callback."""

    @abstractmethod
    def _load(self, *frames: Any) -> None:
        """Read new frames, and fit the windows to them."""

    @abstractmethod
    def _bin(self) -> Any:
        """Compute the view of what is in the windows."""

    @abstractmethod
    def _draw(self) -> None:
        """Show `view`."""

    @abstractmethod
    def _heading(self) -> tuple[str, str]:
        """Say what the plot shows: a title and a note."""

    def _caption(self) -> tuple[str, str]:
        """Title and note, with the user's own title where there is one."""
        title, note = self._heading()
        return self._own_title or title, note

    __reduce__ = stays("pickle the frames that it shows")

    def update(self, *frames: Any) -> None:
        """Show new frames in the same figure.

        Axes follow the data, unless the reader has zoomed: then what is in view stays in view.

        Parameters
        ----------
        *frames
            The same kinds that the plot was made from.
        """
        with lock:
            self._load(*frames)
            self._refresh()

    def zoom(self, **windows: tuple[float, float]) -> None:
        """Show a part of the axes.

        Parameters
        ----------
        **windows : tuple of float
            ``time=(start, end)`` in ns from the first event, ``dur=(low, high)`` in ns; which of
            them there are depends on the plot.

        Raises
        ------
        ValueError
            If the plot has no such axis, or the end does not lie after the start.
        """
        with lock:
            for name, (start, end) in windows.items():
                if name not in self._windows:
                    known = ", ".join(self._windows) or "none"
                    raise ValueError(f"there is no axis {name!r} to zoom; this plot has: {known}")
                if not start < end:
                    raise ValueError(f"{name}={start, end}: the end must lie after the start")
                self._windows[name].show(float(start), float(end))
            self._refresh_if_moved()

    def reset(self) -> None:
        """Show everything again."""
        with lock:
            for window in self._windows.values():
                window.show(*window.full)
            self._refresh_if_moved()

    def set_theme(self, name: str) -> None:
        """Change the colours, in place.

        Parameters
        ----------
        name : {"light", "dark"}

        Raises
        ------
        ValueError
            If there is no theme of that name.
        """
        with lock:
            self._painter.change(theme.named(name))
            self._draw()

    def to_html(self, path: str | Path | None = None) -> str:
        """Make a page that needs neither a kernel nor the network.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it.

        Returns
        -------
        str
            HTML.  Zooming magnifies what was drawn; only a kernel can compute it anew.
        """
        with lock:
            page = file_html(
                self.figure,
                INLINE,
                title=self._caption()[0] or "plot",
                template=_PAGE,
                template_variables={"ground": self._painter.theme.surface},
                suppress_callback_warning=True,
            )
        if path is not None:
            absolute(path).write_text(page, encoding="utf-8")
        return page

    def __repr__(self) -> str:
        title, note = self._caption()
        return f"<{type(self).__name__}: {title}; {note}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, Any]:
        factory = _display
        if factory is not None:
            if self._shown[0] is not factory:
                self._shown = (factory, factory(self))
            bundle = self._shown[1]._repr_mimebundle_(include=include, exclude=exclude)
            return dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        # In a frame of its own: the page may hold another version of BokehJS.
        title, page = html.escape(self._caption()[0]), html.escape(self.to_html())
        frame = (
            f'<iframe title="{title}" srcdoc="{page}" '
            f'style="width:100%;height:{self.height + 32}px;border:0"></iframe>'
        )
        return {"text/plain": repr(self), "text/html": frame}

    def _refresh(self) -> None:
        self.view = self._bin()
        self._drawn_for = self._where()
        self._draw()

    def _refresh_if_moved(self) -> None:
        # Several axes announce one gesture, and some transports say everything twice.
        if self._where() != self._drawn_for:
            self._refresh()

    def _fit_time(self, origin: int, extent: int) -> None:
        # Of a flight recorder the first events go; what the reader looks at stays in view.
        before = origin if self._origin is None else self._origin
        self._origin = origin
        if "time" in self._windows:
            self._windows["time"].fit(grid.time_range(extent), before - origin)

    def _where(self) -> object:
        return tuple(window.view for window in self._windows.values())

    def _measure(self, axes: Axes) -> None:
        """Place anew what depends on the width of axes when a page has said how wide it is."""

        def measured(_attr: str, _old: object, new: object) -> None:
            with lock:
                if isinstance(new, int) and axes.measured(new):
                    self._widen()

        axes.figure.on_change("inner_width", measured)

    def _widen(self) -> None:  # noqa: B027 - most plots have nothing that does
        """Place anew what depends on the width; headings and legends have been."""

    def _watch(self, axes: Axes, x: Window | None = None, y: Window | None = None) -> None:
        """Compute the view anew after gestures in axes.

        To be called while the plot is made: a callback that is added once the figure is on a page
        is not announced to the browser, which then sends no events for it.
        """

        def moved(event: Event) -> None:
            assert isinstance(event, RangesUpdate)
            with lock:
                if x is not None:
                    x.seen(event.x0, event.x1)
                if y is not None:
                    y.seen(event.y0, event.y1)
                self._refresh_if_moved()

        def reset(_event: Event) -> None:
            self.reset()

        axes.figure.on_event(RangesUpdate, moved)
        axes.figure.on_event(Reset, reset)


def events_frame(events: Any) -> pd.DataFrame:
    """Give the frame of events: itself, or of a recorder or an opened recording.

    Parameters
    ----------
    events : pandas.DataFrame, or an object with ``frame()``

    Returns
    -------
    pandas.DataFrame
    """
    frame: pd.DataFrame = events if hasattr(events, "columns") else events.frame()
    return frame


def in_view(seen: int, total: int, what: str) -> str:
    """Write how many there are, or how many of them are in view.

    Examples
    --------
    >>> in_view(2, 1_000, "event"), in_view(2, 2, "event")
    ('2 of 1,000 events in view', '2 events')
    """
    every = units.several(total, what)
    return f"{units.count(seen)} of {every} in view" if seen < total else every


def dispatch_frames(frames: tuple[Any, ...], other: str, who: str) -> tuple[Any, Any]:
    """Give dispatches and the frame that `other` names; a recorder or a recording has both."""
    dispatches, second = (*frames, None)[:2]
    if second is not None:
        return dispatches, second
    if not hasattr(dispatches, other):
        raise TypeError(
            f"{who}() needs dispatches and {other.replace('_', ' ')}: give it both frames, or a "
            "recorder made with dispatches=True"
        )
    return dispatches.dispatches(), getattr(dispatches, other)()
