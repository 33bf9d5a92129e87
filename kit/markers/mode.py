"""Strict mode: errors in probes and bad arguments at sites reach the program.

Off in production, where asking must not disturb; on in tests, where silence hides mistakes.
"""

from __future__ import annotations

from kit.markers.environment import flag

__all__ = ["mode"]


class _Mode:
    __slots__ = ("strict",)

    def __init__(self) -> None:
        self.strict = flag("KIT_STRICT")


mode = _Mode()
"""The one place that says whether strict mode is on."""
