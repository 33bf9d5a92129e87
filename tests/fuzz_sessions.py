"""``python -m tests.fuzz_sessions --count 10000``: what a changed session makes of `kit.open`.

A session's manifest, the JSON of an aggregate and the metadata of a saved capture are changed in
their structure: values of wrong types, what is missing, huge numbers, deep nesting, odd text. Each
time it is a `CaptureError`, or opens as something of which all can be looked at.
"""

import argparse
import contextlib
import json
import random
import sys
import tempfile
import time
import zlib
from pathlib import Path

import pyarrow.parquet as pq

import kit
from kit.errors import CaptureError, KitError

DEEP = (40, 300, 900, 100_000)
"""How deep some lists are; they are put into the text, which has no limit."""
ODD = [
    *(None, True, False, 0, 1, -1, 2, 1 << 62, 1 << 63, -(1 << 63) - 1, 10**40, 10**400),
    *(0.0, -0.0, 0.5, 1e-320, 1e308, float("nan"), float("inf"), -float("inf"), 3.0, 1e6, -1e6),
    *("", "x", "*", "..", "../up", "a/b", "/etc/passwd", "\0", "\ud800", "é" * 300, "events"),
    *("int", "float", "str", "label", "stamp", "bool", "Log2", "Linear", "ts", "dur", "marker"),
    *([], {}, [[]], [{}], {"": {}}, {"kind": "Linear", "low": 0, "high": 1, "step": 1e-300}),
    *([0] * 50, [[1, 2]], [["1", 2]], [[1e300, 1]], *(f"deep {levels}" for levels in DEEP)),
]


def places(data, found):
    """Gather where something is in plain data."""
    inside = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in inside:
        found.append((data, key))
        if isinstance(value, dict | list):
            places(value, found)
    return found


def mutated(data, chance):
    """Return a copy with a few changes."""
    data = json.loads(json.dumps(data))
    for _ in range(chance.choice((1, 1, 1, 1, 2, 4))):
        found = places(data, [])
        if not found:
            break
        within, key = chance.choice(found)
        odd = json.loads(json.dumps(chance.choice(ODD)))
        alike = [each for each in ODD if type(each) is type(within[key])]
        match chance.randrange(9):
            case 0:
                del within[key]
            case 6 | 7 | 8 if alike:
                within[key] = chance.choice(alike)
            case 1 | 2:
                within[key] = odd
            case 3 if isinstance(within, dict):
                within[chance.choice([each for each in ODD if type(each) is str])] = within[key]
            case 3:
                within.insert(key, odd)
            case 4 if isinstance(within, dict):
                within[chance.choice([each for each in ODD if type(each) is str])] = within.pop(key)
            case _:
                other, its = chance.choice(found)
                with contextlib.suppress(KeyError, IndexError):
                    within[key] = json.loads(json.dumps(other[its]))
    return data


def text_of(data):
    """Return JSON; what says that it is deep is."""
    text = json.dumps(data)
    for levels in DEEP:
        text = text.replace(f'"deep {levels}"', "[" * levels + "]" * levels)
    return text


def look(kept):
    """Look at everything; only the kit's own errors are allowed."""

    def at(what, *args, **options):
        try:
            return what(*args, **options)
        except KitError:
            return None

    repr(kept)
    if isinstance(kept, kit.frames.SavedSession):
        kept._repr_html_().encode()
        _ = kept.triggers, kept.complete, kept.manifest, kept.unfinished
        for table in kept.aggregates.values():
            str(table), table._repr_html_(), table.count, at(table.frame)
            json.dumps(table.to_json())
            from kit.frames import _aggregates as aggregates

            at(aggregates.buckets, table)
        of = [{"recorder": name} for name in kept.files] or [{}]
        for each in of:
            at(kept.recordings, **each)
    else:
        of = [{}]
        _ = kept.attrs, kept.names, kept.lost, kept.overwritten, kept.skipped, kept.lost_dispatches
        len(kept)
        for name in kept.names:
            at(kept.events, name)
    for each in of:
        for what in ("events", "frame", "dispatches", "probe_calls", "publications", "markers"):
            frame = at(getattr(kept, what), **each)
            if frame is not None:
                repr(frame)
                at(kit.frames.thread_names, frame), at(kit.frames.wall_time, frame)


