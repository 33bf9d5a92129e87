"""A static picture as PNG: for pages and programs that show nothing else."""

from __future__ import annotations

import io
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from kit.plots import units
from kit.plots._picture.shapes import Boxes, Dots, Lines, Raster, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kit.plots._picture.glyphs import Floats
    from kit.plots._picture.shapes import Clip, Scene, Style

    Solid: TypeAlias = Boxes | Lines | Dots | Raster
    Places: TypeAlias = list[tuple[float, float]]

__all__ = ["png"]

SCALE: Final = 2
"""Pixels of the file to a px, as good screens have them."""

FINE: Final = 2
"""Shapes are drawn so many times larger, so that lines do not have stairs."""

FONTS: Final = (
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("arial.ttf", "arialbd.ttf"),
    ("Arial.ttf", "Arial Bold.ttf"),
    ("Helvetica.ttc", "Helvetica.ttc"),
)
"""The first that there is; else the one that comes with Pillow."""


def png(scene: Scene, scale: int = SCALE) -> bytes:
    """Draw a picture as PNG.

    Parameters
    ----------
    scene : Scene
    scale : int
        Pixels to a px.

    Returns
    -------
    bytes

    Examples
    --------
    >>> from kit.plots._picture.shapes import Scene
    >>> png(Scene(20, 10, "#FFFFFF", (), "a title", "what it shows"))[1:4]
    b'PNG'
    """
    fine = scale * FINE
    image = Image.new("RGB", (scene.width * fine, scene.height * fine), scene.ground)
    drawn = (shape for shape in scene.shapes if not isinstance(shape, Words))
    for clip, shapes in groupby(drawn, key=lambda shape: shape.clip):
        _draw(image, clip, shapes, fine)
    image = image.reduce(FINE)
    pen = ImageDraw.Draw(image, "RGBA")
    for shape in scene.shapes:  # text lies above all shapes in every plot of the kit
        if isinstance(shape, Words):
            _write(pen, shape, scale)
    # Few colours make a small file; what is lost in heat maps is less than the eye can tell.
    small = image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    # The ground stays what it is, or it would show on the page.
    palette, ground = small.getpalette() or [], 3 * small.tobytes()[0]
    palette[ground : ground + 3] = ImageColor.getrgb(scene.ground)[:3]
    small.putpalette(palette)
    about = PngInfo()
    about.add_itxt("Title", scene.title)
    about.add_itxt("Description", scene.summary)
    file = io.BytesIO()
    small.save(file, "PNG", compress_level=6, pnginfo=about, dpi=(96 * scale, 96 * scale))
    return file.getvalue()


def _draw(whole: Image.Image, clip: Clip, shapes: Iterable[Solid], scale: int) -> None:
    """Draw shapes into that part of the image where they may be seen."""
    left, top, right, bottom = (round(edge * scale) for edge in clip)
    left, top = max(left, 0), max(top, 0)
    right, bottom = min(right, whole.width), min(bottom, whole.height)
    if left >= right or top >= bottom:
        return
    image = whole.crop((left, top, right, bottom))
    pen = ImageDraw.Draw(image, "RGBA")

    def place(points: Floats) -> Places:
        return [(x * scale - left, y * scale - top) for x, y in points.tolist()]

    for shape in shapes:
        if isinstance(shape, Raster):
            (x0, y0), (x1, y1) = place(np.array(shape.place).reshape(2, 2))
            size = max(round(x1 - x0), 1), max(round(y1 - y0), 1)
            cells = Image.fromarray(shape.pixels).resize(size, Image.Resampling.NEAREST)
            image.paste(cells, (round(x0), round(y0)), cells)
        elif isinstance(shape, Dots):
            half, style = shape.size * scale / 2, _style(shape.style, scale)
            for x, y in place(shape.places):
                pen.ellipse((x - half, y - half, x + half, y + half), **style)
        elif isinstance(shape, Boxes):
            style = _style(shape.style, scale)
            # Pillow draws outlines inside, browsers half outside.
            out = style["width"] / 2 if shape.style.line is not None else 0.0
            for sides in shape.sides.reshape(-1, 2, 2):
                (x0, y0), (x1, y1) = place(sides)
                low, high = (min(x0, x1) - out, min(y0, y1) - out), (max(x0, x1), max(y0, y1))
                edges = (*low, max(high[0] + out - 1, low[0]), max(high[1] + out - 1, low[1]))
                pen.rectangle([round(edge) for edge in edges], **style)
        else:
            _lines(pen, shape, place, scale)
    whole.paste(image, (left, top))


def _lines(pen: Any, shape: Lines, place: Callable[[Floats], Places], scale: int) -> None:
    color = _color(shape.style.line, shape.style.line_alpha)
    for points in shape.points:
        corners = place(points)
        if shape.closed and shape.style.fill is not None:
            pen.polygon(corners, fill=_color(shape.style.fill, shape.style.fill_alpha))
        if color is not None:
            ends = [*corners, corners[0]] if shape.closed else corners
            pen.line(ends, fill=color, width=_width(shape.style, scale))


def _write(pen: ImageDraw.ImageDraw, words: Words, scale: int) -> None:
    font = _font(words.size * scale, words.bold)
    anchor = {"left": "l", "center": "m", "right": "r"}[words.anchor]
    anchor += {"top": "a", "middle": "m", "bottom": "d"}[words.baseline]
    place, text = (words.x * scale, words.y * scale), units.plain(words.text)
    if words.ground is not None:
        left, top, right, bottom = pen.textbbox(place, text, font=font, anchor=anchor)
        edge = 2 * scale
        box = (left - edge, top - edge, right + edge, bottom + edge)
        pen.rectangle(box, fill=_color(words.ground, 0.82))
    pen.text(place, text, font=font, fill=words.color, anchor=anchor)


@cache
def _font(size: float, bold: bool) -> Any:
    for names in FONTS:
        try:
            return ImageFont.truetype(names[bold], size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _style(style: Style, scale: int) -> dict[str, Any]:
    return {
        "fill": _color(style.fill, style.fill_alpha),
        "outline": _color(style.line, style.line_alpha),
        "width": _width(style, scale) if style.line is not None else 1,
    }


def _width(style: Style, scale: int) -> int:
    return max(round(style.width * scale), 1)


def _color(color: str | None, alpha: float) -> tuple[int, ...] | None:
    if color is None:
        return None
    return (*ImageColor.getrgb(color)[:3], round(255 * alpha))
