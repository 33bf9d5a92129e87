"""``python -m kit.rcu PATH... [--model NAME] [--verdicts FILE]``: judge files of litmus tests."""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kit.errors import LitmusError
from kit.rcu import models
from kit.rcu._checker.judge import judge
from kit.rcu._cli import progress, run
from kit.rcu._litmus.parser import parse
from kit.rcu.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.rcu.models import Model

ALIASES: Final = {"lkmm-7.3": "lkmm", "lkmm-alpha": "alpha", "tso-rcu": "tso", "sc-rcu": "sc"}
"""The models' names in tables of recorded verdicts."""

STATES: Final = 0.75
"""The share of a test's time that may go into all states; the rest is for the verdict alone."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One line of the table."""

    file: str
    model: str
    verdict: str
    states: int
    flags: str
    seconds: float
    remark: str
    alone: str = ""  # why the verdict is known, and not all states


def _recorded(path: Path) -> dict[tuple[Path, str], dict[str, str]]:
    """Recorded verdicts by file and model."""
    with path.open(newline="", encoding="utf-8") as stream:
        return {
            (
                (path.parent / row["file"]).resolve(),
                ALIASES.get(row["model"], row["model"]),
            ): row
            for row in csv.DictReader(stream)
        }


def _share(limits: Limits, part: float) -> Limits:
    return replace(limits, seconds=part * limits.seconds)


def _judged(file: Path, model: Model, row: dict[str, str] | None, limits: Limits) -> _Outcome:
    start = time.perf_counter()
    alone = ""
    try:
        test = parse(file, limits)
        try:
            verdict = judge(test, model, limits=_share(limits, STATES))
        except LitmusError as error:
            # Too many states to see them all: the verdict alone may still be known.
            rest = _share(limits, 1 - STATES)
            verdict = judge(test, model, states=False, limits=rest)
            alone = str(error).splitlines()[0]
    except LitmusError as error:
        seconds = time.perf_counter() - start
        remark = str(error).splitlines()[0]
        return _Outcome(str(file), model.name, "undecided", 0, "", seconds, remark)
    seconds = time.perf_counter() - start
    if verdict.verdict == "Undecided":
        return _Outcome(str(file), model.name, "undecided", 0, "", seconds, verdict.reason)
    remark = ""
    if row is not None:
        differences = []
        # Other checkers say Never of a test that only waits for ever, and count no states.
        alike = {verdict.verdict, "Never" if verdict.verdict == "Deadlock" else ""}
        if row["verdict"] not in alike:
            differences.append(f"recorded: {row['verdict']}")
        if not alone and row.get("states") and int(row["states"]) != len(verdict.states):
            differences.append(f"recorded: {row['states']} states")
        if not alone and ("data-race" in verdict.flags) is not (
            "data-race" in row.get("flags", "")
        ):
            differences.append("data races differ")
        remark = "; ".join(differences) or "as recorded"
    return _Outcome(
        str(file),
        model.name,
        verdict.verdict,
        0 if alone else len(verdict.states),
        "" if alone else " ".join(verdict.flags),
        seconds,
        remark,
        alone,
    )


def _summary(outcomes: Sequence[_Outcome], compared: bool) -> str:
    count = Counter(outcome.verdict for outcome in outcomes)
    times = sorted(outcome.seconds for outcome in outcomes)
    lines = [", ".join(f"{number} {verdict}" for verdict, number in sorted(count.items()))]
    if compared:
        remarks = Counter(
            "undecided"
            if outcome.verdict == "undecided"
            else ("not recorded" if not outcome.remark else outcome.remark.split(":")[0])
            for outcome in outcomes
        )
        lines.append(", ".join(f"{number} {remark}" for remark, number in sorted(remarks.items())))
    if times:
        lines.append(
            f"{sum(times):.2f} s in all, median {1e3 * times[len(times) // 2]:.1f} ms, "
            f"longest {1e3 * times[-1]:.1f} ms"
        )
    return "\n".join(lines)


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(sorted(path.rglob("*.litmus")))
        else:
            found.append(path)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line if left out.

    Returns
    -------
    int
        0; 1 when a verdict differs from the recorded one or a test is undecided; 2 when there is
        nothing to judge; 130 when interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m kit.rcu", description="Judge litmus tests.")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME",
        help=f"{', '.join(models.NAMES)}, all, or a .cat file; lkmm if left out",
    )
    parser.add_argument(
        "--verdicts", type=Path, metavar="FILE", help="a table of recorded verdicts to compare with"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        help="processor time for one test (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="only what differs, and the summary")
    options = parser.parse_args(arguments)
    limits = Limits(seconds=options.seconds)
    names = options.model or ["lkmm"]
    try:
        chosen = [
            models.load(Path(name)) if name.endswith(".cat") else models.get(name)
            for given in names
            for name in (models.NAMES if given == "all" else (given,))
        ]
        recorded = _recorded(options.verdicts) if options.verdicts else {}
    except (LitmusError, OSError, KeyError) as error:
        parser.error(str(error))
    files = _files(options.paths)
    work = [(file, model) for model in chosen for file in files]
    outcomes: list[_Outcome] = []
    interrupted = False
    try:
        for done, (file, model) in enumerate(work, 1):
            outcome = _judged(file, model, recorded.get((file.resolve(), model.name)), limits)
            outcomes.append(outcome)
            end = "\n" if done == len(work) else ""
            progress(done, len(work), f" {file.name[:60]}{end}")
    except KeyboardInterrupt:
        interrupted = True  # what was judged until then is shown
    width = max((len(outcome.file) for outcome in outcomes), default=0)
    for outcome in outcomes:
        if options.quiet and outcome.remark in ("", "as recorded"):
            continue
        states = "  the verdict" if outcome.alone else f"{outcome.states:>5} states"
        alone = f"; not all states: {outcome.alone}" if outcome.alone else ""
        line = (
            f"{outcome.file:<{width}}  {outcome.model:<5}  {outcome.verdict:<9}  "
            f"{states}  {1e3 * outcome.seconds:>8.1f} ms  {outcome.flags:<9}  "
            f"{outcome.remark}{alone}"
        )
        sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.write(_summary(outcomes, bool(recorded)) + "\n" if outcomes else "no tests found\n")
    if interrupted:
        sys.stderr.write(f"interrupted after {len(outcomes)} of {len(work)}\n")
        return 130
    if not outcomes:
        return 2
    return int(any(outcome.remark not in ("", "as recorded") for outcome in outcomes))


if __name__ == "__main__":
    run(main, broken=1)
