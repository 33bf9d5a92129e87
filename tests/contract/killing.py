"""``python -m tests.contract.killing 200``: a program that records is killed, again and again.

It says what it has fired only after the call has returned. Then its file must hold every event that
it spoke of, at most one more for each thread (the one whose word was cut off), and none besides.
"""

import argparse
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
from pathlib import Path

import kit

WORD = struct.Struct("=II")
THREADS = 3
READY, TID = 100, 101
MODES = ("discard", "overwrite", "session")
ROOT = Path(__file__).parents[2]


def text(n):
    return str(n) * (n % 40)


# In the program that is killed.


def fire(marker, thread, to):
    os.write(to, WORD.pack(TID + thread, threading.get_native_id()))
    n = 0
    while True:
        marker(thread, n, n / 4, text(n))
        os.write(to, WORD.pack(thread, n))
        n += 1


def program(path, mode, capacity, to):
    marker = kit.marker("killed.tick", thread=int, n=int, quarter=float, text=str)
    if mode == "session":
        run = kit.session(path, every=0.005)
        recorder = run.record("killed.*", capacity=capacity)
        run.start()
    else:
        recorder = kit.record("killed.*", path=path, mode=mode, capacity=capacity)
    print(recorder, file=sys.stderr)
    os.write(to, WORD.pack(READY, 0))  # from here on it may be killed
    for thread in range(1, THREADS):
        threading.Thread(target=fire, args=(marker, thread, to), daemon=True).start()
    fire(marker, 0, to)


# In the one that kills it.


def kill_one(path, mode, capacity, seconds):
    """Run the program, kill it, and return the tid and the last number that each thread said."""
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
    last, tids = dict.fromkeys(range(THREADS), -1), {}
    for thread, n in WORD.iter_unpack(said[: len(said) // WORD.size * WORD.size]):
        if thread < THREADS:
            last[thread] = n
        elif thread >= TID:
            tids[n] = thread - TID
    return {tid: (thread, last[thread]) for tid, thread in tids.items()}


def examine(path, mode, spoken):
    """Say how many events there are; fail where one is missing, or too many, or not itself."""
    kept = kit.open(path)
    if mode == "session":
        assert not kept.complete
        if not any("killed.tick" in each.names for each in kept.recordings()):
            assert all(said < 0 for _, said in spoken.values())
            return 0
    frame = kept.frame("killed.tick")
    assert "damaged" not in frame.attrs, frame.attrs["damaged"]
    gone, lost = frame.attrs["overwritten"], frame.attrs["lost"]
    assert mode == "session" or not lost
    total = 0
    for tid, (thread, said) in spoken.items():
        rows = frame[frame["tid"] == tid]
        found = rows["n"].tolist()
        first = gone.get(str(tid), {}).get("killed.tick", 0)
        assert mode == "overwrite" or first == 0
        # A session's file may be full before there is another one: that is counted.
        missing = lost.get(str(tid), {}).get("killed.tick", 0)
        last = first + len(found) + missing - 1
        assert sorted(set(found)) == found, f"thread {thread}: an event twice, or out of order"
        if not missing:
            assert found == list(range(first, last + 1)), f"thread {thread}: a gap"
        assert rows["seq"].tolist() == list(range(first, first + len(found)))
        assert set(rows["thread"]) <= {thread}
        assert said <= last <= said + 1, f"thread {thread}: {last} is the last, and it said {said}"
        assert rows["quarter"].tolist() == [n / 4 for n in found]
        assert rows["text"].tolist() == [text(n) for n in found]
        total += len(found)
    assert total == len(frame)
    return total


def kills(count, seed):
    chance = random.Random(seed)
    events = files = 0
    for number in range(count):
        mode = MODES[number % 3]
        capacity = 1_000_000 if mode == "discard" else chance.choice((3000, 20_000))
        if mode == "overwrite" and chance.random() < 0.3:
            capacity = 50
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/run.kit"
            spoken = kill_one(path, mode, capacity, chance.expovariate(10))
            events += examine(path, mode, spoken)
            files += len(list(Path(path).glob("*.kit"))) if mode == "session" else 1
    return events, files


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int, nargs="?", default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--program", nargs=4)
    options = parser.parse_args()
    if options.program:
        path, mode, capacity, to = options.program
        program(path, mode, int(capacity), int(to))
    begin = time.monotonic()
    events, files = kills(options.count, options.seed)
    seconds = time.monotonic() - begin
    print(
        f"{options.count} kills of a recorder on the {kit.dispatcher} dispatcher, "
        f"seed {options.seed}: {events:,} events in {files:,} files, none missing, none invented; "
        f"{seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
