"""What all plots share: their life between frames, readers' gestures and the page.

A plot draws as many things as there are pixels, whatever the number of events.  So it computes its
view anew when the reader has zoomed, once for each gesture, when it is given a new frame, and when
a selection changes.
"""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Self

from bokeh.core.property.descriptors import UnsetValueError
from bokeh.embed import file_html
from bokeh.events import RangesUpdate, Reset
from bokeh.resources import INLINE

from kit.core._runtime import stays
from kit.plots import _binning as grid
from kit.plots import _theme as theme
from kit.plots import units
from kit.plots._picture.png import png
from kit.plots._picture.scene import scene
from kit.plots._picture.showing import show
from kit.plots._picture.svg import svg
from kit.plots._selection import lock
from kit.plots._window import Window
from kit.probes._files import absolute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd
    from bokeh.events import Event
    from bokeh.models import LayoutDOM

    from kit.plots._axes import Axes
    from kit.plots._picture.shapes import Scene
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
_made: Callable[[Plot], None] | None = None

# The page of a plot that stands alone.
_PAGE: Final = """
{% block title %}{{ title | e }}{% endblock %}
{% block postamble %}<style>body { background: {{ ground }}; padding: 12px; }</style>{% endblock %}
"""


def display_with(
    factory: Callable[[Plot], Displayable] | None, made: Callable[[Plot], None] | None = None
) -> None:
    """Choose how plots show themselves in a notebook.

    Parameters
    ----------
    factory : callable or None
        Given a plot, returns an object with ``_repr_mimebundle_``: a live widget.  It is asked once
        for each plot.  When the plot is closed ``let_go()`` is called, or ``close()`` where another
        one takes its place.  None shows plots as they are, without a kernel.
    made : callable, optional
        Is told of each new plot.

    Examples
    --------
    >>> display_with(None)
    """
    global _display, _made
    _display, _made = factory, made


PICTURE, LEAST, MOST = 800, 500, 1_000
"""Width of a picture in px; and at least and at most, where it is as wide as on the page."""

