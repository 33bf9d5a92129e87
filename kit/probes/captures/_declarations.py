"""Declarations in a recorder's file: context and markers, believed when they were checked."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kit.core._format import COLUMNS, declare_format
from kit.probes._context import BUILT_IN, CONTEXT
from kit.probes._values import KINDS
from kit.probes.captures._capture import MOST_COLUMNS, MarkerInfo
from kit.probes.captures._header import COUNTABLE, INT64, WRONG
from kit.probes.captures._layout import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit.probes.captures._header import OpenFile

__all__ = ["declared"]


def _entries(file: OpenFile, used: int) -> Iterator[dict[str, Any]]:
    at, end = file.layout.names, file.layout.names + min(used, file.layout.names_room)
    while at < end:
        head = file.at(at, NAME.size).ljust(NAME.size, b"\0")
        length, check = NAME.unpack(head)
        text = file.at(at + NAME.size, length) if length <= end - at else b""
        if not length or len(text) != length or zlib.crc32(text) != check:
            file.damage.entries += 1
            return  # where the next one begins is not known
        try:
            entry = json.loads(text)
            (kind,) = entry
        except WRONG:
            file.damage.entries += 1
        else:
            yield {kind: entry[kind]}
        at += -(-(NAME.size + length) // 8) * 8


def declared(file: OpenFile, used: int) -> tuple[dict[str, str], list[MarkerInfo], dict[str, Any]]:
    """Return the context, the markers by code, and what was said at the last stop."""
    context: dict[str, str] = {}
    markers: list[MarkerInfo] = []
    summary: dict[str, Any] = {}
    for entry in _entries(file, used):
        try:
            if "context" in entry:
                context = _context(entry["context"])
            elif "marker" in entry:
                markers.append(_marker(entry["marker"]))
            elif "summary" in entry:
                summary = _summary(entry["summary"])
        except WRONG:
            file.damage.entries += 1
            if "marker" in entry:
                break  # those after it would have other codes
    counted = summary.get("markers", ())[: len(markers)]
    for place, (fanout, generation, fired) in enumerate(counted):
        info = markers[place]
        markers[place] = replace(info, fanout=fanout, generation=generation, fired=fired)
    return context, markers, summary


def _context(entry: Any) -> dict[str, str]:
    kinds = dict(entry)
    for name, kind in kinds.items():
        known = CONTEXT[name].type if name in BUILT_IN else None
        if not str.isidentifier(name) or name in COLUMNS or kind not in KINDS.values():
            raise ValueError(name)
        if len(kinds) > MOST_COLUMNS or (known and KINDS[known] != kind):
            raise ValueError(name)
    return kinds


def _marker(entry: Any) -> MarkerInfo:
    name, module, line = entry["name"], entry["module"], entry["line"]
    if type(name) is not str or type(module) is not str or type(line) is not int:
        raise TypeError(name)
    if type(entry["fields"]) is not str or type(entry["span"]) is not bool or line not in INT64:
        raise TypeError(name)
    format = declare_format(name, entry["fields"], {}, is_span=entry["span"])
    if format.arity > MOST_COLUMNS:
        raise ValueError(name)
    return MarkerInfo(name, format, module, line, 0, 0, 0)


def _summary(entry: Any) -> dict[str, Any]:
    counted = [tuple(map(_count, each)) for each in entry["markers"]]
    if any(len(each) != 3 for each in counted):
        raise ValueError("a marker has three counts")
    windows = [
        (_stamp(since), None if to is None else _stamp(to)) for since, to in entry["windows"]
    ]
    return {
        "markers": counted,
        "windows": windows,
        "skipped": {str(name): _count(count) for name, count in entry["skipped"].items()},
        # Of a file of earlier days it is not known.
        "failed": {str(name): _count(count) for name, count in entry.get("failed", {}).items()},
        "filtered": {
            str(name): {str(reason): _count(count) for reason, count in counts.items()}
            for name, counts in entry["filtered"].items()
        },
    }


def _count(value: Any) -> int:
    if type(value) is not int or value not in COUNTABLE:
        raise ValueError("not a count")
    return value


def _stamp(value: Any) -> int:
    if type(value) is not int or value not in INT64:
        raise ValueError("not a time stamp")
    return value
