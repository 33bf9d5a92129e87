"""A span as a decorator: functions, coroutines and generators, without fields and with them."""

import asyncio
import functools
import inspect

import pytest

import kit
from kit.testing import capture, strict


@pytest.fixture
def query(unique) -> kit.Span:
    return kit.span(unique("query"), sql=str)


@pytest.fixture
def bare(unique) -> kit.Span:
    return kit.span(unique("bare"))


def outcomes(events) -> list:
    """Values and error of each event; every duration is a positive number of nanoseconds."""
    assert all(isinstance(event.dur, int) and event.dur > 0 for event in events)
    return [(*event.values.values(), event.error) for event in events]


# As a decorator


def test_a_function(bare):
    """Called as before, documented as before, one event a call; off, none.

    Seen to fail when the wrapper has no `__wrapped__`, and when the result is dropped.
    """

    @bare
    def add(a, b=2, *, c=3):
        """Add."""
        return a + b + c

    assert add(1) == 6
    with capture(bare.name) as events:
        assert add(1, b=1, c=1) == 3
        with pytest.raises(TypeError, match="add"):
            add()
    assert [event.error for event in events] == [None, "TypeError"]
    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert str(inspect.signature(add)) == "(a, b=2, *, c=3)"


def test_a_method(bare):
    """A decorated function in a class is a method.

    Seen to fail when the wrapper is an object that does not bind.
    """

    class Book:
        @bare
        def me(self):
            return self

    book = Book()
    with capture(bare.name) as events:
        assert book.me() is book
    assert len(events) == 1


def test_a_coroutine_function(bare):
    """From the first step to the end; also one that is cancelled.

    Seen to fail when coroutine functions are wrapped like others.
    """

    @bare
    async def work(result):
        await asyncio.sleep(0)
        return result

    @bare
    async def forever():
        await asyncio.Event().wait()

    async def main():
        assert await work(7) == 7
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        work(8).close()

    with capture(bare.name) as events:
        asyncio.run(main())
    assert outcomes(events) == [(None,), ("CancelledError",)]
    assert inspect.iscoroutinefunction(work)


def test_a_generator_function(bare):
    """From the first step to the end: used up, closed early, failed; values may be sent and thrown.

    Seen to fail when generator functions are wrapped like others, and when closing is an error.
    """

    @bare
    def work(count):
        for n in range(count):
            try:
                got.append((yield n))
            except KeyError:
                got.append("thrown")
        return "result"

    got: list[object] = []
    assert inspect.isgeneratorfunction(work)
    with capture(bare.name) as events:
        assert list(work(3)) == [0, 1, 2]
        assert got == [None] * 3
        closed = work(3)
        assert next(closed) == 0
        assert len(events) == 1
        closed.close()
        talking = work(3)
        assert (next(talking), talking.send("sent"), talking.throw(KeyError())) == (0, 1, 2)
        with pytest.raises(StopIteration) as stop:
            next(talking)
        failing = work(3)
        next(failing)
        with pytest.raises(ValueError, match="out"):
            failing.throw(ValueError("out"))
        work(3)  # never begun
    assert (stop.value.value, got[3:]) == ("result", ["sent", "thrown", None])
    assert outcomes(events) == [(None,), (None,), (None,), ("ValueError",)]


def test_an_asynchronous_generator_function(bare):
    """Likewise, with `asend`, `athrow` and `aclose`.

    Seen to fail when asynchronous generators are wrapped like others, when what is sent is lost,
    and when the inner one is not closed.
    """
    got: list[object] = []

    @bare
    async def work(count):
        try:
            for n in range(count):
                try:
                    got.append((yield n))
                except KeyError:
                    got.append("thrown")
        finally:
            got.append("end")

    async def main():
        assert [n async for n in work(2)] == [0, 1]
        closed = work(2)
        assert await anext(closed) == 0
        await closed.aclose()
        talking = work(3)
        assert await anext(talking) == 0
        assert await talking.asend("sent") == 1
        assert await talking.athrow(KeyError()) == 2
        with pytest.raises(ValueError, match="out"):
            await talking.athrow(ValueError("out"))
        with pytest.raises(StopAsyncIteration):
            await anext(talking)

    assert inspect.isasyncgenfunction(work)
    with capture(bare.name) as events:
        asyncio.run(main())
    assert got == [None, None, "end", "end", "sent", "thrown", "end"]
    assert outcomes(events) == [(None,), (None,), ("ValueError",)]


