"""Events to look through: those kept, as frames; and the newest ones, as rows of a recorder.

A table of a million events is made when the reader stops to look, never for an update.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from kit.plots import units
from kit.plots._events import MISSING_LANE, labels, optional

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from kit.plots._selection import Brush
    from kit.probes.captures._capture import Capture
    from kit.probes.filters.condition import Condition

    Ints = NDArray[np.int64]

__all__ = ["SORTS", "Event", "EventTable", "newest", "table_of", "value_text"]

COMMON: Final = ("ts", "dur", "marker", "error", "tid", "seq")
"""Columns of an event that are no fields of its marker."""

SORTS: Final = ("time", "-time", "dur", "-dur", "marker", "-marker")
"""By what a table can be sorted; with ``-`` the greatest first."""

LONGEST: Final = 80
"""How many characters of a value are shown in a table."""


class Event(NamedTuple):
    """An event, ready to be written out.

    Attributes
    ----------
    key : str
        Tells it apart: of a table ``r`` and its row, of a recorder thread and number.
    ts : int
        ns.
    dur : int or None
    marker, thread : str
    error : str or None
    fields : dict of str to object
        The context, too, where it is there.
    """

    key: str
    ts: int
    dur: int | None
    marker: str
    thread: str
    error: str | None
    fields: dict[str, Any]

    def value(self, name: str) -> Any:
        """Return what a name in a condition stands for; None where it is missing."""
        if name in self.fields:
            return self.fields[name]
        if name == "tid":
            return int(self.key.partition(":")[0])
        known = {"marker", "dur", "error", "thread", "ts"}
        return getattr(self, name) if name in known else None


def newest(capture: Capture, focus: Collection[str] | None = None) -> list[Event]:
    """Return the events of a recorder's rows, the newest first.

    Parameters
    ----------
    capture : Capture
        Of few events: each becomes an object.
    focus : collection of str, optional
        Names of markers; by default all.

    Returns
    -------
    list of Event
    """
    infos, context = capture.markers, capture.context
    wanted = [focus is None or info.name in focus for info in infos]
    found = [
        (row, thread, thread.first_seq + number)
        for thread in capture.threads
        for number, row in enumerate(thread.rows)
        if wanted[row[1]]
    ]
    found.sort(key=lambda item: item[0][0], reverse=True)
    events = []
    for row, thread, seq in found:
        ts, code, args = row[:3]
        info, dur, error = infos[code], None, None
        if info.format.is_span:
            dur, error, args = args[0], args[1], args[2:]
        fields = dict(zip(info.format.names, args, strict=False))
        if context:
            further = zip(context, row[3], strict=True)
            fields |= {name: value for name, value in further if value is not None}
        key = f"{thread.tid}:{seq}"
        events.append(Event(key, ts, dur, info.name, thread.name, error, fields))
    return events


@dataclass(frozen=True, slots=True, eq=False)
class EventTable:
    """Events that are kept, those of different markers in frames of their own.

    Attributes
    ----------
    parts : tuple of pandas.DataFrame
        Of one marker each, or of markers whose fields do not clash.
    frame : pandas.DataFrame
        All of them, by time, with the columns that all events have; and ``task``, where it is
        known.
    part, place : numpy.ndarray of int64
        Of which part each row of the frame is, and where in it.
    origin : int
        The stamp that is time 0.
    sources : mapping of str to str
        By marker, ``module:line`` of its declaration.

    Examples
    --------
    >>> import pandas as pd
    >>> fills = pd.DataFrame({"ts": [0, 30], "marker": "fill", "tid": 7, "seq": [0, 2], "qty": 3})
    >>> commits = pd.DataFrame({"ts": [10], "dur": 9, "marker": "commit", "tid": 7, "seq": 1})
    >>> table = table_of([fills, commits])
    >>> table.frame["marker"].tolist(), table.order("-dur").tolist()
    (['fill', 'commit', 'fill'], [1, 0, 2])
    >>> [event.fields for event in table.events([0, 1])]
    [{'qty': 3}, {}]
    """

    parts: tuple[pd.DataFrame, ...]
    frame: pd.DataFrame
    part: Ints
    place: Ints
    origin: int
    sources: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def markers(self) -> tuple[str, ...]:
        """tuple of str : the markers that have events."""
        codes, names = labels(self.frame, "marker")
        return tuple(names[code] for code in np.unique(codes).tolist())

    def parts_of(self, focus: Collection[str] | None = None) -> list[pd.DataFrame]:
        """Return the parts with events of some markers, or of all; only these events."""
        if focus is None:
            return list(self.parts)
        kept = [part[part["marker"].isin(focus).to_numpy(np.bool_)] for part in self.parts]
        return [part for part in kept if len(part)]

    def fields(self, focus: Collection[str] | None = None) -> list[str]:
        """Return the columns that events have besides those that all have, and values in them."""
        return list(
            dict.fromkeys(
                str(name)
                for part in self.parts_of(focus)
                for name in part.columns
                if name not in COMMON and part[name].notna().any()
            )
        )

    def chosen(
        self,
        condition: Condition | None = None,
        brush: Brush | None = None,
        focus: Collection[str] | None = None,
    ) -> Ints:
        """Return the rows that meet a condition, are brushed and of some markers, by time.

        Parameters
        ----------
        condition : Condition, optional
            What a marker has no field for is missing.
        brush : Brush, optional
        focus : collection of str, optional
            Names of markers.
        """
        chosen = np.ones(len(self), np.bool_)
        if focus is not None:
            codes, names = labels(self.frame, "marker")
            chosen &= np.array([name in focus for name in names] or [True], np.bool_)[codes]
        if brush is not None:
            chosen &= brush.mask(self.with_column(brush.lanes[0]) if brush.lanes else self.frame)
        if condition is not None:
            from kit.analysis import _where

            met = [_where.meeting(part, condition)[0] for part in self.parts]
            starts = np.cumsum([0, *map(len, met)])
            chosen &= np.concatenate([*met, []]).astype(np.bool_)[starts[self.part] + self.place]
        return np.flatnonzero(chosen)

    def order(self, sort: str, rows: Ints | None = None) -> Ints:
        """Sort rows.

        Parameters
        ----------
        sort : str
            One of `SORTS`; rows that are alike stay in the order of time. What has no duration
            comes last.
        rows : numpy.ndarray of int64, optional
            By default all.
        """
        rows = np.arange(len(self)) if rows is None else rows
        by, sign = sort.lstrip("-"), -1 if sort.startswith("-") else 1
        if by == "time":
            return rows[::sign]
        if by == "marker":
            codes, names = labels(self.frame, "marker")
            rank = np.argsort(np.argsort(np.array(names, dtype=object)))
            return rows[np.argsort(sign * rank[codes[rows]], kind="stable")]
        dur, has = optional(self.frame, "dur")
        keys = [sign * dur[rows]] if has is None else [sign * dur[rows], ~has[rows]]
        return rows[np.lexsort(keys)]

    def column(self, name: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Return a column of all events as codes and names; ``(none)`` where there is no value."""
        if name in self.frame:
            return labels(self.frame, name)
        return _joined(self.parts, name, self.part, self.place)

    def with_column(self, name: str) -> pd.DataFrame:
        """Return the frame with a column of some markers, as text, for lanes and colours."""
        if name in self.frame:
            return self.frame
        return self.frame.assign(**{name: _categorical(*self.column(name))})

    def events(self, rows: Sequence[int] | Ints) -> list[Event]:
        """Return some rows as events, in the order given.

        Parameters
        ----------
        rows : sequence of int
            Positions in the frame: few, for each becomes an object.
        """
        rows = np.asarray(rows, np.int64)
        found: dict[int, Event] = {}
        threads = self.frame.attrs.get("threads", {})
        for number in np.unique(self.part[rows]).tolist():
            own = rows[self.part[rows] == number]
            records = _records(self.parts[number].iloc[self.place[own]])
            for row, record in zip(own.tolist(), records, strict=True):
                found[row] = _event(row, record, threads)
        return [found[row] for row in rows.tolist()]

    def find(self, key: str) -> int | None:
        """Return the row of an event, by its key; None where it is not kept any more."""
        if key.startswith("r"):
            number = key[1:]
            row = int(number) if number.isdecimal() and len(number) < 16 else -1
            return row if 0 <= row < len(self) else None
        tid, _, seq = key.partition(":")
        if not (tid.isdecimal() and seq.isdecimal()):
            return None
        frame = self.frame
        at = np.flatnonzero(
            (frame["tid"].to_numpy() == int(tid)) & (frame["seq"].to_numpy() == int(seq))
        )
        return int(at[0]) if len(at) else None


