"""The tables in the README and in docs/performance.md, put there by the benchmark."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests import marked
from tests.benchmarks.report import HEADS, SHORT, Results, markdown

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- make bench -->", "<!-- end of make bench -->"
TABLES = {ROOT / "README.md": SHORT, ROOT / "docs/performance.md": HEADS}


between = partial(marked.between, begin=BEGIN, end=END)
replaced = partial(marked.replaced, begin=BEGIN, end=END)


def write(results: Results) -> None:
    """Put a run's table into each document that shows it."""
    for path, heads in TABLES.items():
        path.write_text(replaced(path.read_text(), markdown(results, heads)))
