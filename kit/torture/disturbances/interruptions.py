"""Interruptions: signals, finalisers, callbacks of the collector, and thread-locals that end."""

from __future__ import annotations

import gc
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from kit.core._dispatch.tally import Tally
from kit.torture.disturbances.disturbance import PATIENCE, Disturbance
from kit.torture.world import LOCAL, Private, Worker, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.core import Connection

__all__ = ["Collections", "Early", "Finalisers", "Locals", "Signals"]


class Signals(Disturbance):
    """A timer's signals on the main thread: fire, connect, disconnect, have recorders rotate."""

    EVERY: Final = 0.001
    LATEST: Final = 16.0

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.usual: Any = None
        self.deep = 0
        self.step: float | None = None
        self.pause = self.EVERY

    @property
    def possible(self) -> bool:
        """Whether there are such signals here."""
        main = threading.current_thread() is threading.main_thread()
        return main and hasattr(signal, "setitimer")

    def before(self) -> None:
        """Start the timer."""
        if self.possible:
            self.usual = signal.signal(signal.SIGALRM, self.handle)
            signal.setitimer(signal.ITIMER_REAL, self.EVERY)

    def handle(self, *_: object) -> None:
        """Interrupt the main thread, and sometimes what another signal has interrupted it with."""
        world = self.world
        if world.quiet or self.deep >= 3:
            return
        self.deep += 1
        try:
            # A thread that waits for a lock begins to wait anew after each signal: one that is
            # never left alone for long never gets it. Where it got nowhere, the next one is later.
            step = world.step()
            idle = self.step == step
            self.pause = min(2 * self.pause, self.LATEST) if idle else self.EVERY
            self.step = step
            signal.setitimer(signal.ITIMER_REAL, self.chance.uniform(0.2, 2) * self.pause)
            standing = world.standing
            if world.working and standing and self.chance.random() < world.rotating:
                one = self.chance.choice(standing)
                if one.recorder.path is not None:
                    one.rotate()
            world.interrupt(-1)
        except Exception as error:  # noqa: BLE001
            world.violate("a signal handler raised", error)
        finally:
            self.deep -= 1

    def after(self) -> None:
        """Stop the timer."""
        if self.possible:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self.usual)


class _Cycle:
    """Garbage that only the collector frees, on whichever thread it runs."""

    __slots__ = ("freed", "me", "world")

    def __init__(self, world: World, freed: Tally) -> None:
        self.world = world
        self.freed = freed
        self.me = self

    def __del__(self) -> None:
        self.freed.up()
        self.world.interrupt(-2)


class Finalisers(Disturbance):
    """Finalisers that fire, connect and disconnect, run by the garbage collector."""

    MOST: Final = 10
    """Cycles there may be at a time: the thread that collects runs the finalisers of all."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.made, self.freed = Tally(), Tally()
        world.litter = self.litter

    def litter(self) -> None:
        """Leave one cycle behind."""
        if self.made.n - self.freed.n < self.MOST:
            self.made.up()
            _Cycle(self.world, self.freed)


class Collections(Disturbance):
    """Callbacks of the garbage collector that do the same."""

    def before(self) -> None:
        """Have the collector call."""
        gc.callbacks.append(self.collected)

    def collected(self, phase: str, _: dict[str, int]) -> None:
        """Interrupt whoever collects garbage."""
        if phase == "stop":
            self.world.interrupt(-3)

    def after(self) -> None:
        """Have it call no more."""
        gc.callbacks.remove(self.collected)


class _Ending:
    """What belongs to a thread and ends with it, and with it what it has connected."""

    def __init__(self, world: World, connection: Connection) -> None:
        self.world = world
        self.connection = connection

    def __del__(self) -> None:
        try:
            self.connection.disconnect()
        except Exception as error:  # noqa: BLE001
            self.world.violate("a thread-local's finaliser could not disconnect", error)
        self.world.interrupt(LOCAL)


class _Leaving(Worker):
    """Starts threads that leave things behind in a thread-local."""

    def __init__(self, world: World) -> None:
        super().__init__(world, "locals")
        self.local = threading.local()

    def step(self) -> None:
        site = self.world.sites[self.chance.randrange(5)]

        def live() -> None:
            connection = site.connect(self.world.guest, Private())
            self.local.ending = _Ending(self.world, connection)
            if self.chance.random() < 0.5:
                time.sleep(0.01)  # a fork in between finalises it in the child

        threads = [threading.Thread(target=live, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            if thread.is_alive():
                raise TimeoutError("a thread with thread-locals did not end")
        time.sleep(0.005)


class Locals(Disturbance):
    """Thread-locals whose finalisers disconnect and fire."""

    def workers(self) -> Sequence[Worker]:
        """Return one that starts threads which have some."""
        return [_Leaving(self.world)]


class Early(Disturbance):
    """Interruptions that disconnect what is connected only in the batch of another thread."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.early = True
