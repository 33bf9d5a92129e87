"""One run: workers that take turns, then what needs a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import bare, kept, lttng, startup
from tests.benchmarks.figures import BY_KEY
from tests.benchmarks.report import Results

ROOT = Path(__file__).resolve().parents[2]
WORKERS = {"c": ("kit", "c"), "python": ("kit", "python"), "peers": ("peers", "")}


class Worker:
    """A process with rows; `turn` times each of them once more."""

    def __init__(self, role: str, dispatcher: str, folder: Path, seconds: float) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if dispatcher:
            environment["KIT_DISPATCH"] = dispatcher
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.worker", role, str(folder), str(seconds)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.says: dict[str, str] = self._answer()
        self.found: dict[str, Any] = {}

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker has ended: {self._process.wait()}")
        return json.loads(line)

    def turn(self) -> None:
        """Have it time its rows once more."""
        assert self._process.stdin is not None
        print("again", file=self._process.stdin, flush=True)
        self.found = self._answer()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


def job(module: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run a module that prints JSON."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextlib.contextmanager
def tracer(results: Results) -> Iterator[bool]:
    """Have a session of LTTng, where there is one; says whether."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lttng.session())
            there = True
        except lttng.AbsentError as error:
            results.says["LTTng's Python agent"] = f"absent: {error}"
            there = False
        yield there


def note(what: str) -> None:
    """Say what is being done, where somebody waits."""
    print(f"... {what}", file=sys.stderr, flush=True)


def everything(*, quick: bool = False) -> Results:
    """Measure everything."""
    results = Results(quick=quick)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        why = bare.build(folder)
        take_turns(results, folder, rounds=15 if quick else 100, seconds=0.001)
        if why is not None:
            results.says["bare object"] = f"absent: {why}"
        note("memory and frames")
        memory_and_frames(results, folder, quick=quick)
        note("imports")
        starts(results, rounds=3 if quick else 20)
        for dispatcher in ("c", "python"):
            note(f"how costs grow, {dispatcher}")
            more = ["--quick"] if quick else []
            found = job("scaling", str(folder), *more, KIT_DISPATCH=dispatcher)
            results.growth[dispatcher] = found
    return results


def take_turns(results: Results, folder: Path, rounds: int, seconds: float) -> None:
    """Time the rows that are calls."""
    with tracer(results) as there:
        roles = {**WORKERS, **({"lttng": ("lttng", "")} if there else {})}
        workers = {
            name: Worker(role, dispatcher, folder, seconds)
            for name, (role, dispatcher) in roles.items()
        }
        try:
            note(f"{rounds} rounds of {', '.join(workers)}")
            for _ in range(rounds):
                for worker in workers.values():
                    worker.turn()
        finally:
            for worker in workers.values():
                worker.close()
    for name, worker in workers.items():
        results.says |= worker.says
        results.call[name] = worker.found["call"]
        for figure, subject, ns in worker.found["rows"]:
            if subject == "bare" and name != "c":
                continue
            value = ns / worker.found["call"] if BY_KEY[figure].unit == "x" else ns / 1e3
            results.put(figure, name if subject == "kit" else subject, value)


def memory_and_frames(results: Results, folder: Path, *, quick: bool) -> None:
    """Record a million events in each way, and make a frame of them."""
    million, ten = 1_000_000, 10_000_000
    for way in kept.WAYS:
        both = ("c", "python") if way.startswith("kit") else ("c",)
        for dispatcher in both:
            name = way.replace("kit", f"kit, {dispatcher}", 1)
            surroundings = {"KIT_DISPATCH": dispatcher, "KIT_BENCH_BARE": str(folder)}
            repeats = "2" if quick else "7"
            try:
                found = job("kept", way, str(million), repeats, **surroundings)
                if not quick and way.startswith(("kit", "numpy", "bare")):
                    more = job("kept", way, str(ten), "4", **surroundings)
                    found["frame of 10 M"] = more["frame"]
            except RuntimeError as error:
                note(f"{way}: {error}")
                continue
            results.frames[name] = found
            subject = {"kit": dispatcher, "bare": "bare"}.get(way, way)
            if way != "kit, text as str":
                results.put("memory", subject, found["bytes"])
                results.put("frame", subject, found["frame"])


def starts(results: Results, rounds: int) -> None:
    """Time imports and first results."""
    found = startup.least(startup.IMPORTS, rounds, "c")
    for name, took in found.items():
        results.put("import", "c" if name == "kit" else name, took)
    python = startup.least({"kit": startup.IMPORTS["kit"]}, rounds, "python")
    results.put("import", "python", python["kit"])
    results.first = startup.least(startup.FIRST, max(2, rounds // 4), "c")
