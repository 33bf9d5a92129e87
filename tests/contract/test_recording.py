"""Rules 28 to 30 of the contract: what a recorder keeps, counts and shows."""

import gc
import itertools
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import kit
from kit.probes._context import CONTEXT, Context
from kit.probes.captures._capture import Capture
from tests.contract.conftest import PATIENCE
from tests.contract.tools import LONG, ROOT, Gate, dispatching, until

MODES = ["discard", "overwrite"]
WRITERS = 8
EACH = 100_000 if LONG else 25_000


def numbers(capture: Capture) -> list[int]:
    """The first value of each event, thread by thread."""
    return [row[2][0] for thread in capture.threads for row in thread.rows]


def writing(m: kit.Marker, background, each: int = EACH, writers: int = WRITERS) -> list:
    """Start threads that fire (thread, 0), (thread, 1) and so on, at the same time."""
    start = threading.Barrier(writers)

    def write(thread: int) -> None:
        start.wait()
        for n in range(each):
            m(thread, n)

    return [background(write, thread) for thread in range(writers)]


def sub_buffer(capacity: int) -> int:
    """How many events give way at once, as `kit.record` says."""
    return max(1, min(capacity // 16, 1024))


# Rule 28


@pytest.mark.parametrize("capacity", [1, 10, 1000])
def test_rule_28_discard_keeps_exactly_the_capacity_then_counts(unique, capacity):
    """The first ones stay; what is lost is counted, by marker.

    Seen to fail when one place too many or too few is given out, and when losses are not counted.
    """
    m, other = kit.marker(unique("m"), n=int), kit.marker(unique("other"), n=int)
    with kit.record([m.name, other.name], capacity=capacity) as recorder:
        for n in range(capacity + 7):
            assert (len(recorder), recorder.lost) == (min(n, capacity), max(0, n - capacity))
            m(n)
        for n in range(5):
            other(n)
    capture = recorder.snapshot()
    assert numbers(capture) == list(range(capacity))
    assert capture.threads[0].lost == {m.name: 7, other.name: 5}
    assert (len(recorder), recorder.lost, recorder.overwritten) == (capacity, 12, 0)
    assert len(recorder) + recorder.lost == m.fired + other.fired


@pytest.mark.parametrize("share", [1.0, 0.5, 0.001], ids=["room for all", "for half", "for few"])
def test_rule_28_also_when_eight_threads_write(unique, background, switching, share):
    """With room every event is there and none twice; without, not one place stays empty.

    Seen to fail when places are counted by a load and a store, and when a thread that finds no
    place does not count what it lost.
    """
    m = kit.marker(unique("m"), thread=int, n=int)
    total = WRITERS * EACH
    capacity = int(total * share)
    with kit.record(m.name, capacity=capacity) as recorder:
        threads = writing(m, background)
        for thread in threads:
            thread.join(PATIENCE)
        lost_by_call = recorder.handles[0].calls - capacity
    capture = recorder.snapshot()
    rows = [row[2] for thread in capture.threads for row in thread.rows]
    assert len(rows) == len(set(rows)) == len(recorder) == capacity
    assert recorder.lost == lost_by_call == total - capacity
    assert m.fired == total
    for thread in capture.threads:
        ns = [args[1] for _, _, args in thread.rows]
        assert ns == sorted(ns)
        # Threads that have ended and of which no event is left are one entry, thread 0.
        assert (len(ns) + thread.lost.get(m.name, 0)) / EACH in ([1] if thread.tid else range(9))


@pytest.mark.parametrize("capacity", [1, 5, 16, 100, 20_000])
def test_rule_28_overwrite_keeps_the_newest_without_a_gap(unique, capacity):
    """At least the capacity, at most two sub-buffers more; what gave way is counted.

    Seen to fail when the newest is dropped, when more is dropped than has to be, and when it is
    counted twice.
    """
    m, other = kit.marker(unique("m"), n=int), kit.marker(unique("other"), n=int)
    total = 3 * capacity + 17
    with kit.record([m.name, other.name], capacity=capacity, mode="overwrite") as recorder:
        for n in range(total):
            (other if n % 3 == 0 else m)(n)
            kept = len(recorder) if n < 50 else None
            assert kept is None or kept + recorder.overwritten == n + 1
    (thread,) = recorder.snapshot().threads
    kept = [args[0] for _, _, args in thread.rows]
    assert kept == list(range(total - len(kept), total))
    assert capacity <= len(kept) <= capacity + 2 * sub_buffer(capacity)
    assert thread.first_seq == total - len(kept) == recorder.overwritten
    gone = range(total - len(kept))
    assert thread.overwritten == Counter((other if n % 3 == 0 else m).name for n in gone)
    assert recorder.lost == 0


def test_rule_28_overwrite_when_eight_threads_write(unique, background, switching):
    """Each thread's newest, without a gap; together the capacity, within a sub-buffer a thread.

    Seen to fail when a thread that drops takes the newest.
    """
    m = kit.marker(unique("m"), thread=int, n=int)
    capacity = 4096
    with kit.record(m.name, capacity=capacity, mode="overwrite") as recorder:
        for thread in writing(m, background, EACH // 5):
            thread.join(PATIENCE)
    capture = recorder.snapshot()
    each = EACH // 5
    assert len(recorder) + recorder.overwritten == m.fired == WRITERS * each
    for thread in capture.threads:
        ns = [args[1] for _, _, args in thread.rows]
        assert ns == list(range(thread.first_seq, each))
        assert sum(thread.overwritten.values()) == thread.first_seq
    spare = sub_buffer(capacity) * WRITERS
    assert capacity - spare <= len(recorder) <= capacity + 2 * spare


@pytest.mark.parametrize("mode", MODES)
def test_rule_28_memory_is_fixed(unique, mode):
    """Many times the capacity takes no more than the capacity does.

    Seen to fail when rows that gave way stay reachable, and when lost ones are kept.
    """
    m = kit.marker(unique("m"), n=int, text=str)

    def peak(events: int) -> int:
        with kit.record(m.name, capacity=2000, mode=mode) as recorder:
            tracemalloc.start()
            for n in range(events):
                m(n + 1000, f"a text of its own {n}")
            size = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert len(recorder) >= 2000
        return size

    # Memory that an earlier recorder gave back is not counted: so the larger of two, and a floor.
    few = max(peak(4000), peak(4000), 200_000)
    # Kept, the events would take twenty times as much; whatever else a process does, it does less.
    assert peak(50_000) < 3 * few


def test_rule_28_short_lived_threads_give_way_too(unique):
    """A thread that has ended leaves no sub-buffer behind that would never be full.

    Seen to fail when only a full sub-buffer may give way.
    """
    m = kit.marker(unique("m"), n=int)
    with kit.record(m.name, capacity=160, mode="overwrite") as recorder:
        for n in range(200):
            thread = threading.Thread(target=lambda n=n: [m(n) for _ in range(3)])
            thread.start()
            thread.join(PATIENCE)
    assert 160 <= len(recorder) <= 160 + 2 * sub_buffer(160)
    assert len(recorder) + recorder.overwritten == 600
    assert set(range(160, 200)) <= set(numbers(recorder.snapshot()))


@pytest.mark.parametrize("how", ["name", "pattern", "by hand"])
def test_rule_28_what_was_skipped_is_counted_too(unique, prefix, monkeypatch, how):
    """recorded + lost + skipped == dispatches, where events arise while others are written.

    The recorder knows, however it was connected, after it was stopped and started again as well.

    Seen to fail when a skipped call is counted as lost, when only the connections that there are
    now are asked, and when clearing does not begin at nought.
    """
    m, other = kit.marker(unique("m"), n=int), kit.marker(unique("other"), n=int)
    # Asked for each event, in the middle of the write: there a garbage collection might come.
    monkeypatch.setitem(CONTEXT, "process", Context(lambda: m(-1), int))
    target = f"{prefix}.*" if how == "pattern" else m.name
    recorder = kit.record(target, capacity=30, context="process")
    if how == "by hand":
        recorder.stop()
        by_hand = m.connect(recorder.probe, error_limit=None)
    for n in range(50):
        m(n)
    assert m.fired == 100
    assert (len(recorder), recorder.lost, recorder.skipped) == (30, 20, 50)
    if how == "by hand":
        by_hand.disconnect()
    recorder.stop()
    recorder.start()
    m(50)
    recorder.stop()
    assert recorder.skipped == 51
    capture = recorder.snapshot()
    assert capture.skipped == {m.name: 51}
    assert (len(capture), capture.lost, sum(capture.skipped.values())) == (30, 21, 51)
    assert repr(capture).endswith("21 lost, 51 skipped>")
    assert repr(recorder).endswith("21 lost, 51 skipped>")
    recorder.clear()
    assert (recorder.skipped, recorder.snapshot().skipped) == (0, {})
    with recorder:
        m(51)
        other(1)
    # A closure that writes for one marker is not entered for another one either.
    assert recorder.skipped == (2 if how == "pattern" else 1)


@pytest.mark.parametrize("capacity", [0, -1, 1.5, "many", None, True])
def test_rule_28_a_capacity_is_a_number_of_events(unique, capacity):
    """Anything else is refused, and nothing is connected.

    Seen to fail when the check is left out.
    """
    m = kit.marker(unique("m"))
    with pytest.raises(ValueError, match=r"how many events.*at least 1"):
        kit.record(m.name, capacity=capacity)
    assert m.fanout == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "keep"}, "'discard' or 'overwrite'.*'keep'"),
        ({"context": ("colour",)}, "no context field 'colour'.*process, .*task, .*thread"),
        ({"pattern": []}, "nothing to record"),
    ],
)
def test_rule_28_other_options_are_checked(unique, options, message):
    """The message names the culprit and what would do.

    Seen to fail when each of the checks is left out.
    """
    with pytest.raises(ValueError, match=message):
        kit.record(**{"pattern": unique("m"), **options})


