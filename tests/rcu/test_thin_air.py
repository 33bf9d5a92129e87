"""Values out of thin air: where a model has no rule against them, and never a false reason."""

import pytest

from kit import rcu
from kit.errors import LitmusError
from kit.rcu._checker.thin_air import circles
from kit.rcu._checker.traces import traces
from kit.rcu._litmus.syntax import Thin
from kit.rcu.limits import Deadline


def buffering(first: str, second: str, question: str, initial: str = "") -> rcu.Test:
    return rcu.parse(
        f"C thin {{{initial}}} P0(int *x, int *y) {{ int a; {first} }}"
        f"P1(int *x, int *y) {{ int b; {second} }} {question}"
    )


PLAIN = ("a = *x; *y = a;", "b = *y; *x = b;")
MARKED = ("a = READ_ONCE(*x); WRITE_ONCE(*y, a);", "b = READ_ONCE(*y); WRITE_ONCE(*x, b);")


@pytest.mark.parametrize(
    ("model", "verdict"),
    [("lkmm", "Sometimes"), ("alpha", "Sometimes"), ("tso", "Never"), ("sc", "Never")],
)
def test_plain_accesses_hand_a_value_round(model: str, verdict: str) -> None:
    """Seen to fail when only values are tried that somebody makes."""
    found = rcu.judge(buffering(*PLAIN, "exists (~0:a=0)"), model)
    assert found.verdict == verdict
    thin = [state for state in found.states if any(isinstance(value, Thin) for value in state)]
    assert len(thin) == (verdict == "Sometimes")


@pytest.mark.parametrize("question", ["exists (0:a=42 /\\ 1:b=42)", "~exists (x=7)"])
def test_which_value_it_is_nothing_says(question: str) -> None:
    """Seen to fail when a symbol is taken for a number that it is not."""
    found = rcu.judge(buffering(*PLAIN, question))
    assert found.verdict == "Undecided"
    assert "out of thin air" in repr(found)
    assert "out of thin air" in repr(found.why())
    assert "out of thin air" in found._repr_html_()
    assert not found.holds
    witness = found.witness()
    assert witness is not None
    assert "thin-air" in str(witness)
    quick = rcu.judge(buffering(*PLAIN, question), states=False)
    assert quick.verdict == "Undecided"


def test_a_symbol_equals_itself() -> None:
    """Seen to fail when nothing is known of a value out of thin air, not even that."""
    assert rcu.judge(buffering(*PLAIN, "locations [x; y;] exists (0:a=1:b)")).verdict == "Always"


@pytest.mark.parametrize("model", ["lkmm", "alpha", "tso", "sc"])
def test_marked_accesses_do_not_and_the_reason_is_their_order(model: str) -> None:
    """Seen to fail when the reason is that no values fit, which is not so."""
    found = rcu.judge(buffering(*MARKED, "exists (0:a=42)"), model)
    assert found.verdict == "Never"
    assert "takes its value from" in repr(found.why())


def test_what_is_computed_on_the_way_is_not_known_to_exist() -> None:
    """Seen to fail when a value that grows with each round is said to be there, or not to be."""
    found = rcu.judge(buffering("a = *x; *y = a + 1;", "b = *y; *x = b;", "exists (0:a=5)"))
    assert found.verdict == "Undecided"
    found = rcu.judge(buffering("a = *x; if (a > 1) *y = a;", "b = *y; *x = b;", "exists (0:a=42)"))
    assert found.verdict == "Undecided"
    for first in ("a = *x; if (a == 42) *y = a;", "a = *x; *y = a | 42;"):
        found = rcu.judge(buffering(first, "b = *y; *x = b;", "exists (0:a=42)"))
        assert found.verdict == "Undecided"
    marked = rcu.judge(
        buffering("a = READ_ONCE(*x); WRITE_ONCE(*y, a + 1);", MARKED[1], "exists (0:a=5)")
    )
    assert marked.verdict == "Never"


