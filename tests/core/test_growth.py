"""Steps that take many markers, connections or patterns grow with them, not with their square."""

import itertools

import pytest

import kit
from kit.testing import isolated
from tests.growth import LINEAR, calls, seconds

numbers = itertools.count()


@pytest.fixture(autouse=True)
def _registry_as_it_was():
    with isolated():
        yield


def markers(count: int) -> str:
    """Declare markers, and return a pattern for them."""
    name = f"growth{next(numbers)}"
    for number in range(count):
        kit.marker(f"{name}.m{number}", qty=int)
    return f"{name}.*"


def test_recording_many_markers() -> None:
    """Seen to fail when each connection of a recorder looks at all others."""

    def prepare(count):
        pattern = markers(count)
        return lambda: kit.record(pattern).stop()

    assert calls(prepare, 300) < LINEAR


def test_connecting_to_one_marker_in_a_batch() -> None:
    """Seen to fail when each change compares its closure and its name with all others."""

    def prepare(count):
        marker = kit.marker(f"growth{next(numbers)}", qty=int)
        probes = [lambda qty, number=number: number + qty for number in range(count)]

        def connect():
            with kit.batch():
                for number, probe in enumerate(probes):
                    marker.connect(probe, name=f"probe {number}")

        return connect

    assert seconds(prepare, 200) < 1.5 * LINEAR


def test_declaring_under_many_patterns() -> None:
    """Seen to fail when a declaration compares its name with every pattern."""

    def prepare(count):
        name = f"growth{next(numbers)}"
        for number in range(count):
            kit.connect(f"{name}.{number}.*", print, name=f"{number}", expect_match=False)

        def declare():
            for number in range(min(count, 50)):
                kit.marker(f"{name}.{number}.m", qty=int)

        return declare

    assert calls(prepare, 100) < 2


def test_replacing_in_a_batch_leaves_what_was_there_in_place() -> None:
    """Names and closures are looked up as they are at that point of the batch."""
    marker = kit.marker(f"growth{next(numbers)}", qty=int)
    called: list[str] = []
    with kit.batch():
        for name in ("one", "two", "three"):
            marker.connect(lambda qty, name=name: called.append(name), name=name)
        marker.connect(lambda qty: called.append("two, new"), name="two")
        with pytest.raises(kit.errors.AlreadyConnectedError):
            marker.connect(marker.connect(called.append, name="same").probe, name="other")
    marker(1)
    assert called == ["one", "two, new", "three", 1]
