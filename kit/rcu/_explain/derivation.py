"""Why an edge is in a relation: the steps that it is made of, down to what a model starts with."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

from kit.rcu._cat.relations import Space, bits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kit.rcu._cat.graph import Node
    from kit.rcu._cat.program import Program

__all__ = ["LEAVES", "Derivation", "Step"]

Step: TypeAlias = tuple[int, int, str]

LEAVES: Final = frozenset((
    "po", "rf", "co", "fr", "addr", "data", "ctrl", "rmw",
    "rfe", "rfi", "coe", "coi", "fre", "fri", "po-loc", "rmb", "wmb", "full-barrier",
    "handed-over", "grace-period", "po-rel", "acq-po", "po-unlock-lock-po",
    "from-address", "from-data", "from-control", "rcu-section", "srcu-section",
))  # fmt: skip
"""Relations that are explained in a sentence rather than taken apart."""

FILTERS: Final = frozenset({"rows", "columns", "product", "diagonal"})
NARROWING: Final = frozenset({"int", "ext", "loc", "id"})
WORK: Final = 20_000


class Derivation:
    """Takes edges of one candidate apart.

    Parameters
    ----------
    program : Program
        The model.
    values : list of int
        The candidate's sets and relations, by slot.
    space : Space
        Its events.

    Examples
    --------
    >>> from kit import rcu
    >>> test = "C a {} P0(int *x) { int r; *x = 1; r = READ_ONCE(*x); } exists (0:r=0)"
    >>> [step.relation for step in rcu.judge(test).why()[0].steps]
    ['po-loc', 'fr']
    """

    def __init__(self, program: Program, values: Sequence[int], space: Space) -> None:
        self.nodes = program.nodes
        self.values = values
        self.space = space
        self.known: dict[tuple[Node, int, int], tuple[Step, ...] | None] = {}
        self.open: set[tuple[Node, int, int]] = set()
        self.work = 0

    def value(self, node: Node) -> int:
        """The relation of a node; nothing for one that was not needed."""
        slot = self.nodes.get(node)
        return self.values[slot] if slot is not None else 0

    def meeting(self, node: Node, i: int, j: int) -> tuple[Step, ...]:
        """An edge that several relations share: the steps of each, those turned round backwards."""
        if node.op == "&" and node.label not in LEAVES:
            return tuple(step for part in node.parts for step in self.meeting(part, i, j))
        if self.narrows(node):
            return ()
        if node.op == "^-1":
            return self.steps(node.parts[0], j, i)
        return self.steps(node, i, j)

    def has(self, node: Node, i: int, j: int) -> bool:
        """Whether a node's relation has an edge."""
        return bool(self.value(node) >> (i * self.space.n + j) & 1)

    def steps(self, node: Node, i: int, j: int) -> tuple[Step, ...]:
        """The steps of an edge; the edge itself when it cannot be taken apart."""
        found = self.derive(node, i, j)
        return ((i, j, node.label or node.name or node.op),) if found is None else found

    def derive(self, node: Node, i: int, j: int) -> tuple[Step, ...] | None:
        """The fewest steps known for an edge; None when there are none."""
        if not self.has(node, i, j):
            return None
        name = node.label or node.name
        if name in LEAVES:
            return ((i, j, name),)
        if node.op == "base":
            return () if i == j else ((i, j, name),)
        key = (node, i, j)
        if key in self.known:
            return self.known[key]
        self.work += 1
        if key in self.open or self.work > WORK:
            return None
        self.open.add(key)
        found = self.take_apart(node, i, j)
        self.open.discard(key)
        if found is not None or not self.open:
            self.known[key] = found
        return found

    def take_apart(self, node: Node, i: int, j: int) -> tuple[Step, ...] | None:
        """One level down."""
        if node.op == "|":
            return self.best(self.derive(part, i, j) for part in node.parts)
        if node.op == ";":
            return self.through(node.parts[0], node.parts[1], i, j)
        if node.op == "+":
            return self.along(node.parts[0], i, j)
        if node.op == "^-1":
            inner = node.parts[0]
            return ((i, j, f"{inner.label or inner.name}^-1"),)
        if node.op in ("&", "\\"):
            parts = node.parts if node.op == "&" else node.parts[:1]
            telling = [part for part in parts if not self.narrows(part)]
            return self.best(self.derive(part, i, j) for part in telling) if telling else ()
        if node.op == "rec":
            (group,) = node.parts
            position = [variable.name for variable in group.variables].index(node.name)
            return self.derive(group.bodies[position], i, j)
        if node.op == "var":
            return self.variable(node, i, j)
        return () if i == j and node.op == "diagonal" else None

    def variable(self, node: Node, i: int, j: int) -> tuple[Step, ...] | None:
        """A name that ``let rec`` defines stands for its body."""
        for group in self.nodes:
            for variable, body in zip(group.variables, group.bodies, strict=True):
                if variable is node:
                    return self.derive(body, i, j)
        return None

    def narrows(self, node: Node) -> bool:
        """Whether a relation only says which edges count, not why they hold."""
        if node.op == "base":
            return node.name in NARROWING
        if node.op in ("|", "&", "\\"):
            return all(self.narrows(part) for part in node.parts)
        return node.op in FILTERS

    def best(self, found: Iterable[tuple[Step, ...] | None]) -> tuple[Step, ...] | None:
        """The shortest of several derivations."""
        best: tuple[Step, ...] | None = None
        for steps in found:
            if steps is not None and (best is None or len(steps) < len(best)):
                best = steps
        return best

    def through(self, first: Node, second: Node, i: int, j: int) -> tuple[Step, ...] | None:
        """An edge of a sequence, through the middle that takes the fewest steps."""
        best: tuple[Step, ...] | None = None
        for middle in bits(self.space.successors(self.value(first), i)):
            if not self.has(second, middle, j):
                continue
            left = self.derive(first, i, middle)
            right = self.derive(second, middle, j) if left is not None else None
            if left is None or right is None:
                continue
            if best is None or len(left) + len(right) < len(best):
                best = left + right
        return best

    def along(self, node: Node, i: int, j: int) -> tuple[Step, ...] | None:
        """An edge of a closure: the way with the fewest edges."""
        relation = self.value(node)
        came = {i: -1}
        queue = deque([i])
        while queue:
            here = queue.popleft()
            if self.space.successors(relation, here) >> j & 1:
                path = [j, here]
                while path[-1] != i:
                    path.append(came[path[-1]])
                path.reverse()
                out: tuple[Step, ...] = ()
                for a, b in pairwise(path):
                    out += self.steps(node, a, b)
                return out
            for there in bits(self.space.successors(relation, here)):
                if there not in came:
                    came[there] = here
                    queue.append(there)
        return None