def table_of(
    parts: Sequence[pd.DataFrame],
    sources: Mapping[str, str] | None = None,
    origin: int | None = None,
) -> EventTable:
    """Put frames of events together.

    Parameters
    ----------
    parts : sequence of pandas.DataFrame
    sources : mapping of str to str, optional
        By marker, where it was declared.
    origin : int, optional
        Time 0; by default the first stamp.

    Returns
    -------
    EventTable
    """
    import pandas as pd

    kept = [part for part in parts if len(part)]
    sizes = [len(part) for part in kept]
    none = np.empty(0, np.int64)
    ts = np.concatenate([none, *(part["ts"].to_numpy(np.int64) for part in kept)])
    order = np.argsort(ts, kind="stable")
    part = np.repeat(np.arange(len(kept)), sizes)[order]
    place = np.concatenate([none, *map(np.arange, sizes)]).astype(np.int64)[order]
    columns: dict[str, Any] = {"ts": ts[order]}
    columns["dur"] = _durations(kept, order)
    columns["marker"] = _categorical(*_joined(kept, "marker", part, place))
    for name in ("error", "task"):
        if any(name in each for each in kept):
            columns[name] = _categorical(*_joined(kept, name, part, place))
    for name in ("tid", "seq"):
        if all(name in each for each in kept):
            found = [each[name].to_numpy(np.int64) for each in kept]
            columns[name] = np.concatenate([none, *found])[order]
    frame = pd.DataFrame(columns, copy=False)
    frame.attrs["threads"] = {
        str(tid): str(name) for each in parts for tid, name in each.attrs.get("threads", {}).items()
    }
    first = int(frame["ts"].iloc[0]) if len(frame) else 0
    return EventTable(
        tuple(kept), frame, part, place, first if origin is None else origin, sources or {}
    )


