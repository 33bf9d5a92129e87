"""What one step does to the state of a simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kit.rcu.steps import bad
from kit.rcu.steps.acts import Acting, read
from kit.rcu.steps.bad import Bad
from kit.rcu.steps.programs import guarded
from kit.rcu.steps.values import EMPTY
from kit.rcu.steps.world import Setup, Thread, World, replaced

if TYPE_CHECKING:
    from kit.rcu.steps.vocabulary import Step

__all__ = ["enabled", "move", "what_next", "why_not"]


def what_next(setup: Setup, world: World, index: int) -> str:
    """The next step of a thread, in words; empty when it is over."""
    thread = world.threads[index]
    if thread.over:
        return ""
    if thread.waits is not None:
        return "grace period ends"
    step = thread.node.step
    assert step is not None
    if step.kind == "store" and step.place in setup.word_of:
        word = setup.word_of[str(step.place)]
        return f"load word {word}" if thread.half is None else f"store word {word}: {step.text[6:]}"
    if step.kind == "synchronize":
        return f"{step.text}: grace period begins"
    return step.text


def why_not(setup: Setup, world: World, index: int) -> str:
    """Why a thread cannot move now; empty when it can."""
    thread = world.threads[index]
    if thread.crashed:
        return "it has crashed"
    if thread.over:
        return "it is done"
    if thread.waits:
        names = sorted({world.threads[reader].name for reader, _ in thread.waits})
        return f"its grace period waits for {', '.join(names)}"
    if thread.waits is not None:
        return ""
    step = thread.node.step
    assert step is not None
    if step.kind == "lock":
        for name, owner in world.locks:
            if name == step.value:
                return f"{world.threads[owner].name} has the {name}"
    elif step.kind == "rcu_barrier":
        left = [other.name for other in world.threads if other.deferred and not other.over]
        if left:
            return f"it waits for {', '.join(left)}"
    elif step.kind == "until" and not _wanted(setup, world, thread, step):
        return f"it waits {step.text}"
    return ""


def enabled(setup: Setup, world: World) -> list[int]:
    """The threads that can move."""
    return [n for n in range(len(world.threads)) if not why_not(setup, world, n)]


def _wanted(setup: Setup, world: World, thread: Thread, step: Step) -> bool:
    value, wrong = read(setup, world, thread, step.place)
    if wrong is not None:
        return True  # it goes on, and into the bad state
    if not callable(step.value):
        return (type(value), value) == (type(step.value), step.value)
    who = f"{thread.name}, the condition of until {step.place}"
    return bool(guarded(who, setup.bounds.lines, step.value, value))


class _Moving(Acting):
    """A step with what surrounds it."""

    # What surrounds a step.

    def begin(self) -> None:
        """A dispatch begins with its reader's first step; what is being disconnected may go."""
        thread = self.thread
        if thread.reader and thread.expected is None:
            self.thread = thread._replace(expected=self.world.connected)
        if thread.half is not None:
            return
        for note in thread.node.before:
            gone = frozenset(note.value)
            self.world = self.world._replace(
                connected=self.world.connected - gone,
                threads=tuple(
                    each._replace(expected=each.expected - gone) if each.expected else each
                    for each in self.world.threads
                ),
            )
            if self.thread.expected is not None:
                self.thread = self.thread._replace(expected=self.thread.expected - gone)

    def arrive(self) -> None:
        """The thread stands at its next step, or at its end."""
        for note in self.thread.node.arrived:
            change = frozenset(note.value) if note.kind != "barrier" else frozenset()
            now = self.world.connected
            now = now - change if note.kind == "disconnecting" else now | change
            self.world = self.world._replace(connected=now)
        thread = self.thread
        if thread.reader and thread.node.step is None and thread.expected is not None:
            missed = thread.expected - set(thread.called)
            if missed:
                names = ", ".join(sorted(missed))
                self.bad.append(Bad(bad.LOST, f"{thread.name} ended without a call of {names}"))

    def settle(self, before: World) -> World:
        """The new state, with what readers could ever reach, and what is owed to them."""
        threads = replaced(self.world.threads, self.index, self.thread)
        world = self.world._replace(threads=(*threads, *self.spawned))
        if world.fields is before.fields and world.objects is before.objects:
            return world
        world = world._replace(seen=world.seen | self.setup.reachable(world))
        if self.setup.slot is None:
            return world
        left = self.setup.slotted(before)
        if left is not None and self.setup.slotted(world) != left:
            under_way = {n for n, each in enumerate(threads) if each.reader and each.sections}
            world = world._replace(owed=world.owed | under_way)
        at, data = (self.setup.index[name] for name in self.setup.slot)
        fresh = world.fields[at] not in (before.fields[at], None, EMPTY)
        if world.owed and (fresh or world.fields[data] != before.fields[data]):
            late = ", ".join(world.threads[n].name for n in sorted(world.owed))
            sentence = f"{self.thread.name} filled the slot again while {late} was under way"
            self.bad.append(Bad(bad.NO_GRACE, sentence))
        return world


def move(setup: Setup, world: World, index: int) -> tuple[World, tuple[Bad, ...]]:
    """Let a thread take its next step.

    Parameters
    ----------
    setup : Setup
        What stays the same.
    world : World
        The state.
    index : int
        The thread, which must be able to move.

    Returns
    -------
    tuple of (World, tuple of Bad)
        The next state, and what went wrong.
    """
    moving = _Moving(setup, world, index)
    thread = moving.thread
    if thread.waits is not None:
        moving.thread = thread._replace(waits=None, starting=False)
        moving.finished = not thread.starting
    else:
        step = thread.node.step
        assert step is not None
        moving.begin()
        act: Any = getattr(moving, f"_do_{step.kind}")
        act(step)
    if moving.finished and not moving.thread.crashed:
        after = moving.thread.node.after(moving.value)
        moving.thread = moving.thread._replace(node=after)
        moving.arrive()
    return moving.settle(world), tuple(moving.bad)
