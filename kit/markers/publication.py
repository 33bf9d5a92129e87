"""Publishing: new arrays are built, then put in place, one store a marker.

What can fail fails while they are built, before the first store.
"""

from __future__ import annotations

import time
from _weakref import ref  # of `weakref`, which imports more than it
from threading import get_ident

from kit.markers import array as arrays
from kit.markers import grace
from kit.markers.changes import switched_off

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kit.markers.array import ProbeArray
    from kit.markers.changes import Plan, Plans
    from kit.markers.protocols import NativeProbe

__all__ = ["publish_all"]


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
        connection.enter_array(now)
    for connection in gone:
        connection.leave_array(now)
    marker._generation += 1
    when = time.monotonic_ns()
    if array is not None and neutralised:
        # There was no memory for the smaller array: stubs in place. The next update drops them.
        for connection in gone:
            array.neutralise(connection)
        array.generation = marker._generation
    else:
        if array is not None:
            _leave_out(array, plan)
        marker.format = plan.format
        # The publication: one store. A dispatch that loads before it calls the old closures, one
        # that loads after it the new ones. Everything above must be visible first; with a global
        # interpreter lock, program order is enough for that.
        marker._array = array
    # After the store, so that no dispatch that may have loaded the old array is missing.
    cookie = grace.snapshot()
    # Not those for which a stub stood in the old array: they were told that they are gone.
    asked = gone if array is None or array.bare else (*gone, *plan.after)
    told = [
        each.native
        for each in asked
        if each.native is not None and each._state not in ("disconnected", "replaced")
    ]
    for connection in gone:
        if connection._state == "connected":
            connection._state = "disconnected"
    if array is not None:
        _leave_out(array, plan)
    dispatches.settle()
    if old is not None and not neutralised:
        dispatches.retire(old.tally, ref(old))
    _tell_observers(plan, told, when, cookie)
    return old


def _leave_out(array: ProbeArray, plan: Plan) -> None:
    """Put stubs in the places of those that a dispatch has switched off since the array was built.

    Before it is published, so that nobody finds them in it; and after, for one that is switched
    off between the two: see `Registry.switch_off` for what happens when.
    """
    if switched_off.n != plan.switched_off:
        for connection in [each for each in plan.after if each._state != "connected"]:
            array.neutralise(connection)


def _tell_observers(
    plan: Plan,
    told: list[NativeProbe],
    when: int,
    cookie: grace.Cookie,
) -> None:
    if not told:
        return
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
