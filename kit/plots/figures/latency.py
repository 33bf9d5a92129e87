"""How long things took."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import Range1d

from kit.plots import _binning as grid
from kit.plots import _ticks as ticks
from kit.plots import units
from kit.plots._axes import ROOM, Axes, source, zoom_tools
from kit.plots._axes import width as width_of
from kit.plots._event_plot import Box, EventPlot
from kit.plots._groups import OTHERS, groups
from kit.plots._plot import Window
from kit.plots._selection import Brush, whole
from kit.plots.figures.latency_data import (
    LINE,
    PERCENTILES,
    LatencyView,
    Line,
    latency_data,
    levels,
    ordered_durations,
    tags,
)
from kit.plots.units import several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.plots._events import Events

__all__ = ["Latency", "latency"]

ABOVE_THE_CURVE = 17 / 35
"""The histogram's share of the height."""

FOR_LEGEND = 70
"""More height by default, in px, where each curve has its name and numbers above."""

AROUND = 54
"""What the axis takes of the lower axes, in px."""

BOTTOM, ABOVE = -0.8, 0.9
"""Where it begins, and its room above the maximum, in nines."""


def latency(
    frame: Any,
    *,
    by: str | None = None,
    percentiles: Sequence[float] = PERCENTILES,
    title: str | None = None,
    height: int | None = None,
) -> Latency:
    """Plot how long things took.

    Above, a histogram over log duration; below, the share of events that were faster, in nines, so
    that the tail is as plain to see as the median.  Percentiles are observed durations.

    Parameters
    ----------
    frame : pandas.DataFrame, or an object with ``frame()``
        Events, dispatches or probe calls; those without a duration are left out.
    by : str, optional
        The column that has a curve for each of its values, such as ``"marker"``, ``"tid"`` or a
        field: the six with the most events, and one curve for the others.
    percentiles : sequence of float
        The shares whose durations are marked, between 0 and 1; the maximum is always there.
    title : str, optional
        In place of the one that says what it shows.
    height : int, optional
        px, at least 320, in place of 350, or of 420 with ``by``.

    Returns
    -------
    Latency

    Raises
    ------
    ValueError
        When there is no such column, or for a percentile or a height that cannot be.

    Examples
    --------
    >>> import pandas as pd
    >>> plot = latency(pd.DataFrame({"ts": [0, 10], "dur": [1_500, 2_500], "marker": "db.query"}))
    >>> plot.view.total, plot.view.percentiles[-1].value
    (2, 2500)
    """
    return Latency(frame, by=by, percentiles=percentiles, title=title, height=height)


