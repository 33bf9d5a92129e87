"""Exercises of the litmus lab: tests that tell models apart, catch bugs, and programs to repair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from kit.errors import LitmusError
from kit.rcu import models
from kit.rcu.cases import case
from kit.rcu.exercises.outcome import missing, passed
from kit.rcu.exercises.programs import BOUNDS, alone, asked, calls, program, unlike, verdict
from kit.rcu.exercises.records import EXPECTED, TWO_BITS, WHOLE
from kit.rcu.judge import judge
from kit.rcu.parser import parse

if TYPE_CHECKING:
    from kit.rcu.exercises.outcome import Outcome
    from kit.rcu.syntax import Test, Value

__all__ = ["PAIRS", "catch", "separate", "store_order", "two_bits", "whole_fix"]

PAIRS: Final = {
    "sc, tso": ("sc", "tso"),
    "tso, lkmm": ("tso", "lkmm"),
    "lkmm, alpha": ("lkmm", "alpha"),
}
"""The models to be told apart: what the first forbids the second allows."""


def separate(answer: Any) -> Outcome:
    """A test for each of `PAIRS`, never under the first model and sometimes under the second.

    Parameters
    ----------
    answer : object
        Tests by the names of `PAIRS`.

    Returns
    -------
    Outcome
        Passed when the verdicts are so.
    """
    if not isinstance(answer, Mapping) or set(answer) != set(PAIRS):
        return missing("The answer is a dict.", f"Its keys are {'; '.join(PAIRS)}.")
    hints: list[str] = []
    for name, (strong, weak) in PAIRS.items():
        try:
            test = program(answer[name])
            found = [judge(test, model, limits=BOUNDS).verdict for model in (strong, weak)]
        except LitmusError as error:
            hints.append(f"{name}: {str(error).splitlines()[0]}")
            continue
        if found != ["Never", "Sometimes"]:
            hints.append(f"{name}: {strong} says {found[0]}, {weak} says {found[1]}.")
    if not hints:
        return passed("Each test is forbidden by the one and allowed by the other.")
    return missing(f"{len(PAIRS) - len(hints)} of {len(PAIRS)} tell their models apart.", *hints)


def catch(answer: Any) -> Outcome:
    """A question about N→1 that finds every broken variant and never accuses a sound one.

    Parameters
    ----------
    answer : object
        The condition, as ``exists (...)``.

    Returns
    -------
    Outcome
        Passed when each broken variant is caught under the kernel's model.
    """
    if not isinstance(answer, str) or not answer.strip().startswith("exists"):
        return missing("The answer is a text that begins with exists.")
    about = case("N→1")

    def found(choices: Mapping[str, str]) -> str:
        text = about.text(about.choices("fixed", **choices))
        test = parse(text[: text.rindex("exists")] + answer, BOUNDS)
        if test.filter is not None or test.quantifier != "exists":
            raise LitmusError("a single exists is wanted, without filter")
        return judge(test, limits=BOUNDS).verdict

    sound: list[dict[str, str]] = [{}]
    broken: list[tuple[str, dict[str, str]]] = []
    for switch in about.switches:
        if switch.kind == "access":
            continue
        for option in switch.names[1:]:
            choices = {switch.name: option}
            bad = [q for q in about.questions if about.judge(choices, q.name).verdict != "Never"]
            broken += [(bad[0].words, choices)] if bad else []
            sound += [] if bad else [choices]
    if any(found(choices) != "Never" for choices in sound):
        return missing("It accuses a sound variant.", "A bad state is one that must never be.")
    escaped = [words for words, choices in broken if found(choices) == "Never"]
    if escaped:
        return missing(
            f"{len(broken) - len(escaped)} of {len(broken)} broken variants are caught.",
            f"Not yet asked: {escaped[0]}.",
        )
    return passed(f"All {len(broken)} broken variants are caught, and no sound one is accused.")


def store_order(answer: Any) -> Outcome:
    """A model like TSO in which stores may also overtake each other.

    Parameters
    ----------
    answer : object
        The model's text, or a model.

    Returns
    -------
    Outcome
        Passed when its verdicts are those that are expected.
    """
    source = answer.get("model") if isinstance(answer, Mapping) else answer
    if not isinstance(source, str):
        return missing("The answer is a model, or its text.")
    model = models.load(source if "\n" in source else f"{source}\n", "mine", limits=BOUNDS)
    if isinstance(answer, Mapping) and answer.get("without"):
        model = model.without(*(str(each) for each in answer["without"]))
    hints: list[str] = []
    for words, text, expected in EXPECTED:
        found = judge(program(text), model, limits=BOUNDS).verdict
        if found != expected:
            hints.append(f"{words}: {expected} is wanted, your model says {found}.")
    if hints:
        right = len(EXPECTED) - len(hints)
        return missing(f"{right} of {len(EXPECTED)} tests are judged right.", hints[0])
    return passed(f"All {len(EXPECTED)} tests are judged right.")


def two_bits(answer: Any) -> Outcome:
    """Two threads that change one bit each, without losing the other's.

    Parameters
    ----------
    answer : object
        A test in place of `TWO_BITS`.

    Returns
    -------
    Outcome
        Passed when every end has both changes, whatever else is in the word.
    """
    given, mine = program(TWO_BITS), program(answer)
    if words := unlike(mine, given, ()):
        return missing(f"That is another program: {words}.")
    for start, first, second, both in ((1, 0, 3, 2), (9, 8, 11, 10), (0, 0, 2, 2), (3, 2, 3, 2)):
        initial = {**mine.initial, "word": start}
        for number, end in ((0, first), (1, second)):
            if verdict(alone(mine, number), f"word={end}", given, "sc", initial) != "Always":
                what = "clear bit 1" if number == 0 else "set bit 2"
                return missing(f"By itself, P{number} does not {what} and leave the rest alone.")
        for model in ("sc", "lkmm"):
            if verdict(mine, f"word={both}", given, model, initial) != "Always":
                return missing(
                    f"Under {model} a change can still be lost.",
                    "Two barriers do not help: nothing may come between a thread's load and its "
                    "store.",
                )
    if judge(asked(mine, "word=0", given), limits=BOUNDS).flags:
        return missing("There is a data race.")
    return passed("Both changes arrive, in every order.")


def whole_fix(answer: Any) -> Outcome:
    """The marker from one probe to two and back, with everything that is missing.

    Parameters
    ----------
    answer : object
        A test in place of `WHOLE`.

    Returns
    -------
    Outcome
        Passed when no bad state is left, under the kernel's model and on Alpha, and the reader
        still works.
    """
    given, mine = program(WHOLE), program(answer)
    if words := unlike(mine, given, ()):
        return missing(f"That is another program: {words}.")
    if len(mine.threads) != len(given.threads):
        return missing("Two threads are enough.")
    reading = {"READ_ONCE", "rcu_dereference", "smp_load_acquire", "rcu_read_lock", "barrier"}
    reading |= {"rcu_read_unlock", "smp_rmb", "smp_mb", "smp_read_barrier_depends"}
    if used := calls(mine.threads[1]) - reading:
        return missing(f"A reader must be quick: it does without {', '.join(sorted(used))}.")
    if not _reads(mine, given):
        return missing(
            "The reader does not do its work any more.",
            "t says what it saw in ptype; m and c, or f and p, are what it found there.",
        )
    end = r"array=99 /\ ptype=0 /\ func=2 /\ private=2"
    if verdict(alone(mine, 0), end, given, "sc") != "Always":
        return missing("The updater does not do its work any more: two probes, then B alone.")
    if strange := _order(mine, given):
        return missing(strange)
    if left := _left(mine, given):
        what = "kind" if len(left) == 1 else "kinds"
        return missing(f"{len(left)} {what} of bad ends are left.", left[0])
    for model in ("lkmm", "alpha"):
        flags = judge(asked(mine, "array=0", given), model, limits=BOUNDS).flags
        if flags:
            return missing(f"Under {model}: {', '.join(flags)}.")
    return passed("No bad end is left, on any machine that Linux runs on.")


MACHINES: Final = ("sc", "lkmm", "alpha")
BAD: Final = (
    ("the pointer from before is followed", r"1:t=1 /\ 1:m=old"),
    ("the array is read before it is filled", r"1:t=1 /\ 1:m=array /\ 1:c=0"),
    ("the array is read after it was freed", r"1:t=1 /\ 1:c=99"),
    ("A is called with B's data", r"1:t=0 /\ 1:f=1 /\ 1:p=2"),
    ("B is called with A's data", r"1:t=0 /\ 1:f=2 /\ 1:p=1"),
)


def _left(mine: Test, given: Test) -> list[str]:
    """The bad ends that are left, each under the strongest model that allows it."""
    left: list[str] = []
    for words, condition in BAD:
        allowing = (m for m in MACHINES if verdict(mine, condition, given, m) != "Never")
        if model := next(allowing, ""):
            left.append(f"Under {model}: {words}.")
    return left


def _reads(mine: Test, given: Test) -> bool:
    """Whether the reader, alone, finds what is there; the values are none of the program's own."""
    first: dict[str, Value] = {
        "ptype": 1,
        "multi": "array",
        "array": 5,
        "func": 6,
        "private": 8,
        "old": 7,
    }
    reader = alone(mine, 1)
    several = verdict(reader, r"1:t=1 /\ 1:m=array /\ 1:c=5", given, "sc", first)
    single = verdict(reader, r"1:t=0 /\ 1:f=6 /\ 1:p=8", given, "sc", {**first, "ptype": 0})
    return (several, single) == ("Always", "Always")


def _order(mine: Test, given: Test) -> str:
    """Whether both types are ever seen, so that nothing was fixed by never changing anything."""
    seen = (r"1:t=1 /\ 1:c=1", r"1:t=0 /\ 1:f=1 /\ 1:p=1", r"1:t=0 /\ 1:f=2 /\ 1:p=2")
    for condition in seen:
        if verdict(mine, condition, given, "sc") != "Sometimes":
            return "Some of the states on the way are never seen: A, then the array, then B."
    return ""
