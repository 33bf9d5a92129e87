"""Churn that goes on for as long as one asks, checking what the markers promise all the while.

Like the kernel's own rcutorture: readers that never rest, updaters that never wait for a good
moment, and private data that is poisoned as soon as nobody may touch it any more.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import kit
from kit.probes import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.core import Connection, Marker

__all__ = ["Result", "torture"]

CLOSURES: Final = 16
SWITCH_INTERVAL: Final = 1e-6
ROUND: Final = 0.5
"""Seconds between two reckonings, when readers rest and counts are compared."""


class Result(NamedTuple):
    """What a run did and found.

    Attributes
    ----------
    checked : dict of str to int
        What was checked, and how often.
    violations : dict of str to int
        Which promise was broken, and how often; empty when all held.
    seconds : float
        How long it ran.
    """

    checked: dict[str, int]
    violations: dict[str, int]
    seconds: float

    def __str__(self) -> str:
        width = max(map(len, self.checked), default=0)
        lines = [f"{name:<{width}}  {count:>14,}" for name, count in self.checked.items()]
        if self.violations:
            lines += [
                f"BROKEN: {name} ({count:,} times)" for name, count in self.violations.items()
            ]
        else:
            lines.append(f"no promise was broken in {self.seconds:,.0f} s")
        return "\n".join(lines)


class _Private:
    """Private data of one connection: whose it is, and whether it may still be touched."""

    __slots__ = ("of", "poisoned")

    def __init__(self, of: int) -> None:
        self.of = of
        self.poisoned = False


class _Churn:
    """One marker, its readers and its updaters."""

    def __init__(self, readers: int, updaters: int, seed: int) -> None:
        self.marker: Marker = kit.marker(f"torture.{id(self):x}", number=int)
        self.violations: Counter[str] = Counter()
        self.checked: Counter[str] = Counter()
        self.probes = [self._probe(number) for number in range(CLOSURES)]
        self.fired = [0] * readers
        self.seen = [0] * readers
        self.touched = [Counter[str]() for _ in range(updaters)]
        self.seed = seed

    def _probe(self, number: int) -> Callable[..., None]:
        def probe(private: _Private, reader: int) -> None:
            # Both at entry and at exit: a probe may be in the middle of its call when it is
            # disconnected, but not when disconnect(wait=True) has returned.
            if private.of != number:
                self.violations["a probe was called with another's private data"] += 1
            late = private.poisoned
            for _ in range(reader):
                pass
            if late or private.poisoned:
                self.violations["a probe was called after disconnect(wait=True) had returned"] += 1

        return probe

    def permanent(self, reader: int) -> None:
        """Count, as the probe that is connected all the time; each reader in a place of its own."""
        self.seen[reader] += 1

    def read(self, reader: int, stop: threading.Event) -> None:
        fire, fired = self.marker, self.fired
        while not stop.is_set():
            for _ in range(100):
                fire(reader)
            fired[reader] += 100

    def update(self, updater: int, stop: threading.Event) -> None:
        chance = random.Random(f"{self.seed} {updater}")
        mine = range(updater, CLOSURES, len(self.touched))
        connected: dict[int, tuple[Connection, _Private]] = {}
        done = self.touched[updater]
        while not stop.is_set():
            number = chance.choice(mine)
            if number not in connected:
                private = _Private(number)
                before = self.marker.generation
                connection = self.marker.connect(
                    self.probes[number], private, priority=chance.randrange(20)
                )
                connected[number] = connection, private
                done["connects"] += 1
                if self.marker.generation <= before:
                    self.violations["a publication did not raise the generation"] += 1
            elif chance.random() < 0.2:
                # All at once: 16→1 and, with the other updater's help, N→0→N in few steps.
                self._disconnect([connected.pop(each) for each in list(connected)], done)
            else:
                self._disconnect([connected.pop(number)], done)
        self._disconnect(list(connected.values()), done)

    def _disconnect(self, gone: list[tuple[Connection, _Private]], done: Counter[str]) -> None:
        with kit.batch():
            for connection, _ in gone:
                connection.disconnect(wait=True)
        for connection, private in gone:
            private.poisoned = True
            done["calls checked for torn pairs and for coming late"] += connection.calls
        done["disconnects"] += len(gone)
        done["grace periods"] += 1

    def round(self, seconds: float) -> None:
        """Churn for a while, then let everybody rest and compare the counts."""
        marker, stop = self.marker, threading.Event()
        before = sum(self.fired)
        with record(marker, capacity=1000) as events, marker.connect(self.permanent) as always:
            already = marker.fired
            threads = [
                *(
                    threading.Thread(target=self.read, args=(n, stop), daemon=True)
                    for n in range(len(self.fired))
                ),
                *(
                    threading.Thread(target=self.update, args=(n, stop), daemon=True)
                    for n in range(len(self.touched))
                ),
            ]
            for thread in threads:
                thread.start()
            time.sleep(seconds)
            stop.set()
            for thread in threads:
                thread.join(60)
            if any(thread.is_alive() for thread in threads):
                self.violations["a thread did not come to an end"] += 1
            fired = sum(self.fired) - before
            self._compare("the marker's own count", marker.fired - already, fired)
            self._compare("the permanent probe's count", always.calls, fired)
            self._compare("calls that the permanent probe saw", sum(self.seen), sum(self.fired))
            self._compare("recorded and lost together", len(events) + events.lost, fired)
        self._compare("probes left connected", marker.fanout, 0)
        self.checked["dispatches"] += fired
        self.checked["rounds whose counts were compared"] += 1

    def _compare(self, what: str, counted: int, expected: int) -> None:
        if counted != expected:
            self.violations[f"{what} is {counted:,}, not {expected:,}"] += 1

    def result(self, seconds: float) -> Result:
        for done in self.touched:
            self.checked.update(done)
        return Result(dict(self.checked), dict(self.violations), seconds)


def torture(
    seconds: float,
    *,
    readers: int = 4,
    updaters: int = 2,
    seed: int = 0,
    progress: Callable[[float, int], Any] | None = None,
) -> Result:
    """Churn and check.

    Parameters
    ----------
    seconds : float
        How long.
    readers, updaters : int
        How many threads fire, and how many connect and disconnect.
    seed : int
        For what the updaters choose.
    progress : callable, optional
        Called now and then with the share done, 0 to 1, and the number of dispatches so far.

    Returns
    -------
    Result

    Examples
    --------
    >>> torture(0.1).violations
    {}
    """
    churn = _Churn(readers, updaters, seed)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    begin = time.monotonic()
    try:
        while not churn.violations and (left := begin + seconds - time.monotonic()) > 0:
            churn.round(min(ROUND, left))
            if progress is not None:
                progress(
                    min(1.0, (time.monotonic() - begin) / seconds), churn.checked["dispatches"]
                )
    finally:
        sys.setswitchinterval(interval)
    return churn.result(time.monotonic() - begin)
