"""Columns of a frame as sorted NumPy arrays: what all views of recorded events are made from.

A table is made once for each frame.  It keeps, for every event, its position in the frame, so that
plots of different tables of one frame can speak of the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MISSING_LANE",
    "Events",
    "column",
    "events",
    "labels",
    "natural",
    "optional",
    "thread_names",
]

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Events in the order of their stamps.

    Attributes
    ----------
    frame_rows : int
        How many rows the frame has.
    row : array of int64, or None
        Position of each event in the frame; None when events and rows are in the same order.
    origin : int
        Stamp of the first event of the frame, in ns: time 0 of every plot of that frame.
    extent : int
        ns from the origin to the end of the last event.
    ts : array of int64
        Stamps in ns, ascending.
    dur : array of int64
        Durations in ns; 0 for an event that has none.
    spans : array of bool, or None
        Which events have a duration; None when all have.
    code : array of int
        Index into `names` of each event's marker.
    names : tuple of str
        Markers.
    lane : array of int, or None
        Index into `lanes`; None when no lanes were asked for.
    lanes : tuple of str
        Threads, tasks or whatever was asked for.
    failed : array of bool, or None
        Which events carry an error; None when the frame does not say.
    dropped : int
        Rows of the frame that are left out, because they have no duration.
    """

    frame_rows: int
    row: Ints | None
    origin: int
    extent: int
    ts: Ints
    dur: Ints
    spans: Bools | None
    code: npt.NDArray[np.int32]
    names: tuple[str, ...]
    lane: npt.NDArray[np.int32] | None
    lanes: tuple[str, ...]
    failed: Bools | None
    dropped: int

    def __len__(self) -> int:
        return len(self.ts)

    def at(self, mask: Bools) -> Bools:
        """Take a mask over the frame's rows to a mask over these events."""
        return mask if self.row is None else mask[self.row]

    @property
    def names_used(self) -> tuple[str, ...]:
        """Markers that have events here, in the order of `names`."""
        used = np.bincount(self.code, minlength=len(self.names)) > 0
        return tuple(name for name, is_used in zip(self.names, used, strict=True) if is_used)


def events(
    frame: pd.DataFrame,
    *,
    spans_only: bool = False,
    lanes: str | None = None,
    by: str = "marker",
) -> Events:
    """Read the columns that plots need.

    Parameters
    ----------
    frame : pandas.DataFrame
        Events, dispatches or probe calls; ``ts`` is a must, ``dur`` and ``marker`` are used where
        they are there.
    spans_only : bool
        Leave out what has no duration.
    lanes : str, optional
        The column whose values are lanes.
    by : str
        The column whose values are in `Events.names`.

    Returns
    -------
    Events

    Raises
    ------
    TypeError
        If this is not a frame, or stamps or durations are not whole nanoseconds.
    ValueError
        If a needed column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> table = events(pd.DataFrame({"ts": [30, 10], "dur": [5, 7], "marker": ["b", "a"]}))
    >>> table.origin, table.extent, table.ts.tolist(), table.dur.tolist(), table.row.tolist()
    (10, 25, [10, 30], [7, 5], [1, 0])
    """
    if not hasattr(frame, "columns"):
        raise TypeError(
            f"a plot needs a frame of events, not {type(frame).__name__}: pass events.frame()"
        )
    ts = column(frame, "ts")
    if "dur" in frame.columns:
        dur, has = optional(frame, "dur")
    else:
        dur, has = np.zeros(len(ts), np.int64), np.zeros(len(ts), np.bool_)
    origin = int(ts.min()) if len(ts) else 0
    extent = int((ts + dur).max()) - origin if len(ts) else 0
    code, names = labels(frame, by)
    lane, lane_names = labels(frame, lanes) if lanes is not None else (None, ())
    failed = frame["error"].notna().to_numpy(np.bool_) if "error" in frame.columns else None
    if failed is not None and not failed.any():
        failed = None

    row: Ints | None = None
    if spans_only and has is not None:
        row = np.flatnonzero(has)
    if len(ts) > 1 and not bool(np.all(ts[1:] >= ts[:-1])):
        kept = ts if row is None else ts[row]
        order = np.argsort(kept, kind="stable")
        row = order if row is None else row[order]

    def take(values: Any) -> Any:
        return values if row is None or values is None else values[row]

    return Events(
        frame_rows=len(ts),
        row=row,
        origin=origin,
        extent=extent,
        ts=take(ts),
        dur=take(dur),
        spans=None if spans_only or has is None else take(has),
        code=take(code),
        names=names,
        lane=take(lane),
        lanes=lane_names,
        failed=take(failed),
        dropped=len(ts) - len(ts if row is None else row),
    )


