"""How fast updates may follow each other from Python to the browser.

Python can make updates far faster than a browser can paint them, and whatever is sent too early
waits in the browser and delays what comes after it.  So every update carries a number, each view
answers with the number it has painted, and `Flow` says how long to wait before the next one.

Answers need not come: a kernel may be busy, a page closed, a laptop asleep.  Then the pace falls
back to the clock, so that a busy cell does not freeze the picture and a closed page is not sent
updates that nobody will read.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kit.widgets import _kernel as kernel

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Flow"]

PATIENCE = 0.2
"""Seconds between updates while answers are missing: five a second, also in a busy kernel."""

ABSENT = 10.0
"""Seconds without an answer, in an idle kernel, after which nobody seems to be there."""

ABSENT_PATIENCE = 5.0
"""Seconds between updates to nobody; one goes out now and then, for a page may come back."""

SILENT = 90.0
"""Seconds without a word from a view after which it is not counted on; one in sight speaks up
every 30."""

MOST_VIEWS = 100
"""How many views are known; of more, those that were not heard of for longest are forgotten."""


@dataclass(slots=True)
class _View:
    """What is known of one view: whether it can be seen, and what it has painted."""

    visible: bool
    painted: int
    heard: float = 0.0


class Flow:
    """Pace of one widget's updates.  Not locked: the widget calls it under its own lock.

    Parameters
    ----------
    interval : float
        Least time between two updates, in seconds.
    window : int
        How many updates may be on their way at once.
    clock : callable
        Returns seconds that never go back.
    busy : callable
        Whether the kernel is running a cell, so that answers may have to wait.

    Examples
    --------
    >>> now = 0.0
    >>> flow = Flow(interval=0.05, window=1, clock=lambda: now)
    >>> flow.joined("a", painted=0)
    >>> flow.sent(), flow.delay()
    (1, 0.2)
    >>> flow.painted("a", 1)
    >>> flow.delay()
    0.05
    """

    def __init__(
        self,
        *,
        interval: float = 0.05,
        window: int = 2,
        clock: Callable[[], float] = time.monotonic,
        busy: Callable[[], bool] = kernel.busy,
    ) -> None:
        self.number = 0
        self._interval = interval
        self._window = window
        self._clock = clock
        self._busy = busy
        self._views: dict[str, _View] = {}
        self._last_sent = -math.inf
        self._unanswered_since: float | None = None

    @property
    def views(self) -> tuple[str, ...]:
        """tuple of str : the views that said they are there and did not say goodbye."""
        return tuple(self._views)

    @property
    def visible(self) -> bool:
        """bool : whether a reader may be looking; true also before the first view has spoken."""
        return not self._views or any(view.visible for view in self._views.values())

    @property
    def watched(self) -> bool:
        """bool : whether a view is in sight; while a cell runs none can say, and one may be."""
        earliest = self._clock() - SILENT
        return self._busy() or any(v.visible and v.heard >= earliest for v in self._views.values())

    def sent(self) -> int:
        """Note that an update leaves now.

        Returns
        -------
        int
            The number that the update carries; the first is 1.
        """
        now = self._clock()
        self.number += 1
        self._last_sent = now
        if self._unanswered_since is None:
            self._unanswered_since = now
        return self.number

    def joined(self, view: str, painted: int, visible: bool = True) -> None:
        """Note that a view is there and shows everything up to the number `painted`."""
        known = self._heard(view)
        known.visible, known.painted = visible, min(painted, self.number)
        self._unanswered_since = None

    def painted(self, view: str, number: int) -> None:
        """Note that a view has painted the update of that number and all before it."""
        known = self._heard(view)
        known.painted = max(known.painted, min(number, self.number))
        self._unanswered_since = None if known.painted >= self.number else self._clock()

    def shown(self, view: str, visible: bool) -> None:
        """Note that a view came into sight, or went out of it."""
        self._heard(view).visible = visible
        self._unanswered_since = None

    def _heard(self, view: str) -> _View:
        """Return what is known of a view, which is the last one that was heard of now."""
        known = self._views.pop(view, None) or _View(visible=True, painted=0)
        self._views[view] = known
        known.heard = self._clock()
        while len(self._views) > MOST_VIEWS:
            del self._views[next(iter(self._views))]
        return known

    def left(self, view: str) -> None:
        """Note that a view is gone."""
        self._views.pop(view, None)

    def told(self, message: dict[str, Any]) -> None:
        """Note what a view says of itself, one of `kit.widgets._messages.VIEWS`."""
        match message:
            case {"type": "joined", "view": view, "number": number, "visible": visible}:
                self.joined(view, number, visible)
            case {"type": "painted", "view": view, "number": number}:
                self.painted(view, number)
            case {"type": "shown", "view": view, "visible": visible}:
                self.shown(view, visible)
            case {"type": "left", "view": view}:
                self.left(view)

    def restarted(self) -> None:
        """Forget all views: a page was loaded anew, and the old one could not say goodbye."""
        self._views.clear()
        self._unanswered_since = None

    def delay(self) -> float:
        """Tell how long to wait before the next update.

        Returns
        -------
        float
            Seconds; 0 means now, infinity means not before a view comes into sight.
        """
        if not self.visible:
            return math.inf
        now = self._clock()
        since = now - self._last_sent
        painted = max((v.painted for v in self._views.values() if v.visible), default=0)
        if self.number - painted < self._window:
            return max(0.0, self._interval - since)
        waited = 0.0 if self._unanswered_since is None else now - self._unanswered_since
        lost = waited > ABSENT and not self._busy()
        return max(0.0, (ABSENT_PATIENCE if lost else PATIENCE) - since)
