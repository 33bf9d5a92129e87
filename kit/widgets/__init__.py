"""Figures and controls → what a notebook shows.  Needs ipywidgets, anywidget and Bokeh."""
