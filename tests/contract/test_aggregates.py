"""Rules 32 and 35: aggregates are exact, alone and beside others, on any number of threads."""

import decimal
import enum
import itertools
import json
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


# Numbers that a key, a float, a column or JSON has no room for.


def fresh_nan() -> float:
    return float("nan")  # each is another object, and equal to nothing


def test_rule_35_every_nan_is_one_key(unique, background) -> None:
    """Red where each is a key of its own: they filled the capacity, and others were dropped."""
    fill = kit.marker(unique("fill"), f=float, sym=str)
    with (
        kit.aggregate(fill, by="f", capacity=10) as one,
        kit.aggregate(fill, by=("sym", "f"), capacity=10) as two,
    ):
        for _ in range(3):
            for _ in range(20):
                fill(fresh_nan(), "a")
                fill(decimal.Decimal("nan"), "a")
            background(lambda: [fill(fresh_nan(), "a") for _ in range(10)])
            background.join()
        fill(1.5, "b")
        fill([fresh_nan()], "c")  # no key at all
    assert (one.dropped, two.dropped) == (0, 0)
    counts = {repr(key): stats.count for key, stats in one.table().rows.items()}
    assert counts == {"(nan,)": 150, "(1.5,)": 1, "(None,)": 1}
    counts = {repr(key): stats.count for key, stats in two.table().rows.items()}
    assert counts == {"('a', nan)": 150, "('b', 1.5)": 1, "('c', None)": 1}


def test_rule_35_a_key_that_is_nan_is_found(unique) -> None:
    """Red where who asks with another NaN finds nothing."""
    fill = kit.marker(unique("fill"), f=float, n=int)
    with kit.aggregate(fill, "n", by="f", histogram="log2") as numbers:
        fill(fresh_nan(), 7)
    assert numbers.quantile(0.5, fresh_nan()) == 7
    assert [bucket.count for bucket in numbers.buckets(fresh_nan())] == [1]


@pytest.mark.parametrize("share", [1.5, -0.1, 50, math.nan, math.inf, "0.5", None])
def test_rule_35_a_quantile_is_a_share_of_all(unique, share) -> None:
    """Red where what is outside of 0 to 1 is answered with the nearest one."""
    fill = kit.marker(unique("fill"), n=int)
    with kit.aggregate(fill, "n") as numbers:
        fill(1)
    for ask in (numbers.quantile, numbers.table().rows[()].quantile):
        with pytest.raises(ValueError, match="from 0 to 1"):
            ask(share)
    for asked in (share, (0.5, share)):
        with pytest.raises(ValueError, match="from 0 to 1"):
            kit.aggregate(fill, "n", quantiles=asked)
    assert (numbers.quantile(0), numbers.quantile(1)) == (1, 1)


LARGE = [1e308, -1e308, 1.7e308, -1.7e308, 1e200, -1e200, 1e155, 3.0, 0.1, -2.5e307]


def close(found: float, exact: Fraction, largest: float) -> bool:
    """Whether a float is a rational number, or as infinite as that is beyond floats."""
    try:
        expected = float(exact)
    except OverflowError:
        expected = math.inf if exact > 0 else -math.inf
    return found == expected or math.isclose(
        found, expected, rel_tol=1e-12, abs_tol=1e-15 * abs(largest)
    )


def test_rule_35_only_a_result_beyond_floats_is_infinite(unique, background) -> None:
    """Red where a sum that overflowed was 0.0, and the variance that of a part."""
    fill = kit.marker(unique("fill"), px=float)
    chance = random.Random(0)
    for number in range(200):
        values = [chance.choice(LARGE) for _ in range(number % 12 + 1)]
        with kit.aggregate(fill, "px", quantiles=()) as numbers:
            if number % 10:
                for px in values:
                    fill(px)
            else:  # by two threads
                background(lambda values=values: [fill(px) for px in values[::2]])
                background(lambda values=values: [fill(px) for px in values[1::2]])
                background.join()
        stats = numbers.table().rows[()]
        exact = [Fraction(px) for px in values]
        mean = sum(exact) / len(exact)
        largest = max(map(abs, values))
        assert close(stats.sum, sum(exact), largest), values
        assert close(stats.avg, mean, largest), values
        assert (stats.min, stats.max, stats.missing) == (min(values), max(values), 0)
        if len(values) > 1:
            spread = sum((px - mean) ** 2 for px in exact) / (len(exact) - 1)
            square = math.inf if largest > 1e150 else largest**2
            assert stats.variance >= 0
            assert close(stats.variance, spread, square if math.isfinite(square) else 1.0), values


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([1e308, 1e308], math.inf),
        ([-1e308, -1e308], -math.inf),
        ([1e308, 1e308, -1e308], 1e308),
        ([1.7e308, 1.7e308, -1.7e308, -1.7e308, 3.0], 3.0),
    ],
)
def test_rule_35_a_sum_that_overflows_on_its_way_comes_back(unique, values, total) -> None:
    """Red where infinity, once there, stays, and where a sum beyond floats is 0.0."""
    fill = kit.marker(unique("fill"), px=float)
    with kit.aggregate(fill, "px") as numbers:
        for px in values:
            fill(px)
    assert numbers.table().rows[()].sum == total


