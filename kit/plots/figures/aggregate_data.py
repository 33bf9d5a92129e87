"""What a plot of an aggregate shows: for each key its numbers, its histogram and its quantiles.

Places on the x axis are linear in the values, or in their binary logarithm where values span more
than they could show side by side.  What is below and above a histogram has a place beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from kit.plots import units
from kit.probes.aggregates._buckets import Linear, Log2
from kit.probes.aggregates._table import quantile_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kit.probes.aggregates import Table
    from kit.probes.aggregates._buckets import Bucket
    from kit.probes.aggregates._cells import Stats

__all__ = ["ROWS", "AggregateView", "Bar", "Row", "aggregate_data"]

ROWS: Final = 12
"""Keys with fewer events than so many others are left out, and counted."""

TICKS: Final = 7

Kind: TypeAlias = Literal["counts", "ranges", "buckets"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bucket.

    Attributes
    ----------
    left, right : float
        Where it is drawn.
    count : int
    share : float
        Of the values of its key.
    what : str
        Its edges, or ``below`` and ``from`` one of them.
    outside : bool
        Whether it is the underflow or the overflow.
    """

    left: float
    right: float
    count: int
    share: float
    what: str
    outside: bool


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one key.

    Attributes
    ----------
    key : str
        Its parts; empty where nothing was asked for by key.
    stats : Stats
    rate : float
        Events a second; not a number where no time has passed.
    low, high, middle : float or None
        Where the lowest, the highest and the average value are.
    marks : tuple of (str, float, float)
        Quantiles: name, place and value, ascending.
    bars : tuple of Bar
    """

    key: str
    stats: Stats
    rate: float
    low: float | None = None
    high: float | None = None
    middle: float | None = None
    marks: tuple[tuple[str, float, float], ...] = ()
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True)
class AggregateView:
    """What a plot of an aggregate shows.

    Attributes
    ----------
    kind : {"counts", "ranges", "buckets"}
        Counts alone; lowest, highest and quantiles; or histograms.
    title : str
        What is aggregated.
    value : str or None
        Of which field.
    is_time : bool
        Whether values are nanoseconds.
    rows : tuple of Row
        Most events first.
    hidden : int
        How many keys are not among them.
    extent : (float, float)
        Places from the first to the last.
    ticks : dict of float to str
        What is written at which place.
    events, dropped, filtered : int
        How many are in all keys; had no room; were kept back.
    error : float or None
        The relative error of quantiles.
    """

    kind: Kind
    title: str
    value: str | None
    is_time: bool
    rows: tuple[Row, ...]
    hidden: int
    extent: tuple[float, float]
    ticks: dict[float, str]
    events: int
    dropped: int
    filtered: int
    error: float | None

    def number(self, value: float | None) -> str:
        """Write a value."""
        return units.duration(value) if self.is_time else units.number(value)


def aggregate_data(table: Table) -> AggregateView:
    """Compute a plot of an aggregate.

    Parameters
    ----------
    table : Table
        From ``aggregate.table()``.

    Returns
    -------
    AggregateView
    """
    shown = list(table.rows.items())[:ROWS]
    is_time = table.value == "dur"
    write = units.duration if is_time else units.number
    kind: Kind = "counts"
    if table.value is not None:
        kind = "ranges" if table.histogram is None else "buckets"
    axis = _axis(table, [stats for _, stats in shown], write)
    rows = tuple(_row(table, key, stats, axis) for key, stats in shown)
    extent = _extent(kind, rows)
    return AggregateView(
        kind,
        table.title,
        table.value,
        is_time,
        rows,
        len(table.rows) - len(rows),
        extent,
        {} if kind == "counts" else axis.ticks(extent),
        table.count,
        sum(table.dropped.values()),
        sum(sum(reasons.values()) for reasons in table.filtered.values()),
        table.error if table.quantiles else None,
    )


class _Axis:
    """Where values are."""

    def __init__(
        self, log: bool, lowest: float, write: Callable[[float], str], zero: bool = False
    ) -> None:
        self.log = log
        self.lowest = lowest  # of a logarithm: smaller values are there
        self.zero = zero  # whether zero is there, and from the next power of two on the others
        self.write = write

    def place(self, value: float) -> float:
        """Return the place of a value; also of one that no float can hold."""
        if not self.log:
            return float(value)
        return max(math.log2(value), self.lowest) if value > 0 else self.lowest

    def ticks(self, extent: tuple[float, float]) -> dict[float, str]:
        """Choose round values that lie within."""
        low, high = extent
        if not self.log:
            return {tick: self.write(tick) for tick in _steps(low, high)}
        nothing = {self.lowest: self.write(0)} if self.zero else {}
        low = self.lowest + 1 if self.zero else low
        ten = math.log2(10)
        first, last = math.ceil(low / ten - 1e-9), math.floor(high / ten + 1e-9)
        every = max(1, math.ceil((last - first + 1) / TICKS))
        powers = range(first, last + 1, every)
        ticks = {power * ten: self.write(10.0**power) for power in powers if power < 300}
        if len(ticks) < 3:  # less than three powers of ten: powers of two
            each = max(1, math.ceil((high - low) / TICKS))
            twos = range(math.ceil(low), math.floor(high) + 1, each)
            ticks = {float(power): self.write(2.0**power) for power in twos if power < 1000}
        return nothing | ticks


def _axis(table: Table, stats: list[Stats], write: Callable[[float], str]) -> _Axis:
    kind = table.histogram
    if isinstance(kind, Log2):
        used = [
            bucket
            for each in stats
            for bucket, count in each.buckets.items()
            if count and abs(bucket) < 10**6
        ]
        above = [bucket for bucket in used if bucket > kind.lowest]
        zero = len(above) < len(used)
        # Zero has no logarithm: it stands beside the least of the others, however far it is.
        lowest = int(min(above, default=kind.lowest + 1)) - (2 if zero else 1)
        return _Axis(True, float(max(lowest, kind.lowest - 1)), write, zero)
    lows = [each.min for each in stats if each.min is not None]
    highs = [each.max for each in stats if each.max is not None]
    log = kind is None and bool(lows) and min(lows) > 0 and max(highs) / min(lows) > 50
    return _Axis(log, math.log2(min(lows)) if log else -math.inf, write)


def _row(table: Table, key: tuple[Any, ...], stats: Stats, axis: _Axis) -> Row:
    name = ", ".join("none" if part is None else str(part) for part in key)
    rate = stats.count / table.seconds if table.seconds else math.nan
    if table.value is None or stats.min is None or stats.max is None or stats.avg is None:
        return Row(name, stats, rate)
    found = [(share, stats.quantile(share)) for share in sorted(table.quantiles)]
    bars = tuple(_bars(table, table.buckets(key), axis)) if table.histogram else ()
    sides = (bars[0].left, bars[-1].right) if bars else (-math.inf, math.inf)

    def place(value: float) -> float:
        # A quantile in the overflow, which may be far away, is drawn in the overflow's bar.
        return min(max(axis.place(value), sides[0]), sides[1])

    marks = [(quantile_name(q), place(x), x) for q, x in found if x is not None]
    return Row(
        name, stats, rate, place(stats.min), place(stats.max), place(stats.avg), tuple(marks), bars
    )


def _bars(table: Table, found: Iterable[Bucket], axis: _Axis) -> Iterable[Bar]:
    found = list(found)
    total = sum(bucket.count for bucket in found)
    kind = table.histogram
    wide = kind.step if isinstance(kind, Linear) else 1.0
    for bucket in found:
        under, over = bucket.low == -math.inf, bucket.high == math.inf
        if under:
            right = axis.place(bucket.high)
            left, what = right - wide, f"below {axis.write(bucket.high)}"
        elif over:
            left = axis.place(bucket.low)
            right, what = left + wide, f"from {axis.write(bucket.low)}"
        else:
            left, right = axis.place(bucket.low), axis.place(bucket.high)
            if axis.zero and bucket.low == 0:
                right = left + 1
            elif axis.zero and right <= axis.lowest + 1:
                continue  # empty, and between zero and the least of the others
            what = f"{axis.write(bucket.low)} to {axis.write(bucket.high)}"
        share = bucket.count / total if total else 0.0
        yield Bar(left, right, bucket.count, share, what, under or over)


def _extent(kind: Kind, rows: tuple[Row, ...]) -> tuple[float, float]:
    if kind == "counts":
        return 0.0, float(max((row.stats.count for row in rows), default=1))
    lows = [row.low for row in rows if row.low is not None]
    highs = [row.high for row in rows if row.high is not None]
    lows += [row.bars[0].left for row in rows if row.bars]
    highs += [row.bars[-1].right for row in rows if row.bars]
    low, high = min(lows, default=0.0), max(highs, default=1.0)
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def _steps(low: float, high: float) -> list[float]:
    """Return even, round values from low to high."""
    if not math.isfinite(high - low) or high <= low:
        return [low] if math.isfinite(low) else []
    rough = (high - low) / TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough * 0.999)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
