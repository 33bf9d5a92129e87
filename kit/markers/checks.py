"""What is refused before anything is changed, and what is read off a probe."""

from __future__ import annotations

from functools import partial
from types import CodeType, FunctionType

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
    "Place",
    "check_name",
    "check_option",
    "check_probe",
    "code_flags",
    "default_name",
    "lambda_place",
]

Place: TypeAlias = tuple[str, int, int, CodeType]

GENERATOR: Final = 0x20
COROUTINE: Final = 0x80
ASYNC_GENERATOR: Final = 0x200
_ASYNCHRONOUS: Final = COROUTINE | ASYNC_GENERATOR


def check_name(name: object) -> None:
    """Refuse what cannot be a marker's name."""
    if not isinstance(name, str):
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
    if type(probe) is FunctionType and not probe.__code__.co_flags & _ASYNCHRONOUS:
        return  # as most are
    if is_native(probe):
        return
    if not callable(probe):
        raise TypeError(f"a probe must be callable, got {probe!r}")
    if code_flags(probe) & _ASYNCHRONOUS:
        raise TypeError(
            f"{label_of(probe)} is a coroutine function: a dispatch would call it and nobody would "
            "await it; use a plain function that schedules a task"
        )


def code_flags(function: Any) -> int:
    """Return CPython's flags of the code that a call runs: of a partial's, a method's, an object's.

    They say what `inspect` would, which takes as long to import as the kit.
    """
    while isinstance(function, partial):
        function = function.func
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    flags: int = getattr(code, "co_flags", 0)
    return flags


def default_name(probe: object) -> str | None:
    """Return the name that a function of the notebook's or script's top level has by itself.

    A bound method has none: it belongs to its object, and another object's is another probe.
    """
    if not isinstance(probe, FunctionType) or probe.__module__ != "__main__":
        return None
    return None if "<" in probe.__qualname__ else probe.__qualname__


def lambda_place(probe: object) -> Place | None:
    """Return where a notebook's or script's lambda is written, and its code."""
    if not isinstance(probe, FunctionType) or probe.__module__ != "__main__":
        return None
    if probe.__name__ != "<lambda>":
        return None
    code = probe.__code__
    # Its body's column; the frame's own instructions have the first one. Python 3.12 gives that to
    # constants, too, so the code has to tell `lambda: 1` from `lambda: 2`.
    column = max((start or 0 for _, _, start, _ in code.co_positions()), default=0)
    return code.co_filename, code.co_firstlineno, column, code
