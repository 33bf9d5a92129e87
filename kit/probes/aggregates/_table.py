"""An aggregate's numbers at one moment: how they look, and as plain JSON data and back."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Final

from kit.core._format import Label
from kit.probes._text import duration
from kit.probes._validation import (
    COUNT,
    COUNTS,
    FINITE,
    PART,
    TEXT,
    WHOLE_TEXT,
    WRITTEN,
    Kind,
    Maybe,
    choice,
    conform,
    digits,
    number_of,
    written,
)
from kit.probes._values import number
from kit.probes.aggregates._buckets import (
    MOST_BUCKETS,
    OVERFLOW,
    UNDERFLOW,
    Bucket,
    Histogram,
    Log2,
    Sketch,
    buckets,
    histogram,
)
from kit.probes.aggregates._cells import Stats, as_key
from kit.probes.captures._capture import frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from kit.core._format import FieldType
    from kit.probes.aggregates._buckets import Histogram

__all__ = ["AGGREGATE", "Table", "from_json", "quantile_name", "to_json"]

_BAR = 40
_MOST_HISTOGRAMS = 8
_MOST_ROWS = 40


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """An aggregate's numbers at one moment; frozen.

    Attributes
    ----------
    title : str
        What was aggregated.
    value : str or None
        Of which field.
    value_type : type
        ``int`` or ``float``.
    by : dict of str to type
        The names that make the key, and the types of these fields.
    rows : dict of tuple to Stats
        By key, most events first.
    histogram : Log2, Linear or None
    quantiles : tuple of float
        Which are shown.
    error : float or None
        The relative error of quantiles.
    dropped : dict of str to int
        For each marker how many events had a key for which there was no room.
    filtered : dict of str to dict of str to int
        For each marker how many events were kept back, by reason.
    capacity : int
        How many keys there may be.
    seconds : float
        For how long was counted.
    failed : dict of str to int
        For each marker how many events could not be added, for whatever else.
    """

    title: str
    value: str | None
    value_type: FieldType
    by: dict[str, FieldType]
    rows: dict[tuple[Any, ...], Stats]
    histogram: Histogram | None = None
    quantiles: tuple[float, ...] = ()
    error: float | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    filtered: dict[str, dict[str, int]] = field(default_factory=dict)
    capacity: int = 0
    seconds: float = 0.0
    failed: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def count(self) -> int:
        """How many events are in it."""
        return sum(stats.count for stats in self.rows.values())

    def buckets(self, key: tuple[Any, ...] = ()) -> list[Bucket]:
        """Return the histogram of a key, from the first to the last bucket that is not empty.

        Parameters
        ----------
        key : tuple
            A key of `rows`.

        Returns
        -------
        list of Bucket
            Empty where no histogram was asked for, or there is no such key.
        """
        stats = self.rows.get(as_key(key))
        if self.histogram is None or stats is None:
            return []
        return list(buckets(self.histogram, stats.buckets))

    def columns(self) -> list[str]:
        """Return the names of the numbers of a row."""
        names = ["count"]
        if self.value is not None:
            names += ["missing", "sum", "min", "max", "avg", "variance"]
            names += [quantile_name(share) for share in self.quantiles]
        return [*names, "rate"]

    def numbers(self, stats: Stats) -> list[float | None]:
        """Return the numbers of a row, in the order of `columns`."""
        found: list[float | None] = [stats.count]
        if self.value is not None:
            values = stats.count - stats.missing
            found += [stats.missing, stats.sum if values else None, stats.min, stats.max]
            found += [stats.avg, stats.variance]
            found += [stats.quantile(share) for share in self.quantiles]
        return [*found, stats.count / self.seconds if self.seconds else None]

    def frame(self) -> pd.DataFrame:
        """Return it as a pandas frame; see `kit.frames._aggregates`."""
        made: pd.DataFrame = frames("_aggregates").frame(self)
        return made

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON data, to be saved; see `to_json`."""
        return to_json(self)

    # In a terminal and in a notebook.

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        shown = list(self.rows.items())[:_MOST_ROWS]
        some_missing = any(stats.missing for stats in self.rows.values())
        names = [*self.by, *(n for n in self.columns() if n != "missing" or some_missing)]
        rows = []
        for key, stats in shown:
            pairs = zip(self.columns(), self.numbers(stats), strict=True)
            texts = [self._said(name, number) for name, number in pairs if name in names]
            rows.append([*(_text(part) for part in key), *texts])
        return names, rows

    def _said(self, name: str, number: float | None) -> str:
        """Write a number of a row; durations as people read them, which `frame` has exactly."""
        if self.value != "dur" or number is None or name in _NO_DURATIONS:
            return _number(number)
        return duration(number)

    def _notes(self) -> list[str]:
        notes = []
        if len(self.rows) > _MOST_ROWS:
            notes.append(f"{len(self.rows) - _MOST_ROWS:,} more keys")
        dropped = sum(self.dropped.values())
        if dropped:
            notes.append(f"{dropped:,} events dropped: there is room for {self.capacity:,} keys")
        failed = sum(self.failed.values())
        if failed:
            notes.append(f"{failed:,} events failed")
        filtered = sum(sum(counts.values()) for counts in self.filtered.values())
        if filtered:
            notes.append(f"{filtered:,} events filtered")
        if self.rows and self.quantiles and self.value is not None and self.error is not None:
            notes.append(f"quantiles within {self.error:.2%}")
        return notes

    def _histograms(self) -> Iterator[tuple[str, list[Bucket]]]:
        for key in list(self.rows)[:_MOST_HISTOGRAMS]:
            found = self.buckets(key)
            if found:
                pairs = zip(self.by, key, strict=True)
                yield ", ".join(f"{name} = {_text(part)}" for name, part in pairs), found

    def _drawn(self, found: list[Bucket]) -> list[str]:
        return _drawn(found, duration if self.value == "dur" else _edge)

    def __str__(self) -> str:
        names, rows = self._cells()
        lines = [self.title]
        if not self.rows:
            return "\n".join([*lines, "; ".join(["no events yet", *self._notes()])])
        widths = [max(len(row[column]) for row in [names, *rows]) for column in range(len(names))]
        for row in [names, ["─" * width for width in widths], *rows]:
            cells = (
                cell.ljust(width) if place < len(self.by) else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join(cells).rstrip())
        if notes := self._notes():
            lines.append("; ".join(notes))
        for title, found in self._histograms():
            lines += ["", *([title] if title else []), *self._drawn(found)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        names, rows = self._cells()

        def cells(row: list[str], tag: str) -> str:
            return "".join(
                f'<{tag} style="text-align:{"left" if place < len(self.by) else "right"}">'
                f"{escape(cell)}</{tag}>"
                for place, cell in enumerate(row)
            )

        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
        notes = "; ".join([*([] if self.rows else ["no events yet"]), *self._notes()])
        bars = "".join(
            f"<p>{escape(title)}</p><pre>{escape(chr(10).join(self._drawn(found)))}</pre>"
            for title, found in self._histograms()
        )
        return (
            '<table style="font-variant-numeric:tabular-nums">'
            f"<caption>{escape(self.title)}</caption>"
            f"<thead><tr>{cells(names, 'th')}</tr></thead><tbody>{body}</tbody></table>"
            f"<p>{escape(notes)}</p>{bars}"
        )


_NO_DURATIONS: Final = ("count", "missing", "variance", "rate")


def quantile_name(share: float) -> str:
    """Return the name of a quantile's column, such as ``p99.9``."""
    return f"p{100 * share:.12g}"


def _drawn(found: list[Bucket], write: Callable[[float], str]) -> list[str]:
    """Draw a histogram as lines of text."""
    edges = [
        ["..." if math.isinf(edge) else write(edge) for edge in (each.low, each.high)]
        for each in found
    ]
    labels = [f"[{low}, {high})" for low, high in edges]
    counts = [f"{each.count:,}" for each in found]
    most = max(each.count for each in found)
    label_width, count_width = max(map(len, labels)), max(map(len, counts))
    return [
        f"{label.ljust(label_width)}  {count.rjust(count_width)} "
        f"|{('@' * math.ceil(_BAR * each.count / most)).ljust(_BAR)}|"
        for label, count, each in zip(labels, counts, found, strict=True)
    ]


def _edge(value: float) -> str:
    """Write the edge of a bucket: powers of two as 1K, 1M, 1G."""
    if type(value) is int and value >= 1024:
        for power, letter in ((60, "E"), (50, "P"), (40, "T"), (30, "G"), (20, "M"), (10, "K")):
            if value % (1 << power) == 0:
                return f"{value >> power}{letter}"
    return f"{value:.6g}" if type(value) is float else str(value)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}" if digits(value) is None else hex(value)
    if not math.isfinite(value):
        return str(value)
    if value and not 1e-3 <= abs(value) < 1e15:
        return f"{value:.4g}"
    decimals = max(0, 3 - len(str(int(abs(value))))) if abs(value) >= 1 else 4
    return f"{value:,.{decimals}f}"


