"""Labels come from the recorder's blocks as numbers, each text once: the same as one by one."""

from __future__ import annotations

import itertools
import random
import threading

import pandas as pd
import pytest

import kit
from kit.frames._values import TEXT_LIMIT, escape

_ODD = ("", "a", "ab", "a\0", "abcd", "abcde", "abcdefg", "abcdefgh", "abcdefghi", "\0" * 8)
_MORE = (
    "x" * 16,
    "x" * 17,
    "y" + "x" * 16,
    "é",
    "日本語日本語",
    "a\udc80",
    r"a\udc80",
    r"C:\users",
)


@pytest.fixture
def unique():
    numbers = itertools.count()
    return lambda text: f"labels.{id(numbers)}.{text}{next(numbers)}"


def recorded(name, values):
    """A frame of the labels, recorded on a marker of that name."""
    marker = kit.marker(name, label=kit.Label)
    with kit.record(name) as recorder:
        for value in values:
            marker(value)
    return recorder.frame(name)


def same(column, values):
    wanted = [None if value is None else escape(value[:TEXT_LIMIT]) for value in values]
    assert isinstance(column.dtype, pd.CategoricalDtype)
    assert [None if pd.isna(value) else value for value in column] == wanted
    assert list(column.cat.categories) == sorted({text for text in wanted if text is not None})


@pytest.mark.parametrize("seed", range(4))
def test_labels_are_those_that_were_recorded(unique, seed):
    dice = random.Random(seed)
    choice = [*_ODD, *_MORE] if seed % 2 else [*_ODD]
    choice += [None] if seed > 1 else []
    values = [dice.choice(choice) for _ in range(2000)]
    same(recorded(unique("m"), values).label, values)


def test_many_different_labels_are_found_again(unique):
    """More than there is room for at first; short ones, and some that are found by a hash."""
    values = [str(number) * (1 + number % 5) for number in range(20_000)] * 2
    same(recorded(unique("m"), values).label, values)


@pytest.mark.filterwarnings("ignore::kit.errors.MisfitWarning")
def test_what_is_not_there_is_no_label(unique):
    """Nor is an empty text, which stands in the place of a misfit."""
    name = unique("m")
    frame = recorded(name, (None, 1, "b", None, 2.5))
    assert frame.label.isna().tolist() == [True, True, False, True, True]
    assert list(frame.label.cat.categories) == ["b"]
    assert sum(frame.attrs["misfits"][name].values()) == 2


def test_nothing_but_missing_labels(unique):
    same(recorded(unique("m"), [None, None]).label, [None, None])


def test_a_label_that_was_cut_is_counted(unique):
    name, values = unique("m"), ["x" * (TEXT_LIMIT + 1), "x" * TEXT_LIMIT, "y"]
    frame = recorded(name, values)
    same(frame.label, values)
    assert sum(frame.attrs["cut"][name].values()) == 1


@pytest.mark.filterwarnings("ignore::kit.errors.MisfitWarning")
@pytest.mark.parametrize(("first", "then"), [(kit.Label, str), (str, kit.Label)])
def test_a_label_declared_anew_as_text_and_text_as_a_label(unique, first, then):
    name = unique("m")
    marker = kit.marker(name, label=first)
    with kit.record(name) as recorder:
        for value in ("a", None, "long enough", 3):
            marker(value)
        recorder.stop()
        kit.marker(name, label=then)
        column = recorder.frame(name).label
    assert [None if pd.isna(value) else value for value in column] == [
        "a",
        None,
        "long enough",
        None,
    ]


def test_labels_of_several_threads_and_markers(unique):
    one, other = unique("m"), unique("m")
    both = one.rpartition(".")[0] + ".*"
    markers = kit.marker(one, label=kit.Label), kit.marker(other, label=kit.Label, n=int)

    def fire(number):
        for turn in range(200):
            markers[0](f"{number}")
            markers[1](f"label {turn % 3}", turn)

    with kit.record(both) as recorder:
        threads = [threading.Thread(target=fire, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    frame = recorder.frame()
    assert set(frame[frame.marker == one].label) == {"0", "1", "2"}
    assert (
        frame[frame.marker == other].label
        == "label " + (frame.n % 3).astype(str)[frame.marker == other]
    ).all()
    assert list(frame.label.cat.categories) == ["0", "1", "2", "label 0", "label 1", "label 2"]
    assert set(recorder.frame(one).label.cat.categories) == {"0", "1", "2"}
