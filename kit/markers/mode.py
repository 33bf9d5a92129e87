"""Strict mode: errors in probes and bad arguments at sites reach the program.

Off in production, where asking must not disturb; on in tests, where silence hides mistakes.
"""

from __future__ import annotations

import os

__all__ = ["mode"]


class _Mode:
    __slots__ = ("strict",)

    def __init__(self) -> None:
        self.strict = os.environ.get("KIT_STRICT", "").lower() not in (
            "",
            "0",
            "no",
            "off",
            "false",
        )


mode = _Mode()
"""The one place that says whether strict mode is on."""