def _text(value: object) -> str:
    text = value if isinstance(value, str) else "missing" if value is None else digits(value)
    text = repr(value) if text is None else text
    shown = "".join(c if c.isprintable() else "�" for c in text)
    return shown if len(shown) <= 40 else shown[:39] + "…"


_TYPES: Final[dict[str, Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "Label": Label,
}
_SHARE: Final = Kind("a share from 0 to 1", lambda v: type(v) in (int, float) and 0 <= v <= 1)
_ERROR: Final = Kind("an error from 0.0001 to 0.5", lambda v: type(v) is float and 1e-4 <= v <= 0.5)
_POWER: Final = Kind("a power from -1000 to 1000", lambda v: type(v) is int and -1000 <= v <= 1000)
_BUCKETS: Final = [(FINITE, COUNT)]
AGGREGATE: Final = {
    "title": TEXT,
    "value": Maybe(TEXT),
    "value_type": choice("int", "float", "bool"),
    "by": {WHOLE_TEXT: choice(*_TYPES)},
    "error": Maybe(_ERROR),
    "dropped": COUNTS,
    "failed?": COUNTS,
    "filtered": {TEXT: COUNTS},
    "capacity": COUNT,
    "seconds": FINITE,
    "quantiles": [_SHARE],
    "histogram": Maybe(
        {
            "kind": choice("Log2", "Linear"),
            "lowest?": _POWER,
            "highest?": _POWER,
            "low?": FINITE,
            "high?": FINITE,
            "step?": FINITE,
        }
    ),
    "rows": [
        {
            "key": [PART],
            "count": COUNT,
            "missing": COUNT,
            "sum": WRITTEN,
            "min": Maybe(WRITTEN),
            "max": Maybe(WRITTEN),
            "avg": Maybe(WRITTEN),
            "variance": Maybe(WRITTEN),
            "buckets": _BUCKETS,
            "sketch": Maybe({"positive": _BUCKETS, "negative": _BUCKETS, "zero": COUNT}),
        }
    ],
}
"""What is in the file of an aggregate."""
_MOST_QUANTILES: Final = 1000
_PLAIN: Final = ("title", "value", "error", "dropped", "filtered", "capacity", "seconds")
_NUMBERS: Final = ("count", "missing", "sum", "min", "max", "avg", "variance")


def to_json(table: Table) -> dict[str, Any]:
    """Return a table as plain JSON data, nothing left out.

    Returns
    -------
    dict
        Parts of keys that are no numbers, text, truth values or None are written as text.
    """
    kind = table.histogram
    fields = () if kind is None else type(kind).__slots__
    return {
        **{name: getattr(table, name) for name in _PLAIN},
        "failed": table.failed,
        "value_type": table.value_type.__name__,
        "by": {name: type.__name__ for name, type in table.by.items()},
        "quantiles": list(table.quantiles),
        "histogram": None
        if kind is None
        else {"kind": type(kind).__name__, **{name: getattr(kind, name) for name in fields}},
        "rows": [
            {
                "key": [_plain(part) for part in key],
                **{name: written(getattr(stats, name)) for name in _NUMBERS},
                "buckets": _pairs(stats.buckets),
                "sketch": None
                if stats.sketch is None
                else {
                    "positive": _pairs(stats.sketch.positive),
                    "negative": _pairs(stats.sketch.negative),
                    "zero": stats.sketch.zero,
                },
            }
            for key, stats in table.rows.items()
        ],
    }


def from_json(data: dict[str, Any]) -> Table:
    """Return the table that was written.

    Parameters
    ----------
    data : dict
        From `to_json`.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        When it is not what `to_json` returns; it says where.
    """
    data = conform(data, AGGREGATE)
    kind = _histogram(data["histogram"])
    if len(data["quantiles"]) > _MOST_QUANTILES:
        raise ValueError(f"quantiles: at most {_MOST_QUANTILES:,}, got {len(data['quantiles']):,}")
    rows: dict[tuple[Any, ...], Stats] = {}
    for at, row in enumerate(data["rows"]):
        key, place = as_key(tuple(map(number_of, row["key"]))), f"rows[{at}]"
        if len(key) != len(data["by"]) or key in rows:
            raise ValueError(
                f"{place}.key: another key of {len(data['by'])} parts, got {key!r:.60}"
            )
        if row["missing"] > row["count"]:
            raise ValueError(f"{place}.missing: at most {row['count']:,}, got {row['missing']:,}")
        numbers = {name: number_of(row[name]) for name in _NUMBERS}
        sketch = _sketch(row["sketch"], data["error"], f"{place}.sketch")
        rows[key] = Stats(**numbers, buckets=_buckets(row["buckets"], kind, place), sketch=sketch)
    return Table(
        **{name: data[name] for name in _PLAIN},
        failed=data.get("failed", {}),  # not known of those saved in earlier days
        value_type=_TYPES[data["value_type"]],
        by={name: _TYPES[kind] for name, kind in data["by"].items()},
        quantiles=tuple(data["quantiles"]),
        histogram=kind,
        rows=rows,
    )


def _histogram(saved: dict[str, Any] | None) -> Histogram | None:
    if saved is None:
        return None
    try:
        if saved["kind"] == "Log2":
            found = Log2(saved["lowest"], saved["highest"])
            if found.lowest >= found.highest:
                raise ValueError("it ends before it begins")
            return found
        return histogram((saved["low"], saved["high"], saved["step"]), whole=False)
    except (LookupError, ValueError) as error:
        raise ValueError(f"histogram: {error}") from None


def _buckets(saved: list[list[Any]], kind: Histogram | None, place: str) -> dict[float, int]:
    if kind is None:
        return {}
    first, last = (kind.lowest, kind.highest) if isinstance(kind, Log2) else (0, kind.last)
    for bucket, _ in saved:
        inside = first <= bucket <= last and bucket == int(bucket)
        if not inside and bucket not in (UNDERFLOW, OVERFLOW):
            raise ValueError(f"{place}.buckets: one from {first} to {last}, got {bucket!r:.60}")
    return {bucket: count for bucket, count in saved}  # noqa: C416 - lists of two


def _sketch(saved: dict[str, Any] | None, error: float | None, place: str) -> Sketch | None:
    if saved is None:
        return None
    if error is None:
        raise ValueError(f"{place}: none, as there is no error, got one")
    for sign in ("positive", "negative"):
        if len(saved[sign]) > MOST_BUCKETS:
            raise ValueError(f"{place}.{sign}: at most {MOST_BUCKETS:,}, got {len(saved[sign]):,}")
    return Sketch(error, dict(saved["positive"]), dict(saved["negative"]), saved["zero"])


def _pairs(counts: dict[float, int]) -> list[list[float]]:
    return [[key, count] for key, count in counts.items()]


def _plain(part: Any) -> Any:
    """Return a part of a key: of the program's own kinds of numbers and text only these."""
    of = type(part)
    if part is None or of is bool:
        return part
    if issubclass(of, str):
        return str.__str__(part)
    return written(number(part)) if issubclass(of, int | float) else str(part)
