"""Tests that describe a machine whose stores overtake each other.

Loads stay in order, and ahead of later stores. A store may be overtaken by later loads, and by
later stores to other locations. So in most tests the question is whether one pair of accesses stays
in order with this or that between them, while all else is kept in order by full barriers.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["EXPECTED", "Expected"]


class Expected(NamedTuple):
    """A test, and its verdict.

    Attributes
    ----------
    words : str
        What happens in it.
    text : str
        The test.
    verdict : str
        ``Never`` or ``Sometimes``.
    group : str
        What it is about: a group is worth a point.
    """

    words: str
    text: str
    verdict: str
    group: str = "everything else"


class _Pair(NamedTuple):
    """One thread's two accesses, and the other thread that notices when they trade places."""

    words: str
    first: str
    second: str
    partner: str
    question: str


_PAIRS: Final = (
    _Pair(
        "two stores",
        "WRITE_ONCE(*x, 1);",
        "WRITE_ONCE(*y, 1);",
        "c = READ_ONCE(*y); smp_mb(); d = READ_ONCE(*x);",
        r"1:c=1 /\ 1:d=0",
    ),
    _Pair(
        "two stores, of which one meets a store",
        "WRITE_ONCE(*x, 2);",
        "WRITE_ONCE(*y, 1);",
        "c = READ_ONCE(*y); smp_mb(); WRITE_ONCE(*x, 1);",
        r"1:c=1 /\ x=2",
    ),
    _Pair(
        "two stores, of which both meet a store",
        "WRITE_ONCE(*x, 1);",
        "WRITE_ONCE(*y, 2);",
        "WRITE_ONCE(*y, 1); smp_mb(); WRITE_ONCE(*x, 2);",
        r"x=1 /\ y=1",
    ),
    _Pair(
        "a store and then a load",
        "WRITE_ONCE(*x, 1);",
        "a = READ_ONCE(*y);",
        "WRITE_ONCE(*y, 1); smp_mb(); c = READ_ONCE(*x);",
        r"0:a=0 /\ 1:c=0",
    ),
    _Pair(
        "a store that meets a store, and then a load",
        "WRITE_ONCE(*x, 2);",
        "a = READ_ONCE(*y);",
        "WRITE_ONCE(*y, 1); smp_mb(); WRITE_ONCE(*x, 1);",
        r"0:a=0 /\ x=2",
    ),
    _Pair(
        "a load and then a store",
        "a = READ_ONCE(*x);",
        "WRITE_ONCE(*y, 1);",
        "c = READ_ONCE(*y); smp_mb(); WRITE_ONCE(*x, 1);",
        r"0:a=1 /\ 1:c=1",
    ),
    _Pair(
        "two loads",
        "a = READ_ONCE(*y);",
        "b = READ_ONCE(*x);",
        "WRITE_ONCE(*x, 1); smp_mb(); WRITE_ONCE(*y, 1);",
        r"0:a=1 /\ 0:b=0",
    ),
)

_FULL: Final = {
    "a full barrier": "smp_mb();",
    "an exchange": "e = xchg(z, 1);",
    "a counter that is incremented": "atomic_inc(z);",
    "smp_mb__before_atomic": "smp_mb__before_atomic();",
    "smp_mb__after_atomic": "smp_mb__after_atomic();",
    "smp_mb__after_spinlock": "smp_mb__after_spinlock();",
    "smp_mb__after_unlock_lock": "smp_mb__after_unlock_lock();",
    "the end of a section and its barrier": (
        "e = srcu_read_lock(s); srcu_read_unlock(s, e); smp_mb__after_srcu_read_unlock();"
    ),
    "a grace period": "synchronize_rcu();",
    "a grace period of SRCU": "synchronize_srcu(s);",
}
"""What keeps everything in order."""

_WRITES: Final = {"a write barrier": "smp_wmb();"}
"""What keeps stores in order."""

_NOTHING: Final = {
    "nothing": "",
    "a read barrier": "smp_rmb();",
    "a compiler barrier": "barrier();",
}
"""What adds no order."""


def _test(threads: tuple[str, ...], question: str) -> str:
    places = "int *x, int *y, int *z, struct srcu_struct *s, struct srcu_struct *t"
    registers = "int a; int b; int c; int d; int e;"
    lines = [f"P{number}({places}) {{ {registers} {body} }}" for number, body in enumerate(threads)]
    return "\n".join(["C t", "{}", *lines, f"exists ({question})", ""])


def _pairs() -> list[Expected]:
    found: list[Expected] = []
    for pair in _PAIRS:
        load_first = pair.first.startswith("a =")
        stores = pair.words.startswith("two stores")
        for kind, ordered in (
            (_NOTHING, load_first),
            (_WRITES, load_first or stores),
            (_FULL, True),
        ):
            for between, code in kind.items():
                text = _test((f"{pair.first} {code} {pair.second}", pair.partner), pair.question)
                verdict = "Never" if ordered else "Sometimes"
                words = f"{pair.words}, with {between} between them"
                found.append(Expected(words, text, verdict, pair.words))
        if stores:
            released = pair.second.replace("WRITE_ONCE(*y", "smp_store_release(y")
            text = _test((f"{pair.first} {released}", pair.partner), pair.question)
            words = f"{pair.words}, the second a release store"
            found.append(Expected(words, text, "Never", pair.words))
        for which, access in (("first", pair.first), ("second", pair.second)):
            if not access.startswith("WRITE_ONCE"):
                continue
            place, value = access[12], access[15]
            for atomic in ("xchg", "xchg_relaxed"):
                code = f"e = {atomic}({place}, {value});"
                both = (code, pair.second) if which == "first" else (pair.first, code)
                text = _test((" ".join(both), pair.partner), pair.question)
                words = f"{pair.words}, the {which} by {atomic}"
                found.append(Expected(words, text, "Never", pair.words))
    return found


