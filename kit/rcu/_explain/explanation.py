"""Why a model forbids what a test asks about: the axiom, the cycle, and words for its edges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final, overload

from kit.rcu._checker.enumeration import Candidate, Enumeration
from kit.rcu._explain.derivation import Derivation
from kit.rcu._explain.drawing import BASIC
from kit.rcu._explain.execution import Event, Execution, execution_of
from kit.rcu.limits import Deadline, Limits

if TYPE_CHECKING:
    from kit.rcu._cat.program import Program
    from kit.rcu._cat.relations import Space
    from kit.rcu._cat.resolve import Axiom
    from kit.rcu._litmus.syntax import Test
    from kit.rcu.models import Model

__all__ = ["Explanation", "Reason", "Refusal", "explain"]

AXIOMS: Final = {
    "coherence": "all threads agree on one order of the writes to a location, and no thread sees "
    "that order backwards",
    "atomic": "nobody writes between the read and the write of an atomic update",
    "happens-before": "no event can execute before itself",
    "propagation": "no store can reach the other threads before itself",
    "rcu": "a grace period waits for every reader that was there before it, so that a circle needs "
    "more critical sections than grace periods",
    "executes-before": "no event can execute before itself",
    "sequential-consistency": "there is no single order of all events that explains these values",
    "total-store-order": "there is no order in which the stores reach memory that explains these "
    "values",
    "plain-coherence-rf": "a plain access cannot read from a write that comes after it",
    "plain-coherence-fr": "a read cannot miss a write that is visible to it",
    "plain-coherence-co": "a write cannot be overwritten by one that is visible to it",
}
KINDS: Final = {
    "acyclic": "its edges never form a circle",
    "irreflexive": "no event is related to itself",
    "empty": "no two events are related by it",
}
WORDS: Final = {
    "po": "{a} is before {b} in the program",
    "po-loc": "{a} is before {b} in the program, on the same location",
    "rf": "{b} takes its value from {a}",
    "co": "{a} is overwritten by {b}",
    "fr": "{a} does not see {b} yet",
    "addr": "{a} gives the address for {b}",
    "data": "{a} gives the value for {b}",
    "ctrl": "{a} decides whether there is {b}",
    "rmw": "{a} and {b} are one atomic update",
    "wmb": "a write barrier stands between {a} and {b}",
    "rmb": "a read barrier stands between {a} and {b}",
    "full-barrier": "a full barrier stands between {a} and {b}",
    "handed-over": "a lock is handed over, with a full barrier, between {a} and {b}",
    "grace-period": "a grace period stands between {a} and {b}",
    "po-rel": "{a} stays before {b}, which is a release",
    "acq-po": "{a}, which is an acquire, stays before {b}",
    "po-unlock-lock-po": "an unlock and the next lock stand between {a} and {b}",
    "rcu-section": "{a} begins the critical section that {b} ends",
    "srcu-section": "{a} begins the critical section that {b} ends",
    "rcu-section^-1": "{a} ends the critical section that {b} begins",
    "srcu-section^-1": "{a} ends the critical section that {b} begins",
}
WORDS_OF: Final = BASIC | {"from-address": "addr", "from-data": "data", "from-control": "ctrl"}


@dataclass(frozen=True, slots=True)
class Reason:
    """One edge of what forbids an execution.

    Attributes
    ----------
    source, target : Event
        Its ends.
    relation : str
        Its name in the model.
    words : str
        The same as a sentence.
    """

    source: Event
    target: Event
    relation: str
    words: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one candidate execution is forbidden.

    Attributes
    ----------
    axiom : str
        The axiom that forbids it.
    rule : str
        That axiom as the model states it.
    words : str
        The same in words.
    steps : tuple of Reason
        The circle (or the edge, for ``empty``) that the axiom rules out.
    execution : Execution
        The candidate; its drawing shows the circle.
    """

    axiom: str
    rule: str
    words: str
    steps: tuple[Reason, ...]
    execution: Execution

    def __str__(self) -> str:
        lines = [f"Forbidden by {self.axiom} ({self.rule}): {self.words}."]
        lines.extend(
            f"  {number}. {step.words}  [{step.relation}]"
            for number, step in enumerate(self.steps, 1)
        )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        steps = "".join(
            f"<li>{escape(step.words)} <code>{escape(step.relation)}</code></li>"
            for step in self.steps
        )
        return (
            f"<p>Forbidden by <strong>{escape(self.axiom)}</strong> "
            f"(<code>{escape(self.rule)}</code>): {escape(self.words)}.</p><ol>{steps}</ol>"
            f"{self.execution.svg()}"
        )


