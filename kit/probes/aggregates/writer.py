"""The function that adds one event: written for what is asked, and compiled once a marker."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kit.markers.choice import dispatcher, unlocked
from kit.markers.leaving import Leaving
from kit.markers.tally import Tally
from kit.probes.aggregates.cells import Cell, plain
from kit.probes.aggregates.sketch import grow, scale
from kit.probes.places import places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kit.markers.format import FieldType, Format
    from kit.probes.aggregates.histogram import Histogram

__all__ = ["Plan", "State", "hashable", "make_writer", "new_state"]


@dataclass(frozen=True, slots=True)
class Plan:
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


class State:
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
    """

    __slots__ = (
        "__weakref__",
        "_left",
        "_local",
        "_room",
        "capacity",
        "dropped",
        "every",
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
        self.known: dict[Any, object] = {}
        # A place for each key, taken and given back by one operation on a built-in object.
        self._room: list[None] = [None] * capacity

    def cell(self, ident: int, key: Any, marker: str) -> Cell | None:
        """Return the calling thread's cell for a key; None, and counted, where there is no room."""
        table = self.tables.get(ident)
        if table is None:
            table = self._table(ident)
        try:
            cell = table.get(key)
        except TypeError:  # it cannot be a key
            key = hashable(key)
            cell = table.get(key)
        if cell is not None:
            return cell
        if key not in self.known:
            try:
                self._room.pop()
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
            self._local.leaving = Leaving(self, ident, table)
        else:
            self._left.append(table)
        return mine

    def leave(self, ident: int, table: dict[Any, Cell]) -> None:
        """Leave the table of a thread that has ended to the next one."""
        if self.tables.get(ident) is table:
            del self.tables[ident]
            self._left.append(table)

    def cleared(self) -> State:
        """Return an empty one; who has loaded this one finishes its event here."""
        state = State(self.capacity)
        state.dropped.update((name, Tally()) for name in self.dropped)
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
        self, plan: Plan, name: str, format: Format, owner: Any
    ) -> Callable[[int, int, tuple[Any, ...]], None]:
        """Return what the dispatcher calls for the events of a marker; see `make_writer`."""
        self.dropped.setdefault(name, Tally())
        return make_writer(plan, name, format, owner)


def hashable(key: Any) -> Any:
    """Return what stands for a key that cannot be one, such as a list: None in its place."""
    if not isinstance(key, tuple):
        return None
    return tuple([part if _can_be_key(part) else None for part in key])


def _can_be_key(part: Any) -> bool:
    try:
        hash(part)
    except TypeError:
        return False
    return True


def new_state(capacity: int) -> State:
    """Return an empty state: in C where the dispatcher is."""
    if dispatcher == "c":
        from kit.probes.aggregates.native import AVAILABLE, NativeState

        if AVAILABLE:
            return NativeState(capacity)
    return State(capacity)


def make_writer(
    plan: Plan, name: str, format: Format, state_of: Any
) -> Callable[[int, int, tuple[Any, ...]], None]:
    """Return what the dispatcher calls for the events of a marker.

    Parameters
    ----------
    plan : Plan
    name : str
        The marker's name.
    format : Format
        Its fields. Those that it has not are missing.
    state_of : object
        Has an attribute ``state``, the `State` to write to.

    Returns
    -------
    callable
    """
    known = places(name, format)
    scope: dict[str, Any] = {
        "__name__": __name__,
        "owner": state_of,
        "plain": plain,
        "grow": grow,
        "log": math.log,
        "frexp": math.frexp,
    }

    def value_of(field: str) -> str:
        place = known.get(field)
        return "None" if place is None else place.code(scope, lambda i: f"args[{i}]")

    keys = [value_of(field) for field in plan.by]
    key = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
    lines = [
        "state = owner.state",
        f"key = {key}",
        "try:",
        "    cell = state.tables[ident][key]",
        "except (KeyError, TypeError):",
        f"    cell = state.cell(ident, key, {name!r})",
        "    if cell is None:",
        "        return",
    ]
    if plan.value is None:
        add = ["cell.count += 1"]
    else:
        lines += [
            f"x = {value_of(plan.value)}",
            "if x.__class__ is not int and x.__class__ is not float:",
            "    x = plain(x)",
        ]
        add = _add(plan, _type(known, plan.value))
    # Where threads run at the same time, whoever copies the cell is kept out meanwhile.
    lines += ["with cell.lock:", *_indented(add)] if unlocked else add
    body = "\n".join(f"    {line}" for line in lines)
    source = f"def write(ident, ts, args):\n{body}\n"
    exec(compile(source, f"<aggregate of {name}>", "exec"), scope)
    writer: Callable[[int, int, tuple[Any, ...]], None] = scope["write"]
    return writer


def _type(known: dict[str, Any], field: str) -> FieldType:
    return known[field].type if field in known else float


def _add(plan: Plan, declared: FieldType) -> list[str]:
    """Write the lines that add a number: the declared type's way first."""
    branches = {
        "int": _add_number(plan, whole=True),
        "float": _add_number(plan, whole=False),
    }
    first, second = ("float", "int") if declared is float else ("int", "float")
    number = [
        f"if x.__class__ is {first}:",
        *_indented(branches[first]),
        f"elif x.__class__ is {second}:",
        *_indented(branches[second]),
    ]
    return [
        *number,
        "else:",
        "    cell.missing += 1",
        "    cell.count += 1",
    ]


def _add_number(plan: Plan, whole: bool) -> list[str]:
    lines: list[str] = []
    if not whole:  # neither infinite nor not a number
        lines += ["if x - x != 0:", "    cell.missing += 1", "    cell.count += 1", "    return"]
    # First what is called, then what is added: nothing comes in between.
    if plan.histogram is not None:
        lines += plan.histogram.code(whole)
    if plan.error is not None:
        lines += [
            f"if x: sketched = log(x if x > 0 else -x) * {scale(plan.error)!r} // 1",
            "if x > 0:",
            "    try: cell.positive[sketched] += 1",
            "    except KeyError: grow(cell.positive, sketched)",
            "elif x:",
            "    try: cell.negative[sketched] += 1",
            "    except KeyError: grow(cell.negative, sketched)",
            "else:",
            "    cell.zero += 1",
        ]
    if plan.histogram is not None:
        lines += ["try: cell.buckets[bucket] += 1", "except KeyError: cell.buckets[bucket] = 1"]
    lines += ["if x < cell.min: cell.min = x", "if x > cell.max: cell.max = x"]
    if whole:
        lines += ["cell.total += x", "cell.squares += x * x", "cell.wholes += 1", "cell.count += 1"]
        return lines
    return [
        *lines,
        "old = cell.high",
        "new = old + x",
        "part = new - old",
        "cell.low += (old - (new - part)) + (x - part)",
        "cell.high = new",
        "cell.count += 1",
        "away = x - cell.mean",
        "cell.mean += away / (cell.count - cell.missing - cell.wholes)",
        "cell.deviations += away * (x - cell.mean)",
    ]


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
