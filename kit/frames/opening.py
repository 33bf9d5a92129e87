"""Opening what was saved, whether a file or a session's folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kit.errors import CaptureError
from kit.frames import store
from kit.frames.recording import recording
from kit.frames.sessions import SavedSession, open_session
from kit.probes._files import absolute, open_regular
from kit.probes.captures._file import MAGIC
from kit.probes.captures._reader import read

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
        When it is empty, cut off, damaged, foreign or of a later version, or no file at all but
        a FIFO or a device, which is not read from; it says which.
    OSError
        When it cannot be read, for example because there is none.

    Examples
    --------
    >>> open("no/such/file.parquet")
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: '.../no/such/file.parquet'
    """
    place = absolute(path)
    if place.is_dir():
        return open_session(place)
    return open_file(place)


def open_file(path: str | os.PathLike[str], *, follow: bool = True) -> Recording:
    """Open a file, whichever of the two forms it has; see `open`.

    Parameters
    ----------
    path : path
    follow : bool
        Whether it may be a link to a file.

    Returns
    -------
    Recording
    """
    with open_regular(path, follow=follow) as file:
        size = os.fstat(file.fileno()).st_size
        magic = file.read(len(MAGIC)) if size else b""
        if magic != MAGIC:
            return store.read(file, os.fspath(path))
        capture = read(path, file)
    fields = {(of.name, field) for of in capture.markers for field in of.format.names}
    codes = len(capture.markers)
    columns = len(fields) + len(capture.context) + 8
    needed = 24 * columns * (len(capture) + 2000)
    if needed > 128 * size + SPARE_BYTES or codes * len(capture) > MOST_STEPS:
        raise CaptureError(
            f"{os.fspath(path)!r} has {len(capture):,} events of markers with {len(fields):,} "
            "fields, more than one frame should hold; make one of each marker, with "
            "kit.frames.events(kit.probes.captures._reader.read(path), name)"
        )
    return recording(capture)
