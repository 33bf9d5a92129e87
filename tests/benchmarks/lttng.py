"""LTTng's Python agent: `logging` with a handler that hands each record to the tracer.

It comes with a distribution (Debian: lttng-tools, python3-lttngust), not from PyPI, and wants a
session daemon.  One is started here, and ended, unless there is no tracer or a daemon runs already.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.timing import Row

DISTRIBUTION = Path("/usr/lib/python3/dist-packages")
LOGGER = "bench.lttng"


class AbsentError(Exception):
    """It cannot be measured here; the message says why."""


@contextlib.contextmanager
def session() -> Iterator[None]:
    """Have a session that records what the logger logs."""
    if not (DISTRIBUTION / "lttngust").is_dir():
        raise AbsentError("python3-lttngust is not installed")
    if shutil.which("lttng") is None or shutil.which("lttng-sessiond") is None:
        raise AbsentError("lttng-tools is not installed")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "LTTNG_HOME": folder}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
        daemon = subprocess.Popen(["lttng-sessiond", "--no-kernel"], **quiet)
        try:
            for command in (
                ["create", "bench", f"--output={folder}/trace"],
                ["enable-event", "--python", LOGGER],
                ["start"],
            ):
                _try(["lttng", "--no-sessiond", *command], quiet, daemon)
            yield
        finally:
            destroy = ["lttng", "--no-sessiond", "destroy", "bench"]
            if daemon.poll() is None:
                subprocess.run(destroy, **quiet, check=False, timeout=20)
                daemon.terminate()
            daemon.wait(20)


def _try(command: list[str], quiet: dict, daemon: subprocess.Popen) -> None:
    """Run a command of the tracer, whose daemon may not be ready yet."""
    for _ in range(50):
        if daemon.poll() is not None:
            raise AbsentError("lttng-sessiond does not start, or runs already")
        if subprocess.run(command, **quiet, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise AbsentError(f"{' '.join(command)} fails")


def version() -> str:
    """Return the tracer's version."""
    done = subprocess.run(["lttng", "--version"], capture_output=True, text=True, check=False)
    return next((word for word in done.stdout.split() if word[0].isdigit()), "of some version")


def rows() -> list[Row]:
    """The row of the table; in a session."""
    sys.path.append(str(DISTRIBUTION))
    import lttngust  # noqa: F401 # registers with the daemon, which then adds a handler

    logger = logging.getLogger(LOGGER)
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    root = logging.getLogger()
    deadline = time.monotonic() + 10
    while not root.handlers and time.monotonic() < deadline:
        time.sleep(0.05)
    if not root.handlers:
        raise AbsentError("no session daemon has answered the agent")
    for handler in root.handlers:
        logger.addHandler(handler)
    statement = 'logger.info("m %d %f %s", 1, 2.0, "x")'
    return [
        Row(
            "LTTng's Python agent",
            statement,
            {"logger": logger},
            most=2_000,
            figure="record",
            subject="LTTng's Python agent",
        )
    ]
