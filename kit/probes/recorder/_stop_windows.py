"""Stopping at an event: what was completed later is not part of the recording.

Other threads go on while a recorder is being stopped, and a probe that is called after the one that
stops it is called all the same. So a stop that names a moment is a cut: events that were completed
after it are left out when the recording is read. An event of a span is completed at its end.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from kit.probes.captures._capture import ThreadEvents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.core._format import Format
    from kit.probes.captures._capture import Row

__all__ = ["StopWindows", "completed"]


def completed(ts: int, args: tuple[Any, ...], is_span: bool) -> int:
    """Return when an event was complete, in nanoseconds.

    Parameters
    ----------
    ts : int
        Its time stamp; a span's is its start.
    args : tuple
        What a probe is called with; a span's begin with the duration.
    is_span : bool
    """
    return ts + args[0] if is_span else ts


class StopWindows:
    """The times between a stop at an event and the next start.

    Replaced whole when something changes, so that whoever reads sees all of it or nothing.
    """

    __slots__ = ("windows",)

    def __init__(self, windows: tuple[tuple[int, int | None], ...] = ()) -> None:
        self.windows = windows

    def __bool__(self) -> bool:
        return bool(self.windows)

    @property
    def open(self) -> bool:
        """Whether what is completed now is left out."""
        return bool(self.windows) and self.windows[-1][1] is None

    def stopped(self, at: int) -> StopWindows:
        """Leave out what is completed after a moment, until further notice."""
        return StopWindows((*self.windows, (at, None)))

    def started(self, at: int) -> StopWindows:
        """Leave out nothing that is completed after a moment."""
        if not self.windows or self.windows[-1][1] is not None:
            return self
        *earlier, (since, _) = self.windows
        return StopWindows((*earlier, (since, at)))

    def keeps(self, moment: int) -> bool:
        """Tell whether an event that was completed at a moment is part of the recording."""
        return not any(
            since < moment and (until is None or moment <= until) for since, until in self.windows
        )

    def apply(self, events: ThreadEvents, formats: Sequence[Format]) -> list[ThreadEvents]:
        """Leave out what was completed too late.

        Parameters
        ----------
        events : ThreadEvents
        formats : sequence of Format
            By code.

        Returns
        -------
        list of ThreadEvents
            In each of them the rows are consecutive; their numbers stay what they are.
        """
        if not self.windows:
            return [events]
        pieces: list[tuple[int, list[Row]]] = []
        following = False
        for seq, row in enumerate(events.rows, events.first_seq):
            if not self.keeps(completed(row[0], row[2], formats[row[1]].is_span)):
                following = False
                continue
            if not following:
                pieces.append((seq, []))
                following = True
            pieces[-1][1].append(row)
        if not pieces:
            pieces.append((events.first_seq, []))
        # What was lost is said once.
        return [
            ThreadEvents(
                events.tid,
                events.name,
                first,
                rows,
                Counter() if number else events.lost,
                Counter() if number else events.overwritten,
            )
            for number, (first, rows) in enumerate(pieces)
        ]
