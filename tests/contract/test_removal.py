"""Rule 14 of the contract: removal cannot fail, also where memory has run out."""

import gc
import time
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kit
from kit.core._dispatch import array as arrays
from kit.testing import capture, isolated


class Memory:
    """Decides whether there is memory for the next probe array."""

    def __init__(self) -> None:
        self.left = True
        self.refused = 0
        self._build = arrays.build

    def build(self, *args):
        if self.left:
            return self._build(*args)
        self.refused += 1
        raise MemoryError


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    memory = Memory()
    monkeypatch.setattr(arrays, "build", memory.build)
    return memory


class Private:
    """Private data that can be referenced weakly, and that notes who was called."""

    def __init__(self, called: list, name: str) -> None:
        self.called, self.name = called, name

    def probe(self) -> None:
        self.called.append(self.name)


def connect(marker: kit.Marker, names: str, called: list) -> list[kit.Connection]:
    """Connect a probe for each letter, which notes it."""
    return [marker.connect(Private.probe, Private(called, name)) for name in names]


REMOVALS = {
    "handle": lambda m, c: c.disconnect(),
    "wait": lambda m, c: c.disconnect(wait=True),
    "with": lambda m, c: c.__exit__(None, None, None),
    "name": lambda m, c: kit.disconnect(m.name, c.probe, c.private),
    "pattern": lambda m, c: kit.disconnect(m.name[:-1] + "*", c.probe, c.private),
    "private data": lambda m, c: kit.core.disconnect_private(m.name, c.private),
    "batch": lambda m, c: in_a_batch(c),
}


def in_a_batch(connection: kit.Connection) -> None:
    with kit.batch():
        connection.disconnect()


@pytest.mark.parametrize("names", ["ab", "abc"])
@pytest.mark.parametrize("position", [0, 1, -1])
@pytest.mark.parametrize("how", REMOVALS)
def test_rule_14_a_removal_needs_no_memory(unique, memory, names, position, how):
    """3→2 and 2→1, first, middle and last: the removed probe is never called again, the others are,
    in order; it counts as one generation; and the next update drops what was left in its place.

    Seen to fail when `MemoryError` is not caught, when the stub is not put in, when no generation
    is counted, and when the next array is built with the stub.
    """
    a, called = kit.marker(unique("a")), []
    connections = connect(a, names, called)
    a()
    gone = connections.pop(position)
    left = [connection.private.name for connection in connections]
    generation = a.generation
    called.clear()
    memory.left = False
    REMOVALS[how](a, gone)
    a()
    a()
    assert memory.refused == 1
    assert called == left * 2
    assert (a.generation, a.fanout, a.probes) == (generation + 1, len(left), tuple(connections))
    assert (gone.connected, gone.state, gone.calls) == (False, "disconnected", 1)
    assert [connection.calls for connection in connections] == [3] * len(left)
    with pytest.raises(kit.errors.NotConnectedError):
        gone.disconnect()
    with pytest.raises(kit.errors.NotConnectedError):
        kit.disconnect(a.name, gone.probe, gone.private)
    assert a.generation == generation + 1
    # The stub holds on to the private data; the next array does not.
    watch = weakref.ref(gone.private)
    del gone
    memory.left = True
    connect(a, "z", called)
    kit.barrier()
    gc.collect()
    assert watch() is None
    called.clear()
    a()
    assert called == [*left, "z"]
    assert a.generation == generation + 2


def test_rule_14_also_for_dispatches_inside_others_and_observed_ones(unique, memory):
    """They call the others, and the stub's calls are nobody's.

    Seen to fail when a stub that such a dispatch passes by is not counted.
    """
    a, outer, called = kit.marker(unique("a")), kit.marker(unique("outer")), []
    one, gone = connect(a, "ab", called)
    outer.connect(a)
    with kit.record(a.name, dispatches=True):
        memory.left = False
        gone.disconnect()
        a()
        outer()
        memory.left = True
    assert called == ["a", "a"]
    assert (a.fired, one.calls, gone.calls) == (2, 2, 0)


def test_rule_14_the_last_removal_publishes_a_constant(unique, memory):
    """1→0 asks for no memory, also where stubs are all that is left beside it.

    Seen to fail when an empty array is built.
    """
    a, called = kit.marker(unique("a")), []
    connections = connect(a, "abc", called)
    memory.left = False
    for connection in connections:
        connection.disconnect()
    assert memory.refused == 2
    assert (a.fanout, bool(a), a.generation) == (0, False, 6)
    a()
    assert called == []


