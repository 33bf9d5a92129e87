"""Rules 32 and 35: aggregates are exact, alone and beside others, on any number of threads."""

import enum
import itertools
import math
import random
import statistics
import threading
from decimal import Decimal
from fractions import Fraction

import pytest

import kit

THREADS = 8
EACH = 2000


def values_of(number: int) -> list[tuple[int, float, str]]:
    """What thread number so many fires: the same in each run."""
    chance = random.Random(number)
    return [
        (chance.randrange(-(10**6), 10**9), chance.lognormvariate(0, 3), chance.choice("abcde"))
        for _ in range(EACH)
    ]


def storm(marker: kit.Marker, background) -> None:
    ready = threading.Barrier(THREADS)

    def run(number: int) -> None:
        fired = values_of(number)
        ready.wait()
        for qty, px, sym in fired:
            marker(qty, px, sym)

    for number in range(THREADS):
        background(run, number)
    background.join()


EVENTS = [event for number in range(THREADS) for event in values_of(number)]


@pytest.mark.parametrize(("field", "place"), [("qty", 0), ("px", 1)])
def test_rule_35_numbers_are_exact_under_threads(unique, background, often, field, place) -> None:
    """Red where cells are shared between threads, sums are added up naively, or cells are merged
    in floats."""
    fill = kit.marker(unique("fill"), qty=int, px=float, sym=str)
    with kit.aggregate(fill.name, field, by="sym", histogram="log2") as numbers:
        storm(fill, background)
    table = numbers.table()
    assert sorted(table.rows) == [("a",), ("b",), ("c",), ("d",), ("e",)]
    for (sym,), stats in table.rows.items():
        exact = [event[place] for event in EVENTS if event[2] == sym]
        assert stats.count == len(exact)
        assert stats.sum == (sum(exact) if field == "qty" else math.fsum(exact))
        assert (stats.min, stats.max) == (min(exact), max(exact))
        assert stats.avg == pytest.approx(statistics.mean(exact), rel=1e-15)
        assert stats.variance == pytest.approx(statistics.variance(exact), rel=1e-12)
        assert sum(bucket.count for bucket in table.buckets((sym,))) == len(exact)
        ordered = sorted(exact)
        for share in (0.0, 0.01, 0.5, 0.9, 0.99, 1.0):
            true = ordered[math.floor(share * (len(ordered) - 1))]
            assert abs(stats.quantile(share) - true) <= 0.01 * abs(true) * (1 + 1e-9)
    assert table.count == len(EVENTS) == numbers.count
    assert sum(stats.sketch.count for stats in table.rows.values()) == len(EVENTS)


def test_rule_35_the_variance_is_that_of_a_sample(unique) -> None:
    """Red where the sum of squares is divided by the count, and where nothing is divided."""
    fill = kit.marker(unique("fill"), n=int, px=float)
    with kit.aggregate(fill, "n") as whole, kit.aggregate(fill, "px") as floats:
        for n in range(1, 6):
            fill(n, float(n))
    assert whole.table().rows[()].variance == 2.5
    assert floats.table().rows[()].variance == 2.5
    # Far from zero, where squares have more digits than a float.
    with kit.aggregate(fill, "n") as whole, kit.aggregate(fill, "px") as floats:
        for n in range(1, 6):
            fill(n + 10**15, n + 1e15)
    assert whole.table().rows[()].variance == 2.5
    assert floats.table().rows[()].variance == 2.5


@pytest.mark.parametrize(
    ("histogram", "values", "buckets"),
    [
        (
            "log2",
            [-5, 0, 1, 2, 3, 4, 2**63, 2**64 - 1, 2**64, 2**70],
            {
                (-math.inf, 0): 1,
                (0, 1): 1,
                (1, 2): 1,
                (2, 4): 2,
                (4, 8): 1,
                (2**63, 2**64): 2,
                (2**64, math.inf): 2,
            },
        ),
        (
            (10, 25, 10),
            [-5, 9, 10, 19, 20, 24, 25, 10**9],
            {(-math.inf, 10): 2, (10, 20): 2, (20, 25): 2, (25, math.inf): 2},
        ),
    ],
)
def test_rule_35_underflow_and_overflow_add_up_to_the_count(
    unique, histogram, values, buckets
) -> None:
    """Red where an edge is on the wrong side, or what is out of range is left out."""
    fill = kit.marker(unique("fill"), n=int)
    with kit.aggregate(fill, "n", histogram=histogram, quantiles=()) as numbers:
        for n in values:
            fill(n)
    found = {(low, high): count for low, high, count in numbers.buckets() if count}
    assert found == buckets
    assert sum(found.values()) == len(values)
    edges = [(low, high) for low, high, _ in numbers.buckets()]
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(edges))


