"""Linked selection: brush events in one plot, see the same events in all.

A brush is a predicate over rows of the events frame, in whole nanoseconds.  What it chooses does
not depend on how the plot it was drawn in had binned the events.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from kit.core._publication.locks import OUTER, new_lock
from kit.core._runtime import stays
from kit.plots import _events as columns
from kit.plots import units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

    from kit.plots._event_plot import EventPlot
    from kit.plots._events import Bools, Ints

__all__ = ["Brush", "Selection", "link", "lock", "whole"]

lock: Final = new_lock(OUTER + 10, "the lock of all plots")
"""Held while any plot changes.

One for all: a brush in one plot changes the plots linked to it, and widget messages may arrive on
another thread than updates.
"""

REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class Brush:
    """Which events to choose: those that meet every condition that is given.

    Attributes
    ----------
    time : tuple of int, optional
        First and last stamp, in ns as in column ``ts``, both included.
    dur : tuple of int, optional
        Shortest and longest duration, in ns, both included; events without one are left out.
    lanes : tuple of (str, frozenset of str), optional
        A column, and the values of it to choose, as text.
    overlapping : bool
        Whether a span that began before the first stamp but ended at or after it counts.
    spans_only : bool
        Whether events without a duration are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"ts": [0, 10, 20], "dur": [5, 50, 7]})
    >>> Brush(time=(10, 20), dur=(7, 40)).mask(frame).tolist()
    [False, False, True]
    """

    time: tuple[int, int] | None = None
    dur: tuple[int, int] | None = None
    lanes: tuple[str, frozenset[str]] | None = None
    overlapping: bool = False
    spans_only: bool = False

    def mask(self, frame: pd.DataFrame) -> Bools:
        """Tell which rows of a frame are chosen.

        Parameters
        ----------
        frame : pandas.DataFrame

        Returns
        -------
        array of bool, shape (rows,)
        """
        ts = columns.column(frame, "ts")
        chosen = np.ones(len(ts), np.bool_)
        dur, has = np.zeros(len(ts), np.int64), np.zeros(len(ts), np.bool_)
        if "dur" in frame.columns:
            dur, known = columns.optional(frame, "dur")
            has = np.ones(len(ts), np.bool_) if known is None else known
        if self.time is not None:
            first, last = self.time
            end = ts + dur if self.overlapping else ts
            chosen &= (end >= first) & (ts <= last)
        if self.dur is not None:
            shortest, longest = self.dur
            chosen &= (dur >= shortest) & (dur <= longest)
        if self.dur is not None or self.spans_only:
            chosen &= has
        if self.lanes is not None:
            column, wanted = self.lanes
            codes, names = columns.labels(frame, column)
            chosen &= np.array([name in wanted for name in names], np.bool_)[codes]
        return chosen


class Selection:
    """What is brushed, in one plot or in several that are linked.

    Parameters
    ----------
    frame : pandas.DataFrame
        The events.

    Examples
    --------
    >>> import pandas as pd
    >>> selection = Selection(pd.DataFrame({"ts": [0, 10, 20], "dur": [5, 50, 7]}))
    >>> selection.select(dur=(40, 100))
    >>> selection.rows.tolist(), len(selection)
    ([1], 1)
    >>> selection.undo()
    >>> selection.active
    False
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._events = frame
        self._brush: Brush | None = None
        self._before: list[Brush | None] = []
        self._mask: tuple[pd.DataFrame, Brush, Bools] | None = None
        self._plots: list[EventPlot] = []
        self._callbacks: list[Callable[[Selection], None]] = []

    def __len__(self) -> int:
        mask = self.mask(self._events)
        return 0 if mask is None else int(np.count_nonzero(mask))

    def __bool__(self) -> bool:
        return self.active

    __reduce__ = stays("pickle its frame")

    def __repr__(self) -> str:
        return f"<Selection: {units.several(len(self), 'event')}>"

    @property
    def active(self) -> bool:
        """Whether there is a brush, even if it chooses no event."""
        return self._brush is not None

    @property
    def brush(self) -> Brush | None:
        """The predicate, or None."""
        return self._brush

    @property
    def rows(self) -> Ints:
        """Positions of the chosen rows in the events frame, ascending."""
        mask = self.mask(self._events)
        return np.empty(0, np.int64) if mask is None else np.flatnonzero(mask)

    @property
    def frame(self) -> pd.DataFrame:
        """The chosen rows of the events frame; no rows while nothing is brushed."""
        return self._events.iloc[self.rows]

    def select(
        self,
        *,
        time: tuple[int, int] | None = None,
        dur: tuple[int, int] | None = None,
        lanes: tuple[str, Iterable[str]] | None = None,
        overlapping: bool = False,
    ) -> None:
        """Choose events, as brushing does.

        Parameters
        ----------
        time : tuple of int, optional
            First and last stamp, in ns as in column ``ts``, both included.
        dur : tuple of int, optional
            Shortest and longest duration, in ns, both included.
        lanes : tuple of (str, iterable of str), optional
            A column, and the values of it to choose.
        overlapping : bool
            Whether spans that only reach into the time count.
        """
        wanted = None if lanes is None else (lanes[0], frozenset(str(v) for v in lanes[1]))
        self.set(Brush(time, dur, wanted, overlapping))

    def set(self, brush: Brush | None) -> None:
        """Choose what a brush chooses; None chooses nothing.

        Parameters
        ----------
        brush : Brush or None
        """
        with lock:
            if brush == self._brush:
                return
            if brush is not None:
                # A brush that cannot be applied raises here, and what was chosen stays chosen.
                self._mask = (self._events, brush, brush.mask(self._events))
            self._before.append(self._brush)
            del self._before[:-REMEMBERED]
            self._change(brush)

    def clear(self) -> None:
        """Choose nothing."""
        self.set(None)

    def undo(self) -> None:
        """Go back to what was chosen before; does nothing at the beginning."""
        with lock:
            if self._before:
                self._change(self._before.pop())

    def on_change(self, callback: Callable[[Selection], None]) -> Callable[[], None]:
        """Call a function with this selection whenever what it holds has changed.

        Parameters
        ----------
        callback : callable

        Returns
        -------
        callable
            Takes the callback off again.
        """
        self._callbacks.append(callback)

        def remove() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return remove

    def mask(self, frame: pd.DataFrame) -> Bools | None:
        """Tell which rows of a frame are chosen; None while nothing is brushed.

        Parameters
        ----------
        frame : pandas.DataFrame
            The events frame, or a newer one.

        Returns
        -------
        array of bool or None
        """
        brush = self._brush
        if brush is None:
            return None
        if self._mask is None or self._mask[0] is not frame or self._mask[1] is not brush:
            self._mask = (frame, brush, brush.mask(frame))
        return self._mask[2]

    def _follow(self, frame: pd.DataFrame) -> None:
        """Apply the brush to a newer frame from now on."""
        if frame is self._events:
            return
        self._events, self._mask = frame, None
        if self.active:
            self._announce()

    def _show_in(self, plot: EventPlot) -> None:
        """Have a plot drawn anew whenever the brush changes."""
        if plot not in self._plots:
            self._plots.append(plot)

    def _leave(self, plot: EventPlot) -> None:
        """Draw a plot no more."""
        if plot in self._plots:
            self._plots.remove(plot)

    def _change(self, brush: Brush | None) -> None:
        self._brush = brush
        for plot in self._plots:
            plot.brush_changed()
        self._announce()

    def _announce(self) -> None:
        for callback in tuple(self._callbacks):
            callback(self)


