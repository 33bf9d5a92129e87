"""Updates: connecting, replacing, hooks, declaring anew, and waiting for grace periods."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import kit
from kit.core._dispatch.tally import Tally
from kit.torture.disturbances.disturbance import PATIENCE, Disturbance
from kit.torture.world import Private, Worker, World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Churn", "Declare", "Hooks", "Replace", "Waits"]


class _Churning(Worker):
    """Connects and disconnects; touches private data when nobody else may any more."""

    CLOSURES: Final = 8

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, "churn", number)
        self.probes = [self._probe(n) for n in range(self.CLOSURES)]
        self.connected: dict[int, tuple[Any, Private]] = {}

    def _probe(self, number: int) -> Callable[..., None]:
        world = self.world

        def probe(private: Private, *values: object) -> None:
            # Both at entry and at exit: a probe may be in the middle of its call when it is
            # disconnected, but not when disconnect(wait=True) has returned.
            if private.of != number:
                world.violate("a probe was called with another's private data")
            late = private.poisoned
            for _ in values:
                pass
            if late or private.poisoned:
                world.violate("a probe was called after disconnect(wait=True) had returned")

        return probe

    def step(self) -> None:
        number = self.chance.randrange(self.CLOSURES)
        if number not in self.connected:
            private = Private(number)
            site = self.chance.choice(self.world.sites[:5])
            before = site.generation
            target = f"{self.world.prefix}.*" if self.chance.random() < 0.1 else site
            connection = kit.connect(
                target, self.probes[number], private, priority=self.chance.randrange(20)
            )
            if site.generation <= before:
                self.world.violate("a publication did not raise the generation")
            self.connected[number] = connection, private
            self.world.did("connects")
        elif self.chance.random() < 0.2:
            self._disconnect(list(self.connected))
        else:
            self._disconnect([number])

    def _disconnect(self, numbers: list[int]) -> None:
        gone = [self.connected.pop(number) for number in numbers]
        alone = len(gone) == 1 and self.chance.random() < 0.3
        if alone:
            kit.core.disconnect_private(f"{self.world.prefix}.*", gone[0][1], wait=True)
        else:
            with kit.batch():
                for connection, _ in gone:
                    connection.disconnect(wait=True)
        for connection, private in gone:
            private.poisoned = True
            if connection.connected:
                self.world.violate("what was disconnected is connected")
            self.world.did("disconnects, and grace periods waited for")

    def settle(self) -> None:
        self._disconnect(list(self.connected))


class Churn(Disturbance):
    """Closures that come and go: alone, in batches, by pattern, by their private data."""

    def workers(self) -> Sequence[Worker]:
        """Return two that connect and disconnect."""
        return [_Churning(self.world, n) for n in range(2)]


class _Replacing(Worker):
    """Replaces a connection by name: each event is seen by one of the two."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, "replace", number)
        self.seen = Tally()
        self.m = kit.marker(f"{world.apart}.replaced{number}", n=int)
        self.n = 0

    def step(self) -> None:
        for number in range(5):
            up = self.seen.up
            self.m.connect(lambda _, up=up: up(), name="one", priority=number)
            self.m(self.n)
            self.n += 1
        self.world.did("connections replaced")

    def settle(self) -> None:
        for connection in self.m.probes:
            connection.disconnect()
        self.world.compare("events seen by replaced probes", self.seen.n, self.n)


class Replace(Disturbance):
    """Connections that replace one another by name."""

    def workers(self) -> Sequence[Worker]:
        """Return one that does."""
        return [_Replacing(self.world, 0)]


class _Switching(Worker):
    """Switches a marker with hooks on and off."""

    def __init__(self, world: World, owner: Hooks, number: int) -> None:
        super().__init__(world, "hooks", number)
        self.owner = owner

    def step(self) -> None:
        marker = self.owner.marker
        with marker.connect(lambda _: None, name=self.name):
            if not self.owner.on:
                self.world.violate("a marker was on before its on_first had run")
            marker(self.who)
        self.world.did("markers with hooks switched")


class Hooks(Disturbance):
    """A marker whose hooks are called when it goes on and when it has gone off."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.on = False
        self.marker = kit.marker(f"{world.apart}.hooked", who=int)
        self.marker.hooks(on_first=self.first, on_last=self.last)

    def first(self) -> None:
        """Be told that the marker goes on."""
        if self.on:
            self.world.violate("on_first was called twice")
        self.on = True

    def last(self) -> None:
        """Be told that the marker went off."""
        if not self.on:
            self.world.violate("on_last was called twice")
        self.on = False

    def workers(self) -> Sequence[Worker]:
        """Return two that switch it on and off."""
        return [_Switching(self.world, self, n) for n in range(2)]

    def after(self) -> None:
        """It is off."""
        if self.on or self.marker.fanout:
            self.world.violate("a marker with hooks is on, and nobody is connected")


class _Declaring(Worker):
    """Declares markers in the middle of everything, and one marker anew with other fields."""

    FIELDS: Final[tuple[dict[str, type], ...]] = ({"n": int}, {"m": int}, {"m": str, "k": float})

    def step(self) -> None:
        world = self.world
        for _ in range(4):  # all of them are there before memory is looked at
            world.declare_late()
        world.declare("a")
        name = f"{world.apart}.anew"
        fields = self.chance.choice(self.FIELDS)
        m = kit.marker(name, **fields)
        m(*[1] * len(fields))
        other = next(each for each in self.FIELDS if each != fields)
        with m.connect(lambda *_: None, name="holds"):
            before = m.generation
            m(*[1] * len(fields))
            try:
                kit.marker(name, **other)
            except kit.errors.FormatMismatchError:
                pass
            else:
                world.violate("other fields were adopted while a probe was connected")
            # As from a cell that is run again: what is connected follows, in one publication.
            scope = {"__name__": "__main__", "kit": kit, "name": name, "fields": other}
            exec("kit.marker(name, **fields)", scope)
            m(*[1] * len(other))
            world.compare("publications of a marker declared anew", m.generation - before, 1)
            world.compare("probes of a marker declared anew", m.fanout, 1)
        world.did("markers declared, some anew")
        time.sleep(0.002)


class Declare(Disturbance):
    """Markers that are declared late, again, and anew with other fields."""

    def workers(self) -> Sequence[Worker]:
        """Return one that declares."""
        return [_Declaring(self.world, "declare")]


class _Waiting(Worker):
    """Waits for grace periods, defers, and reads what is being written."""

    def __init__(self, world: World, owner: Waits) -> None:
        super().__init__(world, "waits")
        self.owner = owner

    def step(self) -> None:
        what = self.chance.randrange(4)
        if what == 0:
            kit.synchronize(timeout=PATIENCE)
            self.world.did("grace periods waited for")
        elif what == 1:
            for _ in range(self.chance.randrange(20)):
                kit.defer(self.owner.ran.up)
                self.owner.deferred += 1
        elif what == 2:
            kit.barrier(timeout=PATIENCE)
            self.world.compare("deferred callbacks run", self.owner.ran.n, self.owner.deferred)
        elif standing := self.world.standing:
            one = self.chance.choice(standing)
            one.check_rows(one.recorder._newest(100))
            self.world.did("recorders read while threads write")
        time.sleep(0.001)


class Waits(Disturbance):
    """Grace periods, deferred callbacks, and snapshots of what is being written."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.deferred = 0
        self.ran = Tally()

    def workers(self) -> Sequence[Worker]:
        """Return one that waits."""
        return [_Waiting(self.world, self)]
