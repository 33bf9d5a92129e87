"""Threads: being told when one has ended, and beginning one of the system's.

CPython drops a thread's local storage when the thread ends, and what lives there with it. What is
kept by a thread's identifier is given up then: the identifier goes to another thread.

A finaliser of something else that lived there may fire in the thread's last steps, after that: what
is put into local storage by then stays for ever. It is kept here instead, and given up when the
next thread comes that has the identifier.

gevent and eventlet replace the functions of `_thread` and `threading` by ones of their own, and
many greenlets share one thread. A greenlet that blocks as only a thread may keeps all of them from
running. So the kit's own threads are begun by the system (`start_new_thread`), and whoever waits
for one looks now and then.
"""

from __future__ import annotations

import _thread
import sys
import threading
import weakref
from threading import get_ident, get_native_id
from types import BuiltinFunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, Final


__all__ = [
    "arrived",
    "in_last_steps",
    "leftovers",
    "names",
    "replaced_by",
    "start_new_thread",
    "tell_when_gone",
]


class _Leaving:
    """Tells its owner when it goes, perhaps in the middle of anything, as any finaliser does."""

    __slots__ = ("ident", "owner", "what")

    def __init__(self, owner: Any, ident: int, what: Any) -> None:
        self.ident = ident
        self.what = what
        self.owner = weakref.ref(owner)

    def __del__(self) -> None:
        # Where there was no memory for the reference there is nothing to leave.
        owner = self.owner() if hasattr(self, "owner") else None
        if owner is not None:
            owner.leave(self.ident, self.what)


leftovers: Final[dict[tuple[int, int], list[_Leaving]]] = {}
"""What threads have begun in their last steps, by their identifiers in Python and in the system.
The first is used again soon, so that there are never many; the second is not."""

names: Final[dict[int, str]] = {}
"""What the kit's own threads are called, by their identifiers.

`threading` is not told of them, nor asked who they are: it would make up an object for each. From
3.13 on such an object's finaliser takes a lock of `threading`, and a child of a fork runs it before
that lock is made anew: where another thread of the parent held it, the child would wait for ever.
"""

_finalize: Final = weakref.finalize.__call__.__code__


def in_last_steps(ident: int) -> bool:
    """Tell whether the calling thread's local storage may be gone already.

    Parameters
    ----------
    ident : int
        The calling thread's.

    Returns
    -------
    bool
    """
    # Not threading.enumerate(), which takes a lock: a signal handler may come here.
    if ident in getattr(threading, "_active", ()):
        return False  # `threading` has begun it, and not ended it yet
    # Or begun by others: then its outermost function is its own, and not a finaliser.
    frame: FrameType = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_name == "__del__" or frame.f_code is _finalize


def tell_when_gone(local: threading.local, owner: Any, ident: int, what: Any) -> None:
    """Have an owner told when the calling thread has ended.

    Parameters
    ----------
    local : threading.local
        The owner's.
    owner : object
        Its ``leave(ident, what)`` is called; it waits for nothing. It is not kept alive.
    ident : int
        The thread.
    what : object
        What the owner keeps for the thread.
    """
    leaving = _Leaving(owner, ident, what)
    if in_last_steps(ident):
        leftovers.setdefault((ident, get_native_id()), []).append(leaving)
    else:
        local.leaving = leaving


def arrived() -> None:
    """Give up what others left behind that had the calling thread's identifier before it."""
    ident, native = get_ident(), get_native_id()
    for key in list(leftovers):
        if key[0] == ident and key[1] != native:
            leftovers.pop(key, None)


def replaced_by() -> str:
    """Name the library that has replaced the threads of this process.

    Whoever has something else in the place of threads has to say which one is which. A debugger
    that wants to know of each thread that is begun does not.

    Returns
    -------
    str
        Empty where they are those of the system.

    Examples
    --------
    >>> replaced_by()
    ''
    """
    if type(_thread.get_ident) is BuiltinFunctionType:
        return ""
    module = getattr(_thread.get_ident, "__module__", None)
    return str(module or "another library").partition(".")[0]


def _of_the_system() -> Callable[[Callable[[], object], tuple[()]], int]:
    if not replaced_by():
        return _thread.start_new_thread
    # A second copy of the module, made as the first one was, and replaced by nobody.
    from importlib.machinery import BuiltinImporter
    from importlib.util import module_from_spec

    spec = BuiltinImporter.find_spec("_thread")
    assert spec is not None
    module = module_from_spec(spec)
    BuiltinImporter.exec_module(module)
    start: Callable[[Callable[[], object], tuple[()]], int] = module.start_new_thread
    return start


start_new_thread: Final = _of_the_system()
"""Begins a thread of the system, as `_thread.start_new_thread` does."""
