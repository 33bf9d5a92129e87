"""Build the C extension so that its mistakes show, and run the tests on it.

``python -m tests.c.checked sanitize [pytest's arguments]`` builds with the address and the
undefined-behaviour sanitizer of gcc; ``valgrind`` runs an ordinary build under valgrind. Both leave
every allocation, also of Python's objects, to ``malloc``, so that a use after the free is seen, and
both end with the first thing found. `make sanitize` and `make valgrind` call this.

The package and the tests are copied, so that the extension in the source tree stays what it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ("tests/c", "tests/core", "tests/contract")
NOT_SANITIZED = ("--ignore=tests/contract/test_fork.py",)
"""A child that was forked while another thread allocated waits for the sanitizer's own lock."""
SUPPRESSIONS = Path(__file__).with_name("valgrind.supp")
SANITIZERS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
FOUND = 99
"""The exit code where valgrind found something, in any process."""


def copy(target: Path) -> None:
    """Copy what a build and the tests need."""
    for name in ("kit", "tests"):
        leave = shutil.ignore_patterns("*.so", "__pycache__", "screenshots")
        shutil.copytree(ROOT / name, target / name, ignore=leave)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target)
    shared = ROOT.parent / "shared"
    if shared.is_dir():
        (target.parent / "shared").symlink_to(shared)


def build(target: Path, flags: str) -> None:
    """Build the extension in the copy; it is optional there too, but not here."""
    compiler = os.environ.get("CC", "gcc")
    done = subprocess.run(
        [sys.executable, "-c", "from setuptools import setup; setup()", "-q", "build_ext", "-i"],
        cwd=target,
        env={**os.environ, "CC": compiler, "CFLAGS": f"-g {flags}", "LDFLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    if not list((target / "kit").glob("_c.*")):
        sys.exit(f"the extension was not built:\n{done.stdout}\n{done.stderr}")


def library(name: str) -> str:
    """Return where the compiler keeps a library of its own."""
    found = subprocess.run(
        [os.environ.get("CC", "gcc"), f"-print-file-name={name}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


def environment(tool: str) -> dict[str, str]:
    """Return the environment in which the tests run."""
    added = {"PYTHONMALLOC": "malloc", "KIT_DISPATCH": "c", "KIT_CHECKED": tool}
    if tool == "sanitize":
        added |= {
            "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
            # What CPython itself keeps until the end is no news; the leak test is another one.
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=1"
            ":handle_sigbus=0",  # which the kit has a handler for
            "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        }
    return {**os.environ, **added}


def command(tool: str) -> list[str]:
    """Return what comes before the interpreter on the command line."""
    if tool == "sanitize":
        return []
    return [
        "valgrind",
        f"--error-exitcode={FOUND}",
        "--exit-on-first-error=yes",
        f"--suppressions={SUPPRESSIONS}",
        "--trace-children=yes",
        "--trace-children-skip=*/bash,*/sh,*/ldconfig*,*/gcc*,*/ld",
        "--num-callers=30",
        "-q",
    ]


def main(arguments: list[str]) -> int:
    """Build, run, and return the exit code of the tests."""
    if not arguments or arguments[0] not in ("sanitize", "valgrind"):
        sys.exit("usage: python -m tests.c.checked sanitize|valgrind [pytest's arguments]")
    tool, *rest = arguments
    with tempfile.TemporaryDirectory(prefix="kit-checked-") as folder:
        target = Path(folder) / "copy"
        target.mkdir()
        copy(target)
        build(target, SANITIZERS if tool == "sanitize" else "-O1")
        run = [*command(tool), sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        named = any((ROOT / each.split("::")[0]).exists() for each in rest)
        run += [*rest, *(() if named else TESTS), *(NOT_SANITIZED if tool == "sanitize" else ())]
        return subprocess.run(run, cwd=target, env=environment(tool), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
