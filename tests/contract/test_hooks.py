"""Rule 13 of the contract: what is called when the first probe comes and the last one has gone."""

import logging
import threading

import pytest

import kit
from kit.core._dispatch import array as arrays
from tests.contract.conftest import PATIENCE
from tests.contract.tools import Gate, until


class Hooks:
    """Hooks that note when they are called, and what the marker was like then."""

    def __init__(self, *markers: kit.Marker) -> None:
        self.log: list[tuple[str, str, int]] = []
        for marker in markers:
            self.carry(marker)

    def carry(self, marker: kit.Marker) -> None:
        def note(what: str) -> None:
            self.log.append((what, marker.name.rpartition(".")[2], marker.fanout))

        marker.hooks(on_first=lambda: note("first"), on_last=lambda: note("last"))

    def take(self) -> list[str]:
        """Return what was called, as ``first a``, and forget it."""
        found = [f"{what} {name}" for what, name, _ in self.log]
        self.log.clear()
        return found


def fail() -> None:
    raise OSError("no such device")


def test_rule_13_each_is_called_once_from_off_to_on_and_from_on_to_off(unique):
    """Before the first probe can be called and after the last one is gone, and never in between.

    Seen to fail when `on_first` is called at each connect, `on_last` at each disconnect, and when
    either is called on the other side of the publication.
    """
    a = kit.marker(unique("a"))
    hooks = Hooks(a)
    for _ in range(2):
        one = a.connect(print)
        two = a.connect(repr, name="two")
        a.connect(str, name="two")
        one.disconnect()
        assert hooks.take() == ["first a"]
        with pytest.raises(kit.errors.NotConnectedError):
            two.disconnect()
        a.probes[0].disconnect()
        assert hooks.log == [("last", "a", 0)]
        assert hooks.take() == ["last a"]
    assert a.generation == 10


def test_rule_13_however_the_marker_goes_on_and_off(unique):
    """By a pattern, a batch, a replacement that does neither, an error limit, a declaration.

    Seen to fail when a stub in the array counts as a probe.
    """
    a, b = kit.marker(unique("a")), kit.marker(unique("b"))
    hooks = Hooks(a, b)
    with kit.connect(unique("*"), print):
        assert hooks.take() == ["first a", "first b"]
    assert hooks.take() == ["last a", "last b"]
    with kit.batch():
        one, two = a.connect(print), a.connect(repr)
        assert hooks.take() == []
    assert hooks.take() == ["first a"]
    with kit.batch():
        one.disconnect()
        two.disconnect()
        a.connect(str, name="stays")
    a.connect(ascii, name="stays")
    assert hooks.take() == []
    kit.disconnect(a.name, ascii)
    assert hooks.take() == ["last a"]
    a.connect(lambda: 1 / 0, error_limit=1)
    a()
    assert hooks.take() == ["first a", "last a"]
    with a.connect(lambda: 1 / 0, error_limit=1) as failing:
        a()
        assert failing.state.startswith("off")
    assert hooks.take() == ["first a", "last a"]
    kit.connect(unique("c"), print, format="n %d")
    with pytest.warns(kit.errors.FormatMismatchWarning):
        c = kit.marker(unique("c"), px=float)
    hooks.carry(c)
    kit.marker(c.name, n=int)
    assert hooks.take() == ["first c"]


def test_rule_13_hooks_that_come_late_find_the_marker_on(unique):
    """A probe may be connected before the module that sets the hooks is imported (rules 4 and 6):
    `on_first` is called at once. Hooks that replace others take over from them.

    Seen to fail when `hooks` sets them and calls nothing.
    """
    kit.connect(unique("a"), print)
    a = kit.marker(unique("a"))
    log: list[str] = []
    a.hooks(on_first=lambda: log.append("first"), on_last=lambda: log.append("last"))
    assert log == ["first"]
    a.hooks(on_first=lambda: log.append("new first"), on_last=lambda: log.append("new last"))
    assert log == ["first", "new first", "last"]
    with pytest.raises(OSError, match="device"):
        a.hooks(on_first=fail)
    kit.disconnect(a.name, print)
    assert log == ["first", "new first", "last", "new last"]
    a.hooks()
    with a.connect(print):
        pass
    assert len(log) == 4
    with pytest.raises(TypeError, match="callable"):
        a.hooks(on_first="print")


