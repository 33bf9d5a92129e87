"""What can be told of a callable before it is called, and of what its call returned."""

from __future__ import annotations

from functools import partial
from sys import getrefcount
from types import (
    AsyncGeneratorType,
    BuiltinMethodType,
    CodeType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MethodType,
    MethodWrapperType,
    WrapperDescriptorType,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, TypeAlias, TypeGuard

    from kit.core.typing import TimedProbe

__all__ = [
    "ASYNC_GENERATOR",
    "COROUTINE",
    "GENERATOR",
    "ITERABLE_COROUTINE",
    "AnyProbe",
    "Place",
    "check_probe",
    "check_runs",
    "code_flags",
    "compares",
    "default_name",
    "is_native",
    "label_of",
    "lambda_place",
    "not_begun",
    "only_here",
    "same_probe",
    "undone",
]

Place: TypeAlias = tuple[str, int, int, CodeType]

GENERATOR: Final = 0x20
COROUTINE: Final = 0x80
ASYNC_GENERATOR: Final = 0x200
ITERABLE_COROUTINE: Final = 0x100  # a generator function that `types.coroutine` was put on
_DEEPEST: Final = 20
_NEVER_RUNS: Final = GENERATOR | COROUTINE | ASYNC_GENERATOR

AnyProbe: TypeAlias = "Callable[..., object] | TimedProbe"


def is_native(probe: object) -> TypeGuard[TimedProbe]:
    """Tell whether a probe is one of the kit's own."""
    if type(probe) is FunctionType:
        return False  # as most are; what is asked below takes its time to say no
    try:
        return hasattr(type(probe), "native") and hasattr(probe, "observer")
    except Exception:  # of its own `__getattr__`: it is nothing of the kit's
        return False


_COMPARED_BY_THE_INTERPRETER: Final = frozenset(
    (FunctionType, BuiltinMethodType, MethodWrapperType)
)


def compares(probe: object) -> bool:
    """Tell whether it takes somebody's own ``__eq__`` to compare a probe."""
    kind = type(probe)
    if kind is FunctionType:
        return False
    if kind is MethodType:
        return compares(probe.__func__)  # type: ignore[attr-defined] # it is a method
    return kind not in _COMPARED_BY_THE_INTERPRETER and kind.__eq__ is not object.__eq__


def identity(probe: object) -> object:
    """Return what two probes have in common if they are the same one; no foreign code runs.

    Only of probes that are not compared by an ``__eq__`` of their own: see `compares`.

    Examples
    --------
    >>> identity([].append) == identity([].append), identity(print) == identity(print)
    (False, True)
    """
    kind = type(probe)
    if kind in _COMPARED_BY_THE_INTERPRETER:
        return probe
    if kind is MethodType:
        return id(probe.__self__), identity(probe.__func__)  # type: ignore[attr-defined]
    return id(probe)


def same_probe(one: object, other: object) -> bool:
    """Tell whether two callables are one probe: identical, or equal, as methods made anew are.

    Where neither is compared by an ``__eq__`` of its own, no foreign code runs. What such an
    ``__eq__`` raises, or what it returns and has no truth, says that they are two.
    """
    if one is other:
        return True
    try:
        return bool(one == other)
    except Exception:
        return False


def label_of(probe: object) -> str:
    """Return the name under which a probe is shown; its type's, where looking at it fails."""
    try:
        return _own_label(probe)
    except Exception:
        return type(probe).__name__


def _own_label(probe: object) -> str:
    label = getattr(probe, "kit_label", None)
    if isinstance(label, str):
        return label
    if isinstance(probe, partial):
        return _own_label(probe.func)
    for attribute in ("__qualname__", "__name__"):
        label = getattr(probe, attribute, None)
        if isinstance(label, str):
            return label.rsplit("<locals>.", 1)[-1]
    return type(probe).__name__


def check_runs(function: object, what: str) -> None:
    """Refuse what cannot be called, and what a call alone would not run."""
    if not callable(function):
        raise TypeError(f"{what} must be callable, got {_shown(function)}")
    flags = code_flags(function)
    if flags & (COROUTINE | ASYNC_GENERATOR):
        raise TypeError(
            f"{label_of(function)} is a coroutine function, but nobody would await what {what} "
            "returns; use a plain function that schedules a task"
        )
    if flags & GENERATOR:
        raise TypeError(
            f"{label_of(function)} is a generator function, but nobody would iterate over what "
            f"{what} returns; use a function without yield"
        )


def code_flags(function: Any) -> int:
    """Return CPython's flags of the code that a call runs: of a partial's, a method's, an object's.

    They say what `inspect` would, which takes as long to import as the kit.
    """
    for _ in range(_DEEPEST):
        kind = type(function)
        if issubclass(kind, partial):
            function = function.func
        elif kind is MethodType:
            function = function.__func__
        else:
            code = _read(function, "__code__")
            if code is not None:
                flags = _read(code, "co_flags")
                return flags if type(flags) is int else 0
            function = _read(kind, "__call__")  # which may be an object in its turn
            if function is None or type(function) is WrapperDescriptorType:
                return 0
    return 0


def _read(what: object, name: str) -> Any:
    try:
        return getattr(what, name, None)
    except Exception:  # of its own `__getattr__`
        return None


def _shown(what: object) -> str:
    try:
        return repr(what)
    except Exception:
        return f"a {type(what).__name__}"


def check_probe(probe: object) -> None:
    """Refuse what cannot be a probe."""
    if type(probe) is FunctionType and not probe.__code__.co_flags & _NEVER_RUNS:
        return  # as most are
    if is_native(probe):
        return
    check_runs(probe, "a probe")


def default_name(probe: object) -> str | None:
    """Return the name that a function of the notebook's or script's top level has by itself.

    A bound method has none: it belongs to its object, and another object's is another probe.
    """
    if type(probe) is not FunctionType or probe.__module__ != "__main__":
        return None
    return None if "<" in probe.__qualname__ else probe.__qualname__


def lambda_place(probe: object) -> Place | None:
    """Return where a notebook's or script's lambda is written, and its code."""
    if type(probe) is not FunctionType or probe.__module__ != "__main__":
        return None
    if probe.__name__ != "<lambda>":
        return None
    code = probe.__code__
    # Its body's column; the frame's own instructions have the first one. Python 3.12 gives that to
    # constants, too, so the code has to tell `lambda: 1` from `lambda: 2`.
    column = max((start or 0 for _, _, start, _ in code.co_positions()), default=0)
    return code.co_filename, code.co_firstlineno, column, code


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
    """Tell whether something is a coroutine of which nothing has run."""
    return (
        type(result) is CoroutineType
        and result.cr_frame is not None
        and not (result.cr_running or result.cr_suspended)
    )


def only_here(result: object, callers: int = 1) -> bool:
    """Tell whether nobody holds an object but a local variable of each of so many functions."""
    return getrefcount(result) <= _held + callers


_held = -1


def _hold() -> None:
    """Count how many references it takes to ask, which depends on the interpreter."""
    global _held
    result = object()
    while not only_here(result):
        _held += 1


_hold()
