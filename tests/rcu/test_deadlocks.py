"""Programs that only wait for ever: neither Never nor safe."""

import pytest

from kit import rcu
from kit.rcu.__main__ import main

LOCK_TWICE = "P0(int *u, spinlock_t *k) { spin_lock(k); WRITE_ONCE(*u, 1); spin_lock(k); }"
NEVER_BACK = (
    "P0(int *u, spinlock_t *k) { spin_lock(k); WRITE_ONCE(*u, 1); }"
    "P1(int *v, spinlock_t *k) { spin_lock(k); WRITE_ONCE(*v, 1); }"
)
OWN_READER = (
    "P0(int *u) { rcu_read_lock(); WRITE_ONCE(*u, 1); synchronize_rcu(); rcu_read_unlock(); }"
)
OWN_SRCU = (
    "P0(int *u, struct srcu_struct *s) { int i; i = srcu_read_lock(s); WRITE_ONCE(*u, 1); "
    "synchronize_srcu(s); srcu_read_unlock(s, i); }"
)
GRACE = "P0 waits for a grace period inside its own read-side critical section"


@pytest.mark.parametrize("question", ["exists (u=1)", "~exists (u=1)", "forall (u=1)"])
@pytest.mark.parametrize("model", rcu.models.NAMES)
@pytest.mark.parametrize(
    ("program", "reason"),
    [(LOCK_TWICE, "a lock"), (NEVER_BACK, "a lock"), (OWN_READER, GRACE), (OWN_SRCU, GRACE)],
    ids=["lock twice", "never back", "own reader", "own srcu reader"],
)
def test_it_says_so_and_does_not_look_safe(
    program: str, reason: str, model: str, question: str
) -> None:
    """Seen to fail when the verdict is Never, `holds` true, or `why` blames coherence."""
    test = rcu.parse(f"C d {{}} {program} {question}")
    for states in (True, False):
        verdict = rcu.judge(test, model, states=states)
        assert verdict.verdict == "Deadlock"
        assert not verdict.holds
        assert reason in verdict.reason
        for shown in (repr(verdict), verdict._repr_html_()):
            assert shown.lower().count("deadlock") == 1, "once is enough"
            assert reason in shown
        assert "<table>" not in verdict._repr_html_(), "there is nothing to show in it"
        assert repr(verdict.why()) == verdict.reason
        assert reason in verdict.why()._repr_html_()
        assert verdict.witness() is None
    table = rcu.matrix(test, [model])
    assert "Deadlock" in repr(table)
    assert "⊘ Deadlock" in table._repr_html_()


NOTHING = rcu.models.load("empty id", "nothing")
FORBIDDEN = "no execution: the model forbids all of them"


def reason(program: str, model: str | rcu.models.Model = "lkmm", rest: str = "") -> str:
    places = "int *u, int *v, spinlock_t *k, struct srcu_struct *s, struct srcu_struct *t"
    text = program.replace("() {", f"({places}) {{")
    return rcu.judge(f"C d {{}} {text} {rest} exists (u=1)", model).reason


@pytest.mark.parametrize(
    ("program", "who"),
    [
        ("P0() { spin_lock(k); spin_lock(k); }", "P0 waits"),
        ("P0() { spin_lock(k); } P1() { spin_lock(k); }", "P0 and P1 wait"),
        ("P0() { spin_lock(k); } P1() { *u = 1; } P2() { spin_lock(k); }", "P0 and P2 wait"),
        ("P0() { int r; r = *u; if (r == 0) { spin_lock(k); spin_lock(k); } }", "P0 waits"),
        ("P0() { int r; r = *u; if (r) { r = 1; } else { spin_lock(k); spin_lock(k); } }",
         "P0 waits"),
        ("P0() { int r; r = spin_lock(k); r = spin_lock(k); }", "P0 waits"),
        ("P0() { *u = spin_lock(k); *u = spin_lock(k); }", "P0 waits"),
        ("P0() { *u = 1 + spin_lock(k); *u = 1 + spin_lock(k); }", "P0 waits"),
        ("P0() { *u = -spin_lock(k); *u = -spin_lock(k); }", "P0 waits"),
        ("P0() { WRITE_ONCE(*u, spin_lock(k)); WRITE_ONCE(*u, spin_lock(k)); }", "P0 waits"),
        ("P0() { if (spin_lock(k) == 1) { *u = spin_lock(k) + 1; } }", "P0 waits"),
        ("P0() { if (spin_lock(k)) { if (spin_lock(k)) { *u = 1; } } }", "P0 waits"),
    ],
)  # fmt: skip
def test_locks_are_found_wherever_they_stand(program: str, who: str) -> None:
    """Seen to fail, case by case, when locks were not looked for in branches, assignments, stores,
    conditions and expressions, and when two threads "waits"."""
    assert reason(program) == f"deadlock: {who} for a lock that nobody gives back"


