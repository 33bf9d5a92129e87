"""What the ready-made probes cost, beside recording the event, and beside metrics libraries.

Rows are timed as in `tests.benchmarks.timing`. A ratio is to recording the event, which is
what a probe is an alternative to.

    python -m tests.benchmarks.probes_bench            the table
    python -m tests.benchmarks.probes_bench --quick    the same in a few seconds, less exact
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from typing import Any

import kit
from tests.benchmarks.subjects import FIRE, marker
from tests.benchmarks.timing import Row, measure

SHARES = (0.02, 0.05, 0.1)


def kit_rows() -> list[Row]:
    """The kit's own rows; all stay connected until the process ends."""
    rows = []

    def row(label: str, limit: float | None, m: kit.Marker, after: Any = None) -> None:
        rows.append(Row(label, FIRE, {"m": m}, limit, after))

    m = marker()
    recorder = kit.record(m.name, capacity=2_000_000)
    row("record int, float, str", None, m, recorder.clear)
    m = marker()
    kit.aggregate(m)
    row("count", 1, m)
    m = marker()
    kit.aggregate(m, by="sym")
    row("count by a field", None, m)
    m = marker()
    kit.aggregate(m, "px", quantiles=())
    row("count, sum, min, max, variance", None, m)
    m = marker()
    kit.aggregate(m, "px", quantiles=(), histogram="log2")
    row("the same and a log2 histogram", None, m)
    m = marker()
    kit.aggregate(m, "px", by="sym")
    row("the same by a field, and quantiles", 3, m)
    m = marker()
    m.connect(lambda qty, px, sym: None, when="px > 100")
    row("a condition that is false", 0.5, m)
    m = marker()
    m.connect(lambda qty, px, sym: None, when="px > 1 and sym == 'x'")
    row("a condition of two parts that is true", None, m)
    m = marker()
    held = kit.record(m.name, when="px > 100")
    row("record when a condition is true: false", 0.5, m, held.clear)
    m = marker()
    m.connect(lambda qty, px, sym: None, every=1000)
    row("every=1000", None, m)
    m = marker()
    m.connect(lambda qty, px, sym: None, per_second=10)
    row("per_second=10", None, m)
    m = marker()
    m.connect(lambda qty, px, sym: None, budget=0.5)
    row("budget, let through", None, m)
    m = marker()
    kit.trigger(m, lambda: None, when="px > 100")
    row("a trigger that waits", None, m)
    return rows


def prometheus_rows() -> list[Row]:
    """prometheus_client: a counter, and a keyed histogram of its sixteen buckets."""
    import prometheus_client as client

    registry = client.CollectorRegistry()
    counter = client.Counter("fills", "fills", registry=registry)
    keyed = client.Counter("keyed_fills", "fills", ["sym"], registry=registry)
    histogram = client.Histogram("px", "px", ["sym"], registry=registry)
    summary = client.Summary("worth", "px", registry=registry)
    return [
        Row("prometheus counter", "c.inc()", {"c": counter}),
        Row("prometheus counter by a label", 'c.labels("x").inc()', {"c": keyed}),
        Row("prometheus summary (count, sum)", "s.observe(2.0)", {"s": summary}),
        Row("prometheus histogram by a label", 'h.labels("x").observe(2.0)', {"h": histogram}),
    ]


def opentelemetry_rows() -> list[Row]:
    """OpenTelemetry's SDK: a counter, and a keyed exponential histogram."""
    from opentelemetry.sdk.metrics import Histogram, MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

    view = View(
        instrument_type=Histogram,
        instrument_name="exponential",
        aggregation=ExponentialBucketHistogramAggregation(),
    )
    provider = MeterProvider([InMemoryMetricReader()], views=[view])
    meter = provider.get_meter("bench")
    names = {"attributes": {"sym": "x"}, "keep": provider}
    counter, histogram = meter.create_counter("fills"), meter.create_histogram("exponential")
    return [
        Row("OpenTelemetry counter", "c.add(1)", {"c": counter, **names}),
        Row("OpenTelemetry counter by attribute", "c.add(1, attributes)", {"c": counter, **names}),
        Row(
            "OpenTelemetry exponential histogram",
            "h.record(2.0, attributes)",
            {"h": histogram, **names},
        ),
    ]


def budget_lines(seconds: float) -> list[str]:
    """Measure which share of a thread's time probes take that are a thousand times too slow.

    The program's own work is 100 µs an event. What a probe may take of that at a share of 5 % is
    5 µs; this one takes 5 ms.
    """
    lines = ["", "share of a thread's time, for a probe a thousand times too slow", ""]
    for share in SHARES:
        m = kit.marker(f"bench.budget{share}".replace(".", "_"), n=int)
        allowed = share * 100e-6

        def slow(n: int, allowed: float = allowed) -> None:
            end = time.perf_counter() + 1000 * allowed
            while time.perf_counter() < end:
                pass

        def work(m: kit.Marker = m) -> tuple[int, float]:
            """Return how many events there were, and how long the program's own work took."""
            own, events = 0.0, 0
            begin = time.perf_counter()
            while time.perf_counter() - begin < seconds:
                start = time.perf_counter()
                while time.perf_counter() - start < 100e-6:
                    pass
                own += time.perf_counter() - start
                m(events)
                events += 1
            return events, own / (time.perf_counter() - begin)

        _, free = work()
        budget = kit.budget(share)
        with m.connect(slow, budget=budget) as connection:
            begin = time.perf_counter()
            events, own = work()
            took = time.perf_counter() - begin
        lines.append(
            f"asked {share:7.2%}   probe {budget.spent / took / 1e9:7.2%}   "
            f"probe, gate and dispatch {free - own:7.2%}   "
            f"{connection.calls:,} of {events:,} events"
        )
    return lines


def table(rounds: int = 100, seconds: float = 0.001, *, peers: bool = True) -> list[str]:
    """Measure everything and return the lines of the table."""
    sys.setswitchinterval(1)
    rows = kit_rows()
    absent = []
    for name, build in (
        ("prometheus_client", prometheus_rows),
        ("opentelemetry", opentelemetry_rows),
    ):
        if not peers:
            continue
        if importlib.util.find_spec(name) is None:
            absent.append(name)
        else:
            rows += build()
    loop, call = measure(rows, rounds, seconds)
    recording = rows[0].best - loop
    lines = [
        (
            f"Python {sys.version.split()[0]}, {kit.dispatcher} dispatcher; "
            f"empty call {call:.1f} ns, recording {recording:.1f} ns, net"
        ),
        f"{'':40}{'ns':>10}{'record':>9}{'limit':>8}",
    ]
    for row in rows:
        net = row.best - loop
        limit = "" if row.limit is None else f"{row.limit:g}"
        over = "  over" if row.limit is not None and net / recording > row.limit else ""
        lines.append(f"{row.label:40}{net:10.1f}{net / recording:9.2f}{limit:>8}{over}")
    lines += budget_lines(0.3 if rounds < 10 else 5)
    lines += [f"{name} is not installed" for name in absent]
    return lines


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few repeats")
    parser.add_argument("--no-peers", action="store_true", help="the kit's rows only")
    options = parser.parse_args(arguments)
    print("\n".join(table(5 if options.quick else 100, peers=not options.no_peers)))


if __name__ == "__main__":
    main()
