"""A panel's state as what the page draws: plain text and small numbers, ready for JSON.

All formatting is done here, so that the page only has to put text into place; it never makes HTML
out of what a program has named or recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kit.plots import theme, units
from kit.probes.ready import Count, Print, Time
from kit.widgets.wiring import same

if TYPE_CHECKING:
    from kit.markers import Connection, Marker
    from kit.widgets.choices import Choice
    from kit.widgets.state import PanelState
    from kit.widgets.wiring import Closure

__all__ = ["show"]

MOST_ROWS: Final = 200
"""How many markers are listed at once; the filter finds the others."""

LATEST: Final = 40
"""How many events the table holds."""

_LONGEST: Final = 80


def show(state: PanelState, *, events: bool = True) -> dict[str, Any]:
    """Describe a panel.

    Parameters
    ----------
    state : PanelState
    events : bool
        Include the newest events.

    Returns
    -------
    dict
        Of str, numbers, lists and dicts.

    Examples
    --------
    >>> from kit.widgets.state import PanelState
    >>> shown = show(PanelState("show.nothing.*"))
    >>> shown["state"], shown["rows"]
    ('none', [])
    """
    with state.lock:
        markers = state.markers()
        rows = [_row(state, marker) for marker in markers[:MOST_ROWS]]
        shown: dict[str, Any] = {
            **_header(state, markers),
            "pattern": state.pattern,
            "filter": state.filter,
            "rows": rows,
            "hidden": len(markers) - len(rows),
            "palette": [_legend(state, choice, markers) for choice in state.palette],
            "functions": [
                {"key": key, "label": choice.label, "hint": choice.hint}
                for key, choice in state.own.items()
            ],
            "undo": state.wiring.undoable,
            "message": state.message,
        }
        if events:
            shown["latest"] = latest(state)
            shown["printed"] = _printed(state)
    return shown


# The header.


def _header(state: PanelState, markers: list[Marker]) -> dict[str, Any]:
    recorder = state.recording.recorder
    events, lost = len(recorder), recorder.lost
    stopped = "off" if events or state.recording.started else "none"
    rates = [state.rates.of(marker.name) for marker in markers if marker.fanout]
    rate = sum(each for each in rates if each is not None)
    return {
        "state": "on" if state.running else stopped,
        "events": units.count(events),
        "room": f"room for {recorder.capacity:,} events",
        "lost": units.count(lost),
        "late": lost > 0,
        "overwritten": units.count(recorder.overwritten) if recorder.overwritten else "",
        "rate": units.rate(rate) if rates else units.MISSING,
        "overhead": _overhead(state, markers),
    }


def _overhead(state: PanelState, markers: list[Marker]) -> str:
    if state.costs is None:
        return units.MISSING
    share, complete = 0.0, True
    for marker in markers:
        keys = [_key_of(state, marker, connection) for connection in marker.probes]
        one, known = state.costs.overhead(state.rates.of(marker.name) or 0.0, keys)
        share, complete = share + one, complete and known
    # An estimate: more digits would claim more than it knows.
    text = f"{100 * share:.{2 if share < 1e-2 else 1}f} %" if share >= 5e-5 else "0 %"
    return text if complete else f"≥ {text}"


def _key_of(state: PanelState, marker: Marker, connection: Connection) -> str:
    for choice in state.palette:
        if state.wiring.connection((marker.name, choice.key)) is connection:
            return choice.key
    return ""


def _legend(state: PanelState, choice: Choice, markers: list[Marker]) -> dict[str, Any]:
    on = [m for m in markers if _connected(state.wiring.connection((m.name, choice.key)))]
    return {
        "key": choice.key,
        "label": choice.label,
        "hint": choice.hint,
        "color": theme.color_of(choice.label),
        "on": len(on),
        "of": len(markers),
    }


def _connected(connection: Connection | None) -> bool:
    return connection is not None and connection.connected


# A marker.


def _row(state: PanelState, marker: Marker) -> dict[str, Any]:
    history = state.rates.history(marker.name)
    most = max(history, default=0.0)
    rate = state.rates.of(marker.name) if marker.fanout else None
    return {
        "name": marker.name,
        "fields": ("span: " if _is_span(marker) else "") + str(marker.format),
        "where": f"{marker.module}:{marker.line}",
        "rate": units.MISSING if rate is None else units.rate(rate),
        "spark": [round(100 * each / most) if most else 0 for each in history],
        "most": units.rate(most),
        "fired": units.count(marker.fired),
        "fanout": marker.fanout,
        "skipped": marker.skipped,
        "dots": _dots(state, marker),
    }


def _is_span(marker: Marker) -> bool:
    return marker.format is not None and marker.format.is_span


def _dots(state: PanelState, marker: Marker) -> list[dict[str, Any]]:
    others = dict(state.wiring.others(marker))
    parted: dict[str, Closure] = {
        key: closure for (name, key), closure in state.wiring.parted.items() if name == marker.name
    }
    dots = []
    for choice in state.palette:
        connection = state.wiring.connection((marker.name, choice.key))
        key = choice.key
        if not _connected(connection):
            # The program's own connection of this function stands in its place.
            there: dict[str, Connection | Closure] = {**others, **parted}
            for other, found in there.items():
                if same(found, choice):
                    key, connection = other, others.pop(other, None)
                    parted.pop(other, None)
                    break
        dots.append(_dot(state, key, choice.label, choice.hint, connection, choice.misfit(marker)))
    hint = "connected by the program itself"
    dots += [_dot(state, key, c.label, hint, c, "") for key, c in others.items()]
    dots += [_dot(state, key, _label(c), hint, None, "") for key, c in parted.items()]
    return dots


def _label(closure: Closure) -> str:
    name = closure.name or getattr(closure.probe, "kit_label", None)
    return str(name or getattr(closure.probe, "__name__", type(closure.probe).__name__))


def _dot(
    state: PanelState,
    key: str,
    label: str,
    hint: str,
    connection: Connection | None,
    misfit: str,
) -> dict[str, Any]:
    dot: dict[str, Any] = {
        "key": key,
        "label": label,
        "hint": hint,
        "color": theme.color_of(label),
        "on": _connected(connection),
        "misfit": misfit,
    }
    if connection is None:
        return dot
    costs = {} if state.costs is None else state.costs.probes
    dot["calls"] = units.count(connection.calls)
    dot["cost"] = units.duration(costs.get(key))
    dot["note"], dot["more"] = _note(connection.probe, connection.calls)
    if connection.errors:
        dot["errors"] = units.count(connection.errors)
        dot["error"] = units.plain(connection.first_error or "")[:300]
    if not connection.connected and connection.state.startswith("off"):
        dot["off"] = connection.state
    return dot


def _note(probe: object, calls: int) -> tuple[str, str]:
    """Say what a ready-made probe has found, in short and in full."""
    if isinstance(probe, Count) and probe.value != calls:
        return f"{probe.value:,} since cleared", ""
    if isinstance(probe, Time) and probe.count:
        shares = {f"p{100 * share:g}": probe.quantile(share) for share in (0.5, 0.9, 0.99, 0.999)}
        full = [f"{name} ≤ {units.duration(ns)}" for name, ns in shares.items()]
        return full[2], "\n".join((*full, f"max {units.duration(probe.longest)}"))
    if isinstance(probe, Print) and probe.omitted:
        return f"{probe.omitted:,} not printed", ""
    return "", ""


# The events.


def latest(state: PanelState) -> list[list[str]]:
    """Describe the newest events, the newest first.

    Returns
    -------
    list of [time, marker, thread, duration, fields]
        All text; the time in seconds since recording began.
    """
    capture = state.recording.capture(LATEST)
    rows = [(row, thread.name) for thread in capture.threads for row in thread.rows]
    rows.sort(key=lambda item: item[0][0], reverse=True)
    described = []
    for row, thread_name in rows[:LATEST]:
        ts, code, args = row[:3]
        info = capture.markers[code]
        took, error = ("", None)
        if info.format.is_span:
            took, error, args = units.duration(args[0]), args[1], args[2:]
        fields = " ".join(
            f"{name}={_value(value)}" for name, value in zip(info.format.names, args, strict=False)
        )
        described.append(
            [
                f"{(ts - capture.started) / 1e9:,.6f}",
                info.name,
                units.short(thread_name, 18),
                took,
                f"{fields} {error}" if error else fields,
            ]
        )
    return described


def _printed(state: PanelState) -> list[str]:
    lines = []
    for connection in state.wiring.mine.values():
        if isinstance(connection.probe, Print):
            lines += [units.plain(line) for line in list(connection.probe.lines)[-LATEST:]]
    return lines[-LATEST:]


def _value(value: object) -> str:
    if isinstance(value, float):
        return _number(value)
    try:
        text = units.plain(value if isinstance(value, str) else repr(value))
    except Exception:  # noqa: BLE001 - whatever a program's object does when it is looked at
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _number(value: float) -> str:
    """Write a recorded number in full, but never with an exponent."""
    text = f"{value:.6g}"
    if "e" in text:
        text = f"{value:,.0f}" if abs(value) >= 1 else f"{value:.12f}".rstrip("0").rstrip(".")
    return text