def test_rule_13_a_failing_on_first_fails_the_connect_and_leaves_nothing_behind(unique):
    """Its exception is the connect's, and the next connect begins anew.

    Seen to fail when `on_first` is called after the publication, and when the marker is left held
    back.
    """
    a = kit.marker(unique("a"))
    a.hooks(on_first=fail, on_last=lambda: pytest.fail("it was never on"))
    for connect in (a.connect, lambda probe: kit.connect(unique("*"), probe)):
        with pytest.raises(OSError, match="device"):
            connect(print)
        assert (a.fanout, a.generation, bool(a)) == (0, 0, False)
    with pytest.raises(OSError, match="device"), kit.batch():
        a.connect(print)
    a.hooks()
    with a.connect(print):
        assert a.fanout == 1
    assert kit.marker(unique("later")).fanout == 0


def test_rule_13_a_pattern_is_all_or_nothing(unique):
    """Where one marker's `on_first` fails, those that were called before are undone, last first.

    Seen to fail when the others' `on_last` are not called, and when they are in the same order.
    """
    a, b, c = (kit.marker(unique(name)) for name in "abc")
    hooks = Hooks(a, b, c)
    c.hooks(on_first=fail, on_last=lambda: pytest.fail("it was never on"))
    with pytest.raises(OSError, match="device"):
        kit.connect(unique("*"), print)
    assert hooks.take() == ["first a", "first b", "last b", "last a"]
    assert [(m.fanout, m.generation) for m in (a, b, c)] == [(0, 0)] * 3
    assert kit.marker(unique("later")).fanout == 0
    with a.connect(print):
        assert hooks.take() == ["first a"]


