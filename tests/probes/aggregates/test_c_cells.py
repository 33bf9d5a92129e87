"""An aggregate in C says what its twin in Python says, to the last bit."""

import gc
import math
import random
import sys
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kit
from kit.core._format import declare_format
from kit.probes.aggregates._aggregate import new_state
from kit.probes.aggregates._buckets import MOST_BUCKETS, histogram
from kit.probes.aggregates._cells import merge
from kit.probes.aggregates._writer import Aggregated, Totals
from kit.testing import isolated

pytestmark = pytest.mark.skipif(kit.dispatcher != "c", reason="there is one twin only")

FIELDS = {"n": int, "key": str, "other": int}
PLAIN = declare_format("m", None, FIELDS)
SPAN = declare_format("m", None, FIELDS, is_span=True)


class Owner:
    """What holds the state of a writer in Python."""

    def __init__(self, plan: Aggregated) -> None:
        self.state = Totals(plan.capacity)


def both(plan: Aggregated, events, format=PLAIN):
    """Give the same events to both; return what each has."""
    owner, native = Owner(plan), new_state(plan.capacity)
    assert type(native) is not Totals
    twin = owner.state.writer(plan, "m", format, owner)
    write = native.writer(plan, "m", format, None)
    for values in events:
        outcomes = []
        for each in (twin, write):
            try:
                outcomes.append(each(1, 0, values))
            except Exception as error:
                outcomes.append(type(error))
        assert outcomes[0] == outcomes[1]
    return owner.state, native


def told(state: Totals, plan: Aggregated):
    cells: dict = {}
    for key, cell in state.cells():
        cells.setdefault(key, []).append(cell)
    return {key: exactly(merge(found, plan.error)) for key, found in cells.items()}


def exactly(stats):
    """Everything in it, in a form in which equal means the same bits."""
    numbers = [stats.sum, stats.min, stats.max, stats.avg, stats.variance]
    sketch = stats.sketch
    return (
        stats.count,
        stats.missing,
        [n if n is None or isinstance(n, int) else float(n).hex() for n in numbers[:1]],
        [n if n is None else n + 0 for n in numbers[1:3]],
        [n if n is None else float(n).hex() for n in numbers[3:]],
        stats.buckets,
        None if sketch is None else (sketch.positive, sketch.negative, sketch.zero),
    )


def same(plan: Aggregated, events, format=PLAIN) -> None:
    python, native = both(plan, events, format)
    assert told(python, plan) == told(native, plan)
    assert (python.count, python.drops) == (native.count, native.drops)


edges = [2**power + more for power in (30, 31, 52, 53, 62, 63, 64, 65, 200) for more in (-1, 0, 1)]
whole = st.one_of(
    st.integers(-20, 20), st.integers(-(2**66), 2**66), st.sampled_from(edges + [-n for n in edges])
)
real = st.one_of(
    st.floats(-100, 100),
    st.floats(),
    st.sampled_from([0.0, -0.0, 5e-324, 1.7e308, -1.7e308, 0.1, 2.0**53, 1e16]),
)
odd = st.sampled_from(
    [None, True, False, "7", [], np.float32(0.5), np.int16(-4), np.float64(2.5), 1j, math.nan]
)
values = st.one_of(whole, real, odd)
keys = st.one_of(
    st.sampled_from(["a", "b", "é", "", None, 1, 1.0, True, 2**70, math.inf]),
    st.just([]),
    st.text(max_size=2),
    st.builds(lambda: float("nan")),  # each another one
    st.sampled_from([np.float64("nan"), Decimal("nan"), (math.nan, 1), np.datetime64("NaT")]),
)
histograms = st.one_of(
    st.none(),
    st.just("log2"),
    st.tuples(
        st.one_of(st.integers(-20, 0), st.floats(-20, 0)),
        st.one_of(st.integers(1, 20), st.floats(1, 20)),
        st.one_of(st.integers(1, 7), st.floats(0.01, 7)),
    ),
    st.sampled_from([(2**53, 2**53 + 10, 1), (2**60, 2**60 + 100, 3), (0.1, 0.7, 0.1)]),
)
plans = st.builds(
    lambda by, asked, is_whole, error, capacity, value: Aggregated(
        value, by, histogram(asked, is_whole) if value else None, error if value else None, capacity
    ),
    st.sampled_from([(), ("key",), ("key", "other"), ("other", "marker", "nothing"), ("key", "n")]),
    histograms,
    st.booleans(),
    st.sampled_from([None, 0.01, 0.0001, 0.5]),
    st.sampled_from([1, 3, 1000]),
    st.sampled_from([None, "n", "n", "n", "other", "nothing"]),
)


