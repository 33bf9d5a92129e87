"""Rules 28 and 41: what there is no room for, and no thread for, is nothing that a program raises.

Who declares a marker, leaves a block or stops a recorder did not ask for a limit of the kit's.
"""

import logging
import threading

import pytest

import kit
from kit.core._publication import grace
from kit.probes.captures import _sealing as sealing
from kit.probes.recorder import _sink as sinks
from tests.contract.conftest import PATIENCE
from tests.contract.tools import add_up, until

pytestmark = pytest.mark.filterwarnings("ignore::kit.errors.UnmatchedPatternWarning")

FEW = 4
WIDE = 1000

STARTS = {
    "discard": lambda name, path: kit.record(name, capacity=100),
    "overwrite": lambda name, path: kit.record(name, capacity=100, mode="overwrite"),
    "context": lambda name, path: kit.record(name, capacity=100, context=["thread"]),
    "dispatches": lambda name, path: kit.record(name, capacity=100, dispatches=True),
    "discard in a file": lambda name, path: kit.record(name, capacity=100, path=path),
    "overwrite in a file": lambda name, path: kit.record(
        name, capacity=100, mode="overwrite", path=path
    ),
}


@pytest.fixture(params=STARTS)
def start(request, tmp_path):
    """Start a recorder of some kind: ``start(pattern)``."""
    return lambda name: STARTS[request.param](name, tmp_path / "run.kit")


def anew(name: str, number: int) -> kit.Marker:
    """Declare a marker with other fields each time, as a cell does that is edited and run again."""
    scope = {"__name__": "__main__", "kit": kit, "name": name, "fields": {f"f{number}": int}}
    exec("made = kit.marker(name, **fields)", scope)
    return scope["made"]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Have recorders tell no more than a few markers apart: 65,536 take their time."""
    monkeypatch.setattr(sinks, "MOST_CODES", FEW)
    return FEW


@pytest.mark.usefixtures("frames")
def test_rule_28_what_there_is_no_number_left_for_is_lost(start, few, prefix, unique) -> None:
    """Red where the declaration raises, as that of a 65,537th did, and where a loss is not counted
    under the marker's name."""
    events = start(f"{prefix}.*")
    for n in range(few + 3):
        anew(unique("known"), n)(n)
    for n in range(2):
        kit.marker(unique("unknown"), n=int)(n)
    add_up(events)
    assert (events.lost, len(events.frame(unique("known")))) == (5, few)
    lost = events.frame().attrs["lost"]
    assert lost.pop("*") == {"*": 2}  # of whom there is no name
    assert [*lost.values()] == [{unique("known"): 3}]
    assert "5 lost" in repr(events)
    assert "5 lost" in events._repr_html_()
    events.stop()
    if events.path is not None:
        kept = kit.open(events.path)
        assert kept.frame().attrs["lost"] == events.frame().attrs["lost"]
        assert len(kept.frame()) == few


@pytest.mark.usefixtures("frames")
def test_rule_28_they_are_recorded_again_with_the_fields_they_had(start, few, unique) -> None:
    """Red where a loss sticks to the marker."""
    events = start(unique("fill"))
    for n in [*range(few + 1), 0]:
        anew(unique("fill"), n)(n)
    assert (len(events.snapshot()), events.lost) == (few + 1, 1)
    add_up(events)
    events.stop()


def test_rule_28_it_is_said_once(few, unique, prefix, caplog) -> None:
    """Red where nothing is said, or each time."""
    with kit.record(f"{prefix}.*") as events:
        for n in range(few + 10):
            anew(unique("fill"), n)
            kit.marker(unique(f"fill{n}"), **{f"f{k}": int for k in range(WIDE + 1)})
    said = [each.getMessage() for each in caplog.records if "no room" in each.getMessage()]
    assert len(said) == 2
    assert events.lost == 0


def test_rule_28_clearing_forgets_what_was_lost_and_not_the_limit(start, few, unique) -> None:
    """Red where `clear` leaves a writer counting for what was."""
    events = start(unique("*"))
    for n in range(few + 1):
        anew(unique("fill"), n)(n)
    other = kit.marker(unique("other"), n=int)
    other(1)
    assert events.lost == 2
    events.clear()
    assert events.lost == 0
    kit.marker(unique("fill"))(1)
    other(2)
    assert events.lost == 2
    add_up(events)
    events.stop()


@pytest.mark.usefixtures("frames")
def test_rule_28_what_has_too_many_fields_is_lost(start, prefix, unique) -> None:
    """Red where declaring it raises, where only one dispatcher records it, and where a file that
    was written cannot be opened."""
    events = start(f"{prefix}.*")
    context = len(events._sink.context)
    for columns in (WIDE, WIDE + 1):
        for declare, before in ((kit.marker, 0), (kit.span, 2)):
            fields = columns - before - context
            name = unique(f"{declare.__name__}{columns}")
            made = declare(name, **{f"f{n}": int for n in range(fields)})
            if declare is kit.marker:
                made(*range(fields))
            else:
                with made(*range(fields)):
                    pass
    add_up(events)
    assert (events.lost, len(events.snapshot())) == (2, 2)
    events.stop()
    for kept in [events, *([] if events.path is None else [kit.open(events.path)])]:
        (lost,) = kept.frame().attrs["lost"].values()
        assert lost == {unique(f"{kind}{WIDE + 1}"): 1 for kind in ("marker", "span")}
        frame = kept.frame(unique(f"marker{WIDE}"))
        assert frame[f"f{WIDE - context - 1}"].tolist() == [WIDE - context - 1]


def test_rule_28_more_context_than_there_is_room_for_is_refused_at_once(unique) -> None:
    """Red where it is the first declaration that raises."""
    with pytest.raises(ValueError, match="context"):
        kit.record(unique("*"), context=["thread"] * WIDE)


