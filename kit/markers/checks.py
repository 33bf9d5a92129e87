"""What is refused before anything is changed, and what is read off a probe."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from kit.errors import FormatError
from kit.markers.connection import NativeProbe, label_of
from kit.markers.patterns import is_pattern

__all__ = ["check_name", "check_option", "check_probe", "default_name", "lambda_place"]

_ASYNC_FLAGS: Final = 0x80 | 0x200  # CPython's flags of coroutine and async generator functions


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
    if isinstance(probe, NativeProbe):
        return
    if not callable(probe):
        raise TypeError(f"a probe must be callable, got {probe!r}")
    function: Any = probe
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(type(function).__dict__.get("__call__"), "__code__", None)
    if getattr(code, "co_flags", 0) & _ASYNC_FLAGS:
        raise TypeError(
            f"{label_of(probe)} is a coroutine function: a dispatch would call it and nobody would "
            "await it; use a plain function that schedules a task"
        )


def default_name(probe: object) -> str | None:
    """Return the name that a function of the notebook's or script's top level has by itself."""
    qualified = getattr(probe, "__qualname__", None)
    if getattr(probe, "__module__", None) != "__main__" or not isinstance(qualified, str):
        return None
    if "<" in qualified or not hasattr(probe, "__code__"):
        return None
    return qualified


def lambda_place(probe: object) -> tuple[str, int, int] | None:
    """Return where a lambda is written: file, line and column."""
    if getattr(probe, "__name__", None) != "<lambda>":
        return None
    code = getattr(probe, "__code__", None)
    if code is None:
        return None
    # Its body's column; the frame's own instructions have the first one.
    column = max((start or 0 for _, _, start, _ in code.co_positions()), default=0)
    return code.co_filename, code.co_firstlineno, column
