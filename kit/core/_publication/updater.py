"""How an update is made: one lock, plans, hooks, and then the publication.

One lock serialises updates; no dispatch takes it, and no probe and no hook runs under it. A signal
handler, ``__del__`` or garbage-collector callback may interrupt an update on the very thread that
holds the lock; its own update is queued then, and made before the lock is given up. Where it
interrupts what holds an inner lock (see `kit.core._publication.locks`) the update is queued, too,
and made when that one is given up: whoever waited for the registry's lock there could wait for a
thread that waits for the inner one.

Publishing: new arrays are built, then put in place, one store a marker. What can fail fails while
they are built, before the first store.
"""

from __future__ import annotations

import threading
import time
from _weakref import ref  # of `weakref`, which imports more than it
from collections import deque
from functools import partial
from sys import is_finalizing
from threading import get_ident

from kit.core._dispatch import array as arrays
from kit.core._publication import grace
from kit.core._publication.fork import begun, look
from kit.core._publication.locks import REGISTRY, gone, holds_inner, in_hook, in_update, new_lock
from kit.core._publication.plan import Compared, NotComparedError, Plans, switched_off
from kit.core._reporting import put_off, report, tell
from kit.core._runtime import stays, unlocked
from kit.errors import WouldDeadlockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Final

    from kit.core._dispatch.array import ProbeArray
    from kit.core._marker import Hook, Marker
    from kit.core._publication.plan import Plan
    from kit.core.typing import Change, TimedProbe


__all__ = ["Batch", "Updater", "publish_all"]

_LONGEST_WAIT_TO_FORK: Final = 1.0
_GLANCE, _LONGEST_COURTESY = 50e-6, 10e-3


