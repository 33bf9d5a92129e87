"""What happens all at once: one class a kind of disturbance, and a table of them.

A disturbance has workers, each a thread; or it does something before a round and looks at what
became of it after the round, when everybody rests; or both.
"""

from __future__ import annotations

import gc
import importlib
import os
import random
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, Final

import kit
from kit.core._dispatch.tally import Tally
from kit.probes.captures._reader import read
from kit.torture.recording import Recording, filtered, people_in, reads
from kit.torture.world import LOCAL, Private, Worker, World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kit.core import Connection, PatternConnection
    from kit.probes.sessions._session import Session

__all__ = ["DISTURBANCES", "Disturbance"]

PATIENCE: Final = 60.0
"""Seconds after which what was waited for has failed; nothing that works comes near."""


class Disturbance:
    """One kind of disturbance.

    Parameters
    ----------
    world : World
        What it disturbs.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = random.Random(f"{world.seed} {type(self).__name__}")

    def workers(self) -> Sequence[Worker]:
        """Return the threads that do it."""
        return ()

    def before(self) -> None:
        """Prepare a round; everybody rests."""

    def after(self) -> None:
        """Look at what became of it; everybody rests."""

    def end(self) -> None:
        """Leave nothing behind."""


# Who fires.


class _Firing(Worker):
    """A thread that fires all the time, now this marker, now that."""

    n = 0

    def step(self) -> None:
        world, chance = self.world, self.chance
        place = chance.randrange(len(world.sites))
        for _ in range(20):
            world.fire(place, self.who, self.n)
            self.n += 1
        world.litter()
        if chance.random() < 0.1:
            time.sleep(0.0005)  # so that others are not always interrupted at the same places


class Fire(Disturbance):
    """Threads that last as long as the run fire."""

    def workers(self) -> Sequence[Worker]:
        """Return as many as were asked for."""
        return [_Firing(self.world, "fire", n) for n in range(self.world.threads)]


class _Coming(Worker):
    """Starts threads that fire a few events and end."""

    def step(self) -> None:
        threads = [
            threading.Thread(target=self._fire, args=(next(self.world.people),), daemon=True)
            for _ in range(self.chance.randrange(1, 4))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            if thread.is_alive():
                raise TimeoutError("a thread that fires a few events did not end")
        time.sleep(0.005)

    def _fire(self, who: int) -> None:
        for n in range(5):
            self.world.fire((who + n) % 5, who, n)
        self.world.did("short-lived threads")


class Comers(Disturbance):
    """Threads that come, fire and go."""

    def workers(self) -> Sequence[Worker]:
        """Return one that starts them."""
        return [_Coming(self.world, "comers")]


# Interruptions.


class Signals(Disturbance):
    """A timer's signals on the main thread: fire, connect, disconnect, have recorders rotate."""

    EVERY: Final = 0.001
    LATEST: Final = 16.0

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.usual: Any = None
        self.deep = 0
        self.beats = 0
        self.pause = self.EVERY

    @property
    def possible(self) -> bool:
        """Whether there are such signals here."""
        main = threading.current_thread() is threading.main_thread()
        return main and hasattr(signal, "setitimer")

    def before(self) -> None:
        """Start the timer."""
        if self.possible:
            self.usual = signal.signal(signal.SIGALRM, self.handle)
            signal.setitimer(signal.ITIMER_REAL, self.EVERY)

    def handle(self, *_: object) -> None:
        """Interrupt the main thread, and sometimes what another signal has interrupted it with."""
        world = self.world
        if world.quiet or self.deep >= 3:
            return
        self.deep += 1
        try:
            # A thread that waits for a lock begins to wait anew after each signal: one that is
            # never left alone for long never gets it. Where it got nowhere, the next one is later.
            idle = self.beats == world.beats
            self.pause = min(2 * self.pause, self.LATEST) if idle else self.EVERY
            self.beats = world.beats
            signal.setitimer(signal.ITIMER_REAL, self.chance.uniform(0.2, 2) * self.pause)
            standing = world.standing
            if world.working and standing and self.chance.random() < world.rotating:
                one = self.chance.choice(standing)
                if one.recorder.path is not None:
                    one.rotate()
            world.interrupt(-1)
        except Exception as error:  # noqa: BLE001
            world.violate("a signal handler raised", error)
        finally:
            self.deep -= 1

    def after(self) -> None:
        """Stop the timer."""
        if self.possible:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self.usual)


