"""Making an aggregate: what may be asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from kit.probes.aggregates.aggregate import Aggregate

if TYPE_CHECKING:
    from kit.core import Marker

__all__ = ["aggregate", "prepared"]

QUANTILES: Final = (0.5, 0.9, 0.99)


def aggregate(
    pattern: str | Marker | Iterable[str | Marker],
    value: str | None = None,
    by: str | Iterable[str] = (),
    *,
    histogram: str | tuple[float, float, float] | None = None,
    quantiles: float | Iterable[float] = QUANTILES,
    error: float = 0.01,
    capacity: int = 10_000,
    name: str | None = None,
    **admission: Any,
) -> Aggregate:
    """Count events and add up one of their fields, from now on.

    Parameters
    ----------
    pattern : str or Marker or iterable of them
        A name, a pattern such as ``"orders.*"``, or several.
    value : str, optional
        The field that is added up: count, sum, min, max, average, variance and quantiles are of
        it. ``"dur"`` is a span's duration in ns. Without, events are counted.
    by : str or iterable of str
        Fields, or context such as ``"thread"``, or ``"marker"``: every combination of their values
        has numbers of its own.
    histogram : "log2" or (low, high, step), optional
        Buckets that double in width, or of one width.
    quantiles : float or iterable of float
        Which are shown, from 0 to 1; none makes each event cheaper.
    error : float
        The relative error of quantiles: the true one is at most so far away from what is said.
    capacity : int
        How many keys there may be. Events with further ones are dropped, and counted.
    name : str, optional
        What it is called in tables.
    **admission
        Which events count: ``when``, ``every``, ``limit``, ``per_second`` and ``budget``, as in
        `Marker.connect`.

    Returns
    -------
    Aggregate
        Running. A ``with`` block stops it at its end; its numbers stay.

    Raises
    ------
    ConditionError
        When a marker has no such field.
    ValueError
        For a histogram, quantiles, an error or a capacity that says nothing.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("aggregated.fill", px=float, sym=str)
    >>> with kit.aggregate("aggregated.fill", "px", by="sym", quantiles=()) as prices:
    ...     for px in (1, 2, 3, 4, 5):
    ...         fill(px, "ACME")
    >>> prices.table().rows[("ACME",)].variance
    2.5
    """
    made = prepared(
        pattern,
        value,
        by,
        histogram=histogram,
        quantiles=quantiles,
        error=error,
        capacity=capacity,
        name=name,
        **admission,
    )
    made.start()
    return made


def prepared(
    pattern: str | Marker | Iterable[str | Marker],
    value: str | None = None,
    by: str | Iterable[str] = (),
    *,
    histogram: str | tuple[float, float, float] | None = None,
    quantiles: float | Iterable[float] = QUANTILES,
    error: float = 0.01,
    capacity: int = 10_000,
    name: str | None = None,
    **admission: Any,
) -> Aggregate:
    """Make an aggregate that is not started yet; the arguments are those of `aggregate`."""
    by = (by,) if isinstance(by, str) else tuple(by)
    shares = tuple(quantiles) if isinstance(quantiles, Iterable) else (quantiles,)
    return Aggregate(pattern, value, by, histogram, shares, error, capacity, name, admission)
