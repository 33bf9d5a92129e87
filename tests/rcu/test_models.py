"""Models as text: the language, its errors, and what changes when a model does."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import rcu
from kit.errors import LitmusError
from kit.rcu._cat.relations import Space
from tests.rcu.cases import FEATURES

MP = "C mp\n" + FEATURES["mp-wmb-rmb"][1]
SB = "C sb\n" + FEATURES["sb"][1]
CORR = "C corr\n" + FEATURES["coherence-rr"][1]


def verdict(source: str, test: str = MP) -> str:
    return rcu.judge(test, rcu.models.load(source, "mine")).verdict


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("acyclic po | rf | co | fr as sc", "Never"),
        ("let com = rf | co | fr let hb = po | com acyclic hb", "Never"),
        ("irreflexive (po | rf | co | fr)+", "Never"),
        ("empty (po | rf | co | fr)^+ & id", "Never"),
        ("let rec hb = po | rf | co | fr | (hb ; hb) irreflexive hb", "Never"),
        ("let rec a = po | b and b = rf | co | fr | (a ; a) | (a ; b) irreflexive a ; a", "Never"),
        ("let keep(r, S) = [S] ; r ; [S] acyclic keep(po, M) | com", "Never"),
        ("let twice(r) = r ; r let four(r) = twice(twice(r)) empty four(rf)", "Sometimes"),
        ("acyclic (po & (R * R)) | (po & (W * W)) | com", "Never"),
        ("acyclic po & (F * F) | com", "Sometimes"),
        ("let f = fencerel(Wmb) | fencerel(Rmb) acyclic f | rfe | fre", "Never"),
        ("acyclic fencerel(Wmb) | com", "Sometimes"),
        ("empty domain(rf) & range(rf)", "Sometimes"),
        ("empty [R] ; rf^-1 ; [IW] ; co ; rf ; [R] ; po", "Sometimes"),
        ("acyclic ~(~po) | com", "Never"),
        ("acyclic if \"strong\" then po | com else 0", "Sometimes"),
        ("~empty rf", "Sometimes"),
        ("~empty 0", "Never"),
        ("empty different-values(po) & (R * R) & {}", "Sometimes"),
        ("empty loc & ext & po", "Sometimes"),
    ],
)  # fmt: skip
def test_the_language_means_what_it_says(source: str, expected: str) -> None:
    assert verdict(source) == expected


def test_variants_choose() -> None:
    source = 'acyclic (if "strong" then po else po-loc) | com'
    assert rcu.judge(MP, rcu.models.load(source, variants=("strong",))).verdict == "Never"
    assert rcu.judge(MP, rcu.models.load(source)).verdict == "Sometimes"


def test_flags_warn_without_forbidding() -> None:
    found = rcu.judge(MP, rcu.models.load("flag ~empty rfe as seen\nflag ~empty rmw as never"))
    assert found.flags == ("seen",)
    assert found.verdict == "Sometimes"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("acyclic po |", "expected a set or a relation here, found the end"),
        ("acyclic nothing", "nothing is not defined"),
        ("acyclic po | R", "a set on one side"),
        ("acyclic R", r"\[S\] turns a set into a relation"),
        ("acyclic R ; po", "a relation is needed"),
        ("acyclic [po]", "a set is needed"),
        ("acyclic f(po)", "f is not a function"),
        ("let f(a, b) = a acyclic f(po)", "f takes 2 arguments, not 1"),
        ("let f(a) = a acyclic f", "give it an argument"),
        ("acyclic domain", "give it an argument"),
        ("let rec f(a) = a acyclic po", "recursive functions"),
        ('include "nowhere.cat"', "no file 'nowhere.cat'"),
        ('include "../lkmm.cat"', "plain file name"),
        ("with co from f(x)", "does not start a statement"),
        ("flag empty rf", "a flag needs a name"),
        ("acyclic (po", "expected \\) here"),
        ("acyclic po $", "unexpected character"),
        ("let 5 = po", "unexpected character"),
        ("(* open", "never closed"),
    ],
)
def test_errors_say_what_and_where(source: str, message: str) -> None:
    with pytest.raises(LitmusError, match=message) as caught:
        rcu.models.load(source, "mine")
    assert str(caught.value).startswith("mine, line 1, column ")


def test_an_axiom_switched_off_lets_more_happen() -> None:
    lkmm = rcu.models.get("lkmm")
    assert rcu.judge(MP, lkmm).verdict == "Never"
    assert rcu.judge(MP, lkmm.without("happens-before", "executes-before")).verdict == "Sometimes"
    assert rcu.judge(CORR, lkmm).verdict == "Never"
    loose = lkmm.without("coherence")
    assert not loose.coherent
    assert rcu.judge(CORR, loose).verdict == "Sometimes"
    assert repr(loose).startswith("<model lkmm without coherence")
    with pytest.raises(LitmusError, match=r"no axiom 'sc'; it has .*happens-before"):
        lkmm.without("sc")


def test_atomicity_switched_off_lets_updates_get_lost() -> None:
    test = "C t\n" + FEATURES["fetch-add"][1]
    assert rcu.judge(test, rcu.models.get("sc").without("atomic")).verdict == "Sometimes"


def test_a_model_from_a_file_finds_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "part.cat").write_text("let hb = po | com")
    (tmp_path / "mine.cat").write_text(
        '"My SC"\ninclude "part.cat"\ninclude "fences.cat"\nacyclic hb'
    )
    model = rcu.models.load(str(tmp_path / "mine.cat"))
    assert (model.name, model.title) == ("mine", "My SC")
    assert rcu.judge(SB, model).verdict == "Never"
    with pytest.raises(LitmusError, match="cannot read"):
        rcu.models.load(tmp_path / "other.cat")


def test_a_kernel_model_can_be_built_from_the_kits_parts() -> None:
    source = rcu.models.get("lkmm").source.replace("| (from-address ; [Plain] ; wmb)", "")
    assert verdict(source) == "Never"


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(LitmusError, match="no model 'arm'; there are sc, tso, alpha, lkmm"):
        rcu.judge(MP, "arm")


EDGES = st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)))


@given(EDGES, EDGES)
def test_relations_behave_like_sets_of_pairs(first: set, second: set) -> None:
    space = Space(5)
    a, b = space.relation(first), space.relation(second)
    composed = {(i, k) for i, j in first for m, k in second if j == m}
    assert set(space.edges(space.compose(a, b))) == composed
    assert set(space.edges(space.inverse(a))) == {(j, i) for i, j in first}
    closure = set(first)
    while more := {(i, k) for i, j in closure for m, k in closure if j == m} - closure:
        closure |= more
    assert set(space.edges(space.closure(a))) == closure
    assert space.acyclic(a) is not any(i == j for i, j in closure)
    assert set(space.edges(space.rows(space.domain(a)) & space.columns(space.range(a)))) == {
        (i, j) for i in {i for i, _ in first} for j in {j for _, j in first}
    }
    cycle = space.cycle(a)
    assert bool(cycle) is not space.acyclic(a)
    assert all(edge in first for edge in zip(cycle, cycle[1:] + cycle[:1], strict=True))


@pytest.mark.parametrize(
    ("before", "between", "verdict"),
    [
        ("WRITE_ONCE(*x, 1);", "", "Sometimes"),
        ("WRITE_ONCE(*x, 1); i = srcu_read_lock(s); srcu_read_unlock(s, i);", "", "Never"),
        ("i = srcu_read_lock(s); srcu_read_unlock(s, i);", "WRITE_ONCE(*x, 1);", "Sometimes"),
    ],
)
@pytest.mark.parametrize("model", ["tso", "lkmm"])
def test_the_fence_after_an_srcu_section_needs_the_section(before, between, verdict, model):
    """Red where it orders by itself, or what stands between the two."""
    text = f"""C srcu-fence
{{}}
P0(int *x, int *y, struct srcu_struct *s)
{{ int i; int r; {before} {between} smp_mb__after_srcu_read_unlock(); r = READ_ONCE(*y); }}
P1(int *x, int *y) {{ int r; WRITE_ONCE(*y, 1); smp_mb(); r = READ_ONCE(*x); }}
exists (0:r=0 /\\ 1:r=0)"""
    assert rcu.judge(rcu.parse(text), model).verdict == verdict


@pytest.mark.parametrize(
    ("model", "verdict"),
    [("sc", "Never"), ("tso", "Never"), ("alpha", "Sometimes"), ("lkmm", "Sometimes")],
)
def test_a_constant_out_of_thin_air_is_tried(model, verdict):
    """Red where only values are tried that some execution writes without having read them."""
    text = """C thin-air
{}
P0(int *a, int *b)
{ int v; v = 2; if (READ_ONCE(*a) != 2) v = 0; WRITE_ONCE(*b, v); }
P1(int *a, int *b) { int w; w = READ_ONCE(*b); WRITE_ONCE(*a, w); }
exists (1:w=2)"""
    assert rcu.judge(rcu.parse(text), model).verdict == verdict


def test_a_constant_that_nobody_can_write_is_not_seen():
    """Red where what is supposed is not dropped again."""
    text = """C no-thin-air
{}
P0(int *a, int *b)
{ int v; v = 2; if (READ_ONCE(*a) == 2) v = 3; WRITE_ONCE(*b, 1); }
exists (b=2 \\/ 0:v=3)"""
    verdict = rcu.judge(rcu.parse(text), "lkmm")
    assert (verdict.verdict, len(verdict.states)) == ("Never", 1)


@pytest.mark.parametrize(("read", "verdict"), [("*x", "Sometimes"), ("READ_ONCE(*x)", "Never")])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_section_does_not_bound_a_plain_read(when, read, verdict):
    """Red where a plain read counts as ordered by the section and the grace period around it.

    The kernel's model orders a plain write in that way, but a read only if it is marked.
    """
    before = f"""C before {{}}
