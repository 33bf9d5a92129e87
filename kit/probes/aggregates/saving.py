"""An aggregate's numbers as plain JSON data, and back."""

from __future__ import annotations

from typing import Any, Final

from kit.markers.format import Label
from kit.probes.aggregates.cells import Stats
from kit.probes.aggregates.histogram import Histogram, Linear, Log2
from kit.probes.aggregates.sketch import Sketch
from kit.probes.aggregates.table import Table

__all__ = ["from_json", "to_json"]

_TYPES: Final[dict[str, Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "Label": Label,
}
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
                **{name: getattr(stats, name) for name in _NUMBERS},
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
    LookupError, TypeError, ValueError
        When it was written by nobody.
    """
    error = data["error"]
    rows = {}
    for row in data["rows"]:
        saved = row["sketch"]
        sketch = None
        if saved is not None:
            positive, negative = dict(saved["positive"]), dict(saved["negative"])
            sketch = Sketch(float(error), positive, negative, saved["zero"])
        numbers = {name: row[name] for name in _NUMBERS}
        rows[tuple(row["key"])] = Stats(**numbers, buckets=dict(row["buckets"]), sketch=sketch)
    return Table(
        **{name: data[name] for name in _PLAIN},
        failed=data.get("failed", {}),  # not known of those saved in earlier days
        value_type=_TYPES[data["value_type"]],
        by={name: _TYPES[kind] for name, kind in data["by"].items()},
        quantiles=tuple(data["quantiles"]),
        histogram=_histogram(data["histogram"]),
        rows=rows,
    )


def _histogram(saved: dict[str, Any] | None) -> Histogram | None:
    if saved is None:
        return None
    fields = {name: value for name, value in saved.items() if name != "kind"}
    return Log2(**fields) if saved["kind"] == "Log2" else Linear(**fields)


def _pairs(counts: dict[float, int]) -> list[list[float]]:
    return [[key, count] for key, count in counts.items()]


def _plain(part: object) -> Any:
    return part if part is None or type(part) in (int, float, str, bool) else str(part)
