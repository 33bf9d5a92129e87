"""Numbered files of events: what a long capture becomes, each event in one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kit.probes.files import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from kit.probes.capture import Capture
    from kit.probes.recorder import Recorder

__all__ = ["NumberedFiles"]


class NumberedFiles:
    """The files of a session's recorders: ``events-000001.parquet`` and so on.

    Parameters
    ----------
    folder : pathlib.Path

    Attributes
    ----------
    written : dict of str to int
        For each recorder how many events are safe on the disk.
    removed : dict of str to int
        How many of these were removed again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: dict[str, int] = {}
        self.removed: dict[str, int] = {}
        self._entries: list[dict[str, Any]] = []
        self._numbers: dict[str, int] = {}
        self._unsaved: dict[str, Capture] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The files there are, oldest first."""
        return tuple(each["file"] for each in self._entries.copy())

    def waits(self, name: str) -> bool:
        """Whether what was taken from a recorder could not be written yet."""
        return name in self._unsaved

    def write(self, name: str, recorder: Recorder, last: bool) -> None:
        """Take a recorder's events away and write them into its next file.

        Parameters
        ----------
        name : str
            The recorder's, and its files'.
        recorder : Recorder
        last : bool
            Whether it is stopped. The last file is written also where it has no events.

        Raises
        ------
        Exception
            Whatever writing raises. What was taken is written first the next time, and nothing
            more is taken until then: the recorder fills, and counts what it loses.
        """
        from kit import frames

        again = name in self._unsaved
        if not again:
            capture = recorder.take()
            if not last:  # dispatches are not taken away, so they are in the last file alone
                capture = replace(capture, dispatches=[], probe_calls=[], publications=[])
            if not len(capture) and not last:
                return
            self._unsaved[name] = capture
        number = self._numbers.get(name, 0) + 1
        path = self.folder / f"{name}-{number:06d}.parquet"
        frames.save(self._unsaved[name], path)
        sync_folder(self.folder)
        self._numbers[name] = number
        count = len(self._unsaved.pop(name))
        self._entries.append({"file": path.name, "recorder": name, "events": count})
        self.written[name] = self.written.get(name, 0) + count
        if again:
            self.write(name, recorder, last)

    def size(self) -> int:
        """How many bytes they have together."""
        return sum((self.folder / name).stat().st_size for name in self.names)

    def remove_oldest(self) -> bool:
        """Remove the oldest file, unless it is the only one; whether it did."""
        if len(self._entries) < 2:
            return False
        oldest = self._entries.pop(0)
        (self.folder / oldest["file"]).unlink(missing_ok=True)
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
            marker of what was lost, gave way, or was kept back; its files.
        """
        counts: dict[str, dict[str, int]] = {"lost": {}, "overwritten": {}}
        for thread in recorder.newest(1).threads:
            for kind, found in (("lost", thread.lost), ("overwritten", thread.overwritten)):
                for marker, count in found.items():
                    counts[kind][marker] = counts[kind].get(marker, 0) + count
        return {
            "patterns": list(recorder.patterns),
            "mode": recorder.mode,
            "capacity": recorder.capacity,
            "written": self.written.get(name, 0),
            "removed": self.removed.get(name, 0),
            **counts,
            "filtered": recorder.filtered,
            "files": [each for each in self._entries if each["recorder"] == name],
        }
