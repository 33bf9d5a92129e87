"""A panel's state as what the page draws: plain text and small numbers, ready for JSON.

All formatting is done here, so that the page only has to put text into place; it never makes HTML
out of what a program has named or recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kit.plots import _theme as theme
from kit.plots import units
from kit.probes._basic import Count, Print, Time
from kit.probes._trigger import Trigger
from kit.probes._values import fields_text
from kit.probes.aggregates import Aggregate
from kit.probes.recorder._repr import held
from kit.widgets._panel.connections import same
from kit.widgets._panel.options import SAMPLINGS, keys, numbers
from kit.widgets._panel.overhead import OWN
from kit.widgets._panel.probe_choices import value_of
from kit.widgets._panel.sessions import LATEST
from kit.widgets._panel.trigger_actions import event

if TYPE_CHECKING:
    from kit.core import Connection, Marker
    from kit.widgets._panel.connections import Closure
    from kit.widgets._panel.probe_choices import ProbeChoice
    from kit.widgets._panel.state import PanelState


__all__ = ["connected", "dots", "show"]


def connected(connection: Connection | None) -> bool:
    """Tell whether a connection is there and dispatches call it."""
    return connection is not None and connection.connected


def dots(state: PanelState, marker: Marker) -> list[dict[str, Any]]:
    """Describe a marker's probes, those that could be connected among them.

    Parameters
    ----------
    state : PanelState
    marker : Marker

    Returns
    -------
    list of dict
        Of text and truth values, ready for JSON; first the choices in order, then what else the
        program has connected.
    """
    # Most markers of a large program are quiet: what is said of them stays the same.
    version = (state.version, marker.generation, marker.fired, marker.format)
    known = state.described.get(marker.name)
    if known is None or known[0] != version:
        known = state.described[marker.name] = (version, _describe(state, marker))
    return known[1]


def _describe(state: PanelState, marker: Marker) -> list[dict[str, Any]]:
    others = dict(state.connections.others(marker))
    parted: dict[str, Closure] = {
        key: closure
        for (name, key), closure in state.connections.parted.items()
        if name == marker.name
    }
    described = []
    for choice in state.choices:
        connection = state.connections.connection((marker.name, choice.key))
        key = choice.key
        if not connected(connection):
            # The program's own connection of this function stands in its place.
            there: dict[str, Connection | Closure] = {**others, **parted}
            for other, found in there.items():
                if same(found, choice):
                    key, connection = other, others.pop(other, None)
                    parted.pop(other, None)
                    break
        dot = _dot(state, key, choice.label, choice.hint, connection, choice.misfit(marker))
        if key == choice.key and key != "observe":
            dot |= _asked(state, marker, key)
        described.append(dot)
    for key, c in others.items():
        hint = "connected by the program itself" + (f", when {c.when}" if c.when else "")
        described.append(_dot(state, key, c.label, hint, c, ""))
    hint = "connected by the program itself"
    described += [_dot(state, key, _label(c), hint, None, "") for key, c in parted.items()]
    return described


def _asked(state: PanelState, marker: Marker, key: str) -> dict[str, Any]:
    """Describe what is asked of a probe, or can be."""
    asked = state.connections.asked_of((marker.name, key))
    wrong = state.wrong.get((marker.name, key))
    described: dict[str, Any] = {"when": asked.when, "often": asked.often}
    if wrong is not None:
        described |= {"when": wrong.text, "wrong": wrong.why, "at": wrong.position}
    if key == "aggregate":
        described |= {"value": value_of(marker, asked), "by": asked.by}
    if key == "trigger":
        described |= {"action": asked.action, "once": asked.once}
    return described


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
        "color": _shades(label),
        "on": connected(connection),
        "misfit": misfit,
    }
    if connection is None:
        return dot
    costs = {} if state.costs is None else state.costs.probes
    dot["calls"] = units.count(connection.calls)
    dot["cost"] = units.duration(costs.get(key))
    dot["note"], dot["more"] = _note(connection.probe, connection.calls)
    kept = connection.filtered_by
    if kept:
        dot["kept"], dot["reasons"] = _kept_back(kept)
        dot["throttled"] = "budget" in kept
    if connection.first_failure is not None:
        dot["error"] = units.plain(connection.first_failure)[:300]
        dot["errors"] = units.count(max(1, kept.get("failed", 0)))
    if connection.errors:
        dot["errors"] = units.count(connection.errors)
        dot["error"] = units.plain(connection.first_error or "")[:300]
    if not connection.connected and connection.state.startswith("off"):
        dot["off"] = connection.state
    return dot


def _shades(label: str) -> list[str]:
    """Give a probe's colours on a light and on a dark ground."""
    color = theme.probe_color_of(label)
    return [color, theme.TWINS[color]]


