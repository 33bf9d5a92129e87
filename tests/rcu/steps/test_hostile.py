"""Programs that never end, want too much or are none: a clear error, soon, and in little limits."""

import itertools
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator

import pytest

from kit import rcu
from kit.errors import SimulationError
from kit.rcu import limits
from kit.rcu.steps import call_rcu, free, increment, load, new, store, until

LONG = rcu.Bounds(seconds=120.0)  # no test waits for it


def explore(programs: Iterable[object], bounds: rcu.Bounds) -> object:
    named = {f"student {n}": program for n, program in enumerate(programs, 1)}
    return rcu.Machine(updaters=named, memory={"x": 0, "y": 0}, bounds=bounds).explore()


def refused(*programs: object, bounds: rcu.Bounds = LONG) -> str:
    tracemalloc.start()
    try:
        with pytest.raises(SimulationError) as caught:
            explore(programs, bounds)
        assert tracemalloc.get_traced_memory()[1] < 300_000_000
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 600
    return str(caught.value)


def a_loop_of_loads() -> Iterator[object]:
    while (yield load("x")) == 0:
        pass


def a_loop_without_steps() -> Iterator[object]:
    yield load("x")
    while True:
        pass


def a_loop_that_catches() -> Iterator[object]:
    yield load("x")
    while True:
        try:
            while True:
                pass
        except Exception:
            pass


def a_hoard() -> Iterator[object]:
    kept = []
    yield load("x")
    for number in itertools.count():
        kept.append(str(number) * 1000)


def forever_deeper() -> Iterator[object]:
    yield load("x")
    yield from forever_deeper()


def recursion(depth: int = 0) -> Iterator[object]:
    yield load("x")
    recursion_of_calls()


def recursion_of_calls() -> None:
    recursion_of_calls()


def no_step() -> Iterator[object]:
    yield load("x")
    yield "load x"


def no_yield_from() -> Iterator[object]:
    yield a_loop_of_loads()


def a_long_list() -> Iterator[object]:
    big = [0] * 10**6
    while True:
        yield load("x")
        yield store("y", len(big))


