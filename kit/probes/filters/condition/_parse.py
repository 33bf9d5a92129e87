"""The words of a condition."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from kit.errors import ConditionError
from kit.probes.filters.condition._arithmetic import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = [
    "LONGEST",
    "UNITS",
    "Arithmetic",
    "Comparison",
    "Constant",
    "Items",
    "Logic",
    "Name",
    "Negation",
    "Node",
    "Not",
    "Token",
    "names",
    "parse",
    "tokens",
]

LONGEST: Final = 2000
"""How many characters a condition may have."""

UNITS: Final = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9}
"""Units of time that may follow a number, in nanoseconds, in which durations are measured."""

_WORDS: Final = frozenset(
    ("and", "or", "not", "in", "is", "like", "None", "True", "False", "if", "else", "lambda")
)
_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>0[xX][0-9a-fA-F_]+ | 0[bB][01_]+ | 0[oO][0-7_]+
              | (?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?)
  | (?P<name>[^\W\d]\w*)
  | (?P<text>'(?:[^'\\\n]|\\.)*' | "(?:[^"\\\n]|\\.)*")
  | (?P<symbol>\*\*|//|==|!=|<=|>=|<>|&&|\|\||[-+*/%<>()\[\],.=!&|~^@:;{}?])
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\", "'": "'", '"': '"'}


class Token(NamedTuple):
    """A word of a condition.

    Attributes
    ----------
    kind : str
        ``number``, ``name``, ``text``, ``symbol``, ``word`` (of the language) or ``end``.
    at : int
        Where it begins.
    text : str
        As it is written.
    value : int, float or str
        What a number or a text stands for.
    """

    kind: str
    at: int
    text: str
    value: int | float | str = 0


def tokens(text: str) -> list[Token]:
    """Split a condition into words.

    Returns
    -------
    list of Token
        The last one is the end.

    Raises
    ------
    ConditionError
        At what is no word, and for a text that is too long.

    Examples
    --------
    >>> [(token.kind, token.text, token.value) for token in tokens("dur > 1.5 ms")][:3]
    [('name', 'dur', 0), ('symbol', '>', 0), ('number', '1.5 ms', 1500000)]
    """
    if len(text) > LONGEST:
        raise ConditionError(
            f"the condition has {len(text):,} characters, and may have {LONGEST:,}; "
            "use a function as a probe for what takes so many"
        )
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            if text[at] in "'\"":
                raise ConditionError("the text that begins here has no end", text, at)
            raise ConditionError(f"{text[at]!r} cannot be part of a condition", text, at)
        kind, word = str(match.lastgroup), match.group()
        if kind == "number":
            found.append(Token(kind, at, word, _number(text, at, word)))
        elif kind == "text":
            found.append(Token(kind, at, word, _text(text, at, word)))
        elif kind == "name" and word in UNITS and _follows_number(text, found, at):
            found[-1] = _with_unit(found[-1], text[found[-1].at : match.end()], UNITS[word])
        elif kind == "name" and _touches_number(found, at):
            raise ConditionError(
                f"{word!r} is not a unit; use one of {', '.join(UNITS)}, or put a space", text, at
            )
        elif kind != "space":
            found.append(Token("word" if word in _WORDS else kind, at, word))
        at = match.end()
    return [*found, Token("end", len(text), "")]


def _follows_number(text: str, found: list[Token], at: int) -> bool:
    """Tell whether nothing but space stands between a bare number and here."""
    last = found[-1] if found else None
    if last is None or last.kind != "number":
        return False
    return not text[last.at + len(last.text) : at].strip()


def _touches_number(found: list[Token], at: int) -> bool:
    last = found[-1] if found else None
    return last is not None and last.kind == "number" and last.at + len(last.text) == at


def _with_unit(number: Token, word: str, unit: int) -> Token:
    if not number.value:  # 1e-999999999 as a fraction takes more memory than there is
        return Token("number", number.at, word, number.value)
    # 1.1 ms is 1,100,000 ns, which 1.1 * 10**6 is not.
    written = number.value if isinstance(number.value, int) else number.text.replace("_", "")
    whole = Fraction(written) * unit
    value = whole.numerator if whole.denominator == 1 else float(whole)
    return Token("number", number.at, word, value)


def _number(text: str, at: int, word: str) -> int | float:
    try:
        return int(word, 0)
    except ValueError:
        pass
    try:
        value = float(word)
    except ValueError:
        raise ConditionError(f"{word} is not a number", text, at) from None
    if value in (float("inf"), float("-inf")):
        raise ConditionError(f"{word} is too large for a number", text, at)
    return value


def _text(text: str, at: int, word: str) -> str:
    def character(match: re.Match[str]) -> str:
        what = match[1]
        if len(what) > 1:
            code = int(what[1:], 16)
            if code > 0x10FFFF:
                raise ConditionError(f"\\{what} is not a character", text, at + 1 + match.start())
            return chr(code)
        if what not in _ESCAPES:
            raise ConditionError(
                f"\\{what} has no meaning; write \\\\ for a backslash",
                text,
                at + 1 + match.start(),
            )
        return _ESCAPES[what]

    return _ESCAPE.sub(character, word[1:-1])


Value: TypeAlias = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a text, or a truth value."""

    at: int
    value: Value


