"""Figures: one plot a module, drawn from a view model of `kit.plots.views`."""
