"""What was recorded → pandas: the schema, building frames, saving and opening them again.

Five frames describe a recording: events, dispatches, probe_calls, publications and markers; their
columns are declared in `kit.frames._schema`. This room needs pandas and pyarrow
(``pip install markers-kit[frames]``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kit.core._publication.fork import import_room
from kit.frames._attrs import thread_names, wall_time
from kit.frames._build import dispatches, events, markers, probe_calls, publications
from kit.frames._join import join
from kit.frames._opening import SavedSession, open
from kit.frames._parquet import save
from kit.frames._recording import Recording, empty, recording
from kit.frames._schema import check
from kit.frames._values import TEXT_LIMIT, escape, unescape

if TYPE_CHECKING:
    from kit.analysis._accessor import Accessor

__all__ = [
    "TEXT_LIMIT",
    "Recording",
    "SavedSession",
    "check",
    "dispatches",
    "empty",
    "escape",
    "events",
    "join",
    "markers",
    "open",
    "probe_calls",
    "publications",
    "recording",
    "save",
    "thread_names",
    "unescape",
    "wall_time",
]


@pd.api.extensions.register_dataframe_accessor("kit")  # type: ignore[type-var] # it is called
def _accessor(frame: pd.DataFrame) -> Accessor:
    """Make ``frame.kit`` when it is first asked for: the analyses are above this room."""
    import_room("kit.analysis")
    from kit.analysis._accessor import Accessor

    return Accessor(frame)