@dataclass(frozen=True, slots=True)
class Name:
    """A field, or something of the context."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Negation:
    """``-operand``."""

    at: int
    operand: Node


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``left operator right``, the operator one of ``+ - * / // % **``."""

    at: int
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Items:
    """What may stand to the right of ``in``: ``('A', 'B')``."""

    at: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``first operator operand ...``, chained as in Python.

    Operators are ``== != < <= > >= in, not in, like, not like, is None, is not None``; the last
    two have no operand.
    """

    at: int
    first: Node
    rest: tuple[tuple[str, Node | None], ...]


@dataclass(frozen=True, slots=True)
class Not:
    """``not operand``."""

    at: int
    operand: Node


@dataclass(frozen=True, slots=True)
class Logic:
    """``part and part``, or with ``or``."""

    at: int
    operator: str
    parts: tuple[Node, ...]


Node: TypeAlias = Constant | Name | Negation | Arithmetic | Items | Comparison | Not | Logic


def children(node: Node) -> tuple[Node, ...]:
    """Return the parts of a node."""
    match node:
        case Negation() | Not():
            return (node.operand,)
        case Arithmetic():
            return (node.left, node.right)
        case Items():
            return node.items
        case Comparison():
            return (node.first, *(each for _, each in node.rest if each is not None))
        case Logic():
            return node.parts
    return ()


def names(node: Node) -> Iterator[Name]:
    """Yield the names in a condition, from left to right.

    Yields
    ------
    Name
    """
    if isinstance(node, Name):
        yield node
    for child in children(node):
        yield from names(child)


_DEEPEST: Final = 30
_LONGEST_CHAIN: Final = 60
_COMPARISONS: Final = frozenset(("==", "!=", "<", "<=", ">", ">="))
_INSTEAD: Final = {
    "=": "compare with ==",
    "<>": "write !=",
    "&&": "write and",
    "||": "write or",
    "&": "write and",
    "|": "write or",
    "!": "write not, or !=",
    "~": "write not, or 'like' to match a pattern",
    ".": "a condition cannot look into a value",
    "[": "a condition cannot take a part of a value",
    "(": "a condition cannot call anything",
    "if": "write and, or",
    "else": "write and, or",
}


def parse(text: str) -> Node:
    """Parse a condition.

    Raises
    ------
    ConditionError
        Points at the first word that does not fit.

    Examples
    --------
    >>> parse("px > ")
    Traceback (most recent call last):
    kit.errors.ConditionError: something is missing here: a field, a number or a text
        px >
            ^
    """
    parser = _Parser(text)
    if parser.token.kind == "end":
        raise ConditionError("the condition is empty; write one such as px > 10, or leave it out")
    node = parser.any_of()
    if parser.token.kind != "end":
        raise parser.unexpected()
    return node


class _Parser:
    """One word of looking ahead, and a method for each line of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text.rstrip()
        self.tokens = tokens(self.text)
        self.place = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        """The word that is next."""
        return self.tokens[self.place]

    def take(self, *texts: str) -> Token | None:
        """Go past the next word where it is one of these."""
        token = self.token
        if token.kind in ("symbol", "word") and token.text in texts:
            self.place += 1
            return token
        return None

    def unexpected(self) -> ConditionError:
        """Say what is wrong with the next word."""
        token = self.token
        why = _INSTEAD.get(token.text) if token.kind in ("symbol", "word") else None
        if token.kind == "end":
            why = "something is missing here: a field, a number or a text"
        elif why is None:
            why = f"{token.text} does not fit here"
        return ConditionError(why, self.text, token.at)

    def any_of(self) -> Node:
        """``... or ...``."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ConditionError(
                f"more than {_DEEPEST} parentheses inside each other", self.text, self.token.at
            )
        at = self.token.at
        parts = [self._all_of()]
        while self.take("or"):
            parts.append(self._all_of())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Logic(at, "or", tuple(parts))

    def _all_of(self) -> Node:
        at = self.token.at
        parts = [self._inverted()]
        while self.take("and"):
            parts.append(self._inverted())
        return parts[0] if len(parts) == 1 else Logic(at, "and", tuple(parts))

    def _inverted(self) -> Node:
        at, times = self.token.at, 0
        while self.take("not"):
            times += 1
        node = self._comparison()
        for _ in range(2 - times % 2 if times else 0):  # three times is once
            node = Not(at, node)
        return node

    def _comparison(self) -> Node:
        at = self.token.at
        first = self._sum()
        rest: list[tuple[str, Node | None]] = []
        while True:
            before = self.token
            operator = self._operator()
            if operator is None:
                break
            if operator in ("in", "not in"):
                rest.append((operator, self._container()))
            elif operator in ("like", "not like"):
                rest.append((operator, self._pattern(before)))
            elif operator.startswith("is"):
                rest.append((operator, None))
                break  # what would be compared with it next is not there
            else:
                rest.append((operator, self._sum()))
        return Comparison(at, first, tuple(rest)) if rest else first

    def _operator(self) -> str | None:
        token = self.token
        if token.kind == "symbol" and token.text in _COMPARISONS:
            self.place += 1
            return token.text
        if found := self.take("in", "like"):
            return found.text
        if self.take("not"):
            found = self.take("in", "like")
            if found is None:
                raise self.unexpected()
            return f"not {found.text}"
        if self.take("is"):
            inverted = self.take("not")
            if not self.take("None"):
                raise ConditionError(
                    "'is' asks only whether a value is missing: is None, is not None; "
                    "compare with ==",
                    self.text,
                    self.token.at,
                )
            return "is not None" if inverted else "is None"
        return None

    def _container(self) -> Node:
        opening = self.token
        if opening.text not in ("(", "[") or opening.kind != "symbol":
            return self._sum()
        self.place += 1
        closing = ")" if opening.text == "(" else "]"
        items: list[Node] = []
        several = opening.text == "["
        while not self.take(closing):
            items.append(self.any_of())
            if self.take(","):
                several = True
            elif self.token.text != closing:
                raise self.unexpected()
        if several or not items:
            return Items(opening.at, tuple(items))
        return items[0]  # parentheses around a text

    def _pattern(self, operator: Token) -> Node:
        token = self.token
        if token.kind != "text":
            raise ConditionError(
                "'like' is followed by a pattern in quotes, such as 'AC*'",
                self.text,
                token.at if token.kind != "end" else operator.at,
            )
        self.place += 1
        return Constant(token.at, token.value)

    def _sum(self) -> Node:
        node, terms = self._product(), 1
        while token := self.take("+", "-"):
            terms += 1
            self._limit(terms, token)
            node = self._arithmetic(token, node, self._product())
        return node

    def _product(self) -> Node:
        node, factors = self._signed(), 1
        while token := self.take("*", "/", "//", "%"):
            factors += 1
            self._limit(factors, token)
            node = self._arithmetic(token, node, self._signed())
        return node

    def _limit(self, count: int, token: Token) -> None:
        if count > _LONGEST_CHAIN:
            raise ConditionError(
                f"more than {_LONGEST_CHAIN} operators or signs in a row", self.text, token.at
            )

    def _signed(self) -> Node:
        at, minus, signs = self.token.at, 0, 0
        while token := self.take("-", "+"):
            signs += 1
            minus += token.text == "-"
        node = self._power()
        if signs and isinstance(node, Constant):
            if isinstance(node.value, str):
                raise ConditionError("a text has no sign", self.text, at)
            return Constant(at, -node.value if minus % 2 else +node.value)
        for _ in range(2 - minus % 2 if minus else 0):  # twice asks for a number, too
            node = Negation(at, node)
        return node

    def _power(self) -> Node:
        base = self._value()
        token = self.take("**")
        if token is None:
            return base
        self.depth += 1  # to the right: 2 ** 3 ** 2 goes one deeper with each
        if self.depth > _DEEPEST:
            raise ConditionError(f"more than {_DEEPEST} powers", self.text, token.at)
        exponent = self._signed()
        self.depth -= 1
        return self._arithmetic(token, base, exponent)

    def _arithmetic(self, token: Token, left: Node, right: Node) -> Node:
        if not (isinstance(left, Constant) and isinstance(right, Constant)):
            return Arithmetic(token.at, token.text, left, right)
        try:
            value = OPERATORS[token.text](left.value, right.value)
        except (TypeError, ArithmeticError, ValueError) as error:
            raise ConditionError(f"this cannot be computed: {error}", self.text, token.at) from None
        if not isinstance(value, int | float | str):
            raise ConditionError("the result is not a real number", self.text, token.at)
        return Constant(left.at, value)

    def _value(self) -> Node:
        token = self.token
        if token.kind in ("number", "text"):
            self.place += 1
            node: Node = Constant(token.at, token.value)
        elif self.take("True", "False"):
            node = Constant(token.at, token.text == "True")
        elif token.kind == "name":
            self.place += 1
            node = Name(token.at, token.text)
        elif self.take("("):
            node = self.any_of()
            if not self.take(")"):
                if self.token.kind == "end":
                    raise ConditionError("this parenthesis is not closed", self.text, token.at)
                if self.token.text == ",":
                    raise ConditionError(
                        "several values may stand only after 'in'", self.text, self.token.at
                    )
                raise self.unexpected()
        else:
            raise self._no_value(token)
        if self.token.kind == "symbol" and self.token.text in (".", "(", "["):
            raise self.unexpected()
        return node

    def _no_value(self, token: Token) -> ConditionError:
        """Say what is wrong with a word where a value belongs."""
        if token.kind == "end":
            return self.unexpected()
        if token.text == "None":
            why = "ask for a missing value with 'is None'"
        elif token.text == "[":
            why = "several values may stand only after 'in'"
        else:
            why = f"a field, a number or a text belongs here, not {token.text}"
        return ConditionError(why, self.text, token.at)
