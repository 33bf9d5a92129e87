"""The five frames together, whether just recorded or opened again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kit.core._format import column_names, declare_format
from kit.errors import FrameError
from kit.frames import _build as build
from kit.frames._layout import Layout, MarkerLayout, Payload
from kit.frames._schema import (
    CONTEXT,
    FRAMES,
    Dur,
    FrameKind,
    check,
    context_kinds,
    event_columns,
    kind_of,
)
from kit.frames._values import column
from kit.probes._text import several
from kit.probes.captures._capture import missing_text

if TYPE_CHECKING:
    from kit.probes.captures._capture import Capture

__all__ = ["Recording", "empty", "recording"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Recording:
    """The five frames of a capture.

    It answers what a capture answers, and is what `kit.frames.open` returns. Frames are handed out
    as copies that share their data until they are written to.

    Attributes
    ----------
    stored : pandas.DataFrame
        All events; a field on whose type the markers disagree is in a column a marker.
    layout : Layout
        Which of its columns is whose.
    others : dict of str to pandas.DataFrame
        The frames ``dispatches``, ``probe_calls``, ``publications`` and ``markers``.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("doc.frames.kept", qty=int)
    >>> with kit.record("doc.frames.kept") as recorder:
    ...     fill(7)
    >>> kept = recording(recorder.snapshot())
    >>> kept.events("doc.frames.kept").qty.tolist()
    [7]
    """

    stored: pd.DataFrame
    layout: Layout
    others: dict[FrameKind, pd.DataFrame]

    @property
    def attrs(self) -> dict[Any, Any]:
        """What the events frame carries besides its rows; see `kit.frames._attrs`."""
        return self.stored.head(0).attrs

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the markers."""
        return tuple(self.layout.markers)

    @property
    def lost(self) -> int:
        """How many events found no room."""
        return _total(self.stored, "lost")

    @property
    def overwritten(self) -> int:
        """How many events gave way to newer ones."""
        return _total(self.stored, "overwritten")

    @property
    def skipped(self) -> int:
        """How many events arose in the recorder's own writing, and were left out."""
        return sum(self.stored.attrs.get("skipped", {}).values())

    @property
    def failed(self) -> int:
        """How many events could not be recorded, for whatever else than these."""
        return sum(self.stored.attrs.get("failed", {}).values())

    @property
    def lost_dispatches(self) -> int:
        """How many dispatches found no room among those observed, or gave way to newer ones."""
        return int(self.stored.attrs.get("lost_dispatches", 0))

    def __len__(self) -> int:
        return len(self.stored)

    def __repr__(self) -> str:
        counts = (self.lost, self.overwritten, self.skipped, self.lost_dispatches, self.failed)
        missing = missing_text(*counts, _total(self.stored, "misfits"))
        what = f"{several(len(self), 'event')} of {several(len(self.names), 'marker')}"
        return f"<Recording: {what}{missing}>"

    def events(self, name: str | None = None) -> pd.DataFrame:
        """The events of one marker, or of all.

        Parameters
        ----------
        name : str, optional
            A marker's name.

        Returns
        -------
        pandas.DataFrame
            As `kit.frames.events` builds it.

        Raises
        ------
        NotConnectedError
            When no marker of that name was recorded.
        FrameError
            When two markers declare one field with different types, and no name is given.
        """
        if name is not None:
            return self._of_marker(build.known(name, self.names))
        self.layout.columns()
        return self.stored.copy(deep=False)

    def frame(self, name: str | None = None) -> pd.DataFrame:
        """The same as `events`, by the name that a recorder has for it."""
        return self.events(name)

    def dispatches(self) -> pd.DataFrame:
        """The dispatches; see `kit.frames.dispatches`."""
        return self.others["dispatches"].copy(deep=False)

    def probe_calls(self) -> pd.DataFrame:
        """The calls of single probes; see `kit.frames.probe_calls`."""
        return self.others["probe_calls"].copy(deep=False)

    def publications(self) -> pd.DataFrame:
        """The publications; see `kit.frames.publications`."""
        return self.others["publications"].copy(deep=False)

    def markers(self) -> pd.DataFrame:
        """The markers; see `kit.frames.markers`."""
        return self.others["markers"].copy(deep=False)

    def _of_marker(self, name: str) -> pd.DataFrame:
        wanted = np.flatnonzero(self.stored["marker"].cat.codes == self.names.index(name))
        declared = self.layout.columns(name)
        payload = self.layout.markers[name].payload
        common = [column.name for column in declared[: len(declared) - len(payload)]]
        arrays: dict[str, Any] = {}
        for target, key in zip(declared, [*common, *payload], strict=True):
            values = self.stored[key].array.take(wanted)
            if target.kind == "label" and key != "marker":
                values = values.remove_unused_categories()
            arrays[target.name] = values.to_numpy(np.int64) if target.kind == "stamp" else values
        frame = pd.DataFrame(arrays, copy=False)
        frame.attrs = self.attrs
        _narrow(frame.attrs, name)
        return check(frame, "events")


