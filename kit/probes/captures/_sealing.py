"""Sealing: a checksum for each piece of a recorder's file that is full, made off the hot path.

A thread looks at the files that are being written every second or so, and seals what is full: what
the disk or somebody changes later is found by whoever reads it. When a recorder is stopped all of
its file is sealed, and the file closed: then it also says how many events it must hold.

Whoever writes asks nothing. A closed file leaves its writers no room, so that the next one comes to
where a new piece would be begun, and says there that the file is not closed any more.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from typing import TYPE_CHECKING, Final

from kit.core._publication.fork import RECORDINGS, reset_in_child
from kit.core._publication.threads import names, start_new_thread
from kit.core._reporting import report

if TYPE_CHECKING:
    from kit.probes.recorder._sink import Sink

__all__ = ["close", "seal", "watch"]

EVERY: Final = 1.0
TRIES: Final = 10


def seal(sink: Sink, *, every: bool = False) -> int:
    """Seal the pieces of a recorder's file that are full.

    Parameters
    ----------
    sink : Sink
    every : bool
        Whether to seal those besides that are still being filled.

    Returns
    -------
    int
        How many were sealed.
    """
    file = sink.file
    if file is None or file.path is None:
        return 0
    memory, found = sink.pieces.to_seal(every)
    if memory is not file.memory:
        return 0  # it has just gone on in another one; the old one is sealed by whoever does that
    sealed = 0
    for block, place, used in found:
        check = file.sum_of(place, used)
        sealed += check is not None and sink.pieces.seal(block, check, used)
    return sealed


def close(sink: Sink) -> bool:
    """Seal all of a recorder's file and say in it that it is whole.

    Returns
    -------
    bool
        Whether that could be done: not while somebody goes on writing.

    Raises
    ------
    OSError
        When the file is to be on the disk, and that failed.
    """
    file = sink.file
    if file is None or file.path is None or file.is_cut:
        return False
    for _ in range(TRIES):
        seal(sink, every=True)
        # Whoever writes from here on says so, and then it is not closed.
        if sink.pieces.settle() is not file.memory:
            continue
        check = file.checksum()
        if sink.pieces.close(file.memory, check):
            # Declarations and the like are written beside the pieces, see `CaptureFile.set`.
            if file.checksum() == check:
                file.is_closed = True
                file.flush()
                return True
            file.reopen()
    return False


class _Sealing:
    """The thread that looks, as long as there is something to look at."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._sinks: list[weakref.ref[Sink]] = []
        self._runs = self._looks = self._over = False

    def watch(self, sink: Sink) -> None:
        if sink.file is None or sink.file.path is None:
            return
        if not any(each() is sink for each in self._sinks.copy()):
            self._sinks.append(weakref.ref(sink, self._forget))
        # First that, then this; the thread does it the other way round before it ends, so that one
        # of the two sees the other. No lock: a signal handler or a finaliser may come here.
        if not self._runs:
            self._begin()

    def _begin(self) -> None:
        self._runs = True
        try:
            # As in `kit.core._publication.grace`: threading.Thread.start would take a lock.
            start_new_thread(self._run, ())
        except RuntimeError:  # there are too many, or the interpreter ends: stop() seals
            self._runs = False

    def _run(self) -> None:
        me = threading.get_ident()
        names[me] = "kit-sealing"
        while self._sinks:
            time.sleep(EVERY)
            self._looks = True
            try:
                if self._over:
                    return
                self.look()
            finally:
                self._looks = False
        del names[me]
        self._runs = False
        if self._sinks:
            self._begin()

    def look(self) -> None:
        """Seal what is full, and close what was stopped where nobody could wait."""
        for reference in self._sinks.copy():
            # First this: whoever has it watched from here on adds it again.
            self._forget(reference)
            sink = reference()
            if sink is not None and self._look_at(sink):
                self.watch(sink)

    def _forget(self, reference: weakref.ref[Sink]) -> None:
        """Look no more; where it has gone this is called at once."""
        try:
            self._sinks.remove(reference)
        except ValueError:  # the other one of these two came first
            pass

    def _look_at(self, sink: Sink) -> bool:
        """Tell whether to look again."""
        file = sink.file
        if file is None or file.path is None or file.is_closed:
            return False
        file.tell()
        if file.told:
            return False
        try:
            if file.is_stopped:
                return not close(sink)
            if seal(sink):
                file.flush()
        except Exception as error:  # noqa: BLE001 - a disk that fails; it is sealed when it stops
            report(f"{file.path} could not be sealed", error)
            return False
        return True

    def end(self) -> None:
        """Wait for the look that is under way: the interpreter stops the thread where it is."""
        self._over = True
        until = time.monotonic() + EVERY
        while self._looks and time.monotonic() < until:
            time.sleep(0.001)


_sealing = _Sealing()
watch = _sealing.watch
look = _sealing.look

atexit.register(_sealing.end)
reset_in_child(RECORDINGS, _sealing.reset)  # the files are the parent's
