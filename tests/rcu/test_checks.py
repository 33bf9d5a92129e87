# ruff: noqa: E501 - an answer a line
"""Every check, against what is wrong, what is right in another way, and what has no shape at all.

The families are generated: `mutants.py` changes a right answer in one place, and turns it into odd
shapes. What is right although it was changed stands in `HARMLESS`, with the reason. Each test runs
over the register of exercises, so that a new one cannot be left out.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from kit import rcu
from kit.errors import LitmusError, SimulationError
from kit.rcu import BAD, cases, exercises
from kit.rcu.exercises import NAMES, POINTS, check, given, judging
from kit.rcu.exercises.barriers import SETS, SUSPECTS
from kit.rcu.exercises.functions import compiled
from kit.rcu.exercises.judging import FALLEN, MEGABYTES, TASKS, grade
from kit.rcu.exercises.overtaking import EXPECTED
from kit.rcu.exercises.schedules import DAMAGE
from kit.rcu.exercises.waiting import WAITS
from tests.rcu import mutants
from tests.rcu.right_answers import LAID_OUT, LEAST_FIX, RIGHT, TEACHERS, changed

Family = Iterator[tuple[str, Any]]


def _litmus(name: str) -> Family:
    return mutants.litmus(TEACHERS[name])


def _schedule(name: str) -> Family:
    return mutants.lists(TEACHERS[name], ["reader", "updater"])


def _each(answer: dict[str, Any], change: Any) -> Family:
    """A dict with one of its values changed."""
    for key, value in answer.items():
        for words, wrong in change(key, value):
            yield f"{key}: {words}", {**answer, key: wrong}


def _barriers(name: str, kept: list[str]) -> Family:
    about = cases.case(SETS[name][0])
    return mutants.lists(kept, [each.name for each in about.switches if each.kind == "barrier"])


def _bug() -> Family:
    right = TEACHERS["posted-bug"]
    about = cases.case(right["case"])
    fixes = [{each.name: option} for each in about.switches for option in each.names]
    values = {
        "case": list(cases.NAMES),
        "question": [each.name for each in about.questions],
        "fix": [*fixes, {}, *({**right["fix"], **each} for each in fixes)],
    }
    return mutants.items(right, values)


def _apart(_: str, text: str) -> Family:
    yield from mutants.litmus(text)
    for other in LAID_OUT.values():
        if other != text:
            yield other.splitlines()[0], other


MUTANTS: dict[str, Any] = {
    "wrong-data": lambda: _schedule("wrong-data"),
    "damage": lambda: mutants.items(TEACHERS["damage"], {each: list(BAD) for each in DAMAGE}),
    "one-swap": lambda: _each(TEACHERS["one-swap"], lambda _, text: mutants.function(text)),
    "smallest-sets": lambda: _each(TEACHERS["smallest-sets"], _barriers),
    "posted-bug": _bug,
    "x86": lambda: mutants.items(TEACHERS["x86"], {each: [True, False] for each in SUSPECTS}),
    "control": lambda: _litmus("control"),
    "use-after-free": lambda: _schedule("use-after-free"),
    "free-later": lambda: mutants.function(TEACHERS["free-later"]),
    "flavours": lambda: _each(
        TEACHERS["flavours"], lambda _, waits: mutants.lists(waits, list(WAITS))
    ),
    "synchronize": lambda: mutants.function(TEACHERS["synchronize"]),
    "separate": lambda: _each(LAID_OUT, _apart),
    "catch": lambda: mutants.condition(TEACHERS["catch"]),
    "store-order": lambda: mutants.model(TEACHERS["store-order"]),
    "two-bits": lambda: _litmus("two-bits"),
    "whole-fix": lambda: mutants.litmus(LEAST_FIX),
}
"""What makes wrong answers of a right one, by exercise."""

PLAIN = "a plain load; no race that would change the verdict"
NUMBER = "another number is stored, and not asked for"
HARMLESS: dict[str, dict[str, str]] = {
    "one-swap": {
        "reader: 'private = (yield load(probes[0].private))' one earlier": "one array, two looks",
    },
    "control": {"READ_ONCE(* 0 becomes *(": PLAIN},
    "free-later": {"\"fresh = (yield new(('B', 'b')))\" one earlier": "it is made sooner"},
    "separate": {
        "sc, tso: READ_ONCE(* 0 becomes *(": PLAIN,
        "sc, tso: READ_ONCE(* 1 becomes *(": PLAIN,
        "sc, tso: 1 at 45 becomes 2": NUMBER,
        "sc, tso: 1 at 116 becomes 2": NUMBER,
        "tso, lkmm: READ_ONCE(* 0 becomes *(": PLAIN,
        "tso, lkmm: READ_ONCE(* 1 becomes *(": PLAIN,
        "tso, lkmm: 1 at 45 becomes 2": NUMBER,
        "lkmm, alpha: 1 at 46 becomes 2": NUMBER,
    },
    "store-order": {
        "UL at 226 becomes 0": "the exercise says nothing of locks",
        "Sync-rcu at 263 becomes 0": "the axiom of grace periods makes it a barrier anyway",
        "Sync-srcu at 274 becomes 0": "the axiom of grace periods makes it a barrier anyway",
    },
    "two-bits": {"READ_ONCE(* 0 becomes *(": PLAIN, "READ_ONCE(* 1 becomes *(": PLAIN},
    "whole-fix": {
        "WRITE_ONCE(*multi, array); before WRITE_ONCE(*array, 1);": "a barrier follows both",
        "WRITE_ONCE(*func, 2); before WRITE_ONCE(*private, 2);": "between the same barriers",
        "p = READ_ONCE(*private); before f = READ_ONCE(*func);": "behind the same barrier",
        **{f"READ_ONCE(* {number} becomes *(": PLAIN for number in (1, 2, 3, 4)},
    },
}
"""Changes that leave a right answer right, and why."""


def text_of(answer: Any) -> str:
    return json.dumps(answer, sort_keys=True)


def is_right(name: str, answer: Any) -> bool:
    return text_of(answer) in {text_of(each) for each in RIGHT[name]}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` judges in this process: the same checks, without a process for each answer."""
    monkeypatch.setattr(exercises, "judge_afresh", grade)


