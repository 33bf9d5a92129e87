"""Exercises about barriers: which are needed, which was wrong, who could have noticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from kit.errors import LitmusError
from kit.rcu._checker.judge import judge
from kit.rcu.cases import NAMES, Case, case
from kit.rcu.exercises.functions import numbers
from kit.rcu.exercises.outcome import missing, passed
from kit.rcu.exercises.programs import (
    BOUNDS,
    alone,
    asked,
    calls,
    changed,
    program,
    unlike,
    verdict,
)
from kit.rcu.exercises.shapes import keys, known, listed, told
from kit.rcu.exercises.starting_points import GIVEN

if TYPE_CHECKING:
    from kit.rcu._litmus.syntax import Value
    from kit.rcu.cases import Choices
    from kit.rcu.exercises.outcome import Outcome

__all__ = ["CONTROL", "SETS", "SUSPECTS", "control", "posted_bug", "seen_on_x86", "smallest_sets"]

SETS: Final = {
    "0→1": ("0→1", "lkmm"),
    "1→2": ("1→2", "lkmm"),
    "N→1": ("N→1", "lkmm"),
    "N→N+1": ("N→N+1", "lkmm"),
    "N→N+1 on Alpha": ("N→N+1", "alpha"),
}
"""The smallest sets that are looked for: of which case, under which model."""

SUSPECTS: Final[dict[str, tuple[str, str | Choices, str]]] = {
    "0→1 without a write barrier": ("0→1", {"write-barrier": "none"}, "torn"),
    "1→2 as posted: a stale pointer": ("1→2", "posted", "stale"),
    "N→1 without a grace period": ("N→1", {"grace-period": "none"}, "freed"),
    "N→1 with a full barrier for a grace period": ("N→1", {"grace-period": "smp_mb"}, "freed"),
    "N→1 with readers of another flavour": ("N→1", {"section": "srcu_read_lock"}, "freed"),
    "A→0→B with the mutex dropped early": ("A→0→B", "posted", "torn"),
    "two bit-fields in one word": ("bit-fields", "posted", "lost"),
    "oldptr read past a write barrier": ("oldptr", "posted", "freed"),
}
"""Bugs of the history: case, choices, the bad state."""

CONTROL: Final = r"""C control

{array=0; old=7; multi=old;}

P0(int *array, int **multi)
{
	WRITE_ONCE(*array, 1);
	rcu_assign_pointer(*multi, array);
}

P1(int *array, int **multi)
{
	int *m;
	int c;

	m = READ_ONCE(*multi);
	if (m == array) {
		c = READ_ONCE(*array);
	}
}