def test_rule_35_the_capacity_of_keys_and_what_is_dropped(unique, background, often) -> None:
    """Red where two threads that bring the same key take two places, or a drop is not counted."""
    fill = kit.marker(unique("fill"), key=int)
    with kit.aggregate(fill, by="key", capacity=50) as numbers:
        ready = threading.Barrier(THREADS)

        def run(number: int) -> None:
            ready.wait()
            for n in range(1000):
                fill(n % 100)

        for number in range(THREADS):
            background(run, number)
        background.join()
    table = numbers.table()
    assert len(table) == 50
    assert numbers.count + numbers.dropped == THREADS * 1000 == fill.fired
    assert table.dropped == {fill.name: numbers.dropped}


@pytest.mark.usefixtures("frames")
def test_rule_32_each_gives_what_it_gives_alone(unique, background, often) -> None:
    """Red where one of them sees another's filtered or dropped events, or stops the others."""

    def recorded(recorder):
        frame = recorder.frame(fill.name)
        return sorted(zip(frame["qty"], frame["px"], frame["sym"], strict=True))

    fill = kit.marker(unique("fill"), qty=int, px=float, sym=str)
    alone = []
    with kit.record(fill.name) as recorder:
        storm(fill, background)
    alone.append(recorded(recorder))
    with kit.aggregate(fill, "px", by="sym", histogram="log2", when="qty > 0") as numbers:
        storm(fill, background)
    alone.append(numbers.table())
    with kit.trigger(fill, lambda: None, when="px > 50 and sym == 'a'") as trigger:
        storm(fill, background)
    alone.append(trigger.fired)

    with (
        kit.trigger(fill, lambda: None, when="px > 50 and sym == 'a'", priority=99) as trigger,
        kit.record(fill.name) as recorder,
        kit.aggregate(fill, "px", by="sym", histogram="log2", when="qty > 0") as numbers,
        kit.record(fill.name, mode="overwrite", capacity=100_000) as flight,
    ):
        storm(fill, background)
    assert recorded(recorder) == alone[0] == sorted(EVENTS)
    assert recorded(flight) == alone[0]
    table = numbers.table()
    assert table.rows.keys() == alone[1].rows.keys()
    for key, stats in table.rows.items():
        before = alone[1].rows[key]
        assert stats.buckets == before.buckets
        assert stats.sketch.positive == before.sketch.positive
        assert (stats.count, stats.sum, stats.min, stats.max) == (
            before.count,
            before.sum,
            before.min,
            before.max,
        )
        assert stats.avg == before.avg
        # Welford's method rounds, and which thread saw which of a key's prices differs by run.
        assert stats.variance == pytest.approx(before.variance, rel=1e-12)
    assert table.filtered == alone[1].filtered
    assert trigger.fired == alone[2] == sum(px > 50 and sym == "a" for _, px, sym in EVENTS)


def test_rule_35_whole_while_threads_write(unique, background, often) -> None:
    """Red where a reader finds half an event: a bucket without the count, a sum without a value."""
    fill = kit.marker(unique("fill"), n=int)
    done = threading.Event()
    with kit.aggregate(fill, "n", by="thread", histogram=(0, 10, 1)) as numbers:

        def run() -> None:
            while not done.is_set():
                fill(7)

        for _ in range(3):
            background(run)
        for _ in range(200):
            for stats in numbers.table().rows.values():
                assert stats.sum == 7 * stats.count
                assert sum(stats.buckets.values()) == stats.count == stats.sketch.count
        done.set()
        background.join()


def test_rule_35_values_and_keys_are_what_is_recorded_of_them(unique):
    """Of unusual types, see rule 31; what does not fit is a key as it is, and no number.

    Seen to fail when a member of an `Enum` is another key than its name, and when text that spells
    a number is added.
    """
    color = enum.Enum("color", "RED GREEN")
    m = kit.marker(unique("m"), side=kit.Label, n=int, px=float)
    with (
        kit.aggregate(m.name, "px", by=("side", "n")) as prices,
        kit.aggregate(m.name, "n", by="side") as numbers,
    ):
        m(color.RED, True, Fraction(1, 2))
        m("RED", 1, Decimal("1.5"))
        m(color.GREEN, Fraction(2), True)
        m("GREEN", Decimal(2), 1)
        m(color.GREEN, 2**70, "10")
    assert {key: stats.sum for key, stats in prices.table().rows.items()} == {
        ("RED", 1): 2.0,
        ("GREEN", 2): 2,
        ("GREEN", 2**70): 0,
    }
    sums = {key: stats.sum for key, stats in numbers.table().rows.items()}
    assert sums == {("RED",): 2, ("GREEN",): 4 + 2**70}
