"""The aggregate: a probe that keeps numbers instead of events."""

from __future__ import annotations

import time
import weakref
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Self

from kit.core import batch, connect
from kit.core import markers as _markers
from kit.core._connection import check_options
from kit.core._publication.fork import RECORDINGS, reset_in_child
from kit.core._runtime import dispatcher, stays
from kit.errors import ConditionError
from kit.probes._handles import connections, disconnect, filtered, patterns
from kit.probes._validation import digits
from kit.probes._values import whole
from kit.probes.aggregates._buckets import checked
from kit.probes.aggregates._buckets import histogram as understood
from kit.probes.aggregates._cells import as_key, merge
from kit.probes.aggregates._table import Table
from kit.probes.aggregates._writer import Aggregated, Totals
from kit.probes.filters._operands import known_names, operands

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    import pandas as pd

    from kit.core import Marker
    from kit.core._format import FieldType, Format
    from kit.core.typing import FilterOptions, Observer
    from kit.probes._handles import Handle
    from kit.probes.aggregates._buckets import Bucket

if TYPE_CHECKING or dispatcher == "python":
    new_state: Callable[[int], Totals] = Totals
else:
    from kit.probes.aggregates._c_cells import new_state


__all__ = ["QUANTILES", "Aggregate", "aggregate"]

_BILLION: Final = 10**9
_MOST_KEYS: Final = 1_000_000
QUANTILES: Final = (0.5, 0.9, 0.99)


