"""The passage through a span in Python: the reference, as `kit.markers.python_dispatch` is."""

from __future__ import annotations

from kit.markers.python_dispatch import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from kit.markers.span import Span

__all__ = ["SpanCall", "Timing"]


class Timing:
    """One passage through a span: the context manager that calling a span returns.

    Nothing is dispatched while the body runs; one event at its end carries start and duration.
    """

    __slots__ = ("_args", "_kwargs", "_span", "_start")

    def __init__(self, span: Span, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._span = span
        self._args = args
        self._kwargs = kwargs
        self._start = 0

    def __enter__(self) -> Self:
        # Off at entry means no event: without a start there is no duration.
        self._start = clock() if self._span._array is not None else 0
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        start = self._start
        if start:
            end = clock()
            self._start = 0
            self._span._end(
                start,
                end - start,
                # A generator that is closed early has ended, not failed.
                None if kind is None or kind is GeneratorExit else kind.__name__,
                self._args,
                self._kwargs,
            )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002 - raises
        """Say what is wrong where a span with fields was used as a decorator."""
        raise TypeError(
            f"span {self._span.name!r} has fields, so it cannot decorate a function by itself; "
            f"say which parameters they are: kit.span({self._span.name!r}).wrap(function, ...)"
        )


class SpanCall:
    """What calling a span does."""

    __slots__ = ()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return a context manager for these values; or decorate a function.

        Parameters
        ----------
        *args, **kwargs
            One value a field. For a span without fields: a function, coroutine function,
            generator function or asynchronous generator function to decorate, or nothing.

        Returns
        -------
        Timing or callable
        """
        span: Span = self  # type: ignore[assignment] # nothing else is one
        fields = span.format.fields if span.format is not None else None
        if fields == () and len(args) == 1 and not kwargs and callable(args[0]):
            return span.wrap(args[0])
        return Timing(span, args, kwargs)

    def _end(
        self,
        start: int,
        dur: int,
        error: str | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        span: Span = self  # type: ignore[assignment] # nothing else is one
        if span._array is None:
            return
        if kwargs or span.format is None or len(args) != len(span.format.fields):
            bound = span._bind(span._array, args, kwargs)
            if bound is None:
                return
            args = bound
        span._fire_at(start, (dur, error, *args))
