# ruff: noqa: E501 - an answer a line
"""Right answers to every exercise, several different ones each; the first is the teacher's own."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

from kit.rcu.exercises import given
from kit.rcu.exercises.answers import taken_down

ROOT = Path(__file__).resolve().parents[2]


def _teachers() -> dict[str, Any]:
    path = ROOT / "docs" / "teachers" / "answers.py"
    spec = importlib.util.spec_from_file_location("teachers_answers", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: taken_down(answer) for name, answer in module.ANSWERS.items()}


TEACHERS = _teachers()


def changed(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


LOOP = """
def reader():
    probes = yield load("marker")
    i = 0
    while closure := (yield load(probes[i])):
        yield call(*closure)
        i += 1
"""
WHOLE_CLOSURE = """
def reader():
    found = yield load((yield load("marker"))[0])
    match found:
        case (func, private):
            yield call(func, private)
"""
LOOKS_TWICE = """
def reader():
    probes = yield load("marker")
    private = yield load(probes[0].private)
    func = yield load(probes[0].func)
    again = yield load("marker")
    yield call(func, private)
"""
FILLED = """
def updater():
    fresh = yield new(None)
    yield store(fresh[0], ("B", "b"))
    yield store("marker", fresh)
"""
HALVES = """
def updater():
    old = yield load("marker")
    fresh = yield new((None, None))
    for half, name in ((fresh[0].private, "b"), (fresh[0].func, "B")):
        yield store(half, name)
    yield store("marker", fresh)
"""
AT_ONCE = """
def updater():
    yield store("marker", (yield new(("B", "b"))))
"""

_SWAP = TEACHERS["one-swap"]

DEFERRED_LIST = """
def updater():
    old = yield load("marker")
    b = yield load(old[1])
    yield store("marker", (yield new(b)))
    yield call_rcu([free(old)])
"""
DEFERRED_PROGRAM = """
def updater():
    old = yield load("marker")
    def later():
        yield free(old)
    fresh = yield new(None)
    yield store(fresh[0], ("B", "b"))
    yield store("marker", fresh)
    yield call_rcu(later)
"""
DEFERRED_TWICE = """
def updater():
    old = yield load("marker")
    fresh = yield new(("B", "b"))
    yield store("marker", fresh)
    yield call_rcu(call_rcu(free(old)))
"""

SNAPSHOT = """
def synchronize(readers):
    seen = {}
    for name in readers:
        seen[name] = yield load(name)
    for name, section in seen.items():
        if section != 0:
            yield until(name, lambda now, before=section: now != before)
"""
BACKWARDS = """
def synchronize(readers):
    i = len(readers)
    while i:
        i -= 1
        before = yield load(readers[i])
        yield until(readers[i], lambda now: before == 0 or now != before)
"""
HELPER = """
def synchronize(readers):
    def one(name):
        before = yield load(name)
        if not before:
            return
        def gone(now):
            return now == 0 or now > before
        yield until(name, gone)
    for name in reversed(list(readers)):
        yield from one(name)
"""

PARTIAL_STORE_ORDER = r"""
"A machine whose stores overtake each other, told from what is in order"
include "sections.cat"

acyclic po-loc | rf | co | fr as coherence
empty rmw & (fre ; coe) as atomic

let fence = Mb | Sync-rcu | Sync-srcu | Before-atomic | After-atomic | After-spinlock
          | After-unlock-lock | After-srcu-read-unlock
let around = (po ; [RMW]) | ([RMW] ; po) | fencerel(fence)
let loads = [R] ; po ; [M]
let stores = [W] ; ((po ; [Wmb] ; po) | (po ; [Release | UL]) | (po ; [Release | UL])) ; [W]
let order = loads | stores | ([M] ; around ; [M]) | rfe | coe | fre | co | fr
acyclic order as total

let link = po? ; order* ; po
include "graceperiods.cat"
"""
EVERY_STORE_BUFFERED = r"""
"Stores that overtake each other"

include "sections.cat"

acyclic po-loc | com as coherence
empty rmw & (fre ; coe) as atomic

