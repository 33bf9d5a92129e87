"""Which probes hang on which markers, how often each is called, what each costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from kit.plots import _events as columns

if TYPE_CHECKING:
    import pandas as pd

    from kit.plots._events import Ints

__all__ = ["Cost", "FanoutView", "ProbeCost", "fanout_data"]

ROWS: Final = 40


@dataclass(frozen=True, slots=True)
class Cost:
    """How long something took, over all its calls, in ns.

    Attributes
    ----------
    calls : int
    total : int
    p50, p99, longest : int
    """

    calls: int
    total: int
    p50: int
    p99: int
    longest: int


@dataclass(frozen=True, slots=True)
class ProbeCost:
    """A probe on a marker.

    Attributes
    ----------
    marker, probe : str
    position : int
        Its place in the order of calls, counted from 1; the latest one recorded.
    errors : int
        Calls that raised.
    cost : Cost
    """

    marker: str
    probe: str
    position: int
    errors: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class FanoutView:
    """What a fan-out plot shows.

    Attributes
    ----------
    probes : tuple of ProbeCost
        Markers by the time spent in their probes, most first; probes in the order of calls.
    hidden : int
        Probes left out because there are too many.
    fanouts : tuple of (int, Cost)
        Dispatches by how many probes they called, ascending.
    dispatches, calls : int
    """

    probes: tuple[ProbeCost, ...]
    hidden: int
    fanouts: tuple[tuple[int, Cost], ...]
    dispatches: int
    calls: int


def fanout_data(dispatches: pd.DataFrame, probe_calls: pd.DataFrame) -> FanoutView:
    """Compute a fan-out plot.

    Parameters
    ----------
    dispatches : pandas.DataFrame
        Uses ``dur`` and ``fanout``.
    probe_calls : pandas.DataFrame
        Uses ``dur``, ``marker``, ``probe``, ``position`` and ``error``.

    Returns
    -------
    FanoutView
    """
    probes = _probes(probe_calls)
    spent: dict[str, int] = {}
    for probe in probes:
        spent[probe.marker] = spent.get(probe.marker, 0) + probe.cost.total
    probes.sort(key=lambda p: (-spent[p.marker], p.marker, p.position, p.probe))
    dur, _ = columns.optional(dispatches, "dur")
    width = columns.column(dispatches, "fanout")
    fanouts = tuple((int(n), _cost(dur[width == n])) for n in np.unique(width))
    return FanoutView(
        probes=tuple(probes[:ROWS]),
        hidden=max(len(probes) - ROWS, 0),
        fanouts=fanouts,
        dispatches=len(dur),
        calls=len(probe_calls),
    )


def _probes(calls: pd.DataFrame) -> list[ProbeCost]:
    marker, markers = columns.labels(calls, "marker")
    probe, names = columns.labels(calls, "probe")
    position = columns.column(calls, "position")
    dur, _ = columns.optional(calls, "dur")
    failed = calls["error"].notna().to_numpy(np.bool_) if "error" in calls.columns else None
    pair = marker.astype(np.int64) * max(len(names), 1) + probe
    order = np.argsort(pair, kind="stable")
    found, starts = np.unique(pair[order], return_index=True)
    groups = np.split(order, starts[1:]) if len(found) else []
    return [
        ProbeCost(
            marker=markers[int(key) // len(names)],
            probe=names[int(key) % len(names)],
            position=int(position[rows[-1]]) + 1,
            errors=0 if failed is None else int(np.count_nonzero(failed[rows])),
            cost=_cost(dur[rows]),
        )
        for key, rows in zip(found, groups, strict=True)
    ]


def _cost(dur: Ints) -> Cost:
    ordered = np.sort(dur)
    ranks = (np.ceil(np.array([0.5, 0.99]) * len(ordered) - 1e-9) - 1).astype(np.int64)
    p50, p99 = (int(value) for value in ordered[np.maximum(ranks, 0)])
    return Cost(len(ordered), int(ordered.sum()), p50, p99, int(ordered[-1]))
