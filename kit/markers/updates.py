"""How an update is made: one lock, plans, hooks, and then the publication.

One lock serialises updates; no dispatch takes it, and no probe and no hook runs under it. A signal
handler, ``__del__`` or garbage-collector callback may interrupt an update on the very thread that
holds the lock; its own update is queued then, and made before the lock is given up. Where it
interrupts what holds an inner lock (see `kit.markers.locks`) the update is queued, too, and made
when that one is given up: whoever waited for the registry's lock there could wait for a thread that
waits for the inner one.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from functools import partial
from sys import is_finalizing
from threading import get_ident

from kit.errors import WouldDeadlockError
from kit.markers import grace
from kit.markers.changes import Compared, NotComparedError, Plans
from kit.markers.choice import unlocked
from kit.markers.copying import stays
from kit.markers.forking import begun, look
from kit.markers.locks import REGISTRY, gone, holds_inner, new_lock
from kit.markers.publication import publish_all
from kit.markers.reporting import put_off, report, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Final

    from kit.markers.array import ProbeArray
    from kit.markers.marker import Hook, Marker
    from kit.markers.protocols import Change

__all__ = ["Batch", "Updater"]

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
        grace.in_update.intersection_update((me,) if self._lock._is_owned() else ())
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
        forks.append((self._lock.count(), ident in grace.in_update))
        if holds_inner() or is_finalizing():
            taken = self._lock.acquire(blocking=False)
        else:
            taken = self._lock.acquire(timeout=_LONGEST_WAIT_TO_FORK)
        if taken:
            grace.in_update.add(ident)  # other hooks come before the fork: none waits meanwhile

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
            grace.in_update.discard(ident)
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
        return holds_inner() or get_ident() in grace.in_update

    def settle(self) -> None:
        """Make what is queued, and tell what was put off: whoever gives up a lock does this.

        The lock's holder does it where there is one, and an inner lock's where this thread has one.
        """
        self.make_posted()
        tell()

    def _make_all(self, update: Callable[[], None] | None, retired: list[ProbeArray]) -> None:
        """Make an update and what is queued; the lock is held."""
        ident = get_ident()
        grace.in_update.add(ident)
        try:
            if update is not None:
                update()
        finally:
            try:
                if self.queue:
                    self._run_queue()
            finally:
                try:
                    retired += self._retired
                    self._retired.clear()
                finally:
                    grace.in_update.discard(ident)

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
        batch = None if at_once else self.batch
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
        nested = ident in grace.in_hook
        grace.in_hook.add(ident)
        grace.in_update.discard(ident)
        self._busy = False
        # These two, as a condition does it: no signal handler runs before the lock is taken again,
        # so none can raise and leave the update without it.
        state = self._lock._release_save()
        try:
            call()
        finally:
            self._lock._acquire_restore(state)
            self._busy = True
            grace.in_update.add(ident)
            if not nested:
                grace.in_hook.discard(ident)

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
            grace.in_update.discard(me)
            try:
                self._hook_ended.wait()
            finally:
                self._busy = True
                grace.in_update.add(me)
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
