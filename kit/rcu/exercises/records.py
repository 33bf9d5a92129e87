"""Programs that are given, and verdicts that are expected."""

from __future__ import annotations

from typing import Final

__all__ = ["EXPECTED", "TWO_BITS", "WHOLE"]

TWO_BITS: Final = r"""C two-bits

{word=1;}

P0(int *word)
{
	int w;

	w = READ_ONCE(*word);
	WRITE_ONCE(*word, w & 14);    // rcu_pending (1) = 0
}

P1(int *word)
{
	int v;

	v = READ_ONCE(*word);
	WRITE_ONCE(*word, v | 2);     // ptype (2) = 1
}

exists (word=0 \/ word=3)
"""
"""Two bit-fields in one word, changed by two threads."""

WHOLE: Final = r"""C whole

{old=99; array=0; multi=old; ptype=0; func=1; private=1;}

P0(int *array, int **multi, int *ptype, int *func, int *private)
{
	WRITE_ONCE(*array, 1);        // A and B in an array
	WRITE_ONCE(*multi, array);
	WRITE_ONCE(*ptype, 1);

	WRITE_ONCE(*private, 2);      // B alone
	WRITE_ONCE(*func, 2);
	WRITE_ONCE(*ptype, 0);
	smp_mb();
	WRITE_ONCE(*array, 99);       // kfree(array)
}

P1(int *array, int **multi, int *ptype, int *func, int *private)
{
	int t; int *m; int c; int f; int p;

	t = READ_ONCE(*ptype);
	if (t == 1) {
		smp_read_barrier_depends();
		m = READ_ONCE(*multi);
		c = READ_ONCE(*m);
	} else {
		smp_rmb();
		f = READ_ONCE(*func);
		p = READ_ONCE(*private);
	}
}

exists (1:t=1 /\ 1:c=99)
"""
"""From one probe to two and back to the other one, with much missing."""


def _pair(first: str, second: str, question: str) -> str:
    threads = f"P0(int *x, int *y) {{ {first} }}\nP1(int *x, int *y) {{ {second} }}"
    return f"C t\n{{}}\n{threads}\n{question}\n"


_READ: Final = "int a; int b; a = READ_ONCE(*y); b = READ_ONCE(*x);"
_SEEN: Final = r"exists (1:a=1 /\ 1:b=0)"
_X: Final = "WRITE_ONCE(*x, 1);"
_Y: Final = "WRITE_ONCE(*y, 1);"
_STALE: Final = r"exists (0:a=0 /\ 1:a=0)"

EXPECTED: Final = (
    ("two stores to two locations", _pair(f"{_X} {_Y}", _READ, _SEEN), "Sometimes"),
    (
        "two stores with a write barrier between them",
        _pair(f"{_X} smp_wmb(); {_Y}", _READ, _SEEN),
        "Never",
    ),
    (
        "two stores with a full barrier between them",
        _pair(f"{_X} smp_mb(); {_Y}", _READ, _SEEN),
        "Never",
    ),
    (
        "a store and then a release store",
        _pair(f"{_X} smp_store_release(y, 1);", _READ, _SEEN),
        "Never",
    ),
    (
        "two stores to one location",
        _pair(
            "WRITE_ONCE(*x, 1); WRITE_ONCE(*x, 2);",
            "int a; int b; a = READ_ONCE(*x); b = READ_ONCE(*x);",
            r"exists (1:a=2 /\ 1:b=1)",
        ),
        "Never",
    ),
    (
        "a store and then a load of another location",
        _pair(f"int a; {_X} a = READ_ONCE(*y);", f"int a; {_Y} a = READ_ONCE(*x);", _STALE),
        "Sometimes",
    ),
    (
        "the same with full barriers",
        _pair(
            f"int a; {_X} smp_mb(); a = READ_ONCE(*y);",
            f"int a; {_Y} smp_mb(); a = READ_ONCE(*x);",
            _STALE,
        ),
        "Never",
    ),
    (
        "the same with write barriers only",
        _pair(
            f"int a; {_X} smp_wmb(); a = READ_ONCE(*y);",
            f"int a; {_Y} smp_wmb(); a = READ_ONCE(*x);",
            _STALE,
        ),
        "Sometimes",
    ),
    (
        "a load and then a store",
        _pair(
            f"int a; a = READ_ONCE(*x); {_Y}",
            f"int a; a = READ_ONCE(*y); {_X}",
            r"exists (0:a=1 /\ 1:a=1)",
        ),
        "Never",
    ),
    (
        "a grace period between two stores",
        _pair(
            f"{_X} synchronize_rcu(); {_Y}",
            "int a; int b; rcu_read_lock(); b = READ_ONCE(*x); a = READ_ONCE(*y); "
            "rcu_read_unlock();",
            _SEEN,
        ),
        "Never",
    ),
)
"""What a model in which only stores overtake stores, and loads stores, says of these tests."""
