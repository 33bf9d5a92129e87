"""What a litmus test says, as frozen records.

Every expression and statement keeps the place it came from, so that messages and drawings can
quote the source.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Assign",
    "Binary",
    "Call",
    "Condition",
    "Const",
    "Declare",
    "Deref",
    "Evaluate",
    "Expr",
    "If",
    "Name",
    "Statement",
    "Store",
    "Test",
    "Thin",
    "Thread",
    "Unary",
    "Value",
    "calls_in",
    "moved",
]


@dataclass(frozen=True, slots=True)
class Thin:
    """A value out of thin air: it was written only because it had been read before.

    Which number it is, nothing says. It equals itself and no number.

    Attributes
    ----------
    thread, read : int
        The first read that returns it: its thread, and its place among that thread's events.
    exact : bool
        Whether it is handed on as it is. Otherwise it stands for everything that is computed from
        it as well, and nothing says that there is such a number at all.

    Examples
    --------
    >>> print(Thin(0, 2))
    thin-air:0.2
    """

    thread: int
    read: int
    exact: bool = True

    def __repr__(self) -> str:
        return f"thin-air:{self.thread}.{self.read}"


Value: TypeAlias = int | str | Thin
"""A number, the address of a location (its name), or a value out of thin air."""


def moved(address: str, offset: int) -> str:
    """The address so many places further, also back: another location, written ``x[1]``.

    Examples
    --------
    >>> moved("x", 2), moved("x[2]", -2)
    ('x[2]', 'x')
    """
    name, _, already = address.rstrip("]").partition("[")
    offset += int(already or 0)
    return f"{name}[{offset}]" if offset else name


@dataclass(frozen=True, slots=True)
class Const:
    """A number."""

    value: int
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A register, or a parameter: the address of a shared location."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Deref:
    """``*e``: a plain access when it stands alone, the object of a macro when that asks for one."""

    address: Expr
    at: int


@dataclass(frozen=True, slots=True)
class Unary:
    """``-e``, ``!e`` or ``~e``."""

    op: str
    operand: Expr
    at: int


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands; both are evaluated, also for ``&&`` and ``||``."""

    op: str
    left: Expr
    right: Expr
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """One of the kernel's primitives."""

    name: str
    arguments: tuple[Expr, ...]
    at: int


Expr: TypeAlias = Const | Name | Deref | Unary | Binary | Call


@dataclass(frozen=True, slots=True)
class Declare:
    """``int r0;``: a register that starts at 0."""

    register: str
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Assign:
    """``r0 = e;``."""

    register: str
    value: Expr
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Store:
    """``*address = e;``: a plain write."""

    address: Expr
    value: Expr
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Evaluate:
    """A primitive called for its effect."""

    value: Expr
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class If:
    """``if (test) then else otherwise``."""

    test: Expr
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    at: int
    end: int


Statement: TypeAlias = Declare | Assign | Store | Evaluate | If


@dataclass(frozen=True, slots=True)
class Thread:
    """One thread: its number, its parameters (location names) and its statements."""

    number: int
    parameters: tuple[str, ...]
    body: tuple[Statement, ...]
    registers: frozenset[str]


def calls_in(part: object) -> Iterator[Call]:
    """The calls in a statement or an expression, or in several of them."""
    if isinstance(part, tuple):
        for each in part:
            yield from calls_in(each)
    elif is_dataclass(part):
        if isinstance(part, Call):
            yield part
        for each in fields(part):
            yield from calls_in(getattr(part, each.name))


@dataclass(frozen=True, slots=True)
class Condition:
    """A proposition about final values.

    ``op`` is ``and``, ``or``, ``not``, ``true``, or a comparison (``=``, ``!=``) of ``left``
    (a register as ``"1:r0"``, or a location) with ``right``
    (a number, an address, or another register).
    """

    op: str
    parts: tuple[Condition, ...] = ()
    left: str = ""
    right: Value = 0

    def names(self) -> tuple[str, ...]:
        """The registers and locations that it mentions, each once, in order."""
        if self.op in ("=", "!="):
            if isinstance(self.right, str) and ":" in self.right:
                return (self.left, self.right)
            return (self.left,)
        return tuple(dict.fromkeys(name for part in self.parts for name in part.names()))


@dataclass(frozen=True, slots=True)
class Test:
    """A litmus test.

    Attributes
    ----------
    name : str
        From the first line.
    initial : dict
        Initial values that are not 0, by location or by register (``"0:r1"``).
    threads : tuple of Thread
        In order of their numbers.
    quantifier : str
        ``exists``, ``~exists`` or ``forall``.
    condition : Condition
        What the quantifier is about.
    filter : Condition or None
        Executions that end otherwise are left out.
    observed : tuple of str
        Registers and locations that tell final states apart.
    locations : tuple of str
        Every shared location.
    source : str
        The text.

    Examples
    --------
    >>> from kit import rcu
    >>> test = rcu.parse("C one {} P0(int *x) { WRITE_ONCE(*x, 1); } exists (x=1)")
    >>> test
    <litmus test 'one': 1 thread, exists (x=1)>
    """

    __test__ = False  # pytest collects classes by such names

    name: str
    initial: dict[str, Value]
    threads: tuple[Thread, ...]
    quantifier: str
    condition: Condition
    filter: Condition | None
    observed: tuple[str, ...]
    locations: tuple[str, ...]
    source: str = field(repr=False)
    question: str = ""

    def __repr__(self) -> str:
        count = len(self.threads)
        plural = "" if count == 1 else "s"
        return f"<litmus test {self.name!r}: {count} thread{plural}, {self.question}>"

    def __str__(self) -> str:
        return self.source
