"""How a failure that must not reach the program is told to whoever reads its errors."""

from __future__ import annotations

__all__ = ["report"]


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
