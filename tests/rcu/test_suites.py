"""The two commands that compare with other checkers: suites of tests, and random tests."""

import os
from pathlib import Path

import pytest

from kit import rcu
from tests.rcu import fuzz, suites
from tests.rcu.reference import Answer, Herd, answer_of

TESTS = {
    "agrees.litmus": "C a {} P0(int *x) { WRITE_ONCE(*x, 1); } exists (x=1)",
    "differs.litmus": "C d {} P0(int *x) { WRITE_ONCE(*x, 1); } exists (x=2)",
    "told.litmus": "C t (* Result: Never *) {} P0(int *x) { } exists (x=2)",
    "stuck.litmus": "C s (* Result: DEADLOCK *) {} P0(spinlock_t *l, int *x) "
    "{ spin_lock(l); spin_lock(l); } exists (x=0)",
    "refused.litmus": "C r {} P0(rwlock_t *x) { } exists (x=2)",
    "thin.litmus": "C o {} P0(int *x, int *y) { int a; a = *x; *y = a; }"
    "P1(int *x, int *y) { int a; a = *y; *x = a; } exists (0:a=7)",
    "silent.litmus": "C n {} P0(int *x) { } exists (x=2)",
    "other.litmus": "X86 n\n{ }\n P0 ;\n exists (x=2)",
}


RACE = (
    "C {name} (* Result: Always DATARACE *) {{}} "
    "P0(int *x) {{ {write} }} P1(int *x) {{ {write} }} exists (x=1)"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in TESTS.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "agrees.litmus.expected").write_text("Test a\nObservation a Always 1 0\n")
    return tmp_path


def test_the_table_of_a_suite(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = folder / "table.csv"
    table.write_text("somewhere/else.litmus,1\ndiffers.litmus,1\n")
    assert suites.main([str(folder), "--expected", str(table)]) == 1
    out = capsys.readouterr().out
    assert "differs.litmus: Never here, expected True" in out
    (total,) = (line.split() for line in out.splitlines() if line.startswith("all "))
    assert total == ["all", "3", "1", "1", "1", "1"]
    assert "1 refused: rwlock_t: rwlock is not part of this dialect" in out
    assert "1 undecided: out of thin air" in out
    assert "7 tests" in out
    table.write_text("differs.litmus,0\n")
    assert suites.main([str(folder), "--expected", str(table)]) == 0
    (folder / "empty").mkdir()
    assert suites.main([str(folder / "empty")]) == 2


def test_an_expected_data_race_is_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, write in (("races", "*x = 1;"), ("marked", "WRITE_ONCE(*x, 1);")):
        (tmp_path / f"{name}.litmus").write_text(RACE.format(name=name, write=write))
    assert suites.main([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "marked.litmus: Always here, expected Always with a data race" in out
    assert "races.litmus" not in out


def test_a_sample_is_the_same_for_the_same_seed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def sample(*more: str) -> str:
        suites.main([str(folder), "--sample", "3", *more])
        out = capsys.readouterr().out
        assert "\n3 tests" in out
        return out[: out.rindex(",")]

    assert sample().startswith("3 of 7, seed 0\n")
    assert sample("--seed", "1") == sample("--seed", "1")
    suites.main([str(folder), "--sample", "99"])
    assert "\n7 tests" in capsys.readouterr().out
    assert suites.main([str(folder), "--minutes", "-1"]) == 2
    assert "stopped after 0 of 7\n" in capsys.readouterr().out


def test_random_tests_are_the_same_for_the_same_seed() -> None:
    """The recorded verdicts are those of these tests: seen to fail when the generator changes."""
    assert fuzz.generate(7) == fuzz.generate(7)
    assert fuzz.generate(7) != fuzz.generate(8)
    text = "".join(fuzz.generate(seed) for seed in range(60))
    for word in ("srcu_read_lock", "rcu_read_lock", "spin_lock", "cmpxchg", "if (", "q[1]",
                 "synchronize_srcu", "smp_mb()", "else", "WRITE_ONCE", "atomic_"):  # fmt: skip
        assert word in text


def test_random_tests_agree_with_recorded_verdicts() -> None:
    """Seen to fail when an unlock of SRCU is a fence, and when `mixed-accesses` is no flag."""
    known = fuzz.recorded()
    results = [fuzz.difference(seed, known[seed]) for seed in sorted(known)[:60]]
    assert [result for result in results if result[0] == "differ"] == []
    assert sum(result[0] == "agree" for result in results) >= 59


def test_the_fuzz_tells_a_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = fuzz.recorded()
    seed = min(known)
    verdict, positive, negative, states, _ = known[seed]
    wrong = {seed: (verdict, positive + 1, negative, states, "no-such-flag")}
    monkeypatch.setattr(fuzz, "recorded", lambda: wrong)
    monkeypatch.setattr(fuzz.Herd, "found", lambda: None)
    assert fuzz.main(["--count", "2", "--seed", str(seed)]) == 1
    out = capsys.readouterr().out
    assert f"seed {seed}: positive {positive} here, {positive + 1} there; flags" in out
    assert "1 differ" in out
    assert "1 without a second verdict" in out


def test_answers_have_one_form() -> None:
    verdict = rcu.judge("C a {p=x;} P0(int *x, int **p) { *x = 1; } exists (x=1 /\\ p=x)")
    state = (("p", "x"), ("x", "1"))
    assert answer_of(verdict) == Answer("Always", 1, 0, frozenset({state}), frozenset())


@pytest.mark.skipif(os.name != "posix", reason="a script stands for the other checker")
def test_one_test_that_takes_the_other_checker_too_long_costs_no_other(tmp_path: Path) -> None:
    """herd7 bounds the time of each test itself, and says nothing of the one that it left."""
    herd = tmp_path / "herd"
    herd.write_text(
        "#!/bin/sh\n"
        'case "$*" in *"-timeout 7 "*) ;; *) exit 2 ;; esac\n'
        'printf "Test n1 Allowed\\nStates 1\\n[x]=0;\\nOk\\nWitnesses\\n"\n'
        'printf "Observation n1 Always 1 0\\n"\n'
    )
    herd.chmod(0o755)
    answers = Herd(str(herd), tmp_path).judge(["C a {}", "C b {}"], seconds=7)
    state = frozenset({(("x", "0"),)})
    assert answers == [None, Answer("Always", 1, 0, state, frozenset())]
