"""Rule 28, where something fails: each event is in exactly one count."""

import asyncio
import itertools
import json
import sys
import threading
import types
from collections import Counter
from pathlib import Path

import pytest

import kit
from kit.core._dispatch.accounting import begun
from kit.core._runtime import mode
from kit.probes import _values as checks
from kit.probes._context import CONTEXT, Context
from tests.contract.conftest import PATIENCE
from tests.contract.interrupting import Interrupt, at_each_place
from tests.contract.tools import add_up, run_apart

WHERE = ["memory", "file"]


class Text(str):
    """A text of a kind of its own: the writer asks what it stands for."""


class Whole(int):
    """A number of a kind of its own."""


class Proxy:
    """What stands for something that is not there: looking at its class raises, too."""

    @property
    def __class__(self):
        raise LookupError("there is no request")


# Much here does not fit on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::kit.errors.MisfitWarning")

VALUES = [
    (int, 5), (int, True), (int, Whole(7)), (int, None), (int, 2**70), (int, Proxy()),
    (float, 5.0), (float, 3), (float, 2**70), (float, "no"), (float, Proxy()),
    (str, "x"), (str, Text("y")), (str, 5), (kit.Label, Text("z")), (bool, 1),
]  # fmt: skip


def recorded(where: str, folder: Path, name: str, **options: object) -> kit.probes.Recorder:
    """Record in memory, or in a file."""
    path = {"path": folder / f"{name}.kit"} if where == "file" else {}
    return kit.record(name, **path, **options)


# What is half imported on another thread.


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("module", ["numpy", "pandas", "asyncio"])
def test_rule_28_while_a_module_is_being_imported(unique, monkeypatch, tmp_path, module, where):
    """It is in `sys.modules` and has no names yet: values, and tasks, are as if it were not there.

    Seen to fail when `numpy.generic` or `asyncio.current_task` is looked up without asking.
    """
    markers = [kit.marker(unique(f"m{n}"), v=kind) for n, (kind, _) in enumerate(VALUES)]
    recorder = recorded(where, tmp_path, unique("*"), context=("task", "thread"))
    aggregate = kit.aggregate(unique("*"), by="v")
    half_made = types.ModuleType(module)
    with monkeypatch.context() as importing:
        importing.setitem(sys.modules, module, half_made)
        for m, (_, value) in zip(markers, VALUES, strict=True):
            m(value)
    for m, (_, value) in zip(markers, VALUES, strict=True):
        m(value)
    recorder.stop()
    aggregate.stop()
    assert (len(recorder), recorder.failed) == (2 * len(VALUES), 0)
    assert aggregate.count == 2 * len(VALUES)
    (thread,) = recorder.snapshot().threads
    rows = [(code, list(map(type, args)), context) for _, code, args, context in thread.rows]
    assert rows[: len(VALUES)] == rows[len(VALUES) :]  # as with all of the module
    assert sum(each.errors for m in markers for each in m.probes) == 0


@pytest.mark.usefixtures("frames")
def test_rule_31_a_value_that_cannot_even_be_looked_at_is_a_misfit(unique):
    """A proxy that stands for nothing raises where one asks for its ``__class__``.

    Seen to fail when values are asked with `isinstance`, in the writer and in the frame.
    """
    m = kit.marker(unique("m"), n=int, x=float, ok=bool, text=str)
    with kit.record(m.name) as recorder:
        m(Proxy(), Proxy(), Proxy(), Proxy())
    frame = recorder.frame(m.name)
    assert frame[["n", "x", "ok", "text"]].isna().all(axis=None)
    assert frame.attrs["misfits"] == {m.name: {"n": 1, "x": 1, "ok": 1, "text": 1}}


# Context functions.


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("mode_", ["discard", "overwrite"])
def test_rule_28_a_context_function_that_raises(unique, monkeypatch, tmp_path, where, mode_):
    """That field is missing, counted as a misfit; the event is there.

    Seen to fail when the exception comes out of the writer, in each of the ways to write.
    """
    calls = itertools.count()

    def who() -> int:
        if next(calls) % 2:
            raise LookupError("there is no request")
        return 7

    monkeypatch.setitem(CONTEXT, "who", Context(who, int))
    m = kit.marker(unique("m"), n=int)
    with recorded(where, tmp_path, m.name, context="who", mode=mode_, capacity=100) as recorder:
        for n in range(6):
            m(n)
    frame = recorder.frame()
    assert frame["n"].tolist() == list(range(6))
    assert frame["who"].isna().tolist() == [False, True] * 3
    assert frame.attrs["misfits"] == {"*": {"who": 3}}
    assert (recorder.failed, frame.attrs["failed"]) == (0, {})


