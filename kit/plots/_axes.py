"""Parts that all figures share: axes with the same margins, legends, notes, labels, tooltips.

All have the same left and right margin, so that the time axes of plots below each other line
up to the pixel.
"""

from __future__ import annotations

import html
from math import nan
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from bokeh.core.properties import value
from bokeh.models import (
    BoxSelectTool,
    BoxZoomTool,
    ColumnDataSource,
    CustomJS,
    FixedTicker,
    HoverTool,
    Node,
    NoOverlap,
    PanTool,
    Range1d,
    ResetTool,
    SaveTool,
    Tool,
    WheelZoomTool,
)
from bokeh.models.annotations import Label, LegendItem, Title
from bokeh.models.annotations import Legend as BokehLegend
from bokeh.plotting import figure

from kit.plots import _theme as theme
from kit.plots import _ticks as ticks
from kit.plots import units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bokeh.models.renderers import GlyphRenderer


__all__ = [
    "LEFT",
    "MOST",
    "RIGHT",
    "ROOM",
    "Axes",
    "Legend",
    "columns",
    "lines_of",
    "source",
    "width",
    "zoom_tools",
]

LEFT: Final = 80
RIGHT: Final = 36
WIDTH: Final = 500
"""Width of a narrow notebook's frame in px, until a page has said how wide it is."""
SMALL: Final = "11px"
LETTER: Final = 6.0
"""Width of a letter of a note in px, on the average."""

NOTICED: Final = 8
"""A smaller change of width, in px, is none."""

Dimensions: TypeAlias = Literal["width", "height", "both"]


def source(*columns: str) -> ColumnDataSource:
    """Make a data source with nothing in it yet.

    Examples
    --------
    >>> source("x", "y").column_names
    ['x', 'y']
    """
    return ColumnDataSource(data={name: [] for name in columns})


def lines_of(note: str, room: float) -> list[str]:
    """Break a note where one of its parts ends, if it is longer than there is room.

    Examples
    --------
    >>> lines_of("2,266 events · 1,981 left out", 120), lines_of("2,266 events · 3 left out", 400)
    (['2,266 events ·', '1,981 left out'], ['2,266 events · 3 left out'])
    """
    lines = [""]
    for part in note.split(" · "):
        joined = f"{lines[-1]} · {part}" if lines[-1] else part
        if not lines[-1] or LETTER * len(joined) <= room:
            lines[-1] = joined
        else:
            lines[-1] += " ·"
            lines.append(part)
    return lines


