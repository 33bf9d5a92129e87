"""Timing statements in turn, and keeping the fastest time of each.

Whatever else the machine does while one row runs, it does to all of them: every round times every
row once. A row's figure is net of an empty loop; a ratio is to ``f(1, 2.0, "x")``, an empty Python
function, timed in the same rounds. Time is the processor's, of the thread, so that other programs
count as little as they can.
"""

from __future__ import annotations

import gc
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

LOOPS = 4_000_000


@dataclass
class Row:
    """A statement, what it runs in, and what it is measured for.

    ``before`` and ``after`` surround each sample and are not timed. ``figure`` and ``subject`` say
    where in a table the row belongs; who prints its rows as a list needs the label alone.
    """

    label: str
    statement: str
    names: dict[str, Any]
    limit: float | None = None
    after: Callable[[], object] | None = None
    before: Callable[[], object] | None = None
    most: int = LOOPS
    figure: str = ""
    subject: str = ""
    loops: int = 1
    best: float = float("inf")
    timer: timeit.Timer = field(init=False)

    def __post_init__(self) -> None:
        self.timer = timeit.Timer(self.statement, timer=time.thread_time, globals=dict(self.names))

    def time(self, loops: int) -> float:
        """Return the seconds that so many loops take, after a few that are not counted.

        Between two samples of a row, others and other processes have filled the caches.
        """
        if self.before is not None:
            self.before()
        try:
            self.timer.timeit(max(1, loops // 10))
            return self.timer.timeit(loops)
        finally:
            if self.after is not None:
                self.after()

    def calibrate(self, seconds: float) -> None:
        """Find how many loops take so long."""
        loops, took = 1, self.time(1)
        while took < seconds / 4 and loops < self.most:
            loops = min(4 * loops, self.most)
            took = self.time(loops)
        took = min(took, self.time(loops), self.time(loops))  # one may have been disturbed
        self.loops = max(1, min(self.most, int(loops * seconds / max(took, 1e-9))))

    def sample(self) -> None:
        """Time it once more."""
        self.best = min(self.best, self.time(self.loops) / self.loops * 1e9)


class Rounds:
    """Rows with the empty loop and the empty call beside them, timed in turn."""

    def __init__(self, rows: Sequence[Row], seconds: float) -> None:
        def empty(qty: int, px: float, sym: str) -> None:
            pass

        self.rows = rows
        self._loop = Row("empty loop", "pass", {})
        self._call = Row("empty call", 'f(1, 2.0, "x")', {"f": empty})
        for row in self._everything:
            row.calibrate(seconds)
        gc.collect()
        gc.freeze()

    @property
    def _everything(self) -> list[Row]:
        return [self._loop, self._call, *self.rows]

    def round(self) -> None:
        """Time each row once."""
        for row in self._everything:
            row.sample()

    @property
    def loop(self) -> float:
        """The empty loop, in nanoseconds."""
        return self._loop.best

    @property
    def call(self) -> float:
        """The empty call, in nanoseconds, net."""
        return self._call.best - self._loop.best


def measure(rows: Sequence[Row], rounds: int, seconds: float) -> tuple[float, float]:
    """Time rows in turn; return the empty loop and the empty call in nanoseconds."""
    turns = Rounds(rows, seconds)
    for _ in range(rounds):
        turns.round()
    return turns.loop, turns.call


def probes(count: int, parameters: str = "qty, px, sym") -> list[Callable[..., None]]:
    """Make functions with code of their own, as a program's probes have."""
    made = []
    for number in range(count):
        scope: dict[str, Any] = {}
        code = f"def probe{number}({parameters}): pass"
        exec(compile(code, f"<probe {number}>", "exec"), scope)
        made.append(scope[f"probe{number}"])
    return made
