"""Exercises that are settled by stepping: schedules that go wrong, and programs that cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from kit.errors import SimulationError
from kit.rcu.exercises.functions import compiled
from kit.rcu.exercises.machines import machine
from kit.rcu.exercises.outcome import missing, passed
from kit.rcu.steps import (
    BAD,
    Machine,
    array,
    call,
    connected,
    disconnecting,
    load,
    new,
    store,
)
from kit.rcu.steps.catalogue import machine as ready

if TYPE_CHECKING:
    from kit.rcu.exercises.outcome import Outcome
    from kit.rcu.steps.programs import Steps

__all__ = ["DAMAGE", "damage", "one_swap", "use_after_free", "wrong_data"]

DAMAGE: Final = {
    "the function is stored before its private data": ("0→1", "fixed", ("function first",)),
    "the type is stored before the array it stands for": ("1→2", "fixed", ("type first",)),
    "closures are moved inside the published array": ("2→1", "kit", ("in place",)),
    "the old array is freed at once": ("2→1", "kit", ("no grace period",)),
    "two flags share a word": ("bit-fields", "posted", ()),
}
"""Faults, each with a machine that has it."""


def _replayed(exercise: str, answer: Any, wanted: str, most: int) -> Outcome:
    """Whether a schedule leads a fresh machine to a bad state."""
    if not isinstance(answer, list) or not all(isinstance(each, str) for each in answer):
        return missing("The answer is a list of the names of who moves, or the stepped machine.")
    fresh = machine(exercise)
    for number, thread in enumerate(answer[:200], 1):
        try:
            fresh.step(thread)
        except SimulationError as error:
            return missing(f"Step {number} cannot be made.", str(error))
    happened = [each.name for each in fresh.bad]
    if wanted not in happened:
        other = f" What happened is another thing: {happened[0]}." if happened else ""
        return missing(f"After {len(answer)} steps nothing of the kind has happened.{other}")
    if len(answer) > most:
        return missing(f"It happens, but {most} steps are enough; these are {len(answer)}.")
    sentence = next(each.sentence for each in fresh.bad if each.name == wanted)
    return passed(f"After {len(answer)} steps: {sentence}.")


def wrong_data(answer: Any) -> Outcome:
    """A schedule of at most six steps in which A is called with what belongs to B.

    Parameters
    ----------
    answer : object
        Who moves, in order.

    Returns
    -------
    Outcome
        Passed when a fresh machine comes to a torn closure so.

    Examples
    --------
    >>> wrong_data(["reader", "reader", "reader"]).words
    'After 3 steps nothing of the kind has happened.'
    """
    said = _replayed("wrong-data", answer, "torn closure", 6)
    if said and "called A with b" not in said.words:
        return missing("That is B with the data of A. A with the data of B is wanted.")
    return said


def use_after_free(answer: Any) -> Outcome:
    """A schedule in which a reader looks into an array that was freed.

    Parameters
    ----------
    answer : object
        Who moves, in order.

    Returns
    -------
    Outcome
        Passed when a fresh machine comes to it so.
    """
    return _replayed("use-after-free", answer, "use after free", 40)


def damage(answer: Any) -> Outcome:
    """What each of `DAMAGE` leads to.

    Parameters
    ----------
    answer : object
        Names of bad states by fault.

    Returns
    -------
    Outcome
        Passed when each is found by exploring everything.
    """
    if not isinstance(answer, Mapping) or set(answer) != set(DAMAGE):
        return missing("The answer is a dict with a bad state for each fault.")
    if strange := [str(each) for each in answer.values() if each not in BAD]:
        return missing(f"No bad state is called {strange[0]!r}.", f"There are {', '.join(BAD)}.")
    right = 0
    for name, (transition, algorithm, faults) in DAMAGE.items():
        right += answer[name] in ready(transition, algorithm, faults=faults).explore().bad
    if right < len(DAMAGE):
        return missing(
            f"{right} of {len(DAMAGE)} are right.", "Make the machine, and let it run_to() there."
        )
    return passed("All right, in every interleaving that there is.")


def _exchange(functions: Mapping[str, Any], readers: int, closures: tuple[str, ...]) -> Machine:
    """The student's programs around a marker with one probe."""

    def updater() -> Steps:
        yield disconnecting(*closures)
        yield from functions["updater"]()
        yield connected("B")

    first = array(*((each, each.lower()) for each in closures))
    return Machine(
        readers={f"reader {number}": functions["reader"] for number in range(1, readers + 1)},
        updaters={"updater": updater},
        memory={"marker": first},
        connected=closures,
    )


def one_swap(answer: Any) -> Outcome:
    """A reader and an updater that replaces A by B, so that no reader is ever given a mixture.

    Parameters
    ----------
    answer : object
        The functions ``reader`` and ``updater``.

    Returns
    -------
    Outcome
        Passed when no interleaving with one or two readers is bad.
    """
    if not isinstance(answer, Mapping) or set(answer) != {"reader", "updater"}:
        return missing("The answer is a dict with reader and updater.")
    given = {each.__name__: each for each in (load, store, new, call)}
    functions = {name: compiled(text, name, given) for name, text in answer.items()}
    for closures in (("A",), ("C",)):
        alone = _exchange(functions, 1, closures)
        while alone.enabled and alone.enabled[0] == "reader 1":
            alone.step("reader 1")
        texts = [move.text for move in alone.trace]
        wanted = f"call {closures[0]}({closures[0].lower()})"
        if [text for text in texts if text.startswith("call")] != [wanted]:
            return missing(f"Alone, the reader should {wanted}.")
        while alone.enabled:
            alone.step("updater")
        late = _exchange(functions, 1, closures)
        while "updater" in late.enabled:
            late.step("updater")
        while late.enabled:
            late.step("reader 1")
        if "call B(b)" not in [move.text for move in late.trace]:
            return missing("After the updater, a reader should call B(b).")
    for readers in (1, 2):
        found = _exchange(functions, readers, ("A",)).explore()
        if not found.safe:
            name, trace = next(iter(found.bad.items()))
            return missing(
                f"With {readers} reader{'s' * (readers > 1)}: {name}, in "
                f"{trace.interleavings} of {found.interleavings} interleavings.",
                f"The shortest way there takes {len(trace.schedule)} steps: {trace.bad.sentence}.",
            )
    return passed("No interleaving is bad. Nobody ever stores into what a reader can see.")
