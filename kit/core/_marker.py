"""A marker: a named point in a program, with a declared format."""

from __future__ import annotations

from kit.core._callables import check_runs
from kit.core._connection import DEFAULT_ERROR_LIMIT, DEFAULT_PRIORITY, NO_PRIVATE, Connection
from kit.core._dispatch.dispatcher import Dispatcher, called_fast
from kit.core._dispatch.tally import Dispatches
from kit.core._runtime import home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self, SupportsIndex, TypeAlias, TypeVar, overload

    from kit.core._callables import AnyProbe
    from kit.core._format import Format
    from kit.probes.filters._budget import Budget

    Probe = TypeVar("Probe", bound=Callable[..., object])
    Hook: TypeAlias = Callable[[], object]

__all__ = ["Hooks", "Marker", "MarkerList"]


class Hooks:
    """What a marker calls when the first probe comes and when the last one has gone."""

    __slots__ = ("on_first", "on_last")

    def __init__(self, on_first: Hook | None = None, on_last: Hook | None = None) -> None:
        self.on_first = on_first
        self.on_last = on_last


@called_fast
class Marker(Dispatcher):
    """A named point in a program that probes can be connected to.

    Made by `kit.marker`, never directly. Calling it fires it; its truth value says whether
    anything is connected.

    Attributes
    ----------
    name : str
        Its name, such as ``"orders.fill"``.
    format : Format or None
        Its fields; ``None`` while it is only waited for.
    module : str
        The module that declared it first.
    line : int
        The line of that declaration.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("doc.fill", qty=int, px=float)
    >>> seen = []
    >>> with fill.connect(lambda qty, px: seen.append(qty * px)):
    ...     fill(100, 9.5)
    >>> seen
    [950.0]
    >>> fill.fanout
    0
    """

    __slots__ = (
        "_dispatches",
        "_generation",
        "_hook_owner",
        "_hooks",
        "_off",
        "line",
        "module",
    )

    def __init__(self, name: str, format: Format | None, module: str, line: int) -> None:
        self.name = name
        self.format = format
        self.module = module
        self.line = line
        self._array = None
        self._skipped = 0
        self._generation = 0
        self._dispatches = Dispatches()
        # Connections whose format does not fit, left off until it does.
        self._off: tuple[Connection, ...] = ()
        self._hooks = Hooks()
        self._hook_owner: int | None = None

    if TYPE_CHECKING:  # what the dispatchers do with it, as those who fire see it

        def __call__(self, /, *args: Any, **kwargs: Any) -> None:
            """Fire."""

    @property
    def fanout(self) -> int:
        """How many probes a dispatch calls."""
        array = self._array
        return 0 if array is None else len(array.live())

    @property
    def probes(self) -> tuple[Connection, ...]:
        """The connections in call order."""
        array = self._array
        return () if array is None else array.live()

    @property
    def generation(self) -> int:
        """How many publications there have been."""
        return self._generation

    @property
    def fired(self) -> int:
        """How many dispatches there have been; firing while nothing is connected is not counted."""
        return self._dispatches.count

    @property
    def skipped(self) -> int:
        """How many dispatches were skipped: wrong arguments, or a span whose start nobody knows."""
        return self._skipped

    def connect(
        self,
        probe: AnyProbe,
        private: object = NO_PRIVATE,
        /,
        *,
        name: str | None = None,
        priority: int = DEFAULT_PRIORITY,
        error_limit: int | None = DEFAULT_ERROR_LIMIT,
        format: str | None = None,
        when: str | None = None,
        every: int | None = None,
        limit: int | None = None,
        per_second: int | None = None,
        budget: float | Budget | None = None,
    ) -> Connection:
        """Connect a probe.

        Parameters
        ----------
        probe : callable
            Called as ``probe(*fields)``, or ``probe(private, *fields)`` with private data.
        private : object, optional
            Handed back to the probe as its first argument. ``None`` is real private data.
        name : str, optional
            A connection of this name on this marker is replaced in one publication.
        priority : int
            Probes with higher priority are called first; equal ones in order of connection.
        error_limit : int or None
            After so many exceptions the connection is switched off; ``None`` for never.
        format : str, optional
            The format the probe is written for, such as ``"qty %d px %f"``; checked.
        when : str, optional
            A condition that events have to meet, such as ``"px > 10 and sym == 'ACME'"``. The other
            options apply to the events that meet it.
        every : int, optional
            One event in so many reaches the probe, starting with the first.
        limit : int, optional
            After so many events the connection is switched off.
        per_second : int, optional
            How many events may reach the probe in any second.
        budget : float or Budget, optional
            The share of a thread's time that the probe may take.

        Returns
        -------
        Connection
            A handle, and a context manager that disconnects.

        Raises
        ------
        AlreadyConnectedError
            When this closure is connected already.
        ConditionError
            When the condition cannot be understood, or names a field that the marker lacks.
        FormatMismatchError
            When the marker's fields differ from those that the probe asks for.
        TypeError
            When the probe cannot be called, or a call alone would not run it: a coroutine function,
            a generator function.
        """
        return home.registry.connect(
            self,
            probe,
            private,
            name=name,
            priority=priority,
            error_limit=error_limit,
            format=format,
            when=when,
            every=every,
            limit=limit,
            per_second=per_second,
            budget=budget,
        )

    def probe(self, function: Probe, /) -> Probe:
        """Connect a function, as a decorator; a notebook cell that is run again replaces it.

        Parameters
        ----------
        function : callable
            The probe.

        Returns
        -------
        callable
            The same function.

        Examples
        --------
        >>> import kit
        >>> tick = kit.marker("doc.tick", n=int)
        >>> @tick.probe
        ... def on_tick(n):
        ...     print("tick", n)
        >>> tick(1)
        tick 1
        >>> kit.disconnect("doc.tick", on_tick)
        """
        self.connect(function)
        return function

    def hooks(
        self,
        *,
        on_first: Hook | None = None,
        on_last: Hook | None = None,
    ) -> None:
        """Set what is called when the first probe comes and when the last one has gone.

        Use hooks if it costs something to have the values ready. Hooks run without any lock, while
        updates of this marker wait. They replace those set before; while probes are
        connected, the new `on_first` is called at once, and then the old `on_last`.

        Parameters
        ----------
        on_first : callable, optional
            Called before 0→1; if it raises, the connect fails and leaves nothing behind.
        on_last : callable, optional
            Called after N→0; if it raises, that is reported and the removal stands.

        Raises
        ------
        TypeError
            When a hook cannot be called, or a call alone would not run it.
        WouldDeadlockError
            From a hook of this marker.

        Examples
        --------
        >>> import kit
        >>> lag = kit.marker("doc.lag", ms=int)
        >>> lag.hooks(on_first=lambda: print("start"), on_last=lambda: print("stop"))
        >>> with lag.connect(lambda ms: None):
        ...     print("on")
        start
        on
        stop
        """
        for hook in (on_first, on_last):
            if hook is not None:
                check_runs(hook, "a hook")
        home.registry.set_hooks(self, Hooks(on_first, on_last))

    def __repr__(self) -> str:
        kind = type(self).__name__
        fields = self.format.described if self.format is not None else "not declared yet"
        return f"<{kind} {self.name} ({fields}): {self.fanout} probes>"

    def _repr_html_(self) -> str:
        return MarkerList([self])._repr_html_()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        format = self.format
        text, is_span = (None, False) if format is None else (str(format), format.is_span)
        return home.marker_of_name, (self.name, text, is_span, self.module, self.line)


