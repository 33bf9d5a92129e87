"""What one step does to the state of a simulation: to memory, to threads, to grace periods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kit.errors import SimulationError
from kit.rcu.steps import bad
from kit.rcu.steps.bad import Bad
from kit.rcu.steps.programs import guarded
from kit.rcu.steps.state import Object, Setup, Thread, World, replaced
from kit.rcu.steps.values import EMPTY, Null, Ref, Slot, shown

if TYPE_CHECKING:
    from kit.rcu.steps.vocabulary import Place, Step


__all__ = ["enabled", "move", "what_next", "why_not"]


def _object(world: World, thread: Thread, ref: Ref | Null) -> Object | Bad:
    if isinstance(ref, Null):
        return Bad(bad.NULL_POINTER, f"{thread.name} followed NULL")
    found = world.objects[ref.number]
    if found.freed:
        return Bad(bad.FREED, f"{thread.name} looked at {ref} after it was freed")
    return found


def _read(setup: Setup, world: World, thread: Thread, place: Place) -> tuple[object, Bad | None]:
    """What is in a place, or what is bad about looking there."""
    if isinstance(place, str):
        return world.fields[_field(setup, thread, place)], None
    found = _object(world, thread, place.ref)
    if isinstance(found, Bad):
        return None, found
    if place.index == len(found.items):
        return None, None
    item = found.items[_item(found, thread, place)]
    if place.half < 0 or item is None:
        return item, None
    if not isinstance(item, tuple) or len(item) != 2:
        raise SimulationError(f"{thread.name}: {place} holds {shown(item)}, which is no closure")
    return item[place.half], None


def _item(found: Object, thread: Thread, place: Slot) -> int:
    if not 0 <= place.index < len(found.items):
        raise SimulationError(
            f"{thread.name}: {place} does not exist; it has {len(found.items)} items"
        )
    return place.index


def _field(setup: Setup, thread: Thread, name: str) -> int:
    try:
        return setup.index[name]
    except KeyError:
        known = ", ".join(setup.names)
        raise SimulationError(
            f"{thread.name}: memory has no field {name!r:.60}; it has {known}"
        ) from None


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
    value, wrong = _read(setup, world, thread, step.place)
    if wrong is not None:
        return True  # it goes on, and into the bad state
    if not callable(step.value):
        return (type(value), value) == (type(step.value), step.value)
    who = f"{thread.name}, the condition of until {step.place}"
    return bool(guarded(who, setup.bounds.lines, step.value, value))


class _Moving:
    """One step under way: the state as it becomes, and what went wrong."""

    def __init__(self, setup: Setup, world: World, index: int) -> None:
        self.setup = setup
        self.world = world
        self.index = index
        self.thread = world.threads[index]
        self.bad: list[Bad] = []
        self.value: object = None
        self.spawned: list[Thread] = []
        self.finished = True

    def crash(self, wrong: Bad) -> None:
        """The thread goes no further; nothing waits for it."""
        self.bad.append(wrong)
        self.thread = self.thread._replace(crashed=True)
        owned = tuple(each for each in self.world.locks if each[1] != self.index)
        self.world = self.world._replace(locks=owned)
        for flavour in set(self.thread.sections):
            self.leave(flavour)
        self.thread = self.thread._replace(sections=(), waits=None, half=None)

    def leave(self, flavour: str) -> None:
        """No grace period waits for this thread's sections of a flavour any longer."""
        gone = (self.index, flavour)
        self.world = self.world._replace(
            threads=tuple(
                each._replace(waits=each.waits - {gone})
                if each.waits is not None and gone in each.waits
                else each
                for each in self.world.threads
            ),
            owed=self.world.owed - {self.index},
        )

    def inside(self, flavour: str) -> frozenset[tuple[int, str]]:
        """The threads that are in a section of this flavour."""
        return frozenset(
            (number, flavour)
            for number, each in enumerate(self.world.threads)
            if flavour in each.sections
        )

    def put(self, place: Place, value: object) -> None:
        """Change what is in a place."""
        world = self.world
        if isinstance(place, str):
            at = _field(self.setup, self.thread, place)
            fields = (*world.fields[:at], value, *world.fields[at + 1 :])
            self.world = world._replace(fields=fields)
            return
        found = _object(world, self.thread, place.ref)
        if isinstance(found, Bad):
            self.crash(found)
            return
        at = _item(found, self.thread, place)
        if place.half >= 0:
            pair = list(item if isinstance(item := found.items[at], tuple) else (None, None))
            pair[place.half] = value
            value = tuple(pair)
        assert isinstance(place.ref, Ref)
        items = (*found.items[:at], value, *found.items[at + 1 :])
        objects = list(world.objects)
        objects[place.ref.number] = found._replace(items=items)
        self.world = world._replace(objects=tuple(objects))

    # The steps.

    def _do_load(self, step: Step) -> None:
        self.value, wrong = _read(self.setup, self.world, self.thread, step.place)
        if wrong is not None:
            self.crash(wrong)

    _do_until = _do_load

    def _do_store(self, step: Step) -> None:
        word = self.setup.word_of.get(str(step.place)) if isinstance(step.place, str) else None
        if word is None:
            self.put(step.place, step.value)
            return
        parts = self.setup.words[word]
        memory = self.setup.memory(self.world)
        if self.thread.half is None:
            self.thread = self.thread._replace(half=tuple(memory[part] for part in parts))
            self.finished = False
            return
        for part, old in zip(parts, self.thread.half, strict=True):
            if part == step.place:
                self.put(part, step.value)
            elif memory[part] != old:
                self.put(part, old)
                self.bad.append(
                    Bad(
                        bad.LOST_UPDATE,
                        f"{self.thread.name} stored {step.place} and put {part} back from "
                        f"{shown(memory[part])} to {shown(old)}",
                    )
                )
        self.thread = self.thread._replace(half=None)

    def _do_exchange(self, step: Step) -> None:
        self._do_load(step)
        if not self.thread.crashed:
            self.put(step.place, step.value)

    def _do_increment(self, step: Step) -> None:
        self._do_load(step)
        if self.thread.crashed:
            return
        if not isinstance(self.value, int):
            raise SimulationError(
                f"{self.thread.name}: {step.place} holds {shown(self.value)}, which is no number"
            )
        self.value = self.value + step.value
        self.put(step.place, self.value)

    def _do_new(self, step: Step) -> None:
        objects = self.world.objects
        if len(objects) >= self.setup.bounds.objects:
            raise SimulationError(
                f"{self.thread.name}: more than {len(objects)} objects (Bounds.objects)"
            )
        self.value = Ref(len(objects), str(step.place))
        self.world = self.world._replace(objects=(*objects, Object(str(step.place), step.value)))

    def _do_free(self, step: Step) -> None:
        world, what = self.world, step.value
        if isinstance(what, Null):
            return
        if isinstance(what, str):
            if what in world.freed:
                self.crash(Bad(bad.DOUBLE_FREE, f"{self.thread.name} freed {what} again"))
            self.world = self.world._replace(freed=world.freed | {what})
            return
        if world.objects[what.number].freed:
            self.crash(Bad(bad.DOUBLE_FREE, f"{self.thread.name} freed {what} again"))
            return
        objects = list(world.objects)
        objects[what.number] = objects[what.number]._replace(freed=True)
        self.world = world._replace(objects=tuple(objects))

    def _do_call(self, step: Step) -> None:
        func, private = step.value
        if func == EMPTY:
            return
        name = self.thread.name
        if not isinstance(func, str):
            self.crash(Bad(bad.NULL_POINTER, f"{name} called {shown(step.value)}"))
            return
        if private in self.world.freed:
            self.crash(Bad(bad.FREED, f"{name} called {func} with {private} after it was freed"))
            return
        if private != func.lower():
            self.bad.append(Bad(bad.TORN, f"{name} called {func} with {shown(private)}"))
        if func in self.thread.called:
            self.bad.append(Bad(bad.DOUBLE, f"{name} called {func} twice in one dispatch"))
        else:
            self.thread = self.thread._replace(called=(*self.thread.called, func))

    def _do_read_lock(self, step: Step) -> None:
        sections = (*self.thread.sections, step.value)
        if len(sections) > 8:
            raise SimulationError(f"{self.thread.name}: more than 8 sections inside each other")
        self.thread = self.thread._replace(sections=sections)

    def _do_read_unlock(self, step: Step) -> None:
        sections = list(self.thread.sections)
        if step.value not in sections:
            raise SimulationError(f"{self.thread.name}: {step.text} outside a section")
        sections.remove(step.value)
        self.thread = self.thread._replace(sections=tuple(sections))
        if step.value not in sections:
            self.leave(step.value)

    def _do_synchronize(self, step: Step) -> None:
        self.thread = self.thread._replace(waits=self.inside(step.value))
        self.finished = False

    def _do_call_rcu(self, step: Step) -> None:
        threads = self.world.threads
        if len(threads) >= self.setup.bounds.threads:
            raise SimulationError(
                f"{self.thread.name}: more than {len(threads)} threads (Bounds.threads)"
            )
        number = 1 + sum(each.deferred for each in threads)
        name = f"deferred {number}"
        first = self.thread.node.spawned(name)
        self.spawned.append(
            Thread(name, first, deferred=True, starting=True, waits=self.inside(step.value))
        )

    def _do_rcu_barrier(self, step: Step) -> None:
        """Nothing more: it could move, so everything deferred is done."""

    def _do_lock(self, step: Step) -> None:
        locks = (*self.world.locks, (step.value, self.index))
        self.world = self.world._replace(locks=tuple(sorted(locks)))

    def _do_unlock(self, step: Step) -> None:
        mine = (step.value, self.index)
        if mine not in self.world.locks:
            raise SimulationError(f"{self.thread.name}: {step.text}, which it does not have")
        left = tuple(each for each in self.world.locks if each != mine)
        self.world = self.world._replace(locks=left)

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
    """Let a thread take its next step: the next state, and what went wrong.

    The thread must be able to move.
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
