"""Ready-made probes.  Standard library and markers only."""

from __future__ import annotations

from kit.probes import actions
from kit.probes._basic import READY_MADE, Count, Print, Time
from kit.probes._trigger import Firing, Trigger
from kit.probes.aggregates import Aggregate, aggregate
from kit.probes.captures._capture import Capture
from kit.probes.captures._reader import read
from kit.probes.filters._budget import Budget
from kit.probes.filters.condition import Condition
from kit.probes.recorder._record import record
from kit.probes.recorder._recorder import Recorder
from kit.probes.sessions._session import Session

__all__ = [
    "READY_MADE",
    "Aggregate",
    "Budget",
    "Capture",
    "Condition",
    "Count",
    "Firing",
    "Print",
    "Recorder",
    "Session",
    "Time",
    "Trigger",
    "actions",
    "aggregate",
    "read",
    "record",
]


def __dir__() -> list[str]:
    return __all__
