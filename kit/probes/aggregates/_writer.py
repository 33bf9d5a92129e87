"""The function that adds one event: written for what is asked, and compiled once a marker."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from kit.core._dispatch.tally import Tally
from kit.core._publication.threads import tell_when_gone
from kit.core._runtime import unlocked
from kit.probes._values import KINDS, number, recorded
from kit.probes.aggregates._buckets import room, scale
from kit.probes.aggregates._cells import Cell, as_key, beyond
from kit.probes.filters._operands import Operand, operands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kit.core._format import FieldType, Format
    from kit.probes.aggregates._buckets import Histogram

__all__ = ["Aggregated", "Totals", "key_of", "make_writer"]


@dataclass(frozen=True, slots=True)
class Aggregated:
    """What is aggregated.

    Attributes
    ----------
    value : str or None
        Of which field; None to count events.
    by : tuple of str
        The names that make the key.
    histogram : Log2, Linear or None
    error : float or None
        The relative error of quantiles; None where none are asked for.
    capacity : int
        How many keys there may be.
    """

    value: str | None
    by: tuple[str, ...]
    histogram: Histogram | None
    error: float | None
    capacity: int


class Totals:
    """What all threads have counted since the last ``clear``.

    A thread that ends leaves its table to the next one that begins, which counts on in it: so there
    are never more of them than there were threads at one time, and nothing is moved that a reader
    could miss or find twice.

    Attributes
    ----------
    tables : dict of int to dict
        For each thread its cells by key.
    every : list of dict
        The same tables, those included that no thread has now.
    dropped : dict of str to Tally
        For each marker how many events had a key for which there was no room.
    failed : dict of str to Tally
        For each marker how many events could not be added, whatever was the cause.
    """

    __slots__ = (
        "__weakref__",
        "_left",
        "_local",
        "_room",
        "capacity",
        "dropped",
        "every",
        "failed",
        "known",
        "tables",
    )

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.tables: dict[int, dict[Any, Cell]] = {}
        self.every: list[dict[Any, Cell]] = []
        self._left: list[dict[Any, Cell]] = []
        self._local = threading.local()
        self.dropped: dict[str, Tally] = {}
        self.failed: dict[str, Tally] = {}
        self.known: dict[Any, object] = {}
        # A place for each key, taken and given back by one operation on a built-in object.
        self._room: list[None] = [None] * capacity

    def cell(self, ident: int, key: Any, marker: str) -> Cell | None:
        """Return the calling thread's cell for a key; None, and counted, where there is no room."""
        table = self.tables.get(ident)
        if table is None:
            table = self._table(ident)
        key = as_key(key)
        cell = table.get(key)
        if cell is not None:
            return cell
        if key not in self.known:
            try:
                del self._room[-1]  # not by a call: no signal handler comes behind it
            except IndexError:
                if key not in self.known:  # another thread may have been faster with this key
                    self.dropped[marker].up()
                    return None
            else:
                mine = object()
                if self.known.setdefault(key, mine) is not mine:
                    self._room.append(None)
        # A signal handler may come here in between: whoever is first, there is one cell.
        return table.setdefault(key, Cell())

    def _table(self, ident: int) -> dict[Any, Cell]:
        """Return a table for the calling thread: one that another has left, or a new one."""
        try:
            table = self._left.pop()
        except IndexError:
            table = {}
            self.every.append(table)
        # A signal handler may come here in between: whoever is first, the thread has one table.
        mine = self.tables.setdefault(ident, table)
        if mine is table:
            tell_when_gone(self._local, self, ident, table)
        else:
            self._left.append(table)
        return mine

    def leave(self, ident: int, table: dict[Any, Cell]) -> None:
        """Leave the table of a thread that has ended to the next one."""
        if self.tables.get(ident) is table:
            del self.tables[ident]
            self._left.append(table)

    def cleared(self) -> Totals:
        """Return an empty one; who has loaded this one finishes its event here."""
        state = Totals(self.capacity)
        state.dropped.update((name, Tally()) for name in self.dropped)
        state.failed.update((name, Tally()) for name in self.failed)
        return state

    def cells(self) -> Iterator[tuple[Any, Cell]]:
        """Yield copies of all threads' cells, with their keys."""
        for table in self.every.copy():
            for key, cell in table.copy().items():
                yield key, cell.copy()

    @property
    def count(self) -> int:
        """How many events are in all cells."""
        tables = self.every.copy()
        return sum(cell.count for table in tables for cell in table.copy().values())

    @property
    def drops(self) -> dict[str, int]:
        """For each marker how many events had a key for which there was no room."""
        return {name: tally.n for name, tally in self.dropped.copy().items()}

    def writer(
        self, plan: Aggregated, name: str, format: Format, owner: Any
    ) -> Callable[[int, int, tuple[Any, ...]], None]:
        """Return what the dispatcher calls for the events of a marker; see `make_writer`."""
        self.dropped.setdefault(name, Tally())
        self.failed.setdefault(name, Tally())
        return make_writer(plan, name, format, owner)


