"""Run one thread alone: the events that it makes when its reads return given values.

A `Run` executes a thread's statements. Whenever a read may return several values it takes the next
one from a list of choices, so that running again with other choices walks every way through.
Registers carry, with their value, the set of reads that it was computed from: dependencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from kit.rcu._lexer import complaint
from kit.rcu._litmus.primitives import PRIMITIVES, Primitive
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
    Thin,
    Thread,
    Unary,
    Value,
    moved,
)
from kit.rcu.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Access", "Blocked", "Run"]

Tagged: TypeAlias = tuple[Value, int]  # a value and the bit set of the reads behind it

WORD: Final = 1 << 64
NUMERIC: Final[Mapping[str, Callable[[int, int], int]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "&~": lambda a, b: a & ~b,
    "<<": lambda a, b: a << (b & 63),
    ">>": lambda a, b: a >> (b & 63),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
}


class Blocked(Exception):  # noqa: N818 - not an error: this way through the thread does not exist
    """The thread cannot get past here with these values, for example past a lock that is held."""


@dataclass(slots=True)
class Access:
    """One event of a thread: what happens, where, and which earlier reads it depends on.

    ``kind`` is R, W or F; dependencies are bit sets of positions in the same thread.
    """

    kind: str
    location: str
    value: Value
    tags: tuple[str, ...]
    address: int
    data: int
    control: int
    partner: int
    at: int
    end: int


def wrapped(value: int) -> int:
    """A number as 64 bits with a sign hold it."""
    return (value + (WORD >> 1)) % WORD - (WORD >> 1)


class Run:
    """One execution of one thread.

    Parameters
    ----------
    test : Test
        The test, for its source and its initial registers.
    thread : Thread
        The thread.
    readable : callable
        ``readable(location, own)`` gives the values that a read may return; ``own`` is what this
        thread wrote there last, or None.
    choices : sequence of int
        Which value each read with a choice takes; later ones take the first.
    limits : Limits
        Bound on the events.

    Attributes
    ----------
    events : list of Access
        In program order.
    registers : dict
        Final values with what they depend on.
    widths : list of int
        How many values each choice was made from.
    guessed : bool
        Whether something was computed from a value out of thin air, or decided by it.
    """

    def __init__(
        self,
        test: Test,
        thread: Thread,
        readable: Callable[[str, Value | None], Sequence[Value]],
        choices: Sequence[int],
        limits: Limits = DEFAULT,
    ) -> None:
        self.test = test
        self.thread = thread
        self.readable = readable
        self.limits = limits
        self.choices = choices
        self.widths: list[int] = []
        self.events: list[Access] = []
        self.registers: dict[str, Tagged] = {}
        self.control = 0
        self.guessed = False
        self.span = (0, 0)
        self.own: dict[str, Value] = {}
        for key, value in test.initial.items():
            number, colon, register = key.partition(":")
            if colon and int(number) == thread.number:
                self.registers[register] = (value, 0)

    def go(self) -> None:
        """Run the thread to its end; `Blocked` when it does not get there."""
        self.block(self.thread.body)

    def block(self, statements: Sequence[Statement]) -> None:
        """Run statements one after the other."""
        for statement in statements:
            self.span = (statement.at, statement.end)
            if isinstance(statement, Assign):
                self.registers[statement.register] = self.value(statement.value)
            elif isinstance(statement, Evaluate):
                self.value(statement.value)
            elif isinstance(statement, Store):
                value = self.value(statement.value)
                self.write(self.value(statement.address), value, "Plain")
            elif isinstance(statement, If):
                decided, behind = self.value(statement.test)
                truth = self.truth(decided)
                outer = self.control
                self.control |= behind
                self.block(statement.then if truth else statement.otherwise)
                # Control reaches only into the arms: the compiler may move what follows.
                self.control = outer
            else:
                assert isinstance(statement, Declare)
                self.registers.setdefault(statement.register, (0, 0))

    def value(self, expr: Expr) -> Tagged:
        """Evaluate an expression, with its events."""
        if isinstance(expr, Const):
            return expr.value, 0
        if isinstance(expr, Name):
            if expr.name in self.registers:
                return self.registers[expr.name]
            if expr.name in self.thread.parameters:
                return expr.name, 0
            if expr.name in self.thread.registers:
                return 0, 0
            raise complaint(
                self.test.source,
                expr.at,
                f"{expr.name} is neither a register nor a parameter of P{self.thread.number}",
                self.test.name,
            )
        if isinstance(expr, Call):
            return self.call(PRIMITIVES[expr.name], expr.arguments)
        if isinstance(expr, Deref):
            return self.read(self.value(expr.address), "Plain")
        if isinstance(expr, Unary):
            value, behind = self.value(expr.operand)
            unknown = self.unknown(value)
            if unknown is not None:
                return unknown, behind
            if expr.op == "!":
                return int(value == 0), behind
            number = self.number(value)
            return (-number if expr.op == "-" else ~number), behind
        left, behind_left = self.value(expr.left)
        right, behind_right = self.value(expr.right)
        return self.binary(expr, left, right), behind_left | behind_right

    def binary(self, expr: Binary, left: Value, right: Value) -> Value:
        """Two values and an operator; addresses can only be compared, or be true."""
        op = expr.op
        unknown = self.unknown(left, right)
        if unknown is not None:
            return unknown
        if op == "==":
            return int(left == right)
        if op == "!=":
            return int(left != right)
        if op == "&&":
            return int(left != 0 and right != 0)
        if op == "||":
            return int(left != 0 or right != 0)
        if op in ("+", "-") and isinstance(left, str) and isinstance(right, int):
            return moved(left, right if op == "+" else -right)
        if op == "+" and isinstance(left, int) and isinstance(right, str):
            return moved(right, left)
        a, b = self.number(left), self.number(right)
        if op in ("/", "%"):
            if b == 0:
                raise Blocked
            quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
            return wrapped(quotient if op == "/" else a - b * quotient)
        return wrapped(NUMERIC[op](a, b))

    def unknown(self, *values: Value) -> Thin | None:
        """What is computed from a value out of thin air, which is as unknown as that; or None."""
        for value in values:
            if isinstance(value, Thin):
                if value.exact:
                    raise Blocked
                self.guessed = True
                return value
        return None

    def truth(self, value: Value) -> bool:
        """Whether a condition holds; if that is unknown, both are tried."""
        return self.pick(2) == 0 if self.unknown(value) is not None else value != 0

    def equal(self, left: Value, right: Value) -> bool:
        """Whether two values are the same; if that is unknown, both are tried."""
        return self.pick(2) == 0 if self.unknown(left, right) is not None else left == right

    def pick(self, width: int) -> int:
        """The next choice between so many."""
        made = len(self.widths)
        self.widths.append(width)
        return self.choices[made] if made < len(self.choices) else 0

    def number(self, value: Value) -> int:
        """The value, which must not be an address."""
        if not isinstance(value, int):
            raise complaint(
                self.test.source,
                self.span[0],
                "an address can be compared, followed, and moved by + and -, not more",
                self.test.name,
            )
        return value

    def event(
        self,
        kind: str,
        location: str,
        value: Value,
        tags: tuple[str, ...],
        address: int = 0,
        data: int = 0,
        partner: int = -1,
    ) -> int:
        """Append an event and return its position."""
        if len(self.events) >= self.limits.events:
            raise complaint(
                self.test.source,
                self.span[0],
                f"more than {self.limits.events} events (Limits.events)",
                self.test.name,
            )
        self.events.append(
            Access(kind, location, value, tags, address, data, self.control, partner, *self.span)
        )
        return len(self.events) - 1

    def read(self, target: Tagged, *tags: str, only: Value | None = None) -> Tagged:
        """Read a location; ``only`` is the one value that lets the thread go on."""
        location = self.place(target[0])
        values = self.readable(location, self.own.get(location))
        if only is not None:
            if only not in values:
                raise Blocked
            value = only
        elif len(values) == 1:
            value = values[0]
        else:
            if not values:
                raise Blocked
            value = values[self.pick(len(values))]
        at = self.event("R", location, value, tags, target[1])
        return value, 1 << at

    def write(self, target: Tagged, value: Tagged, *tags: str, partner: int = -1) -> None:
        """Write a location."""
        location = self.place(target[0])
        self.event("W", location, value[0], tags, target[1], value[1], partner)
        self.own[location] = value[0]

    def place(self, value: Value) -> str:
        """The location that an address names; a way through with a wild address is left out."""
        locations = self.test.locations
        if not isinstance(value, str):
            raise Blocked
        if value not in locations:
            base = value.partition("[")[0]
            if base not in locations or moved(base, 1) in locations:
                raise Blocked
        return value

    def call(self, row: Primitive, arguments: Sequence[Expr]) -> Tagged:
        """Carry out a primitive."""
        if row.action == "fence":
            self.event("F", "", 0, (row.order,))
            return 0, 0
        values = []
        for position, argument in enumerate(arguments):
            if position == row.object and row.lvalue and isinstance(argument, Deref):
                argument = argument.address
            values.append(self.value(argument))
        target = values.pop(row.object)
        if row.action == "load":
            return self.read(target, row.order)
        if row.action == "store":
            self.write(target, values[0], "Once" if row.order == "Mb" else row.order)
            if row.order == "Mb":
                self.event("F", "", 0, ("Mb",))
            return 0, 0
        if row.action in ("lock", "try", "unlock", "held"):
            return self.lock(row.action, target)
        if row.action.startswith("srcu"):
            return self.srcu(row.action, target, values)
        return self.atomic(row, target, values)

    def lock(self, action: str, target: Tagged) -> Tagged:
        """Locks hold 0 when free and 1 when taken."""
        if action == "unlock":
            self.write(target, (0, 0), "UL")
            return 0, 0
        if action == "held":
            value, behind = self.read(target, "RL")
            return int(self.truth(value)), behind
        if action == "lock":
            value, behind = self.read(target, "LKR", only=0)
        else:
            value, behind = self.read(target, "Try")
            if self.truth(value):
                return 0, behind
            self.events[-1].tags = ("LKR",)
        self.write(target, (1, 0), "LKW", partner=len(self.events) - 1)
        return 1, behind

    def srcu(self, action: str, target: Tagged, values: Sequence[Tagged]) -> Tagged:
        """Sleepable RCU: the value that the lock returns finds its unlock, by data flow.

        The lock is a read of the domain and the unlock a write to it, so that each lock comes
        before or after each unlock of another thread, and both ways are counted.
        """
        location = self.place(target[0])
        if action == "srcu-lock":
            return self.read((location, target[1]), "Srcu-lock")
        if action == "srcu-unlock":
            self.write((location, target[1]), values[0], "Srcu-unlock")
        else:
            self.event("F", location, 0, ("Sync-srcu",), target[1])
        return 0, 0

    def atomic(self, row: Primitive, target: Tagged, values: Sequence[Tagged]) -> Tagged:
        """Read, compute, write, as one.

        A full barrier on both sides, and acquire or release, only when it succeeds: which is
        known after the read, so that a barrier put before it is taken out again.
        """
        full = row.order == "Mb"
        around = ("Full",) if full else ()
        if full:
            self.event("F", "", 0, ("Mb", "Full"))
        reading = row.order if row.order in ("Acquire", "Noreturn") else "Once"
        old, behind = self.read(target, reading, *around)
        result: Tagged = (old, behind)
        if row.action == "swap":
            new = values[0]
        elif row.action == "compare":
            if not self.equal(old, values[0][0]):
                return self.failed(full, result)
            new = values[1]
        elif row.action == "unless":
            amount, forbidden = values or ((1, 0), (0, 0))
            if self.equal(old, forbidden[0]):
                return 0, self.failed(full, result)[1] | forbidden[1]
            new = (self.computed("+", old, amount[0]), behind | amount[1])
            result = (1, behind | forbidden[1])
        else:
            operand, extra = values[0] if values else (1, 0)
            computed = self.computed(row.op, old, operand)
            new = (computed, behind | extra)
            if row.result in ("zero", "negative"):
                result = (self.answer(row.result, computed), behind | extra)
            elif row.result == "new":
                result = new
            elif not row.result:
                result = (0, 0)
        writing = "Release" if row.order == "Release" else "Once"
        self.write(target, new, writing, *around, partner=len(self.events) - 1)
        if full:
            self.event("F", "", 0, ("Mb", "Full"))
        return result

    def computed(self, op: str, left: Value, right: Value) -> Value:
        """What an atomic update makes of two values."""
        unknown = self.unknown(left, right)
        if unknown is not None:
            return unknown
        return wrapped(NUMERIC[op](self.number(left), self.number(right)))

    def answer(self, question: str, value: Value) -> Value:
        """Whether a new value is zero, or negative."""
        unknown = self.unknown(value)
        if unknown is not None:
            return unknown
        number = self.number(value)
        return int(number == 0 if question == "zero" else number < 0)

    def failed(self, full: bool, result: Tagged) -> Tagged:
        """An atomic that does not write orders nothing."""
        self.events[-1].tags = ("Once", "RMW")
        if full:
            read = self.events.pop()
            self.events[-1] = read
            # The read moved one place down, and it is the last event: so does its dependency.
            return result[0], 1 << (len(self.events) - 1)
        return result
