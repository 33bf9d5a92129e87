"""Who did what when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.core.properties import value
from bokeh.events import Tap
from bokeh.models import LinearColorMapper, WheelPanTool

from kit.plots import _theme as theme
from kit.plots import _ticks as ticks
from kit.plots import units
from kit.plots._axes import MOST, ROOM, Axes, source, zoom_tools
from kit.plots._event_plot import Box, EventPlot
from kit.plots._events import thread_names
from kit.plots._plot import Window, in_view
from kit.plots._selection import Brush, lock
from kit.plots.figures.timeline_data import (
    HIGHEST,
    PAD,
    TimelineView,
    lanes_of,
    slowest,
    timeline_data,
)
from kit.plots.units import several

if TYPE_CHECKING:
    from collections.abc import Callable

    from bokeh.events import Event

    from kit.plots._events import Events, Ints
    from kit.plots.figures.timeline_data import Lane

__all__ = ["Timeline", "timeline"]

CLEAR = "#00000000"

FRAME = 108
"""What the plot needs besides its lanes, in px."""

LEAST = 78
"""Height of the lanes at least, in px."""

LETTER = 6.2
"""Width of a letter in a bar, in px."""

NAMED = 12
"""Height of a bar at least, in px, to have its name in it."""

SEPARATE = 4.0
"""From this width on, in px, a bar has a border of the ground's colour."""


