"""One axis of a plot, as the data and the reader have it."""

from __future__ import annotations

from typing import Any

from bokeh.models import Range1d

__all__ = ["Window"]


class Window:
    """One axis that a reader can zoom.

    Parameters
    ----------
    least : float, optional
        The shortest stretch that can be zoomed to.

    Attributes
    ----------
    range : bokeh.models.Range1d
    full : tuple of float
        All there is.
    view : tuple of float
        What is in view.

    Examples
    --------
    >>> window = Window()
    >>> window.fit((0.0, 10.0))
    >>> window.seen(2.0, 3.0)
    >>> window.fit((0.0, 20.0))
    >>> window.view, window.range.reset_end
    ((2.0, 3.0), 20.0)
    """

    def __init__(self, least: float | None = None) -> None:
        self.full = self.view = self._known = (0.0, 1.0)
        self.range = Range1d(start=0.0, end=1.0, min_interval=least)

    @property
    def zoomed(self) -> bool:
        """Whether less, or something else, than all is in view."""
        return self.view != self.full

    def fit(self, full: tuple[float, float], shift: float = 0.0) -> None:
        """Take note of how much there is now; follow it, unless the reader has zoomed.

        Parameters
        ----------
        full : tuple of float
        shift : float
            How far what was in view has moved along the axis.
        """
        # A gesture under way has moved the range, but has not been announced yet.
        if self._in_browser() != self._known:
            self.seen(*self._in_browser())
        low, high = self.view[0] + shift, self.view[1] + shift
        gone = high <= full[0] or low >= full[1]
        self.show(*(full if gone or not self.zoomed else (low, high)))
        self.full = full
        self.range.reset_start, self.range.reset_end = full

    def _in_browser(self) -> tuple[float, float]:
        start: Any = self.range.start
        end: Any = self.range.end
        return float(start), float(end)

    def seen(self, start: float | None, end: float | None) -> None:
        """Take note of what the browser shows."""
        if start is not None and end is not None and start != end:
            self.view = (min(start, end), max(start, end))

    def show(self, start: float, end: float) -> None:
        """Move the view."""
        self.view = (start, end)
        self.range.start, self.range.end = start, end
        self._known = (start, end)
