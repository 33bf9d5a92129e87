"""The passage through a span in Python: the reference, as `kit.markers.python_dispatch` is."""

from __future__ import annotations

import sys
from threading import local

from kit.markers.python_dispatch import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType
    from typing import Any, Final, Self, TypeAlias

    from kit.markers.span import F, Span

    Entry: TypeAlias = tuple[int, int, CodeType, object]
    """Start, frame, code and thread; 0 and None, which may be any, where nothing was connected."""

__all__ = ["SpanCall", "Timing"]

_frame: Final = sys._getframe
_VALUES: Final = frozenset((int, float, str, bool, type(None)))
_local: Final = local()


def _named() -> object:
    """Return what stands for the calling thread: its number is given again, in forks too."""
    # One operation: a signal handler that comes here in between gets the same.
    return vars(_local).setdefault("thread", object())


class _Several:
    """The entries of a passage that several are inside of; it never changes.

    Whose an entry is, the frame tells that entered: within one frame ``with`` blocks of one passage
    nest, so the newest entry of a frame is the one that it leaves. That tells recursion, threads,
    tasks and generators apart. A frame that has ended leaves its identity to others; nearly always
    these run other code, and frames of the same code enter before they leave.

    Attributes
    ----------
    entries : tuple of Entry
        Oldest first.
    unsure : frozenset of int
        Which of them may have been left.
    gone : int
        So many of these have been.
    """

    __slots__ = ("entries", "gone", "unsure")

    def __init__(
        self, entries: tuple[Entry, ...], unsure: frozenset[int] = frozenset(), gone: int = 0
    ) -> None:
        self.entries = entries
        self.unsure = unsure
        self.gone = gone

    def joined(self, entry: Entry) -> _Several:
        """Return what it is when one more has entered."""
        return _Several((*self.entries, entry), self.unsure, self.gone)

    def left(self, frame: int, code: CodeType, thread: object) -> tuple[int | None, Inside]:
        """Return when the one that leaves entered, and who is inside then; ``None``: who knows.

        It is the newest of this frame; where there is none, as in an `contextlib.ExitStack`, the
        only one that may be of this thread.
        """
        entries, unsure = self.entries, self.unsure
        own = [i for i, each in enumerate(entries) if each[1] == frame and each[2] is code]
        near = [i for i, each in enumerate(entries) if each[3] is thread or each[3] is None]
        if own or (len(near) == 1 and near[0] not in unsure):
            found = own[-1] if own else near[0]
            rest = entries[:found] + entries[found + 1 :]
            moved = frozenset(i - (i > found) for i in unsure if i != found)
            return entries[found][0], _Several(rest, moved, self.gone)._settled()
        unsure |= set(near or range(len(entries)))
        lost = self.gone < sum(entries[i][0] != 0 for i in unsure)
        return None if lost else 0, _Several(entries, unsure, self.gone + 1)._settled()

    def _settled(self) -> Inside:
        """Return the same; where as many have been left as may have been, these were they."""
        if self.gone < len(self.unsure):
            kept = self.entries
        else:
            kept = tuple(each for i, each in enumerate(self.entries) if i not in self.unsure)
        if len(kept) > 1:
            return self if kept is self.entries else _Several(kept)
        return kept[0] if kept else None


if TYPE_CHECKING:
    Inside: TypeAlias = Entry | _Several | None


class Timing:
    """One passage through a span: the context manager that calling a span returns.

    Nothing is dispatched while the body runs; one event at its end carries start and duration.
    Who is inside changes in one store, and nothing switches threads between that and the look
    that comes right before it.
    """

    __slots__ = ("_args", "_inside", "_kwargs", "_span")

    _inside: Inside

    def __init__(self, span: Span, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._span = span
        self._args = args
        self._kwargs = kwargs
        self._inside = None

    def __enter__(self) -> Self:
        frame = _frame(1)
        start, thread = 0, None
        # Off at entry means no event: without a start there is no duration.
        if self._span._array is not None:
            start = clock()
            try:
                thread = _local.thread
            except AttributeError:
                thread = _named()
        entry = (start, id(frame), frame.f_code, thread)
        if self._inside is None:
            self._inside = entry
        else:
            self._join(entry)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        inside = self._inside
        if type(inside) is tuple:
            self._inside = None
            start = inside[0]
        else:
            start = self._part()
        if not start:
            return
        end = clock()
        span, args = self._span, self._args
        if self._kwargs or span.format is None or len(args) != len(span.format.fields):
            bound = None if span._array is None else span._bind(span._array, args, self._kwargs)
            if bound is None:
                return
            args = bound
        # A generator that is closed early has ended, not failed.
        name = None if kind is None or kind is GeneratorExit else kind.__name__
        span._fire_at(start, (end - start, name, *args))

    def _join(self, entry: Entry) -> None:
        """Enter where somebody is inside."""
        while True:
            inside = self._inside
            new: Inside
            if inside is None:
                new = entry
            elif isinstance(inside, _Several):
                new = inside.joined(entry)
            else:
                new = _Several((inside, entry))
            if self._inside is inside:
                self._inside = new
                return

    def _part(self) -> int:
        """Leave where several are inside, or nobody; return when it entered, or 0."""
        frame = _frame(2)
        while True:
            inside = self._inside
            if inside is None:
                return 0
            if isinstance(inside, _Several):
                start, new = inside.left(id(frame), frame.f_code, _named())
            else:
                start, new = inside[0], None
            if self._inside is inside:
                self._inside = new
                break
        if start is None:
            if self._span._array is not None:
                self._span._skip()
            return 0
        return start

    def __reduce__(self) -> tuple[object, ...]:
        from kit.markers.copying import passage

        return passage, (self._span, self._args, self._kwargs)

    if TYPE_CHECKING:

        def __call__(self, function: F, /) -> F:
            """Decorate a function, where the span has no fields."""

    else:

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            """Decorate a function, where the span has no fields; else say how that is done."""
            span = self._span
            empty = span.format is not None and not span.format.fields and not self._args
            if empty and len(args) == 1 and not kwargs and not self._kwargs:
                return span.wrap(args[0])
            raise TypeError(span._how_to_decorate())


class SpanCall:
    """What calling a span does."""

    __slots__ = ()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return a context manager for these values; or decorate a function.

        Parameters
        ----------
        *args, **kwargs
            One value a field. For a span without fields: what `Span.wrap` takes, to decorate it,
            or nothing.

        Returns
        -------
        Timing or callable

        Raises
        ------
        TypeError
            For what a span cannot decorate.
        """
        span: Span = self  # type: ignore[assignment] # nothing else is one
        if len(args) == 1 and not kwargs and type(args[0]) not in _VALUES:
            value = args[0]
            if span.format is None:
                pass  # it is waited for: nobody knows its fields
            elif span.format.fields:
                span._decorate(value, 2)
            elif callable(value) or hasattr(type(value), "__get__"):
                return span.wrap(value)
        return Timing(span, args, kwargs)
