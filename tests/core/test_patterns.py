"""Patterns, and the handles of what is connected by them."""

import pytest

import kit
from kit.core._connection import is_pattern, matches


@pytest.mark.parametrize("name", ["a*", "a?", "a[b]", "*", "["])
def test_wildcards_make_a_pattern(name):
    assert is_pattern(name)


@pytest.mark.parametrize("name", ["a.b", "a", "a]b", ""])
def test_other_names_are_names(name):
    assert not is_pattern(name)


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("a.b", "a.*", True),
        ("a.b.c", "a.*", True),
        ("a", "a.*", False),
        ("A.b", "a.*", False),
        ("a.b", "?.b", True),
        ("a.b", "[!a].b", False),
        ("x.a.b", "a.*", False),
        ("a\nb", "a*", True),
    ],
)
def test_matching_is_the_shell_s_with_case(name, pattern, expected):
    assert matches(name, pattern) is expected


def test_a_handle_of_nothing_is_a_handle(unique):
    with pytest.warns(kit.errors.UnmatchedPatternWarning):
        handle = kit.connect(unique("*"), print)
    assert handle
    assert (len(handle), list(handle), handle.calls) == (0, [], 0)
    assert (handle.first_error, handle.last_error) == (None, None)
    assert handle.probe is print
    with pytest.raises(IndexError):
        handle[0]


def test_a_handle_shows_its_state(unique):
    kit.marker(unique("a"))
    handle = kit.connect(unique("*"), print, "data", name="mine")
    assert (handle.name, handle.label, handle.private) == ("mine", "mine", "data")
    assert repr(handle) == f"<PatternConnection mine on {unique('*')}: 1 marker, 0 calls>"
    handle.disconnect()
    assert repr(handle).endswith("0 calls, disconnected>")


def test_a_handle_leaves_out_what_was_connected_before_and_what_another_replaced(unique):
    kit.connect(unique("a"), print)
    with pytest.warns(kit.errors.UnmatchedPatternWarning):
        handle = kit.connect(unique("*"), print)
    a, b = kit.marker(unique("a")), kit.marker(unique("b"))
    assert [connection.marker for connection in handle] == [b]
    handle.disconnect()
    assert (a.fanout, b.fanout) == (1, 0)


def test_several_patterns_reach_a_later_marker_in_order_of_connection(unique):
    called = []
    for letter in "abc":
        with pytest.warns(kit.errors.UnmatchedPatternWarning):
            kit.connect(unique("*"), called.append, letter)
    later = kit.marker(unique("later"))
    later()
    assert called == ["a", "b", "c"]
    assert later.generation == 1
