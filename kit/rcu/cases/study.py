"""The marker's transitions of 2007, and the bugs beside them.

A marker with one probe keeps ``func`` and ``private`` in itself; with several, ``multi`` points to
an array. ``ptype`` says which of the two a reader shall use. The kit has one pointer and no type.

In all of them 0 stands for what is not there yet, 1 for what probe A needs, 2 for what B needs,
and 99 for memory that was freed.
"""

from __future__ import annotations

from typing import Final

from kit.rcu.cases._case import Case
from kit.rcu.cases.parts import (
    Line,
    Option,
    Question,
    Switch,
    barrier,
    grace,
    read,
    section,
    write,
)

__all__ = ["CASES"]

_SINGLE_READER: Final = (
    Line(1, switch="read-ptype"),
    Line(1, "if (t == 0) {"),
    Line(1, switch="first-read-barrier"),
    Line(1, switch="read-func"),
    Line(1, switch="second-read-barrier"),
    Line(1, switch="read-private"),
    Line(1, "}"),
)
_SINGLE_SWITCHES: Final = (
    read("read-ptype", "t", "ptype"),
    barrier("first-read-barrier", "ptype before func", "smp_rmb", "barrier"),
    read("read-func", "f", "func"),
    barrier("second-read-barrier", "func before private", "smp_rmb", "barrier"),
    read("read-private", "p", "private"),
)
_SECTIONED_READER: Final = (
    Line(1, switch="section"),
    *_SINGLE_READER[3:6],
    Line(1, switch="section", part=1),
)
_WRITE_BARRIER: Final = barrier(
    "write-barrier", "private before func", "smp_wmb", "smp_mb", "barrier"
)
_READER: Final = ("the updater", "a reader")

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
        Line(0, switch="write-private"),
        Line(0, switch="write-barrier"),
        Line(0, switch="write-func"),
        *_SINGLE_READER,
    ),
    (
        Question(
            "torn",
            "the probe is called with data that is not its own",
            r"1:t=0 /\ 1:f=1 /\ 1:p=0",
        ),
    ),
    {
        "posted": {"write-private": "plain", "read-private": "plain"},
        "fixed": {},
        "bare": {
            "write-barrier": "none",
            "first-read-barrier": "none",
            "second-read-barrier": "none",
        },
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
        Line(0, switch="write-array"),
        Line(0, switch="publish"),
        Line(0, switch="write-barrier"),
        Line(0, switch="write-ptype"),
        Line(1, switch="read-ptype"),
        Line(1, "if (t == 1) {"),
        Line(1, switch="read-barrier"),
        Line(1, switch="read-multi"),
        Line(1, switch="dependent-barrier"),
        Line(1, switch="read-closure"),
        Line(1, "}"),
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
        "posted": {
            "read-barrier": "smp_read_barrier_depends",
            "dependent-barrier": "none",
        },
        "fixed": {},
        "bare": {
            "publish": "WRITE_ONCE",
            "write-barrier": "none",
            "read-barrier": "none",
            "dependent-barrier": "none",
        },
    },
)

_FREE_OLD: Final = Line(0, "WRITE_ONCE(*old, 99);", note="kfree(old)")

