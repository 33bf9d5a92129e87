"""The words of a condition."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final, NamedTuple

from kit.errors import ConditionError

__all__ = ["LONGEST", "UNITS", "Token", "tokens"]

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

    Parameters
    ----------
    text : str

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
            raise ConditionError(f"{text[at]!r} means nothing in a condition", text, at)
        kind, word = str(match.lastgroup), match.group()
        if kind == "number":
            found.append(Token(kind, at, word, _number(text, at, word)))
        elif kind == "text":
            found.append(Token(kind, at, word, _text(text, at, word)))
        elif kind == "name" and word in UNITS and _follows_number(text, found, at):
            found[-1] = _with_unit(found[-1], text[found[-1].at : match.end()], UNITS[word])
        elif kind == "name" and _touches_number(found, at):
            raise ConditionError(
                f"{word!r} is no unit; there are {', '.join(UNITS)}, or put a space", text, at
            )
        elif kind != "space":
            found.append(Token("word" if word in _WORDS else kind, at, word))
        at = match.end()
    return [*found, Token("end", len(text), "")]


def _follows_number(text: str, found: list[Token], at: int) -> bool:
    """Whether nothing but space stands between a bare number and here."""
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
        raise ConditionError(f"{word} is no number", text, at) from None
    if value in (float("inf"), float("-inf")):
        raise ConditionError(f"{word} is too large for a number", text, at)
    return value


def _text(text: str, at: int, word: str) -> str:
    def character(match: re.Match[str]) -> str:
        what = match[1]
        if len(what) > 1:
            code = int(what[1:], 16)
            if code > 0x10FFFF:
                raise ConditionError(f"\\{what} is no character", text, at + 1 + match.start())
            return chr(code)
        if what not in _ESCAPES:
            raise ConditionError(
                f"\\{what} stands for nothing; write \\\\ for a backslash",
                text,
                at + 1 + match.start(),
            )
        return _ESCAPES[what]

    return _ESCAPE.sub(character, word[1:-1])
