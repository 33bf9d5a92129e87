"""Who fires: threads that last, threads that come and go, and threads that share a passage."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import kit
from kit.core._dispatch.tally import Tally
from kit.torture.disturbances.disturbance import PATIENCE, Disturbance
from kit.torture.world import Worker, World

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Comers", "Fire", "Passages"]


class _Firing(Worker):
    """A thread that fires all the time, now this marker, now that."""

    n = 0

    def step(self) -> None:
        world, chance = self.world, self.chance
        place = chance.randrange(len(world.sites))
        for _ in range(20):
            world.fire(place, self.who, self.n)
            self.n += 1
        world.litter()
        if chance.random() < 0.1:
            time.sleep(0.0005)  # so that others are not always interrupted at the same places


class Fire(Disturbance):
    """Threads that last as long as the run fire."""

    def workers(self) -> Sequence[Worker]:
        """Return as many as were asked for."""
        return [_Firing(self.world, "fire", n) for n in range(self.world.threads)]


class _Coming(Worker):
    """Starts threads that fire a few events and end."""

    def step(self) -> None:
        threads = [
            threading.Thread(target=self._fire, args=(next(self.world.people),), daemon=True)
            for _ in range(self.chance.randrange(1, 4))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            if thread.is_alive():
                raise TimeoutError("a thread that fires a few events did not end")
        time.sleep(0.005)

    def _fire(self, who: int) -> None:
        for n in range(5):
            self.world.begin_step()
            self.world.fire((who + n) % 5, who, n)
        self.world.end_steps()
        self.world.did("short-lived threads")


class Comers(Disturbance):
    """Threads that come, fire and go."""

    def workers(self) -> Sequence[Worker]:
        """Return one that starts them."""
        return [_Coming(self.world, "comers")]


class _Passing(Worker):
    """Passes through a passage of a span that another thread has, too, and through it again."""

    def __init__(self, world: World, owner: Passages, number: int) -> None:
        super().__init__(world, "passages", number)
        self.owner = owner

    def step(self) -> None:
        shared = self.owner.shared
        with shared:
            self.owner.passed.up()
            with shared:
                self.owner.passed.up()
        self.world.did("passages shared")


class Passages(Disturbance):
    """One passage through a span that two threads and a recursion use at the same time."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.span = kit.span(f"{world.apart}.shared", n=int)
        self.shared = self.span(1)
        self.passed = Tally()
        self.seen = Tally()
        up = self.seen.up
        self.connection = self.span.connect(lambda *_: up(), error_limit=None)

    def workers(self) -> Sequence[Worker]:
        """Return two that share it."""
        return [_Passing(self.world, self, n) for n in range(2)]

    def after(self) -> None:
        """Each passage has given its event."""
        self.world.compare("events of a shared passage", self.span.fired, self.passed.n)

    def end(self) -> None:
        """Disconnect."""
        self.connection.disconnect()