def test_rule_14_removals_without_memory_may_follow_each_other(unique, memory):
    """Each counts, and all stubs go with the first update that there is memory for.

    Seen to fail when a stub is taken for a probe by the next removal.
    """
    a, called = kit.marker(unique("a")), []
    connections = connect(a, "abcde", called)
    memory.left = False
    for position in (3, 0):
        connections.pop(position).disconnect()
    a()
    assert called == ["b", "c", "e"]
    memory.left = True
    connections.pop(1).disconnect()
    a()
    assert called == ["b", "c", "e", "b", "e"]
    assert (a.generation, a.fanout) == (8, 2)


def test_rule_14_a_pattern_is_removed_from_all_its_markers(unique, memory):
    """With memory for none of them; and later markers are not connected.

    Seen to fail when `MemoryError` on one marker stops the others.
    """
    markers = [kit.marker(unique(name)) for name in "abc"]
    called = []
    for marker in markers:
        marker.connect(called.append, marker.name)
    handle = kit.connect(unique("*"), lambda: called.append("pattern"))
    memory.left = False
    handle.disconnect()
    for marker in (*markers, kit.marker(unique("d"))):
        marker()
    assert called == [marker.name for marker in markers]
    assert (memory.refused, handle.connected) == (3, False)
    assert [marker.generation for marker in markers] == [3, 3, 3]


def test_rule_14_a_batch_of_removals_is_one_generation(unique, memory):
    """Several at once, 4→2, on two markers.

    Seen to fail when `_publish` puts a stub in place of one closure only.
    """
    called = []
    a, b = kit.marker(unique("a")), kit.marker(unique("b"))
    of_a, of_b = connect(a, "abcd", called), connect(b, "wxyz", called)
    memory.left = False
    with kit.batch():
        for position in (0, 2):
            of_a[position].disconnect()
            of_b[position].disconnect()
    a()
    b()
    assert called == ["b", "d", "x", "z"]
    assert (a.generation, b.generation) == (5, 5)


def test_rule_14_an_error_limit_is_a_removal(unique, memory):
    """Switched off in a dispatch: at once, one generation, and the others go on.

    Seen to fail when what a dispatch has switched off is not published.
    """
    a, called = kit.marker(unique("a")), []
    connect(a, "a", called)
    bad = a.connect(lambda: 1 / 0, error_limit=2)
    connect(a, "b", called)
    generation = a.generation
    memory.left = False
    for _ in range(4):
        a()
    assert called == ["a", "b"] * 4
    assert (bad.calls, bad.errors, bad.state) == (2, 2, "off after 2 errors")
    assert (a.generation, a.fanout) == (generation + 1, 2)
    memory.left = True
    connect(a, "c", called)
    a()
    assert (a.generation, a.fanout, bad.calls) == (generation + 2, 3, 2)
    bad.disconnect()
    assert a.generation == generation + 2


def test_rule_14_native_probes_too(unique, memory):
    """A recorder that is stopped without memory records nothing more.

    Seen to fail when the stub is put in for plain probes only.
    """
    a, called = kit.marker(unique("a"), n=int), []
    with capture(a.name) as first:
        with capture(a.name) as second:
            a.connect(called.append)
            a(1)
            memory.left = False
        a(2)
    a(3)
    assert ([e["n"] for e in first], [e["n"] for e in second], called) == ([1, 2], [1], [1, 2, 3])


def test_rule_14_who_observes_is_told_nothing_more(unique, memory):
    """A recorder of dispatches that is stopped without memory: no later dispatch and no later
    publication is in it, and its own end is.

    Seen to fail when the observers of the array that is kept are told of each dispatch, and when
    those of the array that is replaced are told of the next publication.
    """
    a, called = kit.marker(unique("a"), n=int), []
    recorder = kit.record(a.name, dispatches=True)
    other = kit.record(a.name, dispatches=True)
    a.connect(called.append)
    a(1)
    memory.left = False
    recorder.stop()
    a(2)
    memory.left = True
    a.connect(lambda n: called.append(n), name="later")  # noqa: PLW0108 - another closure
    a(3)
    other.stop()
    mine, others = recorder.snapshot(), other.snapshot()
    assert called == [1, 2, 3, 3]
    assert [row[4:6] for row in mine.dispatches] == [(3, 0)]
    # The array that is kept still has a place for it, and the dispatch calls the two others.
    assert [row[4:6] for row in others.dispatches] == [(3, 0), (2, 0), (3, 0)]
    actions = [row[2:4] for row in others.publications]
    assert actions[-3:] == [
        ("disconnect", "record"),
        ("connect", "later"),
        ("disconnect", "record"),
    ]
    assert [row[2:4] for row in mine.publications][-1] == ("disconnect", "record")
    assert len(mine.publications) == len(others.publications) - 1


