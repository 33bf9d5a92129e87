"""The clock of the C dispatcher: the system's monotonic clock, however it is read."""

import os
import subprocess
import sys
import time

import pytest

_c = pytest.importorskip("kit._c", reason="the C extension is not built")

SLACK = 1000  # ns: what a line between two looks at the system's clock may be off


def test_it_is_the_monotonic_clock_and_never_goes_back():
    last = 0
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        for _ in range(1000):
            before = time.monotonic_ns()
            now = _c.clock()
            after = time.monotonic_ns()
            assert before - SLACK <= now <= after + SLACK
            assert now >= last
            last = now
        time.sleep(0.001)


def test_also_after_a_rest():
    """A line that was drawn before the rest is not used after it."""
    for pause in (0.001, 0.03, 0.15):
        _c.clock()
        time.sleep(pause)
        before = time.monotonic_ns()
        assert before - SLACK <= _c.clock() <= time.monotonic_ns() + SLACK


def test_the_system_is_asked_each_time_where_one_wants_it():
    code = (
        "import time; from kit import _c\n"
        "for _ in range(10_000):\n"
        "    before = time.monotonic_ns(); now = _c.clock()\n"
        "    assert before <= now <= time.monotonic_ns()"
    )
    subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"KIT_CLOCK": "system"}, check=True
    )
