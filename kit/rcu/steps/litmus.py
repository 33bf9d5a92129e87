"""Litmus tests as simulations: the same test, one interleaving at a time."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kit.errors import SimulationError
from kit.rcu._checker.enumeration import satisfied
from kit.rcu._checker.thread import NUMERIC, wrapped
from kit.rcu._litmus.parser import parse
from kit.rcu._litmus.primitives import PRIMITIVES
from kit.rcu._litmus.syntax import (
    Assign,
    Binary,
    Call,
    Const,
    Declare,
    Deref,
    Evaluate,
    Expr,
    If,
    Name,
    Statement,
    Store,
    Test,
    Thread,
    Unary,
    moved,
)
from kit.rcu.limits import BOUNDS, Bounds
from kit.rcu.steps.machine import Machine
from kit.rcu.steps.values import shown
from kit.rcu.steps.vocabulary import (
    Step,
    barrier,
    exchange,
    load,
    lock,
    read_lock,
    read_unlock,
    store,
    synchronize,
    unlock,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kit.rcu._litmus.syntax import Value
    from kit.rcu.steps.explore import Exploration
    from kit.rcu.steps.programs import Steps

__all__ = ["final_states", "interleave"]

SECTIONS: Final = {
    "rcu_read_lock": read_lock(),
    "rcu_read_unlock": read_unlock(),
    "synchronize_rcu": synchronize(),
    "synchronize_rcu_expedited": synchronize(),
}
ACTIONS: Final[dict[str, Callable[..., Step]]] = {
    "load": load,
    "store": store,
    "swap": exchange,
    "lock": lock,
    "unlock": unlock,
    "srcu-lock": read_lock,
    "srcu-unlock": read_unlock,
    "srcu-sync": synchronize,
}
HANDED_OVER: Final = frozenset({"srcu_down_read", "srcu_up_read"})
"""Sections that one thread may begin and another one end; the simulator's belong to a thread."""


class _Interpreter:
    """One thread of a test: its registers, and the steps that its statements take."""

    def __init__(self, test: Test, thread: Thread, first: int) -> None:
        self.test = test
        self.first = first
        self.line = 1
        self.thread = thread
        own = f"{thread.number}:"
        self.registers: dict[str, Any] = {
            name.removeprefix(own): value
            for name, value in test.initial.items()
            if name.startswith(own)
        }

    def go(self) -> Steps:
        inner = self.block(self.thread.body)
        value: object = None
        try:
            while True:
                # Each step knows its line of the test, and what the registers hold.
                step = inner.send(value)
                held = tuple((name, shown(each)) for name, each in self.registers.items())
                value = yield replace(step, line=self.line, held=held)
        except StopIteration:
            pass
        observed = [name.partition(":") for name in self.test.observed]
        return tuple(
            self.registers.get(register, 0)
            for number, colon, register in observed
            if colon and int(number) == self.thread.number
        )

    def block(self, statements: Sequence[Statement]) -> Steps:
        for statement in statements:
            self.line = self.test.source.count("\n", 0, statement.at) + 2 - self.first
            if isinstance(statement, Declare):
                self.registers.setdefault(statement.register, 0)
            elif isinstance(statement, Assign):
                self.registers[statement.register] = yield from self.value(statement.value)
            elif isinstance(statement, Evaluate):
                yield from self.value(statement.value)
            elif isinstance(statement, Store):
                value = yield from self.value(statement.value)
                yield store((yield from self.value(statement.address)), value)
            else:
                assert isinstance(statement, If)
                truth = yield from self.value(statement.test)
                yield from self.block(statement.otherwise if truth == 0 else statement.then)

    def value(self, expr: Expr) -> Steps:
        if isinstance(expr, Const):
            return expr.value
        if isinstance(expr, Name):
            if expr.name in self.registers or expr.name not in self.thread.parameters:
                return self.registers.get(expr.name, 0)
            return expr.name
        if isinstance(expr, Deref):
            return (yield load((yield from self.value(expr.address))))
        if isinstance(expr, Unary):
            operand = yield from self.value(expr.operand)
            return int(operand == 0) if expr.op == "!" else -operand - (expr.op == "~")
        if isinstance(expr, Call):
            return (yield from self.call(expr))
        left = yield from self.value(expr.left)
        right = yield from self.value(expr.right)
        return self.binary(expr, left, right)

    def binary(self, expr: Binary, left: Any, right: Any) -> Value:
        match expr.op:
            case "==":
                return int(left == right)
            case "!=":
                return int(left != right)
            case "&&":
                return int(left != 0 and right != 0)
            case "||":
                return int(left != 0 or right != 0)
        if expr.op in ("+", "-") and isinstance(left, str) and isinstance(right, int):
            return moved(left, right if expr.op == "+" else -right)
        if expr.op not in NUMERIC or isinstance(left, str) or isinstance(right, str):
            raise SimulationError(f"{self.test.name}: {expr.op} between these cannot be stepped")
        return wrapped(NUMERIC[expr.op](left, right))

    def call(self, expr: Call) -> Steps:
        row = PRIMITIVES[expr.name]
        if expr.name in SECTIONS:
            return (yield SECTIONS[expr.name])
        if row.action == "fence":
            return (yield barrier(expr.name))
        values = []
        for position, argument in enumerate(expr.arguments):
            if position == row.object and row.lvalue and isinstance(argument, Deref):
                argument = argument.address
            values.append((yield from self.value(argument)))
        place = values.pop(row.object)
        make = ACTIONS.get(row.action)
        if make is None or expr.name in HANDED_OVER:
            raise SimulationError(
                f"{self.test.name}: {expr.name} cannot be stepped; judge it instead"
            )
        # What srcu_read_lock returns only tells its unlock which section ends.
        result = yield make(place, *values[: row.action in ("store", "swap")])
        return 0 if result is None else result


