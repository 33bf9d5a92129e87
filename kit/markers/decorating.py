"""What a span can decorate beside functions, and what it cannot."""

from __future__ import annotations

import sys
from functools import cached_property, partialmethod
from types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any, Final

    from kit.markers.span import Span

__all__ = ["is_being_defined", "no_value", "refuse", "remade"]

_HOLDERS: Final = (staticmethod, classmethod, property, partialmethod, cached_property)


def no_value(value: object) -> bool:
    """Whether something is part of a class, or a function, and so hardly the value of a field."""
    return type(value) is FunctionType or isinstance(value, _HOLDERS)


def refuse(span: Span, function: object) -> None:
    """Raise `TypeError` for what would be lost as a function, with what to do instead."""
    if isinstance(function, type):
        raise TypeError(
            f"span {span.name!r} cannot decorate the class {function.__name__}, which would "
            "become a function: decorate its methods, such as __init__, or a function that calls it"
        )
    if isinstance(function, _HOLDERS) or callable(function):
        return
    if hasattr(type(function), "__get__"):
        raise TypeError(
            f"span {span.name!r} cannot decorate a {type(function).__name__}: put the span below "
            "it, right above the def"
        )
    raise TypeError(f"span {span.name!r} can only wrap a callable, got {function!r}")


def remade(span: Span, holder: Any, wrap: Callable[[Any], Any]) -> Any:
    """Return what holds functions anew, around the wrapped ones; None where it holds none.

    Of a property, each accessor that is not inside this span already: ``@span`` over
    ``@p.setter`` is not about the getter, which may have one of its own.
    """
    if isinstance(holder, staticmethod | classmethod):
        return type(holder)(wrap(holder.__func__))
    if isinstance(holder, property):
        made = holder
        for accessor, change in (("fget", "getter"), ("fset", "setter"), ("fdel", "deleter")):
            function = getattr(holder, accessor)
            if function is not None and getattr(function, "kit_span", None) is not span:
                made = getattr(made, change)(wrap(function))
        return made
    if isinstance(holder, partialmethod):
        return type(holder)(wrap(holder.func), *holder.args, **holder.keywords)
    if isinstance(holder, cached_property):
        cached: cached_property[Any] = type(holder)(wrap(holder.func))
        cached.attrname = holder.attrname
        return cached
    make = _made_by(holder)
    return None if make is None else make(wrap(holder.__wrapped__))


def _made_by(function: Any) -> Callable[[Any], Any] | None:
    """Return what made a function of a generator function to be used by ``with``, if so."""
    contextlib: Any = sys.modules.get("contextlib")  # nobody has used it who has not imported it
    code = getattr(function, "__code__", None)
    if contextlib is None or code is None:
        return None
    for make in (contextlib.contextmanager, contextlib.asynccontextmanager):
        if any(each is code for each in make.__code__.co_consts):
            return make  # type: ignore[no-any-return] # it is one of these two
    return None


def is_being_defined(function: Any, frame: FrameType) -> bool:
    """Whether a frame is in the lines of a ``def``, at a decorator of it: not where it is used."""
    while (inner := getattr(function, "__wrapped__", None)) is not None:
        function = inner
    code: CodeType | None = getattr(function, "__code__", None)
    if code is None or code.co_name == "<lambda>":
        return False
    if not any(each is code for each in frame.f_code.co_consts):
        return False
    last = max(line or 0 for _, _, line in code.co_lines())
    return code.co_firstlineno <= frame.f_lineno <= last
