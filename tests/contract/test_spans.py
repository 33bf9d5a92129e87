"""What a span is: a marker with a duration, a context manager and a decorator."""

import threading
import time

import pytest

import kit
from kit.testing import capture
from tests.contract.conftest import PATIENCE


@pytest.fixture
def query(unique) -> kit.Span:
    return kit.span(unique("query"), sql=str)


def outcomes(events) -> list:
    """Values and error of each event; every duration is a positive number of nanoseconds."""
    assert all(isinstance(event.dur, int) and event.dur > 0 for event in events)
    return [(*event.values.values(), event.error) for event in events]


def test_one_event_at_the_end_of_the_body(query):
    """With duration, error and fields; nothing is dispatched while the body runs.

    Seen to fail when `__enter__` dispatches, and when error and duration change places.
    """
    seen = []
    with query.connect(lambda dur, error, sql: seen.append((dur, error, sql))):
        with query("select 1"):
            assert seen == []
        with query(sql="select 2"):
            pass
    assert [each[1:] for each in seen] == [(None, "select 1"), (None, "select 2")]
    assert all(isinstance(dur, int) and dur > 0 for dur, _, _ in seen)
    assert isinstance(query, kit.Marker)
    assert (query.fired, query.format.is_span, query.format.names) == (2, True, ("sql",))


def test_each_call_is_a_context_manager_of_its_own(query, background):
    """Nested and on several threads, they do not disturb each other.

    Seen to fail when the start is kept in one place for all.
    """
    inside = threading.Barrier(2, timeout=PATIENCE)

    def run() -> None:
        with query("thread"):
            inside.wait()

    with capture(query.name) as events:
        with query("outer"):
            begun = time.monotonic_ns()
            while time.monotonic_ns() < begun + 1_000_000:
                pass
            with query("inner"):
                background(run)
                inside.wait()
        background.join()
    assert events.one(sql="outer").dur >= events.one(sql="inner").dur + 1_000_000
    assert len(events) == 3


def test_off_at_entry_means_no_event(query):
    """Without a start there is no duration; and off at the end, nobody is there to be told.

    Seen to fail when the end takes its own time for a start.
    """
    with query("begun while off"):
        connection = query.connect(lambda *_: pytest.fail("there is no start"))
    connection.disconnect()
    with capture(query.name) as events:
        with query("seen"):
            pass
        running = query("ended while off")
        running.__enter__()
    running.__exit__(None, None, None)
    assert outcomes(events) == [("seen", None)]


def test_a_body_that_raises_still_gives_its_event(query):
    """With the name of the exception's type; the exception goes on.

    Seen to fail when `__exit__` returns true, and when it fires only without an exception.
    """
    with capture(query.name) as events:
        for error in (ValueError("x"), KeyboardInterrupt(), SystemExit(1)):
            with pytest.raises(type(error)) as caught:
                with query("select 1"):
                    raise error
            assert caught.value is error
    assert [event.error for event in events] == ["ValueError", "KeyboardInterrupt", "SystemExit"]


def test_a_failing_probe_disturbs_neither_body_nor_result(query):
    """The body's exception is not replaced by a probe's.

    Seen to fail when `_end` lets a probe's exception through.
    """
    with query.connect(lambda *_: 1 / 0) as connection:
        with pytest.raises(ValueError, match="mine"):
            with query("select 1"):
                raise ValueError("mine")
    assert connection.errors == 1


def test_a_probe_may_be_connected_while_its_span_is_open_elsewhere(query):
    """Fields are bound when the span ends; a span may outlive a change of what is connected.

    Seen to fail when `Timing` keeps the array of its entry.
    """
    first, second = [], []
    connection = query.connect(lambda dur, error, sql: first.append(sql))
    with query("a"):
        query.connect(lambda dur, error, sql: second.append(sql))
        connection.disconnect()
    assert (first, second) == ([], ["a"])
