"""Answers as plain data: what a notebook holds is taken down, and nothing of it is trusted."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from types import EllipsisType, FunctionType
from typing import Any

from kit.errors import LitmusError
from kit.rcu.building import Litmus
from kit.rcu.models import Model
from kit.rcu.syntax import Test

__all__ = ["is_open", "taken_down"]


def is_open(answer: object) -> bool:
    """Whether there is something left to fill in.

    Parameters
    ----------
    answer : object
        As given in the notebook.

    Returns
    -------
    bool
        True for ``...``, for nothing, and for what contains ``...``.

    Examples
    --------
    >>> is_open({"0→1": ..., "1→2": ["read-barrier"]}), is_open(["reader"])
    (True, False)
    """
    if answer is None or isinstance(answer, EllipsisType) or answer == "":
        return True
    if isinstance(answer, Mapping):
        return any(is_open(each) for each in answer.values())
    if isinstance(answer, list | tuple):
        return any(isinstance(each, EllipsisType) for each in answer)
    return False


def taken_down(answer: object) -> Any:
    """An answer as text, numbers, lists and dicts.

    Parameters
    ----------
    answer : object
        Text, a litmus test, a model, a function, a board, a machine that was stepped, or a
        collection of such.

    Returns
    -------
    object
        What ``json`` can write.

    Raises
    ------
    kit.errors.LitmusError
        When it is none of these.

    Examples
    --------
    >>> taken_down({"fix": {"write-func": "plain"}, "cases": ("0→1",)})
    {'fix': {'write-func': 'plain'}, 'cases': ['0→1']}
    """
    if answer is None or isinstance(answer, str | bool | int | float):
        return answer
    if isinstance(answer, Test):
        return answer.source
    if isinstance(answer, Litmus):
        return answer.source
    if isinstance(answer, Model):
        return {"model": answer.source, "without": sorted(answer.disabled)}
    if isinstance(answer, FunctionType):
        return _source(answer)
    if isinstance(answer, Mapping):
        return {str(key): taken_down(value) for key, value in answer.items()}
    if isinstance(answer, set | frozenset):
        return sorted(str(each) for each in answer)
    if isinstance(answer, list | tuple):
        return [taken_down(each) for each in answer]
    choices = getattr(answer, "choices", None)
    if isinstance(choices, dict):  # a board
        return taken_down(choices)
    trace = getattr(getattr(answer, "machine", answer), "trace", None)
    if isinstance(trace, tuple):  # a machine, or a stepper with one
        return [str(move.thread) for move in trace]
    raise LitmusError(f"a check cannot read {type(answer).__name__} as an answer")


def _source(function: FunctionType) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise LitmusError(
            f"the text of {function.__name__} cannot be found: define it in a cell with def"
        ) from None
