"""Who did what when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import LinearColorMapper, Range1d

from kit.plots import _theme as theme
from kit.plots import _ticks as ticks
from kit.plots import units
from kit.plots._axes import MOST, ROOM, Axes, source, zoom_tools
from kit.plots._event_plot import Box, EventPlot
from kit.plots._events import thread_names
from kit.plots._plot import Window, in_view
from kit.plots._selection import Brush
from kit.plots._theme import color_of
from kit.plots.figures.timeline_data import TimelineView, lanes_of, timeline_data
from kit.plots.units import several

if TYPE_CHECKING:
    from kit.plots._events import Events

__all__ = ["Timeline", "timeline"]

CLEAR = "#00000000"
LANE = 26
"""Height of a lane in px."""

FRAME = 108
"""What the plot needs besides its lanes, in px."""

FILLED = 0.8
"""Share of a lane's height that spans fill."""


def timeline(frame: Any, lanes: str = "tid", *, title: str | None = None) -> Timeline:
    """Plot who did what when: lanes of spans.

    Where spans are too many to be drawn one by one, a lane shows how busy it was: the share of time
    it spent inside any span.  Spans that overlap in a lane are drawn side by side, inner ones below
    outer ones.  Events without a duration are ticks.

    Parameters
    ----------
    frame : pandas.DataFrame, or an object with ``frame()``
        Events, dispatches or probe calls.
    lanes : str
        The column whose values are lanes: ``tid``, ``task``, ``cpu``, ``marker`` or any other.
    title : str, optional
        In place of the one that says what it shows. Its height is that of its lanes.

    Returns
    -------
    Timeline

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"ts": [0, 10], "dur": [30, 5], "marker": "a", "tid": [1, 2]})
    >>> timeline(frame).view.lanes
    ('1', '2')
    """
    return Timeline(frame, lanes=lanes, title=title)