@pytest.mark.parametrize("where", WHERE)
def test_rule_28_a_context_function_that_ends_the_program(unique, monkeypatch, tmp_path, where):
    """What is no `Exception` goes through, and the event is counted as failed.

    Seen to fail when it is taken for a misfit, and when nobody counts it.
    """

    def who() -> int:
        raise Interrupt

    monkeypatch.setitem(CONTEXT, "who", Context(who, int))
    m = kit.marker(unique("m"), n=int)
    with recorded(where, tmp_path, m.name, context="who") as recorder:
        for n in range(3):
            with pytest.raises(Interrupt):
                m(n)
    assert (len(recorder), recorder.failed) == (0, 3)
    assert recorder.snapshot().failed == {m.name: 3}


def test_rule_28_a_thread_with_a_broken_name_is_recorded(unique):
    """It has its number for a name.

    Seen to fail when the exception comes out of the writer.
    """

    class Nameless(threading.Thread):
        broken = False

        @property
        def name(self) -> str:
            if self.broken:
                raise RuntimeError("it has none")
            return "nameless"

        @name.setter
        def name(self, name: str) -> None:
            pass

    m = kit.marker(unique("m"), n=int)

    def run() -> None:
        Nameless.broken = True
        m(1)
        Nameless.broken = False

    with kit.record(m.name) as recorder:
        thread = Nameless(target=run)
        thread.start()
        thread.join(PATIENCE)
    assert [each.name.split()[0] for each in recorder.snapshot().threads] == ["thread"]
    assert (len(recorder), recorder.failed) == (1, 0)


# What fails, and where it is said.


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize("where", WHERE)
def test_rule_28_what_failed_is_said_wherever_one_looks(unique, monkeypatch, tmp_path, where):
    """By marker, on the recorder, its captures, frames and file; `clear` begins anew.

    A marker declared anew adds up. Strict mode's refusals are among them.

    Seen to fail when each of them is left out, and when clearing does not begin at nought.
    """
    name = unique("m")
    main = {"kit": kit, "name": name, "__name__": "__main__"}
    m = eval("kit.marker(name, n=int)", main)
    recorder = recorded(where, tmp_path, name)
    monkeypatch.setattr(mode, "strict", True)
    recorder.stop()
    recorder.start()
    with pytest.raises(TypeError, match="does not fit"):
        m("no")
    eval("kit.marker(name, n=int, s=str)", main)
    for _ in range(2):
        with pytest.raises(TypeError, match="does not fit"):
            m(1, 5)
    m(1, "x")
    monkeypatch.setattr(mode, "strict", False)
    recorder.stop()
    assert add_up(recorder)["failed"] == recorder.failed == 3
    assert recorder.snapshot().failed == {name: 3}
    assert "3 failed" in repr(recorder)
    assert "3 failed" in recorder._repr_html_()
    assert "3 failed" in repr(recorder.snapshot())
    assert recorder.frame().attrs["failed"] == {name: 3}
    kit.frames.save(recorder, tmp_path / "saved.parquet")
    saved = kit.open(tmp_path / "saved.parquet")
    assert (saved.failed, saved.frame().attrs["failed"]) == (3, {name: 3})
    assert "3 failed" in repr(saved)
    if where == "file":
        assert kit.open(recorder.path).frame().attrs["failed"] == {name: 3}
        recorder.start()
        recorder.rotate(tmp_path / "next.kit")
        recorder.stop()
        assert kit.open(tmp_path / "next.kit").frame().attrs["failed"] == {name: 3}
    recorder.clear()
    assert (recorder.failed, recorder.snapshot().failed) == (0, {})


def test_rule_28_a_killed_program_has_said_how_many_failed(tmp_path):
    """The file's own count says so, though nobody was there to say of which markers.

    Seen to fail when the writers, of both dispatchers, leave the file alone.
    """
    run_apart(
        "import kit, os, signal, sys\n"
        "def who():\n"
        "    raise SystemExit\n"
        "kit.context('who', who, type=int)\n"
        "m = kit.marker('m', n=int)\n"
        "events = kit.record('m', path=sys.argv[1], context='who')\n"
        "for n in range(3):\n"
        "    try:\n"
        "        m(n)\n"
        "    except SystemExit:\n"
        "        pass\n"
        "os._exit(0)\n",
        tmp_path / "a.kit",
    )
    from kit.probes.captures._reader import read

    capture = read(tmp_path / "a.kit")
    assert (len(capture), capture.failed) == (0, {"*": 3})


