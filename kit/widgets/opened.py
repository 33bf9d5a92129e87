"""What was saved, opened again for a panel: the frames of its tabs, and what else there was."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kit.errors import FrameError
from kit.plots import units
from kit.probes.recorder._recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd

    from kit.probes.aggregates import Table

__all__ = ["LATEST", "Opened", "apart", "latest", "open_saved", "together"]

LATEST: Final = 40
"""How many events a panel's table holds."""

_COMMON: Final = ("ts", "dur", "marker", "tid", "seq")


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """What was saved.

    Attributes
    ----------
    kept : Recording or SavedSession
        What `kit.open` returned.
    title : str
        What and how much it is.
    events : pandas.DataFrame
        Of all recorders; with the columns that all have, where their fields clash.
    dispatches, probe_calls, publications : pandas.DataFrame
    aggregates : tuple of Table
    latest : list of list of str
        The newest events, as text.
    facts : list of list of str
        What is in it: name, how much, what it is.
    """

    kept: Any
    title: str
    events: pd.DataFrame
    dispatches: pd.DataFrame
    probe_calls: pd.DataFrame
    publications: pd.DataFrame
    aggregates: tuple[Table, ...]
    latest: list[list[str]]
    facts: list[list[str]]


def open_saved(path: Path) -> Opened:
    """Open a session's folder, or a file that was saved.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    Opened

    Raises
    ------
    CaptureError
        Where it is none, or damaged.
    OSError
        Where it cannot be read.
    """
    from kit import frames

    kept: Any = frames.open(path)
    is_session = isinstance(kept, frames.SavedSession)
    recorders: dict[str, dict[str, str]] = {"": {}}
    if is_session:
        recorders = {name: {"recorder": name} for name, files in kept.files.items() if files}
    found = {
        name: apart(partial(kept.events, **of), list(kept.markers(**of)["marker"].astype(str)))
        for name, of in recorders.items()
    }
    parts = [part for each in found.values() for part in each]
    # What is shown where there is no recorder, and so no file of events.
    nothing = Recorder("*", 1, "discard", (), dispatches=False).snapshot()
    every = together(parts or [frames.events(nothing)])
    observed = {
        what: together(
            [getattr(kept, what)(**of) for of in recorders.values()]
            or [getattr(frames, what)(nothing)]
        )
        for what in ("dispatches", "probe_calls", "publications")
    }
    aggregates = kept.aggregates if is_session else {}
    state = (
        ""
        if not is_session or kept.complete
        else ", still running or not stopped in an orderly way"
    )
    facts = []
    for name, each in found.items():
        names = {marker for part in each for marker in part["marker"].astype(str).unique()}
        facts.append([name, f"{sum(map(len, each)):,} events", f"record on {len(names):,} markers"])
    facts += [
        [name, f"{table.count:,} events", f"aggregate of {table.title}"]
        for name, table in aggregates.items()
    ]
    if is_session:
        facts += [_trigger(name, told) for name, told in kept.triggers.items()]
        facts += [[each.path.name, "unfinished", each.why] for each in kept.unfinished]
    return Opened(
        kept,
        f"{path}: {len(every):,} events{state}",
        every,
        observed["dispatches"],
        observed["probe_calls"],
        observed["publications"],
        tuple(aggregates.values()),
        latest(parts),
        facts,
    )


def _trigger(name: str, told: dict[str, Any]) -> list[str]:
    fired, last = told["fired"], ""
    if told["firings"]:
        values = told["firings"][-1]["values"].items()
        last = ", " + ", ".join(f"{key} {units.short(text, 24)}" for key, text in values)
    when = f"trigger when {told['when']}" if told["when"] else f"trigger on {told['pattern']}"
    return [name, f"fired {fired:,}×{last}" if fired else "never fired", when]


def apart(
    events: Callable[[str | None], pd.DataFrame], markers: Sequence[str]
) -> list[pd.DataFrame]:
    """Return the events of all markers in one frame; in one for each where their fields clash.

    Parameters
    ----------
    events : callable
        Returns the events of a marker, by name; of all for None.
    markers : sequence of str

    Returns
    -------
    list of pandas.DataFrame
    """
    try:
        return [events(None)]
    except FrameError:
        return [events(name) for name in dict.fromkeys(markers)]


def together(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Put frames together, sorted by time.

    Events have the columns that all events have; other frames keep theirs.
    """
    import pandas as pd

    if len(parts) == 1:
        return parts[0]
    if all("seq" in part and "probe" not in part for part in parts):
        common = [name for name in _COMMON if any(name in part for part in parts)]
        parts = [part.reindex(columns=common) for part in parts]
        if "dur" in common:  # missing where there is none, and a whole number elsewhere
            parts = [part.astype({"dur": "Int64"}) for part in parts]
    parts = [part for part in parts if len(part)] or parts[:1]
    whole = pd.concat(parts, ignore_index=True)
    whole = whole.sort_values("ts", kind="stable", ignore_index=True)
    whole.attrs["threads"] = _threads(parts)
    return whole


def latest(parts: Sequence[pd.DataFrame]) -> list[list[str]]:
    """Describe the newest events of frames, the newest first.

    Parameters
    ----------
    parts : sequence of pandas.DataFrame

    Returns
    -------
    list of [time, marker, thread, duration, fields]
        All text; the time in seconds since the first event.

    Examples
    --------
    >>> import pandas as pd
    >>> latest([pd.DataFrame({"ts": [0, 5_000], "dur": 1, "marker": "a", "tid": 7, "qty": 3})])
    [['0.000005', 'a', '7', '1 ns', 'qty=3'], ['0.000000', 'a', '7', '1 ns', 'qty=3']]
    """
    origin = min((int(part["ts"].iloc[0]) for part in parts if len(part)), default=0)
    found = [row for part in parts for row in part.tail(LATEST).to_dict("records")]
    found.sort(key=lambda row: row["ts"], reverse=True)
    threads = _threads(parts)
    return [_described(row, origin, threads) for row in found[:LATEST]]


def _threads(parts: Sequence[pd.DataFrame]) -> dict[str, str]:
    """Return the names of threads."""
    found = (part.attrs.get("threads", {}).items() for part in parts)
    return {str(tid): units.short(str(name), 18) for each in found for tid, name in each}


def _described(row: dict[Any, Any], origin: int, threads: dict[str, str]) -> list[str]:
    import pandas as pd

    took = row.get("dur")
    fields = {name: value for name, value in row.items() if name not in _COMMON}
    return [
        f"{(row['ts'] - origin) / 1e9:,.6f}",
        str(row["marker"]),
        threads.get(str(row.get("tid", "")), str(row.get("tid", ""))),
        "" if took is None or pd.isna(took) else units.duration(int(took)),
        " ".join(
            f"{name}={units.short(str(value), 80)}"
            for name, value in fields.items()
            if not pd.isna(value)
        ),
    ]
