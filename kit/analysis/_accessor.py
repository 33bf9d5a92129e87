"""``frame.kit``: the analyses of a frame as methods, so that they can be found with the Tab key.

Each method is the function of the same name in `kit.analysis` (or `kit.frames`) with the frame as
its first argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kit import analysis
from kit.analysis._latency import QUANTILES
from kit.frames import _attrs as attributes
from kit.frames import _parquet as store
from kit.frames import _schema as schema

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import pandas as pd

__all__ = ["Accessor"]

By = str | Iterable[str] | None


class Accessor:
    """What can be asked of a frame; reached as ``frame.kit``.

    Parameters
    ----------
    frame : pandas.DataFrame

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"dur": [30, 10, 20]})
    >>> frame.kit.latency()[["count", "p50", "max"]]
       count  p50  max
    0      3   20   30
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def latency(
        self, by: By = None, column: str = "dur", quantiles: Sequence[float] = QUANTILES
    ) -> pd.DataFrame:
        """Summarise durations; see `kit.analysis.latency`."""
        return analysis.latency(self._frame, by, column, quantiles)

    def summary(self, by: By = "marker") -> pd.DataFrame:
        """One row a marker: how many events, how often, how long; see `kit.analysis.summary`."""
        return analysis.summary(self._frame, by)

    def gaps(self, by: By = "marker") -> pd.DataFrame:
        """From each event to the next one of its marker; see `kit.analysis.gaps`."""
        return analysis.gaps(self._frame, by)

    def outliers(self, n: int = 10, column: str = "dur", by: By = None) -> pd.DataFrame:
        """The rows with the greatest durations; see `kit.analysis.outliers`."""
        return analysis.outliers(self._frame, n, column, by)

    def rate(self, every: str | int = "100ms", by: By = "marker") -> pd.DataFrame:
        """Count events in bins of time; see `kit.analysis.rate`."""
        return analysis.rate(self._frame, every, by)

    def pair(self, start: str, end: str, key: By) -> pd.DataFrame:
        """Pair the events of two markers; see `kit.analysis.pair`."""
        return analysis.pair(self._frame, start, end, key)

    def overlaps(
        self, others: pd.DataFrame, what: Literal["time", "count"] = "time"
    ) -> pd.DataFrame:
        """How far other events overlap each span; see `kit.analysis.overlaps`."""
        return analysis.overlaps(self._frame, others, what)

    def enclosing(self, index: Any) -> pd.DataFrame:
        """The spans that one event happened inside of; see `kit.analysis.enclosing`."""
        return analysis.enclosing(self._frame, index)

    def causes(self, others: pd.DataFrame) -> pd.DataFrame:
        """What overlaps each span the longest; see `kit.analysis.causes`."""
        return analysis.causes(self._frame, others)

    def compare(
        self,
        other: pd.DataFrame,
        by: By = "marker",
        column: str = "dur",
        quantiles: Sequence[float] = QUANTILES,
    ) -> pd.DataFrame:
        """Compare with a later recording; see `kit.analysis.compare`."""
        return analysis.compare(self._frame, other, by, column, quantiles)

    def fanout(self, probe_calls: pd.DataFrame) -> pd.DataFrame:
        """What each probe cost, for a frame of dispatches; see `kit.analysis.fanout`."""
        return analysis.fanout(self._frame, probe_calls)

    def dispatch_cost(self) -> pd.DataFrame:
        """Dispatch time against fan-out, for a frame of dispatches.

        See `kit.analysis.dispatch_cost`.
        """
        return analysis.dispatch_cost(self._frame)

    def where(self, condition: str) -> pd.DataFrame:
        """The rows that meet a condition; see `kit.analysis.where`."""
        return analysis.where(self._frame, condition)

    def readable(self, columns: By = None) -> pd.DataFrame:
        """Durations as people read them; see `kit.analysis.readable`."""
        return analysis.readable(self._frame, columns)

    def thread_names(self) -> dict[int, str]:
        """The names of the threads by tid; see `kit.frames.thread_names`."""
        return attributes.thread_names(self._frame)

    def wall_time(self, column: str = "ts") -> pd.Series[pd.Timestamp]:
        """The time of day of each row; see `kit.frames.wall_time`."""
        return attributes.wall_time(self._frame, column)

    def check(self, kind: schema.FrameKind = "events") -> pd.DataFrame:
        """Return the frame, or raise a `FrameError` that says where it is not of its kind."""
        return schema.check(self._frame, kind)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save a frame of events; see `kit.frames.save`."""
        return store.save(self._frame, path)
