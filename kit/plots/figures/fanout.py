"""What hangs on which marker, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bokeh.layouts import column
from bokeh.models import Range1d

from kit.plots import _binning as grid
from kit.plots import _ticks as ticks
from kit.plots import units
from kit.plots._axes import Axes, source
from kit.plots._plot import Plot, dispatch_frames
from kit.plots.figures.fanout_data import Cost, FanoutView, ProbeCost, fanout_data
from kit.plots.units import note, several

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Fanout", "fanout"]

ROW = 22
"""Height of a row in px."""

BELOW = 196
"""Height of the lower axes in px."""

GAP = 0.45
"""Distance between markers, in rows."""

LEFT = 224
RIGHT = 142

NARROW = 620
"""Where there is less room than this in px, markers stand above their probes, not beside them."""

NARROW_LEFT = 104
NARROW_RIGHT = 76

_MARKS = "■ median, bar to 99 %, ○ longest"
_COSTS = ("p50", "p99", "longest", "calls", "total", "exact_p50", "exact_p99", "exact_longest")
_ROWS = (
    ("calls", "@calls"),
    ("median", "@exact_p50"),
    ("99 %", "@exact_p99"),
    ("longest", "@exact_longest"),
    ("together", "@total"),
)


def fanout(dispatches: Any, probe_calls: Any = None, *, title: str | None = None) -> Fanout:
    """Plot which probes hang on which markers, how often each is called, and what each costs.

    Above, for every probe, the time of a call: a bar from the median to the 99th percentile, and
    the longest.  Below, how long a dispatch took, by how many probes it called.

    Parameters
    ----------
    dispatches : pandas.DataFrame, or an object with ``dispatches()`` and ``probe_calls()``
        Dispatches; or a recorder or an opened recording, which has both.
    probe_calls : pandas.DataFrame, optional
        Probe calls.
    title : str, optional
        In place of the one that says what it shows. Its height is that of its rows.

    Returns
    -------
    Fanout

    Examples
    --------
    >>> import pandas as pd
    >>> dispatches = pd.DataFrame({"ts": [0], "dur": [900], "marker": "a", "fanout": 1})
    >>> calls = pd.DataFrame({"dur": [700], "marker": "a", "probe": "count", "position": 0})
    >>> fanout(dispatches, calls).view.probes[0].cost.p50
    700
    """
    return Fanout(dispatches, probe_calls, title=title)


class Fanout(Plot):
    """The plot that `fanout` makes."""

    view: FanoutView

    def _build(self) -> None:
        self._narrow = False
        self._cost_range, self._rows_range = Range1d(start=100.0, end=1e6), Range1d(start=-0.5)
        self._width_range, self._time_range = Range1d(start=-0.5), Range1d(start=100.0, end=1e6)
        above = self._above = Axes(
            self._painter,
            height=120,
            x_range=self._cost_range,
            y_range=self._rows_range,
            x_log=True,
            left=LEFT,
            right=RIGHT,
            description="Time of one call of every probe",
        )
        below = self._below = Axes(
            self._painter,
            height=BELOW,
            x_range=self._width_range,
            y_range=self._time_range,
            y_log=True,
            heading=False,
            left=LEFT,
            right=RIGHT,
            description="Time of one dispatch by its fan-out",
        )
        above.x_axis(ticks.durations(), f"time of one call: {_MARKS}", grid=True)
        above.bare_y()
        below.x_axis(ticks.numbers(10), "fan-out: probes called by one dispatch")
        below.y_axis(ticks.durations(6))
        below.corner("time of one dispatch, marks as above")
        self._build_costs(above)
        self._build_widths(below)
        self._empty = above.empty()
        for axes in (above, below):
            self._measure(axes)
        self.figure = column(above.figure, below.figure, sizing_mode="stretch_width", spacing=8)

    def _build_costs(self, axes: Axes) -> None:
        self._costs = source("y", "color", "marker", "probe", "position", "errors", *_COSTS)
        at = {"y": "y", "source": self._costs}
        outline = {"fill_color": "color", "line_color": "color"}
        bars = axes.draw.hbar(left="p50", right="p99", height=0.5, fill_alpha=0.55, **outline, **at)
        middles = axes.draw.scatter(x="p50", size=9, marker="square", **outline, **at)
        ends = axes.draw.scatter(x="longest", size=7, line_width=1.5, fill_alpha=0, **outline, **at)
        self._calls = source("x", "y", "text", "color")
        axes.text(
            self._calls,
            role=None,
            text_color="color",
            x_offset=10,
            text_baseline="middle",
            level="annotation",
        )
        self._markers = source("x", "y", "text")
        self._names = axes.text(
            self._markers,
            text_font_style="bold",
            text_baseline="middle",
            x_offset=4 - LEFT,
            level="annotation",
        ).glyph
        rows = (("probe", "@probe"), ("marker", "@marker"), ("called as number", "@position"))
        axes.tips([bars, middles, ends], [*rows, *_ROWS, ("errors", "@errors")])

    def _build_widths(self, axes: Axes) -> None:
        self._widths = source("x", "y", "text", *_COSTS)
        at = {"x": "x", "source": self._widths}
        bars = axes.draw.vbar(bottom="p50", top="p99", width=0.36, fill_alpha=0.55, **at)
        middles = axes.draw.scatter(y="p50", size=9, marker="square", **at)
        ends = axes.draw.scatter(y="longest", size=7, line_width=1.5, fill_alpha=0, **at)
        for renderer in (bars, middles, ends):
            self._painter(renderer.glyph, fill_color="neutral", line_color="neutral")
        axes.text(self._widths, y_offset=8, text_align="center", text_baseline="top")
        axes.tips([bars, middles, ends], [("fan-out", "@x"), *_ROWS])

    def _load(self, *frames: Any) -> None:
        self._data = fanout_data(*dispatch_frames(frames, "probe_calls", "fanout"))

    def _bin(self) -> FanoutView:
        return self._data

    def _heading(self) -> tuple[str, str]:
        view = self.view
        markers = len({probe.marker for probe in view.probes})
        total = len(view.probes) + view.hidden
        hung = f"{several(len(view.probes), 'probe')} on {several(markers, 'marker')}"
        most = f"the {len(view.probes)} that took most of {several(total, 'probe')}"
        return "Fan-out", note(
            "" if not markers else most if view.hidden else hung,
            several(view.dispatches, "dispatch"),
            several(view.calls, "call"),
        )

    def _widen(self) -> None:
        left, right = self._margins
        narrow = self._above.width + left + right < NARROW
        if narrow == self._narrow:
            return
        self._narrow = narrow
        for axes in (self._above, self._below):
            axes.margins(*self._margins)
        self._names.x_offset = 4 - self._margins[0]
        self._draw()

    @property
    def _margins(self) -> tuple[int, int]:
        return (NARROW_LEFT, NARROW_RIGHT) if self._narrow else (LEFT, RIGHT)

    def _draw(self) -> None:
        view = self.view
        gap, top = (1.0, 1.5) if self._narrow else (GAP, 0.5)
        rows = _places(view.probes, gap)
        lowest = min((y for y, _ in rows), default=0.0)
        high = ROW * (max(-lowest, 2.0) + 0.5 + top)
        self._above.figure.height = round(96 + high)
        self._below.figure.visible = bool(view.fanouts)
        self.height = round(96 + high) + (8 + BELOW if view.fanouts else 0)
        self._rows_range.update(start=top - high / ROW, end=top)
        self._above.y_names({y: units.short(row.probe, 14) for y, row in rows})
        self._draw_costs(rows)
        self._draw_widths()
        self._above.say(*self._caption())
        self._above.figure.xaxis.visible = bool(rows)
        self._above.figure.xgrid.visible = bool(rows)
        self._empty.visible = not rows
        self._empty.text = "nothing yet: record with dispatches=True"

    def _draw_costs(self, rows: list[tuple[float, ProbeCost]]) -> None:
        costs = [row.cost for _, row in rows]
        low, high = _extent(costs)
        self._cost_range.update(start=low, end=high)
        self._costs.data = {
            "y": [y for y, _ in rows],
            "color": [self._painter.of_probe(row.probe) for _, row in rows],
            "marker": [row.marker for _, row in rows],
            "probe": [row.probe for _, row in rows],
            "position": [units.count(row.position) for _, row in rows],
            "errors": [units.count(row.errors) for _, row in rows],
            **_columns(costs),
        }
        first = {row.marker: y for y, row in reversed(rows)}
        self._markers.data = {
            "x": [low] * len(first),
            "y": [y + self._narrow for y in first.values()],
            "text": [units.short(marker, 34 if self._narrow else 16) for marker in first],
        }
        bad, muted = self._painter.color("bad"), self._painter.color("muted")
        self._calls.data = {
            "x": [high] * len(rows),
            "y": [y for y, _ in rows],
            "text": [
                (units.count if self._narrow else _calls)(row.cost.calls)
                + (f", {several(row.errors, 'error')}" if row.errors else "")
                for _, row in rows
            ],
            "color": [bad if row.errors else muted for _, row in rows],
        }

    def _draw_widths(self) -> None:
        costs = [cost for _, cost in self.view.fanouts]
        low, high = _extent(costs)
        # Room for the medians below, and for what the corner says above.
        room = (high / low) ** 0.18
        self._time_range.update(start=low / room, end=high * room)
        widest = max((number for number, _ in self.view.fanouts), default=1)
        self._width_range.end = max(widest, 3) + 0.5
        self._widths.data = {
            "x": [number for number, _ in self.view.fanouts],
            "y": [cost.p50 for cost in costs],
            "text": [units.duration(cost.p50) for cost in costs],
            **_columns(costs),
        }


def _calls(number: int) -> str:
    return several(number, "call")


def _places(probes: Sequence[ProbeCost], gap: float) -> list[tuple[float, ProbeCost]]:
    """Place of each probe on the y axis, with a gap between markers."""
    places: list[tuple[float, ProbeCost]] = []
    y = 0.0
    for index, probe in enumerate(probes):
        if index:
            y -= 1.0 if probes[index - 1].marker == probe.marker else 1.0 + gap
        places.append((y, probe))
    return places


def _extent(costs: Sequence[Cost]) -> tuple[float, float]:
    if not costs:
        return (100.0, 1e6)
    shortest = min(cost.p50 for cost in costs)
    low, high = grid.duration_range(shortest, max(cost.longest for cost in costs))
    # A little more, so that no mark is cut in half by the edge.
    return (low / 1.3, high)


def _columns(costs: Sequence[Cost]) -> dict[str, list[Any]]:
    return {
        "p50": [max(cost.p50, 1) for cost in costs],
        "p99": [max(cost.p99, 1) for cost in costs],
        "longest": [max(cost.longest, 1) for cost in costs],
        "calls": [units.count(cost.calls) for cost in costs],
        "total": [units.duration(cost.total) for cost in costs],
        "exact_p50": [units.exact(cost.p50) for cost in costs],
        "exact_p99": [units.exact(cost.p99) for cost in costs],
        "exact_longest": [units.exact(cost.longest) for cost in costs],
    }
