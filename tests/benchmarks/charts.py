"""Results as Bokeh figures: every row beside its peers, and how costs grow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bokeh.models import ColumnDataSource, Range1d

from kit.plots import _ticks as ticks
from kit.plots._axes import ROOM, Axes
from kit.plots._theme import CATEGORIES, Painter
from tests.benchmarks.figures import FIGURES, written
from tests.benchmarks.report import Results

BLUE, ORANGE, GREEN, PINK, SKY, *_ = (light for light, _ in CATEGORIES)
ON_DARK = {BLUE: "#4FA8E0"}  # text in it could hardly be read
COLORS = {"C": BLUE, "Python": ORANGE, "int": GREEN, "float": PINK, "str": SKY}
COLORS |= {"off": GREEN, "one probe": PINK, "record": SKY}
HEADING = 62  # px of axes that are not their frame
LINE = 15  # px between two labels below each other
BAR = 24
NAMES = 0.3  # of the places' room is for names at the end of lines


@dataclass(frozen=True)
class Series:
    """One line of a chart: what stands beside it, the role or colour it has, values by place."""

    label: str
    color: str
    points: Mapping[str, float]
    dash: str = "solid"


def scale(values: Iterable[float], *, log: bool) -> tuple[Range1d, list[float]]:
    """Return a range that holds values, and few round ticks in it."""
    values = [value for value in values if value > 0 or not log]
    low, high = min(values), max(values)
    if not log:
        step = 10 ** math.floor(math.log10(high or 1))
        step = next(s for s in (step / 2, step, 2 * step, 5 * step) if high / s <= 6)
        top = math.ceil(high * 1.04 / step) * step
        return Range1d(0, top * 1.06), [n * step for n in range(round(top / step) + 1)]
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    wide = high / low > 50
    marks = [m * 10.0**d for d in decades for m in ((1,) if wide else (1, 2, 5))]
    start, end = low / (1.6 if wide else 1.1), high * (1.6 if wide else 1.1)
    return Range1d(start, end), [mark for mark in marks if start <= mark <= end]


def spread(places: Sequence[float], least: float) -> list[float]:
    """Move labels apart that would overlap, each as little as its order allows."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for _ in range(50):
        for lower, upper in itertools.pairwise(order):
            short = least - (moved[upper] - moved[lower])
            if short > 1e-6:
                moved[lower] -= short / 2
                moved[upper] += short / 2
    return moved


def tick_text(value: float, unit: str) -> str:
    """Write a tick; nothing has no unit."""
    if not value:
        return "0"
    return f"{value:,.10g}x" if unit == "x" else f"{value:,.10g} {unit}"


def lines(
    paint: Painter, title: str, note: str, unit: str, series: Sequence[Series], *, log: bool = False
) -> Any:
    """Draw series over places that stand at equal distances, each line named at its end."""
    places = list(dict.fromkeys(place for each in series for place in each.points))
    y_range, marks = scale([v for each in series for v in each.points.values()], log=log)
    height = 300
    axes = Axes(
        paint,
        height=height,
        x_range=Range1d(-0.25, (len(places) - 1) * (1 + NAMES)),
        y_range=y_range,
        y_log=log,
        description=f"{title}, {note}",
    )
    axes.say(title, note)
    _names(axes.figure.xaxis[0], axes, {float(n): place for n, place in enumerate(places)})
    axes.y_names({tick: tick_text(tick, unit) for tick in marks}, grid=True)
    axes.figure.ygrid[0].visible = True
    renderers = []
    for each in series:
        at = [(float(n), each.points[p], p) for n, p in enumerate(places) if p in each.points]
        data = ColumnDataSource(
            {
                "x": [x for x, _, _ in at],
                "y": [y for _, y, _ in at],
                "place": [place for _, _, place in at],
                "value": [written(y, unit) for _, y, _ in at],
                "name": [each.label] * len(at),
            }
        )
        line = axes.draw.line("x", "y", source=data, line_width=2, line_dash=each.dash)
        dots = axes.draw.scatter("x", "y", source=data, size=6, line_color=None)
        _color(paint, line.glyph, each.color, "line_color")
        _color(paint, dots.glyph, each.color, "fill_color")
        renderers.append(dots)
    _ends(axes, paint, series, len(places) - 1, log=log, frame=height - HEADING - 30)
    axes.tips(renderers, [("", "@name"), ("at", "@place"), ("", "@value")])
    return axes.figure


def _names(axis: Any, axes: Axes, names: dict[float, str]) -> None:
    axes.x_axis(ticks.named())
    ticks.name(axis.ticker, axis.formatter, names)


