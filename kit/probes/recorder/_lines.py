"""A line a marker for notebooks: how many events, how often, how long, and their distribution."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from kit.probes._text import duration, rate
from kit.probes.captures._capture import frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.probes.captures._capture import Capture
    from kit.probes.recorder._recorder import Recorder

__all__ = ["MOST_EVENTS", "lines"]

MOST_EVENTS: Final = 2_000_000
"""Of how many events of each thread, the newest, the lines tell."""

MOST_LINES: Final = 30

BARS: Final = 40
WIDTH, HEIGHT = 4 * BARS, 18

_LEFT: Final = ' style="text-align:left"'


def lines(recorder: Recorder) -> str:
    """Return the table in HTML; empty without events, or where pandas is not installed."""
    held = len(recorder)
    if not held:
        return ""
    try:
        timings = frames("_build").timings
    except ImportError:
        return ""
    many = held > MOST_EVENTS
    capture: Capture = recorder._newest(MOST_EVENTS) if many else recorder._frozen()
    frame = timings(capture)
    found = frame.kit.summary().sort_values("count", ascending=False, kind="stable")
    shown = found.head(MOST_LINES)
    pictures, low, high = _pictures(frame, shown)
    head = ("events", "rate", "of", "p50", "p99", "max")
    cells = "".join(f"<th{_LEFT if each == 'of' else ''}>{each}</th>" for each in head)
    scale = f"<th{_LEFT}>{duration(low)} – {duration(high)}</th>" if high else ""
    body = "".join(
        _line(row, picture) for row, picture in zip(shown.itertuples(), pictures, strict=True)
    )
    notes = [f"and {len(found) - len(shown):,} more markers"] if len(found) > len(shown) else []
    notes += [f"of the newest {len(frame):,} of {held:,} events"] if many else []
    return (
        '<table style="font-variant-numeric:tabular-nums;text-align:right">'
        f"<thead><tr><th{_LEFT}>marker</th>{cells}{scale}</tr></thead><tbody>{body}</tbody></table>"
        + (f"<p>{'; '.join(notes)}</p>" if notes else "")
    )


def _line(row: Any, picture: str) -> str:
    took = map(duration, (row.p50, row.p99, row.max))
    texts = (f"{row.count:,}", rate(row.rate), row.of, *took)
    cells = "".join(
        f"<td{_LEFT if column == 2 else ''}>{text}</td>" for column, text in enumerate(texts)
    )
    return f"<tr><th{_LEFT}>{escape(row.marker)}</th>{cells}<td>{picture}</td></tr>"


def _pictures(frame: Any, shown: Any) -> tuple[list[str], int, int]:
    """Draw the durations or gaps of each marker, all on one axis: log time, and its ends in ns."""
    import numpy as np

    points = set(shown.loc[shown["of"] == "gap", "marker"])
    gaps = frame[frame["marker"].isin(points)].kit.gaps()
    spans = frame[frame["dur"].notna() & frame["marker"].isin(shown["marker"])]
    code = np.concatenate([part["marker"].cat.codes for part in (gaps, spans)]).astype(np.int64)
    took = np.concatenate([part["dur"].to_numpy(np.int64) for part in (gaps, spans)])
    if not len(took):
        return [""] * len(shown), 0, 0
    low, high = int(took.min()), int(took.max())
    logs = np.log(np.maximum(took, 1))
    first, step = logs.min(), max(float(np.ptp(logs)), 1e-9) / BARS
    bars = np.minimum(((logs - first) / step).astype(np.int64), BARS - 1)
    names = [*frame["marker"].cat.categories]
    flat = np.bincount(code * BARS + bars, minlength=len(names) * BARS)
    counts = [flat.reshape(-1, BARS)[names.index(row.marker)] for row in shown.itertuples()]
    texts = [
        f"{row.of}s of {row.marker}: p50 {duration(row.p50)}, p99 {duration(row.p99)}"
        for row in shown.itertuples()
    ]
    pairs = zip(counts, texts, strict=True)
    return [_bars(each.tolist(), text) for each, text in pairs], low, high


def _bars(counts: Sequence[int], text: str) -> str:
    """Draw a histogram in the colour of the text around it, so that every theme shows it."""
    most = max(counts, default=0)
    if not most:
        return ""
    # Something is never drawn as nothing.
    tall = [max(1.0, round(HEIGHT * each / most, 1)) if each else 0 for each in counts]
    path = "".join(
        f"M{4 * place} {HEIGHT}v-{each:g}h3v{each:g}z" for place, each in enumerate(tall) if each
    )
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'style="vertical-align:middle"><title>{escape(text)}</title>'
        f'<path d="{path}" fill="currentColor" fill-opacity="0.7"/></svg>'
    )
