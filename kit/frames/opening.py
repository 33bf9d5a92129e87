"""Opening what was saved, whether a file or a session's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kit.frames import store
from kit.frames.sessions import SavedSession, open_session

if TYPE_CHECKING:
    import os

    from kit.frames.recording import Recording

__all__ = ["open"]


def open(path: str | os.PathLike[str]) -> Recording | SavedSession:
    """Open what was saved.

    Parameters
    ----------
    path : path
        A file written by `kit.frames.save`, or the folder of a session.

    Returns
    -------
    Recording or SavedSession
        Of a file, with ``events(name)``, ``dispatches()``, ``probe_calls()``, ``publications()``
        and ``markers()``: the frames that were saved, categories, dtypes and attrs included. Both
        have ``frame(name)``.

    Raises
    ------
    CaptureError
        When it is empty, cut off, damaged, foreign or of a later version; it says which.
    OSError
        When it cannot be read, for example because there is none.

    Examples
    --------
    >>> open("no/such/file.parquet")
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: 'no/such/file.parquet'
    """
    return open_session(path) if Path(path).is_dir() else store.open(path)
