from decimal import Decimal
from enum import IntEnum, StrEnum
from pathlib import PurePath

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import frames
from kit.core._format import Label
from kit.frames._values import NO_VALUE, TEXT_LIMIT, convert, unescape

from .captures import TYPES, VALUES, one, same


class Side(IntEnum):
    BUY = 1


class Word(StrEnum):
    YES = "yes"


class Liar(int):
    """Its own conversions must not be run."""

    def __pos__(self):
        raise AssertionError

    __int__ = __index__ = __float__ = __eq__ = __pos__
    __hash__ = int.__hash__


class Mute(str):
    """Its own text must not be asked for."""

    __slots__ = ()

    def __str__(self):
        raise AssertionError

    __len__ = __getitem__ = encode = __str__


# For each type: what is taken, as what, and what is not.
FITS = {
    int: [
        (0, 0),
        (-(2**63), -(2**63)),
        (2**63 - 1, 2**63 - 1),
        (Side.BUY, 1),
        (Liar(7), 7),
        (np.int8(-3), -3),
        (np.uint64(2**63 - 1), 2**63 - 1),
        (True, 1),
        (np.False_, 0),
        (1.0, 1),
        (np.float64(1), 1),
        (Decimal(1), 1),
        (np.array(1), 1),
    ],
    float: [
        (1.5, 1.5),
        (3, 3.0),
        (2**53 + 1, float(2**53)),
        (Side.BUY, 1.0),
        (Liar(7), 7.0),
        (np.float32(0.5), 0.5),
        (np.int64(4), 4.0),
        (np.float64(2.5), 2.5),
        (-0.0, -0.0),
        (float("inf"), float("inf")),
        (float("nan"), float("nan")),
        (True, 1.0),
        (np.True_, 1.0),
        (Decimal("1.5"), 1.5),
    ],
    bool: [
        (True, True),
        (False, False),
        (np.True_, True),
        (0, False),
        (1.0, True),
        (np.int8(1), True),
    ],
    str: [
        ("", ""),
        ("a\0b", "a\0b"),
        (Word.YES, "yes"),
        (Label("x"), "x"),
        (np.str_("y"), "y"),
        (Side.BUY, "BUY"),
        (PurePath("a/b"), "a/b"),
    ],
}
FITS[Label] = FITS[str]
MISFITS = {
    int: [
        1.5,
        float("nan"),
        np.float64(1.5),
        "1",
        b"1",
        2**63,
        -(2**63) - 1,
        np.uint64(2**63),
        Decimal("1.5"),
        (),
        [None],
        np.array([1, 2]),
        NO_VALUE,
    ],
    float: ["1.5", 10**400, Decimal("1e400"), 1j, NO_VALUE],
    bool: [2, 0.5, "True", np.int8(2), NO_VALUE],
    str: [b"x", 1, 1.5, ["x"], float("nan"), NO_VALUE],
}
MISFITS[Label] = MISFITS[str]


def column(type, values):
    frame = frames.events(one(type, values), "m")
    series = frame["value"]
    missing = series.isna().tolist()
    return [None if gone else v for gone, v in zip(missing, series, strict=True)], frame.attrs


@pytest.mark.parametrize(
    ("type", "value", "stored"), [(t, *pair) for t, pairs in FITS.items() for pair in pairs]
)
@pytest.mark.parametrize("others", [[], [None], [object()]], ids=["alone", "gap", "misfit"])
def test_what_fits_is_stored(type, value, stored, others):
    values, attrs = column(type, [value, *others])
    plain = values[0].item() if isinstance(values[0], np.generic) else values[0]
    assert same(plain, stored)
    assert attrs["misfits"] == ({"m": {"value": 1}} if others and others[0] is not None else {})


@pytest.mark.parametrize(
    ("type", "value"), [(t, value) for t, values in MISFITS.items() for value in values]
)
def test_what_does_not_fit_is_missing_and_counted(type, value):
    good = FITS[type][0][0]
    values, attrs = column(type, [good, value, None, value])
    assert [v is None for v in values] == [False, True, True, True]
    assert attrs["misfits"] == {"m": {"value": 2}}


