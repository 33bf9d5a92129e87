"""Programs that are given."""

from __future__ import annotations

from typing import Final

__all__ = ["GIVEN", "TWO_BITS", "WHOLE"]

GIVEN: Final = "Begin again with what exercises.given() has, and keep the names."

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
