"""What 1000 disconnects cost that wait for their grace periods: in a batch, and one by one.

Under load: other threads fire a marker whose probe takes a while, so that a wait finds dispatches
to wait for. A batch is one publication a marker and one grace period, and is meant to take less
than a fifth of the time.

    python -m tests.benchmarks.batch_bench
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import kit
from kit.core._publication import grace

FIFTH = 0.2
THREADS = 2
BUSY = 200e-6  # seconds that a dispatch takes


@contextmanager
def load(threads: int = THREADS, seconds: float = BUSY) -> Iterator[kit.Marker]:
    """Have threads in dispatches all the time; gives the marker that they fire."""
    marker = kit.marker("bench.batch.load")
    done = threading.Event()

    def fire() -> None:
        while not done.is_set():
            marker()

    # Asleep, as a probe that writes to a file is: the processor is free for who disconnects.
    with marker.connect(lambda: time.sleep(seconds)):
        firing = [threading.Thread(target=fire, daemon=True) for _ in range(threads)]
        for thread in firing:
            thread.start()
        try:
            yield marker
        finally:
            done.set()
            for thread in firing:
                thread.join()


def connected(markers: list[kit.Marker], count: int) -> list[kit.Connection]:
    """Connect closures, spread over markers."""
    with kit.batch():
        return [markers[n % len(markers)].connect(_probe, object()) for n in range(count)]


def _probe(private: object) -> None:
    """Do nothing, as most probes do most of the time."""


def measure(count: int, markers: int) -> tuple[float, float, int]:
    """Return seconds one by one, seconds in a batch, and the batch's grace periods."""
    made = [kit.marker(f"bench.batch.m{n}") for n in range(markers)]
    single = connected(made, count)
    begin = time.perf_counter()
    for connection in single:
        connection.disconnect(wait=True)
    alone = time.perf_counter() - begin

    together = connected(made, count)
    periods, wait = [0], grace.wait

    def counted(*args: object) -> None:
        periods[0] += 1
        wait(*args)  # type: ignore[arg-type]

    grace.wait = counted  # type: ignore[assignment]
    try:
        begin = time.perf_counter()
        with kit.batch():
            for connection in together:
                connection.disconnect(wait=True)
        batch = time.perf_counter() - begin
    finally:
        grace.wait = wait
    return alone, batch, periods[0]


def table(count: int = 1000, rounds: int = 5) -> tuple[list[str], bool]:
    """Measure and return the lines of the table, and whether a batch takes less than a fifth."""
    lines = [
        f"{count:,} disconnects that wait; {THREADS} threads in dispatches of {BUSY * 1e6:.0f} us",
        f"{'':24}{'one by one':>12}{'in a batch':>12}{'share':>8}{'grace periods':>15}",
    ]
    fast = True
    for markers in (1, 10):
        with load():
            runs = [measure(count, markers) for _ in range(rounds)]
        alone, batch = (statistics.median(run[place] for run in runs) for place in (0, 1))
        share = batch / alone
        fast = fast and share < FIFTH
        over = "" if share < FIFTH else "  over"
        where = f"on {markers} marker{'s' if markers > 1 else ''}"
        lines.append(
            f"{where:24}{alone * 1e3:9.1f} ms{batch * 1e3:9.1f} ms{share:8.3f}"
            f"{max(run[2] for run in runs):15}{over}"
        )
    return lines, fast


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 when a batch takes a fifth of the time or more."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often (5)")
    parser.add_argument("--quick", action="store_true", help="once")
    options = parser.parse_args(arguments)
    lines, fast = table(rounds=1 if options.quick else options.rounds)
    print(f"{kit.dispatcher} dispatcher, Python {sys.version.split()[0]}")
    print("\n".join(lines))
    return not fast


if __name__ == "__main__":
    sys.exit(main())
