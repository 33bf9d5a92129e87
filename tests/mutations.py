"""``python -m tests.mutations 10000``: files of each kind are changed, and opened.

Bits flipped, ends cut off, pages zeroed, pieces swapped, numbers mixed up, junk appended.
Each time there is a clear error of the kit's own; or the good part, and the rest is counted as
damaged; or no effect at all. What opens as something else without a word is *silent*. In a stopped
file every piece is sealed, so a change of one may not be silent. A file that is being written has
pieces without a seal yet, and a manifest is plain text: there silent ones are counted.

How a case is changed follows from the seed, the kind and its number; what is changed holds time
stamps, so a case that failed is written to a file whose name is printed.
"""

import argparse
import json
import random
import resource
import shutil
import struct
import sys
import tempfile
import time
import traceback
import tracemalloc
from collections import Counter
from pathlib import Path

import kit
from kit.errors import KitError
from kit.frames import _opening as opening
from kit.frames import unescape
from kit.probes.captures._layout import HEADER, PAGE, Layout
from tests.fuzz_captures import mutated, seeds

MOST_SECONDS = 5.0
"""Of the processor, for a file of some twenty kilobytes; what works takes a fiftieth."""
MOST_BYTES = 64 << 20
"""The peak of what Python holds while such a file is opened and looked at."""
TRACED = 10
"""Of so many cases the peak of one is looked at: that takes longer than all else."""
MOST_RESIDENT = opening.SPARE_BYTES
"""How much the whole process may grow."""


# What is changed.


def layout_of(data):
    """The layout of a recorder's file."""
    length = HEADER.unpack_from(data)[3]
    return Layout(**json.loads(data[HEADER.size : HEADER.size + length])["layout"])


def captures(folder):
    """Two files of recorders as they are written, and the same two when they were stopped."""
    discard, discard_stopped, overwrite, overwrite_stopped = seeds(folder)
    return [discard, overwrite], [discard_stopped, overwrite_stopped]


def session(folder):
    """A session with three files of events, an aggregate and a trigger."""
    m = kit.marker("mutations.m", n=int, text=str)
    run = kit.session(folder, every=3600)
    events = run.record(m, capacity=300)
    run.aggregate(m, "n", by="text", histogram="log2")
    run.trigger(m, lambda: None, when="n == 7")
    with run:
        for number in range(3):
            for n in range(40):
                m(n, "text" * (n % 7))
            if number < 2:
                run._events.rotate("events", events, last=False)
    return folder


def saved(folder):
    """A capture that was saved."""
    m, span = kit.marker("mutations.p", n=int, text=str), kit.span("mutations.s", k=kit.Label)
    with kit.record("mutations.[ps]") as events:
        for n in range(200):
            m(n, "text" * (n % 7))
            with span(f"label {n % 3}"):
                pass
    return kit.frames.save(events, folder / "saved.parquet").read_bytes()


# How.


def flip(data, chance):
    for _ in range(chance.choice((1, 1, 1, 4))):
        data[place(data, chance)] ^= 1 << chance.randrange(8)


def cut(data, chance):
    del data[place(data, chance) :]


def zero(data, chance):
    """A page that never came to the disk, or a part of one."""
    length = chance.choice((8, 64, 512, PAGE, PAGE))
    at = place(data, chance) // length * length
    data[at : at + length] = bytes(len(data[at : at + length]))


def swap(data, chance):
    """Two pieces, where there are some; else two blocks of any length."""
    try:
        layout = layout_of(data)
        begin, length, count = layout.arena, layout.cell, layout.cells
    except (ValueError, LookupError, TypeError, struct.error):  # a header that is cut off, too
        length = chance.choice((4, 64, 512))
        begin, count = 0, len(data) // length
    if count > 1:
        one, other = (begin + length * at for at in chance.sample(range(count), 2))
        if other + length <= len(data) and one + length <= len(data):
            data[one : one + length], data[other : other + length] = (
                data[other : other + length],
                data[one : one + length],
            )


def mix(data, chance):
    data[:] = mutated(data, chance)


def append(data, chance):
    data += chance.randbytes(chance.choice((1, 8, 1000, 2 * PAGE)))


WAYS = (flip, flip, cut, zero, swap, mix, append)


def place(data, chance):
    """A byte where something is, mostly."""
    if chance.random() < 0.1:
        return chance.randrange(len(data))
    for _ in range(1000):
        at = chance.randrange(len(data))
        if data[at]:
            return at
    return 0


def changed(data, chance):
    """Change some bytes; return what they are now, and how."""
    new, ways = bytearray(data), []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if new:
            ways.append(chance.choice(WAYS))
            ways[-1](new, chance)
    return bytes(new), "+".join(way.__name__ for way in ways)


def in_pieces(before, after):
    """Whether nothing but pieces was changed, and something of one that holds events."""
    layout = layout_of(before)
    begin = layout.arena
    return before[:begin] == after[:begin] and before[begin:] != after[begin : len(before)]


# What becomes of it.


def seen(path):
    """All that its owner would look at, as it can be compared."""
    opened = kit.open(path)
    repr(opened)
    if hasattr(opened, "recordings"):
        tables = {name: table.frame() for name, table in opened.aggregates.items()}
        repr(opened.triggers)
        return {"": opened.frame(), "markers": opened.markers(), **tables}
    frames = {name: opened.frame(unescape(name)) for name in sorted(opened.names)}
    return {"": opened.frame(), "markers": opened.markers(), **frames}