HIGHEST: Final = 4_000
"""The largest height that a plot can have, in px."""


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
    closed : bool
        Whether it keeps nothing but its picture.

    Examples
    --------
    >>> import pandas as pd
    >>> from kit import plots
    >>> with plots.rate(pd.DataFrame({"ts": [0, 10], "marker": "db.query"})) as plot:
    ...     plot
    <Rate: Rate · db.query; 2 events · counted per 50 ns>
    >>> plot.closed
    True
    """

    closed: bool = False
    figure: LayoutDOM
    view: Any = None
    selection: Selection | None = None
    height: int = 0
    _captioned: tuple[str, str]
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
        self._drawings = 0
        with lock:
            self._build()
            self._load(*frames)
            self._refresh()
        if _made is not None:
            _made(self)

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
        if self.closed:
            return self._captioned
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
            self._open()
            self._load(*frames)
            self._refresh()

    def close(self) -> None:
        """Forget the events; the picture stays, on the page too, and is computed anew no more.

        Running a cell again closes the plots that it has made before.
        """
        with lock:
            if self.closed:
                return
            caption = self._caption()
            live = self._shown[1]
            if live is not None:
                live.let_go()
            if self.selection is not None:
                self.selection._leave(self)  # type: ignore[arg-type]
            for model in self.figure.references():
                model._event_callbacks.clear()
                model._callbacks.clear()
            kept = {
                name: getattr(self, name)
                for name in ("figure", "height", "view", "_painter", "_drawings")
            }
            vars(self).clear()
            vars(self).update(kept, closed=True, _captioned=caption, _shown=(None, None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _replaced(self) -> None:
        """Close, and leave nothing on the page."""
        live = self._shown[1]
        if live is not None:
            live.close()
        self.close()

    def _open(self) -> None:
        """Refuse what needs the events of a plot that has none."""
        if self.closed:
            raise ValueError("this plot is closed: make another one of its frame")

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
            self._open()
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
            self._open()
            for window in self._windows.values():
                window.show(*window.full)
            self._refresh_if_moved()

    @property
    def theme(self) -> str:
        """str : ``"light"`` or ``"dark"``, in Python and in what it writes; a page has its own."""
        return self._painter.theme.name

    def set_theme(self, name: str) -> None:
        """Change the colours, in place; a notebook's page shows its own in any case.

        Parameters
        ----------
        name : {"light", "dark"}

        Raises
        ------
        ValueError
            If there is no theme of that name.
        """
        with lock:
            self._open()
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

    def to_svg(self, path: str | Path | None = None) -> str:
        """Draw a picture that scales: for papers, slides and pages.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it.

        Returns
        -------
        str
            SVG of what is in view, in the colours of the plot; no browser is needed.

        Examples
        --------
        >>> import pandas as pd
        >>> from kit import plots
        >>> plot = plots.rate(pd.DataFrame({"ts": [0, 10], "marker": "db.query"}))
        >>> plot.to_svg()[:4]
        '<svg'
        """
        picture = svg(self._picture())
        if path is not None:
            absolute(path).write_text(picture, encoding="utf-8")
        return picture

    def to_png(self, path: str | Path | None = None) -> bytes:
        """Draw a picture for where there is no SVG.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it.

        Returns
        -------
        bytes
            PNG of what is in view, with twice as many pixels as the page has px.

        Examples
        --------
        >>> import pandas as pd
        >>> from kit import plots
        >>> plot = plots.rate(pd.DataFrame({"ts": [0, 10], "marker": "db.query"}))
        >>> plot.to_png()[1:4]
        b'PNG'
        """
        picture = png(self._picture())
        if path is not None:
            absolute(path).write_bytes(picture)
        return picture

    def _picture(self) -> Scene:
        with lock:
            # As wide as on the page, for texts are placed for that.
            seen = max(map(_seen, self.figure.references()), default=0)
            return scene(
                self.figure,
                width=min(max(seen or PICTURE, LEAST), MOST),
                ground=self._painter.theme.surface,
                title=self._caption()[0],
                summary=repr(self)[1:-1],
            )

    def show(self) -> Path:
        """Open the plot in a browser: for scripts and plain shells.

        Returns
        -------
        Path
            The page, a new file among the temporary ones; it says where in the shell, too.

        Raises
        ------
        OSError
            If the page cannot be written.
        """
        return show(self.to_html(), type(self).__name__.lower())

    def __repr__(self) -> str:
        title, note = self._caption()
        return f"<{type(self).__name__}: {title}; {note}>"

    @property
    def drawn(self) -> tuple[object, ...]:
        """tuple : what a picture of it depends on; it stays equal while nothing changes."""
        return self._drawings, self._painter.theme.name, self._caption()

    def _ipython_display_(self) -> None:
        live = self._live()
        if not hasattr(live, "_ipython_display_"):
            raise NotImplementedError  # IPython asks for the bundle then
        live._ipython_display_()

    def _live(self) -> Any:
        """Return what shows it live; None where nothing does."""
        factory = _display
        if factory is not None and self._shown[0] is not factory:
            self._shown = (factory, factory(self))
        return None if factory is None else self._shown[1]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, Any]:
        live = self._live()
        if live is not None:
            bundle = live._repr_mimebundle_(include=include, exclude=exclude)
            return dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        # In a frame of its own: the page may hold another version of BokehJS.
        title, page = html.escape(self._caption()[0]), html.escape(self.to_html())
        frame = (
            f'<iframe title="{title}" srcdoc="{page}" '
            f'style="width:100%;height:{self.height + 32}px;border:0"></iframe>'
        )
        return {"text/plain": repr(self), "text/html": frame}

    def _refresh(self) -> None:
        self._drawings += 1
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


def _seen(part: Any) -> int:
    """Tell how wide a page has said that a figure is, in px; 0 where none has."""
    try:
        return int(part.outer_width or 0)
    except (AttributeError, UnsetValueError):
        return 0


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
