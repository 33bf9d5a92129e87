"""Let every allocation of connect, disconnect, dispatch, record and read fail in turn.

A program for one dispatcher: ``python -m tests.c.no_memory connect``. It prints what came of how
many failures and exits with 1 where a promise was broken; a crash is a crash. Bursts end: CPython
3.11 itself loops for ever where there is no memory to handle an exception with.
"""

from __future__ import annotations

import _testcapi
import faulthandler
import gc
import os
import sys
import tempfile
from collections import Counter
from typing import ClassVar

import kit
from kit.core._publication import grace
from kit.probes.captures import _reader as capture_reading

BURSTS = (1, 2, 5, 20)
MOST = 3000
"""Of how many allocations one step is made at most."""


class Step:
    """What is done, and what has to hold after it, whichever allocation of it failed."""

    well = "done"

    def __init__(self) -> None:
        self.name = f"memory.{type(self).__name__.lower()}"
        self.called: list[object] = []
        self.probe = self.called.append  # in C: a call takes nothing but the list's room

    def prepare(self) -> None:
        """Set the stage."""

    def act(self) -> None:
        """Do what may fail."""

    def check(self, outcome: str) -> None:
        """Raise where a promise was broken."""


class Connect(Step):
    def prepare(self):
        self.marker = kit.marker(self.name, n=int)
        self.old = self.marker.connect(self.probe, priority=20)
        self.new = lambda n: self.called.append(-n)

    def act(self):
        self.marker.connect(self.new)

    def check(self, outcome):
        assert outcome in ("done", "MemoryError"), outcome
        self.called.clear()
        self.marker(7)
        whole = outcome == "done"
        # A failure after the publication leaves it connected; in no case half of it.
        assert self.called in ([[7, -7]] if whole else [[7], [7, -7]]), self.called
        for connection in self.marker.probes:
            connection.disconnect()
        self.called.clear()
        self.marker(8)
        assert self.called == []


class Disconnect(Step):
    outcomes = ("done",)  # removing never fails

    def prepare(self):
        self.marker = kit.marker(self.name, n=int)
        self.touched = []
        self.connections = [self.marker.connect(self.note, number) for number in range(3)]

    def note(self, private, n):
        self.touched.append(private)

    def act(self):
        self.connections[1].disconnect()

    def check(self, outcome):
        assert outcome in self.outcomes, outcome
        gone = self.connections[1]
        self.touched.clear()
        self.marker(7)
        assert self.touched == [0, 2], self.touched
        assert (gone.connected, gone.calls) == (False, 0), gone
        assert [each.calls for each in self.connections] == [1, 0, 1]
        with self.marker.connect(self.probe):
            self.marker(8)
        assert self.touched == [0, 2] * 2
        for connection in self.marker.probes:
            connection.disconnect()
        assert not self.marker


class DisconnectAndWait(Disconnect):
    outcomes = ("done", "MemoryError")  # waiting may: then it is disconnected all the same

    def act(self):
        self.connections[1].disconnect(wait=True)


class DisconnectLast(Disconnect):
    def prepare(self):
        super().prepare()
        for connection in (self.connections[0], self.connections[2]):
            connection.disconnect()

    def check(self, outcome):
        assert outcome == "done", outcome
        self.marker(7)
        assert (self.touched, self.connections[1].connected) == ([], False)
        with self.marker.connect(self.probe):
            self.marker(8)
        assert (self.touched, self.called[-1], bool(self.marker)) == ([], 8, False)


