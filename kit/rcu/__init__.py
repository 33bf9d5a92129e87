r"""Litmus tests for publication: what concurrent readers may see, and why.

>>> from kit import rcu
>>> test = rcu.parse('''C message-passing
... {}
... P0(int *data, int *ready) { WRITE_ONCE(*data, 1); smp_store_release(ready, 1); }
... P1(int *data, int *ready)
... {
...     int r0; int r1;
...     r0 = smp_load_acquire(ready);
...     r1 = READ_ONCE(*data);
... }
... exists (1:r0=1 /\\ 1:r1=0)''')
>>> rcu.judge(test, "lkmm")
<Never under lkmm: message-passing, 3 states, 0 positive, 3 negative>

And simulations of readers and updaters that move step by step; see `kit.rcu.steps`.

>>> machine = rcu.machine("1→0→1", faults=["no grace period"])
>>> machine.explore().verdict("torn closure")
'Sometimes'

Everything here is the standard library's Python, so that it also runs in a browser.
"""

from kit.rcu import kernel, models, steps
from kit.rcu._checker.judge import Verdict, judge
from kit.rcu._checker.matrix import Matrix, matrix
from kit.rcu._explain.execution import Event, Execution
from kit.rcu._explain.explanation import Explanation, Refusal
from kit.rcu._litmus.building import Litmus, litmus, otherwise, when
from kit.rcu._litmus.parser import parse
from kit.rcu._litmus.syntax import Test
from kit.rcu._tearing import tearing
from kit.rcu.boards import board, stepper, watch
from kit.rcu.cases import Case, case
from kit.rcu.limits import Bounds, Limits
from kit.rcu.models import Model
from kit.rcu.steps.bad import BAD
from kit.rcu.steps.catalogue import ALGORITHMS, TRANSITIONS, faults, machine
from kit.rcu.steps.explore import Exploration
from kit.rcu.steps.litmus import interleave
from kit.rcu.steps.machine import Machine

__all__ = [
    "ALGORITHMS",
    "BAD",
    "TRANSITIONS",
    "Bounds",
    "Case",
    "Event",
    "Execution",
    "Explanation",
    "Exploration",
    "Limits",
    "Litmus",
    "Machine",
    "Matrix",
    "Model",
    "Refusal",
    "Test",
    "Verdict",
    "board",
    "case",
    "faults",
    "interleave",
    "judge",
    "kernel",
    "litmus",
    "machine",
    "matrix",
    "models",
    "otherwise",
    "parse",
    "stepper",
    "steps",
    "tearing",
    "watch",
    "when",
]


def __dir__() -> list[str]:
    return __all__
