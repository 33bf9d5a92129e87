"""The tab Session: what is connected, saved in a folder, and opened again."""

from __future__ import annotations

from kit.widgets._panel.tabs.tab import Tab

__all__ = ["SessionTab"]


class SessionTab(Tab):
    """Where a session is begun, stopped and opened again."""

    key, title = "session", "Session"
    hint = "save everything that is connected in a folder, and open it again"
    body = "session"

    @property
    def running(self) -> bool:
        """bool : whether a session is being saved."""
        return self._state.sessions.running

    @property
    def note(self) -> str:
        """str : what a session is or would be, or what was opened."""
        return self._note()

    def _note(self) -> str:
        return self._state.sessions.says()
