"""A capture in one Parquet file.

The file is an ordinary Parquet file whose table is the events frame: ``pandas.read_parquet`` shows
it, dtypes and attrs included (but plain pandas makes a recorded NaN a missing value). Where two
markers disagree on the type of a field, the table has a column ``marker.field`` for each of them.

The other four frames are complete Parquet files of their own, written into the body of the file
between the table's last row group and the footer. A reader of Parquet goes by the footer and never
looks there. The footer's key-value metadata has the key ``kit``, a JSON object:

=============  =================================================================================
``version``    1
``parts``      for each embedded part ``[offset, length, crc32]``: the four frames, and ``index``
=============  =================================================================================

The part ``index`` is a JSON object: ``attrs`` by frame; ``categories`` by frame and column,
complete and in order, because a Parquet dictionary keeps only those that occur; and ``layout``,
which says which marker has which columns.
"""

from __future__ import annotations

import io
import json
import os
import zlib
from typing import IO, TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kit.core._publication.fork import undivided
from kit.errors import CaptureError, FrameError
from kit.frames._attrs import ATTRS
from kit.frames._layout import Layout, MarkerLayout, Payload
from kit.frames._recording import Recording, recording
from kit.frames._schema import FRAMES, Column, FrameKind, check, context_kinds
from kit.frames._values import Values, categorical, column
from kit.probes._files import absolute, create, open_regular, partial_of, refuse_irregular
from kit.probes._validation import COUNT, PLAIN, WHOLE_TEXT, Maybe, choice, conform

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["VERSION", "open", "read", "save"]

VERSION: Final = 1
"""The version of the file format."""

