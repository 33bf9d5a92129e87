"""The five frames: their columns, order and dtypes, declared once and checked at every boundary.

=============  ==============================  =================================================
frame          one row is                      columns
=============  ==============================  =================================================
events         a recorded firing               ``ts, dur, marker, error, tid``, context, ``seq``,
                                               payload
dispatches     one dispatch                    ``ts, dur, marker, generation, fanout, errors,
                                               tid, seq``
probe_calls    one probe called in a dispatch  ``ts, dur, marker, probe, position, dispatch,
                                               error, tid``
publications   one change of a probe array     ``ts, marker, action, probe, generation, fanout,
                                               grace, tid``
markers        a marker                        ``marker, fields, span, module, line, fanout,
                                               generation, fired``
=============  ==============================  =================================================

Rows are numbered by a `pandas.RangeIndex` and sorted by ``ts`` (rows of equal stamp stay in the
order of threads, and within a thread of completion). ``ts``, ``dur`` and ``grace`` are integer
nanoseconds on the monotonic clock. A span's ``ts`` is its start.

No dtype depends on the data. ``dur`` is plain ``int64`` in the frame of a span, and ``Int64`` in
the frame of several markers, where markers without a duration have none; such a frame always has
``dur`` and ``error``. The frame of a single marker that is no span has neither. Missing is always
``NA``: in payload ``Int64``, ``Float64`` (a recorded NaN stays NaN and is not missing), ``boolean``
and ``string``; categorical columns show it as NaN, as pandas does. A payload field with the name of
a common column is given a trailing underscore: a field ``ts`` is the column ``ts_``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
import pandas as pd

from kit.core._format import Label
from kit.errors import FrameError
from kit.probes._context import context_type
from kit.probes._values import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pandas.api.extensions import ExtensionDtype

__all__ = [
    "ACTIONS",
    "CATEGORIES",
    "CONTEXT",
    "DTYPES",
    "FIELD_KINDS",
    "FRAMES",
    "KINDS_OF",
    "Column",
    "Dur",
    "FrameKind",
    "Kind",
    "check",
    "context_columns",
    "context_kinds",
    "event_columns",
    "kind_of",
]

Kind: TypeAlias = Literal["stamp", "int", "float", "bool", "str", "label"]
FrameKind: TypeAlias = Literal["events", "dispatches", "probe_calls", "publications", "markers"]

CATEGORIES: Final = pd.StringDtype("pyarrow", na_value=np.nan)
"""The dtype of the categories of every categorical column, however few there are."""

DTYPES: Final[dict[Kind, np.dtype[np.int64] | ExtensionDtype]] = {
    "stamp": np.dtype(np.int64),
    "int": pd.Int64Dtype(),
    "float": pd.Float64Dtype(),
    "bool": pd.BooleanDtype(),
    "str": pd.StringDtype("pyarrow", na_value=pd.NA),
    "label": pd.CategoricalDtype(pd.Index([], dtype=CATEGORIES)),
}

FIELD_KINDS: Final[dict[type, Kind]] = {
    int: "int",
    float: "float",
    bool: "bool",
    str: "str",
    Label: "label",
}

KINDS_OF: Final[dict[str, Kind]] = {KINDS[type]: kind for type, kind in FIELD_KINDS.items()}
"""By the letter that a recorder has for them."""

ACTIONS: Final = ("connect", "disconnect", "replace", "declare", "batch", "error-limit", "limit")
"""The categories that the column ``action`` of a publications frame always has."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name and its kind, a key of `DTYPES`."""

    name: str
    kind: Kind


def _columns(**kinds: Kind) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name, kind in kinds.items())


