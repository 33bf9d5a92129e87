"""How whoever reads a program's warnings and errors is told, without disturbing the program.

Whoever reads them has locks, too: a handler of `logging` has one, and may connect a probe under it.
So nothing is told while a lock of the kit is held; `tell` does it when that was given up.
"""

from __future__ import annotations

import sys
from collections import deque
from functools import partial
from threading import get_ident

from kit.core._publication.locks import holds_inner, in_update

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

__all__ = ["complain", "put_off", "report", "tell", "warn"]

put_off: Final[deque[Callable[[], None]]] = deque()
"""What is to be told as soon as no lock is held."""


def report(what: str, error: BaseException) -> None:
    """Log an exception to the logger ``kit``, which prints to stderr where nobody set it up.

    Parameters
    ----------
    what : str
        What failed.
    error : BaseException
        With what.
    """
    if _silent():
        put_off.append(partial(_log, what, error))
    else:
        _log(what, error)


def complain(what: str) -> None:
    """Log a warning to the logger ``kit``: of what failed without an exception.

    Parameters
    ----------
    what : str
        What to say. It raises nothing, whatever handlers the program has.
    """
    if _silent():
        put_off.append(partial(_log_warning, what))
        return
    try:
        _log_warning(what)
    except Exception:  # of a handler: it is the program's own, which is not to be disturbed
        pass


def _log_warning(what: str) -> None:
    import logging  # as in `_log`

    logging.getLogger("kit").warning("%s", what)


def _log(what: str, error: BaseException) -> None:
    import logging  # only now: a program that never fails never pays for it

    logging.getLogger("kit").error("%s: %s: %s", what, type(error).__name__, error, exc_info=error)


def warn(message: str, category: type[Warning], source: object = None) -> None:
    """Warn at the line outside the kit that led here.

    Parameters
    ----------
    message : str
        What to say.
    category : type
        The warning's class.
    source : object, optional
        What was destroyed, for a `ResourceWarning`.
    """
    import warnings  # as in `_log`

    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_kit(frame.f_globals.get("__name__")):
        level, frame = level + 1, frame.f_back
    if not _silent():
        warnings.warn(message, category, stacklevel=level, source=source)
        return
    where = (frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__"))
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    put_off.append(partial(warnings.warn_explicit, message, category, *where, registry))


def tell() -> None:
    """Tell what was put off, unless this thread still holds a lock."""
    while put_off and not _silent():
        try:
            next_one = put_off.popleft()
        except IndexError:  # another thread tells it
            return
        try:
            next_one()
        except Exception as error:  # a warning that is an error: nobody asked for it here
            _log("a warning was put off", error)


def _silent() -> bool:
    return get_ident() in in_update or holds_inner()


def _is_kit(module: object) -> bool:
    return isinstance(module, str) and (module == "kit" or module.startswith("kit."))
