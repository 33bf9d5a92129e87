"""Models in the cat language: text to statements.

cat was made for memory models (Alglave, Cousot and Maranget, 2016). What is read here: ``let`` and
``let rec ... and``, functions, the operators of relation algebra, ``if "variant" then else``,
``acyclic``, ``irreflexive`` and ``empty`` with ``as``, ``flag``, ``enum``, ``include``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from kit.rcu._lexer import Cursor, Token, cat_tokens
from kit.rcu.limits import DEFAULT, Limits

__all__ = ["Binding", "Check", "Enum", "Include", "Let", "Statement", "Term", "parse_cat"]

KEYWORDS: Final = frozenset((
    "let", "rec", "and", "in", "acyclic", "irreflexive", "empty", "as", "flag", "include", "enum",
    "show", "unshow", "instructions", "if", "then", "else", "fun", "procedure", "call", "forall",
    "with", "from", "match", "end", "undefined_unless",
))  # fmt: skip
CHECKS: Final = ("acyclic", "irreflexive", "empty")


@dataclass(frozen=True, slots=True)
class Term:
    """An expression: an operator with operands, or a name."""

    op: str
    parts: tuple[Term, ...]
    name: str
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Binding:
    """``name = body``, or ``name(parameters) = body``."""

    name: str
    parameters: tuple[str, ...] | None
    body: Term
    at: int


@dataclass(frozen=True, slots=True)
class Let:
    """One ``let``, with all that ``and`` joins."""

    bindings: tuple[Binding, ...]
    recursive: bool
    at: int


@dataclass(frozen=True, slots=True)
class Check:
    """An axiom, or with ``flag`` a warning."""

    kind: str
    negated: bool
    term: Term
    name: str
    flag: bool
    at: int


@dataclass(frozen=True, slots=True)
class Include:
    """``include "file"``."""

    file: str
    at: int


@dataclass(frozen=True, slots=True)
class Enum:
    """``enum name = 'tag || 'tag``."""

    tags: tuple[str, ...]
    at: int


Statement: TypeAlias = Let | Check | Include | Enum


def parse_cat(
    source: str, name: str = "model", limits: Limits = DEFAULT
) -> tuple[str, tuple[Statement, ...]]:
    """Read a model: the title that the text gives itself (or ``""``), and its statements.

    Raises
    ------
    kit.errors.LitmusError
        When the text is not such a model; the message shows the place.

    Examples
    --------
    >>> title, statements = parse_cat('"SC" acyclic po | rf | co | fr as sc')
    >>> title, statements[0].name
    ('SC', 'sc')
    """
    parser = _Cat(source, name, cat_tokens(source, name, limits), limits)
    return parser.title(), tuple(parser.statements())


class _Cat(Cursor):
    """Recursive descent over the tokens of one model."""

    def word(self, what: str) -> Token:
        if self.peek.kind != "name" or self.peek.text in KEYWORDS:
            self.expected(what)
        return self.take()

    def title(self) -> str:
        if self.peek.kind == "string":
            return self.take().text.strip('"')
        if self.peek.kind == "name" and self.peek.text not in KEYWORDS:
            return self.take().text
        return ""

    def statements(self) -> list[Statement]:
        out: list[Statement] = []
        while self.peek.kind != "end":
            token = self.take()
            if token.text == "let":
                out.append(self.let(token))
            elif token.text in (*CHECKS, "~", "flag"):
                out.append(self.check(token))
            elif token.text == "include":
                if self.peek.kind != "string":
                    self.refuse(self.peek, 'expected a file name in "quotes"')
                out.append(Include(self.take().text.strip('"'), token.at))
            elif token.text == "enum":
                out.append(self.enum(token))
            elif token.text in ("show", "unshow", "instructions"):
                self.skip()
            else:
                self.refuse(token, f"{token.text[:40]!r} does not start a statement of this subset")
        return out

    def skip(self) -> None:
        """Skip what only concerns drawings or a machine's instructions."""
        starts = {"let", "flag", "include", "enum", "show", "unshow", "instructions", *CHECKS, "~"}
        while self.peek.kind != "end" and self.peek.text not in starts:
            self.take()

    def let(self, start: Token) -> Let:
        recursive = self.accept("rec")
        bindings = [self.binding()]
        while self.accept("and"):
            bindings.append(self.binding())
        return Let(tuple(bindings), recursive, start.at)

    def binding(self) -> Binding:
        name = self.word("a name")
        parameters: tuple[str, ...] | None = None
        if self.accept("("):
            names: list[str] = []
            while not self.accept(")"):
                names.append(self.word("a parameter").text)
                if self.peek.text != ")":
                    self.expect(",")
            parameters = tuple(names)
        elif self.peek.kind == "name" and self.peek.text not in KEYWORDS:
            parameters = (self.word("a parameter").text,)
        self.expect("=")
        return Binding(name.text, parameters, self.term(), name.at)

    def check(self, token: Token) -> Check:
        start, flag = token, token.text == "flag"
        if flag:
            token = self.take()
        negated = token.text == "~"
        if negated:
            token = self.take()
        if token.text not in CHECKS:
            self.refuse(token, "expected acyclic, irreflexive or empty")
        term = self.term()
        name = self.word("a name").text if self.accept("as") else ""
        if flag and not name:
            self.refuse(self.peek, "a flag needs a name: as something")
        return Check(token.text, negated, term, name, flag, start.at)

    def enum(self, start: Token) -> Enum:
        self.word("a name")
        self.expect("=")
        tags: list[str] = []
        while True:
            self.accept("||")
            if self.peek.kind != "tag":
                break
            tags.append(self.take().text[1:])
            self.accept("(*)")
        return Enum(tuple(tags), start.at)

    def term(self) -> Term:
        return self.binary(0)

    def binary(self, level: int) -> Term:
        """Loosest first: union, sequence, difference, intersection, product."""
        operators = ("|", ";", "\\", "&", "*")
        if level == len(operators):
            return self.prefix()
        self.depth += 1
        if self.depth > self.limits.nesting * (len(operators) + 1):
            self.refuse(self.peek, f"nested deeper than {self.limits.nesting} levels")
        parts = [self.binary(level + 1)]
        at = parts[0].at
        op = operators[level]
        while self.accept(op) or (op == "|" and self.accept("++")):
            parts.append(self.binary(level + 1))
        self.depth -= 1
        out = parts[0]
        for part in parts[1:]:
            out = Term(op, (out, part), "", at, part.end)
        return out

    def prefix(self) -> Term:
        start = self.peek
        tildes = 0
        while self.accept("~"):
            tildes += 1
        out = self.postfix(self.atom())
        for _ in range(tildes % 2):
            out = Term("~", (out,), "", start.at, out.end)
        return out

    def postfix(self, out: Term) -> Term:
        while True:
            token = self.peek
            op = {"^+": "+", "^*": "*"}.get(token.text, token.text)
            if token.kind != "op" or op not in ("?", "+", "*", "^-1"):
                return out
            if token.text == "*" and self.starts_atom(self.tokens[self.index + 1]):
                return out
            self.take()
            out = Term(f"post{op}", (out,), "", out.at, token.at + len(token.text))

    def starts_atom(self, token: Token) -> bool:
        if token.kind == "name":
            return token.text not in KEYWORDS
        return token.kind in ("number", "tag") or token.text in ("(", "[", "{", "~")

    def atom(self) -> Term:
        token = self.take()
        end = token.at + len(token.text)
        if token.text == "(":
            inner = self.term()
            self.expect(")")
            return Term("group", (inner,), "", token.at, self.tokens[self.index - 1].at + 1)
        if token.text == "[":
            inner = self.term()
            self.expect("]")
            return Term("[]", (inner,), "", token.at, self.tokens[self.index - 1].at + 1)
        if token.text == "{":
            self.expect("}")
            return Term("0", (), "", token.at, end)
        if token.kind == "number":
            return Term("0", (), "", token.at, end)
        if token.text == "if":
            return self.variant(token)
        if token.kind == "tag":
            self.refuse(token, "tags only stand in enum; their events have the tag's name")
        if token.kind != "name" or token.text in KEYWORDS:
            self.expected("a set or a relation", token)
        if self.peek.text == "(" and self.peek.kind == "op":
            return self.application(token)
        return Term("name", (), token.text, token.at, end)

    def application(self, token: Token) -> Term:
        self.expect("(")
        arguments: list[Term] = []
        while not self.accept(")"):
            arguments.append(self.term())
            if self.peek.text != ")":
                self.expect(",")
        end = self.tokens[self.index - 1].at + 1
        return Term("call", tuple(arguments), token.text, token.at, end)

    def variant(self, token: Token) -> Term:
        """``if "name" then a else b``."""
        negated = self.peek.text == "not" and bool(self.take())
        if self.peek.kind != "string":
            self.refuse(self.peek, 'expected the name of a variant in "quotes"')
        name = self.take().text.strip('"')
        self.expect("then")
        yes = self.term()
        self.expect("else")
        no = self.term()
        parts = (no, yes) if negated else (yes, no)
        return Term("if", parts, name, token.at, no.end)
