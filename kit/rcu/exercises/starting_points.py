"""The simulations and programs that exercises start from; checks make their own afresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kit.errors import LitmusError
from kit.rcu.steps import call, load, store
from kit.rcu.steps.catalogue import machine as ready
from kit.rcu.steps.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.rcu.steps.programs import Steps


__all__ = ["GIVEN", "TWO_BITS", "WHOLE", "machine"]


def _two_fields() -> Machine:
    """Probe A gives way to B, function and private data each in a field of its own."""

    def reader() -> Steps:
        func = yield load("func")
        private = yield load("private")
        yield call(func, private)

    steps = [store("func", "empty"), store("private", "b"), store("func", "B")]
    return Machine(
        readers={"reader": reader},
        updaters={"updater": steps},
        memory={"func": "A", "private": "a"},
    )


def _freed_at_once() -> Machine:
    """The kit's way, but what was replaced is freed at once."""
    return ready("2→1", "kit", faults=["no grace period"])


MACHINES: Final[dict[str, Callable[[], Machine]]] = {
    "wrong-data": _two_fields,
    "use-after-free": _freed_at_once,
}


def machine(exercise: str) -> Machine:
    """The simulation that an exercise is about, at its start.

    Parameters
    ----------
    exercise : str
        One of those that ask for a schedule.

    Returns
    -------
    Machine
        To be stepped.

    Raises
    ------
    kit.errors.LitmusError
        When the exercise has none.

    Examples
    --------
    >>> machine("wrong-data").enabled
    ('reader', 'updater')
    """
    if exercise not in MACHINES:
        raise LitmusError(f"{exercise!r} has no machine; {', '.join(MACHINES)} have")
    return MACHINES[exercise]()


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
