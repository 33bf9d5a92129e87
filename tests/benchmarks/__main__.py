"""`make bench`: the kit on both dispatchers, a bare C object, and other libraries, in one run.

python -m tests.benchmarks              everything: some minutes
python -m tests.benchmarks --quick      the same rows in a minute, less exact
python -m tests.benchmarks table        the table alone; also: probes, batch, plots
python -m tests.benchmarks --again      the last run's table and page, not measured again
python -m tests.benchmarks --documents  the last run's table into the README and docs/

A run is kept in build/bench/: results.json, and index.html, which shows it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.benchmarks import batch_bench, documents, page, plots_bench, probes_bench, report, run

OTHERS = {"batch": batch_bench.main, "probes": probes_bench.main, "plots": plots_bench.main}
FOLDER = Path("build/bench")


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=["table", *OTHERS], help="only this")
    parser.add_argument("--quick", action="store_true", help="few repeats")
    parser.add_argument("--again", action="store_true", help="show the last run")
    parser.add_argument("--documents", action="store_true", help="put the last run in README, docs")
    options = parser.parse_args(arguments)
    if options.again or options.documents:
        return show_last(documents_too=options.documents)
    failed = 0
    if options.what in (None, "table"):
        results = run.everything(quick=options.quick)
        FOLDER.mkdir(parents=True, exist_ok=True)
        results.save(FOLDER / "results.json")
        show(results)
    for name, other in OTHERS.items():
        if options.what in (None, name):
            print(f"\n== {name}", flush=True)
            quick = options.quick and name != "plots"
            failed |= int(other(["--quick"] if quick else []) or 0)
    return failed


def show(results: report.Results) -> None:
    """Print the table and write the page."""
    print(report.text(results))
    print(f"\nas a page: {page.write(results, FOLDER / 'index.html')}")


def show_last(*, documents_too: bool) -> int:
    """Show the run that was kept; put it in the documents."""
    try:
        results = report.Results.load(FOLDER / "results.json")
    except FileNotFoundError:
        print("there is no run yet: make bench", file=sys.stderr)
        return 1
    show(results)
    if documents_too:
        documents.write(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