class Axes:
    """A figure with two axes, in the kit's style.

    Parameters
    ----------
    painter : Painter
        Gives the colours, and changes them with the theme.
    height : int
        px.
    x_range, y_range : Range1d
    x_log, y_log : bool
        Whether an axis is logarithmic.
    heading : bool
        Whether there is room for a title and a note above the frame, and the tools.
    legend : int
        Room for a row of the legend in px; 0 where the colours need none.
    left, right : int
        Margins in px.
    tools : sequence of Tool
        Shared by axes that stand together.

    description : str
        What a screen reader says of the figure.

    Attributes
    ----------
    figure : bokeh.plotting.figure
    draw : bokeh.plotting.figure
        The same, for its glyph methods.
    legend : Legend or None
    width : int
        Of the frame in px: as the page has measured it, or `WIDTH`.
    """

    def __init__(
        self,
        painter: theme.Painter,
        *,
        height: int,
        x_range: Range1d,
        y_range: Range1d,
        x_log: bool = False,
        y_log: bool = False,
        heading: bool = True,
        legend: int = 0,
        left: int = LEFT,
        right: int = RIGHT,
        tools: Sequence[Tool] = (),
        description: str = "",
    ) -> None:
        self.paint = painter
        self.width = WIDTH
        self._measured = False
        self._right = right
        self._said: tuple[str, str, Sequence[tuple[str, str]]] = ("", "", ())
        self.figure = figure(
            height=height,
            sizing_mode="stretch_width",
            x_range=x_range,
            y_range=y_range,
            x_axis_type="log" if x_log else "linear",
            y_axis_type="log" if y_log else "linear",
            tools=list(tools),
            toolbar_location="right" if heading and tools else None,
            output_backend="canvas",
            min_border_left=left,
            min_border_right=right,
            min_border_top=6,
            min_border_bottom=6,
            outline_line_color=None,
            background_fill_color=None,
            border_fill_color=None,
            lod_threshold=None,
            html_attributes={"role": "figure", "aria-label": units.plain(description)},
        )
        self.figure.toolbar.logo = None
        self.figure.toolbar.autohide = True
        for tool in tools:
            if isinstance(tool, BoxSelectTool):
                self.figure.toolbar.active_drag = tool
            if isinstance(tool, WheelZoomTool):
                self.figure.toolbar.active_scroll = tool
        # Glyph methods are made at run time; their annotations do not know all that they take.
        self.draw: Any = self.figure
        self.legend: Legend | None = None
        self._title = self._note = None
        if heading:
            # What is added last is topmost; the legend stands between the frame and the note.
            self.legend = Legend(self, legend) if legend else None
            self._note = self._heading("muted", SMALL, "normal", 3 if legend else 8)
            self._title = self._heading("text", "13px", "bold", 3)
        self._style_axes()
        painter.run(self._icons)

    def _heading(self, role: str, size: str, style: Any, standoff: int) -> Title:
        title = Title(
            text="",
            text_font=theme.FONT,
            text_font_size=size,
            text_font_style=style,
            standoff=standoff,
        )
        self.figure.add_layout(self.paint(title, text_color=role), "above")
        return title

    def _style_axes(self) -> None:
        for axis in (self.figure.xaxis[0], self.figure.yaxis[0]):
            self.paint(
                axis,
                axis_line_color="axis",
                major_tick_line_color="axis",
                major_label_text_color="muted",
                axis_label_text_color="muted",
            )
            axis.major_label_text_font = axis.axis_label_text_font = theme.FONT
            axis.major_label_text_font_size = axis.axis_label_text_font_size = SMALL
            axis.axis_label_text_font_style = "normal"
            axis.minor_tick_line_color = None
            axis.major_tick_in, axis.major_tick_out = 0, 4
            axis.axis_label_standoff = 6
        for grid in self.figure.grid:
            self.paint(grid, grid_line_color="grid")
            grid.level = "underlay"

    def _icons(self, colors: theme.Theme) -> None:
        self.figure.css_variables = {"--bokeh-icon-color": colors.muted}

    def x_axis(self, kind: tuple[Any, Any], label: str | None = None, grid: bool = False) -> None:
        """Set ticks, labels and name of the x axis; see `kit.plots._ticks`."""
        axis = self.figure.xaxis[0]
        axis.ticker, axis.formatter = kind
        axis.axis_label = label
        axis.major_label_policy = NoOverlap(min_distance=6)
        self.figure.xgrid[0].ticker, self.figure.xgrid[0].visible = kind[0], grid

    def y_axis(self, kind: tuple[Any, Any], grid: bool = True) -> None:
        """Set ticks and labels of the y axis; the labels carry the unit."""
        axis = self.figure.yaxis[0]
        axis.ticker, axis.formatter = kind
        self.figure.ygrid[0].ticker, self.figure.ygrid[0].visible = kind[0], grid

    def y_names(self, names: dict[float, str], grid: bool = False) -> None:
        """Name places on the y axis; called again, it renames them."""
        axis: Any = self.figure.yaxis[0]
        if not isinstance(axis.ticker, FixedTicker):
            self.y_axis(ticks.named(), grid)
        ticks.name(axis.ticker, axis.formatter, names)

    def corner(self, text: str) -> None:
        """Write what the y axis is about into the upper left corner of the frame."""
        self.label("left", "top", text, x_offset=6, y_offset=-4, text_baseline="top")

    def bare_y(self) -> None:
        """Leave only the names on the y axis: lanes need no line and no ticks."""
        axis = self.figure.yaxis[0]
        axis.axis_line_color = axis.major_tick_line_color = None
        axis.major_label_standoff = 8

    def say(self, title: str, note: str, legend: Sequence[tuple[str, str]] = ()) -> None:
        """Set the heading.

        Parameters
        ----------
        title, note : str
            What this is; what is shown of it, and what is not.
        legend : sequence of (text, colour)
        """
        self._said = (title, note, legend)
        self._write()

    def _write(self) -> None:
        title, note, legend = self._said
        room = self.width + self._right if self._measured else None
        if self._title is not None and self._note is not None:
            self._title.text = units.plain(title) if room is None else units.short(title, room // 8)
            lines = [units.plain(note)] if room is None else lines_of(units.plain(note), room)
            self._note.text = "\n".join(lines)
        if self.legend is not None:
            self.legend.show(legend, room)

    def margins(self, left: int, right: int) -> None:
        """Set the margins beside the frame, in px."""
        self.figure.update(min_border_left=left, min_border_right=right)
        self._right = right

    def measured(self, width: int) -> bool:
        """Take note of how wide the frame is in the page.

        Parameters
        ----------
        width : int
            px.

        Returns
        -------
        bool
            Whether it differs so much that what depends on it should be placed anew.
        """
        if not width or (self._measured and abs(width - self.width) < NOTICED):
            return False
        self.width, self._measured = width, True
        self._write()
        return True

    def text(self, data: ColumnDataSource, role: str | None = "text", **options: Any) -> Any:
        """Write labels from a source with columns x, y, text and whatever `options` name."""
        renderer = self.draw.text(
            x="x",
            y="y",
            text="text",
            source=data,
            text_font=value(theme.FONT),
            text_font_size=SMALL,
            background_fill_alpha=0.82,
            padding=2,
            **options,
        )
        self.paint(renderer.glyph, background_fill_color="surface")
        if role is not None:
            self.paint(renderer.glyph, text_color=role)
        return renderer

    def empty(self) -> Label:
        """Add the text that stands in the middle while there is nothing to show."""
        label = self.label("center", "center", "", text_align="center", text_baseline="middle")
        label.update(text_font_size="12px", visible=False, background_fill_alpha=0.9, padding=6)
        return self.paint(label, background_fill_color="surface")

    def label(self, x: str, y: str, text: str, **options: Any) -> Label:
        """Write text at a fixed place of the frame: ``left``, ``center``, ``top`` and so on."""
        label = Label(
            x=Node(target="frame", symbol=x),
            y=Node(target="frame", symbol=y),
            text=text,
            text_font=theme.FONT,
            text_font_size=SMALL,
            **options,
        )
        self.figure.add_layout(self.paint(label, text_color="muted"))
        return label

    def tips(
        self,
        renderers: Sequence[GlyphRenderer[Any]],
        rows: Sequence[tuple[str, str]],
        formatters: Mapping[str, Any] | None = None,
        *,
        positive: Sequence[str] = (),
        **options: Any,
    ) -> HoverTool:
        """Add tooltips.

        Parameters
        ----------
        renderers : sequence of GlyphRenderer
        rows : sequence of (label, value)
            Values name columns, ``@{column}``; what programs have written is in columns only, which
            BokehJS escapes.
        formatters : mapping, optional
            See `bokeh.models.HoverTool`.
        positive : sequence of str
            Columns that must be above zero; elsewhere there is nothing to tell.
        """
        hover = HoverTool(
            renderers=list(renderers),
            filters={name: CustomJS(code="return cb_data.value > 0") for name in positive},
            formatters=dict(formatters or {}),
            show_arrow=False,
            visible=False,
            **options,
        )
        if any("{safe}" in content for _, content in rows):
            raise ValueError("a tooltip must not show text of programs as HTML")

        def build(colors: theme.Theme) -> None:
            hover.tooltips = _table(rows, colors)

        self.paint.run(build)
        self.figure.add_tools(hover)
        return hover


def _table(rows: Sequence[tuple[str, str]], colors: theme.Theme) -> str:
    """A tooltip with its own ground, because BokehJS knows only a light one."""
    cells = "".join(
        f'<div style="color:{colors.muted}">{html.escape(label)}</div>'
        f'<div style="white-space:pre-line;overflow-wrap:anywhere;max-width:24em">{content}</div>'
        for label, content in rows
    )
    return (
        f'<div style="display:grid;grid-template-columns:auto auto;gap:1px 10px;margin:-5px;'
        f"padding:6px 9px;font:12px {html.escape(theme.FONT)};font-variant-numeric:tabular-nums;"
        f'background:{colors.surface};color:{colors.text}">{cells}</div>'
    )


def zoom_tools(dimensions: Dimensions = "width", select: Dimensions | None = None) -> list[Tool]:
    """Make the tools of a plot; axes that stand together share them.

    Parameters
    ----------
    dimensions : {"width", "height", "both"}
        What pans and zooms.
    select : {"width", "height", "both"}, optional
        What a brush selects; then dragging selects, until the reader picks another tool.

    Returns
    -------
    list of Tool
    """
    tools: list[Tool] = []
    if select is not None:
        # Without renderers: rows are chosen in Python, by what they are and not by pixels.
        tools.append(BoxSelectTool(dimensions=select, renderers=[], description="Select"))
    tools += [
        BoxZoomTool(dimensions=dimensions if dimensions != "both" else "auto"),
        PanTool(dimensions=dimensions),
        # A page with plots in it must still scroll.
        WheelZoomTool(dimensions=dimensions, modifiers="ctrl"),
        ResetTool(),
        SaveTool(),
    ]
    return tools


ROOM: Final = 580
"""px beside the margins that there are even in a narrow notebook."""

MOST: Final = 8
"""So many entries of a legend at most."""


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
    """Tell how many entries go side by side, if all columns are as wide as the widest text in them.

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


class Legend:
    """Coloured marks with their meaning.

    Parameters
    ----------
    axes : Axes
    room : float
        Width of a row in px.
    """

    def __init__(self, axes: Axes, room: float = ROOM) -> None:
        self._room = room
        # A legend draws its marks as glyphs do, if these have a row; it need not be anywhere.
        self._marks = [
            axes.draw.quad(left=[nan], right=[nan], bottom=[nan], top=[nan], line_color=None)
            for _ in range(MOST)
        ]
        # All are made now: a new model costs a walk through the whole document.
        self._items = [
            LegendItem(label=value(""), renderers=[mark], visible=False) for mark in self._marks
        ]
        self._legend = BokehLegend(
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
        axes.figure.add_layout(axes.paint(self._legend, label_text_color="muted"), "above")

    def show(self, entries: Sequence[tuple[str, str]], room: float | None = None) -> None:
        """Show entries.

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
