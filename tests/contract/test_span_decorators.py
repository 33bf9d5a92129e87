"""A span as a decorator: functions, coroutines and generators, without fields and with them."""

import abc
import asyncio
import contextlib
import functools
import inspect
import types

import pytest

import kit
from kit.core._span import Span
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


def test_off_a_wrapped_function_looks_at_nothing(query, monkeypatch):
    """Not even at its own arguments.

    Seen to fail when values are extracted before the array is read.
    """
    looked = []
    made = Span._extractor

    def extractor(*given):
        values = made(*given)

        def looking(args, kwargs):
            looked.append(kwargs)
            return values(args, kwargs)

        return looking

    monkeypatch.setattr(Span, "_extractor", extractor)
    wrapped = query.wrap(lambda *, sql: sql, sql="sql")
    assert wrapped(sql="select 1") == "select 1"
    assert looked == []
    with capture(query.name) as events:
        assert wrapped(sql="select 2") == "select 2"
    assert (looked, outcomes(events)) == ([{"sql": "select 2"}], [("select 2", None)])


TEXT = ["the default"]


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        (lambda sql, /: sql, [(("a",), {}), ((), {"sql": "a"})]),
        (lambda a, /, sql=TEXT, *rest, b=1: sql, [((1,), {}), ((1, "b", 2, 3), {"b": 2})]),
        (lambda *sql: sql, [((), {}), (("a", "b"), {})]),
        (lambda **sql: sql, [((), {}), ((), {"a": 1, "sql": 2}), ((1,), {})]),
        (lambda default0, *, sql=TEXT: sql, [((1,), {"sql": "a"}), ((1,), {}), ((), {})]),
        (lambda sql: sql, [((), {"sql": "a"}), ((1, 2), {}), ((), {"other": 1})]),
    ],
)
def test_a_field_is_what_the_call_binds_its_parameter_to(function, calls):
    """However the parameter is declared and passed.

    Seen to fail when a default is written as its `repr`, and without the commas of a tuple.
    """
    values = kit.span("doc.bound", sql=str)._extractor(function, {"sql": "sql"})
    for args, kwargs in calls:
        try:
            bound = inspect.signature(function).bind(*args, **kwargs)
        except TypeError:
            assert values(args, kwargs) is None
        else:
            bound.apply_defaults()
            (found,) = values(args, kwargs)
            assert found == bound.arguments["sql"]
            assert (found is TEXT) == (bound.arguments["sql"] is TEXT)


# Rule 42


def test_rule_42_a_span_with_fields_used_as_a_decorator_says_what_to_do(query):
    """At once. A function that is passed for a value is one, if a strange one; its passage says the
    same where it is called.

    Seen to fail when all functions are taken for values, and when none is.
    """

    def read():
        pass

    def apart(function):
        return functools.wraps(function)(lambda *args: [function(*args)])

    how = r"wrap\(function, sql="
    with pytest.raises(TypeError, match=how):

        @query
        def first():
            pass

    with pytest.raises(TypeError, match=how):

        @query
        @apart
        def second():
            pass

    with pytest.raises(TypeError, match=how):

        class Book:
            @kit.span(query.name)
            def third(self):
                pass

    for hold in (staticmethod, classmethod, property, functools.cached_property):
        with pytest.raises(TypeError, match=how):
            query(hold(read))
    values = [read, lambda: None, read.__repr__, print, int]
    with capture(query.name) as events:
        for value in values:
            with query(value) as passage:
                with pytest.raises(TypeError, match=how):
                    passage(read)
    assert [event["sql"] for event in events] == values


class Base:
    """A class with one of each kind of what holds a function."""

    def __init__(self, span):
        self.called = []
        cls = type(self)
        for name in ("static", "of_class", "value", "part", "kept", "part_of_class"):
            setattr(cls, name, span(vars(Base)[name]))

    @staticmethod
    def static(n):
        """Document static."""
        return n

    @classmethod
    def of_class(cls, n):
        """Document of_class."""
        return cls.__name__, n

    @property
    def value(self):
        """Document value."""
        return self.called

    @value.setter
    def value(self, n):
        self.called.append(n)

    @value.deleter
    def value(self):
        self.called.clear()

    def plain(self, n, m=0):
        return self, n, m

    part = functools.partialmethod(plain, 1, m=2)
    part_of_class = functools.partialmethod(of_class, 3)

    @functools.cached_property
    def kept(self):
        """Document kept."""
        return len(self.called)


