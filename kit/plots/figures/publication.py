"""Which dispatch used which generation of the probe array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import Range1d

from kit.plots import _ticks as ticks
from kit.plots import units
from kit.plots._axes import ROOM, Axes, source, width, zoom_tools
from kit.plots._events import thread_names
from kit.plots._plot import Plot, Window, dispatch_frames, in_view
from kit.plots.figures.publication_data import (
    NEWEST,
    PublicationView,
    Published,
    publication_data,
    read,
)
from kit.plots.units import note, several

if TYPE_CHECKING:
    from kit.plots._events import Floats, Ints
    from kit.plots.figures.publication_data import Lane

__all__ = ["Publication", "arrange", "publication"]

LANE = 26
"""Height of a lane in px."""

BAND = 1.35
"""Height of a marker's heading, where its publications are named, in lanes."""

FRAME = 112
"""What the plot needs besides its lanes, in px."""

TIERS = 2
GAP = 12.0
TIME_ROOM = 560.0
"""px that the time axis has even in a narrow notebook."""


def publication(
    dispatches: Any, publications: Any = None, *, title: str | None = None
) -> Publication:
    """Plot which dispatch used which generation of the probe array.

    Threads are lanes, a bar is a dispatch, and its colour tells the generation that it used: older
    ones alternate between two hues, the newest stands out.  A publication is a vertical line; the
    grace period after it, in which the updater waits for dispatches under way, is hatched.  Red is
    a dispatch that used an old generation when its grace period had ended: a bug, always.

    Parameters
    ----------
    dispatches : pandas.DataFrame, or an object with ``dispatches()`` and ``publications()``
        Dispatches; or a recorder or an opened recording, which has both.
    publications : pandas.DataFrame, optional
        Publications.
    title : str, optional
        In place of the one that says what it shows. Its height is that of its lanes.

    Returns
    -------
    Publication
    """
    return Publication(dispatches, publications, title=title)


