"""Rule 28 as a sum: every event that came to a recorder or an aggregate is in exactly one count.

`add_up` is called for each of them at the end of every test, see `every_event_in_one_count`.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import kit
from kit.core._connection import Connection
from kit.probes.aggregates import Aggregate
from kit.probes.recorder._recorder import Recorder
from kit.probes.recorder._sink import Sink
from kit.probes.recorder._store import Store

# Their classes are imported where they are needed, and followed from the beginning here.
if kit.dispatcher == "c":
    import kit.probes.recorder._c_store
else:
    import kit.probes.captures._mapped_sink

__all__ = ["add_up", "every_event_in_one_count"]

PATIENCE = 5.0  # seconds for other threads to come to the end of their dispatches

_books: list["Books"] = []


def add_up(probe: Recorder | Aggregate | Sink) -> dict[str, int]:
    """Compare what came to a recorder or an aggregate with what it says became of it.

    Nobody may fire meanwhile. What was taken away, rotated or cut off by a trigger is taken care
    of, and so are patterns, markers declared anew, connections made by hand, and `clear`.

    Returns the counts, among them ``came``.
    """
    probe = probe._sink if isinstance(probe, Recorder) else probe
    deadline = time.monotonic() + (PATIENCE if threading.active_count() > 1 else 0)
    while True:
        counts = _books[-1].counts(probe)
        if sum(counts.values()) == 2 * counts["came"] or time.monotonic() > deadline:
            break
        time.sleep(0.01)
    assert sum(counts.values()) == 2 * counts["came"], f"{probe!r} does not add up: {counts}"
    return counts


@contextmanager
def every_event_in_one_count(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Follow all recorders and aggregates, and add them up in the end."""
    books = Books(monkeypatch)
    _books.append(books)
    try:
        yield
        for probe in books.connections:
            add_up(probe)
    finally:
        _books.remove(books)


class Books:
    """What came to each of the kit's own probes, and what left them where `len` does not see it.

    Of a recorder it holds the sink alone, so that it is abandoned as without.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.connections: dict[Any, list[Connection]] = {}
        self.cleared_at: dict[Any, tuple[int, int, int]] = {}  # what `came` was then
        self.taken: Counter[Any] = Counter()  # by store
        self.moved: Counter[Any] = Counter()  # to files that are finished
        self.patch = monkeypatch
        self.follow(Connection, "_enter_array", self.entered)
        for kind in (Sink, Aggregate):
            self.follow(kind, "clear", self.cleared)
        for store in subclasses(Store):
            self.follow(store, "take", self.took)
        for sink in subclasses(Sink):
            self.follow_rotation(sink)

    def follow(self, kind: type, name: str, told: Callable[..., None]) -> None:
        """Have a method of a class, where the class itself has it, say what it returned."""
        method = vars(kind).get(name)
        if method is None or getattr(method, "__isabstractmethod__", False):
            return

        def followed(which: Any, *args: Any, **kwargs: Any) -> Any:
            found = method(which, *args, **kwargs)
            told(which, found)
            return found

        self.patch.setattr(kind, name, followed)

    def follow_rotation(self, kind: type) -> None:
        """Have what goes on in another file say what it returned."""
        rotation = vars(kind).get("rotation")
        if rotation is None:
            return

        def followed(sink: Any, *args: Any) -> Callable[[], tuple[int, int]]:
            go_on = rotation(sink, *args)

            def gone_on() -> tuple[int, int]:
                found = go_on()
                self.rotated(sink, found)
                return found

            return gone_on

        self.patch.setattr(kind, "rotation", followed)

    def entered(self, connection: Connection, _: object) -> None:
        probe: Any = connection._native
        if isinstance(probe, Sink | Aggregate):
            known = self.connections.setdefault(probe, [])
            if connection not in known:
                known.append(connection)

    def cleared(self, probe: Any, _: object) -> None:
        self.cleared_at[probe] = self.came(probe)
        if isinstance(probe, Sink):
            self.moved.pop(probe, None)
            self.taken.pop(probe.store, None)

    def took(self, store: Store, pieces: list[Any]) -> None:
        self.taken[store] += sum(len(piece.rows) for piece in pieces)

    def rotated(self, sink: Sink, found: tuple[int, int]) -> None:
        self.moved[sink] += found[0]
        self.taken.pop(sink.store, None)  # it is in that file, too

    def came(self, probe: Any) -> tuple[int, int, int]:
        """Dispatches that read one of its connections; how many were filtered, how many skipped."""
        every = self.connections.get(probe, [])
        filtered = sum(each.filtered for each in every)
        skipped = sum(each.skipped for each in every)
        return sum(each.calls for each in every) + filtered + skipped, filtered, skipped

    def counts(self, probe: Any) -> dict[str, int]:
        before = self.cleared_at.get(probe, (0, 0, 0))
        came, filtered, skipped = (
            now - then for now, then in zip(self.came(probe), before, strict=True)
        )
        counts = {"came": came, "filtered": filtered, "skipped": skipped}
        if isinstance(probe, Aggregate):
            return counts | {
                "counted": probe.count,
                "dropped": probe.dropped,
                "failed": probe.failed,
            }
        store = probe.store
        undeclared = probe.undeclared.n
        return counts | {
            "recorded": len(store) + self.taken[store] + self.moved[probe],
            "lost": store.lost() + undeclared,
            "overwritten": store.overwritten(),
            "skipped": sum(probe.skipped().values()),
            "failed": sum(probe.failed().values()),
        }


def subclasses(kind: type) -> Iterator[type]:
    """Yield a class and all that are made from it."""
    yield kind
    for each in kind.__subclasses__():
        yield from subclasses(each)