class Originals:
    """A small session and a saved capture, and ways to change each."""

    def __init__(self, folder: Path) -> None:
        fill = kit.marker("fuzzed.fill", qty=int, sym=kit.Label, why=str)
        nap = kit.span("fuzzed.nap", size=float)
        self.folder = folder / "run"
        run = kit.session(self.folder)
        run.record("fuzzed.*", context="thread", name="events", capacity=100)
        run.record("fuzzed.nap", name="naps", capacity=100, dispatches=True)
        run.aggregate("fuzzed.fill", "qty", by="sym", histogram="log2", name="sizes")
        run.aggregate("fuzzed.nap", "size", histogram=(0.0, 4.0, 0.5), name="naps.size")
        run.aggregate("fuzzed.fill", by=("sym", "why"), name="counts", when="qty > 1")
        run.trigger("fuzzed.fill", lambda: None, when="qty == 2", name="two")
        with run:
            for qty in range(8):
                fill(qty - 2, "AB"[qty % 2], None if qty == 3 else "why")
                with nap(qty / 2):
                    pass
        self.capture = kit.frames.save(
            {
                name: getattr(kit.open(self.folder), name)("naps")
                for name in ("dispatches", "probe_calls", "publications", "markers")
            }
            | {"events": kit.open(self.folder).events(recorder="events")},
            folder / "run.parquet",
        )
        content = self.capture.read_bytes()
        self.header = json.loads(pq.read_metadata(self.capture).metadata[b"kit"])
        self.parts = {
            name: content[at : at + size] for name, (at, size, _) in self.header["parts"].items()
        }
        self.table = pq.read_table(self.capture)
        self.jsons = {
            path.name: json.loads(path.read_bytes()) for path in self.folder.glob("*.json")
        }

    def session(self, chance):
        """Change one JSON of the session."""
        name = chance.choice(["manifest.json", *self.jsons])
        for each, data in self.jsons.items():
            changed = mutated(data, chance) if each == name else data
            (self.folder / each).write_text(text_of(changed))
        return self.folder

    def parquet(self, chance):
        """Change the header, or the part that says what the frames are."""
        header, index = {"version": 1, "parts": {}}, json.loads(self.parts["index"])
        in_header = chance.random() < 0.2
        index = index if in_header else mutated(index, chance)
        with self.capture.open("wb") as file, pq.ParquetWriter(file, self.table.schema) as writer:
            writer.write_table(self.table)
            for name, part in (self.parts | {"index": text_of(index).encode()}).items():
                header["parts"][name] = [file.tell(), len(part), zlib.crc32(part)]
                file.write(part)
            changed = mutated(header, chance) if in_header else header
            writer.add_key_value_metadata({"kit": text_of(changed)})
        return self.capture


def mutate(count, seed, folder):
    """Open that many changed sessions and captures; return how many of them were refused."""
    chance, originals, refused = random.Random(seed), Originals(Path(folder)), {}
    for number in range(count):
        for kind in (originals.session, originals.parquet):
            try:
                path = kind(chance)
                try:
                    kept = kit.open(path)
                except CaptureError:
                    refused[kind.__name__] = refused.get(kind.__name__, 0) + 1
                else:
                    look(kept)
            except BaseException:
                print(f"seed {seed}, {kind.__name__} {number}, in {folder}", file=sys.stderr)
                raise
    return refused


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    options = parser.parse_args()
    print(f"seed {options.seed}")
    where = tempfile.mkdtemp()
    print(mutate(options.count, options.seed, where), "refused of", options.count, "each")