@pytest.mark.usefixtures("frames")
def test_rule_28_a_session_says_what_failed(unique, monkeypatch, tmp_path):
    """In its manifest, and in the frames of what is opened.

    Seen to fail when the manifest and the last file's summary leave it out.
    """
    m = kit.marker(unique("m"), n=int)
    stop = [False]

    def who() -> int:
        if stop[0]:
            raise Interrupt
        return 1

    monkeypatch.setitem(CONTEXT, "who", Context(who, int))
    run = kit.session(tmp_path / "run")
    run.record(m.name, context="who")
    with run:
        m(1)
        stop[0] = True
        with pytest.raises(Interrupt):
            m(2)
    assert run.join(PATIENCE)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["recorders"]["events"]["failed"] == {m.name: 1}
    assert manifest["recorders"]["events"]["skipped"] == {}
    kept = kit.open(tmp_path / "run")
    assert kept.frame().attrs["failed"] == {m.name: 1}


def test_rule_35_an_aggregate_counts_what_it_could_not_add(unique, monkeypatch):
    """A value or a part of the key that raises is missing; what goes through is counted as failed.

    Seen to fail when a context function's exception takes the event with it, and when what could
    not be added is in no count.
    """
    raised: list[type[BaseException]] = [LookupError]

    def who() -> int:
        raise raised[0]

    monkeypatch.setitem(CONTEXT, "who", Context(who, int))
    m = kit.marker(unique("m"), n=int)
    by_who = kit.aggregate(m.name, "n", by="who", histogram="log2")
    of_who = kit.aggregate(m.name, "who")
    m(1)
    raised[0] = Interrupt
    for _ in range(2):
        with pytest.raises(Interrupt):
            m(2)
    of_who.stop()
    by_who.stop()
    assert (by_who.count, by_who.failed) == (1, 2)
    assert (of_who.count, of_who.failed) == (1, 0)  # the first one ended the dispatch
    table = by_who.table()
    assert (list(table.rows), table.failed) == ([(None,)], {m.name: 2})
    assert of_who.table().rows[()].missing == 1
    assert "2 events failed" in repr(by_who)
    assert "2 events failed" in by_who._repr_html_()
    from kit.probes.aggregates._table import from_json

    assert from_json(json.loads(json.dumps(table.to_json()))).failed == {m.name: 2}
    by_who.clear()
    assert by_who.failed == 0