def test_no_exercise_is_left_out() -> None:
    """Seen to fail when a name was taken out of `MUTANTS`, and when one was put into `POINTS`."""
    assert set(NAMES) == set(TASKS) == set(POINTS) == set(RIGHT) == set(MUTANTS)
    assert set(HARMLESS) <= set(NAMES)
    assert all(points > 1 for points in POINTS.values())
    for name in NAMES:
        assert len({text_of(each) for each in RIGHT[name]}) >= (1 if name == "x86" else 2), name


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_right_passes(name: str) -> None:
    """Seen to fail when `match` was refused in `one-swap`, and when the condition of an `until` saw
    its program's variables as they were later (`synchronize`, backwards)."""
    for answer in RIGHT[name]:
        outcome = grade(name, answer)
        assert outcome, (answer, outcome)
        assert outcome.points == outcome.of == POINTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_one_change_makes_it_wrong(name: str) -> None:
    """Seen to fail for `store-order` with its ten tests of old (15 mutants passed), for `catch`
    without stores that come too late (2), and for `two-bits` tried from four words only (2)."""
    passed: list[str] = []
    for words, answer in MUTANTS[name]():
        if is_right(name, answer):
            continue
        outcome = grade(name, answer)
        if outcome:
            passed.append(words)
            continue
        assert outcome.status == "not yet"
        assert outcome.hints, (words, outcome)
        assert FALLEN not in outcome.words, (words, outcome)
        assert 0 <= outcome.points < outcome.of
    assert passed == list(HARMLESS.get(name, {}))


