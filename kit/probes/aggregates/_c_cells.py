"""What all threads have counted, in C: the dispatcher adds events without calling Python.

The same numbers as in `kit.probes.aggregates._writer`, by the same steps: ``kit/c/cells.h`` says
what a cell holds, and ``kit/c/aggregate.c`` how an event is added.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from kit import _c
from kit.core._dispatch.tally import Tally
from kit.probes._values import number
from kit.probes.aggregates._buckets import Linear, Log2, scale
from kit.probes.aggregates._cells import Cell, as_key
from kit.probes.aggregates._writer import Totals, key_of
from kit.probes.filters._operands import MISSING, operands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kit.core._format import Format
    from kit.probes.aggregates._writer import Aggregated

__all__ = ["AVAILABLE", "NativeTotals"]

AVAILABLE: Final = hasattr(_c, "Adder")
"""Whether the machine has what it takes: integers of 128 bits."""


class NativeTotals(Totals):
    """Like `Totals`, and ``clear`` begins again in place.

    Parameters
    ----------
    capacity : int
        How many keys there may be.
    """

    __slots__ = ("_adders", "_tables")

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._tables = _c.Tables(capacity, as_key)
        self._adders: dict[str, list[_c.Adder]] = {}

    def cleared(self) -> Totals:
        """Begin again at nothing."""
        self._tables.forget()
        for adders in self._adders.values():
            for adder in adders:
                adder.dropped = 0
        for tally in self.failed.values():
            tally.n = 0
        return self

    def cells(self) -> Iterator[tuple[Any, Cell]]:
        """Yield copies of all threads' cells, with their keys."""
        for key, numbers in self._tables.cells():
            yield key, _cell(numbers)

    @property
    def count(self) -> int:
        """How many events are in all cells."""
        return self._tables.count

    @property
    def drops(self) -> dict[str, int]:
        """For each marker how many events had a key for which there was no room."""
        adders = self._adders.copy()
        return {name: sum([adder.dropped for adder in each]) for name, each in adders.items()}

    def writer(
        self,
        plan: Aggregated,
        name: str,
        format: Format,
        owner: Any,  # noqa: ARG002 - a state that begins again in place
    ) -> Callable[[int, int, tuple[Any, ...]], None]:
        """Return what the dispatcher calls for the events of a marker."""
        known = operands(name, format)
        kind = plan.histogram
        adder = _c.Adder(
            self._tables,
            None if plan.value is None else known.get(plan.value, MISSING).for_c(),
            tuple([known.get(field, MISSING).for_c() for field in plan.by]),
            format.is_span,
            (kind.lowest, kind.highest) if isinstance(kind, Log2) else None,
            _even(kind) if isinstance(kind, Linear) else None,
            0.0 if plan.error is None else scale(plan.error),
            number,
            _odd(plan),
            self.failed.setdefault(name, Tally()),
            key_of(plan, known),
        )
        self._adders.setdefault(name, []).append(adder)
        return adder


def _even(kind: Linear) -> tuple[float, float, float, int, bool]:
    numbers = (kind.low, kind.high, kind.step)
    exact = all(float(each) == each for each in numbers)
    low, high, step = (float(each) if exact else 1.0 for each in numbers)
    return low, high, step, kind.last, exact


def _odd(plan: Aggregated) -> Callable[[Any], tuple[int, int]]:
    """Return what finds the buckets of a number that is beyond what C computes exactly."""
    scope: dict[str, Any] = {"frexp": math.frexp, "log": math.log}
    lines = ["bucket = sketched = 0"]
    if plan.histogram is not None:
        lines += ["if x.__class__ is int:"]
        lines += [f"    {line}" for line in plan.histogram.code(whole=True)]
        lines += ["else:"]
        lines += [f"    {line}" for line in plan.histogram.code(whole=False)]
    if plan.error is not None:
        lines += [f"if x: sketched = log(x if x > 0 else -x) * {scale(plan.error)!r} // 1"]
    body = "\n".join(f"    {line}" for line in [*lines, "return int(bucket), int(sketched)"])
    exec(compile(f"def odd(x):\n{body}\n", "<odd numbers>", "exec"), scope)
    odd: Callable[[Any], tuple[int, int]] = scope["odd"]
    return odd


def _cell(numbers: tuple[Any, ...]) -> Cell:
    cell = Cell()
    (
        cell.count,
        cell.missing,
        cell.wholes,
        cell.zero,
        cell.total,
        cell.squares,
        cell.high,
        cell.low,
        cell.mean,
        cell.deviations,
        cell.far,
        cell.spread,
        cell.min,
        cell.max,
        cell.buckets,
        cell.positive,
        cell.negative,
    ) = numbers
    return cell


def new_state(capacity: int) -> Totals:
    """Return an empty state: in C where that is so built."""
    return NativeTotals(capacity) if AVAILABLE else Totals(capacity)