def test_rule_14_a_dispatch_in_flight_may_skip_what_is_removed(unique, memory):
    """A probe that removes one behind it and one before it: the one behind is not called.

    Seen to fail when the array in flight is replaced instead.
    """
    a, called = kit.marker(unique("a")), []
    (before,) = connect(a, "a", called)
    remover = a.connect(lambda: [each.disconnect() for each in (remover, before, behind)])
    (behind,) = connect(a, "b", called)
    connect(a, "c", called)
    memory.left = False
    a()
    a()
    assert called == ["a", "c", "c"]
    assert (before.calls, remover.calls, behind.calls) == (1, 1, 0)


def test_rule_14_connecting_fails_whole(unique, memory):
    """0→1, 1→2, a replacement, a pattern, a batch and a change of fields may fail: `MemoryError`,
    and everything is as it was.

    Seen to fail when a change of fields is taken for a removal, and when one marker of several is
    published.
    """
    a, b, called = kit.marker(unique("a")), kit.marker(unique("b")), []
    (old,) = connect(a, "a", called)
    named = a.connect(called.append, "named", name="n")
    before = [(m.generation, m.probes, m.format) for m in (a, b)]
    memory.left = False

    def batch() -> None:
        with kit.batch():
            old.disconnect()
            b.connect(print)

    for attempt in (
        lambda: a.connect(print),
        lambda: b.connect(print),
        lambda: a.connect(print, name="n"),
        lambda: kit.connect(unique("?"), print),
        batch,
        lambda: exec(f"kit.marker({a.name!r}, x=int)", {"__name__": "__main__", "kit": kit}),
    ):
        with pytest.raises(MemoryError):
            attempt()
        assert [(m.generation, m.probes, m.format) for m in (a, b)] == before
        a()
        b()
        assert called == ["a", "named"]
        called.clear()
    assert (old.connected, named.connected) == (True, True)
    memory.left = True
    assert kit.marker(unique("c")).fanout == 0
    assert a.connect(print, name="n").connected


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=30))
def test_rule_14_whatever_comes_and_goes_with_and_without_memory(steps):
    """A dispatch calls exactly what is connected, in order, whichever updates had memory.

    Seen to fail when a stub is taken for a probe by the next removal.
    """
    memory, called = Memory(), []
    with pytest.MonkeyPatch.context() as patch, isolated():
        patch.setattr(arrays, "build", memory.build)
        a = kit.marker("contract.memory")
        connected: dict[int, kit.Connection] = {}
        for number, left in steps:
            memory.left, generation = left, a.generation
            if number in connected:
                connected.pop(number).disconnect()
            else:
                try:
                    connected[number] = a.connect(called.append, number)
                except MemoryError:
                    assert not left
                    generation -= 1
            assert a.generation == generation + 1
            assert list(a.probes) == list(connected.values())
            called.clear()
            a()
            assert called == list(connected)
        memory.left = True


def test_rule_14_other_threads_go_on_while_there_is_no_memory(unique, memory, background, often):
    """A permanent probe is called exactly once a dispatch while its neighbours are removed.

    Seen to fail when the array is emptied while the stub is put in.
    """
    a, counts, done = kit.marker(unique("a"), n=int), [], []
    a.connect(counts.append)

    def fire() -> None:
        n = 0
        while not done:
            a(n)
            n += 1
        fired.append(n)

    fired: list[int] = []
    background(fire)
    for _ in range(200):
        before = len(counts)
        neighbours = [a.connect(lambda private, n: None, key) for key in range(3)]
        memory.left = False
        for neighbour in neighbours[:2]:
            neighbour.disconnect()
        memory.left = True
        neighbours[2].disconnect()
        while len(counts) == before:
            time.sleep(0)
    done.append(True)
    background.join()
    assert counts == list(range(fired[0]))
