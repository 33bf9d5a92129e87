"""A Bokeh plot as a widget, updated while the kernel is busy."""