def _durations(parts: Sequence[pd.DataFrame], order: Ints) -> Any:
    """Return whole numbers, missing where a marker is no span."""
    import pandas as pd

    values, there = [np.empty(0, np.int64)], [np.empty(0, np.bool_)]
    for part in parts:
        dur, has = (
            optional(part, "dur")
            if "dur" in part
            else (np.zeros(len(part), np.int64), np.zeros(len(part), np.bool_))
        )
        values.append(dur)
        there.append(np.ones(len(part), np.bool_) if has is None else has)
    dur, missing = np.concatenate(values)[order], ~np.concatenate(there)[order]
    return pd.arrays.IntegerArray(dur, missing) if missing.any() else dur


def _joined(
    parts: Sequence[pd.DataFrame], name: str, part: Ints, place: Ints
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return a column of all parts as codes and names."""
    number: dict[str, int] = {}
    codes = [np.empty(0, np.int32)]
    for each in parts:
        own, names = labels(each, name) if name in each else (np.zeros(len(each), np.int32), None)
        known = np.array(
            [number.setdefault(text, len(number)) for text in names or (MISSING_LANE,)], np.int32
        )
        codes.append(known[own])
    starts = np.cumsum([0, *map(len, parts)])[:-1] if len(parts) else np.zeros(1, np.int64)
    joined = np.concatenate(codes)
    return (joined[starts[part] + place] if len(joined) else joined), tuple(number)


def _categorical(codes: NDArray[np.int32], names: Sequence[str]) -> Any:
    import pandas as pd

    shown = [name for name in names if name != MISSING_LANE]
    places = {name: number for number, name in enumerate(shown)}
    kept = np.array([places.get(name, -1) for name in names] or [-1], np.int32)
    return pd.Categorical.from_codes(kept[codes], categories=pd.Index(shown, dtype=object))


def _records(part: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as Python's own objects, None where a value is missing."""
    from kit.analysis import _where

    columns = {str(name): _where.values(part[name]) for name in part.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _event(row: int, record: dict[str, Any], threads: Mapping[str, str]) -> Event:
    tid = str(record.get("tid", ""))
    # In a frame of several markers, what is missing may be no field of this one.
    fields = {n: v for n, v in record.items() if n not in COMMON and v is not None}
    error = record.get("error")
    return Event(
        f"r{row}",
        record["ts"],
        record.get("dur"),
        str(record.get("marker", "")),
        threads.get(tid, tid),
        None if error is None else str(error),
        fields,
    )


def value_text(value: object, limit: int = LONGEST) -> str:
    """Write a recorded value in one line.

    Examples
    --------
    >>> value_text(0.5), value_text("two words"), value_text(None), value_text(1e-7)
    ('0.5', 'two words', 'None', '0.0000001')
    """
    if isinstance(value, float):
        return _number(value)
    if value is ...:
        return "<does not fit>"  # the recorder in C keeps no objects
    try:
        text = units.plain(value if isinstance(value, str) else repr(value))
    except Exception:  # noqa: BLE001 - whatever a program's object does when it is looked at
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else f"{text[:limit]}…"


def _number(value: float) -> str:
    """Write a recorded number in full, but never with an exponent."""
    text = f"{value:.6g}"
    if "e" in text:
        text = f"{value:,.0f}" if abs(value) >= 1 else f"{value:.12f}".rstrip("0").rstrip(".")
    return text
