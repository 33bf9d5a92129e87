"""What is filtered before it is made: the same answers as with everything made."""

from collections import Counter
from itertools import islice, product
from random import Random

import pytest

from kit import rcu
from kit.errors import LitmusError
from kit.rcu._checker.candidates import candidates
from kit.rcu._checker.enumeration import Enumeration, satisfied
from kit.rcu._checker.structure import Structure
from kit.rcu.limits import Deadline
from tests.rcu.programs import LONG, random_program

BOUNDS = rcu.Limits(seconds=600, traces=400, candidates=3_000)  # large ones are left out, not timed

CHANGES = rcu.models.load(
    """
    acyclic po-loc | com as coherence
    empty rmw & (fre ; coe) as atomic
    acyclic po | rf as no-thin-air
    empty [~IW] ; different-values(co) as one-value
    """,
    name="changes",
)
LOOSE = rcu.models.load("acyclic po | rf as no-thin-air", name="loose")


def programs(seed: int, count: int) -> list[rcu.Test]:
    random = Random(seed)
    return [rcu.parse(random_program(random)) for _ in range(count)]


def everything(test, coherent, atomic, ways, deadline):
    """Every candidate, by trying all combinations and looking at the conditions at the end."""
    initial = {(name, test.initial.get(name, 0)) for name in test.locations}
    for chosen in product(*ways):
        written = initial.union(*(trace.gives for trace in chosen))
        if not all(trace.needs <= written for trace in chosen):
            continue
        structure = Structure(test, chosen)
        for choice in candidates(structure, coherent, atomic, deadline):
            known = {**test.initial, **structure.registers}
            for write in choice.last:
                known[structure.location[write]] = structure.value[write]
            if test.filter is None or satisfied(test.filter, known):
                final = tuple(known.get(name, 0) for name in test.observed)
                yield structure, choice, final, satisfied(test.condition, known)


def told(structure, choice, final, positive):
    return tuple(map(id, structure.chosen)), choice.rf, choice.co, choice.fr, final, positive


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("coherent", "atomic"), [(True, True), (False, False)])
def test_the_same_candidates_come_in_the_same_order(
    seed: int, coherent: bool, atomic: bool
) -> None:
    """Seen to fail when a comparison was taken for its negation, when all alternatives of an "or"
    had to be possible, when what one thread must read was demanded of everybody who can write it,
    and when a filter was turned round.
    """
    seen = Counter()
    for test in programs(seed, 60):
        deadline = Deadline(BOUNDS, test.name)
        try:
            every = Enumeration(test, coherent, atomic, deadline)
            if sum(map(len, every.ways)) > 80 or every.circles is not None:
                continue  # values out of thin air are not filtered
            slowly = everything(test, coherent, atomic, every.ways, deadline)
            wanted = [told(*each) for each in islice(slowly, BOUNDS.candidates)]
        except LitmusError:
            continue
        if len(wanted) == BOUNDS.candidates:
            continue
        for positive in (None, True, False):
            found = [
                told(each.structure, each.choice, each.final, each.positive)
                for each in (every if positive is None else every.ending(positive))
            ]
            assert found == [e for e in wanted if positive in (None, e[-1])], test.source
            seen[positive] += len(found)
    assert min(seen.values()) > 60


