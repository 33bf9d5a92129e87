"""What a typed user writes: every public function, checked by mypy and pyright, and never run.

``assert_type`` says how precise the answers are. `test_typed_user.py` checks it, and that no public
function is missing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, assert_type

import kit
from kit import analysis, core, errors, frames, plots, probes, rcu, testing
from kit.demo import OrderBook
from kit.plots import units
from kit.probes import actions
from kit.rcu import exercises, kernel, steps

if TYPE_CHECKING:
    import pandas as pd

# Markers.

fill = kit.marker("orders.fill", qty=int, px=float, sym=kit.Label)
settle = kit.span("orders.settle", qty=int)
assert_type(fill, kit.Marker)
assert_type(settle, kit.Span)


@kit.span("orders.settled")
def settled(qty: int) -> int:
    return qty


@kit.span("orders.later")
async def later(qty: int) -> str:
    return str(qty)


assert_type(settled(1), int)


assert_type(settle.wrap(settled, qty="qty")(1), int)


async def awaited() -> None:
    assert_type(await later(1), str)


class Desk:
    @kit.span("orders.desk")
    def price(self, qty: int) -> float:
        return qty * 9.5

    @kit.span("orders.rows")
    def rows(self) -> Iterator[int]:
        yield 1


assert_type(Desk().price(3), float)


def fire() -> None:
    if fill:
        fill(100, 9.5, "ACME")
    fill(qty=100, px=9.5, sym="ACME")
    with settle(100):
        pass


def on_fill(qty: int, px: float, sym: str) -> None:
    print(qty, px, sym)


def with_private(private: object, qty: int, px: float, sym: str) -> None:
    print(private, qty, px, sym)


def connections() -> None:
    connection = fill.connect(on_fill, name="mine", priority=5, when="qty > 10", every=2)
    assert_type(connection, kit.Connection)
    assert_type(kit.connect(fill, on_fill, limit=5), kit.Connection)
    assert_type(
        kit.connect("orders.*", on_fill, per_second=10, budget=0.01),
        kit.Connection | kit.PatternConnection,
    )
    assert_type(kit.connect(fill, with_private, object()), kit.Connection)
    assert_type(connection.calls, int)
    assert_type(connection.errors, int)
    connection.disconnect(wait=True)
    kit.disconnect("orders.fill", on_fill)
    core.disconnect_private("orders.fill", object())
    assert_type(core.private_data("orders.fill", with_private), object)
    with kit.batch(), fill.connect(on_fill):
        pass
    with kit.connect("orders.*", on_fill) as handle:
        print(handle)
    kit.synchronize(timeout=1.0)
    kit.defer(lambda: None)
    kit.barrier()
    for marker in kit.markers("orders.*"):
        assert_type(marker, kit.Marker)
    assert_type(kit.dispatcher, Literal["c", "python"])
    print(kit.markers(), core.MarkerList, core.Field, fill.format, fill.fanout)


# Probes.


def recorded() -> "pd.DataFrame":
    kit.context("request", lambda: "r1", type=str)
    with kit.record("orders.*", capacity=1_000, mode="overwrite", when="qty > 1") as events:
        assert_type(events, probes.Recorder)
        fire()
    events.rotate("next.kit")
    kit.frames.save(events, "events.parquet")
    assert_type(len(events), int)
    assert_type(events.snapshot(), probes.Capture)
    return events.frame("orders.fill")


def other_probes() -> None:
    events = probes.record(fill, path=Path("events.kit"), size=1 << 20, durable=True, limit=10)
    numbers = kit.aggregate(fill, "px", by="sym", histogram="log2", every=10)
    assert_type(numbers, probes.Aggregate)
    assert_type(probes.aggregate("orders.*", quantiles=0.5), probes.Aggregate)
    assert_type(numbers.frame(), "pd.DataFrame")
    cheap = kit.budget(0.01)
    assert_type(cheap, probes.Budget)
    with kit.trigger(fill, events.stop, when="qty == 106", once=True, budget=cheap) as rare:
        assert_type(rare, probes.Trigger)
    kit.trigger(fill, [actions.snapshot(events, "rare.kit"), fired])
    kit.trigger(fill, actions.connect("orders.fill", on_fill, every=3))
    kit.trigger(fill, actions.disconnect(fill.connect(on_fill)))
    kit.trigger(fill, actions.swap([fill.connect(on_fill)], [(fill, probes.Count())]))
    assert_type(probes.read("rare.kit"), probes.Capture)
    print(actions.Snapshot, probes.Condition("qty > 1"))
    with kit.session("folder", every=60.0, max_bytes=1 << 30) as session:
        assert_type(session, probes.Session)
        session.record("orders.*", when="qty > 1")
        session.aggregate("orders.fill", "px", every=2)
        session.trigger(fill, events.stop, limit=1)
    count, lines, took = probes.Count(), probes.Print(per_second=5), probes.Time()
    assert_type(count.value, int)
    assert_type(lines.omitted, int)
    assert_type(took.quantile(0.99), int | None)
    for kind in probes.READY_MADE:
        fill.connect(kind())


def fired(firing: probes.Firing) -> None:
    print(firing)


# Frames, analyses and plots.


def framed(frame: "pd.DataFrame") -> None:
    opened = kit.open("events.parquet")
    assert_type(opened, frames.Recording | frames.SavedSession)
    assert_type(frames.open("events.kit"), frames.Recording | frames.SavedSession)
    capture = kit.record("orders.*").snapshot()
    for each in (
        frames.events(capture, "orders.fill"),
        frames.dispatches(capture),
        frames.probe_calls(capture),
        frames.publications(capture),
        frames.markers(capture),
        frames.join([frame, frame]),
    ):
        assert_type(each, "pd.DataFrame")
    assert_type(frames.save(capture, "events.parquet"), Path)
    assert_type(frames.thread_names(frame), dict[int, str])
    print(frames.wall_time(frame).max())


def analysed(frame: "pd.DataFrame", other: "pd.DataFrame") -> None:
    for each in (
        analysis.latency(frame, by="marker"),
        analysis.summary(frame),
        analysis.gaps(frame),
        analysis.readable(frame),
        analysis.enclosing(frame, 0),
        analysis.rate(frame, every="10ms"),
        analysis.pair(frame, "begin", "end", key="tid"),
        analysis.where(frame, "qty > 1"),
        analysis.outliers(frame, n=3),
        analysis.compare(frame, other),
        analysis.overlaps(frame, other, what="count"),
        analysis.causes(frame, other),
        analysis.fanout(frame, other),
        analysis.dispatch_cost(frame),
    ):
        assert_type(each, "pd.DataFrame")


def drawn(frame: "pd.DataFrame", other: "pd.DataFrame") -> None:
    latency = plots.latency(frame, percentiles=(0.5, 0.99), title="Fills", height=400)
    over_time = plots.latency_over_time(frame, height=400)
    assert_type(latency.view.total, int)
    selection = plots.link(latency, over_time, plots.timeline(frame), plots.rate(frame, by="tid"))
    assert_type(selection, plots.Selection)
    assert_type(selection.frame, "pd.DataFrame")
    plots.publication(frame, other)
    plots.fanout(frame, other)
    plots.compare(frame, other, names=("before", "after"))
    plots.aggregate(kit.aggregate(fill))
    print(plots.Brush, plots.Plot)
    for text in (
        units.count(3),
        units.duration(1.5e6),
        units.exact(1_500_000),
        units.instant(0),
        units.note("a", "b"),
        units.number(1.5),
        units.percent(0.5),
        units.plain("a"),
        units.rate(10.0),
        units.ratio(2.0),
        units.several(3, "event"),
        units.short("a long name"),
    ):
        assert_type(text, str)


def shown() -> None:
    panel = kit.panel("orders.*", [on_fill], capacity=10_000, mode="overwrite")
    assert_type(panel.frame("orders.fill"), "pd.DataFrame")


# The publication lab.


def judged() -> None:
    with rcu.litmus("mp") as mp:
        data, ready = mp.shared("data", "ready")
        with mp.thread():
            kernel.write_once(data, 1)
            kernel.smp_wmb()
            kernel.write_once(ready, 1)
        with mp.thread():
            seen = kernel.read_once(ready)
            with rcu.when(seen == 1):
                kernel.smp_rmb()
            with rcu.otherwise():
                kernel.smp_mb()
            value = kernel.read_once(data)
        mp.exists((seen == 1) & (value == 0))
    verdict = rcu.judge(mp.test, "lkmm", limits=rcu.Limits(seconds=1.0))
    assert_type(verdict, rcu.Verdict)
    assert_type(verdict.verdict, str)
    assert_type(rcu.matrix([mp, rcu.parse(mp.source)]), rcu.Matrix)
    assert_type(rcu.case("2→1"), rcu.Case)
    print(rcu.board("2→1"), rcu.Event, rcu.Execution, rcu.Explanation, rcu.Model, rcu.Refusal)
    print(rcu.Test, rcu.Litmus, rcu.tearing(10), rcu.watch("2→1", 3))


def simulated() -> None:
    machine = rcu.machine("2→1", faults=list(rcu.faults()), bounds=rcu.Bounds(seconds=1.0))
    assert_type(machine, rcu.Machine)
    assert_type(machine.explore(), rcu.Exploration)
    print(rcu.interleave("C a {} P0(int *x) { *x = 1; } exists (x=1)"), rcu.stepper(machine))


def program() -> Iterator[steps.Step]:
    yield steps.read_lock()
    found = yield steps.load("marker")
    yield steps.store("marker", steps.array(("A", "a")))
    yield steps.new(("B", "b"))
    yield steps.exchange("marker", found)
    yield steps.increment("n")
    yield steps.call("A", "a")
    yield steps.connected("A")
    yield steps.disconnecting("A")
    yield steps.barrier()
    yield steps.read_unlock()
    yield steps.lock()
    yield steps.unlock()
    yield steps.synchronize()
    yield steps.call_rcu(steps.free("x"))
    yield steps.rcu_barrier()
    yield steps.until("n", 1)
    print(steps.Bad, steps.Move, steps.Ref, steps.Slot, steps.State, steps.Thing, steps.Trace)
    print(steps.Where)


def exercised() -> None:
    said = exercises.check("x86", ...)
    assert_type(said, exercises.Outcome)
    assert_type(exercises.given("two-bits"), str)
    print(exercises.machine("wrong-data"), exercises.receipt("Ada"))
    guess = exercises.predict("2→1", lkmm="Never")
    exercises.reveal(guess, lambda: rcu.case("2→1"))
    print(exercises.Prediction, exercises.Receipt, exercises.Sealed)


# Around it.


def tested() -> None:
    with testing.isolated(), testing.strict(), testing.capture("orders.*") as events:
        assert_type(events, testing.Events)
        fire()
    first: testing.Event = events[0]
    print(first, OrderBook)


def refused() -> None:
    try:
        kit.marker("orders.fill", qty=str)
    except errors.FormatMismatchError as error:
        print(error)
    except (errors.AlreadyConnectedError, errors.NotConnectedError, errors.KitError):
        pass
    print(errors.CaptureError, errors.ConditionError, errors.FormatError, errors.FrameError)
    print(errors.FormatMismatchWarning, errors.KitWarning, errors.LitmusError)
    print(errors.MisfitWarning, errors.SimulationError, errors.UnmatchedPatternWarning)
    print(errors.UnnamedProbeWarning, errors.WouldDeadlockError, kit.Format, Any)