@settings(max_examples=400, deadline=None)
@given(plans, st.lists(st.tuples(values, keys, values), max_size=60))
def test_both_say_the_same_of_any_events(plan: Aggregated, events: list) -> None:
    """Red where a number is added in another order, rounded once more or once less, or put into
    another bucket; where a key is another; where the room for keys is."""
    same(plan, events)


@settings(max_examples=100, deadline=None)
@given(
    plans,
    st.lists(
        st.tuples(
            st.integers(0, 2**62), st.sampled_from([None, "KeyError"]), values, keys, st.integers()
        ),
        max_size=30,
    ),
    st.sampled_from(["n", "dur", "error"]),
)
def test_both_say_the_same_of_spans(plan: Aggregated, events: list, value: str) -> None:
    plan = Aggregated(value, (*plan.by, "error"), plan.histogram, plan.error, plan.capacity)
    same(plan, events, SPAN)


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize(
    "asked",
    [
        "log2",
        (0, 10, 3),
        (0.1, 0.7, 0.1),
        (0, 1, 0.1),
        (2**53, 2**53 + 10, 1),
        (2**53 + 1, 2**53 + 10, 1),
        (2**60, 2**60 + 100, 3),
    ],
)
def test_both_find_the_same_bucket_at_every_edge(asked, is_whole: bool) -> None:
    """Red where an edge is on another side, or a number is rounded before it is compared."""
    plan = Aggregated("n", (), histogram(asked, is_whole), 0.01, 1)
    powers = [2.0**power for power in (*range(-40, -28), *range(-2, 3), *range(60, 68))]
    steps = [n / 10 for n in range(-2, 110)]
    if asked != "log2":
        low, high, step = asked
        steps += [low + n * step for n in range(12)] + [high]
    near = [
        math.nextafter(x, side) for x in (*powers, *map(float, steps)) for side in (-1e99, 1e99)
    ]
    for value in [*edges, *(-n for n in edges), *powers, *steps, *near]:
        same(plan, [(value, "", 0)])


def test_sums_of_squares_beyond_128_bits_stay_exact() -> None:
    plan = Aggregated("n", (), None, None, 1)
    numbers = [2**63 - 1, -(2**63), 2**62, 3] * 20
    _, native = both(plan, [(n, "", 0) for n in numbers])
    ((_, cell),) = native.cells()
    assert cell.squares == sum(n * n for n in numbers) > 2**128
    assert cell.total == sum(numbers)


def test_more_buckets_than_a_sketch_has() -> None:
    plan = Aggregated("n", (), None, 0.001, 1)
    chance = random.Random(4)
    numbers = [math.exp(chance.uniform(-300, 300)) * chance.choice((1, -1)) for _ in range(30_000)]
    python, native = both(plan, [(n, "", 0) for n in numbers])
    assert told(python, plan) == told(native, plan)
    ((_, cell),) = native.cells()
    assert len(cell.positive) == len(cell.negative) == MOST_BUCKETS


class Key:
    """A key whose comparison does what a program may do."""

    meanwhile = staticmethod(lambda: None)

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return self.number % 2

    def __eq__(self, other: object) -> bool:
        self.meanwhile()
        return isinstance(other, Key) and self.number == other.number


