"""An aggregate's numbers → a frame."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from kit.core._publication.fork import undivided
from kit.frames._schema import FIELD_KINDS, Kind
from kit.frames._values import column, convert

if TYPE_CHECKING:
    from kit.probes.aggregates import Table

__all__ = ["buckets", "frame"]


@undivided
def frame(table: Table) -> pd.DataFrame:
    """The numbers of an aggregate.

    Parameters
    ----------
    table : Table
        From ``aggregate.table()``.

    Returns
    -------
    pandas.DataFrame
        One row a key, most events first: the key's fields; ``count``; of the value ``missing``
        (events without a number), ``sum, min, max, avg, variance`` and the quantiles; ``rate`` in
        events a second. A key's field with the name of a number has a trailing underscore. Its
        attrs say what was dropped and filtered, the relative error of the quantiles, and as
        ``misfits`` how many numbers of a column do not fit it and are missing: whole numbers of
        more than 64 bits, which ``table()`` has.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("doc.frames.added", qty=int, sym=kit.Label)
    >>> with kit.aggregate("doc.frames.added", "qty", by="sym") as added:
    ...     fill(1, "ACME")
    ...     fill(3, "ACME")
    >>> frame(added.table())[["sym", "count", "sum", "avg"]]
        sym  count  sum  avg
    0  ACME      2    4  2.0
    """
    names = table.columns()
    arrays: dict[str, Any] = _keys(table, list(table.rows), names)
    value: Kind = "int" if table.value_type is int else "float"
    numbers = [table.numbers(stats) for stats in table.rows.values()]
    misfits: dict[str, int] = {}
    for place, name in enumerate(names):
        kind: Kind = "float"
        if name in ("count", "missing"):
            kind = "stamp"
        elif name in ("sum", "min", "max"):
            kind = value
        values = convert([row[place] for row in numbers], kind)
        arrays[name] = column(kind, [(None, values)], len(numbers))
        if values.misfits:
            misfits[name] = values.misfits
    result = pd.DataFrame(arrays, copy=False)
    result.attrs = {**_attrs(table), "misfits": misfits}
    return result


@undivided
def buckets(table: Table) -> pd.DataFrame:
    """The histograms of an aggregate.

    Returns
    -------
    pandas.DataFrame
        One row a bucket: the key's fields, ``low`` (included; minus infinity for the underflow),
        ``high`` (excluded; infinity for the overflow) and ``count``. Between the first and the
        last of a key no bucket is left out.
    """
    rows = [(key, bucket) for key in table.rows for bucket in table.buckets(key)]
    arrays = _keys(table, [key for key, _ in rows], ["low", "high", "count"])
    for name in ("low", "high"):
        edges = [float(getattr(bucket, name)) for _, bucket in rows]
        arrays[name] = column("float", [(None, convert(edges, "float"))], len(rows))
    counts = [bucket.count for _, bucket in rows]
    arrays["count"] = column("stamp", [(None, convert(counts, "stamp"))], len(rows))
    result = pd.DataFrame(arrays, copy=False)
    result.attrs = _attrs(table)
    return result


def _keys(table: Table, keys: list[tuple[Any, ...]], taken: list[str]) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for place, (name, kind) in enumerate(table.by.items()):
        shown = name
        while shown in taken or (shown != name and shown in table.by):
            shown += "_"
        values = [key[place] for key in keys]
        arrays[shown] = column(
            FIELD_KINDS[kind], [(None, convert(values, FIELD_KINDS[kind]))], len(keys)
        )
    return arrays


def _attrs(table: Table) -> dict[Any, Any]:
    return {
        "aggregate": table.title,
        "value": table.value,
        "by": list(table.by),
        "error": table.error,
        "dropped": table.dropped,
        "failed": table.failed,
        "filtered": table.filtered,
        "capacity": table.capacity,
        "seconds": table.seconds if math.isfinite(table.seconds) else None,
    }
