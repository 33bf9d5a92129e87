"""Other libraries, doing what the table's rows do, as installed from PyPI.

Each function builds the rows of one library and raises `ImportError` where it is not installed.
A row that calls probes calls functions like the kit's: three parameters, an empty body.
"""

from __future__ import annotations

import itertools
import logging
import logging.handlers
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from tests.benchmarks.timing import Row, probes

FANOUT = {"off": 0, "one": 1, "eight": 8, "sixty-four": 64}
_numbers = itertools.count()


def row(figure: str, subject: str, statement: str, names: dict[str, Any], **more: Any) -> Row:
    """Make a row of the table."""
    return Row(f"{subject}, {figure}", statement, names, figure=figure, subject=subject, **more)


def psygnal_rows() -> list[Row]:
    """Psygnal's emit and its fast variant."""
    import psygnal

    def signal(*receivers: Callable[..., object]) -> dict[str, Any]:
        class Emitter:
            signal = psygnal.Signal(int, float, str)

        emitter = Emitter()
        for receiver in receivers:
            emitter.signal.connect(receiver)
        return {"signal": emitter.signal, "keep": emitter}

    rows = []
    for figure, count in FANOUT.items():
        names = signal(*probes(count))
        for method in ("emit_fast", "emit"):
            rows.append(row(figure, f"psygnal {method}", f'signal.{method}(1, 2.0, "x")', names))
    events: list[Any] = []

    def write(qty: int, px: float, sym: str) -> None:
        events.append((perf_counter_ns(), qty, px, sym))

    names = signal(write)
    statement = 'signal.emit(1, 2.0, "x")'
    rows.append(row("record", "psygnal emit to a list", statement, names, after=events.clear))
    names = {**signal(*probes(64)), "probe": probes(1)[0]}
    statement = "signal.connect(probe); signal.disconnect(probe)"
    rows.append(row("update", "psygnal", statement, names))
    return rows


def blinker_rows() -> list[Row]:
    """Blinker's send."""
    import blinker

    rows = []
    kept: list[Any] = []  # it refers to receivers weakly
    for figure, count in FANOUT.items():
        signal = blinker.Signal()
        for probe in probes(count, "sender, qty, px, sym"):
            kept.append(probe)
            signal.connect(probe)
        statement = 'signal.send(None, qty=1, px=2.0, sym="x")'
        rows.append(row(figure, "blinker", statement, {"signal": signal, "kept": kept}))
    names = {"signal": signal, "probe": probes(1, "sender, qty, px, sym")[0], "kept": kept}
    rows.append(row("update", "blinker", "signal.connect(probe); signal.disconnect(probe)", names))
    return rows


def pluggy_rows() -> list[Row]:
    """Pluggy's hook call."""
    import pluggy

    class Specification:
        @pluggy.HookspecMarker("bench")
        def fill(self, qty: int, px: float, sym: str) -> None:
            pass

    def plugin(probe: Callable[..., None]) -> object:
        implementation = pluggy.HookimplMarker("bench")(probe)
        return type("Plugin", (), {"fill": staticmethod(implementation)})()

    rows = []
    for figure, count in FANOUT.items():
        manager = pluggy.PluginManager("bench")
        manager.add_hookspecs(Specification)
        for probe in probes(count):
            manager.register(plugin(probe))
        names = {"fill": manager.hook.fill}
        rows.append(row(figure, "pluggy", 'fill(qty=1, px=2.0, sym="x")', names))
    statement = "manager.register(plugin); manager.unregister(plugin)"
    names = {"manager": manager, "plugin": plugin(probes(1)[0])}
    rows.append(row("update", "pluggy", statement, names))
    return rows


