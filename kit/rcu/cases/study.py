"""The marker's transitions of 2007, and the bugs beside them.

A marker with one probe keeps ``func`` and ``private`` in itself; with several, ``multi`` points to
an array. ``ptype`` says which of the two a reader shall use. The kit has one pointer and no type.

In all of them 0 stands for what is not there yet, 1 for what probe A needs, 2 for what B needs,
and 99 for memory that was freed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kit.rcu.cases._case import Case
from kit.rcu.cases.parts import (
    Line,
    Option,
    Question,
    Switch,
    barrier,
    grace,
    lines,
    read,
    section,
    write,
)

if TYPE_CHECKING:
    from kit.rcu.cases._case import Choices

__all__ = ["CASES"]

_SINGLE_READS: Final = ("first-read-barrier", "read-func", "second-read-barrier", "read-private")
_SINGLE_SWITCHES: Final = (
    read("read-ptype", "t", "ptype"),
    barrier("first-read-barrier", "ptype before func", "smp_rmb", "barrier"),
    read("read-func", "f", "func"),
    barrier("second-read-barrier", "func before private", "smp_rmb", "barrier"),
    read("read-private", "p", "private"),
)
_SECTIONED_READER: Final = lines(1, "section", *_SINGLE_READS[1:], "section")
_WRITE_BARRIER: Final = barrier(
    "write-barrier", "private before func", "smp_wmb", "smp_mb", "barrier"
)
_READER: Final = ("the updater", "a reader")
_TORN: Final = Question(
    "torn", "the probe is called with data that is not its own", r"1:t=0 /\ 1:f=1 /\ 1:p=0"
)


def _without(*switches: str) -> dict[str, str]:
    return dict.fromkeys(switches, "none")


CONNECT: Final = Case(
    "0→1",
    "the first probe is connected",
    (("private", ""), ("func", ""), ("ptype", "")),
    ((), ("int t", "int f", "int p")),
    _READER,
    (
        write("write-private", "private", "1"),
        _WRITE_BARRIER,
        write("write-func", "func", "1", "WRITE_ONCE", "smp_store_release"),
        *_SINGLE_SWITCHES,
    ),
    (
        *lines(0, "write-private", "write-barrier", "write-func"),
        *lines(1, "read-ptype", "if (t == 0) {", *_SINGLE_READS, "}"),
    ),
    (_TORN,),
    {
        "posted": {"write-private": "plain", "read-private": "plain"},
        "fixed": {},
        "bare": _without("write-barrier", "first-read-barrier", "second-read-barrier"),
    },
)

SECOND: Final = Case(
    "1→2",
    "a second probe: an array is published, then the type changes",
    (("old", "-1"), ("array", "0"), ("multi", "old"), ("ptype", "0")),
    ((), ("int t", "int *m", "int c")),
    _READER,
    (
        write("write-array", "array", "1"),
        write("publish", "multi", "array", "rcu_assign_pointer"),
        barrier("write-barrier", "multi before ptype", "smp_wmb", "smp_mb", "barrier"),
        write("write-ptype", "ptype", "1", "WRITE_ONCE", "smp_store_release"),
        read("read-ptype", "t", "ptype", "READ_ONCE", "smp_load_acquire"),
        barrier(
            "read-barrier", "ptype before multi", "smp_rmb", "smp_read_barrier_depends", "barrier"
        ),
        read("read-multi", "m", "multi"),
        barrier("dependent-barrier", "multi before its array", "smp_read_barrier_depends"),
        read("read-closure", "c", "m"),
    ),
    (
        *lines(0, "write-array", "publish", "write-barrier", "write-ptype"),
        *lines(1, "read-ptype", "if (t == 1) {", "read-barrier", "read-multi"),
        *lines(1, "dependent-barrier", "read-closure", "}"),
    ),
    (
        Question("stale", "the pointer from before, NULL, is followed", r"1:t=1 /\ 1:m=old"),
        Question(
            "uninitialised",
            "the array is read before it is filled",
            r"1:t=1 /\ 1:m=array /\ 1:c=0",
        ),
        Question(
            "freed",
            "after an earlier N→1: the array that was freed then is read",
            r"1:t=1 /\ 1:c=99",
            (("old", "99"),),
        ),
    ),
    {
        "posted": {"read-barrier": "smp_read_barrier_depends", "dependent-barrier": "none"},
        "fixed": {},
        "bare": {
            "publish": "WRITE_ONCE",
            **_without("write-barrier", "read-barrier", "dependent-barrier"),
        },
    },
)


def _replacement(
    name: str,
    title: str,
    *marks: str,
    pointer: str,
    register: str,
    value: str,
    before: str,
    presets: dict[str, Choices],
) -> Case:
    """A published array gives way to another one; ``marks`` are those of the load."""
    return Case(
        name,
        title,
        (("old", "1"), ("array", "0"), (pointer, "old"), ("other", "")),
        ((), (f"int *{register}", "int c", "int i")),
        _READER,
        (
            write("write-array", "array", value),
            write("publish", pointer, "array", "rcu_assign_pointer"),
            grace("the old array may still be in use"),
            section(),
            read(f"read-{pointer}", register, pointer, *marks),
            barrier("dependent-barrier", before, "smp_read_barrier_depends"),
            read("read-closure", "c", register),
        ),
        (
            *lines(0, "write-array", "publish", "grace-period"),
            Line(0, "WRITE_ONCE(*old, 99);", note="kfree(old)"),
            *lines(1, "section", f"read-{pointer}", "dependent-barrier", "read-closure", "section"),
        ),
        (
            Question(
                "uninitialised",
                "the array is read before it is filled",
                rf"1:{register}=array /\ 1:c=0",
            ),
            Question(
                "freed",
                "the old array is read after it was freed",
                rf"1:{register}=old /\ 1:c=99",
            ),
        ),
        {
            **presets,
            "fixed": {},
            "bare": {
                "publish": "WRITE_ONCE",
                **_without("dependent-barrier", "grace-period", "section"),
            },
        },
    )


MORE: Final = _replacement(
    "N→N+1",
    "one more probe: an array gives way to a longer one",
    pointer="multi",
    register="m",
    value="1",
    before="multi before its array",
    presets={"posted": {"dependent-barrier": "none"}},
)

_QUEUE: Final = "smp_store_release(queued, 1);"
_EARLY: Final = "call_rcu first"
_CALLED: Final = ("grace-period", "call_rcu", _EARLY)

BACK: Final = Case(
    "N→1",
    "one probe is left: back to func and private, and the array is freed",
    (
        ("array", "1"),
        ("multi", "array"),
        ("private", "0"),
        ("func", "0"),
        ("ptype", "1"),
        ("queued", "0"),
        ("other", ""),
    ),
    ((), ("int t", "int *m", "int c", "int f", "int p", "int i"), ("int q",)),
    ("the updater", "a reader", "where call_rcu ends up"),
    (
        write("write-private", "private", "1"),
        _WRITE_BARRIER,
        write("write-func", "func", "1"),
        barrier("second-write-barrier", "func before ptype", "smp_wmb", "smp_mb", "barrier"),
        write("write-ptype", "ptype", "0"),
        grace(
            "readers may still be in the array",
            Option("call_rcu", (_QUEUE,)),
            Option(_EARLY, ("",)),
        ),
        section(),
        read("read-ptype", "t", "ptype"),
        barrier("array-read-barrier", "ptype before multi", "smp_rmb"),
        read("read-multi", "m", "multi"),
        read("read-closure", "c", "m"),
        *_SINGLE_SWITCHES[1:],
    ),
    (
        *lines(0, "write-private", "write-barrier", "write-func", "second-write-barrier"),
        Line(0, _QUEUE, note="call_rcu(), too early", only=("grace-period", _EARLY)),
        *lines(0, "write-ptype", "grace-period"),
        Line(
            0,
            "WRITE_ONCE(*array, 99);",
            note="kfree(array)",
            only=("grace-period", "synchronize_rcu", "smp_mb", "none"),
        ),
        *lines(1, "section", "read-ptype", "if (t == 1) {", "array-read-barrier"),
        *lines(1, "read-multi", "read-closure", "} else {", *_SINGLE_READS, "}"),
        Line(1, switch="section", part=1),
        Line(2, "q = smp_load_acquire(queued);", only=_CALLED),
        Line(2, "if (q == 1) {", only=_CALLED),
        Line(2, "synchronize_rcu();", note="a grace period after call_rcu()", only=_CALLED),
        Line(2, "WRITE_ONCE(*array, 99);", note="kfree(array)", only=_CALLED),
        Line(2, "}", only=_CALLED),
    ),
    (
        Question("freed", "the array is read after it was freed", r"1:t=1 /\ 1:c=99"),
        Question("lost", "the probe that is left is not called", r"1:t=0 /\ 1:f=0"),
        _TORN,
    ),
    {
        "posted": {"array-read-barrier": "none"},
        "fixed": {},
        "bare": _without(
            "write-barrier",
            "second-write-barrier",
            "grace-period",
            "section",
            "array-read-barrier",
            "first-read-barrier",
            "second-read-barrier",
        ),
    },
)

LAST: Final = Case(
    "1→0",
    "the last probe is disconnected, and its data goes",
    (("private", "1"), ("func", "1"), ("other", "")),
    ((), ("int f", "int p", "int i")),
    _READER,
    (
        write("write-func", "func", "0"),
        grace("the probe may still be running"),
        section(),
        *_SINGLE_SWITCHES[2:],
    ),
    (
        *lines(0, "write-func", "grace-period"),
        Line(0, "WRITE_ONCE(*private, 99);", note="kfree(private)"),
        *_SECTIONED_READER,
    ),
    (Question("freed", "the probe is called with data that is gone", r"1:f=1 /\ 1:p=99"),),
    {
        "posted": {},
        "fixed": {},
        "bare": _without("grace-period", "section", "second-read-barrier"),
    },
)

EXCHANGE: Final = Case(
    "A→0→B",
    "probe A is disconnected, probe B connected in its place",
    (("private", "1"), ("func", "1"), ("other", "")),
    ((), ("int f", "int p", "int i")),
    _READER,
    (
        write("write-none", "func", "0", "WRITE_ONCE", "none"),
        grace("a reader may hold A and not have read its data yet"),
        write("write-private", "private", "2"),
        _WRITE_BARRIER,
        write("write-func", "func", "2"),
        section(),
        *_SINGLE_SWITCHES[2:],
    ),
    (
        *lines(0, "write-none", "grace-period", "write-private", "write-barrier", "write-func"),
        *_SECTIONED_READER,
    ),
    (
        Question("torn", "A is called with B's data", r"1:f=1 /\ 1:p=2"),
        Question("crossed", "B is called with A's data", r"1:f=2 /\ 1:p=1"),
    ),
    {
        # The mutex is dropped before readers are told, so a second change overtakes the first.
        "posted": _without("write-none", "grace-period"),
        "fixed": {},
        "bare": _without("grace-period", "section", "write-barrier", "second-read-barrier"),
    },
)


def _locked(name: str, who: str) -> Switch:
    options = (Option("mutex", ("mutex_lock(lock);", "mutex_unlock(lock);")),)
    return Switch(name, "lock", f"held by {who}", (*options, Option("none", ("", ""))))


BITS: Final = Case(
    "bit-fields",
    "rcu_pending (1) and ptype (2) share a word",
    (("word", "1"), ("lock", "")),
    (("int w",), ("int v",)),
    ("the callback ends a grace period", "the updater changes the type"),
    (_locked("callback-lock", "the callback"), _locked("updater-lock", "the updater")),
    (
        *lines(0, "callback-lock", "w = READ_ONCE(*word);"),
        Line(0, "WRITE_ONCE(*word, w & 2);", note="rcu_pending = 0"),
        Line(0, switch="callback-lock", part=1),
        *lines(1, "updater-lock", "v = READ_ONCE(*word);"),
        Line(1, "WRITE_ONCE(*word, v | 2);", note="ptype = 1"),
        Line(1, switch="updater-lock", part=1),
    ),
    (
        Question("lost", "the new type is overwritten", "word=0"),
        Question("stuck", "the end of the grace period is overwritten", "word=3"),
    ),
    {
        "posted": _without("callback-lock"),
        "fixed": {},
        "bare": _without("callback-lock", "updater-lock"),
    },
)

PENDING: Final = Case(
    "oldptr",
    "the callback frees oldptr and says that the next change may come",
    (("first", "0"), ("next", "0"), ("oldptr", "first"), ("pending", "1")),
    (("int *o",), ("int n",)),
    ("the callback", "the next update"),
    (
        read("read-oldptr", "o", "oldptr"),
        barrier("callback-barrier", "oldptr before pending", "smp_mb", "smp_wmb", "smp_rmb"),
        write("write-pending", "pending", "0", "WRITE_ONCE", "smp_store_release"),
        read("read-pending", "n", "pending"),
        write("write-oldptr", "oldptr", "next"),
    ),
    (
        Line(0, switch="read-oldptr", note="kfree(o)"),
        *lines(0, "callback-barrier", "write-pending"),
        *lines(1, "read-pending", "if (n == 0) {", "write-oldptr", "}"),
    ),
    (Question("freed", "the array of the next update is freed", "0:o=next"),),
    {
        "posted": {"callback-barrier": "smp_wmb"},
        "fixed": {},
        "bare": _without("callback-barrier"),
    },
)

POINTER: Final = _replacement(
    "one pointer",
    "as the kit does it: any array of closures gives way to any other",
    "rcu_dereference",
    pointer="probes",
    register="a",
    value="2",
    before="the pointer before its array",
    presets={"kit": {}},
)

CASES: Final = (CONNECT, SECOND, MORE, BACK, LAST, EXCHANGE, BITS, PENDING, POINTER)
"""Every case: a marker's life in order, then other bugs, then the kit's way."""
