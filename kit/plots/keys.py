"""Keys: what the colours of a plot mean, in rows between its heading and its frame."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Final

from bokeh.core.properties import value
from bokeh.models.annotations import Legend, LegendItem

from kit.plots import theme, units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.plots.pieces import Panel

__all__ = ["MOST", "Keys", "columns", "width"]

ROOM: Final = 580
"""px beside the margins that there are even in a narrow notebook."""

MOST: Final = 8
"""So many keys at most."""


def width(text: str) -> float:
    """Estimate how wide small text is at most, in px.

    Text is measured only in the browser, in whatever font it has there.

    Examples
    --------
    >>> width("p99 3.1 ms")
    66.0
    """
    return 6.6 * len(text)


def columns(texts: Sequence[str], room: float = ROOM) -> int:
    """Tell how many keys go side by side, if all columns are as wide as the widest text in them.

    Parameters
    ----------
    texts : sequence of str
    room : float
        px.

    Returns
    -------
    int

    Examples
    --------
    >>> columns(["a" * 40, "b" * 30, "c" * 30]), columns(["a", "b"])
    (2, 2)
    """
    for number in range(len(texts), 1, -1):
        widest = (max(texts[column::number], key=len) for column in range(number))
        if sum(width(text) + 28 for text in widest) <= room:
            return number
    return 1


class Keys:
    """Coloured marks with their meaning.

    Parameters
    ----------
    panel : Panel
    room : float
        Width of a row in px.
    """

    def __init__(self, panel: Panel, room: float = ROOM) -> None:
        self._room = room
        # A legend draws its marks as glyphs do, if these have a row; it need not be anywhere.
        self._marks = [
            panel.draw.quad(left=[nan], right=[nan], bottom=[nan], top=[nan], line_color=None)
            for _ in range(MOST)
        ]
        # All are made now: a new model costs a walk through the whole document.
        self._items = [
            LegendItem(label=value(""), renderers=[mark], visible=False) for mark in self._marks
        ]
        self._legend = Legend(
            items=self._items,
            orientation="horizontal",
            location="left",
            border_line_color=None,
            background_fill_color=None,
            label_text_font=theme.FONT,
            label_text_font_size="11px",
            label_standoff=2,
            label_height=12,
            glyph_width=13,
            glyph_height=13,
            margin=1,
            visible=False,
            stylesheets=[".bk-grid { gap: 1px 14px !important; }"],
        )
        panel.figure.add_layout(panel.paint(self._legend, label_text_color="muted"), "above")

    def show(self, entries: Sequence[tuple[str, str]], room: float | None = None) -> None:
        """Show keys.

        Parameters
        ----------
        entries : sequence of (text, colour)
            At most `MOST`.
        room : float, optional
            px, where it is known.
        """
        texts = [units.plain(text) for text, _ in entries]
        self._legend.visible = bool(texts)
        self._legend.ncols = columns(texts, room or self._room) if texts else 1
        for index, (item, mark) in enumerate(zip(self._items, self._marks, strict=True)):
            item.visible = index < len(texts)
            if item.visible:
                item.label = value(texts[index])
                mark.glyph.fill_color = entries[index][1]
