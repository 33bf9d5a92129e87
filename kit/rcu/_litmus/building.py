"""Litmus tests written in Python: threads are ``with`` blocks, primitives are functions.

What is built is the text of a test in C, which is then read like any other, so that both forms mean
the same.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NoReturn

from kit.errors import LitmusError
from kit.rcu._litmus.parser import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit.rcu._litmus.syntax import Test


__all__ = [
    "Litmus",
    "Location",
    "Proposition",
    "Term",
    "current",
    "litmus",
    "otherwise",
    "text_of",
    "when",
]


class Term:
    """A value in a test under construction: a register, or what is computed from registers.

    Operators build larger terms; comparisons build a `Proposition`.

    Parameters
    ----------
    text : str
        In C.
    final : str
        In the final condition; ``""`` for what cannot stand there.
    """

    __slots__ = ("final", "text")

    def __init__(self, text: str, final: str = "") -> None:
        self.text = text
        self.final = final

    def _with(self, op: str, other: object) -> Term:
        return Term(f"({self.text} {op} {text_of(other)})")

    def __add__(self, other: Term | int) -> Term:
        return self._with("+", other)

    def __sub__(self, other: Term | int) -> Term:
        return self._with("-", other)

    def __mul__(self, other: Term | int) -> Term:
        return self._with("*", other)

    def __and__(self, other: Term | int) -> Term:
        return self._with("&", other)

    def __or__(self, other: Term | int) -> Term:
        return self._with("|", other)

    def __xor__(self, other: Term | int) -> Term:
        return self._with("^", other)

    def _compare(self, op: str, other: object) -> Proposition:
        text = text_of(other)
        sign = {"==": "=", "!=": "!="}.get(op)
        right = other.final if isinstance(other, Term) else text
        final = f"{self.final}{sign}{right}" if self.final and sign and right else ""
        return Proposition(f"{self.text} {op} {text}", final)

    def __eq__(self, other: object) -> Proposition:  # type: ignore[override]
        return self._compare("==", other)

    def __ne__(self, other: object) -> Proposition:  # type: ignore[override]
        return self._compare("!=", other)

    def __lt__(self, other: Term | int) -> Proposition:
        return self._compare("<", other)

    def __gt__(self, other: Term | int) -> Proposition:
        return self._compare(">", other)

    def __le__(self, other: Term | int) -> Proposition:
        return self._compare("<=", other)

    def __ge__(self, other: Term | int) -> Proposition:
        return self._compare(">=", other)

    __hash__ = object.__hash__

    def __bool__(self) -> NoReturn:
        raise LitmusError("the test is only being written: use `with when(...):` rather than `if`")

    def __repr__(self) -> str:
        return f"<{self.final or self.text}>"


class Location(Term):
    """A shared location; as a value, its address."""

    __slots__ = ()


class Proposition:
    """A comparison, or several joined by ``&``, ``|`` and ``~``.

    Parameters
    ----------
    text : str
        In C.
    final : str
        In the final condition; ``""`` for what cannot stand there.
    """

    __slots__ = ("final", "text")

    def __init__(self, text: str, final: str) -> None:
        self.text = text
        self.final = final

    def _joined(self, c: str, logic: str, other: Proposition) -> Proposition:
        final = f"({self.final} {logic} {other.final})" if self.final and other.final else ""
        return Proposition(f"({self.text}) {c} ({other.text})", final)

    def __and__(self, other: Proposition) -> Proposition:
        return self._joined("&&", "/\\", other)

    def __or__(self, other: Proposition) -> Proposition:
        return self._joined("||", "\\/", other)

    def __invert__(self) -> Proposition:
        return Proposition(f"!({self.text})", f"~({self.final})" if self.final else "")

    def __bool__(self) -> NoReturn:
        raise LitmusError(
            "the test is only being written: use `with when(...):` rather than `if`, and & | ~ "
            "rather than and, or, not"
        )

    def __repr__(self) -> str:
        return f"<{self.final or self.text}>"


def text_of(value: object) -> str:
    """A number, a register or a location as C has it.

    Raises
    ------
    kit.errors.LitmusError
        For anything else.

    Examples
    --------
    >>> text_of(-1)
    '-1'
    """
    if isinstance(value, Term):
        return value.text
    if isinstance(value, int):
        return str(int(value))
    raise LitmusError(f"a value is a number, a register or a location, not {type(value).__name__}")


_current: ContextVar[Litmus | None] = ContextVar("litmus test under construction", default=None)


class Litmus:
    """A litmus test under construction; see `litmus`.

    Parameters
    ----------
    name : str
        Its name: one word.

    Attributes
    ----------
    name : str
        The same.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._initial: dict[str, str] = {}
        self._threads: list[list[str]] = []
        self._registers: list[int] = []
        self._inside = False
        self._depth = 1
        self._question = ""

    def shared(self, *names: str, **initial: int | Location) -> tuple[Location, ...]:
        """Shared locations.

        Parameters
        ----------
        *names : str
            Locations that start at 0.
        **initial : int or Location
            Locations that start at a number, or pointing to another.

        Returns
        -------
        tuple of Location
            In order.
        """
        for name in (*names, *initial):
            if not name.isidentifier() or not name.isascii():
                raise LitmusError(f"{name!r} is no name for a location")
        self._initial |= dict.fromkeys(names, "0")
        self._initial |= {name: text_of(value) for name, value in initial.items()}
        return tuple(Location(name, name) for name in (*names, *initial))

    @contextmanager
    def thread(self) -> Iterator[None]:
        """The next thread: what is called inside belongs to it."""
        if self._inside:
            raise LitmusError("a thread cannot start inside another one")
        self._inside = True
        self._threads.append([])
        self._registers.append(0)
        try:
            yield
        finally:
            self._inside = False

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """An arm of a decision."""
        self.add(f"{head} {{")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            self.add("}")

    def add(self, line: str) -> None:
        """Append a line to the thread that is being written."""
        if not self._inside:
            raise LitmusError("this belongs into a thread: `with test.thread():`")
        self._threads[-1].append("\t" * self._depth + line)

    def register(self, value: str) -> Term:
        """A new register of this thread, with its value."""
        if not self._inside:
            raise LitmusError("this belongs into a thread: `with test.thread():`")
        number = len(self._threads) - 1
        name = f"r{self._registers[-1]}"
        self._registers[-1] += 1
        # Declared at the top, so that it also exists where its arm is not taken.
        self._threads[-1].insert(self._registers[-1] - 1, f"\tint {name};")
        self.add(f"{name} = {value};")
        return Term(name, f"{number}:{name}")

    def exists(self, condition: Proposition) -> None:
        """Ask whether some execution ends like this."""
        self._ask("exists", condition)

    def never(self, condition: Proposition) -> None:
        """Claim that no execution ends like this."""
        self._ask("~exists", condition)

    def forall(self, condition: Proposition) -> None:
        """Claim that every execution ends like this."""
        self._ask("forall", condition)

    def _ask(self, quantifier: str, condition: Proposition) -> None:
        if not getattr(condition, "final", ""):
            raise LitmusError(
                "the final condition compares registers and locations by == and !=, joined by & | ~"
            )
        self._question = f"{quantifier} ({condition.final})"

    @property
    def source(self) -> str:
        """The test in C."""
        parameters = ", ".join(f"int *{name}" for name in self._initial)
        initial = " ".join(f"{name}={value};" for name, value in self._initial.items())
        threads = "".join(
            f"P{number}({parameters})\n{{\n" + "\n".join(lines) + "\n}\n\n"
            for number, lines in enumerate(self._threads)
        )
        return f"C {self.name}\n\n{{{initial}}}\n\n{threads}{self._question}\n"

    @property
    def test(self) -> Test:
        """The finished test."""
        if not self._question:
            raise LitmusError(
                f"{self.name} asks nothing: end it with exists(), never() or forall()"
            )
        return parse(self.source)


