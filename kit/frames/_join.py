"""Several frames of one recording → one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from pandas.api.types import union_categoricals

from kit.errors import FrameError
from kit.frames._schema import CATEGORIES, FRAMES, check, kind_of
from kit.frames._values import column

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["join"]


def join(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put frames of events together that one recorder gave, one after the other.

    Parameters
    ----------
    frames : sequence of pandas.DataFrame
        Such as ``drain`` or a stream returns, oldest first. A later one may have further columns.

    Returns
    -------
    pandas.DataFrame
        All events, sorted by ``ts``. In its attrs, counts of what a recorder goes on counting are
        the last frame's; those of what did not fit are added up.

    Raises
    ------
    FrameError
        When there is no frame, or a column has two types.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("doc.frames.joined", qty=int)
    >>> with kit.record("doc.frames.joined") as recorder:
    ...     fill(1)
    ...     first = recorder.drain()
    ...     fill(2)
    >>> join([first, recorder.drain()])["qty"].tolist()
    [1, 2]
    """
    if not frames:
        raise FrameError("there is no frame to join")
    if len(frames) == 1:
        return frames[0]
    context = [name for frame in frames for name in frame.attrs.get("context", ())]
    common = [each.name for each in FRAMES["events"][:-1]] + list(dict.fromkeys(context)) + ["seq"]
    names = dict.fromkeys(name for frame in frames for name in frame.columns)
    ordered = [name for name in common if name in names]
    ordered += [name for name in names if name not in ordered]
    joined = pd.DataFrame({name: _column(name, frames) for name in ordered}, copy=False)
    joined = joined.sort_values("ts", kind="stable", ignore_index=True)
    joined.attrs = _attrs([frame.attrs for frame in frames])
    return check(joined, "events")


def _column(name: str, frames: Sequence[pd.DataFrame]) -> Any:
    kinds = {kind_of(frame[name].dtype) for frame in frames if name in frame.columns}
    if kinds == {"stamp", "int"} and name == "dur":
        kinds = {"int"}
    if len(kinds) > 1:
        raise FrameError(
            f"column {name!r} is {' and '.join(sorted(map(str, kinds)))} in frames of one "
            "recording, so one frame cannot hold both; ask for one marker's frame"
        )
    (kind,) = kinds
    if kind is None:
        raise FrameError(f"column {name!r} has a type that no frame of the kit has")
    parts = [
        frame[name] if name in frame.columns else pd.Series(column(kind, [], len(frame)))
        for frame in frames
    ]
    if kind == "label":
        union = union_categoricals([part.array for part in parts])
        categories = pd.Index(union.categories, dtype=CATEGORIES)
        return pd.Categorical.from_codes(union.codes, categories=categories)
    if name == "dur" and kind == "int":
        parts = [part.astype("Int64") for part in parts]
    return pd.concat(parts, ignore_index=True).array


def _attrs(every: list[dict[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = dict(every[-1])
    found["started"] = every[0].get("started")
    for key in ("threads", "formats", "lost", "overwritten", "filtered", "skipped"):
        merged: dict[Any, Any] = {}
        for attrs in every:
            merged.update(attrs.get(key, {}))
        found[key] = merged
    # Counted from the beginning, too. The last file may not say of which markers, or not of all.
    named: dict[str, int] = {}
    for attrs in every:
        named.update(attrs.get("failed", {}))
    named.pop("*", None)
    rest = sum(every[-1].get("failed", {}).values()) - sum(named.values())
    found["failed"] = {**named, "*": rest} if rest > 0 else named
    found["spans"] = list(dict.fromkeys(name for attrs in every for name in attrs.get("spans", ())))
    for key in ("misfits", "cut"):
        total: dict[str, dict[str, int]] = {}
        for attrs in every:
            for marker, counts in attrs.get(key, {}).items():
                of = total.setdefault(marker, {})
                for field, count in counts.items():
                    of[field] = of.get(field, 0) + count
        found[key] = total
    return found
