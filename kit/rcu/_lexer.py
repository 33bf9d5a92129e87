"""Words of litmus tests and of models, and messages that point at them.

A token knows where it stands; `complaint` turns that place into line, column and a caret. In a
litmus test ``(*`` opens a comment, except in a thread's body, where it starts a pointer access.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from kit.errors import LitmusError
from kit.rcu.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "Cursor",
    "Token",
    "cat_tokens",
    "comment_end",
    "complaint",
    "file_text",
    "litmus_tokens",
]

SHOWN: Final = 90  # characters of the source line that a message shows


class Token(NamedTuple):
    """One word: ``kind`` is name, number, string, tag, op or end; ``at`` is its offset."""

    kind: str
    text: str
    at: int


def complaint(source: str, at: int, message: str, name: str = "") -> LitmusError:
    r"""An error that shows line, column and the place itself.

    ``message`` says what is wrong, and the remedy; ``at`` is the offset of the culprit in the text
    called ``name``.

    Examples
    --------
    >>> print(complaint("r0 = 1;\nr1 = ?;", 13, "what is this?", "demo"))
    demo, line 2, column 6: what is this?
        r1 = ?;
             ^
    """
    at = max(0, min(at, len(source)))
    start = source.rfind("\n", 0, at) + 1
    end = source.find("\n", at)
    line = source[start : len(source) if end < 0 else end]
    column = at - start
    left = max(0, column - SHOWN + 20)
    shown = line[left : left + SHOWN].replace("\t", " ")
    shown = "".join(c if c.isprintable() else "\ufffd" for c in shown).rstrip()
    number = source.count("\n", 0, start) + 1
    head = f"{name}, " if name else ""
    return LitmusError(
        f"{head}line {number}, column {column + 1}: {message}\n    {shown}\n"
        f"    {' ' * (column - left)}^"
    )


_LITMUS = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>0[xX][0-9a-fA-F]+|[0-9]+)
      | (?P<string>"[^"\n]*")
      | (?P<op>/\\|\\/|->|<<=|>>=|[-+*/%&|^]=(?!=)
              |<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|[-+*/%&|^~!<>=(){}\[\];:,.?])""",
    re.VERBOSE | re.DOTALL,
)
_CAT = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<tag>'[A-Za-z][A-Za-z0-9_-]*)
      | (?P<name>[A-Za-z_][A-Za-z0-9_.]*(?:-[A-Za-z0-9_.]+)*)
      | (?P<number>0)
      | (?P<string>"[^"\n]*")
      | (?P<op>\^-1|\^\+|\^\*|\+\+|\|\||[-|;\\&*~+?\[\](){}=,])""",
    re.VERBOSE,
)


def comment_end(source: str, at: int, name: str) -> int:
    """Where the ``(* ... *)`` that opens at ``at`` ends; such comments nest."""
    depth = 0
    for found in re.compile(r"\(\*|\*\)").finditer(source, at):
        depth += 1 if found[0] == "(*" else -1
        if depth == 0:
            return found.end()
    raise complaint(source, at, "this comment is never closed with *)", name)


def _size(source: str, name: str, limits: Limits) -> None:
    if len(source) > limits.characters:
        raise LitmusError(
            f"{name}: {len(source)} characters, but at most {limits.characters} are read "
            f"(Limits.characters)"
        )


def _word(pattern: re.Pattern[str], source: str, at: int, name: str, limits: Limits) -> Token:
    found = pattern.match(source, at)
    if found is None:
        raise complaint(source, at, f"unexpected character {source[at]!r}", name)
    kind = found.lastgroup or ""
    if found[0] == "/" and source.startswith("/*", at):
        raise complaint(source, at, "this comment is never closed with */", name)
    if kind != "space" and len(found[0]) > limits.identifier and kind != "string":
        raise complaint(
            source,
            at,
            f"this word has {len(found[0])} characters, at most {limits.identifier} are read",
            name,
        )
    return Token(kind, found[0], at)


def litmus_tokens(
    source: str, at: int, name: str = "", limits: Limits = DEFAULT
) -> tuple[Token, ...]:
    """The words of a litmus test from its initial state on; the last one has kind ``end``.

    The first ``{`` stands at offset ``at``.

    Raises
    ------
    kit.errors.LitmusError
        For a character that no test contains.

    Examples
    --------
    >>> [token.text for token in litmus_tokens("{ x=1; } (* hm *) P0", 0)]
    ['{', 'x', '=', '1', ';', '}', 'P0', '']
    """
    _size(source, name, limits)
    tokens: list[Token] = []
    depth = blocks = 0
    size = len(source)
    while at < size:
        if source.startswith("(*", at) and not (depth and blocks):
            at = comment_end(source, at, name)
            continue
        token = _word(_LITMUS, source, at, name, limits)
        at += len(token.text)
        if token.kind == "space":
            continue
        tokens.append(token)
        if token.text == "{":
            depth += 1
        elif token.text == "}":
            depth -= 1
            blocks += depth == 0
    tokens.append(Token("end", "", size))
    return tuple(tokens)


def cat_tokens(source: str, name: str = "", limits: Limits = DEFAULT) -> tuple[Token, ...]:
    """The words of a model in the cat language; the last one has kind ``end``.

    Raises
    ------
    kit.errors.LitmusError
        For a character that is not part of the language.

    Examples
    --------
    >>> [token.text for token in cat_tokens("let fr = rf^-1 ; co (* so *)")]
    ['let', 'fr', '=', 'rf', '^-1', ';', 'co', '']
    """
    _size(source, name, limits)
    tokens: list[Token] = []
    at, size = 0, len(source)
    while at < size:
        if source.startswith("(*", at):
            at = comment_end(source, at, name)
            continue
        token = _word(_CAT, source, at, name, limits)
        at += len(token.text)
        if token.kind != "space":
            tokens.append(token)
    tokens.append(Token("end", "", size))
    return tuple(tokens)


def file_text(path: Path, limits: Limits) -> str:
    """The text of a file, or an error that says why it cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(4 * limits.characters + 1)
        return raw.decode()
    except OSError as error:
        raise LitmusError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LitmusError(f"{path} is not text: byte {error.start} is not UTF-8") from error


class Cursor:
    """A place among the tokens of a text, for a parser that goes through them.

    Parameters
    ----------
    source, name : str
        The text and its name, for messages.
    tokens : tuple of Token
        What to read.
    limits : Limits
        Bounds on nesting.
    """

    def __init__(self, source: str, name: str, tokens: tuple[Token, ...], limits: Limits) -> None:
        self.source = source
        self.name = name
        self.tokens = tokens
        self.limits = limits
        self.index = 0
        self.depth = 0
        self.peek = tokens[0]

    def refuse(self, token: Token, message: str) -> NoReturn:
        """Raise an error that points at a token."""
        raise complaint(self.source, token.at, message, self.name)

    def expected(self, what: str, token: Token | None = None) -> NoReturn:
        """Raise an error that says what should stand here, or in place of another token."""
        token = token or self.peek
        found = "the end" if token.kind == "end" else repr(token.text[:40])
        self.refuse(token, f"expected {what} here, found {found}")

    def take(self) -> Token:
        """The next token, which is then behind."""
        token = self.peek
        if token.kind != "end":
            self.index += 1
            self.peek = self.tokens[self.index]
        return token

    def accept(self, text: str) -> bool:
        """Go past the next token if it is this one."""
        if self.peek.text == text and self.peek.kind != "end":
            self.take()
            return True
        return False

    def expect(self, text: str) -> Token:
        """Go past this token, or complain."""
        if self.peek.text != text:
            self.expected(text)
        return self.take()

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One more level of nesting, refused when there are too many."""
        self.depth += 1
        if self.depth > self.limits.nesting:
            self.refuse(
                self.peek, f"nested deeper than {self.limits.nesting} levels (Limits.nesting)"
            )
        try:
            yield
        finally:
            self.depth -= 1
