"""`make bench`: the kit on both dispatchers, a bare C object, and other libraries, in one run.

python -m tests.benchmarks              everything: some minutes
python -m tests.benchmarks --quick      the same rows in a minute, less exact
python -m tests.benchmarks probes       what the ready-made probes cost; also: batch, plots
"""

from __future__ import annotations

import argparse
import sys

from tests.benchmarks import batch_bench, plots_bench, probes_bench, report, run

OTHERS = {"batch": batch_bench.main, "probes": probes_bench.main, "plots": plots_bench.main}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=["table", *OTHERS], help="only this")
    parser.add_argument("--quick", action="store_true", help="few repeats")
    options = parser.parse_args(arguments)
    failed = 0
    if options.what in (None, "table"):
        results = run.everything(quick=options.quick)
        print(report.text(results))
    for name, other in OTHERS.items():
        if options.what in (None, name):
            print(f"\n== {name}", flush=True)
            quick = options.quick and name != "plots"
            failed |= int(other(["--quick"] if quick else []) or 0)
    return failed


if __name__ == "__main__":
    sys.exit(main())
