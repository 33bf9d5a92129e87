"""Recorders: those that record throughout, rotate, are fickle, or ask a context function."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import kit
from kit.core._dispatch.tally import Tally
from kit.torture.disturbances.disturbance import Disturbance, kit_frames
from kit.torture.recording import Recording
from kit.torture.world import Worker, World

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Context", "Fickle", "Recorders", "Rotate"]


class Recorders(Disturbance):
    """Recorders in memory and in files that record throughout; some as long as the run lasts."""

    KINDS: Final[tuple[dict[str, Any], ...]] = (
        {"capacity": 200},
        {"capacity": 50_000, "context": ("thread",)},
        {"capacity": 300, "mode": "overwrite", "when": "n % 3 == 0"},
        {"capacity": 2000, "dispatches": True},
        {"capacity": 2000, "file": True},
        {"capacity": 500, "file": True, "mode": "overwrite"},
        {"capacity": 1000, "file": True, "every": 3},
        {"capacity": 1000, "budget": 0.2},
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.lasting = world.lasting = [
            Recording(world, capacity=2000, mode="overwrite"),
            Recording(world, capacity=1000, mode="overwrite", file=True),
            Recording(world, f"{world.prefix}.[abs]", capacity=3000),
        ]
        self.passing: list[Recording] = []

    def before(self) -> None:
        """Begin some."""
        world = self.world
        for kind in self.chance.sample(self.KINDS, 3):
            pattern = self.chance.choice((None, f"{world.prefix}.a", f"{world.prefix}.[bct]"))
            self.passing.append(Recording(world, pattern, **kind))
        world.standing[:] = [*self.lasting, *self.passing]

    def after(self) -> None:
        """Compare their counts with what was fired."""
        for each in self.world.standing:
            each.check(throughout=True)
            if "dispatches" in each.options:
                self._check_generations(each)
        for each in self.passing:
            each.close()
        if kit_frames() is not None:
            self._check_frame(self.lasting[0])
        self.passing.clear()
        self.lasting[2].take()  # it would be full for the rest of the run
        self.world.standing.clear()

    def _check_generations(self, recording: Recording) -> None:
        """Each publication that was seen has raised the generation by one."""
        found: dict[int, set[int]] = {}
        for row in recording.recorder.snapshot().publications:
            found.setdefault(row[1], set()).add(row[4])
        for generations in found.values():
            if len(generations) != max(generations) - min(generations) + 1:
                self.world.violate("a publication did not raise the generation by one")
            self.world.checked["publications looked at"] += len(generations)

    def _check_frame(self, recording: Recording) -> None:
        frame = recording.recorder.frame()
        self.world.compare("rows of a frame", len(frame), len(recording.recorder))

    def end(self) -> None:
        """Stop those that last."""
        for each in self.lasting:
            each.close()


class _Rotating(Worker):
    """Has the standing recorders rotate, opens what they leave, and takes from those in memory."""

    def step(self) -> None:
        standing = self.world.standing
        if standing:
            one = self.chance.choice(standing)
            if one.recorder.path is not None:
                for _ in range(5):
                    self.world.litter()  # to be collected in the middle of a rotation
                    one.rotate()
                one.look_at_files()
            elif not one.recorder.probe.observer and self.chance.random() < 0.2:
                one.take()
        time.sleep(0.002)


class Rotate(Disturbance):
    """Recorders in files go on in others, and those in memory are drained, while threads write."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.rotating = 0.1

    def workers(self) -> Sequence[Worker]:
        """Return one that has them rotate; signal handlers do, too."""
        return [_Rotating(self.world, "rotate")]


class _Fickle(Worker):
    """Makes recorders that stop, start, are cleared, drained and rotated, and abandons some."""

    KINDS: Final[tuple[dict[str, Any], ...]] = (
        {"capacity": 100},
        {"capacity": 3000},
        {"capacity": 300, "mode": "overwrite"},
        {"capacity": 300, "file": True},
        {"capacity": 300, "file": True, "mode": "overwrite"},
        {"capacity": 300, "every": 5},
    )

    def __init__(self, world: World, owner: Fickle, number: int) -> None:
        super().__init__(world, "fickle", number)
        self.owner = owner

    def step(self) -> None:
        one = Recording(self.world, **self.chance.choice(self.KINDS))
        for _ in range(self.chance.randrange(5)):
            what = self.chance.randrange(4)
            if what == 0:
                one.restart()
            elif what == 1 and one.recorder.path is None:  # what is in a file stays there
                one.take()
            elif what == 2 and one.recorder.path is not None and self.world.rotating:
                one.rotate()
            elif what == 3 and self.chance.random() < 0.3:
                one.recorder.clear()
                one.cleared = True
            time.sleep(self.chance.random() * 0.005)
        if self.chance.random() < 0.2:
            path = one.recorder.path
            one.look_at_files()
            del one  # abandoned while it runs: that disconnects
            if path is not None:
                path.unlink()
            self.world.did("recorders abandoned")
        else:
            one.recorder.stop()
            self.owner.stopped.append(one)
        # What is stopped is looked at when all have ended, and there is not room for any number.
        while len(self.owner.stopped) > self.owner.MOST and self.world.working:
            time.sleep(0.01)
            self.beats += 1


class Fickle(Disturbance):
    """Recorders that stop, start, clear, drain, rotate and are abandoned."""

    MOST: Final = 30

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.stopped: list[Recording] = []

    def workers(self) -> Sequence[Worker]:
        """Return two that have such recorders."""
        return [_Fickle(self.world, self, n) for n in range(2)]

    def after(self) -> None:
        """Compare the counts of those that were stopped."""
        for each in self.stopped:
            each.check()
            each.close()
        self.stopped.clear()


class Context(Disturbance):
    """Recorders that ask a context function which raises now and then: no event goes uncounted."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        asked = Tally()

        def some() -> int:
            if asked.up() % 7 == 0:
                raise LookupError("no context here")
            return asked.n

        self.name = f"torture_{world.prefix}"
        kit.context(self.name, some, int)
        self.recording: list[Recording] = []

    def before(self) -> None:
        """Begin to record."""
        for file in (False, True):
            new = Recording(self.world, capacity=1000, file=file, context=(self.name,))
            self.recording.append(new)

    def after(self) -> None:
        """Each event is in one count."""
        for each in self.recording:
            each.check(throughout=True)
            each.close()
        self.recording.clear()

    def end(self) -> None:
        """Forget the function."""
        from kit.probes._context import CONTEXT

        del CONTEXT[self.name]
