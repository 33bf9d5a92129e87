"""Opening what was saved, whether a file or a session's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kit.errors import CaptureError
from kit.frames import store
from kit.frames.recording import recording
from kit.frames.sessions import SavedSession, open_session
from kit.probes.capture_file import MAGIC
from kit.probes.capture_reading import read

if TYPE_CHECKING:
    from kit.frames.recording import Recording

__all__ = ["open", "open_file"]

SPARE_BYTES: Final = 256 << 20
"""Opening a recorder's file takes less than this and 128 times its size."""
MOST_STEPS: Final = 10_000_000_000
"""Each marker's events are looked for among all."""


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
        if file.read(len(MAGIC)) != MAGIC:
            return store.open(path)
        size = os.fstat(file.fileno()).st_size
    capture = read(path)
    fields = {(of.name, field) for of in capture.markers for field in of.format.names}
    codes = len(capture.markers)
    columns = len(fields) + len(capture.context) + 8
    needed = 24 * columns * (len(capture) + 2000)
    if needed > 128 * size + SPARE_BYTES or codes * len(capture) > MOST_STEPS:
        raise CaptureError(
            f"{os.fspath(path)!r} has {len(capture):,} events of markers with {len(fields):,} "
            "fields, more than one frame should hold; make one of each marker, with "
            "kit.frames.events(kit.probes.capture_reading.read(path), name)"
        )
    return recording(capture)
