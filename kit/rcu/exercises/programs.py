"""Look at a student's program: what is in it, and what it answers to other questions."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from kit.errors import LitmusError
from kit.rcu._checker.judge import judge
from kit.rcu._litmus.parser import parse
from kit.rcu._litmus.syntax import Assign, Call, Deref, If, Test, calls_in
from kit.rcu.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit.rcu._litmus.syntax import Condition, Statement, Thread, Value

__all__ = [
    "BOUNDS",
    "after",
    "alone",
    "asked",
    "calls",
    "changed",
    "condition",
    "program",
    "unlike",
    "verdict",
]

BOUNDS = Limits(characters=20_000, threads=6, events=60, candidates=20_000, seconds=60)
"""Room for any sensible answer, and not for more.

The numbers end what is too big, so that it gets the same answer everywhere; the time is there for
what they do not see.
"""


def program(text: object) -> Test:
    """Read a student's litmus test.

    Raises
    ------
    kit.errors.LitmusError
        When it is no text, a path, or no litmus test.

    Examples
    --------
    >>> program("C a {} P0(int *x) { *x = 1; } exists (x=1)").name
    'a'
    """
    if not isinstance(text, str):
        raise LitmusError("the answer is the text of a litmus test, or a test")
    return parse(text if "\n" in text else f"{text}\n", BOUNDS)


def calls(thread: Thread) -> set[str]:
    """The names of the primitives that a thread calls.

    Examples
    --------
    >>> test = program("C a {} P0(int *x) { smp_mb(); WRITE_ONCE(*x, 1); } exists (x=1)")
    >>> sorted(calls(test.threads[0]))
    ['WRITE_ONCE', 'smp_mb']
    """
    return {call.name for call in calls_in(thread.body)}


LOADS = frozenset({"READ_ONCE", "rcu_dereference", "smp_load_acquire"})


def changed(thread: Thread, registers: tuple[str, ...]) -> str:
    """Which of these registers is set to something else than a load's result; ``""`` if none.

    Examples
    --------
    >>> test = program("C a {} P0(int *x) { int c; c = READ_ONCE(*x); c = 1; } exists (x=1)")
    >>> changed(test.threads[0], ("c",))
    'P0 sets c to something else than what it has loaded.'
    """
    for each in _statements(thread.body):
        if not isinstance(each, Assign) or each.register not in registers:
            continue
        value = each.value
        if not isinstance(value, Deref) and not (isinstance(value, Call) and value.name in LOADS):
            where = f"P{thread.number} sets {each.register}"
            return f"{where} to something else than what it has loaded."
    return ""


def _statements(body: tuple[Statement, ...]) -> Iterator[Statement]:
    for each in body:
        yield each
        if isinstance(each, If):
            yield from _statements(each.then)
            yield from _statements(each.otherwise)


def condition(text: str, like: Test) -> Condition:
    """A condition such as ``1:r0=1`` about the registers and locations of a program."""
    start = " ".join(f"{name}={value};" for name, value in like.initial.items())
    threads = "".join(
        f"P{thread.number}(int *{', int *'.join(like.locations)}) {{ "
        + " ".join(f"int {name};" for name in sorted(thread.registers))
        + " }\n"
        for thread in like.threads
    )
    return parse(f"C q\n{{{start}}}\n{threads}exists ({text})\n").condition


def asked(test: Test, text: str, like: Test, initial: dict[str, Value] | None = None) -> Test:
    """A student's program with another question, and perhaps other initial values.

    The question is about the registers and locations of ``like``, the program as it was given. The
    student's own question and filter are left out.

    Raises
    ------
    kit.errors.LitmusError
        When the program has lost a register or a location that the question is about.
    """
    wanted = condition(text, like)
    names = wanted.names()
    for name in names:
        thread, _, register = name.rpartition(":")
        if thread:
            number = int(thread)
            known = number < len(test.threads) and register in test.threads[number].registers
        else:
            known = name in test.locations
        if not known:
            raise LitmusError(f"the program has no {name} any more: keep the names as they are")
    return replace(
        test,
        quantifier="exists",
        condition=wanted,
        filter=None,
        observed=tuple(dict.fromkeys(names)),
        question=f"exists ({text})",
        initial=test.initial if initial is None else initial,
    )


def unlike(test: Test, like: Test, threads: tuple[int, ...]) -> str:
    """What of a given program was changed that should have stayed; ``""`` when nothing was.

    ``threads`` are the threads that should have stayed.
    """
    if len(test.threads) < len(like.threads):
        return "a thread is missing"
    for name in test.initial:
        if ":" in name and name not in like.initial:
            return f"{name} is set beforehand"
    for name in like.locations:
        if test.initial.get(name, 0) != like.initial.get(name, 0):
            return f"the initial value of {name} was changed"
    for number in threads:
        mine, given = test.threads[number], like.threads[number]
        if _plain(test, mine) != _plain(like, given):
            return f"P{number} was changed"
    return ""


def _plain(test: Test, thread: Thread) -> str:
    """A thread's statements as text, without spaces."""
    parts = [test.source[each.at : each.end] for each in thread.body]
    return "".join(re.sub(r"//[^\n]*", "", "\n".join(parts)).split())


def alone(test: Test, number: int) -> Test:
    """A program in which one thread does its work and the others do nothing."""
    threads = tuple(
        thread if thread.number == number else replace(thread, body=()) for thread in test.threads
    )
    return replace(test, threads=threads)


def after(test: Test, first: int, second: int) -> Test:
    """A program in which one thread does its own work and then another one's."""
    one, other = test.threads[first], test.threads[second]
    both = replace(
        one,
        parameters=tuple(dict.fromkeys(one.parameters + other.parameters)),
        body=one.body + other.body,
        registers=one.registers | other.registers,
    )
    threads = tuple(
        both if each.number == first else replace(each, body=()) for each in test.threads
    )
    return replace(test, threads=threads)


def verdict(
    test: Test,
    text: str,
    like: Test,
    model: str = "lkmm",
    initial: dict[str, Value] | None = None,
) -> str:
    """Whether a student's program can end so; parameters as for `asked`."""
    mine = asked(test, text, like, initial)
    return judge(mine, model, states=False, limits=BOUNDS).verdict
