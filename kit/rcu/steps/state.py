"""The state of a simulation, as one value that can be compared: memory, objects, threads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from kit.errors import SimulationError
from kit.rcu.steps.programs import root
from kit.rcu.steps.values import EMPTY, Array, Ref, checked, private_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kit.rcu.limits import Bounds
    from kit.rcu.steps.programs import Node, Program

__all__ = ["Object", "Setup", "Thread", "World", "begin"]


class Thread(NamedTuple):
    """One thread: where it stands, and what it is in the middle of."""

    name: str
    node: Node
    reader: bool = False
    sections: tuple[str, ...] = ()
    waits: frozenset[tuple[int, str]] | None = None
    """The readers that its grace period waits for; None outside a grace period."""
    half: tuple[object, ...] | None = None
    """What it has loaded of a word, when it is in the middle of storing a bit-field."""
    expected: frozenset[str] | None = None
    """The probes that its dispatch must call; None before it begins."""
    called: tuple[str, ...] = ()
    crashed: bool = False
    deferred: bool = False
    starting: bool = False
    """Whether it is a deferred program whose grace period has not ended."""

    @property
    def over(self) -> bool:
        """Whether it takes no more steps."""
        return self.crashed or (self.node.step is None and self.waits is None)


class Object(NamedTuple):
    """One object: what it is called, what it holds, whether it was given back."""

    kind: str
    items: tuple[object, ...]
    freed: bool = False


class World(NamedTuple):
    """The whole state at one moment."""

    fields: tuple[object, ...]
    objects: tuple[Object, ...]
    threads: tuple[Thread, ...]
    locks: tuple[tuple[str, int], ...]
    connected: frozenset[str]
    freed: frozenset[str]
    seen: frozenset[object]
    """What readers could reach at some time: references and private data."""
    owed: frozenset[int]
    """The readers that may still hold the closure that has left the slot."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What stays the same in all states of a simulation.

    Attributes
    ----------
    names : tuple of str
        The fields, in the order of `World.fields`.
    words : mapping
        Bit-fields by the word that they share.
    visible : callable
        From the fields, what a reader that begins now can get at.
    slot : tuple of (str, str), or None
        The fields for the function and the private data of a closure that is kept in place.
    bounds : Bounds
        How far programs may go.
    hidden : frozenset of str
        The fields that no reader looks at.
    """

    names: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]
    visible: Callable[[Mapping[str, object]], Iterable[object]]
    slot: tuple[str, str] | None
    bounds: Bounds
    hidden: frozenset[str] = frozenset()
    index: Mapping[str, int] = field(init=False)
    word_of: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", {name: n for n, name in enumerate(self.names)})
        shared = {part: word for word, parts in self.words.items() for part in parts}
        object.__setattr__(self, "word_of", shared)

    def memory(self, world: World) -> dict[str, object]:
        """The fields of a state, by name."""
        return dict(zip(self.names, world.fields, strict=True))

    def reachable(self, world: World) -> frozenset[object]:
        """What a reader that begins now can get at: references, and private data by name."""
        found: set[object] = set()
        todo = list(self.visible(self.memory(world)))
        while todo:
            value = todo.pop()
            if isinstance(value, Ref) and value not in found:
                found.add(value)
                todo.extend(world.objects[value.number].items)
            name = private_of(value)
            if name is not None:
                found.add(name)
        return frozenset(found)

    def slotted(self, world: World) -> object:
        """The probe that readers find in the slot; None when there is none."""
        if self.slot is None:
            return None
        memory = self.memory(world)
        func = memory[self.slot[0]]
        if func in (None, EMPTY):
            return None
        live = any(
            isinstance(value, tuple) and value[:1] == (func,) for value in self.visible(memory)
        )
        return func if live else None


def begin(
    setup: Setup,
    memory: Mapping[str, object],
    readers: Mapping[str, Program],
    updaters: Mapping[str, Program],
    connected: Iterable[str],
) -> World:
    """The state that a simulation starts from."""
    objects: list[Object] = []
    made: dict[int, Ref] = {}

    def placed(value: object, name: str) -> object:
        if isinstance(value, Array):
            # Two fields that are given the same array refer to the same object.
            if id(value) not in made:
                made[id(value)] = Ref(len(objects), value.kind)
                objects.append(Object(value.kind, value.items))
            return made[id(value)]
        return checked(value, f"memory[{name!r}]")

    fields = tuple(placed(memory[name], name) for name in setup.names)
    both = set(readers) & set(updaters)
    if both:
        raise SimulationError(f"{min(both)!r} is the name of a reader and of an updater")
    threads = [
        Thread(name, root(program, name, setup.bounds), reader=True)
        for name, program in readers.items()
    ]
    threads += [
        Thread(name, root(program, name, setup.bounds)) for name, program in updaters.items()
    ]
    if not threads:
        raise SimulationError("a machine needs a reader or an updater")
    if len(threads) > setup.bounds.threads:
        raise SimulationError(f"{len(threads)} threads; Bounds.threads is {setup.bounds.threads}")
    calls = frozenset(connected)
    for thread in threads:
        for note in thread.node.arrived:
            calls |= frozenset(note.value)
    world = World(
        fields, tuple(objects), tuple(threads), (), calls, frozenset(), frozenset(), frozenset()
    )
    return world._replace(seen=setup.reachable(world))


def replaced(threads: tuple[Thread, ...], index: int, thread: Thread) -> tuple[Thread, ...]:
    """The threads with one of them changed."""
    return (*threads[:index], thread, *threads[index + 1 :])
