"""A marker with a duration."""

from __future__ import annotations

import functools

from kit.markers.checks import ASYNC_GENERATOR, COROUTINE, GENERATOR, code_flags
from kit.markers.dispatch import SpanCall, Timing, called_fast
from kit.markers.marker import Marker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
    from typing import Any, Final, TypeAlias, TypeVar, overload

    F = TypeVar("F", bound=Callable[..., Any])
    Extractor: TypeAlias = Callable[[tuple[Any, ...], dict[str, Any]], tuple[Any, ...] | None]

__all__ = ["Span", "Timing"]


class _Off:
    """The passage of a call that nobody looks at."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass


_OFF: Final = _Off()


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

    def wrap(self, function: F, /, **parameters: str) -> F:  # noqa: C901 - four kinds of function
        """Return a function that does the same inside this span.

        Parameters
        ----------
        function : callable
            A function, coroutine function, generator function or asynchronous generator function.
            The span of a generator lasts from its first step to its end.
        **parameters : str
            For each field of the span, which of the function's parameters is its value.

        Returns
        -------
        callable

        Raises
        ------
        TypeError
            When a field is left out or unknown, or the function has no such parameter.

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
        if not callable(function):
            raise TypeError(f"span {self.name!r} can only wrap a callable, got {function!r}")
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

        else:

            def wrapper(*args: Any, **kwargs: Any) -> Any:
                with Span._passage(self, values, args, kwargs):
                    return function(*args, **kwargs)

        wrapped: Any = functools.update_wrapper(wrapper, function)
        return wrapped  # type: ignore[no-any-return] # it is called as the function is

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
        signature = inspect.signature(function)
        for parameter in parameters.values():
            if parameter not in signature.parameters:
                raise TypeError(
                    f"{getattr(function, '__qualname__', function)!s}{signature} "
                    f"has no parameter {parameter!r}"
                )
        order = [parameters[name] for name in names]

        def values(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError:
                return None
            bound.apply_defaults()
            return tuple(bound.arguments[name] for name in order)

        return values
