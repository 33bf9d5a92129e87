"""How an update is made: one lock, plans, then one store a marker.

An update works out what is to change, builds the new arrays, and only then publishes them. What
can fail fails before the first store.

One lock serialises updates; no dispatch takes it, and no probe and no hook runs under it. A signal
handler, ``__del__`` or garbage-collector callback may interrupt an update on the very thread that
holds the lock; its own update is queued then, and made before the lock is given up.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING

from kit.errors import WouldDeadlockError
from kit.markers import array as arrays
from kit.markers import grace
from kit.markers.changes import Change, Plan, Plans
from kit.markers.reporting import report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from kit.markers.array import ProbeArray
    from kit.markers.marker import Marker

__all__ = ["Batch", "Updater"]


class Batch:
    """The changes that a ``with batch():`` block has collected on one thread."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.plans = Plans()
        self.wait = False


class Updater:
    """Serialises updates and publishes their arrays."""

    def __init__(self) -> None:
        # Re-entrant, so that an interrupting update on the same thread gets as far as seeing that
        # it has to queue. `_busy` is read and written by the lock's holder only.
        self._lock = threading.RLock()
        self._busy = False
        self._hook_ended = threading.Condition(self._lock)
        self._waiting_for: dict[int, Marker] = {}
        self._queue: deque[Callable[[], None]] = deque()
        self._after_hooks: list[Callable[[], None]] = []
        self._local = threading.local()

    def reset_after_fork(self) -> None:
        """Forget the parent's other threads: none of them will give anything back."""
        self._lock = threading.RLock()
        self._busy = False
        self._hook_ended = threading.Condition(self._lock)
        self._waiting_for.clear()

    # The lock.

    def enter(self) -> bool:
        """Take the lock; False when this thread is in the middle of an update already."""
        self._lock.acquire()
        if self._busy:
            self._lock.release()
            return False
        # An update that interrupts here, on this thread, finds nothing begun and runs whole.
        self._busy = True
        return True

    def leave(self) -> None:
        """Make what was queued meanwhile, then give up the lock."""
        try:
            self._run_queue()
        finally:
            self._busy = False
            self._lock.release()
        self.make_posted()

    def post(self, update: Callable[[], None]) -> None:
        """Make an update as soon as nobody else updates, without waiting: for dispatches."""
        self._queue.append(update)
        self.make_posted()

    def post_after_hooks(self, update: Callable[[], None]) -> None:
        """Put a posted update off until the hooks that run now have ended; the lock is held."""
        self._after_hooks.append(update)

    def make_posted(self) -> None:
        """Make what was posted, unless somebody holds the lock, who will."""
        # The loop, for an item that is posted between the holder's last look and its release.
        while self._queue and self._lock.acquire(blocking=False):
            try:
                if self._busy:
                    return
                self._busy = True
                try:
                    self._run_queue()
                finally:
                    self._busy = False
            finally:
                self._lock.release()

    def _run_queue(self) -> None:
        while self._queue:
            update = self._queue.popleft()
            try:
                update()
            except Exception as error:
                report("a queued update failed", error)

    # Batches.

    @property
    def batch(self) -> Batch | None:
        """The batch that this thread is in."""
        return getattr(self._local, "batch", None)

    @contextmanager
    def batching(self) -> Iterator[None]:
        """Collect this thread's changes; make them all at the end of the block."""
        if self.batch is not None:
            yield  # part of the outer batch
            return
        batch = self._local.batch = Batch()
        try:
            yield
        finally:
            self._local.batch = None
        if batch.changes:
            self.make(batch.changes)
        if batch.wait:
            grace.synchronize()

    # Making an update.

    def make(self, changes: Sequence[Change], *, at_once: bool = False) -> None:
        """Make changes: all of them, or none and an exception.

        Parameters
        ----------
        changes : sequence of Change
            In order. In a batch they are checked now and made at its end. While this very thread
            is in the middle of an update they are queued.
        at_once : bool
            Do not wait for the end of a batch.
        """
        batch = None if at_once else self.batch
        if batch is not None:
            if self.enter():
                try:
                    _apply(changes, batch.plans)
                finally:
                    self.leave()
            batch.changes.extend(changes)
        elif not self.enter():
            self._queue.append(lambda: self.make_locked(changes))
        else:
            retired: list[ProbeArray | None] = []
            try:
                self.make_locked(changes, retired)
            finally:
                self.leave()
            # The old arrays, and private data with its __del__, go only now, without the lock.
            retired.clear()

    def make_locked(
        self, changes: Sequence[Change], retired: list[ProbeArray | None] | None = None
    ) -> None:
        """Make changes with the lock held; it is given up while hooks run."""
        plans = Plans()
        _apply(changes, plans)
        # A hook that runs elsewhere holds back updates of its marker; when one had to be waited
        # for, the plans are made anew.
        while self._await_hooks(plans):
            plans = Plans()
            _apply(changes, plans)
        firsts = [p.marker for p in plans.values() if not p.before and p.after]
        lasts = [p.marker for p in plans.values() if p.before and not p.after]
        firsts = [marker for marker in firsts if marker._on_first is not None]
        lasts = [marker for marker in lasts if marker._on_last is not None]
        if not firsts and not lasts:
            self._publish_all(plans, retired)
            return
        owner = get_ident()
        for marker in plans:
            marker._hook_owner = owner
        begun: list[Marker] = []
        try:
            for marker in firsts:
                assert marker._on_first is not None
                self._call_hook(marker._on_first)
                begun.append(marker)
            self._publish_all(plans, retired)
            begun = []
            for marker in lasts:
                self._report_last(marker)
        except BaseException:
            for marker in reversed(begun):
                if marker._on_last is not None:
                    self._report_last(marker)
            raise
        finally:
            for marker in plans:
                marker._hook_owner = None
            self._queue.extend(self._after_hooks)
            self._after_hooks.clear()
            self._hook_ended.notify_all()

    def _report_last(self, marker: Marker) -> None:
        assert marker._on_last is not None
        try:
            self._call_hook(marker._on_last)
        except Exception as error:
            report(f"the on_last hook of marker {marker.name!r} failed", error)

    def _call_hook(self, hook: Callable[[], object]) -> None:
        """Run a hook without the lock."""
        ident = get_ident()
        nested = ident in grace.in_hook
        grace.in_hook.add(ident)
        self._busy = False
        self._lock.release()
        try:
            hook()
        finally:
            self._lock.acquire()
            self._busy = True
            if not nested:
                grace.in_hook.discard(ident)

    def _await_hooks(self, markers: Iterable[Marker]) -> bool:
        """Wait while a hook of one of these markers runs; True when that gave up the lock."""
        me = get_ident()
        for marker in markers:
            if marker._hook_owner is None:
                continue
            self._refuse_loop(me, marker)
            self._waiting_for[me] = marker
            self._busy = False
            try:
                self._hook_ended.wait()
            finally:
                self._busy = True
                del self._waiting_for[me]
            return True
        return False

    def _refuse_loop(self, me: int, marker: Marker) -> None:
        """Raise where the hook's thread waits, directly or round a loop, for this one."""
        owner = marker._hook_owner
        while owner is not None:
            if owner == me:
                raise WouldDeadlockError(
                    f"marker {marker.name!r} cannot be updated from its own hook, "
                    "directly or round a loop of hooks that wait for each other"
                )
            waited = self._waiting_for.get(owner)
            owner = waited._hook_owner if waited is not None else None

    # Publishing.

    def _publish_all(self, plans: Plans, retired: list[ProbeArray | None] | None) -> None:
        changed = [plan for plan in plans.values() if plan.publishes]
        built: list[ProbeArray | None] = []
        for plan in changed:
            try:
                built.append(_build(plan))
            except MemoryError:
                if plan.format is not plan.marker.format or set(plan.after) - set(plan.before):
                    raise  # nothing was published: connecting fails and leaves nothing behind
                built.append(plan.marker._array)  # removal cannot fail, see _publish
        for plan, array in zip(changed, built, strict=True):
            old = _publish(plan, array)
            if retired is not None:
                retired.append(old)
        for plan in plans.values():
            plan.marker._off = plan.off
            for connection in plan.replaced:
                connection._state = "replaced"
        for commit in plans.commits:
            commit()


