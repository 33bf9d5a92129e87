"""Where a recorder keeps its events: its sink and its file, made, told what it needs, closed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kit.core._publication import grace
from kit.core._registry import registry
from kit.core._runtime import dispatcher
from kit.errors import WouldDeadlockError
from kit.probes._context import context_functions, context_letters
from kit.probes._values import whole
from kit.probes.captures import _layout as layouts
from kit.probes.captures import _sealing as sealing
from kit.probes.captures._file import CaptureFile
from kit.probes.captures._mapped_sink import MappedSink
from kit.probes.recorder._sink import DiscardSink, OverwriteSink, Sink

if TYPE_CHECKING or dispatcher == "c":
    from kit.probes.recorder._c_store import NativeSink

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from kit.probes.recorder._recorder import Recorder

__all__ = ["close", "new_file", "new_sink", "note", "note_started", "summary", "waited"]

_LONGEST_WAIT: Final = 1.0


def new_file(
    recorder: Recorder,
    path: str | os.PathLike[str] | None,
    size: int | None,
    context: tuple[str, ...],
    durable: bool,
) -> CaptureFile:
    """Make the first file of a recorder that was asked for one."""
    chosen, _ = context_functions(context)
    size = None if size is None else whole(size, "size")
    return CaptureFile(
        path,
        layouts.plan(recorder.capacity, size, overwrite=recorder.mode == "overwrite"),
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
    recorded = [marker for marker, _ in recorder._sink.recorded]
    return {
        "markers": [(each.fanout, each.generation, each.fired) for each in recorded],
        "skipped": recorder._sink.skipped(),
        "failed": recorder._sink.failed(),
        "filtered": recorder.filtered,
        "windows": recorder._windows.windows,
    }


def waited(recorder: Recorder) -> bool:
    """Wait for events that are being recorded; whether that could be done."""
    try:
        grace.synchronize(timeout=_LONGEST_WAIT)
        if recorder._sink.observer is not None:
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
        sealing.close(recorder._sink)


def new_sink(
    capacity: int,
    context: Iterable[str],
    observe: bool,
    *,
    overwrite: bool,
    file: CaptureFile | None = None,
) -> Sink:
    """Make the sink of a recorder, in C where the dispatcher is.

    Parameters
    ----------
    capacity : int
        How many events are kept.
    context : iterable of str
        What is recorded with each event.
    observe : bool
        Whether dispatches and publications are recorded, too.
    overwrite : bool
        Whether the newest events are kept, and not the first.
    file : CaptureFile, optional
        Where they are kept; in the program's own memory otherwise.

    Returns
    -------
    Sink
    """
    kind: type[Sink] = OverwriteSink if overwrite else DiscardSink
    if dispatcher == "c":
        kind = NativeSink
    elif file is not None:
        kind = MappedSink
    return kind(capacity, context, observe, overwrite=overwrite, file=file)
