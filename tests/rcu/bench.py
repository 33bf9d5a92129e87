"""What long chains cost, and whether a busy machine changes an answer.

``python -m tests.rcu.bench``: processor time of the verdict alone for chains and rings of twelve
threads, best of several. ``python -m tests.rcu.bench FOLDER``: the same for the files of a folder.
``--busy 4``: every verdict once more beside four busy processes, and the answers of the exercises.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kit import rcu
from kit.errors import LitmusError
from tests.rcu.programs import LONG


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Let so many processes compute for nothing beside this one."""
    running = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)
    ]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def timed(runs: int, ask: Callable[[], str]) -> tuple[str, float, float]:
    """The answer, the best processor time and the wall time of the run that took it."""
    best = (float("inf"), 0.0)
    answer = ""
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        answer = ask()
        best = min(best, (time.process_time() - processor, time.perf_counter() - wall))
    return answer, *best


def judged(test: rcu.Test, states: bool, seconds: float) -> str:
    """The verdict, and what else is asked for, as text."""
    try:
        return repr(rcu.judge(test, states=states, limits=rcu.Limits(seconds=seconds)))
    except LitmusError as error:
        return f"undecided: {error}"


def graded() -> dict[str, str]:
    """What the checks say to the right answers and to the wrong ones."""
    from kit.rcu.exercises.judging import grade
    from tests.rcu.test_exercises import ANSWERS, WRONG

    asked = {f"right {name}": (name, answer) for name, answer in ANSWERS.items()}
    asked |= {f"wrong {what}": wrong[:2] for what, wrong in WRONG.items()}
    return {what: str(grade(*answer)) for what, answer in asked.items()}


def main() -> int:
    """Print a table; 1 when a busy machine changes an answer."""
    parser = argparse.ArgumentParser(prog="python -m tests.rcu.bench")
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--pattern", default="*.litmus", help="which files of the folders")
    parser.add_argument("--threads", type=int, default=12)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--states", action="store_true", help="all states, not the verdict alone")
    parser.add_argument("--busy", type=int, default=0, metavar="PROCESSES")
    options = parser.parse_args()
    if options.folders:
        files = sorted(file for each in options.folders for file in each.rglob(options.pattern))
        tests = {file.stem: rcu.parse(file) for file in files}
    else:
        tests = {name: rcu.parse(shape(options.threads)) for name, (shape, _) in LONG.items()}
    different = 0
    for name, test in tests.items():

        def ask(test: rcu.Test = test) -> str:
            return judged(test, options.states, options.seconds)

        answer, processor, wall = timed(options.runs, ask)
        line = f"{name:<32} {processor:8.4f} s of processor, {wall:8.4f} s  {answer:.90}"
        if options.busy:
            with busy(options.busy):
                beside, processor, wall = timed(1, ask)
            different += beside != answer
            line += f"  busy: {processor:.4f} s, {wall:.4f} s, " + (
                "the same" if beside == answer else f"DIFFERENT: {beside}"
            )
        print(line, flush=True)
    if options.busy and not options.folders:
        alone = graded()
        with busy(options.busy):
            beside = graded()
        changed = [what for what, said in alone.items() if beside[what] != said]
        different += len(changed)
        print(f"{len(alone)} answers of the exercises, {len(changed)} judged differently", *changed)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
