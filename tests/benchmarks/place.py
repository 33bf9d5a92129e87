"""Where and when something is measured."""

from __future__ import annotations

import datetime as dt
import os
import platform
from pathlib import Path


def today() -> str:
    """Return the day."""
    return dt.datetime.now(dt.UTC).date().isoformat()


def machine() -> str:
    """Say what this runs on."""
    return (
        f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{processor()}, {os.cpu_count()} cores"
    )


def processor() -> str:
    """Return the name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "an unnamed processor"