class Aggregate:
    """Counts events and adds up one of their fields; made by `kit.aggregate`.

    Attributes
    ----------
    patterns : tuple of str
        Which markers' events.
    value : str or None
        Of which field.
    by : tuple of str
        What makes the key.
    quantiles : tuple of float
        Which are shown.
    plan : Aggregated
        All of it, as the writers are made from it.
    state : Totals
        What threads have counted, apart.
    observer : None
        It is a probe of the kit's own, and observes no dispatches.
    """

    def __init__(
        self,
        pattern: str | Marker | Iterable[str | Marker],
        value: str | None = None,
        by: str | Iterable[str] = (),
        histogram: str | tuple[float, float, float] | None = None,
        quantiles: float | Iterable[float] = QUANTILES,
        error: float = 0.01,
        capacity: int = 10_000,
        name: str | None = None,
        **filters: Unpack[FilterOptions],
    ) -> None:
        check_options(aggregate, filters)
        by = (by,) if isinstance(by, str) else tuple(by)
        shares = quantiles if isinstance(quantiles, Iterable) else (quantiles,)
        self.observer: Observer | None = None
        self.kit_label = name or "aggregate"
        self.patterns = patterns(pattern, "aggregate")
        quantiles = tuple(map(checked, shares))
        if not 1e-4 <= error <= 0.5:
            raise ValueError(f"the relative error of quantiles is from 0.0001 to 0.5, got {error}")
        if len(set(by)) != len(by):
            raise ValueError(f"a name is given twice: by={by!r}")
        self.value = value
        self.by = by
        self.quantiles = quantiles
        self._types = self._check()
        is_whole = self._types[value] is not float if value is not None else True
        self.plan = Aggregated(
            value,
            by,
            understood(histogram, is_whole) if value is not None else None,
            error if value is not None and quantiles else None,
            whole(capacity, "capacity", _MOST_KEYS, "how many keys to keep, "),
        )
        self.state = new_state(self.plan.capacity)
        self._filtering: dict[str, Any] = dict(filters)
        self._writers: dict[tuple[str, Format], Callable[[int, int, tuple[Any, ...]], None]] = {}
        self._handles: list[Handle] = []
        self._all_handles: list[Handle] = []
        self._since: int | None = None
        self._before = 0
        self._not_begun_before: Counter[str] = Counter()
        _aggregates.add(self)

    def _check(self) -> dict[str, FieldType]:
        """Find out the types of what is asked for, or say what a marker has not."""
        asked = [*([self.value] if self.value is not None else []), *self.by]
        found: dict[str, FieldType] = {}
        known: list[str] = []
        markers = [marker for each in self.patterns for marker in _markers(each)]
        for marker in markers:
            fields = operands(marker.name, marker.format)
            known += known_names(marker.name, marker.format)
            for name in asked:
                if name in fields:
                    found.setdefault(name, fields[name].type)
        for name in asked:
            if name not in found:
                if markers:
                    names = ", ".join(dict.fromkeys(known))
                    raise ConditionError(
                        f"{name!r} is not a field of {', '.join(self.patterns)}; known are: {names}"
                    )
                found[name] = float if name == self.value else str
        if self.value is not None and found[self.value] not in (int, float, bool):
            raise ConditionError(
                f"{self.value!r} is text, which cannot be added up; use by={self.value!r}"
            )
        return found

    # Start and stop.

    @property
    def running(self) -> bool:
        """Whether it is counting."""
        return bool(self._handles)

    @property
    def handles(self) -> tuple[Handle, ...]:
        """The connections through which it counts."""
        return tuple(self._handles)

    def start(self) -> None:
        """Count; once more does nothing."""
        if self._handles:
            return
        options = {"name": None, "error_limit": None, **self._filtering}
        with batch():
            handles = [connect(each, self, **options) for each in self.patterns]
        self._handles = handles
        self._all_handles += handles
        self._since = time.monotonic_ns()

    def stop(self) -> None:
        """Stop counting; once more does nothing."""
        handles, self._handles = self._handles, []
        since, self._since = self._since, None
        if since is not None:
            self._before += time.monotonic_ns() - since
        disconnect(handles)

    def clear(self) -> None:
        """Begin again at nothing."""
        self.state = self.state.cleared()
        self._not_begun_before = self._not_begun()
        self._before = 0
        self._since = None if self._since is None else time.monotonic_ns()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def native(self, marker: Marker, format: Format) -> Callable[[int, int, tuple[Any, ...]], None]:
        """Return what the dispatcher calls for this marker; the same each time."""
        key = (marker.name, format)
        if key not in self._writers:
            self._writers[key] = self.state.writer(self.plan, marker.name, format, self)
        return self._writers[key]

    # Reading.

    @property
    def seconds(self) -> float:
        """For how long it has counted."""
        since = self._since
        running = 0 if since is None else time.monotonic_ns() - since
        return (self._before + running) / _BILLION

    @property
    def count(self) -> int:
        """How many events it has counted."""
        return self.state.count

    @property
    def dropped(self) -> int:
        """How many events had a key for which there was no room."""
        return sum(self.state.drops.values())

    @property
    def failed(self) -> int:
        """How many events could not be added, for whatever else, and are not counted."""
        return sum(self._failed().values())

    def _failed(self) -> dict[str, int]:
        counts = Counter({name: tally.n for name, tally in self.state.failed.copy().items()})
        return dict(+(counts + self._not_begun() - self._not_begun_before))

    def _not_begun(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for each in connections(self._all_handles):
            counts[each.marker.name] += each.not_begun
        return counts

    @property
    def filtered(self) -> dict[str, dict[str, int]]:
        """How many events were kept back, by marker and reason."""
        return filtered(self._all_handles)

    def table(self) -> Table:
        """Return the numbers as they are now, frozen; counting goes on.

        Returns
        -------
        Table
        """
        state, seconds = self.state, self.seconds
        cells: dict[Any, list[Any]] = {}
        for key, cell in state.cells():
            cells.setdefault(key, []).append(cell)
        merged = {
            key if len(self.by) != 1 else (key,): merge(found, self.plan.error)
            for key, found in cells.items()
        }
        ordered = sorted(merged.items(), key=lambda item: (-item[1].count, _order(item[0])))
        return Table(
            self.title,
            self.value,
            int if self.value is not None and self._types[self.value] is not float else float,
            {name: self._types[name] for name in self.by},
            dict(ordered),
            self.plan.histogram,
            self.quantiles if self.value is not None else (),
            self.plan.error,
            {name: count for name, count in state.drops.items() if count},
            self.filtered,
            self.plan.capacity,
            seconds,
            self._failed(),
        )

    @property
    def title(self) -> str:
        """What is aggregated, in words."""
        what = f"{', '.join(self.patterns)}: {self.value or 'events'}"
        when = self._filtering.get("when")
        by = f" by {', '.join(self.by)}" if self.by else ""
        return what + by + (f" when {when}" if when else "")

    def frame(self) -> pd.DataFrame:
        """Return the numbers as a pandas frame, one row a key, most events first."""
        return self.table().frame()

    def buckets(self, *key: Any) -> list[Bucket]:
        """Return the histogram of a key; see `Table.buckets`."""
        return self.table().buckets(key)

    def quantile(self, share: float, *key: Any) -> float | None:
        """Return a quantile of a key's values, None where there are none.

        Parameters
        ----------
        share : float
            From 0 to 1.
        *key
            The values of the fields given as ``by``.

        Returns
        -------
        float or None
            Within the relative error of a value that so large a share of all does not exceed.

        Raises
        ------
        ValueError
            When no quantiles were asked for, or for another share.
        """
        share = checked(share)
        if self.plan.error is None:
            raise ValueError("no quantiles were asked for: aggregate with quantiles=(0.5, 0.99)")
        stats = self.table().rows.get(as_key(key))
        return None if stats is None else stats.quantile(share)

    __reduce__ = stays("pickle its table() or frame()")

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _order(key: tuple[Any, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((type(part).__name__, digits(part) or str(part)) for part in key)


_aggregates: weakref.WeakSet[Aggregate] = weakref.WeakSet()


def _after_fork() -> None:
    # What was counted is the parent's.
    for each in list(_aggregates):
        each.clear()


reset_in_child(RECORDINGS, _after_fork)


def aggregate(
    pattern: str | Marker | Iterable[str | Marker],
    value: str | None = None,
    by: str | Iterable[str] = (),
    *,
    histogram: str | tuple[float, float, float] | None = None,
    quantiles: float | Iterable[float] = QUANTILES,
    error: float = 0.01,
    capacity: int = 10_000,
    name: str | None = None,
    **filters: Unpack[FilterOptions],
) -> Aggregate:
    """Count events and add up one of their fields, from now on.

    Parameters
    ----------
    pattern : str or Marker or iterable of them
        A name, a pattern such as ``"orders.*"``, or several.
    value : str, optional
        The field that is added up: count, sum, min, max, average, variance and quantiles are of
        it. ``"dur"`` is a span's duration in ns. Without, events are counted.
    by : str or iterable of str
        Fields, or context such as ``"thread"``, or ``"marker"``: every combination of their values
        has numbers of its own.
    histogram : "log2" or (low, high, step), optional
        Buckets that double in width, or of one width.
    quantiles : float or iterable of float
        Which are shown, from 0 to 1; none makes each event cheaper.
    error : float
        The relative error of quantiles: the true one is at most so far away from what is said.
    capacity : int
        How many keys there may be. Events with further ones are dropped, and counted.
    name : str, optional
        What it is called in tables.
    **filters
        Which events count: ``when``, ``every``, ``limit``, ``per_second`` and ``budget``, as in
        `Marker.connect`.

    Returns
    -------
    Aggregate
        Running. A ``with`` block stops it at its end; its numbers stay.

    Raises
    ------
    ConditionError
        When a marker has no such field.
    ValueError
        For a histogram, quantiles, an error or a capacity that says nothing.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("aggregated.fill", px=float, sym=str)
    >>> with kit.aggregate("aggregated.fill", "px", by="sym", quantiles=()) as prices:
    ...     for px in (1, 2, 3, 4, 5):
    ...         fill(px, "ACME")
    >>> prices.table().rows[("ACME",)].variance
    2.5
    """
    made = Aggregate(pattern, value, by, histogram, quantiles, error, capacity, name, **filters)
    made.start()
    return made
