# ruff: noqa: E501, ISC004 - an answer a line
"""The checks: right answers pass, wrong ones get a hint, and cheats get nowhere."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kit import rcu
from kit.errors import LitmusError
from kit.rcu import exercises
from kit.rcu.exercises import __main__ as command
from kit.rcu.exercises import check, given, judging
from kit.rcu.exercises.answers import taken_down
from kit.rcu.exercises.functions import compiled
from kit.rcu.exercises.judging import TASKS, grade
from kit.rcu.steps import call

ROOT = Path(__file__).resolve().parents[2]


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ANSWERS: dict[str, Any] = loaded(ROOT / "docs" / "teachers" / "answers.py").ANSWERS


def change(exercise: str, **changes: Any) -> Any:
    return {**ANSWERS[exercise], **changes}


def swap(exercise: str, *pairs: tuple[str, str]) -> str:
    text: str = ANSWERS[exercise]
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def test_every_exercise_has_a_solution() -> None:
    assert set(ANSWERS) == set(TASKS) == set(exercises.NAMES)


@pytest.mark.parametrize("name", exercises.NAMES)
def test_the_solutions_pass(name: str) -> None:
    outcome = check(name, ANSWERS[name])
    assert outcome, outcome
    assert outcome.exercise == name
    assert outcome.hints == ()


@pytest.mark.parametrize("name", exercises.NAMES)
def test_without_an_answer_nothing_is_judged(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercises, "judge_afresh", lambda *_: pytest.fail("judged"))
    for answer in (..., None, "", {"a": ...}, [..., "b"]):
        outcome = check(name, answer)
        assert outcome.status == "open"
        assert not outcome


@pytest.mark.parametrize("name", [n for n in exercises.NAMES if n in exercises._GIVEN])
def test_what_is_given_does_not_pass(name: str) -> None:
    assert grade(name, given(name)).status == "not yet"
    assert grade(name, given(name)).hints


IN_PLACE = """
def updater():
    probes = yield load("marker")
    yield store(probes[0].private, "b")
    yield store(probes[0].func, "B")
"""
FREED_FIRST = """
def updater():
    old = yield load("marker")
    yield call_rcu(free(old))
    fresh = yield new(("B", "b"))
    yield store("marker", fresh)
"""
UNTIL_GONE = """
def synchronize(readers):
    for name in readers:
        yield until(name, 0)