class Dispatch(Step):
    """Several probes, one of them with private data; one that was removed may not be called."""

    outcomes = ("done", "MemoryError")

    def declare(self):
        return kit.marker(self.name, n=int, text=str)

    def fire(self):
        self.marker(7, "text")

    def connect(self):
        return [
            self.marker.connect(self.note, 0),
            self.marker.connect(self.note, 1, priority=20),
            self.marker.connect(self.inner, 2),
        ]

    def prepare(self):
        self.marker = self.declare()
        self.seen, self.depth = Counter(), 0
        gone = self.marker.connect(self.note, "gone")
        self.connections = self.connect()
        gone.disconnect(wait=True)

    def note(self, private, *values):
        self.seen[private] += 1

    def inner(self, private, *values):
        self.seen[private] += 1

    def act(self):
        self.fire()

    def check(self, outcome):
        assert outcome in self.outcomes, outcome
        assert not grace.inside()
        before, uncounted = self.seen.copy(), 0
        for connection in self.connections:
            # It was called, or it was not; a call that raised may have begun.
            number = connection.private
            least, most = connection.calls - connection.errors, connection.calls
            uncounted += max(0, least - before[number])
            assert before[number] <= most, (number, before, connection, outcome)
            assert connection.connected
        # The one whose error could not be counted reached the program instead. (In Python there may
        # be no room for the loop over those just counted.)
        most = len(self.connections) if kit.dispatcher == "python" else 1
        assert uncounted <= most * (outcome == "MemoryError"), (uncounted, before, outcome)
        kit.synchronize()  # nobody is left registered as in a dispatch
        self.fire()
        added = Counter(self.seen)
        added.subtract(before)
        assert added["gone"] == 0, added
        assert all(added[each.private] == 1 for each in self.connections), added
        for connection in self.connections:
            connection.disconnect(wait=True)
        self.fire()
        assert self.seen.total() == before.total() + len(self.connections)


class DispatchKeywords(Dispatch):
    def fire(self):
        self.marker(text="text", n=7)


class DispatchNested(Dispatch):
    def inner(self, private, *values):
        """Fire once more: the others are called again, this one is left out."""
        before = self.seen.copy()
        try:
            self.marker(8, "inner")
        finally:
            self.seen = before  # what is counted here is the outer dispatch
            self.seen[private] += 1

    def check(self, outcome):
        assert outcome in self.outcomes, outcome
        assert not grace.inside()
        kit.synchronize()
        for connection in self.connections:
            connection.disconnect(wait=True)
        before = self.seen.total()
        self.fire()
        assert self.seen.total() == before


class DispatchObserved(Dispatch):
    def connect(self):
        self.events = kit.record(self.name, capacity=10, dispatches=True)
        return super().connect()

    def check(self, outcome):
        super().check(outcome)
        self.events.stop()


class DispatchErrors(Dispatch):
    """An error in a probe is counted, whatever it takes to say what it was."""

    def inner(self, private, *values):
        self.seen[private] += 1
        raise ValueError(values)


class DispatchSpan(Dispatch):
    def declare(self):
        return kit.span(self.name, n=int, text=str)

    def fire(self):
        with self.marker(7, text="text"):
            pass


class DispatchSpanFailing(DispatchSpan):
    well = "KeyError"
    # CPython 3.11 itself: no memory for the place from where ``with`` raises again.
    outcomes = ("KeyError", "MemoryError", "SystemError")

    def fire(self):
        with self.marker(7, "text"):
            raise KeyError

    def check(self, outcome):
        self.fire = super().fire
        super().check(outcome)


class Record(Step):
    options: ClassVar[dict[str, object]] = {"capacity": 1000}
    values = (12345678901, 2.5, "a text that is longer than a slot", True)

    def fire(self):
        self.marker(*self.values)

    def declare(self):
        return kit.marker(self.name, n=int, x=float, text=str, yes=bool)

    def prepare(self):
        self.marker = self.declare()
        self.events = kit.record(self.name, **self.options)

    def act(self):
        self.fire()
        self.fire()

    def check(self, outcome):
        assert outcome in ("done", "MemoryError"), outcome
        (connection,) = self.marker.probes
        events = self.events
        counts = (len(events), events.lost, events.overwritten, events.failed)
        # Each that came to it is in one count; all did, unless the dispatch itself had no memory.
        assert sum(counts) == connection.calls, (counts, connection.calls, outcome)
        assert connection.calls == 2 or (outcome == "MemoryError" and connection.calls < 2), counts
        self.fire()
        capture = self.events.snapshot()
        rows = [row for thread in capture.threads for row in thread.rows]
        assert all(row[2][-4:] == self.values for row in rows), rows
        assert len(rows) == len(self.events)
        assert rows or self.events.overwritten or self.events.lost
        self.events.stop()


class RecordOverwriting(Record):
    options: ClassVar[dict[str, object]] = {"capacity": 1, "mode": "overwrite"}


