"""One event in full: its fields, its source line, and the spans that it happened inside of."""

from __future__ import annotations

import linecache
import sys
from typing import TYPE_CHECKING, Any, Final

from kit.plots import units
from kit.widgets._panel.event_table import value_text

if TYPE_CHECKING:
    from kit.widgets._panel.event_table import EventTable

__all__ = ["describe", "source_text"]

LONGEST: Final = 4_000
"""How many characters of one value are shown."""

MOST_AROUND: Final = 30
"""How many enclosing spans are shown: the innermost."""


def describe(table: EventTable, row: int, *, code: bool = True) -> dict[str, Any]:
    """Describe an event for the page.

    Parameters
    ----------
    table : EventTable
    row : int
        Its position in the table's frame.
    code : bool
        Whether to show the text of its source line: what was saved may be of other code.

    Returns
    -------
    dict
        Of text: ``key, marker, where, source, facts`` (name and value), ``fields`` (name and
        value) and ``around``, the spans that enclose it, the outermost first (key, marker,
        duration, when the event began since the span did).
    """
    from kit import analysis

    [event] = table.events([row])
    where = table.sources.get(event.marker, "")
    facts = [["at", units.instant(event.ts - table.origin)]]
    if event.dur is not None:
        facts.insert(0, ["took", units.exact(event.dur)])
    facts.append(["thread", _thread(event.thread, table.frame, row)])
    fields = dict(event.fields)
    if "task" in table.frame and (task := fields.pop("task", None)) is not None:
        facts.append(["task", value_text(task, LONGEST)])
    if event.error is not None:
        facts.append(["error", value_text(event.error, LONGEST)])
    around = analysis.enclosing(table.frame, row).tail(MOST_AROUND)
    spans = zip(around.index, around["marker"], around["dur"], around["ts"], strict=True)
    return {
        "key": f"r{row}",
        "marker": units.plain(event.marker),
        "where": where,
        "source": source_text(where) if code else "",
        "facts": facts,
        "fields": [[name, value_text(value, LONGEST)] for name, value in fields.items()],
        "around": [
            [
                f"r{place}",
                units.plain(str(marker)),
                units.duration(int(dur)),
                f"{units.duration(event.ts - int(ts))} before",
            ]
            for place, marker, dur, ts in spans
        ],
    }


def _thread(name: str, frame: Any, row: int) -> str:
    if "tid" not in frame:
        return name
    tid = str(frame["tid"].iloc[row])
    return tid if name == tid else f"{units.plain(name)} ({tid})"


def source_text(where: str) -> str:
    """Return the text of a line of a module that is loaded; empty where nobody knows it.

    Parameters
    ----------
    where : str
        ``module:line``.

    Examples
    --------
    >>> source_text(f"{source_text.__module__}:1").startswith('\"\"\"One event in full')
    True
    >>> source_text("nothing.of.that.name:3")
    ''
    """
    module, _, line = where.rpartition(":")
    file = getattr(sys.modules.get(module), "__file__", None)
    if not isinstance(file, str) or not line.isdecimal():
        return ""
    return linecache.getline(file, int(line)).strip()[:200]
