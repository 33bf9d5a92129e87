"""What is done where a store gives the inner lock up; see `kit.core._publication.locks`."""

from __future__ import annotations

from functools import wraps
from sys import is_finalizing
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from kit.core._publication.fork import begun, look
from kit.core._publication.locks import free, inner
from kit.core._registry import registry
from kit.core._reporting import put_off

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["settles"]

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

_queue: Final = registry.updater.queue


def settles(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Have what was queued while a method held the inner lock made when it has given that up.

    Parameters
    ----------
    method : callable

    Returns
    -------
    callable
    """

    @wraps(method)
    def settling(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if begun:
            look()
        if is_finalizing():
            free(inner)
        try:
            return method(self, *args, **kwargs)
        finally:
            if _queue or put_off:
                registry.updater.settle()

    return settling
