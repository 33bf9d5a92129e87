"""Changes of a Bokeh document that still have to reach the browser.

A browser that is slower than Python must not be sent history: of many changes to one property only
the last one matters, and of many rows streamed into a source only what is in it now.  So what waits
here is bounded by the size of the document, not by how often it changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bokeh.document.events import (
    ColumnDataChangedEvent,
    ColumnsPatchedEvent,
    ColumnsStreamedEvent,
    DocumentPatchedEvent,
    ModelChangedEvent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Changes"]

WAITING_STREAMS = 16
"""From this many waiting streams (or patches) of a source on, its whole content is sent once."""


_ADDITION = (ColumnsStreamedEvent, ColumnsPatchedEvent)


class Changes:
    """A queue of changes in which later ones overtake and replace earlier ones.

    Each change has an origin: the view in which the reader made it, or None when Python did.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[str | None, DocumentPatchedEvent]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, event: DocumentPatchedEvent, origin: str | None = None) -> None:
        """Append a change, or merge it into one that waits."""
        if isinstance(event, _ADDITION) and any(_is_whole(o, event) for _, o in self._waiting):
            return  # the source is read when it is sent, so these rows are in it already
        self._waiting = [
            (other_origin, other)
            for other_origin, other in self._waiting
            if other_origin != origin or not _replaces(event, other)
        ]
        self._waiting.append((origin, event))
        if isinstance(event, _ADDITION):
            self._fold(event)

    def _fold(self, event: ColumnsStreamedEvent | ColumnsPatchedEvent) -> None:
        """Replace many additions to one source by the source as it is now."""
        additions = [
            item
            for item in self._waiting
            if isinstance(item[1], _ADDITION) and item[1].model is event.model
        ]
        if len(additions) < WAITING_STREAMS:
            return
        gone = {id(item) for item in additions}
        self._waiting = [item for item in self._waiting if id(item) not in gone]
        whole = ColumnDataChangedEvent(event.document, event.model, event.attr, setter=event.setter)
        self._waiting.append((None, whole))

    def take(self) -> Iterator[tuple[str | None, list[DocumentPatchedEvent]]]:
        """Empty the queue, in runs of changes that share an origin.

        Changes of models that the browser does not know are left out: either the change that adds
        such a model defines it as it is by then, or nothing in the document refers to it any more.
        """
        waiting = [item for item in self._waiting if _is_known(item[1])]
        self._waiting = []
        run: list[DocumentPatchedEvent] = []
        previous: str | None = None
        for origin, event in waiting:
            if run and origin != previous:
                yield previous, run
                run = []
            run.append(event)
            previous = origin
        if run:
            yield previous, run


def _is_known(event: DocumentPatchedEvent) -> bool:
    """Tell whether the browser has the model that an event is about."""
    model = getattr(event, "model", None)
    return model is None or model in event.document.models.synced_references


def _is_whole(event: DocumentPatchedEvent, of: DocumentPatchedEvent) -> bool:
    """Tell whether `event` sends all of the source that `of` is about."""
    if isinstance(event, ColumnDataChangedEvent):
        whole = event.cols is None
    else:
        whole = isinstance(event, ModelChangedEvent) and event.attr == "data"
    return whole and getattr(event, "model", None) is getattr(of, "model", None)


def _replaces(new: DocumentPatchedEvent, old: DocumentPatchedEvent) -> bool:
    """Tell whether `old` says nothing any more once `new` is known."""
    if isinstance(old, (ColumnDataChangedEvent, *_ADDITION)):
        return _is_whole(new, old)
    if isinstance(new, ModelChangedEvent) and isinstance(old, ModelChangedEvent):
        return new.model is old.model and new.attr == old.attr
    return False