_HEADINGS = ("marker", "fields", "fan-out", "generation", "dispatches", "probes", "declared in")
_NUMBERS = frozenset((2, 3, 4))


class MarkerList(list["Marker"]):
    """Markers, in order of name; a list in every other way."""

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: SupportsIndex) -> Marker: ...
        @overload
        def __getitem__(self, index: slice) -> MarkerList: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Marker | MarkerList:
        if isinstance(index, slice):
            return MarkerList(super().__getitem__(index))
        return super().__getitem__(index)

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                marker.name,
                marker.format.described if marker.format is not None else "not declared yet",
                f"{marker.fanout:,}",
                f"{marker.generation:,}",
                f"{marker.fired:,}",
                ", ".join(
                    [each.label for each in marker.probes]
                    + [f"{each.label} (off)" for each in marker._off]
                ),
                f"{marker.module}:{marker.line}",
            )
            for marker in self
        ]

    def __repr__(self) -> str:
        if not self:
            return "no markers"
        rows = [_HEADINGS, *self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
        lines = [
            "  ".join(
                cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        lines.insert(1, "  ".join("─" * width for width in widths))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape  # takes a twentieth of the time to import the kit

        if not self:
            return "<p>no markers</p>"

        def cells(row: tuple[str, ...], tag: str) -> str:
            return "".join(
                f'<{tag} style="text-align:{"right" if column in _NUMBERS else "left"}">'
                f"{escape(cell)}</{tag}>"
                for column, cell in enumerate(row)
            )

        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in self._rows())
        return (
            '<table style="font-variant-numeric:tabular-nums"><thead><tr>'
            f"{cells(_HEADINGS, 'th')}</tr></thead><tbody>{body}</tbody></table>"
        )
