"""Every transition under every algorithm, explored to the last interleaving."""

import pytest

from kit import rcu
from kit.errors import SimulationError
from tests.rcu.steps.machines import explored_once

CHANGES = [name for name, (_, changes) in rcu.TRANSITIONS.items() if " " in changes]

# What goes wrong, beyond what is right: transition, algorithm, updaters, faults, and its names.
WRONG = [
    ("bit-fields", "posted", 1, [], "lost update"),
    ("2→1", "posted", 1, ["no grace period"], "use after free"),
    ("2→1", "posted", 1, ["early call_rcu"], "use after free"),
    ("2→1", "posted", 1, ["no read lock"], "use after free"),
    ("2→1", "posted", 1, ["wrong flavour"], "use after free"),
    ("2→1", "fixed", 1, ["type first"], "lost probe"),
    ("1→2", "fixed", 1, ["type first"], "null pointer"),
    ("0→1", "fixed", 1, ["function first"], "torn closure"),
    ("1→0→1", "fixed", 1, ["no grace period"], "torn closure"),
    ("1→0→1", "fixed", 1, ["no grace period"], "A→B without a grace period"),
    ("1→0→1", "fixed", 1, ["no pending check"], "torn closure"),
    ("1→0→1", "fixed", 1, ["no read lock"], "torn closure"),
    ("1→0→1", "fixed", 2, ["early unlock"], "A→B without a grace period"),
    ("1→0→1", "posted", 2, [], "A→B without a grace period"),
    ("1→0→1", "posted", 2, [], "torn closure"),
    ("2→1→2", "posted", 2, [], "double free"),
    ("2→1", "kit", 1, ["no grace period"], "use after free"),
    ("2→1", "kit", 1, ["early free"], "use after free"),
    ("2→1", "kit", 1, ["wrong flavour"], "use after free"),
    ("1→2→1", "kit", 2, ["no lock"], "lost probe"),
    ("2→1", "kit", 1, ["in place"], "double call"),
    ("3→2", "kit", 1, ["in place"], "double call"),
]


@pytest.mark.parametrize("transition", rcu.TRANSITIONS)
@pytest.mark.parametrize("algorithm", rcu.ALGORITHMS)
def test_one_updater_at_a_time_is_safe(transition: str, algorithm: str) -> None:
    found = explored_once(transition, algorithm)
    assert dict(found.bad) == {}
    assert found.states > 50


@pytest.mark.parametrize("transition", CHANGES)
@pytest.mark.parametrize("algorithm", ["fixed", "kit"])
def test_two_updaters_are_safe_where_the_lock_is_held(transition: str, algorithm: str) -> None:
    assert explored_once(transition, algorithm, 2).safe


@pytest.mark.parametrize(("transition", "algorithm", "updaters", "faults", "name"), WRONG)
def test_faults_are_found(
    transition: str, algorithm: str, updaters: int, faults: list[str], name: str
) -> None:
    machine = rcu.machine(transition, algorithm, updaters=updaters, faults=faults)
    found = explored_once(transition, algorithm, updaters, *faults)
    assert found.verdict(name) == "Sometimes"
    trace = found.bad[name]
    assert 0 < trace.interleavings < found.interleavings
    # The way there is one that the machine can go, and bad only with its last step.
    machine.run(*trace.schedule[:-1])
    assert name not in {each.name for each in machine.bad}
    machine.step(trace.schedule[-1])
    assert trace.bad in machine.bad


def test_what_the_faults_do_not_break() -> None:
    def bad(transition: str, algorithm: str, fault: str) -> set[str]:
        return set(rcu.machine(transition, algorithm, faults=[fault]).explore().bad)

    # In order, the function may come first where readers look at the type: they do not get there.
    assert bad("2→1", "fixed", "function first") == set()
    assert bad("1→2", "fixed", "no grace period") == set()
    assert bad("0→1", "kit", "no grace period") == set()
    assert bad("2→1", "kit", "no lock") == set()
    assert rcu.machine("bit-fields", "fixed").explore().safe


def test_more_readers_change_no_verdict() -> None:
    assert rcu.machine("2→1", "kit", readers=2).explore().safe
    found = rcu.machine("2→1", "kit", readers=2, faults=["no grace period"]).explore()
    assert list(found.bad) == ["use after free"]


def test_every_fault_is_known_to_its_algorithm() -> None:
    tried = {(algorithm, fault) for _, algorithm, _, faults, _ in WRONG for fault in faults}
    for algorithm in ("fixed", "kit"):
        for fault in rcu.faults(algorithm):
            if (algorithm, fault) not in tried and ("posted", fault) not in tried:
                assert fault in ("bit-fields", "no read lock")  # which "bit-fields" is for
    assert rcu.faults("posted") == rcu.faults("fixed")


@pytest.mark.parametrize(
    ("alias", "name"),
    [("2->1", "2→1"), ("N→1", "2→1"), ("N -> N+1", "2→3"), ("A→0→B", "1→0→1")],
)
def test_other_names(alias: str, name: str) -> None:
    one, other = (rcu.machine(each, "kit").explore() for each in (alias, name))
    assert (one.states, one.interleavings) == (other.states, other.interleavings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("5→6",), "there is no transition '5→6'; there are 0→1"),
        (("0→1", "best"), "there is no algorithm 'best'; there are posted"),
        (("0→1", "kit", ["x"]), "there is no fault of the kit algorithm 'x'; there are no grace"),
    ],
)
def test_what_there_is_not(arguments: tuple[object, ...], message: str) -> None:
    transition, *rest = arguments
    algorithm = rest[0] if rest else "posted"
    with pytest.raises(SimulationError) as caught:
        rcu.machine(transition, algorithm, faults=rest[1] if len(rest) > 1 else ())
    assert message in str(caught.value)