FRAMES: Final[dict[FrameKind, tuple[Column, ...]]] = {
    "events": _columns(
        ts="stamp", dur="int", marker="label", error="label", tid="stamp", seq="stamp"
    ),
    "dispatches": _columns(
        ts="stamp",
        dur="stamp",
        marker="label",
        generation="stamp",
        fanout="stamp",
        errors="stamp",
        tid="stamp",
        seq="stamp",
    ),
    "probe_calls": _columns(
        ts="stamp",
        dur="stamp",
        marker="label",
        probe="label",
        position="stamp",
        dispatch="stamp",
        error="label",
        tid="stamp",
    ),
    "publications": _columns(
        ts="stamp",
        marker="label",
        action="label",
        probe="label",
        generation="stamp",
        fanout="stamp",
        grace="int",
        tid="stamp",
    ),
    "markers": _columns(
        marker="label",
        fields="str",
        span="bool",
        module="str",
        line="int",
        fanout="stamp",
        generation="stamp",
        fired="stamp",
    ),
}

CONTEXT: Final[dict[str, Kind]] = {
    "cpu": "int",
    "function": "label",
    "line": "int",
    "memory": "int",
    "process": "int",
    "task": "label",
    "thread": "label",
}
"""The kinds of the context columns that the kit knows; one that a program has registered has the
kind that it was registered with, and in a saved capture that of the column."""

Dur: TypeAlias = Literal["stamp", "int"] | None


def context_kinds(names: Iterable[str]) -> dict[str, Kind]:
    """The kinds of a recorder's context fields.

    Parameters
    ----------
    names : iterable of str, or mapping of str to kind
        Of a mapping, the kinds are those that it says.

    Returns
    -------
    dict of str to str
        A field that nobody has registered in this process is text.
    """
    if isinstance(names, Mapping):
        return dict(names)
    kinds: dict[str, Kind] = {}
    for name in names:
        registered = context_type(name)
        kinds[name] = CONTEXT.get(name) or FIELD_KINDS.get(registered or str, "str")
    return kinds


def context_columns(names: Iterable[str]) -> tuple[Column, ...]:
    """The columns of context fields, given by name or with their kinds."""
    kinds = names if isinstance(names, Mapping) else context_kinds(names)
    return tuple(Column(name, kind) for name, kind in kinds.items())


def event_columns(dur: Dur, context: Iterable[str] = ()) -> tuple[Column, ...]:
    """The common columns of an events frame.

    Parameters
    ----------
    dur : {"stamp", "int", None}
        The kind of the ``dur`` column; None for a frame without ``dur`` and ``error``.
    context : iterable of str, or mapping of str to kind
        The names of the context columns.

    Returns
    -------
    tuple of Column

    Examples
    --------
    >>> [column.name for column in event_columns(None, ["task"])]
    ['ts', 'marker', 'tid', 'task', 'seq']
    """
    ts, duration, marker, error, tid, seq = FRAMES["events"]
    timed = () if dur is None else (Column(duration.name, dur),)
    failed = () if dur is None else (error,)
    return (ts, *timed, marker, *failed, tid, *context_columns(context), seq)


def kind_of(dtype: object) -> Kind | None:
    """The kind of column that has a dtype.

    Parameters
    ----------
    dtype : dtype
        Of pandas or NumPy.

    Returns
    -------
    str or None
        A key of `DTYPES`; None for a dtype that no frame of the kit has.
    """
    if isinstance(dtype, pd.CategoricalDtype):
        return "label" if dtype.categories.dtype == CATEGORIES and not dtype.ordered else None
    return next((kind for kind, known in DTYPES.items() if dtype == known), None)


_LABELS: Final = "an unordered category of text"
_REMEDIES: Final[Mapping[Kind, str]] = {
    "stamp": "frame[{0!r}].astype('int64')",
    "int": "frame[{0!r}].astype('Int64')",
    "float": "frame[{0!r}].astype('Float64')",
    "bool": "frame[{0!r}].astype('boolean')",
    "str": "frame[{0!r}].astype('string[pyarrow]')",
    "label": "frame[{0!r}].astype('str').astype('category')",
}


