"""From a glyph of Bokeh and its data to shapes."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from bokeh.core.property.vectorization import Field, Value
from bokeh.models import LogColorMapper

from kit.plots._picture.shapes import Boxes, Clip, Dots, Lines, Raster, Style, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kit.plots._picture.shapes import Shape

__all__ = ["Floats", "opaque", "shapes"]

Floats: TypeAlias = npt.NDArray[np.float64]
Scale: TypeAlias = "Callable[[Floats], Floats]"

_CORNERS: Final[dict[str, list[tuple[float, float]]]] = {
    "square": [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)],
    "triangle": [(0.0, -0.58), (0.5, 0.29), (-0.5, 0.29)],
    "diamond": [(0.0, -0.5), (1 / 3, 0.0), (0.0, 0.5), (-1 / 3, 0.0)],
}


def shapes(renderer: Any, across: Scale, up: Scale, frame: Clip) -> Iterator[Shape]:
    """Draw what a renderer shows.

    Parameters
    ----------
    renderer : bokeh.models.GlyphRenderer
    across, up : callable
        From values on the axes to px.
    frame : Clip
        Nothing is seen outside, but text.

    Yields
    ------
    Shape
        Nothing for a glyph that the kit's plots do not use.
    """
    glyph = _Glyph(renderer, across, up, frame)
    draw = _DRAW.get(type(renderer.glyph).__name__)
    if draw is not None:
        yield from draw(glyph)


def opaque(color: Any) -> bool:
    """Tell whether a colour shows.

    Examples
    --------
    >>> opaque("#102030"), opaque("#00000000"), opaque(None)
    (True, False, False)
    """
    return color is not None and not (len(str(color)) == 9 and str(color).endswith("00"))


class _Glyph:
    """A glyph's properties, as one value for each of its rows."""

    def __init__(self, renderer: Any, across: Scale, up: Scale, frame: Clip) -> None:
        self.model, self.data = renderer.glyph, renderer.data_source.data
        self._across, self._up, self.frame = across, up, frame
        self.rows = max((len(column) for column in self.data.values()), default=0)

    def column(self, name: str) -> list[Any]:
        """Values of a property, a row each."""
        value = getattr(self.model, name)
        if isinstance(value, Field):
            value = value.field
        elif isinstance(value, Value):
            return [value.value] * self.rows
        # Of markers the kit names one for all; "x" is one, and a column too.
        if isinstance(value, str) and value in self.data and name != "marker":
            return list(self.data[value])
        return [value] * self.rows

    def x(self, name: str) -> Floats:
        return self._across(np.array(self.column(name), np.float64))

    def y(self, name: str) -> Floats:
        return self._up(np.array(self.column(name), np.float64))

    def style(self, *, fill: bool = True, line: bool = True) -> list[Style]:
        """Colours, alphas and width of the outline, a row each."""
        nothing = [None] * self.rows
        has = self.model.properties()
        columns = (
            self.column("fill_color") if fill and "fill_color" in has else nothing,
            self.column("fill_alpha") if fill and "fill_alpha" in has else nothing,
            self.column("line_color") if line else nothing,
            self.column("line_alpha") if line else nothing,
            self.column("line_width") if line else nothing,
        )
        return [
            Style(
                str(fill_) if opaque(fill_) and fill_alpha else None,
                float(fill_alpha or 0),
                str(line_) if opaque(line_) and line_alpha else None,
                float(line_alpha or 0),
                float(width or 0),
            )
            for fill_, fill_alpha, line_, line_alpha, width in zip(*columns, strict=True)
        ]

    def boxes(self, left: Floats, top: Floats, right: Floats, bottom: Floats) -> Iterator[Shape]:
        sides = np.stack((left, top, right, bottom), axis=1)
        for style, rows in self.by_style(self.style(), np.isfinite(sides).all(axis=1)):
            yield Boxes(style, sides[rows], self.frame)

    def by_style(self, styles: list[Style], shown: Any) -> Iterator[tuple[Style, list[int]]]:
        """Yield the rows that have a style in common, so that it is written once."""
        rows = [row for row in range(self.rows) if shown[row] and styles[row] != _NOTHING]
        rows.sort(key=lambda row: _key(styles[row]))
        for _, same in groupby(rows, key=lambda row: _key(styles[row])):
            found = list(same)
            if styles[found[0]].fill or styles[found[0]].line:
                yield styles[found[0]], found


_NOTHING: Final = Style(None, 0.0, None, 0.0, 0.0)


def _key(style: Style) -> tuple[str, ...]:
    return tuple(str(part) for part in style)


def _quads(glyph: _Glyph) -> Iterator[Shape]:
    x, y = glyph.x, glyph.y
    yield from glyph.boxes(x("left"), y("top"), x("right"), y("bottom"))
    yield from _hatches(glyph)


