"""What was recorded → frames, column by column.

A capture holds Python tuples. Each column is pulled out of them by one pass of C code, and only
values of an unexpected type are looked at one by one; `kit.frames._values` says what fits a field.
"""

from __future__ import annotations

from difflib import get_close_matches
from itertools import chain
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from kit.core._publication.fork import undivided
from kit.errors import NotConnectedError
from kit.frames._attrs import capture_attrs, per_marker
from kit.frames._blocks import Blocks
from kit.frames._layout import layout
from kit.frames._rows import fields as convert_fields
from kit.frames._rows import pull
from kit.frames._schema import ACTIONS, CATEGORIES, FRAMES, KINDS_OF, Column, FrameKind, check
from kit.frames._values import categorical, column, convert, escape, name_text, smallest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from kit.core._format import Format
    from kit.frames._layout import Layout
    from kit.frames._rows import Counts, Rows
    from kit.probes.captures._capture import Capture

__all__ = [
    "dispatches",
    "events",
    "known",
    "markers",
    "probe_calls",
    "publications",
    "stored_events",
    "timings",
]


@undivided
def events(capture: Capture, name: str | None = None) -> pd.DataFrame:
    """The recorded events.

    Parameters
    ----------
    capture : Capture
        From ``recorder.snapshot()``.
    name : str, optional
        Only this marker's events; by default all, with the fields of all markers.

    Returns
    -------
    pandas.DataFrame
        One row an event, sorted by ``ts`` (ns); see `kit.frames._schema`.

    Raises
    ------
    NotConnectedError
        When no marker of that name was recorded.
    FrameError
        When two markers declare one field with different types, and no name is given.

    Examples
    --------
    >>> import kit
    >>> fill = kit.marker("doc.frames.fill", qty=int)
    >>> with kit.record("doc.frames.fill") as recorder:
    ...     fill(100)
    >>> events(recorder.snapshot()).qty.tolist()
    [100]
    """
    formats = _formats(capture)
    laid_out = layout(formats, _context(capture))
    if name is not None:
        name = known(name, laid_out.markers)
    columns = laid_out.columns(name)
    stored = laid_out.payload if name is None else laid_out.markers[name].payload
    return _events(capture, formats, laid_out, columns, [*stored], name)


@undivided
def stored_events(capture: Capture) -> tuple[pd.DataFrame, Layout]:
    """All events in one frame, whatever the types of their fields.

    Returns
    -------
    frame : pandas.DataFrame
        As from `events`, except that fields on whose type the markers do not agree are in columns
        named ``marker.field``.
    layout : Layout
        Which column is whose.
    """
    formats = _formats(capture)
    laid_out = layout(formats, _context(capture))
    stored = [*laid_out.payload]
    columns = laid_out.columns(stored=True)
    return _events(capture, formats, laid_out, columns, stored, None), laid_out


@undivided
def timings(capture: Capture) -> pd.DataFrame:
    """When all events were and how long they took, without their fields: cheap, never a clash.

    Parameters
    ----------
    capture : Capture
        From ``recorder.snapshot()``.

    Returns
    -------
    pandas.DataFrame
        One row an event, sorted by ``ts`` (ns): ``ts``, ``dur`` and ``marker`` as in `events`.

    Examples
    --------
    >>> import kit
    >>> number, text = kit.marker("doc.timed.number", n=int), kit.marker("doc.timed.text", n=str)
    >>> with kit.record("doc.timed.*") as recorder:
    ...     number(1)
    ...     text("one")
    >>> timings(recorder.snapshot())["marker"].tolist()
    ['doc.timed.number', 'doc.timed.text']
    """
    formats, rows = _formats(capture), _pull(capture, None)
    spans = [
        (positions, pick(0, "stamp"))
        for code, positions, pick in rows.by_code(formats)
        if formats[code][1].is_span
    ]
    arrays: dict[str, Any] = {
        "ts": rows.sorted(rows.ts),
        "dur": column("int", spans, len(rows)),
        "marker": _coded([name for name, _ in formats], rows.sorted(rows.code)),
    }
    return pd.DataFrame(arrays, copy=False)