@pytest.mark.parametrize("name", NAMES)
def test_an_odd_answer_is_not_yet_right(name: str) -> None:
    """Seen to fail, by 55 exceptions, for `damage` and `flavours` before shapes were looked at."""
    for words, answer in mutants.within(TEACHERS[name]):
        if is_right(name, answer):
            continue
        outcome = grade(name, answer)
        assert outcome.status == "not yet", (words, outcome)
        assert outcome.words
        assert outcome.hints, (words, outcome)
        assert FALLEN not in outcome.words, (words, outcome)
        assert 0 <= outcome.points < outcome.of
        json.dumps([outcome.words, *outcome.hints], ensure_ascii=False).encode()


@pytest.mark.parametrize("name", NAMES)
def test_an_odd_answer_gets_through_to_a_process_of_its_own(name: str) -> None:
    for words in ("a NUL", "half a character", "a large number", "deep lists"):
        outcome = judging.judge_afresh(name, mutants.ODD[words])
        assert outcome.status == "not yet"
        assert outcome.hints
        assert FALLEN not in outcome.words
        assert outcome.exercise == name


class Refusing:
    """Everything that one may ask of an object fails."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("do not touch")

    __eq__ = __ne__ = __len__ = __iter__ = __getattr__ = __bool__ = __repr__ = __str__ = _refuse
    __contains__ = __getitem__ = __format__ = __fspath__ = __index__ = _refuse
    __hash__ = None  # type: ignore[assignment]


class Posing:
    """It says that it is something else."""

    @property
    def __class__(self) -> type:  # type: ignore[override]
        raise ZeroDivisionError("guess")


class Text(str):
    """A text that is never the same."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    def __hash__(self) -> int:
        raise ZeroDivisionError

    def __str__(self) -> str:
        raise ZeroDivisionError


class Lying(dict):  # type: ignore[type-arg]
    """A dict that does not show what is in it."""

    def items(self) -> Any:
        raise ZeroDivisionError

    def __iter__(self) -> Any:
        raise ZeroDivisionError


class Endless(list):  # type: ignore[type-arg]
    """A list that goes on."""

    def __iter__(self) -> Iterator[object]:
        while True:
            yield "reader"


class Meta(type):
    """A class whose name is no text."""

    __name__ = 5  # type: ignore[assignment]


def _itself() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