class Latency(EventPlot):
    """The plot that `latency` makes.  Its window is ``dur``."""

    view: LatencyView
    height = 350
    _lowest = 320  # lower, the texts at the percentiles are cut off

    def __init__(
        self, frame: Any, *, by: str | None, percentiles: Sequence[float], **options: Any
    ) -> None:
        self._levels = levels(percentiles)
        self._split = by is not None
        if self._split:
            self.height += FOR_LEGEND
        super().__init__(frame, spans_only=True, by=by or "marker", **options)

    def _build(self) -> None:
        dur = self._windows["dur"] = Window()
        self._counts_range, self._nines_range = Range1d(start=0), Range1d(start=BOTTOM)
        tools = zoom_tools("width", select="width")
        above = round(self.height * ABOVE_THE_CURVE) + (FOR_LEGEND if self._split else 0) // 2
        self._frame = self.height - above - AROUND
        self._above = Axes(
            self._painter,
            height=above,
            x_range=dur.range,
            y_range=self._counts_range,
            x_log=True,
            legend=ROOM if self._split else 0,
            tools=tools,
            description="Histogram of durations",
        )
        self._below = Axes(
            self._painter,
            height=self.height - above,
            x_range=dur.range,
            y_range=self._nines_range,
            x_log=True,
            heading=False,
            tools=tools,
            description="Share of events that were faster, by duration",
        )
        self._build_bars(self._above)
        self._build_curve(self._below)
        self._empty = self._above.empty()
        for axes in (self._above, self._below):
            self._watch(axes, x=dur)
            self._accept_brush(axes)
            self._measure(axes)
        figures = (self._above.figure, self._below.figure)
        self.figure = column(*figures, sizing_mode="stretch_width", spacing=0)

    def _build_bars(self, axes: Axes) -> None:
        axes.x_axis(ticks.durations())
        axes.figure.xaxis.major_label_text_font_size = "0px"  # they are below the other axes
        axes.y_axis(ticks.numbers(3))
        axes.corner("events")
        self._bars = source("left", "right", "count", "selected", "of")
        # The outline makes a bar of one event visible next to one of thousands.
        sides = {"left": "left", "right": "right", "bottom": 0, "line_width": 1}
        bars = axes.draw.quad(top="count", source=self._bars, **sides)
        chosen = axes.draw.quad(top="selected", source=self._bars, **sides)
        self._painter(chosen.glyph, fill_color="accent", line_color="accent")
        self._bar_glyph = bars.glyph
        rows = [("duration", "@of"), ("events", "@count{0,0}")]
        axes.tips([bars], rows, mode="vline", point_policy="follow_mouse")
        self._marks = source("x", "y", "text", "exact", "label")
        lines = axes.draw.vspan(x="x", source=self._marks, line_width=1, line_alpha=0.55)
        self._painter(lines.glyph, line_color="muted")

    def _build_curve(self, axes: Axes) -> None:
        axes.x_axis(ticks.durations(), "duration")
        axes.corner("share that was faster")
        self._curve = source("dur", "nines")
        self._lines, self._ends = source("xs", "ys", "color"), source("x", "y", "text", "color")
        axes.draw.multi_line(
            xs="xs", ys="ys", line_color="color", line_width=1.75, source=self._lines
        )
        near = {"x_offset": -5, "y_offset": -2, "text_align": "right", "text_baseline": "bottom"}
        axes.text(self._ends, role=None, text_color="color", **near)
        line = {"mode": "before", "line_width": 1.5}
        curve = axes.draw.step(x="dur", y="nines", source=self._curve, **line)
        self._painter(curve.glyph, line_color="text")
        at = {"x": "x", "y": "y", "source": self._marks}
        # Down to the curve only: below it are the labels.
        lines = axes.draw.ray(length=0, angle=math.pi / 2, line_alpha=0.55, **at)
        dots = axes.draw.scatter(size=6, line_color=None, **at)
        self._painter(lines.glyph, line_color="muted")
        self._painter(dots.glyph, fill_color="text")
        axes.text(
            self._marks,
            x_offset="x_offset",
            y_offset="y_offset",
            text_align="align",
            text_baseline="baseline",
        )
        axes.tips([dots], [("@label", "@exact")])

    def _prepare(self, table: Events) -> None:
        self._ordered = ordered_durations(table.dur)
        found = groups(table) if self._split else ()
        self._groups = [(each.name, each.label, np.sort(table.dur[each.at])) for each in found]
        some = self._ordered if len(self._ordered) else (1_000, 10**9)
        self._windows["dur"].fit(grid.duration_range(int(some[0]), int(some[-1])))

    def _bin(self) -> LatencyView:
        selected = self._selected()
        return latency_data(
            self._ordered,
            *self._windows["dur"].view,
            levels=self._levels,
            selected=None if selected is None else ordered_durations(self._table.dur, selected),
            dropped=self._table.dropped,
            split=self._groups,
        )

    def _brush(self, box: Box) -> Brush:
        return Brush(dur=whole(box.left, box.right, least=1))

    def _sides(self, brush: Brush) -> dict[str, float]:
        if brush.dur is None:
            return {}
        # A log axis has no zero.
        return {"left": max(brush.dur[0], 1), "right": max(brush.dur[1], 1)}

    def _heading(self) -> tuple[str, str]:
        view = self.view
        away = ((view.below, "faster"), (view.above, "slower"))
        dropped = f"{several(view.dropped, 'event')} without a duration left out"
        return self._heading_for(
            "Latency",
            several(view.total, "event"),
            *(f"{units.count(n)} out of view, {side}" for n, side in away if n),
            self._unmeasured(", drawn at 1 ns"),
            dropped if view.dropped else "",
        )

    def _draw(self) -> None:
        super()._draw()
        view, names = self.view, self._table.names_used
        self._above.say(*self._caption(), self._legend())
        plain = len(names) != 1 or self._split
        color = self._painter.color("neutral") if plain else self._painter.of(names[0])
        self._bar_glyph.update(fill_color=color, line_color=color)
        kept = np.flatnonzero(view.counts)
        left, right = view.edges[:-1][kept], view.edges[1:][kept]
        below = min(int(self._ordered[0]), 0) if len(self._ordered) else 0
        self._bars.data = {
            "left": left.astype(np.float64),
            "right": right.astype(np.float64),
            "count": view.counts[kept],
            "selected": np.where(view.selected[kept] > 0, view.selected[kept], np.nan),
            "of": [
                f"{units.duration(a if a > 1 else below)} – {units.duration(b)}"
                for a, b in zip(left.tolist(), right.tolist(), strict=True)
            ],
        }
        self._counts_range.end = grid.ceiling(1.04 * int(view.counts.max(initial=0)))
        whole = not view.lines
        self._curve.data = {
            "dur": view.curve_dur if whole else [],
            "nines": view.curve_nines if whole else [],
        }
        self._lines.data = {
            # Level to each duration and up at it, as the one curve is.
            "xs": [np.repeat(line.dur, 2)[:-1] for line in view.lines],
            "ys": [np.repeat(line.nines, 2)[1:] for line in view.lines],
            "color": [self._color(line) for line in view.lines],
        }
        self._nines_range.end = self._top + ABOVE
        self._below.y_names(ticks.shares(self._top), grid=True)
        self._draw_marks()
        self._empty.visible = not view.total
        self._empty.text = self._nothing()

    @property
    def _top(self) -> float:
        """The maximum's height, in nines."""
        return max(math.log10(max(self.view.total, 1)), 1.0)

    def _widen(self) -> None:
        self._draw_marks()

    def _color(self, line: Line) -> str:
        return self._painter.color("muted") if line.name == OTHERS else self._painter.of(line.name)

    def _legend(self) -> list[tuple[str, str]]:
        """What each curve is, with the percentiles that most readers ask for."""
        return [
            (" ".join((units.short(line.label, 24), *_told(line))), self._color(line))
            for line in self.view.lines
        ]

    def _draw_ends(self) -> None:
        """Name each curve where it ends; the busiest ones where names would cover each other."""
        view, top = self.view, self._top + ABOVE
        width = math.log(view.high / view.low)
        placed: list[tuple[float, float, float]] = []
        ends: list[tuple[Line, float, float, str]] = []
        for line in view.lines:
            last, text = line.percentiles[-1], units.short(line.label, 18)
            x = math.log(max(last.value, 1) / view.low) / width * self._below.width
            y = (last.nines - BOTTOM) / (top - BOTTOM) * self._frame
            long = width_of(text)
            clear = all(abs(y - b) > LINE or x < a - w or x - long > a for a, b, w in placed)
            if clear and long < x <= self._below.width:
                placed.append((x, y, long))
                ends.append((line, float(max(last.value, 1)), last.nines, text))
        self._ends.data = {
            "x": [x for _, x, _, _ in ends],
            "y": [y for _, _, y, _ in ends],
            "text": [text for _, _, _, text in ends],
            "color": [self._color(line) for line, _, _, _ in ends],
        }

    def _draw_marks(self) -> None:
        view, top = self.view, self._top + ABOVE
        self._draw_ends()
        known = () if view.lines else view.percentiles
        shown = [p for p in known if view.low <= max(p.value, 1) <= view.high]
        # Bokeh warns of integers that the browser cannot hold exactly.
        x = [float(max(p.value, 1)) for p in shown]
        width = math.log(view.high / view.low)
        points = [
            (
                math.log(at / view.low) / width,
                (p.nines - BOTTOM) / (top - BOTTOM),
                f"{p.label} {units.duration(p.value)}",
            )
            for at, p in zip(x, shown, strict=True)
        ]
        placed = tags(points, self._below.width, self._frame)
        before = [tag.before for tag in placed]
        self._marks.data = {
            "x": x,
            "y": [p.nines for p in shown],
            "text": [tag.text for tag in placed],
            "label": [p.label for p in shown],
            "exact": [units.exact(p.value) for p in shown],
            "align": ["right" if left else "left" for left in before],
            "baseline": ["bottom" if left else "top" for left in before],
            "x_offset": [-5 if left else 5 for left in before],
            "y_offset": [-1 if left else 1 for left in before],
        }


def _told(line: Line) -> list[str]:
    """Median and p99 of a curve; the maximum, where there are too few events for p99."""
    found = {each.label: units.duration(each.value) for each in line.percentiles}
    last = "p99" if "p99" in found else "max"
    return [f"{label} {found[label]}" for label in ("p50", last) if label in found]
