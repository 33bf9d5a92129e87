"""``python -m tests.fuzz_captures -max_total_time=600``: what a hostile file makes of `kit.open`.

Guided by coverage, with atheris, which is no part of the environment: ``pip install atheris`` into
one that has pandas and pyarrow. What is kept beside it is what the tests need, too: small files of
recorders, and changes of them whose checksums are right again.
"""

import contextlib
import json
import random
import struct
import sys
import tempfile
import zlib
from pathlib import Path

from kit.probes.captures import _layout as capture_layout
from kit.probes.captures._layout import (
    CLOSED,
    COUNT,
    HEADER,
    LIVE,
    MAGIC,
    NAME,
    PAGE,
    PIECE,
    PIECE_MAGIC,
    SEAL,
    THREAD,
    THREAD_NAME,
    Live,
    checksum,
)

NAMES = PAGE + LIVE.size
SMALL = capture_layout.Layout(
    key=7,
    names=NAMES,
    names_room=896,
    threads=NAMES + 896,
    most_threads=3,
    counts=NAMES + 896 + 4 * THREAD.size,
    most_counts=4,
    arena=NAMES + 896 + 4 * THREAD.size + 4 * COUNT.size,
    cell=1024,
    cells=6,
)


def seeds(folder):
    """Files of recorders as small as they can be, one of each mode."""
    import kit

    plan, capture_layout.plan = capture_layout.plan, lambda *_, **__: SMALL
    found = []
    try:
        for mode in ("discard", "overwrite"):
            name = f"fuzz{len(found)}"
            m = kit.marker(f"{name}.m", i=int, f=float, b=bool, s=str, k=kit.Label)
            span = kit.span(f"{name}.s", n=int)
            path = Path(folder) / f"{mode}.kit"
            events = kit.record(f"{name}.*", path=path, mode=mode, capacity=40, context="process")
            for n in range(60):
                m(n, n / 4, True, "text" * (n % 9), "label")
                if n % 9 == 0:
                    m(None, 2**80, "odd", "\udc80" * 9, None)
                    with span(n=n):
                        pass
            found.append(path.read_bytes())
            events._end()  # without a word on what does not fit
            found.append(path.read_bytes())
    finally:
        capture_layout.plan = plan
    return found


def repaired(data):
    """Make every checksum right again, as far as the places of things are known."""
    data = bytearray(data)
    if len(data) < PAGE:
        return bytes(data)
    _, _, _, length, _ = HEADER.unpack_from(data)
    text = bytes(data[HEADER.size : HEADER.size + min(length, PAGE)])
    struct.pack_into("=I", data, 20, zlib.crc32(text))
    try:
        layout = capture_layout.Layout(**json.loads(text)["layout"])
        at, end = layout.names, layout.names + layout.names_room
        while at < end:
            length, _ = NAME.unpack_from(data, at)
            if not length:
                break
            text = bytes(data[at + NAME.size : at + NAME.size + min(length, end)])
            struct.pack_into("=I", data, at + 4, zlib.crc32(text))
            at += -(-(NAME.size + length) // 8) * 8
        for number in range(min(layout.most_threads, 100)):
            at = layout.threads + number * THREAD.size
            if not any(data[at : at + THREAD.size]):
                continue
            length = min(struct.unpack_from("=I", data, at + 28)[0], THREAD_NAME)
            name = data[at + THREAD.size - THREAD_NAME :][:length]
            check = zlib.crc32(data[at + 8 : at + 24] + data[at + 40 : at + 48] + name, layout.key)
            struct.pack_into("=I", data, at + 24, check)
        for number in range(min(layout.cells, 100)):
            at = layout.arena + number * layout.cell
            if struct.unpack_from("=I", data, at)[0] == PIECE_MAGIC:
                struct.pack_into("=I", data, at + 4, zlib.crc32(data[at + 8 : at + 40], layout.key))
                (summed,) = struct.unpack_from("=I", data, at + SEAL + 4)
                if summed:
                    records = data[at + PIECE.size : at + PIECE.size + summed]
                    check = zlib.crc32(records, layout.key)
                    struct.pack_into("=I", data, at + SEAL, check)
        live = Live._make(LIVE.unpack_from(data, PAGE))
        if live.closed:
            used = (
                (layout.names, min(live.names, layout.names_room)),
                (layout.threads, min(live.threads, layout.most_threads) * THREAD.size),
                (layout.counts, min(live.counts, layout.most_counts) * COUNT.size),
            )
            parts = [bytes(data[place : place + length]) for place, length in used]
            check = checksum(layout.key, bytes(data[PAGE : PAGE + LIVE.size]), *parts)
            struct.pack_into("=Q", data, PAGE + CLOSED, check)
    except (struct.error, ValueError, TypeError, KeyError, IndexError, RecursionError):
        pass
    return bytes(data)


def mutated(data, chance):
    """Change something, where something is."""
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        if not data:
            break
        used = [at for at in range(0, len(data), 8) if any(data[at : at + 8])] or [0]
        at = min(chance.choice(used) + chance.randrange(8), len(data) - 1)
        kind = chance.randrange(6)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at] = chance.randrange(256)
        elif kind == 2:
            word = chance.choice((0, 1, 7, 8, 255, 1 << 16, 1 << 31, 1 << 32, 1 << 62, 2**64 - 1))
            data[at // 8 * 8 : at // 8 * 8 + 8] = struct.pack("=Q", word)
        elif kind == 3:
            data[at // 4 * 4 : at // 4 * 4 + 4] = struct.pack("=I", chance.randrange(1 << 32))
        elif kind == 4:
            other, length = chance.choice(used), chance.choice((4, 8, 64))
            data[at : at + length] = data[other : other + length]
        else:
            del data[at : None if chance.random() < 0.1 else at + 1]
    return bytes(data)


def look(path):
    """Do with a file what its owner would."""
    import kit
    from kit.errors import CaptureError
    from kit.frames import unescape

    with contextlib.suppress(CaptureError):
        opened = kit.open(path)
        repr(opened)
        for name in opened.names:
            opened.events(unescape(name))
        opened.markers()
        return opened
    return None


def main():
    import atheris

    with atheris.instrument_imports(include=["kit"]):
        import kit.frames._opening
        import kit.probes.captures._reader  # noqa: F401

    folder = tempfile.TemporaryDirectory(prefix="fuzz", dir="/dev/shm")
    corpus = Path(folder.name, "corpus")
    corpus.mkdir()
    for number, data in enumerate(seeds(folder.name)):
        corpus.joinpath(str(number)).write_bytes(data)
    path = Path(folder.name) / "case.kit"

    def mutate(data, most, seed):
        chance = random.Random(seed)
        data = atheris.Mutate(data, most) if chance.random() < 0.3 else mutated(data, chance)
        return (repaired(data) if chance.random() < 0.9 else data)[:most]

    def one(data):
        path.write_bytes(data if data.startswith(MAGIC) else MAGIC + data)
        look(path)

    limits = ["-max_len=20000", "-timeout=20", "-rss_limit_mb=2048"]
    atheris.Setup([*sys.argv, *limits, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
