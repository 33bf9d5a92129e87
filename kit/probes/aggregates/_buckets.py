"""Histograms: which bucket a value is in, and what the buckets are called.

Every finite value is in one bucket: below the lowest is the underflow, from the highest on the
overflow, so the buckets add up to the count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


__all__ = [
    "MOST_BUCKETS",
    "OVERFLOW",
    "UNDERFLOW",
    "Bucket",
    "Histogram",
    "Linear",
    "Log2",
    "Sketch",
    "checked",
    "grow",
    "histogram",
    "room",
    "scale",
]

UNDERFLOW: Final = -(10**6)
OVERFLOW: Final = 10**6
_MOST_BUCKETS: Final = 10_000


class Bucket(NamedTuple):
    """A bucket and what is in it.

    Attributes
    ----------
    low, high : int or float
        From ``low`` on, below ``high``; infinite for underflow and overflow.
    count : int
    """

    low: float
    high: float
    count: int  # type: ignore[assignment]  # tuples count, too


@dataclass(frozen=True, slots=True)
class Log2:
    """Buckets that double in width: ``[0, 1) [1, 2) [2, 4) [4, 8) ...``.

    Attributes
    ----------
    lowest : int
        The first bucket is from 0 to two to this power.
    highest : int
        From two to this power on is the overflow; below zero is the underflow.
    """

    lowest: int = 0
    highest: int = 64

    def code(self, whole: bool) -> list[str]:
        """Return the lines that put the number of the bucket of ``x`` into ``bucket``."""
        exponent = "x.bit_length()" if whole else "frexp(x)[1]"
        return [
            "if x > 0:",
            f"    bucket = {exponent}",
            f"    if bucket > {self.highest}: bucket = {OVERFLOW}",
            f"    elif bucket < {self.lowest}: bucket = {self.lowest}",
            "else:",
            f"    bucket = {self.lowest} if x == 0 else {UNDERFLOW}",
        ]

    def edges(self, bucket: int) -> tuple[float, float]:
        """Return where a bucket begins and ends."""
        if bucket == UNDERFLOW:
            return -math.inf, 0
        if bucket == OVERFLOW:
            return 2**self.highest, math.inf
        low = 0 if bucket <= self.lowest else _power(bucket - 1)
        return low, _power(bucket)


@dataclass(frozen=True, slots=True)
class Linear:
    """Buckets of one width: ``[low, low + step) ...`` up to ``high``.

    Attributes
    ----------
    low, high, step : int or float
    """

    low: float
    high: float
    step: float

    def code(self, whole: bool) -> list[str]:  # noqa: ARG002 - the same for whole numbers
        """Return the lines that put the number of the bucket of ``x`` into ``bucket``."""
        return [
            f"if x < {self.low!r}: bucket = {UNDERFLOW}",
            f"elif x >= {self.high!r}: bucket = {OVERFLOW}",
            "else:",
            f"    bucket = (x - {self.low!r}) // {self.step!r}",
            # What rounding lifts over the edge.
            f"    if bucket > {self.last}: bucket = {self.last}",
        ]

    @property
    def last(self) -> int:
        """The number of the last bucket."""
        return math.ceil((self.high - self.low) / self.step) - 1

    def edges(self, bucket: int) -> tuple[float, float]:
        """Return where a bucket begins and ends."""
        if bucket == UNDERFLOW:
            return -math.inf, self.low
        if bucket == OVERFLOW:
            return self.high, math.inf
        low = self.low + bucket * self.step
        return low, min(low + self.step, self.high)


Histogram: TypeAlias = Log2 | Linear


def histogram(asked: str | tuple[float, float, float] | None, whole: bool) -> Histogram | None:
    """Understand what histogram was asked for.

    Parameters
    ----------
    asked : "log2", (low, high, step), or None
    whole : bool
        Whether the values are whole numbers: then ``log2`` begins with ``[0, 1) [1, 2)``, else far
        below one.

    Returns
    -------
    Log2, Linear or None

    Raises
    ------
    ValueError
        When it is not a histogram, or has more than 10,000 buckets.

    Examples
    --------
    >>> histogram((0, 100, 10), whole=True)
    Linear(low=0, high=100, step=10)
    """
    if asked is None:
        return None
    if asked == "log2":
        return Log2(0 if whole else -32, 64)
    if isinstance(asked, tuple | list) and len(asked) == 3:
        low, high, step = asked
        numbers = all(type(each) in (int, float) and math.isfinite(each) for each in asked)
        if numbers and low < high and step > 0 and (high - low) / step <= _MOST_BUCKETS:
            return Linear(low, high, step)
    raise ValueError(
        f"a histogram is 'log2' or (low, high, step) with at most {_MOST_BUCKETS:,} buckets, "
        f"got {asked!r}"
    )


def buckets(kind: Histogram, counts: Mapping[float, int]) -> Iterator[Bucket]:
    """Yield the buckets from the first to the last that is not empty.

    Parameters
    ----------
    kind : Log2 or Linear
    counts : mapping of int to int
        How many are in which bucket.

    Yields
    ------
    Bucket
    """
    whole = {int(bucket): count for bucket, count in counts.items() if count}
    if whole.get(UNDERFLOW):
        yield Bucket(*kind.edges(UNDERFLOW), whole[UNDERFLOW])
    inside = [bucket for bucket in whole if bucket not in (UNDERFLOW, OVERFLOW)]
    for bucket in range(min(inside), max(inside) + 1) if inside else ():
        yield Bucket(*kind.edges(bucket), whole.get(bucket, 0))
    if whole.get(OVERFLOW):
        yield Bucket(*kind.edges(OVERFLOW), whole[OVERFLOW])


def _power(exponent: int) -> float:
    return 2**exponent if exponent >= 0 else 2.0**exponent


MOST_BUCKETS: Final = 4096


def scale(error: float) -> float:
    """Return by what the logarithm of a value is multiplied for the number of its bucket."""
    return 1 / math.log((1 + error) / (1 - error))


def checked(share: float) -> float:
    """Return a share of all values, or raise.

    Raises
    ------
    ValueError
        When it is not a number from 0 to 1.

    Examples
    --------
    >>> checked(99)
    Traceback (most recent call last):
    ValueError: a quantile is a share from 0 to 1, such as 0.99; got 99
    """
    try:
        if 0 <= share <= 1:
            return float(share)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"a quantile is a share from 0 to 1, such as 0.99; got {share!r}")


def grow(buckets: dict[float, int], bucket: float) -> None:
    """Count one in a bucket that is not there yet; see `room`."""
    buckets[room(buckets, bucket)] += 1


def room(buckets: dict[float, int], bucket: float) -> float:
    """Make room for a bucket that is not there yet.

    Parameters
    ----------
    buckets : dict of float to int
        Changed.
    bucket : float
        The number of the bucket, a whole one.

    Returns
    -------
    float
        The number of the bucket that stands for it, and is there.
    """
    if len(buckets) >= MOST_BUCKETS:
        lowest = min(buckets)
        if bucket < lowest:
            return lowest
        following = min(each for each in (*buckets, bucket) if each != lowest)
        count = buckets.get(following, 0) + buckets[lowest]
        # These two together, without a call: no signal handler comes in between.
        buckets[following] = count
        del buckets[lowest]
    if bucket not in buckets:
        buckets[bucket] = 0
    return bucket


class Sketch:
    """The counts of all threads, to be asked for quantiles.

    Parameters
    ----------
    error : float
        The relative error.
    positive, negative : mapping of float to int
        How many values are in which bucket, by sign.
    zero : int
        How many values are zero.
    """

    def __init__(
        self,
        error: float,
        positive: Mapping[float, int],
        negative: Mapping[float, int],
        zero: int,
    ) -> None:
        self.error = error
        self.positive = dict(positive)
        self.negative = dict(negative)
        self.zero = zero

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.positive.values()) + sum(self.negative.values()) + self.zero

    def quantile(self, share: float) -> float:
        """Return a value that so large a share of all does not exceed, within the error.

        Parameters
        ----------
        share : float
            From 0 to 1.

        Returns
        -------
        float
            Not a number where there are no values.

        Raises
        ------
        ValueError
            For another share.
        """
        share = checked(share)
        total = self.count
        if not total:
            return math.nan
        rank = math.floor(share * (total - 1))
        for bucket in sorted(self.negative, reverse=True):
            rank -= self.negative[bucket]
            if rank < 0:
                return -self._middle(bucket)
        rank -= self.zero
        if rank < 0:
            return 0.0
        for bucket in sorted(self.positive):
            rank -= self.positive[bucket]
            if rank < 0:
                return self._middle(bucket)
        raise AssertionError("a rank is below the count")

    def _middle(self, bucket: float) -> float:
        """Return the value that stands for a bucket: as far from its low end as from its high."""
        try:
            low = math.exp(bucket / scale(self.error))
        except OverflowError:
            return math.inf
        return low * (1 + self.error)
