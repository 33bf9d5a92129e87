"""Being told when a thread has ended.

CPython drops a thread's local storage when the thread ends, and what lives there with it. What is
kept by a thread's identifier is given up then: the identifier goes to another thread.
"""

from __future__ import annotations

import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Leaving"]


class Leaving:
    """Lives in a thread's local storage, and tells its owner when that goes.

    Parameters
    ----------
    owner : object
        Its ``leave(ident, what)`` is called, perhaps in the middle of anything, as of any
        finaliser: it waits for nothing. It is not kept alive.
    ident : int
        The thread.
    what : object
        What the owner keeps for the thread.
    """

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
