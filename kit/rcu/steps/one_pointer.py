"""The kit's marker: one pointer to an immutable array, replaced by one store.

Readers load the pointer once. The old array, and the private data of a probe that has left, are
given back after a grace period.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kit.rcu.steps.values import NULL, Null, Ref, array
from kit.rcu.steps.vocabulary import (
    Step,
    barrier,
    call,
    connected,
    disconnecting,
    free,
    load,
    lock,
    new,
    read_lock,
    read_unlock,
    store,
    synchronize,
    unlock,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from kit.rcu.steps.programs import Steps

__all__ = ["OnePointer"]


class OnePointer:
    """Programs of readers and updaters, with the faults that they are to have."""

    FAULTS: Final = {
        "no grace period": "what was replaced is freed at once",
        "early free": "the grace period is waited for before the new array is published",
        "no lock": "updaters do not wait for each other",
        "in place": "disconnecting moves closures inside the published array",
        "no read lock": "readers do not say when they are inside",
        "wrong flavour": "readers say it to grace periods of another flavour",
    }

    def __init__(self, faults: Collection[str]) -> None:
        self.grace_period = "no grace period" not in faults
        self.early_free = "early free" in faults
        self.locked = "no lock" not in faults
        self.in_place = "in place" in faults
        self.flavour = "sched" if "wrong flavour" in faults else "rcu"
        self.read_side = "no read lock" not in faults

    def memory(self, funcs: Sequence[str]) -> dict[str, object]:
        """The fields when these probes are connected."""
        closures = [(func, func.lower()) for func in funcs]
        return {"marker.array": array(*closures) if closures else NULL}

    @property
    def options(self) -> dict[str, object]:
        """What else a `Machine` has to know: nothing."""
        return {}

    # Readers.

    def enter(self) -> Step:
        """What readers begin with."""
        return read_lock(self.flavour) if self.read_side else barrier("no read_lock")

    def leave(self) -> Step:
        """What readers end with."""
        return read_unlock(self.flavour) if self.read_side else barrier("no read_unlock")

    def reader(self) -> Steps:
        """One dispatch."""
        yield self.enter()
        probes = yield load("marker.array")
        if probes:
            i = 0
            while closure := (yield load(probes[i])):
                yield call(*closure)
                i += 1
        yield self.leave()

    # Updaters.

    def connect(self, func: str) -> Steps:
        """Connect a probe."""
        yield self.begin()
        old = yield load("marker.array")
        closures = yield from self.closures(old)
        probes = yield new(*closures, (func, func.lower()))
        yield from self.wait(early=True)
        yield store("marker.array", probes)
        yield connected(func)
        yield self.end()
        yield from self.wait(early=False)
        yield free(old)

    def disconnect(self, func: str) -> Steps:
        """Disconnect a probe; its private data is given back when no reader has it any more."""
        yield disconnecting(func)
        yield self.begin()
        old = yield load("marker.array")
        if self.in_place:
            yield from self.shift(old, func)
            yield self.end()
            return
        closures = yield from self.closures(old)
        left = [closure for closure in closures if closure[0] != func]
        probes = (yield new(*left)) if left else NULL
        yield from self.wait(early=True)
        yield store("marker.array", probes)
        yield self.end()
        yield from self.wait(early=False)
        yield free(old)
        yield free(func.lower())

    def begin(self) -> Step:
        """Keep other updaters out."""
        return lock("updates") if self.locked else barrier("no lock")

    def end(self) -> Step:
        """Let other updaters in."""
        return unlock("updates") if self.locked else barrier("no unlock")

    def wait(self, *, early: bool) -> Steps:
        """Wait for a grace period, where this algorithm does."""
        if self.grace_period and self.early_free is early:
            yield synchronize()

    def closures(self, probes: Ref | Null) -> Steps:
        """All closures of an array."""
        found: list[object] = []
        while probes and (closure := (yield load(probes[len(found)]))):
            found.append(closure)
        return found

    def shift(self, probes: Ref, func: str) -> Steps:
        """Remove a closure from the array that readers walk through."""
        i = 0
        while closure := (yield load(probes[i])):
            if closure[0] == func:
                break
            i += 1
        while closure:
            closure = yield load(probes[i + 1])
            yield store(probes[i], closure)
            i += 1
