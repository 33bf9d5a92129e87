"""What the analyses share: columns that are asked for, durations, and groups of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kit.errors import FrameError
from kit.frames._schema import CATEGORIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "By",
    "Groups",
    "group",
    "names",
    "numbers",
    "refuse_taken",
    "require",
    "stack",
    "stamps",
]

By = str | Iterable[str] | None
"""Names of columns to group by: one, several, or None for all rows together."""


def names(by: By) -> list[str]:
    """Column names as a list."""
    if by is None:
        return []
    return [by] if isinstance(by, str) else list(by)


def require(frame: pd.DataFrame, columns: Iterable[str], what: str) -> None:
    """Refuse a frame that lacks columns.

    Parameters
    ----------
    frame : pandas.DataFrame
    columns : iterable of str
    what : str
        Who asks, for the message.

    Raises
    ------
    FrameError
        Names the first missing column and those there are.
    """
    for name in columns:
        if name not in frame.columns:
            present = ", ".join(map(str, frame.columns)) or "none"
            raise FrameError(
                f"{what}: the frame has no column {name!r}; its columns are: {present}"
            )


def refuse_taken(keys: Iterable[str], results: Iterable[str], what: str) -> None:
    """Refuse key columns that have the name of a column of the result.

    Parameters
    ----------
    keys, results : iterable of str
    what : str
        Who asks, for the message.

    Raises
    ------
    FrameError
        Names the column.
    """
    results = set(results)
    for name in keys:
        if name in results:
            raise FrameError(
                f"{what}: column {name!r} cannot be a key, because the result has a column of that "
                f"name; rename it first, with frame.rename(columns={{{name!r}: ...}})"
            )


def numbers(frame: pd.DataFrame, column: str, what: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A numeric column as plain values.

    Parameters
    ----------
    frame : pandas.DataFrame
    column : str
    what : str
        Who asks, for messages.

    Returns
    -------
    values : numpy.ndarray of int64 or float64
        Undefined where nothing is recorded.
    present : numpy.ndarray of bool
        False where the value is missing or NaN.

    Raises
    ------
    FrameError
        When there is no such column, or it is not numeric.
    """
    require(frame, [column], what)
    series = frame[column]
    kind = series.dtype.kind
    if kind not in "iuf":
        raise FrameError(
            f"{what}: column {column!r} is {series.dtype}, not numeric; name a column of numbers, "
            "such as 'dur'"
        )
    if kind == "f":
        values = series.to_numpy(np.float64, na_value=np.nan)
        return values, ~np.isnan(values)
    present = series.notna().to_numpy()
    return series.to_numpy(np.int64, na_value=0), present


def stamps(frame: pd.DataFrame, what: str) -> NDArray[np.int64]:
    """The time stamps of a frame, in whole nanoseconds; in any order.

    Parameters
    ----------
    frame : pandas.DataFrame
    what : str
        Who asks, for messages.

    Returns
    -------
    numpy.ndarray of int64

    Raises
    ------
    FrameError
        When there is no column ``ts``, one is missing, or they are no whole numbers of 64 bits.
    """
    require(frame, ["ts"], what)
    series = frame["ts"]
    if not len(series):
        return np.empty(0, np.int64)
    gone = int(series.isna().sum())
    if gone:
        raise FrameError(
            f"{what}: {gone:,} of {len(series):,} rows have no time stamp; leave them out, with "
            "frame.dropna(subset='ts')"
        )
    kind = getattr(series.dtype, "kind", "O")
    if kind == "M":
        raise FrameError(
            f"{what}: column 'ts' is {series.dtype}, and has to be whole nanoseconds; convert it "
            "with frame.assign(ts=frame['ts'].dt.as_unit('ns').astype('int64'))"
        )
    if kind not in "iu" or series.max() >= 1 << 63:
        raise FrameError(
            f"{what}: column 'ts' is {series.dtype}, and has to be whole nanoseconds of 64 bits; "
            "convert it with frame.astype({'ts': 'int64'})"
        )
    return series.to_numpy(np.int64)


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows put into groups.

    Attributes
    ----------
    number : numpy.ndarray of intp
        The group of each row.
    first : numpy.ndarray of intp
        A row of each group.
    """

    number: NDArray[np.intp]
    first: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.first)

    def keys(self, frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
        """The columns that say which group is which, one row a group, with their dtypes."""
        return frame[list(by)].iloc[self.first].reset_index(drop=True)


def group(frame: pd.DataFrame, by: Sequence[str], what: str) -> Groups:
    """Put rows of equal keys into one group.

    Missing is a key like any other, so no row is left out. Groups come in the order of their keys:
    categories in their own order, other values ascending, missing last.

    Parameters
    ----------
    frame : pandas.DataFrame
    by : sequence of str
        The key columns; none puts all rows into one group.
    what : str
        Who asks, for messages.

    Returns
    -------
    Groups
    """
    require(frame, by, what)
    combined = np.zeros(len(frame), np.int64)
    for name in by:
        series = frame[name]
        if isinstance(series.dtype, pd.CategoricalDtype):
            codes, count = series.cat.codes.to_numpy().astype(np.int64), len(series.cat.categories)
        else:
            codes, unique = pd.factorize(series, sort=True)
            codes, count = codes.astype(np.int64), len(unique)
        codes = np.where(codes < 0, count, codes)
        # Renumbered after each column, so that the product of many columns cannot overflow.
        combined = np.unique(combined * (count + 1) + codes, return_inverse=True)[1]
    _, first, number = np.unique(combined, return_index=True, return_inverse=True)
    return Groups(number, first)


def stack(a: pd.DataFrame, b: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Columns of two frames, one below the other; categorical columns stay so.

    Returns
    -------
    pandas.DataFrame
        The rows of ``a``, then those of ``b``. Categories are those of ``a``, then those only in
        ``b``.
    """
    stacked: dict[str, Any] = {}
    for name in columns:
        parts = [a[name].reset_index(drop=True), b[name].reset_index(drop=True)]
        if all(isinstance(part.dtype, pd.CategoricalDtype) for part in parts):
            categories = list(dict.fromkeys([*parts[0].cat.categories, *parts[1].cat.categories]))
            index = pd.Index(categories, dtype=CATEGORIES)
            parts = [part.cat.set_categories(index) for part in parts]
        stacked[name] = pd.concat(parts, ignore_index=True)
    return pd.DataFrame(stacked, index=pd.RangeIndex(len(a) + len(b)))
