"""Aggregates: counts, sums, averages, histograms and quantiles by key, exact under threads.

==============  ========================================================================
`aggregate`     the probe; `making`, what may be asked of it
`writer`        the function that adds one event, and where it finds its cell
`native`        the same in C, where the dispatcher is
`cells`         what a thread keeps for a key; what all threads' cells say together
`histogram`     which bucket a value is in
`sketch`        quantiles with a stated relative error
`table`         the numbers at one moment, and how they look; `saving`, as plain data
==============  ========================================================================
"""

from __future__ import annotations

from kit.probes.aggregates._aggregate import Aggregate, aggregate
from kit.probes.aggregates._buckets import Bucket, Linear, Log2
from kit.probes.aggregates._table import Table

__all__ = ["Aggregate", "Bucket", "Linear", "Log2", "Table", "aggregate"]
