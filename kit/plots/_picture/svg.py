"""A static picture as SVG: text that stays text, lines that stay sharp."""

from __future__ import annotations

import base64
import html
import io
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from kit.plots import _theme as theme
from kit.plots import units
from kit.plots._picture.shapes import Boxes, Clip, Dots, Raster, Words, wide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kit.plots._picture.shapes import Scene, Shape, Style

__all__ = ["svg"]

_ANCHOR: Final = {"left": "start", "center": "middle", "right": "end"}
_DOWN: Final = {"top": 0.82, "middle": 0.34, "bottom": -0.2}
"""How far below its place a text's baseline is, as a share of its size."""


def svg(scene: Scene) -> str:
    """Write a picture as SVG.

    Parameters
    ----------
    scene : Scene

    Returns
    -------
    str
        A document of its own, that refers to nothing else.

    Examples
    --------
    >>> from kit.plots._picture.shapes import Scene, Words
    >>> words = Words("a < b", 10, 10, "#000000")
    >>> "a &lt; b" in svg(Scene(20, 20, "#FFFFFF", (words,), "a title", "what it shows"))
    True
    """
    size = f'width="{scene.width}" height="{scene.height}"'
    root = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="0 0 {scene.width} {scene.height}" role="img" '
        f'font-family="{html.escape(theme.FONT)}">'
    )
    return "".join(
        (
            root,
            f"<title>{_text(scene.title)}</title><desc>{_text(scene.summary)}</desc>",
            f'<rect {size} fill="{scene.ground}"/>',
            *_all(scene.shapes),
            "</svg>",
        )
    )


def _all(shapes: Iterable[Shape]) -> Iterator[str]:
    for clip, same in groupby(shapes, key=_clip):
        if clip is None or clip.right >= 1e5:
            yield from map(_shape, same)
            continue
        x, y = clip.left, clip.top
        size = f"{_n(clip.right - x)} {_n(clip.bottom - y)}"
        wide_, high = size.split()
        yield (
            f'<svg x="{_n(x)}" y="{_n(y)}" width="{wide_}" height="{high}" '
            f'viewBox="{_n(x)} {_n(y)} {size}">'
        )
        yield from map(_shape, same)
        yield "</svg>"


def _clip(shape: Shape) -> Clip | None:
    return None if isinstance(shape, Words) else shape.clip


def _shape(shape: Shape) -> str:
    if isinstance(shape, Words):
        return _words(shape)
    if isinstance(shape, Raster):
        return _raster(shape)
    if isinstance(shape, Dots):
        return _dots(shape)
    if isinstance(shape, Boxes):
        # Equal ones, as rounded, are seen once.
        sides = shape.sides.round(1).tolist()
        path = "".join(dict.fromkeys(_box(*each) for each in sides))
    else:
        path = "".join(_line(points.round(1).tolist(), shape.closed) for points in shape.points)
    return f'<path d="{path}"{_style(shape.style)}/>'


def _box(left: float, top: float, right: float, bottom: float) -> str:
    # As wide as nothing, it has an outline at least.
    across, down = _n(right - left), _n(bottom - top)
    return f"M{_n(left)} {_n(top)}h{across}v{down}h{_n(left - right)}z"


def _line(points: list[list[float]], closed: bool) -> str:
    path, before = [], [0.0, 0.0]
    for number, point in enumerate(points):
        if not number:
            path.append(f"M{_n(point[0])} {_n(point[1])}")
        elif point[1] == before[1]:
            path.append(f"H{_n(point[0])}")
        elif point[0] == before[0]:
            path.append(f"V{_n(point[1])}")
        else:
            path.append(f"L{_n(point[0])} {_n(point[1])}")
        before = point
    return "".join(path) + ("z" if closed else "")


def _dots(shape: Dots) -> str:
    style, half = shape.style, shape.size / 2
    places = dict.fromkeys(map(tuple, shape.places.round(1).tolist()))
    if style.fill is not None and style.line is None:
        # The shortest that there is: a line without length, with round ends.
        path = "".join(f"M{_n(x)} {_n(y)}h0" for x, y in places)
        alpha = "" if style.fill_alpha == 1 else f' stroke-opacity="{_n(style.fill_alpha)}"'
        return (
            f'<path d="{path}" stroke="{_color(style.fill)}" stroke-width="{_n(shape.size)}" '
            f'stroke-linecap="round"{alpha}/>'
        )
    circles = "".join(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(half)}"/>' for x, y in places)
    return f"<g{_style(style)}>{circles}</g>"


def _style(style: Style) -> str:
    found = ['fill="none"'] if style.fill is None else [f'fill="{_color(style.fill)}"']
    if style.fill is not None and style.fill_alpha != 1:
        found.append(f'fill-opacity="{_n(style.fill_alpha)}"')
    if style.line is not None:
        found += [f'stroke="{_color(style.line)}"', f'stroke-width="{_n(style.width)}"']
        if style.line_alpha != 1:
            found.append(f'stroke-opacity="{_n(style.line_alpha)}"')
    return "".join(f" {part}" for part in found)


def _words(words: Words) -> str:
    ground = ""
    if words.ground is not None:
        across = wide(words.text, words.size) + 4
        left = words.x - {"left": 2, "center": across / 2, "right": across - 2}[words.anchor]
        high = words.size * 1.2
        top = words.y - {"top": 0, "middle": high / 2, "bottom": high}[words.baseline]
        ground = (
            f'<path d="{_box(left, top, left + across, top + high)}" '
            f'fill="{_color(words.ground)}" fill-opacity="0.82"/>'
        )
    bold = ' font-weight="bold"' if words.bold else ""
    anchor = "" if words.anchor == "left" else f' text-anchor="{_ANCHOR[words.anchor]}"'
    y = words.y + _DOWN[words.baseline] * words.size
    return (
        f'{ground}<text x="{_n(words.x)}" y="{_n(y)}" font-size="{_n(words.size)}" '
        f'fill="{_color(words.color)}"{anchor}{bold}>{_text(words.text)}</text>'
    )


def _raster(raster: Raster) -> str:
    file = io.BytesIO()
    Image.fromarray(raster.pixels).save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    left, top, right, bottom = raster.place
    return (
        f'<image x="{_n(left)}" y="{_n(top)}" width="{_n(right - left)}" '
        f'height="{_n(bottom - top)}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )


def _color(color: str) -> str:
    return html.escape(color)


def _text(text: str) -> str:
    """Escape; what XML cannot hold at all is out already, by `units.plain`."""
    return html.escape(units.plain(text))


def _n(value: Any) -> str:
    """A number in as few letters as it needs, to a tenth of a px; hundredths of what is less.

    Examples
    --------
    >>> _n(12.0), _n(12.34), _n(0.075)
    ('12', '12.3', '0.07')
    """
    text = f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
