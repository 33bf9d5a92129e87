"""A recorder's file: made, told what the recorder alone knows, and closed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kit.core._publication import grace
from kit.core._publication.fork import import_room
from kit.core._registry import registry
from kit.errors import WouldDeadlockError
from kit.probes._context import context_functions, context_letters
from kit.probes._values import whole
from kit.probes.captures import _sealing as sealing

if TYPE_CHECKING:
    import os

    from kit.probes.captures._file import CaptureFile
    from kit.probes.recorder._recorder import Recorder

__all__ = ["close", "new_file", "note", "note_started", "summary", "waited"]

_LONGEST_WAIT: Final = 1.0


def new_file(
    recorder: Recorder,
    path: str | os.PathLike[str] | None,
    size: int | None,
    context: tuple[str, ...],
    durable: bool,
) -> CaptureFile:
    """Make the first file of a recorder that was asked for one."""
    import_room("kit.probes.captures._file")
    from kit.probes.captures._file import CaptureFile
    from kit.probes.captures._layout import plan

    chosen, _ = context_functions(context)
    size = None if size is None else whole(size, "size")
    return CaptureFile(
        path,
        plan(recorder.capacity, size, overwrite=recorder.mode == "overwrite"),
        recorder.capacity,
        recorder.mode,
        context_letters(chosen),
        recorder._wall,
        durable,
    )


def note(recorder: Recorder, *, correct: bool = False) -> None:
    """Have the file say whether it runs, and what the recorder alone has counted.

    It is an update, as what declares in the file is: one at a time.
    """
    if recorder._file is not None:
        registry.updater.make_or_queue(partial(_note_locked, recorder, correct))


def _note_locked(recorder: Recorder, correct: bool) -> None:
    file, stopped = recorder._file, recorder._stopped  # of now: it may have been started again
    if file is None:
        return
    if stopped is None:
        file.running(summary(recorder))
        return
    file.stopped(stopped, summary(recorder))
    if correct and recorder._finished is not None:
        recorder._finished.correct(summary(recorder))  # it may have gone on a little too long


def note_started(recorder: Recorder) -> None:
    """Have the file say since when it records, with the registry's lock held."""
    if recorder._file is not None:
        recorder._file.started(recorder._started, summary(recorder))


def summary(recorder: Recorder) -> dict[str, Any]:
    """Return what the file does not say by itself."""
    recorded = [marker for marker, _ in recorder.sink.recorded]
    return {
        "markers": [(each.fanout, each.generation, each.fired) for each in recorded],
        "skipped": recorder.sink.skipped(),
        "failed": recorder.sink.failed(),
        "filtered": recorder.filtered,
        "windows": recorder._cuts.windows,
    }


def waited(recorder: Recorder) -> bool:
    """Wait for events that are being recorded; whether that could be done."""
    try:
        grace.synchronize(timeout=_LONGEST_WAIT)
        if recorder.sink.observer is not None:
            # The grace periods of what it saw published are noted on another thread.
            grace.barrier(timeout=_LONGEST_WAIT)
    except (TimeoutError, WouldDeadlockError):
        # A probe elsewhere takes its time, or this is one: what is still being recorded will
        # be there when it is done, and its file is closed later.
        return False
    return True


def close(recorder: Recorder) -> None:
    """Close the file, where it was stopped and could not be closed then."""
    file = recorder._file
    if file is not None and file.is_stopped and not file.is_closed and waited(recorder):
        sealing.close(recorder.sink)
