"""Files: others' are looked at before they are read; ours are there whole, or not at all.

What the kit makes is for its user alone: files have the mode 0600, folders 0700, from the beginning
and whatever the umask is.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import secrets
import socket
import stat
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from kit.errors import CaptureError

__all__ = [
    "FORMAT",
    "MOST_JSON",
    "VERSION",
    "Identity",
    "absolute",
    "create",
    "give_name",
    "identity",
    "identity_of",
    "make_folder",
    "open_regular",
    "partial_of",
    "place",
    "process",
    "read_bounded",
    "refuse_irregular",
    "remove",
    "started",
    "sync_folder",
    "there_is",
    "write_json",
]

FORMAT: Final = "markers-kit session"
VERSION: Final = 2
MOST_JSON: Final = 64 << 20
"""The most bytes that a file of JSON may have: more is neither written nor read."""


def absolute(path: str | os.PathLike[str]) -> Path:
    """Return a path that stays the same when the process changes its folder; ``~`` is expanded."""
    if not os.fspath(path):
        raise ValueError("the path is empty: name a file or a folder")
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111 - Path.resolve would follow links


# Reading.


def open_regular(path: str | os.PathLike[str], *, follow: bool = True) -> IO[bytes]:
    """Open a file for reading, which never waits; refuse what is none.

    Parameters
    ----------
    path : path
    follow : bool
        Whether it may be a link to a file.

    Returns
    -------
    binary file
        Whatever its name stands for later, this is what was looked at.

    Raises
    ------
    CaptureError
        When it is a folder, a FIFO, a socket or a device, or a link to one.
    OSError
        When it cannot be opened, for example because it does not exist.

    Examples
    --------
    >>> open_regular("/dev/zero")
    Traceback (most recent call last):
    kit.errors.CaptureError: '/dev/zero' is a device, not a file; ...
    """
    shown = os.fspath(path)
    # Opening alone does something to a FIFO or to a tape: look first. And once more afterwards, for
    # in between somebody may have put one there; without waiting for whoever writes into it.
    refuse_irregular(Path(path).stat(follow_symlinks=follow), shown)
    flags = ["O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY", *([] if follow else ["O_NOFOLLOW"])]
    number = os.open(path, os.O_RDONLY | sum(getattr(os, flag, 0) for flag in flags))
    try:
        refuse_irregular(os.fstat(number), shown)
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


_OTHERS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISLNK, "a link, which may lead out of its folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def refuse_irregular(found: os.stat_result, shown: str) -> None:
    """Raise a `CaptureError` that says what it is, unless it is a file."""
    if not stat.S_ISREG(found.st_mode):
        what = next((says for is_one, says in _OTHERS if is_one(found.st_mode)), "something else")
        raise CaptureError(
            f"{shown!r} is {what}, not a file; open what kit.frames.save, kit.record(path=...) or "
            "kit.session wrote"
        )


def read_bounded(path: Path, most: int = MOST_JSON) -> bytes:
    """Return what a file holds that is not longer than it should be, and no link.

    Parameters
    ----------
    path : pathlib.Path
    most : int
        Bytes.

    Returns
    -------
    bytes

    Raises
    ------
    CaptureError
        When it has more, or is no file.
    OSError
        When it cannot be read.
    """
    with open_regular(path, follow=False) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(min(size, most) + 1) if size <= most else b""
    if max(size, len(data)) > most:
        raise CaptureError(f"{os.fspath(path)!r} has more than the {most:,} bytes that it may have")
    return data


# Writing.


class Identity(NamedTuple):
    """Which file it is, whatever its name."""

    device: int
    inode: int


def identity(path: Path) -> Identity | None:
    """Return which file has a name; None where there is none."""
    try:
        return identity_of(path.lstat())
    except FileNotFoundError:
        return None


def identity_of(found: os.stat_result) -> Identity:
    """Return which file it is that a name or a descriptor was asked for."""
    return Identity(found.st_dev, found.st_ino)


def remove(path: Path, meant: tuple[int, int] | None) -> None:
    """Remove a file, unless another one has its name by now.

    Parameters
    ----------
    path : pathlib.Path
    meant : tuple of int or None
        Device and number of the one that is meant.
    """
    if meant is not None and identity(path) == meant:
        path.unlink(missing_ok=True)


def create(path: Path) -> int:
    """Make a file for its user alone, to be written and read; refuse one that is there.

    Returns
    -------
    int
        Its descriptor.

    Raises
    ------
    FileExistsError
        When something has that name.
    OSError
        When it cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    number = os.open(path, flags, 0o600)
    if hasattr(os, "fchmod"):
        os.fchmod(number, 0o600)  # whatever the umask takes away
    return number