@contextmanager
def litmus(name: str) -> Iterator[Litmus]:
    """Write a litmus test in Python.

    Parameters
    ----------
    name : str
        Its name: one word.

    Yields
    ------
    Litmus
        What threads and the final condition are given to; its ``test`` is the result.

    Raises
    ------
    kit.errors.LitmusError
        When something stands where it cannot.

    Examples
    --------
    >>> from kit import rcu
    >>> from kit.rcu.kernel import read_once, smp_rmb, smp_wmb, write_once
    >>> with rcu.litmus("mp") as mp:
    ...     data, ready = mp.shared("data", "ready")
    ...     with mp.thread():
    ...         write_once(data, 1)
    ...         smp_wmb()
    ...         write_once(ready, 1)
    ...     with mp.thread():
    ...         seen = read_once(ready)
    ...         smp_rmb()
    ...         value = read_once(data)
    ...     mp.exists((seen == 1) & (value == 0))
    >>> rcu.judge(mp.test).verdict
    'Never'
    """
    outer = _current.get()
    if outer is not None:
        raise LitmusError(f"the test {outer.name} is still open")
    test = Litmus(name)
    _current.set(test)
    try:
        yield test
    finally:
        _current.set(None)


def current() -> Litmus:
    """The test that is being written; an error when there is none."""
    test = _current.get()
    if test is None:
        raise LitmusError("no test is being written: start with `with rcu.litmus(name) as test:`")
    return test


@contextmanager
def when(condition: Proposition | Term) -> Iterator[None]:
    """What the thread does if a condition holds.

    Parameters
    ----------
    condition : Proposition or Term
        On registers.

    Examples
    --------
    >>> from kit.rcu.kernel import read_once, write_once
    >>> with litmus("lb") as lb:
    ...     x, y = lb.shared("x", "y")
    ...     with lb.thread():
    ...         seen = read_once(x)
    ...         with when(seen == 1):
    ...             write_once(y, 1)
    ...         with otherwise():
    ...             write_once(y, 2)
    ...     lb.exists(y == 1)
    >>> print(lb.source.splitlines()[8])
        if (r0 == 1) {
    """
    with current().block(f"if ({condition.text})"):
        yield


@contextmanager
def otherwise() -> Iterator[None]:
    """What the thread does if the condition of the `when` just before does not hold."""
    with current().block("else"):
        yield
