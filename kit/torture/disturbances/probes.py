"""Other probes of the kit's own: triggers, aggregates, and probes behind conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import kit
from kit.core._dispatch.tally import Tally
from kit.torture.disturbances.disturbance import Disturbance
from kit.torture.recording import filtered, reads
from kit.torture.world import Worker, World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kit.core import Connection

__all__ = ["Aggregates", "Conditions", "Triggers"]


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
