"""Threads of the system, also where gevent or eventlet has put greenlets in their place.

They replace the functions of `_thread` and `threading` by ones of their own, and many greenlets
share one thread. A greenlet that blocks as only a thread may keeps all of them from running. So the
kit's own threads are begun by the system, and whoever waits for one looks now and then.
"""

from __future__ import annotations

import _thread
from types import BuiltinFunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

__all__ = ["replaced_by", "start_new_thread"]


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
