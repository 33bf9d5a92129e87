"""What probes cost here: measured once, on a marker of its own that no program fires."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kit.core._marker import Marker
from kit.core._registry import Registry
from kit.probes.aggregates._aggregate import prepared
from kit.probes.recorder._recorder import Recorder
from kit.widgets.choices import READY

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Costs", "measure"]

# Short runs and many of them: some pass without another thread getting its turn.
_FIRES = 100
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs in nanoseconds, of this machine and dispatcher.

    Attributes
    ----------
    dispatch : float
        Of one dispatch, over a marker that is off.
    probes : dict of str to float
        Of one call, by the key of a choice; the user's functions are not in it.
    """

    dispatch: float
    probes: dict[str, float]

    def overhead(self, rate: float, keys: list[str]) -> tuple[float, bool]:
        """Estimate how much of one core a marker's probes take.

        Parameters
        ----------
        rate : float
            Dispatches a second.
        keys : list of str
            The choices that are connected.

        Returns
        -------
        share : float
            Of one core, between 0 and more than 1.
        complete : bool
            False if there is a probe among them whose cost is not known.
        """
        if not keys:
            return 0.0, True
        known = [self.probes[key] for key in keys if key in self.probes]
        return rate * (self.dispatch + sum(known)) / 1e9, len(known) == len(keys)


def measure() -> Costs:
    """Measure what a dispatch and the ready-made probes cost; takes some milliseconds.

    Returns
    -------
    Costs

    Examples
    --------
    >>> costs = measure()
    >>> costs.dispatch > 0 and sorted(costs.probes)
    ['aggregate', 'count', 'observe', 'print', 'record', 'time']
    """
    registry = Registry()
    fields = {"number": int, "ratio": float, "text": str}
    marker = registry.declare(Marker, "cost", None, fields, sys._getframe())
    events = _FIRES * _ROUNDS
    recorder = Recorder("cost", events, "discard", (), dispatches=False)
    observer = Recorder("cost", events, "overwrite", (), dispatches=True)
    probes: dict[str, list[Any]] = {"off": [], "one": [_nothing], "two": [_nothing, _nothing_else]}
    probes |= {choice.key: [choice.make()] for choice in READY}
    probes |= {"record": [recorder.probe], "observe": [observer.probe]}
    probes["aggregate"] = [prepared("cost", "number", histogram="log2")]
    best = dict.fromkeys(probes, float("inf"))
    # In turns, so that what the machine does besides falls on all of them.
    for _ in range(_ROUNDS):
        for key, together in probes.items():
            with _connected(registry, marker, together):
                best[key] = min(best[key], _fire(marker))
    off, one, two = (best.pop(key) for key in ("off", "one", "two"))
    # What is paid once a dispatch is what the second of two like probes does not pay again.
    dispatch = max(1.0, one - (two - one) - off)
    return Costs(dispatch, {key: max(1.0, ns - off - dispatch) for key, ns in best.items()})


def _nothing(*_: object) -> None:
    """Stand for a probe that costs as little as one in Python can."""


def _nothing_else(*_: object) -> None:
    """Stand for a second one."""


@contextmanager
def _connected(registry: Registry, marker: Marker, probes: list[Any]) -> Iterator[None]:
    with ExitStack() as connected:
        for probe in probes:
            connection = registry.connect(marker, probe, error_limit=None)
            connected.callback(registry.disconnect, connection)
        yield


def _fire(marker: Marker) -> float:
    """Return what one firing takes, in nanoseconds."""
    begin = time.perf_counter_ns()
    for number in range(_FIRES):
        marker(number, 0.5, "text")
    return (time.perf_counter_ns() - begin) / _FIRES