def same(one, other):
    if one.keys() != other.keys():
        return False
    return all(
        one[name].equals(other[name])
        and one[name].columns.equals(other[name].columns)
        and one[name].attrs == other[name].attrs
        for name in one
    )


def is_counted(frames):
    return any(frame.attrs.get("damaged") for frame in frames.values())


class FailedCaseError(Exception):
    """A file did what none may."""


class Sample:
    """A file, or the file of a session, that is changed again and again."""

    def __init__(self, kind, place, names=("",)):
        self.kind, self.place, self.names = kind, place, names
        self.whole = {name: (place / name if name else place).read_bytes() for name in names}
        self.before = seen(place)

    def case(self, chance, traced):
        """Change it, open it, and say what became of it; fail where that may not be."""
        name = chance.choice(self.names)
        before = self.whole[name]
        after, ways = changed(before, chance)
        path = self.place / name if name else self.place
        path.write_bytes(after)
        try:
            outcome = self._outcome(traced)
        finally:
            self.kept = name, after
            path.write_bytes(before)
        if outcome == "silent":
            sealed = self.kind == "stopped" and in_pieces(before, after)
            if sealed:
                raise FailedCaseError(f"silent, in sealed pieces ({ways})")
        return outcome, ways

    def _outcome(self, traced):
        if traced:
            tracemalloc.start()
        begin = time.process_time()
        try:
            found = seen(self.place)
        except KitError:
            outcome = "error"
        except Exception as error:
            traceback.print_exc()
            raise FailedCaseError(f"{type(error).__name__}: {error}") from error
        else:
            if is_counted(found):
                outcome = "counted"
            else:
                outcome = "no effect" if same(found, self.before) else "silent"
        finally:
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        seconds = time.process_time() - begin
        if seconds > MOST_SECONDS:
            raise FailedCaseError(f"opening took {seconds:.1f} s")
        if most > MOST_BYTES:
            raise FailedCaseError(f"opening took {most:,} bytes")
        return outcome


def samples(kind, folder):
    """Make the files of a kind."""
    if kind == "session":
        place = session(folder / "session")
        return [Sample(kind, place, sorted(each.name for each in place.iterdir()))]
    if kind == "parquet":
        found = [saved(folder)]
    else:
        live, stopped = captures(folder)
        found = live if kind == "live" else stopped
    paths = [folder / f"{kind}-{number}" for number in range(len(found))]
    for path, data in zip(paths, found, strict=True):
        path.write_bytes(data)
    return [Sample(kind, path) for path in paths]


KINDS = ("stopped", "live", "session", "parquet")


def mutations(kind, count, seed, keep, progress=lambda done, outcomes: None):
    """Change files of a kind so often; return counts of what became of them."""
    outcomes, silent = Counter(), Counter()
    with tempfile.TemporaryDirectory(prefix="mutations") as folder:
        found = samples(kind, Path(folder))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(count):
            one = found[number % len(found)]
            chance = random.Random(f"{seed} {kind} {number}")
            try:
                outcome, ways = one.case(chance, traced=number % TRACED == 0)
            except FailedCaseError as failure:
                case = keep_case(one, keep, f"{kind}-{seed}-{number}")
                raise AssertionError(
                    f"{failure}; case {number} of {kind}, seed {seed}: {case}"
                ) from failure
            outcomes[outcome] += 1
            if outcome == "silent":
                silent[ways] += 1
            progress(number + 1, outcomes)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        assert grown < MOST_RESIDENT, f"the process has grown by {grown:,} bytes"
    return outcomes, silent


def keep_case(sample, folder, name):
    """Write the case that failed to where it stays; return its path."""
    path = Path(folder) / name
    changed_name, data = sample.kept
    if changed_name:
        shutil.copytree(sample.place, path)
        path /= changed_name
    path.write_bytes(data)
    return path


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1000, help="of each kind (1000)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--kind", choices=KINDS, help="this kind alone")
    options = parser.parse_args(arguments)
    print(f"{options.count:,} mutations a kind, seed {options.seed}, {kit.dispatcher} dispatcher")
    failed = 0
    for kind in (options.kind,) if options.kind else KINDS:
        begin = time.monotonic()

        def progress(done, outcomes, kind=kind):
            if done % 100 == 0 and sys.stderr.isatty():
                sys.stderr.write(f"\r{kind}: {done:,} of {options.count:,}, {dict(outcomes)} ")

        try:
            outcomes, silent = mutations(
                kind, options.count, options.seed, tempfile.gettempdir(), progress
            )
        except AssertionError as error:
            print(f"{kind}: FAILED: {error}")
            failed = 1
            continue
        found = ", ".join(f"{outcomes[name]:,} {name}" for name in OUTCOMES)
        ways = f" (silent: {dict(silent.most_common(8))})" if silent else ""
        print(f"{kind}: {found}; {time.monotonic() - begin:.0f} s{ways}")
    return failed


OUTCOMES = ("error", "counted", "no effect", "silent")

if __name__ == "__main__":
    sys.exit(main())