let buffered = (W * M) & po
let kept = (po & (M * M)) \ buffered
let emptied =
    fencerel(Mb | Sync-rcu | Sync-srcu | Before-atomic | After-atomic | After-spinlock
             | After-unlock-lock | After-srcu-read-unlock) | (po ; [RMW]) | ([RMW] ; po)
let written = ([W] ; fencerel(Wmb) ; [W]) | ([M] ; po ; [Release])
let global = kept | (emptied & (M * M)) | written | rfe | co | fr
acyclic global as partial-store-order

let link = po? ; global* ; po
include "graceperiods.cat"
"""

ATOMICS = changed(
    given("two-bits"),
    (
        "\tint w;\n\n\tw = READ_ONCE(*word);\n\tWRITE_ONCE(*word, w & 14);",
        "\tatomic_and(14, word);",
    ),
    ("\tint v;\n\n\tv = READ_ONCE(*word);\n\tWRITE_ONCE(*word, v | 2);", "\tatomic_or(2, word);"),
)
RETURNING = changed(
    ATOMICS, ("\tatomic_and(14, word);", "\tint w;\n\n\tw = atomic_fetch_and(14, word);")
)
MUTEX = changed(
    TEACHERS["two-bits"],
    ("spinlock_t *lock", "struct mutex *lock"),
    ("spin_lock", "mutex_lock"),
    ("spin_unlock", "mutex_unlock"),
)
OTHER_ARITHMETIC = changed(
    TEACHERS["two-bits"], ("w & 14", "w - (w & 1)"), ("v | 2", "(v & 13) + 2")
)

_FIX = TEACHERS["whole-fix"]

TEARING = """C store-buffering-with-a-third
{}
P0(int *x, int *y) { int a; int b; WRITE_ONCE(*x, 1); a = READ_ONCE(*x); b = READ_ONCE(*y); }
P1(int *x, int *y) { int a; WRITE_ONCE(*y, 1); a = READ_ONCE(*x); }
exists (0:a=1 /\\ 0:b=0 /\\ 1:a=0)
"""
LOADS = r"""C loads
{}
P0(int *x, int *y) { int a; a = READ_ONCE(*x); WRITE_ONCE(*y, 1); }
P1(int *x, int *y) { int a; a = READ_ONCE(*y); WRITE_ONCE(*x, 1); }
exists (0:a=1 /\ 1:a=1)
"""
POINTER = r"""C pointer
{p=z;}
P0(int *x, int **p) { WRITE_ONCE(*x, 1); smp_wmb(); WRITE_ONCE(*p, x); }
P1(int **p, int *z) { int *a; int b; a = READ_ONCE(*p); b = READ_ONCE(*a); }
exists (1:a=x /\ 1:b=0)
"""

RIGHT: dict[str, list[Any]] = {
    "wrong-data": [
        TEACHERS["wrong-data"],
        ["reader", "updater", "updater", "updater", "reader", "reader"],
        ["reader", "updater", "updater", "reader", "updater", "reader"],
    ],
    "damage": [
        TEACHERS["damage"],
        {
            **TEACHERS["damage"],
            "closures are moved inside the published array": "lost probe",
        },
    ],
    "one-swap": [
        _SWAP,
        *({**_SWAP, "reader": each} for each in (LOOP, WHOLE_CLOSURE, LOOKS_TWICE)),
        *({**_SWAP, "updater": each} for each in (FILLED, HALVES, AT_ONCE)),
        {"updater": HALVES, "reader": LOOP},
    ],
    "smallest-sets": [
        TEACHERS["smallest-sets"],
        {
            name: [each.replace("-", "_") for each in reversed(kept)]
            for name, kept in TEACHERS["smallest-sets"].items()
        },
    ],
    "posted-bug": [
        TEACHERS["posted-bug"],
        {**TEACHERS["posted-bug"], "fix": {"read_barrier": "smp_rmb"}},
        {**TEACHERS["posted-bug"], "question": "freed"},
        {"fix": {"read-ptype": "smp_load_acquire"}, "question": "stale", "case": "1→2"},
    ],
    "x86": [TEACHERS["x86"], dict(reversed(TEACHERS["x86"].items()))],
    "control": [
        TEACHERS["control"],
        changed(TEACHERS["control"], ("rcu_dereference", "READ_ONCE")),
        changed(TEACHERS["control"], ("c = READ_ONCE(*m);", "if (m == array) c = READ_ONCE(*m);")),
        changed(TEACHERS["control"], ("c = READ_ONCE(*m);", "if (m != 0) { c = *m; }")),
        changed(TEACHERS["control"], ("READ_ONCE(*m)", "rcu_dereference(*m)"), ("\tint c;", "\tint c; int d;")),
    ],
    "use-after-free": [
        TEACHERS["use-after-free"],
        ["updater", "reader"] + ["updater"] * 5 + ["reader"] + ["updater"] * 3 + ["reader"],
        ["updater"] * 4 + ["reader"] * 2 + ["updater"] * 5 + ["reader"],
    ],
    "free-later": [
        TEACHERS["free-later"],
        DEFERRED_LIST,
        DEFERRED_PROGRAM,
        DEFERRED_TWICE,
    ],
    "flavours": [
        TEACHERS["flavours"],
        {name: [*reversed(waits), *waits] for name, waits in TEACHERS["flavours"].items()},
    ],
    "synchronize": [TEACHERS["synchronize"], SNAPSHOT, BACKWARDS, HELPER],
    "separate": [
        TEACHERS["separate"],
        {"sc, tso": TEARING, "tso, lkmm": LOADS, "lkmm, alpha": POINTER},
    ],
    "catch": [
        TEACHERS["catch"],
        r"exists ((1:t=1 /\ 1:c=99) \/ (1:t=0 /\ ~(1:f=1 /\ 1:p=1)))",
        r"exists (~((1:t=1 /\ 1:c=1) \/ (1:t=0 /\ 1:f=1 /\ 1:p=1)))",
        "exists (1:c=99 \\/\n  (not (1:t=1) /\\ (1:f=0 \\/ 1:p=0)))",
    ],
    "store-order": [
        TEACHERS["store-order"],
        PARTIAL_STORE_ORDER,
        EVERY_STORE_BUFFERED,
        {"model": EVERY_STORE_BUFFERED, "without": []},
    ],
    "two-bits": [TEACHERS["two-bits"], ATOMICS, RETURNING, MUTEX, OTHER_ARITHMETIC],
    "whole-fix": [
        _FIX,
        changed(_FIX, ("smp_wmb();\n\tWRITE_ONCE(*ptype, 1);", "smp_store_release(ptype, 1);")),
        changed(_FIX, ("smp_wmb();", "smp_mb();"), ("smp_rmb();", "smp_mb();")),
        changed(
            _FIX,
            ("t = READ_ONCE(*ptype);", "t = smp_load_acquire(ptype);"),
            ("if (t == 1) {\n\t\tsmp_rmb();", "if (t == 1) {"),
            ("else {\n\t\tsmp_rmb();", "else {"),
        ),
        changed(_FIX, ("f = READ_ONCE(*func);\n\t\tsmp_rmb();", "f = smp_load_acquire(func);")),
        changed(_FIX, ("rcu_assign_pointer(*multi, array);", "smp_wmb();\n\tWRITE_ONCE(*multi, array);")),
        re.sub(r"//[^\n]*", "", _FIX),
    ],
}  # fmt: skip
"""Plain data, as a notebook records it."""

LEAST_FIX = changed(
    _FIX,
    ("rcu_assign_pointer(*multi", "WRITE_ONCE(*multi"),
    ("\tWRITE_ONCE(*private, 2);\n\tsmp_wmb();\n", "\tWRITE_ONCE(*private, 2);\n"),
    ("\t\tsmp_read_barrier_depends();\n", ""),
    ("\t\tsmp_rmb();\n\t\tp = READ", "\t\tp = READ"),
)
"""The same fix with nothing in it that could go: each part is needed under some model."""
RIGHT["whole-fix"].append(LEAST_FIX)

LAID_OUT = {
    name: re.sub(
        r"\{ (int .*)\}",
        lambda body: "{\n\t" + body[1].strip().replace("; ", ";\n\t") + "\n}",
        re.sub(r"\{ (WRITE.*)\}", r"{ int z; \1}", text),
    )
    for name, text in TEACHERS["separate"].items()
}
"""The same tests, a statement a line."""
RIGHT["separate"].append(LAID_OUT)
