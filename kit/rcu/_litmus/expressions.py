"""Tokens to expressions: the part of C that a litmus test needs."""

from __future__ import annotations

from typing import Final

from kit.rcu._lexer import Cursor, Token
from kit.rcu._litmus.primitives import PRIMITIVES
from kit.rcu._litmus.refused import refusal, type_refusal
from kit.rcu._litmus.syntax import Binary, Call, Const, Deref, Expr, Name, Unary, Value

__all__ = ["Expressions"]

TYPES: Final = frozenset((
    "int", "long", "short", "char", "unsigned", "signed", "void", "bool", "_Bool",
    "volatile", "const", "static", "spinlock_t", "mutex_t", "atomic_t", "atomic_long_t",
    "intptr_t", "uintptr_t", "size_t", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64",
    "uint32_t", "int32_t", "uint64_t", "int64_t",
))  # fmt: skip
STRENGTH: Final = {
    "||": 1, "&&": 2, "|": 3, "^": 4, "&": 5,
    "==": 6, "!=": 6, "<": 7, ">": 7, "<=": 7, ">=": 7,
    "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10,
}  # fmt: skip


class Expressions(Cursor):
    """Reads types, constants and expressions.

    Examples
    --------
    >>> from kit.rcu._lexer import litmus_tokens
    >>> from kit.rcu.limits import DEFAULT
    >>> Expressions("1+2*r0", "", litmus_tokens("1+2*r0", 0), DEFAULT).expression()
    Binary(op='+', left=Const(value=1, at=0), right=Binary(op='*', ...
    """

    def name_token(self, what: str) -> Token:
        """The next token, which must be a name."""
        if self.peek.kind != "name":
            self.expected(what)
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
            self.expected("a number")
        text = self.take().text
        digits = text.lstrip("0") if text[:2].lower() != "0x" else text
        if len(digits) > 20:
            self.refuse(self.tokens[self.index - 1], "this number does not fit into 64 bits")
        if text[:2].lower() == "0x":
            return int(text, 16)
        return int(text)

    def expression(self, least: int = 1) -> Expr:
        """An expression whose operators bind at least this strongly."""
        with self.deeper():
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
            self.expected("an expression")
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
