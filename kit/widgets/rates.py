"""How fast markers fire: from counts, looked at now and then, to rates and their recent past."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Rates"]

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