class RecordInFile(Record):
    """What the file holds is what the recorder says that it holds."""

    def prepare(self):
        self.folder = tempfile.TemporaryDirectory(prefix="no_memory")
        self.marker = self.declare()
        self.events = kit.record(self.name, path=self.folder.name + "/a.kit", **self.options)

    def check(self, outcome):
        super().check(outcome)
        self.compare()
        self.folder.cleanup()

    def compare(self):
        capture = capture_reading.read(self.events.path)
        assert not capture.damaged, capture.damaged
        found = [row for thread in capture.threads for row in thread.rows]
        kept = [row for thread in self.events.snapshot().threads for row in thread.rows]
        assert found == kept, (found, kept)
        assert (capture.lost, capture.overwritten) == (self.events.lost, self.events.overwritten)


class RecordInFileOverwriting(RecordInFile):
    options: ClassVar[dict[str, object]] = {"capacity": 1, "mode": "overwrite"}


class RecordInFileLosing(RecordInFile):
    options: ClassVar[dict[str, object]] = {"capacity": 1}


class RotateFile(RecordInFile):
    """A recorder goes on in the next file, or stays where it is.

    CPython makes other errors of it: "can't allocate lock", or a path that is no path.
    """

    def prepare(self):
        super().prepare()
        self.fire()
        self.old = self.events.path

    def act(self):
        self.events.rotate(self.folder.name + "/b.kit")

    def check(self, outcome):
        stayed = self.events.path == self.old
        assert outcome != "done" or not stayed
        self.fire()
        self.compare()
        old = len(capture_reading.read(self.old))
        found = (old, len(self.events))
        assert found == ((2, 2) if stayed else (1, 1)), (stayed, found, outcome)
        self.events.stop()
        self.folder.cleanup()


class RecordLosing(Record):
    options: ClassVar[dict[str, object]] = {"capacity": 1}


class RecordSlowly(Record):
    values = (2**60, 3.5, "\u20ac \U0001f600 text", False)
    options: ClassVar[dict[str, object]] = {"capacity": 1000, "context": ("cpu",)}


class RecordSpan(Record):
    def declare(self):
        return kit.span(self.name, n=int, x=float, text=str, yes=bool)

    def fire(self):
        with self.marker(*self.values):
            pass


class Observe(Record):
    options: ClassVar[dict[str, object]] = {"capacity": 1000, "dispatches": True}


class Rows(Record):
    """What frames are made of; PyArrow itself crashes where it gets no memory."""

    def prepare(self):
        super().prepare()
        for _ in range(20):
            self.fire()
        self.found = []

    def act(self):
        capture = self.events.snapshot()
        self.found = [row for thread in capture.threads for row in thread.rows]

    def check(self, outcome):
        assert outcome in ("done", "MemoryError"), outcome
        assert outcome != "done" or len(self.found) == 20, len(self.found)
        assert len(self.events) == 20
        self.events.stop()


class Columns(Rows):
    def act(self):
        capture = self.events.snapshot()
        for thread in capture.threads:
            blocks = getattr(thread.rows, "blocks", None)
            if blocks is not None:
                self.found = [0] * len(blocks)
                blocks.stamps()
                blocks.columns(0)
            else:
                self.found = thread.rows


class LabelColumns(Columns):
    """More labels than there is room for at first."""

    values = (1, 2.5, "a label", True)

    def declare(self):
        return kit.marker(self.name, n=int, x=float, label=kit.Label, yes=bool)

    def prepare(self):
        super().prepare()
        for number in range(300):
            self.marker(number, 0.5, f"label {number}", False)

    def check(self, outcome):
        assert outcome in ("done", "MemoryError"), outcome
        assert outcome != "done" or len(self.found) == 320, len(self.found)
        assert len(self.events) == 320
        self.events.stop()


class Drain(Rows):
    def act(self):
        self.taken = self.events._sink.store.take() if hasattr(self.events, "_sink") else None

    def check(self, outcome):
        assert outcome in ("done", "MemoryError"), outcome
        assert outcome == "done" or len(self.events) in (0, 20), len(self.events)
        self.fire()
        assert len(self.events) in (1, 21)
        self.events.stop()


