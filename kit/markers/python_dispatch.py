"""The dispatch in Python: the reference, made to be read and taught from.

What happens at a site, in order:

1. *Off?* One load of the published array. ``None``: nothing is connected, and nothing else is
   looked at.
2. *Register* as a reader (see `kit.markers.grace`), unless this thread is in a dispatch already.
3. *Read the array once* more, after registering. This is the load that counts: an updater that
   does not find this reader published before it was done, so this load sees the new array.
4. *Count* the dispatch on the array, and call each of its closures once.
5. *Unregister.* From here on an updater need not wait for this thread.

No lock is taken anywhere.
"""

from __future__ import annotations

import sys
import time

from kit.markers.accounting import Accounting
from kit.markers.mode import mode
from kit.markers.readers import local, register
from kit.markers.results import only_here, undone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, Final

    from kit.markers.array import ProbeArray
    from kit.markers.connection import Connection
    from kit.markers.format import Format

__all__ = ["Dispatcher"]

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
        """Whether anything is connected: a guard for arguments that cost something."""
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
            array.connections[array.position(probe)].note_returned(result)

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
                skip = any(connection.same_closure(each.probe, each.private) for each in busy)
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
