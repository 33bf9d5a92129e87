"""Events to look through: those kept, as frames; and the newest ones, as rows of a recorder.

A frame of a million events is made when the reader stops to look, never for an update.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from kit.frames._names import shown_names
from kit.plots import units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from kit.plots._selection import Brush
    from kit.probes.captures._capture import Capture
    from kit.probes.filters.condition import Condition

__all__ = ["Event", "EventTable", "newest", "value_text"]