def make_writer(
    plan: Aggregated, name: str, format: Format, state_of: Any
) -> Callable[[int, int, tuple[Any, ...]], None]:
    """Return what the dispatcher calls for the events of a marker.

    Parameters
    ----------
    plan : Aggregated
    name : str
        The marker's name.
    format : Format
        Its fields. Those that it has not are missing.
    state_of : object
        Has an attribute ``state``, the `Totals` to write to.

    Returns
    -------
    callable
    """
    known = {field: _asked(operand) for field, operand in operands(name, format).items()}
    scope: dict[str, Any] = {
        "__name__": __name__,
        "owner": state_of,
        "beyond": beyond,
        "number": number,
        "key_of": key_of(plan, known),
        "room": room,
        "log": math.log,
        "frexp": math.frexp,
    }

    def value_of(field: str) -> str:
        operand = known.get(field)
        return "None" if operand is None else operand.code(scope, lambda i: f"args[{i}]")

    keys = [value_of(field) for field in plan.by]
    key = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
    found = [
        "state = owner.state",
        f"key = {key}",
        "try:",
        "    cell = state.tables[ident][key]",
        "except (KeyError, TypeError):",
        f"    cell = state.cell(ident, key_of(key), {name!r})",
        "    if cell is None:",
        "        return",
    ]
    if plan.value is not None:
        found += [
            f"x = {value_of(plan.value)}",
            "if x.__class__ is not int and x.__class__ is not float:",
            "    x = number(x)",
        ]
    new, stored = _adding(plan, _type(known, plan.value))
    # An exception that comes before the first store, also one of a signal handler, leaves the cell
    # as it was; after that nothing is called, nothing is made, and nothing comes in between.
    failed = [f"owner.state.failed[{name!r}].n += 1", "raise"]
    lines = ["try:", *_indented(found), "except BaseException:", *_indented(failed)]
    add = ["try:", *_indented(new), "except BaseException:", *_indented(failed), *stored]
    # Where threads run at the same time, whoever copies the cell is kept out meanwhile.
    lines += ["with cell.lock:", *_indented(add)] if unlocked else add
    body = "\n".join(f"    {line}" for line in lines)
    source = f"def write(ident, ts, args):\n{body}\n"
    # In ASCII: a name may hold what no file's may, and declaring it must not fail.
    exec(compile(source, f"<aggregate of {name!a}>", "exec"), scope)
    writer: Callable[[int, int, tuple[Any, ...]], None] = scope["write"]
    return writer


def key_of(plan: Aggregated, known: dict[str, Operand]) -> Callable[[Any], Any]:
    """Return what makes a key of unusual values plain, so that it is what a frame shows of them."""
    kinds = [KINDS[known[name].type] if name in known else "s" for name in plan.by]
    if len(kinds) == 1:
        return partial(recorded, kinds[0])
    return lambda key: tuple(map(recorded, kinds, key))


