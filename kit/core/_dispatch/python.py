"""The dispatch in Python: the reference, made to be read and taught from.

What happens at a site, in order:

1. *Off?* One load of the published array. ``None``: nothing is connected, and nothing else is
   looked at.
2. *Register* as a reader (see `kit.core._publication.grace`), unless this thread is in a dispatch
   already.
3. *Read the array once* more, after registering. This is the load that counts: an updater that
   does not find this reader published before it was done, so this load sees the new array.
4. *Count* the dispatch on the array, and call each of its closures once.
5. *Unregister.* From here on an updater need not wait for this thread.

No lock is taken anywhere.
"""

from __future__ import annotations

import sys
import threading
import time

from kit.core._callables import only_here, undone
from kit.core._dispatch.accounting import Accounting
from kit.core._publication.grace import local, register
from kit.core._runtime import home, mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType, TracebackType
    from typing import Any, Final, Self, TypeAlias

    from kit.core._connection import Connection
    from kit.core._dispatch.array import ProbeArray
    from kit.core._format import Format
    from kit.core._span import F, Span

    Entry: TypeAlias = tuple[int, int, CodeType, object]
    """Start, frame, code and thread; 0 and None, which may be any, where nothing was connected."""


__all__ = ["Dispatcher", "SpanCall", "Timing"]

clock: Final = time.monotonic_ns


class Dispatcher(Accounting):
    """A point in a program that calls the closures of its published array."""

    __slots__ = ("_array", "_skipped", "format", "name")

    _array: ProbeArray | None
    _skipped: int
    format: Format | None
    name: str

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:  # noqa: C901 - a call is a step here
        """Fire the marker: call every connected probe with these values."""
        array = self._array
        if array is None:
            return None
        try:
            reader = local.reader
        except AttributeError:
            reader = register()
        if reader.token is not None:
            self._nested(args, kwargs, None, reader.ident)
            return None
        probe: Any = None
        # The store of the token must come before the load of the array below, as seen by an
        # updater that stores the array and then loads the tokens (grace.snapshot). kwargs is a
        # dictionary made for this call: a token that no other dispatch shares.
        reader.token = kwargs
        try:
            array = self._array
            if kwargs or array is None or len(args) != array.arity:
                bound = self._bind(array, args, kwargs)
                if bound is None or array is None:
                    return None
                args = bound
            try:
                # Between counting and the first call there is no call and no jump back, hence no
                # place where a signal handler could raise: what is counted is called. Unless there
                # is no memory to begin with the loop: then it is the array that stands for a probe.
                if array.plain:
                    array.tally.n += 1
                    probe = array
                    for probe in array.calls:
                        if (result := probe(*args)) is None:
                            continue
                        self._look(array, probe, result)
                elif array.observers:
                    self._careful(array, args, None, reader.ident, ())
                else:
                    ts = clock()
                    array.tally.n += 1
                    probe = array
                    for probe in array.calls:
                        if (result := probe(reader.ident, ts, args)) is None:
                            continue
                        self._look(array, probe, result)
                return None
            except BaseException as error:
                if probe is None or self._ends(array, probe, error):
                    raise
            # Outside the handler: what one probe raised is no context for those after it.
            self._call_rest(array, probe, args if array.plain else (reader.ident, ts, args))
        finally:
            reader.token = None
        return None

    def __bool__(self) -> bool:
        """Tell whether anything is connected: a guard for arguments that cost something."""
        return self._array is not None

    def _fire_at(self, ts: int, args: tuple[Any, ...]) -> None:  # noqa: C901 - as __call__
        """Dispatch an event that began at ``ts``, with its arguments complete; for spans."""
        array = self._array
        if array is None:
            return
        try:
            reader = local.reader
        except AttributeError:
            reader = register()
        if reader.token is not None:
            self._nested(args, None, ts, reader.ident)
            return
        probe: Any = None
        reader.token = [ts]  # before the load of the array, as in __call__
        try:
            array = self._array
            if array is None:
                return
            if len(args) != array.arity:
                # Declared anew, with other fields, while the span was open.
                self._skip()
                return
            try:
                if array.plain:
                    array.tally.n += 1
                    probe = array
                    for probe in array.calls:
                        if (result := probe(*args)) is None:
                            continue
                        self._look(array, probe, result)
                elif array.observers:
                    self._careful(array, args, ts, reader.ident, ())
                else:
                    array.tally.n += 1
                    probe = array
                    for probe in array.calls:
                        if (result := probe(reader.ident, ts, args)) is None:
                            continue
                        self._look(array, probe, result)
                return
            except BaseException as error:
                if probe is None or self._ends(array, probe, error):
                    raise
            self._call_rest(array, probe, args if array.plain else (reader.ident, ts, args))
        finally:
            reader.token = None

    # Below: what ordinary dispatches do not need.

    def _look(self, array: ProbeArray, probe: Any, result: object) -> None:
        """Look at what a probe returned: it may be work that nobody will do."""
        if undone(result) is not None and only_here(result, callers=2):
            array.connections[array.position(probe)]._note_returned(result)

    def _skip(self) -> None:
        """Count one dispatch as skipped."""
        self._skipped += 1

    def _ends(self, array: ProbeArray, probe: Any, error: BaseException) -> bool:
        """Account for an exception in the loop over the probes; whether it ends the dispatch."""
        if probe is array:
            self._miss(array, 0)
            return True
        return self._failed(array, array.position(probe), error)

    def _nested(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None,
        ts: int | None,
        ident: int,
    ) -> None:
        """Dispatch inside another dispatch of this thread, which is registered already."""
        array = self._array
        if array is None:
            return
        if kwargs is not None and (kwargs or len(args) != array.arity):
            bound = self._bind(array, args, kwargs)
            if bound is None:
                return
            args = bound
        elif len(args) != array.arity:
            self._skip()
            return
        self._careful(array, args, ts, ident, running())

    def _careful(
        self,
        array: ProbeArray,
        args: tuple[Any, ...],
        ts: int | None,
        ident: int,
        busy: tuple[Connection, ...],
    ) -> None:
        """Call each closure that is not running on this thread; tell observers of each call."""
        observers = array.observers
        begin = clock()
        whole = args if array.plain else (ident, begin if ts is None else ts, args)
        calls: list[tuple[int, int, Connection, int, str | None]] = []
        errors = reached = 0
        calling: Connection | None = None
        array.tally.n += 1
        try:
            for position, probe in enumerate(array.calls):
                connection = array.connections[position]
                skip = any(connection._same_closure(each.probe, each.private) for each in busy)
                start = clock() if observers else 0
                reached = position + 1
                if probe is connection._stub:
                    connection._stub.up()
                    continue
                if skip:
                    connection._left_out.up()
                    continue
                error = None
                calling = connection
                try:
                    if (result := probe(*whole)) is not None:
                        self._look(array, probe, result)
                except BaseException as raised:
                    error = type(raised).__name__
                    errors += 1
                    self._note_not_begun(array, position, raised)
                    if isinstance(raised, Exception):
                        self._note_error(array, connection, raised)
                    if mode.strict or not isinstance(raised, Exception):
                        raise
                finally:
                    calling = None  # noqa: F841 - running() looks at it
                    # Without an `if`: CPython 3.12 would not guard the loop's jump back after it.
                    end = clock() if observers else 0
                    calls.append((start, end, connection, position, error))
        except BaseException:
            self._miss(array, reached)
            raise
        finally:
            if observers:
                end = clock()
                for observer in observers:
                    observer.dispatched(
                        ident,
                        begin,
                        end,
                        self,  # type: ignore[arg-type] # a marker
                        array.generation,
                        len(calls),
                        errors,
                        calls,
                    )

    def _call_rest(
        self, array: ProbeArray, failed: Callable[..., object], whole: tuple[Any, ...]
    ) -> None:
        """Call the probes after one that has failed."""
        position = array.position(failed)
        while (position := position + 1) < len(array.calls):
            probe = array.calls[position]
            try:
                if (result := probe(*whole)) is not None:
                    self._look(array, probe, result)
            except BaseException as error:
                if self._failed(array, position, error):
                    raise


