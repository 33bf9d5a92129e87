"""A snapshot: what a recorder has recorded, frozen as a capture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.probes.captures._capture import Capture, MarkerInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.probes.captures._capture import Row
    from kit.probes.recorder._recorder import Recorder
    from kit.probes.recorder._stop_windows import StopWindows
    from kit.probes.recorder._store import Found, Store

__all__ = ["capture"]


def capture(
    recorder: Recorder, store: Store, pieces: Sequence[Found], windows: StopWindows
) -> Capture:
    """Freeze pieces of a store that the recorder has now, or had; without what is cut off."""
    sink = recorder._sink
    dispatches, calls = store.observed()
    publications: list[Row] = [tuple(row) for row in store.publications.copy()]
    # After the rows: every code in them is described.
    recorded = sink.recorded.copy()
    names = [marker.name for marker, _ in recorded]
    formats = [fields for _, fields in recorded]
    return Capture(
        markers=tuple(MarkerInfo.of(marker, fields) for marker, fields in recorded),
        threads=tuple(
            part for piece in pieces for part in windows.apply(piece.events(names), formats)
        ),
        dispatches=dispatches,
        probe_calls=calls,
        publications=publications,
        context=sink.context,
        skipped=sink.skipped(),
        failed=sink.failed(),
        lost_dispatches=store.lost_dispatches(),
        capacity=recorder.capacity,
        mode=recorder.mode,
        started=recorder._started,
        stopped=recorder._stopped,
        wall=recorder._wall,
        filtered=recorder.filtered,
        lost_elsewhere=store.cut() + sink.undeclared.n,
    )
