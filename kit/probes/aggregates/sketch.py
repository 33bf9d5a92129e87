"""Quantiles with a stated relative error, in little memory.

The sketch is DDSketch: Charles Masson, Jee E. Rim and Homin K. Lee, "DDSketch: A Fast and
Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", PVLDB 12 (12), 2019. A value ``x``
is counted in bucket ``floor(log(x) / log(gamma))`` with ``gamma = (1 + error) / (1 - error)``: all
values of a bucket are within ``error`` of the value that stands for it, whatever was measured.
Buckets of two sketches are added, so threads count apart and are merged when somebody looks.

Sketches keep at most 4096 buckets for each sign. With an error of 1 % they reach over 35 powers of
ten; what is beyond, the values nearest to zero, shares a bucket and loses the guarantee.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_BUCKETS", "Sketch", "checked", "grow", "room", "scale"]

MOST_BUCKETS: Final = 4096


def scale(error: float) -> float:
    """Return by what the logarithm of a value is multiplied for the number of its bucket."""
    return 1 / math.log((1 + error) / (1 - error))


def checked(share: float) -> float:
    """Return a share of all values, or raise.

    Raises
    ------
    ValueError
        For what is none.

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
