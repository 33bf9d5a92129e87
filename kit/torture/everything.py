"""Everything at once, round by round, for as long as one asks.

Unlike `kit.torture.churn`, which asks one question very often, this asks all of them at the same
time: see `kit.torture.disturbances` for what happens, and `kit.torture.world` for what is shared.

What is checked, at each rest unless it says otherwise:

- Every event is in one count: what a recorder has, has lost, overwritten, skipped, kept back or
  failed to write are the dispatches that it has read; and these are what was fired, counted at the
  sites. A probe in Python counts the events that must be seen. Aggregates' counts, rows, sums and
  buckets are equal; so are a trigger's firings and actions.
- No event is recorded twice; those of a thread are in the order in which it fired.
- Files that are finished hold what the recorder said, and none is damaged; so does a session.
- After ``disconnect(wait=True)`` nobody touches private data (at all times).
- Each publication raises the generation by one. Nothing is left connected.
- Forked children count as exactly, and end by themselves (within `disturbances.forks.PATIENCE`).
- Memory stays as it was after the first third of the run: see `Memory`.
- Nothing stands still: see `Watchdog`.

Seen to find what was broken on purpose; tests/test_torture_everything.py does it again.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import logging
import math
import os
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kit.torture.churn import Result
from kit.torture.disturbances import DISTURBANCES
from kit.torture.world import Private, World

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

__all__ = ["HANG", "PATIENCE", "STDERR", "Memory", "Watchdog", "everything"]

STDERR: Final = 2
"""The number of the file, whatever `sys.stderr` is."""
HANG: Final = 2
"""The exit status of a process that the watchdog has ended."""
PATIENCE: Final = 90.0
"""Seconds without progress that are taken for a hang."""
ROUND: Final = 1.0
"""Seconds between two rests."""
SWITCH_INTERVAL: Final = 1e-5
THRESHOLDS: Final = (150, 8, 50)
"""Of the garbage collector: often, for finalisers to run in the middle of things."""


class Growth(NamedTuple):
    """How much more there is at the end of a run."""

    likely: float
    least: float


class Memory:
    """Whether memory stays as it is.

    At each rest the process's resident memory and the number of objects are noted. After the
    warm-up, a third of the run, the slope through the samples is the middle one of the slopes
    between all pairs. Its error is that of Sen, "Estimates of the Regression Coefficient Based on
    Kendall's Tau" (1968). Memory grows where even the least slope that the samples allow, times the
    length of the run, is above what is tolerated: few rounds that differ much prove nothing.
    """

    FEWEST: Final = 20
    """Samples, below which nothing is said."""
    BYTES: Final = 16 << 20
    """Tolerated over the whole run, besides a tenth of what there was."""
    OBJECTS: Final = 2000
    """The same, besides a hundredth of what there was."""
    SURE: Final = 2.58
    """Standard errors below the slope: one run in 200 that does not grow is above its least."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, int, int]] = []

    def sample(self, at: float) -> None:
        """Note what there is now."""
        self.samples.append((at, resident(), len(gc.get_objects())))

    def growth(self) -> list[Growth] | None:
        """Return what was added from the warm-up on; None where nobody can say."""
        kept = self.samples[len(self.samples) // 3 :]
        if len(kept) < self.FEWEST:
            return None
        kept = kept[:: max(1, len(kept) // 200)]
        length = kept[-1][0] - kept[0][0]
        n = len(kept)
        error = self.SURE * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)  # of the number of slopes
        grown = []
        for what in (1, 2):
            slopes = sorted(
                (after[what] - before[what]) / (after[0] - before[0])
                for number, before in enumerate(kept)
                for after in kept[number + 1 :]
            )
            least = slopes[max(0, int((len(slopes) - error) / 2))]
            grown.append(Growth(statistics.median(slopes) * length, least * length))
        return grown

    def judge(self) -> list[str]:
        """Say what has grown too much."""
        found = self.growth()
        if found is None:
            return []
        begin = self.samples[len(self.samples) // 3]
        limits = (self.BYTES + begin[1] // 10, self.OBJECTS + begin[2] // 100)
        return [
            f"memory grows: {grown.likely:,.0f} {what} more, {grown.least:,.0f} at least; "
            f"{limit:,} tolerated"
            for grown, limit, what in zip(found, limits, ("bytes", "objects"), strict=True)
            if grown.least > limit
        ]


def resident() -> int:
    """Return the bytes that this process has in memory; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


class Watchdog(threading.Thread):
    """Ends the process, with all stacks printed, when a worker makes no progress.

    Where no Python runs at all any more, `faulthandler` does it, after twice the time; it exits
    with 1, which is all that it knows.
    """

    def __init__(self, world: World, patience: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self.world = world
        self.patience = patience
        self.over = threading.Event()

    def run(self) -> None:
        """Look at everybody once a second."""
        seen: dict[str, tuple[int, float]] = {}
        while not self.over.wait(1):
            faulthandler.dump_traceback_later(2 * self.patience, exit=True, file=STDERR)
            now = time.monotonic()
            beats = {"the main thread": self.world.beats}
            beats |= {each.name: each.beats for each in self.world.workers if not each.parked}
            seen = {
                name: seen[name] if name in seen and seen[name][0] == beat else (beat, now)
                for name, beat in beats.items()
            }
            stuck = [name for name, (_, since) in seen.items() if now - since > self.patience]
            if stuck:
                self._bark(stuck)
        faulthandler.cancel_dump_traceback_later()

    def _bark(self, stuck: list[str]) -> None:
        sys.stderr.write(
            f"HANG: no progress for {self.patience:.0f} s on {', '.join(stuck)}, in round "
            f"{self.world.round}, seed {self.world.seed}; all stacks follow\n"
        )
        sys.stderr.flush()
        faulthandler.dump_traceback(STDERR, all_threads=True)
        os._exit(HANG)


@contextlib.contextmanager
def _unquiet(reported: Counter[str]) -> Iterator[None]:
    """Switch threads and collect garbage as often as can be; count what the kit reports."""

    class Reports(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reported[record.getMessage()[:200]] += 1

    logger, handler, propagate = (
        logging.getLogger("kit"),
        Reports(),
        logging.getLogger("kit").propagate,
    )
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    logger.addHandler(handler)
    logger.propagate = False
    gc.collect()
    gc.freeze()  # what was imported need not be looked through each time
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.set_threshold(*THRESHOLDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of forks beside threads, and abandoned recorders
            yield
    finally:
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(interval)
        gc.unfreeze()
        logger.removeHandler(handler)
        logger.propagate = propagate


def everything(
    seconds: float,
    *,
    threads: int = 4,
    seed: int = 0,
    without: Collection[str] = (),
    patience: float = PATIENCE,
    progress: Callable[[float, str], Any] | None = None,
) -> Result:
    """Disturb and check.

    Parameters
    ----------
    seconds : float
        How long.
    threads : int
        How many threads fire all the time.
    seed : int
        For what is chosen. It does not say in which order threads run.
    without : collection of str
        Names of `DISTURBANCES` to leave out.
    patience : float
        Seconds without progress that are taken for a hang; the process ends then, with `HANG`.
    progress : callable, optional
        Called after each round with the share done, 0 to 1, and a line of text.

    Returns
    -------
    Result
        After the first round in which a promise was broken, it ends.

    Raises
    ------
    ValueError
        For a name that no disturbance has.

    Examples
    --------
    >>> everything(0.5, without=["forks", "sessions"]).checked["rounds"]
    1
    """
    for name in without:
        if name not in DISTURBANCES:
            raise ValueError(f"there is no {name!r}; there are: {', '.join(DISTURBANCES)}")
    chosen = [kind for name, kind in DISTURBANCES.items() if name not in without]
    memory, reported = Memory(), Counter[str]()
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="torture", dir=shared) as folder, _unquiet(reported):
        world = World(seed, Path(folder), threads)
        watchdog = Watchdog(world, patience)
        watchdog.start()
        disturbances = [kind(world) for kind in chosen]
        world.start([worker for each in disturbances for worker in each.workers()])
        begin = time.monotonic()  # now: what was imported meanwhile took its time
        try:
            while not world.broken and (left := begin + seconds - time.monotonic()) > 0:
                _round(world, disturbances, min(ROUND, left))
                memory.sample(time.monotonic() - begin)
                if progress is not None:
                    done = min(1.0, (time.monotonic() - begin) / seconds)
                    progress(done, _line(world, memory))
        finally:
            world.end()
            for each in disturbances:
                each.end()
            world.close()
            watchdog.over.set()
            watchdog.join()
    for promise in memory.judge():
        world.violate(promise)
    for what, times in reported.items():
        world.checked[f"reported: {what}"] += times
    return _result(world, memory, time.monotonic() - begin)


def _round(world: World, disturbances: list[Any], seconds: float) -> None:
    for each in disturbances:
        each.before()
        world.beats += 1
    world.begin()
    who, n, end = next(world.people), 0, time.monotonic() + seconds
    # This thread is the one that signals interrupt: in a dispatch, an update, a collection.
    while world.begin_step() < end and not world.broken:
        for _ in range(20):
            world.fire(n % 5, who, n)
            n += 1
        world.sites[n % 5].connect(world.guest, Private()).disconnect()
        world.litter()
        world.beats += 1
    world.rest()
    for each in disturbances:
        each.after()
        world.beats += 1
    world.check()


def _line(world: World, memory: Memory) -> str:
    _, resident, objects = memory.samples[-1]
    fired = sum(tally.n for tally in world.fired)
    return (
        f"round {world.round}, {fired:,} events, {world.checked['counts compared']:,} counts "
        f"compared, {resident >> 20:,} MiB, {objects:,} objects"
    )


def _result(world: World, memory: Memory, seconds: float) -> Result:
    checked = {
        "rounds": world.round,
        "events": sum(tally.n for tally in world.fired),
        **{what: world.done[what].n for what in sorted(world.done)},
        **world.checked,
    }
    grown = memory.growth()
    if grown is not None:
        checked |= {"bytes more after the warm-up": round(grown[0].likely)}
        checked |= {"objects more after the warm-up": round(grown[1].likely)}
    return Result(checked, dict(Counter(world.broken)), seconds)
