"""Two captures side by side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bokeh.layouts import row
from bokeh.models import Range1d
from bokeh.models.annotations import Span

from kit.plots import _binning as grid
from kit.plots import _events as table
from kit.plots import _ticks as ticks
from kit.plots import units
from kit.plots._axes import Axes, source, zoom_tools
from kit.plots._plot import Plot, Window, events_frame
from kit.plots.figures.compare_data import CompareView, Side, compare_data
from kit.plots.figures.latency_data import PERCENTILES, levels, ordered_durations
from kit.plots.units import note, several

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Compare", "compare"]

SIDE = 250
"""Width of the axes of ratios, in px."""


def compare(
    a: Any,
    b: Any,
    names: tuple[str, str] = ("a", "b"),
    *,
    percentiles: Sequence[float] = PERCENTILES,
    title: str | None = None,
    height: int | None = None,
) -> Compare:
    """Plot how the durations of two captures differ.

    On the left both distributions, their height in nines; on the right, at the same heights, how
    many times as long b took as a, with the range that holds the true ratio with about 95 %
    confidence.

    Parameters
    ----------
    a, b : pandas.DataFrame, or an object with ``frame()``
        Events; those without a duration are left out.
    names : tuple of str
        How to call the two.
    percentiles : sequence of float
        The shares whose durations are marked, between 0 and 1; the maximum is always there.
    title : str, optional
        In place of the one that says what it shows.
    height : int, optional
        px, in place of 300.

    Returns
    -------
    Compare

    Examples
    --------
    >>> import pandas as pd
    >>> a = pd.DataFrame({"ts": range(100), "dur": range(1_000, 1_100)})
    >>> plot = compare(a, a.assign(dur=a["dur"] * 2), names=("before", "after"))
    >>> float(plot.view.ratio[0])
    2.0
    """
    return Compare(a, b, names=names, percentiles=percentiles, title=title, height=height)


class Compare(Plot):
    """The plot that `compare` makes.  Its window is ``dur``."""

    view: CompareView
    height = 300

    def __init__(
        self, *frames: Any, names: tuple[str, str], percentiles: Sequence[float], **options: Any
    ) -> None:
        self._names = (names[0], names[1])
        self._marked = levels(percentiles)
        super().__init__(*frames, **options)

    def _build(self) -> None:
        dur = self._windows["dur"] = Window()
        self._nines_range = Range1d(start=-0.3)
        self._ratio_range = Range1d(start=0.5, end=2.0)
        left = self._left = Axes(
            self._painter,
            height=self.height,
            x_range=dur.range,
            y_range=self._nines_range,
            x_log=True,
            legend=310,
            tools=zoom_tools("width"),
            description="Distributions of the durations of two captures",
        )
        right = self._right = Axes(
            self._painter,
            height=self.height,
            x_range=self._ratio_range,
            y_range=self._nines_range,
            x_log=True,
            legend=240,
            left=8,
            right=56,
            description="Ratio of their quantiles",
        )
        left.x_axis(ticks.durations(7), "duration")
        left.corner("share that was faster")
        right.x_axis(ticks.ratios(6), "ratio", grid=True)
        right.figure.yaxis.visible = False
        right.figure.update(sizing_mode="fixed", width=SIDE)
        self._build_curves(left)
        self._build_ratios(right)
        self._empty = left.empty()
        self._watch(left, x=dur)
        for axes in (left, right):
            self._measure(axes)
        self.figure = row(left.figure, right.figure, sizing_mode="stretch_width", spacing=0)

    def _build_curves(self, axes: Axes) -> None:
        self._curves = []
        for role in ("neutral", "accent"):
            data, marks = source("x", "y"), source("x", "y", "what", "exact")
            line = axes.draw.step(x="x", y="y", mode="before", line_width=1.8, source=data)
            dots = axes.draw.scatter(x="x", y="y", size=5, line_color=None, source=marks)
            self._painter(line.glyph, line_color=role)
            self._painter(dots.glyph, fill_color=role)
            axes.tips([dots], [("@what", "@exact")])
            self._curves.append((data, marks))

    def _build_ratios(self, axes: Axes) -> None:
        one = Span(location=1.0, dimension="height", line_width=1)
        axes.figure.add_layout(self._painter(one, line_color="muted"))
        self._band = source("y", "low", "high")
        band = axes.draw.harea(x1="low", x2="high", y="y", fill_alpha=0.22, source=self._band)
        self._ratio = source("x", "y")
        line = axes.draw.line(x="x", y="y", line_width=1.8, source=self._ratio)
        self._painter(band.glyph, fill_color="accent")
        self._painter(line.glyph, line_color="accent")
        self._levels = source("x", "y", "text", "at", "a", "b", "label", "range")
        dots = axes.draw.scatter(x="x", y="y", size=6, line_color=None, source=self._levels)
        self._painter(dots.glyph, fill_color="accent")
        self._texts = source("x", "y", "text")
        axes.text(self._texts, x_offset=6, text_baseline="middle", level="annotation")
        rows = [
            ("share", "@label"),
            ("a", "@a"),
            ("b", "@b"),
            ("ratio", "@text"),
            ("95 %", "@range"),
        ]
        axes.tips([dots], rows)

    def _load(self, *frames: Any) -> None:
        a, b = (table.events(events_frame(frame), spans_only=True) for frame in frames)
        self._dropped = a.dropped + b.dropped
        self._a, self._b = ordered_durations(a.dur), ordered_durations(b.dur)
        both = [d for d in (self._a, self._b) if len(d)]
        low = min((int(d[0]) for d in both), default=1_000)
        high = max((int(d[-1]) for d in both), default=10**9)
        self._windows["dur"].fit(grid.duration_range(low, high))

    def _bin(self) -> CompareView:
        return compare_data(self._a, self._b, *self._windows["dur"].view, self._names, self._marked)

    def _heading(self) -> tuple[str, str]:
        view = self.view
        dropped = f"{several(self._dropped, 'event')} without a duration left out"
        return f"Compare · {view.a.name} and {view.b.name}", note(
            self._verdict(), dropped if self._dropped else ""
        )

    def _verdict(self) -> str:
        view = self.view
        if not view.levels:
            return "too few events to compare" if view.a.total or view.b.total else ""
        slower = [label for label, i in view.levels if view.ratio_low[i] > 1]
        faster = [label for label, i in view.levels if view.ratio_high[i] < 1]
        said = [
            f"{word} at {', '.join(labels)}"
            for word, labels in (("slower", slower), ("faster", faster))
            if labels
        ]
        if not said:
            return "no difference that these events could tell"
        return f"{units.short(view.b.name, 16)} {' and '.join(said)}"

    def _draw(self) -> None:
        view = self.view
        for side, (data, marks) in zip((view.a, view.b), self._curves, strict=True):
            data.data = {"x": side.curve_dur, "y": side.curve_nines}
            marks.data = {
                "x": [max(p.value, 1) for p in side.percentiles],
                "y": [p.nines for p in side.percentiles],
                "what": [f"{side.name} {p.label}" for p in side.percentiles],
                "exact": [units.exact(p.value) for p in side.percentiles],
            }
        most = max(view.a.total, view.b.total, 10)
        self._nines_range.end = math.log10(most) + 0.7
        for axes in (self._left, self._right):
            axes.y_names(ticks.shares(math.log10(most)), grid=True)
        self._draw_ratios()
        color = self._painter.color
        legend = [(_key(view.a), color("neutral")), (_key(view.b), color("accent"))]
        self._left.say(*self._caption(), legend)
        shorter = [units.short(side.name, 12) for side in (view.b, view.a)]
        self._right.say(" ", " ", [(" as a multiple of ".join(shorter), color("accent"))])
        self._empty.visible = not (view.a.total or view.b.total)
        self._empty.text = "no event has a duration: record a span"

    def _draw_ratios(self) -> None:
        view = self.view
        self._band.data = {"y": view.nines, "low": view.ratio_low, "high": view.ratio_high}
        self._ratio.data = {"x": view.ratio, "y": view.nines}
        far = max(1.2, float(view.ratio.max(initial=1.0)), 1 / float(view.ratio.min(initial=1.0)))
        self._ratio_range.update(start=1 / far**1.15, end=far**1.15)
        at = [index for _, index in view.levels]
        self._levels.data = {
            "x": view.ratio[at],
            "y": view.nines[at],
            "label": [label for label, _ in view.levels],
            "text": [units.ratio(float(view.ratio[i])) for i in at],
            "a": [units.exact(int(view.quantile_a[i])) for i in at],
            "b": [units.exact(int(view.quantile_b[i])) for i in at],
            "range": [
                f"{units.ratio(low)} to {units.ratio(high)}"
                for low, high in zip(
                    view.ratio_low[at].tolist(), view.ratio_high[at].tolist(), strict=True
                )
            ],
        }
        self._texts.data = {
            "x": [far**1.15] * len(at),
            "y": view.nines[at],
            "text": [units.ratio(float(view.ratio[i])) for i in at],
        }


def _key(side: Side) -> str:
    return f"{units.short(side.name, 16)}, {several(side.total, 'event')}"
