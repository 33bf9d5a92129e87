"""Exercises that are solved by stepping: schedules that go wrong, and programs that cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kit.errors import SimulationError
from kit.rcu.exercises.functions import begun, compiled, disguised, driven, mask
from kit.rcu.exercises.outcome import missing, passed
from kit.rcu.exercises.shapes import keys, known, told
from kit.rcu.exercises.starting_points import machine
from kit.rcu.steps import (
    Step,
    array,
    call,
    connected,
    disconnecting,
    load,
    new,
    store,
)
from kit.rcu.steps.bad import BAD
from kit.rcu.steps.catalogue import machine as ready
from kit.rcu.steps.machine import Machine
from kit.rcu.steps.values import Slot

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    if not isinstance(answer, list):
        return missing(
            "The answer is a list of the names of who moves, or the stepped machine.",
            f"This is {told(answer)}.",
        )
    fresh = machine(exercise)
    for number, thread in enumerate(answer[:200], 1):
        if wrong := known(thread, fresh.threads, "There moves no"):
            return missing(f"Step {number} cannot be made.", wrong)
        try:
            fresh.step(thread)
        except SimulationError as error:
            return missing(f"Step {number} cannot be made.", str(error))
    happened = [each.name for each in fresh.bad]
    if wanted not in happened:
        other = f" What happened is another thing: {happened[0]}." if happened else ""
        return missing(
            f"After {len(answer)} steps nothing of the kind has happened.{other}",
            "Who has looked already, and at what, when the other one changes it?",
        )
    if len(answer) > most:
        return missing(
            f"It happens, but {most} steps are enough; these are {len(answer)}.",
            "Which of them could be left out?",
            points=1,
        )
    sentence = next(each.sentence for each in fresh.bad if each.name == wanted)
    return passed(f"After {len(answer)} steps: {sentence}.")


def wrong_data(answer: Any) -> Outcome:
    """A schedule of at most six steps in which A is called with what belongs to B.

    The answer says who moves, in order. It passes when a fresh machine comes to a torn closure so.

    Examples
    --------
    >>> wrong_data(["reader", "reader", "reader"]).words
    'After 3 steps nothing of the kind has happened.'
    """
    said = _replayed("wrong-data", answer, "torn closure", 6)
    if said and "called A with b" not in said.words:
        return missing(
            "That is B with the data of A. A with the data of B is wanted.",
            "Which of the two must the reader have loaded before the updater came?",
            points=1,
        )
    return said


def use_after_free(answer: Any) -> Outcome:
    """A schedule in which a reader looks into an array that was freed: who moves, in order."""
    return _replayed("use-after-free", answer, "use after free", 40)


def damage(answer: Any) -> Outcome:
    """What each of `DAMAGE` leads to: names of bad states by fault.

    The answer passes when each is found by exploring everything.
    """
    if wrong := keys(answer, DAMAGE):
        return missing("The answer is a dict with a bad state for each fault.", wrong)
    right = 0
    strange: list[str] = []
    for name, (transition, algorithm, faults) in DAMAGE.items():
        if wrong := known(answer[name], BAD, "No bad state is called"):
            strange.append(f"{name}: {wrong}")
        else:
            right += answer[name] in ready(transition, algorithm, faults=faults).explore().bad
    if right < len(DAMAGE):
        return missing(
            f"{right} of {len(DAMAGE)} are right.",
            *strange[:1],
            "Make the machine, and let it run_to() there.",
            points=right,
        )
    return passed("All right, in every interleaving that there is.")


class _InSightError(SimulationError):
    """Somebody stored into what a reader can see, or a reader stored at all."""


def _reading(functions: Mapping[str, Any], names: Mapping[str, str]) -> Steps:
    """The student's reader, which cannot know any closure by name."""
    steps = disguised(begun(functions["reader"], "reader"), names, "reader")

    def each(step: Step) -> Steps:
        if step.kind == "store":
            raise _InSightError("The reader stores. A reader looks, and changes nothing.")
        return (yield step)

    return driven(steps, "reader", each)


