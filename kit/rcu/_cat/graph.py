"""A model as a graph of operations, in which equal parts are computed once.

Resolving a model gives every name its meaning, checks that sets and relations stand where they
may, and expands functions. Every node of the graph is one operation on sets or relations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["BASE", "SETS", "Builder", "Node"]

SETS: Final = {
    "_": "every event",
    "R": "reads",
    "W": "writes",
    "M": "reads and writes",
    "F": "fences",
    "IW": "initial writes",
    "RMW": "the reads and writes of atomic updates and locks",
    "Plain": "plain accesses",
    "Once": "READ_ONCE, WRITE_ONCE and relaxed atomics",
    "Acquire": "acquire loads",
    "Release": "release stores",
    "Noreturn": "the read of an atomic that returns nothing",
    "Mb": "full barriers",
    "Full": "fully ordered atomic updates, and the full barriers on both sides of them",
    "Asked": "accesses to locations whose final value the test asks for",
    "Rmb": "read barriers",
    "Wmb": "write barriers",
    "Barrier": "compiler barriers",
    "Rb-dep": "barriers of dependent reads",
    "Before-atomic": "smp_mb__before_atomic",
    "After-atomic": "smp_mb__after_atomic",
    "After-spinlock": "smp_mb__after_spinlock",
    "After-unlock-lock": "smp_mb__after_unlock_lock",
    "After-srcu-read-unlock": "smp_mb__after_srcu_read_unlock",
    "Rcu-lock": "rcu_read_lock",
    "Rcu-unlock": "rcu_read_unlock",
    "Sync-rcu": "synchronize_rcu",
    "Srcu-lock": "srcu_read_lock",
    "Srcu-unlock": "srcu_read_unlock",
    "Sync-srcu": "synchronize_srcu",
    "LKR": "the read of a lock that is taken",
    "LKW": "the write of a lock that is taken",
    "UL": "unlocks",
    "RL": "reads of spin_is_locked",
    "Try": "failed attempts to take a lock",
}
"""The sets that every model starts with."""

BASE: Final = {
    "po": "program order",
    "addr": "address dependency",
    "data": "data dependency",
    "ctrl": "control dependency",
    "rmw": "read and write of one atomic update",
    "loc": "same location",
    "int": "same thread",
    "ext": "different threads",
    "id": "the same event",
    "rf": "reads from",
    "co": "coherence order",
    "fr": "from-reads",
    "different": "different values",
}
"""The relations that every model starts with; rf, co and fr belong to the candidate."""

DYNAMIC: Final = frozenset({"rf", "co", "fr"})


@dataclass(slots=True, eq=False)
class Node:
    """One operation.

    Attributes
    ----------
    op : str
        base, zero, var, rec, or an operator.
    parts : tuple of Node
        Operands.
    name : str
        Of a base set or relation, or of a variable.
    kind : str
        ``set`` or ``rel``; ``any`` for the empty one.
    moving : bool
        Whether it depends on rf or co.
    label : str
        The name that the model gives it first.
    free : frozenset
        Variables of ``let rec`` in it.
    """

    op: str
    parts: tuple[Node, ...]
    name: str
    kind: str
    moving: bool
    label: str = ""
    free: frozenset[str] = frozenset()
    bodies: tuple[Node, ...] = ()
    variables: tuple[Node, ...] = ()


@dataclass(slots=True)
class Builder:
    """Makes nodes, simplified, each once.

    Parameters
    ----------
    present : frozenset of str or None
        The base sets and relations that are not empty; None when that is not known yet.

    Examples
    --------
    >>> make = Builder()
    >>> po = make.base("po", "rel")
    >>> make.node("&", po, make.base("po", "rel")) is po
    True
    """

    present: frozenset[str] | None = None
    made: dict[tuple[object, ...], Node] = field(default_factory=dict)
    groups: int = 0

    def _make(self, op: str, parts: tuple[Node, ...], name: str, kind: str) -> Node:
        key = (op, name, kind, *(id(part) for part in parts))
        node = self.made.get(key)
        if node is None:
            moving = (op == "base" and name in DYNAMIC) or any(p.moving for p in parts)
            free: frozenset[str] = frozenset().union(*(part.free for part in parts))
            node = Node(op, parts, name, kind, moving, free=free)
            self.made[key] = node
        return node

    def zero(self, kind: str = "any") -> Node:
        """The empty set or relation."""
        return self._make("zero", (), "", kind)

    def base(self, name: str, kind: str) -> Node:
        """A set or relation of the execution itself."""
        if self.present is not None and name not in self.present:
            return self.zero(kind)
        return self._make("base", (), name, kind)

    def identity(self) -> Node:
        """The identity on all events."""
        return self._make("base", (), "id", "rel")

    def variable(self, name: str, kind: str) -> Node:
        """A name that ``let rec`` is defining."""
        self.groups += 1
        unique = f"{name} {self.groups}"
        node = self._make("var", (), unique, kind)
        node.free = frozenset({unique})
        node.label = name
        return node

    def recursion(self, variables: tuple[Node, ...], bodies: tuple[Node, ...], which: int) -> Node:
        """The least solution of ``variables = bodies``, as far as one variable is concerned."""
        own = frozenset(variable.name for variable in variables)
        group = self._make("group", bodies, " ".join(sorted(own)), "rel")
        group.bodies, group.variables = bodies, variables
        group.free -= own
        group.moving = any(body.moving for body in bodies)
        node = self._make("rec", (group,), variables[which].name, variables[which].kind)
        node.label = variables[which].label
        return node

    def node(self, op: str, *parts: Node) -> Node:  # noqa: C901 - one line an operator
        """An operation on nodes, simplified where an operand is empty or the identity."""
        a = parts[0]
        b = parts[-1]
        kind = b.kind if a.kind == "any" else a.kind
        empty_a, empty_b = a.op == "zero", b.op == "zero"
        if op == "|":
            if empty_a or a is b:
                return b
            if empty_b:
                return a
        elif op == "&":
            if empty_a or empty_b:
                return self.zero(kind)
            if a is b:
                return a
        elif op == "\\":
            if empty_a or empty_b:
                return a
        elif op == ";":
            return self._sequence(a, b)
        elif op in ("product", "diagonal", "rows", "columns", "^-1", "+"):
            kind = "rel"
            if empty_a or empty_b:
                return self.zero("rel")
        elif op in ("?", "star"):
            kind = "rel"
            if empty_a or a is self.identity():
                return self.identity()
            return self._make(
                "|", (self.identity(), a if op == "?" else self.node("+", a)), "", kind
            )
        elif op in ("domain", "range"):
            kind = "set"
            if empty_a:
                return self.zero("set")
        return self._make(op, parts, "", kind)

    def _sequence(self, a: Node, b: Node) -> Node:
        if a.op == "zero" or b.op == "zero":
            return self.zero("rel")
        one = self.identity()
        if a is one:
            return b
        if b is one:
            return a
        if a.op == "diagonal":
            return self.node("&", self.node("rows", a.parts[0]), b)
        if b.op == "diagonal":
            return self.node("&", a, self.node("columns", b.parts[0]))
        return self._make(";", (a, b), "", "rel")
