"""What markers cost, in calls of an empty function.

Every row is timed in turn, many times over, and its fastest time is kept: whatever else the machine
did while another row ran is the same for all of them. A ratio is to ``f(1, 2.0, "x")``, an empty
Python function, both net of an empty loop. Peers run beside it where they are installed.

    python -m tests.benchmarks.markers_bench            the table
    python -m tests.benchmarks.markers_bench --quick    the same in a few seconds, less exact
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import itertools
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import kit

FIRE = 'm(1, 2.0, "x")'
_numbers = itertools.count()


@dataclass
class Row:
    """One line of the table: a statement, what it runs in, and how fast it is meant to be."""

    label: str
    statement: str
    names: dict[str, Any]
    limit: float | None = None  # in calls of the empty function, for the Python dispatcher
    after: Callable[[], object] | None = None
    loops: int = 1
    best: float = float("inf")
    timer: timeit.Timer = field(init=False)

    def __post_init__(self) -> None:
        self.timer = timeit.Timer(self.statement, globals=dict(self.names))

    def calibrate(self, seconds: float) -> None:
        """Find how many loops take so long."""
        loops, took = 1, self.timer.timeit(1)
        while took < seconds / 4 and loops < 4_000_000:
            loops *= 4
            took = self.timer.timeit(loops)
        self.loops = max(1, int(loops * seconds / max(took, 1e-9)))

    def sample(self) -> None:
        """Time it once more."""
        self.best = min(self.best, self.timer.timeit(self.loops) / self.loops * 1e9)
        if self.after is not None:
            self.after()


def probes(count: int) -> list[Callable[..., None]]:
    """Make functions with code of their own, as a program's probes have."""
    made = []
    for number in range(count):
        scope: dict[str, Any] = {}
        exec(compile(f"def probe{number}(qty, px, sym): pass", f"<probe {number}>", "exec"), scope)
        made.append(scope[f"probe{number}"])
    return made


def marker(count: int = 0) -> kit.Marker:
    """Declare a marker with so many probes connected."""
    made = kit.marker(f"bench.m{next(_numbers)}", qty=int, px=float, sym=str)
    with kit.batch():
        for probe in probes(count):
            made.connect(probe)
    return made


def kit_rows() -> list[Row]:
    """The kit's own rows."""
    recorded = marker()
    # Left running: the process ends with the table. A fresh store after each sample, so that
    # there is always room.
    recorder = kit.record(recorded.name, capacity=2_000_000)
    overwritten = marker()
    flight = kit.record(overwritten.name, capacity=100_000, mode="overwrite")
    span = kit.span(f"bench.s{next(_numbers)}", sql=str)
    spans = kit.record(span.name, capacity=2_000_000)
    full = marker(64)
    update = "full.connect(probe).disconnect()"
    return [
        Row("fire, nothing connected", FIRE, {"m": marker()}, 4.5),
        Row("guard `if m:`", "if m: pass", {"m": marker()}, 1.7),
        Row("one probe", FIRE, {"m": marker(1)}, 11),
        Row("8 probes", FIRE, {"m": marker(8)}),
        Row("64 probes", FIRE, {"m": marker(64)}, 125),
        Row("one probe, by keyword", 'm(qty=1, px=2.0, sym="x")', {"m": marker(1)}),
        Row("record int, float, str", FIRE, {"m": recorded}, 14, recorder.clear),
        Row("record, overwriting", FIRE, {"m": overwritten}, None, flight.clear),
        Row("span with one field, recorded", 'with s("x"): pass', {"s": span}, None, spans.clear),
        Row("connect + disconnect, 1 connected", update, {"full": marker(1), "probe": min}),
        Row("connect + disconnect, 64 connected", update, {"full": full, "probe": min}),
        Row("grace period, nobody dispatching", "wait()", {"wait": kit.synchronize}),
    ]


def psygnal_rows() -> list[Row]:
    """Psygnal's emit and its fast variant."""
    import psygnal

    rows = []
    for count in (0, 1, 8, 64):

        class Emitter:
            signal = psygnal.Signal(int, float, str)

        emitter = Emitter()
        for probe in probes(count):
            emitter.signal.connect(probe)
        names = {"signal": emitter.signal, "keep": emitter}
        for method in ("emit_fast", "emit"):
            if hasattr(emitter.signal, method):
                label = f"psygnal {method}, {count} connected"
                rows.append(Row(label, f'signal.{method}(1, 2.0, "x")', names))
    return rows


