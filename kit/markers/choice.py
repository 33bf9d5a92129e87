"""Which dispatcher a process uses: the one in C where it was built, else the one in Python.

``KIT_DISPATCH=python`` or ``KIT_DISPATCH=c`` in the environment decides otherwise.
"""

from __future__ import annotations

import os
from typing import Final, Literal

__all__ = ["dispatcher"]


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
                "KIT_DISPATCH=c, but the C dispatcher is not there: install a C compiler and "
                f"Python's headers, then the kit once more ({error})"
            ) from error
        return "python"
    return "c"


dispatcher: Final = _choose()
"""``"c"`` or ``"python"``."""
