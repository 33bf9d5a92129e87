"""Exercises about barriers: which are needed, which was wrong, who could have noticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from kit.errors import LitmusError
from kit.rcu.cases import Case, case
from kit.rcu.exercises.outcome import missing, passed
from kit.rcu.exercises.programs import alone, calls, program, unlike, verdict

if TYPE_CHECKING:
    from kit.rcu.cases import Choices
    from kit.rcu.exercises.outcome import Outcome
    from kit.rcu.syntax import Value

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
    """For each of `SETS` the barriers that must stay, and no other.

    Parameters
    ----------
    answer : object
        Names of switches, in a list, by the names of `SETS`.

    Returns
    -------
    Outcome
        Passed when each set is enough and none of its barriers can go.

    Examples
    --------
    >>> smallest_sets({name: [] for name in SETS}).hints[0]
    '0→1 under lkmm: the probe is called with data that is not its own.'
    """
    if not isinstance(answer, Mapping) or set(answer) != set(SETS):
        return missing("The answer is a dict.", f"Its keys are {', '.join(SETS)}.")
    hints: list[str] = []
    for name, (which, model) in SETS.items():
        about = case(which)
        given = answer[name]
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            return missing(f"{name}: a list of names is wanted.")
        kept = {about.switch(each).name for each in given}
        if strange := kept - set(_barriers(about)):
            return missing(f"{name}: {', '.join(sorted(strange))} is no barrier.")
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
    if any("could go" not in hint for hint in hints):
        hints.append("One barrier alone orders one side: look for its partner on the other.")
    return missing(
        f"{len(SETS) - len(hints) + ('One' in hints[-1])} of {len(SETS)} are right.", *hints
    )


def posted_bug(answer: Any) -> Outcome:
    """Which posted transition has a barrier bug, what happens, and what repairs it.

    Parameters
    ----------
    answer : object
        ``case``, ``question``, and ``fix``: options by switch.

    Returns
    -------
    Outcome
        Passed when the bad state happens as posted, and with the fix none does.
    """
    if not isinstance(answer, Mapping) or set(answer) != {"case", "question", "fix"}:
        return missing("The answer is a dict with case, question and fix.")
    about = case(str(answer["case"]))
    asked = about.question(str(answer["question"])).name
    if "posted" not in about.presets or len(about.presets["posted"]) == 0:
        return missing(f"{about.name} was posted as it stayed.")
    weak = {m: about.judge("posted", asked, m).verdict for m in ("sc", "tso", "alpha", "lkmm")}
    if weak["lkmm"] == "Never":
        alpha = " Only an Alpha can show it." if weak["alpha"] != "Never" else ""
        return missing(f"As posted, {asked} never happens under lkmm.{alpha}")
    if weak["sc"] != "Never":
        return missing(f"{asked} happens even under sc: no barrier is to blame.")
    fix = answer["fix"]
    if not isinstance(fix, Mapping) or not fix:
        return missing(
            "That is the place. Finding it is half of the work: now repair it.",
            'fix is a dict of the switches to be changed, for example {"write-barrier": "smp_mb"}.',
        )
    changes = {about.switch(str(name)).name: str(option) for name, option in fix.items()}

    if words := _left(about, changes):
        return missing("That is the place, but it is not repaired.", words)
    without = [{k: v for k, v in changes.items() if k != name} for name in changes]
    spare = [fewer for fewer in without if not _left(about, fewer)]
    if spare:
        return missing("It is repaired, but with a change that is not needed.")
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
    """Which bugs of the history a test on x86 can ever show.

    Parameters
    ----------
    answer : object
        True or False by the names of `SUSPECTS`.

    Returns
    -------
    Outcome
        Passed when all are right; it does not say which are wrong.

    Examples
    --------
    >>> seen_on_x86(dict.fromkeys(SUSPECTS, True)).words
    '5 of 8 are right.'
    """
    if not isinstance(answer, Mapping) or set(answer) != set(SUSPECTS):
        return missing("The answer is a dict with True or False for each of the bugs.")
    if not all(isinstance(each, bool) for each in answer.values()):
        return missing("Each value is True or False.")
    right = 0
    for name, (which, choices, question) in SUSPECTS.items():
        happens = case(which).judge(choices, question, "tso").verdict != "Never"
        right += happens is answer[name]
    if right < len(SUSPECTS):
        return missing(
            f"{right} of {len(SUSPECTS)} are right.",
            "x86 keeps stores in order, and loads in order. It does not make anybody wait.",
        )
    return passed(
        "All right. What a machine never does no test on it can find, however long it runs: "
        "passing there is no proof."
    )


def control(answer: Any) -> Outcome:
    """A reader put right by a dependency that counts, without any barrier.

    Parameters
    ----------
    answer : object
        The text of `CONTROL` with another P1.

    Returns
    -------
    Outcome
        Passed when the array is never seen empty, and is still read.

    Examples
    --------
    >>> control(CONTROL).words
    'The reader can still see the new array without its contents.'
    """
    given = program(CONTROL)
    mine = program(answer)
    if words := unlike(mine, given, (0,)):
        return missing(f"Only P1 is to change: {words}.")
    if len(mine.threads) != len(given.threads):
        return missing("Two threads are enough.")
    allowed = {"READ_ONCE", "rcu_dereference"}
    if used := calls(mine.threads[1]) - allowed:
        return missing(f"It can be done without {', '.join(sorted(used))}.")
    if verdict(mine, r"1:m=array /\ 1:c=0", given) != "Never":
        return missing(
            "The reader can still see the new array without its contents.",
            "An if orders what is written behind it, and no load: a processor may guess the "
            "outcome and load early.",
            "The address of the second load should come from the first.",
        )
    try:
        late: dict[str, Value] = {"multi": "array", "array": 5, "old": 7}
        works = verdict(alone(mine, 1), r"1:m=array /\ 1:c=5", given, "sc", late) == "Always"
        works &= verdict(mine, r"1:m=array /\ 1:c=1", given) == "Sometimes"
    except LitmusError:
        works = False
    if not works:
        return missing("m must be what multi points to, and c what stands there.")
    return passed("The address comes from the first load, so the second cannot run ahead of it.")
