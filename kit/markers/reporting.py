"""How whoever reads a program's warnings and errors is told, without disturbing the program."""

from __future__ import annotations

import sys

__all__ = ["report", "warn"]


def report(what: str, error: BaseException) -> None:
    """Log an exception to the logger ``kit``, which prints to stderr where nobody set it up.

    Parameters
    ----------
    what : str
        What failed.
    error : BaseException
        With what.
    """
    import logging  # only now: a program that never fails never pays for it

    logging.getLogger("kit").error("%s: %s: %s", what, type(error).__name__, error, exc_info=error)


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line outside the kit that led here.

    Parameters
    ----------
    message : str
        What to say.
    category : type
        The warning's class.
    """
    import warnings  # as in `report`

    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_kit(frame.f_globals.get("__name__")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_kit(module: object) -> bool:
    return isinstance(module, str) and (module == "kit" or module.startswith("kit."))
