"""Connect, record, read and end threads over and over; what is held must stay flat.

``python -m tests.c.leaks 1000000`` goes through every step so many times (a step that is slow a
fixed share of it) and prints, a line each, what was held after the first tenth and at the end: the
interpreter's blocks of memory, objects of the kit's own types, and the process's resident size. It
exits with 1 where that has grown. The interpreter's blocks count every Python object; resident
memory is what the recorder's own blocks, outside of it, would show in.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import kit
from kit.probes.captures._reader import read

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCKS = 300
"""By how many of the interpreter's blocks a step may end with more: names, caches, free lists.
pandas and PyArrow come and go by up to 230. A step is made 400 times at least, so one object
that is left each time is found."""
BYTES = 4 << 20
"""By how much of resident memory, which comes and goes in large pieces."""


def held() -> tuple[int, int, Counter[str]]:
    """Return what is held: blocks, resident bytes, and the kit's objects by type."""
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    kinds = map(type, gc.get_objects())
    own = [kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("kit")]
    return sys.getallocatedblocks(), resident, Counter(own)


def connects() -> Callable[[], object]:
    """Connect and disconnect, beside one that stays."""
    marker = kit.marker("leaks.connects", n=int)
    marker.connect(len, [], name="stays")

    def step() -> None:
        connection = marker.connect(lambda private, n: None, object())
        marker(1)
        connection.disconnect()

    return step


def batches() -> Callable[[], object]:
    """Replace one by name and wait; disconnect another from inside its own dispatch."""
    marker = kit.marker("leaks.batches", n=int)

    def step() -> None:
        with kit.batch():
            marker.connect(lambda n: None, name="one")
            once = marker.connect(lambda n: once.disconnect())
        marker(1)
        kit.synchronize()

    return step


def errors() -> Callable[[], object]:
    """Raise in a probe, pass wrong arguments, and fire inside a dispatch."""
    marker = kit.marker("leaks.errors", n=int)

    def probe(n: int) -> None:
        if n:
            marker(n - 1)
        raise ValueError(n)

    marker.connect(probe, error_limit=None)

    def step() -> None:
        marker(2)
        marker(1, 2, wrong=3)
        marker(n=1)

    return step


def records() -> Callable[[], object]:
    """Record where it finds room, where it is lost, and in the place of what was there."""
    marker = kit.marker("leaks.records", n=int, x=float, text=str)
    kept = [kit.record(marker, capacity=1000, mode=mode) for mode in ("discard", "overwrite")]
    return lambda: kept and marker(12345678901, 2.5, "a text that is longer than a slot")


def slow_records() -> Callable[[], object]:
    """Record values that have to be made plain first, with context."""
    marker = kit.marker("leaks.slow", n=int, text=str)
    events = kit.record(marker, capacity=1000, mode="overwrite", context=("cpu",))
    return lambda: events and marker(True, "\u20ac \ud800 text")


def spans() -> Callable[[], object]:
    """Pass through a span, with an error and without, and through one that nobody looks at."""
    span = kit.span("leaks.spans", text=str)
    events = kit.record(span, capacity=1000, mode="overwrite")

    def step() -> None:
        assert events.running
        with span("a text that is longer than a slot"):
            pass
        try:
            with span(text=None):
                raise KeyError
        except KeyError:
            pass

    return step


def reads() -> Callable[[], object]:
    """Read as rows and as columns, and take away."""
    marker = kit.marker("leaks.reads", n=int, text=str, yes=bool, side=kit.Label)
    events = kit.record(marker, capacity=1000)

    def step() -> None:
        marker(1, "a text that is longer than a slot", True, "a label that is longer, too")
        marker(None, "\u20ac", "no", "buy")
        for piece in events._sink.store.copy():
            if kit.dispatcher == "c":
                piece.rows.blocks.stamps()
                piece.rows.blocks.columns(0)
            list(piece.rows)
        events._sink.store.take()

    return step


def clears() -> Callable[[], object]:
    """Begin anew; and a recorder that comes and goes."""
    marker = kit.marker("leaks.clears", n=int)
    events = kit.record(marker, capacity=100)

    def step() -> None:
        marker(1)
        events.clear()
        with kit.record(marker, capacity=10, mode="overwrite"):
            marker(2)

    return step


