"""Exercises of the litmus lab: tests that tell models apart, catch bugs, and programs to repair."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from kit.errors import LitmusError
from kit.rcu import models
from kit.rcu._checker.judge import judge
from kit.rcu._litmus.parser import parse
from kit.rcu.cases import case
from kit.rcu.exercises.functions import numbers
from kit.rcu.exercises.outcome import POINTS, missing, passed
from kit.rcu.exercises.overtaking import EXPECTED
from kit.rcu.exercises.programs import (
    BOUNDS,
    after,
    alone,
    asked,
    calls,
    changed,
    program,
    unlike,
    verdict,
)
from kit.rcu.exercises.shapes import keys, listed, told
from kit.rcu.exercises.starting_points import GIVEN, TWO_BITS, WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit.rcu._litmus.syntax import Test, Value
    from kit.rcu.cases import Case
    from kit.rcu.exercises.outcome import Outcome

__all__ = ["PAIRS", "catch", "separate", "store_order", "two_bits", "whole_fix"]

PAIRS: Final = {
    "sc, tso": ("sc", "tso"),
    "tso, lkmm": ("tso", "lkmm"),
    "lkmm, alpha": ("lkmm", "alpha"),
}
"""The models to be told apart: what the first forbids the second allows."""


def separate(answer: Any) -> Outcome:
    """A test for each of `PAIRS`, never under the first model and sometimes under the second."""
    if wrong := keys(answer, PAIRS):
        return missing("The answer is a dict.", wrong)
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
    right = len(PAIRS) - len(hints)
    return missing(f"{right} of {len(PAIRS)} tell their models apart.", *hints, points=right)


def catch(answer: Any) -> Outcome:
    """A question about N→1, as ``exists (...)``.

    The answer passes when it finds every broken variant under the kernel's model, and never accuses
    a sound one.
    """
    if not isinstance(answer, str) or not answer.strip().startswith("exists"):
        return missing("The answer is a text that begins with exists.", f"This is {told(answer)}.")

    def found(text: str) -> str:
        test = parse(text[: text.rindex("exists")] + answer, BOUNDS)
        if test.filter is not None or test.quantifier != "exists":
            raise LitmusError("a single exists is wanted, without filter")
        return judge(test, limits=BOUNDS, states=False).verdict

    found(case("N→1").text("fixed"))  # whether it is a question at all
    sound, broken = _judged()
    if any(found(text) != "Never" for text in sound):
        return missing("It accuses a sound variant.", "A bad state is one that must never be.")
    escaped = [words for words, text in broken if found(text) == "Never"]
    if escaped:
        return missing(
            f"{len(broken) - len(escaped)} of {len(broken)} broken variants are caught.",
            f"Not yet asked: {escaped[0]}.",
            points=POINTS["catch"] * (len(broken) - len(escaped)) // len(broken),
        )
    return passed(f"All {len(broken)} broken variants are caught, and no sound one is accused.")


@cache
def _judged() -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The variants that are sound, and those that are not, with what is wrong."""
    about = case("N→1")
    sound: list[str] = []
    broken: list[tuple[str, str]] = []
    for texts in _variants(about):
        bad = [q for q, text in texts.items() if judge(text, states=False).verdict != "Never"]
        text = next(iter(texts.values()))
        if bad:
            broken.append((about.question(bad[0]).words, text))
        else:
            sound.append(text)
    return tuple(sound), tuple(broken)


def _variants(about: Case) -> Iterator[dict[str, str]]:
    """The variants of a sound case: for each, its texts by question."""
    questions = [each.name for each in about.questions]
    sound = {each: about.text("fixed", each) for each in questions}
    yield sound
    for switch in about.switches:
        for option in switch.names[1:] if switch.kind != "access" else ():
            yield {each: about.text({switch.name: option}, each) for each in questions}
    # A store made too late: behind that of the type, which tells readers to look.
    late = next(line for line in sound[questions[0]].splitlines() if "(*ptype, " in line)
    for name in ("private", "func"):
        line = next(each for each in sound[questions[0]].splitlines() if f"(*{name}, " in each)
        yield {
            each: text.replace(f"{line}\n", "").replace(f"{late}\n", f"{late}\n{line}\n")
            for each, text in sound.items()
        }


