"""What is measured of the kit: markers with probes, and the rows of the tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import kit
from tests.benchmarks.timing import Row, probes

FIRE = 'm(1, 2.0, "x")'
_numbers = itertools.count()


def marker(count: int = 0, **fields: Any) -> kit.Marker:
    """Declare a marker with so many probes connected."""
    fields = fields or {"qty": int, "px": float, "sym": str}
    made = kit.marker(f"bench.m{next(_numbers)}", **fields)
    with kit.batch():
        for probe in probes(count, ", ".join(fields)):
            made.connect(probe)
    return made


def recorded(
    capacity: int = 2_000_000, mode: Any = "discard", **fields: Any
) -> tuple[kit.Marker, Callable[[], object]]:
    """Declare a marker that is recorded; return it and what empties the recorder.

    It is left running: the process ends with the table.
    """
    made = marker(0, **fields)
    return made, kit.record(made.name, capacity=capacity, mode=mode).clear


def span() -> tuple[kit.Span, Callable[[], object]]:
    """Declare a recorded span with one field; return it and what empties the recorder."""
    made = kit.span(f"bench.s{next(_numbers)}", sql=str)
    return made, kit.record(made.name, capacity=2_000_000).clear


def kit_rows() -> list[Row]:
    """The kit's own rows of the table."""
    written, clear = recorded()
    passage, clear_spans = span()

    def row(figure: str, statement: str, names: dict[str, Any], **more: Any) -> Row:
        return Row(figure, statement, names, figure=figure, subject="kit", **more)

    update = "full.connect(probe).disconnect()"
    return [
        row("off", FIRE, {"m": marker()}),
        row("guard", "if m: pass", {"m": marker()}),
        row("one", FIRE, {"m": marker(1)}),
        row("eight", FIRE, {"m": marker(8)}),
        row("sixty-four", FIRE, {"m": marker(64)}),
        row("record", FIRE, {"m": written}, after=clear),
        row("span", 'with s("x"): pass', {"s": passage}, after=clear_spans),
        row("update", update, {"full": marker(64), "probe": probes(1)[0]}),
        row("grace", "wait()", {"wait": kit.synchronize}),
    ]
