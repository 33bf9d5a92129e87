"""Markers: declare, fire, connect, publish, wait.  Standard library only."""

from __future__ import annotations

from kit.core._connection import NO_PRIVATE, Connection, is_pattern
from kit.core._format import Field, Format, Label
from kit.core._marker import Marker, MarkerList
from kit.core._patterns import PatternConnection
from kit.core._publication.grace import barrier, defer, synchronize
from kit.core._registry import caller, registry
from kit.core._span import Span
from kit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Unpack, overload

    from kit.core._callables import AnyProbe
    from kit.core.typing import ConnectOptions

__all__ = [
    "NO_PRIVATE",
    "Connection",
    "Field",
    "Format",
    "Label",
    "Marker",
    "MarkerList",
    "PatternConnection",
    "Span",
    "barrier",
    "batch",
    "connect",
    "defer",
    "disconnect",
    "disconnect_private",
    "marker",
    "markers",
    "private_data",
    "span",
    "synchronize",
]


def marker(name: str, format: str | None = None, /, **fields: type) -> Marker:
    """Return the one marker of a name, declaring its fields.

    Parameters
    ----------
    name : str
        Such as ``"orders.fill"``; the same name is the same marker, in any module.
    format : str, optional
        The fields as a format string, ``"qty %d px %f sym %s"``.
    **fields : type
        The fields as keywords: ``int``, ``float``, ``str``, ``bool`` or `Label`.

    Returns
    -------
    Marker
        Call it to fire it.

    Raises
    ------
    FormatError
        When the name or a field cannot be understood.
    FormatMismatchError
        When it was declared with other fields, and probes are connected.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("doc.order", qty=int, px=float, sym=str)
    >>> fill is kit.marker("doc.order", "qty %d px %f sym %s")
    True
    >>> fill(100, 9.5, "ACME")
    """
    return registry.declare(Marker, name, format, fields, caller(1))


def span(name: str, format: str | None = None, /, **fields: type) -> Span:
    """Return the one span of a name, a marker with a duration.

    Parameters
    ----------
    name : str
        Such as ``"db.query"``.
    format : str, optional
        The fields as a format string.
    **fields : type
        The fields as keywords. Duration and error come by themselves.

    Returns
    -------
    Span
        Call it for a context manager; without fields it is a decorator.

    Raises
    ------
    FormatError
        When the name or a field cannot be understood.
    FormatMismatchError
        When it was declared with other fields, and probes are connected.

    Examples
    --------
    >>> import kit
    >>> @kit.span("doc.report")
    ... def report():
    ...     return 42
    >>> report()
    42
    """
    return registry.declare(Span, name, format, fields, caller(1))


if TYPE_CHECKING:

    @overload
    def connect(
        name: Marker,
        probe: AnyProbe,
        private: object = ...,
        /,
        *,
        format: str | None = ...,
        **options: Unpack[ConnectOptions],
    ) -> Connection: ...
    @overload
    def connect(
        name: str,
        probe: AnyProbe,
        private: object = ...,
        /,
        *,
        format: str | None = ...,
        **options: Unpack[ConnectOptions],
    ) -> Connection | PatternConnection: ...


def connect(
    name: str | Marker,
    probe: AnyProbe,
    private: object = NO_PRIVATE,
    /,
    *,
    format: str | None = None,
    **options: Unpack[ConnectOptions],
) -> Connection | PatternConnection:
    """Connect a probe by the marker's name, or by pattern; the marker may come later.

    Parameters
    ----------
    name : str or Marker
        A name, also of a marker that is not declared yet, or a pattern such as ``"orders.*"``
        that matches present and later markers.
    probe : callable
        Called as ``probe(*fields)``, or ``probe(private, *fields)`` with private data.
    private : object, optional
        Handed back to the probe as its first argument.
    format : str, optional
        The format the probe is written for; checked now, or when the marker is declared.
    **options
        ``name``, ``priority``, ``error_limit``, ``when``, ``every``, ``limit``, ``per_second`` and
        ``budget``, as in `Marker.connect`. With a pattern, a field that a marker lacks is missing
        there, and every marker counts the events that it lets through separately.

    Returns
    -------
    Connection or PatternConnection
        A handle, and a context manager that disconnects.

    Raises
    ------
    AlreadyConnectedError
        When this closure is connected already; with a pattern nothing is connected then.
    FormatMismatchError
        When a marker's fields differ from those that the probe asks for.

    Warns
    -----
    UnmatchedPatternWarning
        When a pattern matches no marker yet.

    Examples
    --------
    >>> import kit
    >>> early = kit.connect("doc.early", print)
    >>> kit.marker("doc.early", n=int)(1)
    1
    >>> early.disconnect()
    """
    if isinstance(name, Marker):
        return registry.connect(name, probe, private, format=format, **options)
    if not isinstance(name, str):
        raise TypeError(f"connect() takes a name, a pattern or a marker, got {name!r}")
    if is_pattern(name):
        return registry.connect_pattern(name, probe, private, format=format, **options)
    return registry.connect(registry.waited_for(name), probe, private, format=format, **options)


