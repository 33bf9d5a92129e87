"""Keys: what can be one, and one for each NaN."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from kit.core._publication.locks import inner_lock
from kit.core._runtime import unlocked
from kit.probes._values import number
from kit.probes.aggregates._buckets import Sketch, checked

if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = ["NAN", "Cell", "Stats", "as_key", "beyond", "merge"]

NAN: Final = math.nan
"""The one that stands for all of them in a key: each is equal to itself only as an object."""
_ORDINARY: Final = frozenset({str, int, bool, type(None)})


def as_key(key: Any) -> Any:
    """Return what stands for a key that is not known yet.

    Parameters
    ----------
    key : object
        The value of a field, or a tuple of those of several.

    Returns
    -------
    object
        The same, with None in the place of what cannot be a key, such as a list, and one NaN for
        all: as they are equal to nothing, each would be another key.

    Examples
    --------
    >>> as_key(("ACME", [1, 2], 2.5)), as_key(float("nan")) is as_key(float("nan"))
    (('ACME', None, 2.5), True)
    """
    if type(key) is tuple:
        return tuple([as_key(part) for part in key])
    if type(key) in _ORDINARY:
        return key
    try:
        hash(key)
    except TypeError:
        return None
    if not _is_unequal_to_itself(key):
        return key
    found = number(key)
    return NAN if found is not None and found != found else None


def _is_unequal_to_itself(key: Any) -> bool:
    try:
        return bool(key != key)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - whatever a type of the program's does when it is compared
        return False


_PATIENCE = 100


class Cell:
    """What one thread keeps for one key.

    Attributes
    ----------
    count, missing : int
        How many events there were, and how many of them had no number to add.
    total, squares : int
        Of the whole numbers: their sum and the sum of their squares.
    wholes : int
        How many whole numbers.
    high, low : float
        Of the floats: their sum, and what it lacks.
    mean, deviations : float
        Of the floats: their mean, and the sum of the squared distances from it.
    far, spread : int
        Of the floats: what their sum, and that of the squared distances, has besides.
    min, max : int or float
    buckets, positive, negative : dict of float to int
        The histogram; the sketch by sign.
    zero : int
        How many values are zero, for the sketch.
    lock : kit.core._publication.locks.Lock or None
        Held while an event is added and while the cell is copied, where there is no global lock; it
        may be taken again, as by a signal handler of the thread that adds.
    """

    __slots__ = (
        "buckets",
        "count",
        "deviations",
        "far",
        "high",
        "lock",
        "low",
        "max",
        "mean",
        "min",
        "missing",
        "negative",
        "positive",
        "spread",
        "squares",
        "total",
        "wholes",
        "zero",
    )

    def __init__(self) -> None:
        self.count = self.missing = self.wholes = self.total = self.squares = self.zero = 0
        self.high = self.low = self.mean = self.deviations = 0.0
        self.far = self.spread = 0
        self.lock = inner_lock("a cell's lock") if unlocked else None
        self.min: float = math.inf
        self.max: float = -math.inf
        self.buckets: dict[float, int] = {}
        self.positive: dict[float, int] = {}
        self.negative: dict[float, int] = {}

    def copy(self) -> Cell:
        """Return a copy that is whole: of an event it has everything or nothing."""
        if self.lock is not None:
            with self.lock:
                return self._copy()
        return self._copy()

    def _copy(self) -> Cell:
        twin = Cell()
        for _ in range(_PATIENCE):
            count = self.count
            twin.buckets = self.buckets.copy()
            twin.positive, twin.negative = self.positive.copy(), self.negative.copy()
            for name in _NUMBERS:
                setattr(twin, name, getattr(self, name))
            if self.count == count and twin._adds_up():
                break  # else its thread was in the middle of an event, or made one
        return twin

    def _adds_up(self) -> bool:
        values = self.count - self.missing
        sketched = sum(self.positive.values()) + sum(self.negative.values()) + self.zero
        return sum(self.buckets.values()) in (0, values) and sketched in (0, values)


_NUMBERS = [
    name for name in Cell.__slots__ if name not in ("buckets", "positive", "negative", "lock")
]


def beyond(cell: Cell, x: float, n: int) -> tuple[float, float, float, float, int, int]:
    """Add a float where a sum on the way may be too large for one; ``add_far`` in C is the same.

    What is so large is a whole number, so nothing is rounded where one is made of it.

    Parameters
    ----------
    cell : Cell
        It stays as it is.
    x : float
        Finite.
    n : int
        How many floats there are, with this one.

    Returns
    -------
    tuple
        What ``high``, ``low``, ``mean``, ``deviations``, ``far`` and ``spread`` are to be.
    """
    old, far, spread = cell.high, cell.far, cell.spread
    high = old + x
    if math.isfinite(high):
        part = high - old
        low = cell.low + ((old - (high - part)) + (x - part))
    else:
        large, high = (x, old) if abs(x) > abs(old) else (old, x)
        low, far = cell.low, far + int(large)
    away = x - cell.mean
    mean = cell.mean + (away / n if math.isfinite(away) else x / n - cell.mean / n)
    more = away * (x - mean)
    deviations = cell.deviations + more
    if math.isfinite(more) and not math.isfinite(deviations):
        large, deviations = max(cell.deviations, more), min(cell.deviations, more)
        spread += int(large)
    elif not math.isfinite(deviations):
        deviations = cell.deviations
        spread += (int(x) - int(cell.mean)) * (int(x) - int(mean))
    return high, low, mean, deviations, far, spread


@dataclass(frozen=True, slots=True)
class Stats:
    """What all threads together have for one key.

    Attributes
    ----------
    count, missing : int
        How many events there were, and how many of them had no number to add.
    sum : int or float
        Exact where all were whole numbers. Infinite where it is too large for a float.
    min, max, avg, variance : int, float or None
        None where there are too few values; the variance is that of a sample. Infinite as above.
    buckets : dict of float to int
        The histogram, by number of the bucket.
    sketch : Sketch or None
        To be asked for quantiles.
    """

    count: int
    missing: int = 0
    sum: float = 0
    min: float | None = None
    max: float | None = None
    avg: float | None = None
    variance: float | None = None
    buckets: dict[float, int] = field(default_factory=dict)
    sketch: Sketch | None = None

    def quantile(self, share: float) -> float | None:
        """Return a value that so large a share does not exceed, None where there are no values."""
        share = checked(share)
        if self.sketch is None or self.min is None or self.max is None:
            return None
        if not 0 < share < 1:
            return self.min if share <= 0 else self.max
        return min(max(self.sketch.quantile(share), self.min), self.max)


def merge(cells: Iterable[Cell], error: float | None) -> Stats:
    """Put the cells of all threads for one key together.

    Parameters
    ----------
    cells : iterable of Cell
        Nobody writes them any more: copies.
    error : float or None
        The relative error of the sketch, where there is one.

    Returns
    -------
    Stats
    """
    cells = list(cells)
    count, missing = sum(cell.count for cell in cells), sum(cell.missing for cell in cells)
    values = count - missing
    buckets = _added(cell.buckets for cell in cells)
    sketch = None
    if error is not None:
        sketch = Sketch(
            error,
            _added(cell.positive for cell in cells),
            _added(cell.negative for cell in cells),
            sum(cell.zero for cell in cells),
        )
    if not values:
        return Stats(count, missing, buckets=buckets, sketch=sketch)
    wholes = sum(cell.wholes for cell in cells)
    total = sum(cell.total for cell in cells)
    exact = sum(
        (Fraction(each) for cell in cells for each in (cell.high, cell.low, cell.far)),
        Fraction(total),
    )
    mean = exact / values
    return Stats(
        count,
        missing,
        total if wholes == values else _float(exact),
        min(cell.min for cell in cells),
        max(cell.max for cell in cells),
        _float(mean),
        _float(_deviations(cells, mean) / (values - 1)) if values > 1 else None,
        buckets,
        sketch,
    )


def _deviations(cells: list[Cell], mean: Fraction) -> Fraction:
    """Return the sum of the squared distances from the mean of all: Chan's formula."""
    found = Fraction(0)
    for cell in cells:
        if cell.wholes:
            found += cell.squares - Fraction(cell.total**2, cell.wholes)
            found += cell.wholes * (Fraction(cell.total, cell.wholes) - mean) ** 2
        floats = cell.count - cell.missing - cell.wholes
        if floats:
            found += Fraction(cell.deviations) + cell.spread
            found += floats * (Fraction(cell.mean) - mean) ** 2
    return found


def _added(counts: Iterable[dict[float, int]]) -> dict[float, int]:
    total: dict[float, int] = {}
    for each in counts:
        for key, count in each.items():
            if count:  # none where an event could not be added after all
                total[key] = total.get(key, 0) + count
    return total


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
