"""Sessions opened again: the numbered files of each recorder as one frame.

What a killed process leaves behind is opened as well: its last file holds every event whose call
had returned.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.errors import CaptureError
from kit.frames.joining import join
from kit.probes.aggregates.saving import from_json
from kit.probes.files import FORMAT, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from kit.frames.recording import Recording
    from kit.probes.aggregates import Table

__all__ = ["SavedSession", "open_session"]


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
    triggers : dict of str to dict
        By name: what they waited for, how often they fired, and on what.
    """

    folder: Path
    manifest: dict[str, Any]
    files: dict[str, list[Path]]
    aggregates: dict[str, Table]

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
        from kit.frames.opening import open_file

        return [open_file(path) for path in self.files[self._name(recorder)]]

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
        from kit.frames.store import open

        path = self.folder / f"{self._name(recorder)}.dispatches.parquet"
        return open(path) if path.exists() else self._last(recorder)

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

    def __repr__(self) -> str:
        counts = self.manifest["recorders"].values()
        events = sum(each["written"] - each["removed"] for each in counts)
        state = "complete" if self.complete else "not stopped in an orderly way"
        parts = [f"{events:,} events in {sum(map(len, self.files.values()))} files"]
        parts += [f"{len(self.aggregates)} aggregates", f"{len(self.triggers)} triggers"]
        return f"<SavedSession {self.folder}: {', '.join(parts)}, {state}>"


def open_session(folder: str | os.PathLike[str]) -> SavedSession:
    """Open a session's folder.

    Parameters
    ----------
    folder : path

    Returns
    -------
    SavedSession

    Raises
    ------
    CaptureError
        When the folder holds no session, or one of another version, or its manifest is damaged.
    """
    place, name = Path(folder), os.fspath(folder)
    try:
        manifest = json.loads((place / "manifest.json").read_bytes())
        if manifest["format"] != FORMAT:
            raise KeyError("format")
        version, recorders = manifest["version"], list(manifest["recorders"])
        aggregates = dict(manifest["aggregates"])
    except FileNotFoundError:
        raise CaptureError(f"{name!r} holds no session: there is no manifest.json in it") from None
    except (ValueError, LookupError, TypeError) as error:
        raise CaptureError(f"{name!r}: manifest.json is damaged or foreign ({error})") from error
    if version != VERSION:
        raise CaptureError(f"{name!r} is a session of version {version}, and this is {VERSION}")
    return SavedSession(
        place,
        manifest,
        {recorder: _files(place, recorder) for recorder in recorders},
        {each: table for each in aggregates if (table := _table(place, each)) is not None},
    )


def _files(place: Path, recorder: str) -> list[Path]:
    # By what there is, not by the manifest, which is written after the file that it names.
    pattern = re.compile(re.escape(recorder) + r"-(\d{6,})\.kit")
    matched = [(pattern.fullmatch(path.name), path) for path in place.iterdir()]
    return [path for _, path in sorted((int(m[1]), path) for m, path in matched if m)]


def _summed(counts: Iterable[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = {}
    for each in counts:
        for key, found in each.items():
            of = total.setdefault(key, {})
            for name, count in found.items():
                of[name] = of.get(name, 0) + count
    return total


def _table(place: Path, name: str) -> Table | None:
    path = place / f"{name}.aggregate.json"
    try:
        return from_json(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None  # killed before the first one was written
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CaptureError(f"{os.fspath(path)!r} is damaged ({error})") from error
