"""Rooms that are imported when they are first needed; a fork waits until they are there whole.

A child in which a module is half imported waits for ever for its import lock, whose holder is a
thread of the parent. So a fork waits for imports of the kit's rooms that are under way on other
threads, and those that are about to begin wait for the fork. There is no lock that an import would
hold: it would have to be taken before those of CPython's imports, and a program may import a room
by itself. Both waits end after a while, whatever happens.
"""

from __future__ import annotations

import os
import sys
import time
from threading import get_ident

from kit.markers.forking import LOCKS, reset_in_child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Final

__all__ = ["import_room"]

_LONGEST_IMPORT: Final = 30.0
_LONGEST_FORK: Final = 2.0
_GLANCE: Final = 0.001

# Of threads, by what is theirs alone: an import may need another one.
_importing: Final[list[tuple[int, object]]] = []
_forking: Final[list[int]] = []
_first: Final[list[bool]] = []


def import_room(name: str) -> ModuleType:
    """Import a room of the kit, as `importlib.import_module` does.

    Parameters
    ----------
    name : str
        Such as ``"kit.frames"``.

    Returns
    -------
    module

    Examples
    --------
    >>> import_room("kit.errors").__name__
    'kit.errors'
    """
    module = sys.modules.get(name)
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        return module
    import importlib

    mine = (get_ident(), object())
    deadline = time.monotonic() + _LONGEST_FORK
    try:
        # First this is said, then looked whether a thread forks; who forks does it the other way
        # round. So one of them sees the other, and does not go on.
        _importing.append(mine)
        while _others_fork(mine[0]) and time.monotonic() < deadline:
            _importing.remove(mine)
            time.sleep(_GLANCE)
            _importing.append(mine)
        _come_first()
        return importlib.import_module(name)
    finally:
        if mine in _importing:
            _importing.remove(mine)


def _others_fork(me: int) -> bool:
    return any(ident != me for ident in _forking)


def _come_first() -> None:
    """Have forks wait before other modules' hooks take locks that an import may wait for.

    Of two such hooks the one that was registered later comes first. These two modules have hooks
    that take locks, and are imported by what frames need; were they imported while a fork waits, it
    would give back locks that it has not taken.
    """
    if not _first:
        import concurrent.futures.thread  # noqa: F401
        import logging  # noqa: F401

        _first.append(True)
        _register()


def _register() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)


def _before() -> None:
    me = get_ident()
    _forking.append(me)
    deadline = time.monotonic() + _LONGEST_IMPORT
    while any(ident != me for ident, _ in _importing) and time.monotonic() < deadline:
        time.sleep(_GLANCE)


def _after() -> None:
    me = get_ident()
    while me in _forking:
        _forking.remove(me)


def _reset() -> None:
    me = get_ident()
    _importing[:] = [each for each in _importing if each[0] == me]
    _forking[:] = [each for each in _forking if each == me]


reset_in_child(LOCKS, _reset)
_register()
