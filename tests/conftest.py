"""What every test shares, and what the end of a run reports."""

import os
import sys

import pytest
from hypothesis import settings

# Here and in the processes that tests start, each lock looks at the order in which it is taken.
os.environ.setdefault("KIT_CHECK_LOCKS", "1")

import kit

# A slow machine may not fail a test, and a run on CI finds today what it found yesterday.
settings.register_profile("kit", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "kit")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was tested, what was measured, and what was not run for want of a browser."""
    python = ".".join(map(str, sys.version_info[:3]))
    terminalreporter.write_line(f"dispatcher: {kit.dispatcher}, on Python {python}")
    measured = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "measured" and report.when == "call"
    ]
    if measured:
        terminalreporter.section("measured")
        terminalreporter.write_line("\n".join(measured))
    unseen = [
        report
        for report in terminalreporter.getreports("skipped")
        if "Chromium" in str(report.longrepr)
    ]
    if unseen:
        terminalreporter.section("not run")
        terminalreporter.write_line(
            f"{len(unseen)} browser tests were NOT RUN: no Chromium on PATH, none in CHROMIUM"
        )
