"""A connection: its names, its counts, its errors."""

import functools
from unittest import mock

import pytest

import kit
from kit.core._callables import label_of


class Probe:
    def __call__(self):
        """Do nothing."""

    def method(self):
        """Do nothing."""


def inner():
    def probe():
        """Do nothing."""

    return probe


@pytest.mark.parametrize(
    ("probe", "label"),
    [
        (print, "print"),
        ([].append, "list.append"),
        (inner(), "probe"),
        (Probe(), "Probe"),
        (Probe().method, "Probe.method"),
        (functools.partial(functools.partial(print, 1), 2), "print"),
        (lambda: None, "<lambda>"),
        (mock.Mock(), "Mock"),
    ],
)
def test_a_probe_s_label(probe, label):
    assert label_of(probe) == label


def test_a_probe_may_say_its_label():
    probe = Probe()
    probe.kit_label = "mine"
    assert label_of(probe) == "mine"
    probe.kit_label = 5
    assert label_of(probe) == "Probe"


def test_a_mock_is_a_probe(unique):
    m, probe = kit.marker(unique("m"), n=int), mock.MagicMock()
    with m.connect(probe):
        m(1)
        m(n=2)
    assert probe.call_args_list == [mock.call(1), mock.call(2)]


def test_counts_follow_a_connection_through_every_publication(unique):
    m = kit.marker(unique("m"), n=int)
    stays = m.connect(lambda n: None)
    expected = 0
    for number in range(5):
        others = [m.connect(lambda private, n: None, [key]) for key in range(number)]
        for n in range(number):
            m(n)
        expected += number
        assert [other.calls for other in others] == [number] * number
        for other in others:
            other.disconnect()
        m(0)
        expected += 1
        assert [other.calls for other in others] == [number] * number
    assert (stays.calls, m.fired) == (expected, expected)
    stays.disconnect()
    m(0)
    assert (stays.calls, m.fired) == (expected, expected)


def test_counts_are_exact_on_several_threads_while_others_come_and_go(unique, background, often):
    m = kit.marker(unique("m"))
    stays = m.connect(lambda: None)
    for _ in range(3):
        background(lambda: [m() for _ in range(3000)])
    while any(thread.is_alive() for thread in background.threads):
        with m.connect(lambda: None):
            pass
    background.join()
    assert (stays.calls, m.fired) == (9000, 9000)


def test_a_call_that_raises_is_a_call(unique):
    m = kit.marker(unique("m"), n=int)
    after = []

    def probe(n):
        raise ValueError(n)

    connection = m.connect(probe, error_limit=None)
    m.connect(after.append)
    for n in range(200):
        m(n)
    assert (connection.calls, connection.errors, len(after)) == (200, 200, 200)
    assert (connection.first_error, connection.last_error) == ("ValueError: 0", "ValueError: 199")
    assert connection.connected


def test_the_text_of_an_error_is_cut_and_may_be_missing(unique):
    class NamelessError(Exception):
        def __str__(self):
            raise RuntimeError

    errors = [ValueError("x" * 5000), NamelessError()]

    def probe():
        raise errors.pop(0)

    m = kit.marker(unique("m"))
    connection = m.connect(probe)
    m()
    m()
    assert len(connection.first_error) == 1000
    assert connection.last_error == "NamelessError"


def test_it_shows_what_it_is(unique):
    m = kit.marker(unique("m"))
    connection = m.connect(lambda: 1 / 0, name="mine", error_limit=2)
    m()
    assert repr(connection) == f"<Connection mine on {m.name}: 1 calls, 1 errors>"
    m()
    assert repr(connection) == f"<Connection mine on {m.name}: off after 2 errors, 2 errors>"
    assert repr(kit.core.NO_PRIVATE) == "<no private data>"


@pytest.mark.parametrize("limit", [1, 3])
def test_the_error_limit_is_the_number_of_errors(unique, limit):
    m = kit.marker(unique("m"))
    connection = m.connect(lambda: 1 / 0, error_limit=limit)
    for _ in range(limit + 2):
        m()
    assert (connection.errors, connection.calls, m.fanout) == (limit, limit, 0)
    assert connection.state == f"off after {limit} errors"
