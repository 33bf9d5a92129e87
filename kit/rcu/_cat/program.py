"""The graph of a model as a list of operations, carried out for each candidate execution.

What does not depend on rf and co is carried out once for all candidates of one combination of
traces; the rest in the order of the checks, so that a candidate that an early axiom forbids costs
little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from kit.errors import LitmusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kit.rcu._cat.graph import Node
    from kit.rcu._cat.relations import Space
    from kit.rcu._cat.resolve import Axiom
    from kit.rcu._checker.candidates import Choice

__all__ = ["Program", "compile_program"]

Step: TypeAlias = "tuple[str, int, int, int, _Group | None]"


def nothing() -> None:
    """No bound on the time."""


@dataclass(frozen=True, slots=True)
class _Group:
    """A ``let rec``: its variables, how to compute the bodies, and where the results stand."""

    variables: tuple[int, ...]
    steps: tuple[Step, ...]
    results: tuple[int, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Stage:
    """A check, and where its relation stands; ``closed`` when the closure of it stands there."""

    axiom: Axiom
    steps: tuple[Step, ...]
    slot: int
    closed: bool


@dataclass(frozen=True, slots=True)
class Program:
    """A model made ready for one kind of test.

    Attributes
    ----------
    base : tuple
        ``(slot, name)`` of every base set and relation that does not move.
    moving : dict
        The slots of rf, co and fr.
    fixed : tuple
        Steps for each combination of traces.
    stages : tuple
        One a check, with the steps that it is the first to need.
    slots : int
        How many values there are.
    """

    base: tuple[tuple[int, str], ...]
    moving: dict[str, int]
    fixed: tuple[Step, ...]
    stages: tuple[_Stage, ...]
    slots: int
    nodes: dict[Node, int]

    @property
    def by_value(self) -> bool:
        """Whether the fixed part depends on the values of the events."""
        return any(name == "different" for _, name in self.base)

    def prepare(
        self, space: Space, base: dict[str, int], check: Callable[[], None] = nothing
    ) -> list[int]:
        """Values of what does not move, for one combination of traces."""
        values = [0] * self.slots
        for slot, name in self.base:
            values[slot] = base[name]
        _carry_out(self.fixed, values, space, check)
        return values

    def run(
        self,
        space: Space,
        values: list[int],
        choice: Choice,
        flags: set[str],
        check: Callable[[], None] = nothing,
    ) -> Axiom | None:
        """Judge one candidate: the axiom that forbids it, or None and its flags."""
        moving = self.moving
        values[moving["rf"]], values[moving["co"]] = choice.rf, choice.co
        values[moving["fr"]] = choice.fr
        raised: list[str] = []
        for stage in self.stages:
            axiom = stage.axiom
            if axiom.flag and axiom.name in flags:
                continue
            _carry_out(stage.steps, values, space, check)
            if holds(axiom, values[stage.slot], space, stage.closed):
                if axiom.flag:
                    raised.append(axiom.name)
            elif not axiom.flag:
                return axiom
        flags.update(raised)
        return None


def holds(axiom: Axiom, value: int, space: Space, closed: bool = False) -> bool:
    """Whether a check holds for the value of its relation, or for its transitive closure."""
    if axiom.kind == "empty":
        good = value == 0
    elif axiom.kind == "irreflexive" or closed:
        good = not value & space.identity
    else:
        good = value == 0 or space.acyclic(value)
    return good is not axiom.negated


def _carry_out(  # noqa: C901 - one line an operator
    steps: Sequence[Step], values: list[int], space: Space, check: Callable[[], None]
) -> None:
    compose, full = space.compose, space.full
    for op, out, a, b, group in steps:
        if op == "&":
            values[out] = values[a] & values[b]
        elif op == ";":
            values[out] = compose(values[a], values[b])
        elif op == "|":
            values[out] = values[a] | values[b]
        elif op == "\\":
            values[out] = values[a] & ~values[b]
        elif op == "+":
            values[out] = space.closure(values[a])
        elif op == "^-1":
            values[out] = space.inverse(values[a])
        elif op == "~":
            values[out] = full & ~values[a]
        elif op == "product":
            values[out] = space.product(values[a], values[b])
        elif op == "rows":
            values[out] = space.rows(values[a])
        elif op == "columns":
            values[out] = space.columns(values[a])
        elif op == "diagonal":
            values[out] = space.diagonal(values[a])
        elif op == "domain":
            values[out] = space.domain(values[a])
        elif op == "range":
            values[out] = space.range(values[a])
        elif op == "rec":
            values[out] = values[a]
        elif group is not None:
            _solve(group, values, space, check)


def _solve(group: _Group, values: list[int], space: Space, check: Callable[[], None]) -> None:
    """Grow a ``let rec`` from nothing until it does not change."""
    for slot in group.variables:
        values[slot] = 0
    pairs = tuple(zip(group.variables, group.results, strict=True))
    for _ in range(space.n * space.n * len(pairs) + 2):
        check()
        _carry_out(group.steps, values, space, check)
        changed = False
        for slot, result in pairs:
            if values[slot] != values[result]:
                values[slot] = values[result]
                changed = True
        if not changed:
            return
    raise LitmusError(
        f"let rec {' and '.join(group.labels)} never settles: what it subtracts depends on itself"
    )


class _Compiler:
    """Puts the nodes of a graph in an order in which they can be carried out."""

    def __init__(self) -> None:
        self.slot: dict[Node, int] = {}
        self.base: list[tuple[int, str]] = []
        self.fixed: list[Step] = []
        self.zero = self.new()

    def new(self) -> int:
        self.count = getattr(self, "count", 0) + 1
        return self.count - 1

    def place(self, node: Node, steps: list[Step]) -> int:
        """The slot of a node; the steps that it still needs go to ``steps``."""
        known = self.slot.get(node)
        if known is not None:
            return known
        if node.op == "zero":
            return self.zero
        target = steps if node.moving or node.free else self.fixed
        if node.op in ("base", "var"):
            slot = self.slot[node] = self.new()
            if node.op == "base" and not node.moving:
                self.base.append((slot, node.name))
            return slot
        if node.op == "group":
            return self.group(node, target)
        places = [self.place(part, target) for part in node.parts]
        if node.op == "rec":
            (group,) = node.parts
            names = [variable.name for variable in group.variables]
            places = [self.slot[group.variables[names.index(node.name)]]]
        slot = self.slot[node] = self.new()
        target.append((node.op, slot, places[0], places[-1], None))
        return slot

    def group(self, node: Node, target: list[Step]) -> int:
        variables = tuple(self.place(variable, target) for variable in node.variables)
        inner: list[Step] = []
        # What does not depend on the variables stays outside of the loop.
        for body in node.bodies:
            self.settle(body, target)
        results = tuple(self.place(body, inner) for body in node.bodies)
        labels = tuple(variable.label for variable in node.variables)
        slot = self.slot[node] = self.new()
        group = _Group(variables, tuple(inner), results, labels)
        target.append(("group", slot, 0, 0, group))
        return slot

    def settle(self, node: Node, target: list[Step]) -> None:
        if node in self.slot or node.op == "var":
            return
        if not node.free:
            self.place(node, target)
            return
        for part in node.parts:
            self.settle(part, target)


def _closures(nodes: Iterable[Node]) -> dict[Node, Node]:
    """The closures that a model uses, outside of ``let rec``, by what they are closures of."""
    found: dict[Node, Node] = {}
    seen: set[Node] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(node.parts)
            if node.op == "+" and not node.free:
                found[node.parts[0]] = node
    return found


def compile_program(axioms: Sequence[Axiom]) -> Program:
    """Put the operations of a model's checks in an order in which they can be carried out.

    Examples
    --------
    >>> from kit.rcu import models
    >>> len(compile_program(models.get("sc").axioms).stages) > 1
    True
    """
    compiler = _Compiler()
    stages: list[_Stage] = []
    closures = _closures(axiom.node for axiom in axioms)
    for axiom in sorted(axioms, key=lambda axiom: axiom.flag):
        steps: list[Step] = []
        # Where the model uses the closure too, it is made once.
        closure = closures.get(axiom.node) if axiom.kind == "acyclic" else None
        slot = compiler.place(closure or axiom.node, steps)
        stages.append(_Stage(axiom, tuple(steps), slot, closure is not None))
    moving = {
        name: next((s for n, s in compiler.slot.items() if n.op == "base" and n.name == name), -1)
        for name in ("rf", "co", "fr")
    }
    spare = compiler.new()
    moving = {name: spare if slot < 0 else slot for name, slot in moving.items()}
    return Program(
        tuple(compiler.base),
        moving,
        tuple(compiler.fixed),
        tuple(stages),
        compiler.count,
        dict(compiler.slot),
    )
