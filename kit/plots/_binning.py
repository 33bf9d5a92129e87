"""Where bins begin and end: round steps of time, and even steps of log duration.

Edges lie on a fixed grid, so that bins stay where they are while a reader pans or events arrive.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kit.plots._events import Floats, Ints

__all__ = ["ceiling", "duration_range", "log_rows", "log_steps", "nice", "time_edges", "time_range"]

_PER_DECADE = (1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280)


def nice(value: float, multiple_of: int = 1) -> int:
    """Find the smallest 1, 2 or 5 times a power of ten that is at least so large.

    Parameters
    ----------
    value : float
        In ns.
    multiple_of : int
        What the answer must be a multiple of.

    Returns
    -------
    int

    Examples
    --------
    >>> nice(3), nice(13.5), nice(0.2), nice(3, multiple_of=2)
    (5, 20, 1, 10)
    """
    step: int = 10 ** max(0, math.floor(math.log10(max(value, 1))))
    while True:
        for factor in (1, 2, 5):
            if factor * step >= value and factor * step % multiple_of == 0:
                return factor * step
        step *= 10


def ceiling(value: float) -> float:
    """Give the height of an axis that shows values up to `value`.

    Few heights, so that the axis of a live plot does not breathe; near enough to waste little.

    Examples
    --------
    >>> ceiling(11_600), ceiling(0.07), ceiling(0)
    (12000.0, 0.08, 1.0)
    """
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.2, 1.6, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return next(step * size for step in steps if step * size >= value * 0.999999)


def time_edges(start: float, end: float, columns: int, multiple_of: int = 1) -> Ints:
    """Cut time into columns of equal, round width.

    Parameters
    ----------
    start, end : float
        What is in view, in ns from the origin.
    columns : int
        At most so many columns, besides the two that stick out.
    multiple_of : int
        What the width, in ns, must be a multiple of.

    Returns
    -------
    array of int64, shape (columns + 1,)
        Edges in ns from the origin, multiples of their distance.

    Examples
    --------
    >>> time_edges(0, 95, 10).tolist()
    [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    """
    width = nice((end - start) / columns, multiple_of)
    first = math.floor(start / width)
    last = max(math.ceil(end / width), first + 1)
    return np.arange(first, last + 1, dtype=np.int64) * width


def log_steps(low: float, high: float, rows: int, finest: int = 1280) -> int:
    """Tell into how many rows to cut a decade, so that a range has at least `rows` rows.

    Examples
    --------
    >>> log_steps(1_000, 1_000_000, 30)
    10
    """
    decades = max(math.log10(high / low), 1e-3)
    for steps in _PER_DECADE:
        if steps * decades >= rows or steps >= finest:
            return steps
    return _PER_DECADE[-1]


def log_rows(dur: Ints, steps: int) -> Ints:
    """Give the row of each duration: row r holds durations from ``10 ** (r / steps)`` on.

    Durations below 1 ns are drawn as 1 ns.

    Examples
    --------
    >>> log_rows(np.array([0, 1, 9, 10, 1000]), 1).tolist()
    [0, 0, 0, 1, 3]
    """
    logs: Floats = np.log10(np.maximum(dur, 1))
    logs += 1e-9  # so that 1,000 lies in the decade that it begins
    logs *= steps
    # Logarithms are not negative here, so cutting off is rounding down.
    return logs.astype(np.int64)


def time_range(extent: int) -> tuple[float, float]:
    """Give the whole range of a time axis, in ns from the origin, with a little room.

    Examples
    --------
    >>> time_range(1_000_000)
    (-10000.0, 1010000.0)
    """
    width = float(max(extent, 1_000) if extent else 10**9)
    return (-0.01 * width, 1.01 * width)


def duration_range(low: int, high: int) -> tuple[float, float]:
    """Give the whole range of a duration axis, in ns: from round edge to round edge.

    Parameters
    ----------
    low, high : int
        Shortest and longest duration.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> duration_range(1_300, 61_000_000)
    (1000.0, 100000000.0)
    >>> duration_range(500, 500)
    (200.0, 1000.0)
    """
    # A tenth of room at either end; then out to 1, 2 or 5: live plots would crawl otherwise.
    return (_below(max(low, 1) / 1.1), float(nice(max(high, 1) * 1.1)))


def _below(value: float) -> float:
    step = 10.0 ** math.floor(math.log10(max(value, 1.0)))
    return max(factor * step for factor in (0.5, 1, 2, 5) if factor * step <= max(value, 0.5))