def timeline(frame: Any, lanes: str = "tid", *, title: str | None = None) -> Timeline:
    """Plot who did what when: lanes of spans.

    Where spans are too many to be drawn one by one, a lane shows how busy it was: the share of time
    it spent inside any span.  Spans that overlap in a lane are drawn side by side, inner ones below
    outer ones.  Events without a duration are ticks.  The busiest lanes come first; where there are
    more than fit, Shift and the wheel scroll to the others.  A click on a bar picks that event.

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
    """The plot that `timeline` makes.  Its window is ``time``.

    Attributes
    ----------
    picked : int or None
        Position in the frame of the event that is picked.
    brushes_lanes : bool
        Whether a brush chooses lanes, besides time.
    """

    view: TimelineView
    picked: int | None = None
    brushes_lanes: bool = True
    _picked_in: Any = None
    _split: tuple[Lane, ...] = ()

    def _build(self) -> None:
        time = self._windows["time"] = Window(least=100.0)
        # Down the lanes, in px.
        self._scrolled = Window()
        tools = [
            *zoom_tools("width", select="both"),
            WheelPanTool(dimension="height", modifiers="shift", description="Scroll (Shift)"),
        ]
        axes = self._axes = Axes(
            self._painter,
            height=FRAME + LEAST,
            x_range=time.range,
            y_range=self._scrolled.range,
            legend=ROOM,
            tools=tools,
            description="Spans over time, in lanes",
        )
        axes.x_axis(ticks.time(), "time since the first event", grid=True)
        axes.bare_y()
        self._shade_gap(axes)
        self._picks: list[Callable[[], None]] = []
        self._build_cells(axes)
        self._build_bars(axes)
        self._empty = axes.empty()
        self._watch(axes, x=time, y=self._scrolled)
        self._measure(axes)
        self._accept_brush(axes)
        self._accept_pick(axes)
        self.figure = axes.figure

    def _build_cells(self, axes: Axes) -> None:
        columns = ("busy", "present", "counts", "longest", "chosen", "x", "y", "dw", "dh", "lane")
        self._cells = source(*columns)
        busy = LinearColorMapper(palette=["#000000"], low=0, high=1, nan_color=CLEAR)
        accent = LinearColorMapper(palette=["#000000"], low=0.5, high=1, low_color=CLEAR)

        def paint(colors: theme.Theme) -> None:
            busy.palette = list(colors.density)
            accent.palette = [colors.accent]

        self._painter.run(paint)
        at = {"x": "x", "dw": "dw", "source": self._cells}
        cells = axes.draw.image(image="busy", y="y", dh="dh", color_mapper=busy, **at)
        axes.draw.image(image="chosen", y="y", dh=6, color_mapper=accent, **at)
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
        self._names = source("x", "y", "text", "color")
        axes.draw.text(
            x="x",
            y="y",
            text="text",
            text_color="color",
            text_font=value(theme.FONT),
            text_font_size="11px",
            text_baseline="middle",
            x_offset=4,
            source=self._names,
        )
        self._mark = source(*sides)
        mark = axes.draw.quad(fill_color=None, line_width=3, source=self._mark, **sides)
        self._painter(mark.glyph, line_color="text")

    def _prepare(self, table: Events) -> None:
        lanes = lanes_of(table)
        # While events arrive, lanes that are there stay where they are.
        known = {lane.name: place for place, lane in enumerate(self._split)}
        if known.keys() == {lane.name for lane in lanes}:
            lanes = tuple(sorted(lanes, key=lambda lane: known[lane.name]))
        self._split = lanes
        self._threads = thread_names(self.frame) if self._lanes == "tid" else {}
        if self.frame is not self._picked_in:
            self.picked = None
        self._fit_lanes()

    def _fit_lanes(self) -> None:
        room = sum(lane.height for lane in self._split)
        shown = max(LEAST, min(room, HIGHEST))
        start = min(-self._scrolled.view[1], max(0, room - shown)) if self._scrolled.zoomed else 0
        self._scrolled.full = (float(-shown), 0.0)
        self._scrolled.show(float(-start - shown), float(-start))
        self._scrolled.range.bounds = (float(-max(room, shown)), 0.0)
        self._scrolled.range.reset_start, self._scrolled.range.reset_end = self._scrolled.full
        self.height = FRAME + shown
        self._axes.figure.height = self.height

    def _where(self) -> object:
        return *(window.view for window in self._windows.values()), self._scrolled.view

    def reset(self) -> None:
        """Show everything again, from the first lane on."""
        with lock:
            self._scrolled.show(*self._scrolled.full)
        super().reset()

    @property
    def lanes(self) -> str:
        """str : the column whose values are lanes."""
        return self._lanes or ""

    @property
    def scrolled(self) -> int:
        """int : how far down the lanes are scrolled, in px."""
        return round(-self._scrolled.view[1])

    def scroll(self, down: float) -> None:
        """Show lanes further down, or up again.

        Parameters
        ----------
        down : float
            px from the top of the first lane.
        """
        with lock:
            low, high = self._scrolled.view
            room = sum(lane.height for lane in self._split)
            start = max(0.0, min(float(down), room - (high - low)))
            self._scrolled.show(-start - (high - low), -start)
            self._refresh_if_moved()

    def set_lanes(self, column: str, frame: Any = None) -> None:
        """Make lanes of another column.

        Parameters
        ----------
        column : str
        frame : pandas.DataFrame, optional
            That has it, in place of the one that is shown.

        Raises
        ------
        ValueError
            If the frame has no such column.
        """
        with lock:
            before, self._lanes = self._lanes, column
            try:
                self.update(self.frame if frame is None else frame)
            except ValueError:
                self._lanes = before
                raise
            self._scrolled.show(*self._scrolled.full)
            self._refresh_if_moved()

    # What is picked.

    def on_pick(self, callback: Callable[[], None]) -> None:
        """Call a function whenever another event is picked."""
        self._picks.append(callback)

    def pick(self, row: int | None) -> None:
        """Pick an event, and scroll to its lane.

        Parameters
        ----------
        row : int or None
            Position in the frame; None for no event.
        """
        with lock:
            self.picked, self._picked_in = row, self.frame
            name = self._pick_lane()
            low, high = self._scrolled.view
            top = 0
            for lane in self._split:
                if lane.name == name and (-top > high or -top - lane.height < low):
                    self.scroll(top - 40)
                top += lane.height
            self._draw()
        for callback in self._picks:
            callback()

    def slowest(self) -> Ints:
        """Return the spans in view, in any lane, the slowest first, as positions in the frame."""
        found = slowest(self._table, self._windows["time"].view)
        return found if self._table.row is None else self._table.row[found]

    def step(self, by: int) -> tuple[int, int]:
        """Pick the next slow span in view, or one before.

        Parameters
        ----------
        by : int
            1 for the next one, which took less; -1 for the one before.

        Returns
        -------
        tuple of int
            The rank of what is picked now, from 1 for the slowest; and of how many. (0, 0) where
            there is no span in view.
        """
        with lock:
            found = self.slowest()
            if not len(found):
                return 0, 0
            here = np.flatnonzero(found == (-1 if self.picked is None else self.picked))
            place = int(here[0]) + by if len(here) else 0
            place = max(0, min(len(found) - 1, place))
            self.pick(int(found[place]))
            return place + 1, len(found)

    def _place(self, row: int) -> int | None:
        """Return where an event of the frame is in the table."""
        if self._table.row is None:
            return row if row < len(self._table) else None
        at = np.flatnonzero(self._table.row == row)
        return int(at[0]) if len(at) else None

    def _pick_lane(self) -> str | None:
        at = None if self.picked is None else self._place(self.picked)
        if at is None or self._table.lane is None:
            return None
        return str(self._table.lanes[self._table.lane[at]])

    def _accept_pick(self, axes: Axes) -> None:
        def tapped(event: Event) -> None:
            assert isinstance(event, Tap)
            at = self._under(event.x, event.y)
            if at is not None:
                self.pick(at)

        axes.figure.on_event(Tap, tapped)

    def _under(self, x: float | None, y: float | None) -> int | None:
        """Return the event whose bar is at a place, as a position in the frame."""
        data = self._bars.data
        if x is None or y is None or not len(self.view.events):
            return None
        near = 3 * self._per_pixel()
        left, right = np.asarray(data["left"]), np.asarray(data["right"])
        hit = (left - near <= x) & (x <= right + near)
        hit &= (np.asarray(data["bottom"]) <= y) & (y <= np.asarray(data["top"]))
        found = np.flatnonzero(hit)
        if not len(found):
            return None
        # Of several it is the one that is nearest, and of those the shortest.
        off = np.maximum(0, np.maximum(left[found] - x, x - right[found]))
        at = self.view.events[found[np.lexsort((right[found] - left[found], off))[0]]]
        return int(at if self._table.row is None else self._table.row[at])

    def _per_pixel(self) -> float:
        start, end = self._windows["time"].view
        return (end - start) / max(self._axes.width, 1)

    def _widen(self) -> None:
        self._draw_names()

    # What is drawn.

    def _bin(self) -> TimelineView:
        low, high = self._scrolled.view
        time = self._windows["time"].view
        rows = (-high, -low)
        return timeline_data(self._table, self._split, time, rows=rows, selected=self._selected())

    def _brush(self, box: Box) -> Brush:
        view = self.view
        # A lane is meant when the brush touches what is drawn in it.
        touched = (box.bottom <= -view.top - PAD) & (box.top >= -view.top - view.height + PAD)
        names = (view.lanes[index] for index in np.flatnonzero(touched).tolist())
        lanes = (self._lanes or "", frozenset(names)) if self.brushes_lanes else None
        return Brush(time=self._time_brushed(box), lanes=lanes, overlapping=True)

    def _sides(self, brush: Brush) -> dict[str, float]:
        sides = self._time_sides(brush)
        if brush.lanes is not None and brush.lanes[0] == self._lanes:
            view = self.view
            at = [i for i, name in enumerate(view.lanes) if name in brush.lanes[1]]
            if at:
                bottom = -int((view.top + view.height)[at].max()) + 1
                sides |= {"bottom": bottom, "top": -int(view.top[at].min()) - 1}
        return sides

    def _heading(self) -> tuple[str, str]:
        view = self.view
        more = (
            f"{several(view.hidden, 'more lane')} with {units.count(view.hidden_events)} events: "
            "Shift and the wheel scroll"
        )
        return self._heading_for(
            "Timeline",
            in_view(view.in_view, view.total, "event"),
            f"{several(len(view.lanes), 'lane')} by {self._lanes}" if view.lanes else "",
            more if view.hidden else "",
            self._unmeasured(),
            self._not_kept(),
            "" if view.single or not view.total else "zoom in to see single spans",
        )

    def _draw(self) -> None:
        super()._draw()
        view = self.view
        middles = (-view.top - view.height / 2).tolist()
        names = [units.short(self._threads.get(name, name), 10) for name in view.lanes]
        self._axes.y_names(dict(zip(middles, names, strict=True)))
        self._draw_cells()
        self._draw_bars()
        self._draw_names()
        self._draw_mark()
        self._axes.say(*self._caption(), self._legend())
        self._empty.visible = not view.total
        self._empty.text = self._nothing()

    def _draw_cells(self) -> None:
        view, shown = self.view, [] if self.view.single else range(len(self.view.lanes))
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
            "y": [-int(view.top[i] + view.height[i]) + PAD for i in shown],
            "dh": [int(view.height[i]) - 2 * PAD for i in shown],
            "lane": [self._title(view.lanes[i]) for i in shown],
        }
        lane, column = np.nonzero(view.failed)
        middle = (view.edges[column] + view.edges[column + 1]) / 2
        self._failures.data = {
            "x": middle,
            "y": -(view.top[lane] + 7.0),
            "errors": [units.count(int(n)) for n in view.failed[lane, column]],
            "at": [units.instant(int(edge)) for edge in view.edges[column]],
        }

    def _draw_bars(self) -> None:
        view, table, index = self.view, self._table, self.view.events
        ts, dur = table.ts[index] - table.origin, table.dur[index]
        names = [table.names[code] for code in table.code[index].tolist()]
        colors = {name: self._painter.of(name) for name in set(names)}
        failed = np.zeros(len(index), np.bool_) if table.failed is None else table.failed[index]
        selected = self._selected()
        chosen = np.zeros(len(index), np.bool_) if selected is None else selected[index]
        bad, accent = self._painter.color("bad"), self._painter.color("accent")
        ground = self._painter.color("surface")
        lane = view.event_lane
        height = (view.height[lane] - 2 * PAD) / np.maximum(view.levels, 1)
        top = -(view.top[lane] + PAD) - view.level * height
        # The outline also keeps very short spans and events without a duration in sight; longer
        # ones have it in the colour of the ground, so that neighbours of one colour are two.
        wide = dur >= SEPARATE * self._per_pixel()
        marked = zip(names, failed.tolist(), chosen.tolist(), wide.tolist(), strict=True)
        titles = [self._title(name) for name in view.lanes]
        self._bars.data = {
            "left": ts.astype(np.float64),
            "right": (ts + dur).astype(np.float64),
            "top": top,
            "bottom": top - height,
            "color": [colors[name] for name in names],
            "edge": [
                accent if c else bad if f else ground if w else colors[name]
                for name, f, c, w in marked
            ],
            "width": np.where(chosen | failed, 2.0, np.where(wide, 1.0, 0.8)),
            "marker": names,
            "lane": [titles[number] for number in lane.tolist()],
            "at": [units.instant(value) for value in ts.tolist()],
            "exact": self._exact(index, dur),
            "error": ["yes" if value else "no" for value in failed.tolist()],
        }

    def _draw_names(self) -> None:
        """Write the marker's name into every bar that has room for it."""
        data, per_pixel = self._bars.data, self._per_pixel()
        start, end = self._windows["time"].view
        left = np.maximum(np.asarray(data["left"], np.float64), start)
        width = (np.minimum(np.asarray(data["right"], np.float64), end) - left) / per_pixel
        top, bottom = np.asarray(data["top"]), np.asarray(data["bottom"])
        letters = ((width - 8) / LETTER).astype(np.int64)
        found = []
        for i in np.flatnonzero((letters >= 3) & (top - bottom >= NAMED)).tolist():
            text = _fitting(data["marker"][i], int(letters[i]))
            if text:
                found.append((i, text))
        at = [i for i, _ in found]
        self._names.data = {
            "x": left[at],
            "y": (top[at] + bottom[at]) / 2 if at else [],
            "text": [text for _, text in found],
            "color": [_ink(data["color"][i]) for i in at],
        }

    def _draw_mark(self) -> None:
        sides: dict[str, Any] = {side: [] for side in ("left", "right", "bottom", "top")}
        at = None if self.picked is None else self._place(self.picked)
        view, table = self.view, self._table
        if at is not None and (lane := self._pick_lane()) in view.lanes:
            number = view.lanes.index(lane)
            begin = float(table.ts[at] - table.origin)
            end = begin + float(table.dur[at])
            top = float(-view.top[number] - 1)
            bottom = top - float(view.height[number]) + 2
            drawn = np.flatnonzero(view.events == at)
            if len(drawn):
                bottom, top = (float(self._bars.data[s][drawn[0]]) for s in ("bottom", "top"))
            sides = {"left": [begin], "right": [end], "bottom": [bottom], "top": [top]}
        self._mark.data = sides

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
        legend = [(units.short(name, 24), self._painter.of(name)) for name in names]
        if len(codes) > most:
            legend.append((f"{len(codes) - most} more", CLEAR))
        failed = self._table.failed
        if failed is not None and failed[view.events].any():
            legend.append(("error", bad))
        return legend


def _fitting(name: str, letters: int) -> str:
    """Return as much of a marker's name as says which it is; empty where too little fits.

    Examples
    --------
    >>> _fitting("orders.commit", 20), _fitting("orders.commit", 8), _fitting("orders.commit", 4)
    ('orders.commit', 'commit', '')
    """
    name = units.plain(name)
    if len(name) <= letters:
        return name
    own = name.rpartition(".")[2]
    if len(own) <= letters:
        return own
    return units.short(own, letters) if letters >= 6 else ""


def _ink(color: str) -> str:
    """Return black or white, whichever is read better on a colour.

    Examples
    --------
    >>> _ink("#0072B2"), _ink("#F0E442")
    ('#ffffff', '#000000')
    """
    channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 else "#000000"
