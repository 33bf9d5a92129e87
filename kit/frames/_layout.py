"""Which columns the events of several markers share in one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kit.core._format import column_names
from kit.errors import FrameError
from kit.frames._schema import FIELD_KINDS, Column, Dur, Kind, context_kinds, event_columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kit.core._format import Format

__all__ = ["Layout", "MarkerLayout", "Payload", "layout"]


@dataclass(frozen=True, slots=True)
class Payload:
    """A payload column: how a frame shows it, and its kind."""

    shown: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class MarkerLayout:
    """The columns of one marker.

    Attributes
    ----------
    dur : {"stamp", "int", None}
        The kind of its ``dur`` column: ``"stamp"`` for a span, None for a plain marker, ``"int"``
        where the name was declared as both.
    payload : tuple of str
        Its payload columns by the names under which they are stored, in declared order.
    """

    dur: Dur
    payload: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns the events of several markers share.

    Attributes
    ----------
    context : dict of str to str
        The kinds of the context columns by name.
    payload : dict of str to Payload
        By stored name: the field's own where all markers that have it agree on its type, else
        ``marker.field``.
    markers : dict of str to MarkerLayout
        By marker's name, in the order of declaration.
    """

    context: dict[str, Kind]
    payload: dict[str, Payload]
    markers: dict[str, MarkerLayout]

    def columns(self, name: str | None = None, *, stored: bool = False) -> tuple[Column, ...]:
        """The columns of a frame.

        Parameters
        ----------
        name : str, optional
            One marker's; all markers' otherwise.
        stored : bool
            All markers' under the stored names, which never clash.

        Returns
        -------
        tuple of Column

        Raises
        ------
        FrameError
            When two of the markers declare one field with different types.
        """
        if name is None and not stored:
            self._refuse_clash()
        dur: Dur = "int" if name is None else self.markers[name].dur
        keys = self.payload if name is None else self.markers[name].payload
        payload = [
            Column(key if stored else self.payload[key].shown, self.payload[key].kind)
            for key in keys
        ]
        return (*event_columns(dur, self.context), *payload)

    def _refuse_clash(self) -> None:
        first: dict[str, tuple[str, Kind]] = {}
        for name, marker in self.markers.items():
            for field in (self.payload[key] for key in marker.payload):
                other, kind = first.setdefault(field.shown, (name, field.kind))
                if field.kind != kind:
                    raise FrameError(
                        f"field {field.shown!r} is {kind} in marker {other!r} and {field.kind} in "
                        f"marker {name!r}, so one frame cannot hold both; ask for one marker's "
                        f"frame, such as frame({name!r})"
                    )


def layout(formats: Iterable[tuple[str, Format]], context: Iterable[str] = ()) -> Layout:
    """Lay out the columns of markers.

    Parameters
    ----------
    formats : iterable of (str, Format)
        Marker names and formats. A name may occur twice, when it was declared anew in between: then
        it has the fields of both, and the later type counts.
    context : iterable of str, or mapping of str to kind
        The names of the context columns.

    Returns
    -------
    Layout
    """
    context = context_kinds(context)
    kinds: dict[str, dict[str, Kind]] = {}
    durs: dict[str, Dur] = {}
    for name, format in formats:
        shown = column_names(format.names, context)
        declared = zip(shown, (FIELD_KINDS[field.type] for field in format.fields), strict=True)
        kinds.setdefault(name, {}).update(declared)
        dur: Dur = "stamp" if format.is_span else None
        durs[name] = dur if durs.get(name, dur) == dur else "int"

    seen: dict[str, set[Kind]] = {}
    for fields in kinds.values():
        for field, kind in fields.items():
            seen.setdefault(field, set()).add(kind)

    payload: dict[str, Payload] = {}
    markers: dict[str, MarkerLayout] = {}
    for name, fields in kinds.items():
        # Field names are identifiers, so a dot cannot make two names alike.
        stored = {f"{name}.{field}" if len(seen[field]) > 1 else field: field for field in fields}
        payload.update({key: Payload(field, fields[field]) for key, field in stored.items()})
        markers[name] = MarkerLayout(durs[name], tuple(stored))
    return Layout(context, payload, markers)
