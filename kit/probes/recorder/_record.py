"""Recording from now on: `kit.record`, and what it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.core._connection import check_options
from kit.probes.recorder._recorder import Recorder

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import Unpack

    from kit.core import Marker
    from kit.core.typing import FilterOptions

__all__ = ["record"]


def record(
    pattern: str | Marker | Iterable[str | Marker] = "*",
    capacity: int = 1_000_000,
    mode: str = "discard",
    context: Iterable[str] = (),
    dispatches: bool = False,
    path: str | os.PathLike[str] | None = None,
    size: int | None = None,
    durable: bool = False,
    **filters: Unpack[FilterOptions],
) -> Recorder:
    """Record events from now on.

    Parameters
    ----------
    pattern : str or Marker or iterable of them
        A name, a pattern such as ``"orders.*"``, or several.
    capacity : int
        How many events are kept.
    mode : str
        ``"discard"``: exactly ``capacity`` events are kept before any is lost, and the lost ones
        are counted. ``"overwrite"``, a flight recorder: each thread's newest events without a
        gap, together ``capacity`` of them, give or take a sub-buffer a thread. A sub-buffer is
        1,024 events, or a sixteenth of the capacity where that is less.
    context : iterable of str
        What to record besides: ``"thread"``, ``"process"``, ``"task"``, ``"cpu"``, ``"function"``
        and ``"line"`` of the site, ``"memory"`` (bytes in use), and what `kit.context` registered.
    dispatches : bool
        Also record every dispatch, the time of each probe in it, and every publication with its
        grace period. Costs something at each dispatch.
    path : path, optional
        Keep the events in this file, which is made here and mapped into memory: `kit.open` reads it
        while the program runs, after it, and after the program was killed. Not with ``dispatches``.
    size : int, optional
        How many bytes of the file are for events; by default 128 for each. Events that need more
        may fill it before there are ``capacity`` of them, and so may many threads: each takes a
        piece of 4 to 64 KiB at a time (64 of these are there besides).
    durable : bool
        Also have the disk hold what is in the file: a second or so after a piece of it is full, and
        before `Recorder.rotate` and `Recorder.stop` return. Without, the system writes it when it
        likes, and a machine that loses its power may lose it.
    **filters
        Which events are recorded: ``when``, ``every``, ``limit``, ``per_second``, ``budget``, as
        in `Marker.connect`. The others are counted, see `Recorder.filtered`.

    Returns
    -------
    Recorder
        Running. A ``with`` block stops it at its end; its frames stay readable.

    Raises
    ------
    ValueError
        For a capacity below 1, an unknown mode or context field.
    FileExistsError
        When there is a file of that name.
    OSError
        When the file cannot be made, or the disk has no room for all of it.

    Warns
    -----
    UnmatchedPatternWarning
        When a pattern matches no marker yet.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("recorded.fill", qty=int)
    >>> with kit.record("recorded.*") as events:
    ...     fill(100)
    ...     fill(200)
    >>> len(events), events.lost
    (2, 0)
    >>> events.frame("recorded.fill")["qty"].tolist()
    [100, 200]
    """
    check_options(record, filters)
    recorder = Recorder(
        pattern, capacity, mode, context, dispatches, dict(filters), path, size, durable=durable
    )
    try:
        recorder.start()
    except BaseException:
        recorder._remove_file()
        raise
    return recorder
