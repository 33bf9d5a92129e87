"""A disturbance: what all kinds have in common.

It has workers, each a thread; or it does something before a round and looks at what became of it
after the round, when everybody rests; or both.
"""

from __future__ import annotations

import importlib
import random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.torture.world import Worker, World

__all__ = ["PATIENCE", "Disturbance", "kit_frames"]

PATIENCE: Final = 60.0
"""Seconds after which what was waited for has failed; nothing that works comes near."""


class Disturbance:
    """One kind of disturbance.

    Parameters
    ----------
    world : World
        What it disturbs.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = random.Random(f"{world.seed} {type(self).__name__}")

    def workers(self) -> Sequence[Worker]:
        """Return the threads that do it."""
        return ()

    def before(self) -> None:
        """Prepare a round; everybody rests."""

    def after(self) -> None:
        """Look at what became of it; everybody rests."""

    def end(self) -> None:
        """Leave nothing behind."""


def kit_frames() -> Any:
    """Return `kit.frames`, None where there is no pandas."""
    try:
        return importlib.import_module("kit.frames")
    except ModuleNotFoundError:
        return None