def check(frame: pd.DataFrame, kind: FrameKind) -> pd.DataFrame:
    """Check that a frame is what its kind declares.

    Parameters
    ----------
    frame : pandas.DataFrame
    kind : {"events", "dispatches", "probe_calls", "publications", "markers"}

    Returns
    -------
    pandas.DataFrame
        The frame itself.

    Raises
    ------
    FrameError
        Names the first column that is missing, misplaced or of another dtype, and the remedy.

    Examples
    --------
    >>> check(pd.DataFrame({"ts": [1]}), "dispatches")
    Traceback (most recent call last):
    kit.errors.FrameError: dispatches frame: column 'dur' is missing; ...
    """
    _check_shape(frame, kind)
    # Asked for at once: pandas copies the attrs along with each column that is taken out.
    dtypes: dict[Any, Any] = dict(zip(frame.columns, frame.dtypes, strict=True))
    wanted = _expected(frame, kind, dtypes)
    for position, column in enumerate(wanted):
        if column.name not in dtypes:
            raise FrameError(
                f"{kind} frame: column {column.name!r} is missing; take the frame as it was "
                f"recorded, or add the column as {DTYPES[column.kind]}"
            )
        dtype = dtypes[column.name]
        if kind_of(dtype) != column.kind:
            remedy = _REMEDIES[column.kind].format(column.name)
            wanted_dtype = _LABELS if column.kind == "label" else DTYPES[column.kind]
            raise FrameError(
                f"{kind} frame: column {column.name!r} is {dtype}, not {wanted_dtype}; "
                f"convert it with {remedy}"
            )
        if frame.columns[position] != column.name:
            order = [column.name for column in wanted]
            raise FrameError(
                f"{kind} frame: column {column.name!r} is not in its place; put the common columns "
                f"first, in the order {', '.join(order)}"
            )
    _check_rest(kind, {name: dtypes[name] for name in frame.columns[len(wanted) :]})
    if "ts" in dtypes and not frame["ts"].is_monotonic_increasing:
        raise FrameError(
            f"{kind} frame: column 'ts' is not sorted; use "
            "frame.sort_values('ts', kind='stable', ignore_index=True)"
        )
    return frame


def _check_shape(frame: pd.DataFrame, kind: FrameKind) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise FrameError(f"{kind} frame: got {type(frame).__name__}, not a pandas DataFrame")
    index = frame.index
    if not isinstance(index, pd.RangeIndex) or (index.start, index.step) != (0, 1):
        raise FrameError(
            f"{kind} frame: the index is not 0, 1, 2, ...; use frame.reset_index(drop=True)"
        )
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise FrameError(f"{kind} frame: column {repeated[0]!r} occurs twice; rename or drop one")


def _expected(frame: pd.DataFrame, kind: FrameKind, dtypes: dict[Any, Any]) -> tuple[Column, ...]:
    if kind != "events":
        return FRAMES[kind]
    dur: Dur = None
    if "dur" in dtypes or "error" in dtypes:
        dur = "stamp" if kind_of(dtypes.get("dur")) == "stamp" else "int"
    context = frame.attrs.get("context", ())
    kinds = context_kinds(name for name in context if name in dtypes)
    # What a program has registered elsewhere is of the kind that it has here.
    kinds |= {
        name: kind_of(dtypes[name]) or kind for name, kind in kinds.items() if name not in CONTEXT
    }
    return event_columns(dur, kinds)


def _check_rest(kind: FrameKind, dtypes: dict[Any, Any]) -> None:
    for name, dtype in dtypes.items():
        if kind != "events":
            raise FrameError(f"{kind} frame: column {name!r} is not part of it; drop it")
        if not isinstance(name, str):
            raise FrameError(f"events frame: column {name!r} has no text as its name; rename it")
        if kind_of(dtype) in (None, "stamp"):
            raise FrameError(
                f"events frame: payload column {name!r} is {dtype}; convert it to "
                f"Int64, Float64, boolean, string[pyarrow] or {_LABELS}, or drop it"
            )
