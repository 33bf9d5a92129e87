"""Why a test has no execution at all: a deadlock, or threads that cannot run to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kit.rcu._litmus.primitives import PRIMITIVES
from kit.rcu._litmus.syntax import calls_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.rcu._checker.enumeration import Enumeration
    from kit.rcu._checker.traces import Trace

__all__ = ["DEADLOCK", "nothing_runs"]

DEADLOCK: Final = "deadlock: "


def nothing_runs(every: Enumeration) -> str:
    """Why there is no execution, once all candidates were looked at and none was allowed.

    The reason starts with `DEADLOCK` where the threads wait for ever.

    Examples
    --------
    >>> from kit.rcu import judge
    >>> judge("C a {} P0(spinlock_t *l) { spin_lock(l); spin_lock(l); } exists (l=1)").reason
    'deadlock: P0 waits for a lock that nobody gives back'
    """
    test = every.test
    stuck = [number for number, ways in enumerate(every.ways) if not ways]
    locking = [
        thread.number
        for thread in test.threads
        if any(PRIMITIVES[call.name].action == "lock" for call in calls_in(thread.body))
    ]
    waiting = [number for number in stuck if number in locking]
    possible = not stuck and every.are_there_any()
    if waiting or (not stuck and not possible and locking):
        who = _listed(waiting or locking)
        wait = "waits" if len(waiting or locking) == 1 else "wait"
        return f"{DEADLOCK}{who} {wait} for a lock that nobody gives back"
    if not possible:
        who = _listed(stuck) if stuck else "the threads together"
        return (
            f"no execution: {who} cannot get to the end without a division by zero, a number "
            f"followed as an address, or a place beyond an array"
        )
    if test.filter is not None:
        return "no execution passes the filter"
    for thread in test.threads:
        if all(_waits_for_itself(way) for way in every.ways[thread.number]):
            return (
                f"{DEADLOCK}P{thread.number} waits for a grace period inside its own read-side "
                f"critical section"
            )
    return "no execution: the model forbids all of them"


def _listed(numbers: Sequence[int]) -> str:
    names = [f"P{number}" for number in numbers]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _waits_for_itself(way: Trace) -> bool:
    """Whether a grace period begins while a section of its own flavour is open, to be closed."""
    open_: list[bool] = []  # the sections that are open, and whether each has waited
    entered: dict[int, str] = {}
    for at, event in enumerate(way.events):
        if "Rcu-lock" in event.tags:
            open_.append(False)
        elif "Rcu-unlock" in event.tags:
            if open_ and open_.pop():
                return True
        elif "Sync-rcu" in event.tags:
            open_ = [True] * len(open_)
        elif "Srcu-lock" in event.tags:
            entered[at] = event.location
        elif "Srcu-unlock" in event.tags:
            for start, location in entered.items():
                between = way.events[start:at]
                if event.data >> start & 1 and location == event.location:
                    for each in between:
                        if "Sync-srcu" in each.tags and each.location == location:
                            return True
    return False
