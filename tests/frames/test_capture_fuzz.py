"""A recorder's file that somebody has changed: an error that says so, or the good part.

``python -m tests.fuzz_captures`` looks further, guided by coverage.
"""

import json
import random
import struct
import sys
import tracemalloc
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kit
from kit.errors import CaptureError
from kit.frames import _opening as opening
from kit.frames import unescape
from kit.probes.captures._encoding import HEAD, TEXT
from kit.probes.captures._layout import (
    HEADER,
    LIVE,
    MAGIC,
    NAME,
    PAGE,
    PIECE,
    PIECE_MAGIC,
    VERSION,
    Layout,
    thread_slot,
)
from tests.fuzz_captures import SMALL, look, mutated, repaired, seeds


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return seeds(tmp_path_factory.mktemp("seeds"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "case.kit"


def bound(size):
    return 128 * size + opening.SPARE_BYTES


def test_the_checksums_of_a_file_are_found(files):
    """Otherwise what follows would try nothing but them."""
    assert all(repaired(data) == data for data in files)
    assert repaired(files[0][: HEADER.size] + b"#" + files[0][HEADER.size + 1 :]) != files[0]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), right=st.booleans(), number=st.integers(0, 3))
def test_no_change_of_a_file_is_more_than_an_error(files, path, seed, right, number):
    data = mutated(files[number], random.Random(seed))
    data = repaired(data) if right else data
    path.write_bytes(data if data.startswith(MAGIC) else MAGIC + data)
    look(path)