class Batch:
    """The changes that a ``with batch():`` block has collected on one thread."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.plans = Plans()
        self.wait = False

    def check(
        self, changes: Sequence[Change], planned: Callable[[Sequence[Change]], Plans]
    ) -> None:
        """Add changes to the plans, or raise and leave them as they were."""
        try:
            try:
                _apply(changes, self.plans)
            except NotComparedError:
                self.plans = planned([*self.changes, *changes])
        except BaseException:
            self.plans = planned(self.changes)  # without what the failed ones did before that
            raise


class Batching:
    """The block of a batch: on one thread, and in another one a part of that."""

    __slots__ = ("_batch", "_updater")

    def __init__(self, updater: Updater) -> None:
        self._updater = updater
        self._batch: Batch | None = None

    __reduce__ = stays("begin another one where it is wanted")

    def __enter__(self) -> None:
        if self._updater.batch is None:
            self._batch = self._updater.batches[get_ident()] = Batch()

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            return  # part of the outer batch
        self._updater.batches.pop(get_ident(), None)
        if kind is not None:
            return  # discarded
        if batch.changes:
            self._updater.make(batch.changes)
        if batch.wait:
            grace.synchronize()


class Updater:
    """Serialises updates and publishes their arrays."""

    def __init__(self) -> None:
        # Re-entrant, so that an interrupting update on the same thread gets as far as seeing that
        # it has to queue. `_busy` is read and written by the lock's holder only.
        self._lock = new_lock(REGISTRY, "the registry's lock")
        self._busy = False
        self._hook_ended = threading.Condition(self._lock)
        self._waiting_for: dict[int, Marker] = {}
        self._try_lock = partial(self._lock.acquire, False)
        # Which threads wait for the lock, and how often somebody has had it: see `_let_others`.
        self._asking: set[int] = set()
        self._turns = 0
        # With the thread that asks.
        self.queue: deque[tuple[int, Callable[[], None]]] = deque()
        self._after_hooks: list[tuple[int, Callable[[], None]]] = []
        self._retired: list[ProbeArray] = []
        # By thread. No `threading.local`: of a finaliser that asks while its thread ends, something
        # would stay for ever.
        self.batches: dict[int, Batch] = {}
        self._forks: dict[int, list[tuple[int, bool]]] = {}

    def reset_after_fork(self) -> None:
        """Forget the parent's other threads: none of them will give anything back."""
        me = get_ident()
        # A signal handler may fork in the middle of an update; that one goes on.
        if not self._lock._is_owned():
            # In place: a hook that forks is about to take this very lock again.
            self._lock._at_fork_reinit()
            self._busy = False
        in_update.intersection_update((me,) if self._lock._is_owned() else ())
        self._hook_ended = threading.Condition(self._lock)
        self._waiting_for.clear()
        self._asking.clear()
        for by_thread in (self.batches, self._forks):
            for ident in by_thread.keys() - {me}:
                del by_thread[ident]
        # What others have queued the parent makes.
        for queue in (self.queue, self._after_hooks):
            mine = [item for item in queue if item[0] == me]
            queue.clear()
            queue.extend(mine)

    def before_fork(self) -> None:
        """Take the lock, so that no update is half made in the child; not at any price.

        An update takes a moment. Whoever has the lock for longer may be waiting for this thread.
        """
        ident = get_ident()
        # First: an exception of a signal handler here is nobody's, and the fork goes on. What was
        # taken from here on is given back, and nothing else.
        forks = self._forks.setdefault(ident, [])
        forks.append((self._lock.count(), ident in in_update))
        if holds_inner() or is_finalizing():
            taken = self._lock.acquire(blocking=False)
        else:
            taken = self._lock.acquire(timeout=_LONGEST_WAIT_TO_FORK)
        if taken:
            in_update.add(ident)  # other hooks come before the fork: none waits meanwhile

    def after_fork(self) -> None:
        """Give back what `before_fork` has taken, in the parent and in the child."""
        ident = get_ident()
        forks = self._forks.get(ident)
        if not forks:
            return
        count, updating = forks.pop()
        if not forks:
            self._forks.pop(ident, None)
        if not updating:
            in_update.discard(ident)
        while self._lock.count() > count:
            self._lock.release()
        if self.queue or put_off:
            self.settle()

    # The lock.

    def exclusively(self, update: Callable[[], None]) -> bool:
        """Run an update with the lock held; False where this thread must not wait for the lock.

        That is in the middle of another update, where an inner lock is held, and at the end of the
        interpreter, when nobody will give the lock back. What was queued meanwhile is made before
        the lock is given up.
        """
        if begun:
            look()
        retired: list[ProbeArray] = []
        ident = get_ident()
        try:
            if holds_inner() or (is_finalizing() and gone(self._lock)):
                return False
            self._asking.add(ident)
            # `with`, not acquire(): it leaves no gap in which the exception of a signal handler
            # would find the lock taken and nobody about to give it back.
            with self._lock:
                self._asking.discard(ident)
                self._turns += 1
                if self._busy:
                    return False
                # An update that interrupts here, on this thread, finds nothing begun.
                self._busy = True
                try:
                    self._make_all(update, retired)
                finally:
                    self._busy = False
        finally:
            self._asking.discard(ident)
            # The old arrays, and private data with its __del__, go only now, without the lock.
            retired.clear()
            if self.queue or put_off:
                self.settle()
        if self._asking:
            self._let_others()
        return True

    def _let_others(self) -> None:
        """Let one of those who wait for the lock have it before this thread asks again.

        A thread that gives up a lock is still running when the one that waited wakes up. In a storm
        of updates one that waits might never get it, and its dispatch never end.
        """
        turns, end = self._turns, time.monotonic() + _LONGEST_COURTESY
        while self._asking and self._turns == turns and time.monotonic() < end:
            if is_finalizing() or self._lock._is_owned():
                return
            time.sleep(_GLANCE)

    def make_or_queue(self, update: Callable[[], None]) -> None:
        """Run an update with the lock held; as soon as can be where this thread must not wait."""
        if not self.exclusively(update):
            self.queue.append((get_ident(), update))
            if unlocked:
                # A thread's own inner locks are given up where nobody looks at the queue.
                grace.defer(self.settle, cookie={})

    @property
    def interrupted(self) -> bool:
        """Whether this thread must not wait for the lock, as it holds one that comes after it."""
        return holds_inner() or get_ident() in in_update

    def settle(self) -> None:
        """Make what is queued, and tell what was put off: whoever gives up a lock does this.

        The lock's holder does it where there is one, and an inner lock's where this thread has one.
        """
        self.make_posted()
        tell()

    def _make_all(self, update: Callable[[], None] | None, retired: list[ProbeArray]) -> None:
        """Make an update and what is queued; the lock is held."""
        ident = get_ident()
        in_update.add(ident)
        try:
            if update is not None:
                update()
        finally:
            try:
                if self.queue:
                    self._run_queue()
            finally:
                try:
                    if self._retired:
                        retired += self._retired
                        self._retired.clear()
                finally:
                    in_update.discard(ident)

    def post(self, update: Callable[[], None]) -> None:
        """Make an update as soon as nobody else updates, without waiting: for dispatches."""
        if begun:
            look()  # what is queued already may be the parent's
        self.queue.append((get_ident(), update))
        self.make_posted()

    def post_after_hooks(self, update: Callable[[], None]) -> None:
        """Put a posted update off until the hooks that run now have ended; the lock is held."""
        self._after_hooks.append((get_ident(), update))

    def make_posted(self) -> None:
        """Make what was posted, unless somebody holds the lock, who will."""
        retired: list[ProbeArray] = []
        # The loop, for an item that is posted between the holder's last look and its release.
        while self.queue and not holds_inner():
            # An iteration takes the lock and not a call: after a call a signal handler may run,
            # and its exception would find the lock taken and nobody about to give it back.
            for _ in iter(self._try_lock, False):
                try:
                    if self._busy:
                        return
                    self._busy = True
                    try:
                        self._make_all(None, retired)
                    finally:
                        self._busy = False
                finally:
                    self._lock.release()
                break
            else:
                return
            retired.clear()

    def _run_queue(self) -> None:
        while self.queue:
            _, update = self.queue.popleft()
            try:
                update()
            except Exception as error:
                report("a queued update failed", error)

    # Batches.

    @property
    def batch(self) -> Batch | None:
        """The batch that this thread is in."""
        return self.batches.get(get_ident())

    def batching(self) -> Batching:
        """Collect this thread's changes; make them all at the end of the block."""
        return Batching(self)

    # Making an update.

    def make(self, changes: Sequence[Change], *, at_once: bool = False) -> None:
        """Make changes: all of them, or none and an exception.

        Parameters
        ----------
        changes : sequence of Change
            In order. In a batch they are checked now and made at its end. Where this very thread
            must not wait for the lock they are queued, see `exclusively`: an interruption's are not
            part of the batch that it interrupts there.
        at_once : bool
            Do not wait for the end of a batch.
        """
        batch = self.batch if self.batches and not at_once else None
        if batch is not None and self.exclusively(lambda: batch.check(changes, self._planned)):
            batch.changes.extend(changes)
        else:
            self.make_or_queue(partial(self.make_locked, changes))

    def make_locked(self, changes: Sequence[Change]) -> None:
        """Make changes with the lock held; it is given up while hooks run."""
        plans = self._planned(changes)
        # A hook that runs elsewhere holds back updates of its marker; when one had to be waited
        # for, the plans are made anew.
        while self._await_hooks(plans):
            plans = self._planned(changes)
        begin, end = [], []
        for plan in plans.values():
            old, new = plan.marker._hooks, plan.hooks
            changed = new is not old
            if new.on_first and plan.after and (changed or not plan.before):
                begin.append((plan.marker, new.on_first, new.on_last))
            if old.on_last and plan.before and (changed or not plan.after):
                end.append((plan.marker, old.on_last))
        if not begin and not end:
            publish_all(plans, self._retired)
            return
        owner = get_ident()
        for marker in plans:
            marker._hook_owner = owner
        lasts: list[tuple[Marker, Hook]] = []
        try:
            try:
                for marker, on_first, on_last in begin:
                    self._without_lock(on_first)
                    if on_last is None:
                        continue
                    lasts.insert(0, (marker, on_last))
                publish_all(plans, self._retired)
                lasts = end
            finally:
                # Of what is off now; where it failed, those that undo the first ones.
                for marker, on_last in lasts:
                    self._report_last(marker, on_last)
        finally:
            for marker in plans:
                marker._hook_owner = None
            self.queue.extend(self._after_hooks)
            self._after_hooks.clear()
            self._hook_ended.notify_all()

    def _planned(self, changes: Sequence[Change]) -> Plans:
        """Return the plans for changes; a foreign ``__eq__`` is asked with the lock given up."""
        compared = Compared()
        while True:
            plans = Plans(compared)
            try:
                _apply(changes, plans)
                return plans
            except NotComparedError as question:
                self._without_lock(question.compare)

    def _report_last(self, marker: Marker, on_last: Hook) -> None:
        try:
            self._without_lock(on_last)
        except Exception as error:
            report(f"the on_last hook of marker {marker.name!r} failed", error)

    def _without_lock(self, call: Callable[[], object]) -> None:
        """Run what is foreign, a hook or a comparison, without the lock."""
        ident = get_ident()
        nested = ident in in_hook
        in_hook.add(ident)
        in_update.discard(ident)
        self._busy = False
        # These two, as a condition does it: no signal handler runs before the lock is taken again,
        # so none can raise and leave the update without it.
        state = self._lock._release_save()
        try:
            call()
        finally:
            self._lock._acquire_restore(state)
            self._busy = True
            in_update.add(ident)
            if not nested:
                in_hook.discard(ident)

    def _await_hooks(self, markers: Iterable[Marker]) -> bool:
        """Wait while a hook of one of these markers runs; True when that gave up the lock."""
        me = get_ident()
        for marker in markers:
            if marker._hook_owner is None or is_finalizing():  # no hook goes on then
                continue
            self._refuse_loop(me, marker)
            # A signal handler that interrupts the waiting may have to wait for another marker.
            interrupted = self._waiting_for.get(me)
            self._waiting_for[me] = marker
            self._busy = False
            in_update.discard(me)
            try:
                self._hook_ended.wait()
            finally:
                self._busy = True
                in_update.add(me)
                if interrupted is None:
                    del self._waiting_for[me]
                else:
                    self._waiting_for[me] = interrupted
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


