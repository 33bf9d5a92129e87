"""An aggregate's numbers as plain JSON data, and back."""

from __future__ import annotations

from typing import Any, Final

from kit.core._format import Label
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
    number_of,
    written,
)
from kit.probes._values import number
from kit.probes.aggregates._buckets import (
    MOST_BUCKETS,
    OVERFLOW,
    UNDERFLOW,
    Histogram,
    Log2,
    Sketch,
    histogram,
)
from kit.probes.aggregates._cells import Stats, as_key
from kit.probes.aggregates._table import Table

__all__ = ["AGGREGATE", "from_json", "to_json"]

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

    Parameters
    ----------
    table : Table

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
