"""How a failure that must not reach the program is told to whoever reads its errors."""

from __future__ import annotations

import sys
from types import SimpleNamespace

__all__ = ["report"]


def report(what: str, error: BaseException) -> None:
    """Hand an exception to `sys.unraisablehook`, as Python does for one in ``__del__``.

    Parameters
    ----------
    what : str
        What failed.
    error : BaseException
        With what.
    """
    sys.unraisablehook(
        SimpleNamespace(
            exc_type=type(error),
            exc_value=error,
            exc_traceback=error.__traceback__,
            err_msg=f"kit: {what}",
            object=None,
        )
    )
