import functools
import types

import pytest

import kit
from kit.widgets._panel.probe_choices import READY, own, own_functions


@pytest.fixture
def fill():
    return kit.marker("choices.fill", qty=int, px=float)


@pytest.fixture
def query():
    return kit.span("choices.query", sql=str)


def in_main(function, name):
    """A function as a notebook's cell defines it."""
    made = types.FunctionType(function.__code__, function.__globals__, name)
    made.__module__ = "__main__"
    made.__defaults__ = function.__defaults__
    return made


def test_functions_of_the_notebook_are_found():
    namespace = {
        "on_fill": in_main(lambda qty, px: None, "on_fill"),
        "_private": in_main(lambda: None, "_private"),
        "imported": functools.wraps,
        "a_class": dict,
        "number": 3,
    }
    assert list(own_functions([], namespace)) == ["own:on_fill"]


def test_those_handed_over_come_first():
    def on_fill(qty, px):
        """Sums what was filled.

        And more.
        """

    found = own_functions([on_fill], {"another": in_main(lambda: None, "another")})
    assert list(found) == ["own:on_fill", "own:another"]
    assert found["own:on_fill"].hint == "Sums what was filled."


def test_two_lambdas_are_told_apart():
    found = own_functions([lambda a: a, lambda b: b], {})
    assert len(found) == 2
    assert len({choice.label for choice in found.values()}) == 2


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="'text'"):
        own_functions(["text"], {})


@pytest.mark.parametrize(
    "function",
    [
        lambda qty, px: None,
        lambda *args: None,
        lambda qty, px, extra=1: None,
        max,
        functools.partial(lambda a, qty, px: None, 1),
    ],
)
def test_what_fits(fill, function):
    assert own(function, "f").misfit(fill) == ""


def test_what_does_not_fit_says_what_is_passed(fill, query):
    def on_fill(qty):
        pass

    assert "(qty, px)" in own(on_fill).misfit(fill)
    assert "(dur, error, sql)" in own(on_fill).misfit(query)


def test_coroutine_functions_do_not_fit(fill):
    async def on_fill(qty, px):
        pass

    assert "coroutine" in own(on_fill).misfit(fill)


def test_every_marker_has_ready_made_probes_of_its_own(fill):
    for choice in READY:
        assert choice.misfit(fill) == ""
        assert choice.make() is not choice.make()
