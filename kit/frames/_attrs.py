"""What a frame carries besides its rows: where, when and how it was recorded, and what is missing.

``frame.attrs`` holds plain JSON data, so it survives copies, `pandas.concat` of frames of one
capture, and Parquet:

==============================  ================================================================
key                             value
==============================  ================================================================
``clock``                       ``"monotonic"``
``wall``                        nanoseconds to add to a stamp for the time since 1970 UTC
``started``, ``stopped``        stamps; ``stopped`` is None while the recorder runs
``host``, ``pid``, ``python``   the process
``capacity``, ``mode``          the recorder's
``context``                     the names of the context columns
``threads``                     thread names by ``str(tid)``; the operating system may give a
                                tid again, then the names are joined by commas
``lost``, ``overwritten``       events that are not in the frame, by ``str(tid)`` and marker
``kept_from``                   by ``str(tid)``, where older events gave way to newer ones: the
                                stamp of the first that is kept, in order of completion
``filtered``                    events that were kept back, by marker and reason
``skipped``                     by marker, events that arose while the recorder was writing another
                                on that thread: a garbage collection, a signal, a ``__del__``
``failed``                      by marker, events that could not be recorded, for whatever else: no
                                memory, a signal handler that raised, strict mode; ``"*"``: of
                                which markers, nobody has noted
``lost_dispatches``             dispatches that found no room, or gave way to newer ones
``damaged``                     of a recorder's file, what could not be read: ``events``, ``bytes``,
                                ``pieces``, ``entries``, ``sums``; only where something could not
``formats``, ``spans``          of the markers in the frame: format strings by name; which are spans
``misfits``, ``cut``            by marker and column: values that did not fit their field and are
                                missing here, texts that were too long and are cut here
==============================  ================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from kit.errors import FrameError
from kit.frames._values import name_text
from kit.probes._validation import COUNT, COUNTS, PLAIN, STAMP, TEXT, TID, Maybe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kit.probes.captures._capture import Capture, Row

__all__ = ["ATTRS", "capture_attrs", "per_marker", "thread_names", "wall_time"]

ATTRS: Final[dict[Any, Any]] = {
    "clock?": TEXT,
    "wall?": STAMP,
    "started?": Maybe(STAMP),
    "stopped?": Maybe(STAMP),
    "host?": TEXT,
    "pid?": STAMP,
    "python?": TEXT,
    "capacity?": COUNT,
    "mode?": TEXT,
    "context?": [TEXT],
    "threads?": {TID: TEXT},
    "lost?": {TEXT: COUNTS},
    "overwritten?": {TEXT: COUNTS},
    "kept_from?": {TID: STAMP},
    "filtered?": {TEXT: COUNTS},
    "skipped?": COUNTS,
    "failed?": COUNTS,
    "lost_dispatches?": COUNT,
    "damaged?": COUNTS,
    "formats?": {TEXT: TEXT},
    "spans?": [TEXT],
    "misfits?": {TEXT: COUNTS},
    "cut?": {TEXT: COUNTS},
    ...: PLAIN,
}
"""What attrs are in a file. A frame may have lost some of them, and have others of its user's."""


