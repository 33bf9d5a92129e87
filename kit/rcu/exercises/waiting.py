"""Exercises about waiting for readers: deferred frees, flavours, a grace period by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kit.errors import SimulationError
from kit.rcu._checker.judge import judge
from kit.rcu.exercises.functions import begun, compiled, driven
from kit.rcu.exercises.outcome import missing, passed
from kit.rcu.exercises.shapes import keys, listed
from kit.rcu.steps import (
    Step,
    array,
    call,
    call_rcu,
    connected,
    disconnecting,
    free,
    load,
    new,
    read_lock,
    read_unlock,
    store,
    until,
)
from kit.rcu.steps.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.rcu.exercises.outcome import Outcome
    from kit.rcu.steps.programs import Program, Steps

    Kind = Callable[[str], list[Program]]

__all__ = ["SECTIONS", "WAITS", "flavours", "free_later", "synchronize"]

SECTIONS: Final = {
    "no section": ("", ""),
    "rcu": ("rcu_read_lock();", "rcu_read_unlock();"),
    "srcu s": ("i = srcu_read_lock(s);", "srcu_read_unlock(s, i);"),
    "srcu t": ("i = srcu_read_lock(t);", "srcu_read_unlock(t, i);"),
}
"""How readers may say that they are there."""

WAITS: Final = {
    "smp_mb": "smp_mb();",
    "synchronize_rcu": "synchronize_rcu();",
    "synchronize_srcu s": "synchronize_srcu(s);",
    "synchronize_srcu t": "synchronize_srcu(t);",
    "rcu, then srcu s": "synchronize_rcu(); synchronize_srcu(s);",
}
"""How an updater may wait."""


def _pair(section: str, wait: str) -> str:
    begin, end = SECTIONS[section]
    return f"""C pair
{{array=1; multi=array; next=1;}}
P0(int *array, int **multi, int *next, struct srcu_struct *s, struct srcu_struct *t)
{{ rcu_assign_pointer(*multi, next); {WAITS[wait]} WRITE_ONCE(*array, 99); }}
P1(int **multi, struct srcu_struct *s, struct srcu_struct *t)
{{ int i; int *m; int c; {begin} m = READ_ONCE(*multi); c = READ_ONCE(*m); {end} }}
exists (1:c=99)
"""


def flavours(answer: Any) -> Outcome:
    """Which waits are long enough for which readers.

    The answer has, for each of `SECTIONS`, the names of `WAITS` after which an array may be freed.
    It passes when the kernel's model says the same of each pair.

    Examples
    --------
    >>> flavours(dict.fromkeys(SECTIONS, [])).words
    '15 of 20 pairs are right.'
    """
    if wrong := keys(answer, SECTIONS):
        return missing("The answer is a dict.", wrong)
    right = points = 0
    strange: list[str] = []
    for section in SECTIONS:
        given = answer[section]
        if wrong := listed(given, WAITS):
            strange.append(f"{section}: {wrong}")
            continue
        here = 0
        for wait in WAITS:
            safe = judge(_pair(section, wait), states=False).verdict == "Never"
            here += safe is (wait in given)
        right += here
        points += here == len(WAITS)
    every = len(SECTIONS) * len(WAITS)
    if right < every:
        return missing(
            f"{right} of {every} pairs are right.",
            *strange[:1],
            "A grace period waits for the sections of its own flavour and its own domain. Who "
            "is in no section is waited for by nobody.",
            points=points,
        )
    return passed("Each grace period waits for its own readers, and for no others.")


def _dispatch() -> Steps:
    """One dispatch, as the kit does it."""
    yield read_lock()
    probes = yield load("marker")
    i = 0
    while closure := (yield load(probes[i])):
        yield call(*closure)
        i += 1
    yield read_unlock()


WHOLE: Final = (("A", "a"), ("B", "b"))
LEFT: Final = (("B", "b"),)


def free_later(answer: Any) -> Outcome:
    """An updater that disconnects A and has the old array freed, without waiting itself.

    The answer passes when no interleaving is bad, the array is freed, and the updater never waits.
    """
    given = {each.__name__: each for each in (load, store, new, free, call_rcu)}
    program = compiled(answer, "updater", given)

    def updater() -> Steps:
        yield disconnecting("A")
        yield from begun(program, "updater")

    def made(readers: int) -> Machine:
        return Machine(
            readers={f"reader {number}": _dispatch for number in range(1, readers + 1)},
            updaters={"updater": updater},
            memory={"marker": array(("A", "a"), ("B", "b"))},
            connected="AB",
        )

    quiet = made(0)
    while "updater" in quiet.enabled:
        quiet.step("updater")
    if [each.items for each in quiet.state.objects if each.status == "published"] != [LEFT]:
        return missing(
            "After it the marker should have one array, with B alone.",
            "What is in marker when the updater is through? It goes on at once; only the free is "
            "for later.",
        )
    while quiet.enabled:
        quiet.step(quiet.enabled[0])
    if (WHOLE, "freed") not in [(each.items, each.status) for each in quiet.state.objects]:
        return missing(
            "The old array is never freed.", "What call_rcu is given is done later.", points=1
        )
    for readers in (1, 2):
        found = made(readers).explore()
        if not found.safe:
            name, trace = next(iter(found.bad.items()))
            return missing(
                f"With {readers} reader{'s' * (readers > 1)}: {name}. {trace.bad.sentence}.",
                "A grace period waits for those who are inside when it begins. Who can still come "
                "in and find the old array?",
                points=1 + readers,
            )
    return passed("The updater goes on at once, and the array goes when its last reader is gone.")


def _section(name: str, number: int, *, again: bool = False) -> Program:
    """A reader that says in a field of its own that it is inside, and in which section.

    A second section stays until all is over, if the updater has looked while the first one was
    there: it has nothing to do with that one, and need not be waited for.
    """

    def program() -> Steps:
        if again:
            yield until(f"left {name}", number - 1)
        yield store(name, number)
        probes = yield load("marker")
        closure = yield load(probes[0])
        yield call(*closure)
        if again and (yield load(f"seen {name}")) == number - 1:
            yield until("done", 1)
        yield store(name, 0)
        yield store(f"left {name}", number)

    return program


def _once(name: str) -> list[Program]:
    return [_section(name, 1)]


def _comes_back(name: str) -> list[Program]:
    return [_section(name, 1), _section(name, 2, again=True)]


def _has_been_there(name: str) -> list[Program]:
    return [_section(name, 7)]


def _stays_away(_: str) -> list[Program]:
    return []


def _watched(steps: Steps, names: tuple[str, ...]) -> Steps:
    """The steps of a student, with a note of what was seen when it looked at a reader."""

    def each(step: Step) -> Steps:
        if step.place not in names:
            raise SimulationError(
                f"synchronize looks at {step.place}; it is given the fields of the readers"
            )
        told = yield load(step.place)
        yield store(f"seen {step.place}", told)
        if step.kind != "load":
            told = yield step
        return told

    return driven(steps, "synchronize", each)


def _waiting(wait: Callable[..., Any], kinds: tuple[Kind, ...]) -> Machine:
    """An updater that frees what it has replaced when the student's function says so."""
    names = tuple(f"reader {number}" for number in range(1, len(kinds) + 1))

    def updater() -> Steps:
        yield disconnecting("A")
        old = yield load("marker")
        fresh = yield new(("B", "b"))
        yield store("marker", fresh)
        yield connected("B")
        yield from _watched(begun(wait, "synchronize", names), names)
        yield free(old)
        yield store("done", 1)

    fields = ["done", *names, *(f"{what} {name}" for what in ("left", "seen") for name in names)]
    return Machine(
        readers={
            name + ", again" * again: program
            for name, kind in zip(names, kinds, strict=True)
            for again, program in enumerate(kind(name))
        },
        updaters={"updater": updater},
        memory={"marker": array(("A", "a")), **dict.fromkeys(fields, 0)},
    )