_KEY: Final = "kit"
_MAGIC: Final = b"PAR1"
_TYPES: Final = {
    "stamp": pa.int64(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "str": pa.large_string(),
}
_OTHERS: Final[tuple[FrameKind, ...]] = ("dispatches", "probe_calls", "publications", "markers")
SPARE_CELLS: Final = 100_000_000
CELLS_A_BYTE: Final = 128
"""A file of any size may have so many values in a frame, and for each byte so many more: what is
alike takes next to no room in a file, and eight bytes each where it is opened."""

_FIELD: Final = choice("int", "float", "bool", "str", "label")
_INDEX: Final = {
    "attrs": dict.fromkeys(FRAMES, ATTRS),
    "categories": {kind: {WHOLE_TEXT: [WHOLE_TEXT]} for kind in FRAMES},
    "layout": {
        "context": [WHOLE_TEXT],
        "context_kinds?": {WHOLE_TEXT: _FIELD},
        "payload": {WHOLE_TEXT: (WHOLE_TEXT, _FIELD)},
        "markers": {WHOLE_TEXT: (Maybe(choice("int", "stamp")), [WHOLE_TEXT])},
    },
}
"""What the part ``index`` is."""
_PARTS: Final = dict.fromkeys((*_OTHERS, "index"), (COUNT, COUNT, COUNT))
# What a damaged or hostile file can make a parser raise.
_DAMAGE: Final = (
    pa.ArrowException,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)


def save(source: Any, path: str | os.PathLike[str]) -> Path:
    """Save a capture.

    Parameters
    ----------
    source : Capture, recorder, Recording, pandas.DataFrame or mapping of str to pandas.DataFrame
        What to save; a single frame is an events frame.
    path : path
        The file. It is replaced in one step when all is written: whatever goes wrong, the old file
        or the new one is there, whole. The new one is for its user alone, of mode 0600.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FrameError
        When a frame is not what its kind declares, or its attrs are not plain JSON data.
    CaptureError
        When the path exists, but is not a file (a device, for example).
    OSError
        When the file cannot be written.

    Examples
    --------
    >>> import kit, tempfile
    >>> fill = kit.marker("doc.frames.saved", qty=int)
    >>> with kit.record("doc.frames.saved") as recorder:
    ...     fill(7)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(recorder, folder + "/run.parquet")
    ...     open(path).events("doc.frames.saved").qty.tolist()
    [7]
    """
    kept = recording(source)
    place = absolute(path)
    # A link stays a link: what it points to is replaced.
    target = place.resolve()
    if target.exists():
        refuse_irregular(target.stat(), os.fspath(path))
    partial = partial_of(target)
    try:
        with os.fdopen(create(partial), "wb") as file:
            _write(kept, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return place


@undivided
def _write(kept: Recording, file: IO[bytes]) -> None:
    frames = {"events": kept.stored, **kept.others}
    index = {
        "attrs": {kind: _plain(kind, frame.attrs) for kind, frame in frames.items()},
        "categories": {kind: _categories(frame) for kind, frame in frames.items()},
        "layout": _dump_layout(kept.layout),
    }
    table = pa.Table.from_pandas(kept.stored, preserve_index=False)
    with pq.ParquetWriter(file, table.schema, **_options(table)) as writer:
        writer.write_table(table)
        parts: dict[str, list[int]] = {}
        for kind in _OTHERS:
            part = io.BytesIO()
            other = pa.Table.from_pandas(kept.others[kind], preserve_index=False)
            pq.write_table(other, part, **_options(other))
            parts[kind] = _embed(part.getvalue(), file)
        parts["index"] = _embed(json.dumps(index).encode(), file)
        writer.add_key_value_metadata({_KEY: json.dumps({"version": VERSION, "parts": parts})})


def _embed(part: bytes, file: IO[bytes]) -> list[int]:
    offset = file.tell()
    file.write(part)
    return [offset, len(part), zlib.crc32(part)]


def _options(table: pa.Table) -> dict[str, Any]:
    whole = [field.name for field in table.schema if field.type == pa.int64()]
    return {
        "compression": "zstd",
        # Stamps ascend and durations are alike: differences take less room and time than values.
        "use_dictionary": [field.name for field in table.schema if field.name not in whole],
        "column_encoding": dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
        "write_page_checksum": True,
    }


def _plain(kind: str, attrs: dict[Any, Any]) -> dict[str, Any]:
    for key, value in attrs.items():
        try:
            same = isinstance(key, str) and json.loads(json.dumps(value, allow_nan=False)) == value
        except (TypeError, ValueError, RecursionError):
            same = False
        if not same:
            raise FrameError(
                f"{kind} frame: attrs[{key!r}] is not plain JSON data and would not come back as "
                "it is; use text keys, lists, numbers and text, or remove it"
            )
    try:
        return dict(conform(attrs, ATTRS, "attrs"))
    except ValueError as error:
        raise FrameError(f"{kind} frame: {error}; the kit reads this, so use another key") from None


def _categories(frame: pd.DataFrame) -> dict[str, list[str]]:
    return {
        name: dtype.categories.tolist()
        for name, dtype in zip(frame.columns, frame.dtypes, strict=True)
        if isinstance(dtype, pd.CategoricalDtype)
    }


def _dump_layout(layout: Layout) -> dict[str, Any]:
    return {
        "context": list(layout.context),
        "context_kinds": layout.context,
        "payload": {key: [item.shown, item.kind] for key, item in layout.payload.items()},
        "markers": {name: [item.dur, item.payload] for name, item in layout.markers.items()},
    }


def open(path: str | os.PathLike[str]) -> Recording:
    """Open a saved capture.

    Parameters
    ----------
    path : path
        A file written by `save`.

    Returns
    -------
    Recording
        With ``events(name)``, ``dispatches()``, ``probe_calls()``, ``publications()`` and
        ``markers()``: the frames that were saved, categories, dtypes and attrs included.

    Raises
    ------
    CaptureError
        When the file is empty, cut off, damaged, foreign or of a later version; it says which.
    OSError
        When the file cannot be read, for example because it does not exist.

    Examples
    --------
    >>> open("no/such/file.parquet")
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: '.../no/such/file.parquet'
    """
    place = absolute(path)
    with open_regular(place) as file:
        return read(file, os.fspath(place))


@undivided
def read(file: IO[bytes], name: str) -> Recording:
    """Read a saved capture from a file that is open.

    Parameters
    ----------
    file : binary file
    name : str
        What an error calls it.

    Returns
    -------
    Recording

    Raises
    ------
    CaptureError
        As `open` does.
    """
    size = os.fstat(file.fileno()).st_size
    if not size:
        raise CaptureError(f"{name!r} is empty; save the capture again, or open another copy")
    if not _at(file, 0, min(size, 4)) == _MAGIC:
        raise CaptureError(
            f"{name!r} is not a Parquet file, nor a recorder's; "
            "open what kit.frames.save or kit.record(path=...) wrote"
        )
    if size < 12 or _at(file, size - 4, 4) != _MAGIC:
        raise CaptureError(
            f"{name!r} is cut off: its end is missing; copy it again from where it was saved, or "
            "save the capture again"
        )
    try:
        return _read(file, size)
    except _Foreign as error:
        raise CaptureError(f"{name!r} {error}") from None
    except _DAMAGE as error:
        raise CaptureError(
            f"{name!r} is damaged ({type(error).__name__}: {_first_line(error)}); copy it again "
            "from where it was saved, or save the capture again"
        ) from error


def _at(file: IO[bytes], place: int, length: int) -> bytes:
    file.seek(place)
    return file.read(length)


class _Foreign(Exception):  # noqa: N818 - ends inside this module, as text of a CaptureError
    """The file is whole, but not for this reader."""


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0][:200]


def _read(file: IO[bytes], size: int) -> Recording:
    events = _parquet(file, size)
    saved = (events.metadata.metadata or {}).get(_KEY.encode())
    if saved is None:
        raise _Foreign(
            "is a Parquet file, but not a capture that kit.frames.save wrote; read it with "
            "pandas.read_parquet"
        )
    header = conform(json.loads(saved), {"version": PLAIN, ...: PLAIN}, "")
    if header["version"] != VERSION:
        raise _Foreign(
            f"has version {header['version']!r:.100} of the capture format, and this is version "
            f"{VERSION}; open it with a markers-kit of that version, or read its events with "
            "pandas.read_parquet"
        )
    where = conform(header, {"parts": _PARTS})["parts"]
    parts = {name: _part(file, size, name, *each) for name, each in where.items()}
    index = conform(json.loads(parts["index"]), _INDEX, "index")
    layout = _load_layout(index["layout"])
    frames = {
        kind: _frame(_parquet(io.BytesIO(parts[kind]), size), kind, FRAMES[kind], index)
        for kind in _OTHERS
    }
    stored = _frame(events, "events", layout.columns(stored=True), index)
    if stored["marker"].cat.categories.tolist() != list(layout.markers):
        raise ValueError("the categories of column 'marker' are not the markers")
    return Recording(stored, layout, frames)


def _part(file: IO[bytes], size: int, name: str, offset: int, length: int, checksum: int) -> bytes:
    part = _at(file, offset, length) if offset + length <= size else b""
    if len(part) != length or zlib.crc32(part) != checksum:
        raise ValueError(f"part {name!r} has another checksum")
    return part


def _parquet(file: IO[bytes], size: int) -> pq.ParquetFile:
    opened = pq.ParquetFile(file, page_checksum_verification=True)
    values = opened.metadata.num_rows * opened.metadata.num_columns
    if values > SPARE_CELLS + CELLS_A_BYTE * size:
        raise ValueError(f"{values:,} values in {size:,} bytes are more than anything recorded")
    return opened


def _frame(
    file: pq.ParquetFile, kind: FrameKind, columns: Iterable[Column], index: dict[str, Any]
) -> pd.DataFrame:
    columns = list(columns)
    table = file.read()
    if table.column_names != [item.name for item in columns]:
        raise ValueError(f"the {kind} have other columns than the file says")
    table.validate(full=True)
    categories = index["categories"][kind]
    arrays = {
        item.name: _column(table[item.name], item, table.num_rows, categories) for item in columns
    }
    frame = pd.DataFrame(arrays, copy=False)
    frame.attrs = dict(index["attrs"][kind])
    return check(frame, kind)


def _column(stored: Any, item: Column, rows: int, categories: dict[str, list[str]]) -> Any:
    if item.kind == "label":
        if not pa.types.is_dictionary(stored.type):
            raise ValueError(f"column {item.name!r} is {stored.type}, not a dictionary")
        encoded = stored.unify_dictionaries().combine_chunks()
        return categorical(encoded, categories[item.name])
    if stored.type != _TYPES[item.kind]:
        raise ValueError(f"column {item.name!r} is {stored.type}, not {_TYPES[item.kind]}")
    data = stored.combine_chunks()
    if item.kind == "str":
        return column("str", [(None, Values(data))], rows)
    missing = data.is_null().to_numpy(zero_copy_only=False)
    if item.kind == "stamp" and missing.any():
        raise ValueError(f"column {item.name!r} has missing values")
    plain = data.fill_null(False if item.kind == "bool" else 0).to_numpy(zero_copy_only=False)
    # Arrow's memory is read-only; a frame's is not.
    return column(item.kind, [(None, Values(plain.copy(), missing))], rows)


def _load_layout(saved: dict[str, Any]) -> Layout:
    payload = {key: Payload(shown, kind) for key, (shown, kind) in saved["payload"].items()}
    markers = {
        name: MarkerLayout(dur, tuple(stored)) for name, (dur, stored) in saved["markers"].items()
    }
    for name, marker in markers.items():
        if not payload.keys() >= set(marker.payload):
            raise ValueError(f"marker {name!r:.100} has columns that the layout does not have")
    kinds = context_kinds(saved["context"]) | saved.get("context_kinds", {})
    return Layout(kinds, payload, markers)
