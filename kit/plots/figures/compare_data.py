"""Two captures side by side: both distributions, and how many times slower one is at each share.

Quantiles of the tail rest on few events.  So each ratio comes with a range that holds the true one
with about 95 % confidence; where that range includes 1, the captures do not tell which is slower.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kit.plots.figures.latency_data import LEVELS, Levels, Percentile, curve, percentiles

if TYPE_CHECKING:
    from kit.plots._events import Floats, Ints

__all__ = ["CompareView", "Side", "compare_data"]

POINTS = 160


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of the two captures.

    Attributes
    ----------
    name : str
    total : int
        Events with a duration.
    curve_dur, curve_nines : array of float
        Its distribution, see `kit.plots.figures.latency_data.curve`.
    percentiles : tuple of Percentile
    """

    name: str
    total: int
    curve_dur: Floats
    curve_nines: Floats
    percentiles: tuple[Percentile, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CompareView:
    """What a comparison shows.

    Attributes
    ----------
    low, high : float
        Durations in view, in ns.
    a, b : Side
    nines : array of float
        Shares, as ``-log10(1 - share)``, up to what the smaller capture can tell.
    quantile_a, quantile_b : array of int64
        ns.
    ratio, ratio_low, ratio_high : array of float
        b as a multiple of a, and the range that it is in.
    levels : tuple of (str, int)
        The percentiles that both can tell, and where they are in these arrays.
    """

    low: float
    high: float
    a: Side
    b: Side
    nines: Floats
    quantile_a: Ints
    quantile_b: Ints
    ratio: Floats
    ratio_low: Floats
    ratio_high: Floats
    levels: tuple[tuple[str, int], ...]


def compare_data(
    a: Ints,
    b: Ints,
    low: float,
    high: float,
    names: tuple[str, str] = ("a", "b"),
    levels: Levels = LEVELS,
) -> CompareView:
    """Compare two distributions.

    Parameters
    ----------
    a, b : array of int64
        Durations in ns, ascending.
    low, high : float
        Durations in view, in ns.
    names : tuple of str
    levels : tuple of (str, float)
        The percentiles to mark.

    Returns
    -------
    CompareView

    Examples
    --------
    >>> a = np.arange(1, 10_001) * 1_000
    >>> view = compare_data(a, a * 2, 1, 1e9)
    >>> float(view.ratio.min()), float(view.ratio.max())
    (2.0, 2.0)
    """
    fewest = min(len(a), len(b))
    top = math.log10(fewest) if fewest > 1 else 0.0
    marked = [(label, -math.log10(1 - share)) for label, share in levels]
    marked = [(label, height) for label, height in marked if height < top]
    even = np.linspace(0.05, top, POINTS) if top > 0.05 else np.empty(0)
    nines = np.unique(np.concatenate((even, [height for _, height in marked])))
    share = 1 - 10.0**-nines
    (low_a, at_a, high_a), (low_b, at_b, high_b) = _quantiles(a, share), _quantiles(b, share)
    return CompareView(
        low=low,
        high=high,
        a=Side(names[0], len(a), *curve(a, low, high), percentiles(a, levels)),
        b=Side(names[1], len(b), *curve(b, low, high), percentiles(b, levels)),
        nines=nines,
        quantile_a=at_a,
        quantile_b=at_b,
        ratio=at_b / at_a,
        ratio_low=at_b / at_a / _apart(at_b / low_b, high_a / at_a),
        ratio_high=at_b / at_a * _apart(high_b / at_b, at_a / low_a),
        levels=tuple((label, int(np.searchsorted(nines, height))) for label, height in marked),
    )


def _apart(of_b: Floats, of_a: Floats) -> Floats:
    """How far a ratio may be off, given how far each side may be off (Zou and Donner's MOVER)."""
    return np.exp(np.hypot(np.log(of_b), np.log(of_a)))


def _quantiles(ordered: Ints, share: Floats) -> tuple[Ints, Ints, Ints]:
    """Quantiles by nearest rank, and the observed durations that bracket the true ones."""
    total = len(ordered)
    if not total or not len(share):
        return (np.empty(0, np.int64),) * 3
    # The rank of the true quantile is binomial; 95 % of it lie within so many ranks.
    spread = 1.96 * np.sqrt(total * share * (1 - share))
    middle = share * total

    def at(rank: Floats) -> Ints:
        place = np.clip(np.ceil(rank - 1e-9).astype(np.int64) - 1, 0, total - 1)
        return np.maximum(ordered[place], 1)

    return at(middle - spread), at(middle), at(middle + spread)