def test_rule_42_what_holds_a_function_in_a_class_holds_it_still(bare):
    """`staticmethod`, `classmethod`, `property` with all that it has, `partialmethod`,
    `cached_property`: used as before, documented as before, one event each time.

    Seen to fail for each of them when what it holds is not looked at.
    """

    class Book(Base):
        pass

    book = Book(bare)
    uses = {
        "static": lambda: (book.static(1), Book.static(2)) == (1, 2),
        "of_class": lambda: (book.of_class(1), Book.of_class(2)) == (("Book", 1), ("Book", 2)),
        "value": lambda: book.value == [],
        "part": lambda: book.part() == (book, 1, 2),
        "part_of_class": lambda: (Book.part_of_class(), book.part_of_class()) == (("Book", 3),) * 2,
        "kept": lambda: (book.kept, book.kept) == (0, 0),
    }
    counts = {}
    for name, use in uses.items():
        assert type(vars(Book)[name]) is type(vars(Base)[name])
        assert vars(Book)[name].__doc__ == vars(Base)[name].__doc__
        with capture(bare.name) as events:
            assert use(), name
        counts[name] = len(events)
    once, twice = ("value", "part", "kept"), ("static", "of_class", "part_of_class")
    assert counts == dict.fromkeys(once, 1) | dict.fromkeys(twice, 2)
    with capture(bare.name) as events:
        book.value = 1
        assert book.called == [1]
        del book.value
        assert book.called == []
    assert len(events) == 2


def test_rule_42_each_accessor_of_a_property_is_inside_once(bare, unique):
    """A span over `@p.setter` is about the setter; a span of another name is another.

    Seen to fail (with two events) when the getter is wrapped once more.
    """
    writing = kit.span(unique("writing"))

    class Book:
        @bare
        @property
        def p(self):
            return 1

        @bare
        @p.setter
        def p(self, value):
            pass

        @property
        def q(self):
            return 2

        @writing
        @q.setter
        def q(self, value):
            pass

    book = Book()
    with capture(unique("*")) as events:
        assert book.p == 1
        book.p = 2
        assert book.q == 2
        book.q = 3
    assert [event.marker for event in events] == [bare.name] * 2 + [writing.name] * 2


def test_rule_42_with_fields_what_holds_a_function_has_its_parameters(query):
    """`wrap` says which parameter is which field, also of what is inside.

    Seen to fail when the fields are looked for among the parameters of the holder.
    """

    class Book:
        @staticmethod
        def static(statement):
            return statement

        @classmethod
        def of_class(cls, statement):
            return statement

        def plain(self, statement, n):
            return statement, n

        part = functools.partialmethod(plain, "part")

    Book.static = query.wrap(vars(Book)["static"], sql="statement")
    Book.of_class = query.wrap(vars(Book)["of_class"], sql="statement")
    Book.part = query.wrap(vars(Book)["part"], sql="statement")
    with capture(query.name) as events:
        assert (Book.static("a"), Book.of_class("b"), Book().part(1)) == ("a", "b", ("part", 1))
    assert outcomes(events) == [("a", None), ("b", None), ("part", None)]


