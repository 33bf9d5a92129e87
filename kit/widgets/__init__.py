"""Figures and controls → what a notebook shows.  Needs ipywidgets, anywidget and Bokeh."""

from __future__ import annotations

from kit.plots._plot import Plot, display_with
from kit.widgets import _kernel as kernel
from kit.widgets._pane.pane import Pane
from kit.widgets._panel.widget import Panel, panel

__all__ = ["Pane", "Panel", "panel"]


def _made(plot: Plot) -> None:
    kernel.replace_in_cell(plot._replaced)


# Plots show themselves live from now on.
display_with(Pane, _made)


def __dir__() -> list[str]:
    return __all__
