"""Rotation: a recorder goes on in another file, in one step; each event is in one of the two."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from kit.core._registry import registry
from kit.core._reporting import report
from kit.errors import WouldDeadlockError
from kit.probes.captures import _sealing as sealing
from kit.probes.recorder._forget import detach
from kit.probes.recorder._recorder_file import summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.probes.captures._file import CaptureFile
    from kit.probes.recorder._recorder import Recorder

__all__ = ["rotate"]

_INTERRUPTED: Final = (
    "rotate() in the middle of an update or of a recorder's write, which a signal handler or "
    "__del__ has interrupted on this thread, could wait for that; rotate later, or on a thread"
)


def rotate(recorder: Recorder, path: str | os.PathLike[str] | None) -> int:
    """Go on in another file; see `Recorder.rotate`."""
    now_in = recorder._file
    if now_in is None:
        raise ValueError("this recorder has no file to rotate; record with path=")
    if registry.updater.interrupted:
        raise WouldDeadlockError(_INTERRUPTED)
    # All that takes its time comes before the lock: room on the disk, and what is known to be
    # declared. What is connected meanwhile is declared with the lock held.
    pid = os.getpid()
    new = now_in.next(path)
    finished: list[tuple[CaptureFile, int, int]] = []
    try:
        go_on = recorder._sink.rotation(new)
        new.declare(recorder._sink.recorded)
        update = partial(_rotate_locked, recorder, new, go_on, finished)
        if not registry.updater.exclusively(update):
            raise WouldDeadlockError(_INTERRUPTED)
    except BaseException:
        if recorder._file is not new:
            new.remove()
        raise
    old, events, cells = finished[0]
    if os.getpid() != pid:  # an interruption has forked: both files are the parent's
        detach(recorder)
        return events
    windows = recorder._windows
    old.tell()
    try:
        old.finish(cells)
    except Exception as error:  # noqa: BLE001 - it goes on in the new one, whatever this is
        report(f"{old.path} could not be finished", error)
    recorder._finished = old
    if recorder._windows is not windows:  # a trigger has stopped it, and did not find the old
        registry.updater.make_or_queue(lambda: old.correct(summary(recorder)))
    sealing.watch(recorder._sink)
    return events


def _rotate_locked(
    recorder: Recorder,
    new: CaptureFile,
    go_on: Callable[[], tuple[int, int]],
    finished: list[tuple[CaptureFile, int, int]],
) -> None:
    """Go on in another file; add the one before, and how much of it is in use.

    The registry's lock is held: nobody declares anything in either file, starts, stops or
    rotates meanwhile.
    """
    old = recorder._file
    if old is None:  # an interruption has forked
        raise ValueError("this recorder has no file to rotate; record with path=")
    now = time.monotonic_ns()
    new.declare(recorder._sink.recorded)
    new.started(now, {})
    events, cells = go_on()
    finished.append((old, events, cells))
    recorder._sink.tell_undeclared()
    try:
        known = summary(recorder)
        if recorder._stopped is None:
            old.stopped(now, known)
        else:
            old.stopped(recorder._stopped, known)
            new.stopped(recorder._stopped, known)
    except Exception as error:  # noqa: BLE001 - it goes on in the new one, whatever this is
        report(f"{old.path} could not be finished", error)