@pytest.mark.parametrize("name", ["\0", "\ud800", "'\"\\{}", "n" * 100_000])
def test_rule_28_any_name_can_be_watched(prefix, name, tmp_path) -> None:
    """Red where a function is compiled under the marker's name, which may be none for a file."""
    pattern, seen = f"{prefix}*", []
    watching = [
        kit.record(pattern),
        kit.record(pattern, path=tmp_path / "run.kit"),
        kit.aggregate(pattern, "n", by=("n", "marker")),
        kit.trigger(pattern, lambda: None, when="n == 1"),
    ]
    kit.connect(pattern, seen.append, name=name, when="n > 0", every=1)
    kit.marker(f"{prefix}{name}", n=int)(1)
    assert seen == [1]
    assert watching[2].count == watching[3].fired == len(watching[0]) == 1
    assert len(watching[1]) + watching[1].lost == 1  # a file has only so much room for names
    for each in watching[:3]:
        each.stop()
    watching[3].disarm()


@pytest.mark.skipif(kit.dispatcher != "c", reason="the memory in C has a limit of its own")
def test_rule_28_the_limit_is_that_of_the_memory() -> None:
    """Red where a recorder gives out a number, or a width, that its memory refuses."""
    from kit import _c
    from kit.probes.captures._capture import MOST_CODES, MOST_COLUMNS

    memory = _c.Store(10, 0, str, str)
    for code in range(MOST_CODES):
        memory.describe(code, b"d")
    with pytest.raises(ValueError, match="numbered"):
        memory.describe(MOST_CODES, b"d")
    memory = _c.Store(10, 0, str, str)
    memory.describe(0, b"d" * MOST_COLUMNS)
    with pytest.raises(ValueError, match="1000 columns"):
        memory.describe(1, b"d" * (MOST_COLUMNS + 1))


# Threads.


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have the system refuse every thread; who asked for one is in the list."""
    asked: list[str] = []

    def refused(self: threading.Thread) -> None:
        asked.append(self.name)
        raise RuntimeError("can't start new thread")

    def refused_below(function, *args: object) -> int:
        asked.append(function.__qualname__)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    for module in (grace, sealing):
        monkeypatch.setattr(module, "start_new_thread", refused_below)
    # As in a process in which none was started before.
    monkeypatch.setattr(grace, "_worker", grace._Worker())
    fresh = sealing._Sealing()
    for name, each in (("_sealing", fresh), ("watch", fresh.watch), ("look", fresh.look)):
        monkeypatch.setattr(sealing, name, each)
    return asked


@pytest.mark.usefixtures("frames")
def test_rule_41_a_recorder_needs_no_thread(start, no_threads, unique) -> None:
    """Red where starting, rotating or stopping raises, and where a file is left unsealed."""
    fill = kit.marker(unique("fill"), n=int)
    with start(fill.name) as events:
        fill(1)
    if events.path is not None:
        assert no_threads  # it was asked for
        assert events._sink.file.is_closed
        assert kit.open(events.path).frame()["n"].tolist() == [1]
    assert events.frame()["n"].tolist() == [1]
    fill(2)
    assert len(events) == 1


def test_rule_41_removing_and_deferring_need_no_thread(no_threads, unique) -> None:
    """Red where an update raises, and where what was deferred is forgotten."""
    fill, done = kit.marker(unique("fill"), n=int), []
    with fill.connect(done.append) as connection:
        kit.defer(lambda: done.append("deferred"))
        fill(1)
        connection.disconnect(wait=True)
    with pytest.raises(TimeoutError):
        kit.barrier()  # it says so, at once
    assert done == [1]
    assert no_threads


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize("how", ["block", "stop", "join", "in a dispatch", "added later"])
def test_rule_41_a_session_is_written_by_whoever_stops_it(
    no_threads, unique, tmp_path, caplog, how
) -> None:
    """Red where `start` raises with everything connected, or `stop` for a thread never started."""
    fill, stop = kit.marker(unique("fill"), n=int), kit.marker(unique("stop"))
    run = kit.session(tmp_path / "run")
    if how != "added later":
        run.record(fill.name)
    run.aggregate(fill.name, "n")
    run.start()
    if how == "added later":
        run.record(fill.name)
    assert run.running
    assert "can't start new thread" in run.last_error
    assert not run.join(0)
    fill(1)
    if how == "block":
        with run:
            pass
    elif how == "in a dispatch":
        with stop.connect(run.stop):
            stop()
        assert not run.running
        assert kit.open(run.folder).manifest["state"] == "running"
        run.stop()
    elif how == "join":
        with stop.connect(run.stop):
            stop()
        assert run.join(PATIENCE)
    else:
        run.stop()
    assert not run.running
    assert run.join(0)
    run.stop()  # once more does nothing
    kept = kit.open(run.folder)
    assert kept.complete
    assert kept.frame()["n"].tolist() == [1]
    assert kept.aggregates["aggregate"].count == 1
    said = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert len(said) == 1
    assert fill.fanout == 0


@pytest.mark.usefixtures("frames")
def test_rule_41_a_session_gets_its_thread_when_there_is_one_again(
    no_threads, unique, tmp_path, monkeypatch
) -> None:
    """Red where the first refusal is the last word."""
    fill = kit.marker(unique("fill"), n=int)
    run = kit.session(tmp_path / "run", every=0.01)
    run.record(fill.name)
    run.start()
    fill(1)
    monkeypatch.undo()
    assert not run.join(0)
    until(lambda: run.files)
    fill(2)
    run.stop()
    assert no_threads
    assert kit.open(run.folder).frame()["n"].tolist() == [1, 2]
