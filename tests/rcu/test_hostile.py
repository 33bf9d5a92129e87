"""Tests and models that ask for too much: a clear error, soon, and in little memory."""

import sys
import tracemalloc
from pathlib import Path

import pytest

from kit import rcu
from kit.errors import LitmusError
from kit.rcu import Limits

SOON = Limits(seconds=2.0)
PLAIN = "C t {} P0(int *x) { *x = 1; } exists (x=1)"


def refused(test: str, model: str = "", limits: Limits = SOON) -> str:
    tracemalloc.start()
    try:
        with pytest.raises(LitmusError) as caught:
            rcu.judge(
                rcu.parse(test, limits),
                rcu.models.load(model, "mine", limits=limits) if model else "lkmm",
                limits=limits,
            )
        assert tracemalloc.get_traced_memory()[1] < 400_000_000
    finally:
        tracemalloc.stop()
    text = str(caught.value)
    assert len(text) < 1000
    return text


def thread(body: str, question: str = "exists (x=1)") -> str:
    return f"C t {{}} P0(int *x) {{ {body} }} {question}"


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (thread("r = " + "(" * 5000 + "1" + ")" * 5000 + ";"), "nested deeper"),
        (thread("r = " + "!" * 5000 + "1;"), "operators in a row"),
        (thread("r = " + "1+" * 5000 + "1;"), "too deep"),
        (thread("if (1) { " * 5000 + "}" * 5000), "nested deeper"),
        (thread("if (1) r = 1; else " * 5000 + "r = 2;"), "nested deeper"),
        (thread("r = 1;", "exists " + "(" * 5000 + "x=1" + ")" * 5000), "nested deeper"),
        (thread(f"{'r' * 5000} = 1;"), "this word has 5000 characters"),
        (f"C {'t' * 5000} {{}}", "the name exceeds"),
        (thread("r = 1;" * 100_000), "characters, but at most"),
        (thread("*x = 1;" * 500), "more than 160 events"),
        ("C t {} " + "".join(f"P{n}(int *x) {{ }} " for n in range(100)), "more than 64 threads"),
        (thread("/*" * 50_000), "never closed"),
        ("C t " + "(*" * 50_000, "never closed"),
        ("C t {} \x00\x01\x02", "unexpected character"),
        ("\x7fELF\x02\x01", "starts with C"),
        ("C t {} P0(int *x) { r = \N{SNOWMAN}; } exists (x=1)", "unexpected character"),
        (thread("*x = 1;", "exists (0x0:r=0)"), "no thread P0x0"),
        (f"C t {{{'9' * 40}:r=1;}} P0(int *x) {{ *x = 1; }} exists (x=1)", "fit into 64 bits"),
    ],
    ids=range(18),
)
def test_hostile_tests(test: str, message: str) -> None:
    assert message in refused(test)


def test_values_that_keep_growing() -> None:
    grow = "".join(
        f"P{n}(int *x, int *y) {{ int a; a = READ_ONCE(*x); WRITE_ONCE(*x, a * 3 + {n}); "
        f"WRITE_ONCE(*x, a * 5 + {n}); }} "
        for n in range(8)
    )
    assert "values (Limits.values)" in refused(f"C t {{}} {grow} exists (x=1)")


def test_too_many_ways_through_a_thread() -> None:
    reads = "".join(f"r{n} = READ_ONCE(*x);" for n in range(30))
    writes = "".join(f"P{n}(int *x) {{ WRITE_ONCE(*x, {n}); }}" for n in range(1, 5))
    text = refused(f"C t {{}} P0(int *x) {{ {reads} }} {writes} exists (x=1)")
    assert "ways through" in text or "gave up after 2 s" in text


def test_too_many_orders_of_writes() -> None:
    writes = "".join(f"P{n}(int *x) {{ WRITE_ONCE(*x, {n}); }}" for n in range(20))
    text = refused(f"C t {{}} {writes} exists (x=1)")
    assert "ways to read and write x" in text or "gave up after 2 s" in text


def test_too_many_sources_for_reads_of_one_value() -> None:
    reads = "".join("r = READ_ONCE(*x);" for _ in range(20))
    writes = "WRITE_ONCE(*x, 0);" * 20
    text = refused(f"C t {{}} P0(int *x) {{ {reads} }} P1(int *x) {{ {writes} }} exists (x=1)")
    assert "ways to read and write x" in text or "gave up after 2 s" in text


def test_too_many_candidates() -> None:
    names = [f"x{n}" for n in range(12)]
    parameters = ", ".join(f"int *{name}" for name in names)
    writes = "".join(f"WRITE_ONCE(*{name}, 1);" for name in names)
    threads = "".join(f"P{n}({parameters}) {{ {writes} }}" for n in range(3))
    text = refused(f"C t {{}} {threads} exists (x0=0)", limits=Limits(candidates=500))
    assert "more than 500 candidate executions" in text


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("acyclic " + "(" * 5000 + "po" + ")" * 5000, "nested deeper"),
        ("acyclic " + "~" * 5000 + "po" + "|po" * 2000, "too deep"),
        ("let rec r = ~r acyclic r", "never settles"),
        ("let rec a = id \\ b and b = a empty a & b & po", "never settles"),
        ("acyclic " + "r" * 5000, "this word has 5000 characters"),
        ("let a = po " * 20_000, "characters, but at most"),
        ("let a = po " * 10_000, "exceeds 5000 operations"),
        (
            "let f0(r) = r ; r "
            + "".join(f"let f{n}(r) = f{n - 1}(r) ; f{n - 1}(r^-1) " for n in range(1, 40))
            + "acyclic f39(po)",
            "exceeds 5000 operations",
        ),
        ("\x00\xff", "unexpected character"),
        ("(*" * 20_000, "never closed"),
    ],
    ids=range(10),
)
def test_hostile_models(model: str, message: str) -> None:
    assert message in refused(PLAIN, model)


def test_a_model_that_includes_itself(tmp_path: Path) -> None:
    (tmp_path / "me.cat").write_text('include "me.cat"')
    with pytest.raises(LitmusError, match="files are included"):
        rcu.models.load(tmp_path / "me.cat")


def test_files_that_are_not_text(tmp_path: Path) -> None:
    (tmp_path / "t.litmus").write_bytes(bytes(range(256)))
    (tmp_path / "m.cat").write_bytes(bytes(range(256)))
    with pytest.raises(LitmusError, match="is not text"):
        rcu.parse(tmp_path / "t.litmus")
    with pytest.raises(LitmusError, match="is not text"):
        rcu.models.load(tmp_path / "m.cat")
    with pytest.raises(LitmusError, match="cannot read"):
        rcu.parse(tmp_path)


def test_the_recursion_limit_is_left_alone() -> None:
    before = sys.getrecursionlimit()
    refused(thread("r = " + "1+" * 5000 + "1;"))
    assert sys.getrecursionlimit() == before
