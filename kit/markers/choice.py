"""Which dispatcher a process uses: the one in C where it was built, else the one in Python.

``KIT_DISPATCH=python`` or ``KIT_DISPATCH=c`` in the environment decides otherwise. There is one
interpreter that may: the main one of a process.
"""

# Paths are text here: importing pathlib takes longer than all of this module.
# ruff: noqa: PTH103, PTH111, PTH118
from __future__ import annotations

import _thread
import os
import sys

from kit.markers.environment import one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Literal

__all__ = ["dispatcher", "unlocked"]

_REMEDY = "install a C compiler and Python's headers, then the kit once more"


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