def capture_attrs(capture: Capture) -> dict[Any, Any]:
    """The attrs that all five frames of a capture share.

    Returns
    -------
    dict
        Plain JSON data.
    """
    shown = name_text(capture.filtered)
    names: dict[str, list[str]] = {}
    lost: dict[str, dict[str, int]] = {}
    overwritten: dict[str, dict[str, int]] = {}
    for thread in capture.threads:
        tid = str(thread.tid)
        seen = names.setdefault(tid, [])
        seen += [name for name in name_text([thread.name]) if name not in seen]
        for total, counts in ((lost, thread.lost), (overwritten, thread.overwritten)):
            of_thread = total.setdefault(tid, {})
            for name, count in zip(name_text(counts), counts.values(), strict=True):
                of_thread[name] = of_thread.get(name, 0) + count
    kept_from: dict[str, int] = {}
    for thread in capture.threads:
        if any(thread.overwritten.values()) and len(thread.rows):
            tid, first = str(thread.tid), _first_stamp(thread.rows)
            kept_from[tid] = max(first, kept_from.get(tid, first))
    if capture.lost_elsewhere:
        lost.setdefault("*", {})["*"] = capture.lost_elsewhere
    return {
        "clock": "monotonic",
        "wall": capture.wall,
        "started": capture.started,
        "stopped": capture.stopped,
        "host": capture.host,
        "pid": capture.pid,
        "python": capture.python,
        "capacity": capture.capacity,
        "mode": capture.mode,
        "context": list(capture.context),
        "threads": {tid: ", ".join(seen) for tid, seen in names.items()},
        "lost": {tid: counts for tid, counts in lost.items() if any(counts.values())},
        "overwritten": {tid: counts for tid, counts in overwritten.items() if any(counts.values())},
        **({"kept_from": kept_from} if kept_from else {}),
        "filtered": dict(zip(shown, capture.filtered.values(), strict=True)),
        "skipped": _by_name(capture.skipped),
        "failed": _by_name(capture.failed),
        "lost_dispatches": capture.lost_dispatches,
        **({"damaged": capture.damaged} if capture.damaged else {}),
    }


def _first_stamp(rows: Sequence[Row]) -> int:
    blocks = getattr(rows, "blocks", None)
    # A row of blocks would make objects of all.
    stamp: int = rows[0][0] if blocks is None else blocks.first
    return stamp


def _by_name(counts: dict[str, int]) -> dict[str, int]:
    shown = zip(name_text(counts), counts.values(), strict=True)
    return {name: count for name, count in shown if count}


def thread_names(frame: pd.DataFrame) -> dict[int, str]:
    """The names of the threads of a frame.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any of the five frames, with its attrs.

    Returns
    -------
    dict of int to str
        By tid.

    Examples
    --------
    >>> frame = pd.DataFrame()
    >>> frame.attrs["threads"] = {"17": "MainThread"}
    >>> thread_names(frame)
    {17: 'MainThread'}
    """
    return {int(tid): name for tid, name in frame.attrs.get("threads", {}).items()}


def wall_time(frame: pd.DataFrame, column: str = "ts") -> pd.Series[pd.Timestamp]:
    """The time of day of each row.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any frame with stamps and with its attrs.
    column : str
        The column with the stamps.

    Returns
    -------
    pandas.Series of datetime64[ns, UTC]
        The monotonic stamps moved by the one offset that was taken with the capture: a clock that
        was set meanwhile does not show.

    Raises
    ------
    FrameError
        When the frame has no such column, or lost its attrs.

    Examples
    --------
    >>> frame = pd.DataFrame({"ts": [1]})
    >>> frame.attrs["wall"] = 1_700_000_000_000_000_000
    >>> str(wall_time(frame)[0])
    '2023-11-14 22:13:20.000000001+00:00'
    """
    if column not in frame.columns:
        raise FrameError(f"column {column!r} is missing; name a column with stamps, such as 'ts'")
    if "wall" not in frame.attrs:
        raise FrameError(
            "the frame has no attrs['wall'], which says what time its clock began; copy "
            "attrs from the frame as recorded: frame.attrs.update(recorded.attrs)"
        )
    stamps = frame[column] + int(frame.attrs["wall"])
    return pd.to_datetime(stamps, unit="ns", utc=True)


def per_marker(counts: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    """Add up counts by marker and column, leaving out zeros.

    Parameters
    ----------
    counts : iterable of (marker, column, count)

    Returns
    -------
    dict of str to dict of str to int
    """
    total: dict[str, dict[str, int]] = {}
    for marker, column, count in counts:
        if count:
            of_marker = total.setdefault(marker, {})
            of_marker[column] = of_marker.get(column, 0) + count
    return total
