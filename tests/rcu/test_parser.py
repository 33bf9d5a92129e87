"""Reading litmus tests: what is understood, and what is refused with its place."""

from pathlib import Path

import pytest

from kit import rcu
from kit.errors import KitError, LitmusError
from kit.rcu._litmus.parser import parse


def refused(body: str, header: str = "C t\n") -> str:
    with pytest.raises(LitmusError) as caught:
        parse(header + body)
    return str(caught.value)


def test_an_error_points_at_its_place() -> None:
    text = refused("{}\nP0(int *x)\n{\n\tREAD_TWICE(*x);\n}\nexists (x=1)\n")
    head, line, caret = text.splitlines()
    assert head == "t, line 5, column 2: READ_TWICE() is not a primitive that this dialect knows"
    assert line == "     READ_TWICE(*x);"
    assert caret.index("^") == line.index("R")
    assert issubclass(LitmusError, KitError)
    assert issubclass(LitmusError, ValueError)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("while (1) { }", "loops are not part"),
        ("for (;;) { }", "loops are not part"),
        ("do { } while (1);", "loops are not part"),
        ("goto out;", "jumps"),
        ("return;", "runs to its end"),
        ("int a[2];", "arrays are not part"),
        ("int x;", "parameter of this thread"),
        ("r = s->next;", "fields of structures"),
        ("r = x ? 1 : 2;", "if and else"),
        ("x = 1;", "only registers and"),
        ("WRITE_ONCE(*x);", "takes 2 arguments, not 1"),
        ("WRITE_ONCE(x, 1);", "write WRITE_ONCE(*x)"),
        ("r = ;", "expected an expression"),
        ("r = 1", "expected ; here, found '}'"),
        ("r = true;", "write 1 or 0"),
        ("r = 123456789012345678901234567890;", "64 bits"),
        ("r = 1 # 2;", "unexpected character '#'"),
        ("/* never closed", "never closed"),
    ],
)
def test_what_is_not_of_the_dialect_is_refused(statement: str, message: str) -> None:
    assert message in refused(f"{{}} P0(int *x) {{ {statement} }} exists (x=1)")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "expected {"),
        ("{", "expected a location"),
        ("{} exists (x=1)", "expected a thread"),
        ("{} P1(int *x) { } exists (x=1)", "expected P0"),
        ("{} P0(int *x) { ", "a } is missing"),
        ("{} P0(int *x) { }", "expected exists"),
        ("{} P0(int *x) { } exists", "expected a location"),
        ("{} P0(int *x) { } exists (y=1)", "neither a location nor a register"),
        ("{} P0(int *x) { } exists (0:r=1)", "P0 has no register r"),
        ("{} P0(int *x) { } exists (3:r=1)", "no thread P3"),
        ("{} P0(int *x) { } exists (x=y)", "no location y"),
        ("{} P0(int *x) { } exists (x=1) more", "should end here"),
        ("{} P0(int *x) { } exists (x=1 => x=2)", "write ~(a)"),
        ("{} P0(int *x) { } exists (P3:r=1)", "no thread P3"),
        ("forgotten\nP0(int *x) { } exists (x=1)", "line 3, column 1: expected { and the initial"),
        ("(* never closed {} P0(int *x) { } exists (x=1)", "never closed"),
        ("{int x[0];} P0(int *x) { } exists (x=1)", "an array has 1 to 512 elements"),
        ("{int x[2]={1,2,3};} P0(int *x) { } exists (x=1)", "3 values for 2 elements"),
        ("{int x[2];} P0(int *x) { } exists (x[2]=1)", "x has no element of this number"),
        ("{} P0(int *x) { } exists (x->a=1)", "fields of structures"),
        ("{} P0(foo_t *x) { } exists (x=1)", "foo_t is not a type"),
        ("{foo_t x;} P0(int *x) { } exists (x=1)", "foo_t is not a type"),
        ("{} P0(int *x) { foo_t y; } exists (x=1)", "foo_t is not a type"),
    ],
)
def test_a_test_without_its_parts_is_refused(body: str, message: str) -> None:
    assert message in refused(body)


def test_something_else_altogether_is_refused() -> None:
    assert "starts with C and its name" in refused("", header="X86 mp\n{}")


def test_comments_of_both_kinds_and_headers_are_skipped() -> None:
    test = parse(
        'C t\n"Rfe PodRR"\nCycle=Rfe\n(* one (* two *) { *)\n{ x=1; (* three *) }\n'
        "P0(int *x) { int a; // four\n a = READ_ONCE(*x); /* five */ if (*x == 1) a = 2; }\n"
        "(* six *) exists (0:a=2)"
    )
    assert test.initial == {"x": 1}
    assert rcu.judge(test).verdict == "Always"