@pytest.mark.parametrize("kind", ["partial", "method", "object"])
def test_what_stands_for_a_coroutine_function_is_one(bare, kind):
    """A partial, a bound method, an object that is called: the span lasts as long as the work.

    Seen to fail when only functions are looked at.
    """

    class Works:
        async def work(self, value):
            await asyncio.sleep(0)
            assert events == []
            return value

        __call__ = work

    target = {
        "partial": functools.partial(functools.partial(Works().work), 1),
        "method": Works().work,
        "object": Works(),
    }[kind]
    wrapped = bare.wrap(target)
    with capture(bare.name) as events:
        assert asyncio.run(wrapped() if kind == "partial" else wrapped(1)) == 1
    assert outcomes(events) == [(None,)]


def test_switched_on_while_a_generator_runs_there_is_no_event(bare):
    """Off at entry means no event: for a generator, entry is its first step.

    Seen to fail when the passage is opened at the call.
    """

    @bare
    def work():
        yield 1
        yield 2

    running, waiting = work(), work()
    next(running)
    with capture(bare.name) as events:
        assert list(running) == [2]
        assert list(waiting) == [1, 2]
    assert outcomes(events) == [(None,)]


# With fields


def test_wrap_says_which_parameters_are_which_fields(unique):
    """By position, keyword or default, in the order of the fields.

    Seen to fail when values are taken in the order of the parameters, and when defaults are left
    out.
    """
    span = kit.span(unique("io"), size=int, path=str)

    def read(path, mode="r", *, limit=10):
        return path, mode, limit

    wrapped = span.wrap(read, path="path", size="limit")
    with capture(span.name) as events:
        assert wrapped("a") == ("a", "r", 10)
        assert wrapped(path="b", limit=5) == ("b", "r", 5)
        assert wrapped("c", "w", limit=6) == ("c", "w", 6)
    assert outcomes(events) == [(10, "a", None), (5, "b", None), (6, "c", None)]


def test_wrap_of_generators_and_coroutines_has_fields_too(query):
    """Seen to fail when the fields are those of the first kind only."""

    async def coroutine(sql):
        return sql

    def generator(sql):
        yield sql

    async def both(sql):
        yield sql

    async def main():
        assert await query.wrap(coroutine, sql="sql")("a") == "a"
        assert [x async for x in query.wrap(both, sql="sql")("c")] == ["c"]

    with capture(query.name) as events:
        asyncio.run(main())
        assert list(query.wrap(generator, sql="sql")("b")) == ["b"]
    assert outcomes(events) == [("a", None), ("c", None), ("b", None)]


def test_wrap_refuses_what_it_cannot_find(query, bare):
    """At once, naming field and function.

    Seen to fail when parameters are not checked.
    """

    def read(path):
        return path

    for parameters, culprit in [
        ({}, "sql"),
        ({"nope": "path"}, "nope"),
        ({"sql": "path", "nope": "path"}, "nope"),
        ({"sql": "statement"}, "statement"),
    ]:
        with pytest.raises(TypeError, match=culprit):
            query.wrap(read, **parameters)
    with pytest.raises(TypeError, match="nope"):
        bare.wrap(read, nope="path")
    for span in (query, bare):
        with pytest.raises(TypeError, match="callable"):
            span.wrap("read")


def test_wrong_arguments_of_a_wrapped_function_are_the_function_s_own_error(query):
    """Strict or not: `TypeError` from the function, which did not run; nothing is counted.

    Seen to fail when an event without values is fired.
    """
    wrapped = query.wrap(lambda statement: statement, sql="statement")
    with capture(query.name) as events:
        for on in (False, True):
            with strict(on), pytest.raises(TypeError, match="statement"):
                wrapped()
    assert (list(events), query.skipped) == ([], 0)


def test_a_span_with_fields_used_as_a_decorator_says_what_to_do(query):
    """When the decorated name is called, not in the program's first span.

    Seen to fail when `Timing` cannot be called.
    """

    @query
    def read():
        pass

    with pytest.raises(TypeError, match=r"wrap\(function"):
        read()


def test_off_a_wrapped_function_looks_at_nothing(query):
    """Not even at its own arguments.

    Seen to fail when values are extracted before the array is read.
    """
    looked = []

    class Signature(inspect.Signature):
        def bind(self, *args, **kwargs):
            looked.append(args)
            return super().bind(*args, **kwargs)

    def read(sql):
        return sql

    read.__signature__ = Signature([inspect.Parameter("sql", inspect.Parameter.KEYWORD_ONLY)])
    wrapped = query.wrap(read, sql="sql")
    assert wrapped(sql="select 1") == "select 1"
    assert looked == []
    with capture(query.name) as events:
        assert wrapped(sql="select 2") == "select 2"
    assert (len(looked), outcomes(events)) == (1, [("select 2", None)])
