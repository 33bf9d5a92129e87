"""The end of a litmus test: what is observed, what is filtered, what is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kit.rcu._litmus.expressions import Expressions
from kit.rcu._litmus.syntax import Condition, Thread, Value, moved

if TYPE_CHECKING:
    from kit.rcu._lexer import Token

__all__ = ["Propositions"]

THREAD: Final = re.compile(r"P\d+")


class Propositions(Expressions):
    """Reads ``locations``, ``filter`` and the final condition."""

    threads: tuple[Thread, ...] = ()
    locations: tuple[str, ...] = ()

    def ending(self) -> tuple[tuple[str, ...], Condition | None, str, Condition, str]:
        """What follows the threads.

        Returns
        -------
        tuple
            Observed names, the filter or None, the quantifier, the condition, and the question
            as the source has it.
        """
        listed: tuple[str, ...] = ()
        kept: Condition | None = None
        while self.peek.text in ("locations", "filter"):
            if self.take().text == "locations":
                listed += self._locations()
            else:
                kept = self._proposition()
        start = self.peek
        quantifier = "~" if self.accept("~") else ""
        word = self.take()
        quantifier += word.text
        if quantifier not in ("exists", "~exists", "forall"):
            self.refuse(start, "expected exists, ~exists or forall and a condition")
        condition = self._proposition()
        last = self.tokens[self.index - 1]
        self.accept(";")
        if self.peek.kind != "end":
            self.refuse(self.peek, f"the test should end here, found {self.peek.text[:40]!r}")
        question = " ".join(self.source[start.at : last.at + len(last.text)].split())
        return listed, kept, quantifier, condition, question

    def _locations(self) -> tuple[str, ...]:
        self.expect("[")
        out: list[str] = []
        while not self.accept("]"):
            if not self.accept(";"):
                self.types()
                out.append(self._variable(listed=True))
        return tuple(out)

    def _variable(self, listed: bool = False) -> str:
        """A register as ``1:r0`` or ``P1:r0``, or a location.

        What is only listed may be a register that its thread never uses: it stays 0.
        """
        token = self.peek
        if token.kind == "number" or self._of_a_thread():
            self.take()
            self.expect(":")
            register = self.name_token("a register")
            return self._register(token, register.text, listed)
        if self.accept("["):
            name = self._location()
            self.expect("]")
            return name
        self.accept("*")
        return self._location()

    def _right_side(self) -> Value:
        """A constant, an address, or another thread's register."""
        if self.peek.kind in ("number", "name") and self.tokens[self.index + 1].text == ":":
            return self._variable()
        return self.constant()

    def _of_a_thread(self) -> bool:
        """Whether ``P1:`` comes next."""
        return bool(THREAD.fullmatch(self.peek.text)) and self.tokens[self.index + 1].text == ":"

    def _register(self, token: Token, register: str, listed: bool) -> str:
        digits = token.text.removeprefix("P")
        number = int(digits) if len(digits) < 6 and digits.isdecimal() else -1
        if not 0 <= number < len(self.threads):
            self.refuse(token, f"there is no thread P{digits[:20]}")
        thread = self.threads[number]
        if not listed and register not in thread.registers and register not in thread.parameters:
            self.refuse(token, f"P{number} has no register {register}")
        return f"{number}:{register}"

    def _location(self) -> str:
        token = self.name_token("a location")
        if token.text not in self.locations:
            self.refuse(token, f"{token.text} is neither a location nor a register like 0:r1")
        name = token.text
        if self.accept("["):
            name = moved(name, self._number())
            self.expect("]")
            if name not in self.locations:
                self.refuse(token, f"{token.text} has no element of this number")
        elif self.peek.text in ("->", "."):
            self.refuse(self.peek, "fields of structures are not part of this dialect")
        return name

    def _proposition(self) -> Condition:
        with self.deeper():
            parts = [self._conjunction()]
            while self.accept("\\/") or self.accept("||"):
                parts.append(self._conjunction())
            out = parts[0] if len(parts) == 1 else Condition("or", tuple(parts))
            if self.peek.text == "=" and self.tokens[self.index + 1].text == ">":
                self.refuse(self.peek, "write ~(a) \\/ b for a => b")
            return out

    def _conjunction(self) -> Condition:
        parts = [self._factor()]
        while self.accept("/\\") or self.accept("&&"):
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else Condition("and", tuple(parts))

    def _factor(self) -> Condition:
        negations = 0
        while self.peek.text in ("~", "not", "!"):
            self.take()
            negations += 1
        if self.accept("("):
            out = self._proposition()
            self.expect(")")
        elif self.peek.text in ("true", "false"):
            negations += self.take().text == "false"
            out = Condition("true")
        else:
            out = self._comparison()
        return Condition("not", (out,)) if negations % 2 else out

    def _comparison(self) -> Condition:
        left = self._variable()
        if self.peek.text not in ("=", "==", "!="):
            self.expected("=")
        op = "!=" if self.take().text == "!=" else "="
        at = self.peek
        right: Value = self._right_side()
        if isinstance(right, str) and ":" not in right and right not in self.locations:
            self.refuse(at, f"there is no location {right}")
        return Condition(op, left=left, right=right)