def store_order(answer: Any) -> Outcome:
    """A model like TSO, or its text, in which stores may also overtake each other.

    The answer passes when its verdicts are those that are expected.
    """
    parts = answer if isinstance(answer, Mapping) else {"model": answer, "without": []}
    if wrong := keys(parts, ("model", "without")):
        return missing("The answer is a model, or its text.", wrong)
    source = parts["model"]
    if not isinstance(source, str):
        return missing("The answer is a model, or its text.", f"This is {told(source)}.")
    model = models.load(source if "\n" in source else f"{source}\n", "mine", limits=BOUNDS)
    if wrong := listed(parts["without"], [each.name for each in model.axioms]):
        return missing("without is a list of axioms.", wrong)
    model = model.without(*parts["without"])
    hints: list[str] = []
    wrong_groups: set[str] = set()
    for each in EXPECTED:
        found = judge(each.text, model, limits=BOUNDS, states=False).verdict
        if found != each.verdict:
            hints.append(f"{each.words}: {each.verdict} is wanted, your model says {found}.")
            wrong_groups.add(each.group)
    if hints:
        return missing(
            f"{len(EXPECTED) - len(hints)} of {len(EXPECTED)} tests are judged right.",
            hints[0],
            points=POINTS["store-order"] - len(wrong_groups),
        )
    return passed(f"All {len(EXPECTED)} tests are judged right.")


def two_bits(answer: Any) -> Outcome:
    """Two threads that change one bit each, without losing the other's.

    The answer is a test in place of `TWO_BITS`. It passes when every end has both changes,
    whatever else is in the word.
    """
    given, mine = program(TWO_BITS), program(answer)
    if words := unlike(mine, given, ()):
        return missing(f"That is another program: {words}.", GIVEN)
    if len(mine.threads) != len(given.threads):
        return missing("Two threads are enough.", "Take the others out.")

    def ends(what: Test, start: int, end: int, model: str = "sc") -> bool:
        initial: dict[str, Value] = {**mine.initial, "word": start}
        return verdict(what, f"word={end}", given, model, initial) == "Always"

    for number, what in enumerate(("clear bit 1", "set bit 2")):
        by_itself = alone(mine, number)
        if not all(ends(by_itself, w, w | 2 if number else w & 14) for w in range(16)):
            return missing(
                f"By itself, P{number} does not {what} and leave the rest alone.",
                "There are four bits in the word, and any of them may be set.",
                points=number,
            )
    for first, second in ((0, 1), (1, 0)):
        if not ends(after(mine, first, second), 1, 2):
            return missing(
                f"After P{first}, P{second} cannot do its work any more.",
                "Is a lock kept that nobody gives back?",
                points=2,
            )
    for points, model in ((2, "sc"), (3, "lkmm")):
        if not all(ends(mine, word, word & 14 | 2, model) for word in (0, 1, 3, 9, 12)):
            return missing(
                f"Under {model} a change can still be lost.",
                "Two barriers do not help: nothing may come between a thread's load and its store.",
                points=points,
            )
    if judge(asked(mine, "word=0", given), limits=BOUNDS).flags:
        return missing("There is a data race.", "Every access wants a mark, or a lock.", points=3)
    return passed("Both changes arrive, in every order.")


