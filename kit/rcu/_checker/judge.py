"""The verdict of a model on a test."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Final

from kit.errors import LitmusError
from kit.rcu import models
from kit.rcu._checker.deadlock import DEADLOCK, nothing_runs
from kit.rcu._checker.enumeration import Candidate, Enumeration
from kit.rcu._explain.execution import Execution, execution_of
from kit.rcu._explain.explanation import Explanation, explain
from kit.rcu._litmus.parser import parse
from kit.rcu.limits import DEFAULT, Deadline, Limits

if TYPE_CHECKING:
    from kit.rcu._cat.program import Program
    from kit.rcu._checker.structure import Structure
    from kit.rcu._litmus.syntax import Test, Value
    from kit.rcu.models import Model

__all__ = ["Verdict", "judge"]

MARKS: Final = {"Never": "○", "Sometimes": "◐", "Always": "●", "Deadlock": "⊘", "Undecided": "?"}

THIN_AIR: Final = (
    "out of thin air: it depends on a value that is written only because it is read, "
    "which the model does not rule out"
)


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
        Whether executions satisfy the condition: ``Always``, ``Sometimes`` or ``Never``;
        ``Deadlock`` where the threads can only wait for ever, so that nothing is ever reached;
        ``Undecided`` where it depends on values out of thin air.
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
    reason : str
        What is behind ``Deadlock`` and ``Undecided``, or why there is no execution; else empty.

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
    reason: str = ""

    @property
    def mark(self) -> str:
        """A sign for the verdict, such as ○ for Never."""
        return MARKS[self.verdict]

    @property
    def holds(self) -> bool:
        """Whether the test's own quantifier holds; it never does without a verdict."""
        if self.verdict in ("Deadlock", "Undecided"):
            return False
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
            A sequence of refusals that prints; empty unless the verdict is Never. What it prints
            then says why.

        Examples
        --------
        >>> test = "C a {} P0(int *x) { int r; *x = 1; r = READ_ONCE(*x); } exists (0:r=0)"
        >>> print(judge(test).why()[0])
        Forbidden by coherence (...)...
        """
        if self.reason:
            return Explanation((), self.reason)
        if self.verdict != "Never":
            return Explanation((), f"{self.model.name} allows it: see witness()")
        return explain(self.test, self.model, self.limits, most)

    @property
    def _behind(self) -> str:
        """The reason, to stand after the verdict's name."""
        return self.reason.removeprefix(DEADLOCK)

    def __repr__(self) -> str:
        flags = f", flags: {', '.join(self.flags)}" if self.flags else ""
        reason = f", {self._behind}" if self.reason else ""
        return (
            f"<{self.verdict} under {self.model.name}: {self.test.name}, "
            f"{len(self.states)} states, {self.positive} positive, {self.negative} negative"
            f"{flags}{reason}>"
        )

    def _repr_html_(self) -> str:
        """The verdict with its states as a table, where there are any."""
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.test.observed)
        rows = "".join(
            "<tr>"
            + "".join(f"<td>{escape(str(value))}</td>" for value in state)
            + f"<td>{count}</td></tr>"
            for state, count in self.states.items()
        )
        flags = f" · {escape(', '.join(self.flags))}" if self.flags else ""
        reason = f" · {escape(self._behind)}" if self.reason else ""
        said = (
            f"<p><strong>{self.verdict}</strong> under {escape(self.model.name)}: "
            f"{escape(self.test.name)}, {escape(self.test.question)}{flags}{reason}</p>"
        )
        if not self.states:
            return said
        return (
            f'{said}<table><thead><tr>{head}<th scope="col">executions</th></tr></thead>'
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
    tally = _Tally(states)
    # For the verdict alone, one execution of each kind is enough, and is searched for by itself.
    whole = states or every.circles is not None
    for candidates in (every,) if whole else (every.ending(True), every.ending(False)):
        for candidate in candidates:
            if not tally.wants(candidate):
                continue
            structure = candidate.structure
            values = _prepared(program, structure, deadline)
            flags = tally.flags if candidate.certain else set()
            refused = program.run(structure.space, values, candidate.choice, flags, deadline.check)
            if refused is None:
                tally.add(candidate)
                if not states and (not whole or all(tally.counts.values())):
                    break
    verdict, reason, example = tally.verdict()
    if not any(tally.counts.values()) and not reason:
        reason = nothing_runs(every)
        verdict = "Deadlock" if reason.startswith(DEADLOCK) else verdict
    return Verdict(
        test,
        model,
        verdict,
        dict(sorted(tally.found.items(), key=lambda item: str(item[0]))),
        tally.counts[True],
        tally.counts[False],
        tuple(sorted(tally.flags)),
        time.perf_counter() - start,
        states,
        limits,
        example,
        reason,
    )


def _prepared(program: Program, structure: Structure, deadline: Deadline) -> list[int]:
    """What of a model does not depend on rf and co, once for all combinations of one shape."""
    keeper = structure if program.by_value else structure.like
    if keeper.prepared is None:
        keeper.prepared = program.prepare(structure.space, structure.base, deadline.check)
    return keeper.prepared


class _Tally:
    """What the executions that a model allows amount to."""

    def __init__(self, states: bool) -> None:
        self.states = states
        self.found: Counter[tuple[Value, ...]] = Counter()
        self.flags: set[str] = set()
        self.counts = {True: 0, False: 0}
        self.example: Candidate | None = None
        self.doubtful: dict[bool, Candidate] = {}

    def wants(self, candidate: Candidate) -> bool:
        """Whether anything depends on whether the model allows this candidate."""
        if candidate.certain and self.states:
            return True
        return any(not self.counts[answer] for answer in _answers(candidate))

    def add(self, candidate: Candidate) -> None:
        """Count an execution, or note what one might be that nobody knows to exist."""
        if candidate.open or not candidate.certain:
            for answer in _answers(candidate):
                self.doubtful.setdefault(answer, candidate)
        if candidate.certain:
            self.found[candidate.final] += 1
            self.counts[candidate.positive] += 1
            if self.example is None or (candidate.positive and not self.example.positive):
                self.example = candidate

    def verdict(self) -> tuple[str, str, Candidate | None]:
        """The verdict, what is behind it, and an execution."""
        for answer, candidate in self.doubtful.items():
            if not self.counts[answer]:
                return "Undecided", THIN_AIR, candidate
        if self.counts[True]:
            return "Sometimes" if self.counts[False] else "Always", "", self.example
        return "Never", "", self.example


def _answers(candidate: Candidate) -> tuple[bool, ...]:
    """How a candidate may answer the test's question."""
    return (True, False) if candidate.open else (candidate.positive,)
