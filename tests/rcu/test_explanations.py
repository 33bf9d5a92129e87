"""Witnesses, drawings, and why something never happens."""

import xml.etree.ElementTree as ET
from dataclasses import FrozenInstanceError

import pytest

from kit import rcu
from tests.rcu.cases import CASE_STUDY, FEATURES


def judged(name: str, model: str = "lkmm") -> rcu.Verdict:
    return rcu.judge(f"C {name}\n{(FEATURES | CASE_STUDY)[name][1]}", model)


def test_a_witness_shows_the_execution() -> None:
    witness = judged("mp").witness()
    assert witness is not None
    assert dict(witness.final) == {"1:a": 1, "1:b": 0}
    assert [event.text for event in witness.threads()[1]] == [
        "a = READ_ONCE(*y)",
        "b = READ_ONCE(*x)",
    ]
    named = {event.text: event.number for event in witness.events}
    write, read = named["WRITE_ONCE(*y, 1)"], named["a = READ_ONCE(*y)"]
    stale, missed = named["b = READ_ONCE(*x)"], named["WRITE_ONCE(*x, 1)"]
    assert set(witness.relations["rf"]) == {(write, read), (named["x = 0"], stale)}
    assert witness.relations["fr"] == ((stale, missed),)
    assert "rf: " in str(witness)
    with pytest.raises(FrozenInstanceError):
        witness.test = "other"  # type: ignore[misc]


def test_fences_and_dependencies_are_in_the_record() -> None:
    witness = judged("1-2-as-posted").witness()
    assert witness is not None
    assert [event.text for event in witness.fences] == [
        "smp_wmb()",
        "smp_read_barrier_depends()",
    ]
    assert len(witness.relations["addr"]) == 1
    assert witness.relations["ctrl"]


@pytest.mark.parametrize("name", [*FEATURES, *CASE_STUDY])
@pytest.mark.parametrize("model", ["sc", "lkmm"])
def test_every_refusal_is_a_circle_of_known_edges(name: str, model: str) -> None:
    verdict = judged(name, model)
    if verdict.verdict != "Never":
        assert len(verdict.why()) == 0
        return
    for refusal in verdict.why(20):
        assert refusal.axiom in [axiom.name for axiom in verdict.model.axioms]
        assert refusal.steps
        starts = sorted(step.source.number for step in refusal.steps)
        if refusal.axiom != "atomic":
            assert starts == sorted(step.target.number for step in refusal.steps)
        assert "is related to" not in str(refusal)
        ET.fromstring(refusal.execution.svg())


def test_the_circle_of_message_passing() -> None:
    (refusal,) = judged("mp-wmb-rmb").why()
    assert refusal.axiom == "happens-before"
    assert {step.relation for step in refusal.steps} == {"rmb", "fr", "wmb", "rfe"}
    assert "P1's read of x (0) does not see P0's write of x (1) yet" in str(refusal)
    assert refusal.execution.axiom == "happens-before"


def test_a_grace_period_is_counted_against_its_reader() -> None:
    refusals = judged("2-1").why()
    assert [refusal.axiom for refusal in refusals] == ["rcu"]
    assert "ends the critical section that P1's rcu_read_lock() begins" in str(refusals)


def test_coherence_is_the_reason_where_there_is_no_other() -> None:
    refusals = judged("coherence-rr").why()
    assert {refusal.axiom for refusal in refusals} == {"coherence"}


def test_no_more_is_explained_than_asked_for() -> None:
    assert len(judged("fetch-add").why()) > 1
    assert len(judged("fetch-add").why(1)) == 1


def test_what_no_values_can_give_is_said() -> None:
    verdict = rcu.judge("C t {} P0(int *x) { WRITE_ONCE(*x, 1); } exists (x=2)")
    assert "no combination of values" in repr(verdict.why())
    assert "see witness()" in repr(judged("mp").why())


@pytest.mark.parametrize("name", [*FEATURES, *CASE_STUDY])
def test_every_witness_can_be_drawn(name: str) -> None:
    witness = judged(name).witness()
    assert witness is not None
    root = ET.fromstring(witness.svg())
    assert root.get("role") == "img"
    assert "currentColor" in witness.svg()


def test_text_is_escaped_everywhere() -> None:
    test = rcu.parse(
        "C <b>&amp;</b> {} P0(int *x) { int r; if (1 < 2) r = xchg(x, 1 && 1); } exists (x=1)"
    )
    verdict = rcu.judge(test)
    witness = verdict.witness()
    assert witness is not None
    for text in (verdict._repr_html_(), witness.svg(), rcu.matrix(test, ["sc"])._repr_html_()):
        assert "<b>" not in text
        assert "&lt;b&gt;" in text
    ET.fromstring(witness.svg())
    never = rcu.judge(rcu.parse("C <b> {} P0(int *x) { *x = 1; *x = 2; } exists (x=1)"))
    assert "<b>" not in never.why()._repr_html_()
    assert "&lt;b&gt;" in never.why()._repr_html_()


def test_a_verdict_prints_itself() -> None:
    assert repr(judged("mp")) == "<Sometimes under lkmm: mp, 4 states, 1 positive, 3 negative>"
    assert judged("mp")._repr_html_().count("<tr>") == 5
