"""What all disturbances share: the markers, who works on them, and what is compared at a rest.

A run is a row of rounds. In a round everything happens at once; at its end everybody rests, and
then each count has to be exact.
"""

from __future__ import annotations

import gc
import itertools
import os
import random
import sys
import threading
import time
import traceback
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

import kit
from kit.core._dispatch.tally import Tally
from kit.torture.recording import reads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from kit.core import Connection, Marker
    from kit.torture.recording import Recording

__all__ = ["LOCAL", "Private", "Worker", "World"]

MOST_GUESTS: Final = 30
"""Connections of interruptions that there may be at a time."""
LONGEST_STEP: Final = 5.0
"""Seconds after which what a thread is doing is interrupted no more.

On a busy machine the next interruption comes before one has ended. So a dispatch could be
interrupted for ever, and the grace period that waits for it would never end.
"""
LATE: Final = 40
"""Markers that are declared in the middle of the run; a registry keeps each for ever."""

_numbers = itertools.count(1)


class Private:
    """Private data of one connection: whose it is, and whether it may still be touched."""

    __slots__ = ("of", "poisoned")

    def __init__(self, of: int = 0) -> None:
        self.of = of
        self.poisoned = False


class World:
    """The markers and spans, and the counts of what was done with them.

    Parameters
    ----------
    seed : int
        Of all that the workers choose. In which order threads run, it does not say.
    folder : pathlib.Path
        Where recorders and sessions may write.
    threads : int
        How many threads fire all the time.

    Attributes
    ----------
    sites : list of Marker
        Three markers and two spans, then those that are declared late.
    fired, seen : list of Tally
        For each site how often it was fired, and how often the permanent probe saw it.
    working, quiet : bool
        Whether a round goes on; whether interruptions are to do nothing, as everybody rests.
    made, doubtful : deque of Connection
        What interruptions have connected, for other interruptions to disconnect; and what was
        disconnected before it was connected.
    early : bool
        Whether interruptions disconnect what is not connected yet.
    standing, lasting : list of Recording
        The recorders that record throughout the round, and throughout the run.
    litter : callable
        Makes garbage with a finaliser, where that was asked for.
    rotating : float
        How often a signal handler has a recorder rotate; 0 where nobody is to.
    """

    def __init__(self, seed: int, folder: Path, threads: int) -> None:
        self.seed = seed
        self.folder = folder
        self.threads = threads
        number = next(_numbers)
        self.prefix = f"everything{number}"
        self.apart = f"apart{number}"  # no pattern of `prefix` reaches these
        self.sites: list[Marker] = [
            *(self.declare(name) for name in "abc"),
            *(kit.span(f"{self.prefix}.{name}", who=int, n=int) for name in "st"),
        ]
        self.plain = 3
        self.fired = [Tally() for _ in range(len(self.sites) + LATE)]
        self.seen = [Tally() for _ in range(len(self.sites) + LATE)]
        self.done: dict[str, Tally] = {}
        self.checked: Counter[str] = Counter()
        self.broken: list[str] = []
        self.made: deque[Connection] = deque()
        self.doubtful: deque[Connection] = deque()
        self.early = False
        self.standing: list[Recording] = []
        self.lasting: list[Recording] = []
        self.people = itertools.count()
        self._steps: dict[int, float] = {}
        self._interruptions = itertools.count()
        self._begun, self._ended = Tally(), Tally()
        self._files = itertools.count()
        self.working = False
        self.quiet = True
        self.over = False
        self.beats = 0
        self.workers: list[Worker] = []
        self.turn = threading.Condition()
        self.round = 0
        self.litter: Callable[[], object] = int
        self.rotating = 0.0
        # Its places are those of the sites: a name is one.
        self._places = {site.name: place for place, site in enumerate(self.sites)}
        self.permanent = [self._watch(place) for place in range(len(self.sites))]
        self._nobody = kit.marker(f"{self.apart}.nobody")

    # What the markers are.

    def declare(self, name: str) -> Marker:
        """Declare a marker with the fields that all have."""
        return kit.marker(f"{self.prefix}.{name}", who=int, n=int, one=int, text=str)

    def declare_late(self) -> None:
        """Declare one marker more, as long as there is room; for one thread only."""
        place = len(self.sites)
        if place < len(self.fired):
            late = self.declare(f"late{place:02}")
            self._places[late.name] = place
            self.permanent.append(self._watch(place, late))
            self.sites.append(late)  # last: from here on it is fired

    def _watch(self, place: int, site: Marker | None = None) -> Connection:
        """Connect a probe that counts every event of a site, from before the first one on."""
        up = self.seen[place].up

        def permanent(*_: object) -> None:
            up()

        site = self.sites[place] if site is None else site  # one that is off is false
        return site.connect(permanent, error_limit=None)

    def names(self) -> list[str]:
        """The names of all sites."""
        return [site.name for site in self.sites.copy()]

    def path(self) -> Path:
        """Return a path that no file has; a forked child has names of its own."""
        return self.folder / f"{os.getpid()}-{next(self._files)}.kit"

    # Firing.

    def fire(self, place: int, who: int, n: int) -> None:
        """Fire one site, and count it."""
        site: Any = self.sites[place]
        self.fired[place].up()
        if isinstance(site, kit.Span):
            with site(who, n):
                pass
        else:
            site(who, n, 1, "text" * (n % 20))

    def fired_since(self, before: list[int], names: Iterable[str]) -> int:
        """How many events these markers have fired since `counts` gave ``before``."""
        return sum(self.fired[self._places[name]].n - before[self._places[name]] for name in names)

    def counts(self) -> list[int]:
        """How many events each site has fired."""
        return [tally.n for tally in self.fired]

    # What interruptions do: signal handlers, finalisers, callbacks of the garbage collector.

    def interrupt(self, who: int) -> None:
        """Fire, connect or disconnect, wherever this thread may be just now."""
        # First this: who has set `quiet`, and then finds as many ended as begun, has seen the last.
        self._begun.up()
        try:
            if not self.quiet and self._takes_interruptions():
                self._interrupt(who)
        finally:
            self._ended.up()
            if who != LOCAL:  # whose thread is listed no more
                self._note_progress()

    def begin_step(self) -> float:
        """Note when the calling thread begins with something else, and return that."""
        self._steps[threading.get_ident()] = now = time.monotonic()
        return now

    def step(self) -> float | None:
        """Return when the calling thread began with what it does; None where that is not noted."""
        return self._steps.get(threading.get_ident())

    def end_steps(self) -> None:
        """Forget the calling thread."""
        self._steps.pop(threading.get_ident(), None)

    def _takes_interruptions(self) -> bool:
        begun = self.step()
        return begun is None or time.monotonic() - begun < LONGEST_STEP

    def _note_progress(self) -> None:
        """Say that this thread goes on: one collection runs many finalisers, which may all wait."""
        # Not current_thread(): it would make up an object for a thread of the kit's own.
        thread = getattr(threading, "_active", {}).get(threading.get_ident())
        if isinstance(thread, Worker):
            thread.beats += 1
        elif thread is threading.main_thread():
            self.beats += 1

    def _interrupt(self, who: int) -> None:
        n = next(self._interruptions)
        try:
            if n % 8 < 4:
                self.fire(n % 5, who, n)
            elif n % 8 < 6 and len(self.made) < MOST_GUESTS:
                self.made.append(self.sites[n // 8 % 5].connect(self.guest, Private()))
            else:
                self.let_go()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a promise broken
            self.violate("an interruption raised", error)
        self.did(WHO[who])

    def guest(self, private: Private, *_: object) -> None:
        """Be the probe that an interruption connects."""
        if private.poisoned:
            self.violate("a probe was called after disconnect(wait=True) had returned")

    def let_go(self, *, wait: bool = False) -> bool:
        """Disconnect one of the interruptions' connections; whether there was one."""
        try:
            connection = self.made.popleft()
        except IndexError:
            return False
        # Its update may be in a batch of another thread, or queued.
        new = connection.state == "new"
        if new and not self.early:
            self.made.append(connection)
            return False
        try:
            connection.disconnect(wait=wait)
        except kit.errors.NotConnectedError:
            if connection.state != "disconnected":
                self.made.append(connection)
        else:
            if wait:
                connection.private.poisoned = True  # type: ignore[attr-defined] # it is a Private
            if new:
                self.doubtful.append(connection)  # where the queued update failed, that is logged
        return True

    # What is found out.

    def did(self, what: str) -> None:
        """Count something that was done."""
        tally = self.done.get(what)
        (self.done.setdefault(what, Tally()) if tally is None else tally).up()

    def violate(self, promise: str, error: BaseException | None = None) -> None:
        """Note that a promise was broken."""
        if error is not None:
            promise = f"{promise}: {type(error).__name__}: {error}"
            traceback.print_exception(error, file=sys.stderr)
        self.broken.append(promise)

    def compare(self, what: str, counted: int, expected: int) -> None:
        """Compare a count with what it has to be."""
        self.checked["counts compared"] += 1
        if counted != expected:
            self.violate(f"{what}: {counted:,}, not {expected:,} ({counted - expected:+,})")

    # Rounds.

    def start(self, workers: Iterable[Worker]) -> None:
        """Start the workers, which wait for a round."""
        self.workers += workers
        for worker in self.workers:
            worker.start()

    def begin(self) -> None:
        """Begin a round."""
        with self.turn:
            self.quiet = False
            self.working = True
            self.round += 1
            for worker in self.workers:
                worker.parked = False  # here, so that a rest that comes at once waits for it
            self.turn.notify_all()

    def rest(self) -> None:
        """End a round: return when all workers rest and what they have left behind is gone."""
        self.working = False
        with self.turn:
            while not all(worker.parked for worker in self.workers):
                self.turn.wait(1)
                # The watchdog looks at the workers meanwhile, and this thread has nothing to do.
                self.beats += 1
        self.quiet = True
        # Threads of the kit's own are interrupted, too, and do not rest.
        while self._ended.n != self._begun.n:
            time.sleep(0.001)
            self.beats += 1
        gc.collect()
        # An update that a finaliser has left behind is made by the next one.
        self._nobody.connect(self.guest, Private()).disconnect()
        while self.let_go(wait=True):
            pass
        while self.doubtful:
            with self.doubtful.pop():
                pass  # connected after all, or not
        kit.synchronize(timeout=60)
        kit.barrier(timeout=60)

    def check(self) -> None:
        """Compare what the markers have counted with what was fired, at a rest."""
        handles = [handle for each in self.lasting for handle in each.handles]
        known = {id(each) for handle in handles for each in handle}  # type: ignore[union-attr] # patterns
        known |= {id(each) for each in self.permanent}
        for place, site in enumerate(self.sites):
            fired, connection = self.fired[place].n, self.permanent[place]
            self.compare(f"fired of {site.name}", site.fired, fired)
            self.compare(f"events that {site.name} has sent", reads([connection]), fired)
            seen = self.seen[place].n
            self.compare(f"events of {site.name} that must be seen", seen, connection.calls)
            left = [each.label for each in site.probes if id(each) not in known]
            if left:
                self.violate(f"left connected to {site.name}: {', '.join(left[:5])}")

    def close(self) -> None:
        """Disconnect what was connected all the time; then nothing is."""
        for connection in self.permanent:
            connection.disconnect()
        for site in self.sites:
            self.compare(f"probes left on {site.name}", site.fanout, 0)

    def end(self) -> None:
        """Let the workers come to an end."""
        with self.turn:
            self.over = True
            self.turn.notify_all()
        for worker in self.workers:
            worker.join(60)
            if worker.is_alive():
                self.violate("a thread did not come to an end")


class Worker(threading.Thread):
    """A thread that does one thing again and again, from the first round to the last.

    Attributes
    ----------
    beats : int
        Raised with each step: where it stands still, the watchdog finds it.
    parked : bool
        Whether it rests.
    """

    def __init__(self, world: World, name: str, number: int = 0) -> None:
        super().__init__(name=f"{name} {number}", daemon=True)
        self.world = world
        self.who = next(world.people)
        self.chance = random.Random(f"{world.seed} {self.name}")
        self.beats = 0
        self.parked = True
        self._rounds = 0

    def step(self) -> None:
        """Do it once."""
        raise NotImplementedError

    def settle(self) -> None:
        """Leave nothing behind that is not to be there at a rest."""

    def run(self) -> None:
        """Work in each round; between them, rest."""
        world = self.world
        while self._await_round():
            try:
                while world.working:
                    world.begin_step()
                    self.step()
                    self.beats += 1
                self.settle()
            except BaseException as error:  # noqa: BLE001 - nothing that the kit does may raise here
                world.violate(f"{self.name} raised", error)
            with world.turn:
                self.parked = True
                world.turn.notify_all()

    def _await_round(self) -> bool:
        world = self.world
        with world.turn:
            while world.round == self._rounds and not world.over:
                world.turn.wait()
            self._rounds = world.round
        return not world.over


LOCAL: Final = -4
WHO: Final = {
    -1: "signals handled",
    -2: "finalisers run",
    -3: "collections of garbage that fired",
    LOCAL: "thread-locals that ended with their thread",
}
"""Who fires besides the threads, which have the numbers from 0 on."""