class Timeline(EventPlot):
    """The plot that `timeline` makes.  Its window is ``time``."""

    view: TimelineView

    def _build(self) -> None:
        time = self._windows["time"] = Window(least=100.0)
        self._lanes_range = Range1d(start=-0.5, end=0.5)
        axes = self._axes = Axes(
            self._painter,
            height=FRAME + LANE,
            x_range=time.range,
            y_range=self._lanes_range,
            legend=ROOM,
            tools=zoom_tools("width", select="both"),
            description="Spans over time, in lanes",
        )
        axes.x_axis(ticks.time(), "time since the first event", grid=True)
        axes.bare_y()
        self._shade_gap(axes)
        self._build_cells(axes)
        self._build_bars(axes)
        self._empty = axes.empty()
        self._watch(axes, x=time)
        self._measure(axes)
        self._accept_brush(axes)
        self.figure = axes.figure

    def _build_cells(self, axes: Axes) -> None:
        columns = ("busy", "present", "counts", "longest", "chosen", "x", "y", "dw", "lane")
        self._cells = source(*columns)
        busy = LinearColorMapper(palette=["#000000"], low=0, high=1, nan_color=CLEAR)
        accent = LinearColorMapper(palette=["#000000"], low=0.5, high=1, low_color=CLEAR)

        def paint(colors: theme.Theme) -> None:
            busy.palette = list(colors.density)
            accent.palette = [colors.accent]

        self._painter.run(paint)
        at = {"x": "x", "dw": "dw", "source": self._cells}
        cells = axes.draw.image(image="busy", y="y", dh=FILLED, color_mapper=busy, **at)
        axes.draw.image(image="chosen", y="y", dh=0.2, color_mapper=accent, **at)
        rows = [
            ("lane", "@lane"),
            ("busy", "@busy{0.0 %}"),
            ("began", "@counts{0,0}"),
            ("longest", "@longest{custom}"),
        ]
        axes.tips([cells], rows, {"@longest": ticks.exact_hover()}, positive=["present"])
        self._failures = source("x", "y", "errors", "at")
        failures = axes.draw.scatter(
            x="x", y="y", marker="x", size=6, line_width=1.5, source=self._failures
        )
        self._painter(failures.glyph, line_color="bad")
        axes.tips([failures], [("errors", "@errors"), ("from", "@at")])

    def _build_bars(self, axes: Axes) -> None:
        columns = ("left", "right", "bottom", "top", "color", "edge", "width")
        self._bars = source(*columns, "marker", "lane", "at", "exact", "error")
        sides = {"left": "left", "right": "right", "bottom": "bottom", "top": "top"}
        bars = axes.draw.quad(
            fill_color="color", line_color="edge", line_width="width", source=self._bars, **sides
        )
        rows = [
            ("marker", "@marker"),
            ("duration", "@exact"),
            ("lane", "@lane"),
            ("at", "@at"),
            ("error", "@error"),
        ]
        axes.tips([bars], rows, point_policy="follow_mouse")

    def _prepare(self, table: Events) -> None:
        self._split = lanes_of(table)
        self._threads = thread_names(self.frame) if self._lanes == "tid" else {}

    def _bin(self) -> TimelineView:
        time = self._windows["time"].view
        return timeline_data(self._table, self._split, time, selected=self._selected())

    def _brush(self, box: Box) -> Brush:
        top = len(self.view.lanes) - 1
        # A lane is meant when the brush touches what is drawn in it.
        names = (
            name
            for index, name in enumerate(self.view.lanes)
            if box.bottom <= top - index + FILLED / 2 and box.top >= top - index - FILLED / 2
        )
        lanes = (self._lanes or "", frozenset(names))
        return Brush(time=self._time_brushed(box), lanes=lanes, overlapping=True)

    def _sides(self, brush: Brush) -> dict[str, float]:
        sides = self._time_sides(brush)
        if brush.lanes is not None and brush.lanes[0] == self._lanes:
            top = len(self.view.lanes) - 1
            at = [top - i for i, name in enumerate(self.view.lanes) if name in brush.lanes[1]]
            if at:
                sides |= {"bottom": min(at) - 0.46, "top": max(at) + 0.46}
        return sides

    def _heading(self) -> tuple[str, str]:
        view = self.view
        hidden = (
            f"{several(view.hidden, 'more lane')} with {units.count(view.hidden_events)} events"
        )
        return self._heading_for(
            "Timeline",
            in_view(view.in_view, view.total, "event"),
            f"{several(len(view.lanes), 'lane')} by {self._lanes}" if view.lanes else "",
            f"{hidden} not shown" if view.hidden else "",
            self._unmeasured(),
            self._not_kept(),
            "" if view.single or not view.total else "zoom in to see single spans",
        )

    def _draw(self) -> None:
        super()._draw()
        view = self.view
        lanes = max(len(view.lanes), 3)
        self.height = FRAME + LANE * lanes
        self._axes.figure.height = self.height
        self._lanes_range.update(start=len(view.lanes) - lanes - 0.5, end=len(view.lanes) - 0.5)
        places = [float(len(view.lanes) - 1 - index) for index in range(len(view.lanes))]
        names = [units.short(self._threads.get(name, name), 10) for name in view.lanes]
        self._axes.y_names(dict(zip(places, names, strict=True)))
        self._draw_cells(places)
        self._draw_bars(places)
        self._axes.say(*self._caption(), self._legend())
        self._empty.visible = not view.total
        self._empty.text = self._nothing()

    def _draw_cells(self, places: list[float]) -> None:
        view, shown = self.view, [] if self.view.single else range(len(places))
        start, end = float(view.edges[0]), float(view.edges[-1])
        # One image a lane, each of one row: so lanes stay apart.
        self._cells.data = {
            "busy": [view.busy[i : i + 1] for i in shown],
            "present": [np.isfinite(view.busy[i : i + 1]).astype(np.float32) for i in shown],
            "counts": [view.counts[i : i + 1] for i in shown],
            "longest": [view.longest[i : i + 1] for i in shown],
            "chosen": [view.selected[i : i + 1].astype(np.float32) for i in shown],
            "x": [start for _ in shown],
            "dw": [end - start for _ in shown],
            "y": [places[i] - FILLED / 2 for i in shown],
            "lane": [self._title(view.lanes[i]) for i in shown],
        }
        lane, column = np.nonzero(view.failed)
        middle = (view.edges[column] + view.edges[column + 1]) / 2
        self._failures.data = {
            "x": middle,
            "y": np.array(places)[lane] + 0.3 if len(lane) else [],
            "errors": [units.count(int(n)) for n in view.failed[lane, column]],
            "at": [units.instant(int(edge)) for edge in view.edges[column]],
        }

    def _draw_bars(self, places: list[float]) -> None:
        view, table, index = self.view, self._table, self.view.events
        ts, dur = table.ts[index] - table.origin, table.dur[index]
        names = [table.names[code] for code in table.code[index].tolist()]
        colors = {name: color_of(name) for name in set(names)}
        failed = np.zeros(len(index), np.bool_) if table.failed is None else table.failed[index]
        selected = self._selected()
        chosen = np.zeros(len(index), np.bool_) if selected is None else selected[index]
        bad, accent = self._painter.color("bad"), self._painter.color("accent")
        height = FILLED / np.maximum(view.levels, 1)
        top = np.array([*places, 0.0])[view.event_lane] + FILLED / 2 - view.level * height
        marked = zip(names, failed.tolist(), chosen.tolist(), strict=True)
        titles = [self._title(name) for name in view.lanes]
        lanes = [titles[lane] for lane in view.event_lane.tolist()]
        self._bars.data = {
            "left": ts.astype(np.float64),
            "right": (ts + dur).astype(np.float64),
            "top": top,
            "bottom": top - height * np.where(view.levels > 1, 0.92, 1.0),
            "color": [colors[name] for name in names],
            # The outline also keeps very short spans and events without a duration in sight.
            "edge": [accent if c else bad if f else colors[name] for name, f, c in marked],
            "width": np.where(chosen | failed, 2.0, 0.8),
            "marker": names,
            "lane": lanes,
            "at": [units.instant(value) for value in ts.tolist()],
            "exact": self._exact(index, dur),
            "error": ["yes" if value else "no" for value in failed.tolist()],
        }

    def _title(self, lane: str) -> str:
        return f"{self._threads[lane]} ({lane})" if lane in self._threads else lane

    def _exact(self, index: Any, dur: Any) -> list[str]:
        spans = self._table.spans
        has = np.ones(len(index), np.bool_) if spans is None else spans[index]
        return [
            units.exact(value) if has_one else "none"
            for value, has_one in zip(dur.tolist(), has.tolist(), strict=True)
        ]

    def _legend(self) -> list[tuple[str, str]]:
        view = self.view
        bad = self._painter.color("bad")
        if not view.single:
            ramp = self._painter.theme.density
            legend = [("busy 0 %", ramp[0]), ("50 %", ramp[len(ramp) // 2]), ("100 %", ramp[-1])]
            return [*legend, ("error", bad)] if view.failed.any() else legend
        codes, which = np.unique(self._table.code[view.events], return_inverse=True)
        # What the eye finds: spans by their time, then what has none.  In an order that stays.
        taken = np.bincount(which, np.maximum(self._table.dur[view.events], 1))
        most = MOST - 2
        chosen = np.sort(codes[np.argsort(-taken, kind="stable")[:most]]).tolist()
        names = (self._table.names[code] for code in chosen)
        legend = [(units.short(name, 24), color_of(name)) for name in names]
        if len(codes) > most:
            legend.append((f"{len(codes) - most} more", CLEAR))
        failed = self._table.failed
        if failed is not None and failed[view.events].any():
            legend.append(("error", bad))
        return legend