def _total(frame: pd.DataFrame, key: str) -> int:
    return sum(sum(counts.values()) for counts in frame.attrs.get(key, {}).values())


def _narrow(attrs: dict[Any, Any], name: str) -> None:
    for key in ("formats", "misfits", "cut"):
        if key in attrs:
            attrs[key] = {of: value for of, value in attrs[key].items() if of in (name, "*")}
    if "spans" in attrs:
        attrs["spans"] = [of for of in attrs["spans"] if of == name]


def recording(source: Any) -> Recording:
    """Gather the five frames.

    Parameters
    ----------
    source : Capture, recorder, Recording, pandas.DataFrame or mapping of str to pandas.DataFrame
        A single frame is an events frame; a mapping gives frames by kind, and what it leaves out is
        empty. A frame may have been filtered, and may have further payload columns.

    Returns
    -------
    Recording

    Raises
    ------
    FrameError
        When a frame is not what its kind declares; the message names the column and the remedy.

    Examples
    --------
    >>> len(recording({}))
    0
    """
    if isinstance(source, Recording):
        return source
    if isinstance(source, pd.DataFrame):
        source = {"events": source}
    if isinstance(source, Mapping):
        return _of_frames(source)
    snapshot = getattr(source, "snapshot", None)
    return _of_capture(source if snapshot is None else snapshot())


def _of_capture(capture: Capture) -> Recording:
    stored, layout = build.stored_events(capture)
    others: dict[FrameKind, pd.DataFrame] = {
        "dispatches": build.dispatches(capture),
        "probe_calls": build.probe_calls(capture),
        "publications": build.publications(capture),
        "markers": build.markers(capture),
    }
    return Recording(stored, layout, others)


def _of_frames(frames: Mapping[Any, pd.DataFrame]) -> Recording:
    unknown = [kind for kind in frames if kind not in FRAMES]
    if unknown:
        raise FrameError(f"there is no frame {unknown[0]!r}; there are {', '.join(FRAMES)}")
    checked = {
        kind: check(frames[kind].reset_index(drop=True), kind) if kind in frames else empty(kind)
        for kind in FRAMES
    }
    events = _with_common(checked.pop("events"))
    return Recording(events, _layout(events), checked)


def empty(kind: FrameKind) -> pd.DataFrame:
    """A frame without rows.

    Parameters
    ----------
    kind : {"events", "dispatches", "probe_calls", "publications", "markers"}

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> empty("publications").grace.dtype
    Int64Dtype()
    """
    nothing = {item.name: column(item.kind, [], 0) for item in FRAMES[kind]}
    return check(pd.DataFrame(nothing, copy=False), kind)


def _with_common(frame: pd.DataFrame) -> pd.DataFrame:
    """The same events with the columns that a frame of several markers has."""
    if "dur" in frame.columns:
        return frame.assign(dur=frame["dur"].astype("Int64"))
    ts, dur, marker, error, *_ = FRAMES["events"]
    missing = {item.name: column(item.kind, [], len(frame)) for item in (dur, error)}
    order = [ts.name, dur.name, marker.name, error.name, *frame.columns[2:]]
    return frame.assign(**missing)[order]


def _layout(frame: pd.DataFrame) -> Layout:
    """Which column of an events frame is whose, from its attrs as far as they tell."""
    context = context_kinds(
        name for name in frame.attrs.get("context", ()) if name in frame.columns
    )
    # A field that some program registered has the kind of its column.
    for name in context.keys() - CONTEXT.keys():
        context[name] = kind_of(frame[name].dtype) or context[name]
    columns = list(frame.columns[len(event_columns("int", context)) :])
    spans = frame.attrs.get("spans", ())
    declared = {
        name: column_names(declare_format(name, text, {}).names, frame.attrs.get("context", ()))
        for name, text in frame.attrs.get("formats", {}).items()
    }
    owned = {field for fields in declared.values() for field in fields}
    free = [name for name in columns if name not in owned]

    markers: dict[str, MarkerLayout] = {}
    codes = frame["marker"].cat.codes.to_numpy()
    timed = frame["dur"].notna().to_numpy()
    for code, name in enumerate(frame["marker"].cat.categories):
        has = timed[codes == code]
        fields = [field for field in declared.get(name, ()) if field in columns]
        dur: Dur = "stamp" if has.all() and (len(has) or name in spans) else None
        if has.any() and not has.all():
            dur = "int"
        markers[name] = MarkerLayout(dur, (*fields, *free))
    kinds = {name: kind_of(frame[name].dtype) for name in columns}
    payload = {name: Payload(name, kind) for name, kind in kinds.items() if kind is not None}
    return Layout(context, payload, markers)
