"""Counting calls without a lock, and without counting each of them.

A dispatch adds one to the tally of the array that it reads; that is all that is counted on its way.
How often a connection was called follows: as often as its marker was dispatched from the time it
was connected until it was disconnected, less what was left out.
"""

from __future__ import annotations

from kit.core._runtime import dispatcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    import weakref
    from typing import Any, TypeAlias

__all__ = ["Dispatches", "Moment", "Stub", "Tally", "between"]


class Tally:
    """A count that only grows.

    ``tally.n += 1`` loses nothing on an interpreter with a global lock: CPython looks for a thread
    switch or a signal at calls and backward jumps only, and between the load and the store of one
    attribute there is neither. Without that lock it does: then only the tallies in C are exact,
    which are counted up in one operation.
    """

    __slots__ = ("n",)

    def __init__(self) -> None:
        self.n = 0

    def up(self) -> int:
        """Count one more, and return how many there are now."""
        self.n += 1
        return self.n


class Stub(Tally):
    """Stands in a probe array for a closure that was taken out in place; counts what it spares."""

    __slots__ = ()

    def __call__(self, *args: Any) -> None:  # noqa: ARG002 - any closure may stand here
        """Count a call that is not made."""
        self.n += 1


if not TYPE_CHECKING and dispatcher == "c":
    from kit._c import Stub, Tally


Moment: TypeAlias = "tuple[int, tuple[Tally, ...]]"
"""A marker's dispatches up to a publication: how many there were on arrays that nobody uses any
more, and the tallies of those that dispatches may still be reading."""


def between(since: Moment, until: Moment) -> int:
    """Count the dispatches on the arrays published from one moment to a later one.

    A tally that is in both moments is left out, one that was settled in between is taken off: the
    count does not depend on when the dispatches that are under way get to counting.
    """
    (settled_then, then), (settled, tallies) = since, until
    return (
        settled
        - settled_then
        + sum(tally.n for tally in tallies if tally not in then)
        - sum(tally.n for tally in then if tally not in tallies)
    )


class Dispatches:
    """How many dispatches a marker has had; changed by updates only, read by anybody."""

    __slots__ = ("_retired", "now")

    def __init__(self) -> None:
        # Replaced in one store, so that a reader never sees a tally settled and counting, or
        # neither.
        self.now: Moment = (0, ())
        self._retired: list[tuple[Tally, weakref.ref[object]]] = []

    @property
    def count(self) -> int:
        """How many there have been."""
        settled, tallies = self.now
        return settled + sum(tally.n for tally in tallies)

    def add(self, tally: Tally) -> None:
        """Count those of an array that is about to be published."""
        settled, tallies = self.now
        self.now = (settled, (*tallies, tally))

    def retire(self, tally: Tally, array: weakref.ref[object]) -> None:
        """Settle the tally of an array that was replaced, as soon as nobody holds the array."""
        self._retired.append((tally, array))

    def settle(self) -> None:
        """Fold the tallies of replaced arrays that no dispatch holds any more."""
        if not self._retired:
            return
        settled, tallies = self.now
        counting, retired = list(tallies), []
        for item in self._retired:
            tally, array = item
            if array() is None:
                settled += tally.n
                counting.remove(tally)
            else:
                retired.append(item)
        if len(counting) != len(tallies):
            now = (settled, tuple(counting))
            self._retired = retired
            self.now = now
