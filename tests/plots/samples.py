"""Frames as a recorder would give them, and the gestures of a reader."""

import numpy as np
import pandas as pd
from bokeh.document import Document
from bokeh.events import DoubleTap, RangesUpdate, Reset, SelectionGeometry
from bokeh.models import LayoutDOM
from bokeh.plotting import figure

START = 5_000_000_000_000
MARKERS = ("orders.submit", "orders.commit", "db.query")


def events(number=2_000, *, seed=1, threads=4, markers=MARKERS, seconds=2.0):
    """Log-normal durations with rare outliers of 40 ms and a checkpoint every half second."""
    random = np.random.default_rng(seed)
    ts = np.sort(random.integers(0, int(seconds * 1e9), number)) + START
    ts[:1] = START
    dur = np.exp(random.normal(np.log(41_000), 0.55, number))
    slow = random.random(number) < 0.002
    dur[slow] = random.normal(40e6, 4e6, int(slow.sum()))
    checkpoint = (ts - START) % 500_000_000 > 480_000_000
    dur[checkpoint] *= random.uniform(3, 30, int(checkpoint.sum()))
    code = random.integers(0, len(markers), number)
    failed = np.where(random.random(number) < 0.01, "TimeoutError", None)
    return pd.DataFrame(
        {
            "ts": ts,
            "dur": np.maximum(dur, 1).astype(np.int64),
            "marker": pd.Categorical.from_codes(code, list(markers)),
            "error": pd.Categorical(failed),
            "tid": random.integers(0, threads, number) + 140_213,
            "seq": np.arange(number),
        }
    )


def frame(ts, dur=None, marker="m", tid=1):
    """A frame of few columns; a duration of None is missing."""
    columns = {"ts": np.array(ts, np.int64)}
    if dur is not None:
        missing = any(value is None for value in dur)
        columns["dur"] = pd.array(dur, dtype="Int64" if missing else "int64")
    names = [marker] * len(ts) if isinstance(marker, str) else marker
    columns["marker"] = pd.Categorical(names, categories=sorted(set(names)))
    columns["tid"] = np.broadcast_to(np.array(tid, np.int64), len(ts)).copy()
    return pd.DataFrame(columns)


def dispatches(rows):
    """Rows of (ts, dur, marker, generation, fanout, tid)."""
    made = pd.DataFrame(
        rows, columns=["ts", "dur", "marker", "generation", "fanout", "tid"]
    ).astype({"ts": "int64", "dur": "int64", "generation": "int64", "fanout": "int64"})
    made["tid"] = made["tid"].astype("int64")
    made["marker"] = made["marker"].astype("category")
    return made


def publications(rows):
    """Rows of (ts, marker, action, probe, generation, grace)."""
    columns = ["ts", "marker", "action", "probe", "generation", "grace"]
    made = pd.DataFrame(rows, columns=columns)
    made = made.astype({"ts": "int64", "generation": "int64", "grace": "Int64"})
    return made.astype(dict.fromkeys(("marker", "action", "probe"), "category"))


def probe_calls(rows):
    """Rows of (dur, marker, probe, position, error)."""
    made = pd.DataFrame(rows, columns=["dur", "marker", "probe", "position", "error"])
    made = made.astype({"dur": "int64", "position": "int64"})
    return made.astype(dict.fromkeys(("marker", "probe", "error"), "category"))


class Reader:
    """Does to a plot what BokehJS reports of a reader's gestures.

    Ranges move first, as changes made by the browser; then the event tells that the gesture ended.
    """

    def __init__(self, plot):
        self.plot = plot
        if plot.figure.document is None:
            Document().add_root(plot.figure)
        self.document = plot.figure.document

    @property
    def panels(self):
        """The figures of the plot, top to bottom."""
        root: LayoutDOM = self.plot.figure
        return [root] if isinstance(root, figure) else list(root.children)

    def send(self, event):
        """Report an event the way a transport does."""
        self.document.callbacks.trigger_event(event)

    def zoom(self, x=None, y=None, panel=0):
        """Zoom a panel; every panel that shares a range reports it."""
        target = self.panels[panel]
        for axis, bounds in ((target.x_range, x), (target.y_range, y)):
            if bounds is not None:
                axis.update(start=bounds[0], end=bounds[1])
        self.announce(target)

    def announce(self, target):
        """Report where the ranges are, as BokehJS does at the end of a gesture."""
        for other in self.panels:
            if other.x_range is target.x_range or other.y_range is target.y_range:
                x, y = other.x_range, other.y_range
                self.send(RangesUpdate(other, x0=x.start, x1=x.end, y0=y.start, y1=y.end))

    def reset(self, panel=0):
        """Press the reset button: ranges go where they were said to go, then both events come."""
        target = self.panels[panel]
        for axis in (target.x_range, target.y_range):
            if axis.reset_start is not None:
                axis.update(start=axis.reset_start, end=axis.reset_end)
        self.announce(target)
        self.send(Reset(target))

    def brush(self, x, y, panel=0, final=True):
        """Draw a rectangle with the select tool."""
        geometry = {"type": "rect", "x0": x[0], "x1": x[1], "y0": y[0], "y1": y[1]}
        self.send(SelectionGeometry(self.panels[panel], geometry=geometry, final=final))

    def double_tap(self, panel=0):
        self.send(DoubleTap(self.panels[panel], sx=0, sy=0, x=0, y=0))


def counting(plot):
    """Count how often a plot computes its view from now on."""
    done = []
    compute = plot._bin

    def count():
        done.append(1)
        return compute()

    plot._bin = count
    return done