def blinker_rows() -> list[Row]:
    """Blinker's send."""
    import blinker

    rows = []
    for count in (0, 1, 8, 64):
        signal = blinker.Signal()
        kept = []
        for probe in probes(count):

            def receiver(sender: object, probe: Any = probe, **values: Any) -> None:
                probe(**values)

            kept.append(receiver)
            signal.connect(receiver)
        names = {"signal": signal, "kept": kept}
        statement = 'signal.send(None, qty=1, px=2.0, sym="x")'
        rows.append(Row(f"blinker send, {count} connected", statement, names))
    return rows


def pluggy_rows() -> list[Row]:
    """Pluggy's hook call."""
    import pluggy

    rows = []
    for count in (0, 1, 8, 64):
        manager = pluggy.PluginManager("bench")

        class Specification:
            @pluggy.HookspecMarker("bench")
            def fill(self, qty: int, px: float, sym: str) -> None:
                pass

        manager.add_hookspecs(Specification)
        for probe in probes(count):
            implementation = pluggy.HookimplMarker("bench")(probe)
            plugin = type("Plugin", (), {"fill": staticmethod(implementation)})
            manager.register(plugin())
        statement = 'fill(qty=1, px=2.0, sym="x")'
        rows.append(Row(f"pluggy hook, {count} connected", statement, {"fill": manager.hook.fill}))
    return rows


def measure(rows: list[Row], rounds: int, seconds: float) -> tuple[float, float]:
    """Time the rows in turn; return the empty loop and the empty call in nanoseconds."""

    def empty(qty: int, px: float, sym: str) -> None:
        pass

    loop = Row("empty loop", "pass", {})
    call = Row("empty call", 'f(1, 2.0, "x")', {"f": empty})
    everything = [loop, call, *rows]
    for row in everything:
        row.calibrate(seconds)
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for row in everything:
            row.sample()
    return loop.best, call.best - loop.best


def import_time(rounds: int) -> float:
    """Return how much longer ``import kit`` takes than starting Python, in milliseconds."""
    best = {"pass": float("inf"), "import kit": float("inf")}
    for _ in range(rounds):
        for code, least in best.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            best[code] = min(least, time.perf_counter() - begin)
    return (best["import kit"] - best["pass"]) * 1000


def table(rounds: int = 40, seconds: float = 0.004, *, peers: bool = True) -> list[str]:
    """Measure everything and return the lines of the table."""
    sys.setswitchinterval(1)
    rows = kit_rows()
    absent = []
    for name, build in (
        ("psygnal", psygnal_rows),
        ("blinker", blinker_rows),
        ("pluggy", pluggy_rows),
    ):
        if not peers:
            continue
        if importlib.util.find_spec(name) is None:
            absent.append(name)
        else:
            rows += build()
    loop, call = measure(rows, rounds, seconds)
    lines = [
        (
            f"Python {sys.version.split()[0]}, {kit.dispatcher} dispatcher; "
            f"empty loop {loop:.1f} ns, empty call {call:.1f} ns net"
        ),
        f"{'':36}{'ns':>10}{'calls':>9}{'limit':>8}",
    ]
    for row in rows:
        net = row.best - loop
        limit = "" if row.limit is None else f"{row.limit:g}"
        over = "  over" if row.limit is not None and net / call > row.limit else ""
        lines.append(f"{row.label:36}{net:10.1f}{net / call:9.2f}{limit:>8}{over}")
    lines.append(f"{'import kit, over bare Python':36}{import_time(max(5, rounds // 4)):7.1f} ms")
    lines += [f"{name} is not installed" for name in absent]
    return lines


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few repeats")
    parser.add_argument("--no-peers", action="store_true", help="the kit's rows only")
    options = parser.parse_args(arguments)
    rounds = 5 if options.quick else 40
    print("\n".join(table(rounds, peers=not options.no_peers)))


if __name__ == "__main__":
    main()
