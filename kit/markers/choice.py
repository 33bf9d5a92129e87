"""Which dispatcher a process uses: the one in C where it was built, else the one in Python.

``KIT_DISPATCH=python`` or ``KIT_DISPATCH=c`` in the environment decides otherwise.
"""

from __future__ import annotations

import os
import sys
from typing import Final, Literal

__all__ = ["dispatcher"]

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
    from pathlib import Path  # only here: importing it costs more than all of this module

    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    cause = "not-built" if isinstance(error, ModuleNotFoundError) else "not-loaded"
    try:
        folder = Path(state).expanduser() / "markers-kit"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"c-{cause}-{sys.implementation.cache_tag}").touch(exist_ok=False)
        sys.stderr.write(
            f"kit: the C dispatcher is not there ({error}), so markers run in Python: the same, "
            f"only slower. To have it, {_REMEDY}. This is said once; kit.dispatcher tells.\n"
        )
    except (OSError, RuntimeError, AttributeError):
        pass  # said before; or there is no home to note it in, or nowhere to say it


dispatcher: Final = _choose()
"""``"c"`` or ``"python"``."""
