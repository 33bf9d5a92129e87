"""What is settled once a process: its dispatcher, strict mode, and what the environment says.

The dispatcher is the one in C where it was built, else the one in Python; ``KIT_DISPATCH=python``
or ``KIT_DISPATCH=c`` in the environment decides otherwise. There is one interpreter that may
dispatch: the main one of a process.

In strict mode, ``KIT_STRICT=1``, errors in probes and bad arguments at sites reach the program: on
in tests, where silence hides mistakes, and off in production, where asking must not disturb.

A word in the environment that is none of those there are is an error: a variable that is misspelt
would otherwise be one that is not set.
"""

from __future__ import annotations

import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, Literal, NoReturn

    from kit.core._dispatch.dispatcher import Timing
    from kit.core._marker import Marker
    from kit.core._registry import Registry


__all__ = ["dispatcher", "flag", "home", "mode", "one_of", "stays", "unlocked"]

# Paths are text here: importing pathlib takes longer than all of this module.
# ruff: noqa: PTH103, PTH111, PTH118

_ON: Final = ("1", "yes", "on", "true")
_OFF: Final = ("", "0", "no", "off", "false")


def one_of(name: str, *allowed: str) -> str:
    """Return what a variable says.

    Parameters
    ----------
    name : str
    *allowed : str
        What it may say; an empty text stands for one that is not set.

    Returns
    -------
    str

    Raises
    ------
    ImportError
        Names the words there are. The kit reads its environment while it is imported.

    Examples
    --------
    >>> one_of("KIT_DOC", "", "c", "python")
    ''
    """
    said = os.environ.get(name, "")
    if said not in allowed:
        words = " or ".join(map(repr, filter(None, allowed)))
        raise ImportError(f"{name} in the environment is {words}, or not set; got {said!r}")
    return said


def flag(name: str) -> bool:
    """Tell whether a variable says yes; upper and lower case are the same here.

    Raises
    ------
    ImportError
        Names the words there are.

    Examples
    --------
    >>> flag("KIT_DOC")
    False
    """
    said = os.environ.get(name, "")
    if said.lower() in _ON:
        return True
    if said.lower() not in _OFF:
        words = ", ".join([*_ON, *_OFF[1:]])
        raise ImportError(f"{name} in the environment is one of {words}, or not set; got {said!r}")
    return False


_REMEDY = "install a C compiler and Python's headers, then install the kit again"


def _refuse_sub_interpreters() -> None:
    """Refuse to be imported where threads cannot be told apart, and outlive their interpreter.

    A thread that the kit has begun and that is still there where a sub-interpreter ends is a fatal
    error of the process.
    """
    is_main = getattr(_thread, "_is_main_interpreter", None) or _is_main
    if not is_main():
        raise ImportError(
            "markers-kit works in the main interpreter of a process only, and this is a "
            "sub-interpreter; import it in the main one, and run this in a thread or a process "
            "(under mod_wsgi: WSGIApplicationGroup %{GLOBAL})"
        )


def _is_main() -> bool:
    """Tell whether this is the main interpreter, before 3.12."""
    try:
        import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]
    except ImportError:  # a Python that was built without them
        return True
    return bool(interpreters.get_current() == interpreters.get_main())


def _choose() -> Literal["c", "python"]:
    one_of("KIT_CLOCK", "", "system")  # kit/c/clock.c reads it; the same on both
    wanted = one_of("KIT_DISPATCH", "", "c", "python")
    if wanted == "python":
        _refuse_sub_interpreters()
        return "python"
    try:
        import kit._c  # noqa: F401 - whether it is there
    except ImportError as error:
        _refuse_sub_interpreters()  # it is what the extension refuses, too
        if wanted == "c":
            raise ImportError(
                f"KIT_DISPATCH=c, but the C dispatcher is not there: {_REMEDY} ({error})"
            ) from error
        _say_once(error)
        return "python"
    return "c"


def _say_once(error: ImportError) -> None:
    """Say, once a user and Python, that markers run on the slower dispatcher, and why.

    Not at each import, where it would be in the way of every notebook, and no warning, since
    nothing is wrong. Where it cannot be noted that it was said, it is not.
    """
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    if state.startswith("~"):
        return  # nobody is at home here
    folder = os.path.join(state, "markers-kit")
    cause = "not-built" if isinstance(error, ModuleNotFoundError) else "not-loaded"
    note = os.path.join(folder, f"c-{cause}-{sys.implementation.cache_tag}")
    try:
        os.makedirs(folder, exist_ok=True)
        os.close(os.open(note, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        sys.stderr.write(
            f"kit: the C dispatcher is not there ({error}), so markers run in Python: the same, "
            f"only slower. To have it, {_REMEDY}. This is said once; kit.dispatcher tells.\n"
        )
    except (OSError, AttributeError):
        pass  # said before; or it cannot be noted, or there is nowhere to say it


dispatcher: Final = _choose()
"""``"c"`` or ``"python"``."""

unlocked: Final[bool] = not getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether threads run Python code at the same time: a free-threaded build, and no extension that
was loaded before the kit has brought the global lock back."""


class _Mode:
    __slots__ = ("strict",)

    def __init__(self) -> None:
        self.strict = flag("KIT_STRICT")


mode = _Mode()
"""The one place that says whether strict mode is on."""


class _Home:
    """What a module needs of those that import it; they put it here when they are imported."""

    marker_of_name: Callable[[str, str | None, bool, str, int], Marker]
    passage: Callable[..., Timing]
    registry: Registry


home: Final = _Home()
"""Filled by `kit.core._span` and `kit.core._registry`: an import at each call takes too long."""


def stays(instead: str) -> Callable[..., NoReturn]:
    """Return a ``__reduce__`` that refuses copies and pickles; it will do for ``__copy__``, too.

    Parameters
    ----------
    instead : str
        What to copy or pickle in its place, for the end of the sentence.
    """

    def refuse(self: object, *_: object) -> NoReturn:
        kind = type(self).__name__
        article = "an" if kind[0] in "AEIOU" else "a"
        raise TypeError(
            f"{article} {kind} stays in its process and is neither copied nor pickled: {instead}"
        )

    return refuse
