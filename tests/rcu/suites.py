"""``python -m tests.rcu.suites PATH... [--expected FILE.csv]``: suites of other tools, as a table.

What a test should give is taken from, in this order:

- ``--expected``: lines ``path,0`` or ``path,1``, as Dat3M keeps them (1: the state is reachable,
  or the test holds);
- a file ``NAME.litmus.expected`` beside the test, as herdtools7 keeps them;
- a comment ``Result: Never`` (Sometimes, Always, DEADLOCK) in the test, as the kernel's tests have;
  with ``DATARACE`` behind it, the flag ``data-race`` is expected too.

Each test then agrees, disagrees, is undecided (with the cause), or is refused, by the construct
that is not part of the dialect. Files that are not litmus tests in C are left out.

Of a large suite, ``--sample 500`` takes as many at random, the same for the same ``--seed``, and
``--minutes 15`` as many of those, in their order, as that time allows.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from kit import rcu
from kit.errors import LitmusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RESULTS: Final = ("agree", "disagree", "undecided", "refused", "no expectation")
RESULT: Final = re.compile(
    r"Result:\s*(Never|Sometimes|Always|DEADLOCK)\b([ \t]+DATARACE\b)?", re.IGNORECASE
)
OBSERVED: Final = re.compile(r"^Observation \S+ (Never|Sometimes|Always) (\d+) (\d+)", re.MULTILINE)
RACE: Final = " with a data race"
HEADER: Final = re.compile(r"\s*C[ \t\r\n]")


def tests_in(paths: Iterable[Path]) -> list[Path]:
    """The litmus tests in C below some paths."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob("*.litmus")) if path.is_dir() else [path]
    return [path for path in found if HEADER.match(path.read_text("utf-8", "replace"))]


def expectations(tables: Sequence[Path]) -> dict[str, bool]:
    """By path, whether the condition is to be found, as tables of Dat3M say."""
    out: dict[str, bool] = {}
    for table in tables:
        with table.open(newline="", encoding="utf-8") as stream:
            out |= {row[0]: row[1].strip() == "1" for row in csv.reader(stream) if len(row) > 1}
    return out


def expected_of(path: Path, source: str, reachable: dict[str, bool]) -> str | bool | None:
    """What a test should give: a verdict, or whether it holds; None when nothing says."""
    parts = path.parts
    for start in range(len(parts)):
        found = reachable.get("/".join(parts[start:]))
        if found is not None:
            return found
    beside = path.with_name(f"{path.name}.expected")
    if beside.is_file():
        observed = OBSERVED.search(beside.read_text("utf-8", "replace"))
        return observed[1] if observed else None
    comment = RESULT.search(source)
    if comment is None:
        return None
    return comment[1].capitalize() + (RACE if comment[2] else "")


def _construct(error: LitmusError) -> str:
    """The construct that a refusal is about: its message without place and names."""
    message = str(error).splitlines()[0]
    message = re.sub(r"^.*?line \d+, column \d+: ", "", message)
    return re.sub(r"^(expected .*), found .*", r"\1", message)[:100]


def _same(verdict: rcu.Verdict, expected: str | bool) -> bool:
    if isinstance(expected, bool):
        # A state is reachable, or a test with forall holds.
        if verdict.test.quantifier == "forall":
            return (verdict.verdict == "Always") is expected
        return (verdict.verdict in ("Sometimes", "Always")) is expected
    if expected.endswith(RACE) and "data-race" not in verdict.flags:
        return False
    expected = expected.removesuffix(RACE)
    if expected == "Deadlock":
        return verdict.verdict == "Deadlock" or not (verdict.positive or verdict.negative)
    return expected == ("Never" if verdict.verdict == "Deadlock" else verdict.verdict)


def judged(
    path: Path,
    reachable: dict[str, bool],
    model: str,
    limits: rcu.Limits,
    *,
    states: bool = False,
) -> tuple[str, str]:
    """What came of a test: one of `RESULTS`, and how or why."""
    source = path.read_text("utf-8", "replace")
    try:
        test = rcu.parse(source, limits)
    except LitmusError as error:
        return "refused", _construct(error)
    expected = expected_of(path, source, reachable)
    race = isinstance(expected, str) and expected.endswith(RACE)
    try:
        # Flags are known for certain only after all states.
        verdict = rcu.judge(test, model, states=states or race, limits=limits)
    except LitmusError as error:
        if " column " in str(error):
            return "refused", _construct(error)
        return "undecided", str(error).splitlines()[0].partition(": ")[2]
    if verdict.verdict == "Undecided":
        return "undecided", "out of thin air"
    if expected is None:
        return "no expectation", ""
    if _same(verdict, expected):
        return "agree", ""
    return "disagree", f"{verdict.verdict} here, expected {expected}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: 1 when something disagrees, 2 when there are no tests."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.rcu.suites",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--expected", action="append", default=[], type=Path, metavar="FILE")
    parser.add_argument("--model", default="lkmm")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--states", action="store_true", help="all states, not the verdict alone")
    parser.add_argument("--sample", type=int, help="only so many, taken at random")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after that")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    options = parser.parse_args(arguments)
    limits = rcu.Limits(seconds=options.seconds)
    reachable = expectations(options.expected)
    table: dict[str, Counter[str]] = defaultdict(Counter)
    causes: dict[str, Counter[str]] = defaultdict(Counter)
    start = time.perf_counter()
    files = tests_in(options.paths)
    if options.sample is not None and options.sample < len(files):
        sys.stdout.write(f"{options.sample} of {len(files)}, seed {options.seed}\n")
        files = Random(options.seed).sample(files, options.sample)
    for number, path in enumerate(files):
        if time.perf_counter() - start > 60 * options.minutes:
            sys.stdout.write(f"stopped after {number} of {len(files)}\n")
            files = files[:number]
            break
        result, how = judged(path, reachable, options.model, limits, states=options.states)
        table[path.parent.as_posix()][result] += 1
        if result == "disagree":
            sys.stdout.write(f"{path}: {how}\n")
            sys.stdout.flush()
        elif how:
            causes[result][how] += 1
    width = max((len(folder) for folder in table), default=0)
    sys.stdout.write(f"{'folder':<{width}}" + "".join(f"  {name:>14}" for name in RESULTS) + "\n")
    total: Counter[str] = Counter()
    for folder, counts in sorted(table.items()):
        total += counts
        cells = "".join(f"  {counts[name]:>14}" for name in RESULTS)
        sys.stdout.write(f"{folder:<{width}}{cells}\n")
    sys.stdout.write(f"{'all':<{width}}" + "".join(f"  {total[name]:>14}" for name in RESULTS))
    sys.stdout.write("\n")
    for result, counts in causes.items():
        for how, number in counts.most_common():
            sys.stdout.write(f"{number:6} {result}: {how}\n")
    sys.stdout.write(f"{len(files)} tests, {time.perf_counter() - start:.0f} s\n")
    return 2 if not files else int(total["disagree"] > 0)


if __name__ == "__main__":
    sys.exit(main())
