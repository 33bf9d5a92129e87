"""The tab Captures: snapshots and what was opened; one of them in the tabs, two side by side."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from kit.plots import units
from kit.widgets._messages import NAMES, WORDS
from kit.widgets._pane.pane import Pane
from kit.widgets._panel.captures import LIVE
from kit.widgets._panel.tabs.tab import LINGER, Tab, only

if TYPE_CHECKING:
    from kit.widgets._panel.state import PanelState

__all__ = ["CapturesTab"]


class CapturesTab(Tab):
    """A list of what was kept."""

    key, title = "captures", "Captures"
    hint = "snapshots and what was opened: show one in the tabs, compare two, save one"
    body = "captures"
    actions: ClassVar[dict[str, Any]] = {
        "show-capture": {"key": WORDS},
        "export": {"key": WORDS},
        "compare": {"keys": NAMES},
    }

    def __init__(self, state: PanelState) -> None:
        super().__init__(state)
        self._drawn: object = None

    def _note(self) -> str:
        if self._state.captures:
            return "Show one in the other tabs, or choose two to compare them."
        return (
            "Nothing kept yet: Snapshot freezes what is recorded; Open, in the tab Session, a file."
        )

    def described(self) -> dict[str, Any]:
        """Return the list, ready for JSON."""
        return self._state.kept.shown()

    def act(self, content: dict[str, Any]) -> None:
        """Show a capture in the tabs, save it, or compare two."""
        kept = self._state.kept
        match content:
            case {"action": "show-capture", "key": key}:
                kept.show(key)
            case {"action": "export", "key": key}:
                kept.export(key)
            case {"action": "compare", "keys": keys}:
                kept.compare(keys)

    def refresh(self) -> bool | None:
        """Draw the two that are compared, once."""
        self._close_gone(time.monotonic() - LINGER)
        wanted = (self._state.kept.compared, self._state.focus())
        if wanted == self._drawn or (not wanted[0] and not self.shown):
            return None
        self._retire([pane for _, pane in self.shown])
        self.shown = self._compared(*wanted)
        self._drawn = wanted
        return True

    def _compared(self, keys: tuple[str, ...], names: frozenset[str] | None) -> list[Any]:
        from kit import plots

        if not keys:
            return []
        kept = self._state.kept
        a, b = (only(kept.opened(key).events, names) for key in keys)
        called_a, called_b = map(self._called, keys)
        plot = plots.compare(a, b, (called_a, called_b))
        return [(plot, Pane(plot))]

    def _called(self, key: str) -> str:
        if key == LIVE:
            return "recording"
        return f"snapshot {key}" if key.isdecimal() else units.short(key.rsplit("/", 1)[-1], 24)