_REASONS: Final = {
    "condition": "did not meet the condition",
    "failed": "could not be compared",
    "every": "were between two that were let through",
    "per_second": "were too many in a second",
    "budget": "came when the budget was used up",
    "limit": "came after the limit",
}


def _kept_back(kept: dict[str, int]) -> tuple[str, str]:
    """Say how many events were kept back, in short and in full."""
    full = "\n".join(f"{count:,} {_REASONS.get(why, why)}" for why, count in kept.items())
    if "budget" in kept:
        return f"throttled: {units.count(kept['budget'])} left out", full
    return f"{units.count(sum(kept.values()))} kept back", full


def _note(probe: object, calls: int) -> tuple[str, str]:
    """Say what a ready-made probe has found, in short and in full."""
    if isinstance(probe, Trigger):
        if probe.last is None:
            return ("armed" if probe.armed else ""), ""
        times = "fired once" if probe.fired == 1 else f"fired {probe.fired:,} times"
        last = event(probe.last)
        return f"{times}: {last}", last
    if isinstance(probe, Aggregate) and probe.dropped:
        return f"{probe.dropped:,} dropped: more keys than {probe.plan.capacity:,}", ""
    if isinstance(probe, Count) and probe.value != calls:
        return f"{probe.value:,} since cleared", ""
    if isinstance(probe, Time) and probe.count:
        shares = {f"p{100 * share:g}": probe.quantile(share) for share in (0.5, 0.9, 0.99, 0.999)}
        full = [f"{name} ≤ {units.duration(ns)}" for name, ns in shares.items()]
        return full[2], "\n".join((*full, f"max {units.duration(probe.longest)}"))
    if isinstance(probe, Print) and probe.omitted:
        return f"{probe.omitted:,} not printed", ""
    return "", ""


MOST_ROWS: Final = 200
"""How many markers are listed at once; the filter finds the others."""

KEEPING: Final = (
    ("discard", 1_000_000),
    ("overwrite", 10_000),
    ("overwrite", 100_000),
)
"""Which events can be kept: modes and capacities of a recorder."""


def show(state: PanelState, *, events: bool = True, session: bool = True) -> dict[str, Any]:
    """Describe a panel.

    Parameters
    ----------
    state : PanelState
    events : bool
        Include what was printed.
    session : bool
        Include what is in the session.

    Returns
    -------
    dict
        Of str, numbers, lists and dicts.

    Examples
    --------
    >>> from kit.widgets._panel.state import PanelState
    >>> shown = show(PanelState("show.nothing.*"))
    >>> shown["state"], shown["rows"]
    ('none', [])
    """
    with state.lock:
        markers = state.markers()
        rows = [_row(state, marker) for marker in markers[:MOST_ROWS]]
        shown: dict[str, Any] = {
            **_header(state, markers),
            "pattern": state.listing.pattern,
            "filter": state.listing.filter,
            "chosen": list(state.chosen),
            "rows": rows,
            "hidden": len(markers) - len(rows),
            "choices": [_legend(state, choice, markers) for choice in state.choices],
            "functions": [
                {"key": key, "label": choice.label, "hint": choice.hint}
                for key, choice in state.own.items()
            ],
            "often": [[key, each.label] for key, each in SAMPLINGS.items()],
            "actions": [list(each) for each in state.trigger_actions.options()],
            "all": _for_all(state),
            "keep": _keeping(state),
            "undo": state.kept.undoable or state.connections.undoable,
            "session": state.sessions.shown(facts=session),
            "message": state.message,
        }
        if events:
            shown["printed"] = _printed(state)
    return shown


# The header.


def _header(state: PanelState, markers: list[Marker]) -> dict[str, Any]:
    recorder = state.recording.recorder
    events, lost, misfits = len(recorder), recorder.lost, recorder._sink.misfits()
    stopped = "off" if events or state.recording.started else "none"
    rates = [state.rates.of(marker.name) for marker in markers if marker.fanout]
    rate = sum(each for each in rates if each is not None)
    return {
        "state": "on" if state.running else stopped,
        "events": units.count(events),
        "room": held(recorder),
        "lost": units.count(lost),
        "late": lost > 0,
        "missing": _missing(state.observing.recorder.lost_dispatches),
        "skipped": _unless_none(recorder.skipped),
        "failed": _unless_none(recorder.failed),
        "filtered": _unless_none(state.connections.kept_back("record")),
        "misfits": _unless_none(sum(each.number for each in misfits)),
        "fields": units.plain(fields_text(misfits)),
        "overwritten": _unless_none(recorder.overwritten),
        "rate": units.rate(rate) if rates else units.MISSING,
        **_overhead(state, markers),
        "throttled": _throttled(markers),
    }