def column(frame: pd.DataFrame, name: str) -> Ints:
    """Read a column of whole numbers that may not be missing.

    Examples
    --------
    >>> import pandas as pd
    >>> column(pd.DataFrame({"ts": [1, 2]}), "ts").tolist()
    [1, 2]
    """
    series = _series(frame, name)
    if not len(series):
        return np.empty(0, np.int64)
    if series.dtype.kind not in "iu" or series.hasnans:
        raise TypeError(
            f"column {name!r} holds {series.dtype}, with or without gaps, where a plot needs whole "
            "nanoseconds: frames of this kit have int64 there; arithmetic or a merge may have "
            "made it something else"
        )
    values: Ints = series.to_numpy(np.int64)
    return values


def optional(frame: pd.DataFrame, name: str) -> tuple[Ints, Bools | None]:
    """Read a column of whole numbers in which some may be missing.

    Returns
    -------
    values : array of int64
        0 where missing.
    has : array of bool, or None
        Where there is a value; None when everywhere.

    Examples
    --------
    >>> import pandas as pd
    >>> dur, has = optional(pd.DataFrame({"dur": pd.array([5, None], dtype="Int64")}), "dur")
    >>> dur.tolist(), has.tolist()
    ([5, 0], [True, False])
    """
    series = _series(frame, name)
    if len(series) and series.isna().all():
        return np.zeros(len(series), np.int64), np.zeros(len(series), np.bool_)
    if series.dtype.kind not in "iu":
        if not len(series):
            return np.empty(0, np.int64), None
        raise TypeError(
            f"column {name!r} holds {series.dtype} where a plot needs whole nanoseconds: use "
            "int64, or Int64 where some events have none"
        )
    if not series.hasnans:
        return series.to_numpy(np.int64), None
    has = series.notna().to_numpy(np.bool_)
    return series.to_numpy(np.int64, na_value=0), has


def labels(frame: pd.DataFrame, name: str) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """Read a column of names, as codes and the names.

    Parameters
    ----------
    frame : pandas.DataFrame
    name : str
        A column; ``marker`` may be absent, then all events are of one kind.

    Returns
    -------
    codes : array of int32
    names : tuple of str

    Examples
    --------
    >>> import pandas as pd
    >>> codes, names = labels(pd.DataFrame({"tid": [7, 9, 7]}), "tid")
    >>> codes.tolist(), names
    ([0, 1, 0], ('7', '9'))
    """
    if name == "marker" and name not in frame.columns:
        return np.zeros(len(frame), np.int32), ("events",)
    series = _series(frame, name)
    categories = series if hasattr(series, "cat") else series.astype("category")
    codes = categories.cat.codes.to_numpy(np.int32)
    names = tuple(str(value) for value in categories.cat.categories)
    if len(codes) and codes.min() < 0:  # missing: a lane of its own, last
        codes = np.where(codes < 0, len(names), codes).astype(np.int32)
        names = (*names, MISSING_LANE)
    return codes, names


def thread_names(frame: pd.DataFrame) -> dict[str, str]:
    """Names of threads, as far as they tell threads apart.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``frame.attrs["threads"]`` has the names by ``str(tid)``, if the frame was recorded.

    Returns
    -------
    dict of str to str
        By ``str(tid)``; names that several threads have are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame()
    >>> frame.attrs["threads"] = {"1": "MainThread", "2": "worker", "3": "worker"}
    >>> thread_names(frame)
    {'1': 'MainThread'}
    """
    names = {str(tid): str(name) for tid, name in frame.attrs.get("threads", {}).items()}
    seen = list(names.values())
    return {tid: name for tid, name in names.items() if name and seen.count(name) == 1}


def natural(name: str) -> tuple[bool, int, str]:
    """Key to sort lanes by: numbers by value, then names.

    Examples
    --------
    >>> sorted(["worker", "10", "9"], key=natural)
    ['9', '10', 'worker']
    """
    is_number = name.isdecimal()
    return (not is_number, int(name) if is_number else 0, name)


MISSING_LANE = "(none)"
"""The lane of events that name none: code outside any task, for example."""


def _series(frame: pd.DataFrame, name: str) -> Any:
    if name not in frame.columns:
        have = ", ".join(str(c) for c in frame.columns) or "none at all"
        raise ValueError(f"a plot needs a column {name!r}; this frame has: {have}")
    return frame[name]
