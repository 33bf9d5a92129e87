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

ENTRY: Final = ("ptype", "func", "private", "multi")
"""What an entry has, and the walk copies."""


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
        self.bit_fields = "bit-fields" in faults
        self.flavour = "sched" if "wrong flavour" in faults else "rcu"
        self.read_side = "no read lock" not in faults
        # What is shown while it is stepped is the code that runs, not a choice of codes.
        self.reader = self.reader_as_posted if posted else self.reader_as_fixed
        self.wait = self.go_ahead if "no pending check" in faults else self.wait_for_pending
        self.publish = self.publish_locked
        if "early unlock" in faults:
            self.publish = self.publish_unlocked
        if "early call_rcu" in faults:
            self.publish = self.defer_too_early
        self.walk = self.walk_in_order
        if "function first" in faults:
            self.walk = self.walk_function_first
        if "type first" in faults:
            self.walk = self.walk_type_first
        self.defer = self.free_at_once if "no grace period" in faults else self.free_later

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
            "hidden": (*(f"entry.{name}" for name in ENTRY), "rcu_pending", "oldptr"),
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

    def read_lock(self) -> Step:
        """What readers begin with."""
        return read_lock(self.flavour) if self.read_side else barrier("no read_lock")

    def read_unlock(self) -> Step:
        """What readers end with."""
        return read_unlock(self.flavour) if self.read_side else barrier("no read_unlock")

    def reader_as_posted(self) -> Steps:
        """One dispatch: the barrier stands before the load of multi, and orders nothing."""
        yield self.read_lock()
        if (yield load("ptype")) == 0:
            yield barrier("smp_rmb")
            func = yield load("single.func")
            yield barrier("smp_rmb")
            private = yield load("single.private")
            yield call(func, private)
        else:
            yield barrier("smp_read_barrier_depends")
            multi = yield load("multi")
            i = 0
            while func := (yield load(multi[i].func)):
                private = yield load(multi[i].private)
                yield call(func, private)
                i += 1
        yield self.read_unlock()

    def reader_as_fixed(self) -> Steps:
        """One dispatch."""
        yield self.read_lock()
        if (yield load("ptype")) == 0:
            yield barrier("smp_rmb")
            func = yield load("single.func")
            yield barrier("smp_rmb")
            private = yield load("single.private")
            yield call(func, private)
        else:
            yield barrier("smp_rmb")
            multi = yield load("multi")
            yield barrier("smp_read_barrier_depends")
            i = 0
            while func := (yield load(multi[i].func)):
                private = yield load(multi[i].private)
                yield call(func, private)
                i += 1
        yield self.read_unlock()

    # Updaters.

    def connect(self, func: str) -> Steps:
        """Connect a probe."""
        yield lock("mutex")
        yield from self.wait()
        old = yield from self.add(func)
        yield from self.publish(old)
        yield connected(func)
        yield unlock("mutex")

    def disconnect(self, func: str) -> Steps:
        """Disconnect a probe."""
        yield disconnecting(func)
        yield lock("mutex")
        yield from self.wait()
        old = yield from self.remove(func)
        yield from self.publish(old)
        yield unlock("mutex")

    def wait_for_pending(self) -> Steps:
        """Let the callback of the change before come to its end."""
        if (yield load("rcu_pending")):
            yield rcu_barrier()

    def go_ahead(self) -> Steps:
        """Do not wait for the callback of the change before."""
        yield barrier("no wait")

    def publish_locked(self, old: Ref) -> Steps:
        """Copy the entry to where readers look, with the mutex held."""
        yield from self.walk()
        yield from self.defer(old)

    def publish_unlocked(self, old: Ref) -> Steps:
        """Copy the entry to where readers look; others may change it meanwhile."""
        yield unlock("mutex")
        yield lock("mutex")
        yield from self.walk()
        yield unlock("mutex")
        yield lock("mutex")
        yield from self.defer(old)

    def defer_too_early(self, old: Ref) -> Steps:
        """Defer the free of what readers can still find."""
        yield from self.defer(old)
        yield from self.walk()

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

    def walk_in_order(self) -> Steps:
        """Copy the entry to where readers look: what a field stands for before the field."""
        func = yield load("entry.func")
        if func == EMPTY:
            # Readers may be about to load the private data: it stays.
            yield store("single.func", EMPTY)
        else:
            private = yield load("entry.private")
            yield store("single.private", private)
            yield barrier("smp_wmb")
            yield store("single.func", func)
        multi = yield load("entry.multi")
        yield store("multi", multi)
        yield barrier("smp_wmb")
        ptype = yield load("entry.ptype")
        yield store("ptype", ptype)

    def walk_function_first(self) -> Steps:
        """Copy the entry in the wrong order: the function before its private data."""
        func = yield load("entry.func")
        yield store("single.func", func)
        if func != EMPTY:
            private = yield load("entry.private")
            yield store("single.private", private)
        multi = yield load("entry.multi")
        yield store("multi", multi)
        ptype = yield load("entry.ptype")
        yield store("ptype", ptype)

    def walk_type_first(self) -> Steps:
        """Copy the entry in the wrong order: the type before what it stands for."""
        ptype = yield load("entry.ptype")
        yield store("ptype", ptype)
        func = yield load("entry.func")
        if func == EMPTY:
            yield store("single.func", EMPTY)
        else:
            private = yield load("entry.private")
            yield store("single.private", private)
            yield store("single.func", func)
        multi = yield load("entry.multi")
        yield store("multi", multi)

    def free_at_once(self, old: Ref) -> Steps:
        """Free the old array while readers may walk through it."""
        yield free(old)

    def free_later(self, old: Ref) -> Steps:
        """Free the old array after a grace period."""
        yield store("oldptr", old)
        yield store("rcu_pending", 1)
        yield barrier("smp_wmb")
        yield call_rcu(self.free_old)

    def free_old(self) -> Steps:
        """What `call_rcu` runs."""
        old = yield load("oldptr")
        yield free(old)
        yield barrier("smp_wmb")
        yield store("rcu_pending", 0)
