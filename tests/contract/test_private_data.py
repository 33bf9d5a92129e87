"""Rules 11, 12 and 15 of the contract: private data, and who holds it."""

import gc
import weakref

import pytest

import kit


class Private:
    """Private data that can be referenced weakly."""


# Rule 11


def test_rule_11_disconnect_by_private_data_removes_every_closure_that_has_it(unique):
    """Whatever the probe, on the markers given and nowhere else, in one publication a marker.

    Seen to fail when private data is compared by equality, and when the markers are not looked at.
    """
    one, two = kit.marker(unique("a.one")), kit.marker(unique("a.two"))
    other = kit.marker(unique("b.one"))
    mine, equal = [1], [1]
    kept = [marker.connect(print, equal) for marker in (one, two, other)]
    kept += [marker.connect(print) for marker in (one, two, other)]
    kept += [other.connect(repr, mine)]
    for marker in (one, two):
        marker.connect(repr, mine)
        marker.connect(str, mine)
    before = [marker.generation for marker in (one, two, other)]
    assert kit.core.disconnect_private(unique("a.*"), mine) == 4
    after = [marker.generation for marker in (one, two, other)]
    assert [new - old for old, new in zip(before, after, strict=True)] == [1, 1, 0]
    assert all(connection.connected for connection in kept)
    assert (one.fanout, two.fanout, other.fanout) == (2, 2, 3)
    for nowhere in (unique("a.*"), one.name, unique("nowhere")):
        with pytest.raises(kit.errors.NotConnectedError):
            kit.core.disconnect_private(nowhere, mine)
    assert kit.core.disconnect_private(other.name, mine) == 1


def test_rule_11_patterns_with_that_private_data_end_too(unique):
    """What a pattern would connect later is part of what it removes.

    Seen to fail when `disconnect_private` leaves patterns in force.
    """
    tag = object()
    one = kit.marker(unique("a.one"))
    handle = kit.connect(unique("a.*"), print, tag)
    wider = kit.connect(unique("*"), repr, tag)
    assert kit.core.disconnect_private(unique("a.*"), tag) == 2
    assert (handle.connected, wider.connected, one.fanout) == (False, True, 0)
    assert kit.marker(unique("a.later")).fanout == 1


# Rule 12


def test_rule_12_private_data_of_the_nth_match(unique):
    """In call order; `NotConnectedError` past the end, for another probe and an unknown marker.

    Seen to fail when it counts all probes, and when a negative number counts from the end.
    """
    fill = kit.marker(unique("fill"))
    probe = [].append
    data = [object() for _ in range(3)]
    fill.connect(print, "not this one")
    fill.connect(probe, data[1])
    fill.connect(probe, data[2])
    fill.connect(probe, data[0], priority=20)
    assert [kit.core.private_data(fill.name, probe, n) for n in range(3)] == data
    assert kit.core.private_data(fill.name, probe) is data[0]
    for name, closure, n in [
        (fill.name, probe, 3),
        (fill.name, probe, -1),
        (fill.name, repr, 0),
        (unique("nowhere"), probe, 0),
    ]:
        with pytest.raises(kit.errors.NotConnectedError):
            kit.core.private_data(name, closure, n)
    bare = fill.connect(probe, priority=30)
    assert kit.core.private_data(fill.name, probe, 0) is None
    bare.disconnect()
    assert kit.core.private_data(fill.name, probe, 0) is data[0]


def test_rule_12_private_data_is_safe_during_updates(unique, background, often):
    """While others come and go, the n-th is always one that was there, and a permanent first one
    is always found.

    Seen to fail when it looks at the published array once for each connection.
    """
    fill = kit.marker(unique("fill"))
    first, others = object(), [object() for _ in range(5)]
    fill.connect(print, first, priority=99)
    done = []

    def update() -> None:
        try:
            for _ in range(300):
                connections = [fill.connect(print, other) for other in others]
                for connection in connections:
                    connection.disconnect()
        finally:
            done.append(True)

    background(update)
    known = [first, *others]
    while not done:
        assert kit.core.private_data(fill.name, print, 0) is first
        for n in range(1, 7):
            try:
                assert kit.core.private_data(fill.name, print, n) in known
            except kit.errors.NotConnectedError as error:
                assert "there is no number" in str(error)  # noqa: PT017
    background.join()


# Rule 15


def test_rule_15_a_connection_that_nobody_holds_stays_connected(unique):
    """Probe, bound object and private data are held strongly, by name and by pattern.

    Seen to fail when `Connection` holds its probe weakly.
    """
    fill, seen = kit.marker(unique("fill"), n=int), []

    class Owner:
        def method(self, private: Private, n: int) -> None:
            seen.append((type(self).__name__, type(private).__name__, n))

    fill.connect(Owner().method, Private())
    kit.connect(unique("*"), lambda n: seen.append(n))  # noqa: PLW0108 - held by nobody else
    gc.collect()
    fill(1)
    assert seen == [("Owner", "Private", 1), 1]
    assert kit.marker(unique("later"), n=int).fanout == 1


@pytest.mark.parametrize("how", ["with", "disconnect", "pattern"])
def test_rule_15_a_with_block_or_disconnect_ends_it(unique, how):
    """Then nothing holds probe and private data any more, once the grace period is over.

    Seen to fail when a retired array's connections are kept.
    """
    fill, private = kit.marker(unique("fill")), Private()
    watch = weakref.ref(private)
    if how == "with":
        with fill.connect(lambda data: None, private):
            fill()
    elif how == "disconnect":
        fill.connect(lambda data: None, private).disconnect()
    else:
        kit.connect(unique("*"), lambda data: None, private).disconnect()
    del private
    kit.barrier()
    gc.collect()
    assert watch() is None
