"""How costs grow: with the fan-out, with fields, with threads, with what is connected, under load.

For the dispatcher that ``KIT_DISPATCH`` chooses; prints JSON:  python -m tests.benchmarks.scaling
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import kit
from tests.benchmarks import bare, subjects
from tests.benchmarks.subjects import FIRE
from tests.benchmarks.timing import Rounds, Row, probes

FANOUTS = (0, 1, 2, 4, 8, 16, 32, 64)
FIELDS = (0, 1, 2, 3, 4, 6, 8)
CONNECTED = (0, 1, 8, 64)
THREADS = (1, 2, 4, 8)
KINDS = {
    "int": (int, "1"),
    "float": (float, "2.0"),
    "bool": (bool, "True"),
    "str, 1 character": (str, '"x"'),
    "str, 20 characters": (str, '"x" * 20'),
    "str, 200 characters": (str, '"x" * 200'),
    "Label, 20 characters": (kit.Label, '"x" * 20'),
}

Series = dict[str, dict[str, float]]
"""Figures by series, and in it by what they grow with."""


def rows(module: Any) -> list[Row]:
    """Rows whose label is where they belong: table, series, place."""
    made = []

    def row(
        table: str, series: str, place: object, statement: str, names: Any, **more: Any
    ) -> None:
        made.append(Row(f"{place}", statement, names, figure=table, subject=series, **more))

    for count in FANOUTS:
        row("fan-out", "kit", count, FIRE, {"m": subjects.marker(count)})
        if module is not None:
            marker = module.Marker(tuple(probes(count)))
            row("fan-out", "bare", count, FIRE, {"m": marker})
    for count in FIELDS:
        for kind in ("int", "float", "str, 1 character"):
            type_, value = KINDS[kind]
            fields: dict[str, Any] = {f"f{n}": type_ for n in range(count)}
            if fields:
                m, clear = subjects.recorded(100_000, **fields)
            else:
                m = kit.marker("bench.scaling.bare")
                clear = kit.record(m.name, capacity=100_000).clear
            statement = f"m({', '.join([value] * count)})"
            row("fields", kind, count, statement, {"m": m}, after=clear, most=90_000)
    for kind, (type_, value) in KINDS.items():
        m, clear = subjects.recorded(100_000, f=type_)
        names = {"m": m, "v": eval(value)}
        row("kinds", "one field", kind, "m(v)", names, after=clear, most=90_000)
    for count in CONNECTED:
        names = {"m": subjects.marker(count), "probe": probes(1)[0]}
        row("connected", "connect + disconnect", count, "m.connect(probe).disconnect()", names)
    return made


def calls(rounds: int, seconds: float) -> dict[str, Any]:
    """Time the rows; figures in empty calls."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    try:
        module = bare.load(folder)
    except ImportError:
        module = None
    made = rows(module)
    turns = Rounds(made, seconds)
    for _ in range(rounds):
        turns.round()
    found: dict[str, Any] = {"call": turns.call}
    for each in made:
        table = found.setdefault(each.figure, {})
        table.setdefault(each.subject, {})[each.label] = (each.best - turns.loop) / turns.call
    return found


def threads(repeats: int, events: int) -> Series:
    """Nanoseconds of the machine an event, for so many threads that fire at the same time."""
    recorded, clear = subjects.recorded(max(THREADS) * events)
    series = {"off": subjects.marker(), "one probe": subjects.marker(1), "record": recorded}
    found: Series = {name: {} for name in series}
    for name, m in series.items():
        for count in THREADS:
            least = float("inf")
            for _ in range(repeats):
                least = min(least, together(m, count, events))
                clear()
            found[name][str(count)] = least / (count * events) * 1e9
    return found


def together(m: kit.Marker, count: int, events: int) -> float:
    """Have threads fire, all at once; return how long all of it took."""
    ready = threading.Barrier(count + 1)

    def fire() -> None:
        ready.wait()
        for n in range(events):
            m(n, 2.0, "x")

    firing = [threading.Thread(target=fire) for _ in range(count)]
    for thread in firing:
        thread.start()
    ready.wait()
    begin = time.perf_counter()
    for thread in firing:
        thread.join()
    return time.perf_counter() - begin


def grace(repeats: int) -> dict[str, float]:
    """Microseconds that `synchronize` takes: alone, and beside threads that fire.

    The load is asleep in its probe for 100 µs at a time, as one that writes to a file is; waiting
    for a dispatch that is found takes at least what is left of it.
    """
    found = {"nobody dispatching": waits(repeats)}
    for count in (1, 4):
        m = kit.marker(f"bench.scaling.load{count}")
        done = threading.Event()

        def fire(m: kit.Marker = m, done: threading.Event = done) -> None:
            while not done.is_set():
                m()

        with m.connect(lambda: time.sleep(100e-6)):
            firing = [threading.Thread(target=fire) for _ in range(count)]
            for thread in firing:
                thread.start()
            time.sleep(0.05)
            found[f"{count} in dispatches of 100 µs"] = waits(repeats)
            done.set()
            for thread in firing:
                thread.join()
    return found


def waits(repeats: int) -> float:
    """Return the median of so many grace periods, in microseconds."""
    took = []
    for _ in range(repeats):
        begin = time.perf_counter_ns()
        kit.synchronize()
        took.append(time.perf_counter_ns() - begin)
    return sorted(took)[repeats // 2] / 1000


def main(quick: bool) -> dict[str, Any]:
    """Measure everything."""
    sys.setswitchinterval(1)
    found = calls(15 if quick else 60, 0.001)
    sys.setswitchinterval(0.005)
    found["threads"] = threads(2 if quick else 5, 10_000 if quick else 50_000)
    found["grace"] = grace(50 if quick else 500)
    return found


if __name__ == "__main__":
    print(json.dumps(main("--quick" in sys.argv)))
