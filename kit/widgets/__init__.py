"""Figures and controls → what a notebook shows.  Needs ipywidgets, anywidget and Bokeh."""

from __future__ import annotations

from kit.plots._plot import display_with
from kit.widgets._pane.pane import Pane
from kit.widgets._panel.widget import Panel, panel

__all__ = ["Pane", "Panel", "panel"]

# Plots show themselves live from now on.
display_with(Pane)


def __dir__() -> list[str]:
    return __all__