class Publication(Plot):
    """The plot that `publication` makes.  Its window is ``time``."""

    view: PublicationView

    def _build(self) -> None:
        time = self._windows["time"] = Window(least=100.0)
        self._lanes_range = Range1d(start=-0.5, end=0.5)
        axes = self._axes = Axes(
            self._painter,
            height=FRAME + LANE,
            x_range=time.range,
            y_range=self._lanes_range,
            legend=ROOM,
            tools=zoom_tools("width"),
            description="Dispatches by the generation that they used, and publications",
        )
        axes.x_axis(ticks.time(), "time since the first event")
        axes.bare_y()
        self._build_changes(axes)
        self._build_bars(axes)
        self._empty = axes.empty()
        self._watch(axes, x=time)
        self._measure(axes)
        self.figure = axes.figure

    def _build_bars(self, axes: Axes) -> None:
        columns = ("left", "right", "bottom", "top", "color", "generation", "count", "of", "at")
        self._bars, self._late = (source(*columns, "dur") for _ in range(2))
        sides = {"left": "left", "right": "right", "bottom": "bottom", "top": "top"}
        fill = {"fill_color": "color", "line_color": "color"}
        bars = axes.draw.quad(source=self._bars, line_width=0.8, **fill, **sides)
        late = axes.draw.quad(source=self._late, line_width=2, **fill, **sides)
        rows = [
            ("generation", "@generation"),
            ("dispatches", "@count"),
            ("of", "@of"),
            ("at", "@at"),
            ("lasted", "@dur"),
        ]
        axes.tips([bars], rows, point_policy="follow_mouse")
        axes.tips([late], [("late", "used this after its grace period"), *rows])

    def _build_changes(self, axes: Axes) -> None:
        self._graces = source("left", "right", "bottom", "top")
        graces = axes.draw.quad(
            left="left",
            right="right",
            bottom="bottom",
            top="top",
            line_color=None,
            fill_alpha=0.1,
            hatch_pattern="right_diagonal_line",
            hatch_alpha=0.35,
            hatch_scale=8,
            hatch_weight=1,
            source=self._graces,
        )
        self._painter(graces.glyph, fill_color="muted", hatch_color="muted")
        self._lines = source("x", "bottom", "top", "what", "grace", "at")
        lines = axes.draw.segment(
            x0="x", x1="x", y0="bottom", y1="top", line_width=1.2, source=self._lines
        )
        heads = axes.draw.scatter(x="x", y="top", size=5, line_color=None, source=self._lines)
        self._painter(lines.glyph, line_color="text")
        self._painter(heads.glyph, fill_color="text")
        axes.tips(
            [lines, heads], [("published", "@what"), ("grace period", "@grace"), ("at", "@at")]
        )
        self._names = source("x", "y", "text", "align", "offset")
        axes.text(self._names, x_offset="offset", text_align="align", text_baseline="middle")

    def _load(self, *frames: Any) -> None:
        dispatches, publications = dispatch_frames(frames, "publications", "publication")
        self._threads = thread_names(dispatches)
        self._data: Published = read(dispatches, publications)
        self._fit_time(self._data.origin, self._data.extent)

    def _bin(self) -> PublicationView:
        return publication_data(self._data, self._windows["time"].view)

    def _heading(self) -> tuple[str, str]:
        view = self.view
        markers = tuple(dict.fromkeys(lane.marker for lane in view.lanes))
        name = markers[0] if len(markers) == 1 else several(len(markers), "marker")
        return (
            f"Publication · {name}" if markers else "Publication",
            note(
                in_view(view.in_view, view.total, "dispatch"),
                several(len(self._data.ts), "publication"),
                f"{several(view.hidden, 'lane')} not shown" if view.hidden else "",
                f"{units.count(view.lines_hidden)} publications in view not drawn"
                if view.lines_hidden
                else "",
                "" if view.single else "zoom in to see single dispatches",
            ),
        )

    def _draw(self) -> None:
        view = self.view
        places, bands = _layout(view)
        lowest = min(places, default=-1.0)
        height = max(-lowest, 3 + BAND) + 0.6
        self.height = round(FRAME + LANE * height)
        self._axes.figure.height = self.height
        self._lanes_range.update(start=-height, end=0.0)
        names = [units.short(self._thread(lane), 10) for lane in view.lanes]
        at = dict(zip(places, names, strict=True))
        if len(set(bands)) > 1:  # several markers: each has its name above its lanes
            heads = zip(bands, view.lanes, strict=True)
            at |= {band - BAND / 2: units.short(lane.marker, 10) for band, lane in heads}
        self._axes.y_names(at)
        self._draw_bars(places)
        self._draw_changes(places, bands)
        self._axes.say(*self._caption(), self._legend())
        self._empty.visible = not view.total
        self._empty.text = "nothing yet: record with dispatches=True"

    def _draw_bars(self, places: list[float]) -> None:
        view, data = self.view, self._data
        tones = np.array([self._painter.color(role) for role in ("calm", "calm_other", "accent")])
        middle = np.array([*places, 0.0])
        self._bars.data = {
            "color": tones[view.tone].tolist(),
            "count": [units.count(number) for number in view.counts.tolist()],
            **self._columns(view.lane, middle, view.start, view.end, view.generation),
        }
        start = data.table.ts[view.late] - data.origin
        end = start + data.table.dur[view.late]
        self._late.data = {
            "color": [self._painter.color("bad")] * len(view.late),
            "count": ["1"] * len(view.late),
            **self._columns(view.late_lane, middle, start, end, data.generation[view.late]),
        }

    def _columns(
        self, lane: Ints, middle: Floats, start: Ints, end: Ints, generation: Ints
    ) -> dict[str, Any]:
        of = [f"{lane.marker} in {self._thread(lane)}" for lane in self.view.lanes]
        return {
            "left": start.astype(np.float64),
            "right": end.astype(np.float64),
            "bottom": middle[lane] - 0.34,
            "top": middle[lane] + 0.34,
            "generation": [units.count(number) for number in generation.tolist()],
            "of": [of[index] for index in lane.tolist()],
            "at": [units.instant(at) for at in start.tolist()],
            "dur": [units.exact(dur) for dur in (end - start).tolist()],
        }

    def _draw_changes(self, places: list[float], bands: list[float]) -> None:
        view, data = self.view, self._data
        # A publication of a marker that fired in no lane has no place to be drawn at.
        shown = np.flatnonzero(view.first_lane >= 0)
        index, first, last = (a[shown] for a in (view.lines, view.first_lane, view.last_lane))
        x = (data.ts[index] - data.origin).astype(np.float64)
        top = np.array([places[lane] + 0.5 for lane in first.tolist()])
        bottom = np.array([places[lane] - 0.5 for lane in last.tolist()])
        grace = data.grace[index]
        waited = np.flatnonzero(grace != 0)
        # One that still runs has no end yet.
        end = np.where(grace < 0, float(data.extent), x + grace)
        self._graces.data = {
            "left": x[waited],
            "right": end[waited],
            "bottom": bottom[waited],
            "top": top[waited],
        }
        self._lines.data = {
            "x": x,
            "bottom": bottom,
            "top": self._name_changes(index, first, x, top, bands),
            "what": [data.label[i] for i in index.tolist()],
            "grace": ["still running" if g < 0 else units.exact(g) for g in grace.tolist()],
            "at": [units.instant(int(value)) for value in x],
        }

    def _name_changes(
        self, index: Ints, lane: Ints, x: Floats, top: Floats, bands: list[float]
    ) -> Floats:
        """Name publications above the lanes, as far as there is room; give the lines' ends."""
        low, high = self.view.time
        names: dict[str, Any] = {name: [] for name in self._names.column_names}
        for band in dict.fromkeys(lane.tolist()):
            own = np.flatnonzero((lane == band) & (x >= low) & (x <= high)).tolist()
            at = [(float(x[i]) - low) / (high - low) * TIME_ROOM for i in own]
            texts = [units.short(self._data.label[index[i]], 28) for i in own]
            for i, place, text, tier in zip(own, at, texts, arrange(at, texts), strict=True):
                if tier is None:
                    continue
                left = place + width(text) + GAP > TIME_ROOM
                top[i] = bands[band] - 0.32 - 0.5 * tier
                names["x"].append(float(x[i]))
                names["y"].append(top[i])
                names["text"].append(text)
                names["align"].append("right" if left else "left")
                names["offset"].append(-5 if left else 5)
        self._names.data = names
        return top

    def _thread(self, lane: Lane) -> str:
        return self._threads.get(lane.thread, lane.thread)

    def _legend(self) -> list[tuple[str, str]]:
        view, color = self.view, self._painter.color
        if not view.total:
            return []
        late = f"{units.count(view.late_total)} late"
        legend = [
            ("newest generation", color("accent"), (view.tone == NEWEST).any()),
            ("older, even", color("calm"), (view.tone == 0).any()),
            ("older, odd", color("calm_other"), (view.tone == 1).any()),
            (late, color("bad"), view.late_total > 0),
        ]
        return [(text, of) for text, of, is_there in legend if is_there]


