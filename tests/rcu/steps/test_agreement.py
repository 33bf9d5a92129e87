"""Exploring and judging are two ways to one answer: under SC they must agree."""

import contextlib
import re
from pathlib import Path

import pytest

from kit import rcu
from kit.errors import SimulationError
from kit.rcu.steps.litmus import final_states, interleave
from tests.rcu.cases import CASE_STUDY, FEATURES
from tests.rcu.steps.machines import explored_once

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "litmus"
FOLDERS = ("seed", "kernel-7.3", "kernel-doc-7.3", "herd-catalogue-linux")
TESTS = {name: f"C {name}\n{body}\n" for name, (_, body) in (FEATURES | CASE_STUDY).items()}

# The marker's transitions: a machine, its bad state; a case, its switches, its question.
PAIRS = [
    (("0→1", "fixed", []), "torn closure", ("0→1", {}, "torn")),
    (("0→1", "posted", []), "torn closure", ("0→1", "posted", "torn")),
    (("1→2", "fixed", []), "null pointer", ("1→2", {}, "stale")),
    (("1→2", "posted", []), "null pointer", ("1→2", "posted", "stale")),
    (("1→2", "posted", []), "use after free", ("1→2", "posted", "freed")),
    (("2→3", "fixed", []), "use after free", ("N→N+1", {}, "freed")),
    (("2→3", "fixed", ["no grace period"]), "use after free", ("N→N+1", "-gp", "freed")),
    (("2→3", "fixed", ["no read lock"]), "use after free", ("N→N+1", "-section", "freed")),
    (("2→3", "kit", ["wrong flavour"]), "use after free", ("N→N+1", "srcu", "freed")),
    (("2→1", "fixed", []), "use after free", ("N→1", {}, "freed")),
    (("2→1", "fixed", []), "lost probe", ("N→1", {}, "lost")),
    (("2→1", "fixed", []), "torn closure", ("N→1", {}, "torn")),
    (("2→1", "posted", []), "use after free", ("N→1", "posted", "freed")),
    (("2→1", "posted", ["no grace period"]), "use after free", ("N→1", "-gp", "freed")),
    (("2→1", "posted", ["no grace period"]), "lost probe", ("N→1", "-gp", "lost")),
    (("2→1", "posted", ["early call_rcu"]), "use after free", ("N→1", "early", "freed")),
    (("2→1", "posted", ["no read lock"]), "use after free", ("N→1", "-section", "freed")),
    (("2→1", "posted", ["wrong flavour"]), "use after free", ("N→1", "srcu", "freed")),
    (("1→0", "kit", []), "use after free", ("1→0", {}, "freed")),
    (("1→0", "kit", ["no grace period"]), "use after free", ("1→0", "-gp", "freed")),
    (("1→0→1", "fixed", []), "torn closure", ("A→0→B", {}, "torn")),
    (("1→0→1", "posted", []), "torn closure", ("A→0→B", {}, "torn")),
    (("1→0→1", "posted", ["no grace period"]), "torn closure", ("A→0→B", "-gp", "torn")),
    (("1→0→1", "posted", ["no read lock"]), "torn closure", ("A→0→B", "-section", "torn")),
    (("1→0→1", "posted", ["two"]), "torn closure", ("A→0→B", "posted", "torn")),
    (("1→0→1", "fixed", ["two"]), "torn closure", ("A→0→B", {}, "torn")),
    (("bit-fields", "posted", []), "lost update", ("bit-fields", "posted", "lost")),
    (("bit-fields", "fixed", []), "lost update", ("bit-fields", {}, "lost")),
    (("2→1", "kit", []), "use after free", ("one pointer", {}, "freed")),
    (("2→1", "kit", ["no grace period"]), "use after free", ("one pointer", "-gp", "freed")),
    (("2→1", "kit", ["no read lock"]), "use after free", ("one pointer", "-section", "freed")),
    (("2→1", "kit", ["wrong flavour"]), "use after free", ("one pointer", "srcu", "freed")),
]
UNKNOWN = re.compile(r"cmpxchg|atomic_(?!read|set|xchg)|trylock|is_locked|srcu_down")
SWITCHES = {
    "-gp": {"grace-period": "none"},
    "-section": {"section": "none"},
    "srcu": {"section": "srcu_read_lock"},
    "early": {"grace-period": "call_rcu first"},
}


def explore(test: rcu.Test) -> rcu.Exploration | None:
    """All interleavings; None for what is refused by name: primitives that no marker needs."""
    with contextlib.ExitStack() as stack:
        if UNKNOWN.search(test.source):
            stack.enter_context(pytest.raises(SimulationError, match="cannot be stepped"))
            interleave(test).explore()
            return None
        return interleave(test).explore()


@pytest.mark.parametrize(("machine", "bad", "judged"), PAIRS)
def test_the_transitions_verdicts_agree(
    machine: tuple[str, str, list[str]], bad: str, judged: tuple[str, object, str]
) -> None:
    transition, algorithm, faults = machine
    updaters = 2 if "two" in faults else 1
    own = [fault for fault in faults if fault != "two"]
    explored = explored_once(transition, algorithm, updaters, *own)
    name, switches, question = judged
    case = rcu.case(name)
    chosen = SWITCHES.get(switches, switches) if isinstance(switches, str) else switches
    if isinstance(chosen, dict):
        chosen = case.choices("fixed", **chosen)
    verdict = rcu.judge(case.text(chosen, question), "sc").verdict
    assert (explored.verdict(bad) == "Never") is (verdict == "Never")


def test_both_answers_occur() -> None:
    answers = [
        explored_once(transition, algorithm, 1, *faults).verdict(bad)
        for (transition, algorithm, faults), bad, _ in PAIRS
        if "two" not in faults
    ]
    assert answers.count("Never") > 10
    assert answers.count("Sometimes") > 10


@pytest.mark.parametrize("name", TESTS)
def test_litmus_tests_end_in_the_same_states(name: str) -> None:
    test = rcu.parse(TESTS[name])
    explored = explore(test)
    if explored is not None:
        assert final_states(test, explored) == set(rcu.judge(test, "sc").states)


def test_most_litmus_tests_can_be_stepped() -> None:
    refused = [name for name, text in TESTS.items() if explore(rcu.parse(text)) is None]
    assert len(refused) < len(TESTS) / 3
    assert not set(refused) & set(CASE_STUDY)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded verdicts beside the repository")
def test_recorded_tests_end_in_the_same_states() -> None:
    stepped, refused = 0, []
    for folder in FOLDERS:
        for file in sorted((RECORDED / folder).glob("*.litmus")):
            test = rcu.parse(file)
            explored = explore(test)
            if explored is None:
                refused.append(folder)
                continue
            assert final_states(test, explored) == set(rcu.judge(test, "sc").states), file
            stepped += 1
    assert stepped > 8 * len(refused)
    assert "seed" not in refused