P0(int *x, int *y)
{{ int a; rcu_read_lock(); WRITE_ONCE(*y, 2); a = {read}; rcu_read_unlock(); }}
P1(int *x, int *y) {{ WRITE_ONCE(*x, 1); smp_mb(); WRITE_ONCE(*y, 3); }}
P2(int *y) {{ int b; b = READ_ONCE(*y); synchronize_rcu(); WRITE_ONCE(*y, 1); }}
exists (0:a=0 /\\ 2:b=3 /\\ y=2)"""
    after = f"""C after {{}}
P0(int *x, int *y)
{{ int a; int b; rcu_read_lock(); a = {read}; b = READ_ONCE(*y); rcu_read_unlock(); }}
P1(int *y, int *z) {{ WRITE_ONCE(*y, 1); synchronize_rcu(); WRITE_ONCE(*z, 1); }}
P2(int *x, int *z) {{ int c; c = READ_ONCE(*z); smp_mb(); WRITE_ONCE(*x, 1); }}
exists (0:a=1 /\\ 0:b=0 /\\ 2:c=1)"""
    judged = rcu.judge({"before": before, "after": after}[when], "lkmm")
    assert judged.verdict == verdict
    assert ("data-race" in judged.flags) is (read == "*x")


def test_what_the_fence_after_an_unlock_and_a_lock_orders_is_before_the_unlock():
    """Red where the unlock itself is ordered, too: herd7 finds four executions, not three."""
    text = """C handed-over
{}
P0(spinlock_t *l) { spin_lock(l); spin_unlock(l); }
P1(int *x, spinlock_t *l) { spin_lock(l); smp_mb__after_unlock_lock(); WRITE_ONCE(*x, 1); }
P2(int *x, spinlock_t *l)
{ int a; int b; a = xchg_acquire(x, 1); if (a != 0) { b = spin_is_locked(l); } }
exists (2:a=2)"""
    verdict = rcu.judge(rcu.parse(text), "lkmm")
    assert (verdict.positive, verdict.negative) == (0, 4)
