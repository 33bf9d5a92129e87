"""Opening what was saved, whether a file or a session's folder.

What a killed process leaves behind is opened as well: its last file holds every event whose call
had returned.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kit.errors import CaptureError
from kit.frames import _parquet as store
from kit.frames._join import join
from kit.frames._recording import recording
from kit.probes._files import FORMAT, VERSION, absolute, open_regular, read_bounded
from kit.probes._text import html_table, several
from kit.probes._validation import (
    COUNT,
    COUNTS,
    FILE,
    FLAG,
    NAME,
    NUMBER,
    PLAIN,
    STAMP,
    TEXT,
    Maybe,
    choice,
    load,
)
from kit.probes.aggregates._table import from_json
from kit.probes.captures._layout import MAGIC
from kit.probes.captures._leftovers import Unfinished, unfinished
from kit.probes.captures._reader import read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

    from kit.frames._recording import Recording
    from kit.probes.aggregates import Table


__all__ = ["SavedSession", "open", "open_file", "open_session"]

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
        When it cannot be read, for example because it does not exist.

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
            "kit.frames.events(kit.probes.read(path), name)"
        )
    return recording(capture)


MANIFEST: Final = {
    "format": choice(FORMAT),
    "version": COUNT,
    "state": choice("running", "complete"),
    "started": Maybe(NUMBER),
    "stopped": Maybe(NUMBER),
    "host": TEXT,
    "pid": COUNT,
    "python": TEXT,
    "recorders": {
        NAME: {
            "patterns": [TEXT],
            "mode": TEXT,
            "capacity": COUNT,
            "written": COUNT,
            "removed": COUNT,
            "lost": COUNTS,
            "overwritten": COUNTS,
            "skipped?": COUNTS,
            "failed?": COUNTS,
            "filtered": {TEXT: COUNTS},
            "files": [{"file": FILE, "recorder": NAME, "events": COUNT}],
        }
    },
    "aggregates": {NAME: FILE},
    "triggers": {
        NAME: {
            "pattern": TEXT,
            "when": Maybe(TEXT),
            "once": FLAG,
            "actions": [TEXT],
            "fired": COUNT,
            "errors": COUNT,
            "last_error": Maybe(TEXT),
            "firings": [{"marker": TEXT, "at": STAMP, "values": {TEXT: TEXT}}],
        }
    },
}
"""What is in a manifest; what else a later version may say there is left out."""
MOST_MANIFEST: Final = 16 << 20
"""The most bytes that a manifest may have."""

_NUMBERED: Final = re.compile(r"(.+)-([0-9]{6,})\.kit", re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SavedSession:
    """A session that was saved; what `kit.open` returns for a folder.

    Attributes
    ----------
    folder : pathlib.Path
    manifest : dict
        What the session was when its manifest was written last. Its ``state`` is ``complete`` only
        where it was stopped in an orderly way.
    files : dict of str to list of pathlib.Path
        For each recorder its files, oldest first.
    aggregates : dict of str to Table
        By name.
    unfinished : list of Unfinished
        What lies in the folder besides that a killed process left half-made, or that belongs to no
        recorder of the manifest: ``path``, and ``why``.
    triggers : dict of str to dict
        By name: what they waited for, how often they fired, and on what.
    """

    folder: Path
    manifest: dict[str, Any]
    files: dict[str, list[Path]]
    aggregates: dict[str, Table]
    unfinished: list[Unfinished]

    @property
    def triggers(self) -> dict[str, dict[str, Any]]:
        """What the triggers were, and did."""
        return dict(self.manifest["triggers"])

    @property
    def complete(self) -> bool:
        """Whether it was stopped, and all was written."""
        return bool(self.manifest["state"] == "complete")

    def recordings(self, recorder: str | None = None) -> list[Recording]:
        """Open the files of a recorder.

        Parameters
        ----------
        recorder : str, optional
            Its name; the only one's otherwise.

        Returns
        -------
        list of Recording
            Oldest first.

        Raises
        ------
        CaptureError
            When there is no such recorder, or a file is damaged.
        """
        return [open_file(path, follow=False) for path in self.files[self._name(recorder)]]

    def frame(self, marker: str | None = None, recorder: str | None = None) -> pd.DataFrame:
        """The events of a recorder, of all its files.

        Parameters
        ----------
        marker : str, optional
            One marker's, with its own fields as columns; all markers' otherwise.
        recorder : str, optional
            Its name; the only one's otherwise.

        Returns
        -------
        pandas.DataFrame
            As from `kit.frames.events`.

        Raises
        ------
        NotConnectedError
            When no marker of that name was recorded.
        FrameError
            When markers, or files, have a field of one name and two types.
        """
        opened = self._opened(recorder)
        if marker is not None:
            known = [each for each in opened if marker in each.names]
            opened = known or opened[-1:]
        frames = [each.events(marker) for each in opened]
        joined = join(frames)
        # A recorder counts what is lost from its beginning; what gave way, in each file.
        joined.attrs["overwritten"] = _summed(frame.attrs["overwritten"] for frame in frames)
        damaged = _summed({"": frame.attrs.get("damaged", {})} for frame in frames)[""]
        if damaged:
            joined.attrs["damaged"] = damaged
        return joined

    def events(self, marker: str | None = None, recorder: str | None = None) -> pd.DataFrame:
        """The same as `frame`, by the name that a recording has for it."""
        return self.frame(marker, recorder)

    def dispatches(self, recorder: str | None = None) -> pd.DataFrame:
        """The dispatches, where they were asked for; see `kit.frames.dispatches`."""
        return self._observed(recorder).dispatches()

    def probe_calls(self, recorder: str | None = None) -> pd.DataFrame:
        """The calls of single probes; see `kit.frames.probe_calls`."""
        return self._observed(recorder).probe_calls()

    def publications(self, recorder: str | None = None) -> pd.DataFrame:
        """The publications; see `kit.frames.publications`."""
        return self._observed(recorder).publications()

    def markers(self, recorder: str | None = None) -> pd.DataFrame:
        """The markers, as they were at the end; see `kit.frames.markers`."""
        return self._last(recorder).markers()

    def _observed(self, recorder: str | None) -> Recording:
        """What a recorder observed of dispatches, which it kept until its end."""
        try:
            return open_file(
                self.folder / f"{self._name(recorder)}.dispatches.parquet", follow=False
            )
        except FileNotFoundError:
            return self._last(recorder)

    def _last(self, recorder: str | None) -> Recording:
        return self._opened(recorder)[-1]

    def _opened(self, recorder: str | None) -> list[Recording]:
        opened = self.recordings(recorder)
        if not opened:
            raise CaptureError(f"session {os.fspath(self.folder)!r} has no file of events yet")
        return opened

    def _name(self, recorder: str | None) -> str:
        if recorder is None and len(self.files) == 1:
            return next(iter(self.files))
        if recorder not in self.files:
            names = ", ".join(sorted(self.files)) or "none"
            asked = "say which recorder" if recorder is None else f"there is no {recorder!r}"
            raise CaptureError(f"session {os.fspath(self.folder)!r}: {asked}; there are: {names}")
        return recorder

    def _kept(self, recorder: str) -> int:
        """How many events of a recorder are there, as far as the manifest knows."""
        counts = self.manifest["recorders"][recorder]
        return int(counts["written"] - counts["removed"])

    @property
    def _state(self) -> str:
        return "complete" if self.complete else "not stopped in an orderly way"

    def __repr__(self) -> str:
        files = sum(map(len, self.files.values()))
        events = several(sum(map(self._kept, self.files)), "event")
        parts = [f"{events} in {several(files, 'file')}"]
        parts.append(several(len(self.aggregates), "aggregate"))
        parts += [several(len(self.triggers), "trigger"), self._state]
        if self.unfinished:
            beside = several(len(self.unfinished), "unfinished file")
            parts.append(f"{beside} beside it, see .unfinished")
        return f"<SavedSession {self.folder}: {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        rows = [
            ("folder", str(self.folder)),
            ("state", self._state),
            *(
                (name, f"{several(self._kept(name), 'event')} in {several(len(files), 'file')}")
                for name, files in self.files.items()
            ),
            *((name, f"aggregate of {each.title}") for name, each in self.aggregates.items()),
            *((name, f"trigger on {each['pattern']}") for name, each in self.triggers.items()),
            *(("unfinished", str(each)) for each in self.unfinished),
        ]
        return html_table(rows)


def open_session(folder: str | os.PathLike[str]) -> SavedSession:
    """Open a session's folder.

    Raises
    ------
    CaptureError
        When the folder holds no session, or one of another version, or its manifest is damaged.
    """
    place = absolute(folder)
    name = os.fspath(place)
    paths = sorted(place.iterdir())
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in paths:
        match = _NUMBERED.fullmatch(path.name)
        if match is not None:
            found.setdefault(match[1], []).append((int(match[2]), path))
    try:
        text = read_bounded(place / "manifest.json", MOST_MANIFEST)
    except FileNotFoundError:
        raise CaptureError(
            f"{name!r} holds no session: there is no manifest.json in it{_beside(place, found)}"
        ) from None
    if not text:
        raise CaptureError(
            f"{name!r} holds no session: its manifest.json is empty, for its program was killed "
            f"as the session began; remove it, and begin another one{_beside(place, found)}"
        )
    manifest = _manifest(text, os.fspath(place / "manifest.json"))
    # Files by what there is, not by the manifest, which is written after the file that it names.
    known = manifest["recorders"]
    strays = [path for of, each in found.items() if of not in known for _, path in each]
    tables = {each: _table(place, each) for each in manifest["aggregates"]}
    return SavedSession(
        place,
        manifest,
        {of: [path for _, path in sorted(found.get(of, []))] for of in manifest["recorders"]},
        {each: table for each, table in tables.items() if table is not None},
        [
            *unfinished(place),
            *(Unfinished(path, "of no recorder that the manifest names") for path in strays),
        ],
    )


def _beside(place: Path, found: dict[str, list[tuple[int, Path]]]) -> str:
    """What there is in a folder without a manifest, for an error."""
    files = [repr(path.name) for each in found.values() for _, path in each]
    left = [*files, *map(str, unfinished(place))]
    some = f"; open its files one by one, there are: {', '.join(left[:5])}" if left else ""
    return f"{some}, and {len(left) - 5:,} more" if len(left) > 5 else some


def _manifest(text: bytes, name: str) -> dict[str, Any]:
    head = load(text, {"format": choice(FORMAT), "version": PLAIN}, name)
    if head["version"] != VERSION:
        raise CaptureError(
            f"{name!r} belongs to a session of version {head['version']!r:.100}, but this is "
            f"version {VERSION}; open it with a markers-kit of that version"
        )
    manifest: dict[str, Any] = load(text, MANIFEST, name)
    return manifest


def _summed(counts: Iterable[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, Counter[str]] = {}
    for each in counts:
        for key, found in each.items():
            total.setdefault(key, Counter()).update(found)
    return {key: dict(found) for key, found in total.items()}


def _table(place: Path, name: str) -> Table | None:
    path = place / f"{name}.aggregate.json"
    try:
        return from_json(json.loads(read_bounded(path)))
    except FileNotFoundError:
        return None  # killed before the first one was written
    except CaptureError:
        raise
    except (ValueError, RecursionError) as error:
        raise CaptureError(f"{os.fspath(path)!r} is damaged or foreign ({error})") from error