def _hatches(glyph: _Glyph) -> Iterator[Shape]:
    model = glyph.model
    if model.hatch_color is None or getattr(model, "hatch_pattern", None) in (None, "blank"):
        return
    lines: list[Floats] = []
    frame = glyph.frame
    columns = (glyph.x("left"), glyph.y("top"), glyph.x("right"), glyph.y("bottom"))
    for left, top, right, bottom in zip(*(c.tolist() for c in columns), strict=True):
        left, right = max(left, frame.left), min(right, frame.right)
        high = bottom - top
        for start in np.arange(math.ceil((left - high) / 8) * 8, right, 8.0).tolist():
            # From below on the left to above on the right, as far as it is inside.
            x0, x1 = max(start, left), min(start + high, right)
            if x0 < x1:
                lines.append(np.array([[x0, bottom - (x0 - start)], [x1, bottom - (x1 - start)]]))
    if lines:
        alpha = float(getattr(model.hatch_alpha, "value", model.hatch_alpha))
        yield Lines(Style(line=str(model.hatch_color), line_alpha=alpha), lines, frame)


def _bars_across(glyph: _Glyph) -> Iterator[Shape]:
    y, half = np.array(glyph.column("y"), np.float64), np.array(glyph.column("height")) / 2
    yield from glyph.boxes(
        glyph.x("left"), glyph._up(y + half), glyph.x("right"), glyph._up(y - half)
    )


def _bars_up(glyph: _Glyph) -> Iterator[Shape]:
    x, half = np.array(glyph.column("x"), np.float64), np.array(glyph.column("width")) / 2
    yield from glyph.boxes(
        glyph._across(x - half), glyph.y("top"), glyph._across(x + half), glyph.y("bottom")
    )


def _scatter(glyph: _Glyph) -> Iterator[Shape]:
    places = np.stack((glyph.x("x"), glyph.y("y")), axis=1)
    sizes, markers = glyph.column("size"), glyph.column("marker")
    shown = np.isfinite(places).all(axis=1)
    for style, rows in glyph.by_style(glyph.style(), shown):
        size, marker = float(sizes[rows[0]]), markers[rows[0]]
        if marker == "circle":
            yield Dots(style, places[rows], size, glyph.frame)
        elif marker == "x":
            half = np.array([[-size / 2, -size / 2], [size / 2, size / 2]])
            other = half * np.array([1, -1])
            lines = [place + each for place in places[rows] for each in (half, other)]
            yield Lines(style._replace(fill=None), lines, glyph.frame)
        else:
            corners = np.array(_CORNERS[marker]) * size * (1.5 if marker == "diamond" else 1)
            polygons = [place + corners for place in places[rows]]
            yield Lines(style, polygons, glyph.frame, closed=True)


def _segments(glyph: _Glyph) -> Iterator[Shape]:
    ends = np.stack((glyph.x("x0"), glyph.y("y0"), glyph.x("x1"), glyph.y("y1")), axis=1)
    for style, rows in glyph.by_style(glyph.style(fill=False), np.isfinite(ends).all(axis=1)):
        yield Lines(style, list(ends[rows].reshape(-1, 2, 2)), glyph.frame)


def _one_line(glyph: _Glyph) -> Iterator[Shape]:
    points = np.stack((glyph.x("x"), glyph.y("y")), axis=1)
    if type(glyph.model).__name__ == "Step":  # "before": up or down first, then level
        points = np.repeat(points, 2, axis=0)
        points[:-1, 1] = points[1:, 1]
        points = points[:-1]
    if len(points):
        yield Lines(_of_all(glyph.model), _pieces(points), glyph.frame)


def _many_lines(glyph: _Glyph) -> Iterator[Shape]:
    styles = glyph.style(fill=False)
    for style, xs, ys in zip(styles, glyph.column("xs"), glyph.column("ys"), strict=True):
        points = np.stack((glyph._across(np.array(xs)), glyph._up(np.array(ys))), axis=1)
        yield Lines(style, _pieces(points), glyph.frame)


def _area(glyph: _Glyph) -> Iterator[Shape]:
    low, high, y = glyph.x("x1"), glyph.x("x2"), glyph.y("y")
    if len(y) > 1:
        edge = np.concatenate((np.stack((low, y), axis=1), np.stack((high, y), axis=1)[::-1]))
        model = glyph.model
        style = Style(str(model.fill_color), float(model.fill_alpha))
        yield Lines(style, [edge[np.isfinite(edge).all(axis=1)]], glyph.frame, closed=True)


def _lines_up(glyph: _Glyph) -> Iterator[Shape]:
    x = glyph.x("x")
    ends = [np.array([[at, glyph.frame.top], [at, glyph.frame.bottom]]) for at in x.tolist()]
    for style, rows in glyph.by_style(glyph.style(fill=False), np.isfinite(x)):
        yield Lines(style, [ends[row] for row in rows], glyph.frame)


