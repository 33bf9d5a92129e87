"""Spans: what the wrapper does besides the event."""

import asyncio
import contextlib
import inspect

import pytest

import kit
from kit.testing import capture


@pytest.fixture
def span(unique):
    return kit.span(unique("span"))


def test_a_call_gives_a_context_manager_of_its_own(span):
    first, second = span(), span()
    assert first is not second
    assert isinstance(first, contextlib.AbstractContextManager)
    with first as entered:
        assert entered is first


def test_one_context_manager_may_be_entered_again(span):
    with capture(span.name) as events:
        once = span()
        for _ in range(3):
            with once:
                pass
        once.__exit__(None, None, None)
    assert len(events) == 3


def test_a_value_that_can_be_called_is_a_value_where_there_are_fields(unique):
    span = kit.span(unique("field"), kind=str)
    with capture(span.name) as events, span(print):
        pass
    assert events.one()["kind"] is print


def test_begin_and_end_on_different_threads(span, background):
    with capture(span.name) as events:
        passage = span()
        passage.__enter__()
        background(passage.__exit__, None, None, None)
        background.join()
    assert events.one().dur > 0


def test_spans_of_tasks_overlap(span):
    order = []

    @span
    async def work(turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        order.append(turns)

    async def main():
        await asyncio.gather(work(3), work(1), work(2))

    with capture(span.name) as events:
        asyncio.run(main())
    assert order == [1, 2, 3]
    assert [event.dur for event in events] == sorted(event.dur for event in events)


def test_a_generator_wrapper_delegates_completely(span):
    class Inner:
        """A generator by hand, which notes what reaches it."""

        def __init__(self):
            self.got = []

        def __iter__(self):
            return self

        def __next__(self):
            return self.send(None)

        def send(self, value):
            self.got.append(value)
            return len(self.got)

        def throw(self, error):
            self.got.append(type(error))
            return -1

        def close(self):
            self.got.append("closed")

    inner = Inner()

    @span
    def outer():
        yield from inner

    running = outer()
    assert [next(running), running.send("x"), running.throw(KeyError())] == [1, 2, -1]
    running.close()
    assert inner.got == [None, "x", KeyError, "closed"]


def test_a_generator_that_refuses_to_close_says_so_itself(span):
    @span
    def stubborn():
        try:
            yield
        except GeneratorExit:
            yield

    running = stubborn()
    next(running)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        running.close()


def test_an_asynchronous_generator_that_fails_on_closing_says_so(span):
    @span
    async def work():
        try:
            yield 1
        finally:
            raise OSError("device")

    async def main():
        running = work()
        await anext(running)
        with pytest.raises(OSError, match="device"):
            await running.aclose()

    with capture(span.name) as events:
        asyncio.run(main())
    assert events.one().error == "OSError"


def test_an_asynchronous_generator_in_a_cancelled_task(span):
    closed = []

    @span
    async def work():
        try:
            while True:
                yield
                await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def consume():
        async for _ in work():
            pass

    async def main():
        task = asyncio.create_task(consume())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with capture(span.name) as events:
        asyncio.run(main())
    assert closed == [True]
    assert events.one().error == "CancelledError"


def test_wrapped_functions_keep_their_kind_and_signature(span):
    def plain(a, *, b=1): ...
    def generator(a):
        yield

    async def coroutine(a): ...
    async def both(a):
        yield

    for function in (plain, generator, coroutine, both):
        wrapped = span.wrap(function)
        assert wrapped.__wrapped__ is function
        assert inspect.signature(wrapped) == inspect.signature(function)
        for kind in (
            inspect.isgeneratorfunction,
            inspect.iscoroutinefunction,
            inspect.isasyncgenfunction,
        ):
            assert kind(wrapped) is kind(function)


def test_a_wrapped_function_may_have_parameters_of_any_name(unique):
    span = kit.span(unique("odd"), self=int, function=int)
    wrapped = span.wrap(lambda self, values, args: self, self="self", function="args")
    with capture(span.name) as events:
        assert wrapped(1, values=2, args=3) == 1
    assert events.one().values == {"self": 1, "function": 3}


def test_a_span_inside_a_probe_of_a_span(unique):
    outer, inner = kit.span(unique("outer")), kit.span(unique("inner"))

    def probe(dur, error):
        with inner():
            pass

    with capture(unique("*")) as events, outer.connect(probe):
        with outer():
            pass
    assert sorted(events.names) == [unique("inner"), unique("outer")]