def _build(plan: Plan) -> ProbeArray | None:
    """Build the array that a plan publishes; that nothing is connected needs no memory."""
    if not plan.after:
        return None
    return arrays.build(plan.after, plan.format, plan.marker._generation + 1)


def _apply(changes: Sequence[Change], plans: Plans) -> None:
    for change in changes:
        change.apply(plans)


def _publish(plan: Plan, array: ProbeArray | None) -> ProbeArray | None:
    """Publish one marker's new array; return the old one."""
    marker = plan.marker
    old = marker._array
    gone = [each for each in plan.before if each not in plan.after]
    come = [each for each in plan.after if each not in plan.before]
    neutralised = array is old and old is not None
    if array is not None and not neutralised:
        # Before the array can be read: who counts on it, and that they are connected.
        marker._fired.add(array.tally)
        for connection in plan.after:
            connection._dispatches.add(array.tally)
    for connection in come:
        connection._state = "connected"
    marker._generation += 1
    when = time.monotonic_ns()
    if array is not None and neutralised:
        # There was no memory for the smaller array: stubs in place. The next update drops them.
        for connection in gone:
            array.neutralise(connection)
        array.generation = marker._generation
    else:
        marker.format = plan.format
        # The publication: one store. A dispatch that loads before it calls the old closures, one
        # that loads after it the new ones. Everything above must be visible first; with a global
        # interpreter lock, program order is enough for that.
        marker._array = array
    # After the store, so that no dispatch that may have loaded the old array is missing.
    cookie = grace.snapshot()
    for connection in gone:
        if connection.connected:
            connection._state = "disconnected"
    if array is not None:
        for connection in plan.after:
            if connection.is_off:  # by a dispatch, while the array was built: see switch_off
                array.neutralise(connection)
    if old is not None and not neutralised:
        marker._retired.append(
            (old.tally, [weakref.ref(each) for each in old.connections], dict(cookie))
        )
    _settle(marker)
    _tell_observers(plan, old, array, when, cookie)
    return old


def _settle(marker: Marker) -> None:
    """Fold the tallies of arrays whose grace period has ended."""
    waiting = []
    for tally, connections, cookie in marker._retired:
        if grace.elapsed(cookie):
            marker._fired.settle(tally)
            for reference in connections:
                connection = reference()
                if connection is not None:
                    connection._dispatches.settle(tally)
        else:
            waiting.append((tally, connections, cookie))
    marker._retired[:] = waiting


def _tell_observers(
    plan: Plan,
    old: ProbeArray | None,
    new: ProbeArray | None,
    when: int,
    cookie: grace.Cookie,
) -> None:
    observers = {
        id(each): each for array in (old, new) if array is not None for each in array.observers
    }
    for observer in observers.values():
        ended = observer.published(
            get_ident(), when, plan.marker, plan.action, plan.label, plan.marker.fanout
        )
        if not cookie:
            ended(time.monotonic_ns())
        else:
            grace.defer(lambda ended=ended: ended(time.monotonic_ns()), cookie=dict(cookie))  # type: ignore[misc]