def _apply(changes: Sequence[Change], plans: Plans) -> None:
    for change in changes:
        change.apply(plans)


def publish_all(plans: Plans, retired: list[ProbeArray]) -> None:
    """Build what the plans need, then publish them; what is replaced goes to ``retired``."""
    built: list[tuple[Plan, ProbeArray | None]] = []
    for plan in plans.values():
        if plan.publishes:
            try:
                built.append((plan, _build(plan)))
            except MemoryError:
                if plan.format is not plan.marker.format or set(plan.after) - set(plan.before):
                    raise  # nothing was published: connecting fails and leaves nothing behind
                built.append((plan, plan.marker._array))  # removal cannot fail, see _publish
    for plan, array in built:
        old = _publish(plan, array)
        if old is not None:
            retired.append(old)
    for plan in plans.values():
        plan.marker._off = plan.off
        plan.marker._hooks = plan.hooks
        for connection in plan.replaced:
            connection._state = "replaced"
    for commit in plans.commits:
        commit()


def _build(plan: Plan) -> ProbeArray | None:
    """Build the array that a plan publishes; that nothing is connected needs no memory."""
    if not plan.after:
        return None
    generation = plan.marker._generation + 1
    return arrays.build(plan.after, plan.format, generation, plan.array, plan.step)


