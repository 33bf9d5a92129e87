"""Which dispatcher a process uses: the one in C where it was built, else the one in Python.

``KIT_DISPATCH=python`` or ``KIT_DISPATCH=c`` in the environment decides otherwise.
"""

# Paths are text here: importing pathlib takes longer than all of this module.
# ruff: noqa: PTH103, PTH111, PTH118
from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Literal

__all__ = ["dispatcher", "unlocked"]

_REMEDY = "install a C compiler and Python's headers, then the kit once more"


def _choose() -> Literal["c", "python"]:
    wanted = os.environ.get("KIT_DISPATCH", "")
    if wanted not in ("", "c", "python"):
        raise ImportError(f"KIT_DISPATCH is 'c' or 'python', got {wanted!r}")
    if wanted == "python":
        return "python"
    try:
        import kit._c  # noqa: F401 - whether it is there
    except ImportError as error:
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
