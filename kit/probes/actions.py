"""What a trigger can do, besides calling a function or a method such as ``events.stop``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from kit.core import batch, defer
from kit.core import connect as _connect
from kit.core._dispatch.tally import Tally
from kit.core._reporting import report
from kit.probes._files import absolute
from kit.probes._handles import disconnect as _disconnect

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Unpack

    from kit.core import Marker
    from kit.core._callables import AnyProbe
    from kit.core.typing import ConnectOptions
    from kit.probes._handles import Handle
    from kit.probes.recorder._recorder import Recorder

__all__ = ["Snapshot", "connect", "disconnect", "snapshot", "swap"]


class Snapshot:
    """Saves what a recorder holds up to an event; made by `snapshot`.

    Attributes
    ----------
    saved : list of pathlib.Path
        The files that are written.
    last_error : str or None
        With what writing failed the last time.
    """

    kit_label = "snapshot"

    def __init__(self, recorder: Recorder, path: str | os.PathLike[str]) -> None:
        self.recorder = recorder
        self.path = os.fspath(absolute(path))
        self._taken = Tally()
        self.saved: list[Path] = []
        self.last_error: str | None = None

    def __call__(self, *, at: int) -> None:
        """Take the events up to a moment; they are written on another thread."""
        path = self.path.replace("{n}", str(self._taken.up()))
        capture = self.recorder.snapshot(at=at)

        def save() -> None:
            try:
                self.saved.append(capture.save(path))
            except Exception as error:
                self.last_error = f"{type(error).__name__}: {error}"
                report(f"a trigger could not save {path}", error)
                raise

        defer(save)


def snapshot(recorder: Recorder, path: str | os.PathLike[str]) -> Snapshot:
    """Save what a recorder holds up to the event, and go on recording.

    The events are copied on the thread of the event, and the file is written on another one: see
    `kit.barrier` for waiting until it is there.

    Parameters
    ----------
    recorder : Recorder
    path : path
        The file. ``{n}`` in it is the number of the firing; without, each replaces the one before.

    Returns
    -------
    Snapshot
        An action.

    Examples
    --------
    >>> import kit, tempfile
    >>> from kit.probes import actions
    >>> fill = kit.marker("actions.fill", qty=int)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with kit.record("actions.fill", mode="overwrite") as events:
    ...         save = actions.snapshot(events, folder + "/slow-{n}.parquet")
    ...         with kit.trigger("actions.fill", save, when="qty == 2"):
    ...             for qty in range(5):
    ...                 fill(qty)
    ...     kit.barrier()
    ...     kit.open(save.saved[0]).frame("actions.fill")["qty"].tolist()
    [0, 1, 2]
    """
    return Snapshot(recorder, path)


def connect(name: str | Marker, probe: AnyProbe, /, **options: Unpack[ConnectOptions]) -> Connect:
    """Connect a probe when the event comes.

    Parameters
    ----------
    name : str or Marker
        A marker, its name, or a pattern.
    probe : callable
    **options
        As in `kit.connect`.

    Returns
    -------
    Connect
        An action; its ``handles`` are what it has connected.
    """
    return Connect([(name, probe)], (), dict(options))


def disconnect(*handles: Handle) -> Connect:
    """Disconnect when the event comes; what is not connected any more is left out.

    Parameters
    ----------
    *handles : Connection or PatternConnection

    Returns
    -------
    Connect
        An action.
    """
    return Connect((), handles, {})


def swap(
    handles: Iterable[Handle],
    probes: Iterable[tuple[str | Marker, AnyProbe]],
    **options: Unpack[ConnectOptions],
) -> Connect:
    """Put other probes in the place of some, in one publication a marker.

    No event is seen by both sets, and none by neither.

    Parameters
    ----------
    handles : iterable of Connection or PatternConnection
        What is disconnected.
    probes : iterable of (str or Marker, callable)
        What is connected: where, and what.
    **options
        As in `kit.connect`, for all of them.

    Returns
    -------
    Connect
        An action; its ``handles`` are what it has connected.

    Examples
    --------
    >>> import kit
    >>> from kit.probes import Count, actions
    >>> fill = kit.marker("actions.swapped", qty=int)
    >>> before, after = Count(), Count()
    >>> to_after = actions.swap([fill.connect(before)], [(fill, after)])
    >>> with kit.trigger(fill, to_after, when="qty == 2", once=True):
    ...     for qty in range(5):
    ...         fill(qty)
    >>> before.value, after.value
    (3, 2)
    >>> for handle in to_after.handles:
    ...     handle.disconnect()
    """
    return Connect(probes, handles, dict(options))


class Connect:
    """Connects and disconnects, in one publication a marker.

    Attributes
    ----------
    handles : list of Connection or PatternConnection
        What it has connected.
    """

    def __init__(
        self,
        probes: Iterable[tuple[str | Marker, AnyProbe]],
        gone: Iterable[Handle],
        options: dict[str, Any],
    ) -> None:
        self.probes = tuple(probes)
        self.gone = tuple(gone)
        self.options = options
        self.handles: list[Handle] = []

    @property
    def kit_label(self) -> str:
        """What it is called in tables."""
        if self.probes and self.gone:
            return "swap"
        return "connect" if self.probes else "disconnect"

    def __call__(self) -> None:
        """Do it."""
        with batch():
            _disconnect(self.gone)
            made = [_connect(name, probe, **self.options) for name, probe in self.probes]
        self.handles += made