class _Cycle:
    """Garbage that only the collector frees, on whichever thread it runs."""

    __slots__ = ("freed", "me", "world")

    def __init__(self, world: World, freed: Tally) -> None:
        self.world = world
        self.freed = freed
        self.me = self

    def __del__(self) -> None:
        self.freed.up()
        self.world.interrupt(-2)


class Finalisers(Disturbance):
    """Finalisers that fire, connect and disconnect, run by the garbage collector."""

    MOST: Final = 10
    """Cycles there may be at a time: the thread that collects runs the finalisers of all."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.made, self.freed = Tally(), Tally()
        world.litter = self.litter

    def litter(self) -> None:
        """Leave one cycle behind."""
        if self.made.n - self.freed.n < self.MOST:
            self.made.up()
            _Cycle(self.world, self.freed)


class Collections(Disturbance):
    """Callbacks of the garbage collector that do the same."""

    def before(self) -> None:
        """Have the collector call."""
        gc.callbacks.append(self.collected)

    def collected(self, phase: str, _: dict[str, int]) -> None:
        """Interrupt whoever collects garbage."""
        if phase == "stop":
            self.world.interrupt(-3)

    def after(self) -> None:
        """Have it call no more."""
        gc.callbacks.remove(self.collected)


class _Ending:
    """What belongs to a thread and ends with it, and with it what it has connected."""

    def __init__(self, world: World, connection: Connection) -> None:
        self.world = world
        self.connection = connection

    def __del__(self) -> None:
        try:
            self.connection.disconnect()
        except Exception as error:  # noqa: BLE001
            self.world.violate("a thread-local's finaliser could not disconnect", error)
        self.world.interrupt(LOCAL)


class _Leaving(Worker):
    """Starts threads that leave things behind in a thread-local."""

    def __init__(self, world: World) -> None:
        super().__init__(world, "locals")
        self.local = threading.local()

    def step(self) -> None:
        site = self.world.sites[self.chance.randrange(5)]

        def live() -> None:
            connection = site.connect(self.world.guest, Private())
            self.local.ending = _Ending(self.world, connection)
            if self.chance.random() < 0.5:
                time.sleep(0.01)  # a fork in between finalises it in the child

        threads = [threading.Thread(target=live, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            if thread.is_alive():
                raise TimeoutError("a thread with thread-locals did not end")
        time.sleep(0.005)


class Locals(Disturbance):
    """Thread-locals whose finalisers disconnect and fire."""

    def workers(self) -> Sequence[Worker]:
        """Return one that starts threads which have some."""
        return [_Leaving(self.world)]


class Early(Disturbance):
    """Interruptions that disconnect what is connected only in the batch of another thread."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.early = True


# Forks.


class _Forking(Worker):
    """Forks, now and then; each child has to do its work and end."""

    def step(self) -> None:
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _as_child(self.world)
        deadline = time.monotonic() + PATIENCE
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGABRT)  # faulthandler shows its stacks
                time.sleep(1)
                os.waitpid(pid, 0)
                raise TimeoutError(f"a forked child hung, and was killed after {PATIENCE:.0f} s")
            self.beats += 1
            time.sleep(0.002)
        code = os.waitstatus_to_exitcode(status)
        if code:
            self.world.violate(f"a forked child ended with {code}")
        self.world.did("forked children that did their work")
        time.sleep(0.02)


class Forks(Disturbance):
    """Forked children that fire, connect, record, wait, and end by themselves."""

    def workers(self) -> Sequence[Worker]:
        """Return one that forks, where that can be done."""
        return [_Forking(self.world, "forks")] if hasattr(os, "fork") else []


def _as_child(world: World) -> None:
    """Do what a child does, and end."""
    code = 3
    try:
        # What interrupts comes from the parent's garbage: here it is counts that are looked at.
        gc.disable()
        gc.callbacks.clear()
        world.quiet = True
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(3 * PATIENCE))  # should the parent not be there to see to it
        world.broken.clear()
        _work_as_child(world)
        code = 4 if world.broken else 0
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        for promise in world.broken:
            sys.stderr.write(f"in a forked child: {promise}\n")
        sys.stderr.flush()
        os._exit(code)