def whole_fix(answer: Any) -> Outcome:
    """The marker from one probe to two and back, with everything that is missing.

    The answer is a test in place of `WHOLE`. It passes when no bad state is left, under the
    kernel's model and on Alpha, and the reader still works.
    """
    given, mine = program(WHOLE), program(answer)
    if words := unlike(mine, given, ()):
        return missing(f"That is another program: {words}.", GIVEN)
    if len(mine.threads) != len(given.threads):
        return missing("Two threads are enough.", "Take the others out.")
    reading = {"READ_ONCE", "rcu_dereference", "smp_load_acquire", "rcu_read_lock", "barrier"}
    reading |= {"rcu_read_unlock", "smp_rmb", "smp_mb", "smp_read_barrier_depends"}
    if used := calls(mine.threads[1]) - reading:
        return missing(
            f"A reader must be quick: it does without {', '.join(sorted(used))}.",
            "It says that it is there, loads, and keeps its loads in order.",
        )
    if words := changed(mine.threads[1], ("t", "m", "c", "f", "p")):
        return missing(words, "t, m, c, f and p tell what was seen; leave them so.")
    if not _reads(mine, given):
        return missing(
            "The reader does not do its work any more.",
            "t says what it saw in ptype; m and c, or f and p, are what it found there.",
        )
    end = r"array=99 /\ ptype=0 /\ func=2 /\ private=2"
    if verdict(alone(mine, 0), end, given, "sc") != "Always":
        return missing(
            "The updater does not do its work any more: two probes, then B alone.",
            "Everything that it stores now it should store still, in that order.",
        )
    if strange := _order(mine, given):
        return missing(strange, "Keep the stores of P0 in the order that they are in.")
    if left := _left(mine, given):
        what = "kind" if len(left) == 1 else "kinds"
        right = len(BAD) - len(left)
        return missing(f"{len(left)} {what} of bad ends are left.", left[0], points=right)
    for model in ("lkmm", "alpha"):
        flags = judge(asked(mine, "array=0", given), model, limits=BOUNDS).flags
        if flags:
            return missing(
                f"Under {model}: {', '.join(flags)}.",
                "Every access wants a mark, and every section an end.",
                points=len(BAD) - 1,
            )
    return passed("No bad end is left, on any machine that Linux runs on.")


MACHINES: Final = ("sc", "lkmm", "alpha")
BAD: Final = (
    ("the pointer from before is followed", r"1:t=1 /\ 1:m=old"),
    ("the array is read before it is filled", r"1:t=1 /\ 1:m=array /\ 1:c=0"),
    ("the array is read after it was freed", "1:c=99"),
    ("A is called with B's data", r"1:t=0 /\ 1:f=1 /\ 1:p=2"),
    ("B is called with A's data", r"1:t=0 /\ 1:f=2 /\ 1:p=1"),
    (
        "the reader has found neither A, nor the array, nor B",
        r"~((1:t=1 /\ 1:m=array /\ 1:c=1) \/ (1:t=0 /\ (1:f=1 /\ 1:p=1 \/ 1:f=2 /\ 1:p=2)))",
    ),
)
"""Ends that must not be; the last one covers every other end."""


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
    filled, func, private = numbers(mine.source, 3)
    first: dict[str, Value] = {
        "ptype": 1,
        "multi": "array",
        "array": filled,
        "func": func,
        "private": private,
        "old": 7,
    }
    reader = alone(mine, 1)
    end = rf"1:t=1 /\ 1:m=array /\ 1:c={filled}"
    several = verdict(reader, end, given, "sc", first)
    end = rf"1:t=0 /\ 1:f={func} /\ 1:p={private}"
    single = verdict(reader, end, given, "sc", {**first, "ptype": 0})
    return (several, single) == ("Always", "Always")


def _order(mine: Test, given: Test) -> str:
    """What is wrong if the reader can never see some states on the way; ``""`` if it sees all."""
    seen = (r"1:t=1 /\ 1:c=1", r"1:t=0 /\ 1:f=1 /\ 1:p=1", r"1:t=0 /\ 1:f=2 /\ 1:p=2")
    for condition in seen:
        if verdict(mine, condition, given, "sc") != "Sometimes":
            return "Some of the states on the way are never seen: A, then the array, then B."
    return ""
