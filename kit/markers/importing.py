"""Rooms that are imported when they are first needed; a fork waits until they are there whole."""

from __future__ import annotations

import sys

from kit.markers.undivided import come_first, undivided

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Final

__all__ = ["import_room"]

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
    return _import(name)


@undivided
def _import(name: str) -> ModuleType:
    import importlib

    _look_at_hooks()
    return importlib.import_module(name)


def _look_at_hooks() -> None:
    """Have forks wait before other modules' hooks take locks that an import may wait for.

    These two modules have hooks that take locks, and are imported by what frames need; were they
    imported while a fork waits, it would give back locks that it has not taken.
    """
    if not _first:
        import concurrent.futures.thread  # noqa: F401
        import logging  # noqa: F401

        _first.append(True)
        come_first()
