"""Nothing is left behind; ``python -m tests.c.leaks 1000000`` is the long form.

Seen to fail where a connection, a record, the name of a thread or a block was kept.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.c.leaks import STEPS

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc here")
@pytest.mark.skipif("KIT_CHECKED" in os.environ, reason="a checking allocator keeps what is freed")
def test_what_is_held_stays_flat():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.c.leaks", "4000"],
        cwd=ROOT,
        env={**os.environ, "KIT_DISPATCH": "c"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr[-5000:]}"
    assert len(done.stdout.splitlines()) == len(STEPS)