def test_prose_between_the_name_and_the_initial_state_is_skipped() -> None:
    prose = "P1 publishes, (* see below *) and so on;"
    test = parse(f"C t\n{prose}\n{{ x=1; }}\nP0(int *x) {{}} exists (x=1)")
    assert test.initial == {"x": 1}


def test_registers_may_come_from_the_initial_state_or_the_list_alone() -> None:
    test = parse(
        "C t { int 0:r1 = y; } P0(int *x, int *y) { WRITE_ONCE(*x, r1); }"
        "locations [0:r1; P0:r9; x] exists (x=y /\\ P0:r1=y)"
    )
    verdict = rcu.judge(test)
    assert verdict.test.observed == ("x", "0:r1", "0:r9")
    assert verdict.states == {("y", "y", 0): 1}


def test_initial_states_in_all_their_forms() -> None:
    test = parse(
        "C t {int x=-1; int *p=&x; q=x; atomic_t a = ATOMIC_INIT(3); [z]=4; spinlock_t l; 0:r=x;}"
        "P0(int *x) { int r; } exists (p=x /\\ 0:r=x)"
    )
    assert test.initial == {"x": -1, "p": "x", "q": "x", "a": 3, "z": 4, "0:r": "x"}
    assert rcu.judge(test).verdict == "Always"


def test_files_are_read_and_named_when_they_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / "t.litmus"
    path.write_text("C t {} P0(int *x) { *x = 1; } exists (x=1)")
    assert parse(path).name == parse(str(path)).name == "t"
    with pytest.raises(LitmusError, match=r"cannot read .*missing.litmus: No such file"):
        parse(tmp_path / "missing.litmus")


def test_registers_need_a_declaration_or_a_value() -> None:
    with pytest.raises(LitmusError, match="s is neither a register nor a parameter of P0"):
        rcu.judge("C t {} P0(int *x) { int r; r = s; } exists (0:r=1)")


def test_addresses_are_not_numbers() -> None:
    with pytest.raises(LitmusError, match="an address can be compared"):
        rcu.judge("C t {} P0(int *x) { int r; r = x * 2; } exists (0:r=1)")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("1 << 4 | 1", 17),
        ("(1 < 2) + (2 <= 2) + (3 > 2) + (2 >= 3)", 3),
        ("!5 + ~0", -1),
        ("1 && 0 || 1", 1),
        ("0x10 ^ 1", 17),
        ("2 + 3 * 4", 14),
        ("(x == x) + (x != 0)", 2),
        ("9223372036854775807 + 1", -9223372036854775808),
    ],
)
def test_expressions_are_those_of_c(expression: str, value: int) -> None:
    test = f"C t {{}} P0(int *x) {{ int r; r = {expression}; }} exists (0:r={value})"
    assert rcu.judge(test).verdict == "Always"


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("atomic_int *x) {", "atomic_int: C11 atomics"),
        ("_Atomic int *x) {", "_Atomic: C11 atomics"),
        ("_Atomic(int) *x) {", "_Atomic: C11 atomics"),
        ("int *x) { *x++;", "++ binds closer than *"),
        ("int *x) { int a = atomic_load_explicit(x, memory_order_acquire);", "C11 atomics"),
        ("int *x) { atomic_store(x, 1);", "atomic_store(): C11 atomics"),
        ("int *x) { int a; atomic_compare_exchange_strong(x, &a, 1);", "C11 atomics"),
        ("int *x) { atomic_thread_fence(memory_order_seq_cst);", "C11 atomics"),
        ("int *x, rwlock_t *k) {", "rwlock_t: rwlock"),
        ("int *x) { read_lock(x);", "read_lock(): rwlock"),
        ("int *x) { write_unlock_irqrestore(x, 1);", "rwlock"),
        ("int *x, struct rw_semaphore *k) {", "rw_semaphore"),
        ("int *x) { down_read(x);", "down_read(): rw_semaphore"),
        ("int *x, seqcount_t *k) {", "seqcount_t: seqcount"),
        ("int *x, seqlock_t *k) {", "seqlock_t: seqcount and seqlock"),
        ("int *x) { int s; s = read_seqcount_begin(x);", "read_seqcount_begin(): seqcount"),
        ("int *x) { write_sequnlock(x);", "write_sequnlock(): seqcount"),
        ("int *x) { int s; s = read_seqretry(x, 1);", "read_seqretry(): seqcount"),
        ("int *x) { call_rcu(x, 0);", "call_rcu(): deferred callbacks"),
        ("int *x) { call_srcu(x, x, 0);", "call_srcu(): deferred callbacks"),
        ("int *x) { kfree_rcu(x, 0);", "kfree_rcu(): deferred callbacks"),
        ("int *x) { rcu_barrier();", "rcu_barrier(): deferred callbacks"),
        ("int *x) { kfree(x);", "kfree(): memory management"),
        ("int *x) { int a; int b; b = atomic_try_cmpxchg(x, &a, 1);",
         "atomic_try_cmpxchg(): try_cmpxchg is not"),
        ("int *x) { int a; a = atomic_try_cmpxchg_acquire(x, a, 1);", "try_cmpxchg is not"),
        ("int *x) { int a; a = smp_cond_load_acquire(x, VAL);",
         "smp_cond_load_acquire(): waiting for a value is a loop"),
        ("int *x) { int a; a = atomic_cond_read_relaxed(x, VAL);", "waiting for a value is a loop"),
        ("int *x) { int a; a = x.next;", "fields of structures"),
        ("int *x) { WRITE_ONCE(x->next, 1);", "fields of structures"),
        ("int *x) { list_add_rcu(x, x);", "list_add_rcu(): lists are not"),
        ("int *x) { break;", "loops are not part"),
        ("struct foo { int a; } *x) {", "declarations of a struct"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_its_name(program: str, name: str) -> None:
    """Seen to fail when the message is that of the next word that does not fit."""
    assert name in refused(f"{{}} P0({program} }} exists (x=1)")


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("r += 2;", 7), ("r -= 2;", 3), ("r *= 2;", 10), ("r /= 2;", 2), ("r %= 2;", 1),
        ("r &= 4;", 4), ("r |= 2;", 7), ("r ^= 1;", 4), ("r <<= 1;", 10), ("r >>= 1;", 2),
        ("r++;", 6), ("r--;", 4), ("++r;", 6), ("--r;", 4), ("r = 1; r += r;", 2),
        ("r *= 1 + 1;", 10),
    ],
)  # fmt: skip
def test_updates_read_and_write(statement: str, value: int) -> None:
    test = f"C t {{}} P0(int *x) {{ int r = 5; {statement} }} exists (0:r={value})"
    assert rcu.judge(test).verdict == "Always"


