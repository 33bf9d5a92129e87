"""Numbered files of events: what a long capture becomes, each event in one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kit.probes._files import remove, sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from kit.probes.recorder._recorder import Recorder

__all__ = ["RotatingFiles"]

_MOST_TAKEN: Final = 1000
"""So many names that others have taken are passed over."""


class RotatingFiles:
    """The files of a session's recorders: ``events-000001.kit`` and so on.

    Parameters
    ----------
    folder : pathlib.Path

    Attributes
    ----------
    removed : dict of str to int
        For each recorder how many events were removed again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.removed: dict[str, int] = {}
        # Those that are finished, and for each recorder the one that it writes.
        self._entries: list[dict[str, Any]] = []
        self._current: dict[str, Path] = {}
        # Which file of that name is meant, whatever has the name by now.
        self._identities: dict[str, tuple[int, int]] = {}
        self._numbers: dict[str, int] = {}
        self._failed: set[str] = set()
        self._finished: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The files that are finished, oldest first."""
        return tuple(each["file"] for each in self._entries.copy())

    def finished(self, name: str) -> int:
        """How many events of a recorder are in files that are finished, or were removed again."""
        return self._finished.get(name, 0)

    def failed(self, name: str) -> bool:
        """Tell whether the last try to begin a file for a recorder failed."""
        return name in self._failed

    def begin(self, name: str, recorder: Recorder) -> None:
        """Have a recorder begin in its first file.

        Parameters
        ----------
        name : str
            The recorder's, and its files'.
        recorder : Recorder

        Raises
        ------
        OSError
            When the file cannot be made.
        """
        self._go_on(name, recorder)

    def abandon(self, recorders: dict[str, Recorder]) -> None:
        """Remove the files of recorders that have not been started."""
        for name, recorder in recorders.items():
            if self._current.pop(name, None) is not None:
                del self._numbers[name]
                recorder._abandon_file()

    def rotate(self, name: str, recorder: Recorder, last: bool) -> None:
        """Have a recorder go on in the next file, where there is something in the last one.

        Parameters
        ----------
        name : str
        recorder : Recorder
        last : bool
            Whether it is stopped, and no file is to follow.

        Raises
        ------
        OSError
            When the next file cannot be made. The recorder stays in its file.
        """
        current = self._current.get(name)
        if current is None or not (last or len(recorder)):
            return
        if last and recorder.probe.observer is not None:
            self._save_dispatches(name, recorder)
        self._failed.add(name)
        if last:
            # First: an event that a probe elsewhere brings after its last file would be nowhere.
            recorder._lose_late()
        events = len(recorder)
        try:
            events = recorder.rotate(None) if last else self._go_on(name, recorder)
        finally:
            # It may have gone on and failed afterwards, in what remains to be done for the old one.
            if recorder.path != current:
                if last:
                    del self._current[name]
                self._entries.append({"file": current.name, "recorder": name, "events": events})
                self._finished[name] = self._finished.get(name, 0) + events
        self._failed.discard(name)
        sync_folder(self.folder)

    def _go_on(self, name: str, recorder: Recorder) -> int:
        """Have a recorder go on in the next file of which nobody has taken the name."""
        for _ in range(_MOST_TAKEN):
            number = self._numbers.get(name, 0) + 1
            path = self.folder / f"{name}-{number:06d}.kit"
            try:
                return recorder.rotate(path)
            except FileExistsError:
                if recorder.path != path:
                    self._numbers[name] = number
                    continue
                raise
            finally:
                if recorder.path == path and recorder._identity is not None:
                    self._numbers[name] = number
                    self._current[name] = path
                    self._identities[path.name] = recorder._identity
        raise FileExistsError(f"{name}-{number:06d}.kit and all before it are there already")

    def _save_dispatches(self, name: str, recorder: Recorder) -> None:
        """Save what was observed of dispatches, which was in memory until now."""
        capture = recorder._frozen()
        threads = tuple(replace(each, rows=[]) for each in capture.threads)
        path = self.folder / f"{name}.dispatches.parquet"
        replace(capture, threads=threads).save(path)

    def written(self, recorders: dict[str, Recorder]) -> dict[str, int]:
        """For each recorder how many events are in its files."""
        counts = {}
        for name, recorder in recorders.copy().items():
            if name in self._current or name in self._finished:
                now = len(recorder) if name in self._current else 0
                counts[name] = self.finished(name) + now
        return counts

    def size(self) -> int:
        """How many bytes the finished files have together, as far as they are still there."""
        return sum(_size(self.folder / name) for name in self.names)

    def remove_oldest(self) -> bool:
        """Remove the oldest finished file, unless it is the only one; whether it did.

        Raises
        ------
        OSError
            When it cannot be removed.
        """
        if len(self._entries) < 2:
            return False
        oldest = self._entries[0]
        remove(self.folder / oldest["file"], self._identities[oldest["file"]])
        del self._entries[0], self._identities[oldest["file"]]
        name = oldest["recorder"]
        self.removed[name] = self.removed.get(name, 0) + oldest["events"]
        return True

    def describe(self, name: str, recorder: Recorder) -> dict[str, Any]:
        """Return what a manifest says about a recorder.

        Parameters
        ----------
        name : str
        recorder : Recorder

        Returns
        -------
        dict
            Its patterns, policy and capacity; counts of what was written and removed, and for each
            marker of what was lost, gave way, or was kept back; its finished files.
        """
        counts: dict[str, dict[str, int]] = {"lost": {}, "overwritten": {}}
        for thread in recorder._newest(1).threads:
            for kind, found in (("lost", thread.lost), ("overwritten", thread.overwritten)):
                for marker, count in found.items():
                    counts[kind][marker] = counts[kind].get(marker, 0) + count
        return {
            "patterns": list(recorder.patterns),
            "mode": recorder.mode,
            "capacity": recorder.capacity,
            "written": self.written({name: recorder}).get(name, 0),
            "removed": self.removed.get(name, 0),
            **counts,
            "skipped": recorder._sink.skipped(),
            "failed": recorder._sink.failed(),
            "filtered": recorder.filtered,
            "files": [each for each in self._entries.copy() if each["recorder"] == name],
        }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # somebody has removed it
        return 0
