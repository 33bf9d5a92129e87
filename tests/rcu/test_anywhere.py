"""The lab's engine in a Python that has little: as in a browser, where nothing can be installed.

A child process has no site packages, no compiled part of the kit, none of the modules that a
browser's Python lacks, and can start neither threads nor processes.
"""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
POOR = """
import sys
sys.path.append(sys.argv[1])
sys.dont_write_bytecode = True
for name in (
    "kit._c", "_multiprocessing", "multiprocessing", "_posixsubprocess", "resource", "fcntl",
    "termios", "ctypes", "_ctypes", "mmap", "ssl", "sqlite3", "curses", "readline", "syslog",
    "pandas", "numpy", "bokeh", "ipywidgets", "anywidget", "traitlets", "IPython",
):
    sys.modules[name] = None
import _thread
def refuse(*_, **__):
    raise RuntimeError("can't start new thread")
for name in ("start_new_thread", "start_new", "start_joinable_thread"):
    if hasattr(_thread, name):
        setattr(_thread, name, refuse)
import os
for name in ("fork", "posix_spawn", "posix_spawnp", "execv", "system"):
    setattr(os, name, refuse)
sys.platform = "emscripten"
from kit import rcu
from kit.errors import KitError, LitmusError, SimulationError
def said(error, function):
    try:
        function()
    except error as caught:
        return str(caught)
    raise AssertionError(function)
TEST = '''C mp
{}
P0(int *x, int *y) { WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1); }
P1(int *x, int *y) { int a; int b; a = READ_ONCE(*y); smp_rmb(); b = READ_ONCE(*x); }
exists (1:a=1 /\\\\ 1:b=0)
'''
"""


def alone(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", POOR + program, str(REPOSITORY)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1:] == ["done"]


def test_judging_drawing_and_explaining() -> None:
    alone("""
verdict = rcu.judge(TEST)
assert verdict.verdict == "Sometimes"
assert verdict.witness().svg().startswith("<svg")
assert "Forbidden" in str(rcu.judge(TEST, "sc").why())
assert "Sometimes" in str(rcu.matrix([TEST]))
assert rcu.models.load("acyclic po | rf | co | fr as mine").axioms
assert rcu.case("1→2").judge("posted", "stale", "lkmm").verdict == "Sometimes"
print("done")
""")


def test_stepping_and_exploring() -> None:
    alone("""
machine = rcu.machine("1→0→1", "fixed", faults=["no grace period"])
found = machine.explore()
assert found.verdict("torn closure") == "Sometimes", found
machine.run_to("torn closure")
assert machine.state.svg().startswith("<svg") and machine.timeline().startswith("<svg")
assert rcu.interleave(TEST).explore().interleavings > 1
print("done")
""")


def test_limits_hold_without_the_help_of_the_system() -> None:
    alone("""
from kit.rcu.steps import load, store
threads = "".join(f"P{n}(int *x) {{ WRITE_ONCE(*x, {n}); }}" for n in range(20))
many = f"C t {{}} {threads} exists (x=1)"
said_ = said(LitmusError, lambda: rcu.judge(many, limits=rcu.Limits(seconds=0.5)))
assert "gave up" in said_ or "Limits." in said_, said_
def endless():
    yield load("x")
    while True:
        pass
machine = rcu.Machine(updaters={"u": endless}, memory={"x": 0})
assert "Bounds.lines" in said(SimulationError, machine.explore)
busy = [[store("x", n), load("y"), store("y", n), load("x")] * 3 for n in range(5)]
named = {str(n): program for n, program in enumerate(busy)}
machine = rcu.Machine(updaters=named, memory={"x": 0, "y": 0})
assert "Bounds.states" in said(SimulationError, lambda: machine.explore(rcu.Bounds(states=500)))
assert "Bounds.seconds" in said(SimulationError, lambda: machine.explore(rcu.Bounds(seconds=0.1)))
print("done")
""")


def test_exercises_are_judged_in_place() -> None:
    alone("""
from kit.rcu import exercises
wrong = exercises.check("two-bits", exercises.given("two-bits"))
assert wrong.status == "not yet", wrong
print("done")
""")


def test_what_needs_more_says_so() -> None:
    alone("""
assert "cannot start threads" in said(SimulationError, lambda: rcu.tearing(10))
for widget in (lambda: rcu.board("1→2"), lambda: rcu.stepper("1→2")):
    print(said(ImportError, widget))
print("done")
""")


@pytest.mark.parametrize("program", ["import kit, kit.rcu", "from kit.rcu import exercises"])
def test_importing_needs_nothing(program: str) -> None:
    alone(f"{program}\nprint('done')")
