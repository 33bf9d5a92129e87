"""What was recorded → pandas: the schema, building frames, saving and opening them again.

Five frames describe a recording: events, dispatches, probe_calls, publications and markers; their
columns are declared in `kit.frames.schema`. This room needs pandas and pyarrow
(``pip install markers-kit[frames]``).
"""

from __future__ import annotations

from kit.frames.accessor import Accessor
from kit.frames.attributes import thread_names, wall_time
from kit.frames.build import dispatches, events, markers, probe_calls, publications
from kit.frames.joining import join
from kit.frames.opening import open
from kit.frames.recording import Recording, empty, recording
from kit.frames.schema import check
from kit.frames.sessions import SavedSession
from kit.frames.store import save
from kit.frames.text import TEXT_LIMIT, escape, unescape

__all__ = [
    "TEXT_LIMIT",
    "Accessor",
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
