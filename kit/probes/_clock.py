"""The clock of whatever waits, limits or measures; a test puts its own in its place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["now"]

now: Callable[[], int] = time.monotonic_ns
"""Returns the time in nanoseconds; looked up when a probe is connected."""
