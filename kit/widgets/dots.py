"""The dots of a marker: one for each probe, with what is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kit.plots import theme, units
from kit.probes._basic import Count, Print, Time
from kit.probes._trigger import Trigger
from kit.probes.aggregates import Aggregate
from kit.widgets.deeds import event
from kit.widgets.tools import value_of
from kit.widgets.wiring import same

if TYPE_CHECKING:
    from kit.core import Connection, Marker
    from kit.widgets.state import PanelState
    from kit.widgets.wiring import Closure

__all__ = ["connected", "dots"]


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
        Of text and truth values, ready for JSON; first the palette in order, then what else the
        program has connected.
    """
    # Most markers of a large program are quiet: what is said of them stays the same.
    version = (state.version, marker.generation, marker.fired, marker.format)
    known = state.described.get(marker.name)
    if known is None or known[0] != version:
        known = state.described[marker.name] = (version, _describe(state, marker))
    return known[1]


def _describe(state: PanelState, marker: Marker) -> list[dict[str, Any]]:
    others = dict(state.wiring.others(marker))
    parted: dict[str, Closure] = {
        key: closure for (name, key), closure in state.wiring.parted.items() if name == marker.name
    }
    described = []
    for choice in state.palette:
        connection = state.wiring.connection((marker.name, choice.key))
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
    asked = state.wiring.asked_of((marker.name, key))
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
        "color": theme.color_of(label),
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
