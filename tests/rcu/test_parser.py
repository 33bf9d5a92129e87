"""Reading litmus tests: what is understood, and what is refused with its place."""

from pathlib import Path

import pytest

from kit import rcu
from kit.errors import KitError, LitmusError
from kit.rcu.parser import parse


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
        ("r = s->next;", "arrays and structures"),
        ("r = x ? 1 : 2;", "if and else"),
        ("r++;", "write the assignment out"),
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
        ("{int x[2];} P0(int *x) { } exists (x=1)", "arrays"),
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