def _publish(plan: Plan, array: ProbeArray | None) -> ProbeArray | None:
    """Publish one marker's new array; return the old one."""
    marker = plan.marker
    old = marker._array
    dispatches = marker._dispatches
    gone, come = plan.difference()
    neutralised = array is old and old is not None
    now = dispatches.now
    if array is not None and not neutralised:
        # Before the array can be read: its tally, and who is in it from here on.
        dispatches.add(array.tally)
    for connection in come:
        connection._enter_array(now)
    for connection in gone:
        connection._leave_array(now)
    marker._generation += 1
    when = time.monotonic_ns()
    if array is not None and neutralised:
        # There was no memory for the smaller array: stubs in place. The next update drops them.
        for connection in gone:
            array.neutralise(connection)
        array.generation = marker._generation
    else:
        if array is not None and switched_off.n != plan.switched_off:
            _leave_out(array, plan)
        marker.format = plan.format
        # The publication: one store. A dispatch that loads before it calls the old closures, one
        # that loads after it the new ones. Everything above must be visible first; with a global
        # interpreter lock, program order is enough for that.
        marker._array = array
    dispatches.settle()
    # Not those for which a stub stood in the old array: they were told that they are gone.
    asked = gone if array is None or array.bare else (*gone, *plan.after)
    told = [
        each._native
        for each in asked
        if each._native is not None and each._state not in ("disconnected", "replaced")
    ]
    for connection in gone:
        if connection._state == "connected":
            connection._state = "disconnected"
    if array is not None and switched_off.n != plan.switched_off:
        _leave_out(array, plan)
    if old is not None and not neutralised:
        dispatches.retire(old.tally, ref(old))
    if told:
        _tell_observers(plan, told, when)
    return old


def _leave_out(array: ProbeArray, plan: Plan) -> None:
    """Put stubs in the places of those that a dispatch has switched off since the array was built.

    Before it is published, so that nobody finds them in it; and after, for one that is switched
    off between the two: see `Registry.switch_off` for what happens when.
    """
    for connection in [each for each in plan.after if each._state != "connected"]:
        array.neutralise(connection)


def _tell_observers(
    plan: Plan,
    told: list[TimedProbe],
    when: int,
) -> None:
    # After the store, so that no dispatch that may have loaded the old array is missing.
    cookie = grace.snapshot()
    observers = {
        id(native.observer): native.observer for native in told if native.observer is not None
    }
    for observer in observers.values():
        ended = observer.published(
            get_ident(), when, plan.marker, plan.action, plan.label, plan.marker.fanout
        )
        if not cookie:
            ended(time.monotonic_ns())
        else:
            grace.defer(lambda ended=ended: ended(time.monotonic_ns()), cookie=dict(cookie))  # type: ignore[misc]
