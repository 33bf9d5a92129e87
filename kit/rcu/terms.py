"""Values and conditions of a litmus test that is being written in Python."""

from __future__ import annotations

from typing import NoReturn

from kit.errors import LitmusError

__all__ = ["Location", "Proposition", "Term", "text_of"]


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
    """A value as C has it.

    Parameters
    ----------
    value : Term or int
        The value.

    Returns
    -------
    str
        Its text.

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