_READS: Final = "a = READ_ONCE(*x); b = READ_ONCE(*y);"
_BACK: Final = "a = READ_ONCE(*y); b = READ_ONCE(*x);"
_SECTION: Final = "rcu_read_lock(); b = READ_ONCE(*x); a = READ_ONCE(*y); rcu_read_unlock();"
_SLEEPY: Final = (
    "e = srcu_read_lock(s); b = READ_ONCE(*x); a = READ_ONCE(*y); srcu_read_unlock(s, e);"
)
_SEEN: Final = r"1:a=1 /\ 1:b=0"

_OTHERS: Final = (
    ("a store, and the same thread looks", ("WRITE_ONCE(*x, 1); a = READ_ONCE(*x);",), "0:a=0"),
    (
        "two stores to one location",
        ("WRITE_ONCE(*x, 1); WRITE_ONCE(*x, 2);", "a = READ_ONCE(*x); b = READ_ONCE(*x);"),
        r"1:a=2 /\ 1:b=1",
    ),
    ("two stores to one location, at the end", ("WRITE_ONCE(*x, 1); WRITE_ONCE(*x, 2);",), "x=1"),
    ("a load before a store to its location", ("a = READ_ONCE(*x); WRITE_ONCE(*x, 1);",), "0:a=1"),
    (
        "a load, and then a store to its location",
        ("a = READ_ONCE(*x); WRITE_ONCE(*x, 1);", "WRITE_ONCE(*x, 2);"),
        r"0:a=2 /\ x=2",
    ),
    (
        "a store, a load of another's store, and the first one last",
        ("WRITE_ONCE(*x, 1); a = READ_ONCE(*x);", "WRITE_ONCE(*x, 2);"),
        r"0:a=2 /\ x=1",
    ),
    ("two exchanges of one location", ("a = xchg(x, 1);", "a = xchg(x, 2);"), r"0:a=0 /\ 1:a=0"),
    ("two counts of one location", ("atomic_inc(x);", "atomic_inc(x);"), "x=1"),
    (
        "a count, and a store that must not get into it",
        ("atomic_add(2, x);", "WRITE_ONCE(*x, 1); a = READ_ONCE(*x);"),
        r"x=2 /\ 1:a=1",
    ),
    (
        "two readers that see two stores in different orders",
        ("WRITE_ONCE(*x, 1);", "WRITE_ONCE(*y, 1);", _READS, _BACK),
        r"2:a=1 /\ 2:b=0 /\ 3:a=1 /\ 3:b=0",
    ),
    (
        "a store that is passed on",
        (
            "WRITE_ONCE(*x, 1);",
            "a = READ_ONCE(*x); WRITE_ONCE(*y, 1);",
            "a = READ_ONCE(*y); b = READ_ONCE(*x);",
        ),
        r"1:a=1 /\ 2:a=1 /\ 2:b=0",
    ),
    (
        "a grace period between two stores",
        ("WRITE_ONCE(*x, 1); synchronize_rcu(); WRITE_ONCE(*y, 1);", _SECTION),
        _SEEN,
    ),
    (
        "a grace period of SRCU between two stores",
        ("WRITE_ONCE(*x, 1); synchronize_srcu(s); WRITE_ONCE(*y, 1);", _SLEEPY),
        _SEEN,
    ),
    (
        "two grace periods and two sections",
        (
            "WRITE_ONCE(*x, 1); synchronize_rcu(); synchronize_rcu(); WRITE_ONCE(*y, 1);",
            "rcu_read_lock(); a = READ_ONCE(*z); b = READ_ONCE(*x); rcu_read_unlock();",
            "rcu_read_lock(); a = READ_ONCE(*y); WRITE_ONCE(*z, 1); rcu_read_unlock();",
        ),
        r"1:a=1 /\ 1:b=0 /\ 2:a=1",
    ),
)
_ALLOWED: Final = (
    (
        "a reader that loads out of order in a section, and a full barrier",
        ("WRITE_ONCE(*x, 1); smp_mb(); WRITE_ONCE(*y, 1);", _SECTION),
        _SEEN,
    ),
    (
        "a grace period of another domain of SRCU",
        ("WRITE_ONCE(*x, 1); synchronize_srcu(t); WRITE_ONCE(*y, 1);", _SLEEPY),
        _SEEN,
    ),
    (
        "a grace period, and a reader in no section",
        (
            "WRITE_ONCE(*x, 1); synchronize_rcu(); WRITE_ONCE(*y, 1);",
            "b = READ_ONCE(*x); a = READ_ONCE(*y);",
        ),
        _SEEN,
    ),
    (
        "a store that its own thread sees early",
        (
            "WRITE_ONCE(*x, 1); a = READ_ONCE(*x); b = READ_ONCE(*y);",
            "WRITE_ONCE(*y, 1); a = READ_ONCE(*y); b = READ_ONCE(*x);",
        ),
        r"0:a=1 /\ 0:b=0 /\ 1:a=1 /\ 1:b=0",
    ),
)

EXPECTED: Final = (
    *_pairs(),
    *(Expected(words, _test(body, question), "Never") for words, body, question in _OTHERS),
    *(Expected(words, _test(body, question), "Sometimes") for words, body, question in _ALLOWED),
)
"""Every test."""
