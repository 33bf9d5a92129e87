"""The simulator: threads that move one small step at a time, forward and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from kit.errors import SimulationError
from kit.rcu.limits import BOUNDS, Bounds, ceiling
from kit.rcu.steps.bad import BAD, Bad
from kit.rcu.steps.explore import Exploration, deadlock, explored, shortest
from kit.rcu.steps.semantics import enabled, move, what_next, why_not
from kit.rcu.steps.state import Setup, begin
from kit.rcu.steps.state_view import State, state_of
from kit.rcu.steps.timeline import draw_timeline

if TYPE_CHECKING:
    from kit.rcu.steps.programs import Program
    from kit.rcu.steps.state import World

__all__ = ["Machine", "Move"]

Visible = Callable[[Mapping[str, object]], Iterable[object]]


class Move(NamedTuple):
    """One step that was taken.

    Attributes
    ----------
    number : int
        From 1.
    thread : str
        Who moved.
    text : str
        What it did.
    bad : tuple of Bad
        What went wrong in it.
    """

    number: int
    thread: str
    text: str
    bad: tuple[Bad, ...]

    def __str__(self) -> str:
        wrong = "".join(f"  ✗ {each}" for each in self.bad)
        return f"{self.number:3} {self.thread:<10} {self.text}{wrong}"


class Machine:
    """Readers and updaters over one memory, of which one moves at a time.

    A program is a generator function without parameters that yields steps, or a list of steps. A
    reader's program is one dispatch: it must call every probe that is connected all the while.

    Parameters
    ----------
    readers, updaters : mapping of str to program
        The threads by name.
    memory : mapping of str to value
        The fields that all of them share, with what they hold at first.
    connected : iterable of str
        The probes that are connected at first.
    words : mapping of str to tuple of str
        Bit-fields by the word that they share: storing one loads and stores the whole word.
    hidden : iterable of str
        Fields that no reader looks at: what they refer to is not published.
    visible : callable, optional
        From the fields, what a reader that begins now can get at; all that are not hidden if left
        out. It decides what is shown as published and as retired.
    slot : (str, str), optional
        The fields of a closure that is kept in place, function and private data; the slot must not
        be filled again before a grace period is over.
    title : str
        What it shows, for people.
    bounds : Bounds
        How far programs may go.

    Attributes
    ----------
    title : str
        The same.
    trace : tuple of Move
        The steps taken so far.

    Raises
    ------
    kit.errors.SimulationError
        When a program is none, fails, or exceeds the bounds.

    Examples
    --------
    Two fields that belong together, stored one after the other:

    >>> from kit import rcu
    >>> from kit.rcu.steps import call, load, store
    >>> def reader():
    ...     func = yield load("func")
    ...     private = yield load("private")
    ...     yield call(func, private)
    >>> machine = rcu.Machine(
    ...     readers={"reader": reader},
    ...     updaters={"updater": [store("func", "B"), store("private", "b")]},
    ...     memory={"func": "A", "private": "a"},
    ... )
    >>> machine.step("reader")
    Move(number=1, thread='reader', text='load func', bad=())
    >>> machine.enabled
    ('reader', 'updater')
    >>> machine.explore()
    22 states, 10 interleavings: bad
      torn closure: in 3 of them; shortest: 4 steps. reader called B with a
    >>> machine.run_to("torn closure").bad[0].sentence
    'reader called A with b'
    """

    def __init__(
        self,
        readers: Mapping[str, Program] | None = None,
        updaters: Mapping[str, Program] | None = None,
        memory: Mapping[str, object] | None = None,
        *,
        connected: Iterable[str] = (),
        words: Mapping[str, tuple[str, ...]] | None = None,
        hidden: Iterable[str] = (),
        visible: Visible | None = None,
        slot: tuple[str, str] | None = None,
        title: str = "",
        bounds: Bounds = BOUNDS,
    ) -> None:
        memory = dict(memory or {})
        unseen = frozenset(hidden)
        words = dict(words or {})
        named = {*unseen, *(part for parts in words.values() for part in parts), *(slot or ())}
        if named - set(memory):
            raise SimulationError(f"memory has no field {min(named - set(memory))!r:.60}")

        def all_fields(fields: Mapping[str, object]) -> Iterable[object]:
            found = [value for name, value in fields.items() if name not in unseen]
            return found if slot is None else [*found, (fields[slot[0]], fields[slot[1]])]

        self._setup = Setup(tuple(memory), words, visible or all_fields, slot, bounds, unseen)
        with ceiling(bounds.megabytes):
            start = begin(self._setup, memory, readers or {}, updaters or {}, connected)
        self._worlds: list[World] = [start]
        self._moves: list[Move] = []
        self._at = 0
        self._watchers: list[Callable[[], None]] = []
        self.title = title

    # Where it stands.

    @property
    def _world(self) -> World:
        return self._worlds[self._at]

    @property
    def trace(self) -> tuple[Move, ...]:
        """The steps taken so far."""
        return tuple(self._moves[: self._at])

    @property
    def state(self) -> State:
        """The state that it is in."""
        return state_of(self._setup, self._world)

    @property
    def threads(self) -> tuple[str, ...]:
        """The names of its threads, deferred programs included."""
        return tuple(thread.name for thread in self._world.threads)

    @property
    def enabled(self) -> tuple[str, ...]:
        """The threads that can move."""
        names = self.threads
        return tuple(names[number] for number in enabled(self._setup, self._world))

    @property
    def bad(self) -> tuple[Bad, ...]:
        """What has gone wrong so far."""
        stuck = deadlock(self._world) if not self.enabled else None
        found = [each for step in self.trace for each in step.bad]
        return tuple([*found, stuck] if stuck else found)

    @property
    def done(self) -> bool:
        """Whether nobody can move any more."""
        return not self.enabled

    # Moving.

    def step(self, thread: str | None = None) -> Move:
        """Let a thread take its next step.

        Parameters
        ----------
        thread : str, optional
            Who moves; needed unless only one can.

        Returns
        -------
        Move
            What it did.

        Raises
        ------
        kit.errors.SimulationError
            When it cannot move; the message says why.
        """
        able = self.enabled
        if thread is None:
            if len(able) != 1:
                raise SimulationError(
                    f"who moves? {', '.join(able)} can" if able else "nobody can move any more"
                )
            thread = able[0]
        if thread not in self.threads:
            raise SimulationError(
                f"there is no thread {thread!r:.60}; there are {', '.join(self.threads)}"
            )
        index = self.threads.index(thread)
        reason = why_not(self._setup, self._world, index)
        if reason:
            raise SimulationError(f"{thread} cannot move: {reason}")
        text = what_next(self._setup, self._world, index)
        with ceiling(self._setup.bounds.megabytes):
            world, bad = move(self._setup, self._world, index)
        done = Move(self._at + 1, thread, text, bad)
        if self._at < len(self._moves) and self._moves[self._at].thread == thread:
            # The same way as before: what lies ahead stays.
            self._go(self._at + 1)
            return done
        del self._worlds[self._at + 1 :], self._moves[self._at :]
        self._worlds.append(world)
        self._moves.append(done)
        self._go(self._at + 1)
        return done

    def _go(self, at: int) -> None:
        self._at = at
        for watcher in self._watchers:
            watcher()

    def watch(self, callback: Callable[[], None]) -> None:
        """Call a function whenever the machine has moved, forward or back.

        Parameters
        ----------
        callback : callable
            Called without arguments.
        """
        self._watchers.append(callback)

    def unwatch(self, callback: Callable[[], None]) -> None:
        """Stop calling a function that was given to `watch`."""
        self._watchers = [each for each in self._watchers if each != callback]

    def run(self, *schedule: str) -> Machine:
        """Let threads move in this order.

        Parameters
        ----------
        *schedule : str
            Who moves, a name a step.

        Returns
        -------
        Machine
            This one.
        """
        for thread in schedule:
            self.step(thread)
        return self

    def back(self, steps: int = 1) -> State:
        """Take steps back; what was done can be done again by `forward`."""
        self._go(max(0, self._at - steps))
        return self.state

    def forward(self, steps: int = 1) -> State:
        """Take steps again that were taken back."""
        self._go(min(len(self._moves), self._at + steps))
        return self.state

    def reset(self) -> State:
        """Go back to the start."""
        return self.back(self._at)

    @property
    def history(self) -> tuple[State, ...]:
        """The states from the start to the one that it is in."""
        return tuple(state_of(self._setup, world) for world in self._worlds[: self._at + 1])

    @property
    def before(self) -> State | None:
        """The state before the last step; None at the start."""
        return state_of(self._setup, self._worlds[self._at - 1]) if self._at else None

    @property
    def future(self) -> tuple[Move, ...]:
        """The steps that `forward` takes."""
        return tuple(self._moves[self._at :])

    @property
    def ahead(self) -> int:
        """How many steps `forward` can take."""
        return len(self._moves) - self._at

    def run_to(self, bad: str | None = None) -> Machine:
        """Take the shortest way from here to a bad state.

        Parameters
        ----------
        bad : str, optional
            Its name, for example ``"torn closure"``; the nearest one if left out.

        Returns
        -------
        Machine
            This one, in that state.

        Raises
        ------
        kit.errors.SimulationError
            When no way from here leads there.
        """
        if bad is not None and bad not in BAD:
            raise SimulationError(f"no bad state is called {bad!r:.60}; {', '.join(BAD)}")
        path = shortest(self._setup, self._world, bad)
        if path is None:
            raise SimulationError(f"no way from here leads to {bad or 'a bad state'}")
        for index in path:
            self.step(self.threads[index])
        return self

    def explore(self, bounds: Bounds | None = None) -> Exploration:
        """Take every interleaving from the start; where the machine stands does not change.

        Parameters
        ----------
        bounds : Bounds, optional
            How many states, and how long; the machine's own if left out.

        Returns
        -------
        Exploration
            How many states and interleavings there are, and the bad states with the shortest way
            to each.

        Raises
        ------
        kit.errors.SimulationError
            When there are too many, or a program fails on some way.
        """
        return explored(self._setup, self._worlds[0], bounds or self._setup.bounds)

    def timeline(self) -> str:
        """The steps taken so far as lanes over time: dispatches, publications, grace periods.

        Returns
        -------
        str
            A self-contained SVG element; every text in it is escaped.
        """
        return draw_timeline(self)

    def __repr__(self) -> str:
        wrong = f", {', '.join(dict.fromkeys(each.name for each in self.bad))}" if self.bad else ""
        name = f" {self.title}" if self.title else ""
        return f"<Machine{name}: {', '.join(self.threads)}; {self._at} steps taken{wrong}>"

    def _repr_html_(self) -> str:
        """The state as a drawing, and the steps that led to it."""
        rows = "".join(f"<li>{escape(str(step)[4:])}</li>" for step in self.trace)
        return f"<p>{escape(repr(self))}</p>{self.state.svg(self.before)}<ol>{rows}</ol>"

    def __str__(self) -> str:
        steps = "\n".join(map(str, self.trace))
        return f"{steps}\n\n{self.state}" if steps else str(self.state)
