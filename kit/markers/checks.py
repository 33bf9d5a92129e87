"""What is refused before anything is changed, and what is read off a probe."""

from __future__ import annotations

from functools import partial
from types import CodeType, FunctionType, MethodType, WrapperDescriptorType

from kit.errors import FormatError
from kit.markers.connection import is_native, label_of
from kit.markers.patterns import is_pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, TypeAlias

__all__ = [
    "ASYNC_GENERATOR",
    "COROUTINE",
    "GENERATOR",
    "ITERABLE_COROUTINE",
    "Place",
    "check_name",
    "check_option",
    "check_probe",
    "check_runs",
    "code_flags",
    "default_name",
    "lambda_place",
]

Place: TypeAlias = tuple[str, int, int, CodeType]

GENERATOR: Final = 0x20
COROUTINE: Final = 0x80
ASYNC_GENERATOR: Final = 0x200
ITERABLE_COROUTINE: Final = 0x100  # a generator function that `types.coroutine` was put on
_DEEPEST: Final = 20
_NEVER_RUNS: Final = GENERATOR | COROUTINE | ASYNC_GENERATOR


def check_name(name: object) -> None:
    """Refuse what cannot be a marker's name."""
    if not isinstance(name, str):
        if callable(name) or hasattr(type(name), "__get__"):
            raise FormatError(
                f"a marker's name must be text, got {label_of(name)}; a span decorates as "
                '@kit.span("its.name"), with its name, and a probe is connected by @marker.probe'
            )
        raise FormatError(f"a marker's name must be text, got {name!r}")
    if not name or is_pattern(name) or "]" in name or any(c.isspace() for c in name):
        raise FormatError(
            f"{name!r} cannot be a marker's name: it must not be empty, "
            "hold white space or any of * ? [ ]"
        )


def check_option(option: str, value: object, kind: Any) -> None:
    """Refuse an option of a wrong type."""
    if not isinstance(value, kind):
        raise TypeError(f"{option} cannot be {value!r}")


def check_probe(probe: object) -> None:
    """Refuse what cannot be a probe."""
    if type(probe) is FunctionType and not probe.__code__.co_flags & _NEVER_RUNS:
        return  # as most are
    if is_native(probe):
        return
    check_runs(probe, "a probe")


def check_runs(function: object, what: str) -> None:
    """Refuse what cannot be called, and what a call alone would not run."""
    if not callable(function):
        raise TypeError(f"{what} must be callable, got {_shown(function)}")
    flags = code_flags(function)
    if flags & (COROUTINE | ASYNC_GENERATOR):
        raise TypeError(
            f"{label_of(function)} is a coroutine function: {what} is called, and nobody would "
            "await what it returns; use a plain function that schedules a task"
        )
    if flags & GENERATOR:
        raise TypeError(
            f"{label_of(function)} is a generator function: {what} is called, and nobody would "
            "iterate over what it returns; use a function without yield"
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
