"""How long plots of many spans take: to be made, to answer a zoom, to show a brush.

A zoom is what the browser reports at the end of a gesture; the time runs until everything that has
to be sent back is known. Importing Bokeh and pandas is not counted, but shown.

    python -m tests.benchmarks.plots_bench                    one million spans
    python -m tests.benchmarks.plots_bench --spans 10000000   any other number
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

begin = time.perf_counter()

from kit import plots  # noqa: E402
from tests.plots import samples  # noqa: E402

IMPORTS = time.perf_counter() - begin

READY = 2.0
"""Seconds in which the latency plot of a million spans is to be ready."""

ANSWER = 0.15
"""Seconds in which a zoom is to be answered."""


def best(action: Callable[[int], object], rounds: int = 5) -> float:
    """Time an action, each time with another number, and keep the fastest."""
    times = []
    for number in range(rounds):
        start = time.perf_counter()
        action(number)
        times.append(time.perf_counter() - start)
    return min(times)


def main(argv: list[str] | None = None) -> int:
    """Print the table; fail if a million spans take longer than promised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spans", type=int, default=1_000_000)
    spans = parser.parse_args(argv).spans
    print(f"imports: {IMPORTS:.2f} s")
    frame = samples.events(spans, threads=8, seconds=20.0)
    print(f"{'':<22}{'ready':>10}{'zoom':>10}{'brush':>10}{'update':>10}   milliseconds")
    within = True
    for make in (plots.latency, plots.latency_over_time, plots.rate, plots.timeline):
        ready, answer, brush, update = times(make, frame)
        row = (ready, answer, brush, update)
        print(f"{make.__name__:<22}" + "".join(f"{seconds * 1e3:>10.1f}" for seconds in row))
        within &= answer < ANSWER and (make is not plots.latency or ready < READY)
    if spans > 1_000_000:
        return 0
    verdict = "yes" if within else "NO"
    print(f"ready within {READY:g} s, zoom within {ANSWER * 1e3:g} ms: {verdict}")
    return 0 if within else 1


def times(make, frame):
    """Time making a plot, a zoom, a brush and an update, in seconds."""
    ready = best(lambda _: make(frame), 3)
    plot = make(frame)
    reader = samples.Reader(plot)
    panel = reader.panels[0]
    low, high = panel.x_range.start, panel.x_range.end

    def zoom(number: int) -> None:
        # A little narrower each time, from nearly all events down.
        if make is plots.latency:
            reader.zoom(x=(low * 1.5 ** (number + 1), high))
        else:
            reader.zoom(x=(low + (high - low) * 0.02 * (number + 1), high))

    first = int(frame["ts"].iloc[0])
    return (
        ready,
        best(zoom),
        best(lambda n: plot.selection.select(time=(first, first + 10**9 * (n + 1)))),
        best(lambda _: plot.update(frame), 3),
    )


if __name__ == "__main__":
    sys.exit(main())