def _work_as_child(world: World) -> None:
    times = 20
    # Others may not have come as far as `standing` says: what is connected is.
    standing = [each.recorder for each in world.standing if each.recorder.running]
    for recorder in standing:
        # Not the parent's: finalisers of its threads' locals have fired by now, in the child.
        others = [who for who in people_in(recorder.snapshot()) if who >= 0]
        world.compare("events a child begins with", len(others), 0)
        world.compare("lost events a child begins with", recorder.lost, 0)
        if recorder.path is not None:
            world.violate("a child writes its parent's file")
    fresh = Recording(world, capacity=1000)
    in_file = Recording(world, capacity=1000, file=True, mode="overwrite")
    total = kit.aggregate(f"{world.prefix}.*")
    fired = [site.fired for site in world.sites]
    seen = [tally.n for tally in world.seen]
    for n in range(times):
        for place in range(len(world.sites)):
            world.fire(place, 0, n * len(world.sites) + place)
    for place, site in enumerate(world.sites):
        world.compare("events a child has fired", site.fired - fired[place], times)
        world.compare("events seen in a child", world.seen[place].n - seen[place], times)
    for recording in (fresh, in_file):
        world.compare("events recorded in a child", recording.sum, times * len(world.sites))
    world.compare("events counted in a child", total.count, times * len(world.sites))
    for recorder in standing:
        recorder.snapshot()
    private = Private()
    with kit.batch():
        connections = [site.connect(world.guest, private) for site in world.sites]
    in_file.rotate()
    kit.core.disconnect_private(f"{world.prefix}.*", private, wait=True)
    private.poisoned = True
    if any(connection.connected for connection in connections):
        world.violate("a connection is left in a child")
    kit.synchronize(timeout=PATIENCE)
    ran: list[int] = []
    kit.defer(lambda: ran.append(1))
    kit.barrier(timeout=PATIENCE)
    world.compare("deferred callbacks that a child has run", len(ran), 1)
    world.fire(0, 0, times * len(world.sites))
    for recording in (fresh, in_file):
        recording.recorder.stop()
        recording.check()
        recording.close()
    total.stop()


# Recorders.


