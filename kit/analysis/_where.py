"""Rows that meet a condition: the same text that a connection takes as ``when=``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kit.frames._attrs import thread_names
from kit.probes.filters.condition import Condition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["known", "meeting", "values", "where"]


def where(frame: pd.DataFrame, condition: str) -> pd.DataFrame:
    """Return the rows that meet a condition.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any frame; the names in the condition are its columns. Where threads are known, ``thread``
        is a name, too.
    condition : str
        As a connection takes it, for example ``"px > 10 and sym == 'ACME'"``; see
        `kit.probes.filters.condition`. It means the same here: evaluated row by row, a row with a
        missing value or one that cannot be compared does not meet it.

    Returns
    -------
    pandas.DataFrame
        Those rows, numbered anew, with the frame's attrs. ``attrs["unjudged"]`` says for how many
        rows the condition could not be evaluated, if for any.

    Raises
    ------
    ConditionError
        When the condition cannot be understood, or names something that is not a column.

    Examples
    --------
    >>> frame = pd.DataFrame({"px": [9.5, 10.5], "sym": ["ACME", "ACME"]})
    >>> where(frame, "px > 10 and sym like 'AC*'").index.tolist()
    [0]
    """
    parsed = Condition(condition)
    parsed.check(_columns(frame), "the frame")
    chosen, unjudged = meeting(frame, parsed)
    result = frame[chosen].reset_index(drop=True)
    if unjudged:
        result.attrs = {**result.attrs, "unjudged": unjudged}
    return result


def meeting(frame: pd.DataFrame, parsed: Condition) -> tuple[NDArray[np.bool_], int]:
    """Tell which rows meet a condition, and how many could not be judged.

    Parameters
    ----------
    frame : pandas.DataFrame
    parsed : Condition
        A name in it that the frame has not is missing in every row.

    Returns
    -------
    chosen : numpy.ndarray of bool
    unjudged : int
    """
    columns = _columns(frame)
    fields = [name for name in parsed.names if name in columns]
    met = parsed.function(fields)
    chosen = np.zeros(len(frame), np.bool_)
    unjudged = 0
    lists = [values(columns[name]()) for name in fields]
    if not lists:  # what is so of one row is so of all
        try:
            chosen[:] = met(())
        except Exception:  # noqa: BLE001 - as below
            unjudged = len(frame)
        return chosen, unjudged
    rows: Iterator[tuple[Any, ...]] = zip(*lists, strict=True)
    for number, row in enumerate(rows):
        try:
            chosen[number] = met(row)
        except Exception:  # noqa: BLE001 - whatever the values' own operators raise
            unjudged += 1
    return chosen, unjudged


def known(frame: pd.DataFrame) -> list[str]:
    """Return the names that a condition on a frame can have.

    Examples
    --------
    >>> known(pd.DataFrame({"ts": [1], "ts_": [2.0]}))
    ['ts', 'ts_']
    """
    return list(_columns(frame))


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    """What each name stands for: a column, also without the underscore that keeps it apart."""
    found: dict[str, Any] = {str(name): (lambda name=name: frame[name]) for name in frame.columns}
    for name in list(found):
        if name.endswith("_"):
            found.setdefault(name.rstrip("_"), found[name])
    if "tid" in frame.columns and frame.attrs.get("threads"):
        found.setdefault("thread", lambda: frame["tid"].map(thread_names(frame)))
    return found


def values(column: pd.Series[Any]) -> list[Any]:
    """Return a column as Python's own objects, None where a value is missing."""
    if isinstance(column.dtype, np.dtype):
        values: list[Any] = column.tolist()
        if column.dtype.kind == "O":
            return [None if value is pd.NA else value for value in values]
        return values
    missing = column.isna().to_numpy(np.bool_)
    if isinstance(column.dtype, pd.Float64Dtype):
        # A NaN that was recorded is a value like any other; a missing one is masked.
        missing = np.asarray(column.array._mask)
        values = column.array._data.tolist()
    else:
        values = column.astype(object).tolist()
    if not missing.any():
        return values
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]