_PLAIN_FRAMES: Final = {Dispatcher.__call__.__code__, Dispatcher._fire_at.__code__}
_REST_FRAME: Final = Dispatcher._call_rest.__code__
_CAREFUL_FRAME: Final = Dispatcher._careful.__code__


def running() -> tuple[Connection, ...]:
    """Return the connections whose probes are running on the calling thread.

    Only a nested dispatch asks, so that ordinary ones need not keep a record: the dispatcher's own
    frames on the stack tell which closure each of them is calling.
    """
    found: list[Connection] = []
    frame: FrameType | None = sys._getframe(1)
    inner = None
    while frame is not None:
        code = frame.f_code
        if code is _CAREFUL_FRAME:
            calling = frame.f_locals.get("calling")
            if calling is not None:
                found.append(calling)
        # Below _call_rest, a frame still names the probe that has failed and ended.
        elif code is _REST_FRAME or (code in _PLAIN_FRAMES and inner is not _REST_FRAME):
            array, probe = frame.f_locals.get("array"), frame.f_locals.get("probe")
            if array is not None and probe is not None and probe is not array:
                found.append(array.connections[array.position(probe)])
        inner = code
        frame = frame.f_back
    return tuple(found)


_frame: Final = sys._getframe
_VALUES: Final = frozenset((int, float, str, bool, type(None)))
_local: Final = threading.local()


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
        return home.passage, (self._span, self._args, self._kwargs)

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