def test_no_flip_in_a_closed_file_is_silent(files, path):
    """Of files as small as can be, where each byte is tried that anything is in.

    Seen to fail when the words at 4184 and 4192 were in no checksum.
    """
    for data in (files[1], files[3]):
        path.write_bytes(data)
        before = look(path).frame().to_json()
        chance = random.Random(3)
        used = [at for at in range(len(data)) if any(data[at // 8 * 8 : at // 8 * 8 + 8])]
        noticed = 0
        for at in chance.sample(used, 300):
            flipped = bytearray(data)
            flipped[at] ^= 1 << chance.randrange(8)
            path.write_bytes(flipped)
            opened = look(path)
            if opened is None or "damaged" in opened.attrs:
                noticed += 1
            else:
                assert opened.frame().to_json() == before, at
        assert noticed > 200


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_bytes_that_are_no_file_of_a_recorder(path, data):
    path.write_bytes(MAGIC + data)
    with pytest.raises(CaptureError):
        kit.open(path)


def test_what_a_reader_holds_is_bounded(files, path):
    """Of changed files the memory is what a file of that size may take."""
    chance = random.Random(5)
    look_once(path, files[0])  # what is imported and cached is no part of it
    tracemalloc.start()
    try:
        for number in range(50):
            data = repaired(mutated(files[number % 4], chance))
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            look_once(path, data)
            assert tracemalloc.get_traced_memory()[1] - before < 32 << 20
    finally:
        tracemalloc.stop()


def look_once(path, data):
    path.write_bytes(data)
    return look(path)


def made(markers, records, **layout):
    """A file with these declarations, and these bytes as the records of one thread."""
    names = b""
    for entry in markers:
        text = json.dumps({"marker": entry}).encode()
        whole = NAME.pack(len(text), zlib.crc32(text)) + text
        names += whole.ljust(-(-len(whole) // 8) * 8, b"\0")
    room = -(-max(len(names), 8) // 8) * 8
    threads = SMALL.names + room
    cell = -(-(len(records) + PIECE.size) // 8) * 8
    place = {
        **SMALL._asdict(),
        "names_room": room,
        "threads": threads,
        "counts": threads + 4 * 128,
        "arena": threads + 4 * 128 + 4 * 32,
        "cell": max(cell, 1024),
        "cells": 1,
    }
    about = {"layout": {**place, **layout}, "capacity": 1, "mode": "discard", "wall": 0}
    text = json.dumps({**about, "host": "h", "pid": 1, "python": "3"}).encode()
    page = HEADER.pack(MAGIC, VERSION, 0x01020304, len(text), 0) + text
    live = LIVE.pack(0, len(names), 2, *[0] * 10)
    head = PIECE.pack(PIECE_MAGIC, 0, 1, 1, 0, 1, 0, 0, 0, len(records))
    slots = thread_slot(SMALL.key, 0, 0, 0, b"ended threads") + thread_slot(SMALL.key, 0, 5, 0, b"")
    data = page.ljust(PAGE, b"\0") + live + names.ljust(room, b"\0") + slots
    data = data.ljust(place["arena"], b"\0") + head + records
    return repaired(data.ljust(Layout(**place).size, b"\0"))


def entry(name, fields, *, span=False):
    return {"name": name, "fields": fields, "span": span, "module": "", "line": 1}


def peak(path, data):
    path.write_bytes(data)
    tracemalloc.start()
    try:
        opened = look(path)
        return opened, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_records_that_hold_nothing(path):
    """As many events as there can be in a file."""
    data = made([entry("m", "")], HEAD.pack(16, 0, 0, 5) * 50_000)
    opened, most = peak(path, data)
    assert len(opened) == 50_000
    assert most < bound(len(data))


def test_many_fields_and_many_events(path):
    """A frame of all markers would have each field for each event; that of one marker is small."""
    wide = [entry(f"m{n}", " ".join(f"f{n}_{k} %d" for k in range(900))) for n in range(20)]
    data = made([entry("narrow", ""), *wide], HEAD.pack(16, 0, 0, 5) * 40_000)
    path.write_bytes(data)
    with pytest.raises(CaptureError, match="more than one frame should hold"):
        kit.open(path)
    opened, most = peak(path, data)
    assert opened is None
    assert most < bound(len(data))


def test_lengths_that_are_much_larger_than_the_file(path):
    """Nobody asks for the memory first.

    Seen to fail when as many bytes were asked for as a piece said that it holds.
    """
    for layout in ({"cell": 1 << 30, "cells": 1 << 20}, {"names_room": 1 << 20}):
        data = made([entry("m", "")], HEAD.pack(16, 0, 0, 5), **layout)
        _, most = peak(path, data)
        assert most < 64 << 20
    data = bytearray(made([entry("m", "")], HEAD.pack(16, 0, 0, 5), cell=1 << 30))
    at = data.index(PIECE_MAGIC.to_bytes(4, sys.byteorder)) + PIECE.size - 8
    data[at : at + 8] = (1 << 29).to_bytes(8, "little")
    _, most = peak(path, repaired(bytes(data)))
    assert most < 64 << 20


@pytest.mark.parametrize(
    ("length", "place"), [(9, 8), (9, 1000), (9, 40), (1 << 31, 24), (1 << 31, 1 << 31)]
)
def test_text_outside_of_its_record(path, length, place):
    """Seen to fail when its place was believed as it stood."""
    good = HEAD.pack(40, 0, 0, 5) + TEXT.pack(9, 24) + b"nine text" + bytes(7)
    bad = HEAD.pack(40, 0, 0, 5) + TEXT.pack(length, place) + b"nine text" + bytes(7)
    path.write_bytes(made([entry("m", "s %s")], good + bad + good))
    opened = kit.open(path)
    assert opened.frame()["s"].tolist() == ["nine text"]
    assert opened.attrs["damaged"] == {"bytes": 80}


@pytest.mark.parametrize("cells", [0, 2, 1 << 31])
@pytest.mark.parametrize("first", [0, -1, 1 << 62])
def test_a_piece_that_cannot_be(path, cells, first):
    """Seen to fail, and not to end, when the number of its cells was believed as it stood."""
    data = bytearray(made([entry("m", "")], HEAD.pack(16, 0, 0, 5)))
    at = data.index(PIECE_MAGIC.to_bytes(4, sys.byteorder))
    data[at + 8 : at + 24] = struct.pack("=IIq", cells, 1, first)
    path.write_bytes(repaired(bytes(data)))
    opened = kit.open(path)
    assert len(opened) == 0
    assert opened.attrs["damaged"] == {"pieces": 1}


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (entry("m", "ts %d ts_ %d marker %s"), 1),
        (entry("\ud800", "a %s"), 1),
        (entry("", ""), 1),
        (entry("m", "a %d a %d"), None),
        (entry("m", "no format"), None),
        (entry("m", " ".join(f"f{n} %d" for n in range(1500))), None),
        ({"name": 5}, None),
        ([], None),
    ],
    ids=["common names", "surrogate", "nothing", "twice", "no format", "many", "number", "list"],
)
def test_odd_declarations(path, entry, says):
    """They are shown as frames show them, or counted as damage."""
    path.write_bytes(made([entry], b""))
    opened = kit.open(path)
    assert (len(opened.names) == says) if says else opened.attrs["damaged"] == {"entries": 1}
    for name in opened.names:
        opened.events(unescape(name))
