"""The immutable probe array that a marker publishes."""

from __future__ import annotations

import functools
import operator

from kit.core._dispatch.tally import Tally
from kit.core._runtime import dispatcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from kit.core._connection import Connection
    from kit.core._dispatch.tally import Stub
    from kit.core._format import Format
    from kit.core._publication.plan import Step
    from kit.core.typing import Observer

__all__ = ["ProbeArray", "build"]


class _Closures:
    """What a dispatch in Python reads; in C it is `kit._c.Array`."""

    __slots__ = ("arity", "calls", "connections", "generation", "observers", "plain", "tally")

    def __init__(
        self,
        connections: tuple[Connection, ...],
        calls: list[Callable[..., object]],
        timed: tuple[bool, ...],
        observers: tuple[Observer, ...],
        arity: int,
        generation: int,
    ) -> None:
        self.connections = connections
        self.plain = not any(timed)
        # Where one wants the time, all are passed it.
        self.calls = [
            call if self.plain or takes_time else functools.partial(_call_plain, call)
            for call, takes_time in zip(calls, timed, strict=True)
        ]
        self.observers = observers
        self.arity = arity
        self.generation = generation
        self.tally = Tally()

    def put_stub(self, position: int, stub: Stub) -> None:
        """Put a stub in a closure's place, in one store."""
        self.calls[position] = stub


if not TYPE_CHECKING and dispatcher == "c":
    from kit._c import Array as _Closures


# As often as there are connections, so without a call of Python's each.
_asks_for_more = operator.attrgetter("_asks_for_more")
_compares = operator.attrgetter("_compares")
_own_call = operator.attrgetter("_call")


class ProbeArray(_Closures):
    """What one dispatch reads: the closures in call order and what is needed to call them.

    It never changes after it was published, with one exception: `neutralise`, for a closure that
    has to go at once.

    Attributes
    ----------
    calls : list of callable
        ``call(*args)`` where ``plain``, else ``call(ident, ts, args)``.
    plain : bool
        Whether no closure wants the dispatch's time.
    format : Format or None
        The fields of the marker; ``None`` while it is only waited for.
    names : tuple of str
        Their names.
    arity : int
        How many arguments a dispatch of this marker passes.
    tally : Tally
        How many dispatches read this array.
    connections : tuple of Connection
        The closures, in the order of ``calls``.
    observers : tuple
        Who is told of each dispatch.
    generation : int
        The marker's generation when this array was published.
    bare : bool
        Whether the calls are the connections' own: none has a filter, and none is native.
    compares : bool
        Whether one of the probes is compared by an ``__eq__`` of its own.
    intact : bool
        Whether no closure was taken out in place.
    """

    __slots__ = ("__weakref__", "bare", "compares", "format", "intact", "names", "originals")

    def __init__(
        self,
        connections: tuple[Connection, ...],
        format: Format | None,
        generation: int,
        old: ProbeArray | None = None,
        step: Step | None = None,
    ) -> None:
        arity = 0
        self.format = format
        self.names: tuple[str, ...] = ()
        if old is not None and format is old.format:
            arity, self.names = old.arity, old.names
        elif format is not None:
            arity, self.names = format.arity, format.names
        calls = _own_calls(connections, old, step)
        self.bare = calls is not None
        if old is None or step is None or old.compares:
            self.compares: bool = any(map(_compares, connections))
        else:
            self.compares = step[0]._compares
        timed: tuple[bool, ...] = (False,) * len(connections)
        observers: tuple[Observer, ...] = ()
        if calls is None:
            calls = [_call(each, format) for each in connections]
            natives = [each._native for each in connections]
            timed = tuple([each is not None for each in natives])
            observers = tuple([each.observer for each in natives if each and each.observer])
        super().__init__(connections, calls, timed, observers, arity, generation)
        # They stay as long as the array, whatever a stub takes the place of.
        self.originals: tuple[Callable[..., object], ...] = tuple(
            calls if self.bare else self.calls
        )
        self.intact = True

    def position(self, call: Callable[..., object]) -> int:
        """Return where a callable stands, as it was when the array was published."""
        for position, each in enumerate(self.originals):
            if each is call:
                return position
        # It was neutralised, and a dispatch took the stub.
        return next(i for i, c in enumerate(self.connections) if c._stub is call)

    def live(self) -> tuple[Connection, ...]:
        """Return the connections that dispatches call."""
        if self.intact:
            return self.connections
        return tuple(
            c for c, call in zip(self.connections, self.calls, strict=True) if call is not c._stub
        )

    def neutralise(self, connection: Connection) -> None:
        """Put a stub in a closure's place, in one store; needs no memory."""
        self.intact = False
        position = 0
        # Not enumerate(), nor anything else that has to be made.
        while position < len(self.connections):
            if self.connections[position] is connection:
                self.put_stub(position, connection._stub)
            position += 1


def _own_calls(
    connections: tuple[Connection, ...], old: ProbeArray | None, step: Step | None
) -> list[Callable[..., object]] | None:
    """Return the connections' own calls, or None where one of them asks for more than that.

    A step from the old array leaves the others as they are: nothing is looked at for each of them.
    """
    if old is None or step is None or not old.bare:
        return None if any(map(_asks_for_more, connections)) else list(map(_own_call, connections))
    connection, place = step
    calls = list(old.originals)
    if len(connections) < len(calls):
        del calls[place]
    elif connection._asks_for_more:
        return None
    else:
        calls.insert(place, connection._call)
    return calls


def _call(connection: Connection, format: Format | None) -> Callable[..., object]:
    """Return what an array calls for a connection: its filter, where it has one."""
    filter = connection._filter
    if connection._native is None:
        call = connection._call
        return call if filter is None or format is None else filter.plain(call, format)
    # A marker that is only waited for has no fields, and no site that could fire it.
    if format is None:
        return _no_site
    write = connection._native.native(connection.marker, format)
    return write if filter is None else filter.timed(write, format)


def _call_plain(
    call: Callable[..., object],
    ident: int,  # noqa: ARG001 - what the calls of an array that is not plain are passed
    ts: int,  # noqa: ARG001
    args: tuple[Any, ...],
) -> object:
    """Call a plain probe from an array whose calls take the thread and the time."""
    return call(*args)


def _no_site(ident: int, ts: int, args: tuple[Any, ...]) -> None:
    """Stand in for a native probe on a marker that is not declared yet."""


def build(
    connections: tuple[Connection, ...],
    format: Format | None,
    generation: int,
    old: ProbeArray | None = None,
    step: Step | None = None,
) -> ProbeArray:
    """Build the array for some connections: where memory could run out.

    Parameters
    ----------
    connections : tuple of Connection
        In call order.
    format : Format or None
        The fields of the marker; ``None`` while it is only waited for.
    generation : int
        The generation it will be published as.
    old : ProbeArray, optional
        What it takes the place of.
    step : tuple, optional
        Where it differs from the old one by one connection: which, and where it is, or was.

    Returns
    -------
    ProbeArray
    """
    return ProbeArray(connections, format, generation, old, step)