def test_an_aggregate_that_begins_again_while_a_key_is_looked_up(monkeypatch) -> None:
    with isolated():
        fill = kit.marker("native.keys", key=str)
        with kit.aggregate(fill, by="key", capacity=100) as numbers:
            for number in range(20):
                fill(Key(number))
            monkeypatch.setattr(Key, "meanwhile", staticmethod(numbers.clear))
            for number in range(200):
                fill(Key(number % 20))
            assert numbers.count < 20
            monkeypatch.undo()
            numbers.clear()
            for number in range(120):
                fill(Key(number))
        assert (len(numbers.table()), numbers.dropped) == (100, 20)


def test_a_key_whose_hash_raises_is_an_error_of_the_probe() -> None:
    class Bad:
        def __hash__(self) -> int:
            raise RuntimeError("no hash")

    with isolated():
        fill = kit.marker("native.bad", key=str)
        with kit.aggregate(fill, by="key") as numbers:
            fill(Bad())
            fill("good")
            (connection,) = numbers.handles
            assert connection.errors == 1
            assert "no hash" in connection.first_error
        assert list(numbers.table().rows) == [("good",)]


def test_unhashable_parts_of_a_key_are_missing() -> None:
    with isolated():
        fill = kit.marker("native.parts", key=str, other=int)
        with kit.aggregate(fill, by=("key", "other")) as numbers:
            fill([], 1)
            fill({}, 1)
            fill("a", set())
        assert {key: stats.count for key, stats in numbers.table().rows.items()} == {
            (None, 1): 2,
            ("a", None): 1,
        }
        assert len(numbers.frame()) == 2


@pytest.mark.does_not_add_up("what adds it up keeps it")
def test_nothing_is_kept_of_an_aggregate_that_is_gone() -> None:
    def work() -> None:
        with isolated():
            fill = kit.marker("native.gone", n=int, key=str)
            with kit.aggregate(fill, "n", by="key", histogram="log2", when="n > 3") as numbers:
                for n in range(200):
                    fill(n << n, f"key {n % 20}")
                numbers.table()
            numbers.clear()

    def held() -> int:
        gc.collect()
        return sys.getallocatedblocks()

    for _ in range(5):
        work()
    before = held()
    for _ in range(20):
        work()
    assert held() - before < 500  # one key kept of each would be 400 objects and more


@pytest.mark.parametrize(
    "arguments",
    [
        (None, None, (), False, None, None, 0.0, repr, repr),
        ("tables", "n", (), False, None, None, 0.0, repr, repr),
        ("tables", ("a", -1), (), False, None, None, 0.0, repr, repr),
        ("tables", ("x", 1), (), False, None, None, 0.0, repr, repr),
        ("tables", ("a", 0), (("a",),), False, None, None, 0.0, repr, repr),
        ("tables", ("a", 0), (), False, (1,), None, 0.0, repr, repr),
        ("tables", ("a", 0), (), False, None, (0.0, 1.0, 0.0, 1, True), 0.0, repr, repr),
        ("tables", ("a", 0), (), False, None, (0.0,), 0.0, repr, repr),
    ],
)
def test_the_types_in_c_refuse_what_makes_no_sense(arguments: tuple) -> None:
    from kit import _c

    tables = _c.Tables(3, lambda key: None)
    with pytest.raises((TypeError, ValueError)):
        _c.Adder(*(tables if each == "tables" else each for each in arguments))
    adder = _c.Adder(tables, ("a", 7), (("a", 9),), False, None, None, 0.0, float, float)
    adder(1, 0, ())  # fields that there are not: missing
    for call in ((), (1, 0), (1, 0, []), (1, "x", ()), (1, 0, (), 5)):
        with pytest.raises(TypeError):
            adder(*call)
    assert [(key, numbers[:2]) for key, numbers in tables.cells()] == [(None, (1, 1))]
    with pytest.raises(TypeError):
        _c.Cell()
