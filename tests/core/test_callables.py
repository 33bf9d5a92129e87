"""What is refused, and what is read off a probe."""

import functools
import inspect

import pytest

import kit
from kit.core import _callables as checks


def plain(): ...
def generator():
    yield


async def coroutine(): ...
async def both():
    yield


class Object:
    async def __call__(self): ...

    async def method(self): ...


class Inherits(Object): ...


@pytest.mark.parametrize(
    "probe",
    [coroutine, both, Object(), Inherits(), Object().method, functools.partial(coroutine)],
    ids=["coroutine", "generator", "object", "inherited", "method", "partial"],
)
def test_what_nobody_would_await_is_no_probe(unique, probe):
    m = kit.marker(unique("m"))
    with pytest.raises(TypeError, match="await"):
        m.connect(probe)
    with pytest.raises(TypeError, match="await"):
        kit.connect(unique("*"), probe)
    assert m.generation == 0


@pytest.mark.parametrize("probe", [plain, print, Object, functools.partial(plain), "".join])
def test_other_callables_are(probe):
    checks.check_probe(probe)


def test_code_flags_say_what_inspect_says():
    for function in (plain, generator, coroutine, both):
        flags = checks.code_flags(function)
        assert bool(flags & checks.GENERATOR) is inspect.isgeneratorfunction(function)
        assert bool(flags & checks.COROUTINE) is inspect.iscoroutinefunction(function)
        assert bool(flags & checks.ASYNC_GENERATOR) is inspect.isasyncgenfunction(function)
    assert (checks.GENERATOR, checks.COROUTINE, checks.ASYNC_GENERATOR) == (
        inspect.CO_GENERATOR,
        inspect.CO_COROUTINE,
        inspect.CO_ASYNC_GENERATOR,
    )


def test_default_names_are_those_of_functions_of_the_top_level_of_main():
    names = {"__name__": "__main__"}
    exec(
        "def top(): pass\n"
        "def make():\n    def inner(): pass\n    return inner\n"
        "class C:\n    def method(self): pass\n"
        "anonymous = lambda: None\n",
        names,
    )
    assert checks.default_name(names["top"]) == "top"
    for probe in (names["make"](), names["C"]().method, names["anonymous"], names["C"], print):
        assert checks.default_name(probe) is None
    assert checks.default_name(plain) is None


def test_a_lambda_s_place_tells_lambdas_of_one_line_apart():
    names = {"__name__": "__main__"}
    source = "one, two = (lambda: 1), (lambda: 2)\nthree = lambda: one\n"
    places = set()
    for _ in range(2):
        exec(compile(source, "<cell>", "exec"), names)
        places |= {checks.lambda_place(names[name]) for name in ("one", "two", "three")}
    assert len(places) == 3
    assert {place[:2] for place in places} == {("<cell>", 1), ("<cell>", 2)}
    assert checks.lambda_place(plain) is None
    assert checks.lambda_place(lambda: None) is None
    assert checks.lambda_place(print) is None