def _color(paint: Painter, glyph: Any, color: str, *names: str) -> None:
    """Give a colour of its own, or that of a role of the theme."""
    if color.startswith("#"):
        shade = ON_DARK.get(color, color) if paint.theme.name == "dark" else color
        glyph.update(**dict.fromkeys(names, shade))
    else:
        paint(glyph, **dict.fromkeys(names, color))


def _ends(
    axes: Axes,
    paint: Painter,
    series: Sequence[Series],
    last: int,
    *,
    log: bool,
    frame: int,
) -> None:
    """Name each line where it ends."""
    start, end = axes.figure.y_range.start, axes.figure.y_range.end
    to = math.log10 if log else float
    pixel = (to(end) - to(start)) / frame
    ends = [to(list(each.points.values())[-1]) for each in series]
    for each, place in zip(series, spread(ends, LINE * pixel), strict=True):
        y = 10**place if log else place
        data = ColumnDataSource({"x": [last], "y": [y], "text": [each.label]})
        text = axes.text(data, role=None, x_offset=10, text_baseline="middle")
        _color(paint, text.glyph, each.color, "text_color")


def bars(
    paint: Painter,
    title: str,
    note: str,
    unit: str,
    values: Mapping[str, float],
    colors: Mapping[str, str],
) -> Any:
    """Draw one bar a name, its value beside it; the axis starts at zero."""
    names = list(values)
    places = [float(len(names) - 1 - n) for n in range(len(names))]
    x_range, marks = scale(values.values(), log=False)
    axes = Axes(
        paint,
        height=HEADING + 34 + BAR * len(names),
        x_range=Range1d(0, x_range.end * 1.18),
        y_range=Range1d(-0.6, len(names) - 0.4),
        left=204,
        description=f"{title}, {note}",
    )
    axes.say(title, note)
    _names(axes.figure.xaxis[0], axes, {tick: tick_text(tick, unit) for tick in marks})
    axes.figure.xgrid[0].visible = True
    axes.y_names(dict(zip(places, names, strict=True)))
    axes.bare_y()
    for place, name in zip(places, names, strict=True):
        bar = axes.draw.hbar(y=place, right=values[name], left=0, height=0.62, line_color=None)
        _color(paint, bar.glyph, colors.get(name, "neutral"), "fill_color")
    data = {"x": list(values.values()), "y": places}
    text = [written(value, unit) for value in values.values()]
    axes.text(ColumnDataSource({**data, "text": text}), x_offset=4, text_baseline="middle")
    return axes.figure


def beside(paint: Painter, results: Results) -> Any:
    """Draw every row: everybody's figure as a multiple of the C dispatcher's."""
    rows = [each for each in FIGURES if results.of(each.key)[0] is not None]
    spots: dict[str, list[tuple[float, float, str, str, str]]] = {}
    names = {}
    for number, row in enumerate(reversed(rows)):
        names[float(number)] = row.label.replace("`", "")
        fast = results.values[row.key]["c"]
        for subject, value in results.values[row.key].items():
            kind = {"c": "C", "python": "Python", "bare": "bare C object"}.get(subject, "peers")
            shown = {"c": "kit, C", "python": "kit, Python", "bare": "bare C object"}
            spots.setdefault(kind, []).append(
                (
                    value / fast,
                    float(number),
                    shown.get(subject, subject),
                    row.label,
                    written(value, row.unit),
                )
            )
    x_range, marks = scale((spot[0] for each in spots.values() for spot in each), log=True)
    styles = {
        "peers": ("circle", "muted", 8),
        "bare C object": ("dash", "text", 14),
        "Python": ("diamond", ORANGE, 12),
        "C": ("circle", BLUE, 11),
    }
    axes = Axes(
        paint,
        height=110 + 28 * len(rows),
        x_range=Range1d(x_range.start, x_range.end),
        y_range=Range1d(-0.6, len(rows) - 0.4),
        x_log=True,
        left=250,
        legend=ROOM,
        description="Every row as a multiple of the kit's C dispatcher",
    )
    _names(axes.figure.xaxis[0], axes, {tick: tick_text(tick, "x") for tick in marks})
    axes.figure.xgrid[0].visible = True
    axes.y_names(names, grid=True)
    axes.bare_y()
    renderers = []
    for kind, (marker, color, size) in styles.items():
        if kind not in spots:
            continue
        columns = zip(*spots[kind], strict=True)
        data = dict(zip(("x", "y", "name", "row", "value"), map(list, columns), strict=True))
        angle = math.pi / 2 if marker == "dash" else 0.0
        shown_ = axes.draw.scatter(
            "x", "y", source=ColumnDataSource(data), marker=marker, size=size, angle=angle
        )
        shown_.glyph.line_width = 2 if marker == "dash" else 1
        hollow = kind == "peers"
        _color(paint, shown_.glyph, color, "line_color")
        if hollow:
            shown_.glyph.fill_color = None
        else:
            _color(paint, shown_.glyph, color, "fill_color")
        renderers.append(shown_)
    colors = [(kind, style[1]) for kind, style in reversed(styles.items()) if kind in spots]
    keys = [(k, c if c.startswith("#") else paint.color(c)) for k, c in colors]
    axes.say(
        "Every row beside its peers",
        "as a multiple of what the C dispatcher takes; further left is better",
        keys,
    )
    axes.tips(renderers, [("", "@name"), ("", "@row"), ("takes", "@value"), ("of C", "@x{0.00}x")])
    return axes.figure


