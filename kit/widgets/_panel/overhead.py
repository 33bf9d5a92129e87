"""What a panel measures: how fast markers fire, and what probes cost here."""

from __future__ import annotations

import sys
import time
from collections import deque
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from kit.core._marker import Marker
from kit.core._registry import Registry
from kit.probes.aggregates._aggregate import Aggregate
from kit.probes.recorder._recorder import Recorder
from kit.widgets._panel.probe_choices import READY
from kit.widgets._panel.recording import context_now

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


__all__ = ["OWN", "Costs", "Rates", "measure"]

OWN: Final = ""
"""The name, which no marker has, of the nanoseconds that the panels' own threads have taken."""

STEP: Final = 0.5
"""Seconds between two points of the history."""

POINTS: Final = 32
"""How many points of history are kept: sixteen seconds."""


class Rates:
    """Rates of things that are counted, by name.

    Examples
    --------
    >>> rates = Rates()
    >>> for second in range(4):
    ...     rates.note(float(second), {"orders.fill": 100 * second})
    >>> rates.of("orders.fill")
    100.0
    >>> rates.history("orders.fill")
    [100.0, 100.0, 100.0]
    >>> rates.of("orders.cancel") is None
    True
    """

    def __init__(self) -> None:
        self._samples: dict[str, deque[tuple[float, int]]] = {}
        self._latest: dict[str, tuple[float, int]] = {}

    def note(self, now: float, counts: Mapping[str, int]) -> None:
        """Look at the counts.

        Parameters
        ----------
        now : float
            Seconds; never goes back.
        counts : mapping of str to int
            What is not in it any more is forgotten.
        """
        for gone in self._samples.keys() - counts.keys():
            del self._samples[gone], self._latest[gone]
        for name, count in counts.items():
            samples = self._samples.setdefault(name, deque(maxlen=POINTS + 1))
            if samples and count < samples[-1][1]:
                samples.clear()  # counted anew from 0
            # Half a step early is near enough: a refresh is seldom exactly on time.
            if not samples or now - samples[-1][0] >= STEP * 0.9:
                samples.append((now, count))
            self._latest[name] = (now, count)

    def of(self, name: str) -> float | None:
        """Return the present rate, over the last second or so.

        Returns
        -------
        float or None
            Events a second; None before there are two looks at it.
        """
        if name not in self._latest:
            return None
        now, count = self._latest[name]
        for then, before in reversed(self._samples[name]):
            if now - then >= 2 * STEP * 0.9:
                return (count - before) / (now - then)
        then, before = self._samples[name][0]
        return (count - before) / (now - then) if now - then >= STEP * 0.4 else None

    def average(self, name: str) -> float:
        """Return the mean rate of the last seconds; 0 before there are two looks at it."""
        history = self.history(name)
        return sum(history) / len(history) if history else 0.0

    def history(self, name: str) -> list[float]:
        """Return the rates of the last seconds, oldest first.

        Returns
        -------
        list of float
            Events a second, a point for every `STEP`.
        """
        samples = list(self._samples.get(name, ()))
        return [
            (count - before) / (now - then) for (then, before), (now, count) in pairwise(samples)
        ]


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
    recorder = Recorder("cost", events, "discard", context_now(), dispatches=False)
    observer = Recorder("cost", events, "overwrite", (), dispatches=True)
    probes: dict[str, list[Any]] = {"off": [], "one": [_nothing], "two": [_nothing, _nothing_else]}
    probes |= {choice.key: [choice.make()] for choice in READY}
    probes |= {"record": [recorder.probe], "observe": [observer.probe]}
    probes["aggregate"] = [Aggregate("cost", "number", histogram="log2")]
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
