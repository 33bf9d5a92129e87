"""What a million recorded events take: memory, and the time until they are a frame.

Every way of keeping them runs in a process of its own, so that what one leaves behind does not
count for another:  python -m tests.benchmarks.kept "list of tuples" 1000000
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

TEXTS = tuple(map(sys.intern, ("alpha", "beta", "gamma", "delta", "eps", "zeta", "eta", "theta")))
COLUMNS = ["ts", "qty", "px", "sym"]

Kept = tuple[Callable[[int], object], Callable[[], Any]]
"""What records so many events, and what makes a frame of them."""


def resident() -> int:
    """Bytes of memory that the process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def kit_label(events: int, text: object = None) -> Kept:
    """The kit, with text as categories."""
    import kit

    m = kit.marker("bench.kept", qty=int, px=float, sym=text or kit.Label)
    recorder = kit.record(m.name, capacity=events)

    def record(count: int) -> None:
        for n in range(count):
            m(n, n * 0.5, TEXTS[n & 7])

    return record, lambda: recorder.frame(m.name)


def kit_text(events: int) -> Kept:
    """The kit, with text as text."""
    return kit_label(events, str)


def bare(events: int) -> Kept:
    """The bare object, whose memory numpy reads."""
    import numpy as np
    import pandas as pd

    from tests.benchmarks.bare import load

    module = load(Path(os.environ["KIT_BENCH_BARE"]))
    tape = module.Tape(events)
    m = module.Marker((tape,))

    def record(count: int) -> None:
        for n in range(count):
            m(n, n * 0.5, TEXTS[n & 7])

    def frame() -> pd.DataFrame:
        fields = [("ts", "i8"), ("qty", "i8"), ("px", "f8"), ("sym", "i8")]
        array = np.frombuffer(tape, fields)
        codes, addresses = pd.factorize(array["sym"])
        names = {id(text): text for text in TEXTS}
        columns = {name: np.ascontiguousarray(array[name]) for name in ("ts", "qty", "px")}
        categories = [names[address] for address in addresses]
        return pd.DataFrame({**columns, "sym": pd.Categorical.from_codes(codes, categories)})

    return record, frame


def tuples(events: int) -> Kept:
    """A list of tuples."""
    import pandas as pd

    kept: list[Any] = []
    append, clock = kept.append, perf_counter_ns

    def record(count: int) -> None:
        for n in range(count):
            append((clock(), n, n * 0.5, TEXTS[n & 7]))

    return record, lambda: pd.DataFrame(kept, columns=COLUMNS)


def numpy_codes(events: int) -> Kept:
    """A numpy array, text as codes."""
    import numpy as np
    import pandas as pd

    array = np.zeros(events, [("ts", "i8"), ("qty", "i8"), ("px", "f8"), ("sym", "i4")])
    code, clock = {text: place for place, text in enumerate(TEXTS)}, perf_counter_ns

    def record(count: int) -> None:
        for n in range(count):
            array[n] = (clock(), n, n * 0.5, code[TEXTS[n & 7]])

    def frame() -> pd.DataFrame:
        columns = {name: array[name] for name in ("ts", "qty", "px")}
        return pd.DataFrame({**columns, "sym": pd.Categorical.from_codes(array["sym"], TEXTS)})

    return record, frame


def logged(events: int) -> Kept:
    """Records of `logging` in memory."""
    import logging.handlers

    import pandas as pd

    logger = logging.getLogger("bench.kept")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    handler = logging.handlers.MemoryHandler(10**9, flushLevel=logging.CRITICAL)
    logger.addHandler(handler)

    def record(count: int) -> None:
        for n in range(count):
            logger.info("m %d %f %s", n, n * 0.5, TEXTS[n & 7])

    return record, lambda: pd.DataFrame(
        [(each.created, *each.args) for each in handler.buffer], columns=COLUMNS
    )


def opentelemetry(events: int) -> Kept:
    """OpenTelemetry's spans in memory."""
    import pandas as pd
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("bench")

    def record(count: int) -> None:
        for n in range(count):
            attributes = {"qty": n, "px": n * 0.5, "sym": TEXTS[n & 7]}
            tracer.start_span("m", attributes=attributes).end()

    return record, lambda: pd.DataFrame(
        [(each.start_time, *each.attributes.values()) for each in exporter.get_finished_spans()],
        columns=COLUMNS,
    )


def viztracer(events: int) -> Kept:
    """VizTracer's own events."""
    import pandas as pd
    from viztracer import VizTracer

    tracer = VizTracer(tracer_entries=events + 1000, verbose=0, max_stack_depth=0)

    def record(count: int) -> None:
        tracer.start()
        for n in range(count):
            tracer.log_instant("m", args={"qty": n, "px": n * 0.5, "sym": TEXTS[n & 7]})
        tracer.stop()

    def frame() -> pd.DataFrame:
        tracer.parse()
        found = [each for each in tracer.data["traceEvents"] if each["ph"] == "i"]
        return pd.DataFrame([(each["ts"], *each["args"].values()) for each in found])

    return record, frame


WAYS: dict[str, Callable[[int], Kept]] = {
    "kit": kit_label,
    "kit, text as str": kit_text,
    "bare": bare,
    "numpy codes": numpy_codes,
    "list of tuples": tuples,
    "viztracer": viztracer,
    "logging to memory": logged,
    "OpenTelemetry": opentelemetry,
}

SLOW = {"OpenTelemetry": 10, "viztracer": 4, "logging to memory": 4}
"""Those are measured over fewer events; the time for a frame is scaled up."""


def measure(way: str, events: int, repeats: int = 5) -> dict[str, float]:
    """Return bytes an event, nanoseconds to record one, and milliseconds for a frame of all.

    Time is the processor's, of all threads.
    """
    import pandas as pd

    pd.DataFrame({"a": [1], "b": pd.Categorical(["x"])})  # what its first use takes is not counted
    count = events // SLOW.get(way, 1)
    record, frame = WAYS[way](count)
    gc.collect()
    before, begin = resident(), time.process_time()
    record(count)
    recorded, after = time.process_time() - begin, resident()
    took = []
    for _ in range(1 if way in SLOW else repeats):
        begin = time.process_time()
        made = frame()
        took.append(time.process_time() - begin)
    assert len(made) == count, f"{way}: {len(made)} of {count} events"
    return {
        "bytes": (after - before) / count,
        "record": recorded / count * 1e9,
        "frame": min(took) * 1e3 * events / count,
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
