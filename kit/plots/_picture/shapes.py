"""What a static picture is made of: a few kinds of shapes, in px from the upper left corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]

__all__ = ["Boxes", "Clip", "Dots", "Lines", "Raster", "Scene", "Shape", "Style", "Words", "wide"]

Anchor: TypeAlias = Literal["left", "center", "right"]
Baseline: TypeAlias = Literal["top", "middle", "bottom"]


class Clip(NamedTuple):
    """Where a shape may be seen."""

    left: float
    top: float
    right: float
    bottom: float


class Style(NamedTuple):
    """Colours as ``#RRGGBB``; None for nothing."""

    fill: str | None = None
    fill_alpha: float = 1.0
    line: str | None = None
    line_alpha: float = 1.0
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Boxes:
    """Rectangles of one style, a row each: left, top, right, bottom."""

    style: Style
    sides: Floats
    clip: Clip


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines or, where they are closed, polygons of one style; a row a point."""

    style: Style
    points: list[Floats]
    clip: Clip
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Dots:
    """Circles of one style and size, a row each: x, y."""

    style: Style
    places: Floats
    size: float
    clip: Clip


@dataclass(frozen=True, slots=True)
class Raster:
    """An image: rows of RGBA from the top, stretched to its place."""

    pixels: npt.NDArray[np.uint8]
    place: Clip
    clip: Clip


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text, on a ground of its own where it has one."""

    text: str
    x: float
    y: float
    color: str
    size: float = 11.0
    anchor: Anchor = "left"
    baseline: Baseline = "middle"
    bold: bool = False
    ground: str | None = None


Shape: TypeAlias = Boxes | Lines | Dots | Raster | Words


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole picture: shapes in the order in which they are drawn."""

    width: int
    height: int
    ground: str
    shapes: tuple[Shape, ...]
    title: str
    summary: str


def wide(text: str, size: float) -> float:
    """Estimate how wide a text is, in px; the reader's font is not known.

    Examples
    --------
    >>> wide("abcd", 10)
    22.0
    """
    return 0.55 * size * len(text)
