"""The figures: one plot a module, and beside it its view model, ``..._view``.

A view model is what a plot shows, as plain arrays in frozen records; it knows nothing of Bokeh. It
is computed from a table of events (`kit.plots._events`) and the part of the axes that is in view;
its size depends on the pixels, not on the events.
"""