def make_folder(path: Path) -> None:
    """Make a folder for its user alone, and those that it is in; what is there stays as it is."""
    try:
        path.mkdir(mode=0o700)
        path.chmod(0o700)  # whatever the umask takes away
    except FileNotFoundError:
        if path.parent.is_dir():
            raise  # where nothing can be made, as in /proc
        make_folder(path.parent)
        make_folder(path)
    except FileExistsError:
        if not path.is_dir():
            raise


_LONGEST_NAME: Final = 150
"""Of the bytes of a file's name, those that its temporary name says."""


def partial_of(path: Path) -> Path:
    """Return a temporary name beside a file, which says whose it is and what it will become.

    It has the form ``.NAME.PID-START-PLACE.RANDOM.partial``; see `kit.probes.captures._leftovers`.
    """
    name = os.fsencode(path.name)[:_LONGEST_NAME].decode("utf-8", "ignore")
    writer = f"{os.getpid()}-{started(os.getpid()) or 0}-{place()}"
    return path.with_name(f".{name}.{writer}.{secrets.token_hex(4)}.partial")


def place() -> str:
    """Return within what a process is known by its number: a container, a boot of a machine."""
    try:
        found = Path("/proc/sys/kernel/random/boot_id").read_text()
        found += str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        found = platform.node()
    return hashlib.sha256(found.encode()).hexdigest()[:8]


def started(pid: int) -> int | None:
    """Return when a process was started, in the system's ticks; None where nobody says."""
    try:
        # Of another container, /proc would tell of other processes.
        if str(Path("/proc/self").readlink()) != str(os.getpid()):
            return None
        # The name, in parentheses, may be anything.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


def give_name(partial: Path, path: Path) -> None:
    """Give a file its name, unless another one has it by now.

    Raises
    ------
    FileExistsError
        When one has.
    """
    try:
        os.link(partial, path)
    except FileExistsError:
        raise there_is(path) from None
    except (OSError, NotImplementedError, AttributeError):
        # A file system without links: between these two somebody could make such a file.
        if path.exists():
            raise there_is(path) from None
        partial.rename(path)


def there_is(path: Path) -> FileExistsError:
    """Return the error for a name that is taken."""
    what = "there is a file of this name; remove it, or record to another path"
    return FileExistsError(errno.EEXIST, what, os.fspath(path))


def write_json(path: Path, data: Any, *, new: bool = False, indent: int | None = 1) -> Identity:
    """Put JSON into a file, in one step: it is never there in part.

    Parameters
    ----------
    path : pathlib.Path
    data : object
        Plain JSON data, which has no numbers that are infinite, or not a number.
    new : bool
        Whether there must be no such file yet; else it is replaced.
    indent : int, optional
        None to be short.

    Returns
    -------
    Identity
        Which file it is now.

    Raises
    ------
    FileExistsError
        When there is one, and it should be new.
    OSError
        When it cannot be written; the old file is there then.
    ValueError
        When it is longer than what is read again, or holds such a number.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(data, indent=indent, separators=separators, allow_nan=False).encode()
    if len(text) > MOST_JSON:
        raise ValueError(f"{path.name} would have more than the {MOST_JSON:,} bytes it may have")
    partial = partial_of(path)
    try:
        with os.fdopen(create(partial), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            written = identity_of(os.fstat(file.fileno()))
        if new:
            give_name(partial, path)
        else:
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)
    return written


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