def judged(test: rcu.Test, model: rcu.models.Model, states: bool):
    """The verdict with everything made, every combination prepared for itself."""
    coherent, atomic = model.coherent, model.atomic
    deadline = Deadline(BOUNDS, test.name)
    every = Enumeration(test, coherent, atomic, deadline)
    program = model.program(every.present, coherent, atomic)
    found, counts, flags, example = Counter(), Counter(), set(), None
    for structure, choice, final, positive in everything(
        test, coherent, atomic, every.ways, deadline
    ):
        if sum(counts.values()) > BOUNDS.candidates:
            raise LitmusError("large")
        if not states and counts[positive]:
            continue
        values = program.prepare(structure.space, structure.base)
        if program.run(structure.space, values, choice, flags) is None:
            found[final] += 1
            counts[positive] += 1
            if example is None or (positive and not example[-1]):
                example = (choice.rf, choice.co, final, positive)
    return found, counts[True], counts[False], tuple(sorted(flags)), example


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("model", ["lkmm", "tso", CHANGES, LOOSE], ids=str)
@pytest.mark.parametrize("states", [True, False])
def test_verdicts_states_flags_and_witnesses_are_those_without_a_filter(
    seed: int, model: str | rcu.models.Model, states: bool
) -> None:
    """Seen to fail when a model with `different-values` shared what it had prepared between
    combinations, and when choices were kept for a shape without the values.
    """
    decided = 0
    for test in programs(100 + seed, 25):
        try:
            verdict = rcu.judge(test, model, states=states, limits=BOUNDS)
            wanted = judged(test, rcu.models.get(model), states)
        except LitmusError:
            continue
        example = verdict._example
        assert (
            Counter(verdict.states),
            verdict.positive,
            verdict.negative,
            verdict.flags,
            example and (example.choice.rf, example.choice.co, example.final, example.positive),
        ) == wanted, test.source
        decided += 1
    assert decided > 12


@pytest.mark.parametrize("name", LONG)
def test_long_chains_are_decided_without_making_every_combination(name: str) -> None:
    """Twelve threads: at most some dozen candidates, where there are thousands of combinations.

    Seen to fail when the conditions were looked at only in the end: more than the bound.
    """
    shape, expected = LONG[name]
    few = rcu.Limits(candidates=40, seconds=600)
    assert rcu.judge(shape(4)).verdict == expected
    assert rcu.judge(shape(12), states=False, limits=few).verdict == expected


@pytest.mark.parametrize("name", ["handed-on", "passing"])
def test_alternatives_are_filtered_too(name: str) -> None:
    """Both seen to fail when only the parts that must all hold were looked at. The first needs it
    of the last writes alone, and is no witness for the choice of traces; the second one, with its
    two thousand combinations, fails when no condition is looked at there.
    """
    head, condition = LONG[name][0](12).rsplit("exists ", 1)
    text = f"{head}exists (x=7 \\/ (1:r=3 /\\ 11:s=1) \\/ {condition.strip()})"
    few = rcu.Limits(candidates=40, seconds=600)
    assert rcu.judge(text, states=False, limits=few).verdict == "Never"


def test_why_explains_a_long_chain() -> None:
    """Seen to fail when `why` made every candidate to find the few that it explains."""
    verdict = rcu.judge(LONG["passing"][0](12), states=False, limits=rcu.Limits(candidates=40))
    assert len(verdict.why()) == 1
    assert "takes its value from" in str(verdict.why()[0])


def test_a_location_that_need_not_be_written_may_keep_its_value() -> None:
    """Seen to fail when the initial value counted as lost once anybody might write."""
    test = """C kept {}
    P0(int *x, int *y) { int r; r = READ_ONCE(*y); if (r) { WRITE_ONCE(*x, 1); } }
    P1(int *y) { WRITE_ONCE(*y, 1); } exists (x=0 /\\ y=1)"""
    for states in (True, False):
        assert rcu.judge(test, states=states).verdict == "Sometimes"


@pytest.mark.parametrize(("branch", "expected"), [(1, "Never"), (0, "Sometimes")])
def test_what_depends_on_the_branch_is_not_shared(branch: int, expected: str) -> None:
    """The same events with and without a dependency. Seen to fail when dependencies were no part
    of a shape: the second branch got the relations of the first.
    """
    test = f"""C branch {{}}
    P0(int *x, int *y, int *z) {{ int r; int s; int t; r = READ_ONCE(*z); s = READ_ONCE(*x);
      if (r == 1) {{ t = s; }} else {{ t = 1; }} WRITE_ONCE(*y, t); }}
    P1(int *x, int *y) {{ int r; r = READ_ONCE(*y); smp_mb(); WRITE_ONCE(*x, r); }}
    P2(int *z) {{ WRITE_ONCE(*z, 1); }}
    P3(int *x) {{ int r; r = READ_ONCE(*x); }}
    exists (0:r={branch} /\\ 0:s=1 /\\ 1:r=1)"""
    for states in (True, False):
        assert rcu.judge(test, states=states).verdict == expected