def test_rule_13_what_fails_after_on_first_is_undone_too(unique, monkeypatch):
    """When there is no memory for the array, the marker stays off, and `on_last` says so.

    Seen to fail when only a failing hook is undone.
    """
    a = kit.marker(unique("a"))
    hooks = Hooks(a)

    def build(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(arrays, "build", build)
        with pytest.raises(MemoryError):
            a.connect(print)
    assert hooks.take() == ["first a", "last a"]
    assert (a.fanout, a.generation) == (0, 0)


def test_rule_13_a_failing_on_last_is_reported_and_the_removal_stands(unique, caplog):
    """Nobody could do anything about it: it is logged, with the marker's name.

    Seen to fail when the exception reaches the caller, and when nothing is logged.
    """
    a, b = kit.marker(unique("a")), kit.marker(unique("b"))
    hooks = Hooks(b)
    a.hooks(on_last=fail)
    handle = kit.connect(unique("*"), print)
    with caplog.at_level(logging.ERROR, "kit"):
        handle.disconnect()
    (record,) = caplog.records
    assert a.name in record.getMessage()
    assert "no such device" in record.getMessage()
    assert (a.fanout, b.fanout, handle.connected) == (0, 0, False)
    assert hooks.take() == ["first b", "last b"]


def in_a_batch(marker: kit.Marker) -> None:
    with kit.batch():
        marker.connect(repr)


OWN_UPDATES = {
    "connect": lambda m: m.connect(repr),
    "by name": lambda m: kit.connect(m.name, repr),
    "by pattern": lambda m: kit.connect(f"{m.name[:-1]}?", repr),
    "disconnect": lambda m: kit.disconnect(m.name, print),
    "hooks": lambda m: m.hooks(),
    "declare": lambda m: kit.marker(m.name, other=int),
    "batch": in_a_batch,
}


@pytest.mark.parametrize("which", ["on_first", "on_last"])
@pytest.mark.parametrize("update", OWN_UPDATES)
def test_rule_13_updating_the_marker_from_its_own_hook_raises(unique, which, update):
    """`WouldDeadlockError` instead of a wait for oneself.

    Seen to fail (to hang) when `_refuse_loop` refuses nothing.
    """
    a, errors = kit.marker(unique("a")), []

    def hook() -> None:
        try:
            OWN_UPDATES[update](a)
        except kit.errors.KitError as error:
            errors.append(error)

    if (update, which) == ("disconnect", "on_first"):
        hook = None  # there is nothing to disconnect yet, and that is said first
    a.hooks(**{which: hook})
    with a.connect(print):
        pass
    assert a.fanout == 0
    if hook is not None:
        (error,) = errors
        expected = (
            kit.errors.NotConnectedError
            if update == "disconnect"
            else kit.errors.WouldDeadlockError
        )
        assert isinstance(error, expected)
        assert a.name in str(error)


def test_rule_13_round_a_loop_of_hooks_too(unique):
    """a's hook updates b, whose hook updates a: the last one raises, and nothing is left behind.

    Seen to fail (to hang) when `_refuse_loop` refuses nothing.
    """
    a, b = kit.marker(unique("a")), kit.marker(unique("b"))
    a.hooks(on_first=lambda: b.connect(print))
    b.hooks(on_first=lambda: a.connect(repr))
    with pytest.raises(kit.errors.WouldDeadlockError, match=a.name):
        a.connect(print)
    assert [(m.fanout, m.generation) for m in (a, b)] == [(0, 0), (0, 0)]


def test_rule_13_a_loop_across_threads_raises_instead_of_deadlocking(unique, background):
    """One thread's hook of a updates b while another's hook of b updates a: one of them gives way.

    Seen to fail (to hang) when `_refuse_loop` looks at the marker's own hook only.
    """
    a, b = kit.marker(unique("a")), kit.marker(unique("b"))
    both, outcomes = threading.Barrier(2), []

    def hook(other: kit.Marker) -> None:
        both.wait(PATIENCE)
        try:
            other.connect(repr)
            outcomes.append("connected")
        except kit.errors.WouldDeadlockError:
            outcomes.append("refused")

    a.hooks(on_first=lambda: hook(b))
    b.hooks(on_first=lambda: hook(a))
    background(a.connect, print)
    background(b.connect, print)
    background.join()
    assert sorted(outcomes) == ["connected", "refused"]
    assert sorted((a.fanout, b.fanout)) == [1, 2]


@pytest.mark.parametrize("which", ["on_first", "on_last"])
def test_rule_13_waiting_for_a_grace_period_in_a_hook_raises(unique, which):
    """A dispatch that waits for this hook could be what is waited for.

    Seen to fail when `refuse_inside` looks at dispatches only, and when a hook counts as the
    middle of an update.
    """
    a, other = kit.marker(unique("a")), kit.marker(unique("other"))
    connection, refused = other.connect(print), []

    def hook() -> None:
        for wait in (kit.synchronize, kit.barrier, lambda: connection.disconnect(wait=True)):
            try:
                wait()
            except kit.errors.WouldDeadlockError as error:
                refused.append(str(error))

    a.hooks(**{which: hook})
    with a.connect(print):
        pass
    assert len(refused) == 3
    assert all("inside a marker's hook" in text for text in refused)
    assert connection.connected
    kit.synchronize()


def test_rule_13_other_markers_may_be_updated_in_a_hook_and_meanwhile(unique, background):
    """No lock is held: the hook waits here for another thread's update, and makes its own.

    Seen to fail (to hang) when `_without_lock` keeps the lock.
    """
    a, b, c = (kit.marker(unique(name)) for name in "abc")

    def hook() -> None:
        background(b.connect, print).join(PATIENCE)
        c.connect(print)
        assert (b.fanout, c.fanout) == (1, 1)

    a.hooks(on_first=hook)
    a.connect(print)
    assert (a.fanout, b.fanout, c.fanout) == (1, 1, 1)


def test_rule_13_updates_of_the_marker_are_held_back_while_its_hook_runs(unique, background):
    """Another thread's connect waits until the hook has ended; then both are connected, and
    `on_first` was called once.

    Seen to fail when `_await_hooks` waits for nothing.
    """
    a, calls = kit.marker(unique("a")), []
    order: list[str] = []

    def later() -> None:
        order.append("later begins")
        a.connect(repr)
        order.append("later is connected")

    def hook() -> None:
        calls.append(1)
        if len(calls) == 1:
            background(later)
            until(lambda: order)
            until(lambda: kit.core._registry.registry.updater._waiting_for)
            order.append("hook ends")

    a.hooks(on_first=hook)
    a.connect(print)
    background.join()
    assert order == ["later begins", "hook ends", "later is connected"]
    assert (a.fanout, a.generation, calls) == (2, 2, [1])
    assert not kit.core._registry.registry.updater._waiting_for


def test_rule_13_an_update_of_several_markers_waits_for_the_hooks_of_all(unique, background):
    """One after the other, however many there are.

    Seen to fail when an update waits for one hook only, and when a thread that has waited is taken
    for one that waits.
    """
    a, b = kit.marker(unique("a")), kit.marker(unique("b"))
    gates, calls = {a: Gate(), b: Gate()}, []
    for marker, gate in gates.items():
        marker.hooks(on_first=lambda marker=marker, gate=gate: (calls.append(marker), gate()))
        background(marker.connect, print)
        assert gate.entered.wait(PATIENCE)

    def later() -> None:
        with kit.batch():
            a.connect(repr)
            b.connect(repr)

    thread = background(later)
    waiting_for = kit.core._registry.registry.updater._waiting_for
    until(lambda: waiting_for.get(thread.ident) is a)
    gates[a].release.set()
    until(lambda: waiting_for.get(thread.ident) is b)
    assert (a.fanout, b.fanout) == (1, 0)
    gates[b].release.set()
    background.join()
    assert (a.fanout, b.fanout, calls) == (2, 2, [a, b])
    assert not waiting_for


def test_rule_13_in_a_hook_that_has_called_another_waiting_is_refused_yet(unique):
    """The inner one's end is not the outer one's.

    Seen to fail when a thread's innermost hook takes away that it runs one.
    """
    a, b, refused = kit.marker(unique("a")), kit.marker(unique("b")), []

    def hook() -> None:
        b.connect(print)
        try:
            kit.synchronize(timeout=0)
        except kit.errors.WouldDeadlockError:
            refused.append(1)

    a.hooks(on_first=hook)
    b.hooks(on_first=lambda: None)
    a.connect(print)
    assert refused == [1]
    kit.synchronize(timeout=0)


def test_rule_13_a_dispatch_never_waits_for_a_hook(unique):
    """A probe that reaches its error limit while its marker is held back is not called again, and
    is taken out when the hook has ended.

    Seen to fail (to raise, as it would wait for itself) when `switch_off` does not look for hooks.
    """
    a, b = kit.marker(unique("a")), kit.marker(unique("b"))
    called = []

    def bad() -> None:
        called.append(1)
        raise ValueError

    connection = a.connect(bad, error_limit=1)
    generation = a.generation

    def hook() -> None:
        a()
        a()
        assert (connection.connected, a.generation, len(called)) == (False, generation, 1)

    b.hooks(on_first=hook)
    with kit.batch():
        good = a.connect(print, "a")
        b.connect(print)
    a()
    assert (a.probes, len(called), connection.errors) == ((good,), 1, 1)
    assert a.generation == generation + 2
    assert connection.state == "off after 1 errors"
