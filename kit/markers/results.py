"""What a probe returned: nobody looks at it, unless it is work that will never be done."""

from __future__ import annotations

from sys import getrefcount
from types import AsyncGeneratorType, CoroutineType, GeneratorType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["not_begun", "only_here", "undone"]

_UNDONE: Final = {
    CoroutineType: "a coroutine, which nobody will await: connect a plain function that schedules "
    "a task",
    GeneratorType: "a generator, over which nobody will iterate: connect a function that does the "
    "work itself",
    AsyncGeneratorType: "an asynchronous generator, over which nobody will iterate: connect a "
    "plain function that schedules a task",
}
_AWAITABLE: Final = (
    "an awaitable, which nobody will await: connect a plain function that schedules a task"
)


def undone(result: object) -> str | None:
    """Return what is wrong with the result of a probe that nobody else holds; mostly nothing."""
    kind = type(result)
    return _UNDONE.get(kind) or (_AWAITABLE if hasattr(kind, "__await__") else None)


def not_begun(result: object) -> bool:
    """Whether something is a coroutine of which nothing has run."""
    return (
        type(result) is CoroutineType
        and result.cr_frame is not None
        and not (result.cr_running or result.cr_suspended)
    )


def only_here(result: object, callers: int = 1) -> bool:
    """Whether nobody holds an object but a local variable of each of so many functions."""
    return getrefcount(result) <= _held + callers


_held = -1


def _hold() -> None:
    """Count how many references it takes to ask, which depends on the interpreter."""
    global _held
    result = object()
    while not only_here(result):
        _held += 1


_hold()
