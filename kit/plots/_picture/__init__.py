"""Plots as static pictures, drawn in Python: no browser, no server, no network."""
