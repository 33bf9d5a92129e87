from itertools import product

import pyarrow as pa
import pytest
from hypothesis import given

from kit.frames._values import TEXT_LIMIT, escape, name_text, unescape

from .captures import TEXT

PIECES = ["\\", "\ud800", "\udfff", "ud800", "\\udc80", "uD800", "u", "00", "é", "\0"]


@given(TEXT)
def test_every_text_comes_back(text):
    written = escape(text)
    assert unescape(written) == text
    assert pa.array([written]).to_pylist() == [written]


def test_no_two_texts_are_written_alike():
    seen = {}
    for length in range(4):
        for pieces in product(PIECES, repeat=length):
            text = "".join(pieces)
            assert seen.setdefault(escape(text), text) == text
            assert unescape(escape(text)) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\udc80b", "a\\udc80b"),
        ("\\\udc80", "\\\\\\udc80"),
        ("\\udc80", "\\\\udc80"),
        ("C:\\users\\udo", "C:\\users\\udo"),
        ("\\\\server", "\\\\server"),
        ("pair \U0001f600", "pair \U0001f600"),
        ("nul \0", "nul \0"),
    ],
)
def test_only_what_needs_it_is_escaped(text, written):
    assert escape(text) == written


def test_long_runs_of_backslashes_take_linear_time():
    # Quadratic would be some 10**11 steps: minutes, not a moment.
    run = "\\" * 500_000
    for text in (run + "\udc80", run + "udc80", run + "x\udc80"):
        assert unescape(escape(text)) == text


def test_names_are_limited_too():
    assert name_text(["a" * (TEXT_LIMIT + 1), "\udc80"]) == ["a" * TEXT_LIMIT, "\\udc80"]
