"""Ready-made probes that keep a number or a few lines, not events: count, print, time.

They need no memory that grows, so they can stay connected for as long as a program runs.  Each is
exact when several threads fire at once: what one event changes is changed by one operation on a
built-in object, or between two places where the interpreter may switch threads (see
`kit.core._dispatch.tally.Tally`), or, where threads run at the same time, under a lock.
"""

from __future__ import annotations

import time
from collections import deque
from reprlib import Repr
from typing import TYPE_CHECKING, Any, Final

from kit.core._dispatch.tally import Tally
from kit.core._publication.locks import inner_lock
from kit.core._runtime import stays, unlocked
from kit.probes._text import several

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from kit.core._format import Format
    from kit.core._marker import Marker
    from kit.core.typing import Observer

__all__ = ["READY_MADE", "Count", "Print", "Time"]

_SECOND: Final = 1_000_000_000
_BUCKETS: Final = 64


class Count:
    """Counts events.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("ready.fill", qty=int)
    >>> count = Count()
    >>> with fill.connect(count):
    ...     fill(100)
    ...     fill(200)
    >>> count
    <Count: 2>
    """

    kit_label = "count"
    __slots__ = ("_tally",)

    def __init__(self) -> None:
        self._tally = Tally()

    def __call__(self, *args: Any) -> None:  # noqa: ARG002 - any marker will do
        """Count one event."""
        self._tally.up()

    @property
    def value(self) -> int:
        """int : how many there have been since the last `reset`."""
        return self._tally.n

    def reset(self) -> None:
        """Begin again at 0."""
        self._tally = Tally()

    __reduce__ = stays("pickle its value")

    def __repr__(self) -> str:
        return f"<Count: {self.value:,}>"


