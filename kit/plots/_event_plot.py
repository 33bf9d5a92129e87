"""What the plots of an events frame share: its table, and what is brushed in it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from bokeh.events import DoubleTap, SelectionGeometry
from bokeh.models import Node
from bokeh.models.annotations import BoxAnnotation

from kit.plots import _events as table
from kit.plots import units
from kit.plots._plot import Plot, events_frame
from kit.plots._selection import Brush, Selection, lock, whole
from kit.plots._theme import color_of

if TYPE_CHECKING:
    import pandas as pd
    from bokeh.events import Event

    from kit.plots._axes import Axes
    from kit.plots._events import Bools, Events

__all__ = ["Box", "EventPlot"]


class Box(NamedTuple):
    """A rectangle on the axes, as a brush has drawn it.

    Attributes
    ----------
    left, right, bottom, top : float
        In the units of the axes.
    """

    left: float
    right: float
    bottom: float
    top: float


class EventPlot(Plot):
    """A plot of an events frame.

    Parameters
    ----------
    frame : pandas.DataFrame, or an object with ``frame()``
        Events.
    spans_only : bool
        Leave out what has no duration.
    lanes : str, optional
        The column whose values are lanes.
    by : str
        The column whose values have a colour each.
    title, height
        As for every plot.

    Attributes
    ----------
    frame : pandas.DataFrame
        What is shown.
    selection : Selection
        What is brushed.
    """

    selection: Selection
    frame: pd.DataFrame

    def __init__(
        self,
        frame: Any,
        *,
        spans_only: bool = False,
        lanes: str | None = None,
        by: str = "marker",
        title: str | None = None,
        height: int | None = None,
    ) -> None:
        self._spans_only, self._lanes, self._by = spans_only, lanes, by
        self._boxes: list[tuple[BoxAnnotation, dict[str, Any]]] = []
        self._gaps: list[BoxAnnotation] = []
        super().__init__(frame, title=title, height=height)

    @abstractmethod
    def _prepare(self, table: Events) -> None:
        """Compute what depends on the events alone, and fit windows other than time."""

    @abstractmethod
    def _brush(self, box: Box) -> Brush:
        """Say what a rectangle on the axes chooses."""

    @abstractmethod
    def _sides(self, brush: Brush) -> dict[str, float]:
        """Say where a brush lies on the axes: some sides of a `Box`."""

    def _load(self, *frames: Any) -> None:
        (frame,) = frames
        self.frame = events_frame(frame)
        self._table = table.events(
            self.frame, spans_only=self._spans_only, lanes=self._lanes, by=self._by
        )
        for name in self._table.names_used:
            color_of(name)  # so that names take their colours in the same order in every plot
        if self._origin is None:
            self.use_selection(Selection(self.frame), refresh=False)
        self._fit_time(self._table.origin, self._table.extent)
        self._prepare(self._table)
        for gap in self._gaps:
            gap.update(visible=self._kept_from > 0, right=float(self._kept_from))
        self.selection._follow(self.frame)

    def use_selection(self, selection: Selection, *, refresh: bool = True) -> None:
        """Show another selection from now on; `kit.plots.link` calls this.

        Parameters
        ----------
        selection : Selection
        refresh : bool
            Whether to draw it now.
        """
        before: Selection | None = getattr(self, "selection", None)
        if before is not None:
            before._leave(self)
        self.selection = selection
        selection._show_in(self)
        if refresh:
            self._refresh()

    def brush_changed(self) -> None:
        """Show what is brushed now."""
        self._refresh()

    def _selected(self) -> Bools | None:
        mask = self.selection.mask(self.frame)
        return None if mask is None else self._table.at(mask)

    def _accept_brush(self, axes: Axes) -> None:
        """Let events be brushed in axes, and show there what the brush chooses."""

        def brushed(event: Event) -> None:
            assert isinstance(event, SelectionGeometry)
            geometry: Any = event.geometry
            # The brush is being drawn, or was a shape that this plot does not offer.
            if not event.final or geometry is None or geometry["type"] != "rect":
                return
            with lock:
                x, y = (sorted((geometry[f"{axis}0"], geometry[f"{axis}1"])) for axis in "xy")
                self.selection.set(self._brush(Box(*x, *y)))

        def cleared(_event: Event) -> None:
            self.selection.clear()

        axes.figure.on_event(SelectionGeometry, brushed)
        axes.figure.on_event(DoubleTap, cleared)
        # Where a brush has no side, the box reaches to the edge of the frame.
        edges: dict[str, Any] = {side: Node(target="frame", symbol=side) for side in Box._fields}
        box = BoxAnnotation(visible=False, fill_alpha=0.08, line_alpha=0.9, **edges)
        box.level = "underlay"
        axes.figure.add_layout(axes.paint(box, fill_color="accent", line_color="accent"))
        self._boxes.append((box, edges))

    @property
    def _kept_from(self) -> int:
        """Since when all events of all threads are there, in ns from the origin; 0 for always.

        A flight recorder keeps the newest events of each thread: of a busy one from later on.
        """
        since = max(self.frame.attrs.get("kept_from", {}).values(), default=self._table.origin)
        return min(max(since - self._table.origin, 0), self._table.extent)

    def _shade_gap(self, axes: Axes) -> None:
        """Shade the time of which some threads' events gave way to newer ones."""
        sides: dict[str, Any] = {side: Node(target="frame", symbol=side) for side in Box._fields}
        gap = BoxAnnotation(visible=False, line_color=None, fill_alpha=0.14, **sides)
        gap.update(level="underlay", hatch_pattern="/", hatch_alpha=0.25)
        axes.figure.add_layout(axes.paint(gap, fill_color="muted", hatch_color="muted"))
        self._gaps.append(gap)

    def _not_kept(self) -> str:
        """Say of which time events are not there; empty if all are."""
        since = self._kept_from
        return f"before {units.duration(since)} not all threads' events are kept" if since else ""

    def _unmeasured(self, drawn: str = "") -> str:
        """Say how many spans took no time, or less than none; empty if all took some.

        Parameters
        ----------
        drawn : str
            How the plot shows them.
        """
        dur, spans = self._table.dur, self._table.spans
        nothing = dur == 0 if spans is None else (dur == 0) & spans
        none, less = int(np.count_nonzero(nothing)), int(np.count_nonzero(dur < 0))
        said = [f"{units.several(none, 'event')} took no measurable time"] if none else []
        said += [f"{units.several(less, 'event')} took less than nothing"] if less else []
        return " and ".join(said) + (drawn if said else "")

    def _draw(self) -> None:
        brush = self.selection.brush
        sides = {} if brush is None else self._sides(brush)
        for box, edges in self._boxes:
            box.visible = bool(sides)
            if sides:
                box.update(**(edges | sides))

    def _time_sides(self, brush: Brush) -> dict[str, float]:
        if brush.time is None:
            return {}
        first, last = brush.time
        return {"left": first - self._table.origin, "right": last - self._table.origin}

    def _time_brushed(self, box: Box) -> tuple[int, int]:
        first, last = whole(box.left, box.right)
        return first + self._table.origin, last + self._table.origin

    def _heading_for(self, what: str, *notes: str) -> tuple[str, str]:
        """Title and note, with the marker's name and how many events are selected."""
        names = self._table.names_used
        title = names[0] if len(names) == 1 else units.several(len(names), self._by)
        chosen = f"{len(self.selection):,} selected" if self.selection.active else ""
        return f"{what} · {title}" if names else what, units.note(*notes, chosen)

    def _nothing(self) -> str:
        """Say what to do when there is nothing to draw."""
        if self._table.frame_rows:
            return "no event here has a duration: record a span"
        return "nothing recorded yet: connect record to a marker"
