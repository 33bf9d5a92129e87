"""The tables in the README and in docs/performance.md, put there by the benchmark."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.report import HEADS, SHORT, Results, markdown

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- make bench -->", "<!-- end of make bench -->"
TABLES = {ROOT / "README.md": SHORT, ROOT / "docs/performance.md": HEADS}


def between(text: str) -> str:
    """Return what a document has between the two comments."""
    return text.partition(BEGIN)[2].partition(END)[0]


def replaced(text: str, table: str) -> str:
    """Return a document with another table between the two comments."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"there is no {BEGIN} followed by {END}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def write(results: Results) -> None:
    """Put a run's table into each document that shows it."""
    for path, heads in TABLES.items():
        path.write_text(replaced(path.read_text(), markdown(results, heads)))