@pytest.mark.parametrize("update", ["*x += 1;", "(*x)++;", "++*x;"])
def test_an_update_of_a_location_is_two_plain_accesses(update: str) -> None:
    test = rcu.parse(f"C t {{}} P0(int *x) {{ {update} }} P1(int *x) {{ *x += 1; }} exists (x=1)")
    verdict = rcu.judge(test)
    assert (verdict.verdict, verdict.flags) == ("Sometimes", ("data-race",))
    assert list(verdict.states) == [(1,), (2,)]


def test_arrays_are_one_location_an_element() -> None:
    test = parse(
        "C t {int x[3]={3,4}; int *p=x;} P0(int x[3], int **p) { int a; int b; int *c; "
        "a = READ_ONCE(x[1]); x[2] = a + x[0]; c = READ_ONCE(*p); WRITE_ONCE(c[1], 9); "
        "b = *(&x[1] - 1); } locations [x[2]; x] exists (0:a=4 /\\ [x[2]]=7 /\\ x[1]=9 /\\ 0:b=3)"
    )
    assert test.locations[:3] == ("x", "x[1]", "x[2]")
    assert test.observed == ("0:a", "x[2]", "x[1]", "0:b", "x")
    assert rcu.judge(test).verdict == "Always"


def test_an_element_depends_on_its_index() -> None:
    """An address dependency, seen under Alpha and under the kernel's model."""
    text = (
        "C t {int q[2]; int i;} P0(int *q, int *i) { WRITE_ONCE(q[1], 5); smp_wmb(); "
        "WRITE_ONCE(*i, 1); } P1(int *q, int *i) { int a; int b; a = READ_ONCE(*i); "
        "b = READ_ONCE(q[a]); } exists (1:a=1 /\\ 1:b=0)"
    )
    assert rcu.judge(text, "lkmm").verdict == "Never"
    assert rcu.judge(text, "alpha").verdict == "Sometimes"


def test_an_initial_value_may_be_that_of_another_location() -> None:
    test = parse("C t {x=3; y=*x; z=*(&y);} P0(int *x) { } exists (y=3 /\\ z=3)")
    assert rcu.judge(test).verdict == "Always"


def test_nothing_is_beyond_the_end_of_an_array() -> None:
    test = "C t {int q[2];} P0(int *q) { int a; a = READ_ONCE(q[2]); } exists (0:a=0)"
    assert "no execution: P0 cannot get to the end" in repr(rcu.judge(test))
