"""A signal handler that raises, at each place in turn where a signal could be handled."""

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["Interrupt", "at_each_place"]


class Interrupt(BaseException):
    """What the handler raises."""


def at_each_place(
    act: Callable[[], object],
    check: Callable[[int, BaseException | None], None],
    kind: type[BaseException] = Interrupt,
    most: int = 400,
) -> int:
    """Do something again and again, each time with an exception at a later place of it.

    CPython handles signals at the beginning of a function and after a call of one in C, and that
    is where it tells a profiler of them: so a profile function that raises there is a handler
    that comes there for sure.

    Parameters
    ----------
    act : callable
    check : callable
        Called after each time, with the number of the place and what came out.
    kind : type
        What is raised.
    most : int
        At how many places at most; there must be fewer.

    Returns
    -------
    int
        At how many places there was an exception.
    """
    gc.collect()
    for place in range(most):
        left = place
        raised = False

        def handle(frame: FrameType, event: str, arg: Any) -> None:
            nonlocal left, raised
            if event not in ("call", "c_return") or arg is sys.setprofile:
                return
            if frame.f_code.co_filename.endswith("_weakrefset.py"):
                return  # what is raised in a callback nobody hears of
            if left == 0 and not raised:
                raised = True
                raise kind
            left -= 1

        came: BaseException | None = None
        try:
            sys.setprofile(handle)
            act()
        except BaseException as error:
            came = error
        finally:
            sys.setprofile(None)
        check(place, came)
        if not raised:
            return place
    raise AssertionError(f"it has more than {most} places")
