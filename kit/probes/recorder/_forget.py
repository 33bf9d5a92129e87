"""Forgetting: what was recorded, when somebody asks for that; and all of it in a forked child."""

from __future__ import annotations

import time
import weakref
from functools import partial
from typing import TYPE_CHECKING

from kit.core._publication.fork import RECORDINGS, reset_in_child
from kit.core._registry import registry
from kit.probes.recorder._recorder_file import note_started
from kit.probes.recorder._stop_windows import StopWindows

if TYPE_CHECKING:
    from kit.probes.recorder._recorder import Recorder

__all__ = ["clear", "detach", "forget_in_child"]

_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


def clear(recorder: Recorder) -> None:
    """Forget what was recorded; see `Recorder.clear`."""
    if recorder._file is None:
        _forget(recorder)
    elif not registry.updater.exclusively(partial(_clear_locked, recorder)):
        # An interruption finds it empty at once; what the file says of it comes after that.
        _forget(recorder)
        registry.updater.make_or_queue(partial(note_started, recorder))


def _forget(recorder: Recorder) -> None:
    recorder._sink.clear()
    if recorder._stopped is None:
        recorder._started = time.monotonic_ns()
        recorder._windows = StopWindows()


def _clear_locked(recorder: Recorder) -> None:
    _forget(recorder)
    note_started(recorder)


def detach(recorder: Recorder) -> None:
    """Go on without the file and what was recorded, which are those of another process."""
    recorder._finished = None
    if recorder._file is not None:
        recorder._sink.detach()
    _forget(recorder)


def forget_in_child(recorder: Recorder) -> None:
    """Have it begin anew in the child of a fork."""
    _recorders.add(recorder)


def _after_fork() -> None:
    # What was recorded is the parent's.
    for recorder in list(_recorders):
        detach(recorder)


reset_in_child(RECORDINGS, _after_fork)