@pytest.mark.parametrize("type", TYPES)
def test_none_and_na_are_missing_and_not_counted(type):
    values, attrs = column(type, [None, pd.NA, pd.NaT])
    assert values == [None] * 3
    assert attrs["misfits"] == {}


@given(st.data())
def test_a_column_does_not_depend_on_the_other_rows(data):
    type = data.draw(st.sampled_from(TYPES))
    anything = st.one_of(*VALUES.values(), st.none(), st.integers(), st.sampled_from(MISFITS[type]))
    values = data.draw(st.lists(anything, max_size=6))
    together, attrs = column(type, values)
    apart = [column(type, [value]) for value in values]
    assert all(same(a, b[0][0]) for a, b in zip(together, apart, strict=True))
    counts = [each["misfits"].get("m", {}).get("value", 0) for _, each in apart]
    assert attrs["misfits"].get("m", {}).get("value", 0) == sum(counts)


def test_nan_is_a_value_and_missing_is_not():
    frame = frames.events(one(float, [1.0, float("nan"), None]), "m")
    assert frame["value"].isna().tolist() == [False, False, True]
    assert np.isnan(frame["value"][1])
    # It stays so in what pandas makes of the frame.
    for other in (
        frame.copy(),
        frame[frame.ts >= 0],
        pd.concat([frame, frame]),
        frame.take([2, 1]),
    ):
        assert other["value"].isna().tolist() == (other["ts"] == 2).tolist()


def test_text_is_cut_at_the_limit_and_counted():
    # Characters count, not bytes, and what is escaped counts as it was.
    values = [
        "x" * TEXT_LIMIT,
        "é" * TEXT_LIMIT,
        "é" * (TEXT_LIMIT + 1),
        "\udc80" * (TEXT_LIMIT + 5),
    ]
    stored, attrs = column(str, values)
    assert [unescape(text) for text in stored] == [v[:TEXT_LIMIT] for v in values]
    assert attrs["cut"] == {"m": {"value": 2}}
    assert attrs["misfits"] == {}


def test_text_of_a_subclass_is_taken_without_asking_it():
    for text, stored in [("a", "a"), ("\udc80", "\\udc80"), ("\\udc80", "\\\\udc80")]:
        values, attrs = column(str, [Mute(text), 5])
        assert values == [stored, None]
        assert attrs["misfits"] == {"m": {"value": 1}}


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600"])
def test_plain_text_is_cut_at_the_limit(letter):
    stored, attrs = column(str, ["a", letter * TEXT_LIMIT, letter * (TEXT_LIMIT + 1), None])
    assert stored == ["a", letter * TEXT_LIMIT, letter * TEXT_LIMIT, None]
    assert attrs["cut"] == {"m": {"value": 1}}


@given(st.lists(VALUES[str] | st.none(), max_size=5))
def test_text_comes_back(values):
    for type in (str, Label):
        stored, _ = column(type, values)
        assert [None if t is None else unescape(t) for t in stored] == values


def test_labels_are_categories_in_order():
    frame = frames.events(one(Label, ["b", "a", None, "b"]), "m")
    assert frame["value"].cat.categories.tolist() == ["a", "b"]
    assert frame["value"].cat.codes.tolist() == [1, 0, -1, 1]


def test_the_values_given_are_left_alone():
    values = [1, "x", None]
    convert(values, "int")
    assert values == [1, "x", None]


def test_text_of_a_kind_of_its_own_is_taken_as_it_is():
    """None of its methods is called. Seen to fail when what is missing was counted by comparing."""

    def boom(self, *_):
        raise RuntimeError("boom")

    odd = type("Odd", (str,), dict.fromkeys(("__eq__", "__len__", "__str__", "encode"), boom))
    found = convert(["x", odd("text"), 3, None], "str")
    assert found.data.to_pylist() == ["x", "text", None, None]
    assert found.misfits == 1
