"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import os
import platform
import secrets
import socket
from pathlib import Path
from typing import Any, Final

__all__ = ["FORMAT", "VERSION", "absolute", "process", "remove", "sync_folder", "write_json"]

FORMAT: Final = "markers-kit session"
VERSION: Final = 2


def absolute(path: str | os.PathLike[str]) -> Path:
    """Return a path that stays the same when the process changes its folder; ``~`` is expanded."""
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111 - Path.resolve would follow links


def remove(path: Path, identity: tuple[int, int]) -> None:
    """Remove a file, unless another one has its name by now.

    Parameters
    ----------
    path : pathlib.Path
    identity : tuple of int
        Device and number of the one that is meant.
    """
    try:
        found = path.lstat()
    except OSError:
        return
    if (found.st_dev, found.st_ino) == identity:
        path.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Replace a file by JSON, in one step.

    Parameters
    ----------
    path : pathlib.Path
    data : object
        Plain JSON data.

    Raises
    ------
    OSError
        When it cannot be written; the old file is there then.
    """
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        with partial.open("xb") as file:
            file.write(json.dumps(data, indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def process() -> dict[str, Any]:
    """Return what a file says about the process that wrote it."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "python": platform.python_version(),
    }


def sync_folder(folder: Path) -> None:
    """Force the names of a folder's files to the disk, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
