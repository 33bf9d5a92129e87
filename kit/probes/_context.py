"""What can be recorded with an event besides its own fields: where it happened."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kit.core._callables import check_runs
from kit.core._format import COLUMNS, FIELD_TYPES, Label
from kit.core._publication.threads import names
from kit.errors import FormatError
from kit.probes._values import KINDS
from kit.probes.captures._capture import MOST_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

    from kit.core._format import FieldType

__all__ = [
    "BUILT_IN",
    "CONTEXT",
    "Context",
    "ask",
    "context",
    "context_functions",
    "context_letters",
    "context_type",
]


class Context(NamedTuple):
    """Something that can be asked when an event happens.

    Attributes
    ----------
    function : callable
        Returns the value, on the thread of the event.
    type : type
        What it returns: ``int``, ``float``, ``str``, ``bool`` or `Label`; None for missing.
    """

    function: Callable[[], Any]
    type: FieldType


def task_name() -> str | None:
    """Return the name of the running asyncio task, or None."""
    # A program that has not imported asyncio has no tasks, nor has one that is importing it; most
    # threads run no loop, which is quickly seen.
    asyncio = sys.modules.get("asyncio")
    running_loop = getattr(asyncio, "_get_running_loop", None)
    current_task = getattr(asyncio, "current_task", None)
    if running_loop is None or current_task is None or running_loop() is None:
        return None
    try:
        task = current_task()
    except RuntimeError:
        return None
    name: str | None = None if task is None else task.get_name()
    return name


def thread_name(ident: int | None = None) -> str | None:
    """Return the name of the running thread, or None for one that Python did not start."""
    # threading.current_thread() would make up an object for a foreign thread, and
    # threading.enumerate() takes a lock that a signal handler's thread may be holding.
    ident = ident or threading.get_ident()
    thread = getattr(threading, "_active", {}).get(ident)
    name: str | None = names.get(ident) if thread is None else thread.name
    return name


def thread_name_of(ident: int) -> str:
    """Return a name for the calling thread, whose identifier it is."""
    try:
        name = thread_name(ident)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - a program's own kind of thread may do anything
        name = None
    if not isinstance(name, str) or not name:
        return f"thread {threading.get_native_id()}"
    return str.__str__(name)


def _no_cpu() -> int | None:
    return None


def _cpu_function() -> Callable[[], int | None]:
    """Return the C library's own function, where it has one."""
    try:
        function: Callable[[], int] = ctypes.PyDLL(None).sched_getcpu
    except (AttributeError, OSError, TypeError):
        return _no_cpu
    return function


def _site() -> FrameType | None:
    """Return the frame that fired the marker: the first one outside the kit's machinery."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if not module.startswith(("kit.core", "kit.probes")):
            return frame
        frame = frame.f_back
    return None


def function_name() -> str | None:
    """Return the qualified name of the function that fired the marker."""
    frame = _site()
    return None if frame is None else getattr(frame.f_code, "co_qualname", frame.f_code.co_name)


def line_number() -> int | None:
    """Return the line that fired the marker."""
    frame = _site()
    return None if frame is None else frame.f_lineno


_PAGE: Final = os.sysconf("SC_PAGESIZE") if hasattr(os, "sysconf") else 4096


def resident_memory() -> int | None:
    """Return how many bytes of memory the process has in use, or None where nobody says."""
    try:
        file = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return None
    try:
        return int(os.read(file, 100).split()[1]) * _PAGE
    finally:
        os.close(file)


CONTEXT: Final[dict[str, Context]] = {
    "cpu": Context(_cpu_function(), int),
    "function": Context(function_name, Label),
    "line": Context(line_number, int),
    "memory": Context(resident_memory, int),
    "process": Context(os.getpid, int),
    "task": Context(task_name, Label),
    "thread": Context(thread_name, Label),
}
"""Context fields by name."""

BUILT_IN: Final = frozenset(CONTEXT)
"""Those that no program has registered."""


def context(name: str, function: Callable[[], Any], type: FieldType = str) -> None:
    """Register a context field, for recorders, aggregates and conditions.

    Parameters
    ----------
    name : str
        Its name, and that of its column.
    function : callable
        Called without arguments on the thread of the event; returns the value, or None. Where it
        raises, the field is missing, and counted among the misfits; a condition is not met.
    type : type
        What it returns: ``int``, ``float``, ``str``, ``bool`` or `kit.Label`.

    Raises
    ------
    FormatError
        When the name is not valid, or belongs to the kit, or the type is not one of the five.

    Examples
    --------
    >>> import kit
    >>> kit.context("request", lambda: 17, type=int)
    >>> served = kit.marker("context.served", path=str)
    >>> with kit.record("context.served", context=("request",)) as events:
    ...     served("/")
    >>> events.frame()["request"].tolist()
    [17]
    """
    if not str.isidentifier(name):
        raise FormatError(f"a context field's name is one such as 'request', got {name!r}")
    if name in BUILT_IN or name in COLUMNS:
        raise FormatError(f"{name!r} is a name of the kit's own; choose another")
    if not callable(function):
        raise TypeError(f"context field {name!r} needs a function, got {function!r}")
    check_runs(function, "a context function")
    if type not in FIELD_TYPES:
        raise FormatError(
            f"context field {name!r} has type {type!r}; use one of int, float, str, bool, kit.Label"
        )
    CONTEXT[name] = Context(function, type)


def context_type(name: str) -> FieldType | None:
    """Return what a context field holds, None for one that nobody has registered here."""
    known = CONTEXT.get(name)
    return None if known is None else known.type


def context_functions(names: Iterable[str]) -> tuple[tuple[str, ...], list[Callable[[], Any]]]:
    """Look up context fields.

    Parameters
    ----------
    names : iterable of str
        Such as ``("task",)``.

    Returns
    -------
    tuple of str, list of callable

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones. For more than an event has room for.
    """
    if isinstance(names, str):
        names = (names,)
    chosen = tuple(names)
    for name in chosen:
        if name not in CONTEXT:
            raise ValueError(
                f"there is no context field {name!r}; known are: {', '.join(sorted(CONTEXT))}"
            )
    if len(chosen) + 2 > MOST_COLUMNS:  # a span has two columns besides
        raise ValueError(f"{len(chosen):,} context fields are more than an event has room for")
    return chosen, [CONTEXT[name].function for name in chosen]


def ask(functions: Iterable[Callable[[], Any]]) -> tuple[Any, ...]:
    """Call context functions.

    Returns
    -------
    tuple
        ``...``, a misfit, where one raises an `Exception`: it is that field which is missing, and
        not the event.

    Examples
    --------
    >>> ask([lambda: 1, lambda: 1 // 0])
    (1, Ellipsis)
    """
    values = []
    for function in functions:
        try:
            values.append(function())
        except Exception:  # noqa: BLE001 - whatever the program's own function raises
            values.append(...)
    return tuple(values)


def context_letters(names: Iterable[str]) -> dict[str, str]:
    """Return the letters of context fields' types, see `kit.probes._values.KINDS`, by name.

    As they are registered now: what a record's columns are stays as it was when it began.
    """
    return {name: KINDS[CONTEXT[name].type] for name in names}
