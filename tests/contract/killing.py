"""``python -m tests.contract.killing 500``: a program that records is killed, again and again.

It says what it has fired only after the call has returned. Then its files must hold every event
that it spoke of, at most one more for each thread (the one whose word was cut off), and none
besides. What it has saved must be there whole; what it was saving, whole or not at all.

============  ==================================================================================
`discard`     the first events, in a file with room for all
`overwrite`   the newest
`session`     a session that begins a file every few milliseconds
`oldest`      one that removes its oldest files
`rotate`      a recorder that goes on in another file all the time
`threads`     threads that come and go; the first events
`flight`      the same; the newest
`save`        a capture that is saved as Parquet, again and again
============  ==================================================================================
"""

import argparse
import itertools
import os
import random
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import kit

WORD = struct.Struct("=II")
THREADS = 3
EACH = 5
"""Events of a thread that comes and goes."""
READY, TID = (1 << 32) - 1, 1 << 31
MODES = ("discard", "overwrite", "session", "rotate", "threads", "flight", "oldest", "save")
ROOT = Path(__file__).parents[2]


def text(n):
    return str(n) * (n % 40)


# In the program that is killed.


def say(to, what, number):
    os.write(to, WORD.pack(what, number))


def fire(marker, thread, to):
    say(to, TID + thread, threading.get_native_id())
    for n in itertools.count():
        marker(thread, n, n / 4, text(n))
        say(to, thread, n)


