"""Tokens to expressions: the part of C that a litmus test needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from kit.rcu._lexer import Token, complaint
from kit.rcu._litmus.primitives import PRIMITIVES
from kit.rcu._litmus.refused import refusal, type_refusal
from kit.rcu._litmus.syntax import Binary, Call, Const, Deref, Expr, Name, Unary, Value

if TYPE_CHECKING:
    from kit.rcu.limits import Limits

__all__ = ["Expressions"]

TYPES: Final = frozenset(
    [
        "int",
        "long",
        "short",
        "char",
        "unsigned",
        "signed",
        "void",
        "bool",
        "_Bool",
        "volatile",
        "const",
        "static",
        "spinlock_t",
        "mutex_t",
        "atomic_t",
        "atomic_long_t",
        "intptr_t",
        "uintptr_t",
        "size_t",
        "u8",
        "u16",
        "u32",
        "u64",
        "s8",
        "s16",
        "s32",
        "s64",
        "uint32_t",
        "int32_t",
        "uint64_t",
        "int64_t",
    ]
)
STRENGTH: Final = {
    "||": 1,
    "&&": 2,
    "|": 3,
    "^": 4,
    "&": 5,
    "==": 6,
    "!=": 6,
    "<": 7,
    ">": 7,
    "<=": 7,
    ">=": 7,
    "<<": 8,
    ">>": 8,
    "+": 9,
    "-": 9,
    "*": 10,
    "/": 10,
    "%": 10,
}


class Expressions:
    """A cursor over tokens that reads types, constants and expressions.

    Parameters
    ----------
    source, name : str
        The text and its name, for messages.
    tokens : tuple of Token
        What to read.
    limits : Limits
        Bounds on nesting.

    Examples
    --------
    >>> from kit.rcu._lexer import litmus_tokens
    >>> from kit.rcu.limits import DEFAULT
    >>> Expressions("1+2*r0", "", litmus_tokens("1+2*r0", 0), DEFAULT).expression()
    Binary(op='+', left=Const(value=1, at=0), right=Binary(op='*', ...
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
            self.refuse(self.peek, f"expected {text} here, found {self.found()}")
        return self.take()

    def found(self) -> str:
        """The next token as a message shows it."""
        return "the end" if self.peek.kind == "end" else repr(self.peek.text[:40])

    def name_token(self, what: str) -> Token:
        """The next token, which must be a name."""
        if self.peek.kind != "name":
            self.refuse(self.peek, f"expected {what} here, found {self.found()}")
        return self.take()

    def types(self) -> bool:
        """Go past the words of a type, and say whether there were any."""
        seen = False
        while True:
            if self.peek.text == "struct":
                self.take()
                word = self.name_token("the name of a struct")
                if self.peek.text == "{":
                    self.refuse(word, "declarations of a struct are not part of this dialect")
                if type_refusal(word.text).startswith(f"{word.text}:"):
                    self.refuse(word, type_refusal(word.text))
            elif self.peek.text in TYPES or (seen and self.peek.text == "*"):
                self.take()
            else:
                return seen
            seen = True

    def constant(self) -> Value:
        """A number, or the address of a location (``y`` or ``&y``)."""
        if self.accept("-"):
            return -self._number()
        if self.accept("&"):
            return self.name_token("a location").text
        if self.accept("("):
            self.types()
            if self.accept(")"):
                return self.constant()
            value = self.constant()
            self.expect(")")
            return value
        if self.accept("NULL"):
            return 0
        if self.peek.kind == "name":
            return self.take().text
        return self._number()

    def _number(self) -> int:
        if self.peek.kind != "number":
            self.refuse(self.peek, f"expected a number here, found {self.found()}")
        text = self.take().text
        digits = text.lstrip("0") if text[:2].lower() != "0x" else text
        if len(digits) > 20:
            self.refuse(self.tokens[self.index - 1], "this number does not fit into 64 bits")
        if text[:2].lower() == "0x":
            return int(text, 16)
        return int(text)

    def expression(self, least: int = 1) -> Expr:
        """An expression whose operators bind at least this strongly."""
        self.depth += 1
        if self.depth > self.limits.nesting:
            self.refuse(
                self.peek, f"nested deeper than {self.limits.nesting} levels (Limits.nesting)"
            )
        left = self._unary()
        while True:
            op = self.peek
            strength = STRENGTH.get(op.text, 0)
            if strength < least or not strength:
                break
            self.take()
            left = Binary(op.text, left, self.expression(strength + 1), op.at)
        if self.peek.text == "?":
            self.refuse(self.peek, "write this as if and else")
        self.depth -= 1
        return left

    def _unary(self) -> Expr:
        # A loop, so that a long row of operators costs no depth of the interpreter.
        signs: list[Token] = []
        while self.peek.text in ("-", "!", "~", "*", "+", "&"):
            signs.append(self.take())
            if len(signs) > self.limits.nesting:
                self.refuse(self.peek, f"more than {self.limits.nesting} operators in a row")
        out = self._primary()
        for sign in reversed(signs):
            if sign.text == "*":
                out = Deref(out, sign.at)
            elif sign.text == "&":
                if not isinstance(out, Name | Deref):
                    self.refuse(sign, "only a location has an address")
                out = out.address if isinstance(out, Deref) else out
            elif sign.text != "+":
                out = Unary(sign.text, out, sign.at)
        return out

    def _primary(self) -> Expr:
        token = self.peek
        if token.kind == "number":
            return Const(self._number(), token.at)
        if self.accept("("):
            if self.types():
                self.expect(")")
                return self._unary()
            out = self.expression()
            self.expect(")")
            return out
        if token.kind != "name":
            self.refuse(token, f"expected an expression here, found {self.found()}")
        if token.text in ("true", "false"):
            self.refuse(token, f"checkers disagree about {token.text}: write 1 or 0")
        if token.text == "NULL":
            self.take()
            return Const(0, token.at)
        self.take()
        if self.peek.text == "(":
            return self._call(token)
        return self._element(Name(token.text, token.at))

    def _element(self, out: Expr) -> Expr:
        """A name, or an element of the array that it names."""
        while self.accept("["):
            index = self.expression()
            self.expect("]")
            out = Deref(Binary("+", out, index, out.at), out.at)
        if self.peek.text in ("->", "."):
            self.refuse(
                self.peek,
                "fields of structures are not part of this dialect: write a location for each",
            )
        return out

    def _call(self, token: Token) -> Call:
        primitive = PRIMITIVES.get(token.text)
        if primitive is None:
            self.refuse(token, refusal(token.text))
        self.expect("(")
        arguments: list[Expr] = []
        while not self.accept(")"):
            arguments.append(self.expression())
            if self.peek.text != ")":
                self.expect(",")
        if len(arguments) != primitive.arguments:
            self.refuse(
                token, f"{token.text}() takes {primitive.arguments} arguments, not {len(arguments)}"
            )
        if primitive.lvalue and not isinstance(arguments[0], Deref):
            self.refuse(
                token, f"{token.text}() accesses an object: write {token.text}(*x) for location x"
            )
        return Call(token.text, tuple(arguments), token.at)
