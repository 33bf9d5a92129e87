"""How often markers fired."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import Range1d

from kit.plots import _binning as grid
from kit.plots import _ticks as ticks
from kit.plots import units
from kit.plots._axes import ROOM, Axes, source, zoom_tools
from kit.plots._event_plot import Box, EventPlot
from kit.plots._groups import OTHERS
from kit.plots._plot import Window, in_view
from kit.plots._selection import Brush
from kit.plots.figures.rate_data import RateView, rate_data, split

if TYPE_CHECKING:
    from kit.plots._events import Events

__all__ = ["Rate", "rate"]


def rate(
    frame: Any,
    *,
    by: str = "marker",
    title: str | None = None,
    height: int | None = None,
) -> Rate:
    """Plot how often markers fired: events per second over time, one line a marker.

    Parameters
    ----------
    frame : pandas.DataFrame, or an object with ``frame()``
        Events, dispatches or probe calls.
    by : str
        The column that has a line for each of its values, such as ``"tid"`` or a field.
    title : str, optional
        In place of the one that says what it shows.
    height : int, optional
        px, in place of 210.

    Returns
    -------
    Rate

    Raises
    ------
    ValueError
        When there is no such column, or for a height that is none.

    Examples
    --------
    >>> import pandas as pd
    >>> plot = rate(pd.DataFrame({"ts": [0, 10, 20], "marker": ["a", "b", "a"]}))
    >>> plot.view.names, plot.view.counts.sum(axis=1).tolist()
    (('a', 'b'), [2, 1])
    """
    return Rate(frame, by=by, title=title, height=height)


class Rate(EventPlot):
    """The plot that `rate` makes.  Its window is ``time``."""

    view: RateView
    height = 210

    def _build(self) -> None:
        time = self._windows["time"] = Window(least=100.0)
        self._rates_range = Range1d(start=0)
        axes = self._axes = Axes(
            self._painter,
            height=self.height,
            x_range=time.range,
            y_range=self._rates_range,
            legend=ROOM,
            tools=zoom_tools("width", select="width"),
            description="Events per second over time, by marker",
        )
        axes.x_axis(ticks.time(), "time since the first event")
        axes.y_axis(ticks.numbers(4, suffix="/s"))
        self._shade_gap(axes)
        self._lines = source("xs", "ys", "color")
        axes.draw.multi_line(
            xs="xs", ys="ys", line_color="color", line_width=1.5, source=self._lines
        )
        self._chosen = source("left", "right", "top")
        chosen = axes.draw.quad(
            left="left",
            right="right",
            bottom=0,
            top="top",
            line_color=None,
            fill_alpha=0.5,
            source=self._chosen,
        )
        self._painter(chosen.glyph, fill_color="accent")
        # Invisible, as high as the frame: wherever the pointer is, its column tells all rates.
        self._columns = source("left", "right", "what", "at")
        columns = axes.draw.vstrip(
            x0="left",
            x1="right",
            fill_alpha=0,
            line_alpha=0,
            hover_fill_alpha=0.12,
            hover_line_alpha=0,
            source=self._columns,
        )
        self._painter(columns.hover_glyph, fill_color="muted")
        rows = [("at", "@at"), ("events", "@what")]
        axes.tips([columns], rows, point_policy="follow_mouse", limit=1)
        self._empty = axes.empty()
        self._watch(axes, x=time)
        self._measure(axes)
        self._accept_brush(axes)
        self.figure = axes.figure

    def _prepare(self, table: Events) -> None:
        self._split = split(table)

    def _bin(self) -> RateView:
        time = self._windows["time"].view
        return rate_data(self._table, self._split, time, selected=self._selected())

    def _brush(self, box: Box) -> Brush:
        return Brush(time=self._time_brushed(box))

    def _sides(self, brush: Brush) -> dict[str, float]:
        return self._time_sides(brush)

    def _heading(self) -> tuple[str, str]:
        view = self.view
        return self._heading_for(
            "Rate",
            in_view(view.in_view, view.total, "event"),
            f"counted per {units.duration(view.width)}" if view.total else "",
            self._not_kept(),
            "the last column, not complete, is left out" if view.unfinished else "",
        )

    def _draw(self) -> None:
        super()._draw()
        view = self.view
        colors = [self._color(name) for name in view.names]
        left, right = view.edges[:-1].astype(np.float64), view.edges[1:].astype(np.float64)
        # Every column twice, so that lines go level through it and jump at its edges.
        steps = np.stack((left, right), axis=1).ravel()
        self._lines.data = {
            "xs": [steps] * len(view.names),
            "ys": [np.repeat(line, 2) for line in view.rates],
            "color": colors,
        }
        held = np.flatnonzero(view.selected > 0)
        self._chosen.data = {"left": left[held], "right": right[held], "top": view.selected[held]}
        filled = np.flatnonzero(view.counts.sum(axis=0))
        self._columns.data = {
            "left": left[filled],
            "right": right[filled],
            "at": [units.instant(edge) for edge in view.edges[:-1][filled].tolist()],
            "what": [self._tell(column) for column in filled.tolist()],
        }
        highest = max(np.nanmax(each, initial=0.0) for each in (view.rates, view.selected))
        self._rates_range.end = grid.ceiling(1.04 * float(highest))
        self._axes.say(*self._caption(), self._legend(colors))
        self._empty.visible = not view.total
        self._empty.text = self._nothing()

    def _color(self, name: str) -> str:
        return self._painter.color("muted") if name == OTHERS else self._painter.of(name)

    def _legend(self, colors: list[str]) -> list[tuple[str, str]]:
        view = self.view
        start, end = (
            min(max(edge, 0), self._table.extent) for edge in view.edges[[0, -1]].tolist()
        )
        seconds = max(end - start, view.width) / 1e9
        legend = []
        for line, counts, color in zip(self._split, view.counts, colors, strict=True):
            name = f"{line.markers} others" if line.name == OTHERS else units.short(line.name, 24)
            seen = int(counts.sum())
            # One event is no rate: it would tell how long it is since then.
            legend.append((f"{name} {units.rate(seen / seconds if seen > 1 else nan)}", color))
        return legend

    def _tell(self, column: int) -> str:
        view = self.view
        fired = np.flatnonzero(view.counts[:, column]).tolist()
        return "\n".join(
            f"{view.names[i]} {units.count(int(view.counts[i, column]))}"
            f" ({units.rate(float(view.rates[i, column]))})"
            for i in fired
        )