def arrange(at: list[float], texts: list[str], tiers: int = TIERS) -> list[int | None]:
    """Set names beside their lines, so that none covers another.

    Parameters
    ----------
    at : list of float
        Where the lines are, in px, ascending.
    texts : list of str
    tiers : int
        How many names fit above each other.

    Returns
    -------
    list of int or None
        The row of each name; None where there is no room for it.

    Examples
    --------
    >>> arrange([0.0, 10.0, 20.0, 200.0], ["connect a"] * 4)
    [0, 1, None, 0]
    """
    ends = [-np.inf] * tiers
    rows: list[int | None] = []
    for x, text in zip(at, texts, strict=True):
        wide = width(text) + GAP
        # Where a name would leave the frame it stands on the other side of its line.
        start = x if x + wide <= TIME_ROOM else x - wide
        free = next((tier for tier in range(tiers) if ends[tier] <= start), None)
        rows.append(free)
        if free is not None:
            ends[free] = start + wide
    return rows


def _layout(view: PublicationView) -> tuple[list[float], list[float]]:
    """Middle of each lane, and upper edge of the heading above its marker's lanes."""
    places: list[float] = []
    bands: list[float] = []
    y = 0.0
    for index, lane in enumerate(view.lanes):
        if index == 0 or lane.marker != view.lanes[index - 1].marker:
            band, y = y, y - BAND
        places.append(y - 0.5)
        bands.append(band)
        y -= 1.0
    return places, bands
