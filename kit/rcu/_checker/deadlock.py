"""Why a test has no execution at all: a deadlock, or threads that cannot run to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kit.rcu._litmus.primitives import PRIMITIVES
from kit.rcu._litmus.syntax import Assign, Binary, Call, Deref, Evaluate, If, Store, Unary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kit.rcu._checker.enumeration import Enumeration
    from kit.rcu._checker.traces import Trace
    from kit.rcu._litmus.syntax import Expr, Statement

__all__ = ["DEADLOCK", "nothing_runs"]

DEADLOCK: Final = "deadlock: "


def nothing_runs(every: Enumeration) -> str:
    """Why there is no execution, once all candidates were looked at.

    Parameters
    ----------
    every : Enumeration
        The candidates, walked to the end; none of them was allowed.

    Returns
    -------
    str
        The reason; it starts with `DEADLOCK` where the threads wait for ever.

    Examples
    --------
    >>> from kit.rcu import judge
    >>> judge("C a {} P0(spinlock_t *l) { spin_lock(l); spin_lock(l); } exists (l=1)").reason
    'deadlock: P0 waits for a lock that nobody gives back'
    """
    test = every.test
    stuck = [number for number, ways in enumerate(every.ways) if not ways]
    locking = [thread.number for thread in test.threads if _locks(thread.body)]
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


def _locks(body: Sequence[Statement]) -> bool:
    """Whether a thread takes a lock and waits for it if it must."""
    return any(PRIMITIVES[call.name].action == "lock" for call in _calls(body))


def _calls(body: Sequence[Statement]) -> Iterator[Call]:
    for statement in body:
        if isinstance(statement, If):
            yield from _inside(statement.test)
            yield from _calls(statement.then)
            yield from _calls(statement.otherwise)
        elif isinstance(statement, Store):
            yield from _inside(statement.address)
            yield from _inside(statement.value)
        elif isinstance(statement, Assign | Evaluate):
            yield from _inside(statement.value)


def _inside(expr: Expr) -> Iterator[Call]:
    if isinstance(expr, Call):
        yield expr
        for argument in expr.arguments:
            yield from _inside(argument)
    elif isinstance(expr, Deref):
        yield from _inside(expr.address)
    elif isinstance(expr, Unary):
        yield from _inside(expr.operand)
    elif isinstance(expr, Binary):
        yield from _inside(expr.left)
        yield from _inside(expr.right)


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