def _strange() -> dict[str, Any]:
    deep: Any = "x"
    for _ in range(50_000):
        deep = [deep]
    yes = SimpleNamespace(choices={"a": Refusing()}, machine=None)
    return {
        "refuses": Refusing(),
        "refuses, in a list": [Refusing()],
        "refuses, in a dict": {"a": Refusing()},
        "poses": Posing(),
        "a text of its own": Text("exists (x=1)"),
        "a dict that lies": Lying(a=1),
        "a list without end": Endless(["reader"]),
        "a nameless class": Meta("Odd", (), {})(),
        "itself": _itself(),
        "deep": deep,
        "long": ["x"] * 300_000,
        "not a number": float("nan"),
        "infinite": {"a": float("inf")},
        "huge": 10**6_000,
        "a key that is a list": {("a", "b"): 1},
        "bytes": b"exists",
        "a class": Refusing,
        "a builtin": len,
        "part of a function": functools.partial(len),
        "a method": [].append,
        "a lambda": lambda: (yield),
        "a generator": (each for each in "abc"),
        "a set of odd things": {1, "a", None},
        "an exception": ValueError("x"),
        "half a board": yes,
        "half a character": "exists \ud800",
        "a long text": "x" * 2_000_000,
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("here")
def test_an_object_of_any_kind_is_not_yet_right(name: str) -> None:
    """Seen to fail when `is_open` compared with ``==``, and never to end with the endless list."""
    for words, answer in _strange().items():
        outcome = check(name, answer)
        assert outcome.status == "not yet", (words, outcome)
        assert outcome.hints, (words, outcome)
        assert FALLEN not in outcome.words
        assert not exercises.answers.is_open(answer)


GREEDY = {
    "a list of everything": "x = list(range(10 ** 10))",
    "a wide text": "x = f'{1:{10 ** 10}}'",
    "a deep call": "x = (lambda f: f(f))(lambda f: f(f))",
    "a list that grows": "x = [0] * 10 ** 6\n    while True: x += x",
}


@pytest.mark.parametrize("what", GREEDY)
def test_a_function_gets_no_more_memory_than_there_is_for_it(what: str) -> None:
    """Whatever it asks for, there is an outcome, and no exception."""
    text = f"def synchronize(readers):\n    {GREEDY[what]}\n    yield load(readers[0])\n"
    outcome = judging.judge_afresh("synchronize", text)
    assert outcome.status == "not yet"
    assert outcome.hints


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
def test_the_system_bounds_the_memory_of_a_function() -> None:
    """A little more than there is, in a function that is right otherwise: nothing else would stop
    it. Seen to pass the exercise when RLIMIT_AS was not set.
    """

    def with_bytes(count: int) -> exercises.Outcome:
        # A default, made once, of a text that is given back at once.
        text = TEACHERS["free-later"].replace("():", f"(x=len('x' * {count})):", 1)
        return judging.judge_afresh("free-later", text)

    assert with_bytes(1_000_000)
    outcome = with_bytes((MEGABYTES + 200) * 1_000_000)
    assert outcome.status == "not yet", outcome
    assert "MemoryError" in f"{outcome.words} {' '.join(outcome.hints)}"


@pytest.mark.skipif(not hasattr(judging.signal, "SIGXCPU"), reason="no such limit on this system")
@pytest.mark.parametrize("line", ["x = 2 ** (10 ** 9)", "x = sum(range(10 ** 15))"])
def test_a_function_gets_no_more_time_than_there_is_for_it(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that never ends, where no count of lines helps. Needs RLIMIT_CPU."""
    monkeypatch.setattr(judging, "PROCESSOR", 2)
    text = f"def synchronize(readers):\n    {line}\n    yield load(readers[0])\n"
    outcome = judging.judge_afresh("synchronize", text)
    assert outcome.status == "not yet"
    assert "more than 2 s of the processor" in outcome.words
    assert outcome.hints


FAILURES = {
    "no process": ("executable", "/nowhere/python", "No process"),
    "no processor": ("BOOT", "import time; time.sleep(60)", "less busy"),
    "no memory anywhere": ("BOOT", "import os; os.kill(os.getpid(), 9)", "nothing was said"),
    "somebody ends it": ("BOOT", "import os; os.kill(os.getpid(), 15)", "nothing was said"),
    "no kit": ("BOOT", "raise ImportError('no kit')", "ImportError: no kit"),
    "no word": ("BOOT", "pass", "nothing was said"),
}


@pytest.mark.skipif(os.name != "posix", reason="ends processes by signals")
@pytest.mark.parametrize("what", FAILURES)
def test_a_machine_that_fails_is_no_failure_of_the_student(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail, each of them, when all of this was "not yet"."""
    name, value, words = FAILURES[what]
    if what == "no processor":
        monkeypatch.setattr(judging, "SECONDS", 1)
    monkeypatch.setattr(judging.sys if name == "executable" else judging, name, value)
    outcome = check("x86", TEACHERS["x86"])
    assert (outcome.exercise, outcome.status, outcome.points) == ("x86", "not judged", 0)
    assert not outcome
    assert not outcome.judged
    assert words in " ".join(outcome.hints)
    assert repr(outcome).startswith("? x86: not judged. ")
    assert 'data-status="not judged"' in outcome._repr_html_()
    assert "not judged here, which is no fault of yours: x86" in repr(exercises.receipt("Ada"))
    assert "not judged here" in exercises.receipt("Ada")._repr_mimebundle_()["text/html"]
    monkeypatch.undo()
    noted = exercises.receipt("Ada")
    assert check("x86", TEACHERS["x86"])
    assert "not judged" not in repr(exercises.receipt("Ada"))
    assert exercises.receipt("Ada").digest == noted.digest


@pytest.mark.skipif(os.name != "posix", reason="ends processes by signals")
@pytest.mark.parametrize(
    ("boot", "words"),
    [
        ("import os; os.kill(os.getpid(), 11)", "without an outcome"),
        ("raise MemoryError", "MB of memory"),
        ("raise RecursionError('deep')", "without an outcome"),
    ],
)
def test_an_answer_that_ends_its_process_is_not_yet_right(
    boot: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail when whatever ends without an outcome was "not judged"."""
    monkeypatch.setattr(judging, "BOOT", boot)
    outcome = judging.judge_afresh("x86", {})
    assert (outcome.exercise, outcome.status) == ("x86", "not yet")
    assert words in outcome.words
    assert outcome.hints


def test_an_answer_that_cannot_be_sent_is_not_yet_right() -> None:
    """Seen to fail when no process and no text of an answer were one case, and with TypeError."""
    for answer in ({"a": {1, 2}}, _itself(), 10**6_000):
        outcome = judging.judge_afresh("x86", answer)
        assert outcome.status == "not yet"
        assert outcome.hints


def test_a_fault_of_a_check_is_told_to_the_student_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, "x86", lambda answer: answer["nothing"])
    outcome = grade("x86", {})
    assert outcome.status == "not judged"
    assert outcome.points == 0
    assert FALLEN in outcome.words
    monkeypatch.setitem(TASKS, "x86", lambda _: bytearray(10**18))
    assert "more memory" in grade("x86", {}).words
    assert grade("x86", {}).status == "not yet"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("match x:\n        case tuple(__reduce_ex__=r): return r", "MatchClass is not needed"),
        ("match x:\n        case [tuple(__len__=r)]: return r", "MatchClass is not needed"),
        ("match x:\n        case __builtins__: return 1", "__builtins__ is not needed"),
        ("match x:\n        case {**__x}: return 1", "__x is not needed"),
        ("match x:\n        case x.__class__: return 1", ".__class__ is not needed"),
        ("async def g(): pass", "AsyncFunctionDef is not needed"),
        ("raise x", "Raise is not needed"),
        ("try: pass\n    except* x: pass", "TryStar is not needed"),
        ("return f'{x.__class__}'", ".__class__ is not needed"),
        ("return [y for y in x if y.gi_frame]", ".gi_frame is not needed"),
        ("continue", "cannot be read"),
        ("return " + "(" * 300, "cannot be read"),
        ("return " + "-" * 9_000 + "1", "cannot be read"),
    ],
)
def test_a_function_reads_no_attributes(text: str, refused: str) -> None:
    """Seen to fail for class patterns, with the list of what is refused in place of what is not."""
    with pytest.raises(LitmusError, match=refused.replace("*", r"\*").replace(".", r"\.")):
        compiled(f"def f(x):\n    {text}\n", "f", {})


def test_a_function_may_fail_as_soon_as_it_is_defined() -> None:
    """Seen to raise ZeroDivisionError."""
    with pytest.raises(SimulationError, match="ZeroDivisionError"):
        compiled("def f(x=1 // 0):\n    yield x\n", "f", {})
    with pytest.raises(LitmusError, match="cannot be read"):
        compiled("def f(x, x):\n    yield x\n", "f", {})


def test_a_match_without_attributes_will_do() -> None:
    text = """
def f(x):
    match x:
        case (func, [private, *rest]) | {"b": func, "c": private, **rest} as both if func:
            return func, both, rest
        case None | 1 | "a":
            return 1
        case _:
            return x is 1
"""
    assert compiled(text, "f", {})(("a", ["b", "c"])) == ("a", ("a", ["b", "c"]), ["c"])


KNOWING = {
    "a table of all probes": (
        "one-swap",
        {
            "reader": """
def reader():
    probes = yield load("marker")
    func = yield load(probes[0].func)
    low = dict(zip("ABCDEFG", "abcdefg"))
    yield call(func, low[func])
""",
            "updater": """
def updater():
    probes = yield load("marker")
    yield store(probes[0].private, "b")
    yield store(probes[0].func, "B")
""",
        },
    ),
    "a whole closure, in place": (
        "one-swap",
        {
            "reader": RIGHT["one-swap"][2]["reader"],
            "updater": """
def updater():
    probes = yield load("marker")
    yield store(probes[0], ("B", "b"))
""",
        },
    ),
    "shown, and then filled": (
        "one-swap",
        {
            "reader": RIGHT["one-swap"][1]["reader"],
            "updater": """
def updater():
    fresh = yield new(None)
    yield store("marker", fresh)
    yield store(fresh[0], ("B", "b"))
""",
        },
    ),
    "a reader that stores": (
        "one-swap",
        {
            **RIGHT["one-swap"][0],
            "reader": """
def reader():
    probes = yield load("marker")
    yield store("marker", probes)
    closure = yield load(probes[0])
    yield call(*closure)
""",
        },
    ),
    "both probes, when one is left": (
        "one-swap",
        {
            "reader": RIGHT["one-swap"][1]["reader"],
            "updater": """
def updater():
    yield store("marker", (yield new(("A", "a"), ("B", "b"))))
""",
        },
    ),
    "an empty array is called full": (
        "control",
        changed(given("control"), ("c = READ_ONCE(*array);", "c = READ_ONCE(*array); if (c == 0) c = 1;")),
    ),
    "what was seen, set beforehand": (
        "control", changed(TEACHERS["control"], ("multi=old;", "multi=old; 1:c=1;"))),
    "half a closure is made whole": (
        "whole-fix",
        changed(
            LEAST_FIX,
            ("else {\n\t\tsmp_rmb();", "else {"),
            ("p = READ_ONCE(*private);", "p = READ_ONCE(*private); if (f == 2) p = 2; if (p == 2) f = 2;"),
        ),
    ),
    "bits that nobody has seen": (
        "two-bits", changed(TEACHERS["two-bits"], ("w & 14", "w & 10"))),
    "a lock that is kept": (
        "two-bits", changed(TEACHERS["two-bits"], ("w & 14);\n\tspin_unlock(lock);", "w & 14);"))),
    "published later": (
        "free-later",
        """
def updater():
    old = yield load("marker")
    fresh = yield new(("B", "b"))
    yield call_rcu([store("marker", fresh), call_rcu(free(old))])
""",
    ),
    "books that are not its own": (
        "synchronize",
        """
def synchronize(readers):
    for name in readers:
        section = yield load(name)
        if section:
            yield until("left " + name, section)
""",
    ),
    "the first two readers": (
        "synchronize",
        TEACHERS["synchronize"].replace("in readers:", "in readers[:2]:"),
    ),
    "the first two sections": (
        "synchronize",
        TEACHERS["synchronize"].replace("if section:", "if section in (1, 2):"),
    ),
    "never two probes torn": (
        "catch", r"exists ((1:t=1 /\ 1:c=99) \/ (1:t=0 /\ 1:f=0))"),
}  # fmt: skip
"""Answers that know what will be there, or do something else that looks the same."""


@pytest.mark.parametrize("what", KNOWING)
def test_knowing_is_not_doing(what: str) -> None:
    """Seen to fail when a check that had found a fault went on to the next one."""
    name, answer = KNOWING[what]
    outcome = grade(name, answer)
    assert outcome.status == "not yet", outcome
    assert outcome.hints
    assert FALLEN not in outcome.words


def test_a_part_that_is_right_counts() -> None:
    """Seen to fail when a check forgot its points."""
    for name in set(NAMES) - {"wrong-data", "use-after-free", "store-order", "synchronize"}:
        assert max(grade(name, answer).points for _, answer in MUTANTS[name]()) > 0, name
    backwards = ["updater", "reader", "updater", "updater", "reader", "reader"]
    assert grade("wrong-data", backwards).points == 0
    assert grade("synchronize", KNOWING["the first two readers"][1]).points == 5
    assert grade("store-order", rcu.models.get("tso").source).points == 5
    assert grade("damage", {**TEACHERS["damage"], "two flags share a word": []}).points == 4
    assert check("x86", {**TEACHERS["x86"], "N→1 without a grace period": "True"}).points == 7


def test_the_tests_of_a_model_are_worth_a_point_each_group() -> None:
    assert len({each.group for each in EXPECTED}) == POINTS["store-order"]
    assert len({each.text for each in EXPECTED}) == len(EXPECTED) > 100
