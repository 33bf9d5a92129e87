"""A state as a reader sees it: memory, what became of each object, where each thread stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from kit.rcu.steps.picture import draw
from kit.rcu.steps.semantics import what_next, why_not
from kit.rcu.steps.values import Ref, private_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kit.rcu.steps.programs import Frame
    from kit.rcu.steps.state import Setup, Thread, World

__all__ = ["STATUS", "State", "Thing", "Where", "state_of"]

STATUS: Final = {
    "private": "only its maker can see it",
    "published": "a reader that begins now can get at it",
    "retired": "new readers cannot get at it any more, old ones may still use it",
    "freed": "given back: nobody may use it",
}
"""What can be the case with an object, in the order of its life."""


@dataclass(frozen=True, slots=True)
class Thing:
    """An object, or the private data of a probe.

    Attributes
    ----------
    name : str
        For example ``array 1`` or ``a``.
    items : tuple
        What an object holds; empty for private data.
    status : str
        ``private``, ``published``, ``retired`` or ``freed``.
    """

    name: str
    items: tuple[object, ...]
    status: str


@dataclass(frozen=True, slots=True)
class Where:
    """Where a thread stands.

    Attributes
    ----------
    name : str
        The thread.
    role : str
        ``reader``, ``updater`` or ``deferred``.
    next : str
        Its next step in words; empty when it is over.
    blocked : str
        Why it cannot move; empty when it can.
    inside : tuple of str
        The flavours of the critical sections that it is in.
    called : tuple of str
        The probes that its dispatch has called.
    over : bool
        Whether it takes no more steps.
    frames : tuple of Frame
        Where its program stands, outermost function first.
    """

    name: str
    role: str
    next: str
    blocked: str
    inside: tuple[str, ...]
    called: tuple[str, ...]
    over: bool
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class State:
    """One state of a simulation.

    Attributes
    ----------
    memory : mapping
        The fields by name.
    objects : tuple of Thing
        Everything that was made, in order.
    private : tuple of Thing
        The private data of probes, by name.
    threads : tuple of Where
        In order: readers, updaters, deferred programs.
    locks : mapping
        Who has which lock.
    connected : tuple of str
        The probes that a dispatch that begins now must call.
    hidden : frozenset of str
        The fields that no reader looks at.
    words : mapping
        Bit-fields by the word that they share.
    """

    memory: Mapping[str, object]
    objects: tuple[Thing, ...]
    private: tuple[Thing, ...]
    threads: tuple[Where, ...]
    locks: Mapping[str, str]
    connected: tuple[str, ...]
    hidden: frozenset[str] = frozenset()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> object:
        """The value of a field, or the status of an object or of private data."""
        if name in self.memory:
            return self.memory[name]
        for thing in (*self.objects, *self.private):
            if thing.name == name:
                return thing.status
        raise KeyError(name)

    def svg(self, before: State | None = None) -> str:
        """Memory as a drawing: fields, what they refer to, and what became of it.

        Parameters
        ----------
        before : State, optional
            What differs from this state is drawn bold.

        Returns
        -------
        str
            A self-contained SVG element; every text in it is escaped.

        Examples
        --------
        >>> from kit import rcu
        >>> rcu.machine("2→1").state.svg().startswith("<svg")
        True
        """
        return draw(self, before)

    def _repr_html_(self) -> str:
        return self.svg()

    def __str__(self) -> str:
        lines = ["memory   " + ", ".join(f"{k} = {shown(v)}" for k, v in self.memory.items())]
        lines += [f"locks    {name}: {owner}" for name, owner in self.locks.items()]
        lines += [
            f"{thing.name:<8} [{', '.join(map(shown, thing.items))}] {thing.status}"
            for thing in self.objects
        ]
        if self.private:
            lines.append("data     " + ", ".join(f"{t.name} {t.status}" for t in self.private))
        for thread in self.threads:
            inside = f" (inside {', '.join(thread.inside)})" if thread.inside else ""
            does = thread.next or "done"
            if thread.blocked and not thread.over:
                does += f" - {thread.blocked}"
            lines.append(f"{thread.name:<10} → {does}{inside}")
        return "\n".join(lines)


def state_of(setup: Setup, world: World) -> State:
    """The state of a world, laid open."""
    reachable = setup.reachable(world)

    def status(thing: object, freed: bool) -> str:
        if freed:
            return "freed"
        if thing in reachable:
            return "published"
        return "retired" if thing in world.seen else "private"

    objects = []
    for number, each in enumerate(world.objects):
        ref = Ref(number, each.kind)
        objects.append(Thing(str(ref), each.items, status(ref, each.freed)))
    data = sorted({*_data(setup, world), *world.freed})
    private = tuple(Thing(name, (), status(name, name in world.freed)) for name in data)
    threads = []
    for number, thread in enumerate(world.threads):
        role = "deferred" if thread.deferred else "reader" if thread.reader else "updater"
        threads.append(
            Where(
                thread.name,
                role,
                what_next(setup, world, number),
                why_not(setup, world, number),
                thread.sections,
                thread.called,
                thread.over,
                _frames(thread),
            )
        )
    return State(
        MappingProxyType(setup.memory(world)),
        tuple(objects),
        private,
        tuple(threads),
        MappingProxyType({name: world.threads[owner].name for name, owner in world.locks}),
        tuple(sorted(world.connected)),
        setup.hidden,
        setup.words,
    )


def _frames(thread: Thread) -> tuple[Frame, ...]:
    """Where a thread stands; at its end, what it has been running."""
    node = thread.node
    if node.step is not None or node.up is None:
        return node.frames
    return tuple(frame._replace(line=0, held=()) for frame in node.up.frames[:1])


def _data(setup: Setup, world: World) -> Iterator[str]:
    """Names of private data: what the slot and the closures of objects hold."""
    yield from (thing for thing in world.seen if isinstance(thing, str))
    if setup.slot is not None:
        value = world.fields[setup.index[setup.slot[1]]]
        if isinstance(value, str):
            yield value
    pairs = [*world.fields, *(item for each in world.objects for item in each.items)]
    for pair in pairs:
        name = private_of(pair)
        if name is not None:
            yield name
