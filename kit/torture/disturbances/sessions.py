"""Sessions: a file every few milliseconds, and what is in all of them when they are opened."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import kit
from kit.probes import read
from kit.torture.disturbances.disturbance import PATIENCE, Disturbance, kit_frames
from kit.torture.recording import filtered, reads
from kit.torture.world import Worker, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.core import Connection, PatternConnection
    from kit.probes.sessions._session import Session

__all__ = ["Sessions"]


class _Sessions(Worker):
    """Makes sessions that begin another file every few milliseconds."""

    def __init__(self, world: World, owner: Sessions) -> None:
        super().__init__(world, "sessions")
        self.owner = owner

    def step(self) -> None:
        world, chance = self.world, self.chance
        folder = world.path().with_suffix(".session")
        limit: dict[str, Any] = {"max_bytes": 50_000, "full": "oldest"}
        run = kit.session(folder, every=0.005, **(limit if chance.random() < 0.3 else {}))
        mode = chance.choice(("discard", "overwrite"))
        events = run.record(f"{world.prefix}.*", capacity=500, mode=mode)
        run.aggregate(f"{world.prefix}.a", "n", by="who", capacity=50)
        run.trigger(f"{world.prefix}.b", lambda: None, when="n % 50 == 0")
        with run:
            handles = events.handles
            end = time.monotonic() + chance.uniform(0.05, 0.3)
            while time.monotonic() < end and world.working:
                time.sleep(0.005)
                self.beats += 1
        if not run.join(PATIENCE):
            raise TimeoutError(f"{run!r} did not come to an end")
        self.owner.over.append((run, handles))


class Sessions(Disturbance):
    """Sessions with a file every few milliseconds, with an aggregate and a trigger in them."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.over: list[tuple[Session, Sequence[Connection | PatternConnection]]] = []

    def workers(self) -> Sequence[Worker]:
        """Return one that makes them, where there is pandas."""
        return [_Sessions(self.world, self)] if kit_frames() is not None else []

    def after(self) -> None:
        """Open them again: all is there that they have counted."""
        world = self.world
        for run, handles in self.over:
            if run.last_error is not None:
                world.violate(f"a session could not write: {run.last_error}")
            (events,) = run.recorders.values()
            written = run.written.get("events", 0)
            counted = (
                written
                + events.lost
                + events.overwritten
                + events.skipped
                + filtered(events)
                + getattr(events, "failed", 0)
            )
            world.compare(f"sum of rule 28 of a session's {events.mode}", counted, reads(handles))
            there = written - run.removed.get("events", 0)
            kept = kit.open(run.folder)
            if not kept.complete:  # type: ignore[union-attr] # it is a folder
                world.violate("a session that was stopped is not complete")
            paths = sorted(run.folder.glob("*.kit"))
            captures = [read(path) for path in paths]
            world.compare("events in a session's files", sum(map(len, captures)), there)
            if any(capture.damaged for capture in captures):
                world.violate("a session's file is damaged")
            if self.chance.random() < 0.2 and paths:
                world.compare("rows of a session's frame", len(kept.frame()), there)
            for path in run.folder.iterdir():
                path.unlink()
            run.folder.rmdir()
            world.did("sessions opened again")
        self.over.clear()