def interleave(test: Test | str, *, bounds: Bounds = BOUNDS) -> Machine:
    r"""A simulation of a litmus test, under sequential consistency.

    Parameters
    ----------
    test : Test or str
        The test, or its text or path. Its threads are updaters called ``P0``, ``P1`` ...; barriers
        are shown and change nothing.
    bounds : Bounds
        How far it may go.

    Returns
    -------
    Machine
        At the start.

    Raises
    ------
    kit.errors.SimulationError
        When the test has something that cannot be stepped: trylock, most atomics.
    kit.errors.LitmusError
        When it cannot be read.

    Examples
    --------
    >>> machine = interleave(
    ...     "C mp {} P0(int *x, int *y) { WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1); }"
    ...     "P1(int *x, int *y) { int a; int b; a = READ_ONCE(*y); b = READ_ONCE(*x); }"
    ...     "exists (1:a=1 /\\ 1:b=0)"
    ... )
    >>> found = machine.explore()
    >>> found.interleavings, sorted(found.outcomes)
    (6, [((), (0, 0)), ((), (0, 1)), ((), (1, 1))])
    """
    if isinstance(test, str):
        test = parse(test)
    memory = {name: test.initial.get(name, 0) for name in test.locations}
    return Machine(
        updaters={f"P{each.number}": _Thread(test, each) for each in test.threads},
        memory=memory,
        title=test.name,
        bounds=bounds,
    )


class _Thread:
    """One thread of a test as a program, with its text."""

    def __init__(self, test: Test, thread: Thread) -> None:
        self.test = test
        self.thread = thread
        lines = test.source.splitlines()
        heads = [n for n, line in enumerate(lines) if re.match(r"\s*P\d+\s*\(", line)]
        mine = [n for n in heads if re.match(rf"\s*P{thread.number}\s*\(", lines[n])]
        start = mine[0] if mine else 0
        end = max([test.source.count("\n", 0, each.end) for each in thread.body], default=start)
        after = [n for n in range(end, len(lines)) if lines[n].rstrip().endswith("}")]
        self.first = start + 1
        self.listing = tuple(lines[start : (after[0] if after else end) + 1])

    def __call__(self) -> Steps:
        return _Interpreter(self.test, self.thread, self.first).go()


def final_states(test: Test, found: Exploration) -> set[tuple[Value, ...]]:
    """The final states of a test's simulation, as `Verdict.states` has them.

    ``found`` is what ``interleave(test).explore()`` gives. States that the test's filter refuses
    are left out.
    """
    return {
        tuple(state[name] for name in test.observed)
        for state in _endings(test, found)
        if test.filter is None or satisfied(test.filter, state)
    }


def _endings(test: Test, found: Exploration) -> Iterator[dict[str, Any]]:
    for returned, memory in found.endings:
        state: dict[str, Any] = dict(memory)
        for thread, values in zip(test.threads, returned, strict=True):
            own = f"{thread.number}:"
            names = [name for name in test.observed if name.startswith(own)]
            state |= dict(zip(names, values, strict=True))  # type: ignore[call-overload]
        yield state
