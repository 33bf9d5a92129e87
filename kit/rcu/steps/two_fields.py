"""The marker of 2007: one closure in place, several in an array, and a field that says which.

An entry, guarded by a mutex, says what is connected; a walk copies it to the fields that readers
look at. The old array is freed by a callback after a grace period, and the next change of the same
marker waits for that callback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kit.rcu.steps.values import EMPTY, NULL, Ref, array
from kit.rcu.steps.vocabulary import (
    Step,
    barrier,
    call,
    call_rcu,
    connected,
    disconnecting,
    free,
    load,
    lock,
    new,
    rcu_barrier,
    read_lock,
    read_unlock,
    store,
    unlock,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from kit.rcu.steps.programs import Steps

__all__ = ["TwoFields"]


class TwoFields:
    """Programs of readers and updaters, with the faults that they are to have."""

    FAULTS: Final = {
        "no grace period": "the old array is freed at once, and nothing waits between two changes",
        "early call_rcu": "the free is deferred before the walk has unpublished the array",
        "early unlock": "the mutex is dropped, and taken again, before the walk and after it",
        "bit-fields": "the pending flag and the entry's type are bits of one word",
        "no pending check": "a change does not wait for the callback of the one before",
        "function first": "the walk stores the function before the private data",
        "type first": "the walk stores the type before what it stands for",
        "no read lock": "readers do not say when they are inside",
        "wrong flavour": "readers say it to grace periods of another flavour",
    }
    POSTED: Final = ("early unlock", "bit-fields")
    FIXED: Final = ()

    def __init__(self, faults: Collection[str], *, posted: bool) -> None:
        self.posted = posted
        self.early_unlock = "early unlock" in faults
        self.early_free = "early call_rcu" in faults
        self.grace_period = "no grace period" not in faults
        self.bit_fields = "bit-fields" in faults
        self.look_at_pending = "no pending check" not in faults
        self.function_first = "function first" in faults
        self.type_first = "type first" in faults
        self.flavour = "sched" if "wrong flavour" in faults else "rcu"
        self.read_side = "no read lock" not in faults

    # What memory starts with.

    def memory(self, funcs: Sequence[str]) -> dict[str, object]:
        """The fields when these probes are connected."""
        several = len(funcs) > 1
        multi = array(*((func, func.lower()) for func in funcs)) if several else NULL
        func, private = (funcs[0], funcs[0].lower()) if len(funcs) == 1 else (EMPTY, None)
        return {
            "ptype": int(several),
            "single.func": func,
            "single.private": private,
            "multi": multi,
            "entry.ptype": int(several),
            "entry.func": func,
            "entry.private": private,
            "entry.multi": multi,
            "rcu_pending": 0,
            "oldptr": NULL,
        }

    @property
    def options(self) -> dict[str, object]:
        """What else a `Machine` has to know."""
        return {
            "hidden": ("entry.ptype", "entry.func", "entry.private", "entry.multi", "oldptr"),
            "slot": ("single.func", "single.private"),
            "visible": self.visible,
            "words": {"flags": ("rcu_pending", "entry.ptype")} if self.bit_fields else {},
        }

    @staticmethod
    def visible(fields: Mapping[str, object]) -> Iterable[object]:
        """What a reader that begins now can get at."""
        if fields["ptype"] == 0:
            return [(fields["single.func"], fields["single.private"])]
        return [fields["multi"]]

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
        if (yield load("ptype")) == 0:
            yield barrier("smp_rmb")
            func = yield load("single.func")
            yield barrier("smp_rmb")
            private = yield load("single.private")
            yield call(func, private)
        else:
            yield barrier("smp_read_barrier_depends" if self.posted else "smp_rmb")
            multi = yield load("multi")
            i = 0
            while func := (yield load(multi[i].func)):
                private = yield load(multi[i].private)
                yield call(func, private)
                i += 1
        yield self.leave()

    # Updaters.

    def connect(self, func: str) -> Steps:
        """Connect a probe."""
        yield lock("mutex")
        yield from self.wait_for_pending()
        old = yield from self.add(func)
        yield from self.publish(old)
        yield connected(func)
        yield unlock("mutex")

    def disconnect(self, func: str) -> Steps:
        """Disconnect a probe."""
        yield disconnecting(func)
        yield lock("mutex")
        yield from self.wait_for_pending()
        old = yield from self.remove(func)
        yield from self.publish(old)
        yield unlock("mutex")

    def wait_for_pending(self) -> Steps:
        """Let the callback of the change before come to its end."""
        if self.look_at_pending and (yield load("rcu_pending")):
            yield rcu_barrier()

    def publish(self, old: Ref) -> Steps:
        """Copy the entry to where readers look, and defer the free of the old array."""
        if self.early_free:
            yield from self.defer(old)
        if self.early_unlock:
            yield unlock("mutex")
            yield lock("mutex")
        yield from self.walk()
        if self.early_unlock:
            yield unlock("mutex")
            yield lock("mutex")
        if not self.early_free:
            yield from self.defer(old)

    def add(self, func: str) -> Steps:
        """Add a closure to the entry; gives the old array."""
        private = func.lower()
        if (yield load("entry.ptype")) == 0:
            first = yield load("entry.func")
            if first == EMPTY:
                yield store("entry.func", func)
                yield store("entry.private", private)
                return NULL
            old = NULL
            closures = [(first, (yield load("entry.private")))]
        else:
            old = yield load("entry.multi")
            closures = yield from self.closures(old)
        multi = yield new(*closures, (func, private))
        yield store("entry.multi", multi)
        yield store("entry.ptype", 1)
        return old

    def remove(self, func: str) -> Steps:
        """Remove a closure from the entry; gives the old array."""
        if (yield load("entry.ptype")) == 0:
            yield store("entry.func", EMPTY)
            return NULL
        old = yield load("entry.multi")
        left = [closure for closure in (yield from self.closures(old)) if closure[0] != func]
        if len(left) == 1:
            yield store("entry.func", left[0][0])
            yield store("entry.private", left[0][1])
            yield store("entry.ptype", 0)
        else:
            multi = yield new(*left)
            yield store("entry.multi", multi)
        return old

    def closures(self, old: Ref) -> Steps:
        """All closures of an array."""
        found: list[tuple[object, ...]] = []
        while closure := (yield load(old[len(found)])):
            found.append(closure)
        return found

    def walk(self) -> Steps:
        """Copy the entry to where readers look."""
        func = yield load("entry.func")
        if self.type_first:
            yield store("ptype", (yield load("entry.ptype")))
        if func == EMPTY:
            # The private data stays: a reader may be between the function and it.
            yield store("single.func", EMPTY)
        elif self.function_first:
            yield store("single.func", func)
            yield store("single.private", (yield load("entry.private")))
        else:
            yield store("single.private", (yield load("entry.private")))
            yield barrier("smp_wmb")
            yield store("single.func", func)
        yield store("multi", (yield load("entry.multi")))
        if not self.type_first:
            yield barrier("smp_wmb")
            yield store("ptype", (yield load("entry.ptype")))

    def defer(self, old: Ref) -> Steps:
        """Free the old array after a grace period."""
        if not self.grace_period:
            yield free(old)
            return
        yield store("oldptr", old)
        yield store("rcu_pending", 1)
        yield barrier("smp_wmb")
        yield call_rcu(self.free_old)

    def free_old(self) -> Steps:
        """What `call_rcu` runs."""
        yield free((yield load("oldptr")))
        yield barrier("smp_wmb")
        yield store("rcu_pending", 0)