@undivided
def dispatches(capture: Capture) -> pd.DataFrame:
    """The recorded dispatches: how long each took, and how many probes it called.

    Parameters
    ----------
    capture : Capture
        From a recorder with ``dispatches=True``.

    Returns
    -------
    pandas.DataFrame
        One row a dispatch, sorted by ``ts``; ``ts`` and ``dur`` in ns.

    Examples
    --------
    >>> import kit
    >>> tick = kit.marker("doc.frames.tick")
    >>> with kit.record("doc.frames.tick", dispatches=True) as recorder:
    ...     tick()
    >>> dispatches(recorder.snapshot()).fanout.tolist()
    [1]
    """
    return _table(capture, "dispatches", capture.dispatches)


@undivided
def probe_calls(capture: Capture) -> pd.DataFrame:
    """The recorded calls of single probes.

    Parameters
    ----------
    capture : Capture
        From a recorder with ``dispatches=True``.

    Returns
    -------
    pandas.DataFrame
        One row a probe called in a dispatch, sorted by ``ts``; ``ts`` and ``dur`` in ns.
        ``dispatch`` is the ``seq`` of a row of `dispatches`.
    """
    return _table(capture, "probe_calls", capture.probe_calls)


@undivided
def publications(capture: Capture) -> pd.DataFrame:
    """The recorded publications: each replaced a marker's probe array by a new one.

    Parameters
    ----------
    capture : Capture
        From a recorder with ``dispatches=True``.

    Returns
    -------
    pandas.DataFrame
        One row a publication, sorted by ``ts``; ``ts`` and ``grace`` in ns. ``grace`` is missing
        while the grace period ran, or was not waited for.
    """
    return _table(capture, "publications", capture.publications)


@undivided
def markers(source: Capture | Iterable[Any]) -> pd.DataFrame:
    """The markers of a capture, or live ones.

    Parameters
    ----------
    source : Capture, or iterable of Marker
        For example ``kit.markers("orders.*")``.

    Returns
    -------
    pandas.DataFrame
        One row a marker, in the order given. ``fields`` is the format string, missing as long as
        nothing declared the marker; ``fired`` counts dispatches while it was on.

    Examples
    --------
    >>> import kit
    >>> frame = markers([kit.marker("doc.frames.listed", qty=int, px=float)])
    >>> frame.fields[0]
    'qty %d px %f'
    """
    infos: Any = getattr(source, "markers", source)
    names = name_text(info.name for info in infos)
    formats = [info.format for info in infos]
    values: dict[str, list[Any]] = {
        "fields": [None if format is None else str(format) for format in formats],
        "span": [None if format is None else format.is_span for format in formats],
    }
    for attribute in ("module", "line", "fanout", "generation", "fired"):
        values[attribute] = list(map(attrgetter(attribute), infos))
    arrays: dict[str, Any] = {"marker": _coded(names, np.arange(len(names)))}
    for declared in FRAMES["markers"][1:]:
        arrays[declared.name] = column(
            declared.kind, [(None, convert(values[declared.name], declared.kind))], len(names)
        )
    frame = pd.DataFrame(arrays, copy=False)
    frame.attrs = {} if infos is source else capture_attrs(cast("Capture", source))
    return check(frame, "markers")


def known(name: str, names: Iterable[str]) -> str:
    """Look a marker's name up.

    Parameters
    ----------
    name : str
    names : iterable of str
        Those recorded.

    Returns
    -------
    str
        The name as frames show it.

    Raises
    ------
    NotConnectedError
        When it is not among them.
    """
    shown = escape(name)
    names = list(names)
    if shown in names:
        return shown
    close = get_close_matches(shown, names, 3) or sorted(names)[:10]
    raise NotConnectedError(
        f"no marker {name!r} was recorded"
        + (f"; there is: {', '.join(close)}" if close else ", nor any other")
    )


def _context(capture: Capture) -> Iterable[str]:
    """The context columns: as they are registered here, or as a file says."""
    types = capture.context_types
    return {name: KINDS_OF[letter] for name, letter in types.items()} or capture.context


