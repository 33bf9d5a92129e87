"""Verdicts on the kit's own tests, under its own models."""

from pathlib import Path

import pytest

from kit import rcu
from tests.rcu.cases import CASE_STUDY, FEATURES, RACES

MODELS = ("lkmm", "alpha", "tso", "sc")
LETTERS = {"N": "Never", "S": "Sometimes", "A": "Always"}


def read(name: str, body: str) -> rcu.Test:
    return rcu.parse(f"C {name}\n{body}\n")


@pytest.mark.parametrize("name", FEATURES)
def test_each_feature_gets_its_verdicts(name: str) -> None:
    expected, body = FEATURES[name]
    found = {model: rcu.judge(read(name, body), model).verdict for model in MODELS}
    assert found == dict(zip(MODELS, (LETTERS[letter] for letter in expected), strict=True))


@pytest.mark.parametrize("name", CASE_STUDY)
def test_the_case_study_gets_its_verdicts(name: str) -> None:
    expected, body = CASE_STUDY[name]
    found = {model: rcu.judge(read(name, body), model).verdict for model in MODELS}
    assert found == dict(zip(MODELS, (LETTERS[letter] for letter in expected), strict=True))


@pytest.mark.parametrize("name", RACES)
def test_data_races_are_flagged(name: str) -> None:
    expected, body = RACES[name]
    assert ("data-race" in rcu.judge(read(name, body)).flags) is expected
    assert "data-race" not in rcu.judge(read(name, body), "sc").flags


@pytest.mark.parametrize("name", [*FEATURES, *CASE_STUDY])
def test_stronger_models_allow_less(name: str) -> None:
    body = (FEATURES | CASE_STUDY)[name][1]
    test = read(name, body)
    states = [set(rcu.judge(test, model).states) for model in ("sc", "tso", "alpha")]
    assert states[0] <= states[1]
    assert set(rcu.judge(test, "lkmm").states) <= states[2]


@pytest.mark.parametrize("name", [*FEATURES, *CASE_STUDY])
def test_stopping_early_gives_the_same_verdict(name: str) -> None:
    test = read(name, (FEATURES | CASE_STUDY)[name][1])
    for model in MODELS:
        full, quick = rcu.judge(test, model), rcu.judge(test, model, states=False)
        assert quick.verdict == full.verdict
        assert full.complete
        assert not quick.complete


@pytest.mark.parametrize("name", [*FEATURES, *CASE_STUDY])
def test_pruning_changes_nothing(name: str) -> None:
    test = read(name, (FEATURES | CASE_STUDY)[name][1])
    # Spelled so that the axioms are not recognised: every candidate goes through the model.
    source = rcu.models.get("lkmm").source
    slow = rcu.models.load(source.replace('include "kernel.cat"', KERNEL), "unpruned")
    assert not slow.coherent
    assert not slow.atomic
    fast = rcu.judge(test)
    full = rcu.judge(test, slow)
    assert (full.verdict, full.states, full.flags) == (fast.verdict, fast.states, fast.flags)


KERNEL = (
    (Path(rcu.models.__file__).parent / "kernel.cat")
    .read_text()
    .replace("acyclic po-loc | com as coherence", "acyclic (po-loc | com)+ as coherence")
    .replace("empty rmw & (fre ; coe) as atomic", "empty (fre ; coe) & rmw as atomic")
)


def test_the_counts_of_a_plain_test() -> None:
    verdict = rcu.judge(read("mp", FEATURES["mp"][1]))
    assert (verdict.positive, verdict.negative) == (1, 3)
    assert verdict.states == {(0, 0): 1, (0, 1): 1, (1, 0): 1, (1, 1): 1}
    assert verdict.test.observed == ("1:a", "1:b")
    assert verdict.holds


def test_quantifiers_hold_or_do_not() -> None:
    assert not rcu.judge(read("not", FEATURES["not"][1])).holds
    assert rcu.judge(read("filter", FEATURES["filter"][1])).holds
    assert not rcu.judge(read("mp", FEATURES["mp-wmb-rmb"][1])).holds
