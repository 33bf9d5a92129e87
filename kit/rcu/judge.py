"""The verdict of a model on a test."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from kit.errors import LitmusError
from kit.rcu import models
from kit.rcu.enumeration import Candidate, Enumeration
from kit.rcu.limits import DEFAULT, Deadline, Limits
from kit.rcu.parser import parse
from kit.rcu.why import Explanation, explain
from kit.rcu.witness import Execution, execution_of

if TYPE_CHECKING:
    from kit.rcu.models import Model
    from kit.rcu.program import Program
    from kit.rcu.structure import Structure
    from kit.rcu.syntax import Test, Value

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a model says about a test.

    Attributes
    ----------
    test : Test
        The test.
    model : Model
        The model.
    verdict : str
        Whether executions satisfy the condition: ``Always``, ``Sometimes`` or ``Never``.
    states : dict
        How many executions end in each final state; a state is a tuple of values in the order of
        ``test.observed``.
    positive, negative : int
        Executions that satisfy the condition, and that do not.
    flags : tuple of str
        What the model warns of, for example ``data-race``.
    seconds : float
        How long it took.
    complete : bool
        False when it stopped as soon as the verdict was known.

    Examples
    --------
    >>> verdict = judge("C a {} P0(int *x) { *x = 1; } exists (x=1)")
    >>> verdict.verdict, verdict.states
    ('Always', {(1,): 1})
    """

    test: Test
    model: Model
    verdict: str
    states: dict[tuple[Value, ...], int]
    positive: int
    negative: int
    flags: tuple[str, ...]
    seconds: float = field(compare=False)
    complete: bool = True
    limits: Limits = field(default=DEFAULT, repr=False)
    _example: Candidate | None = field(default=None, repr=False, compare=False)

    @property
    def holds(self) -> bool:
        """Whether the test's own quantifier holds."""
        if self.test.quantifier == "forall":
            return self.verdict == "Always" or not (self.positive or self.negative)
        return (self.verdict != "Never") is (self.test.quantifier == "exists")

    def witness(self) -> Execution | None:
        """One execution that satisfies the condition, or one that does not if none does.

        Returns
        -------
        Execution or None
            None when the model allows no execution at all.

        Examples
        --------
        >>> one = judge("C a {} P0(int *x) { *x = 1; } exists (x=1)").witness()
        >>> [event.text for event in one.events]
        ['x = 0', '*x = 1']
        """
        if self._example is None:
            return None
        return execution_of(self._example, self.model)

    def why(self, most: int = 100) -> Explanation:
        """For each candidate that satisfies the condition, what forbids it.

        Parameters
        ----------
        most : int
            How many candidates are explained.

        Returns
        -------
        Explanation
            A sequence of refusals that prints; empty unless the verdict is Never.

        Examples
        --------
        >>> test = "C a {} P0(int *x) { int r; *x = 1; r = READ_ONCE(*x); } exists (0:r=0)"
        >>> print(judge(test).why()[0])
        Forbidden by coherence (...)...
        """
        if self.verdict != "Never":
            return Explanation((), f"{self.model.name} allows it: see witness()")
        return explain(self.test, self.model, self.limits, most)

    def __repr__(self) -> str:
        flags = f", flags: {', '.join(self.flags)}" if self.flags else ""
        return (
            f"<{self.verdict} under {self.model.name}: {self.test.name}, "
            f"{len(self.states)} states, {self.positive} positive, {self.negative} negative{flags}>"
        )

    def _repr_html_(self) -> str:
        """The verdict with its states as a table."""
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.test.observed)
        rows = "".join(
            "<tr>"
            + "".join(f"<td>{escape(str(value))}</td>" for value in state)
            + f"<td>{count}</td></tr>"
            for state, count in self.states.items()
        )
        flags = f" · {escape(', '.join(self.flags))}" if self.flags else ""
        return (
            f"<p><strong>{self.verdict}</strong> under {escape(self.model.name)}: "
            f"{escape(self.test.name)}, {escape(self.test.question)}{flags}</p>"
            f'<table><thead><tr>{head}<th scope="col">executions</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )


def judge(
    test: Test | str,
    model: str | Model = "lkmm",
    *,
    states: bool = True,
    limits: Limits = DEFAULT,
) -> Verdict:
    r"""Judge a litmus test under a memory model.

    Parameters
    ----------
    test : Test or str
        The test, or its text or path.
    model : str or Model
        The model.
    states : bool
        Whether all final states and flags are wanted. Without, judging stops as soon as the
        verdict is known.
    limits : Limits
        Bounds on the work.

    Returns
    -------
    Verdict
        The verdict.

    Raises
    ------
    kit.errors.LitmusError
        When test or model cannot be read, or the work exceeds the bounds.

    Examples
    --------
    >>> judge(
    ...     "C mp {} P0(int *x, int *y) { WRITE_ONCE(*x, 1); smp_wmb(); WRITE_ONCE(*y, 1); }"
    ...     "P1(int *x, int *y) { int a; int b; a = READ_ONCE(*y); smp_rmb(); b = READ_ONCE(*x); }"
    ...     "exists (1:a=1 /\\ 1:b=0)"
    ... )
    <Never under lkmm: mp, 3 states, 0 positive, 3 negative>
    """
    start = time.perf_counter()
    if isinstance(test, str):
        test = parse(test, limits)
    model = models.get(model)
    try:
        return _judge(test, model, states, limits, start)
    except RecursionError:
        raise LitmusError(f"{test.name}: an expression of this test is too deep") from None


def _judge(test: Test, model: Model, states: bool, limits: Limits, start: float) -> Verdict:
    coherent, atomic = model.coherent, model.atomic
    deadline = Deadline(limits, test.name)
    every = Enumeration(test, coherent, atomic, deadline)
    program = model.program(every.present, coherent, atomic)
    found: Counter[tuple[Value, ...]] = Counter()
    flags: set[str] = set()
    counts = {True: 0, False: 0}
    example: Candidate | None = None
    # For the verdict alone, one execution of each kind is enough, and is searched for by itself.
    for candidates in (every,) if states else (every.ending(True), every.ending(False)):
        for candidate in candidates:
            structure = candidate.structure
            values = _prepared(program, structure, deadline)
            refused = program.run(structure.space, values, candidate.choice, flags, deadline.check)
            if refused is None:
                found[candidate.final] += 1
                counts[candidate.positive] += 1
                if example is None or (candidate.positive and not example.positive):
                    example = candidate
                if not states:
                    break
    verdict = "Sometimes" if counts[True] and counts[False] else "Never"
    if counts[True] and not counts[False]:
        verdict = "Always"
    return Verdict(
        test,
        model,
        verdict,
        dict(sorted(found.items(), key=lambda item: str(item[0]))),
        counts[True],
        counts[False],
        tuple(sorted(flags)),
        time.perf_counter() - start,
        states,
        limits,
        example,
    )


def _prepared(program: Program, structure: Structure, deadline: Deadline) -> list[int]:
    """What of a model does not depend on rf and co, once for all combinations of one shape."""
    keeper = structure if program.by_value else structure.like
    if keeper.prepared is None:
        keeper.prepared = program.prepare(structure.space, structure.base, deadline.check)
    return keeper.prepared