SITUATIONS: Final[tuple[tuple[str, tuple[Kind, ...]], ...]] = (
    ("one reader", (_once,)),
    ("two readers", (_once, _once)),
    ("a reader that comes back at once", (_comes_back,)),
    ("nobody", ()),
    ("a reader that has been there before", (_has_been_there,)),
    ("the third of five readers", (*(_stays_away,) * 2, _once, *(_stays_away,) * 2)),
    ("the last of five readers", (*(_stays_away,) * 4, _once)),
    ("one that comes back, and one that does not", (_comes_back, _once)),
)
"""The readers; the last situation has far more states than all the others together."""


def synchronize(answer: Any) -> Outcome:
    """A function that waits for the readers that are inside, and for no others.

    It is a generator of ``load`` and ``until``, given the names of the readers' fields. It
    passes when it survives every situation, in every interleaving.
    """
    wait = compiled(answer, "synchronize", {"load": load, "until": until})
    hints: list[str] = []
    for words, kinds in SITUATIONS:
        if hints and words == SITUATIONS[-1][0]:
            hints.append(f"{words}: not tried yet.")
            break
        found = _waiting(wait, kinds).explore()
        if not found.safe:
            name, trace = next(iter(found.bad.items()))
            hints.append(f"{words}: {name}. {trace.bad.sentence}.")
    if hints:
        right = len(SITUATIONS) - len(hints)
        more = () if not any("deadlock" in hint for hint in hints) else (
            "A reader that comes back has found the new array. Need it be waited for?",
        )  # fmt: skip
        return missing(
            f"{right} of {len(SITUATIONS)} situations survived.", hints[0], *more, points=right
        )
    return passed(f"All {len(SITUATIONS)} situations survived, in every interleaving.")