def link(*plots: EventPlot) -> Selection:
    """Share one selection between plots of the same events frame.

    Parameters
    ----------
    *plots : Plot
        Plots in which events can be brushed.

    Returns
    -------
    Selection
        The selection that they share now.

    Raises
    ------
    TypeError
        If in one of these nothing can be brushed.
    ValueError
        If they do not show the same rows.
    """
    if not plots:
        raise TypeError("link() needs plots")
    for plot in plots:
        if not hasattr(plot, "use_selection"):
            raise TypeError(
                f"{type(plot).__name__} has no events to brush: link plots of events, such as "
                "latency, latency_over_time, rate and timeline"
            )
    first = plots[0].frame
    for plot in plots[1:]:
        if not _same_rows(first, plot.frame):
            raise ValueError(
                f"{type(plot).__name__} shows other rows than {type(plots[0]).__name__}: give "
                "linked plots the same events frame"
            )
    with lock:
        shared = Selection(first)
        brushes = (plot.selection.brush for plot in plots)
        shared.set(next((brush for brush in brushes if brush is not None), None))
        for plot in plots:
            plot.use_selection(shared)
    return shared


def whole(low: float, high: float, least: int | None = None) -> tuple[int, int]:
    """Give the first and last whole number from `low` to `high`.

    Parameters
    ----------
    low, high : float
        In the units of an axis, ns.
    least : int, optional
        What lies at or below this is drawn at it: then the first number has no bound.

    Returns
    -------
    tuple of int

    Examples
    --------
    >>> whole(9.2, 20.9)
    (10, 20)
    >>> whole(0.7, 20.0, least=1)[0] < 0
    True
    """
    first = int(np.iinfo(np.int64).min) if least is not None and low <= least else math.ceil(low)
    return first, math.floor(high)


def _same_rows(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    if a is b:
        return True
    return len(a) == len(b) and np.array_equal(columns.column(a, "ts"), columns.column(b, "ts"))
