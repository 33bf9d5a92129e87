"""Formats: making, showing and binding."""

import keyword
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kit
from kit.core._format import Field, Format, Label, declare_format

names = st.lists(
    st.text(string.ascii_letters + "_é", min_size=1, max_size=6).filter(
        lambda name: not keyword.iskeyword(name)
    ),
    unique=True,
    max_size=5,
)


def test_a_field_shows_itself_as_it_is_declared():
    assert [str(Field("x", kind)) for kind in (int, float, str, bool, Label)] == [
        "x %d",
        "x %f",
        "x %s",
        "x %b",
        "x %k",
    ]


def test_a_span_s_probes_receive_two_more():
    declared = declare_format("m", "a %d b %s", {})
    timed = declare_format("m", "a %d b %s", {}, is_span=True)
    assert (declared.arity, timed.arity) == (2, 4)
    assert declared.names == timed.names == ("a", "b")
    assert declared.same_fields(timed)
    assert declared != timed


def test_white_space_separates_and_nothing_is_no_fields():
    assert declare_format("m", " a\t%d\n b  %s ", {}) == declare_format("m", "a %d b %s", {})
    assert declare_format("m", "", {}) == declare_format("m", None, {}) == Format(())


def test_same_fields_looks_at_names_types_and_order():
    declared = declare_format("m", "a %d b %s", {})
    for other in ("a %d", "b %s a %d", "a %d c %s", "a %d b %k", "a %d b %s c %d"):
        assert not declared.same_fields(declare_format("m", other, {}))


def test_a_format_can_be_a_key_and_never_changes():
    declared = declare_format("m", "a %d", {})
    assert {declared: 1}[declare_format("m", None, {"a": int})] == 1
    with pytest.raises(AttributeError):
        declared.fields = ()


def test_a_label_is_text():
    assert isinstance(Label("buy"), str)
    assert Label("buy") == "buy"
    assert kit.Label is Label


@given(names, st.data())
def test_bind_takes_values_by_position_and_by_keyword(declared, data):
    format = declare_format("m", None, dict.fromkeys(declared, int))
    values = tuple(range(len(declared)))
    by_position = data.draw(st.integers(0, len(declared)))
    keywords = data.draw(st.permutations(declared[by_position:]))
    kwargs = {name: values[declared.index(name)] for name in keywords}
    assert format.bind(values[:by_position], kwargs) == values
    assert list(kwargs) == keywords


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "missing a value for: a, b"),
        ((1,), {}, "missing a value for: b"),
        ((1, 2, 3), {}, "takes 2 values .* got 3"),
        ((1,), {"a": 2}, "two values for field 'a'"),
        ((1, 2), {"b": 2}, "two values for field 'b'"),
        ((1,), {"c": 2}, "no field 'c'; its fields are: a %d b %s"),
    ],
)
def test_bind_says_what_is_wrong(args, kwargs, message):
    with pytest.raises(TypeError, match=message):
        declare_format("m", "a %d b %s", {}).bind(args, kwargs)


def test_bind_without_fields():
    empty = declare_format("m", None, {})
    assert empty.bind((), {}) == ()
    with pytest.raises(TypeError, match="its fields are: none"):
        empty.bind((), {"a": 1})


@given(st.text(max_size=30))
def test_any_text_is_a_format_or_a_format_error_that_shows_it(text):
    try:
        declared = declare_format("the.marker", text, {})
    except kit.errors.FormatError as error:
        message = str(error)
    else:
        assert declare_format("m", str(declared), {}) == declared
        return
    assert "the.marker" in message
