"""What a panel's triggers do when their event comes.

They do it on the program's own thread, in the middle of a dispatch.  So nothing here waits, and the
panel's lock is not taken: what is left to be said and tidied is done at the panel's next look.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from kit.core import batch
from kit.errors import NotConnectedError
from kit.plots import units
from kit.probes import actions
from kit.probes._files import absolute
from kit.probes._trigger import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.probes._trigger import Firing
    from kit.probes.actions import Snapshot
    from kit.widgets._panel.state import PanelState

__all__ = ["ACTIONS", "TriggerActions"]

ACTIONS: Final = {
    "stop": "stop recording",
    "snapshot": "keep a snapshot",
    "save": "save to a file",
}
"""What a trigger can do besides calling a function of the reader's, by key."""


class TriggerActions:
    """What the triggers of one panel can do and have done.

    Parameters
    ----------
    state : PanelState
    """

    def __init__(self, state: PanelState) -> None:
        self._state = state
        self.stopped: set[str] = set()
        self._seen: dict[int, int] = {}
        self._saving: list[tuple[Snapshot, int]] = []
        self._told: deque[str] = deque(maxlen=20)

    def options(self) -> list[tuple[str, str]]:
        """Return what can be chosen, as keys and labels; the reader's functions come last."""
        own = [(key, f"call {choice.label}") for key, choice in self._state.own.items()]
        return [*ACTIONS.items(), *own]

    def make(self, key: str) -> Callable[..., object]:
        """Return what is done, by its key.

        Raises
        ------
        TypeError
            For a function that is not there any more, or that takes more than the event.
        """
        if key == "stop":
            return self._stop
        if key == "snapshot":
            return self._snapshot
        if key == "save":
            return self._save()
        choice = self._state.own.get(key)
        if choice is None or choice.function is None:
            raise TypeError(f"there is no function {key.removeprefix('own:')} any more")
        return choice.function

    def _stop(self, *, at: int) -> None:
        state = self._state
        state.recording.cut(at)
        on = [
            (name, connection)
            for (name, key), connection in state.connections.mine.copy().items()
            if key == "record" and connection.connected
        ]
        with batch():
            for name, connection in on:
                self.stopped.add(name)
                try:
                    connection.disconnect()
                except NotConnectedError:
                    pass  # somebody else was faster

    def _snapshot(self, *, at: int) -> None:
        self._state.captures.append(self._state.recording.capture(at))

    def _save(self) -> Snapshot:
        name = f"trigger-{datetime.now().astimezone():%Y%m%d-%H%M%S}-{{n}}.parquet"
        save = actions.snapshot(self._state.recording.recorder, absolute(name))
        self._saving.append((save, 0))
        return save

    # What the panel does about it later.

    def news(self) -> list[tuple[str, bool]]:
        """Return what has happened since the last look, as sentences; and whether it is bad."""
        said: list[tuple[str, bool]] = []
        for (name, key), connection in self._state.connections.mine.items():
            trigger = connection.probe
            if key != "trigger" or not isinstance(trigger, Trigger):
                continue
            if trigger.fired != self._seen.get(id(trigger), 0) and trigger.last is not None:
                self._seen[id(trigger)] = trigger.fired
                action = self._state.connections.asked_of((name, key)).action
                does = ACTIONS.get(action, f"call {action.removeprefix('own:')}")
                said.append((f"Trigger on {name} fired: {event(trigger.last)} → {does}.", False))
        for place, (save, count) in enumerate(self._saving):
            if len(save.saved) > count:
                self._saving[place] = (save, len(save.saved))
                said.append((f"The trigger has saved {save.saved[-1]}", False))
            if save.last_error is not None:
                said.append((f"The trigger could not save: {save.last_error}", True))
                save.last_error = None
        return said


def event(firing: Firing) -> str:
    """Describe the event that set a trigger off, in a few words.

    Examples
    --------
    >>> from kit.probes._trigger import Firing
    >>> event(Firing("db.commit", 0, {"dur": 61_000_000, "error": None, "ref": 12}))
    'dur 61 ms, ref 12'
    """
    return ", ".join(
        f"{name} {units.duration(value) if name == 'dur' else _short(value)}"
        for name, value in firing.values.items()
        if value is not None
    )


def _short(value: Any) -> str:
    try:
        return units.short(units.plain(value if isinstance(value, str) else repr(value)), 30)
    except Exception:  # noqa: BLE001 - whatever a program's object does when it is looked at
        return f"<{type(value).__name__}>"
