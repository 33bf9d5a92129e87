"""Rule 39: a capture's file that somebody else makes shorter while it is mapped."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.tools import ROOT, run_apart

# The signal handler is in C; the dispatcher in Python has it too where that is built.
pytest.importorskip("kit._c")
pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGBUS"), reason="a mapped file cannot be cut off here"
)

PRELUDE = """
import logging, os, pathlib, subprocess, sys, threading
import kit
reports = []
class Reports(logging.Handler):
    def emit(self, record):
        reports.append(record.getMessage())
logging.getLogger("kit").addHandler(Reports())
m = kit.marker("cut.m", n=int, text=str)
def cut(path, size):
    os.truncate(path, size)  # to who has it mapped it is the same as another process's
def fire(numbers):
    for n in numbers:
        m(n, "x" * (n % 40))
def numbers(events):
    found = [row[2][0] for thread in events.snapshot().threads for row in thread.rows]
    assert len(found) == len(events)
    return found
def whole(events, fired):
    assert len(events) + events.lost + events.overwritten == fired, repr(events)
folder, *arguments = sys.argv[1:]
folder = pathlib.Path(folder)
"""


def ends(code: str, *arguments: object) -> tuple[int, str]:
    """How a program ends that may well be killed, and what it wrote to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("mode", ["discard", "overwrite"])
def test_rule_40_the_program_goes_on_and_counts_each_event(tmp_path: Path, mode):
    """Recorded or lost, exactly; what is left is read and nothing else; the next file is whole.

    Seen to fail without the handler (killed); when only pages count, and not the rest of the last
    one; when blocks that have gone are not counted; when their zeros are read.
    """
    code = """
mode = arguments[0]
capacity = 100_000 if mode == "discard" else 8_000
def attempt(size):
    path, after = folder / f"{size}.kit", folder / f"{size}-after.kit"
    reports.clear()
    with kit.record("cut.m", capacity=capacity, mode=mode, path=path) as events:
        fire(range(10_000))
        layout = events._file.layout  # the end of a piece, in the middle of a page
        size = layout.arena + 5 * layout.cell - 200 if size is None else size
        cut(path, size)
        fire(range(10_000, 16_000))
        whole(events, 16_000)
        left = numbers(events)
        assert sorted(set(left)) == left and set(left) <= set(range(16_000))
        if size == 500_001 and mode == "discard":
            assert left == list(range(len(left))) and len(left) > 1_000
        counts = events.frame().attrs["lost"].values()
        assert sum(sum(by_marker.values()) for by_marker in counts) == events.lost
        events.rotate(after)
        before = events.lost + events.overwritten
        fire(range(1_000))
        assert numbers(events) == list(range(1_000))
        assert events.lost + events.overwritten == before
    assert os.path.getsize(path) == size
    assert len(reports) == 1 and "was cut off" in reports[0] and "rotate" in reports[0], reports
    try:
        assert kit.open(path).frame().attrs["damaged"]
    except kit.errors.CaptureError:
        pass
    new = kit.open(after).frame()
    assert new["n"].tolist() == list(range(1_000)) and not new.attrs.get("damaged")
for size in (0, 1, 4096, 8192, 150_000, 500_001, 560_000, None):
    attempt(size)
"""
    run_apart(PRELUDE + code, tmp_path, mode)


@pytest.mark.parametrize("mode", ["discard", "overwrite"])
def test_rule_40_cut_off_in_the_middle_of_everything(tmp_path: Path, mode):
    """While threads record, one reads and one takes; then it is stopped, and never closed.

    Seen to fail when a reader trusts what it copied while the file was cut off.
    """
    code = """
path = folder / "a.kit"
capacity = 200_000 if arguments[0] == "discard" else 20_000
events = kit.record("cut.m", capacity=capacity, mode=arguments[0], path=path)
sizes = [3_000_000, 1_000_001, 600_000, 200_000, 4096, 0]
done = threading.Event()
taken = []
def read():
    while not done.is_set():
        for thread in events.snapshot().threads:
            assert all(0 <= row[2][0] < 1_000_000 for row in thread.rows)
        taken.extend(row[2][0] for thread in events.take().threads for row in thread.rows)
errors = []
threading.excepthook = lambda given: errors.append(given.exc_value)
fired = [0] * 3
def record(which):
    while not done.is_set():
        fire(range(1000))
        fired[which] += 1000
threads = [threading.Thread(target=record, args=(n,)) for n in range(3)]
threads.append(threading.Thread(target=read))
for thread in threads: thread.start()
program = '''import os, sys, time
for size in map(int, sys.argv[2:]):
    os.truncate(sys.argv[1], size)
    time.sleep(0.05)'''
subprocess.run([sys.executable, "-c", program, str(path), *map(str, sizes)], check=True)
done.set()
for thread in threads: thread.join()
assert not errors, errors
whole(events, sum(fired) - len(taken))
assert set(taken) <= set(range(1000))
events.stop()
whole(events, sum(fired) - len(taken))
assert os.path.getsize(path) == 0
"""
    run_apart(PRELUDE + code, tmp_path, mode)


