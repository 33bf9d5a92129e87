"""A recorder as text and as a table: what ``repr`` and a notebook show of it."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from kit.probes._text import html_table
from kit.probes._values import fields_text
from kit.probes.captures._capture import missing_text
from kit.probes.recorder._lines import lines

if TYPE_CHECKING:
    from kit.probes.recorder._recorder import Recorder

__all__ = ["held", "html", "missing", "text"]


def text(recorder: Recorder) -> str:
    """Return it in one line."""
    state = "running" if recorder.running else "stopped"
    where = "" if recorder.path is None else f", in {os.fspath(recorder.path)}"
    return (
        f"<Recorder of {', '.join(recorder.patterns)}: {state}, "
        f"{held(recorder)}{missing(recorder)}{where}>"
    )


def held(recorder: Recorder) -> str:
    """Say how many events it holds, and how many it keeps.

    A flight recorder keeps the newest events of each thread, and so more than it was asked for.
    """
    held, room = f"{len(recorder):,}", f"{recorder.capacity:,}"
    if recorder.mode == "discard":
        return f"{held} of {room} events"
    return f"{held} events, keeps at least the newest {room}"


def missing(recorder: Recorder) -> str:
    """Say what is missing, for the end of a line; nothing where nothing is."""
    return missing_text(
        recorder.lost,
        recorder.overwritten,
        recorder.skipped,
        recorder.lost_dispatches,
        recorder.failed,
        sum(each.number for each in recorder._sink.misfits()),
    )


def html(recorder: Recorder) -> str:
    """Return it as tables in HTML: what it is and what is missing, then a line a marker."""
    rows = [
        ("records", ", ".join(recorder.patterns)),
        ("state", "running" if recorder.running else "stopped"),
        ("events", held(recorder)),
        ("missing", missing(recorder).removeprefix(", ") or "none"),
    ]
    misfits = recorder._sink.misfits()
    if misfits:
        rows.append(("did not fit", fields_text(misfits)))
    if recorder.filtered:
        counts = Counter[str]()
        for reasons in recorder.filtered.values():
            counts.update(reasons)
        kept_back = (f"{count:,} by {reason}" for reason, count in counts.items())
        rows.append(("kept back", ", ".join(kept_back)))
    if recorder.path is not None:
        rows.append(("file", os.fspath(recorder.path)))
    return html_table(rows) + lines(recorder)
