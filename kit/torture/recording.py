"""A recorder under attack, and what it has to have counted at the end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import kit
from kit.probes import read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kit.core import Connection, PatternConnection
    from kit.probes.captures._capture import Capture
    from kit.torture.world import World

__all__ = ["Recording", "filtered", "people_in", "reads"]


def reads(handles: Iterable[Connection | PatternConnection]) -> int:
    """How many dispatches have read the arrays that these connections were in."""
    return sum(each.calls + each.skipped + each.filtered for each in handles)


def filtered(of: Any) -> int:
    """How many events a recorder or an aggregate has kept back."""
    return sum(count for counts in of.filtered.values() for count in counts.values())


def people_in(capture: Capture) -> list[int]:
    """Who fired each event."""
    spans = [info.format.is_span for info in capture.markers]
    return [row[2][2 * spans[row[1]]] for thread in capture.threads for row in thread.rows]


class Recording:
    """A recorder, with what is known about it from elsewhere.

    Parameters
    ----------
    world : World
    pattern : str, optional
        What it records; all sites otherwise.
    file : bool
        Whether it writes a file.
    **options
        As for `kit.record`.

    Attributes
    ----------
    handles : list
        The connections through which it has recorded, of each start.
    taken : int
        Events that were taken away from it.
    cleared : bool
        Whether it was made to forget some, so that nothing can be said of its counts.
    """

    def __init__(
        self, world: World, pattern: str | None = None, *, file: bool = False, **options: Any
    ) -> None:
        self.world = world
        self.pattern = pattern or f"{world.prefix}.*"
        self.before = world.counts()
        self.taken = 0
        self.cleared = False
        self.finished: list[tuple[Path, int]] = []
        self._in_files = 0
        # For whoever is about to do what only one may do at a time: to take it is one operation.
        self._turn: list[None] = [None]
        path = world.path() if file else None
        self.options = {"pattern": self.pattern, "file": file, **options}
        self.recorder = kit.record(self.pattern, path=path, **options)
        self.handles = list(self.recorder.handles)
        world.did("recorders made")

    # What is done to it.

    def rotate(self) -> None:
        """Have it go on in another file, unless somebody else is at it."""
        if not self._begin():
            return
        try:
            old = self.recorder.path
            if old is not None:
                events = self.recorder.rotate(self.world.path())
                self._in_files += events
                self.finished.append((old, events))
                self.world.did("rotations")
        except kit.errors.WouldDeadlockError:
            self.world.did("rotations that would have waited for themselves")
        finally:
            self._turn.append(None)

    def take(self) -> Capture | None:
        """Take away what is in it, unless somebody else is at it."""
        if not self._begin():
            return None
        try:
            capture = self.recorder.take()
            self.taken += len(capture)
            self.world.did("recorders drained")
            return capture
        finally:
            self._turn.append(None)

    def restart(self) -> None:
        """Stop and start it, unless somebody else is at it."""
        if not self._begin():
            return
        try:
            self.recorder.stop()
            self.recorder.start()
            self.handles += self.recorder.handles
            self.world.did("recorders stopped and started")
        finally:
            self._turn.append(None)

    def _begin(self) -> bool:
        try:
            self._turn.pop()
        except IndexError:
            return False
        return True

    # What has to hold.

    def look_at_files(self) -> None:
        """Open the files that are finished: each has what the recorder said; remove them."""
        while self.finished:
            path, events = self.finished.pop(0)
            capture = read(path)
            self.world.compare(f"events in a finished file of {self.options}", len(capture), events)
            if capture.damaged:
                self.world.violate(f"a finished file is damaged: {capture.damaged}")
            self.check_rows(capture)
            path.unlink()
            self.world.did("files opened again")

    @property
    def sum(self) -> int:
        """All events that it knows of: rule 28."""
        recorder = self.recorder
        return (
            len(recorder)
            + self._in_files
            + self.taken
            + recorder.lost
            + recorder.overwritten
            + recorder.skipped
            + filtered(recorder)
            + getattr(recorder, "failed", 0)
        )

    def check(self, *, throughout: bool = False) -> None:
        """Compare its counts at a rest, with what was fired where it recorded ``throughout``."""
        world = self.world
        read_by = reads(self.handles)
        if self.cleared:
            if self.sum > read_by:
                world.violate(f"a cleared recorder knows of {self.sum - read_by} events too many")
        else:
            world.compare(f"sum of rule 28 of {self.options}", self.sum, read_by)
        if throughout:
            patterns = [self.pattern]
            names = [site.name for each in patterns for site in kit.markers(each)]
            fired = world.fired_since(self.before, names)
            world.compare(f"dispatches that {self.options} has read", read_by, fired)
        capture = self.recorder.snapshot()
        world.compare("events in a snapshot", len(capture), len(self.recorder))
        self.check_rows(capture)
        self.look_at_files()

    def check_rows(self, capture: Capture) -> None:
        """No event is there twice, and those of a thread are in the order in which it fired."""
        world = self.world
        spans = [info.format.is_span for info in capture.markers]
        seen: Counter[tuple[int, int]] = Counter()
        for thread in capture.threads:
            last: dict[int, int] = {}
            for row in thread.rows:
                who, n = row[2][2:4] if spans[row[1]] else row[2][:2]
                seen[who, n] += 1
                if who >= 0 and n <= last.get(who, -1):
                    world.violate(f"events of a thread are out of order in {self.options}")
                last[who] = n
        world.checked["events looked at"] += len(seen)
        if len(seen) != sum(seen.values()):
            twice = [each for each, count in seen.items() if count > 1][:3]
            world.violate(f"an event was recorded twice: {twice} in {self.options}")

    def close(self) -> None:
        """Stop it, and remove its file."""
        self.recorder.stop()
        self.look_at_files()
        if self.recorder.path is not None:
            self.recorder.path.unlink()