def _formats(capture: Capture) -> list[tuple[str, Format]]:
    names = name_text(info.name for info in capture.markers)
    return list(zip(names, (info.format for info in capture.markers), strict=True))


def _events(
    capture: Capture,
    formats: Sequence[tuple[str, Format]],
    laid_out: Layout,
    columns: Sequence[Column],
    stored: Sequence[str],
    name: str | None,
) -> pd.DataFrame:
    codes = [code for code, (of, _) in enumerate(formats) if name in (None, of)]
    rows = _pull(capture, codes if len(codes) < len(formats) else None)
    parts, counts = convert_fields(rows, formats, laid_out)
    common = columns[: len(columns) - len(stored)]
    arrays: dict[str, Any] = {}
    for declared, key in zip(columns, [*(item.name for item in common), *stored], strict=True):
        if key == "marker":
            arrays[key] = _coded([of for of, _ in formats], rows.sorted(rows.code))
        elif key in ("ts", "tid", "seq"):
            arrays[key] = rows.sorted(getattr(rows, key))
        else:
            arrays[declared.name] = column(declared.kind, parts.get(key, []), len(rows))
    frame = pd.DataFrame(arrays, copy=False)
    frame.attrs = capture_attrs(capture) | _marker_attrs([formats[code] for code in codes], counts)
    return check(frame, "events")


def _marker_attrs(formats: Iterable[tuple[str, Format]], counts: Counts) -> dict[Any, Any]:
    latest = dict(formats)
    return {
        "formats": {name: str(format) for name, format in latest.items()},
        "spans": [name for name, format in latest.items() if format.is_span],
        "misfits": per_marker((name, field, values.misfits) for name, field, values in counts),
        "cut": per_marker((name, field, values.cut) for name, field, values in counts),
    }


def _coded(names: Sequence[str], codes: NDArray[np.int64]) -> pd.Categorical:
    """Marker names by code; one name may have several codes."""
    categories = list(dict.fromkeys(names))
    kind = smallest(len(categories))
    places = {name: place for place, name in enumerate(categories)}
    place: NDArray[Any] = np.array([places[name] for name in names], kind)
    coded: NDArray[Any] = np.zeros(len(codes), kind) if len(categories) == 1 else place[codes]
    index = pd.Index(categories, dtype=CATEGORIES)
    return pd.Categorical.from_codes(coded, categories=index, validate=False)


def _table(capture: Capture, kind: FrameKind, rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    ts = np.fromiter(map(itemgetter(0), rows), np.int64, len(rows))
    if not (ts[1:] >= ts[:-1]).all():
        rows = [rows[place] for place in np.argsort(ts, kind="stable").tolist()]
    arrays: dict[str, Any] = {}
    for number, declared in enumerate(FRAMES[kind]):
        values = list(map(itemgetter(number), rows))
        if declared.name == "marker":
            names = name_text(info.name for info in capture.markers)
            arrays["marker"] = _coded(names, np.array(values, np.int64))
        elif declared.name in ("probe", "action"):
            # A publication about several probes names none.
            values = [value or None for value in values]
            text = convert(values, "label").data
            arrays[declared.name] = categorical(text, _categories(capture, declared.name, values))
        else:
            arrays[declared.name] = column(
                declared.kind, [(None, convert(values, declared.kind))], len(rows)
            )
    frame = pd.DataFrame(arrays, copy=False)
    frame.attrs = capture_attrs(capture)
    return check(frame, kind)


def _categories(capture: Capture, name: str, values: Iterable[str | None]) -> list[str]:
    if name == "action":
        return list(dict.fromkeys([*ACTIONS, *(value for value in values if value is not None)]))
    # One list of probes for all frames of a capture, so that they can be merged.
    labels = {row[3] for row in chain(capture.probe_calls, capture.publications)} - {None, ""}
    return sorted(name_text(labels))


def _pull(capture: Capture, codes: Sequence[int] | None) -> Rows:
    """Pull the events of some markers, or of all, out of a capture, whatever it is made of."""
    if capture.threads and all(hasattr(thread.rows, "blocks") for thread in capture.threads):
        return Blocks(capture.threads, codes)
    return pull(capture, codes)
