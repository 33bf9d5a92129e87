"""A grace period written by hand, and what is wrong with those that are almost right."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from kit import rcu
from kit.rcu.steps import array, call, free, load, new, store, until

READERS = (1, 2)
Steps = Iterator[object]


def reader(me: int) -> Steps:
    yield store(f"inside {me}", 1)
    probes = yield load("probes")
    yield call(*(yield load(probes[0])))
    yield store(f"inside {me}", 0)


def updater(synchronize: Callable[[], Steps], early: bool = False) -> Steps:
    old = yield load("probes")
    probes = yield new(("B", "b"))
    if early:
        yield from synchronize()
    yield store("probes", probes)
    if not early:
        yield from synchronize()
    yield free(old)


def right() -> Steps:
    for each in READERS:
        yield until(f"inside {each}", 0)


def nothing() -> Steps:
    yield load("inside 1")


def the_first_only() -> Steps:
    yield until("inside 1", 0)


def looks_once() -> Steps:
    for each in READERS:
        if (yield load(f"inside {each}")):
            return


def waits_for_a_reader_to_come() -> Steps:
    for each in READERS:
        yield until(f"inside {each}", 1)
        yield until(f"inside {each}", 0)


def machine(synchronize: Callable[[], Steps], *, early: bool = False) -> rcu.Machine:
    return rcu.Machine(
        readers={f"reader {each}": partial(reader, each) for each in READERS},
        updaters={"updater": partial(updater, synchronize, early)},
        memory={"probes": array(("A", "a")), "inside 1": 0, "inside 2": 0},
    )


def test_waiting_for_each_reader_is_right() -> None:
    found = machine(right).explore()
    assert found.safe
    assert found.states > 300


@pytest.mark.parametrize("mutant", [nothing, the_first_only, looks_once])
def test_mutants_that_free_too_early(mutant: Callable[[], Steps]) -> None:
    assert list(machine(mutant).explore().bad) == ["use after free"]


def test_waiting_before_the_publication() -> None:
    assert list(machine(right, early=True).explore().bad) == ["use after free"]


def test_waiting_for_a_reader_to_come() -> None:
    assert machine(waits_for_a_reader_to_come).explore().verdict("deadlock") == "Sometimes"
