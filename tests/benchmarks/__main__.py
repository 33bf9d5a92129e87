"""All benchmarks, one after the other: `make bench`."""

import sys

from tests.benchmarks import batch_bench, markers_bench, plots_bench

if __name__ == "__main__":
    markers_bench.main([])
    print()
    slow = batch_bench.main([])
    print()
    sys.exit(plots_bench.main([]) or slow)
