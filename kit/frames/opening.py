"""Opening what was saved, whether a file or a session's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kit.frames import store
from kit.frames.recording import recording
from kit.frames.sessions import SavedSession, open_session
from kit.probes.capture_file import MAGIC
from kit.probes.capture_reading import read

if TYPE_CHECKING:
    import os

    from kit.frames.recording import Recording

__all__ = ["open", "open_file"]


def open(path: str | os.PathLike[str]) -> Recording | SavedSession:
    """Open what was saved.

    Parameters
    ----------
    path : path
        A file written by `kit.frames.save`, the file of a recorder with a ``path``, or the folder
        of a session. A recorder's file can be read while it is written, and after its program was
        killed.

    Returns
    -------
    Recording or SavedSession
        Of a file, with ``events(name)``, ``dispatches()``, ``probe_calls()``, ``publications()``
        and ``markers()``: the frames that were saved, categories, dtypes and attrs included. Both
        have ``frame(name)``. What of a recorder's file was damaged is counted in
        ``attrs["damaged"]``.

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
    if Path(path).is_dir():
        return open_session(path)
    return open_file(path)


def open_file(path: str | os.PathLike[str]) -> Recording:
    """Open a file, whichever of the two forms it has; see `open`."""
    with Path(path).open("rb") as file:
        recorded = file.read(len(MAGIC)) == MAGIC
    return recording(read(path)) if recorded else store.open(path)
