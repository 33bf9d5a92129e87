"""What connects a probe of the kit's own to markers, and what these connections kept from it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kit.core import Connection, Marker, PatternConnection, batch
from kit.errors import NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Handle", "connections", "disconnect", "filtered", "patterns"]

Handle = Connection | PatternConnection


def patterns(given: str | Marker | Iterable[str | Marker], what: str) -> tuple[str, ...]:
    """Return the names and patterns that were given; `what` is said of none."""
    each = [given] if isinstance(given, str | Marker) else list(given)
    if not each:
        raise ValueError(f"there is nothing to {what}: give a marker's name or a pattern")
    return tuple(one.name if isinstance(one, Marker) else one for one in each)


def connections(handles: Iterable[Handle]) -> list[Connection]:
    """Return the single connections of handles."""
    return [
        each
        for handle in handles
        for each in ((handle,) if isinstance(handle, Connection) else handle)
    ]


def disconnect(handles: Iterable[Handle]) -> None:
    """Disconnect, in one update; what was disconnected by name or by a limit is passed over."""
    with batch():
        for handle in handles:
            try:
                handle.disconnect()
            except NotConnectedError:
                pass


def filtered(handles: Iterable[Handle]) -> dict[str, dict[str, int]]:
    """Return how many events were kept back, by marker and reason."""
    found: dict[str, Counter[str]] = {}
    for each in connections(handles):
        found.setdefault(each.marker.name, Counter()).update(each.filtered_by)
    return {name: dict(counts) for name, counts in found.items() if counts}
