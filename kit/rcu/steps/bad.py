"""What can go wrong, by name."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["BAD", "Bad"]

TORN: Final = "torn closure"
FREED: Final = "use after free"
LOST: Final = "lost probe"
DOUBLE: Final = "double call"
LOST_UPDATE: Final = "lost update"
NO_GRACE: Final = "A→B without a grace period"
NULL_POINTER: Final = "null pointer"
DOUBLE_FREE: Final = "double free"
DEADLOCK: Final = "deadlock"

BAD: Final = {
    TORN: "a probe was called with the private data of another one",
    FREED: "memory was used that had been given back",
    LOST: "a dispatch missed a probe that was connected from its beginning to its end",
    DOUBLE: "a dispatch called the same probe twice",
    LOST_UPDATE: "a store to one bit-field put back an old value of its neighbour in the word",
    NO_GRACE: "a slot went from probe A to probe B while a reader that may hold A was under way",
    NULL_POINTER: "a pointer was followed that points nowhere",
    DOUBLE_FREE: "memory was given back twice",
    DEADLOCK: "every thread that is left waits for another one",
}
"""The bad states, and what each means."""


class Bad(NamedTuple):
    """One bad thing that happened: what it is called, and how it came about in a sentence."""

    name: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"
