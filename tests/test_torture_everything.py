"""Everything at once, in short, and that it finds what is broken on purpose."""

import gc
import os
import random
import subprocess
import sys
import threading
import time

import pytest

import kit
from kit.core._connection import Connection
from kit.core._publication import grace
from kit.probes.recorder import _recorder as recorders
from kit.torture import __main__ as command
from kit.torture import everything as module
from kit.torture.disturbances import DISTURBANCES
from kit.torture.everything import Memory, everything


def run(seconds, *only, seed=1):
    left_out = [name for name in DISTURBANCES if only and name not in only]
    return everything(seconds, seed=seed, without=left_out, threads=2)


def broken(result):
    return " / ".join(result.violations)


@pytest.mark.parametrize("name", DISTURBANCES)
def test_each_disturbance_alone_breaks_no_promise(name):
    result = run(0.5, "fire", "recorders", "churn", name)
    assert result.violations == {}
    assert result.checked["counts compared"] > 20
    assert result.checked["events"] > 100


def test_all_at_once_breaks_no_promise():
    result = everything(2, seed=2)
    assert result.violations == {}


# What is broken on purpose is found.


def test_it_finds_an_event_that_is_in_no_count(monkeypatch):
    lost = recorders.Recorder.lost.fget
    monkeypatch.setattr(recorders.Recorder, "lost", property(lambda self: max(0, lost(self) - 1)))
    assert "sum of rule 28" in broken(run(3, "fire", "recorders"))


def test_it_finds_a_count_that_a_connection_has_lost(monkeypatch):
    calls = Connection.calls.fget
    monkeypatch.setattr(Connection, "calls", property(lambda self: max(0, calls(self) - 1)))
    assert "has sent" in broken(run(1, "fire"))


def test_it_finds_that_nobody_waits_for_dispatches(monkeypatch):
    monkeypatch.setattr(grace, "synchronize", lambda timeout=None: None)
    for seed in range(5):
        found = broken(run(2, "fire", "churn", seed=seed))
        if found:
            break
    assert "after disconnect(wait=True) had returned" in found


def test_it_finds_an_event_that_is_recorded_twice(monkeypatch):
    """The rows that are read are one more than there were, and so is what says how many."""
    capture = recorders.Recorder._capture

    def twice(self, *args, **options):
        found = capture(self, *args, **options)
        for thread in found.threads:
            rows = list(thread.rows)
            object.__setattr__(thread, "rows", rows + rows[-1:])
        return found

    monkeypatch.setattr(recorders.Recorder, "_capture", twice)
    found = broken(run(1, "fire", "recorders"))
    assert "recorded twice" in found
    assert "events in a snapshot" in found


def test_it_finds_what_is_left_connected(monkeypatch):
    """A pattern's connections that are disconnected but for one."""
    stop, made = recorders.Recorder.stop, []

    def forgetful(self, *, at=None):
        handles = self.handles
        stop(self, at=at)
        for handle in handles[:1]:
            pattern = getattr(handle, "pattern", None) or handle.marker.name
            made.append(kit.connect(pattern, self.probe))

    monkeypatch.setattr(recorders.Recorder, "stop", forgetful)
    try:
        assert "left connected" in broken(run(1, "fire", "recorders"))
    finally:
        monkeypatch.undo()
        for handle in made:
            handle.disconnect()


def test_it_finds_memory_that_grows(monkeypatch):
    """What each collection leaves behind; nothing is said of a run with few rests."""
    kept = []
    monkeypatch.setattr(module, "ROUND", 0.05)
    monkeypatch.setattr(Memory, "OBJECTS", 50)
    check = module.World.check

    def leaking(self):
        kept.append([[] for _ in range(100)])
        check(self)

    monkeypatch.setattr(module.World, "check", leaking)
    result = run(6, "fire")
    assert result.checked["rounds"] > Memory.FEWEST
    assert "memory grows" in broken(result)


def test_the_slope_of_memory_is_that_of_most_samples():
    """One that is far off says nothing, nor does the warm-up."""
    memory = Memory()
    for number in range(100):
        jump = 10**9 if number in (40, 41, 77) or number < 30 else 0
        memory.samples.append((float(number), (100 << 20) + jump, 50_000 + number % 7))
    assert memory.judge() == []
    memory.samples = [
        (at, size + int(at) * 10**6, n + 200 * int(at)) for at, size, n in memory.samples
    ]
    assert [text.split(":")[0] for text in memory.judge()] == ["memory grows"] * 2


def test_few_samples_that_differ_much_prove_nothing_and_a_leak_shows_among_them():
    """As of a busy machine: a round lasts for seconds, and what is alive at its end varies."""
    chance = random.Random(7)
    noise = [chance.randrange(40_000) for _ in range(33)]
    false = 0
    for _ in range(200):
        chance.shuffle(noise)
        memory = Memory()
        memory.samples = [(4.5 * n, 100 << 20, 60_000 + more) for n, more in enumerate(noise)]
        false += bool(memory.judge())
    assert false <= 5
    memory.samples = [(at, size, n + 500 * int(at)) for at, size, n in memory.samples]
    (text,) = memory.judge()
    assert " objects more, " in text


STUCK = """
import threading
from kit.torture import __main__
from kit.torture.disturbances import updates
updates._Waiting.step = lambda self: threading.Event().wait()
__main__.main(["--everything", "--seconds", "30", "--only", "fire,waits", "--patience", "2"])
"""


def test_what_hangs_is_shown_and_ends_the_process():
    done = subprocess.run(
        [sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == module.HANG, done.stderr
    assert "HANG: no progress for 2 s on waits 0" in done.stderr
    assert "in step" in done.stderr or "<lambda>" in done.stderr


CHILD = """
import threading
from kit.torture import __main__
from kit.torture.disturbances import forks
forks.PATIENCE = 2
forks._work_as_child = lambda world: threading.Event().wait()
raise SystemExit(__main__.main(["--everything", "--seconds", "5", "--only", "fire,forks"]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_that_hangs_is_shown_and_counts_as_broken():
    done = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "BROKEN: forks 0 raised: TimeoutError: a forked child hung" in done.stdout


# The command.


def test_the_command_says_what_was_done_and_its_seed(capsys):
    assert command.main(["--everything", "--seconds", "0.3", "--only", "fire,churn"]) == 0
    printed = capsys.readouterr().out
    assert "seed " in printed
    assert "connects" in printed
    assert "no promise was broken" in printed


@pytest.mark.parametrize("option", ["--without", "--only"])
def test_a_disturbance_that_there_is_not(option, capsys):
    with pytest.raises(SystemExit):
        command.main(["--everything", option, "nonsense"])
    assert "there is no 'nonsense'; there are: fire, " in capsys.readouterr().err
    with pytest.raises(ValueError, match="there is no 'nonsense'"):
        everything(1, without=["nonsense"])


def test_everything_is_as_it_was(monkeypatch):
    """Threads, thresholds of the collector, callbacks and the interval of switches."""
    before = gc.get_threshold(), sys.getswitchinterval(), gc.callbacks.copy(), gc.get_freeze_count()
    run(0.2, "fire", "collections", "signals")
    deadline = time.monotonic() + 30
    while any(each.name.startswith("fire") for each in threading.enumerate()):
        assert time.monotonic() < deadline
    after = gc.get_threshold(), sys.getswitchinterval(), gc.callbacks.copy(), gc.get_freeze_count()
    assert after == before
    assert not any(marker.fanout for marker in kit.markers("everything*"))
