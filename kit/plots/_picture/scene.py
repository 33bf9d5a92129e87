"""From a Bokeh figure to the shapes of a static picture.

It knows the layouts, axes, annotations and glyphs that the kit's plots use, and nothing more of
Bokeh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from bokeh.models import Column, LogScale, Node, Row
from bokeh.models.annotations import BoxAnnotation, Label, Legend, Span, Title
from bokeh.models.renderers import GlyphRenderer

from kit.plots import units
from kit.plots._axes import columns, lines_of
from kit.plots._picture import glyphs
from kit.plots._picture.shapes import Boxes, Clip, Lines, Scene, Shape, Style, Words, wide
from kit.plots._picture.ticks import labels, places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit.plots._picture.glyphs import Floats

__all__ = ["scene"]

LEVELS: Final = ("image", "underlay", "glyph", "guide", "annotation", "overlay")
SMALL: Final = 11.0
TICK: Final = 4


def scene(root: Any, *, width: int, ground: str, title: str, summary: str) -> Scene:
    """Lay a figure out, or a row or column of figures, and draw it.

    Parameters
    ----------
    root : bokeh.models.LayoutDOM
    width : int
        px.
    ground : str
        The colour of the page.
    title, summary : str
        For readers who cannot see it.

    Returns
    -------
    Scene

    Examples
    --------
    >>> from bokeh.plotting import figure
    >>> empty = figure(height=200, x_range=(0, 1), y_range=(0, 1))
    >>> drawn = scene(empty, width=400, ground="#FFFFFF", title="nothing", summary="")
    >>> drawn.width, drawn.height
    (400, 200)
    """
    shapes: list[Shape] = []
    height = _lay_out(root, 0, 0, width, ground, shapes)
    return Scene(width, round(height), ground, tuple(shapes), title, summary)


def _lay_out(
    part: Any, x: float, y: float, width: float, ground: str, shapes: list[Shape]
) -> float:
    """Draw a part at a place, and tell how high it is."""
    if isinstance(part, Row | Column):
        children: list[Any] = [child for child in part.children if getattr(child, "visible", True)]
        if isinstance(part, Row):
            fixed = {child.id: child.width for child in children if child.sizing_mode == "fixed"}
            share = (width - sum(fixed.values())) / max(len(children) - len(fixed), 1)
            heights = []
            for child in children:
                wide_ = fixed.get(child.id, share)
                heights.append(_lay_out(child, x, y, wide_, ground, shapes))
                x += wide_
            return max(heights, default=0.0)
        top, gap = y, float(part.spacing or 0)
        for index, child in enumerate(children):
            y += gap if index else 0
            y += _lay_out(child, x, y, width, ground, shapes)
        return y - top
    drawn = _Figure(part, x, y, width, ground)
    shapes.extend(drawn.shapes())
    return drawn.height


class _Figure:
    """One figure: where its frame is, and how its values are places there."""

    def __init__(self, figure: Any, x: float, y: float, width: float, ground: str) -> None:
        self.figure, self.ground = figure, ground
        self.x, self.y, self.width, self.height = x, y, width, float(figure.height)
        self._head = list(self._heading())
        above = sum(high for high, _ in self._head)
        below = self._below_frame()
        self.frame = Clip(
            x + (figure.min_border_left or 0),
            y + max(above, (figure.min_border_top or 0)),
            x + width - (figure.min_border_right or 0),
            y + self.height - max(below, (figure.min_border_bottom or 0)),
        )
        self._across = _Scale(figure.x_range, figure.x_scale, self.frame.left, self.frame.right)
        self._up = _Scale(figure.y_range, figure.y_scale, self.frame.bottom, self.frame.top)

    def shapes(self) -> Iterator[Shape]:
        """Yield everything, from the lowest level to the heading."""
        figure, frame = self.figure, self.frame
        for grid in figure.grid:
            yield from self._grid(grid)
        drawn: list[tuple[int, Iterator[Shape]]] = []
        for renderer in figure.renderers:
            if isinstance(renderer, GlyphRenderer) and renderer.visible:
                level = LEVELS.index(renderer.level)
                drawn.append((level, glyphs.shapes(renderer, self._across, self._up, frame)))
        others = (each for each in figure.center if getattr(each, "visible", False))
        drawn += [(LEVELS.index(each.level), self._annotation(each)) for each in others]
        for _, shapes in sorted(drawn, key=lambda each: each[0]):
            yield from shapes
        for axis in figure.xaxis:
            yield from self._x_axis(axis)
        for axis in figure.yaxis:
            yield from self._y_axis(axis)
        y = self.y
        for high, shapes_of in self._head:
            yield from (_moved(shape, y) for shape in shapes_of)
            y += high

    # Above the frame.

    def _heading(self) -> Iterator[tuple[float, list[Shape]]]:
        """Yield title, note and legend from the top, each with its height, as if it were at 0."""
        x = self.x + (self.figure.min_border_left or 0)
        room = self.width - (self.figure.min_border_left or 0)
        for part in reversed(self.figure.above):
            if isinstance(part, Title) and part.text:
                size, text = _px(part.text_font_size), str(part.text)
                bold = part.text_font_style == "bold"
                lines = (
                    [units.short(text, int(room // (0.6 * size)))]
                    if bold
                    else lines_of(text.replace(" ·\n", " · "), room)
                )
                color = str(part.text_color)
                high = size * 1.35
                yield (
                    high * len(lines) + part.standoff,
                    [
                        Words(line, x, high * (row + 0.5) + 1, color, size, bold=bold)
                        for row, line in enumerate(lines)
                        if line.strip()
                    ],
                )
            elif isinstance(part, Legend) and part.visible:
                yield self._legend(part, x, room)

    def _legend(self, legend: Any, x: float, room: float) -> tuple[float, list[Shape]]:
        entries = [
            (str(item.label.value), item.renderers[0].glyph.fill_color)
            for item in legend.items
            if item.visible
        ]
        across = columns([text for text, _ in entries], room)
        shapes: list[Shape] = []
        left = x
        for column in range(across):
            inside = entries[column::across]
            for row, (text, color) in enumerate(inside):
                y = 16.0 * row + 8
                box = np.array([[left + 1, y - 5, left + 12, y + 6]])
                if glyphs.opaque(color):
                    shapes.append(Boxes(Style(color), box, _EVERYWHERE))
                shapes.append(Words(text, left + 17, y, str(legend.label_text_color)))
            left += max((wide(text, SMALL) for text, _ in inside), default=0.0) + 32
        rows = -(-len(entries) // across)
        return 16.0 * rows + 3, shapes

    # Axes.

    def _below_frame(self) -> float:
        high = 0.0
        for axis in self.figure.xaxis:
            if axis.visible:
                size = _px(axis.major_label_text_font_size)
                high = TICK + (5 + size if size else 2.0)
                if axis.axis_label:
                    high += axis.axis_label_standoff + SMALL * 1.4
        return high + 4

    def _grid(self, grid: Any) -> Iterator[Shape]:
        if not grid.visible or grid.grid_line_color is None:
            return
        scale, frame = (self._across, self.frame) if grid.dimension == 0 else (self._up, self.frame)
        at = scale(np.array(_places(grid.ticker or grid.axis.ticker, scale), np.float64))
        style = Style(line=str(grid.grid_line_color))
        yield Lines(style, [self._through(each, grid.dimension == 0) for each in at], frame)

    def _through(self, at: float, upright: bool) -> Floats:
        """Return a line through the frame at a place: upright, or level."""
        frame = self.frame
        if upright:
            return np.array([[at, frame.top], [at, frame.bottom]])
        return np.array([[frame.left, at], [frame.right, at]])

    def _x_axis(self, axis: Any) -> Iterator[Shape]:
        if not axis.visible:
            return
        frame = self.frame
        ticks = _places(axis.ticker, self._across)
        at = self._across(np.array(ticks, np.float64))
        y = frame.bottom
        yield from _strokes(
            axis,
            np.array([[frame.left, y], [frame.right, y]]),
            [np.array([[x, y], [x, y + TICK]]) for x in at],
        )
        size = _px(axis.major_label_text_font_size)
        if size:
            free, middle = -np.inf, y + TICK + 5 + size / 2
            for x, text in zip(at.tolist(), labels(axis.formatter, ticks), strict=True):
                half = wide(text, size) / 2
                if text and x - half >= free:  # names at places of their own stand everywhere
                    yield Words(
                        text, x, middle, str(axis.major_label_text_color), size, anchor="center"
                    )
                    free = x + half + 6
        if axis.axis_label:
            below = y + self._below_frame() - 4 - SMALL * 0.6
            x = (frame.left + frame.right) / 2
            color = str(axis.axis_label_text_color)
            yield Words(str(axis.axis_label), x, below, color, anchor="center")

    def _y_axis(self, axis: Any) -> Iterator[Shape]:
        if not axis.visible:
            return
        frame = self.frame
        ticks = _places(axis.ticker, self._up)
        at = self._up(np.array(ticks, np.float64))
        yield from _strokes(
            axis,
            np.array([[frame.left, frame.top], [frame.left, frame.bottom]]),
            [np.array([[frame.left - TICK, y], [frame.left, y]]) for y in at],
        )
        x = frame.left - TICK - axis.major_label_standoff
        size, color = _px(axis.major_label_text_font_size), str(axis.major_label_text_color)
        for y, text in zip(at.tolist(), labels(axis.formatter, ticks), strict=True):
            if text:
                yield Words(text, x, y, color, size, anchor="right")

    # In the frame.

    def _annotation(self, part: Any) -> Iterator[Shape]:
        frame, kind = self.frame, type(part)
        if kind is BoxAnnotation:
            left, right = (self._side(part, side, self._across) for side in ("left", "right"))
            top, bottom = (self._side(part, side, self._up) for side in ("top", "bottom"))
            colors = part.fill_color, part.line_color
            fill, line = (None if color is None else str(color) for color in colors)
            style = Style(fill, float(part.fill_alpha), line, float(part.line_alpha))
            yield Boxes(style, np.array([[left, top, right, bottom]]), frame)
        elif kind is Span:
            at = np.array([float(part.location)])
            style = Style(line=str(part.line_color), width=float(part.line_width))
            upright = part.dimension == "height"
            (place,) = (self._across if upright else self._up)(at)
            yield Lines(style, [self._through(place, upright)], frame)
        elif kind is Label and part.text:
            middle = (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2
            x = {"left": frame.left, "right": frame.right}.get(_symbol(part.x), middle[0])
            y = {"top": frame.top, "bottom": frame.bottom}.get(_symbol(part.y), middle[1])
            ground = part.background_fill_color
            yield Words(
                str(part.text),
                x + part.x_offset,
                y - part.y_offset,
                str(part.text_color),
                _px(part.text_font_size),
                anchor=part.text_align,
                baseline=part.text_baseline,
                ground=None if ground is None else str(ground),
            )

    def _side(self, part: Any, side: str, scale: _Scale) -> float:
        value = getattr(part, side)
        if isinstance(value, Node) or value is None:
            return float(getattr(self.frame, side))
        return float(scale(np.array([float(value)]))[0])


class _Scale:
    """From values of a range to px."""

    def __init__(self, range_: Any, scale: Any, start: float, end: float) -> None:
        self.low, self.high = float(range_.start), float(range_.end)
        self._log = isinstance(scale, LogScale)
        self._start, self._end = start, end

    def __call__(self, values: Floats) -> Floats:
        low, high, at = self.low, self.high, np.asarray(values, np.float64)
        if self._log:
            with np.errstate(divide="ignore", invalid="ignore"):
                low, high, at = np.log(low), np.log(high), np.log(at)
        share = (at - low) / ((high - low) or 1.0)
        # Far outside is far enough.
        return np.clip(self._start + share * (self._end - self._start), -1e4, 1e5)


_EVERYWHERE: Final = Clip(0, 0, 1e5, 1e5)


def _strokes(axis: Any, line: Floats, ticks: list[Floats]) -> Iterator[Shape]:
    if axis.axis_line_color is not None:
        yield Lines(Style(line=str(axis.axis_line_color)), [line], _EVERYWHERE)
    if axis.major_tick_line_color is not None and ticks:
        yield Lines(Style(line=str(axis.major_tick_line_color)), ticks, _EVERYWHERE)


def _places(ticker: Any, scale: _Scale) -> list[float]:
    low, high = sorted((scale.low, scale.high))
    return places(ticker, low, high)


def _symbol(place: Any) -> str:
    return str(place.symbol) if isinstance(place, Node) else ""


def _px(size: Any) -> float:
    return float(str(getattr(size, "value", size)).removesuffix("px"))


def _moved(shape: Shape, down: float) -> Shape:
    """Give a shape of the heading its place."""
    if isinstance(shape, Words):
        return Words(shape.text, shape.x, shape.y + down, shape.color, shape.size, bold=shape.bold)
    assert isinstance(shape, Boxes)
    return Boxes(shape.style, shape.sides + np.array([0, down, 0, down]), shape.clip)