def django_rows() -> list[Row]:
    """Django's signals."""
    from django.conf import settings

    if not settings.configured:
        settings.configure()
    from django.dispatch import Signal

    rows = []
    parameters = "signal, sender, qty, px, sym, **named"
    for figure, count in FANOUT.items():
        signal = Signal()
        for probe in probes(count, parameters):
            signal.connect(probe, weak=False)
        statement = 'signal.send(None, qty=1, px=2.0, sym="x")'
        rows.append(row(figure, "Django", statement, {"signal": signal}))
    names = {"signal": signal, "probe": probes(1, parameters)[0]}
    statement = "signal.connect(probe, weak=False); signal.disconnect(probe)"
    rows.append(row("update", "Django", statement, names))
    return rows


LOG = 'logger.info("m %d %f %s", 1, 2.0, "x")'


def logger(level: int) -> logging.Logger:
    """Make a logger of its own."""
    made = logging.getLogger(f"bench.{next(_numbers)}")
    made.propagate = False
    made.setLevel(level)
    return made


def logging_rows() -> list[Row]:
    """The standard library's logging: off, and into memory."""
    off, kept = logger(logging.WARNING), logger(logging.INFO)
    handler = logging.handlers.MemoryHandler(10**9, flushLevel=logging.CRITICAL)
    kept.addHandler(handler)
    rows = [
        row("off", "logging", LOG, {"logger": off}),
        row("record", "logging to memory", LOG, {"logger": kept}, after=handler.buffer.clear),
    ]
    for figure in ("one", "eight", "sixty-four"):
        counted = logger(logging.INFO)
        for _ in range(FANOUT[figure]):
            counted.addHandler(logging.NullHandler())
        rows.append(row(figure, "logging", LOG, {"logger": counted}))
    return rows


def list_rows() -> list[Row]:
    """No library at all: tuples appended to a list, by a function."""
    events: list[Any] = []

    def record(qty: int, px: float, sym: str) -> None:
        events.append((perf_counter_ns(), qty, px, sym))

    statement, names = 'record(1, 2.0, "x")', {"record": record}
    return [row("record", "list.append in a function", statement, names, after=events.clear)]


def opentelemetry_rows() -> list[Row]:
    """OpenTelemetry's spans: calling processors, and kept in memory."""
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    def tracer(*processors: Any) -> dict[str, Any]:
        provider = TracerProvider(shutdown_on_exit=False)
        for processor in processors:
            provider.add_span_processor(processor)
        return {"tracer": provider.get_tracer("bench"), "keep": provider}

    class Processor(SpanProcessor):
        pass

    attributes = '{"qty": 1, "px": 2.0, "sym": "x"}'
    event = f'tracer.start_span("m", attributes={attributes}).end()'
    passage = 'with tracer.start_as_current_span("s", attributes={"sql": "x"}): pass'
    exporter = InMemorySpanExporter()
    kept = tracer(SimpleSpanProcessor(exporter))
    name = "OpenTelemetry"
    return [
        row("one", name, event, tracer(Processor())),
        row("record", name, event, kept, after=exporter.clear),
        row("span", name, passage, kept, after=exporter.clear),
    ]


def viztracer_rows() -> list[Row]:
    """VizTracer's own events, its tracing of functions kept out."""
    import viztracer

    tracer = viztracer.VizTracer(tracer_entries=200_000, verbose=0, max_stack_depth=0)

    def stop() -> None:
        tracer.stop()
        tracer.clear()

    event = 'tracer.log_instant("m", args={"qty": 1, "px": 2.0, "sym": "x"})'
    surround = {"before": tracer.start, "after": stop, "most": 100_000}
    return [
        row("record", "viztracer", event, {"tracer": tracer}, **surround),
        row(
            "span", "viztracer", 'with tracer.log_event("s"): pass', {"tracer": tracer}, **surround
        ),
    ]


PEERS: dict[str, Callable[[], list[Row]]] = {
    "psygnal": psygnal_rows,
    "blinker": blinker_rows,
    "pluggy": pluggy_rows,
    "Django": django_rows,
    "logging": logging_rows,
    "list": list_rows,
    "opentelemetry-sdk": opentelemetry_rows,
    "viztracer": viztracer_rows,
}
"""By the name of the distribution, where there is one."""
