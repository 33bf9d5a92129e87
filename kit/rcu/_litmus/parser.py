"""From the text of a litmus test to a `kit.rcu._litmus.syntax.Test`.

The dialect is the C of the Linux kernel's memory model: straight-line code with ``if``, and no
loops. What else C has is refused with its place.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kit.rcu._lexer import Token, comment_end, complaint, file_text, litmus_tokens
from kit.rcu._litmus.expressions import Expressions
from kit.rcu._litmus.propositions import Propositions
from kit.rcu._litmus.refused import STATEMENTS, type_refusal
from kit.rcu._litmus.syntax import (
    Assign,
    Binary,
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
    Value,
    moved,
)
from kit.rcu.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["parse"]

UPDATES: Final = {f"{op}=": op for op in ("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>")} | {
    "++": "+",
    "--": "-",
}
"""Assignments that read what they write: two plain accesses where that is a location."""


def parse(text: str | Path, limits: Limits = DEFAULT) -> Test:
    """Read a litmus test.

    Parameters
    ----------
    text : str or pathlib.Path
        The test itself, or the path of a file with it. A string of one line that ends in
        ``.litmus`` is a path.
    limits : Limits
        Bounds on what is read.

    Returns
    -------
    Test
        The test.

    Raises
    ------
    kit.errors.LitmusError
        When the text is not a litmus test of this dialect; the message shows the place.

    Examples
    --------
    >>> test = parse("C mp {} P0(int *x) { int r0; r0 = READ_ONCE(*x); } exists (0:r0=1)")
    >>> test.name, test.observed
    ('mp', ('0:r0',))
    >>> parse("C loop {} P0(int *x) { while (1) {} } exists (x=1)")
    Traceback (most recent call last):
    kit.errors.LitmusError: loop, line 1, column 24: loops are not part of litmus tests; unroll it
        C loop {} P0(int *x) { while (1) {} } exists (x=1)
                               ^
    """
    if isinstance(text, Path) or ("\n" not in text and text.endswith(".litmus")):
        text = file_text(Path(text), limits)
    return _Parser(text, limits).test()


def _header(source: str, limits: Limits) -> tuple[str, int]:
    """The test's name, and where its initial state opens."""
    found = re.compile(r"\s*C[ \t\r\n]+([^\s{}\"]+)").match(source)
    if found is None:
        raise complaint(source, 0, "a litmus test starts with C and its name")
    name = found[1]
    if len(name) > limits.identifier:
        raise complaint(source, found.start(1), f"the name exceeds {limits.identifier} characters")
    between = re.compile(
        r"""\s+ | //[^\n]* | /\*.*?\*/ | "[^"]*" | (?!P\d+\s*\() [^\n{]+""",
        re.VERBOSE | re.DOTALL,
    )
    at = found.end()
    while at < len(source) and source[at] != "{":
        if source.startswith("(*", at):
            end = comment_end(source, at, name)
        else:
            step = between.match(source, at)
            if step is None:
                raise complaint(source, at, "expected { and the initial state", name)
            end = step.end()
        at = end
    if at >= len(source):
        raise complaint(source, at, "expected { and the initial state", name)
    return name, at


