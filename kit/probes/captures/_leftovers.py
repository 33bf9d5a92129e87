"""What a killed process leaves half-made: found, named, and removed where nothing is lost by it.

A file of the kit's has a temporary name until it is whole, see `kit.probes._files.partial_of`. It
says which process writes it, so a later one can tell whether that is still at it. The number of a
process alone would not do: it is given again, and means something else on another machine, in
another container and after a boot; so the name says when the process began, too, and where.

Only what is ours beyond doubt is removed: a name of this form, a file of the same user, whose
process is gone, and which holds no whole event. A capture without its first page, or without a
record, holds none; nor does JSON, which is written anew from what the program counts; nor a Parquet
file before its first row. Everything else stays, and is named.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kit.errors import CaptureError
from kit.probes._files import open_regular, place, started
from kit.probes.captures._layout import MAGIC
from kit.probes.captures._reader import read

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Unfinished", "remove_dead", "unfinished"]

_OURS: Final = re.compile(
    r"\.(?P<target>.+)\.(?P<pid>[0-9]{1,10})-(?P<start>[0-9]{1,20})-(?P<place>[0-9a-f]{8})"
    r"\.[0-9a-f]{8}\.partial",
    re.DOTALL,
)
_EARLIER: Final = re.compile(r"\.[0-9a-f]{16}\.partial")
"""Such a name had no word of whose it is."""
_PAGE: Final = 4096


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A file that was not finished, or belongs to nothing.

    Attributes
    ----------
    path : pathlib.Path
    why : str
        What it was to become, and what is known of who writes it.
    """

    path: Path
    why: str

    def __str__(self) -> str:
        return f"{self.path.name!r}, {self.why}"


def unfinished(folder: Path) -> list[Unfinished]:
    """Return what has a temporary name in a folder.

    Returns
    -------
    list of Unfinished
        By name.
    """
    found = []
    for name in sorted(path.name for path in folder.iterdir()):
        match = _OURS.fullmatch(name)
        if match is not None:
            state = {
                True: "which is gone: kit.open shows what is in it, if anything is",
                False: "which is writing it now",
                None: "of another machine, container or boot",
            }[_gone(match)]
            why = f"to become {match['target']!r}, of process {int(match['pid'])}, {state}"
            found.append(Unfinished(folder / name, why))
        elif _EARLIER.fullmatch(name):
            found.append(Unfinished(folder / name, "of an earlier version: nobody knows whose"))
    return found


def remove_dead(folder: Path) -> list[Path]:
    """Remove what processes that are gone have left half-made in a folder, and holds no event.

    Returns
    -------
    list of pathlib.Path
        What was removed. What cannot be looked at or removed stays.
    """
    removed = []
    for path, match in _ours(folder):
        try:
            if _gone(match) and _is_mine(path) and not _holds_events(path, match["target"]):
                path.unlink()
                removed.append(path)
        except (OSError, CaptureError):
            pass
    return removed


def _ours(folder: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    try:
        paths = list(folder.iterdir())
    except OSError:
        return  # there is no such folder, or it is not to be read
    for path in paths:
        match = _OURS.fullmatch(path.name)
        if match is not None:
            yield path, match


def _gone(match: re.Match[str]) -> bool | None:
    """Tell whether the process of a temporary name is gone; None where that cannot be known."""
    pid, start = int(match["pid"]), int(match["start"])
    if match["place"] != place() or os.name != "posix":
        return None  # elsewhere than on POSIX, asking for a process may end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False  # it is somebody else's
    now = started(pid)
    if start and now and now != start:
        return True  # its number was given again
    return _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Tell whether nothing of a process is left but its number, for which its parent has to ask."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
        # Of one whose first thread has ended before the others it is said, too.
        return state in (b"Z", b"X") and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    except (OSError, IndexError):
        return False


def _is_mine(path: Path) -> bool:
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()


def _holds_events(path: Path, target: str) -> bool:
    with open_regular(path, follow=False) as file:
        found = os.fstat(file.fileno())
        if found.st_nlink > 1:
            return False  # it has its own name, too, and keeps it
        page = file.read(_PAGE)
        if page.startswith(MAGIC):
            capture = read(path, file)
            return bool(len(capture) or capture.damaged)
    if not page.strip(b"\0"):
        return False  # nothing is recorded in a capture before its first page is there
    if page.startswith(b"PAR1"):
        return found.st_size > len(b"PAR1")
    return not target.endswith(".json")