def _asked(operand: Operand) -> Operand:
    """Return an operand that is missing where its function raises, and not the event with it."""
    function = operand.function
    if function is None or not hasattr(function, "__code__"):
        return operand  # functions in C that tell the thread, or the processor, do not fail

    def asked() -> Any:
        try:
            return function()
        except Exception:  # noqa: BLE001 - whatever the program's own function raises
            return None

    return operand._replace(function=asked)


def _type(known: dict[str, Any], field: str | None) -> FieldType:
    return known[field].type if field in known else float


def _adding(plan: Aggregated, declared: FieldType) -> tuple[list[str], list[str]]:
    """Write the lines that add a number, the declared type's way first.

    Returns
    -------
    new, stored : list of str
        Those that find out what everything will be, and those that store it.
    """
    if plan.value is None:
        return ["count = cell.count + 1"], ["cell.count = count"]
    (new_int, int_stored), (new_float, float_stored) = _whole(plan), _float(plan)
    ways = [("int", new_int, int_stored), ("float", new_float, float_stored)]
    if declared is float:
        ways.reverse()
    (first, new, stored), (second, then, stored_then) = ways
    return [
        "count = cell.count + 1",
        f"if x.__class__ is {first}:",
        *_indented(new),
        f"elif x.__class__ is {second}:",
        *_indented(then),
        "else:",
        "    missing = cell.missing + 1",
    ], [
        f"if x.__class__ is {first}:",
        *_indented(stored),
        f"elif x.__class__ is {second}:",
        *_indented(stored_then),
        "else:",
        "    cell.missing = missing",
        "    cell.count = count",
    ]


def _shared(plan: Aggregated, whole: bool) -> tuple[list[str], list[str]]:
    """Write what whole numbers and floats have in common: histogram, sketch, extremes."""
    new: list[str] = []
    stored: list[str] = []
    if plan.histogram is not None:
        new += [
            *plan.histogram.code(whole),
            "if bucket not in cell.buckets: cell.buckets[bucket] = 0",
            "in_bucket = cell.buckets[bucket] + 1",
        ]
        stored.append("cell.buckets[bucket] = in_bucket")
    if plan.error is not None:
        new += [
            "if x:",
            f"    sketched = log(x if x > 0 else -x) * {scale(plan.error)!r} // 1",
            "    sketch = cell.positive if x > 0 else cell.negative",
            "    if sketched not in sketch: sketched = room(sketch, sketched)",
            "    in_sketch = sketch[sketched] + 1",
            "else:",
            "    in_sketch = cell.zero + 1",
        ]
        stored += ["if x: sketch[sketched] = in_sketch", "else: cell.zero = in_sketch"]
    return new, [*stored, "if x < cell.min: cell.min = x", "if x > cell.max: cell.max = x"]


def _whole(plan: Aggregated) -> tuple[list[str], list[str]]:
    new, stored = _shared(plan, whole=True)
    new += ["total = cell.total + x", "squares = cell.squares + x * x", "wholes = cell.wholes + 1"]
    stored += ["cell.total = total", "cell.squares = squares", "cell.wholes = wholes"]
    return new, [*stored, "cell.count = count"]


def _float(plan: Aggregated) -> tuple[list[str], list[str]]:
    new = [
        "old = cell.high",
        "high = old + x",
        "part = high - old",
        "low = cell.low + ((old - (high - part)) + (x - part))",
        "away = x - cell.mean",
        "n = count - cell.missing - cell.wholes",
        "mean = cell.mean + away / n",
        "deviations = cell.deviations + away * (x - mean)",
        "far = None",
        # One of them is infinite or not a number: x is, or they are too large for a float.
        "if (high + deviations) * 0.0 != 0.0:",
        "    if x - x != 0:",
        "        x = None",
        "        missing = cell.missing + 1",
        "    else:",
        "        high, low, mean, deviations, *far = beyond(cell, x, n)",
    ]
    shared, stored = _shared(plan, whole=False)
    if shared:
        new += ["if x is not None:", *_indented(shared)]
    stored += [f"cell.{each} = {each}" for each in ("low", "high", "mean", "deviations", "count")]
    return new, [*stored, "if far is not None: cell.far, cell.spread = far"]


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
