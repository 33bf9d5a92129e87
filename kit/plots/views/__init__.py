"""View models: what a plot shows, as plain arrays in frozen records.

Nothing here knows Bokeh.  A view is computed from a table of events (`kit.plots.views.table`) and
the part of the axes that is in view; its size depends on the pixels, not on the events.
"""
