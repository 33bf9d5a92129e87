"""Sets and relations over numbered events, each one integer.

In a space of ``n`` events a set has bit ``i`` for event ``i``, a relation bit ``i * n + j`` for the
edge from ``i`` to ``j``. Union, intersection and difference are then single operations of the
interpreter, and composition is ``n`` multiplications: the column of sources times the row of
targets is their product, because no carry can reach from one row to the next.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Space", "bits", "space"]


def bits(number: int) -> Iterator[int]:
    """Positions of the bits that are set, lowest first: the members of a set.

    Examples
    --------
    >>> list(bits(0b1010))
    [1, 3]
    """
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


class Space:
    """Algebra of relations over ``n`` events.

    Parameters
    ----------
    n : int
        Number of events.

    Attributes
    ----------
    every : int
        The set of all events.
    identity, full : int
        The identity and the full relation.

    Examples
    --------
    >>> three = Space(3)
    >>> chain = three.relation([(0, 1), (1, 2)])
    >>> list(three.edges(three.closure(chain)))
    [(0, 1), (0, 2), (1, 2)]
    >>> list(three.edges(three.compose(chain, chain)))
    [(0, 2)]
    """

    __slots__ = ("_column", "_sparse", "_steps", "every", "full", "identity", "n")

    def __init__(self, n: int) -> None:
        self.n = n
        self.every = (1 << n) - 1
        self.full = (1 << (n * n)) - 1
        self._column = sum(1 << (i * n) for i in range(n))
        self.identity = sum(1 << (i * n + i) for i in range(n))
        self._steps = tuple((k, k * n) for k in range(n))
        self._sparse = max(1, n // 3)

    def relation(self, edges: Iterable[tuple[int, int]]) -> int:
        """The relation with these edges."""
        out, n = 0, self.n
        for i, j in edges:
            out |= 1 << (i * n + j)
        return out

    def edges(self, relation: int) -> Iterator[tuple[int, int]]:
        """The edges of a relation, in order."""
        for position in bits(relation):
            yield divmod(position, self.n)

    def successors(self, relation: int, i: int) -> int:
        """The set of events that ``i`` is related to."""
        return (relation >> (i * self.n)) & self.every

    def product(self, sources: int, targets: int) -> int:
        """Every edge from one set to another."""
        n = self.n
        out = 0
        for i in bits(sources):
            out |= targets << (i * n)
        return out

    def rows(self, sources: int) -> int:
        """Every edge that starts in a set."""
        return self.product(sources, self.every)

    def columns(self, targets: int) -> int:
        """Every edge that ends in a set."""
        return self._column * targets

    def diagonal(self, members: int) -> int:
        """The identity on a set."""
        return self.identity & self.columns(members)

    def domain(self, relation: int) -> int:
        """The set of events with an outgoing edge."""
        out = 0
        for k, step in self._steps:
            if (relation >> step) & self.every:
                out |= 1 << k
        return out

    def range(self, relation: int) -> int:
        """The set of events with an incoming edge."""
        out = 0
        for _, step in self._steps:
            out |= (relation >> step) & self.every
        return out

    def inverse(self, relation: int) -> int:
        """Every edge turned round."""
        n = self.n
        out = 0
        while relation:
            low = relation & -relation
            i, j = divmod(low.bit_length() - 1, n)
            out |= 1 << (j * n + i)
            relation ^= low
        return out

    def compose(self, first: int, second: int) -> int:
        """Edges that go along ``first`` and then along ``second``."""
        if not first or not second:
            return 0
        n, every, identity = self.n, self.every, self.identity
        out = 0
        # Models have many a relation with `?`. To stay where one is changes nothing, and without
        # it there is often next to nothing left to go along.
        if first & identity == identity:
            out = second
            first ^= identity
        if second & identity == identity:
            out |= first
            second ^= identity
        if first.bit_count() <= self._sparse:
            while first:
                low = first & -first
                i, j = divmod(low.bit_length() - 1, n)
                out |= ((second >> (j * n)) & every) << (i * n)
                first ^= low
            return out
        column = self._column
        if second.bit_count() <= self._sparse:
            while second:
                k = ((second & -second).bit_length() - 1) // n
                row = (second >> (k * n)) & every
                out |= ((first >> k) & column) * row
                second ^= row << (k * n)
            return out
        for k, step in self._steps:
            row = (second >> step) & every
            if row:
                out |= ((first >> k) & column) * row
        return out

    def closure(self, relation: int) -> int:
        """The transitive closure."""
        every, column = self.every, self._column
        for k, step in self._steps:
            row = (relation >> step) & every
            if row:
                sources = (relation >> k) & column
                if sources:
                    relation |= sources * row
        return relation

    def acyclic(self, relation: int) -> bool:
        """Whether no event reaches itself."""
        return not self.closure(relation) & self.identity

    def cycle(self, relation: int) -> list[int]:
        """A shortest cycle, as the events along it; empty when there is none."""
        best: list[int] = []
        reach = self.closure(relation) & self.identity
        for start in range(self.n):
            if not reach >> (start * self.n + start) & 1:
                continue
            found = self._back_to(relation, start, len(best))
            if found:
                best = found
        return best

    def _back_to(self, relation: int, start: int, shorter: int) -> list[int]:
        """The shortest way from ``start`` to itself, when it is shorter than what is known."""
        came: dict[int, int] = {}
        queue: deque[tuple[int, int]] = deque([(start, 0)])
        while queue:
            here, depth = queue.popleft()
            if shorter and depth + 1 >= shorter:
                return []
            for there in bits(self.successors(relation, here)):
                if there == start:
                    path = [here]
                    while path[-1] != start:
                        path.append(came[path[-1]])
                    return path[::-1]
                if there not in came:
                    came[there] = here
                    queue.append((there, depth + 1))
        return []


@lru_cache(maxsize=256)
def space(n: int) -> Space:
    """The space of ``n`` events, made once and shared; it holds nothing that changes.

    Examples
    --------
    >>> space(4) is space(4)
    True
    """
    return Space(n)
