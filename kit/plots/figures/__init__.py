"""The figures: one plot a module, and beside it what it shows, ``..._data``.

What a plot shows is plain arrays in frozen records (a view model), which know nothing of Bokeh. It
is computed from a table of events (`kit.plots._events`) and the part of the axes that is in view;
its size depends on the pixels, not on the events.
"""
