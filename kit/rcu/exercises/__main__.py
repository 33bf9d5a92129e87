"""``python -m kit.rcu.exercises NOTEBOOK...``: judge again what students' notebooks recorded."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from kit.rcu._cli import clear, progress, run
from kit.rcu.exercises import nbgrader
from kit.rcu.exercises.classroom import found, judged, student_copy, write_copies
from kit.rcu.exercises.classroom.batch import COLUMNS, NAMED
from kit.rcu.exercises.outcome import MARKS
from kit.rcu.exercises.receipts import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kit.rcu.exercises.classroom import Row

NOT_ALL = 2
"""The exit status when something could not be judged, or not be copied."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kit.rcu.exercises",
        allow_abbrev=False,
        description="Judge again, from the answers alone, what notebooks say was passed.",
        epilog="Exit status: 0 when all was judged (without --csv: and passed), 1 when something "
        "has not passed, 2 when something could not be judged or copied.",
    )
    parser.add_argument(
        "notebooks", nargs="+", type=Path, metavar="NOTEBOOK", help="files, or folders of them"
    )
    parser.add_argument("--csv", action="store_true", help="a table, a line for each exercise")
    parser.add_argument(
        "--student",
        choices=NAMED,
        default="file",
        help="where a student's name comes from (default: %(default)s)",
    )
    parser.add_argument(
        "--jobs", type=int, default=_processors(), help="answers at once (default: %(default)s)"
    )
    copies = parser.add_mutually_exclusive_group()
    copies.add_argument(
        "--student-copy",
        type=Path,
        metavar="FOLDER",
        help="judge nothing: make a folder of the notebooks without a teacher's answers",
    )
    copies.add_argument(
        "--nbgrader",
        type=Path,
        metavar="FOLDER",
        help="the same, with an autograded nbgrader test behind each exercise",
    )
    return parser


def _files_stay_files(arguments: Sequence[str]) -> list[str]:
    """Keep names that look like options as files: ``*.ipynb`` may stand for them.

    >>> _files_stay_files(["--csv", "--jobs.ipynb", "-a.ipynb", "b.ipynb"])
    ['--csv', './--jobs.ipynb', './-a.ipynb', 'b.ipynb']
    """
    return [
        f"./{each}" if each.startswith("-") and each.endswith(".ipynb") else each
        for each in arguments
    ]


def _processors() -> int:
    here = getattr(os, "sched_getaffinity", None)
    return len(here(0)) if here else os.cpu_count() or 1


def _write_table(rows: Iterable[Row], out: TextIO) -> Iterator[Row]:
    """Write a line for each row as it comes, so that nothing is lost when the rest is."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        clear()
        writer.writerow(row.cells)
        out.flush()
        yield row


def _write_lines(rows: Iterable[Row], out: TextIO) -> Iterator[Row]:
    """The same for reading: a notebook, and its exercises below it."""
    file = None
    for row in rows:
        clear()
        said = f": {shown(row.words, 200)}" if row.words and row.status not in MARKS else ""
        if not row.exercise:
            out.write(f"{shown(row.file)}: {row.status}{said}\n")
        else:
            if row.file != file:
                out.write(f"{shown(row.file)}\n")
            mark = MARKS.get(row.status, "?")
            line = f"  {mark} {row.exercise:<16} {row.status}{said}"
            differs = "  (the receipt is for another answer)" * (row.receipt == "differs")
            out.write(f"{line}{differs}\n")
        file = row.file
        out.flush()
        yield row


def _summary(rows: Sequence[Row], seconds: float) -> str:
    count = Counter(row.status for row in rows)
    files = len({row.file for row in rows})
    kinds = ", ".join(f"{number} {status}" for status, number in count.most_common())
    return f"{files} notebooks, {len(rows)} lines: {kinds}. {seconds:.1f} s\n"


def _copied(paths: Sequence[Path], folder: Path, *, tested: bool) -> int:
    def source(document: dict[str, object]) -> dict[str, object]:
        return nbgrader.assignment(student_copy(document))

    status = 0
    try:
        for path, wrong in write_copies(paths, folder, source if tested else student_copy):
            sys.stdout.write(
                f"{shown(path)}: {shown(f'not copied: {wrong}' if wrong else 'copied')}\n"
            )
            status = NOT_ALL if wrong else status
    except OSError as error:
        sys.stderr.write(f"{shown(folder)}: {shown(error)}\n")
        status = NOT_ALL
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line if left out.

    Returns
    -------
    int
        0 when all was judged, whatever the verdicts; without ``--csv`` 1 when something has not
        passed; 2 when something could not be judged; 130 when interrupted.
    """
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(_files_stay_files(given))
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")  # a terminal that has no ✓ stops nothing
    paths = found(options.notebooks)
    if folder := options.student_copy or options.nbgrader:
        return _copied(paths, folder, tested=options.nbgrader is not None)
    start = time.perf_counter()
    write = _write_table if options.csv else _write_lines
    rows: list[Row] = []
    judging = judged(paths, named=options.student, jobs=options.jobs, progress=progress)
    try:
        for row in write(judging, sys.stdout):
            rows.append(row)  # noqa: PERF402 - those until an interruption are counted
    except KeyboardInterrupt:
        judging.close()
        clear()
        sys.stderr.write(f"interrupted. {_summary(rows, time.perf_counter() - start)}")
        return 130
    clear()
    if options.csv or len(paths) > 1:
        sys.stderr.write(_summary(rows, time.perf_counter() - start))
    if not all(row.judged for row in rows):
        return NOT_ALL
    return int(not options.csv and not all(row.status == "passed" for row in rows))


if __name__ == "__main__":
    run(main, broken=NOT_ALL)