MORE: Final = Case(
    "N→N+1",
    "one more probe: an array gives way to a longer one",
    (("old", "1"), ("array", "0"), ("multi", "old"), ("other", "")),
    ((), ("int *m", "int c", "int i")),
    _READER,
    (
        write("write-array", "array", "1"),
        write("publish", "multi", "array", "rcu_assign_pointer"),
        grace("the old array may still be in use"),
        section(),
        read("read-multi", "m", "multi"),
        barrier("dependent-barrier", "multi before its array", "smp_read_barrier_depends"),
        read("read-closure", "c", "m"),
    ),
    (
        Line(0, switch="write-array"),
        Line(0, switch="publish"),
        Line(0, switch="grace-period"),
        _FREE_OLD,
        Line(1, switch="section"),
        Line(1, switch="read-multi"),
        Line(1, switch="dependent-barrier"),
        Line(1, switch="read-closure"),
        Line(1, switch="section", part=1),
    ),
    (
        Question("uninitialised", "the array is read before it is filled", r"1:m=array /\ 1:c=0"),
        Question("freed", "the old array is read after it was freed", r"1:m=old /\ 1:c=99"),
    ),
    {
        "posted": {"dependent-barrier": "none"},
        "fixed": {},
        "bare": {
            "publish": "WRITE_ONCE",
            "dependent-barrier": "none",
            "grace-period": "none",
            "section": "none",
        },
    },
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
        Line(0, switch="write-private"),
        Line(0, switch="write-barrier"),
        Line(0, switch="write-func"),
        Line(0, switch="second-write-barrier"),
        Line(0, _QUEUE, note="call_rcu(), too early", only=("grace-period", _EARLY)),
        Line(0, switch="write-ptype"),
        Line(0, switch="grace-period"),
        Line(
            0,
            "WRITE_ONCE(*array, 99);",
            note="kfree(array)",
            only=("grace-period", "synchronize_rcu", "smp_mb", "none"),
        ),
        Line(1, switch="section"),
        Line(1, switch="read-ptype"),
        Line(1, "if (t == 1) {"),
        Line(1, switch="array-read-barrier"),
        Line(1, switch="read-multi"),
        Line(1, switch="read-closure"),
        Line(1, "} else {"),
        *_SINGLE_READER[2:],
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
        Question(
            "torn",
            "the probe is called with data that is not its own",
            r"1:t=0 /\ 1:f=1 /\ 1:p=0",
        ),
    ),
    {
        "posted": {"array-read-barrier": "none"},
        "fixed": {},
        "bare": {
            "write-barrier": "none",
            "second-write-barrier": "none",
            "grace-period": "none",
            "section": "none",
            "array-read-barrier": "none",
            "first-read-barrier": "none",
            "second-read-barrier": "none",
        },
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
        Line(0, switch="write-func"),
        Line(0, switch="grace-period"),
        Line(0, "WRITE_ONCE(*private, 99);", note="kfree(private)"),
        *_SECTIONED_READER,
    ),
    (Question("freed", "the probe is called with data that is gone", r"1:f=1 /\ 1:p=99"),),
    {
        "posted": {},
        "fixed": {},
        "bare": {"grace-period": "none", "section": "none", "second-read-barrier": "none"},
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
        Line(0, switch="write-none"),
        Line(0, switch="grace-period"),
        Line(0, switch="write-private"),
        Line(0, switch="write-barrier"),
        Line(0, switch="write-func"),
        *_SECTIONED_READER,
    ),
    (
        Question("torn", "A is called with B's data", r"1:f=1 /\ 1:p=2"),
        Question("crossed", "B is called with A's data", r"1:f=2 /\ 1:p=1"),
    ),
    {
        # The mutex is dropped before readers are told, so a second change overtakes the first.
        "posted": {"write-none": "none", "grace-period": "none"},
        "fixed": {},
        "bare": {
            "grace-period": "none",
            "section": "none",
            "write-barrier": "none",
            "second-read-barrier": "none",
        },
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
        Line(0, switch="callback-lock"),
        Line(0, "w = READ_ONCE(*word);"),
        Line(0, "WRITE_ONCE(*word, w & 2);", note="rcu_pending = 0"),
        Line(0, switch="callback-lock", part=1),
        Line(1, switch="updater-lock"),
        Line(1, "v = READ_ONCE(*word);"),
        Line(1, "WRITE_ONCE(*word, v | 2);", note="ptype = 1"),
        Line(1, switch="updater-lock", part=1),
    ),
    (
        Question("lost", "the new type is overwritten", "word=0"),
        Question("stuck", "the end of the grace period is overwritten", "word=3"),
    ),
    {
        "posted": {"callback-lock": "none"},
        "fixed": {},
        "bare": {"callback-lock": "none", "updater-lock": "none"},
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
        Line(0, switch="callback-barrier"),
        Line(0, switch="write-pending"),
        Line(1, switch="read-pending"),
        Line(1, "if (n == 0) {"),
        Line(1, switch="write-oldptr"),
        Line(1, "}"),
    ),
    (Question("freed", "the array of the next update is freed", "0:o=next"),),
    {
        "posted": {"callback-barrier": "smp_wmb"},
        "fixed": {},
        "bare": {"callback-barrier": "none"},
    },
)

POINTER: Final = Case(
    "one pointer",
    "as the kit does it: any array of closures gives way to any other",
    (("old", "1"), ("array", "0"), ("probes", "old"), ("other", "")),
    ((), ("int *a", "int c", "int i")),
    _READER,
    (
        write("write-array", "array", "2"),
        write("publish", "probes", "array", "rcu_assign_pointer"),
        grace("the old array may still be in use"),
        section(),
        read("read-probes", "a", "probes", "rcu_dereference"),
        barrier("dependent-barrier", "the pointer before its array", "smp_read_barrier_depends"),
        read("read-closure", "c", "a"),
    ),
    (
        Line(0, switch="write-array"),
        Line(0, switch="publish"),
        Line(0, switch="grace-period"),
        _FREE_OLD,
        Line(1, switch="section"),
        Line(1, switch="read-probes"),
        Line(1, switch="dependent-barrier"),
        Line(1, switch="read-closure"),
        Line(1, switch="section", part=1),
    ),
    (
        Question("uninitialised", "the array is read before it is filled", r"1:a=array /\ 1:c=0"),
        Question("freed", "the old array is read after it was freed", r"1:a=old /\ 1:c=99"),
    ),
    {
        "kit": {},
        "fixed": {},
        "bare": {
            "publish": "WRITE_ONCE",
            "dependent-barrier": "none",
            "grace-period": "none",
            "section": "none",
        },
    },
)

CASES: Final = (CONNECT, SECOND, MORE, BACK, LAST, EXCHANGE, BITS, PENDING, POINTER)
"""Every case, in the order of a marker's life; then the bugs beside; then the kit."""