# Rule 29


def test_rule_29_each_thread_has_a_buffer_of_its_own(unique, background):
    """Under its name and the operating system's identifier, in the order of completion.

    Seen to fail when rows are numbered over all threads, and when threads share a buffer.
    """
    outer, inner = kit.span(unique("outer"), n=int), kit.span(unique("inner"), n=int)

    def work() -> None:
        tids[threading.current_thread().name] = threading.get_native_id()
        for n in range(3):
            with outer(n), inner(n):
                pass

    tids: dict[str, int] = {}
    with kit.record([outer.name, inner.name]) as recorder:
        work()
        threads = [threading.Thread(target=work, name=f"worker {n}") for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    capture = recorder.snapshot()
    assert {thread.name: thread.tid for thread in capture.threads} == tids
    for thread in capture.threads:
        assert thread.first_seq == 0
        names = [capture.markers[row[1]].name for row in thread.rows]
        assert names == [inner.name, outer.name] * 3
        starts = [row[0] for row in thread.rows]
        assert all(inner > outer for inner, outer in zip(starts[::2], starts[1::2], strict=True))


def test_rule_29_a_thread_identifier_that_is_used_again_is_another_thread(unique):
    """The next thread of the same identifier has its own buffer, name and numbers.

    Seen to fail when a buffer is found by the identifier alone.
    """
    m = kit.marker(unique("m"), n=int)
    idents: list[int] = []

    def work(n: int) -> None:
        idents.append(threading.get_ident())
        m(n)
        m(n)

    with kit.record(m.name) as recorder:
        while len(idents) == len(set(idents)) or len(idents) < 5:
            n = len(idents)
            thread = threading.Thread(target=work, args=(n,), name=f"thread of {n}")
            thread.start()
            thread.join(PATIENCE)
            assert n < 1000, "no identifier was used again"
    threads = recorder.snapshot().threads
    assert len(threads) == len(idents)
    for thread in threads:
        assert thread.first_seq == 0
        assert [f"thread of {args[0]}" for _, _, args in thread.rows] == [thread.name] * 2


@pytest.mark.parametrize("mode", MODES)
def test_rule_29_snapshots_while_eight_threads_write(unique, background, switching, mode):
    """Whole events, nothing missing inside a thread, and its counts agree with its rows.

    Seen to fail when the writers share a buffer.
    """
    m = kit.marker(unique("m"), thread=int, n=int)
    capacity = 10_000_000 if mode == "discard" else 1600
    with kit.record(m.name, capacity=capacity, mode=mode) as recorder:
        threads = writing(m, background)
        captures = []
        while any(thread.is_alive() for thread in threads):
            captures.append(recorder.snapshot() if mode == "overwrite" else recorder._newest(500))
            assert len(recorder) >= 0
            if len(captures) > 300:
                captures.pop(0)
    captures.append(recorder.snapshot())
    for capture in captures:
        for thread in capture.threads:
            ns = [args[1] for _, _, args in thread.rows]
            assert ns == list(range(thread.first_seq, thread.first_seq + len(ns)))
            assert len({args[0] for _, _, args in thread.rows}) <= 1
            times = [ts for ts, _, _ in thread.rows]
            assert times == sorted(times)
            if mode == "overwrite":
                assert sum(thread.overwritten.values()) == thread.first_seq
    assert len(recorder) + recorder.overwritten == WRITERS * EACH


@pytest.mark.parametrize("mode", MODES)
def test_rule_29_drained_while_eight_threads_write(unique, background, switching, mode):
    """Each event exactly once, in its thread's order; in overwrite mode drained or counted.

    Seen to fail when what was drained and then dropped is counted as overwritten, and when chunks
    that were drained whole are counted from.
    """
    m = kit.marker(unique("m"), thread=int, n=int)
    drained: dict[int, list[tuple[int, int]]] = {n: [] for n in range(WRITERS)}

    def drain() -> None:
        for thread in recorder.take().threads:
            for seq, (_, _, args) in enumerate(thread.rows, thread.first_seq):
                drained[args[0]].append((seq, args[1]))

    capacity = WRITERS * EACH if mode == "discard" else 8192
    with kit.record(m.name, capacity=capacity, mode=mode) as recorder:
        threads = writing(m, background)
        while any(thread.is_alive() for thread in threads):
            drain()
    drain()
    assert len(recorder) == 0
    total = sum(len(rows) for rows in drained.values())
    assert total + recorder.overwritten == WRITERS * EACH
    assert recorder.lost == 0
    for rows in drained.values():
        assert all(seq == n for seq, n in rows)
        assert [n for _, n in rows] == sorted({n for _, n in rows})
        if mode == "discard":
            assert len(rows) == EACH


def interrupted(place: int, function: Callable[[], object], by: Callable[[], None]) -> bool:
    """Run a function, and something else before one instruction that it makes the kit's probes do.

    Returns whether there are so many instructions.
    """
    folder, left = str(Path(kit.probes.__file__).parent), place

    def trace(frame, event, _):
        nonlocal left
        if not frame.f_code.co_filename.startswith(folder):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            if left == 0:
                by()
            left -= 1
        return trace

    before = sys.gettrace()
    # CPython 3.12 tells of instructions where a frame asked for them before tracing begins.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return left < 0


class Bursts:
    """Events that come in bursts of several sub-buffers and a bit, numbered thread by thread."""

    def __init__(self, m: kit.Marker, mode: str) -> None:
        self.m = m
        self.capacity, self.length = (1_000_000, 3) if mode == "discard" else (40, 11)
        self.mode = mode
        self.wrote: Counter[str] = Counter()

    def __call__(self) -> None:
        name = threading.current_thread().name
        for _ in range(self.length):
            self.m(self.wrote[name])
            self.wrote[name] += 1

    def elsewhere(self) -> None:
        thread = threading.Thread(target=self)
        thread.start()
        thread.join(PATIENCE)


def interrupted_everywhere(m, mode: str, by: str, bursts: int, read: Callable) -> Iterator:
    """Read while there are more events, each time before another instruction of the read.

    Two bursts have been drained before, and so many are there. Yields the recorder, the bursts and
    what was read.
    """
    for place in itertools.count(step=1 if LONG else 5):
        more = Bursts(m, mode)
        with kit.record(m.name, capacity=more.capacity, mode=mode) as recorder:
            for _ in range(2):
                more()
            recorder.take()
            for _ in range(bursts):
                more()
            found: list = []
            function = more.elsewhere if by == "another thread" else more
            if not interrupted(place, lambda to=found, of=recorder: to.append(read(of)), function):
                assert kit.dispatcher != "python" or place > 10
                return
        yield recorder, more, found[0]


def contiguous(capture: Capture) -> int:
    """Check that no thread has a gap; return how many events there are."""
    for thread in capture.threads:
        ns = [args[0] for _, _, args in thread.rows]
        assert ns == list(range(thread.first_seq, thread.first_seq + len(ns)))
    return len(capture)


by_whom = pytest.mark.parametrize("by", ["this thread", "another thread"])


@by_whom
@pytest.mark.parametrize("mode", MODES)
def test_rule_29_a_snapshot_may_be_interrupted_anywhere(unique, mode, by):
    """By further events of its own thread, or by a whole thread of them: there are no gaps, and
    the counts agree with the rows.

    Seen to fail when full sub-buffers are looked for before the current ones, and when counts are
    read at another time than the rows.
    """
    m = kit.marker(unique("m"), n=int)

    def read(recorder: kit.probes.Recorder) -> Capture:
        assert len(recorder) + recorder.overwritten > 0
        contiguous(recorder._newest(7))
        return recorder.snapshot()

    for _, more, capture in interrupted_everywhere(m, mode, by, 4, read):
        contiguous(capture)
        (thread, *_) = capture.threads
        gone = thread.first_seq - 2 * more.length if mode == "overwrite" else 0
        assert sum(thread.overwritten.values()) == gone


@by_whom
@pytest.mark.parametrize("bursts", [1, 4], ids=["with room", "full"])
@pytest.mark.parametrize("mode", MODES)
def test_rule_29_draining_may_be_interrupted_anywhere(unique, mode, bursts, by):
    """Each event is drained once; where there was no room, the rest is counted.

    Seen to fail when taking away is a copy and then a clear, when it takes what came after the
    copy, and when what was drained is counted as overwritten.
    """
    m = kit.marker(unique("m"), n=int)
    for recorder, more, capture in interrupted_everywhere(
        m, mode, by, bursts, lambda recorder: recorder.take()
    ):
        drained = 2 * more.length + contiguous(capture) + contiguous(recorder.take())
        assert drained + recorder.overwritten == sum(more.wrote.values())
        assert recorder.overwritten == 0 or bursts == 4
        assert len(recorder) == recorder.lost == 0


def test_rule_29_what_was_drained_is_room_again(unique, background, switching):
    """Never more than the capacity at a time, and never lost while there is room.

    Seen to fail when room is given back twice, or not at all.
    """
    m = kit.marker(unique("m"), n=int)
    with kit.record(m.name, capacity=10) as recorder:
        for round_ in range(5):
            for n in range(12):
                m(n)
            assert (len(recorder), recorder.lost) == (10, 2 * (round_ + 1))
            assert numbers(recorder.take()) == list(range(10))
            assert len(recorder) == 0
        for n in range(4):
            m(n)
        assert numbers(recorder.take()) == [0, 1, 2, 3]
        for n in range(11):
            m(n)
        assert (len(recorder), recorder.lost) == (10, 11)


@pytest.mark.parametrize("mode", MODES)
def test_rule_29_cleared_while_eight_threads_write(unique, background, switching, mode):
    """What is there afterwards is new, without a gap, and numbered from nought.

    Seen to fail when clearing empties the buffers that writers are writing.
    """
    m = kit.marker(unique("m"), thread=int, n=int)
    with kit.record(m.name, capacity=WRITERS * EACH, mode=mode) as recorder:
        threads = writing(m, background)
        while any(thread.is_alive() for thread in threads):
            recorder.clear()
            capture = recorder._newest(200)
            for thread in capture.threads:
                ns = [args[1] for _, _, args in thread.rows]
                assert not ns or ns == list(range(ns[0], ns[0] + len(ns)))
        recorder.clear()
        assert (len(recorder), recorder.lost, recorder.overwritten) == (0, 0, 0)
        m(0, 0)
        assert [thread.first_seq for thread in recorder.snapshot().threads] == [0]
        assert len(recorder) == 1


def test_rule_29_the_newest(unique, background):
    """At most so many of each thread, with their numbers; not a copy of everything.

    Seen to fail when the first ones are taken, and when their numbers begin at nought.
    """
    m = kit.marker(unique("m"), n=int)
    for mode, capacity in (("discard", 100), ("overwrite", 32)):
        with kit.record(m.name, capacity=capacity, mode=mode) as recorder:
            for n in range(90):
                m(n)
            background(m, 1000)
            background.join()
            for count in (1, 7, 31):
                here, there = recorder._newest(count).threads
                assert [args[0] for _, _, args in here.rows] == list(range(90 - count, 90))
                assert here.first_seq == 90 - count
                assert [args[0] for _, _, args in there.rows] == [1000]
            with pytest.raises(ValueError, match="at least 1"):
                recorder._newest(0)


def test_rule_29_a_capture_is_frozen(unique):
    """What is recorded, lost or declared after it was taken does not reach it.

    Seen to fail when the rows are those of the buffer itself.
    """
    m = kit.marker(unique("m"), n=int)
    with kit.record(unique("*"), capacity=3) as recorder:
        m(1)
        capture = recorder.snapshot()
        for n in range(5):
            m(n)
        kit.marker(unique("other"))()
    assert numbers(capture) == [1]
    assert (len(capture), capture.lost) == (1, 0)
    assert [info.name for info in capture.markers] == [m.name]
    assert capture.markers[0].fired == 1
    with pytest.raises(AttributeError):
        capture.capacity = 4


def test_rule_29_a_marker_declared_with_other_fields_while_it_is_recorded(
    unique, background, switching
):
    """Each event is described by the format that it was fired with.

    Seen to fail when a marker has one code whatever its format.
    """
    name = unique("m")
    formats = [
        "kit.marker(name, a=int)",
        "kit.marker(name, a=int, b=str)",
        "kit.marker(name, b=str)",
    ]
    main = {"kit": kit, "name": name, "__name__": "__main__"}
    m = eval(formats[0], main)
    done = threading.Event()

    def fire() -> None:
        while not done.is_set():
            m(a=1)
            m(1, "x")
            m(a=1, b="x")
            m(b="x")

    with kit.record(name, capacity=2_000_000) as recorder:
        threads = [background(fire) for _ in range(2)]
        for n in range(120):
            assert eval(formats[n % 3], main) is m
        done.set()
        for thread in threads:
            thread.join(PATIENCE)
        for code in formats:
            eval(code, main)
            m(a=1, b="x")
            m(a=1)
            m(b="x")
    capture = recorder.snapshot()
    assert {str(info.format) for info in capture.markers} == {"a %d", "a %d b %s", "b %s"}
    seen = Counter()
    for thread in capture.threads:
        for _, code, args in thread.rows:
            fields = capture.markers[code].format.fields
            # Positional arguments are anybody's; what was bound by name has its type.
            assert len(args) == len(fields)
            assert [type(value) for value in args] == [field.type for field in fields]
            seen[str(capture.markers[code].format)] += 1
    assert len(seen) == 3
    assert len(recorder) + m.skipped == sum(seen.values()) + m.skipped


def test_rule_29_an_abandoned_recorder_stops_and_says_so(unique):
    """With a ResourceWarning, also where warnings are errors; a stopped one says nothing.

    Seen to fail when the connection keeps the recorder alive, when it warns before it disconnects,
    and when the warning is left out.
    """
    m = kit.marker(unique("m"))
    gc.collect()
    for action in ("always", "error"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter(action)
            with pytest.MonkeyPatch.context() as patch:
                unraisable: list[object] = []
                hook = unraisable.append
                patch.setattr("sys.unraisablehook", lambda what, hook=hook: hook(what.exc_type))
                kit.record(m.name)
                gc.collect()
        assert m.fanout == 0
        if action == "always":
            assert [each.category for each in caught] == [ResourceWarning]
            assert "abandoned while it was running" in str(caught[0].message)
        else:
            assert unraisable == [ResourceWarning]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kit.record(m.name).stop()
        gc.collect()


def test_rule_29_the_program_may_end_while_it_is_recorded():
    """Also with an exception, whose traceback holds the recorder until the very end: no noise.

    Seen to fail when the recorder disconnects while the interpreter shuts down.
    """
    program = (
        "import kit, sys\n"
        "m = kit.marker('m')\n"
        "everything = kit.record('*')\n"
        "def main():\n"
        "    recorder = kit.record('m')\n"
        "    m()\n"
        "    raise SystemExit(3) if 'exit' in sys.argv else ValueError\n"
        "main()\n"
    )
    for how, code in (("error", 1), ("exit", 3)):
        done = subprocess.run(
            [sys.executable, "-c", program, how],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == code
        assert "ignored" not in done.stderr
        assert "Recorder" not in done.stderr


def test_rule_29_start_and_stop_may_come_twice(unique):
    """What was recorded before and after a pause is one recording.

    Seen to fail when starting connects twice, and when stopping raises the second time.
    """
    m = kit.marker(unique("m"), n=int)
    with kit.record(m.name) as recorder:
        assert recorder.running
        recorder.start()
        m(1)
        recorder.stop()
        recorder.stop()
        assert not recorder.running
        m(2)
        recorder.start()
        m(3)
    m(4)
    assert numbers(recorder.snapshot()) == [1, 3]
    assert m.fanout == 0


def test_rule_29_a_probe_may_stop_the_recorder(unique, background):
    """At once and without waiting: the dispatch under way may still be recorded, no later one is.

    Seen to fail when stopping waits inside a dispatch.
    """
    m = kit.marker(unique("m"), n=int)
    for priority in (1, 20):
        with kit.record(m.name) as recorder:
            stopper = m.connect(lambda n: recorder.stop() if n == 2 else None, priority=priority)
            for n in range(5):
                m(n)
            assert not recorder.running
        assert numbers(recorder.snapshot()) == [0, 1, 2]
        assert stopper.errors == 0
        stopper.disconnect()


def test_rule_29_stopping_waits_for_events_that_are_being_recorded(unique, background):
    """When `stop` returns, what began before is there; a probe that hangs is not waited for.

    Seen to fail when `stop` does not wait.
    """
    m = kit.marker(unique("m"), n=int)
    gate = Gate()
    m.connect(gate, priority=20)
    recorder = kit.record(m.name)
    background(m, 1)
    assert gate.entered.wait(PATIENCE)
    stopping = background(recorder.stop)
    until(lambda: not recorder.running and m.fanout == 1)
    gate.release.set()
    stopping.join(PATIENCE)
    assert numbers(recorder.snapshot()) == [1]


# Rule 30


def test_rule_30_time_stamps_are_nanoseconds_on_the_monotonic_clock(unique):
    """Whole numbers, between those taken before and after; the wall clock is kept once.

    Seen to fail when a time is a float, and when it is the wall clock's.
    """
    m, span = kit.marker(unique("m")), kit.span(unique("span"))
    before, wall = time.monotonic_ns(), time.time_ns()
    with kit.record([m.name, span.name], dispatches=True) as recorder:
        m()
        with span():
            inside = time.monotonic_ns()
            time.sleep(0.001)
    after = time.monotonic_ns()
    capture = recorder.snapshot()
    (thread,) = capture.threads
    (first, _, _), (start, _, (dur, _)) = thread.rows
    everything = [first, start, dur, capture.started, capture.stopped, capture.wall]
    assert {type(value) for value in everything} == {int}
    assert before <= capture.started <= first <= start <= inside <= start + dur <= after
    assert capture.stopped <= after
    assert abs(capture.wall + before - wall) < 60e9
    for row in capture.dispatches:
        assert {type(value) for value in row} == {int}
        assert before <= row[0] <= row[0] + row[1] <= after


@pytest.mark.parametrize("observed", [False, True], ids=["recorded", "observed"])
@pytest.mark.parametrize("inside", [False, True], ids=["by itself", "inside a dispatch"])
def test_rule_30_one_time_stamp_a_dispatch(unique, observed, inside):
    """Recorders on one marker agree on when an event was, to the nanosecond.

    Seen to fail when each native probe reads the clock, in each of the ways that a dispatch goes.
    """
    m, span = kit.marker(unique("m"), n=int), kit.span(unique("span"), n=int)
    names = [m.name, span.name]
    recorders = [kit.record(names), kit.record(names), kit.record(names, mode="overwrite")]
    if observed:
        recorders.append(kit.record(names, dispatches=True))

    def fire(n: int) -> None:
        m(n)
        with span(n):
            pass

    outer = kit.marker(unique("outer"), n=int)
    outer.connect(fire)
    for n in range(20):
        (outer if inside else fire)(n)
    times = []
    for recorder in recorders:
        recorder.stop()
        (thread,) = recorder.snapshot().threads
        times.append([row[0] for row in thread.rows])
    assert all(each == times[0] for each in times)
    assert len(times[0]) == 40


def test_rule_30_observed_dispatches_agree_with_everything_else(unique, background):
    """Fan-out, generation, errors, the calls within, and publications with their grace periods.

    Seen to fail when a publication's generation is the one before, when its grace period is noted
    before the dispatch that it waits for has ended, when stopping does not wait for the last grace
    periods to be noted, and when a call is attributed to another dispatch.
    """
    m = kit.marker(unique("m"), n=int)

    def failing(n: int) -> None:
        raise ValueError

    recorder = kit.record(m.name, dispatches=True)
    m(0)
    one = m.connect(lambda n: None, name="one")
    m(1)
    bad = m.connect(failing, name="bad", priority=20)
    m(2)
    one.disconnect()
    gate_log = []
    with dispatching(m, background, 3) as gate:
        bad.disconnect()
        gate_log = gate.log
    m(4)
    recorder.stop()
    assert gate_log == ["dispatch ended"]
    capture = recorder.snapshot()
    publications = capture.publications
    assert [row[2] for row in publications][:4] == ["connect", "connect", "connect", "disconnect"]
    assert all(row[6] is not None and row[6] >= 0 for row in publications)
    waited = next(row for row in publications if row[2:4] == ("disconnect", "bad"))
    begin, dur = next(row[:2] for row in capture.dispatches if row[7] == 3)
    assert waited[0] < begin + dur <= waited[0] + waited[6]
    generations = [row[4] for row in publications]
    assert generations == list(range(generations[0], generations[0] + len(generations)))
    fanout_of = {row[4]: row[5] for row in publications}
    dispatches = sorted(capture.dispatches, key=lambda row: row[7])
    assert [row[7] for row in dispatches] == list(range(5))
    for _, dur, _, generation, fanout, errors, _, seq in dispatches:
        assert fanout == fanout_of[generation]
        calls = sorted(c for c in capture.probe_calls if c[5] == seq)
        assert [c[4] for c in calls] == list(range(fanout))
        assert sum(c[6] is not None for c in calls) == errors
        assert sum(c[1] for c in calls) <= dur
    errors = {row[3]: row[5] for row in dispatches}
    assert sum(errors.values()) == bad.errors == 2


def test_rule_30_a_dispatch_whose_event_is_skipped_is_observed(unique, monkeypatch):
    """It called the others, and who wants to know what a dispatch cost wants to know this one.

    Seen to fail when only dispatches that called the recorder are observed.
    """
    m = kit.marker(unique("m"), n=int)
    monkeypatch.setitem(CONTEXT, "process", Context(lambda: m(2), int))
    m.connect(lambda n: None, name="other")
    with kit.record(m.name, context="process", dispatches=True) as recorder:
        m(1)
    capture = recorder.snapshot()
    assert numbers(capture) == [1]
    assert sorted(row[4] for row in capture.dispatches) == [1, 2]


def test_rule_30_observed_dispatches_have_a_capacity_too(unique):
    """As many as events; what found no room is counted.

    Seen to fail when they are kept without an end, and when what gave way is not counted.
    """
    m = kit.marker(unique("m"))
    with kit.record(m.name, capacity=5, dispatches=True) as recorder:
        for _ in range(8):
            m()
    assert len(recorder.snapshot().dispatches) == 5
    assert recorder.lost_dispatches == recorder.snapshot().lost_dispatches == 3
    with kit.record(m.name, capacity=5, mode="overwrite", dispatches=True) as recorder:
        for _ in range(8):
            m()
    assert [row[7] for row in recorder.snapshot().dispatches] == [3, 4, 5, 6, 7]
    assert recorder.lost_dispatches == recorder.snapshot().lost_dispatches == 3
    recorder.clear()
    assert recorder.lost_dispatches == 0


# Rule 32


def test_rule_32_recorders_on_one_marker_do_not_disturb_each_other(unique, background, switching):
    """Each gives what it would give alone: one with room, one full, one overwriting, one late.

    Seen to fail when recorders share their places, or their way to a thread's buffer.
    """
    m = kit.marker(unique("m"), thread=int, n=int)
    each = 2000
    roomy = kit.record(m.name)
    full = kit.record(m.name, capacity=500)
    newest = kit.record(m.name, capacity=512, mode="overwrite")
    observed = kit.record(m.name, dispatches=True)
    counted = m.connect(lambda thread, n: None)
    threads = writing(m, background, each, writers=4)
    for thread in threads:
        thread.join(PATIENCE)
    everything = sorted((thread, n) for thread in range(4) for n in range(each))
    full.stop()
    late = kit.record(m.name)
    m(9, 9)
    for recorder in (roomy, newest, observed, late):
        recorder.stop()

    def rows(recorder: kit.probes.Recorder) -> list:
        capture = recorder.snapshot()
        return sorted(row[2] for thread in capture.threads for row in thread.rows)

    assert rows(roomy) == rows(observed) == [*everything, (9, 9)]
    assert len(rows(full)) == 500
    assert full.lost == 4 * each - 500
    assert len(newest) + newest.overwritten == 4 * each + 1
    assert rows(late) == [(9, 9)]
    assert len(observed.snapshot().dispatches) == counted.calls == 4 * each + 1
