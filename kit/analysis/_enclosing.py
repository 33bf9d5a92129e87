"""What one event happened inside of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kit.analysis._groups import numbers, require, stamps
from kit.errors import FrameError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["enclosing"]


def enclosing(frame: pd.DataFrame, index: Any) -> pd.DataFrame:
    """Return the spans that one event happened inside of, the outermost first.

    A span encloses an event when it began no later and ended no earlier, on the same thread (where
    the frame has ``tid``) and in the same task (where it has ``task``).

    Parameters
    ----------
    frame : pandas.DataFrame
        Events: ``ts`` and ``dur`` in ns.
    index : label
        Of one row, as in ``frame.loc[index]``; an event without a duration has a place, too.

    Returns
    -------
    pandas.DataFrame
        Rows of the frame, with their labels.

    Raises
    ------
    FrameError
        When a column is missing, or not exactly one row has the label.

    Examples
    --------
    >>> import pandas as pd
    >>> spans = {"ts": [10, 12, 14], "dur": [50, 20, 5], "marker": ["request", "query", "lock"]}
    >>> enclosing(pd.DataFrame(spans), 2).marker.tolist()
    ['request', 'query']
    """
    require(frame, ["ts", "dur"], "enclosing")
    try:
        at = frame.index.get_loc(index)
    except KeyError:
        raise FrameError(f"enclosing: no row of the frame has the label {index!r}") from None
    if not isinstance(at, int):
        raise FrameError(
            f"enclosing: several rows have the label {index!r}; number them anew, with "
            "frame.reset_index(drop=True)"
        )
    begin = stamps(frame, "enclosing")
    dur, is_span = numbers(frame, "dur", "enclosing")
    end = begin + np.where(is_span, dur, 0)
    around = is_span & (begin <= begin[at]) & (end >= end[at])
    for column in ("tid", "task"):
        if column in frame.columns:
            values, own = frame[column], frame[column].iloc[at]
            missing = values.isna().to_numpy(np.bool_)
            same = (values == own).to_numpy(np.bool_, na_value=False)
            around &= missing if missing[at] else same
    places = np.arange(len(frame))
    # Of two spans of the same time the one that was completed later encloses the other.
    completed = frame["seq"].to_numpy() if "seq" in frame.columns else -places
    alike = (begin == begin[at]) & (end == end[at])
    around &= ~alike | (completed > completed[at])
    found = np.flatnonzero(around)
    return frame.iloc[found[np.lexsort((-completed[found], -end[found], begin[found]))]]