def grown(paint: Painter, results: Results) -> list[Any]:
    """Draw how costs grow, one figure a table of `tests.benchmarks.report.growth`."""
    made = []
    tables = results.growth
    shown = {"c": "C", "python": "Python"}
    both = [each for each in ("c", "python") if each in tables]

    def one(key: str, name: str) -> list[Series]:
        found = [
            Series(shown[each], COLORS[shown[each]], tables[each][key][name])
            for each in both
            if name in tables[each].get(key, {})
        ]
        bare = tables.get("c", {}).get(key, {}).get("bare")
        return found + ([Series("bare C object", "text", bare, "dashed")] if bare else [])

    fanout = one("fan-out", "kit")
    if fanout:
        note = "in empty calls, by how many probes are connected"
        made.append(lines(paint, "Dispatch", note, "x", fanout, log=True))
    for each in both:
        fields = tables[each].get("fields", {})
        series = [
            Series(kind.partition(",")[0], COLORS[kind.partition(",")[0]], points)
            for kind, points in fields.items()
        ]
        if series:
            note = "in empty calls, by number of fields and their kind"
            made.append(lines(paint, f"Record, {shown[each]}", note, "x", series))
    for each in both:
        threads = tables[each].get("threads", {})
        series = [Series(name, COLORS[name], points) for name, points in threads.items()]
        if series:
            note = "ns of the machine an event, by how many threads fire"
            made.append(lines(paint, f"Threads, {shown[each]}", note, "ns", series))
    connected = one("connected", "connect + disconnect")
    if connected:
        call = results.call.get("c", 1.0)
        micro = [
            Series(s.label, s.color, {p: v * call / 1000 for p, v in s.points.items()})
            for s in connected
        ]
        note = "by how many are connected"
        made.append(lines(paint, "Connect + disconnect", note, "µs", micro))
    return made


def compared(paint: Painter, results: Results) -> list[Any]:
    """Draw what is compared and does not grow: kinds of fields, grace periods, memory, starts."""
    made = []
    for dispatcher, name in (("c", "C"), ("python", "Python")):
        tables = results.growth.get(dispatcher, {})
        kinds = tables.get("kinds", {}).get("one field")
        if kinds:
            colors = dict.fromkeys(kinds, COLORS[name])
            note = "in empty calls, by its kind"
            made.append(bars(paint, f"Record one field, {name}", note, "x", kinds, colors))
    grace: dict[str, float] = {}
    colors = {}
    for dispatcher, name in (("c", "C"), ("python", "Python")):
        for load, took in results.growth.get(dispatcher, {}).get("grace", {}).items():
            label = f"{load}, {name}"
            grace[label], colors[label] = took, COLORS[name]
    if grace:
        note = "median of waiting for it"
        made.append(bars(paint, "A grace period", note, "µs", grace, colors))
    frames = {
        name.replace("kit, c", "kit, C").replace("kit, python", "kit, Python"): got
        for name, got in results.frames.items()
    }
    own = {
        name: COLORS["C" if name.startswith("kit, C") else "Python"]
        for name in frames
        if name.startswith("kit")
    }
    for key, title, unit in (
        ("bytes", "Memory of a recorded event", "bytes"),
        ("frame", "1 M recorded events to a frame", "ms"),
        ("frame of 10 M", "10 M recorded events to a frame", "ms"),
    ):
        values = {name: got[key] for name, got in frames.items() if key in got}
        if values:
            made.append(bars(paint, title, "an int, a float, a text", unit, values, own))
    if results.first:
        note = "from the start of Python, over bare Python"
        made.append(bars(paint, "Until there is something", note, "ms", results.first, {}))
    return made
