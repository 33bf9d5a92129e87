"""A frame for people: durations with a unit, as plots write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from kit.analysis._groups import By, names, require
from kit.probes._text import duration

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["durations", "readable"]

_DURATIONS: Final = ("dur", "grace")


def readable(frame: pd.DataFrame, columns: By = None) -> pd.DataFrame:
    """Write durations for people: ``41.2 µs`` in place of 41230.

    Parameters
    ----------
    frame : pandas.DataFrame
        Events, or what an analysis of durations returned.
    columns : str or iterable of str, optional
        Which columns are durations in ns; by default ``dur`` and ``grace``, and those that the
        analysis has noted in ``frame.attrs["durations"]``.

    Returns
    -------
    pandas.DataFrame
        The same, with text of at most three digits in these columns: to be looked at, for a program
        reads the frame that it was made from.

    Raises
    ------
    FrameError
        When a column that is asked for is missing.

    Examples
    --------
    >>> from kit import analysis
    >>> frame = pd.DataFrame({"dur": [41_230, 90_000_000_000]})
    >>> analysis.readable(analysis.latency(frame))[["count", "p50", "max"]]
       count      p50      max
    0      2  41.2 µs  1.5 min
    """
    if columns is None:
        known = (*_DURATIONS, *frame.attrs.get("durations", ()))
        wanted = [name for name in dict.fromkeys(known) if name in frame]
    else:
        wanted = list(names(columns))
        require(frame, wanted, "readable")
    written: dict[Any, Any] = {name: frame[name].map(_written) for name in wanted}
    return frame.assign(**written)


def durations(frame: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Note in a frame which of its columns are durations in ns; return it."""
    frame.attrs["durations"] = list(columns)
    return frame


def _written(value: Any) -> str:
    return duration(None if value is pd.NA else value)