class Recorders(Disturbance):
    """Recorders in memory and in files that record throughout; some as long as the run lasts."""

    KINDS: Final[tuple[dict[str, Any], ...]] = (
        {"capacity": 200},
        {"capacity": 50_000, "context": ("thread",)},
        {"capacity": 300, "mode": "overwrite", "when": "n % 3 == 0"},
        {"capacity": 2000, "dispatches": True},
        {"capacity": 2000, "file": True},
        {"capacity": 500, "file": True, "mode": "overwrite"},
        {"capacity": 1000, "file": True, "every": 3},
        {"capacity": 1000, "budget": 0.2},
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.lasting = world.lasting = [
            Recording(world, capacity=2000, mode="overwrite"),
            Recording(world, capacity=1000, mode="overwrite", file=True),
            Recording(world, f"{world.prefix}.[abs]", capacity=3000),
        ]
        self.passing: list[Recording] = []

    def before(self) -> None:
        """Begin some."""
        world = self.world
        for kind in self.chance.sample(self.KINDS, 3):
            pattern = self.chance.choice((None, f"{world.prefix}.a", f"{world.prefix}.[bct]"))
            self.passing.append(Recording(world, pattern, **kind))
        world.standing[:] = [*self.lasting, *self.passing]

    def after(self) -> None:
        """Compare their counts with what was fired."""
        for each in self.world.standing:
            each.check(throughout=True)
            if "dispatches" in each.options:
                self._check_generations(each)
        for each in self.passing:
            each.close()
        if kit_frames() is not None:
            self._check_frame(self.lasting[0])
        self.passing.clear()
        self.lasting[2].take()  # it would be full for the rest of the run
        self.world.standing.clear()

    def _check_generations(self, recording: Recording) -> None:
        """Each publication that was seen has raised the generation by one."""
        found: dict[int, set[int]] = {}
        for row in recording.recorder.snapshot().publications:
            found.setdefault(row[1], set()).add(row[4])
        for generations in found.values():
            if len(generations) != max(generations) - min(generations) + 1:
                self.world.violate("a publication did not raise the generation by one")
            self.world.checked["publications looked at"] += len(generations)

    def _check_frame(self, recording: Recording) -> None:
        frame = recording.recorder.frame()
        self.world.compare("rows of a frame", len(frame), len(recording.recorder))

    def end(self) -> None:
        """Stop those that last."""
        for each in self.lasting:
            each.close()


class _Rotating(Worker):
    """Has the standing recorders rotate, opens what they leave, and takes from those in memory."""

    def step(self) -> None:
        standing = self.world.standing
        if standing:
            one = self.chance.choice(standing)
            if one.recorder.path is not None:
                for _ in range(5):
                    self.world.litter()  # to be collected in the middle of a rotation
                    one.rotate()
                one.look_at_files()
            elif not one.recorder.probe.observer and self.chance.random() < 0.2:
                one.take()
        time.sleep(0.002)


class Rotate(Disturbance):
    """Recorders in files go on in others, and those in memory are drained, while threads write."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.rotating = 0.1

    def workers(self) -> Sequence[Worker]:
        """Return one that has them rotate; signal handlers do, too."""
        return [_Rotating(self.world, "rotate")]


class _Fickle(Worker):
    """Makes recorders that stop, start, are cleared, drained and rotated, and abandons some."""

    KINDS: Final[tuple[dict[str, Any], ...]] = (
        {"capacity": 100},
        {"capacity": 3000},
        {"capacity": 300, "mode": "overwrite"},
        {"capacity": 300, "file": True},
        {"capacity": 300, "file": True, "mode": "overwrite"},
        {"capacity": 300, "every": 5},
    )

    def __init__(self, world: World, owner: Fickle, number: int) -> None:
        super().__init__(world, "fickle", number)
        self.owner = owner

    def step(self) -> None:
        one = Recording(self.world, **self.chance.choice(self.KINDS))
        for _ in range(self.chance.randrange(5)):
            what = self.chance.randrange(4)
            if what == 0:
                one.restart()
            elif what == 1 and one.recorder.path is None:  # what is in a file stays there
                one.take()
            elif what == 2 and one.recorder.path is not None and self.world.rotating:
                one.rotate()
            elif what == 3 and self.chance.random() < 0.3:
                one.recorder.clear()
                one.cleared = True
            time.sleep(self.chance.random() * 0.005)
        if self.chance.random() < 0.2:
            path = one.recorder.path
            one.look_at_files()
            del one  # abandoned while it runs: that disconnects
            if path is not None:
                path.unlink()
            self.world.did("recorders abandoned")
        else:
            one.recorder.stop()
            self.owner.stopped.append(one)
        # What is stopped is looked at when all have ended, and there is not room for any number.
        while len(self.owner.stopped) > self.owner.MOST and self.world.working:
            time.sleep(0.01)
            self.beats += 1


class Fickle(Disturbance):
    """Recorders that stop, start, clear, drain, rotate and are abandoned."""

    MOST: Final = 30

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.stopped: list[Recording] = []

    def workers(self) -> Sequence[Worker]:
        """Return two that have such recorders."""
        return [_Fickle(self.world, self, n) for n in range(2)]

    def after(self) -> None:
        """Compare the counts of those that were stopped."""
        for each in self.stopped:
            each.check()
            each.close()
        self.stopped.clear()


class _Sessions(Worker):
    """Makes sessions that begin another file every few milliseconds."""

    def __init__(self, world: World, owner: Sessions) -> None:
        super().__init__(world, "sessions")
        self.owner = owner

    def step(self) -> None:
        world, chance = self.world, self.chance
        folder = world.path().with_suffix(".session")
        limit: dict[str, Any] = {"max_bytes": 50_000, "full": "oldest"}
        run = kit.session(folder, every=0.005, **(limit if chance.random() < 0.3 else {}))
        mode = chance.choice(("discard", "overwrite"))
        events = run.record(f"{world.prefix}.*", capacity=500, mode=mode)
        run.aggregate(f"{world.prefix}.a", "n", by="who", capacity=50)
        run.trigger(f"{world.prefix}.b", lambda: None, when="n % 50 == 0")
        with run:
            handles = events.handles
            end = time.monotonic() + chance.uniform(0.05, 0.3)
            while time.monotonic() < end and world.working:
                time.sleep(0.005)
                self.beats += 1
        if not run.join(PATIENCE):
            raise TimeoutError(f"{run!r} did not come to an end")
        self.owner.over.append((run, handles))


class Sessions(Disturbance):
    """Sessions with a file every few milliseconds, with an aggregate and a trigger in them."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.over: list[tuple[Session, Sequence[Connection | PatternConnection]]] = []

    def workers(self) -> Sequence[Worker]:
        """Return one that makes them, where there is pandas."""
        return [_Sessions(self.world, self)] if kit_frames() is not None else []

    def after(self) -> None:
        """Open them again: all is there that they have counted."""
        world = self.world
        for run, handles in self.over:
            if run.last_error is not None:
                world.violate(f"a session could not write: {run.last_error}")
            (events,) = run.recorders.values()
            written = run.written.get("events", 0)
            counted = (
                written
                + events.lost
                + events.overwritten
                + events.skipped
                + filtered(events)
                + getattr(events, "failed", 0)
            )
            world.compare(f"sum of rule 28 of a session's {events.mode}", counted, reads(handles))
            there = written - run.removed.get("events", 0)
            kept = kit.open(run.folder)
            if not kept.complete:  # type: ignore[union-attr] # it is a folder
                world.violate("a session that was stopped is not complete")
            paths = sorted(run.folder.glob("*.kit"))
            captures = [read(path) for path in paths]
            world.compare("events in a session's files", sum(map(len, captures)), there)
            if any(capture.damaged for capture in captures):
                world.violate("a session's file is damaged")
            if self.chance.random() < 0.2 and paths:
                world.compare("rows of a session's frame", len(kept.frame()), there)
            for path in run.folder.iterdir():
                path.unlink()
            run.folder.rmdir()
            world.did("sessions opened again")
        self.over.clear()


def kit_frames() -> Any:
    """Return `kit.frames`, None where there is no pandas."""
    try:
        return importlib.import_module("kit.frames")
    except ModuleNotFoundError:
        return None


# Other probes of the kit's own.


class _Watching(Worker):
    """Has a trigger stop a flight recorder at an event: that is in it, and nothing later."""

    n = 0

    def step(self) -> None:
        world = self.world
        site = world.sites[0]
        with kit.record(site, capacity=300, mode="overwrite") as flight:
            condition = f"who == {self.who} and n == {self.n + 20}"
            with kit.trigger(site, flight.stop, when=condition, once=True) as watchman:
                for _ in range(30):
                    world.fire(0, self.who, self.n)
                    self.n += 1
        x = watchman.last
        rows = [row for thread in flight.snapshot().threads for row in thread.rows]
        if x is None or watchman.fired != 1:
            world.violate(f"a trigger has fired {watchman.fired} times, not once")
        elif max(row[0] for row in rows) != x.at:
            world.violate("the event that stopped a recorder is not the last one in it")
        world.did("recorders stopped by a trigger")


class Triggers(Disturbance):
    """Triggers that count events which meet a condition, and some that stop recorders."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.armed: list[tuple[Any, list[int], Tally]] = []

    def workers(self) -> Sequence[Worker]:
        """Return one whose triggers stop recorders."""
        return [_Watching(self.world, "triggers")]

    def before(self) -> None:
        """Arm two."""
        for place in range(2):
            acted = Tally()
            site = self.world.sites[place]
            new = kit.trigger(site, acted.up, when="n % 7 == 0")
            self.armed.append((new, self.world.counts(), acted))

    def after(self) -> None:
        """Compare how often they fired with how often they acted, and all with what was fired."""
        world = self.world
        for each, before, acted in self.armed:
            fired = world.fired_since(before, [each.pattern])
            world.compare("events that a trigger has read", reads([each.handle]), fired)
            world.compare("firings of a trigger", each.fired, each.handle.calls)
            world.compare("actions of a trigger", acted.n, each.fired)
            each.disarm()
        self.armed.clear()


class Aggregates(Disturbance):
    """Aggregates by key, with quantiles and histograms, under a condition."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.running: list[tuple[Any, list[int]]] = []

    def before(self) -> None:
        """Start some."""
        prefix = self.world.prefix
        every = f"{prefix}.*"
        new = [
            kit.aggregate(every, by="who", capacity=50),
            kit.aggregate(f"{prefix}.[abc]", "one", by=("who", "text"), histogram="log2"),
            kit.aggregate(f"{prefix}.s", "dur", histogram="log2", when="n % 5 != 0"),
        ]
        self.running = [(each, self.world.counts()) for each in new]

    def after(self) -> None:
        """Their counts, their sums and their buckets are as many as the events."""
        world = self.world
        for each, before in self.running:
            names = [site.name for site in kit.markers(each.patterns[0])]
            skipped = sum(handle.skipped for handle in each.handles)
            failed = getattr(each, "failed", 0)
            counted = each.count + each.dropped + skipped + filtered(each) + failed
            world.compare(f"events of {each.title}", counted, world.fired_since(before, names))
            rows = each.table().rows.values()
            world.compare(f"rows of {each.title}", sum(row.count for row in rows), each.count)
            if each.value == "one":
                world.compare(f"sum of {each.title}", sum(row.sum for row in rows), each.count)
            if each.plan.histogram is not None:
                buckets = sum(sum(row.buckets.values()) for row in rows)
                world.compare(f"buckets of {each.title}", buckets, each.count)
            each.stop()
        self.running.clear()


class Conditions(Disturbance):
    """Probes behind conditions, sampling, rates, limits and budgets."""

    LIMIT: Final = 100
    ASKED: Final[tuple[dict[str, Any], ...]] = (
        {"when": "n % 3 == 0 and who >= -9"},
        {"when": "n % 3 == 0", "every": 7},
        {"every": 4},
        {"per_second": 50},
        {"limit": LIMIT},
        {"budget": 0.01},
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.connected: list[tuple[Connection, dict[str, Any], list[int], Tally]] = []

    def before(self) -> None:
        """Connect one of each kind."""
        for asked in self.ASKED:
            seen = Tally()
            site = self.chance.choice(self.world.sites[:5])
            connection = site.connect(self._probe(asked, seen, site), error_limit=None, **asked)
            self.connected.append((connection, asked, self.world.counts(), seen))

    def _probe(self, asked: dict[str, Any], seen: Tally, site: Any) -> Callable[..., None]:
        n_at = 3 if isinstance(site, kit.Span) else 1

        def probe(*values: Any) -> None:
            seen.up()
            if "when" in asked and values[n_at] % 3:
                self.world.violate("a probe was called with an event that its condition keeps back")

        return probe

    def after(self) -> None:
        """What was let through and what was kept back are what was fired."""
        world = self.world
        for connection, asked, before, seen in self.connected:
            fired = world.fired_since(before, [connection.marker.name])
            world.compare(f"calls of a probe with {asked}", seen.n, connection.calls)
            world.compare(f"errors of a probe with {asked}", connection.errors, 0)
            if "limit" not in asked:
                world.compare(f"events read with {asked}", reads([connection]), fired)
            elif connection.state.startswith("off"):
                world.compare("events up to a limit", seen.n, self.LIMIT)
            else:
                world.compare("events below a limit", reads([connection]), fired)
            with connection:
                pass  # one that is off cannot be disconnected: a block leaves it alone
        self.connected.clear()


# Updates.


class _Churning(Worker):
    """Connects and disconnects; touches private data when nobody else may any more."""

    CLOSURES: Final = 8

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, "churn", number)
        self.probes = [self._probe(n) for n in range(self.CLOSURES)]
        self.connected: dict[int, tuple[Any, Private]] = {}

    def _probe(self, number: int) -> Callable[..., None]:
        world = self.world

        def probe(private: Private, *values: object) -> None:
            # Both at entry and at exit: a probe may be in the middle of its call when it is
            # disconnected, but not when disconnect(wait=True) has returned.
            if private.of != number:
                world.violate("a probe was called with another's private data")
            late = private.poisoned
            for _ in values:
                pass
            if late or private.poisoned:
                world.violate("a probe was called after disconnect(wait=True) had returned")

        return probe

    def step(self) -> None:
        number = self.chance.randrange(self.CLOSURES)
        if number not in self.connected:
            private = Private(number)
            site = self.chance.choice(self.world.sites[:5])
            before = site.generation
            target = f"{self.world.prefix}.*" if self.chance.random() < 0.1 else site
            connection = kit.connect(
                target, self.probes[number], private, priority=self.chance.randrange(20)
            )
            if site.generation <= before:
                self.world.violate("a publication did not raise the generation")
            self.connected[number] = connection, private
            self.world.did("connects")
        elif self.chance.random() < 0.2:
            self._disconnect(list(self.connected))
        else:
            self._disconnect([number])

    def _disconnect(self, numbers: list[int]) -> None:
        gone = [self.connected.pop(number) for number in numbers]
        alone = len(gone) == 1 and self.chance.random() < 0.3
        if alone:
            kit.core.disconnect_private(f"{self.world.prefix}.*", gone[0][1], wait=True)
        else:
            with kit.batch():
                for connection, _ in gone:
                    connection.disconnect(wait=True)
        for connection, private in gone:
            private.poisoned = True
            if connection.connected:
                self.world.violate("what was disconnected is connected")
            self.world.did("disconnects, and grace periods waited for")

    def settle(self) -> None:
        self._disconnect(list(self.connected))


class Churn(Disturbance):
    """Closures that come and go: alone, in batches, by pattern, by their private data."""

    def workers(self) -> Sequence[Worker]:
        """Return two that connect and disconnect."""
        return [_Churning(self.world, n) for n in range(2)]


class _Replacing(Worker):
    """Replaces a connection by name: each event is seen by one of the two."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, "replace", number)
        self.seen = Tally()
        self.m = kit.marker(f"{world.apart}.replaced{number}", n=int)
        self.n = 0

    def step(self) -> None:
        for number in range(5):
            up = self.seen.up
            self.m.connect(lambda _, up=up: up(), name="one", priority=number)
            self.m(self.n)
            self.n += 1
        self.world.did("connections replaced")

    def settle(self) -> None:
        for connection in self.m.probes:
            connection.disconnect()
        self.world.compare("events seen by replaced probes", self.seen.n, self.n)


class Replace(Disturbance):
    """Connections that replace one another by name."""

    def workers(self) -> Sequence[Worker]:
        """Return one that does."""
        return [_Replacing(self.world, 0)]


class _Switching(Worker):
    """Switches a marker with hooks on and off."""

    def __init__(self, world: World, owner: Hooks, number: int) -> None:
        super().__init__(world, "hooks", number)
        self.owner = owner

    def step(self) -> None:
        marker = self.owner.marker
        with marker.connect(lambda _: None, name=self.name):
            if not self.owner.on:
                self.world.violate("a marker was on before its on_first had run")
            marker(self.who)
        self.world.did("markers with hooks switched")


class Hooks(Disturbance):
    """A marker whose hooks are called when it goes on and when it has gone off."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.on = False
        self.marker = kit.marker(f"{world.apart}.hooked", who=int)
        self.marker.hooks(on_first=self.first, on_last=self.last)

    def first(self) -> None:
        """Be told that the marker goes on."""
        if self.on:
            self.world.violate("on_first was called twice")
        self.on = True

    def last(self) -> None:
        """Be told that the marker went off."""
        if not self.on:
            self.world.violate("on_last was called twice")
        self.on = False

    def workers(self) -> Sequence[Worker]:
        """Return two that switch it on and off."""
        return [_Switching(self.world, self, n) for n in range(2)]

    def after(self) -> None:
        """It is off."""
        if self.on or self.marker.fanout:
            self.world.violate("a marker with hooks is on, and nobody is connected")


class _Declaring(Worker):
    """Declares markers in the middle of everything, and one marker anew with other fields."""

    FIELDS: Final[tuple[dict[str, type], ...]] = ({"n": int}, {"m": int}, {"m": str, "k": float})

    def step(self) -> None:
        world = self.world
        for _ in range(4):  # all of them are there before memory is looked at
            world.declare_late()
        world.declare("a")
        name = f"{world.apart}.anew"
        fields = self.chance.choice(self.FIELDS)
        m = kit.marker(name, **fields)
        m(*[1] * len(fields))
        other = next(each for each in self.FIELDS if each != fields)
        with m.connect(lambda *_: None, name="holds"):
            before = m.generation
            m(*[1] * len(fields))
            try:
                kit.marker(name, **other)
            except kit.errors.FormatMismatchError:
                pass
            else:
                world.violate("other fields were adopted while a probe was connected")
            # As from a cell that is run again: what is connected follows, in one publication.
            scope = {"__name__": "__main__", "kit": kit, "name": name, "fields": other}
            exec("kit.marker(name, **fields)", scope)
            m(*[1] * len(other))
            world.compare("publications of a marker declared anew", m.generation - before, 1)
            world.compare("probes of a marker declared anew", m.fanout, 1)
        world.did("markers declared, some anew")
        time.sleep(0.002)


class Declare(Disturbance):
    """Markers that are declared late, again, and anew with other fields."""

    def workers(self) -> Sequence[Worker]:
        """Return one that declares."""
        return [_Declaring(self.world, "declare")]


class _Waiting(Worker):
    """Waits for grace periods, defers, and reads what is being written."""

    def __init__(self, world: World, owner: Waits) -> None:
        super().__init__(world, "waits")
        self.owner = owner

    def step(self) -> None:
        what = self.chance.randrange(4)
        if what == 0:
            kit.synchronize(timeout=PATIENCE)
            self.world.did("grace periods waited for")
        elif what == 1:
            for _ in range(self.chance.randrange(20)):
                kit.defer(self.owner.ran.up)
                self.owner.deferred += 1
        elif what == 2:
            kit.barrier(timeout=PATIENCE)
            self.world.compare("deferred callbacks run", self.owner.ran.n, self.owner.deferred)
        elif standing := self.world.standing:
            one = self.chance.choice(standing)
            one.check_rows(one.recorder.newest(100))
            self.world.did("recorders read while threads write")
        time.sleep(0.001)


class Waits(Disturbance):
    """Grace periods, deferred callbacks, and snapshots of what is being written."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.deferred = 0
        self.ran = Tally()

    def workers(self) -> Sequence[Worker]:
        """Return one that waits."""
        return [_Waiting(self.world, self)]


class _Passing(Worker):
    """Passes through a passage of a span that another thread has, too, and through it again."""

    def __init__(self, world: World, owner: Passages, number: int) -> None:
        super().__init__(world, "passages", number)
        self.owner = owner

    def step(self) -> None:
        shared = self.owner.shared
        with shared:
            self.owner.passed.up()
            with shared:
                self.owner.passed.up()
        self.world.did("passages shared")


class Passages(Disturbance):
    """One passage through a span that two threads and a recursion use at the same time."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.span = kit.span(f"{world.apart}.shared", n=int)
        self.shared = self.span(1)
        self.passed = Tally()
        self.seen = Tally()
        up = self.seen.up
        self.connection = self.span.connect(lambda *_: up(), error_limit=None)

    def workers(self) -> Sequence[Worker]:
        """Return two that share it."""
        return [_Passing(self.world, self, n) for n in range(2)]

    def after(self) -> None:
        """Each passage has given its event."""
        self.world.compare("events of a shared passage", self.span.fired, self.passed.n)

    def end(self) -> None:
        """Disconnect."""
        self.connection.disconnect()


class Context(Disturbance):
    """Recorders that ask a context function which raises now and then: no event goes uncounted."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        asked = Tally()

        def some() -> int:
            if asked.up() % 7 == 0:
                raise LookupError("no context here")
            return asked.n

        self.name = f"torture_{world.prefix}"
        kit.context(self.name, some, int)
        self.recording: list[Recording] = []

    def before(self) -> None:
        """Begin to record."""
        for file in (False, True):
            new = Recording(self.world, capacity=1000, file=file, context=(self.name,))
            self.recording.append(new)

    def after(self) -> None:
        """Each event is in one count."""
        for each in self.recording:
            each.check(throughout=True)
            each.close()
        self.recording.clear()

    def end(self) -> None:
        """Forget the function."""
        from kit.probes._context import CONTEXT

        del CONTEXT[self.name]


DISTURBANCES: Final[dict[str, type[Disturbance]]] = {
    "fire": Fire,
    "comers": Comers,
    "signals": Signals,
    "finalisers": Finalisers,
    "collections": Collections,
    "locals": Locals,
    "early": Early,
    "forks": Forks,
    "recorders": Recorders,
    "rotate": Rotate,
    "fickle": Fickle,
    "sessions": Sessions,
    "triggers": Triggers,
    "aggregates": Aggregates,
    "conditions": Conditions,
    "churn": Churn,
    "replace": Replace,
    "hooks": Hooks,
    "declare": Declare,
    "waits": Waits,
    "passages": Passages,
    "context": Context,
}
"""By the name with which one is left out."""
