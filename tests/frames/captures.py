"""Captures made by hand, and by Hypothesis."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from kit.core._format import Field, Format, Label
from kit.probes.captures._capture import Capture, MarkerInfo, ThreadEvents

TYPES = (int, float, bool, str, Label)


def info(name: str, *, is_span: bool = False, fired: int = 0, **fields: Any) -> MarkerInfo:
    format = Format(tuple(Field(*item) for item in fields.items()), is_span)
    return MarkerInfo(name, format, "program.module", 12, 1, 3, fired)


def thread(
    rows: Iterable[tuple], tid: int = 1, name: str = "MainThread", **options
) -> ThreadEvents:
    return ThreadEvents(tid, name, options.pop("first_seq", 0), list(rows), **options)


def capture(markers: Sequence[MarkerInfo], *threads: Any, **options: Any) -> Capture:
    """Threads may be given as lists of rows."""
    made = [
        each if isinstance(each, ThreadEvents) else thread(each, tid, f"thread {tid}")
        for tid, each in enumerate(threads, 1)
    ]
    settings = {"wall": 1_700_000_000 * 10**9, "host": "host", "pid": 7, "python": "3.11.7"}
    return Capture(tuple(markers), tuple(made), **settings | options)


def one(type: type, values: Iterable[Any]) -> Capture:
    """A capture of one marker with one field."""
    return capture([info("m", value=type)], [(ts, 0, (value,)) for ts, value in enumerate(values)])


def same(a: Any, b: Any) -> bool:
    """Equal, of one type, and a NaN is itself."""
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return type(a) is type(b) and a == b


INTS = st.integers(-(2**63), 2**63 - 1)
TEXT = st.one_of(
    st.text(st.characters(codec=None), max_size=6),  # lone surrogates and NULs, too
    st.sampled_from(["\udc80", "\\udc80", "\\\\udc80", "\\\udc80", "\\u", "ud800", "\0", ""]),
)
VALUES = {
    int: INTS,
    float: st.floats(),
    bool: st.booleans(),
    str: TEXT,
    Label: st.sampled_from(["ACME", "IBM", "", "\udc80", "\\ud800"]),
}
NAMES = st.sampled_from(["a", "b.c", "b.d", "é\udc80", "<b>"])
FIELD_NAMES = st.sampled_from(["qty", "px", "ts", "dur", "dur_", "marker", "task", "seq"])
STAMPS = st.integers(0, 50) | st.integers(0, 2**62)


@st.composite
def formats(draw: st.DrawFn) -> Format:
    fields = draw(st.dictionaries(FIELD_NAMES, st.sampled_from(TYPES), max_size=4))
    return Format(tuple(Field(*item) for item in fields.items()), draw(st.booleans()))


@st.composite
def captures(draw: st.DrawFn, *, fitting: bool = False) -> Capture:
    """Any capture; the values are of the declared types if `fitting`."""
    names = draw(st.lists(NAMES, max_size=4, unique=draw(st.booleans())))
    declared = [(name, draw(formats())) for name in names]
    context = draw(st.sampled_from([(), ("task",), ("process", "thread")]))
    contexts = {"task": VALUES[Label], "thread": VALUES[Label], "process": st.integers(1, 9)}
    anything = st.one_of(*VALUES.values(), st.none(), st.integers())

    def row() -> tuple:
        code = draw(st.integers(0, len(declared) - 1))
        format = declared[code][1]
        values = [draw(VALUES[f.type] if fitting else anything) for f in format.fields]
        timed = [draw(STAMPS), draw(st.sampled_from([None, "OSError"]))] if format.is_span else []
        events = (draw(STAMPS), code, (*timed, *values))
        if context:
            return (*events, tuple(draw(contexts[name] | st.none()) for name in context))
        return events

    counts = st.dictionaries(NAMES, st.integers(0, 5), max_size=2)
    threads = [
        ThreadEvents(
            draw(st.integers(1, 3)),
            draw(VALUES[Label]),
            draw(st.integers(0, 9)),
            [row() for _ in range(draw(st.integers(0, 6)) if declared else 0)],
            draw(counts),
            draw(counts),
        )
        for _ in range(draw(st.integers(0, 3)))
    ]
    codes = st.integers(0, max(len(declared) - 1, 0))
    times, few = STAMPS, st.integers(0, 9)
    label, error = st.sampled_from(["f", "g", "h\udc80"]), st.sampled_from([None, "OSError"])
    action = st.sampled_from(["connect", "disconnect", "batch", "something"])

    def table(*columns: st.SearchStrategy) -> list[tuple]:
        return draw(st.lists(st.tuples(*columns), max_size=4)) if declared else []

    return Capture(
        tuple(MarkerInfo(name, f, "mod\udc80", 3, 1, 2, 4) for name, f in declared),
        tuple(threads),
        table(times, times, codes, few, few, few, few, few),
        table(times, times, codes, label, few, few, error, few),
        table(times, codes, action, label | st.just(""), few, few, times | st.none(), few),
        context,
        draw(counts),
        draw(few),
        capacity=100,
        started=1,
        stopped=draw(st.none() | few),
        wall=10**18,
    )
