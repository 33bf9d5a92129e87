"""Forks: children that do in their own process what their parent does, and end."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING

import kit
from kit.torture.disturbances.disturbance import PATIENCE, Disturbance
from kit.torture.recording import Recording, people_in
from kit.torture.world import Private, Worker, World

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Forks"]


class _Forking(Worker):
    """Forks, now and then; each child has to do its work and end."""

    def step(self) -> None:
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _as_child(self.world)
        deadline = time.monotonic() + PATIENCE
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGABRT)  # faulthandler shows its stacks
                time.sleep(1)
                os.waitpid(pid, 0)
                raise TimeoutError(f"a forked child hung, and was killed after {PATIENCE:.0f} s")
            self.beats += 1
            time.sleep(0.002)
        code = os.waitstatus_to_exitcode(status)
        if code:
            self.world.violate(f"a forked child ended with {code}")
        self.world.did("forked children that did their work")
        time.sleep(0.02)


class Forks(Disturbance):
    """Forked children that fire, connect, record, wait, and end by themselves."""

    def workers(self) -> Sequence[Worker]:
        """Return one that forks, where that can be done."""
        return [_Forking(self.world, "forks")] if hasattr(os, "fork") else []


def _as_child(world: World) -> None:
    """Do what a child does, and end."""
    code = 3
    try:
        # What interrupts comes from the parent's garbage: here it is counts that are looked at.
        gc.disable()
        gc.callbacks.clear()
        world.quiet = True
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(3 * PATIENCE))  # should the parent not be there to see to it
        world.broken.clear()
        _work_as_child(world)
        code = 4 if world.broken else 0
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        for promise in world.broken:
            sys.stderr.write(f"in a forked child: {promise}\n")
        sys.stderr.flush()
        os._exit(code)


def _work_as_child(world: World) -> None:
    times = 20
    # Others may not have come as far as `standing` says: what is connected is.
    standing = [each.recorder for each in world.standing if each.recorder.running]
    for recorder in standing:
        # Not the parent's: finalisers of its threads' locals have fired by now, in the child.
        others = [who for who in people_in(recorder.snapshot()) if who >= 0]
        world.compare("events a child begins with", len(others), 0)
        world.compare("lost events a child begins with", recorder.lost, 0)
        if recorder.path is not None:
            world.violate("a child writes its parent's file")
    fresh = Recording(world, capacity=1000)
    in_file = Recording(world, capacity=1000, file=True, mode="overwrite")
    total = kit.aggregate(f"{world.prefix}.*")
    fired = [site.fired for site in world.sites]
    seen = [tally.n for tally in world.seen]
    for n in range(times):
        for place in range(len(world.sites)):
            world.fire(place, 0, n * len(world.sites) + place)
    for place, site in enumerate(world.sites):
        world.compare("events a child has fired", site.fired - fired[place], times)
        world.compare("events seen in a child", world.seen[place].n - seen[place], times)
    for recording in (fresh, in_file):
        world.compare("events recorded in a child", recording.sum, times * len(world.sites))
    world.compare("events counted in a child", total.count, times * len(world.sites))
    for recorder in standing:
        recorder.snapshot()
    private = Private()
    with kit.batch():
        connections = [site.connect(world.guest, private) for site in world.sites]
    in_file.rotate()
    kit.core.disconnect_private(f"{world.prefix}.*", private, wait=True)
    private.poisoned = True
    if any(connection.connected for connection in connections):
        world.violate("a connection is left in a child")
    kit.synchronize(timeout=PATIENCE)
    ran: list[int] = []
    kit.defer(lambda: ran.append(1))
    kit.barrier(timeout=PATIENCE)
    world.compare("deferred callbacks that a child has run", len(ran), 1)
    world.fire(0, 0, times * len(world.sites))
    for recording in (fresh, in_file):
        recording.recorder.stop()
        recording.check()
        recording.close()
    total.stop()