class Explanation(Sequence[Refusal]):
    """Every refusal of a test that a model never allows, as a sequence that prints.

    Parameters
    ----------
    refusals : tuple of Refusal
        One a candidate that satisfies the condition.
    silence : str
        What to say when there is none.

    Examples
    --------
    >>> Explanation((), "nothing to explain")
    nothing to explain
    """

    def __init__(self, refusals: tuple[Refusal, ...], silence: str) -> None:
        self.refusals = refusals
        self.silence = silence

    @overload
    def __getitem__(self, index: int) -> Refusal: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Refusal, ...]: ...

    def __getitem__(self, index: int | slice) -> Refusal | tuple[Refusal, ...]:
        return self.refusals[index]

    def __len__(self) -> int:
        return len(self.refusals)

    def groups(self) -> tuple[tuple[Refusal, int], ...]:
        """Refusals that read differently, each with how many read so."""
        first: dict[str, Refusal] = {}
        counts = Counter(str(refusal) for refusal in self.refusals)
        for refusal in self.refusals:
            first.setdefault(str(refusal), refusal)
        return tuple((refusal, counts[text]) for text, refusal in first.items())

    def __repr__(self) -> str:
        parts = [
            str(refusal) + (f"\n  ({count} candidates like this)" if count > 1 else "")
            for refusal, count in self.groups()
        ]
        return "\n".join(parts) or self.silence

    def _repr_html_(self) -> str:
        parts = [refusal._repr_html_() for refusal, _ in self.groups()]
        return "".join(parts) or f"<p>{escape(self.silence)}</p>"


def sentence(relation: str, source: Event, target: Event) -> str:
    """An edge in words: a sentence without a full stop.

    Examples
    --------
    >>> a = Event(1, 0, "write", "x", 1, (), "WRITE_ONCE(*x, 1)", 3)
    >>> b = Event(2, 1, "read", "x", 1, (), "r0 = READ_ONCE(*x)", 7)
    >>> sentence("rfe", a, b)
    "P1's read of x (1) takes its value from P0's write of x (1)"
    """
    words = WORDS.get(WORDS_OF.get(relation, relation), "{a} is related to {b}")
    return words.format(a=source.what, b=target.what)


def _circle(
    axiom: Axiom, program: Program, values: list[int], space: Space
) -> list[tuple[int, int, str]]:
    """The edges that the axiom rules out, taken apart."""
    derivation = Derivation(program, values, space)
    relation = derivation.value(axiom.node)
    if axiom.negated:
        return []
    if axiom.kind == "acyclic":
        around = space.cycle(relation)
        edges = list(zip(around, around[1:] + around[:1], strict=True))
    elif axiom.kind == "irreflexive":
        edges = [next(space.edges(relation & space.identity))]
    elif axiom.node.kind == "set":
        return []
    else:
        return list(derivation.meeting(axiom.node, *next(space.edges(relation))))
    out: list[tuple[int, int, str]] = []
    for i, j in edges:
        out.extend(derivation.steps(axiom.node, i, j))
    return out


def _refusal(
    candidate: Candidate, model: Model, axiom: Axiom, circle: Sequence[tuple[int, int, str]]
) -> Refusal:
    execution = execution_of(candidate, model, circle, axiom.name)
    steps = tuple(
        Reason(
            execution.events[i],
            execution.events[j],
            relation,
            sentence(relation, execution.events[i], execution.events[j]),
        )
        for i, j, relation in circle
    )
    words = AXIOMS.get(axiom.name, KINDS[axiom.kind])
    return Refusal(axiom.name, axiom.source, words, steps, execution)


def _refused(
    candidate: Candidate, model: Model, program: Program, deadline: Deadline
) -> Iterator[Refusal]:
    """The refusal of a candidate, if there is one."""
    structure = candidate.structure
    values = program.prepare(structure.space, structure.base, deadline.check)
    axiom = program.run(structure.space, values, candidate.choice, set(), deadline.check)
    if axiom is not None:
        yield _refusal(candidate, model, axiom, _circle(axiom, program, values, structure.space))


def explain(test: Test, model: Model, limits: Limits, most: int) -> Explanation:
    """What forbids each candidate that satisfies a test's condition, which never holds.

    At most ``most`` candidates are explained. Where there are none, the explanation says why.

    Examples
    --------
    >>> from kit.rcu import models, parse
    >>> test = parse("C a {} P0(int *x) { *x = 1; } exists (x=2)")
    >>> explain(test, models.get("sc"), Limits(), 10)
    no combination of values that the threads can read and write satisfies the condition
    """
    out: list[Refusal] = []
    # What breaks the order of one location is the explanation only where nothing else is.
    pruned = (model.coherent, model.atomic)
    for coherent, atomic in dict.fromkeys((pruned, (False, False))):
        deadline = Deadline(limits, test.name)
        every = Enumeration(test, coherent, atomic, deadline)
        program = model.program(every.present)
        for candidate in every.ending(True):
            if len(out) >= most:
                break
            out.extend(_refused(candidate, model, program, deadline))
        if out:
            break
    silence = "no combination of values that the threads can read and write satisfies the condition"
    return Explanation(tuple(out), silence)