class Add(Step):
    """An aggregate counts an event whole or not at all, and loses none without a word."""

    options: ClassVar[dict[str, object]] = {"value": "x", "by": "text", "histogram": "log2"}

    def prepare(self):
        self.marker = kit.marker(self.name, n=int, x=float, text=str)
        self.numbers = kit.aggregate(self.marker, **self.options)

    def act(self):
        self.marker(2**40, 2.5, "one")
        self.marker(5, -2.5, "another key")

    def check(self, outcome):
        assert outcome in ("done", "MemoryError"), outcome
        (connection,) = self.marker.probes
        before = self.numbers.count
        counts = (before, self.numbers.dropped, self.numbers.failed, connection.filtered)
        came = connection.calls + connection.filtered
        assert sum(counts) == came, (counts, came, outcome)
        assert came >= 2 or outcome == "MemoryError", (counts, outcome)
        self.marker(1, 4.0, "one")
        table = self.numbers.table()
        assert table.count == before + 1
        for stats in table.rows.values():
            counts = [sum(stats.buckets.values())] if table.histogram else []
            counts += [stats.sketch.count] if stats.sketch is not None else []
            assert all(stats.count == each for each in counts), stats
        self.numbers.stop()


class AddUnkeyed(Add):
    options: ClassVar[dict[str, object]] = {"value": "n"}


class AddBeyondFloats(Add):
    """Sums that are too large for a float on their way; one NaN after another as a key."""

    options: ClassVar[dict[str, object]] = {"value": "x", "by": ("text", "n"), "quantiles": ()}

    def act(self):
        for _ in range(3):
            self.marker(1, 1.7e308, "one")
            self.marker(1, -1.7e308, "one")
            self.marker(float("nan"), 1.7e308, "another key")


class AddUnderCondition(Add):
    options: ClassVar[dict[str, object]] = {
        "by": ("text", "n"),
        "when": "n * 2 >= 2 and text in ('one', 'another key')",
    }


class Table(Add):
    def prepare(self):
        super().prepare()
        super().act()

    def act(self):
        self.numbers.table()


class FireUnderCondition(Step):
    """Connecting one compiles code, in which CPython 3.11 itself crashes without memory."""

    def prepare(self):
        self.marker = kit.marker(self.name, n=int, text=str)
        self.connection = self.marker.connect(
            lambda n, text: self.called.append(n), when="n * n > 3 and text like 'a*'", limit=3
        )

    def act(self):
        for values in ((2**40, "abc"), (1, "abc"), (8, "b")):
            self.marker(*values)

    def check(self, outcome):
        assert outcome in ("done", "MemoryError"), outcome
        # Where a condition cannot be told the probe is not called.
        assert self.called in ([], [2**40]), self.called
        self.called.clear()
        self.marker(7, "a")
        self.marker(7, "b")
        assert self.called == [7]
        self.connection.disconnect()


STEPS = {
    kind.__name__: kind
    for kind in (
        *(Connect, Disconnect, DisconnectAndWait, DisconnectLast),
        *(Dispatch, DispatchKeywords, DispatchNested, DispatchObserved, DispatchErrors),
        *(DispatchSpan, DispatchSpanFailing),
        *(Record, RecordOverwriting, RecordLosing, RecordSlowly, RecordSpan, Observe),
        *(RecordInFile, RecordInFileOverwriting, RecordInFileLosing, RotateFile),
        *(Rows, Columns, LabelColumns, Drain),
        *(Add, AddUnkeyed, AddBeyondFloats, AddUnderCondition, Table, FireUnderCondition),
    )
}


def try_all(kind: type[Step], burst: int, every: int) -> Counter[str]:
    """Fail at the first allocation, at the second, and so on, until none of them is reached."""
    outcomes: Counter[str] = Counter()
    quiet = 0
    for first in range(1, MOST, every):
        step = kind()
        step.prepare()
        outcome = "done"
        _testcapi.set_nomemory(first, first + burst)
        try:
            step.act()
        except BaseException as error:
            _testcapi.remove_mem_hooks()
            outcome = type(error).__name__
        finally:
            _testcapi.remove_mem_hooks()
        step.check(outcome)
        outcomes[outcome] += 1
        # All that a step allocates has been tried when the same goes well for long enough.
        quiet = quiet + 1 if outcome == step.well else 0
        if quiet > 60:
            break
    return outcomes


def main(names: list[str]) -> None:
    """Try the steps of these names."""
    faulthandler.enable()
    gc.disable()
    for name in names:
        for burst in BURSTS[: int(os.environ.get("KIT_BURSTS", "4"))]:
            every = 1 if burst == 1 else 3
            outcomes = try_all(STEPS[name], burst, every)
            told = ", ".join(f"{many} {what}" for what, many in sorted(outcomes.items()))
            print(f"{kit.dispatcher} {name}, {burst} in a row: {told}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(STEPS))