def disconnect(
    name: str,
    probe: AnyProbe,
    private: object = NO_PRIVATE,
    /,
    *,
    wait: bool = False,
) -> None:
    """Disconnect a closure by name or pattern.

    Parameters
    ----------
    name : str
        The marker's name, or a pattern.
    probe : callable
        The probe.
    private : object, optional
        Its private data; if left out, the closure without any. ``None`` is real private data.
    wait : bool
        Return only when no dispatch that began before can still call the probe.

    Raises
    ------
    NotConnectedError
        When there is no such marker or no such closure; nothing else is touched.
    """
    registry.disconnect_closure(_name(name), probe, private, wait=wait)


def disconnect_private(name: str, private: object, /, *, wait: bool = False) -> int:
    """Disconnect every closure that has some private data, whatever its probe.

    Parameters
    ----------
    name : str
        A marker's name, or a pattern.
    private : object
        Compared by identity.
    wait : bool
        Return only when no dispatch that began before can still call them.

    Returns
    -------
    int
        How many closures were disconnected.

    Raises
    ------
    NotConnectedError
        When no closure has this private data.

    Examples
    --------
    >>> import kit
    >>> tag = object()
    >>> tick = kit.marker("doc.private")
    >>> _ = tick.connect(lambda data: None, tag), tick.connect(lambda data: 1, tag)
    >>> kit.core.disconnect_private("doc.*", tag)
    2
    """
    return registry.disconnect_private(_name(name), private, wait=wait)


def private_data(name: str, probe: AnyProbe, n: int = 0, /) -> object:
    """Return the private data of the n-th connection of a probe on a marker.

    Parameters
    ----------
    name : str
        The marker's name.
    probe : callable
        The probe.
    n : int
        Which, in call order, from 0.

    Returns
    -------
    object
        ``None`` if the closure has none.

    Raises
    ------
    NotConnectedError
        When there is no such marker or no n-th connection.
    """
    return registry.private_data(_name(name), probe, n)


def markers(pattern: str = "*", /) -> MarkerList:
    """Return the declared markers whose names match.

    Parameters
    ----------
    pattern : str
        Such as ``"orders.*"``.

    Returns
    -------
    MarkerList
        A list in order of name that prints as a table, in a notebook as HTML.

    Examples
    --------
    >>> import kit
    >>> _ = kit.marker("listed.one"), kit.marker("listed.two")
    >>> [marker.name for marker in kit.markers("listed.*")]
    ['listed.one', 'listed.two']
    """
    return MarkerList(registry.matching(pattern))


def batch() -> AbstractContextManager[None]:
    """Collect this thread's updates: one publication per marker, one grace period for all.

    Errors come at the call; an exception in the block discards the batch.

    Returns
    -------
    context manager

    Examples
    --------
    >>> import kit
    >>> tick = kit.marker("doc.batch")
    >>> before = tick.generation
    >>> with kit.batch():
    ...     first, second = tick.connect(lambda: 1), tick.connect(lambda: 2)
    >>> tick.fanout, tick.generation - before
    (2, 1)
    >>> with kit.batch():
    ...     first.disconnect(wait=True)
    ...     second.disconnect(wait=True)
    """
    return registry.updater.batching()


def _name(name: object) -> str:
    if isinstance(name, Marker):
        return name.name
    if not isinstance(name, str):
        raise FormatError(f"a marker's name must be text, got {name!r}")
    return name


def __dir__() -> list[str]:
    return __all__
