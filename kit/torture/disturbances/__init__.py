"""What happens all at once: one class a kind of disturbance, and a table of them.

===============  ====================================================================
`disturbance`    what all kinds have in common
`firing`         threads that fire
`interruptions`  what fires and updates in the middle of other code
`forks`          forked children
`recorders`      recorders in memory and in files
`sessions`       sessions with many files
`probes`         triggers, aggregates, and probes behind conditions
`updates`        connecting, replacing, declaring anew, and waiting for grace periods
===============  ====================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kit.torture.disturbances.firing import Comers, Fire, Passages
from kit.torture.disturbances.forks import Forks
from kit.torture.disturbances.interruptions import (
    Collections,
    Early,
    Finalisers,
    Locals,
    Signals,
)
from kit.torture.disturbances.probes import Aggregates, Conditions, Triggers
from kit.torture.disturbances.recorders import Context, Fickle, Recorders, Rotate
from kit.torture.disturbances.sessions import Sessions
from kit.torture.disturbances.updates import Churn, Declare, Hooks, Replace, Waits

if TYPE_CHECKING:
    from kit.torture.disturbances.disturbance import Disturbance

__all__ = ["DISTURBANCES"]

DISTURBANCES: Final[dict[str, type[Disturbance]]] = {
    "fire": Fire,
    "comers": Comers,
    "signals": Signals,
    "finalisers": Finalisers,
    "collections": Collections,
    "locals": Locals,
    "early": Early,
    "forks": Forks,
    "recorders": Recorders,
    "rotate": Rotate,
    "fickle": Fickle,
    "sessions": Sessions,
    "triggers": Triggers,
    "aggregates": Aggregates,
    "conditions": Conditions,
    "churn": Churn,
    "replace": Replace,
    "hooks": Hooks,
    "declare": Declare,
    "waits": Waits,
    "passages": Passages,
    "context": Context,
}
"""By the name with which one is left out."""
