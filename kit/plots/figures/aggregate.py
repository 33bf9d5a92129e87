"""An aggregate: for each key a bar, the range of its values, or its histogram and quantiles."""

from __future__ import annotations

import math
from typing import Any

from bokeh.models import Range1d

from kit.plots import _binning as grid
from kit.plots import _ticks as ticks
from kit.plots import units
from kit.plots._axes import LETTER, RIGHT, ROOM, Axes, source, width
from kit.plots._plot import Plot
from kit.plots.figures.aggregate_data import AggregateView, Row, aggregate_data
from kit.plots.units import note, several

__all__ = ["Aggregate", "aggregate"]

ROW = {"counts": 24, "ranges": 46, "buckets": 76}
"""Height of a row in px."""

LEAST = 96
"""Height of all rows together at least, in px."""

WORDS = 18
"""Height of the line of numbers above what is drawn of a key, in px."""

AROUND = 112
"""Heading, keys and axis, in px."""

LEFT = 128
"""Room for the keys at most, in px; it grows in steps."""

STEP = 16
LONGEST = 18
"""Letters of a key that are shown."""

BARS = ("left", "right", "bottom", "top", "alpha", "key", "what", "count", "share")


def aggregate(numbers: Any, *, title: str | None = None) -> Aggregate:
    """Plot an aggregate's numbers: one row a key, most events first.

    A bar of the count where nothing but events was counted.  Else the range of the values with
    quantiles marked, and the histogram where one was asked for.

    Parameters
    ----------
    numbers : Aggregate or Table
        From ``kit.aggregate``, or what its ``table()`` returned.
    title : str, optional
        In place of the one that says what it shows. Its height is that of its rows.

    Returns
    -------
    Aggregate
        ``update(numbers)`` shows new ones in place.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("doc.plots.added", qty=int, sym=kit.Label)
    >>> with kit.aggregate(fill, "qty", by="sym", histogram="log2") as sizes:
    ...     for qty in (1, 2, 3):
    ...         fill(qty, "ACME")
    >>> [bar.count for bar in aggregate(sizes).view.rows[0].bars]
    [1, 2]
    """
    return Aggregate(numbers, title=title)


