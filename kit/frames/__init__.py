"""What was recorded → pandas: the schema, building frames, saving and opening them again.

Five frames describe a recording: events, dispatches, probe_calls, publications and markers; their
columns are declared in `kit.frames._schema`. This room needs pandas and pyarrow
(``pip install markers-kit[frames]``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from kit.core._publication.fork import import_room
from kit.frames import _recording, _schema, _values
from kit.frames._attrs import thread_names, wall_time
from kit.frames._build import dispatches, events, markers, probe_calls, publications
from kit.frames._join import join
from kit.frames._opening import SavedSession, open
from kit.frames._parquet import save
from kit.frames._recording import Recording

if TYPE_CHECKING:
    from kit.analysis._accessor import Accessor

__all__ = [
    "Recording",
    "SavedSession",
    "dispatches",
    "events",
    "join",
    "markers",
    "open",
    "probe_calls",
    "publications",
    "save",
    "thread_names",
    "wall_time",
]

# What else was found here before; these spellings go on working until 1.0.
_BEFORE: Final = {
    **dict.fromkeys(("TEXT_LIMIT", "escape", "unescape"), _values),
    **dict.fromkeys(("empty", "recording"), _recording),
    "check": _schema,
}

if not TYPE_CHECKING:  # else each name that is misspelt would be something to a type checker

    def __getattr__(name: str) -> object:
        if name in _BEFORE:
            return getattr(_BEFORE[name], name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


@pd.api.extensions.register_dataframe_accessor("kit")  # type: ignore[type-var] # it is called
def _accessor(frame: pd.DataFrame) -> Accessor:
    """Make ``frame.kit`` when it is first asked for: the analyses are above this room."""
    import_room("kit.analysis")
    from kit.analysis._accessor import Accessor

    return Accessor(frame)