def _rays(glyph: _Glyph) -> Iterator[Shape]:
    """Lines up to the edge: the kit has no others."""
    x, y = glyph.x("x"), glyph.y("y")
    places = zip(x.tolist(), y.tolist(), strict=True)
    ends = [np.array([[at, y], [at, glyph.frame.top]]) for at, y in places]
    for style, rows in glyph.by_style(glyph.style(fill=False), np.isfinite(x + y)):
        yield Lines(style, [ends[row] for row in rows], glyph.frame)


def _words(glyph: _Glyph) -> Iterator[Shape]:
    names = ("text", "text_color", "text_align", "text_baseline", "x_offset", "y_offset")
    columns = [glyph.column(name) for name in names]
    ground = glyph.model.background_fill_color
    size = float(str(glyph.column("text_font_size")[0] if glyph.rows else 11).removesuffix("px"))
    bold = getattr(glyph.model.text_font_style, "value", glyph.model.text_font_style) == "bold"
    edge = glyph.frame
    places = zip(glyph.x("x").tolist(), glyph.y("y").tolist(), strict=True)
    for (x, y), (text, color, align, baseline, right, down) in zip(
        places, zip(*columns, strict=True), strict=True
    ):
        # What is out of view has no words; at the very edge it does.
        inside = edge.left - 1 <= x <= edge.right + 1 and edge.top - 1 <= y <= edge.bottom + 1
        if text and inside:
            yield Words(
                str(text),
                x + float(right),
                y + float(down),
                str(color),
                size,
                anchor=align,
                baseline=baseline if baseline in {"top", "bottom"} else "middle",
                bold=bold,
                ground=None if ground is None else str(ground),
            )


def _images(glyph: _Glyph) -> Iterator[Shape]:
    x, y = (np.array(glyph.column(name), np.float64) for name in "xy")
    wide, high = (np.array(glyph.column(name), np.float64) for name in ("dw", "dh"))
    for row, values in enumerate(glyph.column("image")):
        left, right = glyph._across(np.array([x[row], x[row] + wide[row]])).tolist()
        bottom, top = glyph._up(np.array([y[row], y[row] + high[row]])).tolist()
        pixels = _colored(np.asarray(values, np.float64)[::-1], glyph.model.color_mapper)
        if pixels[..., 3].any():
            yield Raster(pixels, Clip(left, top, right, bottom), glyph.frame)


def _colored(values: Floats, mapper: Any) -> npt.NDArray[np.uint8]:
    """Colours of an image, as Bokeh's mappers of colours give them."""
    palette = np.array([_rgba(color) for color in mapper.palette], np.uint8)
    low, high = float(mapper.low), float(mapper.high)
    with np.errstate(divide="ignore", invalid="ignore"):
        if isinstance(mapper, LogColorMapper):
            share = np.log(values / low) / (math.log(high / low) or 1.0)
        else:
            share = (values - low) / ((high - low) or 1.0)
        index = np.nan_to_num(share * len(palette), nan=0.0, posinf=1e9, neginf=-1e9)
        pixels = palette[np.clip(index, 0, len(palette) - 1).astype(np.int64)]
    nothing = (0, 0, 0, 0)
    if mapper.low_color is not None:
        pixels[values < low] = _rgba(mapper.low_color) if opaque(mapper.low_color) else nothing
    pixels[np.isnan(values)] = _rgba(mapper.nan_color) if opaque(mapper.nan_color) else nothing
    return pixels


def _rgba(color: Any) -> tuple[int, ...]:
    """Channels of a colour: ``#RRGGBB`` or ``#RRGGBBAA``; anything else is seen through."""
    text = str(color)
    if not text.startswith("#"):
        return (0, 0, 0, 0)
    return tuple(bytes.fromhex(text[1:] if len(text) == 9 else f"{text[1:]}FF"))


def _of_all(model: Any) -> Style:
    alpha, width = (
        float(getattr(value, "value", value)) for value in (model.line_alpha, model.line_width)
    )
    return Style(line=str(model.line_color), line_alpha=alpha, width=width)


def _pieces(points: Floats) -> list[Floats]:
    """Break a line where a value is missing."""
    there = np.isfinite(points).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], there, [False])).astype(np.int8)))
    return [points[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1]


_DRAW: Final[dict[str, Callable[[_Glyph], Iterator[Shape]]]] = {
    "Quad": _quads,
    "HBar": _bars_across,
    "VBar": _bars_up,
    "Scatter": _scatter,
    "Segment": _segments,
    "Line": _one_line,
    "Step": _one_line,
    "MultiLine": _many_lines,
    "HArea": _area,
    "VSpan": _lines_up,
    "Ray": _rays,
    "Text": _words,
    "Image": _images,
}