"""


def swapped(**changes: str) -> dict[str, str]:
    return {**taken_down(ANSWERS["one-swap"]), **changes}


WRONG = {
    "the other way round": ("wrong-data", ["updater"] * 3 + ["reader"] * 3, "nothing of the kind"),
    "nobody of that name": ("wrong-data", ["writer"], "There moves no 'writer'"),
    "one damage wrong": (
        "damage",
        change("damage", **{"two flags share a word": "torn closure"}),
        "4 of 5",
    ),
    "no damage": ("damage", change("damage", **{"two flags share a word": "trouble"}), "No bad state"),
    "stored in place": ("one-swap", swapped(updater=IN_PLACE), "torn closure"),
    "half a closure": (
        "one-swap",
        swapped(updater=IN_PLACE.replace('    yield store(probes[0].func, "B")\n', "")),
        "which readers can see",
    ),
    "the wrong array": (
        "one-swap",
        swapped(updater='def updater():\n    yield store("marker", (yield new(("C", "c"))))\n'),
        "a reader should call B(b)",
    ),
    "not gone wrong": ("use-after-free", ["updater"] * 3, "nothing of the kind"),
    # Deferred before it was unpublished.
    "call_rcu first": ("free-later", FREED_FIRST, "use after free"),
    "freed at once": (
        "free-later",
        FREED_FIRST.replace("yield call_rcu(free(old))", "yield free(old)"),
        "use after free",
    ),
    "never freed": (
        "free-later",
        FREED_FIRST.replace("yield call_rcu(free(old))", "old = old"),
        "never freed",
    ),
    "waits itself": (
        "free-later",
        FREED_FIRST.replace("yield call_rcu(free(old))", "yield synchronize()"),
        "synchronize is not there",
    ),
    "any flavour will do": (
        "flavours",
        {name: ["synchronize_rcu"] for name in ANSWERS["flavours"]},
        "waited for by nobody",
    ),
    # A barrier taken for a grace period.
    "a barrier waits": (
        "flavours",
        change("flavours", rcu=["smp_mb", "synchronize_rcu", "rcu, then srcu s"]),
        "19 of 20",
    ),
    "waits for nobody": ("synchronize", "def synchronize(readers):\n    yield load('done')\n", "is given the fields of the readers"),
    "waits for the first": (
        "synchronize",
        "def synchronize(readers):\n    for name in readers[:1]:\n        now = yield load(name)\n"
        "        yield until(name, lambda then: then != now or not now)\n",
        "two readers: use after free",
    ),
    "waits until all are out": ("synchronize", UNTIL_GONE, "deadlock"),
    "loads once": (
        "synchronize",
        "def synchronize(readers):\n    for name in readers:\n        yield load(name)\n",
        "use after free",
    ),
    # Enough, but one of them does nothing.
    "spare barrier": (
        "smallest-sets",
        change("smallest-sets", **{"0→1": ["write-barrier", "second-read-barrier", "first-read-barrier"]}),
        "one barrier could go",
    ),
    # One barrier, thought to be enough.
    "one barrier": (
        "smallest-sets",
        change("smallest-sets", **{"1→2": ["write-barrier"]}),
        "the pointer from before, NULL, is followed",
    ),
    "no barrier on Alpha": (
        "smallest-sets",
        change("smallest-sets", **{"N→N+1 on Alpha": []}),
        "alpha: the array is read before it is filled",
    ),
    "no barrier at all": (
        "smallest-sets",
        change("smallest-sets", **{"0→1": ["write-func"]}),
        "is no barrier",
    ),
    # Diagnosed, and not repaired.
    "diagnosis only": ("posted-bug", change("posted-bug", fix={}), "now repair it"),
    "wrong repair": (
        "posted-bug",
        change("posted-bug", fix={"read-barrier": "none", "dependent-barrier": "none"}),
        "Still under lkmm",
    ),
    "compiler barrier": (
        "posted-bug",
        change("posted-bug", fix={"read-barrier": "barrier"}),
        "Still under lkmm",
    ),
    "too much": (
        "posted-bug",
        change("posted-bug", fix={"read-barrier": "smp_rmb", "write-barrier": "smp_mb"}),
        "not needed",
    ),
    "not a barrier bug": (
        "posted-bug",
        {"case": "bit-fields", "question": "lost", "fix": {"callback-lock": "mutex"}},
        "no barrier is to blame",
    ),
    "Alpha's bug": (
        "posted-bug",
        {"case": "N→N+1", "question": "uninitialised", "fix": {"dependent-barrier": "smp_read_barrier_depends"}},
        "Only an Alpha",
    ),
    # "It passed on x86": everything could have been found there.
    "x86 finds all": ("x86", dict.fromkeys(ANSWERS["x86"], True), "5 of 8"),
    "x86 finds nothing": ("x86", dict.fromkeys(ANSWERS["x86"], False), "3 of 8"),
    # Control is no dependency that orders loads.
    "barrier": (
        "control",
        swap("control", ("c = READ", "smp_rmb(); c = READ")),
        "without smp_rmb",
    ),
    "writer changed": (
        "control",
        swap("control", ("WRITE_ONCE(*array, 1);", "WRITE_ONCE(*array, 1); smp_mb();")),
        "P0 was changed",
    ),
    # Nothing told apart.
    "same test": (
        "separate",
        dict.fromkeys(ANSWERS["separate"], ANSWERS["separate"]["sc, tso"]),
        "tso says Sometimes",
    ),
    "half the question": (
        "catch",
        r"exists (1:t=1 /\ 1:c=99)",
        "the probe that is left is not called",
    ),
    "everything is bad": ("catch", "exists (1:t=0)", "accuses a sound variant"),
    "no change": ("store-order", rcu.models.get("tso").source, "two stores, with nothing between them"),
    "release forgotten": (
        "store-order",
        swap("store-order", ("| ([W] ; po ; [Release | UL])", "")),
        "release store",
    ),
    # A barrier taken for atomicity.
    "barriers for a lock": (
        "two-bits",
        given("two-bits").replace("WRITE_ONCE", "smp_mb(); WRITE_ONCE"),
        "Two barriers do not help",
    ),
    "one lock": (
        "two-bits",
        swap("two-bits", ("\tspin_lock(lock);\n\tv", "\tv"), ("v | 2);\n\tspin_unlock(lock);", "v | 2);")),
        "lost",
    ),
    # A barrier taken for a grace period; a reader that nobody waits for.
    "barrier for a grace period": (
        "whole-fix",
        swap("whole-fix", ("synchronize_rcu();\n\tWRITE_ONCE(*array, 99)", "smp_mb();\n\tWRITE_ONCE(*array, 99)")),
        "Under sc: the array is read after it was freed",
    ),
    "no section": (
        "whole-fix",
        swap("whole-fix", ("rcu_read_lock();", ""), ("rcu_read_unlock();", "")),
        "freed",
    ),
    "one grace period": (
        "whole-fix",
        swap("whole-fix", ("synchronize_rcu();            //", "//")),
        "A is called with B's data",
    ),
    "reader's barrier": (
        "whole-fix",
        swap("whole-fix", ("smp_rmb();\n\t\tm = READ", "m = READ")),
        "the pointer from before",
    ),
    "lock in the reader": (
        "whole-fix",
        swap("whole-fix", ("rcu_read_lock();", "spin_lock(old);"), ("rcu_read_unlock();", "spin_unlock(old);")),
        "does without spin_lock",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_answer_gets_a_hint(what: str) -> None:
    name, answer, expected = WRONG[what]
    outcome = grade(name, answer)
    assert outcome.status == "not yet"
    assert expected in " ".join([outcome.words, *outcome.hints])


CHEATS = {
    "no schedule": ("wrong-data", "reader"),
    "an empty schedule": ("wrong-data", []),
    "a very long schedule": ("wrong-data", ["reader"] * 100_000),
    "a reader that does nothing": ("one-swap", swapped(reader="def reader():\n    yield load('marker')\n")),
    "a reader that knows": ("one-swap", swapped(reader="def reader():\n    yield call('A', 'a')\n")),
    "a reader that mends": (
        "one-swap",
        swapped(
            updater=IN_PLACE,
            reader="def reader():\n    p = yield load('marker')\n    f = yield load(p[0].func)\n"
            "    yield call(f, 'a' if f == 'A' else 'b')\n",
        ),
    ),
    "an updater that does nothing": ("one-swap", swapped(updater="def updater():\n    yield load('marker')\n")),
    "an import": ("one-swap", swapped(updater="def updater():\n    import kit\n    yield load('x')\n")),
    "a way out": (
        "synchronize",
        "def synchronize(readers):\n    ().__class__.__base__.__subclasses__()\n    yield load('done')\n",
    ),
    "another way out": (
        "synchronize",
        "def synchronize(readers):\n    g = (x for x in readers)\n    g.gi_frame.f_back\n    yield load('done')\n",
    ),
    "a global": ("synchronize", "def synchronize(readers):\n    global free\n    free = load\n    yield load('done')\n"),
    "a decorator": ("synchronize", "@load\ndef synchronize(readers):\n    yield load('done')\n"),
    "two functions": ("synchronize", "def a(r):\n    yield load('done')\ndef b(r):\n    yield load('done')\n"),
    "no function": ("synchronize", "synchronize = None"),
    "no Python": ("synchronize", "def synchronize(readers:\n"),
    "no generator": ("synchronize", "def synchronize(readers):\n    return readers\n"),
    "never ends": ("synchronize", "def synchronize(readers):\n    while True:\n        pass\n    yield load('done')\n"),
    "never ends, in steps": ("synchronize", "def synchronize(readers):\n    while True:\n        yield load('done')\n"),
    "waits for the end": ("synchronize", "def synchronize(readers):\n    yield until('done', 1)\n"),
    "raises": ("synchronize", "def synchronize(readers):\n    yield load(1 / 0)\n"),
    "every pair": ("flavours", {name: ["smp_mb", "synchronize_rcu", "synchronize_srcu s", "synchronize_srcu t", "rcu, then srcu s"] for name in ANSWERS["flavours"]}),
    "pairs of one's own": ("flavours", {name: ["sleep"] for name in ANSWERS["flavours"]}),
    "empty sets": ("smallest-sets", {}),
    "a set of nothing": ("smallest-sets", dict.fromkeys(ANSWERS["smallest-sets"], "smp_mb")),
    "a case of one's own": ("posted-bug", {"case": {"name": "mine"}, "question": "x", "fix": {}}),
    "ones for truth": ("x86", dict.fromkeys(ANSWERS["x86"], 1)),
    "filter": ("control", given("control").replace("exists", "filter (1:m=old \\/ 1:c=1 \\/ 1:c=5)\nexists")),
    "another question": ("control", re.sub(r"exists.*", "exists (1:c=42)", given("control"))),
    "a constant": ("control", swap("control", ("c = READ_ONCE(*m);", "c = 1;"))),
    "never the array": ("control", swap("control", ("c = READ_ONCE(*m);", ""))),
    "a constant pointer": ("control", swap("control", ("m = rcu_dereference(*multi);", "m = array;"))),
    "filled before": ("control", swap("control", ("array=0;", "array=1;"))),
    "a third thread": ("control", swap("control", ("exists", "P2(int *array) { WRITE_ONCE(*array, 1); }\n\nexists"))),
    "no writer": ("control", re.sub(r"P0\(.*?\n}\n", "P0(int *array) { }\n", given("control"), flags=re.DOTALL)),
    "a path": ("separate", dict.fromkeys(ANSWERS["separate"], "/etc/passwd.litmus")),
    "a filter that asks": ("catch", "filter (1:t=1 /\\ 1:c=99)\nexists (1:c=99)"),
    "never asks": ("catch", "~exists (1:t=1)"),
    "allows anything": ("store-order", "acyclic 0 as nothing\n"),
    "forbids anything": ("store-order", "empty po as nothing\n"),
    "includes a path": ("store-order", 'include "../../../etc/passwd"\n'),
    "never clears": ("two-bits", swap("two-bits", ("w & 14", "w"))),
    "always two": ("two-bits", swap("two-bits", ("w & 14", "2"), ("v | 2", "2"))),
    "knows the start": ("two-bits", swap("two-bits", ("w & 14", "w - 1"))),
    "another start": ("two-bits", swap("two-bits", ("word=1", "word=2"))),
    "one thread": ("two-bits", "C t\n{word=1;}\nP0(int *word) { WRITE_ONCE(*word, 2); }\nexists (word=0)\n"),
    "a reader that looks away": ("whole-fix", swap("whole-fix", ("if (t == 1)", "if (t == 7)"))),
    "no change at all": ("whole-fix", swap("whole-fix", ("WRITE_ONCE(*ptype, 1);", ""))),
    "the old way": ("whole-fix", re.sub(
        r"\tWRITE_ONCE\(\*array, 1\);.*?\tWRITE_ONCE\(\*ptype, 1\);\n", "\tWRITE_ONCE(*func, 0);\n",
        ANSWERS["whole-fix"], flags=re.DOTALL)),
    "never freed": ("whole-fix", swap("whole-fix", ("WRITE_ONCE(*array, 99);", ""))),
    "freed and filled": ("whole-fix", swap("whole-fix", ("99);", "99); WRITE_ONCE(*array, 1);"))),
    "constants": ("whole-fix", swap("whole-fix", ("c = READ_ONCE(*m);", "m = array; c = 1;"))),
    "other names": ("whole-fix", swap("whole-fix", ("int c;", "int k;"), ("c = READ", "k = READ"))),
}  # fmt: skip


@pytest.mark.parametrize("what", CHEATS)
def test_a_cheat_gets_nowhere(what: str) -> None:
    name, answer = CHEATS[what]
    outcome = grade(name, taken_down(answer))
    assert outcome.status == "not yet", outcome
    assert outcome.words


@pytest.mark.parametrize(
    ("source", "refused"),
    [
        ("def f():\n    return ().__class__", ".__class__ is not needed"),
        ("def f(x):\n    return x.gi_frame", ".gi_frame is not needed"),
        ("def f(x):\n    return '{0.func}'.format(x)", ".format is not needed"),
        ("def f():\n    import os", "Import is not needed"),
        ("def f():\n    global load\n    load = 1", "Global is not needed"),
        ("def f():\n    class C: pass", "ClassDef is not needed"),
        ("def f():\n    with load: pass", "With is not needed"),
        ("def f():\n    try: pass\n    finally: pass", "Try is not needed"),
        ("@load\ndef f(): pass", "FunctionDef is not needed"),
        ("def f():\n    return open", "open is not there"),
        ("def f():\n    return __builtins__", "__builtins__ is not there"),
        ("def f(): pass\ndef g(): pass", "one function"),
        ("f = 1", "one function"),
        ("def f(:", "cannot be read"),
        ("#" * 30_000, "give the function itself"),
    ],
)
def test_a_function_gets_only_what_it_needs(source: str, refused: str) -> None:
    with pytest.raises(LitmusError, match=re.escape(refused)):
        compiled(source, "f", {"load": None})


def test_tampering_with_this_process_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = given("two-bits")
    always = grade("two-bits", ANSWERS["two-bits"])
    for name in TASKS:
        monkeypatch.setitem(TASKS, name, lambda _: always)
    monkeypatch.setattr(judging, "grade", lambda *_: always)
    monkeypatch.setattr("kit.rcu.exercises.tests.verdict", lambda *_, **__: "Always")
    monkeypatch.setattr(rcu, "judge", lambda *_, **__: always)
    monkeypatch.setattr("kit.rcu.exercises.outcome.Outcome.__bool__", lambda _: True)
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    assert judging.grade("two-bits", wrong).status == "passed"  # the tampering works, here
    assert check("two-bits", wrong).status == "not yet"


def test_checks_do_not_hold_the_answers() -> None:
    """What is asked for cannot be read where it is asked."""
    sources = "".join(
        path.read_text() for path in (ROOT / "kit" / "rcu" / "exercises").glob("*.py")
    )
    for telling in (
        "until(name",
        "call_rcu(free",
        "= rcu_dereference(",
        "spin_lock(",
        "second-write-barrier",
        '"smp_rmb"}',
    ):
        assert telling not in sources, telling
    assert "teachers" not in sources


def test_answers_may_be_objects_of_the_lab() -> None:
    with rcu.litmus("t") as built:
        (x,) = built.shared("x")
        with built.thread():
            rcu.kernel.write_once(x, 1)
        built.exists(x == 1)
    tests = {"sc, tso": built, "tso, lkmm": built.test, "lkmm, alpha": rcu.parse(built.source)}
    assert check("separate", tests).hints[0] == "sc, tso: sc says Always, tso says Always."
    model = rcu.models.load(ANSWERS["store-order"])
    assert check("store-order", model)
    assert not check("store-order", model.without("partial-store-order"))
    assert check("posted-bug", ANSWERS["posted-bug"] | {"fix": {"read_barrier": "smp_rmb"}})
    assert check("separate", object()).status == "not yet"


def test_a_machine_that_was_stepped_is_a_schedule() -> None:
    machine = exercises.machine("use-after-free")
    machine.run_to("use after free")
    assert check("use-after-free", machine)
    machine.back()
    assert not check("use-after-free", machine)
    with pytest.raises(LitmusError, match="has no machine"):
        exercises.machine("x86")


def test_a_function_is_judged_by_its_text_alone() -> None:
    here = "a"

    def reader():
        yield call("A", here)

    outcome = check("one-swap", {"reader": reader, "updater": ANSWERS["one-swap"]["updater"]})
    assert outcome.status == "not yet"
    assert "here is not there" in outcome.hints[0]
    made: dict[str, Any] = {}
    exec("def updater():\n    yield", made)
    assert "cannot be found" in check("free-later", made["updater"]).hints[0]


def test_outcomes_print_escaped_and_keep_the_answer() -> None:
    answer = {"case": "<script>boom()</script>", "question": "x", "fix": {}}
    outcome = check("posted-bug", answer)
    assert outcome.status == "not yet"
    bundle = outcome._repr_mimebundle_()
    assert "<script>" not in bundle["text/html"]
    assert "&lt;script&gt;" in bundle["text/html"]
    assert bundle[exercises.ANSWER] == {"exercise": "posted-bug", "answer": answer}
    assert repr(outcome).startswith("✗ posted-bug: not yet.")
    assert "<b>" not in exercises.Outcome("<b>", "open", "<b>", ("<b>",))._repr_html_()
    with pytest.raises(LitmusError, match="no exercise 'easy'"):
        check("easy", 1)
    with pytest.raises(LitmusError, match="starts from nothing"):
        given("x86")


def test_answers_are_judged_again_from_a_notebook(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def notebook(*outcomes: exercises.Outcome) -> Path:
        outputs = [{"data": each._repr_mimebundle_()} for each in outcomes]
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.ipynb"
        path.write_text(json.dumps({"cells": [{"outputs": outputs}, {"source": ""}]}))
        return path

    good = check("x86", ANSWERS["x86"])
    wrong = check("x86", dict.fromkeys(ANSWERS["x86"], True))
    claimed = exercises.Outcome("x86", "passed", "Really.", (), wrong.answer)
    assert command.main([str(notebook(wrong, good))]) == 0
    assert "✓ x86" in capsys.readouterr().out
    assert command.main([str(notebook(claimed))]) == 1
    assert "✗ x86" in capsys.readouterr().out
    assert command.main([str(notebook(check("x86", ...)))]) == 1
    assert "open" in capsys.readouterr().out
    assert command.main([str(notebook())]) == 1
    (tmp_path / "broken.ipynb").write_text("{")
    assert command.main([str(tmp_path / "broken.ipynb")]) == 2


def test_predictions_come_first() -> None:
    start = ("1→2", "posted", "stale")
    waiting = exercises.predict(*start, sc=..., lkmm="Never")
    assert waiting.verdicts == {}
    assert "Never or Sometimes" in repr(waiting)
    assert "Sometimes</td>" not in waiting._repr_html_()
    said = exercises.predict(*start, sc="Never", lkmm="Never")
    assert said.right == 1
    assert "surprised?" in repr(said)
    assert "◐ Sometimes" in said._repr_html_()
    test = rcu.parse(ANSWERS["separate"]["sc, tso"])
    assert exercises.predict(test, sc="Never", tso="Sometimes").right == 2
    with pytest.raises(LitmusError, match="Perhaps"):
        exercises.predict(*start, sc="Perhaps")
    with pytest.raises(LitmusError, match="name the models"):
        exercises.predict(*start)