class _Short(Repr):
    """Cuts values that would fill the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 60
        self.maxlong = 40


class Print:
    """Prints events as lines of text, up to ten a second unless told otherwise.

    Parameters
    ----------
    to : text stream, optional
        Where lines are written as well, for example ``sys.stdout``.
    per_second : int
        How many lines a second at most; the others are counted.
    keep : int
        How many of the newest lines are kept in `lines`.

    Attributes
    ----------
    lines : deque of str
        The newest lines, oldest first.

    Raises
    ------
    ValueError
        If `per_second` or `keep` is below 1.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("ready.printed", qty=int, sym=str)
    >>> show = Print()
    >>> with fill.connect(show):
    ...     fill(100, "ACME")
    >>> list(show.lines)
    ["ready.printed  qty=100 sym='ACME'"]
    """

    kit_label = "print"

    def __init__(self, to: TextIO | None = None, *, per_second: int = 10, keep: int = 200) -> None:
        if per_second < 1 or keep < 1:
            raise ValueError(f"Print needs at least 1 line, got {per_second=} and {keep=}")
        self.observer: Observer | None = None
        self.lines: deque[str] = deque(maxlen=keep)
        self._omitted = Tally()
        self._to = to
        # When the newest lines were printed: full of younger ones, there is no room for another.
        self._printed: deque[int] = deque(maxlen=per_second)
        self._short = _Short()

    def native(self, marker: Marker, format: Format) -> Callable[[int, int, tuple[Any, ...]], None]:
        """Return what the dispatcher calls for this marker."""
        name = marker.name
        is_span, fields = format.is_span, format.names

        def write(ident: int, ts: int, args: tuple[Any, ...]) -> None:  # noqa: ARG001
            printed = self._printed
            now = time.monotonic_ns()  # not ts: that of a span is its start
            if len(printed) == printed.maxlen and now - printed[0] < _SECOND:
                self._omitted.up()
                return
            printed.append(now)
            took, failed, values = "", None, args
            if is_span:
                took, failed, values = f"took {_duration(args[0])}", args[1], args[2:]
            pairs = zip(fields, values, strict=False)
            words = [took, *(f"{field}={self._short.repr(value)}" for field, value in pairs)]
            self._write("  ".join([name, " ".join(filter(None, words)), failed or ""]).rstrip())

        return write

    def _write(self, line: str) -> None:
        self.lines.append(line)
        if self._to is not None:
            self._to.write(line + "\n")

    @property
    def omitted(self) -> int:
        """int : how many events were not printed."""
        return self._omitted.n

    def reset(self) -> None:
        """Forget the lines and the count of those not printed."""
        self.lines.clear()
        self._omitted = Tally()

    __reduce__ = stays("pickle its lines")

    def __repr__(self) -> str:
        more = f", {self.omitted:,} not printed" if self.omitted else ""
        return f"<Print: {several(len(self.lines), 'line')}{more}>"


class Time:
    """Measures durations of a span, and gaps between events of a marker.

    Durations are counted in buckets that double in width, so that the slowest of a billion is
    kept as surely as the slowest of ten, in the same memory.

    Attributes
    ----------
    buckets : list of int
        ``buckets[i]`` counts durations of i binary digits: from 2**(i-1) to 2**i - 1 ns.
    longest : int
        The longest one, in nanoseconds.

    Examples
    --------
    >>> import kit
    >>> query = kit.span("ready.query", sql=str)
    >>> took = Time()
    >>> with query.connect(took):
    ...     for _ in range(3):
    ...         with query("select 1"):
    ...             pass
    >>> took.count, 0 < took.quantile(0.5) < 1_000_000_000
    (3, True)
    """

    kit_label = "time"

    def __init__(self) -> None:
        self.observer: Observer | None = None
        self._lock = inner_lock("the lock of what is ready")
        self.reset()

    def reset(self) -> None:
        """Forget what was measured."""
        # A new list: who has loaded the old one finishes its event there.
        self.buckets: list[int] = [0] * (_BUCKETS + 1)
        self.longest = 0
        self._last: int | None = None

    def native(self, marker: Marker, format: Format) -> Callable[[int, int, tuple[Any, ...]], None]:  # noqa: ARG002
        """Return what the dispatcher calls for this marker."""
        return self._note_duration if format.is_span else self._note_gap

    def _note_duration(self, ident: int, ts: int, args: tuple[Any, ...]) -> None:  # noqa: ARG002
        self._note(args[0])

    def _note_gap(self, ident: int, ts: int, args: tuple[Any, ...]) -> None:  # noqa: ARG002
        last, self._last = self._last, ts
        if last is not None:
            # Two threads may come here in another order than that of their time stamps.
            self._note(abs(ts - last))

    def _add(self, ns: int) -> None:
        digits = min(ns.bit_length(), _BUCKETS)
        self.buckets[digits] += 1
        if ns > self.longest:  # no switch of threads between this and the store
            self.longest = ns

    def _add_alone(self, ns: int) -> None:
        with self._lock:
            self._add(ns)

    _note = _add_alone if unlocked else _add

    @property
    def count(self) -> int:
        """int : how many durations or gaps were measured."""
        return sum(self.buckets)

    def histogram(self) -> Iterator[tuple[int, int, int]]:
        """Yield the buckets from the first to the last that is not empty.

        Yields
        ------
        low, high, count : int
            How many durations of `low` to `high` nanoseconds there were, both included.

        Examples
        --------
        >>> list(Time().histogram())
        []
        """
        buckets = self.buckets.copy()
        used = [digits for digits, count in enumerate(buckets) if count]
        for digits in range(used[0], used[-1] + 1) if used else ():
            low = 1 << (digits - 1) if digits else 0
            yield low, (1 << digits) - 1, buckets[digits]

    def quantile(self, share: float) -> int | None:
        """Return a duration that so large a share of all did not exceed.

        Parameters
        ----------
        share : float
            Between 0 and 1.

        Returns
        -------
        int or None
            Nanoseconds, less than twice the true value and never more than `longest`; None before
            the first event.

        Raises
        ------
        ValueError
            If `share` is not between 0 and 1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"a quantile's share is between 0 and 1, got {share!r}")
        buckets = self.buckets.copy()
        wanted = share * sum(buckets)
        seen = 0
        for digits, count in enumerate(buckets):
            seen += count
            if count and seen >= wanted:
                return min((1 << digits) - 1, self.longest)
        return None

    __reduce__ = stays("pickle its buckets")

    def __repr__(self) -> str:
        if not self.count:
            return "<Time: nothing measured>"
        half, most = (_duration(self.quantile(share) or 0) for share in (0.5, 0.99))
        return (
            f"<Time: {several(self.count, 'event')}, half within {half}, 99 % within {most}, "
            f"longest {_duration(self.longest)}>"
        )


READY_MADE: Final = (Count, Print, Time)
"""The probes that need nothing but a marker, in the order in which the panel offers them.

Each is known there by its ``kit_label``, and described by the first line of its docstring.
"""


def _duration(ns: int) -> str:
    """Write a duration with three significant digits, in the unit a reader would choose."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if ns >= size * 0.9995:
            value = ns / size
            return f"{value:,.{max(0, 3 - len(str(int(value + 0.5))))}f} {unit}"
    return f"{ns} ns"
