"""Plots of recorded events: frames in, figures out, and the same events brushed in all of them.

Every function takes frames and returns a `Plot`, which shows itself in a notebook, is updated in
place, and can be written as a page that needs neither a kernel nor the network.

Examples
--------
>>> import pandas as pd
>>> from kit import plots
>>> frame = pd.DataFrame({"ts": [0, 10], "dur": [1_500, 2_500], "marker": "db.query"})
>>> latency, rate = plots.latency(frame), plots.rate(frame)
>>> selection = plots.link(latency, rate)
>>> selection.select(dur=(2_000, 3_000))
>>> len(selection.frame)
1
"""

from kit.plots import units
from kit.plots._plot import Plot
from kit.plots._selection import Brush, Selection, link
from kit.plots.figures.aggregate import aggregate
from kit.plots.figures.compare import compare
from kit.plots.figures.fanout import fanout
from kit.plots.figures.latency import latency
from kit.plots.figures.latency_over_time import latency_over_time
from kit.plots.figures.publication import publication
from kit.plots.figures.rate import rate
from kit.plots.figures.timeline import timeline

__all__ = [
    "Brush",
    "Plot",
    "Selection",
    "aggregate",
    "compare",
    "fanout",
    "latency",
    "latency_over_time",
    "link",
    "publication",
    "rate",
    "timeline",
    "units",
]


def __dir__() -> list[str]:
    return __all__