def test_constants_behind_branches_that_only_they_open() -> None:
    """Seen to fail when constants that are stored as they are are not tried."""
    found = rcu.judge(
        buffering("a = *x; if (a == 1) *y = 1;", "b = *y; if (b == 1) *x = 1;", "exists (0:a=1)")
    )
    assert found.verdict == "Sometimes"
    marked = buffering(
        "a = READ_ONCE(*x); if (a == 1) WRITE_ONCE(*y, 1);",
        "b = READ_ONCE(*y); if (b == 1) WRITE_ONCE(*x, 1);",
        "exists (0:a=1)",
    )
    assert rcu.judge(marked).verdict == "Never"
    assert "happens-before" in repr(rcu.judge(marked).why())


def test_each_circle_is_counted_once() -> None:
    """Seen to fail when a circle is met once for each read that it could begin with."""
    alone = rcu.judge(buffering(*PLAIN, "exists (0:a=0)"))
    assert sum(alone.states.values()) == alone.positive + alone.negative
    assert alone.negative == 1
    assert alone.positive == 3
    watched = rcu.parse(
        "C watched {} P0(int *x, int *y, int *z) { int a; a = READ_ONCE(*z); }"
        "P1(int *x, int *y, int *z) { int a; a = *x; *y = a; *z = a; }"
        "P2(int *x, int *y) { int b; b = *y; *x = b; } exists (~0:a=0)"
    )
    assert rcu.judge(watched).positive == 1
    two = rcu.parse(
        "C two {} P0(int *x, int *y) { int a; a = *x; *y = a; }"
        "P1(int *x, int *y) { int a; a = *y; *x = a; }"
        "P2(int *v, int *w) { int a; a = *v; *w = a; }"
        "P3(int *v, int *w) { int a; a = *w; *v = a; }"
        "exists (~0:a=0 /\\ ~2:a=0)"
    )
    verdict = rcu.judge(two)
    assert verdict.positive == 1
    assert len(verdict.states) == 4


def test_a_copy_in_one_thread_makes_nothing() -> None:
    """Unless there is no coherence. Seen to fail when one thread was never thought enough."""
    test = rcu.parse("C one {} P0(int *x) { int a; a = *x; *x = a; } exists (~0:a=0)")
    assert rcu.judge(test).verdict == "Never"
    anything = rcu.models.load("acyclic co as order", name="anything")
    assert rcu.judge(test, anything).verdict == "Sometimes"


def test_a_bound_that_hides_a_circle_is_told() -> None:
    """Seen to fail (Never, without a word) when the error was kept back for plain accesses, too,
    and, for marked ones, when it was not: their order rules circles out anyway.
    """
    few = rcu.Limits(traces=2)
    with pytest.raises(LitmusError, match="ways through"):
        rcu.judge(buffering(*PLAIN, "exists (0:a=42)"), limits=few)
    assert rcu.judge(buffering(*MARKED, "exists (0:a=42)"), limits=few).verdict == "Never"


def test_only_what_is_in_a_circle_begins_one() -> None:
    """Seen to fail when each read counted that a value is computed from, and when the number that
    a section of SRCU hands to its end counted as a value.
    """
    aside = rcu.parse(
        "C aside {} P0(int *x, int *y, int *z) { int a; int c; a = *x; c = *z; *y = a + c; }"
        "P1(int *x, int *y) { int b; b = *y; *x = b; } exists (0:a=1)"
    )
    body = "{ int i; i = srcu_read_lock(s); srcu_read_unlock(s, i); }"
    srcu = rcu.parse(
        f"C srcu {{}} P0(struct srcu_struct *s) {body} P1(struct srcu_struct *s) {body}"
        "exists (0:i=1)"
    )
    deadline = Deadline(rcu.Limits(), "circles")
    found = circles(aside, traces(aside, deadline), deadline)
    assert found is not None
    assert found.sources == {(0, 0), (1, 0)}
    assert circles(srcu, traces(srcu, deadline), deadline) is None
