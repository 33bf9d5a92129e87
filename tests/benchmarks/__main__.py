"""All benchmarks, one after the other: `make bench`."""

import sys

from tests.benchmarks import markers_bench, plots_bench

if __name__ == "__main__":
    markers_bench.main([])
    print()
    sys.exit(plots_bench.main([]))
