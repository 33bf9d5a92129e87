"""The panel: markers, probes, live events and plots of a running program."""
