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
        self.locked = "no lock" not in faults
        early = "early free" in faults
        waits = not early and "no grace period" not in faults
        in_place = "in place" in faults
        # What is shown while it is stepped is the code that runs, not a choice of codes.
        self.publish = self.wait_and_store_array if early else self.store_array
        self.wait = self.wait_for_readers if waits else self.go_ahead
        self.disconnect = self.disconnect_in_place if in_place else self.disconnect_by_copy
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

    def read_lock(self) -> Step:
        """What readers begin with."""
        return read_lock(self.flavour) if self.read_side else barrier("no read_lock")

    def read_unlock(self) -> Step:
        """What readers end with."""
        return read_unlock(self.flavour) if self.read_side else barrier("no read_unlock")

    def reader(self) -> Steps:
        """One dispatch."""
        yield self.read_lock()
        probes = yield load("marker.array")
        if probes:
            i = 0
            while closure := (yield load(probes[i])):
                yield call(*closure)
                i += 1
        yield self.read_unlock()

    # Updaters.

    def connect(self, func: str) -> Steps:
        """Connect a probe."""
        yield self.lock()
        old = yield load("marker.array")
        closures = yield from self.closures(old)
        probes = yield new(*closures, (func, func.lower()))
        yield from self.publish(probes)
        yield connected(func)
        yield self.unlock()
        yield from self.wait()
        yield free(old)

    def disconnect_by_copy(self, func: str) -> Steps:
        """Disconnect a probe; its private data is given back when no reader has it any more."""
        yield disconnecting(func)
        yield self.lock()
        old = yield load("marker.array")
        closures = yield from self.closures(old)
        left = [each for each in closures if each[0] != func]
        probes = (yield new(*left)) if left else NULL
        yield from self.publish(probes)
        yield self.unlock()
        yield from self.wait()
        yield free(old)
        yield free(func.lower())

    def disconnect_in_place(self, func: str) -> Steps:
        """Disconnect a probe by moving closures in the array that readers walk through."""
        yield disconnecting(func)
        yield self.lock()
        probes = yield load("marker.array")
        i = 0
        while (yield load(probes[i]))[0] != func:
            i += 1
        while closure := (yield load(probes[i + 1])):
            yield store(probes[i], closure)
            i += 1
        yield store(probes[i], None)
        yield self.unlock()

    def store_array(self, probes: Ref | Null) -> Steps:
        """The publication: one store."""
        yield store("marker.array", probes)

    def wait_and_store_array(self, probes: Ref | Null) -> Steps:
        """Wait for readers of an array that is still published, then replace it."""
        yield synchronize()
        yield store("marker.array", probes)

    def wait_for_readers(self) -> Steps:
        """Wait until nobody can have the old array any more."""
        yield synchronize()

    def go_ahead(self) -> Steps:
        """Do not wait."""
        yield barrier("no wait")

    def lock(self) -> Step:
        """Keep other updaters out."""
        return lock("updates") if self.locked else barrier("no lock")

    def unlock(self) -> Step:
        """Let other updaters in."""
        return unlock("updates") if self.locked else barrier("no unlock")

    def closures(self, probes: Ref | Null) -> Steps:
        """All closures of an array."""
        found: list[object] = []
        while probes and (closure := (yield load(probes[len(found)]))):
            found.append(closure)
        return found