class _Parser(Propositions, Expressions):
    """Recursive descent over the tokens of one test."""

    def __init__(self, source: str, limits: Limits) -> None:
        name, at = _header(source, limits) if len(source) <= limits.characters else ("", 0)
        super().__init__(source, name, litmus_tokens(source, at, name, limits), limits)
        self.initial: dict[str, Value] = {}
        self.initial_names: list[str] = []
        self.parameters: frozenset[str] = frozenset()
        self.registers: set[str] = set()

    def test(self) -> Test:
        self._initial_state()
        threads: list[Thread] = []
        while self.peek.kind == "name" and re.fullmatch(r"P\d+", self.peek.text):
            threads.append(self._thread(len(threads)))
        if not threads:
            self.refuse(self.peek, "expected a thread, P0(...) { ... }")
        for thread in threads:
            self.initial_names.extend(thread.parameters)
        self.locations = tuple(dict.fromkeys(self.initial_names))
        self.threads = tuple(threads)
        listed, kept, quantifier, condition, question = self.ending()
        observed = tuple(
            dict.fromkeys((*condition.names(), *listed, *(kept.names() if kept else ())))
        )
        return Test(
            name=self.name,
            initial={key: value for key, value in self.initial.items() if value != 0},
            threads=self.threads,
            quantifier=quantifier,
            condition=condition,
            filter=kept,
            observed=observed,
            locations=self.locations,
            source=self.source,
            question=question,
        )

    def _initial_state(self) -> None:
        self.expect("{")
        while not self.accept("}"):
            if self.accept(";"):
                continue
            self.types()
            first = self.peek
            if first.kind == "number":
                number = self._number()
                self.expect(":")
                self.types()
                key = f"{number}:{self.name_token('a register').text}"
            else:
                bracket = self.accept("[")
                key = self.name_token("a location").text
                self._no_type(first)
                if bracket:
                    self.expect("]")
                elif self.peek.text == "[":
                    self._array(key)
                    continue
                self.initial_names.append(key)
            self.initial.setdefault(key, 0)
            if self.accept("="):
                self.initial[key] = self._initial_value()
            if self.peek.text != "}":
                self.expect(";")

    def _array(self, name: str) -> None:
        """The elements of an array, each a location: ``x``, ``x[1]``, ``x[2]``, ..."""
        self.expect("[")
        size = self._number()
        if not 0 < size <= self.limits.values:
            self.refuse(self.peek, f"an array has 1 to {self.limits.values} elements here")
        self.expect("]")
        places = [moved(name, at) for at in range(size)]
        self.initial_names.extend(places)
        values: list[Value] = []
        if self.accept("="):
            brace = self.expect("{")
            while not self.accept("}"):
                values.append(self._initial_value())
                if self.peek.text != "}":
                    self.expect(",")
            if len(values) > size:
                self.refuse(brace, f"{len(values)} values for {size} elements")
        for place, value in zip_longest(places, values, fillvalue=0):
            self.initial[str(place)] = value
        if self.peek.text != "}":
            self.expect(";")

    def _no_type(self, word: Token) -> None:
        """Complain of a word before a name that is meant as a type."""
        if self.peek.kind == "name" or self.peek.text in ("*", "("):
            self.refuse(word, type_refusal(word.text))

    def _initial_value(self) -> Value:
        if self.peek.text == "ATOMIC_INIT":
            self.take()
            self.expect("(")
            value = self._initial_value()
            self.expect(")")
            return value
        if self.accept("*"):
            place = self._initial_value()  # what another location holds, declared before
            return self.initial.get(place, 0) if isinstance(place, str) else 0
        value = self.constant()
        if isinstance(value, str):
            self.initial_names.append(value)
        return value

    def _thread(self, number: int) -> Thread:
        if len(self.tokens) and number >= self.limits.threads:
            self.refuse(self.peek, f"more than {self.limits.threads} threads (Limits.threads)")
        head = self.take()
        if head.text != f"P{number}":
            self.refuse(head, f"expected P{number}: threads are numbered from 0 without gaps")
        self.expect("(")
        names: list[str] = []
        while not self.accept(")"):
            self.types()
            word = self.name_token("a parameter")
            self._no_type(word)
            names.append(word.text)
            if self.accept("["):
                if self.peek.kind == "number":
                    self.take()
                self.expect("]")
            if self.peek.text != ")":
                self.expect(",")
        self.parameters = frozenset(names)
        own = f"{number}:"
        self.registers = {key[len(own) :] for key in self.initial if key.startswith(own)}
        self.expect("{")
        body = self._block()
        return Thread(number, tuple(names), body, frozenset(self.registers))

    def _block(self) -> tuple[Statement, ...]:
        with self.deeper():
            out: list[Statement] = []
            while not self.accept("}"):
                if self.peek.kind == "end":
                    self.refuse(self.peek, "a } is missing")
                out.extend(self._statement())
            return tuple(out)

    def _statement(self) -> Iterator[Statement]:
        first = self.peek
        both = first.text + self.tokens[min(self.index + 1, len(self.tokens) - 1)].text
        for start in (first.text, both):
            if start in STATEMENTS:
                self.refuse(first, STATEMENTS[start])
        if self.accept(";"):
            return
        if self.accept("{"):
            yield from self._block()
        elif first.text == "if":
            yield self._if()
        elif self.types():
            yield from self._declarations()
        else:
            yield self._simple(first)

    def _if(self) -> If:
        first = self.take()
        self.expect("(")
        test = self.expression()
        end = self.expect(")").at + 1
        with self.deeper():
            then = tuple(self._statement())
        otherwise: tuple[Statement, ...] = ()
        if self.accept("else"):
            with self.deeper():
                otherwise = tuple(self._statement())
        return If(test, then, otherwise, first.at, end)

    def _declarations(self) -> Iterator[Statement]:
        while True:
            while self.accept("*"):
                pass
            word = self.name_token("a register")
            if word.text in self.parameters:
                self.refuse(word, f"{word.text} is a parameter of this thread already")
            if self.peek.text == "[":
                self.refuse(
                    self.peek, "arrays are not part of a thread: declare it in the initial state"
                )
            self.registers.add(word.text)
            if self.accept("="):
                yield Assign(word.text, self.expression(), word.at, self.peek.at)
            else:
                yield Declare(word.text, word.at, self.peek.at)
            if self.accept(";"):
                return
            self.expect(",")

    def _simple(self, first: Token) -> Statement:
        before = self.take() if first.text in ("++", "--") else None
        left = self.expression()
        if isinstance(left, Name):
            self._no_type(first)
        op = before or self.peek
        if op.text == "=" or op.text in UPDATES:
            value = self._assigned(first, left, op, written=before is not None)
            end = self.expect(";").at
            if isinstance(left, Deref):
                return Store(left.address, value, first.at, end)
            if isinstance(left, Name) and left.name not in self.parameters:
                self.registers.add(left.name)
                return Assign(left.name, value, first.at, end)
            self.refuse(first, "only registers and *location can be assigned to")
        end = self.expect(";").at
        return Evaluate(left, first.at, end)

    def _assigned(self, first: Token, left: Expr, op: Token, *, written: bool) -> Expr:
        """The right side of an assignment; that of ``r += 1`` is ``r + 1``."""
        if not written:
            self.take()
        if op.text not in ("++", "--"):
            value = self.expression()
            return value if op.text == "=" else Binary(UPDATES[op.text], left, value, op.at)
        if first.text == "*":
            self.refuse(op, f"{op.text} binds closer than *: write (*x){op.text}, or *x = *x + 1")
        return Binary(UPDATES[op.text], left, Const(1, op.at), op.at)