def test_rule_28_a_gate_that_fails_keeps_the_event_back(unique, monkeypatch):
    """Its condition or its budget: the event is filtered, by ``failed``; a trigger says so, too.

    Seen to fail when a condition that ends the program, or a budget that raises, leaves the event
    in no count.
    """
    raised: list[type[BaseException]] = [LookupError]

    def who() -> int:
        raise raised[0]

    monkeypatch.setitem(CONTEXT, "who", Context(who, int))
    m = kit.marker(unique("m"), n=int)
    recorder = kit.record(m.name, when="n >= 0 and who > 5")
    trigger = kit.trigger(m.name, lambda: None, when="who > 5")
    m(1)
    assert recorder.filtered == {m.name: {"failed": 1}}
    raised[0] = Interrupt
    with pytest.raises(Interrupt):
        m(1)
    recorder.stop()
    trigger.disarm()
    assert recorder.filtered == {m.name: {"failed": 2}}
    assert (recorder.failed, trigger.fired, trigger.failed) == (0, 0, 1)
    assert "not judged" in repr(trigger)
    assert trigger.describe()["failed"] == 1
    budgeted = kit.record(m.name, budget=0.5)
    monkeypatch.setattr("kit.probes.filters._budget._Meter.admit", lambda *args: 1 // 0)
    m(1)
    budgeted.stop()
    assert budgeted.filtered == {m.name: {"failed": 1}}


# Exceptions that come from outside, at each place.

RECORDERS = {
    "discard": {},
    "full": {"capacity": 1},
    "overwrite": {"capacity": 4, "mode": "overwrite"},
    "context": {"context": ("who", "task", "thread")},
    "overwrite, context": {"capacity": 4, "mode": "overwrite", "context": "who"},
    "condition": {"when": "n > 1 and n / (n - 5) > 0"},
    "condition in Python": {"when": "n > 1 and who > 3"},
    "everything": {
        "when": "n > 1 and who > 3", "every": 2, "per_second": 300, "limit": 1000, "budget": 0.5,
    },
}  # fmt: skip
AGGREGATES = {
    "count": {"by": "v"},
    "whole": {"value": "n", "by": ("v", "who"), "histogram": (0, 10, 1), "capacity": 3},
    "float": {"value": "f", "histogram": "log2", "when": "n > 2 and who > 1"},
}


# It may come in a finaliser or a callback of the collector, which no exception leaves.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("strict", [False, True], ids=["not strict", "strict"])
@pytest.mark.parametrize("kind", [Interrupt, ValueError])
@pytest.mark.parametrize(
    "what",
    [*((where, each) for where in WHERE for each in RECORDERS), *(("in", e) for e in AGGREGATES)],
    ids=" ".join,
)
def test_rule_28_a_signal_handler_that_raises_anywhere(
    unique, monkeypatch, tmp_path, what, kind, strict
):
    """At each place of a dispatch where CPython handles signals: the event is in one count.

    Seen to fail when an exception before the first line of a writer or a gate is in no count, when
    one after the event is there counts it as failed, when an event waits in the twin's queue, and
    when a place that was taken is not given back.
    """
    monkeypatch.setattr(mode, "strict", strict)
    monkeypatch.setitem(CONTEXT, "who", Context(lambda: 5, int))
    m = kit.marker(unique("m"), n=int, f=float, v=str)
    where, which = what
    if where == "in":
        probe = kit.aggregate(m.name, **AGGREGATES[which])
    else:
        probe = recorded(where, tmp_path, m.name, **{"capacity": 1000, **RECORDERS[which]})
    number = itertools.count()

    def act() -> None:
        n = next(number)
        m(n % 8, n / 3, f"k{n % 5}")
        m(n % 8, n / 3, v=f"k{n % 5}")

    def check(place: int, came: BaseException | None) -> None:
        add_up(probe)

    at_each_place(act, check, kind, most=2000)
    probe.stop()
    if where == "memory" and which == "discard":
        for n in range(2000):
            m(n % 8, 0.5, "")
    if where == "file":
        from kit.probes.captures._reader import read

        capture = read(probe.path)
        assert len(capture) == len(probe)
        assert (capture.lost, capture.overwritten) == (probe.lost, probe.overwritten)
        assert sum(capture.failed.values()) == probe.failed
        assert capture.damaged == {}


def test_rule_28_at_the_end_of_the_stack(unique):
    """A dispatch for which there is hardly room on the stack: each event is in one count.

    The dispatcher in Python has no room to account for what it had no room to call.

    Seen to fail when a probe that could not be called is in no count.
    """
    if kit.dispatcher == "python":
        pytest.skip("with the last call that there is room for, it could count nothing")
    m = kit.marker(unique("m"), x=float)
    probes = [kit.record(m.name), kit.record(m.name, when="x > 0"), kit.aggregate(m.name, "x")]
    outcomes = Counter()

    def dive(left: int) -> None:
        if left:
            dive(left - 1)
        else:
            m(2**60)  # the writer in C asks Python what it stands for
            outcomes["fired"] += 1

    for depth in range(sys.getrecursionlimit() - 150, sys.getrecursionlimit() + 5):
        try:
            dive(depth)
        except RecursionError:
            outcomes["raised"] += 1
    assert outcomes["fired"] > 0
    assert outcomes["raised"] > 0
    for probe in probes:
        probe.stop()
        add_up(probe)


def test_whether_a_function_had_begun():
    """Only an exception in the line of its def, or of a stack without room, came before it.

    Seen to fail when one that is raised in its first line is taken for one before it.
    """

    def function() -> None:
        raise ValueError

    def overflowing() -> None:
        overflowing()

    for call in (function, overflowing):
        with pytest.raises((ValueError, RecursionError)) as raised:
            call()
        assert begun(call, raised.value)
    with pytest.raises(RecursionError) as raised:
        raise RecursionError
    assert not begun(function, raised.value)
    assert begun(len, raised.value)


def test_rule_28_asyncio_tasks_are_named_as_before(unique):
    """Seen to fail when a task's name is not asked for where there is one."""
    m = kit.marker(unique("m"))

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("mine")
        m()

    with kit.record(m.name, context="task") as recorder:
        asyncio.run(main())
        m()
    assert [row[3] for thread in recorder.snapshot().threads for row in thread.rows] == [
        ("mine",),
        (None,),
    ]


def test_what_stands_for_a_value_needs_all_of_numpy(monkeypatch):
    """A numpy with some of its names is as good as none."""
    half_made = types.ModuleType("numpy")
    half_made.generic = int
    monkeypatch.setitem(sys.modules, "numpy", half_made)
    assert checks.plain("f", 3) == 3.0
