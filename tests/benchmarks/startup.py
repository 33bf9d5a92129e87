"""How long it takes until there is something: imports, a first event, a first picture."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

BARE = "bare Python"

IMPORTS = {
    BARE: "pass",
    "kit": "import kit; kit.marker",
    "psygnal": "import psygnal",
    "blinker": "import blinker",
    "pluggy": "import pluggy",
    "Django": "import django.dispatch",
    "logging": "import logging",
    "OpenTelemetry": "import opentelemetry.sdk.trace",
    "viztracer": "import viztracer",
}
"""What has to be imported before something can be fired."""

FIRST = {
    "first recorded event": (
        "import kit\n"
        "m = kit.marker('m', qty=int)\n"
        "with kit.record('m') as events: m(1)\n"
        "assert len(events) == 1"
    ),
    "first frame": (
        "import kit\n"
        "m = kit.marker('m', qty=int)\n"
        "with kit.record('m') as events: m(1)\n"
        "assert len(events.frame('m')) == 1"
    ),
    "first picture": (
        "import kit\n"
        "s = kit.span('s')\n"
        "with kit.record('s') as events:\n"
        "    with s(): pass\n"
        "kit.plots.latency(events.frame('s'))"
    ),
    "panel": "import kit\nkit.panel()",
}
"""From the start of Python until it is there, with whatever that imports."""


def start(code: str, dispatcher: str) -> float | None:
    """Return the milliseconds of a process that runs some code, or None where that fails.

    Of the processor: other programs do not count. Modules are compiled once, as everywhere but
    where ``PYTHONDONTWRITEBYTECODE`` is set.
    """
    environment = {**os.environ, "KIT_DISPATCH": dispatcher}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    begin = spent()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return (spent() - begin) * 1e3 if done.returncode == 0 else None


def spent() -> float:
    """Return the seconds of processor time of all processes that were started here and ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def least(codes: dict[str, str], rounds: int, dispatcher: str) -> dict[str, float]:
    """Start each in turn; return the least milliseconds over bare Python of those that work."""
    found: dict[str, float] = {}
    failing: set[str] = set()
    for _ in range(rounds):
        for name, code in {BARE: "pass", **codes}.items():
            took = None if name in failing else start(code, dispatcher)
            if took is None:
                failing.add(name)
            else:
                found[name] = min(found.get(name, took), took)
    bare = found.pop(BARE)
    return {name: took - bare for name, took in found.items()}
