"""The tab Events: the newest events, as text."""

from __future__ import annotations

from kit.widgets._panel.tabs.tab import Tab, nothing_recorded

__all__ = ["EventsTab"]


class EventsTab(Tab):
    """The newest events."""

    key, title, hint = "events", "Events", "the newest events, as text"
    body = "events"

    def _note(self) -> str:
        return nothing_recorded(self._state)