def come_and_go(marker, to):
    """Start threads, some at a time, for ever."""
    people = itertools.count()

    def live(thread):
        for n in range(EACH):
            marker(thread, n, n / 4, text(n))
            say(to, thread, n)

    while True:
        threads = [threading.Thread(target=live, args=(next(people),)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def save(marker, recorder, path, to):
    """Save what was recorded so far; say so when that is done."""
    for n in itertools.count():
        marker(0, n, n / 4, text(n))
        if n % 20 == 0:
            kit.frames.save(recorder, f"{path}-{n % 3}.parquet")
            say(to, n % 3, n)


def program(path, mode, capacity, to):
    marker = kit.marker("killed.tick", thread=int, n=int, quarter=float, text=str)
    if mode in ("session", "oldest"):
        limit = {"max_bytes": 300_000, "full": "oldest"} if mode == "oldest" else {}
        run = kit.session(path, every=0.005, **limit)
        recorder = run.record("killed.*", capacity=capacity)
        run.start()
    else:
        file = None if mode == "save" else f"{path}-000000" if mode == "rotate" else path
        kept = "overwrite" if mode in ("overwrite", "flight") else "discard"
        recorder = kit.record("killed.*", path=file, mode=kept, capacity=capacity)
    print(recorder, file=sys.stderr)
    if mode == "save":
        kit.frames  # noqa: B018 - it is imported now, not when it might have been killed
    say(to, READY, 0)  # from here on it may be killed
    if mode == "save":
        save(marker, recorder, path, to)
    if mode in ("threads", "flight"):
        come_and_go(marker, to)
    for thread in range(THREADS):
        threading.Thread(target=fire, args=(marker, thread, to), daemon=True).start()
    for number in itertools.count(1):
        if mode == "rotate":
            recorder.rotate(f"{path}-{number:06}")
        else:
            time.sleep(1)


# In the one that kills it.


def kill_one(path, mode, capacity, seconds):
    """Run the program, kill it, and return what it said: pairs of numbers."""
    here, there = os.pipe()
    started = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.contract.killing",
            "--program",
            path,
            mode,
            str(capacity),
            str(there),
        ],
        pass_fds=[there],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    os.close(there)
    said = bytearray()
    try:
        with os.fdopen(here, "rb", buffering=0) as words:
            said += words.read(WORD.size)  # it is ready
            assert len(said) == WORD.size, "the program could not be started"
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0:
                if select.select([words], [], [], left)[0]:
                    said += words.read(1 << 16)
            started.send_signal(signal.SIGKILL)
            started.wait()
            while more := words.read(1 << 16):
                said += more
    finally:
        started.kill()
        started.wait()
    assert started.returncode == -signal.SIGKILL, "the program ended by itself"
    return list(WORD.iter_unpack(said[WORD.size : len(said) // WORD.size * WORD.size]))


def spoken(words):
    """The number and the last word of each thread, by its tid."""
    last, tids = dict.fromkeys(range(THREADS), -1), {}
    for what, n in words:
        if what < THREADS:
            last[what] = n
        else:
            tids[n] = what - TID
    return {tid: (thread, last[thread]) for tid, thread in tids.items()}


def frame_of(path, mode):
    """The events that are there, of all files; None where there are none yet."""
    if mode == "rotate":
        # A file that was begun and is not the recorder's yet has nothing in it.
        paths = sorted(path.parent.glob(f"{path.name}-*"))
        opened = [kit.open(each) for each in paths]
        frames = [each.frame("killed.tick") for each in opened if "killed.tick" in each.names]
        for frame in frames:
            assert "damaged" not in frame.attrs, frame.attrs["damaged"]
        return joined(frames)
    kept = kit.open(path)
    if mode in ("session", "oldest"):
        assert not kept.complete
        if not any("killed.tick" in each.names for each in kept.recordings()):
            return None
    return kept.frame("killed.tick")


def joined(frames):
    """One frame; what was lost is counted from the recorder's beginning, so the last one holds."""
    import pandas as pd

    if not frames:
        return None
    attrs = [dict(frame.attrs) for frame in frames]
    for frame in frames:
        frame.attrs = {}
    most = max(attrs, key=lambda each: sum(map(total, each["lost"].values())))
    whole = pd.concat(frames).sort_values(["tid", "seq"], kind="stable", ignore_index=True)
    whole.attrs = {"lost": most["lost"], "overwritten": {}}
    return whole


def total(counts):
    return sum(counts.values())


def right(rows):
    """Each event has the values that it was fired with."""
    found = rows["n"].tolist()
    assert rows["quarter"].tolist() == [n / 4 for n in found]
    assert rows["text"].tolist() == [text(n) for n in found]


def examine(path, mode, words):
    """Say how many events there are; fail where one is missing, or too many, or not itself."""
    if mode == "save":
        return examine_saved(path, words)
    frame = frame_of(path, mode)
    if frame is None:
        assert not any(what < TID for what, _ in words)
        return 0
    assert "damaged" not in frame.attrs, frame.attrs["damaged"]
    right(frame)
    if mode in ("threads", "flight"):
        return examine_short_lived(frame, mode, words)
    gone, lost = frame.attrs["overwritten"], frame.attrs["lost"]
    # A session's file may be full before there is another one: that is counted.
    assert mode in ("session", "oldest", "rotate") or not lost
    found_all = 0
    for tid, (thread, said) in spoken(words).items():
        rows = frame[frame["tid"] == tid]
        found, numbers = rows["n"].tolist(), rows["seq"].tolist()
        first = total(gone.get(str(tid), {}))
        assert mode == "overwrite" or first == 0
        if mode == "oldest" and numbers:
            first = numbers[0]  # those before it were in files that are removed
        missing = total(lost.get(str(tid), {}))
        last = first + len(found) + missing - 1
        assert sorted(set(found)) == found, f"thread {thread}: an event twice, or out of order"
        if not missing:
            assert found == list(range(first, last + 1)), f"thread {thread}: a gap"
        assert numbers == list(range(first, first + len(found)))
        assert set(rows["thread"]) <= {thread}
        if mode != "oldest" or numbers:  # else all of its events may be in files that are removed
            assert said <= last <= said + 1, f"thread {thread}: {last} is the last; it said {said}"
        found_all += len(found)
    assert found_all == len(frame)
    return found_all


def examine_short_lived(frame, mode, words):
    """Of threads without end no names are kept: what is there, and how many are not."""
    said = set(words)
    found = list(zip(frame["thread"].tolist(), frame["n"].tolist(), strict=True))
    assert len(found) == len(set(found)), "an event twice"
    gone = sum(map(total, frame.attrs["overwritten"].values()))
    lost = sum(map(total, frame.attrs["lost"].values()))
    if mode == "threads":
        assert gone == 0
    counted = len(found) + gone + lost
    assert len(said) <= counted <= len(said) + THREADS, (
        f"{len(found)} found, {gone} gave way, {lost} lost; it said {len(said)}"
    )
    # What it did not speak of is at most the one event of each thread whose word was cut off.
    assert len(set(found) - said) <= THREADS
    if mode == "threads" and not lost:
        assert said <= set(found)
    for thread, numbers in itertools.groupby(sorted(found), key=lambda each: each[0]):
        kept = [n for _, n in numbers]
        assert kept == list(range(kept[0], kept[-1] + 1)), f"thread {thread}: a gap"
        assert mode == "flight" or kept[0] == 0
    return len(found)


def examine_saved(path, words):
    """What was saved is there whole: as it was then, or as it was saved after that."""
    last = Counter(dict(words))
    events = 0
    for slot in range(3):
        file = path.with_name(f"{path.name}-{slot}.parquet")
        if not file.exists():
            assert slot not in last, "what was saved is not there"
            continue
        frame = kit.open(file).frame("killed.tick")
        right(frame)
        assert frame["n"].tolist() == list(range(len(frame)))
        assert len(frame) % 20 == 1
        assert len(frame) > last[slot], f"it holds {len(frame)} events, and {last[slot]} was saved"
        events += len(frame)
    return events


def kills(count, seed, modes=MODES):
    """Kill so often; return how many events and files there were."""
    chance = random.Random(seed)
    events = files = 0
    for number in range(count):
        mode = modes[number % len(modes)]
        capacity = chance.choice((3000, 20_000))
        if mode in ("discard", "threads", "save"):
            capacity = 1_000_000 if mode == "discard" else 100_000
        elif mode in ("overwrite", "flight") and chance.random() < 0.3:
            capacity = 50
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.kit"
            words = kill_one(str(path), mode, capacity, chance.expovariate(10))
            try:
                events += examine(path, mode, words)
            except AssertionError as failure:
                raise AssertionError(
                    f"kill {number} of seed {seed}, {mode}: {failure}"
                ) from failure
            files += sum(1 for each in Path(folder).rglob("*") if each.is_file())
    return events, files


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--modes", default=",".join(MODES), help="these alone (%(default)s)")
    parser.add_argument("--program", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.program:
        path, mode, capacity, to = options.program
        program(path, mode, int(capacity), int(to))
    print(f"{options.count} kills on the {kit.dispatcher} dispatcher, seed {options.seed}")
    begin = time.monotonic()
    events, files = kills(options.count, options.seed, tuple(options.modes.split(",")))
    seconds = time.monotonic() - begin
    print(f"{events:,} events in {files:,} files, none missing, none invented; {seconds:.0f} s")


if __name__ == "__main__":
    main()