def test_rule_42_a_generator_that_is_a_coroutine_stays_one(bare):
    """`types.coroutine`: awaited, and iterated over; from the first step to the end.

    Seen to fail ("object generator can't be used in 'await'") when it is a plain generator.
    """

    @bare
    @types.coroutine
    def old(result):
        yield
        return result

    async def main():
        return await old(7)

    def by_hand():
        return (yield from old(8))

    with capture(bare.name) as events:
        assert asyncio.run(main()) == 7
        steps = by_hand()
        next(steps)
        assert len(events) == 1
        with pytest.raises(StopIteration) as stop:
            next(steps)
    assert stop.value.value == 8
    assert outcomes(events) == [(None,), (None,)]
    assert inspect.isawaitable(old(1))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_rule_42_what_is_used_by_with_is_timed_while_it_is_used(bare, asynchronous):
    """A span over `contextlib.contextmanager` is around the block, and not around its making.

    Seen to fail (the event is there before the block ends) when it is called like any function.
    """
    log = []

    def steps():
        log.append("enter")
        yield 1
        log.append(f"left, {len(events)} events")

    async def asynchronous_steps():
        for step in steps():
            yield step

    make = contextlib.asynccontextmanager if asynchronous else contextlib.contextmanager
    passing = bare(make(asynchronous_steps if asynchronous else steps))

    async def main():
        async with passing() as one:
            log.append(one)

    with capture(bare.name) as events:
        if asynchronous:
            asyncio.run(main())
        else:
            with passing() as one:
                log.append(one)
    assert log == ["enter", 1, "left, 0 events"]
    assert outcomes(events) == [(None,)]


def test_rule_42_with_parentheses_it_is_the_same(bare):
    """`@span()` and `@kit.span("x")()`, for a function and for what holds one; each call has a
    passage of its own.

    Seen to fail when a passage cannot be called.
    """

    @kit.span(bare.name)()
    def fact(n):
        return n * fact(n - 1) if n else 1

    class Book:
        @bare()
        @staticmethod
        def static():
            return 2

    with capture(bare.name) as events:
        assert (fact(2), Book.static(), Book().static()) == (2, 2, 2)
    assert outcomes(events) == [(None,)] * 5
    for wrong in ((), (print, print), (5,)):
        with pytest.raises(TypeError, match=r"one function|callable"):
            bare()(*wrong)
    with pytest.raises(TypeError, match="one function"):
        bare(5)(print)


@pytest.mark.parametrize("how", ["", "()", ".wrap"])
def test_rule_42_what_cannot_be_decorated_is_refused_at_once(bare, how):
    """A class, what holds a function in a way that nobody knows, and what is none at all.

    Seen to fail when whatever can be called is wrapped, and when what cannot is a value.
    """
    decorate = {"": bare, "()": bare(), ".wrap": bare.wrap}[how]
    with pytest.raises(TypeError, match=r"class Book.*its methods"):

        @decorate
        class Book:
            pass

    with pytest.raises(TypeError, match="below it, right above the def"):

        class Other:
            @decorate
            @functools.singledispatchmethod
            def one(self, value):
                pass


@pytest.mark.parametrize("what", ["function", "class", "property"])
def test_rule_42_without_its_name_a_span_is_told_to_have_one(what):
    """Bare `@kit.span`: the right form is in the message.

    Seen to fail when it says only that a name is text.
    """

    def read():
        pass

    given = {"function": read, "class": Base, "property": property(read)}[what]
    for declare in (kit.span, kit.marker):
        with pytest.raises(kit.errors.FormatError, match=r'@kit\.span\("its\.name"\)'):
            declare(given)


def test_rule_42_other_callables_and_other_decorators(bare, query):
    """A partial, a builtin, an object, a lambda, an abstract method, a generic function: called as
    before. A builtin whose parameters nobody knows is refused where one is asked for.

    Seen to fail when the attributes of the function are not those of the wrapper.
    """

    class Works:
        def __call__(self, n):
            return n + 1

    @bare
    @functools.singledispatch
    def generic(value):
        return "any"

    @generic.register
    def _(value: int):
        return "int"

    class Abstract(abc.ABC):
        @bare
        @abc.abstractmethod
        def one(self):
            pass

        @abc.abstractmethod
        @bare
        def two(self):
            pass

    @bare
    @functools.cache
    def cached(n):
        return n

    calls = [
        (bare(functools.partial(pow, 2)), (3,), 8),
        (bare(len), ("abc",), 3),
        (bare(Works()), (1,), 2),
        (bare(lambda n: n), (4,), 4),
        (bare(bare(lambda: 5)), (), 5),
        (generic, (1,), "int"),
        (generic, ("a",), "any"),
        (cached, (6,), 6),
    ]
    with capture(bare.name) as events:
        for function, args, result in calls:
            assert function(*args) == result
    assert len(events) == len(calls) + 1
    assert Abstract.__abstractmethods__ == {"one", "two"}
    with pytest.raises(TypeError, match="function of your own"):
        query.wrap(getattr, sql="name")