def test_rule_40_what_is_written_beside_the_events(tmp_path: Path):
    """Declarations, start, stop and losses of a file that is empty by now; a forked child, too.

    Seen to fail when the memory is watched through the store alone, before there is one.
    """
    code = """
from kit.probes.captures._file import CaptureFile
from kit.probes.captures._layout import UNDECLARED, plan
file = CaptureFile(folder / "a.kit", plan(1000, None, overwrite=False), 1000, "discard", {}, 0)
cut(folder / "a.kit", 0)
assert file.add({"marker": {}})
file.set(UNDECLARED, 3)
file.started(1, {})
file.stopped(2, {"markers": []})
assert file.is_cut
file.finish(3)
assert os.path.getsize(folder / "a.kit") == 0
events = kit.record("cut.*", capacity=1000, path=folder / "b.kit")
cut(folder / "b.kit", 4096)
other = kit.marker("cut.later", n=int)
other(1)
pid = os.fork()
if pid == 0:
    other(2)
    os._exit(len(events))
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
events.clear()
events.stop()
events.start()
other(3)
whole(events, 1)
events.stop()
"""
    run_apart(PRELUDE + code, tmp_path)


GENUINE = """
import mmap, faulthandler, signal
def fault():
    with open(folder / "own", "wb+") as file:
        file.truncate(8192)
        memory = mmap.mmap(file.fileno(), 8192)
        file.truncate(0)
        memory[5000] = 1
def record():
    path = folder / f"{len(list(folder.iterdir()))}.kit"
    events = kit.record("cut.m", capacity=100_000, path=path)
    fire(range(10))  # so that there is a piece to write to
    cut(events.path, 8192)
    fire(range(5_000))
    whole(events, 5_010)
    return events
"""


@pytest.mark.parametrize("order", ["none", "before", "after", "between", "ignored"])
def test_rule_40_any_other_fault_ends_the_program_as_before(tmp_path: Path, order):
    """With what `faulthandler` writes, whichever was first.

    Seen to fail when every SIGBUS is taken for one of the kit's, and when a handler that was put
    over the kit's, and raises the signal anew, ends the program for a file that was cut off.
    """
    code = """
order = arguments[0]
if order in ("before", "between"):
    faulthandler.enable()
if order == "ignored":
    signal.signal(signal.SIGBUS, signal.SIG_IGN)
if order == "after":
    events = kit.record("cut.m", capacity=100_000, path=folder / "first.kit")
    faulthandler.enable()
record()
if order == "between":
    faulthandler.disable()
    faulthandler.enable()
record()
print("it went on", file=sys.stderr)
fault()
print("never", file=sys.stderr)
"""
    status, stderr = ends(GENUINE + code, tmp_path, order)
    assert status == -signal.SIGBUS, stderr
    went_on, ended = stderr.split("it went on")
    assert "never" not in ended
    if order == "before":
        assert "Fatal Python error: Bus error" in ended
        assert "Fatal Python error" not in went_on


def test_rule_40_a_signal_that_is_sent_reaches_who_was_there(tmp_path: Path):
    """A handler in Python; nobody: it ends the program.

    Seen to fail when a signal without an address is taken for a fault of the kit's.
    """
    code = """
if arguments[0] == "handler":
    got = []
    signal.signal(signal.SIGBUS, lambda *_: got.append(1))
    record()
    signal.raise_signal(signal.SIGBUS)
    os.kill(os.getpid(), signal.SIGBUS)
    assert got == [1, 1], got
else:
    record()
    print("it went on", file=sys.stderr)
    signal.raise_signal(signal.SIGBUS)
"""
    status, stderr = ends(GENUINE + code, tmp_path, "handler")
    assert status == 0, stderr
    status, stderr = ends(GENUINE + code, tmp_path, "nobody")
    assert status == -signal.SIGBUS, stderr
    assert "it went on" in stderr


def test_rule_40_nothing_is_installed_before_there_is_a_file(tmp_path: Path):
    """Seen to fail when importing the kit installs the handler."""
    code = """
caught = "\\nSigCgt:"
def installed():
    line = next(line for line in open("/proc/self/status") if line.startswith("SigCgt"))
    return bool(int(line.split()[1], 16) >> (signal.SIGBUS - 1) & 1)
with kit.record("cut.m", capacity=10):
    m(1, "")
before = installed()
with kit.record("cut.m", capacity=10, path=folder / "a.kit"):
    pass
print(before, installed())
"""
    if not Path("/proc/self/status").exists():
        pytest.skip("nobody says which signals have a handler")
    assert run_apart(PRELUDE + GENUINE + code, tmp_path) == "False True"
