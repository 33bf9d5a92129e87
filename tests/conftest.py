"""What every test shares, and what the end of a run reports."""

import os
import subprocess
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


MOST_FLAKY = 5
"""If more are red than these, they are."""
_red: dict[str, None] = {}
_flaky: list[str] = []
_red_again: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what is red."""
    if report.failed:
        _red[report.nodeid] = None


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With KIT_AGAIN=1, as on CI: what is red is run once more by itself, and named as flaky."""
    environment = os.environ.copy()
    asked = environment.pop("KIT_AGAIN", "")
    if not asked or exitstatus != pytest.ExitCode.TESTS_FAILED or len(_red) > MOST_FLAKY:
        return
    for test in _red:
        again = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
            cwd=session.config.rootpath,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if again.returncode:
            _red_again[test] = again.stdout
        else:
            _flaky.append(test)
    if not _red_again:
        session.exitstatus = pytest.ExitCode.OK


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
    for test in _flaky:
        terminalreporter.write_line(f"FLAKY: {test} was red, and green by itself")
    for test, output in _red_again.items():
        terminalreporter.section(f"{test}, once more by itself")
        terminalreporter.write_line(output)
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