def captures() -> Callable[[], object]:
    """Record into files: one that stays, and others that come, go on in the next, and go."""
    marker = kit.marker("leaks.captures", n=int, text=str)
    folder = Path(tempfile.mkdtemp(prefix="leaks"))
    kept = kit.record(marker, capacity=100, mode="overwrite", path=folder / "kept.kit")
    turn = itertools.count()

    def step() -> None:
        path = folder / f"{next(turn)}.kit"
        with kit.record(marker, capacity=10, path=path) as events:
            for _ in range(20):
                marker(12345678901, "a text that is longer than a slot")
            events.take()
            events.rotate(path.with_suffix(".next"))
            marker(1, "\u20ac")
            events.clear()
            read(path)
        assert kept.running
        path.unlink()
        path.with_suffix(".next").unlink()

    return step


def frames() -> Callable[[], object]:
    """Make a frame of events."""
    marker = kit.marker("leaks.frames", n=int, text=str)
    events = kit.record(marker, capacity=16, mode="overwrite", dispatches=True)

    def step() -> None:
        marker(1, "text")
        _ = events.frame()

    return step


def aggregates() -> Callable[[], object]:
    """Add up by key: keys for which there is room, and keys for which there is none."""
    marker = kit.marker("leaks.aggregates", n=int, x=float, key=str)
    numbers = kit.aggregate(marker, "x", by="key", histogram="log2", capacity=20)
    counts = kit.aggregate(marker, by=("n", "thread"), capacity=20, when="n > 3 and key != 'k7'")
    turn = itertools.count()

    def step() -> None:
        n = next(turn) % 40
        marker(n, n / 8 - 1, f"k{n}")
        marker(float("nan"), 1.7e308 if n % 2 else -1.7e308, "beyond floats")
        assert numbers.running
        assert counts.running

    return step


def tables() -> Callable[[], object]:
    """Read an aggregate, begin it anew, and another that comes and goes."""
    marker = kit.marker("leaks.tables", n=int, key=str)
    numbers = kit.aggregate(marker, "n", by="key", histogram=(0, 100, 10))

    def step() -> None:
        marker(7, "a key that is longer than most")
        numbers.table()
        numbers.clear()
        with kit.aggregate(marker, "n", quantiles=()) as short:
            marker(None, "b")
            short.table()

    return step


def conditions() -> Callable[[], object]:
    """Connect under a condition; it is true, false, and of a value that is missing."""
    marker = kit.marker("leaks.conditions", n=int, text=str)

    def step() -> None:
        with marker.connect(
            lambda n, text: None,
            when="n * 2 > 10 and text in ('a', 'b') or text like 'x*'",
            every=2,
        ):
            marker(7, "b")
            marker(1, "xyz")
            marker(None, None)
            marker(1, "c")

    return step


def threads() -> Callable[[], object]:
    """Fire and record on a thread that ends."""
    marker = kit.marker("leaks.threads", n=int)
    marker.connect(lambda n: None)

    def step() -> None:
        with kit.record(marker, capacity=10):
            thread = threading.Thread(target=marker, args=(1,))
            thread.start()
            thread.join()

    return step


STEPS = {
    connects: 1.0,
    batches: 0.1,
    errors: 0.1,
    records: 1.0,
    slow_records: 0.5,
    spans: 1.0,
    reads: 1.0,
    clears: 0.1,
    captures: 0.01,
    frames: 0.01,
    aggregates: 1.0,
    tables: 0.05,
    conditions: 0.1,
    threads: 0.02,
}
"""The steps, and how many of the times asked for each is gone through."""


def grown(make: Callable[[], Callable[[], object]], times: int) -> bool:
    """Go through a step, say what is held, and whether that is more than it was."""
    step = make()
    warm = max(times // 10, min(times, 1200))
    for _ in range(warm):
        step()
    before = held()
    for _ in range(times):
        step()
    after = held()
    objects = after[2] - before[2]
    more = after[0] - before[0] > BLOCKS or after[1] - before[1] > BYTES or objects.total() > 0
    print(
        f"{kit.dispatcher} {make.__name__}: {times:,} times: blocks {before[0]:,} -> {after[0]:,}, "
        f"resident {before[1] >> 10:,} -> {after[1] >> 10:,} KiB"
        + (f", MORE {dict(objects)}" if more else ""),
        flush=True,
    )
    return more


def main(arguments: list[str]) -> int:
    """Go through the steps of these names, or all, so many times."""
    times = int(arguments[0]) if arguments else 10_000
    found = [
        make.__name__
        for make, share in STEPS.items()
        if (not arguments[1:] or make.__name__ in arguments[1:])
        and grown(make, max(400, int(times * share)))
    ]
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