HUGE = [2**62, 2**63, -(2**70), 2**1100, 10**4500]


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize("value", HUGE, ids=["2^62", "2^63", "-2^70", "2^1100", "10^4500"])
def test_rule_35_a_sum_beyond_64_bits_is_exact_and_missing_in_the_frame(unique, value) -> None:
    """Red where the frame says nothing of what does not fit, and where showing it raises."""
    import pandas as pd

    fill = kit.marker(unique("fill"), n=int)
    with kit.aggregate(fill, "n") as numbers:
        for _ in range(10):
            fill(value)
    table = numbers.table()
    assert table.rows[()].sum == 10 * value
    shown = f"{10 * value:,}" if value < 10**4000 else hex(10 * value)
    assert shown in repr(numbers)
    assert shown in numbers._repr_html_()
    frame = numbers.frame()
    fits = -(2**63) <= value < 2**63
    assert frame["sum"][0] is pd.NA
    assert (frame["min"][0] is pd.NA) == (not fits)
    misfits = {"sum": 1} if fits else {"sum": 1, "min": 1, "max": 1}
    found = frame.attrs["misfits"]
    assert {name: found[name] for name in misfits} == misfits


def strict(text: bytes) -> object:
    """Read JSON as RFC 8259 has it."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.usefixtures("frames")
def test_rule_35_what_is_saved_is_json_and_comes_back(unique, tmp_path) -> None:
    """Red where ``Infinity`` or ``NaN`` is in the file, or a number comes back as another one."""
    fill = kit.marker(unique("fill"), f=float, n=int, sym=str)
    keys = [fresh_nan(), math.inf, -math.inf, 1.5, 2**80, 10**4500, "NaN", None, True]
    run = kit.session(tmp_path / "run")
    by_key = run.aggregate(fill, "n", by="sym", name="keys", histogram="log2")
    floats = run.aggregate(fill, "f", by="n", name="floats")
    with run:
        for number, key in enumerate(keys):
            fill(1.7e308, number, key)
            fill(1.7e308, number, key)
            fill(1.0, 10**4500, key)
            fill(1.0, 2**63, key)
    for name in ("keys", "floats"):
        strict((run.folder / f"{name}.aggregate.json").read_bytes())
    strict((run.folder / "manifest.json").read_bytes())
    kept = kit.open(run.folder)
    for name, counted in (("keys", by_key), ("floats", floats)):
        found, saved = counted.table(), kept.aggregates[name]
        assert repr(saved) == repr(found)
        for key, stats in found.rows.items():
            again = saved.rows[key]
            for what in ("count", "missing", "sum", "min", "max", "avg", "variance", "buckets"):
                assert getattr(again, what) == getattr(stats, what), what
            assert [*map(type, (again.sum, again.min))] == [*map(type, (stats.sum, stats.min))]
    assert floats.table().rows[(0,)].sum == math.inf


@pytest.mark.usefixtures("frames")
def test_rule_35_files_of_earlier_days_are_still_read(unique, tmp_path) -> None:
    """Red where what they hold, and RFC 8259 has not, is refused."""
    fill = kit.marker(unique("fill"), f=float)
    run = kit.session(tmp_path / "run")
    run.aggregate(fill, "f", by="f", name="floats")
    with run:
        fill(math.inf)
        fill(1.7e308)
        fill(1.7e308)
    path = run.folder / "floats.aggregate.json"
    text = path.read_text()
    earlier = text.replace('{"float":"Infinity"}', "Infinity")
    assert text.count('{"float":"Infinity"}') == 2
    path.write_text(earlier)
    rows = kit.open(run.folder).aggregates["floats"].rows
    assert rows[(1.7e308,)].sum == math.inf
    assert rows[(math.inf,)].missing == 1


@pytest.mark.parametrize(
    "number", [{"float": "inf"}, {"float": 1}, {"int": "12"}, {"int": "0xg"}, {"int": 1}, {}, "1"]
)
@pytest.mark.usefixtures("frames")
def test_rule_35_a_number_that_nobody_writes_is_refused(unique, tmp_path, number) -> None:
    """Red where what stands for a number is not looked at."""
    fill = kit.marker(unique("fill"), n=int)
    run = kit.session(tmp_path / "run")
    run.aggregate(fill, "n", name="sizes")
    with run:
        fill(1)
    path = run.folder / "sizes.aggregate.json"
    saved = json.loads(path.read_bytes())
    saved["rows"][0]["sum"] = number
    path.write_text(json.dumps(saved))
    with pytest.raises(kit.errors.CaptureError, match=r"rows\[0\]\.sum: a number"):
        kit.open(run.folder).aggregates  # noqa: B018 - looking at it is what raises


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
