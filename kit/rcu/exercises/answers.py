"""Answers as plain data, copied from what a notebook holds; nothing in it is trusted."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Mapping
from types import EllipsisType, FunctionType
from typing import Any, Final

from kit.errors import LitmusError
from kit.rcu._litmus.building import Litmus
from kit.rcu._litmus.syntax import Test
from kit.rcu.models import Model

__all__ = ["is_open", "taken_down"]

DEPTH: Final = 20
"""How deep lists and dicts may nest; the deepest answer that is asked for has three levels."""

PARTS: Final = 200_000
"""How many values an answer may hold."""

CHARACTERS: Final = 1_000_000
"""How long a text may be."""


def is_open(answer: object) -> bool:
    """Whether there is something left to fill in.

    There is in ``...``, in nothing, and in what contains ``...``.

    Examples
    --------
    >>> is_open({"0→1": ..., "1→2": ["read-barrier"]}), is_open(["reader"])
    (True, False)
    """
    return answer is None or (type(answer) is str and answer == "") or _open(answer, DEPTH)


def _open(answer: object, depth: int) -> bool:
    # Exact types, and no method of the answer: an object of somebody's own may do anything.
    if type(answer) is EllipsisType:
        return True
    if depth == 0:
        return False
    if type(answer) is dict:
        return any(
            each is None or (type(each) is str and each == "") or _open(each, depth - 1)
            for each in answer.values()
        )
    if type(answer) is list or type(answer) is tuple:
        return any(_open(each, depth - 1) for each in answer)
    return False


def taken_down(answer: object) -> Any:
    """An answer as text, numbers, lists and dicts, which ``json`` can write.

    It may be text, a litmus test, a model, a function, a board, a machine that was stepped, or a
    collection of such.

    Raises
    ------
    kit.errors.LitmusError
        When it is none of these, or when looking at it fails.

    Examples
    --------
    >>> taken_down({"fix": {"write-func": "plain"}, "cases": ("0→1",)})
    {'fix': {'write-func': 'plain'}, 'cases': ['0→1']}
    >>> taken_down([float("nan")])
    Traceback (most recent call last):
    kit.errors.LitmusError: a check cannot read a number like nan as an answer
    """
    try:
        return _Taking().down(answer, DEPTH)
    except LitmusError:
        raise
    except Exception as error:  # noqa: BLE001 - of a method of the answer itself
        raise LitmusError(
            f"a check cannot read {_kind(answer)} as an answer: {type(error).__name__}"
        ) from None


def _kind(answer: object) -> str:
    """The name of a type; `type` asks no method of the object."""
    return type.__dict__["__name__"].__get__(type(answer))[:60]  # type: ignore[no-any-return]


class _Taking:
    """One answer, copied value by value into objects of Python's own types."""

    def __init__(self) -> None:
        self._left = PARTS

    def down(self, answer: object, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise LitmusError(f"an answer of more than {PARTS:,} values is too big")
        if depth < 0:
            raise LitmusError(f"an answer of more than {DEPTH} levels is too deep")
        if answer is None or isinstance(answer, bool | int | float | str):
            return _plain(answer)
        if isinstance(answer, Mapping | set | frozenset | list | tuple):
            return self._collection(answer, depth)
        if isinstance(answer, Test | Litmus):
            return _text(answer.source)
        if isinstance(answer, Model):
            return {"model": _text(answer.source), "without": sorted(answer.disabled)}
        if isinstance(answer, FunctionType):
            return _text(_source(answer))
        choices = getattr(answer, "choices", None)
        if isinstance(choices, dict):  # a board
            return self.down(choices, depth - 1)
        trace = getattr(getattr(answer, "machine", answer), "trace", None)
        if isinstance(trace, tuple):  # a machine, or a stepper with one
            return [_text(str(move.thread)) for move in trace]
        raise LitmusError(f"a check cannot read {_kind(answer)} as an answer")

    def _collection(self, answer: Any, depth: int) -> Any:
        if isinstance(answer, Mapping):
            # A dict of somebody's own may lie about what is in it.
            pairs = dict.items(answer) if isinstance(answer, dict) else answer.items()
            return {_key(key): self.down(value, depth - 1) for key, value in pairs}
        kinds: tuple[Any, ...] = (list, tuple, set, frozenset)
        kind = next(each for each in kinds if isinstance(answer, each))
        if kind in (set, frozenset):
            return sorted(_key(each) for each in kind.__iter__(answer))
        return [self.down(each, depth - 1) for each in kind.__iter__(answer)]


def _plain(answer: float | str | None) -> float | str | None:
    if answer is None or isinstance(answer, bool):
        return answer
    if isinstance(answer, str):
        return _text(str.__str__(answer))
    if isinstance(answer, int):
        number = int.__index__(answer)
        if number.bit_length() > 64:
            raise LitmusError("a check cannot read a number of more than 64 bits as an answer")
        return number
    real = float.__float__(answer)
    if not math.isfinite(real):
        raise LitmusError(f"a check cannot read a number like {real} as an answer")
    return real


def _text(text: str) -> str:
    if len(text) > CHARACTERS:
        raise LitmusError(f"a text of more than {CHARACTERS:,} characters is too long")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LitmusError("the text holds half a character, which no file can keep") from None
    return text


def _key(key: object) -> str:
    if isinstance(key, str):
        return _text(str.__str__(key))
    if isinstance(key, bool | int | float):
        return str(_plain(key))
    raise LitmusError(f"a name in quotes is wanted, not {_kind(key)}")


def _source(function: FunctionType) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise LitmusError(
            f"the text of {function.__name__:.60} cannot be found: define it in a cell with def"
        ) from None