def division() -> Iterator[object]:
    x = yield load("x")
    yield store("y", 1 // x)


def none_for_null() -> Iterator[object]:
    pointer = None
    yield load(pointer[0])


def a_list() -> Iterator[object]:
    yield load("x")
    return [1]


def many_objects() -> Iterator[object]:
    for _ in range(100):
        yield new(("A", "a"))


def many_deferred() -> Iterator[object]:
    for _ in range(100):
        yield call_rcu(free("a"))


def big_number() -> Iterator[object]:
    yield increment("x", 1 << 63)
    yield increment("x", 1 << 63)
    yield store("y", (yield load("x")) * 2)


def big_value() -> Iterator[object]:
    yield store("x", ("a" * 100,))


def deep_value() -> Iterator[object]:
    yield store("x", ((((1,),),),))


def behind_the_end() -> Iterator[object]:
    array = yield new(("A", "a"))
    yield load(array[1])
    yield load(array[2])


def no_field() -> Iterator[object]:
    yield load("z")


def no_place() -> Iterator[object]:
    array = yield new(("A", "a"))
    yield load(array)


def bad_condition() -> Iterator[object]:
    yield until("x", lambda x: x / 0)


def endless_condition() -> Iterator[object]:
    def wanted(_: object) -> bool:
        while True:
            pass

    yield until("x", wanted)


def too_much_at_once() -> Iterator[object]:
    yield load("x")
    big = [0] * 10**9
    yield store("x", len(big))


def too_much_in_many_states() -> Iterator[object]:
    big = [0] * 1_000_000
    for _ in range(4):
        yield load("x")
    yield store("y", len(big))


@pytest.mark.skipif(not limits._now(), reason="this platform does not tell how much it gives")
def test_memory_is_bounded() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    # Either way of running out is reported; which one is met first is the allocator's affair.
    assert re.search("asks for too much: MemoryError|Bounds.megabytes", refused(too_much_at_once))
    stores = [[store("x", n) for n in range(1, 6)]] * 2
    little = rcu.Bounds(megabytes=150)
    text = refused(too_much_in_many_states, *stores, bounds=little)
    assert re.search(r"asks for too much: MemoryError|more than 150 MB", text)
    assert resource.getrlimit(resource.RLIMIT_AS) == before


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (a_loop_of_loads, "has taken 250 steps and goes on (Bounds.steps); a program that waits"),
        (a_loop_without_steps, "runs for more than 20,000 lines without a step (Bounds.lines)"),
        (a_loop_that_catches, "runs for more than 20,000 lines without a step"),
        (a_hoard, "runs for more than 20,000 lines without a step"),
        (forever_deeper, "has taken 250 steps and goes on"),
        (recursion, "asks for too much: RecursionError"),
        (a_long_list, "has taken 250 steps"),
        (no_step, "yields 'load x', which is no step"),
        (no_yield_from, "`yield from` before a function of steps"),
        (
            division,
            f"student 1, line {division.__code__.co_firstlineno + 2}: raised ZeroDivisionError",
        ),
        (none_for_null, "a pointer that points nowhere is NULL, not None"),
        (a_list, "the result of student 1: memory holds numbers, names"),
        (many_objects, "more than 32 objects (Bounds.objects)"),
        (big_number, "more than 64 bits"),
        (big_value, "a name of 100 characters"),
        (deep_value, "not tuple"),
        (behind_the_end, "array 1[2] does not exist; it has 1 items"),
        (no_field, "memory has no field 'z'; it has x, y"),
        (no_place, "write array[0] for its first item"),
        (bad_condition, "student 1, the condition of until x, line"),
        (endless_condition, "the condition of until x: runs for more than 20,000 lines"),
        (load, "a program is called without arguments"),
        (lambda: 1, "calling it gives 1; its function needs a `yield`"),
        (5, "a program is a generator function or a list of steps, not 5"),
        ("load x", "not 'load x'"),
        ([load("x"), "y"], "'y' is no step"),
        ([load("x")] * 300, "has taken 250 steps"),
    ],
)
def test_programs_that_cannot_be(program: Callable[[], Iterator[object]], message: str) -> None:
    before = sys.gettrace()
    assert message in refused(program)
    assert sys.gettrace() is before


def test_programs_that_know_more_than_their_steps_say() -> None:
    seen = []

    def counts() -> Iterator[object]:
        seen.append(1)
        yield load("x")
        yield store("x", len(seen))
        yield load("y")

    assert "must know nothing but what its steps return" in refused(counts, [store("x", 2)] * 2)


def test_too_many_deferred_programs() -> None:
    few = rcu.Bounds(threads=5)
    assert "more than 5 threads (Bounds.threads)" in refused(many_deferred, bounds=few)


def test_too_many_states_and_too_little_time() -> None:
    busy = [[store("x", n), load("y"), store("y", n), load("x")] * 3 for n in range(5)]
    assert "more than 2,000 states (Bounds.states)" in refused(
        *busy, bounds=rcu.Bounds(states=2000)
    )
    assert "gave up after 0.2 s" in refused(*busy, bounds=rcu.Bounds(seconds=0.2))


def test_machines_that_cannot_be() -> None:
    with pytest.raises(SimulationError, match="needs a reader or an updater"):
        rcu.Machine()
    with pytest.raises(SimulationError, match="'a' is the name of a reader and of an updater"):
        rcu.Machine({"a": [load("x")]}, {"a": [load("x")]}, {"x": 0})
    with pytest.raises(SimulationError, match="memory has no field 'g'"):
        rcu.Machine(updaters={"a": [load("f")]}, memory={"f": 0}, words={"w": ("f", "g")})
    with pytest.raises(SimulationError, match="not list"):
        rcu.Machine(updaters={"a": [load("f")]}, memory={"f": [1]})
    with pytest.raises(SimulationError, match=r"17 threads; Bounds.threads is 16"):
        rcu.Machine(updaters={str(n): [load("f")] for n in range(17)}, memory={"f": 0})