def _for_all(state: PanelState) -> dict[str, Any]:
    """What is asked of the probes that are connected to all."""
    asked, wrong = state.common, state.wrong.get(("", ""))
    described: dict[str, Any] = {"when": asked.when, "often": asked.often}
    if wrong is not None:
        described |= {"when": wrong.text, "wrong": wrong.why, "at": wrong.position}
    return described


def _keeping(state: PanelState) -> dict[str, Any]:
    """Which events the recorder keeps, and what else could be chosen."""
    recorder = state.recording.recorder
    now = (recorder.mode, recorder.capacity)
    choices = [*KEEPING, now] if now not in KEEPING else [*KEEPING]
    words = {"discard": "keep first", "overwrite": "keep newest"}
    return {
        "now": f"{now[0]} {now[1]}",
        "choices": [[f"{mode} {size}", f"{words[mode]} {size:,}"] for mode, size in choices],
    }


def _throttled(markers: list[Marker]) -> str:
    """How many calls were not made because a budget was used up; empty for none."""
    connections = [c for marker in markers for c in marker.probes if c._filter is not None]
    left_out = sum(c.filtered_by.get("budget", 0) for c in connections)
    return _unless_none(left_out)


def _unless_none(number: int) -> str:
    return units.count(number) if number else ""


def _missing(dispatches: int) -> str:
    """What else is missing, for the end of a sentence about lost events."""
    if not dispatches:
        return ""
    return f"; {dispatches:,} dispatches found no room among those observed"


def _overhead(state: PanelState, markers: list[Marker]) -> dict[str, str]:
    """What the probes and the panel take of a core, together and apart."""
    own = state.rates.average(OWN) / 1e9
    if state.costs is None:
        return {"overhead": units.MISSING, "costs": f"panel {_share(own)}"}
    share, complete = 0.0, True
    for marker in markers:
        keys = [_key_of(state, marker, connection) for connection in marker.probes]
        one, known = state.costs.overhead(state.rates.of(marker.name) or 0.0, keys)
        share, complete = share + one, complete and known
    least = "" if complete else "≥ "
    return {
        "overhead": f"{least}{_share(share + own)}",
        "costs": f"dispatch {least}{_share(share)}, estimated; panel {_share(own)}, measured",
    }


def _share(share: float) -> str:
    # An estimate: more digits would claim more than it knows.
    return f"{100 * share:.{2 if share < 1e-2 else 1}f} %" if share >= 5e-5 else "0 %"


def _key_of(state: PanelState, marker: Marker, connection: Connection) -> str:
    for choice in state.choices:
        if state.connections.connection((marker.name, choice.key)) is connection:
            return choice.key
    return ""


def _legend(state: PanelState, choice: ProbeChoice, markers: list[Marker]) -> dict[str, Any]:
    on = [m for m in markers if connected(state.connections.connection((m.name, choice.key)))]
    return {
        "key": choice.key,
        "label": choice.label,
        "hint": choice.hint,
        "color": _shades(choice.label),
        "on": len(on),
        "of": len(markers),
    }


# A marker.


def _row(state: PanelState, marker: Marker) -> dict[str, Any]:
    history = state.rates.history(marker.name)
    most = max(history, default=0.0)
    rate = state.rates.of(marker.name) if marker.fanout else None
    described = "" if marker.format is None else marker.format.described
    return {
        "name": marker.name,
        "fields": ("span: " if _is_span(marker) else "") + described,
        "where": f"{marker.module}:{marker.line}",
        "rate": units.MISSING if rate is None else units.rate(rate),
        "spark": [round(100 * each / most) if most else 0 for each in history],
        "most": units.rate(most),
        "fired": units.count(marker.fired),
        "fanout": marker.fanout,
        "skipped": marker.skipped,
        "numbers": numbers(marker),
        "keys": keys(marker),
        "dots": dots(state, marker),
    }


def _is_span(marker: Marker) -> bool:
    return marker.format is not None and marker.format.is_span


# What was printed.


def _printed(state: PanelState) -> list[str]:
    lines = []
    for connection in state.connections.mine.values():
        if isinstance(connection.probe, Print):
            lines += [units.plain(line) for line in list(connection.probe.lines)[-LATEST:]]
    return lines[-LATEST:]
