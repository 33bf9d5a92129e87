"""The case study: verdicts of every row of the table, and what each switch is good for."""

import pytest

from kit import rcu
from kit.errors import LitmusError
from kit.rcu.cases import NAMES
from kit.rcu.cases.parts import KINDS

MODELS = ("lkmm", "alpha", "tso", "sc")
LETTERS = {"N": "Never", "S": "Sometimes"}

# Case, what differs from the fixed algorithm, question, verdicts under MODELS.
TABLE = [
    ("0→1", {}, "torn", "NNNN"),
    ("0→1", {"write-barrier": "none"}, "torn", "SSNN"),
    ("0→1", {"second-read-barrier": "none"}, "torn", "SSNN"),
    ("0→1", {"first-read-barrier": "none"}, "torn", "NNNN"),
    ("0→1", {"write-barrier": "barrier"}, "torn", "SSNN"),  # for the compiler only
    ("1→2", {}, "stale", "NNNN"),
    ("1→2", {}, "uninitialised", "NNNN"),
    ("1→2", {}, "freed", "NNNN"),
    ("1→2", "posted", "stale", "SSNN"),
    ("1→2", "posted", "freed", "SSNN"),
    ("1→2", "posted", "uninitialised", "NSNN"),
    ("1→2", {"write-barrier": "none"}, "stale", "SSNN"),
    ("1→2", {"publish": "WRITE_ONCE"}, "uninitialised", "NNNN"),
    ("N→N+1", {"publish": "WRITE_ONCE"}, "uninitialised", "SSNN"),
    ("N→N+1", {"dependent-barrier": "none"}, "uninitialised", "NSNN"),
    ("N→N+1", {"grace-period": "none"}, "freed", "SSSS"),
    ("N→1", {}, "freed", "NNNN"),
    ("N→1", {"grace-period": "none"}, "freed", "SSSS"),
    ("N→1", {"grace-period": "smp_mb"}, "freed", "SSSS"),
    ("N→1", {"section": "srcu_read_lock"}, "freed", "SSSS"),
    ("N→1", {"section": "none"}, "freed", "SSSS"),
    ("N→1", {"grace-period": "call_rcu"}, "freed", "NNNN"),
    ("N→1", {"grace-period": "call_rcu first"}, "freed", "SSSS"),
    ("N→1", {"array-read-barrier": "none"}, "freed", "NNNN"),
    ("N→1", {}, "lost", "NNNN"),
    ("N→1", {"first-read-barrier": "none"}, "lost", "SSNN"),
    ("N→1", {"second-write-barrier": "none"}, "lost", "SSNN"),
    ("N→1", {}, "torn", "NNNN"),
    ("1→0", {}, "freed", "NNNN"),
    ("1→0", {"grace-period": "none"}, "freed", "SSSS"),
    ("A→0→B", {}, "torn", "NNNN"),
    ("A→0→B", {"grace-period": "none"}, "torn", "SSSS"),
    ("A→0→B", {"section": "none"}, "torn", "SSSS"),
    ("A→0→B", "posted", "torn", "SSSS"),
    ("A→0→B", {}, "crossed", "NNNN"),
    ("bit-fields", "posted", "lost", "SSSS"),
    ("bit-fields", {}, "lost", "NNNN"),
    ("oldptr", "posted", "freed", "SSNN"),
    ("oldptr", {"callback-barrier": "none", "write-pending": "smp_store_release"}, "freed", "NNNN"),
    ("one pointer", "kit", "uninitialised", "NNNN"),
    ("one pointer", "kit", "freed", "NNNN"),
    ("one pointer", {"grace-period": "none"}, "freed", "SSSS"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "choices", "question", "expected"), TABLE)
def test_the_table_of_the_case_study(
    name: str, choices: str | dict[str, str], question: str, expected: str
) -> None:
    case = rcu.case(name)
    found = {model: case.judge(choices, question, model).verdict for model in MODELS}
    assert found == dict(zip(MODELS, (LETTERS[letter] for letter in expected), strict=True))
    table = case.matrix(choices)
    assert {model: table[question, model].verdict for model in MODELS} == found


@pytest.mark.parametrize("name", NAMES)
def test_the_fixed_algorithm_has_no_bad_state_and_no_race(name: str) -> None:
    for row in rcu.case(name).matrix("fixed").rows:
        assert {(each.verdict, each.flags) for each in row.verdicts} == {("Never", ())}


@pytest.mark.parametrize("name", NAMES)
def test_without_anything_every_bad_state_happens(name: str) -> None:
    table = rcu.case(name).matrix("bare", ["lkmm"])
    assert {row.verdicts[0].verdict for row in table.rows} == {"Sometimes"}


@pytest.mark.parametrize("name", NAMES)
def test_every_option_makes_a_test_that_can_be_judged(name: str) -> None:
    case = rcu.case(name)
    assert len({switch.name for switch in case.switches}) == len(case.switches)
    for switch in case.switches:
        assert switch.kind in KINDS
        governed = [line for line in case.lines if line.switch == switch.name]
        assert governed, switch.name
        for option in switch.options:
            assert len(option.codes) > max(line.part for line in governed)
            for question in case.questions:
                text = case.text({switch.name: option.name}, question.name)
                assert rcu.parse(text).source == text
                rcu.judge(text, states=False)


def test_a_switch_changes_its_line_and_no_other() -> None:
    case = rcu.case("0→1")
    before = case.text("fixed").splitlines()
    after = case.text({"write-barrier": "none"}).splitlines()
    assert [line for line in before if line not in after] == ["    smp_wmb();"]
    assert len(before) == len(after) + 1
    # The line stays where it was, without code, for a board to show.
    assert [code for line, code in case.code("bare") if line.switch == "write-barrier"] == [""]


def test_marks_matter_to_the_race_detector() -> None:
    case = rcu.case("0→1")
    assert case.judge({"write-func": "plain"}).flags == ("data-race",)
    assert case.judge("fixed").flags == ()


def test_choices_start_anywhere_and_name_their_mistakes() -> None:
    case = rcu.case("N->1")
    assert case is rcu.case("N→1") is rcu.case(case)
    chosen = case.choices("bare", grace_period="call_rcu")
    assert chosen["grace-period"] == "call_rcu"
    assert chosen["write-barrier"] == "none"
    assert chosen["read-multi"] == "READ_ONCE"
    assert case.choices(chosen) == chosen
    for wrong, culprit in (
        (lambda: rcu.case("2→3"), "2→3"),
        (lambda: case.choices("broken"), "broken"),
        (lambda: case.choices({"fence": "none"}), "fence"),
        (lambda: case.choices(write_barrier="smp_rmb"), "smp_rmb"),
        (lambda: case.text("fixed", "slow"), "slow"),
    ):
        with pytest.raises(LitmusError, match=culprit):
            wrong()


def test_a_case_prints_what_can_be_chosen() -> None:
    printed = str(rcu.case("N→1"))
    for word in ("grace-period", "call_rcu first", "lost", "presets: posted, fixed, bare"):
        assert word in printed