def _publishing(functions: Mapping[str, Any]) -> Steps:
    """The student's updater, which may store into an object only until it publishes it."""
    own: set[object] = set()

    def each(step: Step) -> Steps:
        if step.kind == "store" and isinstance(step.place, Slot):
            if step.place.ref not in own:
                raise _InSightError(
                    f"The updater stores into {step.place.ref}, which readers can see."
                )
        elif step.kind == "store":
            own.discard(step.value)
        value = yield step
        if step.kind == "new":
            own.add(value)
        return value

    return driven(begun(functions["updater"], "updater"), "updater", each)


def _exchange(
    functions: Mapping[str, Any], readers: int, closures: str, names: Mapping[str, str]
) -> Machine:
    """The student's programs around a marker with one probe."""

    def updater() -> Steps:
        yield disconnecting(*closures)
        yield from _publishing(functions)
        yield connected("B")

    def reader() -> Steps:
        yield from _reading(functions, names)

    first = array(*((each, each.lower()) for each in closures))
    return Machine(
        readers={f"reader {number}": reader for number in range(1, readers + 1)},
        updaters={"updater": updater},
        memory={"marker": first},
        connected=closures,
    )


def _calls(moved: Machine) -> list[str]:
    """What a machine's reader has called."""
    texts = [move.text for move in moved.trace if move.thread == "reader 1"]
    return [text for text in texts if text.startswith("call")]


def one_swap(answer: Any) -> Outcome:
    """A reader and an updater that replaces A by B, so that no reader is ever given a mixture.

    The answer has the functions ``reader`` and ``updater``. It passes when no interleaving with one
    or two readers is bad, and nobody has stored into what a reader can see. The reader knows no
    closure by name.
    """
    if wrong := keys(answer, ("reader", "updater")):
        return missing("The answer is a dict with reader and updater.", wrong)
    given = {each.__name__: each for each in (load, store, new, call)}
    functions = {name: compiled(answer[name], name, given) for name in ("reader", "updater")}
    names = mask(f"{answer['reader']}{answer['updater']}", "ABC")
    for step in (_not_reading, _not_publishing):
        said = step(functions, names)
        if said is not None:
            return said
    for readers in (1, 2):
        found = _exchange(functions, readers, "A", names).explore()
        if not found.safe:
            name, trace = next(iter(found.bad.items()))
            return missing(
                f"With {readers} reader{'s' * (readers > 1)}: {name}, in "
                f"{trace.interleavings} of {found.interleavings} interleavings.",
                f"The shortest way there takes {len(trace.schedule)} steps: {trace.bad.sentence}.",
                points=1 + readers,
            )
    return passed("No interleaving is bad. Nobody ever stores into what a reader can see.")


def _not_reading(functions: Mapping[str, Any], names: Mapping[str, str]) -> Outcome | None:
    """What a reader does wrong when it runs alone; None when it calls what it finds."""
    for closures in "AC":
        try:
            alone = _exchange(functions, 1, closures, names)
            while "reader 1" in alone.enabled:
                alone.step("reader 1")
        except SimulationError as error:
            return missing(
                "Alone, the reader does not come to its end.",
                str(error),
                "It is tried with probes and data of other names, too.",
            )
        wanted = f"call {closures}({closures.lower()})"
        if _calls(alone) != [wanted]:
            return missing(
                f"Alone, the reader should {wanted}.",
                "It calls what it has found in the marker's array, once.",
            )
    return None


def _not_publishing(functions: Mapping[str, Any], names: Mapping[str, str]) -> Outcome | None:
    """What an updater does wrong when it runs alone; None when B is there in the end."""
    late = _exchange(functions, 1, "C", names)
    try:
        while "updater" in late.enabled:
            late.step("updater")
    except _InSightError as error:
        return missing(
            str(error),
            "A reader between its two looks sees half of it: a torn closure, sooner or later.",
            "Build the new one where nobody looks, and then store one pointer to it.",
            points=1,
        )
    while late.enabled:
        late.step("reader 1")
    if _calls(late) == ["call B(b)"]:
        return None
    return missing(
        "After the updater, a reader should call B(b), and nothing else.",
        'What does marker point to then? new(("B", "b")) makes an array.',
        points=1,
    )
