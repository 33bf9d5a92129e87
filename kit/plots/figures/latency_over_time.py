"""When things took how long."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import LinearColorMapper, LogColorMapper

from kit.plots import _binning as grid
from kit.plots import _theme as theme
from kit.plots import _ticks as ticks
from kit.plots import units
from kit.plots._axes import ROOM, Axes, source, zoom_tools
from kit.plots._event_plot import Box, EventPlot
from kit.plots._groups import OTHERS, groups
from kit.plots._plot import Window, in_view
from kit.plots._selection import Brush, whole
from kit.plots.figures import latency_over_time_data as heat
from kit.plots.figures.latency_over_time_data import HeatView, Pyramid, heat_data
from kit.plots.units import several

if TYPE_CHECKING:
    from kit.plots._events import Events

__all__ = ["LatencyOverTime", "latency_over_time"]

CLEAR = "#00000000"


def latency_over_time(
    frame: Any,
    *,
    by: str | None = None,
    title: str | None = None,
    height: int | None = None,
) -> LatencyOverTime:
    """Plot when things took how long: a heat map of time and log duration.

    The longest event of every column of time is drawn on top, so none can hide; a triangle at the
    upper edge stands for one above the view.  Few events in view are drawn one by one.

    Parameters
    ----------
    frame : pandas.DataFrame, or an object with ``frame()``
        Events, dispatches or probe calls; those without a duration are left out.
    by : str, optional
        The column whose values have a colour each, such as ``"tid"`` or a field: single events
        have it, and in a heat map the longest event of each value in every column of time.
    title : str, optional
        In place of the one that says what it shows.
    height : int, optional
        px, in place of 300.

    Returns
    -------
    LatencyOverTime

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"ts": [0, 10], "dur": [1_500, 2_500], "marker": "db.query"})
    >>> latency_over_time(frame).view.single
    True
    """
    return LatencyOverTime(frame, by=by, title=title, height=height)


class LatencyOverTime(EventPlot):
    """The plot that `latency_over_time` makes.  Its windows are ``time`` and ``dur``."""

    view: HeatView
    height = 300

    def __init__(self, frame: Any, *, by: str | None, **options: Any) -> None:
        self._split = by is not None
        super().__init__(frame, spans_only=True, by=by or "marker", **options)

    def _build(self) -> None:
        time = self._windows["time"] = Window(least=100.0)
        dur = self._windows["dur"] = Window()
        axes = self._axes = Axes(
            self._painter,
            height=self.height,
            x_range=time.range,
            y_range=dur.range,
            y_log=True,
            legend=ROOM,
            tools=zoom_tools("both", select="both"),
            description="Heat map of durations over time",
        )
        axes.x_axis(ticks.time(), "time since the first event")
        axes.y_axis(ticks.durations(8))
        self._shade_gap(axes)
        self._build_cells(axes)
        self._build_points(axes)
        self._empty = axes.empty()
        self._watch(axes, x=time, y=dur)
        self._measure(axes)
        self._accept_brush(axes)
        self.figure = axes.figure

    def _build_cells(self, axes: Axes) -> None:
        self._cells = source("image", "selected", "x", "y", "dw", "dh")
        self._density = LogColorMapper(palette=["#000000"], low=1, high=2, low_color=CLEAR)
        accent = LinearColorMapper(palette=["#000000"], low=0.5, high=1, low_color=CLEAR)

        def paint(colors: theme.Theme) -> None:
            self._density.palette = list(colors.density)
            accent.palette = [colors.accent]

        self._painter.run(paint)
        at = {"x": "x", "y": "y", "dw": "dw", "dh": "dh", "source": self._cells}
        cells = axes.draw.image(image="image", color_mapper=self._density, **at)
        chosen = axes.draw.image(image="selected", color_mapper=accent, **at)
        self._images = (cells, chosen)
        rows = [("events", "@image{0,0}"), ("near", "$x{custom}, $y{custom}")]
        short = ticks.rounded_hover()
        axes.tips([cells], rows, {"$x": short, "$y": short}, positive=["image"])

    def _build_points(self, axes: Axes) -> None:
        columns = ("x", "y", "color", "marker", "at", "exact")
        self._points = source(*columns)
        at = {"x": "x", "y": "y", "line_color": None}
        points = axes.draw.scatter(
            size=5, fill_color="color", fill_alpha=0.75, source=self._points, **at
        )
        self._maxima, self._above = source(*columns), source(*columns)
        color = {"fill_color": "color"} if self._split else {}
        maxima = axes.draw.scatter(
            size=4.5 if self._split else 3.5, source=self._maxima, **color, **at
        )
        above = axes.draw.scatter(size=8, marker="triangle", source=self._above, **at)
        if not self._split:
            self._painter(maxima.glyph, fill_color="text")
        self._painter(above.glyph, fill_color="text")
        rows = [("duration", "@exact"), (units.plain(self._by), "@marker"), ("at", "@at")]
        axes.tips([points], rows)
        axes.tips([maxima, above], [("longest here", "@exact"), *rows[1:]])

    def _prepare(self, table: Events) -> None:
        low, high = 1_000, 10**9
        if len(table):
            low, high = int(table.dur.min()), int(table.dur.max())
        self._windows["dur"].fit(grid.duration_range(low, high))
        self._pyramid = Pyramid(table) if len(table) > heat.DENSE else None
        self._groups = groups(table) if self._split else ()
        self._named = {each.name for each in self._groups} - {OTHERS}

    def _bin(self) -> HeatView:
        return heat_data(
            self._table,
            self._windows["time"].view,
            self._windows["dur"].view,
            pyramid=self._pyramid,
            selected=self._selected(),
            split=[each.at for each in self._groups],
        )

    def _brush(self, box: Box) -> Brush:
        return Brush(time=self._time_brushed(box), dur=whole(box.bottom, box.top, least=1))

    def _sides(self, brush: Brush) -> dict[str, float]:
        sides = self._time_sides(brush)
        if brush.dur is not None:
            # A log axis has no zero.
            sides |= {"bottom": max(brush.dur[0], 1), "top": max(brush.dur[1], 1)}
        return sides

    def _heading(self) -> tuple[str, str]:
        view = self.view
        dropped = f"{several(view.dropped, 'event')} without a duration left out"
        return self._heading_for(
            "Latency over time",
            in_view(view.in_view, view.total, "event"),
            f"{units.count(view.longer)} above the view" if view.longer else "",
            f"{units.count(view.shorter)} below it" if view.shorter else "",
            self._unmeasured(", drawn at 1 ns"),
            self._not_kept(),
            dropped if view.dropped else "",
            "" if view.single or not self._split else "dots: the longest of each in its column",
        )

    def _draw(self) -> None:
        super()._draw()
        view = self.view
        most = float(view.counts.max(initial=0))
        self._density.high = max(most, 2.0)
        first, last = view.time_edges[[0, -1]].tolist()
        low, high = view.dur_edges[[0, -1]].tolist()
        self._cells.data = {
            "image": [view.counts],
            "selected": [view.selected],
            # As floats: Bokeh warns of integers that the browser cannot hold exactly.
            "x": [float(first)],
            "y": [low],
            "dw": [float(last - first)],
            "dh": [high - low],
        }
        for image in self._images:
            image.visible = not view.single
        self._draw_points()
        self._axes.say(*self._caption(), self._legend(int(most)))
        self._empty.visible = not view.total
        self._empty.text = self._nothing()

    def _draw_points(self) -> None:
        view, top = self.view, self.view.dur[1]
        selected = self._selected()
        self._points.data = self._columns(view.points)
        if selected is not None:
            accent = self._painter.color("accent")
            chosen = selected[view.points].tolist()
            self._points.data["color"] = [
                accent if is_chosen else color
                for is_chosen, color in zip(chosen, self._points.data["color"], strict=True)
            ]
        over = self._table.dur[view.maxima] > top
        # Single points are all there; marks would only cover them.
        inside = view.maxima[~over] if not view.single else view.maxima[:0]
        self._maxima.data = self._columns(inside)
        above = self._columns(view.maxima[over])
        above["y"] = np.full(int(np.count_nonzero(over)), top / (top / view.dur[0]) ** 0.02)
        self._above.data = above

    def _columns(self, index: Any) -> dict[str, Any]:
        table = self._table
        ts, dur = table.ts[index] - table.origin, table.dur[index]
        names = [table.names[code] for code in table.code[index].tolist()]
        colors = {name: self._color(name) for name in set(names)}
        return {
            "x": ts.astype(np.float64),
            "y": np.maximum(dur, 1).astype(np.float64),
            "color": [colors[name] for name in names],
            "marker": names,
            "at": [units.instant(value) for value in ts.tolist()],
            "exact": [units.exact(value) for value in dur.tolist()],
        }

    def _color(self, name: str) -> str:
        """The colour of a marker, or of a value that is drawn for itself."""
        other = self._split and name not in self._named
        return self._painter.color("muted") if other else self._painter.of(name)

    def _legend(self, most: int) -> list[tuple[str, str]]:
        own = [(units.short(each.label, 24), self._color(each.name)) for each in self._groups]
        if self._split and self.view.single:
            return own
        if self._split:
            return [(f"{several(most, 'event')} in a cell", self._painter.theme.density[-1]), *own]
        if self.view.single:
            codes = np.unique(self._table.code[self.view.points]).tolist()
            names = [self._table.names[code] for code in codes]
            return [(units.short(name, 24), self._painter.of(name)) for name in names[:6]]
        ramp = self._painter.theme.density
        marks = sorted({1, round(math.sqrt(most)), most})
        place = [round((len(ramp) - 1) * math.log(n) / math.log(max(most, 2))) for n in marks]
        texts = [units.count(n) for n in marks]
        texts[-1] = f"{several(most, 'event')} in a cell"
        longest = ("longest in its column", self._painter.color("text"))
        return [*zip(texts, [ramp[i] for i in place], strict=True), longest]