exists (1:m=array /\ 1:c=0)
"""
"""A reader whose author thinks that an ``if`` keeps two loads in order."""


def _barriers(which: Case) -> tuple[str, ...]:
    return tuple(each.name for each in which.switches if each.kind == "barrier")


def _happening(which: Case, kept: set[str], model: str) -> list[str]:
    """The bad states that can happen when only these barriers are left."""
    choices = {name: "none" for name in _barriers(which) if name not in kept}
    return [
        each.words
        for each in which.questions
        if which.judge(choices, each.name, model).verdict != "Never"
    ]


def smallest_sets(answer: Any) -> Outcome:
    """For each of `SETS` the barriers that must stay, and no other: names of switches, in a list.

    The answer passes when each set is enough and none of its barriers can go.

    Examples
    --------
    >>> smallest_sets({name: [] for name in SETS}).hints[0]
    '0→1 under lkmm: the probe is called with data that is not its own.'
    """
    if wrong := keys(answer, SETS):
        return missing("The answer is a dict.", wrong)
    hints: list[str] = []
    for name, (which, model) in SETS.items():
        about = case(which)
        given = answer[name]
        if isinstance(given, list):  # underscores will do, as everywhere
            given = [each.replace("_", "-") if isinstance(each, str) else each for each in given]
        if wrong := listed(given, _barriers(about)):
            hints.append(f"{name}: {_no_barrier(about, given) or wrong}")
            continue
        kept = set(given)
        if happening := _happening(about, kept, model):
            hints.append(f"{name} under {model}: {happening[0]}.")
        elif spare := [each for each in kept if not _happening(about, kept - {each}, model)]:
            many = "one barrier" if len(spare) == 1 else "more than one barrier"
            hints.append(f"{name} under {model}: nothing bad happens, but {many} could go.")
    if not hints:
        return passed(
            "Each set is enough, and none of its barriers can go. Every write barrier that stays "
            "has its partner among the readers."
        )
    right = len(SETS) - len(hints)
    if any("could go" not in hint for hint in hints):
        hints.append("One barrier alone orders one side: look for its partner on the other.")
    return missing(f"{right} of {len(SETS)} are right.", *hints, points=right)


def _no_barrier(about: Case, given: object) -> str:
    """Which of these is a switch for something else."""
    others = {each.name for each in about.switches} - set(_barriers(about))
    found = [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
    return next((f"{each} is no barrier." for each in found if each in others), "")


def posted_bug(answer: Any) -> Outcome:
    """Which posted transition has a barrier bug, what happens, and what repairs it.

    The answer has ``case``, ``question``, and ``fix``: options by switch. It passes when
    the bad state happens as posted, and with the fix none does.
    """
    if wrong := keys(answer, ("case", "question", "fix")):
        return missing("The answer is a dict with case, question and fix.", wrong)
    if wrong := known(answer["case"], NAMES):
        return missing("case is the name of a transition.", wrong)
    about = case(answer["case"])
    if wrong := known(answer["question"], [each.name for each in about.questions]):
        return missing(f"question is one of the bad states of {about.name}.", wrong)
    question = answer["question"]
    if "posted" not in about.presets or len(about.presets["posted"]) == 0:
        return missing(f"{about.name} was posted as it stayed.", "Look at the other transitions.")
    models = ("sc", "tso", "alpha", "lkmm")
    weak = {each: about.judge("posted", question, each).verdict for each in models}
    if weak["lkmm"] == "Never":
        alpha = " Only an Alpha can show it." if weak["alpha"] != "Never" else ""
        return missing(
            f"As posted, {question} never happens under lkmm.{alpha}",
            "Every board has a button as posted; look for Sometimes under lkmm.",
        )
    if weak["sc"] != "Never":
        return missing(
            f"{question} happens even under sc: no barrier is to blame.",
            "A barrier bug needs a machine that does things in another order.",
        )
    fix = answer["fix"]
    if not isinstance(fix, Mapping) or not fix:
        return missing(
            "That is the place. Finding it is half of the work: now repair it.",
            'fix is a dict of the switches to be changed, for example {"write-barrier": "smp_mb"}.',
            points=1,
        )
    changes: dict[str, str] = {}
    for name, option in fix.items():
        switch = name.replace("_", "-") if isinstance(name, str) else name
        wrong = known(switch, [each.name for each in about.switches])
        if wrong := wrong or known(option, about.switch(switch).names, f"{switch} is never"):
            return missing("That is the place; now repair it.", wrong, points=1)
        changes[switch] = option

    if words := _left(about, changes):
        return missing("That is the place, but it is not repaired.", words, points=1)
    without = [{k: v for k, v in changes.items() if k != name} for name in changes]
    spare = [fewer for fewer in without if not _left(about, fewer)]
    if spare:
        return missing(
            "It is repaired, but with a change that is not needed.",
            "Take one of them back, and look whether anything bad is left.",
            points=2,
        )
    return passed("Found and repaired: neither lkmm nor Alpha has anything bad left.")


def _left(about: Case, changes: Mapping[str, str]) -> str:
    """What is still wrong with the posted code when it is changed so."""
    choices = about.choices("posted", **changes)
    for model in ("lkmm", "alpha"):
        for each in about.questions:
            if about.judge(choices, each.name, model).verdict != "Never":
                return f"Still under {model}: {each.words}."
    return ""


def seen_on_x86(answer: Any) -> Outcome:
    """Which bugs of the history a test on x86 can ever show: True or False for each of `SUSPECTS`.

    The answer passes when all are right; it does not say which are wrong.

    Examples
    --------
    >>> seen_on_x86(dict.fromkeys(SUSPECTS, True)).words
    '5 of 8 are right.'
    """
    if wrong := keys(answer, SUSPECTS):
        return missing("The answer is a dict with True or False for each of the bugs.", wrong)
    right = 0
    strange: list[str] = []
    for name, (which, choices, question) in SUSPECTS.items():
        if not isinstance(answer[name], bool):
            strange.append(f"{name}: True or False is wanted, not {told(answer[name])}.")
            continue
        happens = case(which).judge(choices, question, "tso").verdict != "Never"
        right += happens is answer[name]
    if right < len(SUSPECTS):
        return missing(
            f"{right} of {len(SUSPECTS)} are right.",
            *strange[:1],
            "x86 keeps stores in order, and loads in order. It does not make anybody wait.",
            points=right,
        )
    return passed(
        "All right. What a machine never does no test on it can find, however long it runs: "
        "passing there is no proof."
    )


def control(answer: Any) -> Outcome:
    """A reader put right by a dependency that counts, without any barrier.

    The answer is `CONTROL` with another P1. It passes when the array is never seen
    empty, and is still read.

    Examples
    --------
    >>> control(CONTROL).words
    'The reader can still see the new array without its contents.'
    """
    given = program(CONTROL)
    mine = program(answer)
    if words := unlike(mine, given, (0,)):
        return missing(f"Only P1 is to change: {words}.", GIVEN)
    if len(mine.threads) != len(given.threads):
        return missing("Two threads are enough.", "Take the others out.")
    allowed = {"READ_ONCE", "rcu_dereference"}
    if used := calls(mine.threads[1]) - allowed:
        return missing(
            f"It can be done without {', '.join(sorted(used))}.",
            "The address of the second load should come from the first.",
        )
    if words := changed(mine.threads[1], ("m", "c")):
        return missing(words, "m and c tell what was seen; leave them so.")
    # Whatever an empty array holds, and the reader cannot know what: it is never seen.
    empty, full = numbers(mine.source, 2)
    starts: list[dict[str, Value]] = [mine.initial, {**mine.initial, "array": empty}]
    late = r"1:m=array /\ ~(1:c=1)"
    if any(verdict(mine, late, given, initial=start) != "Never" for start in starts):
        return missing(
            "The reader can still see the new array without its contents.",
            "An if orders what is written behind it, and no load: a processor may guess the "
            "outcome and load early.",
            "The address of the second load should come from the first.",
        )
    try:
        found: dict[str, Value] = {"multi": "array", "array": full, "old": 7}
        end = rf"1:m=array /\ 1:c={full}"
        works = verdict(alone(mine, 1), end, given, "sc", found) == "Always"
        works &= verdict(mine, r"1:m=array /\ 1:c=1", given) == "Sometimes"
    except LitmusError:
        works = False
    if not works:
        return missing(
            "m must be what multi points to, and c what stands there.",
            "Follow the pointer that was loaded, whatever it is.",
            points=1,
        )
    if judge(asked(mine, "array=0", given), limits=BOUNDS).flags:
        return missing("There is a data race.", "Mark the loads, for example READ_ONCE.", points=1)
    return passed("The address comes from the first load, so the second cannot run ahead of it.")
