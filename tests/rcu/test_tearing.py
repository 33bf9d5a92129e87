"""Real threads: two attributes can be seen torn, one tuple never."""

import threading

import pytest

from kit import rcu
from kit.errors import SimulationError
from kit.rcu._tearing import Seen, Tearing


def test_two_attributes_are_seen_torn_and_one_tuple_never() -> None:
    seen = rcu.tearing(3000)
    assert seen.one_tuple.torn == 0
    assert 0 < seen.two_attributes.torn < 3000
    assert seen.two_attributes.reads == seen.one_tuple.reads == 3000
    # Both had something to see: the writer did change them.
    assert min(seen.two_attributes.writes, seen.one_tuple.writes) > 10


def test_the_counts_are_shown() -> None:
    seen = Tearing(Seen(2000, 1234, 7), Seen(2000, 0, 7))
    assert repr(seen).splitlines()[1:] == [
        "two attributes    2,000   1,234",
        "one tuple         2,000       0",
    ]
    assert "<td>1,234</td>" in seen._repr_html_()


def test_it_ends_its_thread() -> None:
    rcu.tearing(10)
    assert "writer" not in {thread.name for thread in threading.enumerate()}


def test_where_there_are_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    with pytest.raises(SimulationError, match="cannot start threads; the simulator shows the same"):
        rcu.tearing(10)


def test_reading_not_at_all() -> None:
    with pytest.raises(SimulationError, match="at least once, not 0 times"):
        rcu.tearing(0)