# A plain function that returns a coroutine


def test_rule_42_the_coroutine_that_a_function_returns_is_what_is_timed(bare, query):
    """Decorators often stand between a span and an `async def`: awaiting is what takes time.

    Seen to fail (with an event before it is awaited) when what is returned is not looked at.
    """

    async def work(result):
        assert len(events) == before
        await asyncio.sleep(0)
        if result == "fail":
            raise ValueError(result)
        return result

    @functools.wraps(work)
    def stacked(*args):
        return work(*args)

    wrapped = bare(stacked)

    async def main():
        nonlocal before
        coroutine = wrapped(7)
        assert inspect.iscoroutine(coroutine)
        assert coroutine.__qualname__ == work.__qualname__
        assert await coroutine == 7
        before = 1
        with pytest.raises(ValueError, match="fail"):
            await asyncio.create_task(wrapped("fail"))
        before = 2
        assert await query.wrap(lambda sql: stacked(sql or ""), sql="sql")("select") == "select"

    before = 0
    with capture(bare.name) as events:
        with capture(query.name) as others:
            asyncio.run(main())
    assert outcomes(events) == [(None,), ("ValueError",)]
    assert outcomes(others) == [("select", None)]


def test_rule_42_off_nothing_is_put_around_what_a_function_returns(bare):
    """Off at the call means no event, and the very same coroutine; on, and off when it is awaited,
    none either.

    Seen to fail when what is returned is replaced off as well.
    """

    async def work():
        return 1

    made = []
    wrapped = bare(lambda: made.append(work()) or made[-1])
    assert wrapped() is made[0]
    made.pop().close()
    fresh = bare(lambda: work())  # noqa: PLW0108 - not a coroutine function
    off = fresh()
    assert off.cr_code is work.__code__
    with capture(bare.name) as events:
        on = fresh()
        assert asyncio.run(off) == 1
    assert asyncio.run(on) == 1
    assert events == []


def test_rule_42_a_coroutine_that_is_never_awaited_is_told_of_once(bare):
    """Closed before it begins, or thrown into, as a cancelled task is: no word. Forgotten: one.

    Seen to fail (with a second warning) when the inner one is left to itself.
    """

    async def work():
        pass

    wrapped = bare(lambda: work())  # noqa: PLW0108 - not a coroutine function

    async def cancelled():
        task = asyncio.ensure_future(wrapped())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with capture(bare.name) as events:
        wrapped().close()
        asyncio.run(cancelled())
        with pytest.warns(RuntimeWarning, match="work' was never awaited") as warned:
            wrapped()
    assert len(warned) == 1
    assert events == []


def test_rule_42_what_somebody_else_holds_or_has_begun_is_left_alone(bare):
    """A coroutine that the function keeps, one that has begun, a task, a future, a generator: the
    very same comes back, and the call is what is timed.

    Seen to fail when it is not asked who else holds it, and when it is not asked whether it has
    begun.
    """

    async def work():
        await asyncio.sleep(0)

    def begins():
        coroutine = work()
        coroutine.send(None)
        return coroutine

    async def main():
        begun = begins()
        kept = work()
        task = asyncio.ensure_future(work())
        results = [kept, begun, task, asyncio.get_running_loop().create_future(), iter(())]
        for result in results:
            assert bare(lambda result=result: result)() is result
        with pytest.raises(StopIteration):
            begun.send(None)
        await kept
        await task
        assert bare(begins)().cr_code is work.__code__

    with capture(bare.name) as events:
        asyncio.run(main())
    assert outcomes(events) == [(None,)] * 6