class Aggregate(Plot):
    """The plot that `aggregate` makes."""

    view: AggregateView
    _start = 0.0  # of the x axis

    def _build(self) -> None:
        self._x_range, self._y_range = Range1d(start=0, end=1), Range1d(start=-1, end=0)
        axes = self._axes = Axes(
            self._painter,
            height=AROUND,
            x_range=self._x_range,
            y_range=self._y_range,
            legend=ROOM,
            description="Numbers of an aggregate, by key",
        )
        self._named = ticks.named()
        axes.x_axis(self._named, grid=True)
        axes.bare_y()
        self._bars = source(*BARS)
        bars = axes.draw.quad(
            left="left",
            right="right",
            bottom="bottom",
            top="top",
            fill_alpha="alpha",
            line_width=1,
            source=self._bars,
        )
        self._painter(bars.glyph, fill_color="neutral", line_color="surface")
        self._spans = source("left", "right", "y")
        spans = axes.draw.segment(
            x0="left", x1="right", y0="y", y1="y", line_width=1.5, source=self._spans
        )
        self._painter(spans.glyph, line_color="neutral")
        self._middles = source("x", "y", "key", "exact")
        middles = axes.draw.scatter(
            x="x", y="y", size=8, marker="diamond", source=self._middles, level="overlay"
        )
        self._painter(middles.glyph, fill_color="surface", line_color="text")
        self._marks = source("x", "bottom", "top", "key", "name", "exact")
        marks = axes.draw.segment(
            x0="x", x1="x", y0="bottom", y1="top", line_width=2, source=self._marks
        )
        self._painter(marks.glyph, line_color="text")
        self._words = source("x", "y", "text")
        axes.text(self._words, role="muted", x_offset=4, text_baseline="middle", level="annotation")
        key = ("key", "@key")
        axes.tips([bars], [key, ("values", "@what"), ("events", "@count"), ("share", "@share")])
        axes.tips([marks], [key, ("@name", "@exact")])
        axes.tips([middles], [key, ("average", "@exact")])
        self._empty = axes.empty()
        self._measure(axes)
        self.figure = axes.figure

    def _load(self, *frames: Any) -> None:
        (numbers,) = frames
        table = numbers.table() if hasattr(numbers, "table") else numbers
        if not hasattr(table, "rows") or not hasattr(table, "buckets"):
            raise TypeError(
                f"aggregate() draws what kit.aggregate returns, or its table(); got {numbers!r}"
            )
        self._data = aggregate_data(table)

    def _bin(self) -> AggregateView:
        return self._data

    def _heading(self) -> tuple[str, str]:
        view = self.view
        keys = len(view.rows) + view.hidden
        return units.plain(view.title), note(
            several(view.events, "event"),
            several(keys, "key") if keys > 1 else "",
            f"{several(view.hidden, 'key')} with fewer events not shown" if view.hidden else "",
            f"{units.count(view.filtered)} kept back" if view.filtered else "",
            f"quantiles within {units.percent(view.error)}" if view.error else "",
        )

    def _draw(self) -> None:
        view = self.view
        height = self._row_height
        count = max(len(view.rows), 1)
        # Few keys fill the plot; bars of counts, as thick as in a long list, stand at its top.
        high = round(max(height * count, LEAST))
        self._axes.figure.height = self.height = AROUND + high
        self._y_range.update(start=-high / height, end=0)
        low, top = view.extent
        room = (top - low) * 0.02
        if view.kind == "counts":
            self._x_range.update(start=0, end=grid.ceiling(1.12 * top))
        else:
            self._start = low - room
            self._x_range.update(start=self._start, end=top + room)
        axis = self._axes.figure.xaxis[0]
        axis.visible = view.kind != "counts" and bool(view.rows)
        self._axes.figure.xgrid.visible = axis.visible
        ticks.name(*self._named, view.ticks)
        axis.axis_label = self._explained()
        names = {
            -row - (0.5 if view.kind == "counts" else (1 + WORDS / height) / 2): each.key
            for row, each in enumerate(view.rows)
            if each.key
        }
        shown = {y: units.short(key, LONGEST) for y, key in names.items()}
        self._axes.y_names(shown)
        room = STEP * math.ceil((width(max(shown.values(), key=len, default="")) + 14) / STEP)
        self._axes.figure.min_border_left = min(max(room, RIGHT), LEFT)
        self._draw_bars()
        self._draw_marks()
        self._draw_words()
        lost = [(f"{several(view.dropped, 'event')} dropped: no room", self._painter.color("bad"))]
        self._axes.say(*self._caption(), lost if view.dropped else [])
        self._empty.visible = not view.rows
        self._empty.text = "no events yet: this fills as the program runs"

    @property
    def _row_height(self) -> float:
        height = ROW[self.view.kind]
        rows = max(len(self.view.rows), 1)
        return height if self.view.kind == "counts" else max(height, LEAST / rows)

    def _explained(self) -> str:
        view = self.view
        bars = "bars: events" if view.kind == "buckets" else "line: lowest to highest"
        names = [name for name, _, _ in next((row.marks for row in view.rows if row.marks), ())]
        marks = f"ticks: {', '.join(names)}" if names else ""
        return units.plain(f"{view.value}  ({note(bars, '◇ average', marks)})")

    def _below_words(self, row: int) -> tuple[float, float]:
        """Return the bottom and the top of what is drawn of a key."""
        height = self._row_height
        if self.view.kind == "counts":
            return -row - 0.82, -row - 0.18
        return -row - 1 + 4 / height, -row - WORDS / height

    def _draw_bars(self) -> None:
        view = self.view
        found: list[tuple[Any, ...]] = []
        for number, row in enumerate(view.rows):
            bottom, top = self._below_words(number)
            if view.kind == "counts":
                all_of_it = row.stats.count, bottom, top, 0.9, row.key, "all"
                found.append((0, *all_of_it, row.stats.count, row.stats.count / view.events))
            most = max((bar.count for bar in row.bars), default=1)
            for bar in row.bars:
                if bar.count:
                    # A single event among millions must show.
                    end = bottom + max(bar.count / most, 0.04) * (top - bottom)
                    alpha = 0.45 if bar.outside else 0.9
                    place = bar.left, bar.right, bottom, end, alpha
                    found.append((*place, row.key, bar.what, bar.count, bar.share))
        columns = zip(*found, strict=True) if found else [()] * len(BARS)
        data: dict[str, Any] = {n: list(c) for n, c in zip(BARS, columns, strict=True)}
        data["count"] = [units.count(count) for count in data["count"]]
        data["share"] = [units.percent(share) for share in data["share"]]
        self._bars.data = data

    def _draw_marks(self) -> None:
        view, rows = self.view, list(enumerate(self.view.rows))
        known = [(n, row) for n, row in rows if row.middle is not None]
        middle = {n: sum(self._below_words(n)) / 2 for n, _ in known}
        whole = view.kind == "ranges"
        self._spans.data = {
            "left": [row.low for _, row in known] if whole else [],
            "right": [row.high for _, row in known] if whole else [],
            "y": [middle[n] for n, _ in known] if whole else [],
        }
        self._middles.data = {
            "x": [row.middle for _, row in known],
            "y": [middle[n] if whole else self._below_words(n)[0] for n, _ in known],
            "key": [row.key for _, row in known],
            "exact": [view.number(row.stats.avg) for _, row in known],
        }
        marks = [(n, row, mark) for n, row in known for mark in row.marks]
        self._marks.data = {
            "x": [place for _, _, (_, place, _) in marks],
            "bottom": [self._below_words(n)[0] for n, _, _ in marks],
            "top": [self._below_words(n)[0] + self._tall(n) for n, _, _ in marks],
            "key": [row.key for _, row, _ in marks],
            "name": [name for _, _, (name, _, _) in marks],
            "exact": [view.number(value) for _, _, (_, _, value) in marks],
        }

    def _tall(self, row: int) -> float:
        bottom, top = self._below_words(row)
        return top - bottom if self.view.kind == "ranges" else 0.3 * (top - bottom)

    def _draw_words(self) -> None:
        view, height = self.view, self._row_height
        counts = view.kind == "counts"
        self._words.data = {
            "x": [row.stats.count if counts else self._start for row in view.rows],
            "y": [-n - (0.5 if counts else WORDS / 2 / height) for n in range(len(view.rows))],
            "text": [self._told(row) for row in view.rows],
        }

    def _widen(self) -> None:
        self._draw_words()

    def _told(self, row: Row) -> str:
        """The numbers of a row; where there is no room for all, the quantiles before the rest."""
        view, stats = self.view, row.stats
        count, rate = units.count(stats.count), units.rate(row.rate)
        average, marks, most = [], [], []
        if view.kind != "counts" and stats.avg is not None:
            average = [f"avg {view.number(stats.avg)}"]
            marks = [f"{name} {view.number(value)}" for name, _, value in row.marks]
            most = [f"max {view.number(stats.max)}"]
        missing = [f"{units.count(stats.missing)} without a number"] if stats.missing else []
        told = "   ".join([count, rate, *average, *marks, *most, *missing])
        for fewer in ([*average, *marks, *most], [*marks, *most], [*marks[-1:], *most]):
            if not most or LETTER * len(told) <= self._axes.width + RIGHT:
                break
            told = "   ".join([count, *fewer, *missing])
        return told
