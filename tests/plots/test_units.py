"""Numbers as text."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.plots import units

SIZES = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9, "min": 6e10, "h": 3.6e12}


@given(st.integers(0, 10**16))
def test_a_duration_has_three_digits_and_no_exponent(ns):
    number, unit = units.duration(ns).split(" ")
    digits = number.replace(",", "").replace(".", "").strip("0")
    assert len(digits) <= 3
    assert "e" not in number
    assert float(number.replace(",", "")) * SIZES[unit] == pytest.approx(ns, rel=0.005)


@given(st.integers(1_000, 10**12))
def test_the_unit_is_the_largest_that_keeps_a_digit_before_the_point(ns):
    number, unit = units.duration(ns).split(" ")
    assert 1 <= float(number.replace(",", "")) < 1000 or unit == "h"


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (999.6, "1 µs"),
        (1_005, "1 µs"),
        (9_996, "10 µs"),
        (123_456, "123 µs"),
        (-41_230, "-41.2 µs"),
        (59_000_000_000, "59 s"),
        (90_000_000_000, "1.5 min"),
        (-5_400_000_000_000, "-1.5 h"),
        (0.5, "0.5 ns"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_durations_at_the_edges(ns, text):
    assert units.duration(ns) == text


def test_an_exact_duration_keeps_every_nanosecond():
    assert units.exact(40_000_001) == "40 ms (40,000,001 ns)"


def test_rates_use_powers_of_a_thousand():
    assert [units.rate(r) for r in (0.0, 999.4, 999.9, 1.5e6)] == [
        "0/s",
        "999/s",
        "1 k/s",
        "1.5 M/s",
    ]


@given(st.text(max_size=40))
def test_plain_text_is_one_line_and_never_tex(text):
    made = units.plain(text)
    assert made.isprintable() or "\u2060" in made
    assert "\n" not in made
    assert not any(mark in made for mark in ("$$", r"\[", r"\("))


@given(st.text(max_size=80), st.integers(5, 30))
def test_short_text_fits_and_keeps_both_ends(text, limit):
    made = units.short(text, limit)
    assert len(made) <= max(limit, 1)
    if len(units.plain(text)) > limit:
        assert made[0] == units.plain(text)[0]
        assert made[-1] == units.plain(text)[-1]


@pytest.mark.parametrize("missing", [None, float("nan"), np.float64("nan"), pd.NA])
def test_what_is_missing_is_a_dash(missing):
    assert units.duration(missing) == units.exact(missing) == units.number(missing) == "–"


def test_numbers_of_a_frame_are_numbers():
    assert units.duration(np.int64(41_230)) == units.duration(np.float64(41_230)) == "41.2 µs"
    column = pd.Series([1_500, None], dtype="Int64")
    assert column.map(units.duration).tolist() == ["1.5 µs", "–"]
