"""Ready-made probes.  Standard library and markers only."""

from __future__ import annotations

from kit.probes.aggregates import Aggregate, aggregate
from kit.probes.budgets import Budget
from kit.probes.capture import Capture
from kit.probes.conditions import Condition
from kit.probes.ready import Count, Print, Time
from kit.probes.recorder import Recorder, record
from kit.probes.session import Session
from kit.probes.trigger import Firing, Trigger

__all__ = [
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
    "aggregate",
    "record",
]