INSIDE = "rcu_read_lock(); synchronize_rcu(); rcu_read_unlock();"
EMPTY = "i = srcu_read_lock(s); srcu_read_unlock(s, i);"
SRCU = "i = srcu_read_lock(s); synchronize_srcu(s); srcu_read_unlock(s, i);"


@pytest.mark.parametrize(
    "body",
    [
        INSIDE,
        SRCU,
        "rcu_read_lock(); rcu_read_lock(); synchronize_rcu(); rcu_read_unlock();",
        "rcu_read_lock(); rcu_read_lock(); rcu_read_unlock(); synchronize_rcu();rcu_read_unlock();",
        f"rcu_read_unlock(); {INSIDE}",
    ],
)
def test_who_waits_inside_waits_for_itself(body: str) -> None:
    """Seen to fail for the third, where the outer section stays open, when depths were counted, and
    for the last, where one is closed that was not open."""
    assert GRACE in reason(f"P0() {{ int i; {body} }}", NOTHING)


@pytest.mark.parametrize(
    "program",
    [
        "P0() { synchronize_rcu(); rcu_read_lock(); rcu_read_unlock(); }",
        "P0() { rcu_read_lock(); rcu_read_unlock(); synchronize_rcu(); }",
        "P0() { synchronize_rcu(); rcu_read_unlock(); }",
        "P0() { rcu_read_lock(); synchronize_rcu(); rcu_read_lock(); rcu_read_unlock(); }",
        "P0() { int i; i = srcu_read_lock(s); synchronize_srcu(t); srcu_read_unlock(s, i); }",
        "P0() { int i; synchronize_srcu(s); i = srcu_read_lock(s); srcu_read_unlock(s, i); }",
        f"P0() {{ int i; {EMPTY} synchronize_srcu(s); {EMPTY} }}",
        f"P0() {{ int r; r = READ_ONCE(*u); if (r) {{ {INSIDE} }} }} P1() {{ WRITE_ONCE(*u, 1); }}",
    ],
)
def test_who_waits_outside_does_not(program: str) -> None:
    """No execution, for another reason. Seen to fail when a wait counted wherever it stands, for
    any domain or section, and when one way through a thread was enough."""
    assert reason(program, NOTHING) == FORBIDDEN


def test_values_that_do_not_fit_together_are_no_filter() -> None:
    """Each thread could come to its end, but not all. Seen to blame the filter, or the model."""
    program = (
        "P0() { int r; r = READ_ONCE(*u); r = 1 / r; }"
        "P1() { int r; r = READ_ONCE(*v);"
        " if (r == 1) { WRITE_ONCE(*u, 1); } else { WRITE_ONCE(*w, 1); } }"
        "P2() { int r; r = READ_ONCE(*w); if (r == 1) { WRITE_ONCE(*v, 1); } }"
    ).replace("() {", "(int *u, int *v, int *w) {")
    for rest in ("", "filter (u=1)"):
        assert "the threads together cannot get to the end" in reason(program, rest=rest)


def test_one_way_round_is_enough() -> None:
    """Two locks in two orders: some interleavings end."""
    test = rcu.parse(
        "C abba {} P0(spinlock_t *k, spinlock_t *l, int *u) { spin_lock(k); spin_lock(l); *u = 1; "
        "spin_unlock(l); spin_unlock(k); }"
        "P1(spinlock_t *k, spinlock_t *l) { spin_lock(l); spin_lock(k); spin_unlock(k); "
        "spin_unlock(l); } exists (u=1)"
    )
    assert rcu.judge(test).verdict == "Always"


def test_other_reasons_for_no_execution_are_no_deadlock() -> None:
    """Seen to fail when every test without an execution is called a deadlock."""
    filtered = rcu.judge("C f {} P0(int *x) { WRITE_ONCE(*x, 1); } filter (x=2) exists (x=1)")
    assert (filtered.verdict, filtered.reason) == ("Never", "no execution passes the filter")
    assert repr(filtered.why()) == filtered.reason
    wild = rcu.judge("C w {} P0(int *x) { int r; r = 1 / 0; } exists (x=1)")
    assert (wild.verdict, "division by zero" in wild.reason) == ("Never", True)
    none = rcu.judge(
        "C n {} P0(int *x) { *x = 1; } exists (x=1)", rcu.models.load("empty co", "no")
    )
    assert (none.verdict, none.reason) == ("Never", "no execution: the model forbids all of them")


def test_another_checkers_never_without_an_execution_is_the_same(tmp_path, capsys) -> None:
    (tmp_path / "d.litmus").write_text(f"C d {{}} {LOCK_TWICE} exists (u=1)")
    table = tmp_path / "verdicts.csv"
    table.write_text("file,model,verdict,states,flags\nd.litmus,lkmm,Never,0,\n")
    assert main([str(tmp_path / "d.litmus"), "--verdicts", str(table)]) == 0
    assert "as recorded" in capsys.readouterr().out
