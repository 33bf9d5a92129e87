"""A marker with a duration, and what it can decorate."""

from __future__ import annotations

import functools
import sys
import types
from functools import cached_property, partialmethod
from types import FunctionType

from kit.core._callables import (
    ASYNC_GENERATOR,
    COROUTINE,
    GENERATOR,
    ITERABLE_COROUTINE,
    code_flags,
    label_of,
    not_begun,
    only_here,
)
from kit.core._dispatch.dispatcher import SpanCall, Timing, called_fast
from kit.core._marker import Marker
from kit.core._runtime import home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
    from inspect import Signature
    from types import CoroutineType
    from typing import Any, Final, TypeAlias, TypeVar, overload

    F = TypeVar(
        "F",
        bound=Callable[..., Any]
        | classmethod[Any, ..., Any]
        | property
        | functools.partialmethod[Any]
        | functools.cached_property[Any],
    )
    Extractor: TypeAlias = Callable[[tuple[Any, ...], dict[str, Any]], tuple[Any, ...] | None]
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any


__all__ = ["Span", "Timing", "is_being_defined", "no_value", "refuse", "remade"]


class _Off:
    """The passage of a call that nobody looks at."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass


_OFF: Final = _Off()


class _Kept:
    """A coroutine that only this holds; it ends with it, also where it has not begun."""

    __slots__ = ("coroutine",)

    def __init__(self, coroutine: CoroutineType[Any, Any, Any]) -> None:
        self.coroutine = coroutine

    def __del__(self) -> None:
        # Of the one that was to await it Python says that nobody did.
        if not_begun(self.coroutine):
            self.coroutine.close()


@called_fast
class Span(SpanCall, Marker):
    """A marker with a duration: a context manager, and a decorator.

    Made by `kit.span`. Its probes are called once a passage, at the end, as
    ``probe(dur, error, *fields)``: the duration in nanoseconds, and the name of the exception's
    type that ended the body, or ``None``.

    Examples
    --------
    >>> import kit
    >>> query = kit.span("doc.query", sql=str)
    >>> seen = []
    >>> with query.connect(lambda dur, error, sql: seen.append((dur > 0, error, sql))):
    ...     with query("select 1"):
    ...         pass
    >>> seen
    [(True, None, 'select 1')]
    """

    __slots__ = ()

    if TYPE_CHECKING:  # as those who pass through it see it; `SpanCall` does it

        @overload
        def __call__(self, function: F, /) -> F: ...
        @overload
        def __call__(self, /, *args: Any, **kwargs: Any) -> Timing: ...
        def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
            """Open a passage, or decorate a function."""

    def wrap(self, function: F, /, **parameters: str) -> F:
        """Return a function that does the same inside this span.

        Parameters
        ----------
        function : callable
            A function, coroutine function, generator function or asynchronous generator function.
            The span of a coroutine or a generator lasts from its first step to its end; so does
            that of a coroutine which a plain function returns, and which nobody else holds. Of
            whatever else a function returns, such as a future, the call alone is timed.

            Or what holds a function: a ``staticmethod``, ``classmethod``, ``property``,
            ``functools.partialmethod``, ``functools.cached_property``, or what
            ``contextlib.contextmanager`` has made; the same kind comes back. Of any other callable
            a function comes back: in the body of a class put it into a ``staticmethod`` first.
        **parameters : str
            For each field of the span, which of the function's parameters is its value.

        Returns
        -------
        callable

        Raises
        ------
        TypeError
            When a field is left out or unknown, or the function has no such parameter; for a class,
            and for what holds a function in another way.

        Examples
        --------
        >>> import kit
        >>> load = kit.span("doc.load", path=str)
        >>> @load.wrap  # doctest: +ELLIPSIS
        ... def wrong(path):
        ...     pass
        Traceback (most recent call last):
        ...
        TypeError: span 'doc.load' has the fields path: say which parameter each is, ...
        >>> def read(path, mode="r"):
        ...     return path
        >>> read = load.wrap(read, path="path")
        >>> read("a.txt")
        'a.txt'
        """
        refuse(self, function)
        made: F | None = remade(self, function, lambda inner: self.wrap(inner, **parameters))
        return self._around(function, parameters) if made is None else made

    def _around(self, function: Any, parameters: dict[str, str]) -> Any:  # noqa: C901 - five kinds
        """Return the function that runs another one inside this span, of the same kind."""
        values = self._extractor(function, parameters)
        # Below, `Span._passage` and not `self._passage`: the name may have become a plain marker's.
        flags = code_flags(function)
        wrapper: Callable[..., Any]
        if flags & COROUTINE:

            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                with Span._passage(self, values, args, kwargs):
                    return await function(*args, **kwargs)

        elif flags & ASYNC_GENERATOR:

            async def wrapper(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
                with Span._passage(self, values, args, kwargs):
                    inner: AsyncGenerator[Any, Any] = function(*args, **kwargs)
                    try:
                        item = await anext(inner)
                        while True:
                            try:
                                sent = yield item
                            except GeneratorExit:
                                raise
                            except BaseException as error:
                                item = await inner.athrow(error)
                            else:
                                item = await inner.asend(sent)
                    except StopAsyncIteration:
                        return
                    finally:
                        await inner.aclose()

        elif flags & GENERATOR:

            def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
                with Span._passage(self, values, args, kwargs):
                    return (yield from function(*args, **kwargs))

            if flags & ITERABLE_COROUTINE:
                wrapper = types.coroutine(wrapper)

        else:
            wrapper = self._around_call(function, values)
        wrapped: Any = functools.update_wrapper(wrapper, function)
        wrapped.kit_span = self
        return wrapped

    def _around_call(self, function: Callable[..., Any], values: Extractor) -> Callable[..., Any]:
        """Return the same for a plain function, which may return a coroutine all the same."""

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            # What `_passage` does, which would cost one more call.
            if self._array is None or (found := values(args, kwargs)) is None:
                return function(*args, **kwargs)
            passage = Timing(self, found, {})
            passage.__enter__()
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                passage.__exit__(type(error), error, error.__traceback__)
                raise
            if type(result) is types.CoroutineType and not_begun(result) and only_here(result):
                # Its awaiting is what takes time, and has a passage of its own.
                awaited: Any = Span._awaited(self, _Kept(result), values, args, kwargs)
                awaited.__name__, awaited.__qualname__ = result.__name__, result.__qualname__
                return awaited
            passage.__exit__(None, None, None)
            return result

        return wrapper

    async def _awaited(
        self, kept: _Kept, values: Extractor, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Await a coroutine inside this span."""
        with Span._passage(self, values, args, kwargs):
            return await kept.coroutine

    def _decorate(self, value: object, depth: int = 1) -> None:
        """Refuse to take for a field's value what this span, which has fields, was to decorate."""
        if not no_value(value):
            return
        if type(value) is types.FunctionType and not is_being_defined(value, sys._getframe(depth)):
            return
        raise TypeError(self._how_to_decorate())

    def _how_to_decorate(self) -> str:
        if not self.format or not self.format.names:
            return (
                f"a passage through span {self.name!r} is used by `with`; as a decorator it takes "
                "one function"
            )
        example = ", ".join(f"{name}='...'" for name in self.format.names)
        return (
            f"span {self.name!r} has fields, so it cannot decorate a function by itself; say which "
            f"parameters they are: kit.span({self.name!r}).wrap(function, {example})"
        )

    def _passage(
        self,
        values: Extractor,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Timing | _Off:
        """Return the context of one call of a wrapped function; off, it looks at nothing."""
        if self._array is None:
            return _OFF
        found = values(args, kwargs)
        # Arguments that the function does not take: the call is about to say so.
        return _OFF if found is None else Timing(self, found, {})

    def _extractor(self, function: Callable[..., Any], parameters: dict[str, str]) -> Extractor:
        """Return what finds the fields' values among a call's arguments."""
        names = self.format.names if self.format is not None else ()
        if not names and not parameters:
            return lambda *_: ()
        import inspect

        if set(parameters) != set(names):
            unknown = [name for name in parameters if name not in names]
            if unknown:
                raise TypeError(f"span {self.name!r} has no field {unknown[0]!r}")
            example = ", ".join(f"{name}='...'" for name in names)
            raise TypeError(
                f"span {self.name!r} has the fields {', '.join(names)}: say which parameter each "
                f"is, as in wrap(function, {example})"
            )
        try:
            signature = inspect.signature(function)
        except ValueError:
            raise TypeError(
                f"the parameters of {label_of(function)} are unknown; wrap a function of your own "
                "that calls it"
            ) from None
        for parameter in parameters.values():
            if parameter not in signature.parameters:
                raise TypeError(
                    f"{getattr(function, '__qualname__', function)!s}{signature} "
                    f"has no parameter {parameter!r}"
                )
        found = _compiled(signature, [parameters[name] for name in names])

        def values(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
            try:
                return found(*args, **kwargs)
            except TypeError:
                return None

        return values


class _Spelled:
    """A default value as it is written in a function's text."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _compiled(signature: Signature, names: list[str]) -> Callable[..., tuple[Any, ...]]:
    """Make a function that takes what another one takes, and returns some of it.

    `inspect.Signature.bind` does the same, and takes fifteen times as long.
    """
    scope: dict[str, Any] = {"__name__": __name__}
    parameters = []
    for place, parameter in enumerate(signature.parameters.values()):
        default: Any = parameter.empty
        if parameter.default is not parameter.empty:
            default = _Spelled(f"default{place}")
            scope[default.text] = parameter.default
        parameters.append(parameter.replace(default=default, annotation=parameter.empty))
    takes = signature.replace(parameters=parameters, return_annotation=signature.empty)
    exec(f"def found{takes}: return {', '.join(names)},", scope)
    found: Callable[..., tuple[Any, ...]] = scope["found"]
    return found


_HOLDERS: Final = (staticmethod, classmethod, property, partialmethod, cached_property)


def no_value(value: object) -> bool:
    """Tell whether something is part of a class, or a function: hardly the value of a field."""
    return type(value) is FunctionType or isinstance(value, _HOLDERS)


def refuse(span: Span, function: object) -> None:
    """Raise `TypeError` for what would be lost as a function, with what to do instead."""
    if isinstance(function, type):
        raise TypeError(
            f"span {span.name!r} cannot decorate the class {function.__name__}, which would "
            "become a function: decorate its methods, such as __init__, or a function that calls it"
        )
    if isinstance(function, _HOLDERS) or callable(function):
        return
    if hasattr(type(function), "__get__"):
        raise TypeError(
            f"span {span.name!r} cannot decorate a {type(function).__name__}: put the span below "
            "it, right above the def"
        )
    raise TypeError(f"span {span.name!r} can only wrap a callable, got {function!r}")


def remade(span: Span, holder: Any, wrap: Callable[[Any], Any]) -> Any:
    """Return what holds functions anew, around the wrapped ones; None where it holds none.

    Of a property, each accessor that is not inside this span already: ``@span`` over
    ``@p.setter`` is not about the getter, which may have one of its own.
    """
    if isinstance(holder, staticmethod | classmethod):
        return type(holder)(wrap(holder.__func__))
    if isinstance(holder, property):
        made = holder
        for accessor, change in (("fget", "getter"), ("fset", "setter"), ("fdel", "deleter")):
            function = getattr(holder, accessor)
            if function is not None and getattr(function, "kit_span", None) is not span:
                made = getattr(made, change)(wrap(function))
        return made
    if isinstance(holder, partialmethod):
        return type(holder)(wrap(holder.func), *holder.args, **holder.keywords)
    if isinstance(holder, cached_property):
        cached: cached_property[Any] = type(holder)(wrap(holder.func))
        cached.attrname = holder.attrname
        return cached
    make = _made_by(holder)
    return None if make is None else make(wrap(holder.__wrapped__))


def _made_by(function: Any) -> Callable[[Any], Any] | None:
    """Return what made a function of a generator function to be used by ``with``, if so."""
    contextlib: Any = sys.modules.get("contextlib")  # nobody has used it who has not imported it
    code = getattr(function, "__code__", None)
    if contextlib is None or code is None:
        return None
    for make in (contextlib.contextmanager, contextlib.asynccontextmanager):
        if any(each is code for each in make.__code__.co_consts):
            return make  # type: ignore[no-any-return] # it is one of these two
    return None


def is_being_defined(function: Any, frame: FrameType) -> bool:
    """Tell whether a frame is in the lines of a ``def``, at one of its decorators."""
    while (inner := getattr(function, "__wrapped__", None)) is not None:
        function = inner
    code: CodeType | None = getattr(function, "__code__", None)
    if code is None or code.co_name == "<lambda>":
        return False
    if not any(each is code for each in frame.f_code.co_consts):
        return False
    last = max(line or 0 for _, _, line in code.co_lines())
    return code.co_firstlineno <= frame.f_lineno <= last


# Pickles name this function: it keeps its name, and what it takes.
def passage(span: Marker, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Timing:
    """Return a passage with these values that nobody is inside of.

    Parameters
    ----------
    span : Marker
        A plain marker where its name is one here; then leaving the passage is counted as skipped.
    args, kwargs
        One value a field.
    """
    if kwargs and isinstance(span, Span):
        return span(*args, **kwargs)
    return Timing(span, args, {})  # type: ignore[arg-type] # see above


home.passage = passage
